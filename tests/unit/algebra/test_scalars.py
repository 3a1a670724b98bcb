from itertools import count

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zkmargin.algebra import scalars
from zkmargin.algebra.scalars import ORDER, WIDE_BYTES

anything = st.integers(-(2**300), 2**300)
residues = st.one_of(st.integers(0, 3), st.integers(ORDER - 3, ORDER - 1), st.integers(0, ORDER - 1))


def constant(length):
    return bytes(length)


def test_the_order_is_prime_and_of_255_bits():
    assert ORDER.bit_length() == 255
    assert all(pow(base, ORDER - 1, ORDER) == 1 for base in (2, 3, 5, 7, 11))


def test_a_random_scalar_is_reduced_from_384_bits():
    asked = []
    value = scalars.random_scalar(lambda length: asked.append(length) or b"\xff" * length)
    assert asked == [WIDE_BYTES]
    assert value == (2**384 - 1) % ORDER


def test_two_random_scalars_differ():
    assert scalars.random_scalar() != scalars.random_scalar()


def test_masks_are_scalars_and_as_many_as_asked_for():
    masks = scalars.masks(100, scalars.system_randomness, b"witness")
    assert len(set(masks)) == 100
    assert all(0 <= mask < ORDER for mask in masks)
    assert max(masks).bit_length() > 240


@pytest.mark.parametrize(
    "one, other",
    [((b"a",), (b"b",)), ((b"ab", b"c"), (b"a", b"bc")), ((b"a",), (b"a", b"")), ((), (b"",))],
    ids=["values", "boundaries", "an empty part", "no part"],
)
def test_without_any_randomness_masks_still_differ_for_every_context(one, other):
    assert not set(scalars.masks(4, constant, *one)) & set(scalars.masks(4, constant, *other))


def test_with_good_randomness_masks_differ_for_one_context():
    numbers = count()
    fresh = [scalars.masks(4, lambda length: next(numbers).to_bytes(length, "big"), b"same") for _ in range(2)]
    assert not set(fresh[0]) & set(fresh[1])


@given(anything)
def test_an_inverse_multiplies_to_one(value):
    if value % ORDER:
        assert scalars.inverse(value) * value % ORDER == 1


@pytest.mark.parametrize("zero", [0, ORDER, -ORDER])
def test_zero_has_no_inverse(zero):
    with pytest.raises(ZeroDivisionError):
        scalars.inverse(zero)
    with pytest.raises(ZeroDivisionError):
        scalars.inverses([1, zero, 2])


@given(st.lists(st.integers(1, ORDER - 1), max_size=8))
def test_many_inverses_are_the_inverses_of_each(values):
    assert scalars.inverses(values) == [scalars.inverse(value) for value in values]


@given(anything, st.integers(0, 20), anything)
def test_powers_are_what_repeated_multiplication_gives(base, length, first):
    assert scalars.powers(base, length, first) == [first * base**i % ORDER for i in range(length)]


@given(anything, st.lists(anything, max_size=12))
def test_a_power_sum_starts_with_the_first_power(base, values):
    expected = sum(base ** (place + 1) * value for place, value in enumerate(values))
    assert scalars.power_sum(base, values) == expected % ORDER


@given(st.lists(st.tuples(anything, anything), max_size=6))
def test_an_inner_product_is_reduced_and_right(pairs):
    left, right = [one for one, _ in pairs], [other for _, other in pairs]
    assert scalars.inner(left, right) == sum(one * other for one, other in pairs) % ORDER


@pytest.mark.parametrize("left, right", [([1], []), ([], [1]), ([1, 2], [1])])
def test_an_inner_product_of_unequal_lists_is_refused(left, right):
    with pytest.raises(ValueError, match=f"{len(left)} and {len(right)} entries"):
        scalars.inner(left, right)


@given(st.lists(st.tuples(residues, st.tuples(residues, residues)), min_size=1, max_size=4))
def test_a_combination_is_entry_wise(terms):
    expected = [sum(factor * vector[i] for factor, vector in terms) % ORDER for i in range(2)]
    assert scalars.combine(terms) == expected


def test_a_combination_of_unequal_lists_is_refused():
    with pytest.raises(ValueError, match="different lengths"):
        scalars.combine([(1, [1, 2]), (1, [1])])
