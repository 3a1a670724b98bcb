"""Margin rules as small expressions over a book: what a venue composes its own model from.

An expression is a requirement in settlement units as a function of the quantities q of a book. The language follows
disciplined convex programming: every expression that can be written is convex in q, or is a choice among convex ones,
and whoever states one of its auxiliary numbers wrongly can only raise the requirement. That is what lets a proof of it
stay small. Everything else is refused when it is written, with the reason.

Nodes
-----
    affine     constant + sum_i c_i q_i
    sides      sum_i long_i max(0, q_i) + short_i max(0, -q_i)            long_i + short_i >= 0
    size       |affine|
    worst      max_k of the rows of an array
    tail       mean of the `count` largest rows of an array: expected shortfall
    root       sqrt(sum of squares of the rows of an array), rounded up: parametric value at risk
    pairing    the least charge of a book cut into strategies and naked legs
    sum        sum_j weight_j * e_j                                       weight_j >= 0
    largest    max_j e_j
    tiers      max_k (rate_k * e - cum_k), a tier table of an expression  rates rise
    cheapest   min_j e_j: the holder's hidden choice
    part       an expression under a name; the same part is stated once however often it occurs

Why the rules are these: `sum` with a negative weight, `sides` that bend downwards and a table whose rates fall would
reward an overstated auxiliary number. A calendar charge c on matched deltas, with a on outright ones, is
``(a - c/2) |sum d| + (c/2) sum |d|``: convex, and accepted, exactly if c <= 2 a.

Units
-----
    A coefficient is in units per lot, or, with the measure "notional", in ppm of the lot's notional at the mark, and
    then it follows the mark. Weights and rates are in ppm. An expression is an exact rational number; `scale` is its
    denominator, the same at every mark.

Rounding
--------
    Only `root` rounds: up, to 1/scale.

Bounds
------
    |coefficient| < 2^80, scale <= 2^64; at most 5 levels, 1,024 rows or terms, 32 branches, 512 strategies of 16 legs.
    `Model.check` refuses coefficients that could wrap around at the marks of a snapshot.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from math import lcm
from typing import ClassVar

from zkmargin.amounts import PPM, bounded
from zkmargin.documents import identifier
from zkmargin.errors import StatementError
from zkmargin.market.forms import UNITS, Affine, Array, Bent, Expression, Marks
from zkmargin.market.parameters import MAX_LOSS_UNITS, TierTable

MAX_CHILDREN = 1_024
MAX_LEGS = 16
MAX_BRANCHES = 32
MAX_STRATEGIES = 512
MAX_WEIGHT_PPM = 1_000 * PPM


@dataclass(frozen=True, slots=True)
class Size(Expression):
    """``|of|`` of an affine form: a net delta, a net position in several contracts."""

    node: ClassVar[str] = "size"
    of: Affine
    scale: int = field(init=False, repr=False, compare=False, default=1)

    def __post_init__(self) -> None:
        if not isinstance(self.of, Affine):
            raise StatementError("the size of something that is not affine is not convex")
        self._settle()

    @property
    def children(self) -> tuple[Expression, ...]:
        """Return the form."""
        return (self.of,)

    def _denominator(self) -> int:
        """Return the form's scale."""
        return self.of.scale

    def at(self, marks: Marks) -> tuple[Bent, Bent]:
        """Return the form and its opposite in integers: the larger one is the size."""
        return self.of.at(marks), self.of.opposite().at(marks)


@dataclass(frozen=True, slots=True)
class Worst(Expression):
    """The largest row of an array: a scan over scenarios. It may be negative; `positive` puts a floor under it."""

    node: ClassVar[str] = "worst"
    of: Array
    scale: int = field(init=False, repr=False, compare=False, default=1)

    def __post_init__(self) -> None:
        self._settle()

    @property
    def names(self) -> frozenset[str]:
        """Return the ids of the rows."""
        return frozenset(self.of.per_lot)

    @property
    def follows_marks(self) -> bool:
        """Return whether the rows are shares of notional."""
        return self.of.follows_marks

    def _denominator(self) -> int:
        """Return the array's scale."""
        return self.of.scale


@dataclass(frozen=True, slots=True)
class Tail(Expression):
    """The mean of the `count` largest rows of an array: expected shortfall at the level 1 - count/rows."""

    node: ClassVar[str] = "tail"
    of: Array
    count: int
    scale: int = field(init=False, repr=False, compare=False, default=1)

    def __post_init__(self) -> None:
        bounded("count of a tail", self.count, 1, self.of.rows)
        self._settle()

    @property
    def names(self) -> frozenset[str]:
        """Return the ids of the rows."""
        return frozenset(self.of.per_lot)

    @property
    def follows_marks(self) -> bool:
        """Return whether the rows are shares of notional."""
        return self.of.follows_marks

    def _denominator(self) -> int:
        """Return the array's scale times the count, so that the sum of the rows is the value."""
        return self.of.scale * self.count


@dataclass(frozen=True, slots=True)
class Root(Expression):
    """The least integer m >= 0 with ``m^2 >= sum of the squares of the rows``, at the array's scale.

    For a covariance ``S = L L'`` of the values of the lots, rows ``z * L'`` give ``z * sqrt(q' S q)``, value at risk.
    """

    node: ClassVar[str] = "root"
    of: Array
    scale: int = field(init=False, repr=False, compare=False, default=1)

    def __post_init__(self) -> None:
        if self.of.measure != UNITS:
            raise StatementError("the array under a root must be in units: its bound must not depend on the marks")
        for row in range(self.of.rows):
            weight = sum(abs(coefficients[row]) for coefficients in self.of.per_lot.values())
            bounded(f"sum of the coefficients of row {row} under a root", weight, 0, 2**44 - 1)
        self._settle()

    @property
    def names(self) -> frozenset[str]:
        """Return the ids of the rows."""
        return frozenset(self.of.per_lot)

    @property
    def follows_marks(self) -> bool:
        """Return whether the rows are shares of notional."""
        return self.of.follows_marks

    def _denominator(self) -> int:
        """Return the array's scale."""
        return self.of.scale


@dataclass(frozen=True, slots=True)
class Strategy:
    """Legs that are margined together, for example a covered call.

    Args:
        name: What a desk calls it.
        legs: Lots of each id in one of it, not zero.
        charge_units: What one of it is charged, at least 0.
    """

    name: str
    legs: Mapping[str, int]
    charge_units: int

    def __post_init__(self) -> None:
        identifier("strategy", self.name)
        bounded(f"number of legs of {self.name}", len(self.legs), 1, MAX_LEGS)
        bounded(f"charge_units of {self.name}", self.charge_units, 0, MAX_LOSS_UNITS)
        for name, lots in self.legs.items():
            if not 0 < abs(lots) < 2**32:
                raise StatementError(f"lots of {name} in {self.name} must be below 2^32 in size and not 0, got {lots}")
        object.__setattr__(self, "legs", dict(sorted(self.legs.items())))


@dataclass(frozen=True, slots=True)
class Pairing(Expression):
    """The least charge over all ways to cut the book into strategies and naked legs.

        min { sum_s charge_s y_s + sum_i long_i max(0, r_i) + short_i max(0, -r_i) :  y_s whole and >= 0 }
        r_i = q_i - sum_s legs_si y_s,   what is left naked

    The cut is the holder's secret. Every cut is a valid one, so a holder who cuts badly is charged more, never less.

    Args:
        long: Charge of one naked long lot, at least 0; an id needs an entry here or in `short` to be in a strategy.
        short: Charge of one naked short lot, at least 0.
        strategies: At most 512, names distinct.
    """

    node: ClassVar[str] = "pairing"
    long: Mapping[str, int]
    short: Mapping[str, int]
    strategies: tuple[Strategy, ...]
    scale: int = field(init=False, repr=False, compare=False, default=1)

    def __post_init__(self) -> None:
        bounded("number of strategies", len(self.strategies), 1, MAX_STRATEGIES)
        if len({strategy.name for strategy in self.strategies}) != len(self.strategies):
            raise StatementError("strategy names must be distinct")
        for side in ("long", "short"):
            charges: Mapping[str, int] = getattr(self, side)
            for name, charge_units in charges.items():
                bounded(f"{side} charge of {identifier('naked leg', name)}", charge_units, 0, MAX_LOSS_UNITS)
            object.__setattr__(self, side, dict(sorted(charges.items())))
        for strategy in self.strategies:
            for name in strategy.legs.keys() - self.names:
                raise StatementError(f"{name} of strategy {strategy.name} must have a naked charge")
        self._settle()

    def _denominator(self) -> int:
        """Return 1."""
        return 1

    @property
    def names(self) -> frozenset[str]:
        """Return the ids with a naked charge."""
        return frozenset(self.long) | frozenset(self.short)

    @property
    def follows_marks(self) -> bool:
        """Return False: the charges are published in units."""
        return False

    def within(self, marks: Marks) -> tuple[tuple[str, ...], tuple[Strategy, ...]]:
        """Return the ids of the basis that are paired, and the strategies whose legs are all among them."""
        legs = tuple(name for name in sorted(self.names) if name in marks.notionals)
        return legs, tuple(strategy for strategy in self.strategies if strategy.legs.keys() <= set(legs))


@dataclass(frozen=True, slots=True)
class Sum(Expression):
    """``sum_j weight_j * e_j``.

    Args:
        terms: Pairs of a weight in ppm, at least 0, and an expression.

    Raises:
        StatementError: if a weight is negative. A credit is an affine expression with negative coefficients.
    """

    node: ClassVar[str] = "sum"
    terms: tuple[tuple[int, Expression], ...]
    scale: int = field(init=False, repr=False, compare=False, default=1)

    def __post_init__(self) -> None:
        bounded("number of terms of a sum", len(self.terms), 1, MAX_CHILDREN)
        for weight_ppm, child in self.terms:
            if weight_ppm < 0:
                raise StatementError(
                    f"a credit of {-weight_ppm} ppm on a {child.node} breaks convexity: only an affine charge may be "
                    "credited, by negative coefficients"
                )
            bounded("weight_ppm", weight_ppm, 0, MAX_WEIGHT_PPM)
        self._settle()

    @property
    def children(self) -> tuple[Expression, ...]:
        """Return the expressions."""
        return tuple(child for _, child in self.terms)

    def _denominator(self) -> int:
        """Return the least common denominator of the terms."""
        return lcm(*(Fraction(weight_ppm, PPM * child.scale).denominator for weight_ppm, child in self.terms))

    @property
    def multipliers(self) -> tuple[int, ...]:
        """Return the integer by which each child's value enters."""
        return tuple(self.multiplier(child, Fraction(weight_ppm, PPM)) for weight_ppm, child in self.terms)


@dataclass(frozen=True, slots=True)
class Largest(Expression):
    """``max_j e_j``."""

    node: ClassVar[str] = "largest"
    of: tuple[Expression, ...]
    scale: int = field(init=False, repr=False, compare=False, default=1)

    def __post_init__(self) -> None:
        bounded("number of expressions", len(self.of), 1, MAX_CHILDREN)
        self._settle()

    @property
    def children(self) -> tuple[Expression, ...]:
        """Return the expressions."""
        return self.of

    def _denominator(self) -> int:
        """Return the least common multiple of the scales."""
        return lcm(*(child.scale for child in self.of))


@dataclass(frozen=True, slots=True)
class Tiers(Expression):
    """``max_k (rate_k * of - cum_k)``: the margin of a notional, a concentration charge that steepens with size."""

    node: ClassVar[str] = "tiers"
    of: Expression
    table: TierTable
    scale: int = field(init=False, repr=False, compare=False, default=1)

    def __post_init__(self) -> None:
        self._settle()

    @property
    def children(self) -> tuple[Expression, ...]:
        """Return the expression that is charged."""
        return (self.of,)

    def _denominator(self) -> int:
        """Return the least common denominator of the pieces."""
        slopes = (Fraction(tier.rate_ppm, PPM * self.of.scale).denominator for tier in self.table.tiers)
        return lcm(*slopes, *(Fraction(cum, PPM).denominator for cum in self.table.cum_scaled))

    @property
    def pieces(self) -> tuple[tuple[int, int], ...]:
        """Return (multiplier of the child's value, constant) of every piece."""
        return tuple(
            (self.multiplier(self.of, Fraction(tier.rate_ppm, PPM)), -cum * self.scale // PPM)
            for tier, cum in zip(self.table.tiers, self.table.cum_scaled, strict=True)
        )


@dataclass(frozen=True, slots=True)
class Cheapest(Expression):
    """``min_j e_j``: "the better of", the branch hidden. Not convex, and sound since any branch is acceptable."""

    node: ClassVar[str] = "cheapest"
    of: tuple[Expression, ...]
    scale: int = field(init=False, repr=False, compare=False, default=1)

    def __post_init__(self) -> None:
        bounded("number of branches", len(self.of), 2, MAX_BRANCHES)
        self._settle()

    @property
    def children(self) -> tuple[Expression, ...]:
        """Return the branches."""
        return self.of

    def _denominator(self) -> int:
        """Return the least common multiple of the scales."""
        return lcm(*(child.scale for child in self.of))


@dataclass(frozen=True, slots=True)
class Part(Expression):
    """An expression under the name that a desk has for it: "scan", "roll-shock", "tiers/BTC-PERP"."""

    node: ClassVar[str] = "part"
    name: str
    of: Expression
    scale: int = field(init=False, repr=False, compare=False, default=1)

    def __post_init__(self) -> None:
        identifier("part", self.name)
        if any(isinstance(node, Part) for node in walk(self.of)):
            raise StatementError(f"part {self.name} must not contain a part")
        self._settle()

    @property
    def children(self) -> tuple[Expression, ...]:
        """Return the expression."""
        return (self.of,)

    def _denominator(self) -> int:
        """Return the expression's scale."""
        return self.of.scale

    @property
    def depth(self) -> int:
        """Return 0: a part is a leaf of the expression that refers to it."""
        return 0


NOTHING = Affine({})


def positive(of: Expression) -> Largest:
    """Return ``max(0, of)``."""
    return Largest((of, NOTHING))


def total(*of: Expression) -> Sum:
    """Return the sum of expressions, each with weight 1."""
    return Sum(tuple((PPM, child) for child in of))


def scaled(weight_ppm: int, of: Expression) -> Sum:
    """Return an expression times a weight."""
    return Sum(((weight_ppm, of),))


def walk(*of: Expression, again: bool = False) -> Iterator[Expression]:
    """Yield expressions and everything below them, each part once; with `again`, a part wherever it is mentioned."""
    seen: set[tuple[str, int]] = set()
    waiting = list(reversed(of))
    while waiting:
        node = waiting.pop()
        known = isinstance(node, Part) and (node.name, id(node.of)) in seen
        if again or not known:
            yield node
        if not known:
            seen.update([(node.name, id(node.of))] if isinstance(node, Part) else [])
            waiting.extend(reversed(node.children))
