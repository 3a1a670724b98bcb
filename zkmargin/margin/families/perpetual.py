"""Tiered margin on futures and perpetuals, as crypto venues publish it.

Rule
----
    tiers       sum_i max_k ( |q_i| * notional_i * rate_ik - cum_ik )
    cross       one book, one equity; positions in one contract net, positions in two do not
    isolated    the same model over a book of one position: an account of its own, see docs/models/perpetual.md

Units
-----
    settlement units; notionals follow the mark, so a model stays as it is from epoch to epoch.

Rounding
--------
    Rates round up to ppm. Nothing else rounds.

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

from zkmargin.amounts import PPM, ceil_div
from zkmargin.market.expressions import Largest, Part, Size, Tiers, total
from zkmargin.market.forms import NOTIONAL, Affine
from zkmargin.market.models import Model
from zkmargin.market.parameters import DEFAULT_CAPACITY_BITS, Tier, TierTable


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
