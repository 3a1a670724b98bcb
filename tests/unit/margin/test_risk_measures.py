"""Shortfall, parametric value at risk and valuation points against their definitions."""

from fractions import Fraction
from math import isqrt
from statistics import NormalDist

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.laws.test_composed_models import compiled, is_proved, least_cash
from zkmargin.amounts import PPM
from zkmargin.errors import StatementError
from zkmargin.margin import expressions as plain
from zkmargin.margin.claim import Claim
from zkmargin.margin.families import risk, scan, tims
from zkmargin.market import chains, sample
from zkmargin.market.forms import Marks
from zkmargin.market.instruments import Cash, Linear
from zkmargin.market.models import Model
from zkmargin.market.snapshot import Listing, Snapshot

CLAIM = Claim("maintenance", "house")
CONTRACTS = ("A", "B", "C")
MARKS = Marks(dict.fromkeys(CONTRACTS, 1), {})
LOTS = st.fixed_dictionaries({name: st.integers(-50, 50) for name in CONTRACTS})


def exact(rule, lots):
    return Fraction(plain.value(rule, MARKS, lots), rule.scale)


def is_proved_to_the_unit(rule, lots):
    listings = [Listing(Linear(name, 1), 1) for name in CONTRACTS] + [Listing(Cash("CASH"))]
    snapshot = Snapshot(
        "v", 1, 0, tuple(sorted(listings, key=lambda item: item.id)), models=(Model("house", 1, rule, rule),)
    )
    circuit, system = compiled(snapshot, CLAIM, lots | {"CASH": 0})
    least = least_cash(snapshot, CLAIM, lots)
    return [is_proved(circuit, system, lots | {"CASH": cash}) for cash in (least - 1, least)] == [False, True]


# ---- history ---------------------------------------------------------------------------------------------------------


@given(st.lists(st.integers(1, 10**6), min_size=2, max_size=20))
def test_returns_are_rounded_away_from_zero_by_less_than_a_millionth(closes):
    for before, after, found in zip(closes, closes[1:], risk.returns(closes), strict=False):
        true = Fraction((after - before) * PPM, before)
        assert 0 <= abs(found) - abs(true) < 1
        assert found * true >= 0


@given(st.lists(st.integers(-200_000, 200_000), min_size=2, max_size=60).filter(any), st.integers(800_000, 990_000))
def test_filtered_returns_carry_the_volatility_of_today(moves, weight_ppm):
    weight = weight_ppm / PPM
    variance = [sum(move * move for move in moves) / len(moves)]
    for move in moves:
        variance.append(weight * variance[-1] + (1 - weight) * move * move)
    for move, before, found in zip(moves, variance, risk.filtered(moves, weight_ppm), strict=False):
        assert found == pytest.approx(move * (variance[-1] / before) ** 0.5, rel=1e-9, abs=1.001)
        assert found * move >= 0


def test_a_history_that_never_moved_or_no_history_is_refused():
    with pytest.raises(StatementError, match="returns must not all be zero"):
        risk.filtered([0, 0])
    with pytest.raises(StatementError, match="number of returns must be between 1 and 1024, got 0"):
        risk.filtered([])
    with pytest.raises(StatementError, match="weight_ppm must be between 1"):
        risk.filtered([1], PPM)


def test_a_scenario_never_takes_a_price_to_nothing():
    assert [item.price_ppm for item in risk.scenarios((-2 * PPM, 5))] == [1 - PPM, 5]


ROWS = st.lists(st.tuples(*[st.integers(-1_000, 1_000)] * 3), min_size=4, max_size=30)


@given(ROWS, st.integers(1, PPM), LOTS)
def test_a_shortfall_is_the_mean_of_the_worst_sorted_losses(rows, tail_ppm, lots):
    losses = {name: tuple(row[k] for row in rows) for k, name in enumerate(CONTRACTS)}
    rule = scan.shortfall("abc", losses, tail_ppm)
    outcomes = sorted((sum(row[k] * lots[name] for k, name in enumerate(CONTRACTS)) for row in rows), reverse=True)
    worst = outcomes[: max(1, len(rows) * tail_ppm // PPM)]
    assert exact(rule, lots) == max(0, Fraction(sum(worst), len(worst)))
    assert is_proved_to_the_unit(rule, lots)


def test_two_real_histories_make_one_array_day_by_day(shared_data):
    closes = {}
    for name, file in (("BTC-PERP", "btcusdt"), ("ETH-PERP", "ethusdt")):
        path = shared_data / "market" / f"{file}_1h_20200311_14.csv"
        closes[name] = [item.listing(name).mark_ticks for item in chains.from_candles([chains.Candles(name, path)])]
    moves = {name: risk.filtered(risk.returns(series)) for name, series in closes.items()}
    market = sample.snapshot()
    volatilities = {item.id: 600_000 for item in market.listings if item.id[-2:] in ("-C", "-P")}
    found = risk.revalued(market, volatilities, moves)
    hours = len(closes["BTC-PERP"]) - 1
    assert {len(row) for row in found.values()} == {hours}
    assert sorted(found) == [
        "BTC-27FEB26-100000-C",
        "BTC-27FEB26-100000-P",
        "BTC-27FEB26-80000-C",
        "BTC-27FEB26-80000-P",
        "BTC-PERP",
        "ETH-PERP",
    ]
    day = min(range(hours), key=lambda hour: moves["BTC-PERP"][hour])
    assert found["BTC-PERP"][day] == -(-9_000_000 * 10 * -moves["BTC-PERP"][day] // PPM) > 0
    assert found["BTC-27FEB26-80000-P"][day] < 0 < found["BTC-27FEB26-80000-C"][day]


# ---- covariance ------------------------------------------------------------------------------------------------------

FACTORS = st.lists(st.lists(st.integers(-90_000, 90_000), min_size=3, max_size=3), min_size=1, max_size=4)


@st.composite
def covariances(draw):
    """F' F of some rows: symmetric, without a negative direction, often without full rank."""
    rows = draw(FACTORS.filter(lambda rows: any(map(any, rows))))
    return tuple(tuple(sum(row[i] * row[j] for row in rows) for j in range(3)) for i in range(3))


EXPOSURES = st.fixed_dictionaries({name: st.tuples(*[st.integers(-(10**7), 10**7)] * 3) for name in CONTRACTS})


@given(covariances(), EXPOSURES, st.integers(1, 4 * PPM), LOTS)
def test_the_charge_is_the_exact_root_and_at_most_the_stated_bound_more(covariance, exposures, z_ppm, lots):
    rule = risk.parametric("abc", covariance, exposures, z_ppm)
    moved = [sum(exposures[name][j] * lots[name] for name in CONTRACTS) for j in range(3)]
    variance = sum(covariance[i][j] * moved[i] * moved[j] for i in range(3) for j in range(3))
    square = Fraction(z_ppm**2 * variance, PPM**4)
    charge = exact(rule, lots)
    assert charge**2 >= square
    spare = 2 * sum(2 * abs(count) for count in lots.values())  # three loadings at most: ceil(sqrt(3) / 2) is 1
    bound = Fraction(isqrt(square.numerator * 10**12 // square.denominator) + 1, 10**6)
    assert charge <= bound + 1 + spare
    assert is_proved_to_the_unit(rule, lots)


def test_loadings_that_are_whole_cost_nothing_more():
    rule = risk.parametric("abc", ((30_000**2, 0), (0, 40_000**2)), {"A": (100, 100), "B": (-100, 0)}, PPM)
    assert exact(rule, {"A": 1, "B": 0}) == 5
    assert exact(rule, {"A": 1, "B": 1}) == 4


@pytest.mark.parametrize(
    "covariance, reason",
    [
        (((1, 2), (2, 1)), "must have no negative direction: factor 1 leaves one"),
        (((0, 1), (1, 5)), "must have no negative direction: factor 0 leaves one"),
        (((1, 2), (3, 9)), "must be a symmetric square matrix"),
        (((1, 2),), "must be a symmetric square matrix"),
        (((0, 0), (0, 0)), "must not be zero"),
    ],
)
def test_what_is_no_covariance_is_refused(covariance, reason):
    with pytest.raises(StatementError, match=reason):
        risk.parametric("abc", covariance, {"A": (1,) * len(covariance)}, PPM)


def test_a_contract_without_all_exposures_is_refused():
    with pytest.raises(StatementError, match="number of exposures of A must be between 2 and 2, got 1"):
        risk.parametric("abc", ((1, 0), (0, 1)), {"A": (1,)}, PPM)


def test_the_multipliers_are_those_of_the_normal_distribution():
    normal = NormalDist()
    assert risk.VALUE_AT_RISK_PPM.keys() == risk.SHORTFALL_PPM.keys()
    for level_ppm, z_ppm in risk.VALUE_AT_RISK_PPM.items():
        quantile = normal.inv_cdf(level_ppm / PPM)
        assert 0 <= z_ppm - quantile * PPM < 1
        beyond = normal.pdf(quantile) / (1 - level_ppm / PPM)
        assert 0 <= risk.SHORTFALL_PPM[level_ppm] - beyond * PPM < 1


# ---- valuation points ------------------------------------------------------------------------------------------------


def test_there_are_ten_points_and_they_are_equidistant():
    assert [point.price_ppm for point in tims.points(150_000, 150_000)] == [
        *(-150_000, -120_000, -90_000, -60_000, -30_000),
        *(30_000, 60_000, 90_000, 120_000, 150_000),
    ]


@given(ROWS, st.integers(0, PPM), LOTS)
def test_a_group_is_charged_its_worst_point_with_part_of_the_gains_or_its_minimum(rows, offset_ppm, lots):
    losses = {name: tuple(row[k] for row in rows) for k, name in enumerate(CONTRACTS)}
    classes = {"one": {"A": losses["A"], "B": losses["B"]}, "two": {"C": losses["C"]}}
    rule = tims.group("abc", classes, {"A": 5, "C": 7}, offset_ppm)
    points = []
    for row in rows:
        found = (row[0] * lots["A"] + row[1] * lots["B"], row[2] * lots["C"])
        points.append(sum(loss if loss > 0 else Fraction(offset_ppm * loss, PPM) for loss in found))
    assert exact(rule, lots) == max(0, 5 * abs(lots["A"]) + 7 * abs(lots["C"]), *points)
    assert is_proved_to_the_unit(rule, lots)


@given(ROWS, LOTS)
def test_one_class_offsets_in_full(rows, lots):
    losses = {name: tuple(row[k] for row in rows) for k, name in enumerate(CONTRACTS)}
    rule = tims.group("abc", {"one": losses}, {"B": 2})
    points = [sum(row[k] * lots[name] for k, name in enumerate(CONTRACTS)) for row in rows]
    assert exact(rule, lots) == max(0, 2 * abs(lots["B"]), *points)


@pytest.mark.parametrize(
    "classes, minimum, offset_ppm, reason",
    [
        ({"one": {"A": (1,)}}, {}, PPM + 1, "offset_ppm must be between 0"),
        ({"one": {"A": (1,)}}, {"A": -1}, 0, "minimum of A must be between 0"),
        ({"one": {"A": (1,)}, "two": {"B": (1, 2)}}, {}, 0, r"same number of points, got \[1, 2\]"),
        ({"one": {"A": (1,)}, "two": {"A": (1,)}}, {}, 0, "must stand in one class"),
    ],
)
def test_groups_that_are_not_sound_are_refused(classes, minimum, offset_ppm, reason):
    with pytest.raises(StatementError, match=reason):
        tims.group("abc", classes, minimum, offset_ppm)
