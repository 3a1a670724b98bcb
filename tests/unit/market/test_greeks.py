from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from vollib.black.greeks import analytical

from zkmargin.market.greeks import greeks, sag_ticks
from zkmargin.market.instruments import Option
from zkmargin.market.pricing import SECONDS_PER_YEAR, value_ticks

FORWARD = 10**9
MONTH = 30 * 86_400
CALL = Option("CALL", 1, "PERP", "call", FORWARD, MONTH)


@pytest.mark.parametrize("right", ["call", "put"])
@pytest.mark.parametrize("moneyness_percent", [60, 95, 100, 110, 170])
@pytest.mark.parametrize("seconds", [86_400, MONTH, SECONDS_PER_YEAR])
def test_delta_gamma_vega_and_theta_are_those_of_a_second_library(right, moneyness_percent, seconds):
    option = replace(CALL, right=right, strike_ticks=FORWARD * moneyness_percent // 100, expiry=seconds)
    found = greeks(option, FORWARD, 600_000, 0)
    given = (right[0], FORWARD, option.strike_ticks, seconds / SECONDS_PER_YEAR, 0.0, 0.6)
    assert found.delta == pytest.approx(analytical.delta(*given), abs=1e-9)
    assert found.gamma == pytest.approx(analytical.gamma(*given), rel=1e-6, abs=1e-20)
    assert found.vega == pytest.approx(100 * analytical.vega(*given), rel=1e-6, abs=1e-3)  # theirs: for 1 %
    assert found.theta == pytest.approx(365 * analytical.theta(*given), rel=1e-6, abs=1e-3)  # theirs: for a day


@pytest.mark.parametrize("strike_percent", [80, 100, 125])
def test_vanna_and_volga_are_how_delta_and_vega_move_with_volatility(strike_percent):
    option = replace(CALL, strike_ticks=FORWARD * strike_percent // 100)
    low, high = (greeks(option, FORWARD, volatility, 0) for volatility in (599_900, 600_100))
    found = greeks(option, FORWARD, 600_000, 0)
    assert found.vanna == pytest.approx((high.delta - low.delta) / 2e-4, rel=1e-5)
    assert found.volga == pytest.approx((high.vega - low.vega) / 2e-4, rel=1e-4, abs=1)


def test_without_time_or_volatility_delta_is_that_of_the_payoff():
    put = replace(CALL, right="put")
    assert [greeks(CALL, price, 600_000, MONTH).delta for price in (FORWARD - 1, FORWARD + 1)] == [0, 1]
    assert [greeks(put, price, 0, 0).delta for price in (FORWARD - 1, FORWARD + 1)] == [-1, 0]
    assert greeks(CALL, FORWARD, 0, 0).gamma == 0


MOVES = st.integers(200_000, 4_000_000)
VOLATILITIES = st.one_of(st.just(0), st.integers(1, 3_000_000))


@given(MOVES, st.integers(1, 200_000), VOLATILITIES, st.sampled_from([0, 60, 86_400, MONTH]), st.integers(1, 99))
def test_a_value_stands_below_the_chord_by_no_more_than_its_sag(low_ppm, step_ppm, volatility_ppm, expiry, percent):
    option = replace(CALL, expiry=expiry)
    low, high = FORWARD * low_ppm // 10**6, FORWARD * (low_ppm + step_ppm) // 10**6
    price = low + (high - low) * percent // 100
    below, at, above = (value_ticks(option, point, volatility_ppm, 0) for point in (low, price, high))
    chord = below + (above - below) * (price - low) / (high - low)
    tolerance = FORWARD * 1e-11
    assert -tolerance <= chord - at <= sag_ticks(option, low, high, volatility_ppm, 0) + tolerance


def test_a_sag_is_nearly_reached_by_an_option_at_the_money():
    low, high = FORWARD * 99 // 100, FORWARD * 101 // 100
    below, at, above = (value_ticks(CALL, price, 600_000, 0) for price in (low, FORWARD, high))
    assert (below + above) / 2 - at > 0.98 * sag_ticks(CALL, low, high, 600_000, 0)
