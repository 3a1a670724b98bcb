"""A box of options: whoever meets the widened grid at the marks meets the venue's rule at every price inside."""

from dataclasses import replace
from fractions import Fraction
from functools import cache

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.laws import portfolio_rules as rulebook
from tests.laws.test_composed_models import compiled, is_proved
from tests.laws.test_portfolio_models import published
from zkmargin.amounts import PPM
from zkmargin.errors import StatementError
from zkmargin.margin import expressions, rules
from zkmargin.margin.claim import Claim
from zkmargin.margin.families import boxes, deribit, grids
from zkmargin.margin.families.boxes import Box
from zkmargin.margin.portfolio import Book
from zkmargin.market import sample
from zkmargin.market.expressions import Largest, Part, Worst, walk
from zkmargin.market.forms import Marks, Sides
from zkmargin.market.instruments import Linear, Option
from zkmargin.market.models import Model
from zkmargin.market.shocks import VegaPower

MARKET = sample.revaluation()
NAMES = MARKET.ids
DERIBIT = deribit.Parameters(
    1, dampener_units=10**10, delta_threshold_units=10**10, delta_slope_ppm=300_000, least_move_ppm=5_000
)
BOXES = (Box(10_000, 10_000), Box(30_000, 4_000), Box(160_000, 200_000))
DENSE = 24
LOTS = st.fixed_dictionaries({name: st.integers(-1_000, 1_000) for name in NAMES}).map(
    lambda lots: lots | {"BTC": abs(lots["BTC"])}
)


@cache
def loss(name, move, power, direction):
    return rulebook.loss(MARKET, MARKET.listing(name), move, power, direction)


@cache
def delta(name, move):
    """The dollar delta after a move, by a difference of values: exact enough beside what a box adds."""
    step = Fraction(1, 10**4)
    item = MARKET.listing(name)
    return (
        (rulebook.value(MARKET, item, move + step) - rulebook.value(MARKET, item, move - step))
        / (2 * step)
        * (1 + move)
    )


def needed(family, parameters, lots, move):
    """Return the equity at the marks that the rule asks for after a move of the market."""

    def lost(at, direction):
        return sum(count * loss(name, at, parameters.vega_power, direction) for name, count in lots.items())

    here = lost(move, "same")
    worst = Fraction(0)
    for row in family.moves(parameters):
        there = lost((1 + move) * (1 + Fraction(row.price_ppm, PPM)) - 1, row.direction)
        worst = max(worst, row.weight * (there - here) - row.relief_units)
    rate = Fraction(getattr(parameters, "annualised_move_ppm", 0) or getattr(parameters, "basis_ppm", 0), PPM)
    least = Fraction(getattr(parameters, "least_move_ppm", 0), PPM)
    rolled = sum(
        max(least, rate * MARKET.years(names[0])) * abs(sum(lots[name] * delta(name, move) for name in names))
        for names in MARKET.expiries().values()
    )
    if family is grids:
        return here + worst + rolled + contingencies(parameters, lots) * (1 + move)
    net = abs(sum(count * delta(name, move) for name, count in lots.items()))
    shock = Fraction(parameters.delta_slope_ppm, PPM) * max(0, net - parameters.delta_threshold_units)
    return here + Fraction(parameters.maintenance_ppm, PPM) * (worst + rolled + shock)


def contingencies(parameters, lots):
    rates = {Linear: lambda count: abs(count) * parameters.contract_ppm, Option: lambda count: -min(0, count)}
    total = 0
    for name, count in lots.items():
        kind = type(MARKET.listing(name).instrument)
        times = rates.get(kind, lambda count: 0)(count) * (parameters.short_option_ppm if kind is Option else 1)
        total += times * MARKET.forward_units(name)
    return Fraction(total, PPM)


def required(model, lots):
    snapshot = replace(sample.snapshot(), models=(model,))
    return rules.assess(snapshot, Claim("maintenance", "house"), Book(lots)).requirement_units


def dense(box):
    return [Fraction(box.width_ppm * step, PPM * DENSE) for step in range(-DENSE, DENSE + 1)]


@given(LOTS, st.sampled_from(BOXES))
def test_whoever_meets_deribit_in_a_box_meets_it_at_every_price_inside(lots, box):
    enough = required(variant_by_index(deribit, BOXES.index(box)), lots) + tolerance(lots)
    assert all(needed(deribit, DERIBIT, lots, move) <= enough for move in dense(box))


@given(LOTS, st.sampled_from(BOXES))
def test_whoever_meets_a_grid_in_a_box_meets_it_at_every_price_inside(root, lots, box):
    parameters = replace(published(root, "okx-btc", grids), multipliers=(), contract_ppm=2_000, short_option_ppm=5_000)
    model = grids_variant(parameters, BOXES.index(box))
    enough = required(model, lots) + tolerance(lots)
    assert all(needed(grids, parameters, lots, move) <= enough for move in dense(box))


@cache
def variant_by_index(family, number):
    return family.boxed("house", DERIBIT, MARKET, BOXES[number])


@cache
def grids_variant(parameters, number):
    return grids.boxed("house", parameters, MARKET, BOXES[number])


def tolerance(lots):
    """A short lot reads the integer of the long one, by less than a unit; differences of values are no better."""
    return 10 * sum(map(abs, lots.values()))


STRADDLE = dict.fromkeys(NAMES, 0) | {"BTC-27FEB26-100000-C": 100, "BTC-27FEB26-100000-P": 100}
WIDE = Box(160_000, 1_000_000)


def without_sag(model, sag):
    """Return a variant whose bound between the nodes is another one."""
    terms = tuple(
        (weight, sag if getattr(child, "name", "") == "sag" else child) for weight, child in model.maintenance.terms
    )
    rule = replace(model.maintenance, terms=terms)
    return Model("house", 1, rule, rule)


def test_a_long_straddle_loses_most_between_the_nodes_and_only_a_charge_on_long_lots_sees_it():
    plain = replace(DERIBIT, least_move_ppm=0, annualised_move_ppm=0, delta_slope_ppm=0, extended_ppm=())
    model = deribit.boxed("house", plain, MARKET, WIDE)
    sag = next(node for node in walk(model.maintenance) if isinstance(node, Part) and node.name == "sag")
    most = max(needed(deribit, plain, STRADDLE, move) for move in dense(WIDE))
    shorts = Part("sag", Sides({}, sag.of.long))
    assert required(without_sag(model, shorts), STRADDLE) < most <= required(model, STRADDLE)


def test_a_short_lot_needs_no_charge_between_nodes():
    short = {name: -count for name, count in STRADDLE.items()}
    model = deribit.boxed("house", DERIBIT, MARKET, WIDE)
    sag = next(node for node in walk(model.maintenance) if isinstance(node, Part) and node.name == "sag")
    assert expressions.value(sag.of, Marks(dict.fromkeys(NAMES, 0), {}), short) == 0
    assert max(needed(deribit, DERIBIT, short, move) for move in dense(WIDE)) <= required(model, short) + 10_000


def test_a_finer_step_lowers_what_is_charged_between_the_nodes():
    coarse, fine = (
        sum(boxes.sags(MARKET, DERIBIT.vega_power, deribit.moves(DERIBIT), Box(40_000, step)).long.values())
        for step in (40_000, 10_000)
    )
    assert fine < coarse / 10


def test_a_box_is_proved_with_the_least_cash_and_not_with_a_unit_less():
    model = deribit.boxed("house", DERIBIT, MARKET, BOXES[0])
    snapshot, claim = replace(sample.snapshot(), models=(model,)), Claim("maintenance", "house")
    lots = dict.fromkeys(NAMES, 0) | {"BTC-PERP": -700, "BTC-27FEB26-100000-C": 9, "BTC-27MAR26-80000-P": -5}
    circuit, system = compiled(snapshot, claim, [*NAMES, "USD"])
    without = rules.assess(snapshot, claim, Book(lots | {"USD": 0}))
    least = -(without.slack_scaled // without.scale)
    assert is_proved(circuit, system, lots | {"USD": least})
    assert not is_proved(circuit, system, lots | {"USD": least - 1})


def test_a_claim_inside_the_box_holds_at_the_marks_too():
    lots = dict.fromkeys(NAMES, 0) | {"BTC-PERP": -700, "BTC-27FEB26-100000-C": 9}
    assert required(deribit.model("house", DERIBIT, MARKET), lots) < required(variant_by_index(deribit, 0), lots)


def test_a_row_that_counts_more_than_once_is_refused_in_a_box():
    rows = [boxes.Move(-100_000, "same", Fraction(3, 2))]
    with pytest.raises(StatementError, match="share \\* weight of a row must be at most 1 in a box, got 3/2"):
        boxes.charges(MARKET, VegaPower(0, 0), rows, Fraction(1), BOXES[0])


@pytest.mark.parametrize("width_ppm, step_ppm", [(0, 1), (PPM, 1), (1, 0)])
def test_a_box_out_of_bounds_is_refused(width_ppm, step_ppm):
    with pytest.raises(StatementError, match="of a box must be between 1 and"):
        Box(width_ppm, step_ppm)


def test_a_box_has_a_row_for_every_node_of_every_band():
    model = variant_by_index(deribit, 0)
    widths = {
        node.name: node.of.of.rows for node in walk(model.maintenance) if isinstance(getattr(node, "of", 0), Worst)
    }
    assert widths["box"] == 3
    assert 9 * 3 * 3 <= widths["grid/1"] <= 9 * 4 * 3
    assert isinstance(model.maintenance.terms[0][1], Largest)
