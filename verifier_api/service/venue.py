"""A venue that remembers: its name, its rules, its key and its store, and the one way in which anything is recorded.

Records of the log
------------------
    founded      the rules, the first committee of oracles, the venue's public key; always record 1
    committee    the successor of the committee, with the signatures that appointed it
    enrolled     an account, its commitment and the number of its book's state
    epoch        a snapshot came into force, for all accounts: which of them stand in a box, and whether clocks run
    moved        one transition of one account: `verifier_api.service.margin_calls.Transition`

Signatures
----------
    A receipt or a report is a document signed with the venue's Ed25519 key over its digest, which includes its format:
    {document, signature}.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Mapping, Sequence
from threading import Lock
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from circuits.registration import Account, Registration
from verifier_api.service.margin_calls import Transition
from verifier_api.service.rules import Rules
from verifier_api.service.states import State
from verifier_api.store.chain import Entry
from verifier_api.store.journal import Reading, Store, StoredAccount, StoredNotice, Writing
from zkmargin import documents
from zkmargin.documents import Reader, identifier
from zkmargin.errors import StatementError, VerificationError
from zkmargin.market import oracle
from zkmargin.market.oracle import Committee, SignedSnapshot
from zkmargin.market.snapshot import Snapshot

NOTICE_FORMAT = "zkmargin/notice/1"
REMEMBERED_SNAPSHOTS = 16
REMEMBERED_ACCOUNTS = 65_536


class Venue:
    """An open venue. Several processes may have the same one open on one database.

    Args:
        store: Where it is remembered.
        name: Its identifier.
        rules: Its rulebook.
        key: The key that it signs receipts and reports with.

    Raises:
        StatementError: if the store belongs to another venue, or to the same one under other rules or another key.
    """

    def __init__(self, store: Store, name: str, rules: Rules, key: Ed25519PrivateKey) -> None:
        with store.reading() as unit:
            founded = unit.fact("founded")
        if founded is None:
            raise StatementError("the store has no venue: found one first")
        public = key.public_key().public_bytes_raw().hex()
        given = {"venue": identifier("venue", name), "rules": rules.to_document(), "key": public}
        known = documents.parse(founded.encode())
        for field, value in given.items():
            if known[field] != value:
                raise StatementError(f"{field} must be what the venue was founded with")
        self.store, self.name, self.rules = store, name, rules
        self._key = key
        self._snapshots: OrderedDict[int, Snapshot] = OrderedDict()
        self._accounts: dict[tuple[str, int], Account] = {}
        self._lock = Lock()

    def __repr__(self) -> str:
        return f"Venue({self.name}, key hidden)"

    @property
    def public_key(self) -> bytes:
        """Return the venue's public key, 32 bytes."""
        return self._key.public_key().public_bytes_raw()

    def sign(self, document: dict[str, Any]) -> dict[str, Any]:
        """Return a document with the venue's signature."""
        return {"document": document, "signature": self._key.sign(documents.digest(document)).hex()}

    def snapshot(self, epoch: int) -> Snapshot:
        """Return the snapshot of an epoch; the newest few are remembered.

        Raises:
            StatementError: if there is no such epoch.
        """
        with self._lock:
            if epoch in self._snapshots:
                return self._snapshots[epoch]
        with self.store.reading() as unit:
            stored = unit.epoch(epoch)
        if stored is None:
            raise StatementError(f"epoch {epoch} of {self.name} was never opened")
        snapshot = SignedSnapshot.from_document(documents.parse(stored.signed.encode())).snapshot
        with self._lock:
            self._snapshots[epoch] = snapshot
            if len(self._snapshots) > REMEMBERED_SNAPSHOTS:
                self._snapshots.popitem(last=False)
        return snapshot

    def accounts(self, unit: Reading, rows: Iterable[StoredAccount]) -> dict[str, Account]:
        """Return the public states in rows, by name; what was read before is remembered."""
        wanted = {(row.account, row.sequence) for row in rows}
        with self._lock:
            found = {pair: self._accounts[pair] for pair in wanted if pair in self._accounts}
        for pair, text in unit.registrations(sorted(wanted - found.keys())).items() if wanted - found.keys() else ():
            found[pair] = Registration.from_document(documents.parse(text.encode())).account
        with self._lock:
            self._accounts |= found
            while len(self._accounts) > REMEMBERED_ACCOUNTS:
                self._accounts.pop(next(iter(self._accounts)))
        return {name: account for (name, _), account in found.items()}

    def record(self, unit: Writing, transitions: Sequence[Transition]) -> list[Entry]:
        """Append transitions to the log, and a notice of each change of status to the outbox."""
        entries = unit.append(self.name, [{"kind": "moved", **item.to_document()} for item in transitions])
        unit.add_notices(
            [
                StoredNotice(entry.sequence, entry.account, text_of(_notice(entry)), item.at_ms)
                for entry, item in zip(entries, transitions, strict=True)
                if item.before is not item.after
            ]
        )
        return entries


def found(store: Store, name: str, rules: Rules, committee: Committee, key: Ed25519PrivateKey, now_ms: int) -> Venue:
    """Found a venue in an empty store, and return it; a store that holds this venue already is opened.

    Raises:
        StatementError: if the committee is another venue's or not a first one, or the store holds another venue.
    """
    if committee.venue != name or committee.number != 0:
        raise StatementError(f"the first committee must be number 0 of {name}")
    public = key.public_key().public_bytes_raw().hex()
    with store.writing() as unit:
        unit.lock_membership()
        if unit.fact("founded") is None:
            fact = {"venue": identifier("venue", name), "rules": rules.to_document(), "key": public}
            first = {"kind": "founded", "at_ms": now_ms, "committee": committee.to_document()} | fact
            unit.append(name, [first])
            unit.put_fact("founded", text_of(fact))
            unit.put_fact("committee", text_of(committee.to_document()))
    return Venue(store, name, rules, key)


def stored(state: State) -> StoredAccount:
    """Return a state as the row of the projection."""
    deadline = state.deadline()
    document = text_of(state.to_document())
    due_ms = None if deadline is None else deadline.at_ms
    return StoredAccount(state.account, state.status.value, due_ms, state.sequence, document)


def state_of(account: StoredAccount) -> State:
    """Return the state in a row of the projection."""
    return State.from_document(documents.parse(account.state.encode(), "state"))


def text_of(document: Mapping[str, Any]) -> str:
    """Return the canonical form of a document as text."""
    return documents.canonical(dict(document)).decode("ascii")


def check_signed(key: bytes, signed: Any, expected: str) -> dict[str, Any]:
    """Return the document that a venue signed.

    Args:
        key: The venue's public key.
        signed: A receipt or a report, as a JSON object.
        expected: The format that it must have.

    Raises:
        EncodingError: if it is no signed document of this format.
        VerificationError: if the signature does not hold.
    """
    with Reader(signed, "signed document") as fields:
        document: dict[str, Any] = fields.take("document")
        signature = fields.hexadecimal("signature", length=oracle.SIGNATURE_BYTES)
    Reader(document, "document").format(expected)
    if not oracle.holds(key, documents.digest(document), signature):
        raise VerificationError("the signature of the venue does not hold", failed="signature")
    return document


def _notice(entry: Entry) -> dict[str, Any]:
    names = ("account", "before", "after", "at_ms", "epoch", "guard", "venue")
    return {name: entry.document[name] for name in names} | {
        "format": NOTICE_FORMAT,
        "sequence": entry.sequence,
        "record": entry.hash,
    }
