"""Options of the crowd and of hedgers outside: published values and risk arrays on a grid of prices.

Rule
----
    A node is a whole percent of the first mark, and a level one of three volatilities. At every node and level the
    venue publishes marks and a risk array, exactly as `zkmargin.market.pricing` makes them. An account that has sold
    options is margined by `zkmargin.margin.scenario` with the array of the node at or below the mark:

        slack = 10^6 * (cash + linear worth + sum q_o * value_o) - factor * max(short minimum, worst loss, 0)

    with the factor 10^6 for maintenance and `INITIAL_PPM` for initial.
    Hedgers who are short n_o lots keep their delta at zero: their flow is ``-sum(-n_o) * (delta_now - delta_before)``,
    which is gamma when the price has moved and vanna when the level has.

Units, rounding
---------------
    As in `zkmargin.market.pricing`. Deltas are floats: they belong to the outside and decide about nobody.

Worked example
--------------
        >>> put = Contract(0, "put", 1_000_000)
        >>> table = grid((put,), 1_000, 1)
        >>> int(table.values[0, 0, 100 - LOWEST]), int(table.values[0, 0, 50 - LOWEST])
        (68, 500)
        >>> table.node(np.array([499, 1_000, 9_999]), 1_000).tolist()
        [29, 80, 230]
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from zkmargin.amounts import PPM, bounded
from zkmargin.market import pricing
from zkmargin.market.instruments import Linear, Option
from zkmargin.market.scenarios import span16
from zkmargin.market.snapshot import Listing
from zkmargin.risk.cascade.parameters import Contract
from zkmargin.risk.cascade.tiers import Ints

Floats = NDArray[np.float64]

LOWEST, HIGHEST = 20, 250  # nodes, in percent of the first mark
LEVELS_PPM = (1_000_000, 1_500_000, 2_250_000)  # volatility at each level, relative to calm
INITIAL_PPM = 1_250_000
MINIMUM_PPM = 10_000
MAX_LOT_UNITS = 2**20  # of a market with options: losses of its lots are computed at scale 10^12
NOW = 0
SCENARIOS = span16()


@dataclass(frozen=True, slots=True)
class Grid:
    """Contracts on one market: values, deltas and losses by contract, level and node.

    Args:
        values: Units of one long lot (contracts, levels, nodes).
        deltas: Lots of the market that move like one lot (contracts, levels, nodes).
        losses: Loss of one long lot (contracts, levels, nodes, scenarios).
        minimums: Least requirement of one short lot (contracts, nodes).
    """

    values: Ints
    deltas: Floats
    losses: Ints
    minimums: Ints

    @staticmethod
    def node(mark_ticks: Ints, first_ticks: int | Ints) -> Ints:
        """Return the place of the node at or below a mark."""
        return np.asarray(np.clip(mark_ticks * 100 // first_ticks, LOWEST, HIGHEST) - LOWEST)


@lru_cache(maxsize=64)
def grid(contracts: tuple[Contract, ...], first_ticks: int, multiplier: int) -> Grid:
    """Return what a venue publishes about options on one market."""
    bounded("units of a lot of a market with options", first_ticks * multiplier, 1, MAX_LOT_UNITS)
    nodes = range(LOWEST, HIGHEST + 1)
    shape = (len(contracts), len(LEVELS_PPM), len(nodes))
    values, minimums = np.zeros(shape, dtype=np.int64), np.zeros((shape[0], shape[2]), dtype=np.int64)
    losses = np.zeros((*shape, len(SCENARIOS)), dtype=np.int64)
    for place, node in enumerate(nodes):
        for level in range(len(LEVELS_PPM)):
            listings, volatilities = published(contracts, first_ticks, multiplier, node, level)
            arrays = pricing.losses(listings, volatilities, NOW, SCENARIOS)
            for number, item in enumerate(listings[:-1]):
                values[number, level, place] = item.value_units
                losses[number, level, place] = arrays[item.id]
        minimums[:, place] = list(pricing.short_minimums(listings, MINIMUM_PPM).values())
    step_units = first_ticks * multiplier / 100
    deltas = np.gradient(values.astype(float), step_units, axis=2)
    return Grid(values, deltas, losses, minimums)


def published(
    contracts: tuple[Contract, ...], first_ticks: int, multiplier: int, node: int, level: int
) -> tuple[list[Listing], dict[str, int]]:
    """Return the listings at a node, the options first and the market last, and the volatility of each option."""
    market = Listing(Linear("MARKET", multiplier), first_ticks * node // 100)
    listings, volatilities = [], {}
    for number, contract in enumerate(contracts):
        strike_ticks = first_ticks * contract.strike_ppm // PPM
        expiry = contract.days * 86_400
        option = Option(f"OPTION-{number}", multiplier, market.id, contract.right, strike_ticks, expiry)
        volatilities[option.id] = contract.volatility_ppm * LEVELS_PPM[level] // PPM
        mark = pricing.mark_ticks(option, market.mark_ticks, volatilities[option.id], NOW)
        listings.append(replace(Listing(option), mark_ticks=mark))
    return [*listings, market], volatilities


def linear_losses(mark_ticks: Ints, multiplier: int) -> Ints:
    """Return the loss of one long lot of the market in each scenario, rounded up: (..., scenarios)."""
    moved = np.array([scenario.price_ppm * scenario.cover_ppm for scenario in SCENARIOS], dtype=np.int64)
    return -((mark_ticks * multiplier)[..., None] * moved // PPM**2)


def level(deviation: Floats, first_deviation: Floats) -> Ints:
    """Return the volatility level of a deviation: the last one that it reaches."""
    steps = np.array(LEVELS_PPM[1:]) / PPM
    return np.asarray((deviation[..., None] >= first_deviation[..., None] * steps).sum(axis=-1), dtype=np.int64)
