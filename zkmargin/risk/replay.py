"""A market's candles played against a population of margined accounts: who is called, who is sold, who pays.

Rule
----
    Prices come from the candles, twelve moments each (`zkmargin.market.candles`), and are what they were: forced orders
    do not move them. The first `warm_up` candles only seed the volatility; then the accounts open. At each moment:

        (1) the breakers turn prices into marks and the snapshot is published; `chain.check` is asked about it
        (2) halted: nothing else happens, and no deadline comes nearer
        (3) queued orders are released, at most theta of the volume of the moment, at the mark less slippage
        (4) calls: equity below `restore` times the maintenance requirement. A curing account brings what is missing one
            moment later; the others do nothing
        (5) ladder: below the trigger, or when the cure period is over, slices are sold
        (6) backstop: below two thirds of maintenance the fund takes the whole account over and sells it through the
            same throttle
        (7) default: an equity below zero goes to the fund as well. What the fund then lacks is taken from the gains of
            the others by the waterfall, one share for all losses of the moment

    At the end of a candle the margin rates follow its mark, if they move at all: EWMA, then `dynamic_margin`.

Conservation
------------
    Every lot is bought from or sold to the outside, which is an account here as well. After every moment cash must add
    up to what was deposited, and lots to zero; otherwise the replay stops with an error.

Units, Rounding
---------------
    Those of the rules it calls. Prices of forced orders round against the account, fees up.

What it does not show
---------------------
    The accounts are invented. There is no impact, so no cascade: that is another simulator. The path between the four
    prices of a candle is invented as well.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from zkmargin.amounts import PPM, Ratio, bounded, ceil_div
from zkmargin.errors import StatementError
from zkmargin.market.candles import MOMENTS, Series, check_together
from zkmargin.market.instruments import Cash
from zkmargin.market.parameters import CrossParameters
from zkmargin.market.snapshot import Listing, Snapshot
from zkmargin.risk import breakers, chain, dynamic_margin, waterfall
from zkmargin.risk.accounts import Accounts, Standings, standing, standings
from zkmargin.risk.breakers import Breakers, Outcome
from zkmargin.risk.clocks import Clock
from zkmargin.risk.liquidation import Ladder, Phase, Standing, remaining_lots, step
from zkmargin.risk.population import PopulationRules, population
from zkmargin.risk.replay_rates import Rates
from zkmargin.risk.replay_result import Period, Refusal, Replay
from zkmargin.risk.replay_rules import ReplayRules

CASH = "USD"


def play(
    market: Sequence[Series],
    rules: ReplayRules,
    people: PopulationRules,
    track: Callable[[Sequence[int]], Iterable[int]] = iter,
) -> Replay:
    """Return what the candles do to the population under the rules.

    Args:
        market: The candles of every contract.
        rules: The public rules of the venue.
        people: The population.
        track: Wraps the loop over candles, to show progress.

    Raises:
        StatementError: if the series do not fit together or are shorter than the warm-up, or money or lots were made.
    """
    check_together(market)
    bounded("number of candles", len(market[0].candles), rules.warm_up + 1, 10**6)
    venue = _Venue.open(market, rules, people)
    for index in track(range(rules.warm_up, len(market[0].candles))):
        venue.candle(index)
    return venue.result()


@dataclass(slots=True)
class _Venue:
    """Everything that changes during a replay. Row `fund` of the accounts is the insurance fund."""

    market: Sequence[Series]
    rules: ReplayRules
    rates: Rates
    snapshot: Snapshot
    accounts: Accounts
    curing: list[bool]
    watch: Breakers | None
    fund: int
    start_units: list[int]
    outside_units: int
    outside_lots: list[int]
    deposited_units: int
    history: tuple[Snapshot, ...] = ()
    clock: Clock = field(default_factory=Clock)
    effect: dict[str, int] = field(default_factory=dict)
    ladders: dict[int, Ladder] = field(default_factory=dict)
    ladder_lots: dict[int, list[int]] = field(default_factory=dict)
    calls: dict[int, int] = field(default_factory=dict)
    ever_called: set[int] = field(default_factory=set)
    ever_liquidated: set[int] = field(default_factory=set)
    closed: set[int] = field(default_factory=set)
    queues: list[tuple[tuple[int, int], ...]] = field(default_factory=list)
    allowed: list[int] = field(default_factory=list)
    periods: list[Period] = field(default_factory=list)
    refusals: list[Refusal] = field(default_factory=list)
    prices: dict[str, list[int]] = field(default_factory=dict)

    @staticmethod
    def open(market: Sequence[Series], rules: ReplayRules, people: PopulationRules) -> _Venue:
        """Return the venue at the first candle after the warm-up, with its accounts open."""
        names = tuple(series.name for series in market)
        rates = Rates(market, rules)
        first = [series.candles[rules.warm_up] for series in market]
        effect = rates.current(first[0].time)
        tables = {series.name: rates.table(series, effect[series.name]) for series in market}
        none = CrossParameters(0, tables, tables)
        listings = [Listing(Cash(CASH))]
        listings += [Listing(series.instrument, candle.open) for series, candle in zip(market, first, strict=True)]
        ordered = tuple(sorted(listings, key=lambda listing: listing.id))
        cross = dynamic_margin.next_cross(none, tables)
        snapshot = Snapshot("replay", 1, first[0].time, ordered, cross=cross)
        opened = population(people, snapshot, rates.volumes_units(), CASH)
        equity = int(standings(snapshot, opened).equity_units.sum())
        fund_units = equity * rules.fund_ppm // PPM
        cash = np.append(opened.cash_units, np.int64(fund_units))
        lots = np.vstack([opened.lots, np.zeros((1, len(names)), dtype=np.int64)])
        accounts = Accounts(names, CASH, cash, lots)
        curing = (np.random.default_rng(people.seed + 1).random(len(opened)) < rules.curing_ppm / PPM).tolist()
        return _Venue(
            market,
            rules,
            rates,
            snapshot,
            accounts,
            curing,
            None if rules.breaker is None else Breakers.start(snapshot, dict.fromkeys(names, rules.breaker)),
            fund=len(opened),
            start_units=standings(snapshot, accounts).equity_units.tolist(),
            outside_units=equity + fund_units - int(cash.sum()),
            outside_lots=[-int(total) for total in lots.sum(axis=0)],
            deposited_units=equity + fund_units,
            history=(snapshot,),
            effect=effect,
            queues=[()] * len(names),
            prices={name: [] for name in names},
        )

    def candle(self, index: int) -> None:
        """Play the moments of a candle."""
        candles = [series.candles[index] for series in self.market]
        paths = [candle.path for candle in candles]
        step_seconds = self.market[0].step_seconds
        self.periods.append(Period(candles[0].time))
        for moment in range(MOMENTS):
            now = candles[0].time + moment * step_seconds // MOMENTS
            prices = {series.name: path[moment] for series, path in zip(self.market, paths, strict=True)}
            self.allowed = [
                breakers.allowed_lots(self.rules.theta_ppm, candle.volume_lots // MOMENTS) for candle in candles
            ]
            self._moment(now, prices, step_seconds // MOMENTS)
        self.rates.close(candles[0].time + step_seconds, self._marks())
        self.periods[-1].fund_units = int(self._standings().equity_units[self.fund])
        self.periods[-1].queued_units = self._waiting_units()

    def _moment(self, now: int, prices: Mapping[str, int], seconds: int) -> None:
        before, refused = self.snapshot, self._publish(now, prices)
        for name, mark in self._marks().items():
            self.prices[name].append(mark)
        for name in refused:
            self.refusals.append(self._refusal(now, name, prices[name]))
        self.clock = self.clock.follow(self.snapshot)
        if self.snapshot.breaker == "halted":  # (2)
            self.periods[-1].halted_moments += 1
            return
        self._cure()
        for column in range(len(self.queues)):  # (3)
            self._release(column)
        self._work_through(now, seconds)
        self._sell_inventory()
        self._cover_fund()
        self._check_conservation(before)

    def _publish(self, now: int, prices: Mapping[str, int]) -> list[str]:
        """Publish the snapshot of the moment; return the instruments whose price was refused."""
        effect, cross = self.rates.current(now), self.snapshot.cross
        if cross is not None and effect != self.effect:
            moved = [series for series in self.market if effect[series.name] != self.effect[series.name]]
            tables = {series.name: self.rates.table(series, effect[series.name]) for series in moved}
            cross = dynamic_margin.next_cross(cross, tables)
            self.effect = effect
        if self.watch is None:
            self.snapshot = self.snapshot.next(now, prices, cross=cross)
            return []
        self.watch, outcomes = self.watch.observe(now, prices)  # (1)
        following = self.watch.publish(self.snapshot, now, cross=cross)
        chain.check(self.watch.rules, self.history, following)
        self.history = chain.remember(self.watch.rules, self.history, following)
        self.snapshot = following
        return [name for name, outcome in outcomes.items() if outcome is Outcome.REFUSED]

    def _refusal(self, now: int, name: str, price_ticks: int) -> Refusal:
        """Return a refused price, with the number of accounts that it would have pushed below the trigger."""
        trigger = self.rules.ladder.trigger
        kept = self._standings().reach(trigger)
        taken = standings(self.snapshot.next(now, {name: price_ticks}), self.accounts).reach(trigger)
        spared = (kept & ~taken)[: self.fund]
        return Refusal(now, name, price_ticks, self.snapshot.listing(name).mark_ticks, int(spared.sum()))

    # ---- Accounts ----------------------------------------------------------------------------------------------------

    def _cure(self) -> None:
        """Let the curing accounts that were called before bring what they lack."""
        for row in [row for row in self.calls if self.curing[row]]:
            missing = _missing_units(self._standing(row), self.rules.ladder.restore)
            self.accounts.cash_units[row] += missing
            self.start_units[row] += missing
            self.deposited_units += missing
            self.periods[-1].brought_units += missing

    def _work_through(self, now: int, seconds: int) -> None:
        """Look at every account: (4) calls, (5) ladders, (6) backstop, (7) default."""
        rules = self.rules.ladder
        found = self._standings()
        safe, triggered = found.reach(rules.restore), ~found.reach(rules.trigger)
        for row in [row for row in self.calls if safe[row]]:
            del self.calls[row]
            self.periods[-1].cured += 1
        for row in np.flatnonzero(~safe[: self.fund]).tolist():
            if row not in self.closed and row not in self.calls:
                self.calls[row] = now
                self.ever_called.add(row)
                self.periods[-1].called += 1
        overdue = {row for row, start in self.calls.items() if self.clock.expired(start, self.rules.cure_seconds)}
        busy = set(self.ladders) | overdue | set(np.flatnonzero(triggered[: self.fund]).tolist())
        for row in sorted(busy - self.closed):
            self._climb(row, now, seconds, due=row in overdue)

    def _climb(self, row: int, now: int, seconds: int, *, due: bool) -> None:
        """Sell slice after slice of one account until it is restored, waits for the throttle, or is gone."""
        rules, ladder = self.rules.ladder, self.ladders.get(row, Ladder())
        for time in range(now, now + seconds, max(1, rules.slice_seconds)):
            after = step(rules, ladder, self._standing(row), time, due=due)
            if after.phase is Phase.HEALTHY:
                self._stop(row)
                return
            if after.phase in (Phase.BACKSTOP, Phase.DEFAULT):
                self._take_over(row, after.phase)
                return
            if after.taken > ladder.taken:
                self._sell_slice(row, after.taken)
            ladder = self.ladders[row] = after
            if self._queued(row):
                return

    def _sell_slice(self, row: int, taken: int) -> None:
        if row not in self.ladder_lots:
            self.ladder_lots[row] = [int(lots) for lots in self.accounts.lots[row]]
            self.periods[-1].ladders += 1
            self.ever_liquidated.add(row)
        for column, start in enumerate(self.ladder_lots[row]):
            held = abs(int(self.accounts.lots[row, column]))
            waiting = sum(size for owner, size in self.queues[column] if owner == row)
            size = held - waiting - abs(remaining_lots(start, taken, self.rules.ladder))
            if size > 0:
                self.queues[column] = (*self.queues[column], (row, size))
                self._release(column)

    def _stop(self, row: int) -> None:
        """End the ladder of an account that is restored or sold out, and forget its orders."""
        self.ladders.pop(row, None)
        self.ladder_lots.pop(row, None)
        self._forget(row)

    def _take_over(self, row: int, phase: Phase) -> None:
        """Hand an account to the fund, which pays what its equity lacks as far as it can."""
        self._stop(row)
        self.calls.pop(row, None)
        self.closed.add(row)
        self.ever_liquidated.add(row)
        if phase is Phase.DEFAULT:
            self.periods[-1].defaulted += 1
        else:
            self.periods[-1].backstopped += 1
        self.accounts.lots[self.fund] += self.accounts.lots[row]
        self.accounts.cash_units[self.fund] += self.accounts.cash_units[row]
        self.accounts.lots[row], self.accounts.cash_units[row] = 0, 0

    def _cover_fund(self) -> None:
        """Take what the fund lacks from those who gained, one share for all losses of the moment."""
        equity = self._standings().equity_units.tolist()
        lacking = -equity[self.fund]
        if lacking <= 0:
            return
        gains = {
            str(row): equity[row] - start
            for row, start in enumerate(self.start_units[: self.fund])
            if row not in self.closed and equity[row] > start
        }
        paid = waterfall.absorb(lacking, gains=gains)
        for name, units in paid.haircuts.items():
            self.accounts.cash_units[int(name)] -= units
        self.accounts.cash_units[self.fund] += lacking
        self.deposited_units += paid.uncovered_units
        self.periods[-1].haircut_units += paid.haircut_units
        self.periods[-1].uncovered_units += paid.uncovered_units

    # ---- Orders ------------------------------------------------------------------------------------------------------

    def _release(self, column: int) -> None:
        """Execute what the throttle lets through of one queue."""
        released, self.queues[column] = breakers.release(self.queues[column], self.allowed[column])
        for row, size in released:
            self._execute(row, column, size)

    def _sell_inventory(self) -> None:
        """Sell what the fund holds with what the throttle has left, behind everybody else."""
        for column in range(len(self.queues)):
            size = min(abs(int(self.accounts.lots[self.fund, column])), self.allowed[column])
            if size and not self.queues[column]:
                self._execute(self.fund, column, size)

    def _execute(self, row: int, column: int, size: int) -> None:
        """Close lots of a row against the outside, at the mark less slippage, and charge the fee."""
        listing = self.snapshot.listing(self.accounts.names[column])
        long = int(self.accounts.lots[row, column]) > 0
        mark, slip = listing.mark_ticks, self.rules.slippage_ppm
        price = max(1, mark * (PPM - slip) // PPM) if long else ceil_div(mark * (PPM + slip), PPM)
        signed = size if long else -size
        proceeds = signed * listing.value_at(price)
        fee = ceil_div(size * listing.notional_at(price) * self.rules.fee_ppm, PPM)
        self.accounts.lots[row, column] -= signed
        self.accounts.cash_units[row] += proceeds
        self.outside_lots[column] += signed
        self.outside_units -= proceeds
        if row != self.fund:
            self.accounts.cash_units[row] -= fee
            self.accounts.cash_units[self.fund] += fee
            self.periods[-1].liquidated_units += size * listing.notional_units
        self.allowed[column] -= size

    def _forget(self, row: int) -> None:
        for column, queue in enumerate(self.queues):
            if any(owner == row for owner, _ in queue):
                self.queues[column] = tuple(order for order in queue if order[0] != row)

    def _queued(self, row: int) -> bool:
        return any(owner == row for queue in self.queues for owner, _ in queue)

    def _waiting_units(self) -> int:
        waiting = 0
        for column, (name, queue) in enumerate(zip(self.accounts.names, self.queues, strict=True)):
            lots = sum(size for _, size in queue) + abs(int(self.accounts.lots[self.fund, column]))
            waiting += lots * self.snapshot.notional_per_lot(name)
        return waiting

    def _marks(self) -> dict[str, int]:
        return {name: self.snapshot.listing(name).mark_ticks for name in self.accounts.names}

    def _standings(self) -> Standings:
        return standings(self.snapshot, self.accounts)

    def _standing(self, row: int) -> Standing:
        return standing(self.snapshot, self.accounts, row)

    def _check_conservation(self, before: Snapshot) -> None:
        cash = self.outside_units + sum(self.accounts.cash_units.tolist())
        lots = [held + sum(self.accounts.lots[:, column].tolist()) for column, held in enumerate(self.outside_lots)]
        if cash != self.deposited_units or any(lots):
            raise StatementError(f"money or lots were made between epochs {before.epoch} and {self.snapshot.epoch}")

    def result(self) -> Replay:
        """Return the replay."""
        return Replay(
            self.rules,
            tuple(self.periods),
            accounts=self.fund,
            called=len(self.ever_called),
            liquidated=len(self.ever_liquidated),
            deposited_units=self.deposited_units,
            fund_start_units=self.start_units[self.fund],
            refusals=tuple(self.refusals),
            procyclicality=self.rates.measures(),
            prices={name: tuple(marks) for name, marks in self.prices.items()},
            decimals={series.name: series.decimals for series in self.market},
        )


def _missing_units(found: Standing, level: Ratio) -> int:
    """Return the cash that lifts an account to a level, rounded up."""
    needed = ceil_div(level.numerator * found.maintenance_scaled, level.denominator * PPM)
    return max(0, needed - found.equity_units)
