"""A scenario grid for a box of prices, options included: the grid widened, and a bound on what lies between its nodes.

Rule
----
    L(x) is the loss of the book when every price moves by x and volatilities stay, L_k(y) when they move as in row k.
    After a move x of the market, row k (weight w, relief D) asks about the price ``y = (1 + x)(1 + m_k) - 1``. Equity
    is E - L(x) there, so the maintenance claim, a share f of the worst row, holds at every x in the box if

        E  >=  (1 - f w_k) L(x)  +  f w_k L_k(y)  -  f D_k          for all k and all x, y in their bands
        E  >=  L(x)

    Each L is taken at the nodes of its band, at most `step` apart. Between two nodes h apart (in ticks):

        L(y)  <=  max of the two nodes  +  sum_i max(0, q_i) * sag_i,      sag_i <= max gamma_i * h^2 / 8

    since the value of an option is convex in its forward. It is the LONG lot that is worth less between nodes than the
    chord says; a short lot is worth more, and is charged nothing. See docs/decisions/0013.

    Deltas move as well: ``|delta(x)| <= |delta(0)| + sum_i |q_i| * spread_i``.

Units
-----
    settlement units, ppm for moves.

Rounding
--------
    The ends of bands outwards, losses of a long lot up, sags and spreads up. A short lot reads the long one's integer,
    and comes out less than a unit too well. What is covered is the rule before rounding: a model published anew inside
    the box rounds anew, by a few units a lot.

Bounds
------
    f w_k <= 1: a claim with a threshold t is asked of the variant with maintenance share t f. All prices move by the
    same fraction; volatilities, time and funding stand still.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from math import ceil, floor

from zkmargin.amounts import PPM, bounded
from zkmargin.errors import StatementError
from zkmargin.margin.families.moves import Move, array, moved, owed_coins
from zkmargin.market.expressions import Largest, Part, Sum, Worst
from zkmargin.market.forms import Affine, Expression, Sides
from zkmargin.market.greeks import SAFETY, sag_ticks
from zkmargin.market.instruments import Option
from zkmargin.market.revaluation import Market
from zkmargin.market.shocks import SAME, VegaPower

Group = tuple[Fraction, Fraction]


@dataclass(frozen=True, slots=True)
class Box:
    """A box of prices and how finely it is looked at.

    Args:
        width_ppm: Half-width of the box, below 10^6.
        step_ppm: Largest distance of two nodes, relative to the mark.
    """

    width_ppm: int
    step_ppm: int

    def __post_init__(self) -> None:
        bounded("width_ppm of a box", self.width_ppm, 1, PPM - 1)
        bounded("step_ppm of a box", self.step_ppm, 1, PPM)

    def nodes(self, price_ppm: int) -> tuple[int, ...]:
        """Return the nodes of the band of a move: its ends outwards, and steps in between; without a move, zero too.

        Example:
            >>> Box(10_000, 10_000).nodes(100_000)
            (89000, 99000, 109000, 111000)
        """
        if price_ppm == 0:
            upper = _steps(0, self.width_ppm, self.step_ppm)
            return (*sorted(-node for node in upper if node), *upper)
        low = floor(Fraction((PPM - self.width_ppm) * (PPM + price_ppm), PPM)) - PPM
        high = ceil(Fraction((PPM + self.width_ppm) * (PPM + price_ppm), PPM)) - PPM
        return _steps(low, high, self.step_ppm)


def charges(
    market: Market, surface: VegaPower, moves: Sequence[Move], share: Fraction, box: Box
) -> tuple[Expression, ...]:
    """Return what covers a grid for every price in a box: the grid, the sags, and coins that are owed.

    Args:
        market: What is revalued.
        surface: How volatilities move.
        moves: The rows of the grid.
        share: The fraction f of the worst row that the maintenance requirement is.
        box: The box.

    Raises:
        StatementError: if f w is above 1 for a row.
    """
    here = Part("box", Worst(array(market, surface, [Move(node, SAME) for node in box.nodes(0)])))
    branches: list[Expression] = [here]
    for (weight, relief), rows in _groups(moves).items():
        counted = share * weight
        if counted > 1:
            raise StatementError(f"share * weight of a row must be at most 1 in a box, got {counted}")
        seen = dict.fromkeys((node, move.direction) for move in rows for node in box.nodes(move.price_ppm))
        losses = Worst(array(market, surface, [Move(node, direction) for node, direction in seen]))
        branches.append(_branch(here, Part(f"grid/{len(branches)}", losses), counted, floor(share * relief)))
    covered = [Largest(tuple(branches)), Part("sag", sags(market, surface, moves, box))]
    if market.coins:
        width = Fraction(box.width_ppm, PPM)
        covered.append(Part("owed-coins", owed_coins(market, rise(moves) * (1 + width) + 2 * width)))
    return tuple(covered)


def sags(market: Market, surface: VegaPower, moves: Sequence[Move], box: Box) -> Sides:
    """Return what a long lot of each option may lose between two nodes beyond the nodes, at most."""
    bands = [(SAME, box.nodes(0)), *((move.direction, box.nodes(move.price_ppm)) for move in moves)]
    intervals = dict.fromkeys((direction, pair) for direction, nodes in bands for pair in pairwise(nodes))
    return Sides({option.id: _sag(market, surface, option, intervals) for option in market.options}, {})


def delta_spreads(market: Market, box: Box) -> Sides:
    """Return how far the dollar delta of a lot moves within a box, at most, for a lot of either sign.

    The dollar delta F N(d1) of a call rises with F, so it is farthest at an end; that of a put is less by F, which
    rises as well, so it moves by no more than the larger of the two.
    """
    spreads = {name: ceil(_delta_spread(market, name, box.width_ppm) * SAFETY) + 1 for name in market.ids}
    return Sides(spreads, spreads)


def rise(moves: Iterable[Move]) -> Fraction:
    """Return the largest counted rise of the price in a grid."""
    return max(move.weight * max(0, move.price_ppm) / PPM for move in moves)


def _groups(moves: Iterable[Move]) -> dict[Group, list[Move]]:
    found: dict[Group, list[Move]] = {}
    for move in moves:
        found.setdefault((move.weight, move.relief_units), []).append(move)
    return found


def _branch(here: Part, losses: Part, counted: Fraction, relief: int) -> Expression:
    """Return ``(1 - counted) here + counted losses - relief``, the weights rounded up to ppm against the holder."""
    weight = ceil(counted * PPM)
    return Sum(((PPM - weight, here), (weight, losses), (PPM, Affine({}, -relief))))


def _steps(low: int, high: int, step: int) -> tuple[int, ...]:
    return (*range(low, high, step), high)


def _sag(market: Market, surface: VegaPower, option: Option, intervals: Iterable[tuple[str, tuple[int, int]]]) -> int:
    forward = Fraction(market.forward_ticks(option), PPM)
    most = Fraction(0)
    for direction, pair in intervals:
        volatility_ppm = moved(market, surface, option.id, direction)
        low, high = (forward * (PPM + node) for node in pair)
        most = max(most, sag_ticks(option, low, high, volatility_ppm or 0, market.now))
    return ceil(most * option.multiplier)


def _delta_spread(market: Market, name: str, width_ppm: int) -> Fraction:
    option, forward_units = market.listing(name).instrument, market.forward_units(name)
    if not isinstance(option, Option):
        return forward_units * width_ppm / PPM
    added = forward_units if option.right == "put" else Fraction(0)
    low, mark, high = (
        market.dollar_delta(name, move) + added * (PPM + move) / PPM for move in (-width_ppm, 0, width_ppm)
    )
    return max(high - mark, mark - low, added * width_ppm / PPM)
