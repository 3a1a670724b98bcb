"""Portfolio margins of three venues: the rulebook, the plain rule and the constraints decide alike, to the unit."""

from dataclasses import replace
from fractions import Fraction
from functools import cache
from math import ceil, floor

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.laws import portfolio_rules as rulebook
from tests.laws.test_composed_models import Cheat, compiled, is_proved
from zkmargin import documents
from zkmargin.amounts import PPM, Ratio
from zkmargin.errors import WitnessError
from zkmargin.margin import rules
from zkmargin.margin.claim import Claim
from zkmargin.margin.families import deribit, derive, grids
from zkmargin.margin.portfolio import Book
from zkmargin.market import sample

USD = 10**6
MARKET = sample.revaluation()
NAMES = MARKET.ids
LOTS = st.one_of(
    st.fixed_dictionaries({name: st.integers(-3, 3) for name in NAMES}),
    st.fixed_dictionaries({name: st.integers(-(10**6), 10**6) for name in NAMES}),
)
THRESHOLDS = st.sampled_from([Ratio(1, 1), Ratio(11, 10), Ratio(59, 60)])  # few: each is compiled once
DERIBIT = deribit.Parameters(
    1, dampener_units=100_000 * USD, delta_threshold_units=10**11, delta_slope_ppm=300_000, protection_units=7 * USD
)
DERIVE = derive.Parameters(1)


def published(root, name, family):
    return family.Parameters.from_document(
        documents.read_file(root / "docs" / "models" / "parameters" / f"{name}.json")
    )


@cache
def statement(family, parameters, kind, threshold):
    snapshot = replace(sample.snapshot(), models=(family.model("house", parameters, MARKET),))
    claim = Claim(kind, "house", threshold)
    return snapshot, claim, *compiled(snapshot, claim, [*NAMES, "USD"])


def check_boundary(stated, lots, requirement):
    """With the least cash that the rulebook asks for a book is proved, and with one unit less it is not."""
    snapshot, claim, circuit, system = stated
    worth = sum(snapshot.listing(name).worth_units(count) for name, count in lots.items())
    least = ceil(requirement * claim.threshold.numerator / claim.threshold.denominator) - worth
    assert is_proved(circuit, system, lots | {"USD": least})
    assert not is_proved(circuit, system, lots | {"USD": least - 1})
    assert rules.assess(snapshot, claim, Book(lots | {"USD": least})).holds


@given(LOTS, THRESHOLDS, st.sampled_from([0, DERIBIT.dampener_units]), st.sampled_from(["maintenance", "initial"]))
def test_deribit_is_proved_exactly_when_its_rulebook_says_so(lots, threshold, dampener, kind):
    parameters = replace(DERIBIT, dampener_units=dampener)
    whole = rulebook.deribit(parameters, MARKET, lots)
    expected = whole * Fraction(4, 5) if kind == "maintenance" else whole + 7 * USD
    check_boundary(statement(deribit, parameters, kind, threshold), lots, expected)


@given(LOTS, THRESHOLDS, st.sampled_from(["bybit-btc", "okx-btc"]), st.sampled_from(["maintenance", "initial"]))
def test_a_grid_is_proved_exactly_when_its_rulebook_says_so(root, lots, threshold, name, kind):
    parameters = published(root, name, grids)
    expected = rulebook.grid(parameters, MARKET, lots)
    factor = Fraction(parameters.initial_ppm if kind == "initial" else PPM, PPM)
    check_boundary(statement(grids, parameters, kind, threshold), lots, factor * expected)


@given(LOTS, st.sampled_from(["maintenance", "initial"]))
def test_derive_is_proved_when_its_rulebook_says_so_with_the_stated_overcharge_on_top(lots, kind):
    snapshot, claim, circuit, system = statement(derive, DERIVE, kind, Ratio(1, 1))
    exact, overcharge = rulebook.derive(DERIVE, MARKET, lots, initial=kind == "initial")
    worth = sum(snapshot.listing(name).worth_units(count) for name, count in lots.items())
    without = rules.assess(snapshot, claim, Book(lots | {"USD": 0}))
    least = -(without.slack_scaled // without.scale)
    # Units a lot from losses, and a millionth of an option's value and of a basis loss from rates in ppm.
    rounded = 2 + sum(abs(count) * (4 + 2 * MARKET.forward_units(name) // PPM) for name, count in lots.items())
    assert floor(exact) - rounded <= least + worth <= exact + overcharge + rounded
    assert is_proved(circuit, system, lots | {"USD": least})
    assert not is_proved(circuit, system, lots | {"USD": least - 1})


def test_a_book_of_shorts_is_overcharged_by_derive_and_a_book_of_longs_is_not():
    """The skew scenarios alone, for a spread whose skew gain would be punished."""
    long_only = dict.fromkeys(NAMES, 0) | {"BTC-27MAR26-100000-C": 5}
    assert rulebook.derive(DERIVE, MARKET, long_only, initial=True)[1] == 0
    short_only = dict.fromkeys(NAMES, 0) | {"BTC-27MAR26-100000-C": -5}
    assert rulebook.derive(DERIVE, MARKET, short_only, initial=True)[1] > 0


@pytest.mark.parametrize("family, name", [(deribit, "deribit-btc"), (derive, "derive-btc"), (grids, "okx-btc")])
def test_a_published_parameter_file_reads_back_as_itself(root, family, name):
    parameters = published(root, name, family)
    assert family.Parameters.from_document(parameters.to_document()) == parameters


@given(LOTS, st.sampled_from(["deribit", "derive", "grid"]), st.lists(st.integers(-(2**40), 2**40), max_size=40))
def test_no_lie_in_a_helper_proves_a_unit_less(root, lots, name, lies):
    family, parameters = {
        "deribit": (deribit, DERIBIT),
        "derive": (derive, DERIVE),
        "grid": (grids, published(root, "okx-btc", grids)),
    }[name]
    snapshot, claim, circuit, system = statement(family, parameters, "maintenance", Ratio(1, 1))
    without = rules.assess(snapshot, claim, Book(lots | {"USD": 0}))
    least = -(without.slack_scaled // without.scale)
    with pytest.raises(WitnessError):
        circuit(Cheat(system.base, [lots | {"USD": least - 1}], lies))


@pytest.mark.parametrize("family, parameters", [(deribit, DERIBIT), (derive, DERIVE)])
def test_a_stress_claim_asks_for_the_whole_loss_of_a_far_move(family, parameters):
    snapshot = replace(sample.snapshot(), models=(family.model("house", parameters, MARKET),))
    lots = dict.fromkeys(NAMES, 0) | {"BTC-PERP": 1_000, "BTC": -3, "BTC-27FEB26-80000-P": -10}
    direction = "up" if family is deribit else "same"
    for side, move in (("down", -660_000), ("up", 500_000)):
        claim = Claim("stress", "house", stress=f"price-{side}-{abs(move)}:vol-{direction}")
        losses = {
            name: ceil(
                rulebook.loss(MARKET, MARKET.listing(name), Fraction(move, PPM), parameters.vega_power, direction)
            )
            for name in NAMES
        }
        expected = max(0, sum(lots[name] * losses[name] for name in NAMES))
        expected += rulebook.owed(MARKET, lots, Fraction(max(0, move), PPM))
        assert rules.assess(snapshot, claim, Book(lots)).requirement_units == expected
