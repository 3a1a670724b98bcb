"""Many verification equations in one multi-scalar multiplication.

Every verifier of this project ends with a linear equation over shared generators and a few points of its own:

    sum_i g_i G_i + sum_j m_j M_j + sum_p q_p P_p + sum_d e_d E_d + h H + sum (own scalars * own points) == 0

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
from dataclasses import dataclass, field
from itertools import zip_longest

from zkmargin.algebra import generators
from zkmargin.algebra.group import Point, clears_to_identity, group
from zkmargin.algebra.scalars import Randomness, system_randomness

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


@dataclass(slots=True)
class _Sum:
    """A weighted sum of equations; scalars are reduced by the multi-scalar multiplication."""

    slots: list[int] = field(default_factory=list)
    wires: list[int] = field(default_factory=list)
    errors: list[int] = field(default_factory=list)
    blinding: int = 0
    books: dict[tuple[str, ...], list[int]] = field(default_factory=dict)
    points: list[Point] = field(default_factory=list)
    scalars: list[int] = field(default_factory=list)

    def add(self, equation: Equation, weight: int) -> None:
        self.slots = _accumulate(self.slots, equation.slots, weight)
        self.wires = _accumulate(self.wires, equation.wires, weight)
        self.errors = _accumulate(self.errors, equation.errors, weight)
        self.blinding += weight * equation.blinding
        books = self.books.get(equation.labels, [])
        self.books[equation.labels] = _accumulate(books, equation.books, weight)
        self.points.extend(equation.points)
        self.scalars.extend([weight * scalar for scalar in equation.scalars])

    def vanishes(self) -> bool:
        labelled: dict[str, int] = {}
        for labels, scalars in self.books.items():
            for label, scalar in zip(labels, scalars, strict=True):
                labelled[label] = labelled.get(label, 0) + scalar
        points = [
            *generators.slots.first(len(self.slots)),
            *generators.wires.first(len(self.wires)),
            *generators.errors.first(len(self.errors)),
            *map(generators.book, labelled),
            generators.blinding(),
            *self.points,
        ]
        scalars = [*self.slots, *self.wires, *self.errors, *labelled.values(), self.blinding, *self.scalars]
        return clears_to_identity(group, group.msm(points, scalars))  # (2), (3)


def bad_positions(equations: Sequence[Equation], randomness: Randomness = system_randomness) -> tuple[int, ...]:
    """Return the positions of every equation that does not hold, ascending; empty if all hold.

    Args:
        equations: Any number; none is vacuously fine.
        randomness: Source of the weights; only tests have a reason to pass one.
    """
    if not equations or _holds(equations, randomness):
        return ()
    return tuple(_bisect(equations, 0, randomness))


def _bisect(equations: Sequence[Equation], offset: int, randomness: Randomness) -> list[int]:
    """Return the bad positions of a run of equations that is known to hold at least one."""  # (4)
    if len(equations) == 1:
        return [offset]
    middle = len(equations) // 2
    left, right = equations[:middle], equations[middle:]
    bad = [] if _holds(left, randomness) else _bisect(left, offset, randomness)
    if not bad or not _holds(right, randomness):
        bad += _bisect(right, offset + middle, randomness)
    return bad


def _holds(equations: Sequence[Equation], randomness: Randomness) -> bool:
    total = _Sum()
    for equation in equations:
        weight = 1 if len(equations) == 1 else _weight(randomness)  # (1)
        total.add(equation, weight)
    return total.vanishes()


def _weight(randomness: Randomness) -> int:
    """Return a weight in 1..2^128 - 1; zero would drop an equation."""
    while True:
        weight = int.from_bytes(randomness(WEIGHT_BYTES), "big")
        if weight:
            return weight


def _accumulate(total: list[int], scalars: Sequence[int], weight: int) -> list[int]:
    if len(total) == len(scalars):
        return [one + weight * other for one, other in zip(total, scalars, strict=True)]
    return [one + weight * other for one, other in zip_longest(total, scalars, fillvalue=0)]
