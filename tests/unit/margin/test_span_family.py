"""SPAN around its scan: calendar, delivery and credits, each against the formula that clearing houses print."""

from fractions import Fraction
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.laws.test_composed_models import compiled, is_proved, least_cash
from zkmargin.amounts import PPM
from zkmargin.errors import StatementError
from zkmargin.margin import expressions as plain
from zkmargin.margin.claim import Claim
from zkmargin.margin.families import span
from zkmargin.market.forms import Marks
from zkmargin.market.instruments import Cash, Linear
from zkmargin.market.models import Model
from zkmargin.market.snapshot import Listing, Snapshot

CLAIM = Claim("maintenance", "house")
CONTRACTS = ("JUN", "MAR", "OTHER", "SEP")
MARKS = Marks(dict.fromkeys(CONTRACTS, 1), {})
MONTHS = {"june": {"JUN": 100, "OTHER": -40}, "march": {"MAR": 90}, "september": {"SEP": 110}}
LOTS = st.fixed_dictionaries({name: st.integers(-20, 20) for name in CONTRACTS})
RATES = st.integers(0, 300_000)


def market(rule):
    listings = sorted([Listing(Cash("CASH")), *(Listing(Linear(name, 1), 1) for name in CONTRACTS)], key=lambda i: i.id)
    return Snapshot("v", 1, 0, tuple(listings), models=(Model("house", 1, rule, rule),))


def exact(rule, lots):
    return Fraction(plain.value(rule, MARKS, lots), rule.scale)


def is_proved_to_the_unit(rule, lots):
    snapshot = market(rule)
    circuit, system = compiled(snapshot, CLAIM, lots | {"CASH": 0})
    least = least_cash(snapshot, CLAIM, lots)
    return [is_proved(circuit, system, lots | {"CASH": cash}) for cash in (least - 1, least)] == [False, True]


def month_deltas(lots):
    return [sum(delta * lots[name] for name, delta in month.items()) for month in MONTHS.values()]


def matched(lots):
    """What clearing houses print: the smaller of all long and all short month deltas."""
    return min(sum(max(0, d) for d in month_deltas(lots)), sum(max(0, -d) for d in month_deltas(lots)))


@given(LOTS, RATES)
def test_the_calendar_charge_is_that_of_matched_deltas(lots, calendar_ppm):
    rule = span.calendar("btc", MONTHS, calendar_ppm)
    assert exact(rule, lots) == Fraction(calendar_ppm * matched(lots), PPM)
    assert is_proved_to_the_unit(rule, lots)


@given(LOTS, RATES, RATES)
def test_futures_are_charged_their_net_delta_and_what_is_matched(lots, outright_ppm, share_ppm):
    calendar_ppm = 2 * outright_ppm * share_ppm // 300_000
    rule = span.futures("btc", MONTHS, outright_ppm, calendar_ppm)
    owed = outright_ppm * abs(sum(month_deltas(lots))) + calendar_ppm * matched(lots)
    assert exact(rule, lots) == Fraction(owed, PPM)
    assert is_proved_to_the_unit(rule, lots)


def test_a_calendar_charge_of_twice_the_outright_charge_is_the_last_that_is_convex():
    flat = span.futures("btc", MONTHS, 100_000, 200_000)
    assert exact(flat, {"JUN": 1, "MAR": 0, "OTHER": 0, "SEP": -1}) == 100 * Fraction(1, 5) + 10 * Fraction(1, 10)
    with pytest.raises(
        StatementError, match="calendar_ppm of btc must be at most twice outright_ppm, 200000, got 200001"
    ):
        span.futures("btc", MONTHS, 100_000, 200_001)
    with pytest.raises(StatementError, match="calendar_ppm must be between 0"):
        span.futures("btc", MONTHS, 100_000, -1)


def test_beyond_twice_the_charge_would_bend_downwards():
    """The reason for the rule: a book between two others would cost more than both together."""

    def charge(a, c, march, june):
        return a * abs(march + june) + c * min(max(0, march) + max(0, june), max(0, -march) + max(0, -june))

    ends, middle = ((2, 0), (0, -2)), (1, -1)
    assert 2 * charge(10, 20, *middle) <= sum(charge(10, 20, *end) for end in ends)
    assert 2 * charge(10, 21, *middle) > sum(charge(10, 21, *end) for end in ends)


def test_an_id_in_two_months_is_refused():
    with pytest.raises(StatementError, match="MAR must be in one month"):
        span.calendar("btc", {"march": {"MAR": 1}, "june": {"MAR": 1}}, 1)


# ---- a commodity -----------------------------------------------------------------------------------------------------

LOSSES = {"JUN": (9, -8, 3), "MAR": (10, -10, 1), "OTHER": (-4, 5, 0), "SEP": (8, -9, 4)}
MINIMUMS = {"OTHER": 3}
DELIVERED = {"MAR": 7}


@given(LOTS, RATES)
def test_a_commodity_is_charged_scan_calendar_and_delivery_or_its_short_minimum(lots, calendar_ppm):
    commodity = span.Commodity(LOSSES, MINIMUMS, MONTHS, calendar_ppm, DELIVERED)
    rule = span.requirement({"btc": commodity})
    scanned = max(0, *(sum(row[k] * lots[name] for name, row in LOSSES.items()) for k in range(3)))
    spread = Fraction(calendar_ppm * matched(lots), PPM)
    assert exact(rule, lots) == max(scanned + spread + 7 * abs(lots["MAR"]), 3 * max(0, -lots["OTHER"]))
    assert is_proved_to_the_unit(rule, lots)


def test_a_delivery_charge_below_zero_is_refused():
    with pytest.raises(StatementError, match="delivery charge of MAR must be between 0"):
        span.delivery("btc", {"MAR": -1})


def test_deltas_are_the_notional_that_a_lot_moves_like():
    assert span.deltas({"CALL": (-55, 46), "FUTURE": (-100, 100), "PUT": (30, -33)}) == {
        "CALL": 5_050,
        "FUTURE": 10_000,
        "PUT": -3_150,
    }


# ---- credits ---------------------------------------------------------------------------------------------------------

OUTRIGHT = {"JUN": 10, "MAR": 9, "OTHER": 4}
SPREADS = (
    span.Spread("june-march", {"JUN": 1, "MAR": -1}, 12),
    span.Spread("march-june", {"JUN": -1, "MAR": 1}, 12),
    span.Spread("march-two-others", {"MAR": 1, "OTHER": -2}, 14),
)


@given(st.fixed_dictionaries({name: st.integers(-3, 3) for name in OUTRIGHT}))
def test_credits_are_given_to_the_best_spreads_that_can_be_formed(lots):
    rule = span.paired("energy", OUTRIGHT, SPREADS)
    found = []
    for counts in product(range(7), repeat=len(SPREADS)):
        left, charged = dict(lots), 0
        for spread, count in zip(SPREADS, counts, strict=True):
            charged += (
                sum(abs(legs) * OUTRIGHT[name] for name, legs in spread.legs.items()) - spread.credit_units
            ) * count
            for name, legs in spread.legs.items():
                left[name] -= legs * count
        found.append(charged + sum(OUTRIGHT[name] * abs(rest) for name, rest in left.items()))
    assert exact(rule, lots) == min(found)
    assert is_proved_to_the_unit(rule, lots)


def test_a_leg_on_its_own_pays_its_outright_charge_whatever_is_borrowed_for_it():
    rule = span.paired("energy", OUTRIGHT, SPREADS)
    for name, charge_units in OUTRIGHT.items():
        for side in (1, -1):
            assert exact(rule, dict.fromkeys(OUTRIGHT, 0) | {name: side}) == charge_units


def test_spreads_that_share_a_leg_make_a_third_one():
    """As the page says: June against the other contract is formed through March, and costs both charges."""
    rule = span.paired("energy", OUTRIGHT, SPREADS)
    charges = [strategy.charge_units for strategy in rule.of.strategies]
    assert exact(rule, {"JUN": 1, "MAR": 0, "OTHER": -2}) == charges[0] + charges[2] == 7 + 3


@pytest.mark.parametrize("credit_units", [-1, 9])
def test_a_credit_that_would_make_a_single_leg_cheaper_is_refused(credit_units):
    """Four may be borrowed for a ten, charged on both sides: 14 - 9 + 4 is less than 10."""
    reason = "credit of s must be between 0 and 8, twice its smallest leg, got"
    with pytest.raises(StatementError, match=reason):
        span.paired("energy", OUTRIGHT, [span.Spread("s", {"JUN": 1, "OTHER": -1}, credit_units)])
    assert span.paired("energy", OUTRIGHT, [span.Spread("s", {"JUN": 1, "OTHER": -1}, 8)])


def test_a_credit_above_what_it_offsets_is_refused():
    with pytest.raises(StatementError, match="credit of s must be between 0 and 10, all that it offsets, got 11"):
        span.paired("energy", OUTRIGHT, [span.Spread("s", {"JUN": 1}, 11)])


def test_a_spread_of_a_contract_without_a_charge_is_refused():
    with pytest.raises(StatementError, match="SEP of spread s must have an outright charge"):
        span.paired("energy", OUTRIGHT, [span.Spread("s", {"JUN": 1, "SEP": -1}, 1)])
