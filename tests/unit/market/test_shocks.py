from math import exp, log, sqrt

import pytest

from zkmargin.errors import StatementError
from zkmargin.market.instruments import Option
from zkmargin.market.shocks import DAY, Skew, VegaPower

POWER = VegaPower(500_000, 250_000, 300_000, 130_000, minimum_up_ppm=500_000)


def expiring(seconds, strike_ticks=100_000):
    return Option("CALL", 1, "PERP", "call", strike_ticks, seconds)


@pytest.mark.parametrize("days", [1, 7, 29, 30, 31, 90, 365])
@pytest.mark.parametrize("volatility", [0.2, 0.6, 2.5])
def test_volatilities_move_by_the_published_powers_of_the_days(days, volatility):
    power = 0.30 if days <= 30 else 0.13
    up = max(volatility * (1 + 0.5 * (30 / days) ** power), 0.5)
    down = max(volatility * (1 - 0.25 * (30 / days) ** power), 0)
    option, given = expiring(days * DAY), round(volatility * 1e6)
    assert POWER.shocked(option, given, 0, "up") == pytest.approx(up * 1e6, rel=1e-12)
    assert POWER.shocked(option, given, 0, "same") == given
    assert POWER.shocked(option, given, 0, "down") == pytest.approx(down * 1e6, rel=1e-12)


def test_a_volatility_neither_falls_below_zero_nor_rises_above_the_largest():
    assert POWER.shocked(expiring(60), 1_000_000, 0, "down") == 0
    assert POWER.shocked(expiring(1), 99_000_000, 0, "up") == 100_000_000


def test_within_the_least_days_an_option_moves_as_if_it_were_so_many_days_away():
    near = VegaPower(500_000, 250_000, 300_000, 130_000, least_days=1)
    assert near.shocked(expiring(3_600), 600_000, 0, "up") == near.shocked(expiring(DAY), 600_000, 0, "up")
    assert near.shocked(expiring(3_600), 600_000, 0, "up") < POWER.shocked(expiring(3_600), 600_000, 0, "up")


def test_with_powers_of_zero_every_expiry_moves_alike():
    flat = VegaPower(330_000, 250_000)
    assert {flat.shocked(expiring(days * DAY), 600_000, 0, "up") for days in (1, 30, 400)} == {798_000}


@pytest.mark.parametrize("strike_ticks", [20_000, 95_000, 100_000, 103_000, 400_000])
@pytest.mark.parametrize("kind", ["linear", "absolute"])
@pytest.mark.parametrize("days", [1, 30, 300])
def test_a_skew_tilts_along_the_logarithm_of_the_strike_up_to_its_cap(strike_ticks, kind, days):
    root = sqrt(days / 365)
    cap, reach = 0.25 - 0.1 * root, max(0.01, 4 * 0.6 * root)
    distance = log(strike_ticks / 100_000)
    tilt = (abs(distance) if kind == "absolute" else distance) * cap / reach
    found = Skew().tilted(expiring(days * DAY, strike_ticks), 100_000, 600_000, 0, kind)
    assert found == pytest.approx(600_000 * (1 + max(-cap, min(cap, tilt))), rel=1e-12)


def test_the_absolute_skew_smiles_and_the_linear_one_tilts():
    low, high = (expiring(30 * DAY, round(100_000 * exp(side))) for side in (-0.2, 0.2))
    tilted = {kind: [Skew().tilted(item, 100_000, 10**6, 0, kind) for item in (low, high)] for kind in KINDS}
    assert tilted["linear"][0] < 10**6 < tilted["linear"][1]
    assert min(tilted["absolute"]) > 10**6


KINDS = ("linear", "absolute")


def test_what_is_not_a_direction_or_a_skew_is_refused():
    with pytest.raises(StatementError, match="direction must be one of up, same, down, got 'sideways'"):
        POWER.shocked(expiring(DAY), 600_000, 0, "sideways")
    with pytest.raises(StatementError, match="skew must be linear or absolute, got 'round'"):
        Skew().tilted(expiring(DAY), 100_000, 600_000, 0, "round")


@pytest.mark.parametrize("field", ["up_ppm", "down_ppm", "short_power_ppm", "long_power_ppm", "minimum_up_ppm"])
def test_a_negative_move_is_refused(field):
    with pytest.raises(StatementError, match=f"{field} must be between 0 and"):
        VegaPower(**{"up_ppm": 0, "down_ppm": 0, field: -1})


def test_a_skew_without_a_reach_is_refused():
    with pytest.raises(StatementError, match="least_ppm must be between 1"):
        Skew(least_ppm=0)
