from collections.abc import Callable, Sequence

import pytest

from zkmargin.algebra import generators
from zkmargin.algebra.group import Point, group
from zkmargin.amounts import MAX_COORDINATES
from zkmargin.commitments import Commitment, Opening, commit
from zkmargin.errors import StatementError
from zkmargin.proofs import linear, relations
from zkmargin.proofs.linear import Flavor
from zkmargin.proofs.linear_relation import Relation

CONTEXT = b"relations/1"
BOOK = {"USD": 1_000_000, "BTC-PERPETUAL": -3, "ETH-PERPETUAL": 0}
IDENTITY = Commitment(group.identity())
SOME = commit(Opening(BOOK, 7))


def bases(*labels: str) -> list[Point]:
    return [generators.book(label) for label in labels]


def holds(relation: Relation, witness: Sequence[int]) -> None:
    for flavor in Flavor:
        linear.verify(relation, linear.prove(relation, witness, CONTEXT, flavor), CONTEXT, flavor)


def test_the_holder_of_an_opening_proves_that_he_knows_it() -> None:
    secret = Opening.fresh(BOOK)
    holds(relations.opening(list(BOOK), commit(secret)), [*BOOK.values(), secret.blinding])


def test_an_opening_may_be_over_the_largest_number_of_ids() -> None:
    labels = [f"I{number}" for number in range(MAX_COORDINATES)]
    assert relations.opening(labels, SOME).scalar_count == MAX_COORDINATES + 1


def test_the_order_of_the_labels_is_the_order_of_the_witness() -> None:
    secret = Opening.fresh(BOOK)
    labels = sorted(BOOK)
    holds(relations.opening(labels, commit(secret)), [*[BOOK[label] for label in labels], secret.blinding])


@pytest.mark.parametrize("legs", [1, 2, 5])
def test_legs_that_cancel_prove_it_by_the_sum_of_their_blinding_factors(legs: int) -> None:
    changes = [{"USD": 10, "BTC-PERPETUAL": -1} for _ in range(legs - 1)]
    changes.append({"USD": -10 * (legs - 1), "BTC-PERPETUAL": legs - 1})
    openings = [Opening.fresh(change) for change in changes]
    holds(relations.zero_sum(list(map(commit, openings))), [sum(opening.blinding for opening in openings)])


def test_a_re_blinded_commitment_proves_that_the_book_is_the_same() -> None:
    before, after = Opening.fresh(BOOK), Opening.fresh(BOOK)
    holds(relations.reblinding(commit(before), commit(after)), [after.blinding - before.blinding])


def test_commitments_to_the_same_integers_under_two_bases_prove_it() -> None:
    left, right = Opening.fresh({"USD": 5, "BTC": -2}), Opening.fresh({"EUR": 5, "ETH": -2})
    relation = relations.equality(bases("USD", "BTC"), commit(left), bases("EUR", "ETH"), commit(right))
    holds(relation, [5, -2, left.blinding, right.blinding])


@pytest.mark.parametrize("count", [1, 3])
def test_an_equality_may_be_about_any_number_of_integers(count: int) -> None:
    lots = [5, -2, 7][:count]
    labels = [("USD", "BTC", "ETH")[:count], ("EUR", "XRP", "SOL")[:count]]
    left, right = (Opening.fresh(dict(zip(names, lots, strict=True))) for names in labels)
    relation = relations.equality(bases(*labels[0]), commit(left), bases(*labels[1]), commit(right))
    holds(relation, [*lots, left.blinding, right.blinding])


def test_the_two_bases_of_an_equality_may_share_generators() -> None:
    left, right = Opening.fresh({"USD": 5, "BTC": -2}), Opening.fresh({"BTC": 5, "USD": -2})
    relation = relations.equality(bases("USD", "BTC"), commit(left), bases("BTC", "USD"), commit(right))
    holds(relation, [5, -2, left.blinding, right.blinding])


REFUSED: dict[str, tuple[Callable[[], Relation], str]] = {
    "opening: no labels": (lambda: relations.opening([], SOME), "^number of labels must"),
    "opening: too many labels": (
        lambda: relations.opening(["USD"] * (MAX_COORDINATES + 1), SOME),
        "^number of labels must",
    ),
    "opening: a label twice": (lambda: relations.opening(["USD", "USD"], SOME), "twice"),
    "opening: the identity": (lambda: relations.opening(["USD"], IDENTITY), "commitment must not be the identity"),
    "zero sum: no legs": (lambda: relations.zero_sum([]), "^number of legs must"),
    "zero sum: too many legs": (lambda: relations.zero_sum([SOME] * (MAX_COORDINATES + 1)), "^number of legs must"),
    "zero sum: an empty leg": (lambda: relations.zero_sum([SOME, IDENTITY]), "leg 1 must not be the identity"),
    "zero sum: legs that cancel exactly": (
        lambda: relations.zero_sum([SOME, Commitment(group.negate(SOME.point))]),
        "blinding factors cancel; draw a fresh one",
    ),
    "re-blinding: the identity": (
        lambda: relations.reblinding(SOME, IDENTITY),
        "^re-blinding: the new commitment must not be",
    ),
    "re-blinding: the identity before": (
        lambda: relations.reblinding(IDENTITY, SOME),
        "^re-blinding: the old commitment must not be",
    ),
    "re-blinding: nothing changed": (lambda: relations.reblinding(SOME, SOME), "the same"),
    "equality: no bases": (lambda: relations.equality([], SOME, [], SOME), "^number of bases must"),
    "equality: unequal lists": (
        lambda: relations.equality(bases("USD", "BTC"), SOME, bases("USD"), SOME),
        "2 right bases, as on the left, got 1",
    ),
    "equality: a base twice on the left": (
        lambda: relations.equality(bases("USD", "USD"), SOME, bases("USD", "BTC"), SOME),
        "distinct",
    ),
    "equality: a base twice on the right": (
        lambda: relations.equality(bases("USD", "BTC"), SOME, bases("USD", "USD"), SOME),
        "distinct",
    ),
    "equality: the blinding base": (
        lambda: relations.equality([generators.blinding()], SOME, bases("USD"), SOME),
        "different from the blinding base",
    ),
    "equality: the identity": (
        lambda: relations.equality(bases("USD"), SOME, bases("USD"), IDENTITY),
        "^equality: the right commitment must not be the identity",
    ),
    "equality: the identity on the left": (
        lambda: relations.equality(bases("USD"), IDENTITY, bases("USD"), SOME),
        "^equality: the left commitment must not be the identity",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_a_malformed_statement_is_refused_with_its_reason(case: str) -> None:
    make, reason = REFUSED[case]
    with pytest.raises(StatementError, match=reason):
        make()
