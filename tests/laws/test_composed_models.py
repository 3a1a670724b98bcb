"""A composed model is decided alike by the plain rule, by a second evaluation in fractions, and by its constraints."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from circuits import claims
from circuits.registration import REGISTERED_BITS
from circuits.systems import Assignment, Shape, assign, compile_circuit
from tests.laws.margin_rules import expressions, leaves, naive
from zkmargin.amounts import PPM, Ratio
from zkmargin.commitments import Opening
from zkmargin.errors import WitnessError
from zkmargin.margin import expressions as plain
from zkmargin.margin import rules
from zkmargin.margin.claim import Claim
from zkmargin.margin.portfolio import Book
from zkmargin.market.expressions import Part, Root, total
from zkmargin.market.forms import NOTIONAL, Affine, Marks
from zkmargin.market.instruments import Cash, Collateral, Linear, Option
from zkmargin.market.models import Model
from zkmargin.market.snapshot import Listing, Snapshot

NAMES = ("CALL", "COIN", "FUTURE", "PERP")
EVERYTHING = Affine(dict.fromkeys(NAMES, 0), measure=NOTIONAL)  # mentions every id, charges none
LISTINGS = (
    Listing(Option("CALL", 10, "PERP", "call", 100, 9), 7),
    Listing(Cash("CASH")),
    Listing(Collateral("COIN", 3), 1_001, haircut_ppm=50_000),
    Listing(Linear("FUTURE", 2, 9), 90),
    Listing(Linear("PERP", 5), 101, funding_ticks=-3),
)
NOTIONALS = {listing.id: listing.notional_units for listing in LISTINGS}
SMALL = st.fixed_dictionaries({name: st.integers(-3, 3) for name in NAMES})
LOTS = st.one_of(SMALL, st.fixed_dictionaries({name: st.integers(-(2**30), 2**30) for name in NAMES}))
THRESHOLDS = st.builds(Ratio.of, st.integers(1, 60), st.integers(1, 60))


def market(requirement, deductions, capacity_bits=96):
    house = Model(
        "house", 1, total(EVERYTHING, requirement), total(EVERYTHING, requirement), {}, deductions, capacity_bits
    )
    return Snapshot("v", 1, 0, LISTINGS, models=(house,))


def compiled(snapshot, claim, lots, base=None):
    basis = tuple(sorted(lots))
    circuit = claims.circuit(snapshot, claim, basis)
    return circuit, compile_circuit(circuit, Shape((basis,), REGISTERED_BITS), base)


def is_proved(circuit, system, lots):
    try:
        witness = assign(circuit, system, [Opening(lots, 1)])
    except WitnessError:
        return False
    values = witness.values
    assert all(0 <= digit < system.base for digit in values[: system.digits])
    assert not any(form.evaluate(values) for form in system.constraints)
    for number, form in enumerate(system.products):
        assert values[system.digits + number] * values[system.right_start + number] == form.evaluate(values)
    return True


def least_cash(snapshot, claim, lots):
    without = rules.assess(snapshot, claim, Book(lots | {"CASH": 0}))
    return -(without.slack_scaled // without.scale)


@given(expressions(NAMES), SMALL)
def test_every_node_is_what_its_definition_says(rule, lots):
    marks = Marks(NOTIONALS, {})
    assert Fraction(plain.value(rule, marks, lots), rule.scale) == naive(rule, NOTIONALS, lots)


@given(leaves(NAMES), LOTS)
def test_every_leaf_is_convex_along_a_line(rule, lots):
    """Twice the middle is at most the ends; a root rounds up, by less than one, and a pairing deals in whole lots."""
    marks = Marks(NOTIONALS, {})
    slack = 2 if isinstance(rule, Root) else 0
    if rule.node == "pairing":
        return
    ends = [{name: factor * count for name, count in lots.items()} for factor in (-1, 1)]
    middle = plain.value(rule, marks, dict.fromkeys(NAMES, 0))
    assert 2 * middle <= sum(plain.value(rule, marks, end) for end in ends) + slack


@given(expressions(NAMES), expressions(NAMES), LOTS, THRESHOLDS, st.sampled_from([None, 2, 10]))
def test_a_book_is_proved_exactly_when_the_rule_holds_to_the_unit_of_cash(rule, deductions, lots, threshold, base):
    snapshot, claim = market(rule, deductions), Claim("maintenance", "house", threshold)
    circuit, system = compiled(snapshot, claim, lots | {"CASH": 0}, base)
    least = least_cash(snapshot, claim, lots)
    for cash in (least - 1, least, least + 1):
        book = lots | {"CASH": cash}
        assert is_proved(circuit, system, book) == rules.assess(snapshot, claim, Book(book)).holds == (cash >= least)


class Cheat(Assignment):
    """A prover who adds an amount to each helper, instead of what an honest one takes."""

    def __init__(self, base, books, lies):
        super().__init__(base, books)
        self.lies = iter(lies)

    def helper(self, candidates, bits):
        value = max(candidates) + next(self.lies, 0)
        self.nonnegative(value, bits)
        return value

    def helpers(self, given, choose, bits):
        values = [value + next(self.lies, 0) for value in choose(given)]
        for value, length in zip(values, bits, strict=True):
            self.nonnegative(value, length)
        return values


@given(
    expressions(NAMES),
    expressions(NAMES),
    SMALL,
    st.lists(st.one_of(st.integers(-2, 2), st.integers(-(2**60), 2**60)), max_size=12),
)
def test_no_lie_in_a_helper_proves_what_the_rule_denies(rule, deductions, lots, lies):
    snapshot, claim = market(rule, deductions), Claim("maintenance", "house")
    circuit, system = compiled(snapshot, claim, lots | {"CASH": 0})
    least = least_cash(snapshot, claim, lots)
    with pytest.raises(WitnessError):
        circuit(Cheat(system.base, [lots | {"CASH": least - 1}], lies))


@given(expressions(NAMES), expressions(NAMES), SMALL)
def test_naming_a_part_changes_nothing_but_the_report(rule, deductions, lots):
    claim, book = Claim("initial", "house"), Book(lots)
    bare = rules.assess(market(rule, deductions), claim, book)
    named = rules.assess(market(Part("rule", rule), Part("haircut", deductions)), claim, book)
    assert (named.slack_scaled, named.scale) == (bare.slack_scaled, bare.scale)
    assert [name for name, _ in named.parts] == ["rule"]


@given(expressions(NAMES), expressions(NAMES))
def test_a_model_reads_back_from_the_snapshot_that_carries_it(rule, deductions):
    snapshot = market(Part("rule", rule), deductions)
    again = Snapshot.from_bytes(snapshot.canonical_bytes())
    assert again == snapshot
    assert again.digest() == snapshot.digest()


@given(expressions(NAMES, [NOTIONAL]), expressions(NAMES, [NOTIONAL]), SMALL, st.integers(1, 300_000), st.data())
def test_a_box_claim_is_never_weaker_than_the_claim_at_a_price_inside(rule, deductions, lots, width_ppm, data):
    lots = {name: count for name, count in lots.items() if name != "CALL"}
    snapshot = market(rule, deductions)
    claim = Claim("box", "house", Ratio(1, 1), width_ppm)
    least = least_cash(snapshot, claim, lots)
    moved = {}
    for listing in LISTINGS:
        if listing.id in lots:
            low = listing.mark_ticks * (PPM - width_ppm) // PPM
            high = -(-listing.mark_ticks * (PPM + width_ppm) // PPM)
            moved[listing.id] = data.draw(st.integers(max(low, 1), high))
    inside = snapshot.next(0, moved)
    assert least_cash(inside, Claim("maintenance", "house"), lots) <= least
