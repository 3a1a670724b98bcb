"""The crowd: accounts drawn from leverage by age of the position, with coins, stops, reserves and sold options.

Rule
----
    An account enters at ``first price * exp(-deviation * sqrt(age) * normal)`` with a leverage L: its equity then was
    notional / L, and what the price has done since is added. Who would already be below 1.05 times the maintenance
    requirement enters now instead. Sizes are Pareto, and the longs of a market add up to its open interest.
    A writer of puts holds cash; a writer of covered calls is long the market, lot for lot. Their cash is the worst
    loss of the risk array times a factor that follows from the leverage.

Units, rounding
---------------
    Everything ends in whole lots, ticks and units, down; an account has at least one lot.

Bounds
------
    As in `zkmargin.risk.cascade.parameters`, checked for every account.

Reproducibility
---------------
    The crowd comes from ``SeedSequence(seed, spawn_key=(2**32 - 1,))``: it is the same for every path of a seed.
    Accounts of a venue are neighbours, in random order within it; that order is the order of service.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from zkmargin.amounts import PPM
from zkmargin.errors import StatementError
from zkmargin.risk.cascade import options, tiers
from zkmargin.risk.cascade.model import Model
from zkmargin.risk.cascade.parameters import MAX_ACCOUNT_UNITS, MAX_PRICE_MULTIPLE
from zkmargin.risk.cascade.tiers import Ints

CROWD_KEY = 2**32 - 1
NO_STOP = 0
NO_COIN = -1


@dataclass(frozen=True, slots=True)
class Books:
    """Accounts at the start, in order of service.

    Args:
        venue: Venue of each account (accounts), ascending.
        lots: Signed lots (markets, accounts).
        cash: Units (accounts).
        coin: Number of the coin an account posts, or -1 (accounts).
        coins: Lots of that coin, not negative (accounts).
        sold: Signed lots of each contract, not positive (contracts, accounts).
        stop_ticks: Stop of the account's own market, or 0 (accounts).
        reserve: Units that an account can deposit when called (accounts).
    """

    venue: Ints
    lots: Ints
    cash: Ints
    coin: Ints
    coins: Ints
    sold: Ints
    stop_ticks: Ints
    reserve: Ints

    def __post_init__(self) -> None:
        if np.any(np.diff(self.venue) < 0):
            raise StatementError("accounts must be ordered by venue")
        if np.any(self.sold > 0) or np.any(self.coins < 0):
            raise StatementError("options must be sold and coins held")

    @property
    def writers(self) -> NDArray[np.bool_]:
        """Return which accounts have sold options."""
        return np.asarray(np.any(self.sold != 0, axis=0))

    def span(self, venue: int) -> slice:
        """Return where the accounts of a venue stand."""
        first, last = np.searchsorted(self.venue, [venue, venue + 1])
        return slice(int(first), int(last))


def draw(model: Model, seed: int) -> Books:
    """Return the crowd of a model.

    Raises:
        StatementError: if an account would exceed its bound.
    """
    generator = np.random.Generator(np.random.PCG64(np.random.SeedSequence(seed, spawn_key=(CROWD_KEY,))))
    crowd, count = model.crowd, model.crowd.accounts
    venue = np.sort(generator.integers(0, len(model.venues), count))
    home = _homes(model, venue, generator)
    cross = generator.random(count) * PPM < crowd.cross_share_ppm
    side = np.where(generator.random(count) * PPM < crowd.long_share_ppm, 1, -1)
    size = np.minimum(generator.pareto(crowd.size_tail, count) + 1.0, 1_000.0)
    weights = np.array(crowd.weights) / sum(crowd.weights)
    leverage = generator.choice(np.array(crowd.leverages, dtype=float), count, p=weights)
    lots = _positions(model, home, cross, side, size, generator)
    equity = _equities(model, home, lots, leverage, generator)
    sold, lots, equity = _sold(model, home, lots, equity, leverage, generator)
    worth = sum(lots[m] * market.mark_ticks * market.multiplier for m, market in enumerate(model.markets))
    coin, coins, posted = _coins(model, sold, equity, generator)
    stops = _stops(model, home, side, generator)
    answers = generator.random(count) * PPM < model.behaviour.top_up_share_ppm
    reserve = np.where(answers, equity * model.behaviour.reserve_ppm // PPM, 0)
    books = Books(venue, lots, equity - worth - posted, coin, coins, sold, stops, reserve)
    check(model, books)
    return books


def check(model: Model, books: Books) -> None:
    """Refuse accounts that could leave the range in which int64 decides exactly."""
    reach = np.abs(books.cash) + books.reserve
    for number, market in enumerate(model.markets):
        reach = reach + MAX_PRICE_MULTIPLE * np.abs(books.lots[number]) * market.mark_ticks * market.multiplier
    for number, contract in enumerate(model.contracts):
        market = model.markets[contract.market]
        reach = reach + MAX_PRICE_MULTIPLE * np.abs(books.sold[number]) * market.mark_ticks * market.multiplier
    for number, kind in enumerate(model.coins):
        held = np.where(books.coin == number, books.coins, 0)
        reach = reach + MAX_PRICE_MULTIPLE * held * kind.mark_ticks * kind.multiplier
    if np.any(reach >= MAX_ACCOUNT_UNITS) or np.any(reach < 0):
        raise StatementError(f"an account must stay below {MAX_ACCOUNT_UNITS} units, got {int(reach.max())}")


def _homes(model: Model, venue: Ints, generator: np.random.Generator) -> Ints:
    """Return the market of each account: any of its venue, equally likely."""
    choices = [np.array(model.of_venue(number)) for number in model.venues]
    picks = generator.random(len(venue))
    return np.array([choices[v][int(pick * len(choices[v]))] for v, pick in zip(venue, picks, strict=True)])


def _positions(
    model: Model, home: Ints, cross: NDArray[np.bool_], side: Ints, size: Ints, generator: np.random.Generator
) -> Ints:
    """Return signed lots (markets, accounts): one market, or for cross accounts all of their venue."""
    lots = np.zeros((len(model.markets), len(home)), dtype=np.int64)
    venue_of = np.array([market.venue for market in model.markets])
    flips = np.where(generator.random(lots.shape) < 0.2, -1, 1)
    for number, market in enumerate(model.markets):
        here = (home == number) | (cross & (venue_of[home] == market.venue))
        share = np.where(here, size / np.where(cross, model.of_venue(market.venue).__len__(), 1), 0.0)
        signed = share * np.where(cross, side * flips[number], side)
        total = signed[signed > 0].sum()
        unit = market.mark_ticks * market.multiplier
        scale = model.crowd.open_interest_units / unit / total if total else 0.0
        largest = MAX_ACCOUNT_UNITS // (4 * MAX_PRICE_MULTIPLE * len(model.markets) * unit)
        whole = np.clip(np.abs(signed) * scale, 1, largest).astype(np.int64)
        lots[number] = np.where(here, np.sign(signed).astype(np.int64) * whole, 0)
    return lots


def _equities(model: Model, home: Ints, lots: Ints, leverage: Ints, generator: np.random.Generator) -> Ints:
    """Return the equity of each account now, from its leverage at entry and what the price has done since."""
    marks = np.array([market.mark_ticks * market.multiplier for market in model.markets])
    betas = np.array([model.shocks.betas[market.asset] for market in model.markets])
    worth = np.abs(lots) * marks[:, None]
    age = generator.exponential(model.crowd.mean_age_steps, len(home)) if model.crowd.mean_age_steps else 0.0 * leverage
    moved = -model.shocks.volatility * betas[home] * np.sqrt(age) * generator.standard_normal(len(home))
    entry = np.exp(np.clip(moved, -1.5, 1.5))
    gained = (lots * marks[:, None]).sum(axis=0) * (1.0 - entry)
    equity = (worth.sum(axis=0) * entry / leverage + gained).astype(np.int64)
    fresh = (worth.sum(axis=0) / leverage).astype(np.int64)
    schedule = tiers.Schedule.of([market.maintenance for market in model.markets])
    needed = sum(
        tiers.required(worth[number], schedule.rates[number], schedule.cums[number])
        for number in range(len(model.markets))
    )
    floor = np.asarray(needed) // PPM * 105 // 100 + 1
    return np.asarray(np.where(equity > floor, equity, np.maximum(fresh, floor)), dtype=np.int64)


def _sold(
    model: Model, home: Ints, lots: Ints, equity: Ints, leverage: Ints, generator: np.random.Generator
) -> tuple[Ints, Ints, Ints]:
    """Return sold options, and lots and equity with the writers' own in place of what they had."""
    sold = np.zeros((len(model.contracts), len(home)), dtype=np.int64)
    chosen = generator.random(len(home)) * PPM < model.crowd.writer_share_ppm
    pick = generator.random(len(home))
    for number, contract in enumerate(model.contracts):
        same = [n for n, other in enumerate(model.contracts) if other.market == contract.market]
        place = same.index(number) / len(same)
        here = chosen & (home == contract.market) & (pick >= place) & (pick < place + 1 / len(same))
        market = model.markets[contract.market]
        count = np.abs(lots[contract.market])
        sold[number] = np.where(here, -count, 0)
        linear = np.where(contract.right == "call", count, 0)
        table = options.grid((contract,), market.mark_ticks, market.multiplier)
        place_now = 100 - options.LOWEST
        losses = options.linear_losses(np.array(market.mark_ticks), market.multiplier)
        per_lot = -table.losses[0, 0, place_now] + (losses if contract.right == "call" else 0)
        needed = np.maximum(int(per_lot.max()), int(table.minimums[0, place_now])) * count
        factor = 1.1 + 4.0 / leverage
        own = (needed * factor).astype(np.int64) + 1
        received = int(table.values[0, 0, place_now]) * count
        equity = np.where(here, own + received, equity)
        lots = np.where(here[None, :], 0, lots)
        lots[contract.market] = np.where(here, linear, lots[contract.market])
    return sold, lots, equity


def _coins(model: Model, sold: Ints, equity: Ints, generator: np.random.Generator) -> tuple[Ints, Ints, Ints]:
    """Return kind and lots of coins, and the haircut value by which they replace cash."""
    count = len(equity)
    kind = np.full(count, NO_COIN, dtype=np.int64)
    held, posted = np.zeros(count, dtype=np.int64), np.zeros(count, dtype=np.int64)
    chosen = generator.random(count) * PPM < model.crowd.coin_share_ppm
    pick = generator.random(count)
    plain = chosen & ~np.any(sold != 0, axis=0)
    for number, item in enumerate(model.coins):
        here = plain & (pick * len(model.coins) >= number) & (pick * len(model.coins) < number + 1)
        value = item.mark_ticks * item.multiplier * (PPM - item.haircut_ppm) // PPM
        lots = np.where(here, equity // value, 0)
        kind = np.where(here, number, kind)
        held, posted = np.where(here, lots, held), np.where(here, lots * value, posted)
    return kind, held, posted


def _stops(model: Model, home: Ints, side: Ints, generator: np.random.Generator) -> Ints:
    """Return stops on the grid of round numbers, 1 to 3 grid steps away; 0 for accounts without one."""
    marks = np.array([market.mark_ticks for market in model.markets])[home]
    grid = np.maximum(1, marks * model.behaviour.stop_grid_ppm // PPM)
    away = generator.integers(1, 4, len(home))
    chosen = generator.random(len(home)) * PPM < model.behaviour.stop_share_ppm
    stop = np.where(side > 0, marks // grid - away, marks // grid + away) * grid
    return np.where(chosen & (stop > 0), stop, NO_STOP)
