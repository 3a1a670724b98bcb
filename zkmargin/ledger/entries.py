"""The records of a ledger: what may happen to accounts, and what an entry has to bring along.

    kind          who signs            what it does
    genesis       operator             opens the log: venue, operator's key, rules
    mark          operator             the market of the next epoch
    open          account, operator    an account with an empty book
    deposit       operator             a public amount arrives
    withdrawal    account              a public amount leaves
    trade         all parties          hidden changes that cancel
    settle        account              all lots of an expired instrument become cash at its final price
    rekey         old key, new key     another key, another basis, another blinding factor; the same book
    claim         nobody               a proved claim about a state (the proof speaks for itself)
    status        operator             the margin desk's word: active, or nothing but reductions and deposits
    checkpoint    operator             the digest of the whole state, for whoever replays the log

Every entry has an id that its maker chose. The same id with the same bytes is the same entry, applied once; with other
bytes it is a conflict. An entry that touches an account names the account's present sequence number and makes it one
larger, so that no entry can be replayed, re-ordered, or share a state with another.

Encoding
--------
    One JSON object: ``format``, ``kind``, and the fields of the class in any order; canonical form in the log.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, ClassVar, TypeVar

from circuits.evidence import Evidence
from circuits.registration import MAX_SEQUENCE
from zkmargin import documents
from zkmargin.commitments import Commitment
from zkmargin.documents import Reader
from zkmargin.ledger import records
from zkmargin.ledger.records import KEY_BYTES, Record, hash_for
from zkmargin.margin.claim import Claim
from zkmargin.market.instruments import MAX_TICKS
from zkmargin.market.snapshot import MAX_EPOCH, Snapshot
from zkmargin.proofs.folding import MAX_ROUNDS

FORMAT = "zkmargin/entry/1"
CHANGE_BITS = 63
MAX_AMOUNT = 2**CHANGE_BITS - 1
MAX_PARTIES = 16
MAX_MEMO_BYTES = 2**16
MAX_BAND_PPM = 1_000_000
ACTIVE, REDUCE_ONLY = "active", "reduce-only"
MARGIN, REDUCTION = "margin", "reduction"

AnyEntry = TypeVar("AnyEntry", bound="Entry")


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry(Record):
    """What every record of the log has.

    Args:
        venue: Identifier of the venue.
        id: Chosen by the maker; names the entry for ever.
        signatures: Ed25519 over `digest`, in the order that the table above gives.
    """

    venue: str = records.name()
    id: str = records.name()
    signatures: tuple[bytes, ...] = records.signatures()

    def binding(self) -> bytes:
        """Return the 32 bytes that every proof of the entry is made for: all of it but proofs and signatures."""
        return hash_for("binding", self._written(proofs=False, signatures=False))

    def digest(self) -> bytes:
        """Return the 32 bytes that signatures sign: all of the entry but signatures."""
        return hash_for("digest", self._written(proofs=True, signatures=False))

    def identity(self) -> bytes:
        """Return the 32 bytes that tell this entry from every other, signatures included."""
        return hash_for("identity", self._written(proofs=True, signatures=True))

    def canonical_bytes(self) -> bytes:
        """Return the canonical bytes of the whole entry: its line in the log."""
        return documents.canonical(self._written(proofs=True, signatures=True))

    def _written(self, *, proofs: bool, signatures: bool) -> dict[str, Any]:
        fields = self.to_document(proofs=proofs, signatures=signatures)
        return {"format": FORMAT, "kind": self.kind} | fields


@dataclass(frozen=True, slots=True, kw_only=True)
class Genesis(Entry):
    """The first record of a log.

    Args:
        operator: The operator's Ed25519 public key.
        claim: The initial-margin claim that a state has to satisfy after an entry.
        cash: Id of the cash in which expired instruments settle.
        band_ppm: How far from the marks a reduction may trade to the account's loss, of the notional.
    """

    kind: ClassVar[str] = "genesis"
    operator: bytes = records.octets(KEY_BYTES)
    claim: Claim = records.document(Claim)
    cash: str = records.name()
    band_ppm: int = records.count(0, MAX_BAND_PPM)


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark(Entry):
    """The market of the next epoch, which must follow the present one."""

    kind: ClassVar[str] = "mark"
    snapshot: Snapshot = records.document(Snapshot)


@dataclass(frozen=True, slots=True, kw_only=True)
class Open(Entry):
    """A new account with an empty book, C = gamma H.

    Args:
        account: Name of the account.
        key: Its Ed25519 public key.
        basis: The ids that its commitment may hold.
        commitment: C.
        blinding_proof: Knowledge of gamma: nothing but H is in C.
        memo: Sealed bytes for the account's own eyes.
    """

    kind: ClassVar[str] = "open"
    account: str = records.name()
    key: bytes = records.octets(KEY_BYTES)
    basis: tuple[str, ...] = records.basis()
    commitment: Commitment = records.commitment()
    memo: bytes = records.memo(MAX_MEMO_BYTES)
    blinding_proof: bytes = records.proof()


@dataclass(frozen=True, slots=True, kw_only=True)
class Deposit(Entry):
    """A public amount of cash or collateral arrives: C + amount P.

    Args:
        account: Who receives it.
        sequence: The account's present number.
        asset: Id of cash or collateral.
        amount: 1 to 2^63 - 1 lots.
        reference: The operator's name for the payment.
    """

    kind: ClassVar[str] = "deposit"
    account: str = records.name()
    sequence: int = records.count(0, MAX_SEQUENCE)
    asset: str = records.name()
    amount: int = records.count(1, MAX_AMOUNT)
    reference: str = records.name()


@dataclass(frozen=True, slots=True, kw_only=True)
class Withdrawal(Entry):
    """A public amount of cash or collateral leaves: C - amount P.

    Args:
        account, sequence, asset, amount, reference: As for a deposit.
        snapshot: Digest of the present snapshot.
        rounds: Form of the margin proof.
        margin_proof: The initial claim on the state after.
        held_proof: For collateral, that what is left of it is not negative; empty for cash.
    """

    kind: ClassVar[str] = "withdrawal"
    account: str = records.name()
    sequence: int = records.count(0, MAX_SEQUENCE)
    snapshot: bytes = records.octets(32)
    asset: str = records.name()
    amount: int = records.count(1, MAX_AMOUNT)
    reference: str = records.name()
    rounds: int = records.count(0, MAX_ROUNDS)
    margin_proof: bytes = records.proof()
    held_proof: bytes = records.proof()


@dataclass(frozen=True, slots=True, kw_only=True)
class Change(Record):
    """A hidden change of a book, D = sum_i d_i P_i + rho H over the trade's basis.

    Args:
        commitment: D.
        opening_proof: Nothing but the basis and H is in D.
        bounds_proof: -2^63 <= d_i < 2^63 for every i.
    """

    kind: ClassVar[str] = "change"
    commitment: Commitment = records.commitment()
    opening_proof: bytes = records.proof()
    bounds_proof: bytes = records.proof()


@dataclass(frozen=True, slots=True, kw_only=True)
class Guard(Record):
    """Why a party's state after the trade is acceptable.

    Args:
        form: ``"margin"``: the initial claim holds after; ``"reduction"``: the trade only reduces exposure.
        rounds: Form of a margin proof; 0 for a reduction.
        proof: The proof.
    """

    kind: ClassVar[str] = "guard"
    form: str = records.choice(MARGIN, REDUCTION)
    rounds: int = records.count(0, MAX_ROUNDS)
    proof: bytes = records.proof()


@dataclass(frozen=True, slots=True, kw_only=True)
class Party(Record):
    """One account of a trade.

    Args:
        account: Its name.
        sequence: Its present number.
        guard: Why its state after is acceptable.
        memo: Sealed bytes for this account's eyes: with its seed, enough to open its change.
    """

    kind: ClassVar[str] = "party"
    account: str = records.name()
    sequence: int = records.count(0, MAX_SEQUENCE)
    guard: Guard = records.part(Guard)
    memo: bytes = records.memo(MAX_MEMO_BYTES)


@dataclass(frozen=True, slots=True, kw_only=True)
class Trade(Entry):
    """Hidden changes that cancel in every asset and instrument; a fee is a party that receives cash.

    Args:
        snapshot: Digest of the present snapshot.
        basis: The ids that may change: a few, to be fast; all that the parties have, to hide what is traded.
        changes: One for each party, in their order; or, for two parties, one D: the second party's change is -D.
        parties: 2 to 16 different accounts.
        zero_sum_proof: That the changes cancel; empty when there is one D and its negative.
    """

    kind: ClassVar[str] = "trade"
    snapshot: bytes = records.octets(32)
    basis: tuple[str, ...] = records.basis()
    changes: tuple[Change, ...] = records.parts(Change, 1, MAX_PARTIES)
    parties: tuple[Party, ...] = records.parts(Party, 2, MAX_PARTIES)
    zero_sum_proof: bytes = records.proof()

    @property
    def mirrored(self) -> bool:
        """Return whether the trade has one change D, for its first party, and -D for its second."""
        return len(self.changes) == 1 and len(self.parties) == 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Settle(Entry):
    """All lots of an expired instrument become cash at its final price, and its id leaves the basis.

    Args:
        account, sequence: As for a deposit.
        instrument: Id of an instrument that has a final price.
        price_ticks: That price.
        commitment: D = q (v P_cash - P_instrument) + rho H, with v the value of a lot at the final price.
        leg_proof: That D is this for some q and rho.
        bounds_proof: -2^63 <= d < 2^63 for both coordinates of D.
        opening_proof: The state after is over the basis without the instrument: q was all there was.
        memo: Sealed bytes for the account's own eyes.
    """

    kind: ClassVar[str] = "settle"
    account: str = records.name()
    sequence: int = records.count(0, MAX_SEQUENCE)
    instrument: str = records.name()
    price_ticks: int = records.count(0, MAX_TICKS)
    commitment: Commitment = records.commitment()
    memo: bytes = records.memo(MAX_MEMO_BYTES)
    leg_proof: bytes = records.proof()
    bounds_proof: bytes = records.proof()
    opening_proof: bytes = records.proof()


@dataclass(frozen=True, slots=True, kw_only=True)
class Rekey(Entry):
    """The same book under another key, over another basis, or under another blinding factor.

    Args:
        account, sequence: As for a deposit.
        key: The new public key (or the old one).
        basis: The new basis (or the old one).
        commitment: C' = C + rho H (or C).
        reblinding_proof: Knowledge of rho; empty when C' is C.
        opening_proof: That C' is over the new basis; empty when no id leaves the basis.
        memo: Sealed bytes for the account's own eyes.
    """

    kind: ClassVar[str] = "rekey"
    account: str = records.name()
    sequence: int = records.count(0, MAX_SEQUENCE)
    key: bytes = records.octets(KEY_BYTES)
    basis: tuple[str, ...] = records.basis()
    commitment: Commitment = records.commitment()
    memo: bytes = records.memo(MAX_MEMO_BYTES)
    reblinding_proof: bytes = records.proof()
    opening_proof: bytes = records.proof()


@dataclass(frozen=True, slots=True, kw_only=True)
class Claimed(Entry):
    """A proved claim about an account's present state at the present snapshot."""

    kind: ClassVar[str] = "claim"
    evidence: Evidence = records.document(Evidence)


@dataclass(frozen=True, slots=True, kw_only=True)
class Status(Entry):
    """The margin desk's word about an account: reduce-only while it is called, active otherwise.

    Args:
        account: Its name.
        epoch: The present epoch.
        status: ``"active"`` or ``"reduce-only"``.
        reason: A word for people.
    """

    kind: ClassVar[str] = "status"
    account: str = records.name()
    epoch: int = records.count(0, MAX_EPOCH)
    status: str = records.choice(ACTIVE, REDUCE_ONLY)
    reason: str = records.name()


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkpoint(Entry):
    """What the operator says the state is at this place of the log.

    Args:
        epoch: The present epoch.
        state: Digest of the state.
    """

    kind: ClassVar[str] = "checkpoint"
    epoch: int = records.count(0, MAX_EPOCH)
    state: bytes = records.octets(32)


KINDS: dict[str, type[Entry]] = {
    kind.kind: kind
    for kind in (Genesis, Mark, Open, Deposit, Withdrawal, Trade, Settle, Rekey, Claimed, Status, Checkpoint)
}


def from_document(document: Any) -> Entry:
    """Return the entry in a document of format ``zkmargin/entry/1``; nothing is verified here.

    Raises:
        EncodingError: if a field is missing, unknown or not canonical.
        StatementError: if the fields do not fit together.
    """
    with Reader(document, "entry") as fields:
        fields.format(FORMAT)
        return KINDS[fields.choice("kind", *KINDS)].from_reader(fields)


def from_bytes(data: bytes) -> Entry:
    """Return the entry in the JSON bytes of a file or a message."""
    return from_document(documents.parse(data, "entry"))


def signed(entry: AnyEntry, *signatures: bytes) -> AnyEntry:
    """Return the entry with these signatures, in the order of its signers."""
    return replace(entry, signatures=tuple(signatures))
