"""Replaying a log from its first byte, without any secret: is every record one that the ledger had to accept?

What is checked
---------------
    (1) the file: every record whole, undamaged, in canonical form, and none twice
    (2) every entry fits the state before it, and everybody who had to has signed: `zkmargin.ledger.steps`
    (3) every proof holds: in batches, here or in other processes
    (4) conservation: what an entry does to the sum of all books is what it says in public, and otherwise nothing but a
        multiple of H; at every mark and checkpoint the sum is taken anew over all accounts
    (5) completeness: when an epoch ends, every account was proved, standing in a box, or called
    (6) every checkpoint states the state that the entries lead to

The first record that fails is named, with its offset. Records are read one by one, and proofs wait in chunks of bounded
size, so memory is for the state and a few chunks, however long the log is.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

from zkmargin.algebra import generators
from zkmargin.algebra.group import Point, group
from zkmargin.amounts import bounded
from zkmargin.errors import DivergenceError, LedgerError, LogError, StatementError, ZkMarginError
from zkmargin.ledger import coverage, duties, entries, log
from zkmargin.ledger.apply import Walk
from zkmargin.ledger.duties import Duty, Fault
from zkmargin.ledger.entries import Checkpoint, Entry, Mark, Trade
from zkmargin.ledger.log import Line
from zkmargin.ledger.state import State

BACKENDS = ("loky", "dask", "ray")
CHUNK_DUTIES = 1_024
MAX_JOBS = 256


@dataclass(frozen=True, slots=True)
class Epoch:
    """How an epoch ended, or stands now.

    Args:
        number: Of its snapshot.
        accounts: How many were open.
        uncovered: Those of which nothing is known and whom nobody has called.
    """

    number: int
    accounts: int
    uncovered: tuple[str, ...]


@dataclass(slots=True)
class Report:
    """What an audit found.

    Attributes:
        records: How many.
        kinds: How many of each kind.
        proofs: How many proofs were verified.
        epochs: In their order; the last one is still open.
        state: The state at the end of the log, every proof of which has been verified.
        chain: Hash of the whole log. An audit shows that a log is possible; that it is the one, whoever has a receipt
            of this hash, or of an earlier one, can tell.
    """

    records: int = 0
    kinds: Counter[str] = field(default_factory=Counter)
    proofs: int = 0
    epochs: list[Epoch] = field(default_factory=list)
    state: State = field(default_factory=State)
    chain: bytes = log.FIRST_CHAIN


@dataclass(slots=True)
class _Chunk:
    """Some duties, with the record that each belongs to."""

    duties: list[Duty] = field(default_factory=list)
    owners: list[Line] = field(default_factory=list)
    end: int = 0


def audit(
    path: Path,
    *,
    jobs: int = 1,
    backend: str = "loky",
    complete: bool = True,
    progress: Callable[[int], None] = lambda _: None,
) -> Report:
    """Replay a log and return what was found; every proof in it holds.

    Args:
        path: The log.
        jobs: Processes that verify proofs, 1 to 256; 1 is this one.
        backend: Of joblib, for several jobs: ``"loky"``, ``"dask"`` or ``"ray"``.
        complete: Whether an epoch that ends with an uncovered account is a divergence, or only reported.
        progress: Called with the number of bytes that are verified.

    Raises:
        DivergenceError: naming the first record that is wrong.
        StatementError: if a backend is not known or not installed.
    """
    bounded("jobs", jobs, 1, MAX_JOBS)
    replay = _Replay(path, complete)
    waiting: deque[_Chunk] = deque()

    def work() -> Iterator[list[Duty]]:
        for chunk in replay.chunks():
            waiting.append(chunk)
            yield chunk.duties

    with _checker(backend, jobs) as check:
        for found in check(work()):
            chunk = waiting.popleft()
            if found:
                line, fault = chunk.owners[found[0].position], found[0]
                raise _diverges(line.number, line.offset, f"{fault.part}: {fault.message}")
            replay.report.proofs += len(chunk.duties)
            progress(chunk.end)
    if replay.failure is not None:
        raise replay.failure
    replay.report.state = replay.walk.unproved  # every duty is done by now
    return replay.report


class _Replay:
    """The walk over a log; what it finds wrong itself is kept until the proofs before it are verified."""

    def __init__(self, path: Path, complete: bool) -> None:
        self.path = path
        self.complete = complete
        self.walk = Walk(State())
        self.report = Report()
        self.failure: DivergenceError | None = None

    def chunks(self) -> Iterator[_Chunk]:
        """Yield the duties of the log in chunks, up to the first failure."""
        chunk, number, offset = _Chunk(), 0, len(log.MAGIC)
        try:
            for line in log.lines(self.path):
                number, offset = line.number, line.offset
                added = self._record(line)
                chunk.duties += added
                chunk.owners += [line] * len(added)
                number, offset, self.report.chain = line.number + 1, line.end, line.chain
                chunk.end = offset
                if len(chunk.duties) >= CHUNK_DUTIES:
                    yield chunk
                    chunk = _Chunk(end=offset)
            if self.report.records == 0:
                raise LedgerError("the log is empty: its first record must be a genesis")
            self._end_epoch()
        except LogError as error:
            self.failure = DivergenceError(str(error), number, offset)
        except ZkMarginError as error:
            self.failure = _diverges(number, offset, str(error))
        yield chunk

    def _record(self, line: Line) -> tuple[Duty, ...]:
        entry = entries.from_bytes(line.payload)
        if entry.canonical_bytes() != line.payload:  # (1)
            raise LedgerError("the entry is not in canonical form")
        before = self.walk.unproved
        if isinstance(entry, Mark):
            self._end_epoch()  # (5)
            if self.complete and self.report.epochs and (missing := self.report.epochs[-1].uncovered):
                named = ", ".join(missing[:10]) + (", .." if len(missing) > 10 else "")
                number = self.report.epochs[-1].number
                raise LedgerError(f"epoch {number} ends, and {named} neither proved nor stood in a box nor was called")
        added = self.walk.add(entry)  # (2), (6)
        if added is None:  # (1)
            raise LedgerError(f"the entry {entry.id} was recorded before")
        after = self.walk.unproved
        check_delta(before, after, entry)  # (4)
        if isinstance(entry, Mark | Checkpoint):
            after.check_conservation()  # (4)
        self.report.records += 1
        self.report.kinds[entry.kind] += 1
        return added

    def _end_epoch(self) -> None:
        """Note who is covered in the epoch that ends here, or that the log ends in."""
        state = self.walk.unproved
        if state.snapshot is None:
            return
        missing = tuple(coverage.uncovered(state))
        self.report.epochs.append(Epoch(state.snapshot.epoch, len(state.accounts), missing))


def check_delta(before: State, after: State, entry: Entry) -> None:
    """Return if an entry moved the sum of all books by nothing but its public amounts and a proved multiple of H.

    Looks only at the accounts that the entry names, and takes nothing for granted about how they were changed.

    Raises:
        LedgerError: if something was created or lost.
    """
    points: list[Point] = [after.blinding, *after.pots.values()]
    weights = [-1, *([1] * len(after.pots))]
    points += [before.blinding, *before.pots.values()]
    weights += [1, *([-1] * len(before.pots))]
    for name in _named(entry):
        for state, weight in ((before, -1), (after, 1)):
            if name in state.accounts:
                points.append(state.accounts[name].public.commitment.point)
                weights.append(weight)
    for asset in before.net.keys() | after.net.keys():
        points.append(generators.book(asset))
        weights.append(before.net.get(asset, 0) - after.net.get(asset, 0))
    if not group.equal(group.msm(points, weights), group.identity()):
        raise LedgerError("conservation: the entry creates or destroys something")


def _named(entry: Entry) -> set[str]:
    if isinstance(entry, Trade):
        return {party.account for party in entry.parties}
    name = getattr(entry, "account", None)
    return set() if name is None else {name}


def _diverges(number: int, offset: int, why: str) -> DivergenceError:
    return DivergenceError(f"record {number} at byte {offset}: {why}", number, offset)


Check = Callable[[Iterable[Sequence[Duty]]], Iterator[list[Fault]]]


def _checker(backend: str, jobs: int) -> AbstractContextManager[Check]:
    """Return what verifies chunks of duties in their order, here or in other processes."""
    if backend not in BACKENDS:
        raise StatementError(f"backend must be one of {', '.join(BACKENDS)}, got {backend!r}")
    return nullcontext(_here) if jobs == 1 else _elsewhere(backend, jobs)


def _here(work: Iterable[Sequence[Duty]]) -> Iterator[list[Fault]]:
    return map(duties.faults, work)


@contextmanager
def _elsewhere(backend: str, jobs: int) -> Iterator[Check]:
    with ExitStack() as cluster:
        try:
            _start(backend, jobs, cluster)
            from joblib import Parallel, delayed, parallel_config  # start-up time: loads numpy
        except ImportError:
            raise StatementError(f"backend {backend} is not installed: pip install 'zkmargin[cluster]'") from None

        # Ray's back end returns lists only, so it gets a few chunks at a time; the others stream.
        lists = backend == "ray"
        cluster.enter_context(parallel_config(backend=backend, n_jobs=jobs))
        run = Parallel(batch_size=1, pre_dispatch=2 * jobs, return_as="list" if lists else "generator")

        def check(work: Iterable[Sequence[Duty]]) -> Iterator[list[Fault]]:
            chunks = iter(work)
            windows = iter(lambda: list(islice(chunks, 2 * jobs)), []) if lists else iter([chunks])
            for window in windows:
                yield from run(delayed(duties.faults)(chunk) for chunk in window)

        yield check


def _start(backend: str, jobs: int, cluster: ExitStack) -> None:
    """Start the local cluster that a back end needs."""
    if backend == "dask":
        from distributed import Client, LocalCluster  # start-up time: a second and more

        workers = cluster.enter_context(LocalCluster(n_workers=jobs, threads_per_worker=1, dashboard_address=None))
        cluster.enter_context(Client(workers))
    if backend == "ray":
        import ray  # start-up time: a second and more
        from ray.util.joblib import register_ray

        ray.init(num_cpus=jobs, include_dashboard=False, log_to_driver=False, logging_level="ERROR")
        cluster.callback(ray.shutdown)
        register_ray()
