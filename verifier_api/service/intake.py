"""Intake: proofs in, signed receipts out, many at the cost of few.

Submitting puts a proof into a bounded queue and returns a future. Workers take what is there, verify it in one batch,
record it in one transaction, and answer. So an idle service verifies at once; while a batch is being worked on the next
one gathers, and after a batch of several a worker waits a few milliseconds more for company. The busier the service,
the larger its batches.

Fairness: the queue has a lane for each account. A batch takes one proof from every lane in turn, so an account that
sends many waits for itself. A full queue or a full lane refuses, and says when to come back.

What a receipt says
-------------------
    proved     the proof holds and counts for its epoch
    late       it holds, and its epoch can no longer be proved
    refuted    it does not hold

    and when it was received, with the newest place and hash of the log. It is signed, and handed out only after it is
    durable. The same key and request get the same receipt again; the same key with another request is a conflict. What
    is malformed, or speaks of another account, book or snapshot than the venue has, gets an error and no receipt.
"""

from __future__ import annotations

import hashlib
import time
from collections import OrderedDict, deque
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field, replace
from threading import Condition, Thread
from typing import Any

from circuits import claims
from circuits.evidence import Evidence
from circuits.registration import Account
from verifier_api.service import margin_calls
from verifier_api.service.events import Proved
from verifier_api.service.faults import ConflictError, FullError, StaleStateError, UnknownAccountError
from verifier_api.service.margin_calls import Transition
from verifier_api.service.states import State
from verifier_api.service.venue import Venue, state_of, stored, text_of
from verifier_api.store.journal import StoredProof, StoredReceipt, Writing
from zkmargin import documents
from zkmargin.amounts import bounded
from zkmargin.documents import identifier
from zkmargin.errors import StatementError, VerificationError, ZkMarginError

RECEIPT_FORMAT = "zkmargin/receipt/1"
PROOF_TAG = b"zkmargin/submission/1\x00"

Clock = Callable[[], int]
Receipt = dict[str, Any]


def wall_ms() -> int:
    """Return the time of the machine's clock in milliseconds."""
    return time.time_ns() // 1_000_000


@dataclass(frozen=True, slots=True)
class Limits:
    """How much the intake takes on.

    Args:
        capacity: Proofs in the queue.
        lane: Proofs of one account in the queue.
        batch: Proofs verified together.
        workers: Batches at the same time.
        linger_ms: How long a busy worker waits for company.
    """

    capacity: int = 4_096
    lane: int = 16
    batch: int = 256
    workers: int = 2
    linger_ms: int = 4

    def __post_init__(self) -> None:
        bounded("capacity", self.capacity, 1, 2**20)
        bounded("lane", self.lane, 1, self.capacity)
        bounded("batch", self.batch, 1, claims.MAX_BATCH)
        bounded("workers", self.workers, 1, 64)
        bounded("linger_ms", self.linger_ms, 0, 1_000)


@dataclass(slots=True, eq=False)
class _Waiting:
    """A submission on its way to an answer."""

    key: str
    request: str
    evidence: Evidence
    digest: str
    received_ms: int
    answer: Future[Receipt] = field(default_factory=Future)
    outcome: str = ""

    def __post_init__(self) -> None:
        # What is accepted is worked on: nobody can call it back, and so no neighbour is hurt by it.
        self.answer.set_running_or_notify_cancel()

    @property
    def account(self) -> str:
        return self.evidence.account

    @property
    def name(self) -> tuple[str, str]:
        return self.account, self.key


@dataclass(slots=True)
class Spent:
    """Processor seconds that the intake's threads spent, and what on; a database server's own are not in it."""

    parsing: float = 0.0
    cryptography: float = 0.0
    database: float = 0.0
    batches: int = 0
    proofs: int = 0


class Intake:
    """The queue and its workers; use it as a context manager, which answers what it has accepted before it ends.

    Args:
        venue: Where the proofs go.
        limits: How much is taken on.
        clock: The time in milliseconds.
    """

    def __init__(self, venue: Venue, limits: Limits | None = None, clock: Clock = wall_ms) -> None:
        self.venue = venue
        self.limits = limits or Limits()
        self.spent = Spent()
        self._clock = clock
        self._lanes: OrderedDict[str, deque[_Waiting]] = OrderedDict()
        self._queued = 0
        self._busy = False
        self._closing = False
        self._per_second = 100.0
        self._changed = Condition()
        self._workers = [Thread(target=self._work, name=f"intake-{n}") for n in range(self.limits.workers)]
        for worker in self._workers:
            worker.start()

    def __enter__(self) -> Intake:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Take nothing more, answer everything that was accepted, and stop."""
        with self._changed:
            self._closing = True
            self._changed.notify_all()
        for worker in self._workers:
            worker.join()

    @property
    def queued(self) -> int:
        """Return how many proofs wait."""
        return self._queued

    def submit(self, key: str, body: bytes) -> Future[Receipt]:
        """Return the receipt to come for a proof document.

        Args:
            key: Chosen by the sender, once for each request; an identifier.
            body: A document of format ``zkmargin/proof/1``.

        Raises:
            EncodingError, StatementError: if it is malformed, or reaches no level that the venue asks for.
            FullError: if the queue or the account's lane is full.
        """
        received_ms = self._clock()
        start = time.thread_time()
        waiting = _read(identifier("key", key), body, received_ms)
        self.venue.rules.level(waiting.evidence.claim)
        if waiting.evidence.venue != self.venue.name:
            raise StatementError(f"proof.venue must be {self.venue.name}, got {waiting.evidence.venue}")
        spent = time.thread_time() - start
        with self._changed:
            self.spent.parsing += spent
            self._admit(waiting)
            self._changed.notify()
        return waiting.answer

    def _admit(self, waiting: _Waiting) -> None:
        lane = self._lanes.get(waiting.account, deque())
        if self._closing:
            raise FullError("the service is stopping", 1)
        if self._queued >= self.limits.capacity or len(lane) >= self.limits.lane:
            seconds = max(1, round(self._queued / self._per_second))
            what = "queue" if self._queued >= self.limits.capacity else f"lane of account {waiting.account}"
            raise FullError(f"the {what} is full", seconds)
        lane.append(waiting)
        self._lanes[waiting.account] = lane
        self._queued += 1

    def _work(self) -> None:
        while batch := self._take():
            start = time.perf_counter()
            try:
                _Batch(self, batch).answer()
            except Exception as error:  # noqa: BLE001 - it belongs to those who wait, and the worker goes on
                for waiting in batch:
                    if not waiting.answer.done():
                        waiting.answer.set_exception(error)
            with self._changed:
                self._busy = len(batch) > 1
                rate = len(batch) / max(1e-6, time.perf_counter() - start)
                self._per_second += (rate - self._per_second) / 8

    def _take(self) -> list[_Waiting]:
        """Return the next batch, at least one proof; empty when there is nothing left and nothing to come."""
        with self._changed:
            while not self._queued:
                if self._closing:
                    return []
                self._changed.wait()
            if self._busy and self._queued < self.limits.batch and not self._closing:
                self._changed.wait_for(
                    lambda: self._queued >= self.limits.batch or self._closing, self.limits.linger_ms / 1_000
                )
            batch: list[_Waiting] = []
            while self._queued and len(batch) < self.limits.batch:
                account, lane = self._lanes.popitem(last=False)
                batch.append(lane.popleft())
                self._queued -= 1
                if lane:
                    self._lanes[account] = lane  # behind everybody else
            return batch or self._take()

    def now_ms(self) -> int:
        """Return the time."""
        return self._clock()


class _Batch:
    """One batch on its way from the queue to its receipts."""

    def __init__(self, intake: Intake, waiting: Sequence[_Waiting]) -> None:
        self._intake = intake
        self._venue = intake.venue
        self._all = waiting

    def answer(self) -> None:
        """Verify, record, and answer every submission of the batch."""
        marks = [time.thread_time()]
        open_ones = self._lookup()
        marks.append(time.thread_time())
        self._verify(open_ones)
        marks.append(time.thread_time())
        answers = self._record([item for item, _ in open_ones])
        marks.append(time.thread_time())
        spent = self._intake.spent
        with self._intake._changed:
            spent.database += marks[1] - marks[0] + marks[3] - marks[2]
            spent.cryptography += marks[2] - marks[1]
            spent.batches += 1
            spent.proofs += len(open_ones)
        for item, receipt in answers:
            item.answer.set_result(receipt)

    def _lookup(self) -> list[tuple[_Waiting, claims.Item]]:
        """Return what is to be verified; whoever cannot be is answered with an error, or with an earlier receipt."""
        names = sorted({item.account for item in self._all})
        with self._venue.store.reading() as unit:
            accounts = self._venue.accounts(unit, unit.accounts(names))
            known = unit.receipts([item.name for item in self._all])
        found = []
        for item in self._all:
            try:
                if item.name in known:
                    item.answer.set_result(_again(item, known[item.name]))
                else:
                    found.append((item, self._held_against(item, accounts)))
            except ZkMarginError as error:
                item.answer.set_exception(error)
        return found

    def _held_against(self, item: _Waiting, accounts: Mapping[str, Account]) -> claims.Item:
        """Return the proof with the account and snapshot that the venue has, once it speaks of no others."""
        given = item.evidence
        if given.account not in accounts:
            raise UnknownAccountError(f"account {given.account} is not enrolled")
        account = accounts[given.account]
        if (given.sequence, given.commitment) != (account.sequence, account.commitment.to_bytes()):
            raise StaleStateError(f"proof.sequence must be {account.sequence}, and proof.commitment that state's")
        snapshot = self._venue.snapshot(given.epoch)
        if given.snapshot_digest != snapshot.digest():
            raise StatementError(f"proof.snapshot must be {snapshot.digest().hex()}, got {given.snapshot_digest.hex()}")
        claims.system(snapshot, given.claim, account.basis, account.quantity_bits)
        return claims.Item(snapshot, given.claim, account, given.proof, given.rounds)

    def _verify(self, items: Sequence[tuple[_Waiting, claims.Item]]) -> None:
        bad: frozenset[int] = frozenset()
        try:
            claims.verify_batch([item for _, item in items])
        except VerificationError as error:
            bad = frozenset(error.positions)
        for position, (waiting, _) in enumerate(items):
            waiting.outcome = "refuted" if position in bad else "holds"

    def _record(self, items: Sequence[_Waiting]) -> list[tuple[_Waiting, Receipt]]:
        if not items:
            return []
        now_ms = self._intake.now_ms()
        with self._venue.store.writing() as unit:
            rows = unit.lock(sorted({item.account for item in items}))
            known = unit.receipts([item.name for item in items])
            taken = _Taken({name: state_of(row) for name, row in rows.items()})
            answers = []
            for item in items:
                if item.name in known:
                    # Another process, or an earlier place of this batch, was faster.
                    answers.append((item, known[item.name]))
                    continue
                taken.take(item, now_ms, self._venue)
                known[item.name] = StoredReceipt(item.account, item.key, item.request, "")
                answers.append((item, known[item.name]))
            self._venue.record(unit, taken.transitions)
            unit.save([stored(taken.states[name]) for name in sorted(taken.changed)])
            unit.add_proofs(taken.proofs)
            return self._receipts(unit, answers, taken, now_ms)

    def _receipts(
        self, unit: Writing, answers: list[tuple[_Waiting, StoredReceipt]], taken: _Taken, now_ms: int
    ) -> list[tuple[_Waiting, Receipt]]:
        head = unit.head()
        log = {"sequence": head.sequence, "hash": head.hash}
        made: dict[tuple[str, str], StoredReceipt] = {}
        given = []
        for item, earlier in answers:
            receipt = earlier if earlier.receipt else made.get(item.name)
            if receipt is None:
                document = _receipt(item, self._venue.name, taken.states[item.account], now_ms) | {"log": log}
                text = text_of(self._venue.sign(document))
                receipt = made[item.name] = StoredReceipt(item.account, item.key, item.request, text)
            try:
                given.append((item, _again(item, receipt)))
            except ConflictError as error:
                item.answer.set_exception(error)
        unit.add_receipts(list(made.values()))
        return given


class _Taken:
    """What the proofs of a batch changed."""

    def __init__(self, states: dict[str, State]) -> None:
        self.states = states
        self.transitions: list[Transition] = []
        self.proofs: list[StoredProof] = []
        self.changed: set[str] = set()

    def take(self, item: _Waiting, now_ms: int, venue: Venue) -> None:
        """Let one verified proof act on its account."""
        if item.outcome == "refuted":
            return
        before = self.states[item.account]
        event = _event(item, venue)
        counts = margin_calls.counts(before, event)
        item.outcome = "proved" if counts else "late"
        if not counts:
            return
        state, transitions = margin_calls.step(before, event, now_ms, venue.rules)
        self.states[item.account] = state
        self.transitions += transitions
        if transitions:
            self.changed.add(item.account)
        self.proofs.append(_stored_proof(item, before))


def _read(key: str, body: bytes, received_ms: int) -> _Waiting:
    evidence = Evidence.from_bytes(body)
    header = _header(evidence)
    digest = hashlib.sha256(PROOF_TAG + header.encode() + b"\x00" + evidence.proof).hexdigest()
    return _Waiting(key, hashlib.sha256(body).hexdigest(), evidence, digest, received_ms)


def _header(evidence: Evidence) -> str:
    document = replace(evidence, proof=b"").to_document()
    del document["proof"]
    return text_of(document)


def _event(item: _Waiting, venue: Venue) -> Proved:
    given = item.evidence
    return Proved(
        epoch=given.epoch,
        sequence=given.sequence,
        level=int(venue.rules.level(given.claim)),
        received_ms=item.received_ms,
        width_ppm=given.claim.width_ppm,
        proof=item.digest,
    )


def _stored_proof(item: _Waiting, state: State) -> StoredProof:
    given = item.evidence
    late = any(owed.epoch == given.epoch and owed.due_ms <= state.clock(item.received_ms) for owed in state.owed)
    return StoredProof(item.digest, given.account, given.epoch, item.received_ms, not late, _header(given), given.proof)


def _receipt(item: _Waiting, venue: str, state: State, now_ms: int) -> Receipt:
    given = item.evidence
    return {
        "format": RECEIPT_FORMAT,
        "venue": venue,
        "account": given.account,
        "key": item.key,
        "request": item.request,
        "sequence": given.sequence,
        "epoch": given.epoch,
        "snapshot": given.snapshot_digest.hex(),
        "claim": given.claim.to_document(),
        "proof": item.digest,
        "received_ms": item.received_ms,
        "recorded_ms": now_ms,
        "outcome": item.outcome,
        "status": state.status.value,
    }


def _again(item: _Waiting, receipt: StoredReceipt) -> Receipt:
    """Return the receipt that the key has.

    Raises:
        ConflictError: if it was given for another request.
    """
    if receipt.request != item.request:
        raise ConflictError(f"key {item.key} of account {item.account} was used for another request")
    return documents.parse(receipt.receipt.encode())
