"""What a simulation says: probability of a cascade, branching ratio, amplification, losses, concentration, bottlenecks.

Rule
----
    cascade          a path on which some market falls more than twice as far as its index, by at least `LEAST_FALL`, or
                     more than 10 % of the open interest is forced
    amplification    fall / fall of the index, on paths whose index fell by at least `LEAST_FALL`
    L(x)             longs that the first fall x of all prices together, betas respected, makes breach
    R(x)             slope of L at x, over the depth in calm: above 1 a fall feeds itself
    HHI              sum of squared shares of open interest, by account
    peak share       forced notional of the busiest step over all forced notional of its path
    bottleneck       the market with the largest queue over its depth, and how often it could not take what was queued

Units
-----
    settlement units are integers; shares, ratios and quantiles are floats, for people to read.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from zkmargin.risk.cascade.impact import Floats
from zkmargin.risk.cascade.model import Model
from zkmargin.risk.cascade.outcome import COUNTERS, Outcome
from zkmargin.risk.cascade.population import Books
from zkmargin.risk.cascade.state import State, price_ticks, slack, start
from zkmargin.risk.cascade.tiers import Ints

LEAST_FALL = 0.01
QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95, 0.99)


@dataclass(frozen=True, slots=True)
class AtRisk:
    """L(x) and R(x) of each market: `falls` (levels), `longs` and `ratio` (levels, markets)."""

    falls: Floats
    longs: Ints
    ratio: Floats


def cascaded(outcome: Outcome) -> Any:
    """Return which paths were a cascade."""
    deep = ((outcome.fall > 2 * outcome.index_fall) & (outcome.fall > LEAST_FALL)).any(axis=1)
    return deep | (outcome.forced.sum(axis=1) * 10 > outcome.open_interest.sum(axis=1))


def at_risk(model: Model, books: Books, falls: Floats | None = None) -> AtRisk:
    """Return L(x) and R(x) of a crowd at the start."""
    chosen = np.linspace(0.0, 0.6, 61) if falls is None else falls
    state = start(model, books, 1)
    breached = np.zeros((len(chosen), len(books.venue)), dtype=np.bool_)
    for place, fall in enumerate(chosen):
        breached[place] = _breached(state, fall)
    ever = np.maximum.accumulate(breached, axis=0)
    longs = np.maximum(books.lots, 0) * (state.first_ticks * state.multipliers)[:, None]
    at = ever.astype(np.int64) @ longs.T
    depth = np.array([float(market.depth_units) for market in model.markets])
    return AtRisk(chosen, at, np.gradient(at.astype(float), chosen, axis=0) / depth)


def heat(state: State, falls: Floats, path: int = 0) -> Floats:
    """Return the longs of the first market that a FURTHER fall of each size makes breach, while a run is under way."""
    venue = state.model.markets[0].venue
    span = state.books.span(venue)
    columns = np.arange(span.start, span.stop)
    columns = columns[state.lots[0][path, columns] > 0]
    rows = np.full_like(columns, path)
    marks, found = state.marks.copy(), []
    worth = state.lots[0][path, columns] * state.multipliers[0] * marks[path, 0]
    for fall in falls:
        state.marks = np.maximum(1, np.rint(marks * np.exp(-fall)).astype(np.int64))
        found.append(float(worth[slack(state, venue, rows, columns) < 0].sum()))
    state.marks = marks
    return np.array(found)


def summary(model: Model, books: Books, outcome: Outcome) -> dict[str, Any]:
    """Return the measures as one JSON object: units and counts as integers, ratios as floats."""
    forced, interest = outcome.forced.sum(axis=1), outcome.open_interest.sum(axis=1)
    fell = outcome.index_fall >= LEAST_FALL
    amplified = outcome.fall[fell] / outcome.index_fall[fell]
    queue = outcome.queue.sum(axis=1)
    ratio = at_risk(model, books).ratio
    return {
        "paths": len(outcome.paths),
        "accounts": len(books.venue),
        "steps": model.steps,
        "probability_of_cascade": float(cascaded(outcome).mean()),
        "branching_ratio_max": {market.name: float(ratio[:, m].max()) for m, market in enumerate(model.markets)},
        "amplification": quantiles(amplified),
        "index_fall": {m.name: quantiles(outcome.index_fall[:, i]) for i, m in enumerate(model.markets)},
        "fall": {m.name: quantiles(outcome.fall[:, i]) for i, m in enumerate(model.markets)},
        "forced_share": quantiles(forced / interest),
        "peak_share": quantiles(outcome.peak[forced > 0] / forced[forced > 0]),
        "rounds": quantiles(outcome.rounds),
        **{f"mean_{name}": float(outcome.counter(name).mean()) for name in COUNTERS},
        "bad_debt": quantiles(outcome.counter("bad_debt")),
        "probability_of_bad_debt": float((outcome.counter("bad_debt") > 0).mean()),
        "probability_fund_exhausted": float((outcome.counter("haircut") + outcome.unfunded > 0).mean()),
        "mean_hidden": float(outcome.hidden.mean()),
        "paths_with_unexecuted_queue": int((queue > 0).sum()),
        "mean_unexecuted_queue": float(queue.mean()),
        "mean_queue_loss": float(outcome.queue_loss.mean()),
        "hhi": hhi(model, books),
        "leverage": quantiles(leverage(model, books)),
        "bottleneck": bottleneck(model, outcome),
    }


def quantiles(values: Any) -> dict[str, float]:
    """Return mean and quantiles of something, or nothing of nothing."""
    if not len(values):
        return {}
    found = np.quantile(np.asarray(values, dtype=float), QUANTILES)
    named = {f"q{round(100 * q):02d}": float(value) for q, value in zip(QUANTILES, found, strict=True)}
    return {"mean": float(np.mean(values))} | named


def hhi(model: Model, books: Books) -> float:
    """Return the sum of squared shares of open interest by account, between 1 / accounts and 1."""
    worth = _gross(model, books)
    return float(np.square(worth / worth.sum()).sum())


def leverage(model: Model, books: Books) -> Floats:
    """Return gross notional over equity of each account at the start."""
    equity = start(model, books, 1).first_equity
    found: Floats = _gross(model, books) / np.maximum(1, equity)
    return found


def bottleneck(model: Model, outcome: Outcome) -> dict[str, Any]:
    """Return the market whose queue was longest against its depth, and how often it was full."""
    depth = np.array([float(market.depth_units) for market in model.markets])
    longest = (outcome.longest_queue / depth).mean(axis=0)
    worst = int(longest.argmax())
    return {
        "market": model.markets[worst].name if longest[worst] > 0 else None,
        "mean_longest_queue_of_depth": float(longest[worst]),
        "share_of_steps_full": float(outcome.bound[:, worst].mean() / model.steps),
    }


def _gross(model: Model, books: Books) -> Floats:
    units = np.array([market.mark_ticks * market.multiplier for market in model.markets], dtype=float)
    found: Floats = (np.abs(books.lots) * units[:, None]).sum(axis=0)
    return found


def _breached(state: State, fall: float) -> Any:
    """Return which accounts breach when every index falls by its beta times a fall."""
    state.index[:] = -fall * np.array(state.model.shocks.betas)
    state.marks = price_ticks(state)
    breached = np.zeros(len(state.books.venue), dtype=np.bool_)
    for venue in state.model.venues:
        span = state.books.span(venue)
        columns = np.arange(span.start, span.stop)
        breached[span] = slack(state, venue, np.zeros_like(columns), columns) < 0
    return breached
