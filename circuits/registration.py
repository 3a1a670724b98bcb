"""Registering a commitment: what every later proof about it takes for granted, proved once.

Statement
---------
    PK{ (q, gamma) : C = sum_i q_i P_i + gamma H over the account's basis, and -2^64 <= q_i < B - 2^64 for every i }

    with B >= 2^65 the reach of the digits. The first part is a linear proof (nothing but these bases is in C), the
    second an arithmetic one (the residues are small integers: without it a fractional book with A q = 1 - b modulo the
    order would pass every margin claim).

Constraints
-----------
    (1) q_i + 2^64 >= 0, for every coordinate     `gadgets.ranges.bounded`

A margin claim about an account is accepted only together with its registration: `circuits.claims` checks both.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, ClassVar, Protocol

from circuits.builder import Builder, Circuit, V
from circuits.gadgets.ranges import bounded
from circuits.systems import Shape, assign, compile_circuit
from zkmargin import documents
from zkmargin.algebra.scalars import Randomness, system_randomness
from zkmargin.amounts import MAX_COORDINATES, QUANTITY_BITS
from zkmargin.amounts import bounded as bounded_integer
from zkmargin.commitments import Commitment, Opening, check_opens, commit
from zkmargin.documents import Reader, identifier
from zkmargin.encoding import encode_string
from zkmargin.errors import EncodingError, StatementError, VerificationError
from zkmargin.proofs import arithmetic, linear, relations
from zkmargin.proofs.constraints import System
from zkmargin.transcript import Transcript

FORMAT = "zkmargin/account/1"
TAG = b"zkmargin/registration/1"
MAX_SEQUENCE = 2**48 - 1

# What is proved about a registered quantity: digits of any base up to 4,096 reach below 2^(65 + 12).
REGISTERED_BITS = QUANTITY_BITS + 13


class Committed(Protocol):
    """A commitment and the ids that it is over."""

    @property
    def basis(self) -> tuple[str, ...]:
        """Return the ids, in code-point order."""

    @property
    def commitment(self) -> Commitment:
        """Return the commitment."""


@dataclass(frozen=True, slots=True)
class Account:
    """The public side of an account's state: everything a verifier knows about a book.

    Args:
        venue: Identifier of the venue.
        account: Identifier of the account at the venue.
        sequence: Number of the account's state, 0 to 2^48 - 1; a new commitment has a new number.
        basis: Ids in code-point order, 1 to 4,096; the commitment is over these and no others.
        commitment: C.
        quantity_bits: Every committed quantity is known to be less than 2^quantity_bits in size, 64 to 112: what a
            registration proves by default, more for the sums that a ledger keeps. A verifier knows it from where it
            has the commitment; it is never read from what the holder sends.
    """

    context_label: ClassVar[str] = "account"
    venue: str
    account: str
    sequence: int
    basis: tuple[str, ...]
    commitment: Commitment
    quantity_bits: int = REGISTERED_BITS

    def __post_init__(self) -> None:
        identifier("venue", self.venue)
        identifier("account", self.account)
        if not 0 <= self.sequence <= MAX_SEQUENCE:
            raise StatementError(f"sequence must be between 0 and {MAX_SEQUENCE}, got {self.sequence}")
        if not 1 <= len(self.basis) <= MAX_COORDINATES:
            raise StatementError(f"basis must have 1 to {MAX_COORDINATES} ids, got {len(self.basis)}")
        for label in self.basis:
            identifier("basis", label)
        if any(left >= right for left, right in zip(self.basis, self.basis[1:], strict=False)):
            raise StatementError("basis must be in code-point order, each id once")
        bounded_integer("quantity_bits", self.quantity_bits, QUANTITY_BITS, QUANTITY_BITS + 48)

    def context(self) -> bytes:
        """Return the canonical bytes that bind a proof to this account and state."""
        names = (self.venue.encode(), self.account.encode())
        return b"".join(map(encode_string, names)) + self.sequence.to_bytes(8, "big")


@dataclass(frozen=True, slots=True)
class Registration:
    """An account's public state together with the proof that its commitment is well formed."""

    account: Account
    opening_proof: bytes
    bounds_proof: bytes

    def to_document(self) -> dict[str, Any]:
        """Return the registration as a JSON object."""
        return {
            "format": FORMAT,
            "venue": self.account.venue,
            "account": self.account.account,
            "sequence": self.account.sequence,
            "basis": list(self.account.basis),
            "commitment": self.account.commitment.to_bytes().hex(),
            "opening_proof": self.opening_proof.hex(),
            "bounds_proof": self.bounds_proof.hex(),
        }

    @staticmethod
    def from_document(document: Any) -> Registration:
        """Return the registration in a document of format ``zkmargin/account/1``; proofs are not verified here.

        Raises:
            EncodingError: if a field is missing, unknown or not canonical.
            StatementError: if the basis is not in order.
        """
        with Reader(document, "account") as fields:
            fields.format(FORMAT)
            labels = fields.items("basis", MAX_COORDINATES)
            account = Account(
                venue=fields.identifier("venue"),
                account=fields.identifier("account"),
                sequence=fields.integer("sequence", 0, MAX_SEQUENCE),
                basis=tuple(identifier("account.basis", label) for label in labels),
                commitment=Commitment.from_bytes(fields.hexadecimal("commitment", length=48)),
            )
            return Registration(account, fields.hexadecimal("opening_proof"), fields.hexadecimal("bounds_proof"))

    @staticmethod
    def from_bytes(data: bytes) -> Registration:
        """Return the registration in the JSON bytes of a file or a message."""
        return Registration.from_document(documents.parse(data, "account"))


def register(
    venue: str,
    account: str,
    opening: Opening,
    sequence: int = 0,
    randomness: Randomness = system_randomness,
) -> Registration:
    """Return the registration of a commitment to `opening`, over exactly the ids that the opening names.

    Raises:
        StatementError: if a name, the sequence or a quantity is out of its bound.

    Example:
        >>> secret = Opening.fresh({"USD": 5_000_000, "BTC-PERPETUAL": -3})
        >>> verify(register("demo", "alice", secret))
    """
    basis = tuple(sorted(opening.quantities))
    ordered = Opening({label: opening.quantities[label] for label in basis}, opening.blinding)
    if any(abs(quantity) >= 2**QUANTITY_BITS for quantity in ordered.quantities.values()):
        raise StatementError(f"a quantity must be less than 2^{QUANTITY_BITS} in size")
    state = Account(venue, account, sequence, basis, commit(ordered))
    relation = relations.opening(basis, state.commitment)
    witness = [*ordered.quantities.values(), ordered.blinding]
    opening_proof = linear.prove(relation, witness, _context(state), linear.Flavor.COMPACT, randomness)
    system = bounds_system(basis)
    values = assign(_circuit(basis), system, [ordered])
    bounds_proof = arithmetic.prove(_transcript(state), _statement(state), values, randomness)
    return Registration(state, opening_proof, bounds_proof.to_bytes())


def verify(registration: Registration) -> None:
    """Return if both proofs of the registration hold.

    Raises:
        StatementError: if the account's bound is smaller than what a registration proves.
        EncodingError: if a proof is not canonical.
        VerificationError: naming the part that failed.
    """
    state = registration.account
    bounded_integer("quantity_bits of a registered account", state.quantity_bits, REGISTERED_BITS, QUANTITY_BITS + 48)
    relation = relations.opening(state.basis, state.commitment)
    try:
        linear.verify(relation, registration.opening_proof, _context(state), linear.Flavor.COMPACT)
    except VerificationError as error:
        raise VerificationError(f"registration: opening: {error}", failed=f"opening {error.failed}") from None
    proof = arithmetic.Proof.from_bytes(bounds_system(state.basis), registration.bounds_proof)
    try:
        arithmetic.verify(_transcript(state), _statement(state), proof)
    except VerificationError as error:
        raise VerificationError(f"registration: bounds: {error}", failed=f"bounds {error.failed}") from None


def check_belongs(account: Committed, opening: Opening) -> None:
    """Return if `opening` opens the account's, or the group's, commitment over its basis.

    Raises:
        EncodingError: if it does not: the two files do not belong together.
    """
    if tuple(sorted(opening.quantities)) != account.basis:
        raise EncodingError("the opening does not name the same ids as the account's basis")
    check_opens(account.commitment, opening)


def constrain(builder: Builder[V], basis: Sequence[str]) -> None:
    """State the bound of every coordinate."""
    for label in basis:
        bounded(builder, builder.quantity(label), QUANTITY_BITS)  # (1)


@lru_cache(maxsize=64)
def bounds_system(basis: tuple[str, ...]) -> System:
    """Return the constraint system of the bounds part."""
    return compile_circuit(_circuit(basis), Shape((basis,), quantity_bits=None))


def _circuit(basis: tuple[str, ...]) -> Circuit:
    def circuit(builder: Builder[V]) -> None:
        constrain(builder, basis)

    return circuit


def _statement(account: Account) -> arithmetic.Statement:
    return arithmetic.Statement(bounds_system(account.basis), (account.commitment,))


def _context(account: Account) -> bytes:
    return TAG + b"/opening" + account.context()


def _transcript(account: Account) -> Transcript:
    transcript = Transcript(TAG + b"/bounds")
    transcript.absorb("account", account.context())
    return transcript
