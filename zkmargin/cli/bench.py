"""zkmargin bench: what proving and verifying cost, beside the multi-scalar multiplications they cannot avoid."""

from __future__ import annotations

import json
import resource
import secrets
from collections.abc import Callable, Sequence
from functools import partial
from itertools import cycle, islice
from statistics import median
from time import perf_counter
from typing import Annotated, Any

import typer
from rich.progress import track
from rich.table import Table

from circuits import claims
from zkmargin.algebra import generators
from zkmargin.algebra.group import Point, group
from zkmargin.algebra.scalars import ORDER
from zkmargin.amounts import bounded
from zkmargin.cli.options import Rounds
from zkmargin.cli.output import err, out
from zkmargin.errors import StatementError
from zkmargin.proofs.constraints import System
from zkmargin.testing.workloads import NAMES, Workload, workload

MOST_ACCOUNTS = 256
"""So many accounts make proofs; a larger batch repeats them."""

Name = Annotated[str, typer.Option("--workload", "-w", help=f"One of {', '.join(NAMES)}.")]
Runs = Annotated[int, typer.Option("--runs", help="Timed runs of each figure, after a warm-up.")]
Batches = Annotated[str, typer.Option("--batches", help="Batch sizes, separated by commas.")]
Coordinates = Annotated[int | None, typer.Option("--coordinates", help="Committed ids, in place of the workload's.")]
Scenarios = Annotated[int | None, typer.Option("--scenarios", help="Scenario rows, in place of the workload's.")]
Threads = Annotated[int, typer.Option("--threads", help="Share each batch out to so many processes, one thread each.")]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]


def run(
    name: Name = "W",
    runs: Runs = 15,
    batches: Batches = "1,16,64,256",
    rounds: Rounds = 0,
    threads: Threads = 1,
    coordinates: Coordinates = None,
    scenarios: Scenarios = None,
    as_json: Json = False,
) -> None:
    """Measure a reference workload: medians, with the floors timed in the same run."""
    if name not in NAMES:
        raise StatementError(f"workload must be one of {', '.join(NAMES)}, got {name!r}")
    if not 1 <= runs <= 1_000:
        raise StatementError(f"runs must be between 1 and 1000, got {runs}")
    parts = batches.split(",")
    if not all(part.isascii() and part.isdigit() and 1 <= int(part[:6]) <= 4_096 for part in parts):
        raise StatementError(f"batches must be numbers from 1 to 4096 separated by commas, got {batches[:80]!r}")
    bounded("threads", threads, 1, claims.MAX_JOBS)
    sizes = [int(part) for part in parts]
    accounts = min(max(sizes), MOST_ACCOUNTS)
    work = workload(name, accounts, coordinates=coordinates, scenarios=scenarios)
    report = measure(work, runs, sizes, rounds, threads)
    if as_json:
        print(json.dumps(report))  # noqa: T201 - one line for programs, never wrapped or styled
    else:
        _show(report)


def measure(work: Workload, runs: int, batches: Sequence[int], rounds: int = 0, threads: int = 1) -> dict[str, Any]:
    """Return the figures of a workload: medians of `runs` runs after a warm-up, in milliseconds.

    The floors are those of the opened form on one thread, whatever the rounds and threads: what folding costs, and what
    threads save, shows in the ratio. A batch that is larger than the workload has accounts repeats their proofs, which
    saves its verifier nothing.
    """
    accounts = work.accounts()
    start = perf_counter()
    system = claims.system(work.snapshot, work.claim, accounts[0].basis)
    statement_ms = (perf_counter() - start) * 1e3
    pairs = list(zip(accounts, work.openings, strict=True))
    shown = track(pairs, "proving", console=err, transient=True, disable=not err.is_terminal)
    prove = partial(claims.prove, work.snapshot, work.claim, rounds=rounds)
    proofs = [prove(account, opening) for account, opening in shown]
    items = [
        claims.Item(work.snapshot, work.claim, account, proof, rounds)
        for account, proof in zip(accounts, proofs, strict=True)
    ]
    prove_ms, prove_floor_ms, verify_ms, verify_floor_ms = _interleaved(
        runs,
        partial(prove, *pairs[0]),
        prover_floor(system),
        partial(claims.verify, work.snapshot, work.claim, accounts[0], proofs[0], rounds),
        verifier_floor(system),
    )
    return {
        "workload": work.name,
        "prove_ms": prove_ms,
        "prove_floor_ms": prove_floor_ms,
        "prove_ratio": round(prove_ms / prove_floor_ms, 3),
        "verify_ms": verify_ms,
        "verify_floor_ms": verify_floor_ms,
        "verify_ratio": round(verify_ms / verify_floor_ms, 3),
        "batch": [_measure_batch(system, items, size, runs, threads) for size in batches],
        "proof_bytes": len(proofs[0]),
        "rounds": rounds,
        "threads": threads,
        "group": group.name,
        "coordinates": len(system.basis),
        "rows": len(system.rows),
        "slots": system.slots,
        "statement_ms": round(statement_ms, 3),
        "peak_memory_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1_024,
    }


def _measure_batch(system: System, items: Sequence[claims.Item], size: int, runs: int, threads: int) -> dict[str, Any]:
    """Return what one proof costs in a batch, beside its share of the multiplication that the batch cannot avoid."""
    chosen = [items[place % len(items)] for place in range(size)]
    turns = max(runs, 10) if size <= MOST_ACCOUNTS else runs  # small ones are quick and noisy
    verify = partial(claims.verify_batch, chosen, jobs=threads)
    batch_ms, floor_ms = _interleaved(turns, verify, verifier_floor(system, size))
    return {
        "proofs": size,
        "ms_per_proof": round(batch_ms / size, 4),
        "floor_ms_per_proof": round(floor_ms / size, 4),
        "ratio": round(batch_ms / floor_ms, 3),
    }


def prover_floor(system: System) -> Callable[[], None]:
    """Return the prover's three multi-scalar multiplications, on the same bases and with scalars of the same sizes."""
    counted = system.multiplicities
    digits = [secrets.randbelow(system.base) for _ in range(system.digits)]
    counts = [secrets.randbelow(1 + system.digits // counted) for _ in range(counted)]
    G, M, P, E, H = _bases(system)
    T = len(E) - 1
    first = [*digits, *_full(len(G) - len(digits)), *counts, *_full(len(M) - counted), *_full(T)]
    return _multiplications(
        ([*G, *M, *E[: T - 1], H], first),
        ([*G, E[T - 1], H], _full(len(G) + 2)),
        ([*G, *M, *P, *E, H], _full(len(G) + len(M) + len(P) + len(E) + 1)),
    )


def verifier_floor(system: System, proofs: int = 1) -> Callable[[], None]:
    """Return the verifier's one multi-scalar multiplication: the shared generators, and 3 + K points for each proof."""
    G, M, P, E, H = _bases(system)
    shared = [*G, *M, *P, *E, H]
    own = (3 + system.commitments) * proofs
    points = shared + list(islice(cycle(shared), own))
    return _multiplications((points, _full(len(points))))


def _bases(system: System) -> tuple[list[Point], list[Point], list[Point], list[Point], Point]:
    errors = generators.errors.first(system.commitments + 5)
    del errors[-2]  # there is no E_T
    return (
        generators.slots.first(system.slots),
        generators.wires.first(system.multiplicities + system.wires),
        [generators.book(label) for label in system.basis],
        errors,
        generators.blinding(),
    )


def _multiplications(*parts: tuple[list[Point], list[int]]) -> Callable[[], None]:
    def multiply() -> None:
        for points, scalars in parts:
            group.msm(points, scalars)

    return multiply


def _full(count: int) -> list[int]:
    return [secrets.randbelow(ORDER) for _ in range(count)]


def _interleaved(runs: int, *jobs: Callable[[], object]) -> list[float]:
    """Return the median milliseconds of each job; the jobs take turns, so a noisy moment hits all of them."""
    times: list[list[float]] = [[] for _ in jobs]
    for turn in range(runs + 1):
        for job, found in zip(jobs, times, strict=True):
            start = perf_counter()
            job()
            if turn:
                found.append((perf_counter() - start) * 1e3)
    return [round(median(found), 3) for found in times]


def _show(report: dict[str, Any]) -> None:
    table = Table("figure", "ms", "floor (ms)", "ratio", box=None, pad_edge=False)
    for step in ("prove", "verify"):
        cost, floor = report[f"{step}_ms"], report[f"{step}_floor_ms"]
        table.add_row(step, f"{cost:.2f}", f"{floor:.2f}", f"{cost / floor:.2f}")
    for entry in report["batch"]:
        cost, floor = entry["ms_per_proof"], entry["floor_ms_per_proof"]
        name = f"verify, each in a batch of {entry['proofs']:,}"
        table.add_row(name, f"{cost:.3f}", f"{floor:.3f}", f"{entry['ratio']:.2f}")
    threads = "1 thread" if report["threads"] == 1 else f"{report['threads']} threads"
    out.print(
        f"[bold]workload {report['workload']}[/]: {report['coordinates']} coordinates, {report['rows']} rows, "
        f"{report['slots']} slots, {report['rounds']} rounds; group {report['group']}, {threads}"
    )
    out.print(table)
    out.print(
        f"proof {report['proof_bytes']:,} bytes; statement compiled in {report['statement_ms']:.1f} ms; "
        f"peak memory {report['peak_memory_mb']} MB"
    )
