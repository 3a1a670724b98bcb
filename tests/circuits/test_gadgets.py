"""Gadgets: exact for an honest prover, and never below the truth for any prover.

The exhaustive tests do not run the honest prover. They compile a gadget over small numbers, try every digit there is,
and keep whatever satisfies the rows.
"""

from dataclasses import dataclass
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from circuits.gadgets.absolute import absolute, short_part
from circuits.gadgets.maximum import maximum
from circuits.gadgets.piecewise import convex
from circuits.gadgets.ranges import between, bounded
from circuits.gadgets.square import square
from circuits.systems import Assignment, Shape, assign, compile_circuit
from zkmargin.algebra.scalars import ORDER
from zkmargin.amounts import QUANTITY_BITS
from zkmargin.commitments import Opening
from zkmargin.errors import StatementError, WitnessError
from zkmargin.proofs import constraints

LOTS = st.integers(1 - 2**QUANTITY_BITS, 2**QUANTITY_BITS - 1)
BASES = (2, 3, 4, 5)


@dataclass(frozen=True)
class Line:
    """A piece of a convex charge."""

    per_lot: int
    per_absolute_lot: int
    constant: int

    def at(self, lots):
        return self.per_lot * lots + self.per_absolute_lot * abs(lots) + self.constant


BENT = (Line(-1, 1, 0), Line(-1, 2, -2))
STRAIGHT = (Line(-2, 0, 0), Line(-1, 0, 0), Line(0, 0, -1))


def shorts(builder):
    return short_part(builder, builder.quantity("X"), 2)


def sizes(builder):
    return absolute(builder, builder.quantity("X"), 2)


def bent(builder):
    return convex(builder, builder.quantity("X"), BENT, 2, 2)


def straight(builder):
    return convex(builder, builder.quantity("X"), STRAIGHT, 2, 3)


# gadget, what it is to compute
OF_ONE = {
    "short_part": (shorts, lambda lots: max(0, -lots)),
    "absolute": (sizes, abs),
    "convex, with |q|": (bent, lambda lots: max(piece.at(lots) for piece in BENT)),
    "convex, without |q|": (straight, lambda lots: max(piece.at(lots) for piece in STRAIGHT)),
}
EACH_GADGET = pytest.mark.parametrize("gadget, truth", list(OF_ONE.values()), ids=list(OF_ONE))
EACH_BASE = pytest.mark.parametrize("base", BASES)


def value_of(gadget, **lots):
    """What an honest prover's reader computes."""
    return gadget(Assignment(64, [lots]))


def told(gadget):
    """The circuit that publishes a gadget's value as the committed quantity `out`."""

    def circuit(builder):
        builder.zero(builder.combine([(1, gadget(builder)), (-1, builder.quantity("out"))]))

    return circuit


def system_of(circuit, labels, base, quantity_bits=8):
    return compile_circuit(circuit, Shape((tuple(sorted(labels)),), quantity_bits), base)


def reachable(gadget, base, **lots):
    """Every value of the gadget that some choice of digits justifies."""
    system = system_of(told(gadget), [*lots, "out"], base)
    *rows, last = system.rows
    books = [lots.get(label, 0) for label in system.basis]
    found = set()
    for digits in product(range(base), repeat=system.digits):
        values = [*digits, *books]
        if not any(row.evaluate(values) % ORDER for row in rows):
            found.add(last.evaluate(values))
    return found


def feasible(circuit, base, **lots):
    """Whether some choice of digits satisfies the rows."""
    system = system_of(circuit, lots, base)
    books = [lots[label] for label in system.basis]
    return any(
        not any(row.evaluate([*digits, *books]) % ORDER for row in system.rows)
        for digits in product(range(base), repeat=system.digits)
    )


# ---- every prover ----------------------------------------------------------------------------------------------------


@EACH_BASE
@EACH_GADGET
def test_no_choice_of_helpers_reaches_less_than_the_truth_and_one_reaches_it(gadget, truth, base):
    for lots in range(-3, 4):
        assert min(reachable(gadget, base, X=lots)) == truth(lots)


@pytest.mark.parametrize("base", [2, 3, 7])
def test_no_choice_of_helpers_makes_a_maximum_smaller(base):
    def largest(builder):
        return maximum(builder, [builder.quantity(label) for label in "XYZ"], 2)

    for x, y, z in product((-2, 0, 1), repeat=3):
        assert min(reachable(largest, base, X=x, Y=y, Z=z)) == max(x, y, z)


@EACH_BASE
@pytest.mark.parametrize("low, high", [(0, 1), (-3, 4), (2, 3), (-5, -1), (0, 7)])
def test_the_two_ends_of_a_range_are_exact_in_every_base(low, high, base):
    def circuit(builder):
        between(builder, builder.quantity("X"), low, high)

    assert [lots for lots in range(-12, 13) if feasible(circuit, base, X=lots)] == list(range(low, high + 1))


@EACH_BASE
def test_a_bounded_value_reaches_from_its_bound_to_the_end_of_the_digits(base):
    def circuit(builder):
        bounded(builder, builder.quantity("X"), 2)

    reach = next(base**length for length in range(9) if base**length >= 8)
    assert [lots for lots in range(-40, 41) if feasible(circuit, base, X=lots)] == list(range(-4, reach - 4))


def test_the_factors_and_the_result_of_a_square_are_determined():
    system = system_of(told(lambda builder: square(builder, builder.quantity("X"))), ["X", "out"], None)
    honest = assign(told(lambda builder: square(builder, builder.quantity("X"))), system, [book(X=-7, out=49)]).values
    assert satisfies(system, honest)
    for place, lie in product(range(len(honest)), (1, -1, 14, ORDER - 14)):
        assert not satisfies(system, [value + lie * (index == place) for index, value in enumerate(honest)])
    left, right, wire = system.digits, system.right_start, system.wire_start
    turned = list(honest)
    turned[left], turned[right] = -turned[left], -turned[right]
    assert turned[wire] == 49
    assert not satisfies(system, turned), "(-x) * (-x) is a square too, but of another value"


# ---- an honest prover ------------------------------------------------------------------------------------------------


@given(LOTS)
def test_helpers_of_an_honest_prover_are_exact(lots):
    assert value_of(lambda b: short_part(b, b.quantity("X"), QUANTITY_BITS), X=lots) == max(0, -lots)
    assert value_of(lambda b: absolute(b, b.quantity("X"), QUANTITY_BITS), X=lots) == abs(lots)
    assert value_of(lambda b: square(b, b.quantity("X")), X=lots) == lots**2


@given(st.lists(LOTS, min_size=1, max_size=6))
def test_the_maximum_of_an_honest_prover_is_the_largest_value(values):
    def largest(builder):
        return maximum(builder, [builder.combine([], value) for value in values], QUANTITY_BITS + 1)

    assert value_of(largest) == max(values)


@given(LOTS, st.lists(st.builds(Line, *[st.integers(-(2**40), 2**40), st.integers(0, 2**40), LOTS]), min_size=1))
def test_a_convex_charge_of_an_honest_prover_is_its_largest_piece(lots, pieces):
    charge = value_of(lambda b: convex(b, b.quantity("X"), pieces, QUANTITY_BITS, 128), X=lots)
    assert charge == max(piece.at(lots) for piece in pieces)


@EACH_BASE
@EACH_GADGET
def test_an_honest_prover_can_state_the_truth_and_nothing_else(gadget, truth, base):
    circuit = told(gadget)
    system = system_of(circuit, ["X", "out"], base)
    for lots in range(-3, 4):
        assert satisfies(system, assign(circuit, system, [book(X=lots, out=truth(lots))]).values)
        for lie in (-1, 1):
            with pytest.raises(WitnessError):
                assign(circuit, system, [book(X=lots, out=truth(lots) + lie)])


def test_a_value_outside_its_range_is_refused_without_naming_it():
    def circuit(builder):
        between(builder, builder.quantity("X"), -30, 40)

    system = system_of(circuit, ["X"], 8)
    for lots in (-31, 41, 777_777, -777_777):
        with pytest.raises(WitnessError) as refused:
            assign(circuit, system, [book(X=lots)])
        assert str(abs(lots)) not in str(refused.value)


def test_a_value_beyond_the_reach_of_the_digits_is_refused_and_the_last_within_is_not():
    def circuit(builder):
        builder.nonnegative(builder.quantity("X"), 5)

    system = system_of(circuit, ["X"], 3)
    assert satisfies(system, assign(circuit, system, [book(X=80)]).values)
    with pytest.raises(WitnessError, match="more than 5 bits"):
        assign(circuit, system, [book(X=81)])
    with pytest.raises(WitnessError, match="does not satisfy"):
        assign(circuit, system, [book(X=-1)])


# ---- statements that are refused -------------------------------------------------------------------------------------


def test_a_charge_that_rewards_size_is_refused():
    with pytest.raises(StatementError, match="negative coefficient"):
        value_of(lambda b: convex(b, b.quantity("X"), [Line(0, 1, 0), Line(0, -1, 0)], 8, 8), X=1)


def test_the_square_of_a_value_without_a_bound_is_refused():
    with pytest.raises(StatementError, match="no proved bound"):
        system_of(lambda builder: square(builder, builder.quantity("X")), ["X"], None, quantity_bits=None)


def test_four_squares_that_could_add_up_to_the_order_are_refused():
    def circuit(factor):
        def stated(builder):
            values = [builder.combine([(factor, builder.quantity(label))]) for label in "WXYZ"]
            total = builder.combine([(1, square(builder, value)) for value in values])
            builder.zero(total)

        return stated

    system_of(circuit(2**12), "WXYZ", None, quantity_bits=112)
    with pytest.raises(StatementError, match="could wrap around"):
        system_of(circuit(2**16), "WXYZ", None, quantity_bits=112)


# ---- wrap-around, exhaustively, in a field of 251 elements -----------------------------------------------------------

SMALL_ORDER = 251


def affordable(factor):
    """USD pays for `factor` times X."""

    def circuit(builder):
        left = builder.combine([(1, builder.quantity("USD")), (-factor, builder.quantity("X"))])
        builder.nonnegative(left, 4)

    return circuit


def registered(builder):
    for label in ("USD", "X"):
        bounded(builder, builder.quantity(label), 2)


def accepted(circuit, candidates, quantity_bits):
    """The pairs (USD, X) for which some digits satisfy every row modulo the small order; rows share no digits."""
    system = system_of(circuit, ["USD", "X"], 2, quantity_bits)
    found = set(candidates)
    for row in system.rows:
        used = [index for index in row.indices if index < system.digits]
        sums = set()
        for digits in product(range(2), repeat=len(used)):
            values = [0] * system.variables
            for index, digit in zip(used, digits, strict=True):
                values[index] = digit
            sums.add((row.evaluate(values) - row.constant) % SMALL_ORDER)
        nothing = [0] * system.digits
        found = {pair for pair in found if -row.evaluate([*nothing, *pair]) % SMALL_ORDER in sums}
    return found


@pytest.fixture
def small_field(monkeypatch):
    monkeypatch.setattr(constraints, "ORDER", SMALL_ORDER)


@pytest.mark.usefixtures("small_field")
def test_a_fractional_book_meets_the_claim_and_fails_the_registration():
    residues = list(product(range(SMALL_ORDER), repeat=2))
    claimed = accepted(affordable(3), residues, quantity_bits=3)
    bounded_ones = accepted(registered, residues, quantity_bits=None)
    third = pow(3, -1, SMALL_ORDER)
    fraction = (0, -third % SMALL_ORDER)  # minus a third of X: 0 + 3/3 >= 0
    assert fraction in claimed
    assert fraction not in bounded_ones

    def signed(residue):
        return residue - SMALL_ORDER if residue > SMALL_ORDER // 2 else residue

    both = {(signed(usd), signed(x)) for usd, x in claimed & bounded_ones}
    assert both == {(usd, x) for usd, x in product(range(-4, 4), repeat=2) if 0 <= usd - 3 * x < 16}


@pytest.mark.usefixtures("small_field")
def test_a_statement_that_is_not_refused_means_the_same_modulo_the_order_as_over_the_integers():
    books = list(product(range(-15, 16), repeat=2))
    outcomes = {}
    for factor in range(40):
        try:
            found = accepted(affordable(factor), books, quantity_bits=4)
        except StatementError as error:
            assert "could wrap around" in str(error)  # noqa: PT017 - both outcomes are right
            outcomes[factor] = "refused"
        else:
            assert found == {(usd, x) for usd, x in books if 0 <= usd - factor * x < 16}
            outcomes[factor] = "accepted"
    assert outcomes == dict.fromkeys(range(15), "accepted") | dict.fromkeys(range(15, 40), "refused")


def book(**lots):
    return Opening(lots, 1)


def satisfies(system, values):
    """Whether a value of every variable satisfies the system modulo the order, said once more."""
    digits = values[: system.digits]
    factors = zip(values[system.digits : system.slots], values[system.right_start : system.wire_start], strict=True)
    return (
        all(0 <= digit < system.base for digit in digits)
        and not any(form.evaluate(values) % ORDER for form in system.constraints)
        and all(
            (one * other - form.evaluate(values)) % ORDER == 0
            for (one, other), form in zip(factors, system.products, strict=True)
        )
    )
