"""What a wallet knows, as a value: the seed, the account's book and its openings, and the changes that are under way.

Rule
----
    The book is the sum of the openings of the entries that the ledger has applied:

        open        nothing, under a blinding factor           rekey      nothing, under a blinding factor
        deposit     + amount, blinding 0                       trade      the change of this account's party
        withdrawal  - amount, blinding 0                       settle     all lots become cash

    What is not public in an entry is opened by its memo. A change that was prepared and not yet seen in the ledger is
    *pending*. The ledger decides what becomes of it: it is there, or another entry has taken its place.

Bounds
------
    at most 4,096 ids, |quantity| < 2^112, at most 256 pending changes
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from circuits.registration import MAX_SEQUENCE
from zkmargin.algebra.group import group, is_identity
from zkmargin.algebra.scalars import SCALAR_BYTES
from zkmargin.amounts import MAX_COORDINATES, QUANTITY_BITS
from zkmargin.client import memo
from zkmargin.client.seed import SEED_BYTES, Seed, Slot
from zkmargin.commitments import Commitment, Opening, commit
from zkmargin.documents import Reader
from zkmargin.encoding import decode_scalars, encode_scalars
from zkmargin.errors import EncodingError, StatementError
from zkmargin.ledger import keys
from zkmargin.ledger.entries import Deposit, Entry, Open, Rekey, Settle, Trade, Withdrawal

FORMAT = "zkmargin/wallet-contents/1"
MAX_PENDING = 256
MAX_KEY_NUMBER = 2**32 - 1
LARGEST = 2 ** (QUANTITY_BITS + 48) - 1


@dataclass(frozen=True, slots=True, repr=False)
class Pending:
    """A change that was prepared, and that the ledger has not been seen to apply."""

    entry: str
    sequence: int
    opening: Opening

    def __repr__(self) -> str:
        return f"Pending({self.entry}, amounts hidden)"


@dataclass(frozen=True, slots=True, repr=False)
class Contents:
    """Everything that a wallet knows.

    Args:
        venue: Identifier of the venue.
        account: Identifier of the account.
        seed: From which keys, blinding factors and memos come.
        key_number: How often the account's key was changed.
        sequence: Number of the account's present state.
        opening: The book and the blinding factor of that state; None until the account is open.
        pending: Changes that are under way, by entry.
    """

    venue: str
    account: str
    seed: Seed
    key_number: int = 0
    sequence: int = 0
    opening: Opening | None = None
    pending: tuple[Pending, ...] = ()

    def __repr__(self) -> str:
        return f"Contents({self.account} of {self.venue}, state {self.sequence}, secrets hidden)"

    def slot(self, entry: str) -> Slot:
        """Return the place of an entry that follows the present state."""
        return Slot(self.venue, self.account, entry, self.sequence)

    def public_key(self, number: int) -> bytes:
        """Return the account's public key of a number."""
        return keys.public_key(self.seed.account_key(self.venue, self.account, number))

    def found(self, entry: str) -> Pending | None:
        """Return the pending change of an entry for the present state."""
        return next((item for item in self.pending if item.entry == entry and item.sequence == self.sequence), None)

    def preparing(self, entry: str, opening: Opening) -> Contents:
        """Return the contents with a pending change for the present state, in place of an older one of that entry.

        Raises:
            StatementError: if 256 changes are pending.
        """
        others = tuple(item for item in self.pending if item.entry != entry)
        if len(others) >= MAX_PENDING:
            raise StatementError(f"a wallet must have at most {MAX_PENDING} pending changes")
        return replace(self, pending=(*others, Pending(entry, self.sequence, opening)))

    # ---- Following the ledger ----------------------------------------------------------------------------------------

    def following(self, entry: Entry, cash: str) -> Contents:
        """Return the contents after an entry that the ledger has applied; the same if it is known or not ours.

        Args:
            entry: The entry; that the ledger accepts it is not checked here.
            cash: Id of the cash in which the venue settles.

        Raises:
            StatementError: if entries between the present state and this one are missing.
            EncodingError: if the entry cannot be opened with this seed.
        """
        number = named_sequence(entry, self.account)
        if number is None or entry.venue != self.venue:
            return self
        known = self.sequence if self.opening is not None else -1
        if isinstance(entry, Open):
            return self if known >= 0 else self._opened(entry)
        if number < known:
            return self
        if number > known or self.opening is None:
            raise StatementError(f"entry {entry.id} follows state {number} of {self.account}, the wallet is at {known}")
        after = self._after(entry, self.opening, cash)
        left = tuple(item for item in self.pending if item.sequence > number)
        key_number = self._key_number(entry) if isinstance(entry, Rekey) else self.key_number
        return replace(self, sequence=number + 1, opening=after, pending=left, key_number=key_number)

    def _opened(self, entry: Open) -> Contents:
        if entry.key != self.public_key(0):
            raise EncodingError(f"account {self.account} was opened with a key that is not of this seed")
        hidden = self._unsealed(entry.id, entry.commitment, entry.memo, ())
        return replace(self, sequence=0, opening=_over(entry.basis, hidden), pending=())

    def _after(self, entry: Entry, before: Opening, cash: str) -> Opening:
        match entry:
            case Deposit():
                return _sum(before, Opening({entry.asset: entry.amount}, 0))
            case Withdrawal():
                return _sum(before, Opening({entry.asset: -entry.amount}, 0))
            case Trade():
                commitment, sealed = own_change(entry, self.account)
                return _sum(before, self._unsealed(entry.id, commitment, sealed, entry.basis))
            case Settle():
                ids = tuple(sorted((cash, entry.instrument)))
                change = self._unsealed(entry.id, entry.commitment, entry.memo, ids)
                after = _sum(before, change)
                return _over(tuple(name for name in before.quantities if name != entry.instrument), after)
            case Rekey():
                step = _step(before, entry.commitment)
                hidden = Opening({}, 0) if step is None else self._unsealed(entry.id, step, entry.memo, ())
                return _over(entry.basis, before + hidden)
        raise StatementError(f"an entry of kind {entry.kind} changes no book")

    def _unsealed(self, entry: str, commitment: Commitment, sealed: bytes, basis: tuple[str, ...]) -> Opening:
        prepared = self.found(entry)
        if prepared is not None and _opens(prepared.opening, commitment):
            return prepared.opening
        return memo.unseal(self.seed, self.slot(entry), basis, commitment, sealed)

    def _key_number(self, entry: Rekey) -> int:
        for number in (self.key_number, self.key_number + 1):
            if entry.key == self.public_key(number):
                return number
        raise EncodingError(f"entry {entry.id} gives {self.account} a key that is not of this seed")

    # ---- Signing -----------------------------------------------------------------------------------------------------

    def check_signable(self, entry: Entry) -> None:
        """Refuse an entry unless this wallet prepared it for the present state and can restore it from its memo.

        Raises:
            StatementError: naming what is wrong with it.
        """
        if entry.venue != self.venue or named_sequence(entry, self.account) is None:
            raise StatementError(f"entry {entry.id} does not concern {self.account} of {self.venue}")
        opening = isinstance(entry, Open)
        if opening != (self.opening is None) or named_sequence(entry, self.account) != self.sequence:
            raise StatementError(f"entry {entry.id} was not made for state {self.sequence} of {self.account}")
        found = self._hidden(entry)
        if found is None:
            return
        commitment, sealed = found
        prepared = self.found(entry.id)
        if prepared is None or not _opens(prepared.opening, commitment):
            raise StatementError(
                f"entry {entry.id} changes {self.account} by something that this wallet did not prepare"
            )
        if sealed != memo.seal(self.seed, self.slot(entry.id), prepared.opening):
            raise StatementError(f"entry {entry.id} does not carry this wallet's memo: it could not be restored")

    def _hidden(self, entry: Entry) -> tuple[Commitment, bytes] | None:
        match entry:
            case Open() | Settle():
                return entry.commitment, entry.memo
            case Trade():
                return own_change(entry, self.account)
            case Rekey() if self.opening is not None:
                step = _step(self.opening, entry.commitment)
                return None if step is None else (step, entry.memo)
        return None

    # ---- Encoding ----------------------------------------------------------------------------------------------------

    def to_document(self) -> dict[str, Any]:
        """Return the contents as a JSON object: a secret, written under a passphrase only."""
        document: dict[str, Any] = {
            "format": FORMAT,
            "venue": self.venue,
            "account": self.account,
            "seed": self.seed.secret.hex(),
            "key_number": self.key_number,
            "sequence": self.sequence,
            "pending": [
                {"entry": item.entry, "sequence": item.sequence, "opening": _opening_document(item.opening)}
                for item in self.pending
            ],
        }
        return document if self.opening is None else document | {"opening": _opening_document(self.opening)}

    @staticmethod
    def from_document(document: Any) -> Contents:
        """Return the contents in a document of format ``zkmargin/wallet-contents/1``.

        Raises:
            EncodingError: if a field is missing, unknown or out of its bound; the message holds no secret.
        """
        with Reader(document, "wallet contents", secret=True) as fields:
            fields.format(FORMAT)
            return Contents(
                venue=fields.identifier("venue"),
                account=fields.identifier("account"),
                seed=Seed(fields.hexadecimal("seed", length=SEED_BYTES)),
                key_number=fields.integer("key_number", 0, MAX_KEY_NUMBER),
                sequence=fields.integer("sequence", 0, MAX_SEQUENCE),
                opening=_read_opening(fields.object("opening")) if fields.has("opening") else None,
                pending=tuple(
                    Pending(
                        item.identifier("entry"),
                        item.integer("sequence", 0, MAX_SEQUENCE),
                        _read_opening(item.object("opening")),
                    )
                    for item in fields.objects("pending", MAX_PENDING)
                ),
            )


def named_sequence(entry: Entry, account: str) -> int | None:
    """Return the number of the account's state that an entry names: None if it does not change the account."""
    match entry:
        case Open():
            return 0 if entry.account == account else None
        case Deposit() | Withdrawal() | Settle() | Rekey():
            return entry.sequence if entry.account == account else None
        case Trade():
            return next((party.sequence for party in entry.parties if party.account == account), None)
    return None


def own_change(entry: Trade, account: str) -> tuple[Commitment, bytes]:
    """Return the commitment to an account's change in a trade, and the account's memo."""
    place = next(index for index, party in enumerate(entry.parties) if party.account == account)
    sealed = entry.parties[place].memo
    if entry.mirrored and place == 1:
        return -entry.changes[0].commitment, sealed
    return entry.changes[place].commitment, sealed


def _step(before: Opening, after: Commitment) -> Commitment | None:
    """Return ``C' - C``; None if both are the same."""
    point = group.add(after.point, group.negate(commit(before).point))
    return None if is_identity(point) else Commitment(point)


def _opens(opening: Opening, commitment: Commitment) -> bool:
    return commit(opening) == commitment


def _sum(before: Opening, change: Opening) -> Opening:
    if change.quantities.keys() - before.quantities.keys():
        raise EncodingError("an entry changes ids that the account's basis does not have")
    return before + change


def _over(basis: tuple[str, ...], opening: Opening) -> Opening:
    """Return the same opening over another basis; what leaves the basis must be zero."""
    if any(quantity and name not in basis for name, quantity in opening.quantities.items()):
        raise EncodingError("an entry takes ids out of the account's basis of which something is held")
    return Opening({name: opening.quantities.get(name, 0) for name in basis}, opening.blinding)


def _opening_document(opening: Opening) -> dict[str, Any]:
    return {"quantities_lots": dict(opening.quantities), "blinding": encode_scalars([opening.blinding]).hex()}


def _read_opening(fields: Reader) -> Opening:
    with fields:
        quantities = fields.quantities("quantities_lots", MAX_COORDINATES, -LARGEST, LARGEST)
        (blinding,) = decode_scalars(fields.hexadecimal("blinding", length=SCALAR_BYTES), 1)
    return Opening(quantities, blinding)
