"""The linear relations of this project, ready made.

Each function returns the `Relation` of one public statement; `zkmargin.proofs.linear` proves and verifies it. Verifiers
build relations with these functions from values they hold themselves. P_id is the base of an asset or instrument, H the
blinding base, G the generator (element 0 of every relation, even of those that do not use it).

    opening       PK{ (q, gamma)          : C = sum_i q_i P_i + gamma H }
    zero_sum      PK{ rho                 : D_1 + .. + D_n = rho H }
    reblinding    PK{ delta               : C' - C = delta H }
    equality      PK{ (q, gamma, gamma')  : C = sum_i q_i B_i + gamma H  and  C' = sum_i q_i B'_i + gamma' H }

The witness is the list of scalars in the order written here. Scalars are known modulo the group order only: that the
integers are small is shown by the proofs of `zkmargin.proofs.arithmetic`, not here.

The identity
------------
    The draft forbids the identity as an element and as an image. So commitments must not be the identity, legs must not
    cancel exactly (rho = 0) and a re-blinded commitment must differ from the old one (delta = 0). Each is refused here
    with its reason. With honest blinding factors it happens with probability 1/r; draw a fresh one.

Reference: draft-irtf-cfrg-sigma-protocols, section "Specifying the relation"; Okamoto, CRYPTO 1992 (opening).
"""

from __future__ import annotations

from collections.abc import Sequence

from zkmargin.algebra import generators
from zkmargin.algebra.group import Point, group, is_identity
from zkmargin.algebra.scalars import ORDER
from zkmargin.amounts import MAX_COORDINATES, bounded
from zkmargin.commitments import Commitment
from zkmargin.errors import StatementError
from zkmargin.proofs.linear_relation import Equation, Relation

MINUS_ONE = ORDER - 1


def opening(labels: Sequence[str], commitment: Commitment) -> Relation:
    """Return the relation ``C = sum_i q_i P_i + gamma H``; witness (q_1, .., q_n, gamma).

    Without this proof a commitment may hide anything in any base.

    Args:
        labels: The distinct ids of the bases, 1 to 4,096, in the order of the q_i.
        commitment: C.

    Raises:
        StatementError: if there are none or too many labels, one occurs twice, or the commitment is the identity.

    Example:
        >>> from zkmargin.commitments import Opening, commit
        >>> from zkmargin.proofs import linear
        >>> secret = Opening.fresh({"USD": 500, "BTC-PERPETUAL": -3})
        >>> relation = opening(list(secret.quantities), commit(secret))
        >>> proof = linear.prove(relation, [*secret.quantities.values(), secret.blinding], b"example/1")
        >>> linear.verify(relation, proof, b"example/1")
    """
    bounded("number of labels", len(labels), 1, MAX_COORDINATES)
    if len(set(labels)) != len(labels):
        raise StatementError("opening: a label occurs twice")
    bases = [*map(generators.book, labels), generators.blinding()]
    target = len(bases) + 1
    elements = (group.generator(), *bases, _point("opening: the commitment", commitment))
    return Relation(elements, (Equation(((target, 1),), _combination(range(len(bases)), first_element=1)),))


def zero_sum(commitments: Sequence[Commitment]) -> Relation:
    """Return the relation ``D_1 + .. + D_n = rho H``: the legs cancel in every asset; witness (rho,).

    rho is the sum of the blinding factors. Each leg is an element of its own, so the proof holds for these legs in this
    order and for no others with the same sum. Together with an opening proof per leg, binding gives sum_i q_i = 0.

    Args:
        commitments: D_1, .., D_n, 1 <= n <= 4,096.

    Raises:
        StatementError: if there are none or too many, one is the identity, or the sum is the identity (rho = 0): draw a
            fresh blinding factor for one leg.

    Example:
        >>> from zkmargin.commitments import Opening, commit
        >>> from zkmargin.proofs import linear
        >>> buyer, seller = Opening.fresh({"USD": -70, "BTC": 1}), Opening.fresh({"USD": 70, "BTC": -1})
        >>> relation = zero_sum([commit(buyer), commit(seller)])
        >>> proof = linear.prove(relation, [buyer.blinding + seller.blinding], b"example/1")
        >>> linear.verify(relation, proof, b"example/1")
    """
    bounded("number of legs", len(commitments), 1, MAX_COORDINATES)
    legs = [_point(f"zero sum: leg {number}", commitment) for number, commitment in enumerate(commitments)]
    if is_identity(group.msm(legs, [1] * len(legs))):
        raise StatementError("zero sum: the blinding factors cancel; draw a fresh one for one of the legs")
    image = tuple([(2 + number, 1) for number in range(len(legs))])
    return Relation((group.generator(), generators.blinding(), *legs), (Equation(image, ((0, 1, 1),)),))


def reblinding(old: Commitment, new: Commitment) -> Relation:
    """Return the relation ``C' - C = delta H``: the same book under a new blinding factor; witness (delta,).

    Args:
        old: C.
        new: C'.

    Raises:
        StatementError: if one is the identity, or both are the same.

    Example:
        >>> from zkmargin.commitments import Opening, commit
        >>> from zkmargin.proofs import linear
        >>> before = Opening.fresh({"USD": 500})
        >>> after = Opening.fresh(before.quantities)
        >>> relation = reblinding(commit(before), commit(after))
        >>> proof = linear.prove(relation, [after.blinding - before.blinding], b"example/1")
        >>> linear.verify(relation, proof, b"example/1")
    """
    points = _point("re-blinding: the old commitment", old), _point("re-blinding: the new commitment", new)
    if old == new:
        raise StatementError("re-blinding: the commitments are the same; draw a fresh blinding factor")
    elements = (group.generator(), generators.blinding(), *points)
    return Relation(elements, (Equation(((3, 1), (2, MINUS_ONE)), ((0, 1, 1),)),))


def equality(
    left_bases: Sequence[Point], left: Commitment, right_bases: Sequence[Point], right: Commitment
) -> Relation:
    """Return ``C = sum_i q_i B_i + gamma H, C' = sum_i q_i B'_i + gamma' H``; witness (q_1, .., q_n, gamma, gamma').

    Args:
        left_bases: B_1, .., B_n, 1 <= n <= 4,096: hashed generators, distinct and none of them H.
        left: C.
        right_bases: B'_1, .., B'_n, likewise; B'_i carries the same scalar as B_i. The two lists may share bases.
        right: C'.

    Raises:
        StatementError: if the lists are empty, too long or unequal, one list repeats a base or holds H, or a commitment
            is the identity.

    Example:
        >>> from zkmargin.algebra import generators
        >>> from zkmargin.commitments import Opening, commit
        >>> from zkmargin.proofs import linear
        >>> one, two = Opening.fresh({"USD": 500}), Opening.fresh({"EUR": 500})
        >>> relation = equality([generators.book("USD")], commit(one), [generators.book("EUR")], commit(two))
        >>> proof = linear.prove(relation, [500, one.blinding, two.blinding], b"example/1")
        >>> linear.verify(relation, proof, b"example/1")
    """
    count = bounded("number of bases", len(left_bases), 1, MAX_COORDINATES)
    if len(right_bases) != count:
        raise StatementError(f"equality: there must be {count} right bases, as on the left, got {len(right_bases)}")
    _require_distinct(left_bases)
    _require_distinct(right_bases)
    points = _point("equality: the left commitment", left), _point("equality: the right commitment", right)
    elements = (group.generator(), generators.blinding(), *left_bases, *right_bases, *points)
    target, shared = 2 + 2 * count, range(count)
    left_terms = (*_combination(shared, first_element=2), (count, 1, 1))
    right_terms = (*_combination(shared, first_element=2 + count), (count + 1, 1, 1))
    return Relation(elements, (Equation(((target, 1),), left_terms), Equation(((target + 1, 1),), right_terms)))


def _combination(scalars: range, first_element: int) -> tuple[tuple[int, int, int], ...]:
    """Return the terms of ``sum_j w_j E_(first_element + j)``."""
    return tuple([(scalar, first_element + scalar, 1) for scalar in scalars])


def _point(name: str, commitment: Commitment) -> Point:
    if is_identity(commitment.point):
        raise StatementError(f"{name} must not be the identity")
    return commitment.point


def _require_distinct(bases: Sequence[Point]) -> None:
    encodings = {group.encode(base) for base in (generators.blinding(), *bases)}
    if len(encodings) != len(bases) + 1:
        raise StatementError("equality: the bases of one side must be distinct and different from the blinding base")
