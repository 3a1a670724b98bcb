"""A log of many accounts and entries, and what its audit takes: time by record, memory, size.

From the folder of the repository::

    python -m benchmarks.audit --accounts 1000 --entries 10000 --file ledger.log --jobs 2

The log is made once, by accounts that trade at random in six epochs, and kept; with the file there, only the audit is
measured. Every account opens and deposits; in each epoch pairs trade under initial margin, some reduce, some withdraw
or move to another key, and whoever is not covered at its end proves a box; the dated future expires in the last epoch,
and whoever has traded it settles.
"""

from __future__ import annotations

import argparse
import random
import resource
import subprocess
import sys
from collections import defaultdict
from pathlib import Path
from time import perf_counter, process_time

from tests.ledger.venue import BASIS, EXPIRY, Venue, key
from zkmargin.commitments import Opening
from zkmargin.errors import WitnessError
from zkmargin.ledger import audit, coverage
from zkmargin.ledger.apply import Walk
from zkmargin.ledger.log import Log
from zkmargin.margin.claim import Claim

EPOCHS = 6
BOX = Claim("box", "cross", width_ppm=20_000)


class Writer(Venue):
    """A venue that writes its log, and does not verify what it has just proved."""

    def __init__(self, log: Log) -> None:
        self._walk = None
        self.kept = log
        self.seconds = defaultdict(list)
        self.started = perf_counter()
        super().__init__()

    def put(self, entry):
        self._walk = self._walk or Walk(self.state)
        self._walk.add(entry)
        self.state = self._walk.unproved
        self.kept.append(entry)
        now = perf_counter()
        self.seconds[entry.kind].append(now - self.started)
        self.started = now
        return entry


def write(path: Path, accounts: int, entries: int, seed: int = 1) -> Writer:
    """Make a log of about so many entries, at least what opening, covering and settling needs."""
    draw = random.Random(seed)
    names = [f"account-{number:05d}" for number in range(accounts)]
    with Log(path) as log:
        venue = Writer(log)
        for name in names:
            venue.open(name, 1_000_000)
        settling = accounts // 2
        trades = entries - 2 * accounts - 2 * EPOCHS - settling
        for epoch in range(EPOCHS):
            if epoch:
                end = EXPIRY if epoch == EPOCHS - 1 else epoch
                venue.move(end, BTC_PERP=100 + draw.randrange(-1, 2))
            while log.count < 2 * accounts + (epoch + 1) * trades // EPOCHS:
                act(venue, draw, names, expired=epoch == EPOCHS - 1)
            if epoch < EPOCHS - 1:
                for name in coverage.uncovered(venue.state):
                    venue.claim(name, BOX)
            venue.checkpoint()
        for name in names[:settling]:
            venue.settle(name)
    return venue


def act(venue: Writer, draw: random.Random, names: list[str], *, expired: bool) -> None:
    """One entry at random; what an account's margin does not allow is left out."""
    one, other = draw.sample(names, 2)
    what = draw.random()
    try:
        if what < 0.05:
            venue.withdraw(one, draw.randrange(1, 100))
        elif what < 0.08:
            venue.rekey(one, key(f"{one} {venue.number}"), Opening.fresh(venue.lots(one)))
        elif what < 0.12:
            venue.deposit(one, draw.randrange(1, 1_000))
        else:
            traded = "BTC-PERP" if expired or draw.random() < 0.7 else "BTC-DEC"
            lots = draw.randrange(1, 50) * draw.choice((1, -1))
            mark = venue.state.market.listing(traded).mark_ticks
            venue.trade([one, other], {traded: lots, "USD": -lots * mark})
    except WitnessError:
        return


def measure(path: Path, jobs: int) -> None:
    """Audit a log and print what it took."""
    start, start_cpu = perf_counter(), process_time()
    report = audit.audit(path, jobs=jobs)
    seconds, cpu = perf_counter() - start, process_time() - start_cpu
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1_024
    kinds = ", ".join(f"{count} {kind}" for kind, count in sorted(report.kinds.items()))
    each = seconds / report.records * 1e3
    print(f"audit, {jobs} job(s): {seconds:.1f} s, {each:.2f} ms a record; this process: {cpu:.1f} s, peak {peak} MB")
    print(f"  {report.records} records: {kinds}")
    print(f"  {report.proofs} proofs, {len(report.state.accounts)} accounts, {path.stat().st_size / 2**20:.0f} MB")


def main() -> None:
    """Make the log if it is not there, then audit it in a process of its own for each number of jobs."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--accounts", type=int, default=1_000)
    parser.add_argument("--entries", type=int, default=10_000)
    parser.add_argument("--file", type=Path, default=Path("ledger.log"))
    parser.add_argument("--jobs", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--only-audit", action="store_true")
    chosen = parser.parse_args()
    if not chosen.file.exists():
        start = perf_counter()
        venue = write(chosen.file, chosen.accounts, chosen.entries)
        print(f"made in {perf_counter() - start:.0f} s over {len(BASIS)} ids; ms to make, apply and write, by kind:")
        for kind, seconds in sorted(venue.seconds.items()):
            print(f"  {kind:<12}{sum(seconds) / len(seconds) * 1e3:8.1f} ms  x {len(seconds)}")
    for jobs in chosen.jobs:
        if chosen.only_audit:
            measure(chosen.file, jobs)
        else:
            again = [sys.executable, "-m", "benchmarks.audit", "--only-audit", "--file", str(chosen.file)]
            subprocess.run([*again, "--jobs", str(jobs)], check=True)


if __name__ == "__main__":
    main()
