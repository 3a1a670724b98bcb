"""What the readers of a circuit refuse, and where they put what they have read."""

from itertools import product

import pytest

from circuits.gadgets.ranges import between
from circuits.gadgets.square import square
from circuits.systems import (
    _PRIMITIVE_ELEMENT,
    Constraints,
    Shape,
    assign,
    compile_circuit,
    rank_one,
    rank_one_vector,
)
from zkmargin.algebra.scalars import ORDER
from zkmargin.commitments import Opening
from zkmargin.errors import StatementError, WitnessError
from zkmargin.proofs.constraints import MAX_ROWS

CASH = Shape((("USD",),), 9)
TWO_BOOKS = Shape((("BTC", "USD"), ("USD",)), 9)
FACTORS = (2, 3, 11, 19, 10177, 125527, 859267, 906349, 2508409, 2529403, 52437899, 254760293)


@pytest.mark.parametrize("label, commitment", [("EUR", 0), ("USD", 1), ("USD", -1), ("EUR", 7)])
def test_a_quantity_that_is_not_committed_is_refused(label, commitment):
    with pytest.raises(StatementError, match=f"^commitment {commitment} has no quantity of {label}"):
        Constraints(CASH).quantity(label, commitment)


def test_quantities_of_two_books_are_told_apart():
    reader = Constraints(TWO_BOOKS)
    terms = [next(iter(reader.quantity(label, book).terms)) for book, label in product((0, 1), ("BTC", "USD"))]
    assert len(set(terms)) == 4


def test_as_many_rows_are_read_as_the_limit_says_and_not_one_more():
    reader = Constraints(CASH)
    for _ in range(MAX_ROWS):
        reader.zero(reader.quantity("USD"))
    with pytest.raises(StatementError, match=f"^number of rows must be between 0 and {MAX_ROWS}, got {MAX_ROWS + 1}"):
        reader.zero(reader.quantity("USD"))


def pinned_and_ranged(builder):
    # A range of a single value is a number of no digits.
    between(builder, builder.quantity("BTC"), 5, 5)
    between(builder, builder.quantity("USD"), 0, 80)


@pytest.mark.parametrize("base", [2, 3, 81])
def test_a_number_of_no_digits_changes_nothing_about_the_others(base):
    shape = Shape((("BTC", "USD"),), 9)
    system = compile_circuit(pinned_and_ranged, shape, base)
    assert system.base == base
    for btc, usd in ((5, 0), (5, 80)):
        witness = assign(pinned_and_ranged, system, [Opening({"BTC": btc, "USD": usd}, 1)])
        assert not any(row.evaluate(witness.values) for row in system.rows)
    for btc, usd in ((4, 0), (6, 0), (5, -1), (5, 81)):
        with pytest.raises(WitnessError):
            assign(pinned_and_ranged, system, [Opening({"BTC": btc, "USD": usd}, 1)])


def test_a_circuit_without_numbers_has_no_digits_and_the_smallest_base():
    system = compile_circuit(lambda builder: square(builder, builder.quantity("USD")), CASH, 64)
    assert (system.digits, system.base, system.multiplicities) == (0, 2, 0)


def test_an_opening_of_other_ids_or_of_another_number_of_books_is_refused():
    def circuit(builder):
        between(builder, builder.quantity("USD", 1), 0, 1)

    system = compile_circuit(circuit, TWO_BOOKS)
    one, two = Opening({"BTC": 1, "USD": 2}, 1), Opening({"USD": 0}, 2)
    assert assign(circuit, system, [one, two]).values == [0, 1, 1, 2, 0, 0]
    for wrong in ([two, one], [one, one], [Opening({"BTC": 1}, 1), two]):
        with pytest.raises(StatementError, match="must name the same assets and instruments"):
            assign(circuit, system, wrong)
    for wrong in ([one], [one, two, two]):
        with pytest.raises(ValueError, match="zip"):
            assign(circuit, system, wrong)


def two_products(builder):
    btc, usd = builder.quantity("BTC"), builder.quantity("USD")
    first = builder.product(btc, usd)
    second = builder.product(usd, builder.combine([(1, btc)], 4))
    builder.zero(builder.combine([(1, first), (1, second)], -50))


def test_the_matrices_of_several_products_are_those_of_each():
    shape = Shape((("BTC", "USD"),), 9)
    system = compile_circuit(two_products, shape)
    A, B, C = rank_one(system)
    # 3 * 5 = 15 and 5 * 7 = 35.
    values = list(assign(two_products, system, [Opening({"BTC": 3, "USD": 5}, 1)]).values)

    def holds(values):
        z = rank_one_vector(system, values)
        return bool(((A @ z) * (B @ z) == C @ z).all())

    assert holds(values)
    for place in range(system.variables):
        assert not holds([value + (index == place) for index, value in enumerate(values)])
    # A false product that the sum of both does not show.
    wires = system.wire_start
    assert not holds([*values[:wires], 16, 34, *values[wires + 2 :]])


def test_the_element_that_galois_is_told_to_be_primitive_is():
    # Nobody checks it for us, and nobody has to: but it should not be a lie.
    rest = int(ORDER) - 1
    for factor in FACTORS:
        while rest % factor == 0:
            rest //= factor
    assert rest == 1
    assert all(pow(_PRIMITIVE_ELEMENT, (int(ORDER) - 1) // factor, int(ORDER)) != 1 for factor in FACTORS)
