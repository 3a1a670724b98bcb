"""One path, step by step: what a picture shows.

Units
-----
    prices in ticks, flows in settlement units, counts of accounts; the map of open interest at risk as shares of the
    first open interest.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from zkmargin.amounts import bounded
from zkmargin.risk.cascade import engine
from zkmargin.risk.cascade.impact import Floats
from zkmargin.risk.cascade.measures import heat
from zkmargin.risk.cascade.model import Model
from zkmargin.risk.cascade.population import Books
from zkmargin.risk.cascade.run import MAX_PATHS
from zkmargin.risk.cascade.state import State
from zkmargin.risk.cascade.tiers import Ints

MAP_FALLS = np.linspace(0.0, 0.4, 41)
MAP_COLUMNS = 120


@dataclass(frozen=True, slots=True)
class Trace:
    """The first market on one path: a row for each step, the last one for the end of the run.

    Args:
        prices: Price of the market.
        index: What its price would be without any flow.
        marks: Mark of the venue.
        counts: Calls, liquidations and late liquidations so far.
        queue: Notional that waits.
        map_steps: Steps of the columns of the map.
        at_risk: Longs that a further fall of `MAP_FALLS` makes breach (falls, columns).
    """

    prices: Ints
    index: Floats
    marks: Ints
    counts: dict[str, Ints]
    queue: Ints
    map_steps: Ints
    at_risk: Floats


def trace(model: Model, books: Books, seed: int, path: int = 0) -> Trace:
    """Return one path of a simulation; a run of many paths contains the same one."""
    bounded("path", path, 0, MAX_PATHS - 1)
    names = ("calls", "liquidations", "late")
    rows: list[tuple[int, float, int, list[int], int]] = []
    columns: list[tuple[int, Floats]] = []
    every = max(1, model.steps // MAP_COLUMNS)
    asset = model.markets[0].asset

    def watch(state: State) -> None:
        index = float(state.first_ticks[0]) * float(np.exp(state.index[0, asset]))
        counted = [int(state.counts[name][0]) if name in state.counts else 0 for name in names]
        waiting = int((np.abs(state.pending[:, 0]).sum(axis=1) * state.multipliers * state.prices[0]).sum())
        rows.append((int(state.prices[0, 0]), index, int(state.marks[0, 0]), counted, waiting))
        if state.step % every == 0:
            columns.append((state.step, heat(state, MAP_FALLS)))

    outcome = engine.run(model, books, seed, range(path, path + 1), watch)
    prices, index, marks, counts, queue = (np.array(column) for column in zip(*rows, strict=True))
    return Trace(
        prices,
        index,
        marks,
        {name: counts[:, place] for place, name in enumerate(names)},
        queue,
        np.array([step for step, _ in columns]),
        np.stack([column for _, column in columns], axis=1) / float(outcome.open_interest[0, 0]),
    )
