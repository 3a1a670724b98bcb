from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zkmargin.algebra.scalars import ORDER
from zkmargin.errors import StatementError
from zkmargin.proofs import constraints
from zkmargin.proofs.constraints import (
    MANY,
    MAX_BASE,
    MAX_ROWS,
    MAX_SLOTS,
    MAX_WIRES,
    Affine,
    Intervals,
    Section,
    System,
)


def row(constant=0, **terms):
    """Return an affine form: ``row(-3, x0=1)`` is x_0 - 3."""
    pairs = sorted((int(name[1:]), value) for name, value in terms.items())
    return Affine(tuple(index for index, _ in pairs), tuple(value for _, value in pairs), constant)


# Flat: digits 0 and 1, product slot 2 (left) and 3 (right), wire 4, then q^(1) at 5, 6 and q^(2) at 7, 8.
PLAIN = System(
    basis=("BTC", "USD"),
    members=(("BTC", "USD"), ("USD",)),
    digits=2,
    base=4,
    products=(row(x4=1),),
    wires=1,
    rows=(row(x2=1, x6=-1), row(x3=1, x8=-1), row(x0=1, x1=4, x4=-1)),
    quantity_bits=8,
)


def changed(**changes):
    return replace(PLAIN, **changes)


def refused(match, **changes):
    with pytest.raises(StatementError, match=match):
        changed(**changes)


def test_the_flat_numbering_is_the_documented_one():
    assert (PLAIN.commitments, PLAIN.slots, PLAIN.multiplicities) == (2, 3, 3)
    assert (PLAIN.right_start, PLAIN.wire_start) == (3, 4)
    assert (PLAIN.book_start(0), PLAIN.book_start(1), PLAIN.variables) == (5, 7, 9)


def test_a_label_that_a_commitment_lacks_has_a_membership_row_after_the_others():
    assert PLAIN.constraints == (*PLAIN.rows, row(x7=1))
    assert PLAIN.forms == (*PLAIN.constraints, *PLAIN.products)


def test_without_digit_slots_nothing_is_counted():
    system = changed(digits=0, products=(row(x2=1),), rows=(row(x0=1, x4=-1), row(x1=1, x6=-1)))
    assert (system.slots, system.multiplicities) == (1, 0)


LIMITS = {
    "number of commitments must be between 1 and 2, got 0": {"members": ()},
    "number of commitments must be between 1 and 2, got 3": {"members": (("BTC", "USD"),) * 3},
    "number of coordinates must be between 1 and 4096, got 0": {"basis": ()},
    "number of coordinates must be between 1 and 4096, got 4097": {"basis": ("A",) * 4097},
    "number of digit slots must be between 0 and 65536, got -1": {"digits": -1},
    f"number of digit slots must be between 0 and 65536, got {MAX_SLOTS + 1}": {"digits": MAX_SLOTS + 1},
    "number of slots must be between 1 and 65536, got 0": {"digits": 0, "products": ()},
    f"number of slots must be between 1 and 65536, got {MAX_SLOTS + 1}": {"digits": MAX_SLOTS},
    "number of wires must be between 0 and 4096, got -1": {"wires": -1},
    f"number of wires must be between 0 and 4096, got {MAX_WIRES + 1}": {"wires": MAX_WIRES + 1},
    f"number of rows must be between 0 and 16384, got {MAX_ROWS + 1}": {"rows": (row(x0=1),) * (MAX_ROWS + 1)},
    "digit base must be between 2 and 4096, got 1": {"base": 1},
    f"digit base must be between 2 and 4096, got {MAX_BASE + 1}": {"base": MAX_BASE + 1},
    "quantity bits must be between 0 and 112, got -1": {"quantity_bits": -1},
    "quantity bits must be between 0 and 112, got 113": {"quantity_bits": 113},
}


@pytest.mark.parametrize("message", LIMITS)
def test_a_size_outside_its_limits_is_refused_by_name(message):
    refused(message, **LIMITS[message])


@pytest.mark.parametrize(
    "match, basis, members",
    [
        ("distinct", ("USD", "USD"), (("USD",), ("USD",))),
        ("distinct", ("BTC", "USD"), (("BTC", "USD"), ("USD", "USD"))),
        ("code-point order", ("USD", "BTC"), (("BTC", "USD"), ("USD",))),
        ("code-point order", ("BTC", "USD"), (("USD", "BTC"), ("USD",))),
        ("union", ("BTC", "ETH", "USD"), (("BTC", "USD"), ("USD",))),
        ("union", ("BTC", "USD"), (("BTC", "ETH", "USD"), ("USD",))),
        ("ASCII", ("BTC", "U\u015aD"), (("BTC", "U\u015aD"), ())),
        ("ASCII", ("", "USD"), (("", "USD"), ())),
        ("ASCII", ("BTC", "x" * 65), (("BTC", "x" * 65), ())),
    ],
)
def test_labels_that_are_not_a_set_in_order_are_refused(match, basis, members):
    refused(match, basis=basis, members=members)


@pytest.mark.parametrize(
    "match, form",
    [
        ("one coefficient for each", Affine((0, 1), (1,), 0)),
        ("one coefficient for each", Affine((0,), (1, 1), 0)),
        ("ascend strictly", Affine((1, 0), (1, 1), 0)),
        ("ascend strictly", Affine((1, 1), (1, 1), 0)),
        ("outside 0..8", Affine((9,), (1,), 0)),
        ("outside 0..8", Affine((-1, 0), (1, 1), 0)),
    ],
)
@pytest.mark.parametrize("kind", ["rows", "products"])
def test_a_form_that_names_variables_wrongly_is_refused(kind, match, form):
    refused(match, **{kind: (form,) if kind == "products" else (*PLAIN.rows, form)})


# No wrap-around


def bounds(system):
    intervals = Intervals(system)
    return [intervals.of(row(**{f"x{index}": 1})) for index in range(system.variables)]


def test_every_variable_gets_its_interval():
    quantity = (-255, 255)
    assert bounds(PLAIN) == [(0, 3), (0, 3), quantity, quantity, (0, 15), quantity, quantity, quantity, quantity]


def test_a_variable_is_bounded_by_the_row_that_defines_it_whatever_the_order_and_the_sign():
    rows = (row(x4=-1, x2=2), row(5, x2=1, x3=3), *PLAIN.rows[1:2], row(x0=1))
    assert bounds(changed(rows=rows, products=(row(),)))[2:5] == [(-770, 760), (-255, 255), (-1540, 1520)]


def test_a_wire_is_bounded_by_the_product_that_defines_it():
    system = changed(rows=PLAIN.rows[:2], products=(row(7, x0=1, x4=-1),))
    assert bounds(system)[4] == (7 - 255 * 255, 3 + 7 + 255 * 255)


@pytest.mark.parametrize(
    "changes",
    [
        {"rows": PLAIN.rows[1:]},
        {"rows": (row(x2=2, x6=-1), *PLAIN.rows[1:])},
        {"rows": (row(x2=1, x3=1), row(x2=1, x3=-1))},
        {"rows": (row(x2=1 + ORDER, x6=-1), *PLAIN.rows[1:])},
        {"products": (row(x2=1),), "rows": PLAIN.rows[1:]},
        {"quantity_bits": None},
    ],
    ids=[
        "no row",
        "a row with a coefficient",
        "two rows, two unknowns",
        "a coefficient that is 1 modulo the order only",
        "a product of itself",
        "quantities nobody has bounded",
    ],
)
def test_a_variable_without_a_proved_bound_is_refused(changes):
    refused("no proved bound", **changes)


def range_check(base, length, coefficient, bits=1):
    """Return "coefficient * q in [0, base^length)" for |q| < 2^bits."""
    terms = {f"x{index}": base**index for index in range(length)}
    form = row(**terms, **{f"x{length}": -coefficient})
    return System(("USD",), (("USD",),), length, base, (), 0, (form,), bits)


@pytest.mark.parametrize("base, length", [(2, 254), (4, 127), (2, 1), (4096, 21)])
def test_a_range_check_is_accepted_up_to_the_bound_and_refused_one_beyond(base, length):
    # The value lies in [-c, c]: it is safe iff c + base^length <= r and c < r.
    largest = ORDER - base**length
    assert range_check(base, length, largest).slots == length
    with pytest.raises(StatementError, match="row 0 could wrap around"):
        range_check(base, length, largest + 1)


def test_a_range_check_wider_than_the_order_is_refused_whatever_the_value():
    with pytest.raises(StatementError, match="row 0 could wrap around"):
        range_check(2, 255, 1)


def squares(count, digits, base=2):
    """Return "the sum of count squares of numbers of some digits", each number a committed quantity."""
    numbers = count * digits
    left, right, wire, book = (numbers + count * kind for kind in range(4))
    rows = []
    for number in range(count):
        value = {f"x{number * digits + place}": base**place for place in range(digits)}
        rows += [row(**value, **{f"x{start + number}": -1}) for start in (left, right, book)]
    rows.append(row(**{f"x{wire + number}": 1 for number in range(count)}))
    products = tuple(row(**{f"x{wire + number}": 1}) for number in range(count))
    labels = tuple("ABCD"[:count])
    return System(labels, (labels,), numbers, base, products, count, tuple(rows), None)


@pytest.mark.parametrize(
    "count, bits, match",
    [(1, 127, None), (4, 126, None), (1, 128, "product slot 0"), (2, 127, "row 6"), (4, 128, "row 12")],
)
def test_squares_are_accepted_while_their_sum_stays_below_the_order(count, bits, match):
    if match is None:
        assert squares(count, bits).slots == count * (bits + 1)
    else:
        with pytest.raises(StatementError, match=f"{match} could wrap around"):
            squares(count, bits)


def power_of_a_digit(exponent):
    """Return "q is the power of a digit below 4": each product but the first multiplies the wire before it."""
    # Flat: digit 0, left values, right values, wires, then q.
    count = exponent - 1
    left, right, wire = (1 + count * kind for kind in range(3))
    rows = [row(x0=1, **{f"x{left}": -1}), row(**{f"x{wire + count - 1}": 1, f"x{wire + count}": -1})]
    rows += [row(x0=1, **{f"x{right + number}": -1}) for number in range(count)]
    rows += [row(**{f"x{left + number}": 1, f"x{wire + number - 1}": -1}) for number in range(1, count)]
    products = tuple(row(**{f"x{wire + number}": 1}) for number in range(count))
    return System(("USD",), (("USD",),), 1, 4, products, count, tuple(rows), 20)


def test_a_product_waits_for_the_bounds_of_both_its_factors():
    wires = bounds(power_of_a_digit(5))[9:12]
    assert wires == [(0, 3**2), (0, 3**3), (0, 3**4)]


def test_a_variable_that_no_row_mentions_has_no_bound_and_is_refused():
    refused(
        "variable 5 has no proved bound", wires=2, rows=(row(x2=1, x7=-1), row(x3=1, x9=-1), row(x0=1, x1=4, x4=-1))
    )


def digit_product(coefficient, count=1):
    """Return "a digit below 4 times a digit below 4 is coefficient * the first", in the last of some product slots."""
    # Flat: digits 0 and 1, left values, right values, then q.
    left, right = 2, 2 + count
    rows = [
        row(**{f"x{start + number}": 1, f"x{digit}": -1})
        for digit, start in ((0, left), (1, right))
        for number in range(count)
    ]
    products = (*[row()] * (count - 1), row(x0=coefficient))
    return System(("USD",), (("USD",),), 2, 4, products, 0, tuple(rows), 20)


@pytest.mark.parametrize("count", [1, 2])
@pytest.mark.parametrize("sign", [1, -1])
def test_a_product_slot_is_refused_as_soon_as_one_of_its_ends_reaches_the_order(sign, count):
    # The product lies in [0, 9]. The form in [0, 3c] or [-3c, 0]; with a minus sign the two ends add up.
    largest = (ORDER - 1 - (9 if sign < 0 else 0)) // 3
    assert digit_product(sign * largest, count).slots == 2 + count
    with pytest.raises(StatementError, match=f"product slot {count - 1} could wrap around"):
        digit_product(sign * (largest + 1), count)


@pytest.mark.parametrize("share, accepted", [(4, True), (2, False)])
def test_the_factors_of_a_product_slot_are_its_own(share, accepted):
    # Slot 1 multiplies a digit below 4 and a quantity times ORDER / (share * 2^112); slot 0 has two digits.
    rows = (row(x1=1, x0=-1), row(x2=1, x0=-1), row(x3=1, x0=-1), row(x4=1, x5=-(ORDER // (share * 2**112))))
    stated = (("USD",), (("USD",),), 1, 4, (row(), row()), 0, rows, 112)
    if accepted:
        assert System(*stated).slots == 3
    else:
        with pytest.raises(StatementError, match="product slot 1 could wrap around"):
            System(*stated)


def test_the_size_of_a_row_that_could_wrap_around_is_named():
    # A digit below 4 times -8 times the order: 24 times the order at most.
    refused(f"got {(24 * ORDER).bit_length()} bits", rows=(*PLAIN.rows, row(x0=-8 * ORDER)))


def test_there_is_one_section_for_each_kind_of_variable_and_each_book():
    assert len(PLAIN.sections) == 3 + PLAIN.commitments


@pytest.mark.parametrize("constant, accepted", [(ORDER - 1, True), (ORDER, False), (1 - ORDER, True), (-ORDER, False)])
def test_a_constant_that_is_zero_modulo_the_order_only_is_refused(constant, accepted):
    rows = (*PLAIN.rows, Affine((), (), constant))
    if accepted:
        assert len(changed(rows=rows).rows) == 4
    else:
        refused("row 3 could wrap around", rows=rows)


# Evaluation by sections

small = st.integers(-9, 9)


@given(st.lists(st.tuples(st.sets(st.integers(0, 8)), small), max_size=5), st.data())
def test_the_sections_together_are_the_forms(shapes, data):
    draw = data.draw
    forms = [Affine(tuple(sorted(chosen)), tuple(draw(small) for _ in chosen), constant) for chosen, constant in shapes]
    weights = [draw(small) for _ in forms]
    values = [draw(small) for _ in range(9)]
    runs = [(0, 3), (3, 4), (4, 4), (4, 9)]
    total = sum(Section.cut(forms, low, high).evaluate(weights, values[low:high]) for low, high in runs)
    expected = [weight * (form.evaluate(values) - form.constant) for weight, form in zip(weights, forms, strict=True)]
    assert total == sum(expected)


@given(st.integers(1, 3), st.sampled_from([0, 1, 2]), st.data())
def test_many_values_at_once_are_evaluated_as_one_by_one(height, holes, data):
    numbers = st.integers(-(2**100), 2**100)
    width = 4
    forms = [
        Affine(chosen, tuple(data.draw(numbers) for _ in chosen), 0)
        for chosen in (tuple(range(data.draw(st.integers(0, holes)), width)) for _ in range(height))
    ]
    section = Section.cut([Affine((), (), 5), *forms, Affine((), (), 5), *forms], 0, width)
    count = data.draw(st.sampled_from([1, MANY - 1, MANY, MANY + 3]))
    weights = [[data.draw(st.integers(0, ORDER - 1)) for _ in range(2 * height + 2)] for _ in range(count)]
    values = [[data.draw(st.integers(0, ORDER - 1)) for _ in range(width)] for _ in range(count)]
    expected = [section.evaluate(one, other) for one, other in zip(weights, values, strict=True)]
    assert section.evaluate_each(weights, values) == expected


@given(st.integers(1, 3), st.sampled_from([0, 1, 2]), st.data())
def test_forms_combined_as_a_matrix_are_the_forms_combined_one_by_one(height, holes, data):
    # The weights of products are negative, and a matrix takes residues: the same modulo the order is all that is asked.
    width = 4
    forms = [
        Affine(chosen, tuple(data.draw(st.integers(-(2**100), 2**100)) for _ in chosen), 0)
        for chosen in (tuple(range(data.draw(st.integers(0, holes)), width)) for _ in range(height))
    ]
    section = Section.cut([Affine((), (), 5), *forms, Affine((), (), 5), *forms], 0, width)
    weights = [data.draw(st.integers(1 - ORDER, ORDER - 1)) for _ in range(2 * height + 2)]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(constraints, "LEAST_DENSE", 2**30)
        expected = section.combine(weights)
        patch.setattr(constraints, "LEAST_DENSE", 1)
        assert section._dense
        found = section.combine(weights)
    assert [value % ORDER for value in found] == [value % ORDER for value in expected]
    assert expected == [
        sum(w * c for w, c in zip(weights, column, strict=True)) for column in columns_of(section, forms)
    ]


def columns_of(section, forms):
    """Return the coefficients of every variable, one column each, of the forms with two empty ones among them."""
    rows = []
    for form in forms:
        row = [0] * section.width
        for index, coefficient in zip(form.indices, form.coefficients, strict=True):
            row[index] = coefficient
        rows.append(row)
    nothing = [0] * section.width
    return list(zip(*[nothing, *rows, nothing, *rows], strict=True))


def test_a_section_that_is_mostly_holes_or_too_large_makes_no_matrix(monkeypatch):
    full, thin = Affine((0, 1, 2, 3), (1, 2, 3, 4), 0), Affine((0,), (1,), 0)
    assert Section.cut([full, thin], 0, 4)._dense
    assert not Section.cut([full, thin, thin, thin], 0, 4)._dense
    assert not Section.cut([thin], 1, 4)._dense
    monkeypatch.setattr(constraints, "MAX_DENSE", 7)
    assert not Section.cut([full, full], 0, 4)._dense


# The digest


def test_equal_systems_have_equal_digests():
    assert changed().digest == PLAIN.digest
    assert len(PLAIN.digest) == 32


DIFFERENT = {
    "another basis": {"basis": ("BTC", "USX"), "members": (("BTC", "USX"), ("USX",))},
    "the members exchanged": {"members": (("USD",), ("BTC", "USD"))},
    "another membership": {"members": (("BTC", "USD"), ("BTC",))},
    "an empty membership": {"members": (("BTC", "USD"), ())},
    "one digit more": {"digits": 3, "rows": (row(x3=1), row(x4=1), row(x5=1))},
    "another base": {"base": 5},
    "one wire more": {"wires": 2, "rows": (row(x2=1), row(x3=1), row(x4=1), row(x5=1))},
    "another bound": {"quantity_bits": 9},
    "a row less": {"rows": PLAIN.rows[:2]},
    "rows in another order": {"rows": PLAIN.rows[::-1]},
    "a row twice": {"rows": (*PLAIN.rows, PLAIN.rows[0])},
    "another coefficient": {"rows": (row(x2=1, x6=-2), *PLAIN.rows[1:])},
    "another sign": {"rows": (row(x2=-1, x6=1), *PLAIN.rows[1:])},
    "another variable": {"rows": (row(x2=1, x5=-1), *PLAIN.rows[1:])},
    "another constant": {"rows": (row(1, x2=1, x6=-1), *PLAIN.rows[1:])},
    "another product": {"products": (row(x4=2),), "rows": (*PLAIN.rows, row(x4=1))},
}


@pytest.mark.parametrize("difference", DIFFERENT)
def test_a_system_that_differs_in_anything_public_has_another_digest(difference):
    assert changed(**DIFFERENT[difference]).digest != PLAIN.digest


def test_no_two_of_these_systems_share_a_digest():
    digests = {changed(**difference).digest for difference in DIFFERENT.values()}
    assert len(digests) == len(DIFFERENT)


def test_a_bound_of_zero_bits_is_not_the_same_as_no_bound():
    rows = (row(x0=1, x2=-1), row(x1=1, x2=1))
    base = System(("USD",), (("USD",),), 1, 2, (row(x2=1),), 0, rows, 0)
    assert base.slots == 2
    known = System(("USD",), (("USD",),), 1, 2, (), 0, (row(x0=1, x1=-1),), 0)
    unknown = System(("USD",), (("USD",),), 1, 2, (), 0, (row(x0=1, x1=-1),), None)
    assert known.digest != unknown.digest


def test_the_digest_fixes_the_generators(monkeypatch):
    monkeypatch.setattr(constraints, "DST", b"other generators")
    assert changed().digest != PLAIN.digest
