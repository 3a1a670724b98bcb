"""A convex piecewise-linear function of a signed quantity: the shape of every tiered charge.

    f(q) = max_j ( per_lot_j * q + per_absolute_lot_j * |q| + constant_j ),   per_absolute_lot_j >= 0

Constraints
-----------
    those of `absolute` (once, if any piece uses |q|) and of `maximum` over the pieces

The size helper s >= |q| enters with coefficients that are not negative, so the result is at least f(q) whatever the
prover chooses, and f(q) for an honest one.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from circuits.builder import Builder, V
from circuits.gadgets.absolute import absolute
from circuits.gadgets.maximum import maximum
from zkmargin.errors import StatementError


class Piece(Protocol):
    """One affine piece, as the plain margin models publish it."""

    @property
    def per_lot(self) -> int:
        """Return the coefficient of q."""

    @property
    def per_absolute_lot(self) -> int:
        """Return the coefficient of |q|; never negative."""

    @property
    def constant(self) -> int:
        """Return what is added whatever q is."""


def convex(builder: Builder[V], quantity: V, pieces: Sequence[Piece], quantity_bits: int, value_bits: int) -> V:
    """Return a value that is at least ``f(quantity)``.

    Args:
        builder: The reader.
        quantity: q, |q| < 2^quantity_bits.
        pieces: At least one.
        quantity_bits: Bound of the quantity.
        value_bits: The pieces differ by less than 2^value_bits for every book that the statement has to serve.

    Raises:
        StatementError: if a piece rewards size, which would turn an overstated helper into a gain.
    """
    if any(piece.per_absolute_lot < 0 for piece in pieces):
        raise StatementError("a convex charge must not have a negative coefficient of |q|")
    terms: list[list[tuple[int, V]]] = [[(piece.per_lot, quantity)] for piece in pieces]
    if any(piece.per_absolute_lot for piece in pieces):
        size = absolute(builder, quantity, quantity_bits)
        for piece, listed in zip(pieces, terms, strict=True):
            listed.append((piece.per_absolute_lot, size))
    values = [builder.combine(listed, piece.constant) for piece, listed in zip(pieces, terms, strict=True)]
    return maximum(builder, values, value_bits)
