"""A named lie for every rule that makes a linear relation valid, and what it would win without the rule."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from zkmargin.algebra import generators
from zkmargin.algebra.group import Point, group
from zkmargin.algebra.scalars import ORDER, SCALAR_BYTES
from zkmargin.encoding import encode_scalars
from zkmargin.errors import EncodingError, StatementError
from zkmargin.proofs import linear, linear_relation
from zkmargin.proofs.linear_relation import MAX_ELEMENTS, MAX_TERMS, Equation, Relation

G, H = group.generator(), generators.blinding()
CONTEXT = b"attack/1"
SECRET = 0x1234567890ABCDEF
KNOWN = group.multiply(G, SECRET)
MINUS_ONE = ORDER - 1

# Each lie breaks one rule and no other.

INVALID: dict[str, tuple[int, tuple[Point, ...], tuple[Equation, ...]]] = {
    "nothing is claimed": (1, (G,), ()),
    "a row claims nothing": (2, (G, KNOWN), (Equation(((1, 1),), ((0, 0, 1),)), Equation(((1, 1),), ()))),
    "an index counts from the end": (3, (G, KNOWN), (Equation(((1, 1), (-1, 1)), ((0, 0, 1),)),)),
    "a coefficient is not reduced": (3, (G, KNOWN), (Equation(((1, ORDER + 1),), ((0, 0, 1),)),)),
    "a coefficient is the order": (3, (G, KNOWN), (Equation(((1, 1),), ((0, 0, 1), (0, 0, int(ORDER)))),)),
    "one coefficient among others is negative": (3, (G, KNOWN), (Equation(((1, 1),), ((0, 0, 2), (0, 0, -1))),)),
    "there are too many terms": (3, (G, KNOWN), (Equation(((1, 1),), ((0, 0, 1),) * MAX_TERMS),)),
    "there are too many elements": (
        3,
        (G, *[KNOWN] * MAX_ELEMENTS),
        (Equation(tuple([(1 + i, 1) for i in range(MAX_ELEMENTS)]), ((0, 0, 1),)),),
    ),
    "an index names nothing": (4, (G, KNOWN), (Equation(((1, 1),), ((0, 0, 1), (0, 7, 0))),)),
    "an element is only for show": (5, (G, KNOWN, H), (Equation(((1, 1),), ((0, 0, 1),)),)),
    "the first element is only for show": (5, (G, H, KNOWN), (Equation(((2, 1),), ((0, 0, 1),)),)),
    "a scalar is only for show": (6, (G, KNOWN), (Equation(((1, 1),), ((0, 0, 1), (2, 0, 1))),)),
    "another point stands for the generator": (7, (H, KNOWN), (Equation(((1, 1),), ((0, 0, 1),)),)),
    "a base is the identity": (8, (G, KNOWN, group.identity()), (Equation(((1, 1),), ((0, 0, 1), (0, 2, 1))),)),
    "the image cancels": (9, (G, KNOWN), (Equation(((1, 1), (1, MINUS_ONE)), ((0, 0, 1),)),)),
    "the image cancels among equal points": (
        9,
        (G, KNOWN, KNOWN),
        (Equation(((1, 1), (2, MINUS_ONE)), ((0, 0, 1),)),),
    ),
    "the image is zero times a point": (9, (G, KNOWN), (Equation(((1, 0),), ((0, 0, 1),)),)),
    "the terms of a scalar cancel": (
        10,
        (G, KNOWN, H),
        (Equation(((1, 1),), ((0, 0, 1), (1, 2, 1), (1, 2, MINUS_ONE))),),
    ),
}


@contextmanager
def without_rule(number: int, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    kept = tuple([check for position, check in enumerate(linear_relation._CHECKS, start=1) if position != number])
    with monkeypatch.context() as patch:
        patch.setattr(linear_relation, "_CHECKS", kept)
        yield


@pytest.mark.parametrize("lie", INVALID)
def test_an_invalid_relation_is_refused_by_its_rule(lie: str) -> None:
    rule, elements, equations = INVALID[lie]
    with pytest.raises(StatementError, match=rf"rule \({rule}\)"):
        Relation(elements, equations)


@pytest.mark.parametrize("lie", INVALID)
def test_no_other_rule_refuses_it(lie: str, monkeypatch: pytest.MonkeyPatch) -> None:
    rule, elements, equations = INVALID[lie]
    with without_rule(rule, monkeypatch):
        if lie == "a base is the identity":  # a second wall: the identity has no encoding
            with pytest.raises(EncodingError):
                Relation(elements, equations)
        else:
            assert Relation(elements, equations).equations == equations


def test_an_equation_with_an_empty_image_is_refused() -> None:
    with pytest.raises(StatementError, match=r"rule \(2\)"):
        Relation((G, KNOWN), (Equation(((1, 1),), ((0, 0, 1),)), Equation((), ((0, 0, 1),))))


def test_a_relation_without_elements_is_refused() -> None:
    with pytest.raises(StatementError, match=r"rule \(4\)"):
        Relation((), (Equation(((0, 1),), ((0, 0, 1),)),))


def test_a_scalar_index_near_2_32_is_refused_at_once() -> None:
    with pytest.raises(StatementError, match=r"rule \(6\)"):
        Relation((G, KNOWN), (Equation(((1, 1),), ((2**32 - 1, 0, 1),)),))
    with pytest.raises(StatementError, match=r"rule \(3\)"):
        Relation((G, KNOWN), (Equation(((1, 1),), ((2**32, 0, 1),)),))


def test_without_rule_1_the_empty_string_proves_nothing_at_all(monkeypatch: pytest.MonkeyPatch) -> None:
    with without_rule(1, monkeypatch):
        linear.verify(Relation(*INVALID["nothing is claimed"][1:]), b"", CONTEXT)


@pytest.mark.parametrize(
    "lie,witness", [("a scalar is only for show", [SECRET, 5, 0]), ("the terms of a scalar cancel", [SECRET, 5])]
)
def test_without_rules_6_and_10_a_response_goes_unchecked(
    lie: str, witness: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    rule, elements, equations = INVALID[lie]
    with without_rule(rule, monkeypatch):
        relation = Relation(elements, equations)
        proof = linear.prove(relation, witness, CONTEXT)
        free = len(proof) - SCALAR_BYTES * (relation.scalar_count - 1)
        linear.verify(relation, proof[:free] + encode_scalars([99]) + proof[free + SCALAR_BYTES :], CONTEXT)


def test_without_rule_7_two_statements_have_one_encoding(monkeypatch: pytest.MonkeyPatch) -> None:
    _, elements, equations = INVALID["another point stands for the generator"]
    with without_rule(7, monkeypatch):
        assert Relation(elements, equations).to_bytes() == Relation((G, KNOWN), equations).to_bytes()


def test_without_rule_9_the_zero_witness_is_a_witness(monkeypatch: pytest.MonkeyPatch) -> None:
    _, elements, equations = INVALID["the image cancels"]
    with without_rule(9, monkeypatch):
        relation = Relation(elements, equations)
        linear.verify(relation, linear.prove(relation, [0], CONTEXT), CONTEXT)


def test_every_rule_has_a_lie_and_a_mark_in_the_code() -> None:
    text = Path(linear_relation.__file__).read_text()
    documented, marked = [
        {int(number) for number in re.findall(pattern, text, re.MULTILINE)}
        for pattern in (r"^    \((\d+)\) ", r"# \((\d+)\)$")
    ]
    assert documented == marked == {rule for rule, _, _ in INVALID.values()} == set(range(1, 11))
