"""What is remembered of every path: falls, forced flow, losses, queues, proofs; one number a path.

Units
-----
    settlement units, counts of accounts or proofs, steps; falls are falls of log prices, floats.
"""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from zkmargin.risk.cascade.impact import Floats
from zkmargin.risk.cascade.state import State
from zkmargin.risk.cascade.tiers import Ints

COUNTERS = (
    "calls",
    "liquidations",
    "late",
    "restored",
    "backstop",
    "stopped",
    "halts",
    "versions",
    "demanded",
    "proved",
    "bad_debt",
    "fund_used",
    "haircut",
)


@dataclass(frozen=True, slots=True)
class Outcome:
    """One row a path, in the order of their numbers; `counts` has a column for each of `COUNTERS`.

    Args:
        paths: Numbers of the paths.
        index_fall: Largest fall of the index of each market: what would have happened without forced flow.
        fall: Largest fall of its price.
        open_interest: Longs of each market at the start.
        forced: Notional that was sold or bought by force in each market.
        voluntary: Notional of stops.
        peak: Forced notional of the busiest step.
        rounds: Longest run of steps with forced orders.
        bound: Steps in which each market could not take what was queued.
        longest_queue: Largest queue of each market.
        queue: What was still under liquidation at the end, executed at once, in each market.
        queue_loss: What that lost; it is in `bad_debt`.
        hidden: Negative equity of accounts that nobody had called yet at the end; not in `bad_debt`.
        unfunded: Losses that neither fund nor gains paid.
        counts: Counters.
    """

    paths: Ints
    index_fall: Floats
    fall: Floats
    open_interest: Ints
    forced: Ints
    voluntary: Ints
    peak: Ints
    rounds: Ints
    bound: Ints
    longest_queue: Ints
    queue: Ints
    queue_loss: Ints
    hidden: Ints
    unfunded: Ints
    counts: Ints

    def counter(self, name: str) -> Ints:
        """Return a counter of each path."""
        return self.counts[:, COUNTERS.index(name)]


def joined(parts: list[Outcome]) -> Outcome:
    """Return the outcomes of several blocks as one, in the given order."""
    return Outcome(*(np.concatenate([getattr(part, item.name) for part in parts]) for item in fields(Outcome)))


class Recorder:
    """Follows a block through its steps."""

    def __init__(self, state: State) -> None:
        paths, markets = state.prices.shape
        self._index_fall: Floats = np.zeros((paths, markets))
        self._fall: Floats = np.zeros((paths, markets))
        self._forced: Ints = np.zeros((paths, markets), dtype=np.int64)
        self._voluntary: Ints = np.zeros((paths, markets), dtype=np.int64)
        self._bound: Ints = np.zeros((paths, markets), dtype=np.int64)
        self._longest: Ints = np.zeros((paths, markets), dtype=np.int64)
        self._peak: Ints = np.zeros(paths, dtype=np.int64)
        self._run: Ints = np.zeros(paths, dtype=np.int64)
        self._rounds: Ints = np.zeros(paths, dtype=np.int64)
        longs = np.maximum(state.lots, 0).sum(axis=2).T
        self._interest: Ints = longs * state.multipliers * state.first_ticks
        self._rest: dict[str, NDArray[np.int64]] = {}

    def step(self, state: State, forced: Ints, voluntary: Ints, queued: Ints) -> None:
        """Remember a step."""
        assets = [market.asset for market in state.model.markets]
        self._index_fall = np.maximum(self._index_fall, -state.index[:, assets])
        self._fall = np.maximum(self._fall, -np.log(state.prices / state.first_ticks))
        self._forced += forced
        self._voluntary += voluntary
        self._peak = np.maximum(self._peak, forced.sum(axis=1))
        self._run = np.where(forced.any(axis=1), self._run + 1, 0)
        self._rounds = np.maximum(self._rounds, self._run)
        self._bound += queued > 0
        self._longest = np.maximum(self._longest, queued)

    def end(self, state: State, queued: Ints, charged: Ints, hidden: Ints) -> None:
        """Remember how it ended."""
        self._fall = np.maximum(self._fall, -np.log(state.prices / state.first_ticks))
        nothing = np.zeros(len(state.cash), dtype=np.int64)
        counts = np.stack([state.counts.get(name, nothing) for name in COUNTERS], axis=1)
        self._rest = {"queue": queued, "queue_loss": charged, "hidden": hidden, "counts": counts}
        self._rest["unfunded"] = state.unfunded.sum(axis=1)

    def outcome(self, paths: range) -> Outcome:
        """Return everything."""
        return Outcome(
            paths=np.array(paths, dtype=np.int64),
            index_fall=self._index_fall,
            fall=self._fall,
            open_interest=self._interest,
            forced=self._forced,
            voluntary=self._voluntary,
            peak=self._peak,
            rounds=self._rounds,
            bound=self._bound,
            longest_queue=self._longest,
            **self._rest,
        )
