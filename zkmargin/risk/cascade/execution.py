"""From a breach to a flow to a price: ladder, stops, throttle, execution, and the flows of hedgers and herds.

Rule
----
    ladder      that of `zkmargin.risk.liquidation`: slice after slice, or all at once if the account is small, below
                the backstop level or in default. Sold options are bought back first.
    throttle    of the forced lots of a market, ``floor(theta * depth)`` of the calm depth are released in a step, in
                order of service; the rest is the queue. Nothing trades in a halt.
    price       a flow moves the price by `zkmargin.risk.cascade.impact`. It counts at the FIRST price of its market, so
                that it does not depend on its pace; each order pays the mean price of its own piece of the curve,
                rounded against the account.
    outside     hedgers of sold options and herds trade with the rest of the outside: a flow, but no account's money.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from zkmargin.amounts import PPM
from zkmargin.risk.breakers import allowed_lots
from zkmargin.risk.cascade import impact
from zkmargin.risk.cascade.impact import Floats
from zkmargin.risk.cascade.parameters import MAX_PRICE_MULTIPLE
from zkmargin.risk.cascade.state import (
    CLOSED,
    HEALTHY,
    HIGHEST_LOG,
    LEAVING,
    LIQUIDATING,
    LOWEST_LOG,
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
        np.add.at(state.outside_flow[:, market], rows, hedge * unit_value(state, market))
    state.writing[rows, columns] = False


def execute(state: State, throttled: bool = True) -> tuple[Ints, Ints, Ints]:
    """Trade what is released; return the notional that was forced, voluntary and left waiting (paths, markets).

    The outside trades first, then the accounts in order of service, each along its own piece of the price curve.
    """
    halted = state.standing
    before = state.prices.copy()
    forced, other, waiting = np.zeros_like(before), np.zeros_like(before), np.zeros_like(before)
    depth, law = depth_units(state), state.model.impact
    state.displacement.push(law, np.where(halted, 0.0, state.outside_flow), depth)
    state.outside_flow *= halted
    flow = np.zeros_like(depth)
    rows, columns = np.nonzero(state.status % CLOSED)
    for market in range(len(state.model.markets)):
        order = _released(state, market, rows, columns, throttled)
        _pay(state, market, order, depth[:, market])
        unit = state.multipliers[market] * before[:, market]
        forced[:, market] = _sum(order.rows, np.where(order.forced, np.abs(order.lots), 0), len(before)) * unit
        other[:, market] = _sum(order.rows, np.where(order.forced, 0, np.abs(order.lots)), len(before)) * unit
        waiting[:, market] = order.queued * unit - forced[:, market]
        flow[:, market] = _sum(order.rows, order.lots, len(before)) * unit_value(state, market)
    state.displacement.push(law, flow, depth)
    state.prices = np.where(halted, before, price_ticks(state))
    return forced, other, waiting


@dataclass(frozen=True, slots=True)
class Orders:
    """Orders of one market that trade now, in order of service: signed lots, whether forced; forced lots by path."""

    rows: Rows
    columns: Rows
    lots: Ints
    forced: Mask
    queued: Ints


def unit_value(state: State, market: int) -> float:
    """Return what a lot counts in a flow: its value at the first price, so that a flow does not depend on its pace."""
    return float(state.multipliers[market] * state.first_ticks[market])


def depth_units(state: State) -> Floats:
    """Return the depth of each market now."""
    calm = np.array([float(market.depth_units) for market in state.model.markets])
    first = np.broadcast_to(first_deviation(state.model), state.variance.shape)
    return impact.depth(state.model.impact, np.broadcast_to(calm, first.shape), np.sqrt(state.variance), first)


def _released(state: State, market: int, rows: Rows, columns: Rows, throttled: bool) -> Orders:
    """Return the orders that trade now: none in a halt, of the forced ones as many as the throttle lets through."""
    wanted = state.pending[market][rows, columns]
    some = wanted != 0
    rows, columns, wanted = rows[some], columns[some], wanted[some]
    forced = state.status[rows, columns] == LIQUIDATING
    done = np.abs(wanted)
    queued = np.where(forced, done, 0)
    limit = state.model.controls.throttle_ppm
    if throttled and limit is not None:
        depth_lots = int(state.model.markets[market].depth_units // unit_value(state, market))
        ahead = _within_rows(rows, queued) - queued
        done = np.where(forced, np.clip(allowed_lots(limit, depth_lots) - ahead, 0, done), done)
    done = np.where(state.standing[rows, market], 0, done)
    some = done > 0
    signed = np.sign(wanted[some]) * done[some]
    return Orders(rows[some], columns[some], signed, forced[some], _sum(rows, queued, len(state.cash)))


def _pay(state: State, market: int, order: Orders, depth: Floats) -> None:
    """Move lots and money; every order pays the mean price of its piece of the curve, rounded against the account."""
    rows, columns, signed = order.rows, order.columns, order.lots
    price = _prices(state, market, order, depth)
    paid = signed * (state.multipliers[market] * price)
    state.lots[market][rows, columns] += signed
    state.pending[market][rows, columns] -= signed
    state.cash[rows, columns] -= paid
    np.add.at(state.outside_cash, rows, paid)
    np.subtract.at(state.outside_lots[:, market], rows, signed)
    state.demanded[rows, columns] |= state.status[rows, columns] < CLOSED


def _prices(state: State, market: int, order: Orders, depth: Floats) -> Ints:
    """Return the price of each order in whole ticks."""
    rows, value = order.rows, unit_value(state, market)
    after = _within_rows(rows, order.lots)
    start = state.index[rows, state.model.markets[market].asset] + state.displacement.level()[rows, market]
    remembered = state.displacement.remembered[rows, market]
    law, deep = state.model.impact, depth[rows]
    ends = [
        np.clip(start + impact.moved(law, remembered, value * lots.astype(np.float64), deep), LOWEST_LOG, HIGHEST_LOG)
        for lots in (after - order.lots, after)
    ]
    mean = float(state.first_ticks[market]) * impact.mean_price(*ends)
    ticks = np.where(order.lots < 0, np.floor(mean), np.ceil(mean)).astype(np.int64)
    return np.clip(ticks, 1, MAX_PRICE_MULTIPLE * state.first_ticks[market])


def _within_rows(rows: Rows, amounts: Ints) -> Ints:
    """Return the running sum of each path, each amount included; `rows` ascend."""
    total = np.cumsum(amounts)
    first = np.searchsorted(rows, rows)
    return np.asarray(total - (total[first] - amounts[first]))


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
        state.outside_flow[:, market] += contract.dealers_short_lots * change * unit_value(state, market)


def _sum(rows: Rows, amounts: Ints, paths: int) -> Ints:
    """Return exact sums by path: every partial sum is below 2^53, where floats are integers."""
    return np.bincount(rows, weights=amounts, minlength=paths).astype(np.int64)
