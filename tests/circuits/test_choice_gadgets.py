"""Gadgets in which the prover makes a choice: none of the choices is worth less than the truth.

Every digit there is is tried, as in `test_gadgets`; the values of product slots follow from the digits. Each numbered
constraint has a lie that only this constraint stops: the lie satisfies the circuit from which it is taken out.
"""

from itertools import combinations, product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from circuits.gadgets.cut import cut
from circuits.gadgets.root import length
from circuits.gadgets.selector import cheapest, one_hot
from circuits.gadgets.tail import tail
from circuits.systems import Assignment, Shape, assign, compile_circuit
from tests.attacks.register import register
from zkmargin.algebra.scalars import ORDER
from zkmargin.commitments import Opening
from zkmargin.errors import StatementError, WitnessError
from zkmargin.margin.expressions import least_root
from zkmargin.market.expressions import Strategy

attacked, attacks = register()
# The threshold (1) of a tail is free: no value of it makes the tail smaller.
NUMBERED = {("selector", 1), ("selector", 2), ("selector", 3), ("tail", 2), ("tail", 3)}
NUMBERED |= {("root", 1), ("root", 2), ("cut", 1), ("cut", 2), ("cut", 3)}
VALUES = st.lists(st.integers(-(2**40), 2**40), min_size=1, max_size=6)


def told(gadget):
    """The circuit that publishes a gadget's value as the committed quantity `out`."""

    def circuit(builder):
        builder.zero(builder.combine([(1, gadget(builder)), (-1, builder.quantity("out"))]))

    return circuit


def system_of(circuit, labels, base=None, quantity_bits=8):
    return compile_circuit(circuit, Shape((tuple(sorted(labels)),), quantity_bits), base)


def completed(system, digits, books):
    """All values of the variables: the factors and results of product slots follow from the rows that define them."""
    values = [*digits, *[0] * (system.variables - system.digits)]
    values[system.book_start(0) :] = books
    for number, form in enumerate(system.products):
        for place in (system.digits + number, system.right_start + number):
            row = next(row for row in system.rows if place in row.indices)
            values[place] = -row.evaluate(values)
            assert row.coefficients[row.indices.index(place)] == 1
        (wire,) = form.indices
        values[wire] = values[system.digits + number] * values[system.right_start + number]
    return values


def reachable(gadget, base, **lots):
    """Every value of the gadget that some choice of digits justifies."""
    system = system_of(told(gadget), [*lots, "out"], base)
    *rows, last = system.rows
    books = [lots.get(label, 0) for label in system.basis]
    found = set()
    for digits in product(range(base), repeat=system.digits):
        values = completed(system, digits, books)
        if not any(row.evaluate(values) % ORDER for row in rows):
            found.add(last.evaluate(values))
    return found


def satisfies(system, values):
    """Whether the rows and product slots hold modulo the order; digits are looked at by the tests that lie in them."""
    slots = zip(values[system.digits : system.slots], values[system.right_start : system.wire_start], strict=True)
    products = zip(slots, system.products, strict=True)
    return not any(form.evaluate(values) % ORDER for form in system.constraints) and all(
        (one * other - form.evaluate(values)) % ORDER == 0 for (one, other), form in products
    )


def quantities(builder, labels):
    return [builder.quantity(label) for label in labels]


def better(builder):
    return cheapest(builder, quantities(builder, "XYZ"))


def tail_of_two(builder):
    return tail(builder, quantities(builder, "XYZ"), 2, 1)


def hypotenuse(builder):
    return length(builder, quantities(builder, "XY"), 2, least_root)


SPREADS = (Strategy("spread", {"X": 1, "Y": -1}, 1), Strategy("double", {"X": -2}, 1))


def naked_and_paired(builder, choose=lambda lots: [0, 0]):
    books = {label: builder.quantity(label) for label in "XY"}
    return cut(builder, books, SPREADS, {"X": 2}, {"X": 3, "Y": 2}, choose, 2)


def charge_of(x, y, spreads, doubles):
    x, y = x - spreads + 2 * doubles, y + spreads
    return spreads + doubles + 2 * max(0, x) + 3 * max(0, -x) + 2 * max(0, -y)


# ---- every prover ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("base", [2, 3, 4])
def test_a_chosen_value_is_one_of_the_values_and_never_a_mixture(base):
    for lots in product((-2, 0, 3), repeat=3):
        assert reachable(better, base, **dict(zip("XYZ", lots, strict=True))) == set(lots)


def test_no_threshold_and_no_excess_makes_a_tail_smaller():
    for lots in product((-2, 0, 1), repeat=3):
        assert min(reachable(tail_of_two, 2, **dict(zip("XYZ", lots, strict=True)))) == sum(sorted(lots)[1:])


@pytest.mark.parametrize("base", [2, 3])
def test_no_root_is_shorter_than_the_vector(base):
    for x, y in product((-2, -1, 0, 2), repeat=2):
        assert min(reachable(hypotenuse, base, X=x, Y=y)) == least_root(x * x + y * y)


def test_no_cut_is_charged_less_than_the_cheapest_one_there_is():
    for x, y in product((-2, 0, 1), repeat=2):
        truth = min(charge_of(x, y, *counts) for counts in product(range(4), repeat=2))
        assert min(reachable(naked_and_paired, 2, X=x, Y=y)) == truth


# ---- an honest prover ------------------------------------------------------------------------------------------------


def value_of(gadget, **lots):
    return gadget(Assignment(64, [lots]))


@given(VALUES)
def test_an_honest_prover_chooses_the_least_value(values):
    def gadget(builder):
        return cheapest(builder, [builder.combine([], value) for value in values])

    assert value_of(gadget) == min(values)


@given(VALUES, st.data())
def test_an_honest_tail_is_the_sum_of_the_largest(values, data):
    count = data.draw(st.integers(1, len(values)))

    def gadget(builder):
        return tail(builder, [builder.combine([], value) for value in values], count, 41)

    assert value_of(gadget) == max(map(sum, combinations(values, count)))


@given(VALUES)
def test_an_honest_root_is_the_least_one(values):
    def gadget(builder):
        return length(builder, [builder.combine([], value) for value in values], 44, least_root)

    found, squares = value_of(gadget), sum(value * value for value in values)
    assert found**2 >= squares
    assert found == 0 or (found - 1) ** 2 < squares


@given(st.integers(-9, 9), st.integers(-9, 9), st.integers(0, 9), st.integers(0, 9))
def test_an_honest_cut_is_charged_as_it_is_cut(x, y, spreads, doubles):
    def gadget(builder):
        books = {label: builder.quantity(label) for label in "XY"}
        return cut(builder, books, SPREADS, {"X": 2}, {"X": 3, "Y": 2}, lambda lots: [spreads, doubles], 8)

    assert value_of(gadget, X=x, Y=y) == charge_of(x, y, spreads, doubles)


# ---- one lie for each number -----------------------------------------------------------------------------------------


def lie(gadget, values, **lots):
    """The system of a gadget that publishes its value, and a dishonest value of every variable."""
    system = system_of(told(gadget), [*lots, "out"])
    books = [lots.get(label, 0) for label in system.basis]
    digits = [0] * system.digits
    numbers = [*values, *[0] * (system.digits - len(values))]
    digits[: len(numbers)] = numbers
    filled = completed(system, digits, books)
    filled[system.book_start(0) + system.basis.index("out")] = system.rows[-1].evaluate(filled)
    return system, filled


@attacks(("selector", 1))
def test_half_of_one_branch_and_half_of_the_other_is_no_choice():
    """Halves add up to one; only that a bit is a digit, a whole number, stops them."""
    half = pow(2, -1, ORDER)
    system, values = lie(better, [half, half, 0], X=2, Y=4, Z=9)
    assert system.digits == 3
    assert satisfies(system, values), "3, the mean of 2 and 4, would be the charge"
    assert not all(0 <= digit < system.base for digit in values[:3])


@attacks(("selector", 1))
def test_minus_one_and_two_are_no_choice():
    system, values = lie(better, [2, -1 % ORDER, 0], X=2, Y=4, Z=9)
    assert satisfies(system, values), "2 * 2 - 4 = 0 would be the charge"
    assert not all(0 <= digit < system.base for digit in values[:3])


@attacks(("selector", 2))
@pytest.mark.parametrize("bits", [(0, 0, 0), (1, 1, 0), (2, 0, 0)])
def test_no_bit_and_two_bits_are_no_choice(bits):
    def without(builder):
        values = quantities(builder, "XYZ")
        chosen = builder.helpers(values, one_hot, [1, 1, 1])
        return builder.combine([(1, builder.product(*pair)) for pair in zip(chosen, values, strict=True)])

    lots = {"X": -5, "Y": -7, "Z": 0}
    wanted = sum(bit * value for bit, value in zip(bits, lots.values(), strict=True))
    assert wanted in reachable(without, 3, **lots)
    system, values = lie(better, bits, **lots)
    assert not satisfies(system, values)


@attacks(("selector", 3))
def test_a_chosen_value_that_is_not_the_product_of_its_bit_is_refused():
    system, values = lie(better, [0, 1, 0], X=5, Y=7, Z=9)
    assert satisfies(system, values)
    for place in range(system.digits, system.book_start(0)):
        changed = list(values)
        changed[place] -= 1
        changed[system.book_start(0) + system.basis.index("out")] -= 1
        assert not satisfies(system, changed)


@attacks(("tail", 2))
def test_a_negative_excess_is_no_excess():
    def without(builder):
        values = quantities(builder, "XYZ")
        (shifted,) = builder.helpers(values, lambda given: [2], [2])
        threshold = builder.combine([(1, shifted)], -2)
        return builder.combine([(2, threshold), *((1, builder.combine([(1, v), (-1, threshold)])) for v in values)])

    lots = {"X": -2, "Y": 0, "Z": 0}
    assert min(reachable(without, 4, **lots)) < 0 <= min(reachable(tail_of_two, 2, **lots))


@attacks(("tail", 3))
def test_an_excess_that_is_understated_is_refused():
    def without(builder):
        values = quantities(builder, "XYZ")
        (shifted,) = builder.helpers(values, lambda given: [2], [2])
        threshold = builder.combine([(1, shifted)], -2)
        return builder.combine([(2, threshold), *((1, builder.helper([threshold], 1)) for _ in values)])

    lots = {"X": 1, "Y": 1, "Z": 1}
    assert min(reachable(without, 2, **lots)) < 2 == min(reachable(tail_of_two, 2, **lots))


@attacks(("root", 1))
def test_a_negative_root_is_no_root():
    system = system_of(told(hypotenuse), ["X", "Y", "out"])
    whole = assign(told(hypotenuse), system, [Opening({"X": 2, "Y": 0, "out": 2}, 1)]).values
    assert satisfies(system, list(whole))
    digits = list(whole[: system.digits])
    first = next(place for place in range(system.digits) if digits[place])
    digits[first] = -2 % ORDER if digits[first] == 2 else digits[first]
    books = [2, 0, 0]
    turned = completed(system, digits, books)
    turned[system.book_start(0) + system.basis.index("out")] = system.rows[-1].evaluate(turned) % ORDER
    assert satisfies(system, turned), "(-2)^2 is 4 too: a charge of -2 would be proved"
    assert not all(0 <= digit < system.base for digit in digits)


@attacks(("root", 2))
def test_a_root_whose_square_is_too_small_is_refused():
    for understated in (0, 1, 2):
        with pytest.raises(WitnessError):
            length(Lying(64, [{"X": 2, "Y": 2}], understated), [2, 2], 3, least_root)
    assert length(Lying(64, [{"X": 2, "Y": 2}], 3), [2, 2], 3, least_root) == 3


@pytest.mark.parametrize("factor", [2**16, 2**20, 2**140])
def test_a_root_that_could_wrap_around_is_refused(factor):
    def circuit(builder):
        length(builder, [builder.combine([(factor, builder.quantity("X"))])], 100, least_root)

    with pytest.raises(StatementError, match="could wrap around"):
        system_of(circuit, "X", quantity_bits=112)


@attacks(("cut", 1))
def test_a_strategy_used_a_negative_number_of_times_is_no_strategy():
    """Minus one spread of charge 1 would be a credit of 1."""
    for counts in ([-1, 0], [0, -1]):
        with pytest.raises(WitnessError):
            naked_and_paired(Assignment(64, [{"X": 0, "Y": 0}]), lambda lots, counts=counts: counts)
    assert min(charge_of(-1, 1, -1, 0), charge_of(1, -1, 1, 0)) < charge_of(-1, 1, 0, 0)


@attacks(("cut", 2))
def test_a_cut_that_does_not_balance_is_refused():
    """With the rest as a helper of its own, a short leg would just not be mentioned."""

    def without(builder):
        books = {label: builder.quantity(label) for label in "XY"}
        rests = {label: builder.helper([quantity], 2) for label, quantity in books.items()}
        return cut(builder, rests, SPREADS, {"X": 2}, {"X": 3, "Y": 2}, lambda lots: [0, 0], 2)

    assert min(reachable(without, 2, X=-2, Y=0)) == 0 < min(reachable(naked_and_paired, 2, X=-2, Y=0))


@attacks(("cut", 3))
def test_a_naked_leg_that_is_understated_is_refused():
    honest = min(charge_of(-2, -2, *counts) for counts in product(range(4), repeat=2))
    assert min(reachable(naked_and_paired, 2, X=-2, Y=-2)) == honest > 0


class Lying(Assignment):
    """A prover who states a value of its own for every helper that is chosen freely."""

    def __init__(self, base, books, stated):
        super().__init__(base, books)
        self.stated = stated

    def helpers(self, given, choose, bits):
        return super().helpers(given, lambda values: [self.stated] * len(bits), bits)


def test_every_numbered_constraint_of_these_gadgets_has_its_lie():
    assert set(attacked) == NUMBERED
