"""Many verification equations in one multi-scalar multiplication.

Every verifier of this project ends with a linear equation over shared generators and a few points of its own:

    sum_i g_i G_i + sum_j m_j M_j + sum_p q_p P_p + sum_d e_d E_d + h H + padding + sum (own scalars * own points) == 0

Protocol
--------
    (1) weights: one equation has weight 1; several have independent 128-bit weights from the operating system, drawn
        after every proof is fixed, and drawn anew for each part of a bisection
    (2) one multi-scalar multiplication of the weighted sum
    (3) the sum, cleared of the cofactor, is the identity
    (4) a failed batch is bisected until every bad equation is named; a good one is never rejected

The cofactor is cleared in (3) always, for one equation as for many, so acceptance does not depend on the batch.

Security: a batch with a bad equation passes with probability 2^-128.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from operator import mul

from gmpy2 import mpz

from zkmargin.algebra import generators
from zkmargin.algebra.group import Point, clears_to_identity, group
from zkmargin.algebra.scalars import Randomness, system_randomness
from zkmargin.algebra.vectors import weighted_sum

WEIGHT_BYTES = 16


@dataclass(frozen=True, slots=True)
class Equation:
    """The scalars of one verification equation; each list counts from generator 0 of its family."""

    slots: Sequence[int] = ()
    wires: Sequence[int] = ()
    errors: Sequence[int] = ()
    blinding: int = 0
    labels: tuple[str, ...] = ()
    books: Sequence[int] = ()
    points: Sequence[Point] = ()
    scalars: Sequence[int] = ()
    padding: Sequence[int] = ()


def _vanishes(equations: Sequence[Equation], weights: Sequence[int]) -> bool:
    """Return whether the weighted sum of the equations is the identity after clearing the cofactor."""
    books: dict[str, int] = {}
    for labels, places in _by_labels(equations).items():
        sums = _weighted([weights[place] for place in places], [equations[place].books for place in places])
        for label, scalar in zip(labels, sums, strict=True):
            books[label] = books.get(label, 0) + scalar
    slots = _weighted(weights, [item.slots for item in equations])
    wires = _weighted(weights, [item.wires for item in equations])
    errors = _weighted(weights, [item.errors for item in equations])
    padding = _weighted(weights, [item.padding for item in equations])
    points = [
        *generators.slots.first(len(slots)),
        *generators.wires.first(len(wires)),
        *generators.errors.first(len(errors)),
        *generators.padding.first(len(padding)),
        *map(generators.book, books),
        generators.blinding(),
    ]
    blinding = sum(map(mul, weights, [item.blinding for item in equations]))
    scalars = [*slots, *wires, *errors, *padding, *books.values(), blinding]
    for item, weight in zip(equations, weights, strict=True):
        for point, scalar in zip(item.points, item.scalars, strict=True):
            points.append(point)
            scalars.append(weight * scalar)
    return clears_to_identity(group, group.msm(points, scalars))  # (2), (3)


def _by_labels(equations: Sequence[Equation]) -> dict[tuple[str, ...], list[int]]:
    places: dict[tuple[str, ...], list[int]] = {}
    for place, item in enumerate(equations):
        places.setdefault(item.labels, []).append(place)
    return places


def _weighted(weights: Sequence[int], vectors: Sequence[Sequence[int]]) -> Sequence[int]:
    """Return ``sum_i weights_i * vectors_i``; lengths come from statements, never from proofs."""
    return vectors[0] if len(vectors) == 1 and weights[0] == 1 else weighted_sum(weights, vectors)


def bad_positions(equations: Sequence[Equation], randomness: Randomness = system_randomness) -> tuple[int, ...]:
    """Return the positions of every equation that does not hold, ascending; empty if all hold.

    Args:
        equations: Any number; none is vacuously fine.
        randomness: Source of the weights; only tests have a reason to pass one.
    """
    if not equations or _holds(equations, randomness):
        return ()
    return (0,) if len(equations) == 1 else tuple(_bisect(equations, 0, randomness))


def _bisect(equations: Sequence[Equation], offset: int, randomness: Randomness) -> list[int]:
    """Return the bad positions of a run of several equations that does not hold together."""  # (4)
    middle = len(equations) // 2
    halves = [(equations[:middle], offset), (equations[middle:], offset + middle)]
    failing = [half for half in halves if not _holds(half[0], randomness)]
    bad = []
    # Nobody is blamed by deduction: a single equation is always checked itself. That no half fails has probability
    # 2^-128; then both are looked into.
    for part, start in failing or [half for half in halves if len(half[0]) > 1]:
        bad += [start] if len(part) == 1 else _bisect(part, start, randomness)
    return bad


def _holds(equations: Sequence[Equation], randomness: Randomness) -> bool:
    weights = [1] if len(equations) == 1 else [_weight(randomness) for _ in equations]  # (1)
    return _vanishes(equations, weights)


def _weight(randomness: Randomness) -> int:
    """Return a weight in 1..2^128 - 1; zero would drop an equation."""
    while True:
        weight: int = mpz(int.from_bytes(randomness(WEIGHT_BYTES), "big"))
        if weight:
            return weight
