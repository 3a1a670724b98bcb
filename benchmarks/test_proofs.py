"""What proving and verifying cost, each beside the multi-scalar multiplications it cannot avoid.

The ratio to the floor, timed in the same run on the same bases and scalar sizes, is in ``extra_info``; nothing here
asserts on wall time.
"""

import os
from functools import partial
from statistics import median
from time import perf_counter

import pytest

from circuits import claims, registration
from zkmargin.cli.bench import prover_floor, verifier_floor
from zkmargin.testing.workloads import NAMES, workload


@pytest.fixture(scope="module", params=NAMES)
def prepared(request):
    work = workload(request.param)
    account = work.registrations()[0].account
    return work, account, claims.prove(work.snapshot, work.claim, account, work.openings[0])


def compare(benchmark, job, floor, rounds=10):
    benchmark.pedantic(job, rounds=rounds, warmup_rounds=1)
    times = []
    for _ in range(rounds):
        start = perf_counter()
        floor()
        times.append(perf_counter() - start)
    benchmark.extra_info["machine"] = os.uname().nodename
    benchmark.extra_info["floor_ms"] = median(times) * 1e3
    benchmark.extra_info["ratio_to_floor"] = benchmark.stats.stats.median / median(times)


def test_prove(benchmark, prepared):
    work, account, _ = prepared
    system = claims.system(work.snapshot, work.claim, account.basis)
    job = partial(claims.prove, work.snapshot, work.claim, account, work.openings[0])
    compare(benchmark, job, prover_floor(system))


def test_verify(benchmark, prepared):
    work, account, proof = prepared
    system = claims.system(work.snapshot, work.claim, account.basis)
    compare(benchmark, partial(claims.verify, work.snapshot, work.claim, account, proof), verifier_floor(system))
    benchmark.extra_info["proof_bytes"] = len(proof)


@pytest.mark.parametrize("proofs", [1, 16, 64, 256])
def test_verify_a_batch_of_w(benchmark, proofs):
    work = workload("W", 8)
    accounts = [registered.account for registered in work.registrations()]
    made = [
        claims.Item(work.snapshot, work.claim, account, claims.prove(work.snapshot, work.claim, account, opening))
        for account, opening in zip(accounts, work.openings, strict=True)
    ]
    items = (made * proofs)[:proofs]
    benchmark.pedantic(partial(claims.verify_batch, items), rounds=10, warmup_rounds=1)
    benchmark.extra_info["ms_per_proof"] = benchmark.stats.stats.median * 1e3 / proofs


def test_register_a_book_of_w(benchmark):
    work = workload("W")
    benchmark.pedantic(partial(registration.register, "bench", "one", work.openings[0]), rounds=10, warmup_rounds=1)
