"""The value of a margin rule on a book: every node in plain integers.

Rule
----
    The nodes of `zkmargin.market.expressions`, each at its own scale: ``value(e, marks, lots) / e.scale`` units, exact.

Rounding
--------
    Only `root`: the least integer whose square is not below the sum of squares.

Worked example
--------------
    A net position of -3 lots of 100 units each, at 0.4 % up to 200 units and 1 % above: 300 * 1 % - 1.2 = 1.8 units.

        >>> from zkmargin.market.expressions import Size, Tiers
        >>> from zkmargin.market.forms import NOTIONAL, Affine
        >>> from zkmargin.market.parameters import Tier, TierTable
        >>> size = Size(Affine({"PERP": 1_000_000}, measure=NOTIONAL))
        >>> rule = Tiers(size, TierTable((Tier(0, 4_000), Tier(200, 10_000))))
        >>> value(rule, Marks({"PERP": 100}, {}), {"PERP": -3}), rule.scale
        (900, 500)
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from math import isqrt
from typing import Any

from zkmargin.margin import pairing
from zkmargin.market.expressions import (
    Cheapest,
    Largest,
    Pairing,
    Part,
    Root,
    Size,
    Sum,
    Tail,
    Tiers,
    Worst,
)
from zkmargin.market.forms import Affine, Array, Expression, Marks, Sides

Lots = Mapping[str, int]


def value(of: Expression, marks: Marks, lots: Lots) -> int:
    """Return the expression at the quantities of a book, times its scale."""
    return _VALUES[type(of)](of, marks, lots)


def least_root(squares: int) -> int:
    """Return the least integer whose square is at least `squares`.

    Example:
        >>> least_root(9), least_root(10)
        (3, 4)
    """
    return isqrt(squares - 1) + 1 if squares > 0 else 0


def _rows(of: Array, marks: Marks, lots: Lots) -> list[int]:
    return [form.at(lots) for form in of.at(marks)]


def _leaf(of: Affine | Sides, marks: Marks, lots: Lots) -> int:
    return of.at(marks).at(lots)


def _size(of: Size, marks: Marks, lots: Lots) -> int:
    return max(form.at(lots) for form in of.at(marks))


def _worst(of: Worst, marks: Marks, lots: Lots) -> int:
    return max(_rows(of.of, marks, lots))


def _tail(of: Tail, marks: Marks, lots: Lots) -> int:
    return sum(sorted(_rows(of.of, marks, lots))[-of.count :])


def _root(of: Root, marks: Marks, lots: Lots) -> int:
    return least_root(sum(row**2 for row in _rows(of.of, marks, lots)))


def _pairing(of: Pairing, marks: Marks, lots: Lots) -> int:
    return pairing.charge(of, marks, lots, pairing.cut(of, marks, lots))


def _sum(of: Sum, marks: Marks, lots: Lots) -> int:
    pairs = zip(of.multipliers, of.children, strict=True)
    return sum(multiplier * value(child, marks, lots) for multiplier, child in pairs)


def _largest(of: Largest, marks: Marks, lots: Lots) -> int:
    return max(of.multiplier(child) * value(child, marks, lots) for child in of.of)


def _tiers(of: Tiers, marks: Marks, lots: Lots) -> int:
    charged = value(of.of, marks, lots)
    return max(slope * charged + constant for slope, constant in of.pieces)


def _cheapest(of: Cheapest, marks: Marks, lots: Lots) -> int:
    return min(of.multiplier(child) * value(child, marks, lots) for child in of.of)


def _part(of: Part, marks: Marks, lots: Lots) -> int:
    return value(of.of, marks, lots)


_VALUES: dict[type[Expression], Callable[[Any, Marks, Lots], int]] = {
    Affine: _leaf,
    Sides: _leaf,
    Size: _size,
    Worst: _worst,
    Tail: _tail,
    Root: _root,
    Pairing: _pairing,
    Sum: _sum,
    Largest: _largest,
    Tiers: _tiers,
    Cheapest: _cheapest,
    Part: _part,
}
