"""Add-ons against formulas written down a second time, and the constraints at the boundary."""

from fractions import Fraction
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.circuits.boundary import check_boundary, market_of, perpetual
from zkmargin.amounts import PPM
from zkmargin.errors import StatementError
from zkmargin.margin.claim import Claim
from zkmargin.margin.expressions import value
from zkmargin.margin.families import addons
from zkmargin.market.expressions import total
from zkmargin.market.forms import Affine, Marks
from zkmargin.market.models import Model

CLAIM = Claim("maintenance", "house")
LOTS = st.integers(-(10**9), 10**9)
SHARES = st.lists(st.integers(1, 2 * PPM), unique=True, max_size=3).map(lambda found: [0, *sorted(found)])


@st.composite
def steps(draw):
    shares = draw(SHARES)
    rates = sorted(draw(st.lists(st.integers(0, PPM), unique=True, min_size=len(shares), max_size=len(shares))))
    return list(zip(shares, rates, strict=True))


def house(*parts):
    required = total(*parts)
    return Model("house", 1, required, required)


def by_slices(notional, volume, rows):
    """Charge each slice of the notional at its own rate."""
    floors = [share * volume // PPM for share, _ in rows] + [None]
    charge = Fraction(0)
    for (low, high), (_, rate) in zip(pairwise(floors), rows, strict=True):
        charge += Fraction(max(0, (notional if high is None else min(notional, high)) - low) * rate, PPM)
    return charge


@given(LOTS, st.integers(1, 1_000), st.integers(10**7, 10**12), steps())
def test_concentration_charges_every_slice_of_a_position_at_its_own_rate(lots, mark, volume, rows):
    part = addons.concentration({"PERP": addons.volume_table(volume, rows)})
    found = Fraction(value(part, Marks({"PERP": mark}, {}), {"PERP": lots}), part.scale)
    assert found == by_slices(abs(lots) * mark, volume, rows)


@given(LOTS, LOTS, steps())
def test_every_add_on_together_is_proved_at_the_boundary_to_the_unit(first, second, rows):
    model = house(
        addons.concentration({"A": addons.volume_table(10**9, rows), "B": addons.volume_table(10**8, rows)}),
        addons.close_out({"A": 500, "B": 2_500}),
        addons.latency({"A": 800_000, "B": 1_200_000}, seconds=30, multiple_ppm=3 * PPM),
        addons.with_minimum("minimum", Affine({"A": 1, "B": -1}), {"A": 3, "B": 0}),
    )
    check_boundary(market_of(model, perpetual("A", 7), perpetual("B", 3)), CLAIM, {"A": first, "B": second})


@given(st.integers(0, 10 * PPM), st.integers(1, addons.MAX_SECONDS), st.integers(0, 10 * PPM))
def test_the_latency_rate_is_the_root_rounded_up(volatility, seconds, multiple):
    rate = addons.latency_ppm(volatility, seconds, multiple)
    exact = Fraction((volatility * multiple) ** 2 * seconds, PPM**2 * addons.SECONDS_PER_YEAR)
    assert rate**2 >= exact
    assert rate == 0 or (rate - 1) ** 2 < exact


def test_a_year_is_the_volatility_and_a_quarter_of_it_half():
    assert addons.latency_ppm(800_000, addons.SECONDS_PER_YEAR, PPM) == 800_000
    assert addons.latency_ppm(800_000, addons.SECONDS_PER_YEAR // 4, PPM) == 400_000


@pytest.mark.parametrize(
    "build, said",
    [
        (lambda: addons.volume_table(0, [(0, 0)]), "volume_units must be between 1"),
        (lambda: addons.volume_table(10**9, [(0, 20_000), (100_000, 10_000)]), "rate_ppm must be above 20000"),
        (lambda: addons.volume_table(10**9, [(100_000, 10_000)]), "floor"),
        (lambda: addons.close_out({"A": -1}), "half_spread_ppm of A must be between 0"),
        (lambda: addons.latency_ppm(PPM, 0, PPM), "seconds must be between 1"),
        (lambda: addons.latency_ppm(PPM, 1, -1), "multiple_ppm must be between 0"),
        (lambda: addons.with_minimum("m", Affine({}), {"A": -1}), "minimum_units of A must be between 0"),
    ],
)
def test_what_is_not_a_charge_is_refused(build, said):
    with pytest.raises(StatementError, match=said):
        build()
