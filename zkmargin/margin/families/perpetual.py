"""Tiered margin on futures and perpetuals, as crypto venues publish it.

Rule
----
    tiers       sum_i max_k ( |q_i| * notional_i * rate_ik - cum_ik )
    cross       one book, one equity; positions in one contract net, positions in two do not
    isolated    the same model over a book of one position: an account of its own, see docs/models/perpetual.md
    orders      the tiers on max( |q|, |q + buys|, |q - sells| ): resting orders count as what they may become
    by size     sum_i |n_i| (a + b |n_i|), a rate that rises with the notional n: secants, which charge a little more

Units
-----
    settlement units; notionals follow the mark, so a model stays as it is from epoch to epoch.

Rounding
--------
    Rates round up to ppm. A secant of a rate that rises with size over-charges at most ``b w^2 / 4`` for steps of
    width w, and a last step is not bounded: `by_size` takes the largest notional that it is meant for.

Bounds
------
    Those of a tier table. Rates must rise: a table that is not convex is refused.

Worked example
--------------
    Hyperliquid's 40x up to 150 million and 20x above, for a long of 200 million dollars: initial 1/40 of 150 million
    and 1/20 of what is above, 6.25 million; maintenance half of it.

        >>> table = leverage_tiers([(0, 40), (150_000_000, 20)])
        >>> table.margin_scaled(200_000_000) // 10**6
        6250000
        >>> halved(table).margin_scaled(200_000_000) // 10**6
        3125000
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import pairwise

from zkmargin.amounts import PPM, bounded, ceil_div
from zkmargin.errors import StatementError
from zkmargin.market.expressions import Largest, Part, Size, Tiers, total
from zkmargin.market.forms import NOTIONAL, Affine
from zkmargin.market.models import Model
from zkmargin.market.parameters import DEFAULT_CAPACITY_BITS, MAX_TIERS, Tier, TierTable


def tiers(name: str, table: TierTable) -> Part:
    """Return the tiered margin of one contract."""
    return Part(f"tiers/{name}", Tiers(Size(Affine({name: PPM}, measure=NOTIONAL)), table))


def cross(
    name: str,
    version: int,
    maintenance: Mapping[str, TierTable],
    initial: Mapping[str, TierTable],
    capacity_bits: int = DEFAULT_CAPACITY_BITS,
) -> Model:
    """Return the model that charges every contract by its own tables.

    Args:
        name: Name of the model.
        version: Number of this set of parameters.
        maintenance: Table by contract.
        initial: Table by the same contracts.
        capacity_bits: As in `Model`.
    """
    required = total(*(tiers(contract, table) for contract, table in sorted(maintenance.items())))
    opening = total(*(_initial(contract, table) for contract, table in sorted(initial.items())))
    return Model(name, version, required, opening, capacity_bits=capacity_bits)


def at_leverage(name: str, version: int, maintenance: Mapping[str, TierTable], leverage: Mapping[str, int]) -> Model:
    """Return the model with initial margin ``notional / leverage``, and never less than maintenance: Binance's rule."""
    opening = [
        Part(f"initial/{contract}", Tiers(_notional(contract), TierTable.flat(ceil_div(PPM, leverage[contract]))))
        for contract in sorted(maintenance)
    ]
    required = [tiers(contract, table) for contract, table in sorted(maintenance.items())]
    return Model(
        name, version, total(*required), total(*(Largest(pair) for pair in zip(opening, required, strict=True)))
    )


def with_orders(name: str, buys: str, sells: str, table: TierTable) -> Part:
    """Return the tiered margin of one contract and its resting orders, at the riskier of all fills and none.

    Args:
        name: The contract.
        buys: Id of its listed buy orders, counting lots.
        sells: Id of its listed sell orders, counting lots.
        table: The tiers.

    A count that is negative, which no venue would book, cannot lower the charge below the position's own.
    """
    forms = ({name: PPM}, {name: PPM, buys: PPM}, {name: PPM, sells: -PPM})
    exposure = Largest(tuple(Size(Affine(form, measure=NOTIONAL)) for form in forms))
    return Part(f"tiers/{name}", Tiers(exposure, table))


def by_size(base_ppm: int, slope_ppm: int, unit_units: int, step_units: int, most_units: int) -> TierTable:
    """Return the secants of a rate that rises with size: ``base + slope * notional / unit``, Deribit's rule.

    The margin N (base + slope N / unit) is a parabola; between two steps its secant lies above it, by at most
    ``slope / unit * step^2 / 4``.

    Args:
        base_ppm: Rate of a small position.
        slope_ppm: What a notional of `unit_units` adds to it.
        unit_units: Notional to which the slope refers.
        step_units: Width of a step, a divisor of `most_units`.
        most_units: Up to here the bound holds; above it the last secant goes on, below the parabola.

    Example:
        Two per cent and 0.005 % a coin, for 25 coins, in steps of 5: 2.125 % are charged.

        >>> table = by_size(20_000, 50, unit_units=10**6, step_units=5 * 10**6, most_units=50 * 10**6)
        >>> table.margin_scaled(25 * 10**6) // 10**6
        531250
    """
    steps = bounded("number of steps", most_units // bounded("step_units", step_units, 1, most_units), 1, MAX_TIERS)
    if steps * step_units != most_units:
        raise StatementError(f"step_units must divide {most_units}, got {step_units}")
    # The secant of x (a + b x) over a step from x to y has the slope a + b (x + y).
    ends = [number * step_units for number in range(steps + 1)]
    rates = [base_ppm + ceil_div(slope_ppm * (low + high), unit_units) for low, high in pairwise(ends)]
    return TierTable(tuple(Tier(low, rate_ppm) for low, rate_ppm in zip(ends, rates, strict=False)))


def leverage_tiers(rows: Iterable[tuple[int, int]]) -> TierTable:
    """Return initial margin from (floor_units, most leverage above it): one over the leverage, rounded up."""
    return TierTable(tuple(Tier(floor_units, ceil_div(PPM, leverage)) for floor_units, leverage in rows))


def halved(table: TierTable) -> TierTable:
    """Return the table with half the rates, rounded up: Hyperliquid's maintenance margin."""
    return TierTable(tuple(Tier(tier.floor_units, ceil_div(tier.rate_ppm, 2)) for tier in table.tiers))


def _notional(contract: str) -> Size:
    return Size(Affine({contract: PPM}, measure=NOTIONAL))


def _initial(contract: str, table: TierTable) -> Part:
    return Part(f"initial/{contract}", Tiers(_notional(contract), table))
