import secrets

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zkmargin.algebra import generators
from zkmargin.algebra.group import group
from zkmargin.algebra.scalars import ORDER
from zkmargin.proofs import batch
from zkmargin.proofs.batch import WEIGHT_BYTES, Equation

residues = st.integers(0, ORDER - 1)
lists = st.lists(residues, max_size=4)


def closed(slots=(), wires=(), errors=(), blinding=0, labels=(), books=(), padding=(), wrong=0):
    """Return an equation that holds, or misses the identity by `wrong` times the base point."""
    points = [
        *generators.slots.first(len(slots)),
        *generators.wires.first(len(wires)),
        *generators.errors.first(len(errors)),
        *generators.padding.first(len(padding)),
        *map(generators.book, labels),
        generators.blinding(),
        group.generator(),
    ]
    total = group.msm(points, [*slots, *wires, *errors, *padding, *books, blinding, wrong])
    return Equation(slots, wires, errors, blinding, labels, books, [total], [-1], padding)


@st.composite
def equations(draw):
    """Draw an equation of any shape, and whether it is wrong."""
    wrong = draw(st.integers(0, 3)) == 3
    labels = draw(st.sampled_from([(), ("BTC",), ("BTC", "USD"), ("ETH", "USD")]))
    books = [draw(residues) for _ in labels]
    return closed(*[draw(lists) for _ in range(3)], draw(residues), labels, books, draw(lists), int(wrong)), wrong


@given(st.lists(equations(), max_size=9))
def test_exactly_the_equations_that_do_not_hold_are_named(chosen):
    bad = tuple(place for place, (_, wrong) in enumerate(chosen) if wrong)
    assert batch.bad_positions([equation for equation, _ in chosen]) == bad
    assert tuple(place for place, (equation, _) in enumerate(chosen) if batch.bad_positions([equation])) == bad


def test_an_equation_that_says_nothing_holds():
    assert batch.bad_positions([Equation()]) == ()


def test_no_equation_at_all_is_vacuously_fine():
    assert batch.bad_positions([]) == ()


@pytest.mark.parametrize("bad", [(), (0,), (6,), (2, 3), (0, 1, 2, 3, 4, 5, 6), (1, 3, 5)])
def test_bad_positions_come_in_ascending_order(bad):
    chosen = [closed(slots=[place], wrong=int(place in bad)) for place in range(7)]
    assert batch.bad_positions(chosen) == bad


def test_a_point_counts_with_its_own_scalar():
    point = group.multiply(group.generator(), 5)
    equation = Equation(blinding=0, points=[point, group.generator()], scalars=[3, -15])
    assert batch.bad_positions([equation]) == ()
    assert batch.bad_positions([Equation(points=[point, group.generator()], scalars=[3, -14])]) == (0,)


@pytest.mark.parametrize(
    "equation",
    [
        Equation(labels=("USD",), books=[]),
        Equation(labels=(), books=[1]),
        Equation(points=[group.generator()], scalars=[]),
        Equation(points=[], scalars=[1]),
    ],
    ids=["a book too short", "a book too long", "a scalar missing", "a point missing"],
)
def test_lists_of_unequal_length_are_refused(equation):
    with pytest.raises(ValueError, match="argument 2 is (shorter|longer) than argument 1"):
        batch.bad_positions([equation])


def test_lists_of_unequal_length_do_not_make_up_for_each_other():
    one, other = [group.generator()], [1, 2]
    with pytest.raises(ValueError, match="argument 2 is longer"):
        batch.bad_positions([Equation(points=one, scalars=other), Equation(points=one * 2, scalars=[3])])


@pytest.fixture
def source():
    """A random source that remembers what it gave."""

    class Source(list):
        def __call__(self, length):
            self.append(secrets.token_bytes(length))
            return self[-1]

    return Source()


def test_one_equation_needs_no_weight(source):
    assert batch.bad_positions([closed(wrong=1)], source) == (0,)
    assert source == []


def test_several_equations_have_independent_weights_of_128_bits(source):
    assert batch.bad_positions([closed(slots=[place]) for place in range(5)], source) == ()
    assert [len(weight) for weight in source] == [WEIGHT_BYTES] * 5 == [16] * 5
    assert len(set(source)) == 5


def test_every_part_of_a_bisection_has_weights_of_its_own(source):
    assert batch.bad_positions([closed(slots=[place], wrong=int(place == 5)) for place in range(8)], source) == (5,)
    # All 8; both halves; both pairs of the right one; a single equation has weight 1.
    assert len(source) == 8 + 4 + 4 + 2 + 2
    assert len(set(source)) == len(source)


def test_a_weight_of_zero_is_drawn_again():
    draws = [bytes(16), bytes(15) + b"\x07"]
    assert batch._weight(lambda length: draws.pop(0)) == 7
    assert draws == []
