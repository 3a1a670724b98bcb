"""What an entry has to prove, as data: statements that are proved, collected and checked all alike.

A `Duty` is one statement, the proof that the entry brought for it, and the place - which part of which entry - that the
proof is made for. Applying an entry yields duties; `faults` checks any number of them at once, in two multi-scalar
multiplications, and names every one that does not hold. Duties can be pickled, so other processes can check them.

Transcript
----------
    arithmetic      tag zkmargin/ledger/1; absorb entry (its binding) / absorb part / then `zkmargin.proofs.arithmetic`
    linear          context  zkmargin/ledger/1 || 0x00 || binding || part,  batchable flavor
    margin          as `circuits.claims`, which absorbs the binding after the account

A proof therefore holds for one part of one entry, and for nothing else.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

from circuits import claims, ledger
from circuits.builder import Circuit
from circuits.registration import Account
from circuits.systems import assign
from zkmargin.algebra.scalars import Randomness, system_randomness
from zkmargin.commitments import Commitment, Opening
from zkmargin.errors import EncodingError, StatementError, VerificationError
from zkmargin.margin.claim import Claim
from zkmargin.market.snapshot import Snapshot
from zkmargin.proofs import arithmetic, batch, linear, relations
from zkmargin.proofs.constraints import System
from zkmargin.proofs.linear_relation import Relation
from zkmargin.transcript import Transcript

TAG = b"zkmargin/ledger/1"


@dataclass(frozen=True, slots=True)
class Place:
    """Where a proof belongs: the binding of its entry, and the name of its part, for example ``"change 0 bounds"``."""

    binding: bytes
    part: str

    def context(self) -> bytes:
        """Return the context of a linear proof."""
        return TAG + b"\x00" + self.binding + self.part.encode()

    def transcript(self) -> Transcript:
        """Return the transcript of an arithmetic proof."""
        transcript = Transcript(TAG)
        transcript.absorb("entry", self.binding)
        transcript.absorb("part", self.part.encode())
        return transcript


@dataclass(slots=True)
class Sheet:
    """Everything of many duties that is left to check in batches, each item with its duty's position."""

    linear: list[tuple[int, linear.BatchItem]] = field(default_factory=list)
    opened: list[tuple[int, arithmetic.Challenged]] = field(default_factory=list)
    folded: list[tuple[int, batch.Equation]] = field(default_factory=list)

    def bad_positions(self) -> set[int]:
        """Return the positions of everything that does not hold."""
        equations = arithmetic.equations([item for _, item in self.opened])
        owners = [position for position, _ in (*self.opened, *self.folded)]
        bad = {owners[place] for place in batch.bad_positions([*equations, *(item for _, item in self.folded)])}
        try:
            linear.verify_batch([item for _, item in self.linear])
        except VerificationError as error:
            bad |= {self.linear[place][0] for place in error.positions}
        return bad


class Statement(Protocol):
    """One thing to prove. Every statement also has a ``prove``, with the secrets that it needs."""

    def collect(self, place: Place, proof: bytes, position: int, sheet: Sheet) -> None:
        """Decode the proof, make every check that is the proof's own, and leave the rest on the sheet.

        Raises:
            EncodingError, StatementError, VerificationError: if the proof fails already.
        """


class _Linear:
    """What the linear statements share."""

    __slots__ = ()

    def relation(self) -> Relation:
        """Return the relation."""
        raise NotImplementedError

    def prove_witness(self, place: Place, witness: Sequence[int], randomness: Randomness) -> bytes:
        """Return a proof from the relation's witness."""
        context, flavor = place.context(), linear.Flavor.BATCHABLE
        return linear.prove(self.relation(), witness, context, flavor, randomness)

    def collect(self, place: Place, proof: bytes, position: int, sheet: Sheet) -> None:
        """Leave the proof on the sheet."""
        relation = self.relation()
        if len(proof) != linear.proof_bytes(relation):
            raise EncodingError(f"the proof must have {linear.proof_bytes(relation)} bytes, got {len(proof)}")
        sheet.linear.append((position, linear.BatchItem(relation, proof, place.context())))


@dataclass(frozen=True, slots=True)
class OpensOver(_Linear):
    """The commitment is over these ids and no others."""

    basis: tuple[str, ...]
    commitment: Commitment

    def relation(self) -> Relation:
        """Return ``C = sum q_i P_i + gamma H``."""
        return relations.opening(self.basis, self.commitment)

    def prove(self, place: Place, opening: Opening, randomness: Randomness = system_randomness) -> bytes:
        """Return the proof; ids that the opening lacks are zero."""
        quantities = [opening.quantities.get(label, 0) for label in self.basis]
        return self.prove_witness(place, [*quantities, opening.blinding], randomness)


@dataclass(frozen=True, slots=True)
class OnlyBlinding(_Linear):
    """The commitments add up to a multiple of H: an empty book, or changes that cancel."""

    commitments: tuple[Commitment, ...]

    def relation(self) -> Relation:
        """Return ``sum D_j = rho H``."""
        return relations.zero_sum(self.commitments)

    def prove(self, place: Place, blinding: int, randomness: Randomness = system_randomness) -> bytes:
        """Return the proof from rho, the sum of the blinding factors."""
        return self.prove_witness(place, [blinding], randomness)


@dataclass(frozen=True, slots=True)
class SameBook(_Linear):
    """Two commitments differ by a multiple of H."""

    old: Commitment
    new: Commitment

    def relation(self) -> Relation:
        """Return ``C' - C = delta H``."""
        return relations.reblinding(self.old, self.new)

    def prove(self, place: Place, difference: int, randomness: Randomness = system_randomness) -> bytes:
        """Return the proof from delta."""
        return self.prove_witness(place, [difference], randomness)


@dataclass(frozen=True, slots=True)
class SettlesAt(_Linear):
    """The change turns lots of an instrument into cash at a value per lot."""

    cash: str
    instrument: str
    value_units: int
    commitment: Commitment

    def relation(self) -> Relation:
        """Return ``D = q (v P_cash - P_i) + rho H``."""
        return ledger.settlement(self.cash, self.instrument, self.value_units, self.commitment)

    def prove(
        self, place: Place, quantity_lots: int, blinding: int, randomness: Randomness = system_randomness
    ) -> bytes:
        """Return the proof from q and rho."""
        return self.prove_witness(place, [quantity_lots, blinding], randomness)


class _Arithmetic:
    """What the arithmetic statements share."""

    __slots__ = ()

    def circuit(self) -> Circuit:
        """Return the circuit."""
        raise NotImplementedError

    def system(self) -> System:
        """Return the constraint system."""
        raise NotImplementedError

    def about(self) -> tuple[Commitment, ...]:
        """Return the commitments."""
        raise NotImplementedError

    def prove(self, place: Place, openings: Sequence[Opening], randomness: Randomness = system_randomness) -> bytes:
        """Return the proof from the openings of the commitments, in their order."""
        statement = arithmetic.Statement(self.system(), self.about())
        witness = assign(self.circuit(), statement.system, openings)
        return arithmetic.prove(place.transcript(), statement, witness, randomness).to_bytes()

    def collect(self, place: Place, proof: bytes, position: int, sheet: Sheet) -> None:
        """Leave the last equation on the sheet."""
        statement = arithmetic.Statement(self.system(), self.about())
        decoded = arithmetic.Proof.from_bytes(statement.system, proof)
        sheet.opened.append((position, arithmetic.challenge(place.transcript(), statement, decoded)))


@dataclass(frozen=True, slots=True)
class BoundedChange(_Arithmetic):
    """Every coordinate of a change is in [-2^63, 2^63)."""

    basis: tuple[str, ...]
    commitment: Commitment

    def circuit(self) -> Circuit:
        """Return the circuit."""
        return ledger.bounds_circuit(self.basis)

    def system(self) -> System:
        """Return the constraint system."""
        return ledger.bounds_system(self.basis)

    def about(self) -> tuple[Commitment, ...]:
        """Return the change."""
        return (self.commitment,)


@dataclass(frozen=True, slots=True)
class Reduces(_Arithmetic):
    """The change only reduces what the account holds or owes, and gives no more away than the band."""

    snapshot: Snapshot
    account_basis: tuple[str, ...]
    before: Commitment
    basis: tuple[str, ...]
    change: Commitment
    band_ppm: int

    def circuit(self) -> Circuit:
        """Return the circuit."""
        return ledger.reduction_circuit(self.snapshot, self.basis, self.band_ppm)

    def system(self) -> System:
        """Return the constraint system."""
        return ledger.reduction_system(self.snapshot, self.account_basis, self.basis, self.band_ppm)

    def about(self) -> tuple[Commitment, ...]:
        """Return the account before, and the change."""
        return self.before, self.change


@dataclass(frozen=True, slots=True)
class Holds(_Arithmetic):
    """An asset is held, not owed."""

    basis: tuple[str, ...]
    asset: str
    commitment: Commitment

    def circuit(self) -> Circuit:
        """Return the circuit."""
        return ledger.holding_circuit(self.asset)

    def system(self) -> System:
        """Return the constraint system."""
        return ledger.holding_system(self.basis, self.asset)

    def about(self) -> tuple[Commitment, ...]:
        """Return the account's commitment."""
        return (self.commitment,)


@dataclass(frozen=True, slots=True)
class Satisfies:
    """An account's state satisfies a claim. Alone in the log (an empty binding) or as a part of an entry."""

    snapshot: Snapshot
    claim: Claim
    account: Account
    rounds: int

    def prove(self, place: Place, opening: Opening, randomness: Randomness = system_randomness) -> bytes:
        """Return the proof from the account's opening."""
        return claims.prove(
            self.snapshot, self.claim, self.account, opening, randomness, self.rounds, binding=place.binding
        )

    def collect(self, place: Place, proof: bytes, position: int, sheet: Sheet) -> None:
        """Leave the last equation on the sheet."""
        item = claims.Item(self.snapshot, self.claim, self.account, proof, self.rounds, place.binding)
        if self.rounds:
            sheet.folded.append((position, claims.folded(item)))
        else:
            sheet.opened.append((position, claims.challenged(item)))


@dataclass(frozen=True, slots=True)
class Duty:
    """One statement, the proof that was brought for it, and its place."""

    place: Place
    statement: Statement
    proof: bytes


@dataclass(frozen=True, slots=True)
class Fault:
    """A duty that is not done.

    Args:
        position: Of the duty.
        part: Of the entry.
        message: Why.
        malformed: The proof is not the encoding of one, or the statement is none; otherwise it does not hold.
    """

    position: int
    part: str
    message: str
    malformed: bool

    def error(self, prefix: str = "") -> EncodingError | VerificationError:
        """Return the fault as an exception."""
        message = f"{prefix}{self.part}: {self.message}"
        return EncodingError(message) if self.malformed else VerificationError(message, failed=self.part)


def faults(duties: Sequence[Duty]) -> list[Fault]:
    """Return every duty that is not done, by position; none is named because of its neighbours."""
    sheet, found = Sheet(), {}
    for position, duty in enumerate(duties):
        try:
            duty.statement.collect(duty.place, duty.proof, position, sheet)
        except (EncodingError, StatementError, VerificationError) as error:
            malformed = not isinstance(error, VerificationError)
            found[position] = Fault(position, duty.place.part, str(error), malformed)
    for position in sheet.bad_positions():
        found[position] = Fault(position, duties[position].place.part, "the proof does not hold", malformed=False)
    return [found[position] for position in sorted(found)]
