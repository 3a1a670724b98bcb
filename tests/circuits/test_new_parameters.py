"""New margin parameters cost a proof nothing, and no proof outlives the parameters that it was made under."""

import pytest

from circuits import claims, evidence, registration, sizes
from zkmargin import Claim, Opening
from zkmargin.errors import StatementError, WitnessError, ZkMarginError
from zkmargin.market import sample
from zkmargin.market.chains import MAINTENANCE
from zkmargin.risk import dynamic_margin

CLAIM = Claim("maintenance", "cross")
BOOK = {"USD": 60_000_000_000, "BTC-PERP": -400}


@pytest.fixture(scope="module")
def account():
    opening = Opening.fresh(BOOK)
    return opening, registration.register("sample", "alice", opening)


def under(rate_ppm):
    """The market an epoch later, nothing changed but the margin rates."""
    first = sample.snapshot()
    assert first.cross is not None
    table = dynamic_margin.scaled(MAINTENANCE, rate_ppm)
    return first.next(first.valid_from, {}, cross=dynamic_margin.next_cross(first.cross, {"BTC-PERP": table}))


def test_an_old_proof_is_refused_under_the_new_version_and_a_new_one_is_accepted(account):
    opening, registered = account
    first, second = sample.snapshot(), under(10_000)
    proof = evidence.prove(first, CLAIM, registered.account, opening)
    evidence.verify(first, registered, proof, CLAIM)
    with pytest.raises(ZkMarginError):
        evidence.verify(second, registered, proof, CLAIM)
    evidence.verify(second, registered, evidence.prove(second, CLAIM, registered.account, opening), CLAIM)


def test_the_old_proof_does_not_hold_even_if_its_header_is_rewritten(account):
    opening, registered = account
    first, second = sample.snapshot(), under(10_000)
    proof = claims.prove(first, CLAIM, registered.account, opening)
    with pytest.raises(ZkMarginError):
        claims.verify(second, CLAIM, registered.account, proof)


def test_even_a_version_with_the_same_rates_asks_for_a_new_proof(account):
    opening, registered = account
    first = sample.snapshot()
    assert first.cross is not None
    same = first.next(first.valid_from, {}, cross=dynamic_margin.next_cross(first.cross, {}))
    proof = claims.prove(first, CLAIM, registered.account, opening)
    with pytest.raises(ZkMarginError):
        claims.verify(same, CLAIM, registered.account, proof)


def test_rates_that_the_book_does_not_meet_leave_it_without_a_proof(account):
    opening, registered = account
    with pytest.raises(WitnessError):
        evidence.prove(under(700_000), CLAIM, registered.account, opening)


def test_a_new_rate_changes_neither_the_size_of_the_circuit_nor_that_of_the_proof(account):
    _, registered = account
    basis = registered.account.basis
    found = [sizes.measure(claims.circuit(market, CLAIM, basis), len(basis)) for market in (under(5_000), under(9_000))]
    assert found[0] == found[1]


def test_a_version_that_would_not_fit_is_refused():
    first = sample.snapshot()
    assert first.cross is not None
    with pytest.raises(StatementError, match="rate_ppm"):
        dynamic_margin.next_cross(first.cross, {"BTC-PERP": dynamic_margin.scaled(MAINTENANCE, 10**6 + 1)})
