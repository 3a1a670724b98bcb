"""Cross margin of many accounts at once: the rule of `zkmargin.margin.cross`, on int64 arrays.

Rule
----
    For lots q, a price x, and tiers with rates and cums (all of one market, or one row for each point):

        charge(x)  = max_k ( |q| * multiplier * x * rate_k - cum_k ) - 10^6 * q * multiplier * x
        slack      = 10^6 * (cash + coins) - sum over markets of the largest charge at the two ends of the box

    A first rate r makes the next public version of a table, as `zkmargin.risk.dynamic_margin.scaled` does:
    ``rate_k -> min(10^6, ceil(rate_k * r / rate_0))``, and at least 1 above the tier below; the cums follow from
    continuity, as `TierTable` computes them.

Units, rounding
---------------
    As in `zkmargin.margin.cross`: everything at scale 10^6, and nothing rounds but the ends of the box, outwards, and
    the haircut value of a coin, down.

Bounds
------
    See `zkmargin.risk.cascade.parameters`: every product stays below 2^63. A test compares every result with
    `zkmargin.margin.cross.assess`, as integers.

Worked example
--------------
    The account of `zkmargin.margin.cross`: 2 lots at 50,000, 0.4 % and 0.5 % above 50,000, 1,000 units of equity.

        >>> from zkmargin.market.parameters import Tier, TierTable
        >>> schedule = Schedule.of([TierTable((Tier(0, 4_000), Tier(50_000, 5_000)))])
        >>> lots, price = np.array([2]), np.array([50_000])
        >>> taken = charge(lots, price, 1, schedule.rates[0], schedule.cums[0])
        >>> (PPM * np.array([-99_000]) - taken).tolist()
        [550000000]
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from zkmargin.amounts import PPM
from zkmargin.market.parameters import TierTable

Ints = NDArray[np.int64]

# Twice what an account may reach: a tier that begins there or above never applies, and its constant stays below 2^63.
OUT_OF_REACH = 2**41


@dataclass(frozen=True, slots=True)
class Schedule:
    """Tier tables of several markets as arrays (markets, tiers); short tables repeat their last tier."""

    floors: Ints
    rates: Ints
    cums: Ints

    @staticmethod
    def of(tables: Sequence[TierTable]) -> Schedule:
        """Return the arrays of some tables."""
        tiers = max(len(table.tiers) for table in tables)
        rows = [[*table.tiers, *[table.tiers[-1]] * (tiers - len(table.tiers))] for table in tables]
        floors = np.array([[min(tier.floor_units, OUT_OF_REACH) for tier in row] for row in rows], dtype=np.int64)
        rates = np.array([[tier.rate_ppm for tier in row] for row in rows], dtype=np.int64)
        return Schedule(floors, rates, continuous(floors, rates))

    def scaled(self, first_ppm: Ints) -> tuple[Ints, Ints]:
        """Return rates and cums of the version with other first rates, shape (..., markets, tiers)."""
        base = np.maximum(1, self.rates[:, :1])
        rates = np.minimum(PPM, -(-self.rates * first_ppm[..., None] // base))
        for tier in range(1, rates.shape[-1]):
            least = np.minimum(PPM, np.maximum(rates[..., tier - 1] + 1, rates[..., tier]))
            repeated = self.floors[:, tier] == self.floors[:, tier - 1]
            rates[..., tier] = np.where(repeated, rates[..., tier - 1], least)
        return rates, continuous(np.broadcast_to(self.floors, rates.shape), rates)


def continuous(floors: Ints, rates: Ints) -> Ints:
    """Return ``cum_0 = 0, cum_k = cum_(k-1) + floor_k * (rate_k - rate_(k-1))`` along the last axis."""
    steps = np.zeros_like(rates)
    steps[..., 1:] = floors[..., 1:] * np.diff(rates, axis=-1)
    return np.cumsum(steps, axis=-1)


def charge(lots: Ints, price_ticks: Ints, multiplier: int | Ints, rates: Ints, cums: Ints) -> Ints:
    """Return requirement less value of each position, scaled; rates and cums have the tiers as their last axis."""
    worth = lots * (multiplier * price_ticks)
    return required(np.abs(worth), rates, cums) - PPM * worth


def required(notional_units: Ints, rates: Ints, cums: Ints) -> Ints:
    """Return ``max_k (N * rate_k - cum_k)``, scaled."""
    found: Ints = notional_units * rates[..., 0] - cums[..., 0]
    for tier in range(1, rates.shape[-1]):
        np.maximum(found, notional_units * rates[..., tier] - cums[..., tier], out=found)
    return found


def ends(mark_ticks: Ints, width_ppm: int | Ints) -> tuple[Ints, Ints]:
    """Return the ends of a box, rounded outwards, as `zkmargin.margin.cross.box` does."""
    return mark_ticks * (PPM - width_ppm) // PPM, -(-mark_ticks * (PPM + width_ppm) // PPM)
