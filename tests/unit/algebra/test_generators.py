from itertools import chain

import pytest

from zkmargin.algebra import generators
from zkmargin.algebra.group import group, is_identity
from zkmargin.errors import StatementError


def test_a_generator_is_the_hash_of_its_label():
    assert group.equal(generators.blinding(), group.hash_to_curve(b"\x08blinding", generators.DST))
    assert group.equal(generators.book("USD"), group.hash_to_curve(b"\x04bookUSD", generators.DST))
    assert group.equal(generators.slots.first(3)[2], group.hash_to_curve(b"\x04slot\0\0\0\x02", generators.DST))
    assert group.equal(generators.wires.first(1)[0], group.hash_to_curve(b"\x04wire\0\0\0\0", generators.DST))
    assert group.equal(generators.padding.first(1)[0], group.hash_to_curve(b"\x07padding\0\0\0\0", generators.DST))
    assert group.equal(generators.errors.first(1)[0], group.hash_to_curve(b"\x05error\0\0\0\0", generators.DST))


def test_no_two_generators_are_the_same_and_none_is_the_identity():
    families = (generators.slots, generators.wires, generators.padding, generators.errors)
    points = [
        generators.blinding(),
        group.generator(),
        *map(generators.book, ["USD", "USD ", "usd", "USDC", "BTC-PERPETUAL"]),
        *chain(*[family.first(20) for family in families]),
    ]
    assert not any(map(is_identity, points))
    assert len({group.encode(point) for point in points}) == len(points)


def test_the_first_generators_stay_the_same_when_more_are_asked_for():
    family = generators.Numbered("slot")
    few, many = family.first(2), family.first(5)
    assert [group.encode(point) for point in many[:2]] == [group.encode(point) for point in few]
    assert family.first(0) == []


def test_too_many_generators_are_refused_before_the_first_is_computed():
    family = generators.Numbered("slot")
    with pytest.raises(StatementError, match="at most 73728 slot generators exist, got 73729"):
        family.first(generators.MAX_NUMBERED + 1)
    assert family._points == []


@pytest.mark.parametrize("identifier", ["", "x" * 65, "BTC\u2013PERP", "\u0130"])
def test_an_id_without_a_generator_is_refused(identifier):
    with pytest.raises(StatementError, match="1 to 64 ASCII characters"):
        generators.book(identifier)


def test_an_id_of_64_characters_has_a_generator():
    assert not is_identity(generators.book("x" * 64))
