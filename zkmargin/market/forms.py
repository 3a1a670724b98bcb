"""The leaves of a margin rule: forms over a book that are affine, or bend upwards where a position changes sides.

    affine     constant + sum_i c_i q_i
    sides      sum_i long_i max(0, q_i) + short_i max(0, -q_i)            long_i + short_i >= 0
    array      several affine rows by id, as a clearing house publishes losses by scenario

Units
-----
    A coefficient is in units per lot, or, with the measure "notional", in ppm of the lot's notional at the mark, and
    then it follows the mark. `scale` is the denominator, the same at every mark. In a box of prices a leaf is taken at
    its largest within the box: see `Marks.spreads`.

Bounds
------
    |coefficient| < 2^80, at most 4,096 ids and 1,024 rows.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from math import gcd
from typing import ClassVar

from zkmargin.amounts import MAX_COORDINATES, MAX_SCENARIOS, PPM, bounded
from zkmargin.documents import identifier
from zkmargin.errors import StatementError
from zkmargin.market.parameters import MAX_LOSS_UNITS

UNITS, NOTIONAL = "units", "notional"
MEASURES = (UNITS, NOTIONAL)
MAX_SCALE = 2**64
MAX_DEPTH = 5


@dataclass(frozen=True, slots=True)
class Marks:
    """What an expression needs to know of a market, for the ids of a basis.

    Args:
        notionals: Notional of one lot at the mark, in units, by id; an id that is absent is not in the basis.
        spreads: How far that notional moves within a box of prices, by id; empty at the marks.
    """

    notionals: Mapping[str, int]
    spreads: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Bent:
    """``constant + sum per_lot * q + sum per_short_lot * max(0, -q)`` in integers: a leaf at the marks of a market."""

    per_lot: tuple[tuple[str, int], ...]
    per_short_lot: tuple[tuple[str, int], ...]
    constant: int

    def at(self, lots: Mapping[str, int]) -> int:
        """Return the value at the quantities of a book."""
        linear = sum(coefficient * lots.get(name, 0) for name, coefficient in self.per_lot)
        return self.constant + linear + sum(extra * max(0, -lots.get(name, 0)) for name, extra in self.per_short_lot)


class Expression:
    """A requirement as a function of a book: one of the nodes of this module."""

    __slots__ = ()
    node: ClassVar[str]
    scale: int

    @property
    def children(self) -> tuple[Expression, ...]:
        """Return the expressions directly below."""
        return ()

    def _denominator(self) -> int:
        """Return the least integer that makes every value of the expression an integer."""
        raise NotImplementedError

    def _settle(self) -> None:
        """Fix the scale, at the end of every constructor."""
        object.__setattr__(self, "scale", bounded(f"scale of {self.node}", self._denominator(), 1, MAX_SCALE))
        bounded("levels of an expression", self.depth, 0, MAX_DEPTH)

    @property
    def names(self) -> frozenset[str]:
        """Return the ids that the node itself mentions."""
        return frozenset()

    @property
    def depth(self) -> int:
        """Return the number of levels down to the next parts."""
        return 1 + max((child.depth for child in self.children), default=0)

    @property
    def follows_marks(self) -> bool:
        """Return whether the node's own charges are shares of notional, so that they are known at other prices."""
        return True

    def multiplier(self, child: Expression, weight: Fraction | int = 1) -> int:
        """Return the integer by which a child's value enters this one's."""
        factor = Fraction(self.scale, child.scale) * weight
        if factor.denominator != 1:
            raise StatementError(f"scale of {self.node} must be a multiple of its children's")
        return factor.numerator


@dataclass(frozen=True, slots=True)
class Array:
    """Affine rows over the book, as a clearing house publishes them: by id, one coefficient for each row.

    Args:
        per_lot: By id, the loss of one long lot in every row.
        rows: How many rows there are.
        constants: What is added to each row, in units; empty for zeros.
        measure: ``"units"`` or ``"notional"``.
    """

    per_lot: Mapping[str, tuple[int, ...]]
    rows: int
    constants: tuple[int, ...] = ()
    measure: str = UNITS
    scale: int = field(init=False, repr=False, compare=False, default=1)

    def __post_init__(self) -> None:
        _check_measure(self.measure)
        bounded("number of rows", self.rows, 1, MAX_SCENARIOS)
        if self.constants:
            bounded("number of constants", len(self.constants), self.rows, self.rows)
        for name, coefficients in self.per_lot.items():
            bounded(f"number of coefficients of {identifier('row', name)}", len(coefficients), self.rows, self.rows)
            _check_coefficients(dict.fromkeys([name], c) for c in set(coefficients))
        _check_coefficients([{"constant": value} for value in self.constants])
        object.__setattr__(self, "per_lot", dict(sorted(self.per_lot.items())))
        everything = (value for row in self.per_lot.values() for value in row)
        object.__setattr__(self, "scale", _scale(self.measure, everything))

    @property
    def names(self) -> frozenset[str]:
        """Return the ids of the rows."""
        return frozenset(self.per_lot)

    @property
    def follows_marks(self) -> bool:
        """Return whether the rows are shares of notional."""
        return self.measure == NOTIONAL or not self.per_lot

    def at(self, marks: Marks) -> tuple[Bent, ...]:
        """Return the rows in integers."""
        constants = self.constants or (0,) * self.rows
        known = [(name, row) for name, row in self.per_lot.items() if name in marks.notionals]
        return tuple(
            _bent({name: (row[k], -row[k]) for name, row in known}, constants[k], self.measure, self.scale, marks)
            for k in range(self.rows)
        )


@dataclass(frozen=True, slots=True)
class Affine(Expression):
    """``constant + sum_i per_lot_i * q_i``.

    Example:
        >>> hedge = Affine({"BTC-PERP": 10, "BTC-CALL": -4})
        >>> hedge.at(Marks({"BTC-PERP": 1, "BTC-CALL": 1}, {})).at({"BTC-PERP": 2, "BTC-CALL": 3})
        8
    """

    node: ClassVar[str] = "affine"
    per_lot: Mapping[str, int]
    constant: int = 0
    measure: str = UNITS
    scale: int = field(init=False, repr=False, compare=False, default=1)

    def __post_init__(self) -> None:
        _check_measure(self.measure)
        _check_coefficients([self.per_lot, {"constant": self.constant}])
        object.__setattr__(self, "per_lot", dict(sorted(self.per_lot.items())))
        self._settle()

    def _denominator(self) -> int:
        """Return the denominator of the rates."""
        return _scale(self.measure, self.per_lot.values())

    @property
    def names(self) -> frozenset[str]:
        """Return the ids with a coefficient."""
        return frozenset(self.per_lot)

    @property
    def follows_marks(self) -> bool:
        """Return whether the coefficients are shares of notional."""
        return self.measure == NOTIONAL or not self.per_lot

    def at(self, marks: Marks) -> Bent:
        """Return the form in integers."""
        sides = {name: (value, -value) for name, value in self.per_lot.items()}
        return _bent(sides, self.constant, self.measure, self.scale, marks)

    def opposite(self) -> Affine:
        """Return the form with every sign changed: a credit is a charge with negative coefficients."""
        return Affine({name: -value for name, value in self.per_lot.items()}, -self.constant, self.measure)


@dataclass(frozen=True, slots=True)
class Sides(Expression):
    """``sum_i long_i * max(0, q_i) + short_i * max(0, -q_i)``: what a long and what a short lot is charged.

    Raises:
        StatementError: if long + short is negative for an id: the charge would bend downwards.

    Example:
        >>> Sides({}, {"BTC-CALL": 5}).at(Marks({"BTC-CALL": 1}, {})).at({"BTC-CALL": -3})
        15
    """

    node: ClassVar[str] = "sides"
    long: Mapping[str, int]
    short: Mapping[str, int]
    measure: str = UNITS
    scale: int = field(init=False, repr=False, compare=False, default=1)

    def __post_init__(self) -> None:
        _check_measure(self.measure)
        _check_coefficients([self.long, self.short])
        for name in sorted(self.names):
            if self.long.get(name, 0) + self.short.get(name, 0) < 0:
                raise StatementError(
                    f"sides of {name} must bend upwards: long + short must be at least 0, "
                    f"got {self.long.get(name, 0)} and {self.short.get(name, 0)}"
                )
        object.__setattr__(self, "long", dict(sorted(self.long.items())))
        object.__setattr__(self, "short", dict(sorted(self.short.items())))
        self._settle()

    def _denominator(self) -> int:
        """Return the denominator of the rates."""
        return _scale(self.measure, [*self.long.values(), *self.short.values()])

    @property
    def names(self) -> frozenset[str]:
        """Return the ids that are charged."""
        return frozenset(self.long) | frozenset(self.short)

    @property
    def follows_marks(self) -> bool:
        """Return whether the charges are shares of notional."""
        return self.measure == NOTIONAL

    def at(self, marks: Marks) -> Bent:
        """Return the form in integers."""
        sides = {name: (self.long.get(name, 0), self.short.get(name, 0)) for name in sorted(self.names)}
        return _bent(sides, 0, self.measure, self.scale, marks)


def _bent(sides: Mapping[str, tuple[int, int]], constant: int, measure: str, scale: int, marks: Marks) -> Bent:
    """Return ``constant + sum long * max(0, q) + short * max(0, -q)`` at the marks, at its largest in their spreads."""
    per_lot, per_short_lot = {}, {}
    for name in sides.keys() & marks.notionals.keys():
        unit, spread, part = (1, 0, 1) if measure == UNITS else (marks.notionals[name], marks.spreads.get(name, 0), PPM)
        held, owed = (side * scale // part * unit + abs(side) * scale // part * spread for side in sides[name])
        per_lot[name], per_short_lot[name] = held, held + owed
    return Bent(_kept(per_lot), _kept(per_short_lot), constant * scale)


def _kept(coefficients: Mapping[str, int]) -> tuple[tuple[str, int], ...]:
    return tuple((name, value) for name, value in sorted(coefficients.items()) if value)


def _scale(measure: str, coefficients: Iterable[int]) -> int:
    return 1 if measure == UNITS else PPM // gcd(PPM, *coefficients)


def _check_measure(measure: str) -> None:
    if measure not in MEASURES:
        raise StatementError(f"measure must be one of {', '.join(MEASURES)}, got {measure!r}")


def _check_coefficients(given: Iterable[Mapping[str, int]]) -> None:
    for coefficients in given:
        bounded("number of coefficients", len(coefficients), 0, MAX_COORDINATES)
        for name, value in coefficients.items():
            bounded(f"coefficient of {identifier('coefficient', name)}", value, -MAX_LOSS_UNITS, MAX_LOSS_UNITS)
