"""A toy market: one contract, longs ordered by liquidation price, one shock. Small enough for theorems.

Rule
----
    Long account i bought q_i lots at the first price with leverage L_i: its equity is notional / L_i. The index falls
    once, in the first step, and stays (or follows `path`). Impact is linear and lasting, positions are closed at once,
    and there is no fund: what is lost is bad debt, whether it was found during the run, charged for the queue at its
    end, or still hidden. The service is in order of liquidation price.

Units
-----
    A tick is 10^-6 of the first price; a lot is worth 10^6 units.

Worked example
--------------
    100 lots at 10 times leverage, a log fall of 0.2 in a deep market: 81.873 % of the price is left, and 8.127 % of the
    first notional is missing.

        >>> loss_units(market(((100, 10.0),), depth_units=10**15, fall=0.2))
        8127000
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from zkmargin.market.parameters import TierTable
from zkmargin.risk.cascade import engine
from zkmargin.risk.cascade.controls import Controls
from zkmargin.risk.cascade.model import Model
from zkmargin.risk.cascade.parameters import Crowd, Impact, Market
from zkmargin.risk.cascade.population import Books, check
from zkmargin.risk.cascade.tiers import Ints
from zkmargin.risk.liquidation import LadderRules
from zkmargin.risk.shocks import Shocks

TICKS = 1_000_000
MAINTENANCE_PPM = 5_000
AT_ONCE = LadderRules(small_notional_units=2**60)


def market(
    accounts: Sequence[tuple[int, float]],
    *,
    depth_units: int,
    fall: float = 0.0,
    path: Sequence[float] = (),
    throttle_ppm: int | None = None,
    steps: int = 40,
    impact: Impact | None = None,
) -> tuple[Model, Books]:
    """Return a toy market and its books.

    Args:
        accounts: Lots and leverage of each long.
        depth_units: Depth.
        fall: Log fall of the index in the first step.
        path: Log returns after that, one a step.
        throttle_ppm: As in `Controls`.
        steps: Steps of the run.
        impact: In place of linear, lasting impact.
    """
    table = TierTable.flat(MAINTENANCE_PPM)
    model = Model(
        (Market("TOY", 0, 0, TICKS, 1, depth_units, table, table),),
        Shocks(noise=0.0, path=((-fall,), *((move,) for move in path))),
        steps=steps,
        crowd=Crowd(accounts=max(1, len(accounts))),
        fund_units=0,
        impact=impact or Impact(transient=0.0, decay=0.0, withdrawal=0.0),
        controls=Controls(throttle_ppm=throttle_ppm, ladder=AT_ONCE),
    )
    ordered = sorted(accounts, key=lambda account: -account[1])
    lots = np.array([[size for size, _ in ordered]], dtype=np.int64)
    equity = np.array([int(size * TICKS / leverage) for size, leverage in ordered], dtype=np.int64)
    return model, books_of(model, lots, equity - lots[0] * TICKS)


def books_of(model: Model, lots: Ints, cash: Ints) -> Books:
    """Return books of accounts that hold nothing but lots and cash."""
    nothing = np.zeros(lots.shape[1], dtype=np.int64)
    sold = np.zeros((len(model.contracts), len(nothing)), dtype=np.int64)
    books = Books(nothing, lots, cash, nothing - 1, nothing, sold, nothing, nothing)
    check(model, books)
    return books


def loss_units(toy: tuple[Model, Books]) -> int:
    """Return everything that accounts of a toy market could not pay: found, charged or hidden."""
    outcome = engine.run(*toy, seed=0, paths=range(1))
    return int(outcome.counter("bad_debt")[0] + outcome.hidden[0])
