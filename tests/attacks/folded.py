"""Folded openings on their own: a relation, whoever decides it, and the systems that compact proofs are tested with."""

import secrets
from dataclasses import dataclass, replace
from itertools import islice

from zkmargin.algebra import generators
from zkmargin.algebra.group import Point, group
from zkmargin.algebra.portable import Portable
from zkmargin.algebra.scalars import ORDER, inner
from zkmargin.commitments import Opening, commit
from zkmargin.proofs import folding
from zkmargin.proofs.arithmetic import Statement, Witness
from zkmargin.proofs.constraints import Affine, System
from zkmargin.proofs.folding import Bases, Shape
from zkmargin.transcript import Transcript

TAG = b"folded"


def random_scalars(count):
    return [1 + secrets.randbelow(ORDER - 1) for _ in range(count)]


# The argument by itself


@dataclass(frozen=True)
class Relation:
    """P = (|n|^2_mu + <c, l>) V + <n, G> + <l, L>."""

    shape: Shape
    bases: Bases
    rho: int
    c: list[int]
    P: Point


def relation(shape, missing=()):
    """Return a true relation over random vectors, and n and ell; `missing` slots are empty and have no generator."""
    n, ell, c = (random_scalars(count) for count in (shape.norm, shape.linear, shape.linear))
    G = list(generators.slots.first(shape.norm))
    for place in missing:
        n[place], G[place] = 0, group.identity()
    bases = Bases(generators.errors.first(1)[0], G, generators.wires.first(shape.linear))
    (rho,) = random_scalars(1)
    P = group.msm([bases.V, *bases.G, *bases.L], [value(rho, c, n, ell), *n, *ell])
    return Relation(shape, bases, rho, c, P), n, ell


def value(rho, c, n, ell):
    """Return |n|^2_mu + <c, l>."""
    return sum(rho ** (2 * i + 2) * entry**2 for i, entry in enumerate(n)) + inner(c, ell)


def off_by(stated, error):
    """Return the relation with `error` V more on its left-hand side: false."""
    return replace(stated, P=group.add(stated.P, group.multiply(stated.bases.V, error)))


def prove(stated, n, ell, transcript=None):
    return folding.prove(transcript or Transcript(TAG), stated.shape, stated.bases, stated.rho, stated.c, n, ell)


def difference(stated, proof, opened=None):
    """Return the right-hand side of equation (5) minus the left; whatever has no partner is left out."""
    opened = opened or folding.open_up(Transcript(TAG), stated.shape, stated.rho, stated.c, proof)
    right = group.msm([stated.bases.V, *stated.bases.G, *stated.bases.L], [opened.value, *opened.G, *opened.L])
    own = list(zip([*proof.X, *proof.R], [*opened.X, *opened.R], strict=False))
    left = group.msm([stated.P, *[point for point, _ in own]], [1, *[scalar for _, scalar in own]])
    return group.add(right, group.negate(left))


def holds(stated, proof, opened=None):
    return group.equal(difference(stated, proof, opened), group.identity())


# Systems for the compact form


def checked_square(extra=3, commitments=1):
    """Return "the quantity of USD is a digit of base 4, and its square is the wire", and `extra` digits that are 0."""
    # Flat: digit, extra digits, left, right, wire, then one coordinate a commitment.
    left = 1 + extra
    rows = [Affine((place, left + 3), (1, -1), 0) for place in (0, left, left + 1)]
    rows += [Affine((place,), (1,), 0) for place in range(1, left)]
    product = Affine((left + 2,), (1,), 0)
    return System(("USD",), (("USD",),) * commitments, 1 + extra, 4, (product,), 1, tuple(rows), 30)


def square_claim(quantity=3, square=9, extra=3, commitments=1):
    """Return a statement about fresh commitments, and what satisfies it if `square` is the square."""
    openings = [Opening.fresh({"USD": quantity}), Opening.fresh({"USD": 5})][:commitments]
    values = [quantity, *[0] * extra, quantity, quantity, square, quantity, 5]
    system = checked_square(extra, commitments)
    statement = Statement(system, tuple(map(commit, openings)))
    return statement, Witness(values[: system.variables], [opening.blinding for opening in openings])


def bases_of(equation):
    """Return every point that an equation of a batch multiplies, and the scalars."""
    points = [
        *generators.slots.first(len(equation.slots)),
        *generators.wires.first(len(equation.wires)),
        *generators.errors.first(len(equation.errors)),
        *generators.padding.first(len(equation.padding)),
        *map(generators.book, equation.labels),
        generators.blinding(),
        *equation.points,
    ]
    scalars = [*equation.slots, *equation.wires, *equation.errors, *equation.padding, *equation.books]
    return points, [*scalars, equation.blinding, *equation.scalars]


def value_of(equation):
    """Return the left-hand side of an equation of a batch."""
    return group.msm(*bases_of(equation))


def portable_value_of(equation):
    """Return the second implementation of the group, and what it computes for the left-hand side."""
    curve = Portable()
    points, scalars = bases_of(equation)
    return curve, curve.msm([curve.decode_on_curve(group.encode_uncompressed(point)) for point in points], scalars)


def split(values, *lengths):
    """Return consecutive lists of these lengths."""
    rest = iter(values)
    return [list(islice(rest, length)) for length in lengths]
