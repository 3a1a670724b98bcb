"""The store: one journal, written in transactions that take their locks in one order, so that none waits in a circle.

Order of locks, on PostgreSQL
-----------------------------
    membership, rows of accounts by name, then the log. The clock takes rows that nobody holds and skips the others;
    everybody else waits for the rows it needs. Whoever appends to the log holds it until its commit, so records are
    numbered in the order in which they became durable. On SQLite one writer holds everything.

What is stored as a document is text that the caller made canonical; the store reads no document.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import Any

from sqlalchemy import Connection, Row, bindparam, func, insert, select, text, tuple_, update
from sqlalchemy.dialects.postgresql import insert as insert_postgresql
from sqlalchemy.dialects.sqlite import insert as insert_sqlite
from sqlalchemy.exc import InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as SqlTimeoutError

from verifier_api.store import chain, database
from verifier_api.store.chain import Entry, Head
from verifier_api.store.tables import (
    AccountRow,
    EpochRow,
    EventRow,
    FactRow,
    NoticeRow,
    ProofRow,
    ReceiptRow,
    RegistrationRow,
)
from zkmargin.errors import ZkMarginError

# Any numbers, the same in every process: the locks of PostgreSQL on the log, and on who is a member.
_LOG_LOCK = 0x7A6B_6C67
_MEMBERSHIP_LOCK = 0x7A6B_6D62
PAGE = 1_000


@dataclass(frozen=True, slots=True)
class StoredAccount:
    """One row of the projection; `sequence` is the number of its book's state."""

    account: str
    status: str
    due_ms: int | None
    sequence: int
    state: str


@dataclass(frozen=True, slots=True)
class StoredEpoch:
    """One epoch; `signed` is the signed snapshot, `standing` names the accounts whose boxes held."""

    epoch: int
    digest: str
    opened_ms: int
    due_ms: int
    signed: str
    standing: str


@dataclass(frozen=True, slots=True)
class StoredProof:
    """One proof that counted; `header` is its document without the proof's bytes."""

    digest: str
    account: str
    epoch: int
    received_ms: int
    in_time: bool
    header: str
    proof: bytes


@dataclass(frozen=True, slots=True)
class StoredReceipt:
    """One answer; `request` is the digest of what was submitted under the key."""

    account: str
    key: str
    request: str
    receipt: str


@dataclass(frozen=True, slots=True)
class StoredNotice:
    """One notice of the outbox: from when it is to be tried, or None once it was delivered."""

    sequence: int
    account: str
    document: str
    next_ms: int | None
    attempts: int = 0


class UnavailableError(ZkMarginError):
    """The database does not answer, or not in time; nothing of the transaction was kept."""


class Reading:
    """What can be read, all of it from one moment."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def head(self) -> Head:
        """Return the place and hash of the newest record."""
        found = self._connection.execute(
            select(EventRow.sequence, EventRow.hash).order_by(EventRow.sequence.desc()).limit(1)
        ).first()
        return Head() if found is None else Head(found.sequence, found.hash)

    def log(self, after: int = 0, limit: int | None = None) -> Iterator[str]:
        """Yield the records behind a place, oldest first, as canonical JSON."""
        left = limit
        while left is None or left > 0:
            size = PAGE if left is None else min(PAGE, left)
            page = self._connection.execute(
                select(EventRow.sequence, EventRow.document)
                .where(EventRow.sequence > after)
                .order_by(EventRow.sequence)
                .limit(size)
            ).all()
            yield from (row.document for row in page)
            if len(page) < size:
                return
            after, left = page[-1].sequence, None if left is None else left - size

    def account(self, name: str) -> StoredAccount | None:
        """Return one account."""
        return next(iter(self.accounts([name])), None)

    def accounts(self, names: Sequence[str] | None = None) -> list[StoredAccount]:
        """Return the named accounts that exist, or all of them, in the order of their names."""
        return [_account(row) for row in self._connection.execute(_accounts(names)).all()]

    def registrations(self, states: Iterable[tuple[str, int]]) -> dict[tuple[str, int], str]:
        """Return the registrations of pairs of account and sequence, as they were verified."""
        query = select(*RegistrationRow.__table__.columns)
        query = query.where(tuple_(RegistrationRow.account, RegistrationRow.sequence).in_(list(states)))
        return {(row.account, row.sequence): row.document for row in self._connection.execute(query).all()}

    def counts(self) -> dict[str, int]:
        """Return how many accounts are in each status."""
        rows = self._connection.execute(select(AccountRow.status, func.count()).group_by(AccountRow.status)).all()
        return {row[0]: row[1] for row in sorted((str(row[0]), int(row[1])) for row in rows)}

    def epoch(self, number: int | None = None) -> StoredEpoch | None:
        """Return an epoch, by default the newest."""
        query = select(*EpochRow.__table__.columns)
        query = query.order_by(EpochRow.epoch.desc()) if number is None else query.where(EpochRow.epoch == number)
        row = self._connection.execute(query.limit(1)).first()
        return None if row is None else StoredEpoch(**row._mapping)

    def epochs_due_after(self, now_ms: int) -> list[int]:
        """Return the numbers of the epochs whose proofs are not yet due, ascending."""
        query = select(EpochRow.epoch).where(EpochRow.due_ms > now_ms).order_by(EpochRow.epoch)
        return list(self._connection.execute(query).scalars())

    def proofs(self, epoch: int) -> list[StoredProof]:
        """Return the proofs of an epoch that counted, in the order of their receipt."""
        query = select(*ProofRow.__table__.columns).where(ProofRow.epoch == epoch)
        rows = self._connection.execute(query.order_by(ProofRow.received_ms, ProofRow.digest)).all()
        return [StoredProof(**{**row._mapping, "in_time": bool(row.in_time)}) for row in rows]

    def proved_in_time(self, epoch: int) -> dict[str, bool]:
        """Return which accounts proved an epoch, and whether they did so in time."""
        query = select(ProofRow.account, func.max(ProofRow.in_time)).where(ProofRow.epoch == epoch)
        rows = self._connection.execute(query.group_by(ProofRow.account)).all()
        return {str(row[0]): bool(row[1]) for row in rows}

    def receipts(self, keys: Iterable[tuple[str, str]]) -> dict[tuple[str, str], StoredReceipt]:
        """Return the receipts that exist for pairs of account and key."""
        query = select(ReceiptRow.account, ReceiptRow.key, ReceiptRow.request, ReceiptRow.receipt)
        query = query.where(tuple_(ReceiptRow.account, ReceiptRow.key).in_(list(keys)))
        found = [StoredReceipt(**row._mapping) for row in self._connection.execute(query).all()]
        return {(item.account, item.key): item for item in found}

    def fact(self, name: str) -> str | None:
        """Return one thing that is so until it is replaced, such as the committee in force."""
        return self._connection.execute(select(FactRow.document).where(FactRow.name == name)).scalar_one_or_none()

    def notices(self, now_ms: int, limit: int = PAGE) -> list[StoredNotice]:
        """Return the undelivered notices that are to be tried now, oldest first."""
        query = select(*NoticeRow.__table__.columns).where(NoticeRow.next_ms <= now_ms)
        rows = self._connection.execute(query.order_by(NoticeRow.sequence).limit(limit)).all()
        return [StoredNotice(**row._mapping) for row in rows]


class Writing(Reading):
    """What can be done in one transaction."""

    def lock(self, names: Sequence[str] | None = None) -> dict[str, StoredAccount]:
        """Return the named accounts that exist, or all of them, and keep them from changing until the commit."""
        rows = self._connection.execute(_accounts(names).with_for_update()).all()
        return {row.account: _account(row) for row in rows}

    def lock_due(self, now_ms: int, limit: int) -> list[StoredAccount]:
        """Return accounts whose deadline has come and that nobody else is working on, earliest deadline first."""
        query = (
            select(*AccountRow.__table__.columns)
            .where(AccountRow.due_ms <= now_ms)
            .order_by(AccountRow.due_ms, AccountRow.account)
            .limit(limit)
            .with_for_update(skip_locked=True)
        )
        return [_account(row) for row in self._connection.execute(query).all()]

    def lock_membership(self) -> None:
        """Keep accounts from being added and epochs from being opened by anybody else until the commit.

        It is the first lock of whoever takes it.
        """
        self._lock(_MEMBERSHIP_LOCK)

    def append(self, venue: str, records: Sequence[dict[str, Any]]) -> list[Entry]:
        """Append records to the log, and hold it until the commit."""
        if not records:
            return []
        self._lock(_LOG_LOCK)
        entries = list(chain.extend(venue, self.head(), records))
        rows = [
            {"sequence": item.sequence, "account": item.account, "hash": item.hash, "document": item.text}
            for item in entries
        ]
        self._connection.execute(insert(EventRow), rows)
        return entries

    def add_account(self, account: StoredAccount) -> None:
        """Add an account that does not exist."""
        self._connection.execute(insert(AccountRow), [asdict(account)])

    def add_registration(self, account: str, sequence: int, document: str) -> None:
        """Add the registration of a state of an account's book."""
        row = {"account": account, "sequence": sequence, "document": document}
        self._connection.execute(insert(RegistrationRow), [row])

    def save(self, accounts: Sequence[StoredAccount]) -> None:
        """Write the new states of accounts that are locked."""
        if accounts:
            statement = update(AccountRow.__table__).where(AccountRow.account == bindparam("key"))  # type: ignore[arg-type]  # a table, whatever the declared base says
            values: dict[str, Any] = {name: bindparam(name) for name in ("status", "due_ms", "sequence", "state")}
            rows = [asdict(item) | {"key": item.account} for item in accounts]
            self._connection.execute(statement.values(values), rows)

    def add_epoch(self, epoch: StoredEpoch) -> None:
        """Add an epoch."""
        self._connection.execute(insert(EpochRow), [asdict(epoch)])

    def postpone(self, since_ms: int, by_ms: int) -> None:
        """Make every epoch that was not due at `since_ms` due later."""
        self._connection.execute(
            update(EpochRow).where(EpochRow.due_ms > since_ms).values(due_ms=EpochRow.due_ms + by_ms)
        )

    def put_fact(self, name: str, document: str) -> None:
        """Replace a fact, or state it for the first time; the caller holds a lock that keeps others from doing so."""
        changed = self._connection.execute(update(FactRow).where(FactRow.name == name).values(document=document))
        if changed.rowcount == 0:
            self._connection.execute(insert(FactRow), [{"name": name, "document": document}])

    def add_proofs(self, proofs: Sequence[StoredProof]) -> None:
        """Add proofs; one that is there already stays as it is."""
        if proofs:
            rows = [asdict(item) | {"in_time": int(item.in_time)} for item in proofs]
            if self._connection.dialect.name == "sqlite":
                self._connection.execute(insert_sqlite(ProofRow).on_conflict_do_nothing(), rows)
            else:
                self._connection.execute(insert_postgresql(ProofRow).on_conflict_do_nothing(), rows)

    def add_receipts(self, receipts: Sequence[StoredReceipt]) -> None:
        """Add receipts under keys that have none."""
        if receipts:
            self._connection.execute(insert(ReceiptRow), [asdict(item) for item in receipts])

    def add_notices(self, notices: Sequence[StoredNotice]) -> None:
        """Put notices into the outbox."""
        if notices:
            self._connection.execute(insert(NoticeRow), [asdict(item) for item in notices])

    def reschedule(self, sequence: int, next_ms: int | None) -> None:
        """Count one attempt to deliver a notice: the next is at `next_ms`, or never, for it was delivered."""
        self._connection.execute(
            update(NoticeRow)
            .where(NoticeRow.sequence == sequence)
            .values(next_ms=next_ms, attempts=NoticeRow.attempts + 1)
        )

    def _lock(self, number: int) -> None:
        if self._connection.dialect.name == "postgresql":
            self._connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": number})


class Store:
    """A database with the newest schema.

    Args:
        url: A file's path, ``sqlite:///FILE``, or ``postgresql://...``.
        migrate: Bring an older or empty database to the newest schema; otherwise refuse it.

    Raises:
        StatementError: if the URL names no database that is supported, or its schema is another one.
    """

    def __init__(self, url: str, *, migrate: bool = True) -> None:
        self.engine = database.open_engine(url)
        with _answering():
            if migrate:
                database.migrate(self.engine)
            else:
                database.check_newest(self.engine)

    @contextmanager
    def reading(self) -> Iterator[Reading]:
        """Yield what can be read."""
        with _answering(), database.reading(self.engine) as connection:
            yield Reading(connection)

    @contextmanager
    def writing(self) -> Iterator[Writing]:
        """Yield a transaction: it is durable when the block is left, and never was if the block raises."""
        with _answering(), database.writing(self.engine) as connection:
            yield Writing(connection)

    def is_there(self) -> bool:
        """Return whether the database answers."""
        return database.is_there(self.engine)

    def close(self) -> None:
        """Give back every connection."""
        self.engine.dispose()


@contextmanager
def _answering() -> Iterator[None]:
    try:
        yield
    except (InterfaceError, OperationalError, SqlTimeoutError) as error:
        raise UnavailableError(f"the database does not answer: {type(error).__name__}") from None


def _accounts(names: Sequence[str] | None) -> Any:
    query = select(*AccountRow.__table__.columns).order_by(AccountRow.account)
    return query if names is None else query.where(AccountRow.account.in_(names))


def _account(row: Row[Any]) -> StoredAccount:
    return StoredAccount(**row._mapping)
