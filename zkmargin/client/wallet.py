"""The wallet of one account: its book, its openings and its key, in a file that is worthless without the passphrase.

Rule
----
    prepare   a change of the book gets its blinding factor and its memo, and is noted as pending before anybody sees it
    sign      only what was prepared for the present state, and only with the memo from which it can be restored
    follow    the ledger's entries, and nothing else, change the book; the result must open the ledger's commitment

So the ledger's log and the seed are enough to have everything again: `Wallet.restore` is `follow` from an empty wallet.
A copy of the file from last week is as good as the file: it follows the log, and what it prepares meanwhile can neither
reuse a blinding factor for another book nor be accepted for an old state.

Crash safety: `zkmargin.client.files`. Secrets: `zkmargin.client.seed`, `zkmargin.client.sealing`. A wallet is in use by
one process at a time, and by one thread.

Example:
    >>> import tempfile
    >>> folder = tempfile.TemporaryDirectory()
    >>> path = Path(folder.name) / "alice.wallet"
    >>> wallet = Wallet.create(path, "demo", "alice", "correct horse battery", log2_n=14)
    >>> opened = wallet.prepare("open-1", {})
    >>> opened, len(opened.memo), wallet
    (Prepared(open-1, secrets hidden), 48, Wallet(alice of demo, not open yet))
    >>> wallet.close()
    >>> with Wallet.open(path, "correct horse battery") as again:
    ...     again.pending() == ("open-1",)
    True
    >>> folder.cleanup()
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from operator import index
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from zkmargin import documents
from zkmargin.algebra.scalars import Randomness, system_randomness
from zkmargin.client import memo, sealing
from zkmargin.client.contents import Contents
from zkmargin.client.files import LockedFile
from zkmargin.client.sealing import DEFAULT_LOG2_N, Lock
from zkmargin.client.seed import Seed
from zkmargin.commitments import Commitment, Opening, commit
from zkmargin.documents import identifier
from zkmargin.errors import EncodingError, StatementError
from zkmargin.ledger import keys
from zkmargin.ledger.entries import Entry, Rekey
from zkmargin.ledger.state import State
from zkmargin.margin.portfolio import Book


@dataclass(frozen=True, slots=True, repr=False)
class Prepared:
    """A change of the book, ready to go into an entry.

    Args:
        entry: Id of the entry that it is for.
        sequence: Number of the state that it follows.
        opening: The secret change and its blinding factor.
        memo: The account's sealed memo, public.
    """

    entry: str
    sequence: int
    opening: Opening
    memo: bytes

    def __repr__(self) -> str:
        return f"Prepared({self.entry}, secrets hidden)"

    @property
    def commitment(self) -> Commitment:
        """Return the public commitment to the change."""
        return commit(self.opening)


class Wallet:
    """An open wallet; close it, or use it in a ``with`` block. Made by `create`, `open` or `restore`."""

    def __init__(self, file: LockedFile, lock: Lock, contents: Contents) -> None:
        self._file, self._lock, self._contents = file, lock, contents

    def __repr__(self) -> str:
        known = self._contents
        where = "not open yet" if known.opening is None else f"state {known.sequence}"
        return f"Wallet({known.account} of {known.venue}, {where})"

    def __enter__(self) -> Wallet:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Give the file free for other processes."""
        self._file.close()

    # ---- Making and opening ------------------------------------------------------------------------------------------

    @staticmethod
    def create(
        path: Path,
        venue: str,
        account: str,
        passphrase: str,
        *,
        seed: Seed | None = None,
        log2_n: int = DEFAULT_LOG2_N,
        randomness: Randomness = system_randomness,
    ) -> Wallet:
        """Create the wallet of an account that is to be opened.

        Args:
            path: The file; it must not exist, its folder must.
            venue: Identifier of the venue.
            account: Identifier of the account.
            passphrase: At least 8 characters; without it the file is lost, but not the seed.
            seed: By default a new one. Write its `backup` down.
            log2_n: Cost of guessing the passphrase, 14 to 20: each step doubles time and memory (17: 128 MiB).
            randomness: Source of seed, salt and nonces.

        Raises:
            StatementError: if the file is in use or exists, or the passphrase is too short.
            EncodingError: if a name is not an identifier, or the file cannot be written.
        """
        names = identifier("venue", venue), identifier("account", account)
        contents = Contents(*names, Seed.fresh(randomness) if seed is None else seed)
        return _created(path, passphrase, contents, log2_n, randomness)

    @staticmethod
    def open(path: Path, passphrase: str) -> Wallet:
        """Open the wallet in a file.

        Raises:
            StatementError: if it is in use.
            EncodingError: if it is missing or not a wallet, or the passphrase is wrong or the file was changed.
        """
        if not path.exists():
            raise EncodingError(f"{path} cannot be read: no such file")
        file = LockedFile(path)
        try:
            lock, document = sealing.unseal(documents.read_bytes(path), passphrase)
            return Wallet(file, lock, Contents.from_document(document))
        except BaseException:
            file.close()
            raise

    @staticmethod
    def restore(
        path: Path,
        venue: str,
        account: str,
        passphrase: str,
        seed: Seed,
        entries: Iterable[Entry],
        state: State,
        *,
        log2_n: int = DEFAULT_LOG2_N,
    ) -> Wallet:
        """Create the wallet again from the seed and the ledger; nothing is written unless everything fits.

        Args:
            path: The file; it must not exist, its folder must.
            venue: Identifier of the venue.
            account: Identifier of the account.
            passphrase: For the new file.
            seed: The seed of the lost wallet.
            entries: The ledger's entries, from the first; those of others are passed over.
            state: The ledger's state after them, verified by whoever read the log.
            log2_n: As in `create`.

        Raises:
            StatementError, EncodingError: as `create`; or if the log is not of this account, or not complete.
        """
        names = identifier("venue", venue), identifier("account", account)
        contents = _followed(Contents(*names, seed), entries, state)
        return _created(path, passphrase, contents, log2_n, system_randomness)

    # ---- What is known -----------------------------------------------------------------------------------------------

    @property
    def venue(self) -> str:
        """Return the identifier of the venue."""
        return self._contents.venue

    @property
    def account(self) -> str:
        """Return the identifier of the account."""
        return self._contents.account

    @property
    def is_open(self) -> bool:
        """Return whether the account has been seen open in the ledger, so that it has a book."""
        return self._contents.opening is not None

    @property
    def sequence(self) -> int:
        """Return the number of the account's present state."""
        return self._contents.sequence

    @property
    def public_key(self) -> bytes:
        """Return the account's present Ed25519 public key."""
        return self._contents.public_key(self._contents.key_number)

    @property
    def next_public_key(self) -> bytes:
        """Return the public key that the account will have after its key was changed."""
        return self._contents.public_key(self._contents.key_number + 1)

    def opening(self) -> Opening:
        """Return the opening of the account's present commitment: a secret, for provers on this machine.

        Raises:
            StatementError: if the account is not open yet.
        """
        if self._contents.opening is None:
            raise StatementError(f"account {self.account} is not open yet")
        return self._contents.opening

    def book(self) -> Book:
        """Return the book; a secret. Raises as `opening`."""
        return Book(self.opening().quantities)

    def pending(self) -> tuple[str, ...]:
        """Return the ids of the entries that were prepared and not yet seen in the ledger."""
        return tuple(item.entry for item in self._contents.pending)

    def backup(self) -> str:
        """Return the seed as a text to write down: whoever has it and the log has the account."""
        return self._contents.seed.backup()

    # ---- Changing ----------------------------------------------------------------------------------------------------

    def prepare(self, entry: str, quantities: Mapping[str, int]) -> Prepared:
        """Return a change of the book under a blinding factor of its own; it is on the disk before it is returned.

        The same entry, state and quantities give the same blinding factor; anything else gives another one.

        Args:
            entry: Id of the entry. A new attempt with another counterparty takes a new id.
            quantities: Change by id, integers, zeros included, over the basis of the entry; empty to open an account or
                to change nothing but the blinding factor.
        """
        slot = self._contents.slot(identifier("entry", entry))
        ordered = {name: index(quantities[name]) for name in sorted(quantities)}
        return self._prepared(entry, Opening(ordered, self._contents.seed.blinding(slot, ordered)))

    def accept(self, entry: str, opening: Opening) -> Prepared:
        """Return a change whose blinding factor somebody else chose: the other side of a trade.

        Args:
            entry: Id of the entry.
            opening: This account's change. In a mirrored trade it is the negative of the proposer's.
        """
        ordered = Opening(dict(sorted(opening.quantities.items())), opening.blinding)
        return self._prepared(identifier("entry", entry), ordered)

    def sign(self, entry: Entry) -> bytes:
        """Return the account's signature of an entry that this wallet prepared for the present state.

        Raises:
            StatementError: if it is not such an entry, or does not carry the memo that would restore it.
        """
        self._contents.check_signable(entry)
        return keys.sign(entry, self._key(self._contents.key_number))

    def sign_with_next_key(self, entry: Rekey) -> bytes:
        """Return the signature of the new key for an entry that makes it the account's. Raises as `sign`."""
        self._contents.check_signable(entry)
        if entry.key != self.next_public_key:
            raise StatementError(f"entry {entry.id} does not make the next key of {self.account} its key")
        return keys.sign(entry, self._key(self._contents.key_number + 1))

    def follow(self, entries: Iterable[Entry], state: State) -> None:
        """Take over what the ledger has applied; known entries and those of others are passed over.

        Args:
            entries: In the order of the log, at least all since the present state that change the account.
            state: The ledger's state after them.

        Raises:
            StatementError: if entries are missing.
            EncodingError: if an entry cannot be opened, or the book does not open the account's commitment in the end;
                then the wallet stays as it was.
        """
        self._write(_followed(self._contents, entries, state))

    def change_passphrase(self, passphrase: str, log2_n: int = DEFAULT_LOG2_N) -> None:
        """Write the wallet under another passphrase. Copies of the old file still open with the old one."""
        lock = Lock.fresh(passphrase, log2_n)
        self._file.write(lock.seal(self._contents.to_document()))
        self._lock = lock

    def _prepared(self, entry: str, opening: Opening) -> Prepared:
        sealed = memo.seal(self._contents.seed, self._contents.slot(entry), opening)
        self._write(self._contents.preparing(entry, opening))
        return Prepared(entry, self.sequence, opening, sealed)

    def _write(self, contents: Contents) -> None:
        """Write first, believe afterwards."""
        if contents != self._contents:
            self._file.write(self._lock.seal(contents.to_document()))
            self._contents = contents

    def _key(self, number: int) -> Ed25519PrivateKey:
        return self._contents.seed.account_key(self.venue, self.account, number)


def _followed(contents: Contents, entries: Iterable[Entry], state: State) -> Contents:
    """Return the contents after the entries, if they open what the ledger's state has for the account."""
    rules, public = state.rules, state.account(contents.account).public
    for entry in entries:
        contents = contents.following(entry, rules.cash)
    if contents.opening is None or (public.venue, public.sequence) != (contents.venue, contents.sequence):
        where = "no state" if contents.opening is None else f"state {contents.sequence}"
        raise StatementError(
            f"the entries lead to {where} of {contents.account}, the ledger is at state {public.sequence}"
        )
    if public.basis != tuple(contents.opening.quantities) or commit(contents.opening) != public.commitment:
        raise EncodingError(f"the wallet does not open the commitment of {contents.account} at state {public.sequence}")
    if state.account(contents.account).key != contents.public_key(contents.key_number):
        raise EncodingError(f"the key of {contents.account} is not of this seed")
    return contents


def _created(path: Path, passphrase: str, contents: Contents, log2_n: int, randomness: Randomness) -> Wallet:
    file = LockedFile(path)
    try:
        if file.exists():
            raise StatementError(f"{path} exists: a wallet is never overwritten")
        lock = Lock.fresh(passphrase, log2_n, randomness)
        file.write(lock.seal(contents.to_document(), randomness))
        return Wallet(file, lock, contents)
    except BaseException:
        file.close()
        raise
