"""Standing proofs and silence: who must prove, whose proof arrives, who is called, who is liquidated.

Rule
----
    An account has a standing proof of a box. It must prove again when a mark leaves the box or the tables change; an
    account with options must at every step. A safe account can prove and an unsafe one cannot, so

        proof arrives     safe, and among the `proofs_per_step` that have waited longest: a new box, the widest provable
        called            must prove and is not safe: it may deposit what is missing to the initial requirement, once
        liquidated        silent for more than `deadline_steps` steps that were not halted, safe or not
        restored          under liquidation, and a proof of the ladder's `restore` level arrives

    With `proofs_per_step` None and a deadline of 0 this is a venue that sees every book. With a capacity, a fast market
    makes everybody prove at once: the storm in which safe accounts are liquidated because their proof is late is part
    of the model, and is counted as `late`.

    The box is also why a step is cheap: an account inside its box is certainly safe and is not looked at.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from zkmargin.amounts import PPM
from zkmargin.risk.cascade.parameters import Proving
from zkmargin.risk.cascade.population import NO_COIN
from zkmargin.risk.cascade.state import (
    ALWAYS,
    CLOSED,
    HEALTHY,
    LIQUIDATING,
    NEVER,
    Rows,
    State,
    assess,
    box_slack,
)
from zkmargin.risk.cascade.tiers import ends

Mask = NDArray[np.bool_]


def prepare(state: State, venue: int) -> None:
    """Give every safe account of a venue the standing proof that it has before the first step."""
    span = state.books.span(venue)
    rows, places = np.nonzero(np.ones_like(state.demanded[:, span]))
    columns = places + span.start
    safe = _safe(state, venue, rows, columns)
    _prove(state, venue, rows[safe], columns[safe])


def watch(state: State, venue: int) -> None:
    """Run one step of the calls of a venue."""
    span = state.books.span(venue)
    demand(state, venue, span)
    rows, places = np.nonzero(state.demanded[:, span] & (state.status[:, span] < CLOSED))
    columns = places + span.start
    if not len(rows):
        return
    safe = _safe(state, venue, rows, columns)
    served = safe & admitted(state, rows, state.silent[rows, columns])
    _prove(state, venue, rows[served], columns[served])
    state.count("demanded", np.bincount(rows, minlength=len(state.cash)))
    state.count("proved", np.bincount(rows[served], minlength=len(state.cash)))
    rest = ~served
    _wait(state, venue, rows[rest], columns[rest], safe[rest])


def demand(state: State, venue: int, span: slice) -> None:
    """Mark the accounts whose box a mark has left."""
    left = state.writing[:, span].copy()
    for market in state.model.of_venue(venue):
        mark = state.marks[:, market, None]
        left |= state.low[market][:, span] > mark
        left |= state.high[market][:, span] < mark
    for number in range(len(state.model.coins)):
        here = state.books.coin[span] == number
        left |= here & (state.coin_low[:, span] > state.coin_ticks[:, number, None])
    state.demanded[:, span] |= left


def admitted(state: State, rows: Rows, silent: NDArray[np.int32]) -> Mask:
    """Return whose proof the venue can take: those that have waited longest, then in order of service."""
    proving: Proving = state.model.proving
    if state.model.faults.prover.holds(state.step):
        return np.zeros(len(rows), dtype=np.bool_)
    if proving.proofs_per_step is None:
        return np.ones(len(rows), dtype=np.bool_)
    order = np.lexsort((-silent, rows))
    rank = np.empty(len(rows), dtype=np.int64)
    rank[order] = np.arange(len(rows)) - np.searchsorted(rows[order], rows[order])
    return rank < proving.proofs_per_step // proving.represents


def void(state: State, changed: Mask) -> None:
    """Make everybody in a market prove again, where its tables have changed (paths, markets)."""
    for market in np.nonzero(changed.any(axis=0))[0]:
        span = state.books.span(state.model.markets[market].venue)
        holds = state.lots[market][:, span] != 0
        state.demanded[:, span] |= changed[:, market, None] & holds


def _safe(state: State, venue: int, rows: Rows, columns: Rows) -> Mask:
    """Return who can prove what is asked: maintenance, or under liquidation the level that ends it."""
    equity, needed = assess(state, venue, rows, columns)
    level = state.model.controls.ladder.restore
    restored = level.denominator * (PPM * equity) >= level.numerator * needed
    return np.where(state.status[rows, columns] == LIQUIDATING, restored, PPM * equity >= needed)


def _prove(state: State, venue: int, rows: Rows, columns: Rows) -> None:
    """Give new boxes to accounts whose proof has arrived, and release those under liquidation."""
    state.demanded[rows, columns] = False
    state.silent[rows, columns] = 0
    held = state.status[rows, columns] == LIQUIDATING
    state.status[rows[held], columns[held]] = HEALTHY
    state.count("restored", np.bincount(rows[held], minlength=len(state.cash)))
    width = np.zeros(len(rows), dtype=np.int64)
    left = np.nonzero(~state.writing[rows, columns])[0]
    for wider in state.model.proving.widths_ppm:
        left = left[box_slack(state, venue, rows[left], columns[left], wider) >= 0]
        width[left] = wider
    for market in state.model.of_venue(venue):
        state.pending[market][rows[held], columns[held]] = 0
        mark, holds = state.marks[rows, market], state.lots[market][rows, columns] != 0
        low, high = ends(mark, width)
        state.low[market][rows, columns] = np.where(holds, low, ALWAYS)
        state.high[market][rows, columns] = np.where(holds, high, NEVER)
    kind = state.books.coin[columns]
    for number in range(len(state.model.coins)):
        some = kind == number
        price = state.coin_ticks[rows[some], number]
        state.coin_low[rows[some], columns[some]] = price * (PPM - width[some]) // PPM
    state.coin_low[rows[kind == NO_COIN], columns[kind == NO_COIN]] = ALWAYS


def _wait(state: State, venue: int, rows: Rows, columns: Rows, safe: Mask) -> None:
    """Let the clocks of the silent run: calls, deposits, and the end of the deadline."""
    markets = list(state.model.of_venue(venue))
    running = ~state.standing[rows][:, markets].any(axis=1)
    rows, columns, safe = rows[running], columns[running], safe[running]
    state.silent[rows, columns] += 1
    silent, healthy = state.silent[rows, columns], state.status[rows, columns] == HEALTHY
    called = healthy & ~safe & (silent == 1)
    state.count("calls", np.bincount(rows[called], minlength=len(state.cash)))
    saved = np.zeros(len(rows), dtype=np.bool_)
    saved[called] = _top_up(state, venue, rows[called], columns[called])
    lapsed = healthy & ~saved & (silent > state.model.proving.deadline_steps)
    state.status[rows[lapsed], columns[lapsed]] = LIQUIDATING
    state.wait[rows[lapsed], columns[lapsed]] = state.step
    state.taken[rows[lapsed], columns[lapsed]] = 0
    for market in markets:
        state.begun[market][rows[lapsed], columns[lapsed]] = state.lots[market][rows[lapsed], columns[lapsed]]
    state.count("liquidations", np.bincount(rows[lapsed], minlength=len(state.cash)))
    state.count("late", np.bincount(rows[lapsed & safe], minlength=len(state.cash)))


def _top_up(state: State, venue: int, rows: Rows, columns: Rows) -> Mask:
    """Deposit what is missing to the initial requirement, where the reserve allows it; return where it did."""
    equity, needed = assess(state, venue, rows, columns, "initial")
    missing = np.maximum(0, -((PPM * equity - needed) // PPM))
    pays: Mask = (missing > 0) & (state.reserve[rows, columns] >= missing)
    who, at, amount = columns[pays], rows[pays], missing[pays]
    state.cash[at, who] += amount
    state.reserve[at, who] -= amount
    state.silent[at, who] = 0
    np.add.at(state.deposits, at, amount)
    return pays
