"""The state of a block of paths, and what every step asks about it: equity, requirement, and what must be conserved.

Rule
----
    Shapes: P paths, A accounts, M markets, C kinds of coin, V venues. Status goes from HEALTHY to LIQUIDATING (or, on
    a stop, LEAVING) to CLOSED. Who trades with an account is the outside; at every step

        sum of lots   + outside lots                                                              of each market
        sum of coins  + outside coins                                                             of each kind
        sum of cash   + funds + outside cash - deposits - unfunded losses                         of the model

    are what they were at the start, to the unit (`totals`).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from math import log

import numpy as np
from numpy.typing import NDArray

from zkmargin.amounts import PPM
from zkmargin.risk.breakers import Breakers, BreakerState
from zkmargin.risk.cascade import options, tiers
from zkmargin.risk.cascade.impact import Displacement, Floats
from zkmargin.risk.cascade.model import Model
from zkmargin.risk.cascade.parameters import MAX_PRICE_MULTIPLE
from zkmargin.risk.cascade.population import Books
from zkmargin.risk.cascade.tiers import Ints

HEALTHY, LIQUIDATING, LEAVING, CLOSED = range(4)
NEVER, ALWAYS = 2**31 - 1, -1
LOWEST_LOG, HIGHEST_LOG = -14.0, log(MAX_PRICE_MULTIPLE)

Rows = NDArray[np.intp]


@dataclass(slots=True)
class State:
    """All arrays of a block; only the modules of this package change them.

    Some that do not say it themselves: `demanded` must prove, `silent` steps without a proof, `taken` slices of the
    ladder, `begun` lots when it began, `pending` lots that are to be traded, `standing` markets that a breaker has
    halted, `seen` prices of the last step before its orders, `low` to `high` the box of the standing proof,
    `published` the steps from which first rates hold, with them.
    """

    model: Model
    books: Books
    first_ticks: Ints
    multipliers: Ints
    index: Floats
    displacement: Displacement
    variance: Floats
    prices: Ints
    seen: Ints
    marks: Ints
    coin_ticks: Ints
    published: list[tuple[int, Ints]]
    maintenance: tuple[Ints, Ints]
    initial: tuple[Ints, Ints]
    cash: Ints
    lots: Ints
    coins: Ints
    writing: NDArray[np.bool_]
    status: NDArray[np.int8]
    demanded: NDArray[np.bool_]
    silent: NDArray[np.int32]
    wait: NDArray[np.int32]
    taken: Ints
    begun: Ints
    low: Ints
    high: Ints
    coin_low: Ints
    pending: Ints
    reserve: Ints
    first_equity: Ints
    funds: Ints
    unfunded: Ints
    deposits: Ints
    outside_cash: Ints
    outside_lots: Ints
    outside_coins: Ints
    outside_flow: Floats
    standing: NDArray[np.bool_]
    breakers: list[dict[int, Breakers]]
    step: int = 0
    counts: dict[str, Ints] = field(default_factory=dict)

    def count(self, name: str, amounts: Ints) -> None:
        """Add to a counter of each path."""
        if name in self.counts:
            self.counts[name] += amounts
        else:
            self.counts[name] = np.array(amounts, dtype=np.int64)


def start(model: Model, books: Books, paths: int) -> State:
    """Return the state before the first step."""
    count, markets, venues = len(books.venue), len(model.markets), len(model.venues)
    first = np.array([market.mark_ticks for market in model.markets], dtype=np.int64)
    schedules = tables(model, "maintenance"), tables(model, "initial")
    rates = np.broadcast_to(schedules[0].rates[:, 0], (paths, markets)).copy()
    wide = (paths, count)

    def zeros(*shape: int) -> Ints:
        return np.zeros(shape, dtype=np.int64)

    def each(row: Ints) -> Ints:
        return np.broadcast_to(row, (paths, *row.shape)).copy()

    state = State(
        model=model,
        books=books,
        first_ticks=first,
        multipliers=np.array([market.multiplier for market in model.markets], dtype=np.int64),
        index=np.zeros((paths, len(model.shocks.betas))),
        displacement=Displacement.flat((paths, markets)),
        variance=np.square(first_deviation(model))[None, :] * np.ones((paths, 1)),
        prices=each(first),
        seen=each(first),
        marks=each(first),
        coin_ticks=each(np.array([coin.mark_ticks for coin in model.coins], dtype=np.int64)),
        published=[(0, rates)],
        maintenance=schedules[0].scaled(rates),
        initial=schedules[1].scaled(np.broadcast_to(schedules[1].rates[:, 0], rates.shape)),
        cash=each(books.cash),
        lots=np.broadcast_to(books.lots[:, None, :], (markets, *wide)).copy(),
        coins=each(books.coins),
        writing=np.broadcast_to(books.writers, wide).copy(),
        status=np.zeros(wide, dtype=np.int8),
        demanded=np.ones(wide, dtype=np.bool_),
        silent=np.zeros(wide, dtype=np.int32),
        wait=np.zeros(wide, dtype=np.int32),
        taken=zeros(*wide),
        begun=zeros(markets, *wide),
        low=np.full((markets, *wide), ALWAYS, dtype=np.int64),
        high=np.full((markets, *wide), NEVER, dtype=np.int64),
        coin_low=np.full(wide, ALWAYS, dtype=np.int64),
        pending=zeros(markets, *wide),
        reserve=each(books.reserve),
        first_equity=zeros(count),
        funds=np.full((paths, venues), model.fund_units, dtype=np.int64),
        unfunded=zeros(paths, venues),
        deposits=zeros(paths),
        outside_cash=zeros(paths),
        outside_lots=each(-books.lots.sum(axis=1)),
        outside_coins=zeros(paths, len(model.coins)),
        outside_flow=np.zeros((paths, markets)),
        standing=np.zeros((paths, markets), dtype=np.bool_),
        breakers=[_breakers(model) for _ in range(paths)],
    )
    for venue in model.venues:
        span = books.span(venue)
        columns = np.arange(span.start, span.stop)
        state.first_equity[span] = assess(state, venue, np.zeros_like(columns), columns)[0]
    return state


def _breakers(model: Model) -> dict[int, Breakers]:
    """Return the breakers of each venue, or none."""
    rules = model.controls.breaker
    if rules is None:
        return {}
    made = {}
    for venue in model.venues:
        markets = {model.markets[number].name: model.markets[number] for number in model.of_venue(venue)}
        states = {name: BreakerState.start(0, market.mark_ticks) for name, market in sorted(markets.items())}
        made[venue] = Breakers(dict.fromkeys(states, rules), states)
    return made


def first_deviation(model: Model) -> Floats:
    """Return the deviation of each market in calm; never zero, so that ratios of volatilities exist."""
    betas = np.array([model.shocks.betas[market.asset] for market in model.markets])
    return np.asarray(max(model.shocks.volatility, 1e-6) * betas)


def tables(model: Model, kind: str) -> tiers.Schedule:
    """Return the tier tables of a model, maintenance or initial."""
    return tiers.Schedule.of([getattr(market, kind) for market in model.markets])


def price_ticks(state: State) -> Ints:
    """Return prices from index and displacement: rounded, at least one tick, at most 8 times the first."""
    assets = [market.asset for market in state.model.markets]
    logs = np.clip(state.index[:, assets] + state.displacement.level(), LOWEST_LOG, HIGHEST_LOG)
    ticks = np.rint(state.first_ticks * np.exp(logs)).astype(np.int64)
    return np.clip(ticks, 1, MAX_PRICE_MULTIPLE * state.first_ticks)


def positions(state: State, venue: int, rows: Rows, columns: Rows) -> Iterator[tuple[int, Ints]]:
    """Yield the number of each market of a venue with the lots of some accounts."""
    for market in state.model.of_venue(venue):
        yield market, state.lots[market][rows, columns]


def assess(state: State, venue: int, rows: Rows, columns: Rows, kind: str = "maintenance") -> tuple[Ints, Ints]:
    """Return equity in units and requirement at scale 10^6 of some accounts of a venue, at the marks."""
    rates, cums = state.maintenance if kind == "maintenance" else state.initial
    equity = state.cash[rows, columns] + coin_worth(state, rows, columns, state.coin_ticks)
    needed = np.zeros(len(rows), dtype=np.int64)
    for market, lots in positions(state, venue, rows, columns):
        worth = lots * (state.multipliers[market] * state.marks[rows, market])
        needed += tiers.required(np.abs(worth), rates[rows, market], cums[rows, market])
        equity += worth
    return _with_options(state, rows, columns, equity, needed, kind)


def coin_worth(state: State, rows: Rows, columns: Rows, ticks: Ints) -> Ints:
    """Return the haircut value of the coins of some accounts."""
    worth = np.zeros(len(rows), dtype=np.int64)
    for number, coin in enumerate(state.model.coins):
        here = state.books.coin[columns] == number
        value = ticks[rows, number] * coin.multiplier * (PPM - coin.haircut_ppm) // PPM
        worth += np.where(here, state.coins[rows, columns] * value, 0)
    return worth


def slack(state: State, venue: int, rows: Rows, columns: Rows, kind: str = "maintenance") -> Ints:
    """Return ``10^6 * equity - requirement``: the claim holds if it is not negative."""
    equity, needed = assess(state, venue, rows, columns, kind)
    return PPM * equity - needed


def box_slack(state: State, venue: int, rows: Rows, columns: Rows, width_ppm: int) -> Ints:
    """Return the slack of the box claim of accounts without options, as `zkmargin.margin.cross` defines it."""
    rates, cums = state.maintenance
    coin_low, _ = tiers.ends(state.coin_ticks, width_ppm)
    left = PPM * (state.cash[rows, columns] + coin_worth(state, rows, columns, coin_low))
    for market, lots in positions(state, venue, rows, columns):
        low, high = tiers.ends(state.marks[rows, market], width_ppm)
        steps = (state.multipliers[market], rates[rows, market], cums[rows, market])
        left -= np.maximum(tiers.charge(lots, low, *steps), tiers.charge(lots, high, *steps))
    return left


def levels(state: State) -> Ints:
    """Return the volatility level of each market (paths, markets)."""
    return options.level(np.sqrt(state.variance), first_deviation(state.model)[None, :])


def option_grid(model: Model, number: int) -> options.Grid:
    """Return the published grid of one contract."""
    contract = model.contracts[number]
    market = model.markets[contract.market]
    return options.grid((contract,), market.mark_ticks, market.multiplier)


def _with_options(state: State, rows: Rows, columns: Rows, equity: Ints, needed: Ints, kind: str) -> tuple[Ints, Ints]:
    """Return equity and requirement with the writers' own rule in place of the tiers."""
    some = np.nonzero(state.writing[rows, columns])[0]
    if not len(some):
        return equity, needed
    at, who = rows[some], columns[some]
    loss = np.zeros((len(some), len(options.SCENARIOS)), dtype=np.int64)
    floor, worth = np.zeros(len(some), dtype=np.int64), np.zeros(len(some), dtype=np.int64)
    level = levels(state)
    for market in {contract.market for contract in state.model.contracts}:
        linear = options.linear_losses(state.marks[at, market], int(state.multipliers[market]))
        loss += state.lots[market][at, who][:, None] * linear
    for number, contract in enumerate(state.model.contracts):
        table, sold = option_grid(state.model, number), state.books.sold[number][who]
        node = table.node(state.marks[at, contract.market], int(state.first_ticks[contract.market]))
        loss += sold[:, None] * table.losses[0, level[at, contract.market], node]
        floor -= sold * table.minimums[0, node]
        worth += sold * table.values[0, level[at, contract.market], node]
    factor = PPM if kind == "maintenance" else options.INITIAL_PPM
    equity[some] += worth
    needed[some] = factor * np.maximum(np.maximum(floor, loss.max(axis=1)), 0)
    return equity, needed


def totals(state: State) -> dict[str, Ints]:
    """Return what every step conserves, each with the paths first."""
    held = [np.where(state.books.coin == kind, state.coins, 0).sum(axis=1) for kind in range(len(state.model.coins))]
    coins = np.array(held, dtype=np.int64).reshape(len(state.model.coins), state.cash.shape[0]).T
    cash = state.cash.sum(axis=1) + state.funds.sum(axis=1) + state.outside_cash
    return {
        "lots": state.lots.sum(axis=2).T + state.outside_lots,
        "coins": coins + state.outside_coins,
        "cash": cash - state.deposits - state.unfunded.sum(axis=1),
    }
