"""A grid of joint moves of price and volatility, and the losses it publishes.

Rule
----
    A move k shifts every price by `price` and every volatility in a direction; `weight` of the loss counts, less a
    fixed relief:

        row k of the array:  A[k][i] = ceil( parts * weight_k * loss_i(k) ),    constant_k = -floor( parts * relief_k )
        worst(q)          =  max(0, max_k sum_i A[k][i] q_i + constant_k) / parts

    An extended table that is "pulled towards zero" by at most D is `max(0, loss - D)`, which is this, with relief D.

Units
-----
    settlement units, and `parts` of a unit in the arrays: 10^6 parts make a unit six digits finer than cash is.

Rounding
--------
    The loss of a long lot rounds up and relief down. A short lot reads the same integer the other way, so it comes out
    up to one part a lot too well: `parts` is there for who minds.

Worked example
--------------
    >>> from zkmargin.market.instruments import Linear
    >>> from zkmargin.market.snapshot import Listing
    >>> held = Market((Listing(Linear("PERP", 1), 1_000),), {}, 0)
    >>> rows = array(held, VegaPower(0, 0), [Move(-160_000, "same"), Move(500_000, "up", Fraction(8, 25), Fraction(9))])
    >>> rows.per_lot["PERP"], rows.constants
    ((160, -160), (0, -9))
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import ceil, floor

from zkmargin.amounts import MAX_SCENARIOS, PPM, bounded, ceil_div
from zkmargin.errors import StatementError
from zkmargin.market.expressions import Sum, Worst, positive, total
from zkmargin.market.forms import Affine, Array, Expression, Sides
from zkmargin.market.instruments import Option
from zkmargin.market.revaluation import Market
from zkmargin.market.shocks import VegaPower

MAX_MOVE_PPM = 10 * PPM


@dataclass(frozen=True, slots=True)
class Move:
    """One row of a grid.

    Args:
        price_ppm: Relative move of every price, above -10^6 and at most 10^7.
        direction: ``"up"``, ``"same"`` or ``"down"`` for the volatilities.
        weight: Fraction of the loss that counts, above 0; above 1 where a fallen coin is told in coins.
        relief_units: What the counted loss is lowered by, at least 0.
    """

    price_ppm: int
    direction: str
    weight: Fraction = Fraction(1)
    relief_units: Fraction = Fraction(0)

    def __post_init__(self) -> None:
        bounded("price_ppm of a move", self.price_ppm, 1 - PPM, MAX_MOVE_PPM)
        if self.weight <= 0:
            raise StatementError(f"weight of a move must be above 0, got {self.weight}")
        if self.relief_units < 0:
            raise StatementError(f"relief of a move must be at least 0, got {self.relief_units}")


def spaced(range_ppm: int, buckets: int) -> tuple[int, ...]:
    """Return equally spaced price moves, both ways and zero, rounded away from zero.

    Example:
        >>> spaced(160_000, 2)
        (-160000, -80000, 0, 80000, 160000)
    """
    bounded("buckets", buckets, 1, MAX_SCENARIOS)
    sizes = [ceil_div(range_ppm * bucket, buckets) for bucket in range(1, buckets + 1)]
    return (*(-size for size in reversed(sizes)), 0, *sizes)


def array(market: Market, surface: VegaPower, moves: Sequence[Move], parts: int = 1) -> Array:
    """Return the losses of a grid, one row a move.

    Args:
        market: What is revalued.
        surface: How volatilities move.
        moves: The rows, in order.
        parts: Parts of a unit in the array, a divisor of 10^6.
    """
    rows = {name: tuple(_loss(market, surface, name, move, parts) for move in moves) for name in market.ids}
    reliefs = tuple(-floor(parts * move.relief_units) for move in moves)
    return Array(rows, len(moves), reliefs if any(reliefs) else ())


def worst(market: Market, surface: VegaPower, moves: Sequence[Move], parts: int = 1) -> Expression:
    """Return the worst row of a grid in whole units; it is negative if every row is a gain."""
    return in_units(parts, Worst(array(market, surface, moves, parts)))


def in_units(parts: int, *of: Expression) -> Sum:
    """Return the sum of expressions in parts of a unit as one in units.

    Raises:
        StatementError: if the parts do not divide 10^6.
    """
    if PPM % bounded("parts of a unit", parts, 1, PPM):
        raise StatementError(f"parts of a unit must divide {PPM}, got {parts}")
    return Sum(tuple((PPM // parts, each) for each in of))


def deltas(market: Market, names: Iterable[str], rate: Fraction, parts: int = 1) -> Affine:
    """Return a rate of the net dollar delta of some ids; each coefficient is rounded away from zero."""
    exact = {name: rate * parts * market.dollar_delta(name) for name in names}
    return Affine({name: ceil(value) if value > 0 else floor(value) for name, value in exact.items()})


def owed_coins(market: Market, rise: Fraction) -> Sides:
    """Return what coins that are owed lose beyond the array, which knows them after their haircut.

    Args:
        market: What is revalued.
        rise: Largest counted rise of the price.
    """
    gap = {item.id: ceil(rise * (item.owed_units - item.value_units)) for item in market.coins}
    return Sides({}, gap)


def stresses(market: Market, surface: VegaPower, moves: Iterable[Move]) -> dict[str, Expression]:
    """Return a stress requirement for each move: its whole loss, whatever the weight and the relief of the row.

    Example:
        >>> held = Market((), {}, 0)
        >>> list(stresses(held, VegaPower(0, 0), [Move(-660_000, "up"), Move(500_000, "same")]))
        ['price-down-660000:vol-up', 'price-up-500000:vol-same']
    """
    found: dict[str, Expression] = {}
    for move in moves:
        whole = Move(move.price_ppm, move.direction)
        losses = Affine({name: _loss(market, surface, name, whole, 1) for name in market.ids})
        rise = Fraction(max(0, move.price_ppm), PPM)
        name = f"price-{'down' if move.price_ppm < 0 else 'up'}-{abs(move.price_ppm)}:vol-{move.direction}"
        found[name] = total(positive(losses), owed_coins(market, rise))
    return found


def moved(market: Market, surface: VegaPower, name: str, direction: str) -> Fraction | None:
    """Return the moved volatility of an option, None for anything else."""
    option = market.listing(name).instrument
    if not isinstance(option, Option):
        return None
    return surface.shocked(option, market.volatilities_ppm[name], market.now, direction)


def _loss(market: Market, surface: VegaPower, name: str, move: Move, parts: int) -> int:
    return ceil(parts * move.weight * market.loss(name, move.price_ppm, moved(market, surface, name, move.direction)))
