"""One named lie for every step of the batch verifier."""

import re
from dataclasses import replace

import pytest

from tests.attacks.known_bad import known_bad
from tests.attacks.register import register
from zkmargin.algebra import generators
from zkmargin.algebra.group import group
from zkmargin.proofs import batch
from zkmargin.proofs.batch import Equation

V = group.generator()
THREE = group.decode_on_curve(bytes(95) + b"\x02")  # (0, 2), a point of order 3
attacked, attacks = register()


def off_by(factor):
    """Return an equation whose left-hand side is factor * V instead of nothing."""
    return Equation(blinding=1, points=[group.negate(generators.blinding()), V], scalars=[1, factor])


GOOD = off_by(0)


def alternately(*weights):
    """Return a source that gives the same weights over and over."""
    state = list(weights)

    def draw(length):
        state.append(state.pop(0))
        return state[-1].to_bytes(length, "big")

    return draw


@attacks("(1)")
def test_with_equal_weights_two_wrong_equations_would_cancel(monkeypatch):
    pair = [off_by(5), off_by(-5)]
    assert batch.bad_positions(pair) == (0, 1)
    assert batch.bad_positions([GOOD, *pair, GOOD]) == (1, 2)
    monkeypatch.setattr(batch, "_weight", lambda randomness: 1)
    assert batch.bad_positions(pair) == ()
    assert batch.bad_positions([GOOD, *pair, GOOD]) == ()


@known_bad("a batch weight is fixed in advance")
@attacks("(1)")
@pytest.mark.parametrize("one", [Equation(labels=("BTC", "USD"), books=[5, 0]), Equation(labels=("BTC",), books=[5])])
@pytest.mark.parametrize(
    "other", [Equation(labels=("BTC", "EUR"), books=[-5, 0]), Equation(labels=("BTC",), books=[-5])]
)
def test_errors_about_one_label_do_not_cancel_whatever_else_their_statements_are_about(one, other):
    # Equations are gathered by their labels before they are weighted; a group of one is weighted like every other.
    assert batch.bad_positions([one, other]) == (0, 1)
    assert batch.bad_positions([GOOD, one, GOOD, other]) == (1, 3)


@attacks("(1)")
@pytest.mark.parametrize("family", ["slots", "wires", "errors", "padding"])
def test_errors_in_one_family_do_not_cancel_whatever_its_lengths_are(family):
    for one, other in (([5], [-5]), ([5, 0], [-5]), ([0, 5], [0, -5, 0])):
        pair = [Equation(**{family: one}), Equation(**{family: other})]
        assert batch.bad_positions(pair) == (0, 1)


@attacks("(1)")
def test_with_weights_known_before_the_proofs_are_fixed_two_wrong_equations_would_cancel():
    pair = [off_by(11), off_by(-7)]
    assert batch.bad_positions(pair, alternately(7, 11)) == ()
    assert batch.bad_positions(pair, alternately(7, 12)) == batch.bad_positions(pair) == (0, 1)


@attacks("(1)")
def test_with_a_weight_of_zero_a_wrong_equation_would_drop_out(monkeypatch):
    assert batch.bad_positions([GOOD, off_by(1)]) == (1,)
    draws = alternately(1, 0)
    monkeypatch.setattr(batch, "_weight", lambda randomness: int.from_bytes(draws(16), "big"))
    assert batch.bad_positions([GOOD, off_by(1)]) == ()


FULL = Equation([1, 2], [3], [4, 5, 6], 7, ("BTC", "USD"), [8, 9], [V, V], [10, 11], [12, 13])


def balanced():
    """Return FULL with a last point that makes it hold."""
    points = [
        *generators.slots.first(2),
        *generators.wires.first(1),
        *generators.errors.first(3),
        *generators.padding.first(2),
        *map(generators.book, FULL.labels),
        generators.blinding(),
        *FULL.points,
    ]
    total = group.msm(points, [*range(1, 7), 12, 13, 8, 9, 7, 10, 11])
    return replace(FULL, points=[*FULL.points, total], scalars=[*FULL.scalars, -1])


@attacks("(2)")
@pytest.mark.parametrize("family", ["slots", "wires", "errors", "padding", "books", "scalars"])
@pytest.mark.parametrize("place", [0, -1])
def test_no_family_of_scalars_may_be_left_out_of_the_sum(family, place):
    good = balanced()
    assert batch.bad_positions([good, GOOD]) == ()
    values = list(getattr(good, family))
    values[place] += 1
    wrong = replace(good, **{family: values})
    assert batch.bad_positions([wrong]) == (0,)
    assert batch.bad_positions([good, GOOD, wrong, good]) == (2,)


@attacks("(2)")
def test_neither_the_blinding_nor_the_labels_may_be_left_out_of_the_sum():
    good = balanced()
    for wrong in (
        replace(good, blinding=8),
        replace(good, labels=("BTC", "USX")),
        replace(good, labels=("USD", "BTC")),
    ):
        assert batch.bad_positions([good, wrong]) == (1,)


@attacks("(2)")
@pytest.mark.skipif(group.name != "arkworks", reason="the trap is in arkworks")
def test_a_list_of_scalars_that_is_cut_short_would_drop_points_in_the_library():
    # H - H + V is not zero, but the library sums as far as the shorter list goes.
    wrong = replace(off_by(1), scalars=[1])
    with pytest.raises(ValueError, match="argument 2 is shorter"):
        batch.bad_positions([wrong])
    points, scalars = [generators.blinding(), *wrong.points], [1, 1]
    with pytest.raises(ValueError, match="3 points and 2 scalars"):
        group.msm(points, scalars)
    native = [group._to_scalar(scalar) for scalar in scalars]
    assert group.equal(group._point.multiexp_unchecked(points, native), group.identity())


@known_bad("a batch is compared with the identity without clearing the cofactor")
@attacks("(3)")
def test_without_clearing_the_verdict_on_torsion_would_depend_on_the_batch(monkeypatch):
    spoilt = replace(GOOD, points=[*GOOD.points, THREE], scalars=[*GOOD.scalars, 1])
    for weights in ((3, 1), (1, 1), (2, 3)):
        assert batch.bad_positions([spoilt, GOOD], alternately(*weights)) == ()
    assert batch.bad_positions([spoilt]) == ()
    monkeypatch.setattr(batch, "clears_to_identity", lambda curve, point: curve.equal(point, curve.identity()))
    assert batch.bad_positions([spoilt, GOOD], alternately(3, 1)) == ()
    assert batch.bad_positions([spoilt, GOOD], alternately(1, 1)) == (0,)
    assert batch.bad_positions([spoilt]) == (0,)


@attacks("(3)")
def test_torsion_does_not_hide_a_wrong_equation():
    spoilt = replace(off_by(1), points=[*GOOD.points, THREE], scalars=[1, 1, 1])
    assert batch.bad_positions([spoilt]) == (0,)
    assert batch.bad_positions([GOOD, spoilt, GOOD]) == (1,)


@attacks("(4)")
@pytest.mark.parametrize("size", [2, 3, 7, 8])
def test_a_bad_neighbour_takes_nobody_along(size, monkeypatch):
    for place in range(size):
        chosen = [off_by(int(number == place)) for number in range(size)]
        assert batch.bad_positions(chosen) == (place,)
    monkeypatch.setattr(batch, "_bisect", lambda equations, offset, randomness: list(range(len(equations))))
    assert batch.bad_positions(chosen) == tuple(range(size))


@attacks("(4)")
def test_one_bad_proof_does_not_hide_another_on_the_other_side():
    assert batch.bad_positions([off_by(1), GOOD, GOOD, off_by(1)]) == (0, 3)
    assert batch.bad_positions([off_by(1), off_by(-1), off_by(1), off_by(-1)]) == (0, 1, 2, 3)


def test_every_numbered_step_has_an_attack():
    assert set(attacked) == set(re.findall(r"^    (\(\d+\)) ", batch.__doc__, re.MULTILINE))
