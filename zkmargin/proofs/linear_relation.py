"""Linear relations: what the sigma protocol of `zkmargin.proofs.linear` proves, as data.

Statement
---------
    Public elements E_0, .., E_(l-1) and equations i = 0, .., m-1; secret scalars w_0, .., w_(n-1) with

        sum over the image of i of  coefficient * E_element
            ==  sum over the terms of i of  coefficient * w_scalar * E_element          for every equation i

    The number n of scalars is one more than the largest scalar index.

Validity
--------
    A relation that breaks one of these cannot be constructed. The numbers are those of the draft.

    (1)  There is at least one equation.
    (2)  No equation has an empty image or empty terms.
    (3)  Indices are not negative and below 2^32, coefficients are in [0, order), and the sizes stay within
         `MAX_ELEMENTS` and `MAX_TERMS` (the draft: below 2^32).
    (4)  Every element index names an element.
    (5)  Every element but the generator occurs in an equation.
    (6)  Every scalar index up to the largest occurs in a term: the response to any other would go unchecked.
    (7)  E_0 is the generator of the group.
    (8)  No element is the identity.
    (9)  No image is the identity: the zero witness would satisfy its equation.
    (10) No column is the identity: every scalar has, in some equation, a coefficient that does not cancel.

    What no check can see: an element must stand for itself. A sum of two public points enters as two terms, never as
    one precomputed element, or the proof holds for every pair with the same sum.

Encoding
--------
    number of equations;  per equation: number of image terms, each (element, coefficient), number of terms, each
    (scalar, element, coefficient);  then E_1 .. E_(l-1).
    Numbers and indices: 4 bytes little-endian. Coefficients: 32 bytes big-endian. Elements: 48 bytes compressed.

Reference: draft-irtf-cfrg-sigma-protocols (Orru, Yun), sections "Representation", "Map evaluation", "Instance
validation" and "Serialization"; our E is its `elements`, our `difference` its SimulateCommitment.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NoReturn

from zkmargin.algebra.group import Point, group, is_identity
from zkmargin.algebra.scalars import ORDER
from zkmargin.amounts import MAX_COORDINATES
from zkmargin.encoding import encode_scalars, encode_uint
from zkmargin.errors import StatementError

MAX_ELEMENTS = 2 * MAX_COORDINATES + 4
MAX_TERMS = 2**16
_INDEX_LIMIT = 2**32


@dataclass(frozen=True, slots=True)
class Equation:
    """One row: ``image == terms``.

    Attributes:
        image: Public side, pairs (element index, coefficient).
        terms: Secret side, triples (scalar index, element index, coefficient).

    Example:
        >>> pedersen = Equation(image=((2, 1),), terms=((0, 0, 1), (1, 1, 1)))  # E_2 = w_0 G + w_1 E_1
    """

    image: tuple[tuple[int, int], ...]
    terms: tuple[tuple[int, int, int], ...]

    def weights(self, scalars: Sequence[int], challenge: int) -> dict[int, int]:
        """Return, by element index, its factor in ``sum(terms at scalars) - challenge * image``, not reduced."""
        weights: defaultdict[int, int] = defaultdict(int)
        for scalar, element, coefficient in self.terms:
            weights[element] += coefficient * scalars[scalar]
        if challenge:
            for element, coefficient in self.image:
                weights[element] -= coefficient * challenge
        return weights


@dataclass(frozen=True, slots=True, eq=False)
class Relation:
    """A valid system of equations.

    Attributes:
        elements: E_0 = generator, E_1, ..: points of the prime-order subgroup, as `group.decode` and
            `group.hash_to_curve` return them; at most `MAX_ELEMENTS`.
        equations: At least one; at most `MAX_TERMS` image terms and terms altogether.
        encodings: The compressed encoding of each element, computed once.

    Raises:
        StatementError: with the number of the rule that is broken.

    Example:
        >>> from zkmargin.algebra.group import group
        >>> G = group.generator()
        >>> schnorr = Relation((G, group.multiply(G, 7)), (Equation(((1, 1),), ((0, 0, 1),)),))
        >>> schnorr.scalar_count, len(schnorr.to_bytes())
        (1, 136)
    """

    elements: tuple[Point, ...]
    equations: tuple[Equation, ...]
    encodings: tuple[bytes, ...] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        for check in _CHECKS:
            check(self)
        object.__setattr__(self, "encodings", tuple([group.encode(element) for element in self.elements]))

    @property
    def scalar_count(self) -> int:
        """The number n of secret scalars."""
        return 1 + max(self._scalar_indices(), default=-1)

    def difference(self, scalars: Sequence[int], challenge: int) -> list[Point]:
        """Return ``map(scalars) - challenge * image``, one point per equation.

        With challenge 0 it is the linear map itself; with challenge 1 it vanishes exactly at the witnesses; and at the
        responses of a proof it is the announcement that makes them acceptable.

        Args:
            scalars: n integers, in the order of the scalar indices.
            challenge: Factor of the image.
        """
        return [self._sum(equation.weights(scalars, challenge)) for equation in self.equations]

    def to_bytes(self) -> bytes:
        """Return the canonical, prefix-free encoding (SerializeLinearRelation)."""
        parts = [_number(len(self.equations))]
        for equation in self.equations:
            parts.append(_number(len(equation.image)))
            for element, coefficient in equation.image:
                parts += [_number(element), encode_scalars([coefficient])]
            parts.append(_number(len(equation.terms)))
            for scalar, element, coefficient in equation.terms:
                parts += [_number(scalar), _number(element), encode_scalars([coefficient])]
        return b"".join([*parts, *self.encodings[1:]])

    def _scalar_indices(self) -> set[int]:
        return {scalar for equation in self.equations for scalar, _, _ in equation.terms}

    def _element_indices(self) -> set[int]:
        images = {element for equation in self.equations for element, _ in equation.image}
        return images | {element for equation in self.equations for _, element, _ in equation.terms}

    def _sum(self, weights: Mapping[int, int]) -> Point:
        return group.msm([self.elements[element] for element in weights], list(weights.values()))

    def _vanishes(self, pairs: Iterable[tuple[int, int]]) -> bool:
        """Return whether ``sum coefficient * E_element`` over pairs (element, coefficient) is the identity."""
        weights: defaultdict[int, int] = defaultdict(int)
        for element, coefficient in pairs:
            weights[element] += coefficient
        left = {element: weight for element, weight in weights.items() if weight % ORDER}
        # One element, not the identity, of a group of prime order: no multiple but the zeroth vanishes.
        return not left if len(left) < 2 else is_identity(self._sum(left))


def _number(value: int) -> bytes:
    return encode_uint(value, _INDEX_LIMIT)


def _refuse(rule: int, message: str) -> NoReturn:
    raise StatementError(f"linear relation, rule ({rule}): {message}")


def _has_equations(relation: Relation) -> None:
    if not relation.equations:  # (1)
        _refuse(1, "there must be at least 1 equation, got 0")


def _has_two_sides(relation: Relation) -> None:
    for number, equation in enumerate(relation.equations):
        if not equation.image or not equation.terms:  # (2)
            _refuse(2, f"equation {number} must have at least 1 image term and 1 term")


def _is_within_bounds(relation: Relation) -> None:
    size = sum(len(equation.image) + len(equation.terms) for equation in relation.equations)  # (3)
    if size > MAX_TERMS:
        _refuse(3, f"there must be at most {MAX_TERMS} terms, got {size}")
    if len(relation.elements) > MAX_ELEMENTS:
        _refuse(3, f"there must be at most {MAX_ELEMENTS} elements, got {len(relation.elements)}")
    for index in relation._element_indices() | relation._scalar_indices():
        if not 0 <= index < _INDEX_LIMIT:
            _refuse(3, f"an index must be between 0 and 2^32 - 1, got {index}")
    for equation in relation.equations:
        coefficients = [entry[-1] for entry in (*equation.image, *equation.terms)]
        if min(coefficients, default=0) < 0 or max(coefficients, default=0) >= ORDER:
            _refuse(3, "a coefficient must be in [0, order)")


def _names_elements(relation: Relation) -> None:
    highest = max(relation._element_indices(), default=0)
    if highest >= len(relation.elements):  # (4)
        _refuse(4, f"an element index must be below {len(relation.elements)}, got {highest}")


def _uses_elements(relation: Relation) -> None:
    unused = set(range(1, len(relation.elements))) - relation._element_indices()
    if unused:  # (5)
        _refuse(5, f"element {min(unused)} occurs in no equation")


def _uses_scalars(relation: Relation) -> None:
    # Counted, not enumerated: an index near 2^32 must not cost memory.
    if len(relation._scalar_indices()) != relation.scalar_count:  # (6)
        _refuse(6, f"each of the {relation.scalar_count} scalars must occur in a term")


def _starts_with_the_generator(relation: Relation) -> None:
    if not group.equal(relation.elements[0], group.generator()):  # (7)
        _refuse(7, "element 0 must be the generator of the group")


def _has_no_identity(relation: Relation) -> None:
    for index, element in enumerate(relation.elements):
        if is_identity(element):  # (8)
            _refuse(8, f"element {index} must not be the identity")


def _has_no_trivial_image(relation: Relation) -> None:
    for number, equation in enumerate(relation.equations):
        if relation._vanishes(equation.image):  # (9)
            _refuse(9, f"the image of equation {number} must not be the identity")


def _has_no_trivial_column(relation: Relation) -> None:
    free = relation._scalar_indices()
    for equation in relation.equations:
        columns: defaultdict[int, list[tuple[int, int]]] = defaultdict(list)
        for scalar, element, coefficient in equation.terms:
            if scalar in free:
                columns[scalar].append((element, coefficient))
        free -= {scalar for scalar, column in columns.items() if not relation._vanishes(column)}
    if free:  # (10)
        _refuse(10, f"the terms of scalar {min(free)} cancel in every equation")


_CHECKS = (
    _has_equations,
    _has_two_sides,
    _is_within_bounds,
    _names_elements,
    _uses_elements,
    _uses_scalars,
    _starts_with_the_generator,
    _has_no_identity,
    _has_no_trivial_image,
    _has_no_trivial_column,
)
