"""Two estimates of how far a price moves in one step."""

import sys
from itertools import pairwise
from math import ceil, log, sqrt
from random import Random

import pytest

from zkmargin.amounts import PPM
from zkmargin.errors import StatementError
from zkmargin.risk.volatility import ewma, garch


def walk(count, deviation, seed=1):
    random, prices = Random(seed), [10**9]
    for step in range(count):
        prices.append(max(1, int(prices[-1] * (1 + random.gauss(0, deviation(step))))))
    return prices


def test_ewma_is_its_recursion():
    prices = [1_000, 1_030, 990, 1_005]
    variance = 0.02**2
    expected = [20_000]
    for before, after in pairwise(prices):
        variance = 0.9 * variance + 0.1 * log(after / before) ** 2
        expected.append(ceil(sqrt(variance) * PPM))
    assert ewma(prices, seed_ppm=20_000, decay_ppm=900_000) == expected


def test_ewma_does_not_look_ahead():
    prices = walk(50, lambda step: 0.01)
    assert ewma(prices, seed_ppm=1, decay_ppm=940_000)[:30] == ewma(prices[:30], seed_ppm=1, decay_ppm=940_000)


def test_in_a_market_that_stands_still_ewma_forgets():
    found = ewma([100] * 50, seed_ppm=10_000, decay_ppm=940_000)
    assert found == sorted(found, reverse=True)
    assert found[-1] < 2_500


def test_ewma_needs_no_library_of_the_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "arch", None)
    assert ewma([100, 101], seed_ppm=10_000, decay_ppm=940_000)


def test_garch_without_its_library_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "arch", None)
    with pytest.raises(StatementError, match=r"install zkmargin\[simulate\]"):
        garch(walk(200, lambda step: 0.01))


def test_garch_finds_the_volatility_of_a_steady_market():
    assert garch(walk(1_000, lambda step: 0.01)) == pytest.approx(10_000, rel=0.1)


def test_garch_follows_a_market_that_became_wild_and_its_forecast_goes_back():
    prices = walk(800, lambda step: 0.03 if step >= 780 or 300 <= step < 360 else 0.01)
    near, far = garch(prices), garch(prices, horizon=500)
    assert near > 17_000
    assert 9_000 < far < near


@pytest.mark.parametrize(
    "prices, complaint",
    [
        ([100] * 99, "number of prices must be between 100"),
        ([100] * 200, "prices must move"),
        ([0, 1] * 60, "price_ticks"),
    ],
)
def test_garch_refuses_what_it_cannot_fit(prices, complaint):
    with pytest.raises(StatementError, match=complaint):
        garch(prices)


@pytest.mark.parametrize("change", [{"decay_ppm": PPM}, {"decay_ppm": -1}, {"seed_ppm": -1}])
def test_ewma_refuses_numbers_out_of_their_bounds(change):
    with pytest.raises(StatementError, match="must be between"):
        ewma([1, 2], **({"seed_ppm": 1, "decay_ppm": 1} | change))
