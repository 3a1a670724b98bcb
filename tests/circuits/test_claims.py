"""Claims: what the transcript absorbs, and the cache of compiled statements."""

from collections import OrderedDict
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from itertools import product

import pytest

from circuits import claims, registration
from circuits.claims import CACHED_STATEMENTS
from zkmargin.amounts import Ratio
from zkmargin.commitments import Opening
from zkmargin.margin.claim import Claim
from zkmargin.market import sample
from zkmargin.proofs import arithmetic

MAINTENANCE = Claim("maintenance", "cross")
BASIS = ("BTC", "BTC-PERP", "USD")


@pytest.fixture
def cache(monkeypatch):
    """An empty cache in place of the module's."""
    monkeypatch.setattr(claims, "_cache", OrderedDict())
    return claims._cache


def test_a_claim_absorbs_what_the_page_says_in_that_order():
    market, secret = sample.snapshot(), Opening.fresh({"BTC-PERP": 1, "USD": 10**12})
    account = registration.register(market.venue, "alice", secret).account
    proof = claims.prove(market, MAINTENANCE, account, secret)
    statement, transcript = claims._open(market, MAINTENANCE, account)
    arithmetic.equation(transcript, statement, arithmetic.Proof.from_bytes(statement.system, proof))
    said = ["absorb snapshot", "absorb model", "absorb claim", "absorb account"]
    assert transcript.log[:7] == [*said, "absorb form", "absorb system", "absorb commitment"]
    _, untouched = claims._open(market, MAINTENANCE, account)
    assert untouched.log == said, "the cached context is not changed by whoever used it"


def test_statements_that_differ_in_anything_are_compiled_apart(cache, monkeypatch):
    monkeypatch.setattr(claims, "CACHED_STATEMENTS", 128)
    market = sample.snapshot()
    variants = list(
        product(
            (market, replace(market, epoch=2), replace(market, cross=replace(market.cross, version=2))),
            (
                MAINTENANCE,
                Claim("initial", "cross"),
                Claim("maintenance", "cross", Ratio(2, 1)),
                Claim("maintenance", "scenario"),
                Claim("box", "cross", width_ppm=10_000),
                Claim("box", "cross", width_ppm=10_001),
            ),
            (BASIS, BASIS[1:]),
            (claims.REGISTERED_BITS, 112),
        )
    )
    first = [claims._compiled(*variant) for variant in variants]
    assert len(cache) == len(variants)
    again = [claims._compiled(*variant) for variant in variants]
    assert all(one is other for one, other in zip(first, again, strict=True))
    assert len({item.context.fingerprint() for item in first}) == len(variants) // 4, "those are in the system"
    for (snapshot, claim, basis, quantity_bits), compiled in zip(variants, first, strict=True):
        assert compiled.system.basis == basis
        assert compiled.system.quantity_bits == quantity_bits
        assert compiled.system == claims.compile_circuit(
            claims.circuit(snapshot, claim, basis), claims.Shape((basis,), quantity_bits)
        )


def test_the_statements_used_last_are_kept(cache):
    market = sample.snapshot()
    wanted = [Claim("box", "cross", width_ppm=width_ppm) for width_ppm in range(1, CACHED_STATEMENTS + 2)]
    kept = claims.system(market, wanted[0], BASIS[1:])
    for claim in wanted[1:CACHED_STATEMENTS]:
        claims.system(market, claim, BASIS[1:])
    assert claims.system(market, wanted[0], BASIS[1:]) is kept
    claims.system(market, wanted[CACHED_STATEMENTS], BASIS[1:])
    assert len(cache) == CACHED_STATEMENTS
    assert claims.system(market, wanted[0], BASIS[1:]) is kept
    assert wanted[1] not in {claim for _, claim, _, _ in cache}


def test_threads_that_verify_at_once_do_not_disturb_each_other(cache, monkeypatch):
    monkeypatch.setattr(claims, "CACHED_STATEMENTS", 2)  # so that statements are dropped and compiled all the time
    market, secret = sample.snapshot(), Opening.fresh({"BTC-PERP": 5, "USD": 10**12})
    account = registration.register(market.venue, "alice", secret).account
    wanted = [Claim("box", "cross", width_ppm=width_ppm) for width_ppm in (1_000, 2_000, 3_000)]
    proofs = [claims.prove(market, claim, account, secret) for claim in wanted]

    def verify(place):
        claims.verify(market, wanted[place], account, proofs[place])

    with ThreadPoolExecutor(4) as threads:
        list(threads.map(verify, [0, 1, 2] * 8))
    assert len(cache) <= 2
