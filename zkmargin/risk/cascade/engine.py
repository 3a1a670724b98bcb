"""The loop: shock, marks, margin, calls, forced flow, impact, close-out, and what is remembered of it.

Rule
----
    Each step, for all paths of a block at once:

        (1) the index moves, impact fades, venues of one asset are drawn together
        (2) the mark follows the price, as far as oracle and breakers (`zkmargin.risk.breakers`) let it
        (3) public volatility and, if margin is dynamic, the next version of the tables
        (4) boxes, proofs, calls, deadlines (`calls`)
        (5) stops and ladder; throttle, impact, payment (`execution`)
        (6) closed accounts are paid for (`settlement`)

    A breach that an order of step t causes is seen in step t + 1: a cascade is a run of steps with forced orders.
    After the last step everything that is under liquidation is executed at once, without throttle, and its losses are
    charged: a run never ends better because its queue was not counted. What was queued is reported.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from zkmargin.amounts import PPM
from zkmargin.risk import shocks
from zkmargin.risk.cascade import calls, execution, options, settlement
from zkmargin.risk.cascade.controls import Dynamic
from zkmargin.risk.cascade.model import Model
from zkmargin.risk.cascade.outcome import Outcome, Recorder
from zkmargin.risk.cascade.population import Books
from zkmargin.risk.cascade.state import (
    HEALTHY,
    LIQUIDATING,
    State,
    assess,
    levels,
    price_ticks,
    start,
    tables,
)
from zkmargin.risk.cascade.tiers import Ints
from zkmargin.risk.dynamic_margin import model_ppm, next_rate
from zkmargin.risk.volatility import MAX_VOLATILITY_PPM

Watcher = Callable[[State], None]


def run(model: Model, books: Books, seed: int, paths: range, watcher: Watcher | None = None) -> Outcome:
    """Return what happens to a crowd on some paths.

    Args:
        model: The model.
        books: Its crowd.
        seed: Seed of the shocks.
        paths: Numbers of the paths, simulated together.
        watcher: Called after every step and at the end; it must not change the state.
    """
    drawn = shocks.draw(model.shocks, model.steps, seed, paths)
    state = start(model, books, len(paths))
    for venue in model.venues:
        calls.prepare(state, venue)
    recorder = Recorder(state)
    for step in range(model.steps):
        state.step = step
        _step(state, drawn.returns[:, step], recorder)
        if watcher is not None:
            watcher(state)
    _finish(state, recorder)
    if watcher is not None:
        watcher(state)
    return recorder.outcome(paths)


def _step(state: State, returns: shocks.Floats, recorder: Recorder) -> None:
    levels_before, nodes = levels(state), options.Grid.node(state.seen, state.first_ticks)
    _move(state, returns)  # (1)
    _believe(state)  # (2)
    moved = np.log(state.prices / state.seen)  # since the last step's shock, so with the impact of its orders
    state.seen = state.prices.copy()
    _volatility(state, moved)  # (3)
    if state.model.controls.dynamic is not None:
        _margin(state, state.model.controls.dynamic)
    for venue in state.model.venues:
        calls.watch(state, venue)  # (4)
    execution.outside(state, moved, nodes, levels_before)  # (5)
    execution.stops(state)
    for venue in state.model.venues:
        execution.ladder(state, venue)
    forced, voluntary, waiting = execution.execute(state)
    for venue in state.model.venues:
        settlement.close(state, venue)  # (6)
    recorder.step(state, forced, voluntary, waiting)


def _move(state: State, returns: shocks.Floats) -> None:
    state.index += returns
    state.displacement.fade(state.model.impact)
    assets = [market.asset for market in state.model.markets]
    groups = [[m for m, asset in enumerate(assets) if asset == one] for one in sorted(set(assets))]
    state.displacement.arbitrage(state.model.impact, [group for group in groups if len(group) > 1])
    state.prices = price_ticks(state)


def _believe(state: State) -> None:
    """Let marks follow prices, unless the oracle is out or a breaker says otherwise; price the coins."""
    faults = state.model.faults
    if not faults.oracle.holds(state.step):
        if state.model.controls.breaker is None:
            state.marks = state.prices.copy()
        else:
            _break(state)
    for number, coin in enumerate(state.model.coins):
        if coin.asset >= 0:
            ticks = np.rint(coin.mark_ticks * np.exp(np.clip(state.index[:, coin.asset], -14.0, 2.0)))
        else:
            share = faults.peg_ppm if faults.depeg.holds(state.step) else PPM
            ticks = np.full(len(state.cash), coin.mark_ticks * share // PPM)
        state.coin_ticks[:, number] = np.maximum(1, ticks.astype(np.int64))


def _break(state: State) -> None:
    """Show each price to the breakers of its venue."""
    now = (state.step + 1) * state.model.step_seconds
    before = state.standing.copy()
    for path, venues in enumerate(state.breakers):
        for venue, breakers in venues.items():
            numbers = {state.model.markets[number].name: number for number in state.model.of_venue(venue)}
            prices = {name: int(state.prices[path, number]) for name, number in numbers.items()}
            venues[venue], _ = breakers.observe(now, prices)
            for name, mark in venues[venue].marks.items():
                state.marks[path, numbers[name]] = mark
            state.standing[path, list(numbers.values())] = venues[venue].halted
    state.count("halts", (state.standing & ~before).sum(axis=1))


def _volatility(state: State, moved: shocks.Floats) -> None:
    memory = state.model.impact.volatility_memory
    state.variance = memory * state.variance + (1.0 - memory) * np.square(moved)


def _margin(state: State, rule: Dynamic) -> None:
    """Publish the next rates when it is time to, and let those take effect whose notice is over."""
    if state.step % rule.every_steps == 0:
        before = state.published[-1][1]
        volatility = np.minimum(np.ceil(np.sqrt(state.variance) * PPM), MAX_VOLATILITY_PPM).astype(np.int64)
        following = before.copy()
        for place in np.ndindex(*before.shape):
            model = model_ppm(rule.rules, int(volatility[place]))
            following[place] = next_rate(rule.rules, model, int(before[place]))
        least = np.array([market.maintenance.tiers[0].rate_ppm for market in state.model.markets])
        notice = -(-rule.rules.notice_seconds // state.model.step_seconds)
        state.published.append((state.step + notice, np.maximum(least, following)))
    while len(state.published) > 1 and state.published[1][0] <= state.step:
        (_, old), (_, new) = state.published.pop(0), state.published[0]
        changed = old != new
        if changed.any():
            _publish(state, new)
            calls.void(state, changed)
            state.count("versions", changed.sum(axis=1))


def _publish(state: State, first_ppm: Ints) -> None:
    """Put tables into effect; the initial tables keep their distance from the maintenance tables."""
    schedules = tables(state.model, "maintenance"), tables(state.model, "initial")
    base, initial = schedules[0].rates[:, 0], schedules[1].rates[:, 0]
    state.maintenance = schedules[0].scaled(first_ppm)
    state.initial = schedules[1].scaled(-(-first_ppm * initial // np.maximum(1, base)))


def _finish(state: State, recorder: Recorder) -> None:
    """Execute whatever is still under liquidation at once, and charge what it loses."""
    state.step = state.model.steps
    under = state.status == LIQUIDATING
    queued = np.zeros_like(state.prices)
    for market in range(len(state.model.markets)):
        lots = np.where(under, state.lots[market], 0)
        queued[:, market] = np.abs(lots).sum(axis=1) * state.multipliers[market] * state.prices[:, market]
        state.pending[market] = -lots
    state.standing[:] = False
    before = state.counts.get("bad_debt", np.zeros(len(state.cash), dtype=np.int64)).copy()
    rows, columns = np.nonzero(under & state.writing)
    execution.buy_back(state, rows, columns)
    execution.execute(state, throttled=False)
    for venue in state.model.venues:
        settlement.close(state, venue)
    charged = state.counts.get("bad_debt", before) - before
    recorder.end(state, queued, charged, hidden_units(state))


def hidden_units(state: State) -> Ints:
    """Return the negative equity of accounts that are still open and not yet known to be broke."""
    hidden = np.zeros(len(state.cash), dtype=np.int64)
    for venue in state.model.venues:
        span = state.books.span(venue)
        rows, places = np.nonzero((state.status[:, span] == HEALTHY) & state.demanded[:, span])
        equity = assess(state, venue, rows, places + span.start)[0]
        np.add.at(hidden, rows, np.maximum(0, -equity))
    return hidden
