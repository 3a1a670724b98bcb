"""From a breach to a flow to a price: ladder, stops, throttle, execution, and the flows of hedgers and herds.

Rule
----
    ladder      that of `zkmargin.risk.liquidation`: slice after slice, or all at once if the account is small, below
                the backstop level or in default. Sold options are bought back first.
    throttle    of the forced lots of a market, ``floor(theta * depth)`` of the calm depth are released in a step, in
                order of service; the rest is the queue. Nothing trades in a halt.
    price       a flow moves the price by `zkmargin.risk.cascade.impact`; each lot is paid at the mean of the prices
                before and after, rounded against the account.
    outside     hedgers of sold options and herds trade with the rest of the outside: a flow, but no account's money.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from zkmargin.amounts import PPM
from zkmargin.risk.cascade import impact
from zkmargin.risk.cascade.impact import Floats
from zkmargin.risk.cascade.state import (
    CLOSED,
    HEALTHY,
    LEAVING,
    LIQUIDATING,
    Rows,
    State,
    assess,
    first_deviation,
    levels,
    option_grid,
    positions,
    price_ticks,
)
from zkmargin.risk.cascade.tiers import Ints

Mask = NDArray[np.bool_]


def stops(state: State) -> None:
    """Let accounts leave whose stop a mark has crossed: longs below it, shorts above."""
    own = np.nonzero(state.books.stop_ticks > 0)[0]
    if not len(own):
        return
    for number in range(len(state.model.markets)):
        lots, stop = state.lots[number][:, own], state.books.stop_ticks[own]
        mark = state.marks[:, number, None]
        single = (state.books.lots[:, own] != 0).sum(axis=0) == 1
        hit = single & (((lots > 0) & (mark <= stop)) | ((lots < 0) & (mark >= stop)))
        rows, places = np.nonzero(hit & (state.status[:, own] == HEALTHY) & ~state.writing[:, own])
        columns = own[places]
        state.status[rows, columns] = LEAVING
        state.pending[number][rows, columns] = -state.lots[number][rows, columns]
        state.count("stopped", np.bincount(rows, minlength=len(state.cash)))


def ladder(state: State, venue: int) -> None:
    """Queue the next slice of every account under liquidation whose cool-down is over, or all of it."""
    span = state.books.span(venue)
    rules = state.model.controls.ladder
    open_ = (state.status[:, span] == LIQUIDATING) & (state.taken[:, span] < rules.slices)
    rows, places = np.nonzero(open_)
    columns = places + span.start
    equity, needed = assess(state, venue, rows, columns)
    broke = (equity < 0) | (rules.backstop.denominator * (PPM * equity) < rules.backstop.numerator * needed)
    next_now = broke | (state.wait[rows, columns] <= state.step)
    rows, columns, broke = rows[next_now], columns[next_now], broke[next_now]
    if not len(rows):
        return
    worth = np.zeros(len(rows), dtype=np.int64)
    for market, lots in positions(state, venue, rows, columns):
        worth += np.abs(lots) * (state.multipliers[market] * state.marks[rows, market])
    buy_back(state, rows, columns)
    whole = broke | (worth <= rules.small_notional_units)
    taken = np.where(whole, rules.slices, state.taken[rows, columns] + 1)
    for market, lots in positions(state, venue, rows, columns):
        begun = state.begun[market][rows, columns]
        kept = np.abs(begun) * np.maximum(0, PPM - taken * rules.slice_ppm) // PPM
        state.pending[market][rows, columns] = np.sign(begun) * np.minimum(kept, np.abs(lots)) - lots
    state.taken[rows, columns] = taken
    pause = max(1, -(-rules.slice_seconds // state.model.step_seconds))
    state.wait[rows, columns] = state.step + pause
    state.count("backstop", np.bincount(rows[broke], minlength=len(state.cash)))


def buy_back(state: State, rows: Rows, columns: Rows) -> None:
    """Close the options of some accounts at the published value; whoever sold them to the account now hedges."""
    some = state.writing[rows, columns]
    rows, columns = rows[some], columns[some]
    if not len(rows):
        return
    level = levels(state)
    for number, contract in enumerate(state.model.contracts):
        table, market = option_grid(state.model, number), contract.market
        bought = -state.books.sold[number][columns]
        node = table.node(state.marks[rows, market], int(state.first_ticks[market]))
        paid = bought * table.values[0, level[rows, market], node]
        state.cash[rows, columns] -= paid
        np.add.at(state.outside_cash, rows, paid)
        hedge = bought * table.deltas[0, level[rows, market], node]
        np.add.at(state.outside_flow[:, market], rows, hedge * state.multipliers[market] * state.prices[rows, market])
    state.writing[rows, columns] = False


def execute(state: State, throttled: bool = True) -> tuple[Ints, Ints, Ints]:
    """Trade what is released; return the notional that was forced, voluntary and left waiting (paths, markets).

    All flows of a step move the prices together, and every order of a step gets the same price.
    """
    halted = state.standing
    before = state.prices.copy()
    flow = state.outside_flow * ~halted
    forced, other, waiting = np.zeros_like(before), np.zeros_like(before), np.zeros_like(before)
    active_rows, active_columns = np.nonzero(state.status % CLOSED)
    trades = []
    for market in range(len(state.model.markets)):
        rows, columns, signed, late, queued = _released(state, market, (active_rows, active_columns), halted, throttled)
        trades.append((rows, columns, signed))
        unit = state.multipliers[market] * before[:, market]
        flow[:, market] += _sum(rows, signed, len(before)) * unit
        forced[:, market] = _sum(rows[late], np.abs(signed[late]), len(before)) * unit
        other[:, market] = _sum(rows[~late], np.abs(signed[~late]), len(before)) * unit
        waiting[:, market] = queued * unit - forced[:, market]
    state.outside_flow *= halted
    depth = depth_units(state)
    state.displacement.push(state.model.impact, flow, depth)
    state.prices = np.where(halted, before, price_ticks(state))
    for market, trade in enumerate(trades):
        _pay(state, market, *trade, before[:, market])
    return forced, other, waiting


def depth_units(state: State) -> Floats:
    """Return the depth of each market now."""
    calm = np.array([float(market.depth_units) for market in state.model.markets])
    first = np.broadcast_to(first_deviation(state.model), state.variance.shape)
    return impact.depth(state.model.impact, np.broadcast_to(calm, first.shape), np.sqrt(state.variance), first)


def _released(
    state: State, market: int, active: tuple[Rows, Rows], halted: Mask, throttled: bool
) -> tuple[Rows, Rows, Ints, Mask, Ints]:
    """Return rows, columns, signed lots and "is forced" of the orders that trade now, and the forced lots by path."""
    wanted = state.pending[market][active]
    some = wanted != 0
    rows, columns, wanted = active[0][some], active[1][some], wanted[some]
    forced = state.status[rows, columns] == LIQUIDATING
    done = np.abs(wanted)
    queued = np.where(forced, done, 0)
    limit = state.model.controls.throttle_ppm
    if throttled and limit is not None and len(rows):
        unit = state.multipliers[market] * state.prices[:, market]
        depth_lots = state.model.markets[market].depth_units // unit
        room = depth_lots // PPM * limit + depth_lots % PPM * limit // PPM  # floor(theta * depth), below 2^63
        ahead = np.cumsum(queued) - queued
        ahead -= ahead[np.searchsorted(rows, rows)]
        done = np.where(forced, np.clip(room[rows] - ahead, 0, done), done)
    done = np.where(halted[rows, market], 0, done)
    some = done > 0
    trade = (rows[some], columns[some], np.sign(wanted[some]) * done[some], forced[some])
    return *trade, _sum(rows, queued, len(state.cash))


def _pay(state: State, market: int, rows: Rows, columns: Rows, signed: Ints, before: Ints) -> None:
    """Move lots and money for orders that trade at the mean of two prices, rounded against the account."""
    both = before[rows] + state.prices[rows, market]
    price = np.where(signed < 0, both // 2, -(-both // 2))
    paid = signed * (state.multipliers[market] * price)
    state.lots[market][rows, columns] += signed
    state.pending[market][rows, columns] -= signed
    state.cash[rows, columns] -= paid
    np.add.at(state.outside_cash, rows, paid)
    np.subtract.at(state.outside_lots[:, market], rows, signed)
    state.demanded[rows, columns] |= state.status[rows, columns] < CLOSED


def outside(state: State, moved: Floats, nodes: Ints, levels_before: Ints) -> None:
    """Add the flows of herds, who follow the last move, and of hedgers, who follow their delta."""
    behaviour = state.model.behaviour
    if behaviour.herding:
        follow = behaviour.herding * np.where(moved < 0, behaviour.panic, 1.0) * moved
        state.outside_flow += follow * depth_units(state)
    level = levels(state)
    for number, contract in enumerate(state.model.contracts):
        if not contract.dealers_short_lots:
            continue
        market, table = contract.market, option_grid(state.model, number)
        node = table.node(state.prices[:, market], int(state.first_ticks[market]))
        change = table.deltas[0, level[:, market], node] - table.deltas[0, levels_before[:, market], nodes[:, market]]
        unit = state.multipliers[market] * state.prices[:, market]
        state.outside_flow[:, market] += contract.dealers_short_lots * change * unit


def _sum(rows: Rows, amounts: Ints, paths: int) -> Ints:
    """Return exact sums by path: every partial sum is below 2^53, where floats are integers."""
    return np.bincount(rows, weights=amounts, minlength=paths).astype(np.int64)
