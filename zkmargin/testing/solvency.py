"""Solvency as a property: a state machine that tries to break your venue.

Write an adapter with the six methods of `Venue`, point a subclass of `SolvencyMachine` at it, and Hypothesis plays
thousands of stories against it: deposits, withdrawals, trades, fees, marks, crashes and settlements, honest ones and
lies, as often as it can exactly at the margin. A plain ledger (`zkmargin.testing.plain`) keeps the truth beside it.
When the two differ, Hypothesis shrinks the story and prints it.

Invariants
----------
    conservation   the books add up to what came in and did not leave; whoever creates a unit or a lot is refused
    solvency       no book below the maintenance requirement passes; no order leaves an account below the initial one
    liveness       no healthy book is called; no honest order that every account can bear is refused
    sequence       an order for another state than the present one is refused; each applied order counts one
    idempotence    an order is applied once, however often it arrives; its id belongs to it for ever
    atomicity      a refused order changes nothing; an applied one changes what it says, for all its accounts

Each step checks books, sums and sequence numbers of all accounts. The margin verdict is checked of every account after
every mark, and of every account that an order changed. docs/testing.md has a whole venue on one page, and what the
machine finds when it is wrong.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import ClassVar

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from zkmargin.errors import ZkMarginError
from zkmargin.margin import rules
from zkmargin.margin.claim import Claim
from zkmargin.margin.portfolio import Book
from zkmargin.market.snapshot import Snapshot
from zkmargin.testing import strategies
from zkmargin.testing.plain import (
    ATOMICITY,
    CONSERVATION,
    DEPOSIT,
    IDEMPOTENCE,
    LIVENESS,
    MAY,
    MUST,
    SEQUENCE,
    SETTLEMENT,
    SOLVENCY,
    TRADE,
    WITHDRAWAL,
    Order,
    PlainLedger,
    sums,
)
from zkmargin.testing.venue import SolvencyError, Venue


class SolvencyMachine(RuleBasedStateMachine):
    """Subclass it, say how a venue starts, and collect ``YourMachine.TestCase``.

    Attributes:
        accounts: Names of at least two accounts that trade.
        house: An account that is paid fees.
        markets: Strategy of the first snapshot: your own market, or small drawn ones.
        initial: What your venue demands of an account after an order.
        maintenance: What it demands to leave an account alone.
        band_ppm: How far from the mark your venue lets an account below the initial claim reduce its positions, to its
            own loss, as a fraction of the notional.
    """

    accounts: ClassVar[tuple[str, ...]] = ("alice", "bob", "carol")
    house: ClassVar[str] = "house"
    markets: ClassVar[st.SearchStrategy[Snapshot]] = strategies.snapshots(perpetuals=1, futures=1)
    initial: ClassVar[Claim] = Claim("initial", "cross")
    maintenance: ClassVar[Claim] = Claim("maintenance", "cross")
    band_ppm: ClassVar[int] = 0
    steps: ClassVar[int] = 0

    def start(self, snapshot: Snapshot) -> Venue:
        """Return a venue whose first market is `snapshot`, with no account."""
        raise NotImplementedError("a SolvencyMachine must say how its venue starts")

    # ---- Honest steps ------------------------------------------------------------------------------------------------

    @initialize(data=st.data())
    def begin(self, data: st.DataObject) -> None:
        """Open the venue and its accounts, pay in, and trade every contract a first time."""
        market = data.draw(self.markets, "market")
        self.plain = PlainLedger(market, self.initial, self.maintenance, self.band_ppm)
        self.venue = self.start(market)
        self.made = 0
        for account in (*self.accounts, self.house):
            self.plain.open(account)
            self.venue.open(account)
        for account in self.accounts:
            self._deposit(account, data.draw(self._amounts(), f"deposit of {account}"))
        for name in self._live:
            buyer, seller = data.draw(st.permutations(self.accounts), f"buyer and seller of {name}")[:2]
            most = self._most_lots(name, buyer, seller)
            if most:
                self._submit(self._trade(name, buyer, seller, data.draw(st.integers(1, most), "lots")))

    @rule(data=st.data())
    def mark(self, data: st.DataObject) -> None:
        """Take the market of the next epoch, and ask about every account."""
        self._mark(data.draw(strategies.next_snapshots(self.plain.market), "market"))

    @rule(data=st.data(), beyond=st.booleans())
    def mark_to_the_margin(self, data: st.DataObject, beyond: bool) -> None:
        """Move one mark as far as some account can bear, or one tick further."""
        exposed = [(name, account) for name in self._live for account in self.accounts if self._lots(account, name)]
        if not exposed:
            return
        name, account = data.draw(st.sampled_from(exposed), "instrument and account")
        market, book = self.plain.market, self.plain.books[account]
        away = -1 if self._lots(account, name) > 0 else 1
        mark_ticks = market.listing(name).mark_ticks

        def bears(ticks: int) -> bool:
            after = market.next(market.valid_from, {name: mark_ticks + away * ticks})
            return rules.assess(after, self.maintenance, Book({self._cash: 0, **book})).holds

        far = mark_ticks - 1 if away < 0 else 10 * mark_ticks
        if far and bears(0) and not bears(far):
            ticks = last(0, far, bears) + beyond
            after = market.next(market.valid_from, {name: mark_ticks + away * ticks})
            self._mark(after)

    @rule(data=st.data())
    def deposit(self, data: st.DataObject) -> None:
        """Pay in some amount."""
        self._deposit(self._someone(data), data.draw(self._amounts(), "amount"))

    @rule(data=st.data(), more=st.sampled_from([-1, 0, 1]))
    def cure(self, data: st.DataObject, more: int) -> None:
        """Pay in what is missing to the maintenance requirement, to the unit, or a unit less or more."""
        called = [name for name in self.accounts if self._missing(name) + more > 0]
        if called:
            account = data.draw(st.sampled_from(called), "account")
            self._deposit(account, self._missing(account) + more)

    @rule(data=st.data(), more=st.sampled_from([-1, 0, 1]), share_ppm=st.sampled_from([10**6, 10**6, 250_000]))
    def withdraw(self, data: st.DataObject, more: int, share_ppm: int) -> None:
        """Take out all that is free, to the unit, or a unit less or more; or a share of it."""
        account = self._someone(data)
        free = self.plain.assess(self.initial, self.plain.books[account]).surplus_units * share_ppm // 10**6
        self._submit(self._order(WITHDRAWAL, {account: {self._cash: -max(1, free + more)}}))

    @rule(data=st.data(), fee=st.booleans())
    def trade(self, data: st.DataObject, fee: bool) -> None:
        """Trade between two accounts, small or large, near the mark or far from it, with or without a fee."""
        if not self._live:
            return
        largest = data.draw(st.sampled_from([1, 4, 1_000]), "largest lots")
        house = self.house if fee else None
        legs = data.draw(strategies.fills(self.plain.market, self.accounts, largest, house), "legs")
        self._submit(self._order(TRADE, legs))

    @rule(data=st.data(), more=st.sampled_from([0, 1]))
    def trade_up_to_the_margin(self, data: st.DataObject, more: int) -> None:
        """Trade at the mark as many lots as both parties can bear, or one more."""
        if self._live:
            name = data.draw(st.sampled_from(self._live), "instrument")
            buyer, seller = data.draw(st.permutations(self.accounts), "buyer and seller")[:2]
            lots = max(1, self._most_lots(name, buyer, seller) + more)
            self._submit(self._trade(name, buyer, seller, lots))

    @rule(data=st.data())
    def reduce(self, data: st.DataObject) -> None:
        """Trade positions of opposite sign against each other, at the mark or a little off, whoever is above margin."""
        pairs = [
            (name, long, short)
            for name in self._live
            for long in self.accounts
            for short in self.accounts
            if self._lots(long, name) > 0 > self._lots(short, name)
        ]
        if not pairs:
            return
        name, long, short = data.draw(st.sampled_from(pairs), "instrument, long and short")
        most = min(self._lots(long, name), -self._lots(short, name))
        lots = data.draw(st.one_of(st.just(most), st.integers(1, most)), "lots")
        mark_ticks = self.plain.market.listing(name).mark_ticks
        off = data.draw(st.sampled_from([0, 0, 1, -1, mark_ticks // 4]), "ticks off the mark")
        self._submit(self._trade(name, short, long, lots, off))

    @precondition(lambda self: bool(strategies.expiries(self.plain.market)))
    @rule(move_ppm=st.integers(-100_000, 100_000))
    def expire(self, move_ppm: int) -> None:
        """Let time go on to the next expiry."""
        market = self.plain.market
        moves = dict.fromkeys(self._live, move_ppm)
        self._mark(strategies.moved(market, moves, strategies.expiries(market)[0]))

    @precondition(lambda self: bool(self.plain.finals))
    @rule(data=st.data(), off=st.sampled_from([0, 0, 1, -1]), kept=st.sampled_from([0, 0, 0, 1]))
    def settle(self, data: st.DataObject, off: int, kept: int) -> None:
        """Settle an expired contract: all lots at the final price, or a tick off, or keeping a lot back."""
        name = data.draw(st.sampled_from(sorted(self.plain.finals)), "instrument")
        holders = [account for account in self.accounts if self._lots(account, name)]
        if not holders:
            return
        account = data.draw(st.sampled_from(holders), "account")
        price_ticks = self.plain.finals[name] + off
        lots = self._lots(account, name) - kept
        leg = {name: -lots, self._cash: lots * self.plain.market.listing(name).value_at(price_ticks)}
        order = self._order(SETTLEMENT, {account: leg})
        self._submit(replace(order, instrument=name, price_ticks=price_ticks))

    # ---- Lies --------------------------------------------------------------------------------------------------------

    @rule(data=st.data())
    def lie(self, data: st.DataObject) -> None:
        """Send what has to be refused: old orders, orders for another state, trades that leave something over."""
        lies = {
            "replay": self._replay,
            "reuse of an id": self._reuse_an_id,
            "another state": self._act_on_another_state,
            "something out of nothing": self._create_something,
        }
        lies[data.draw(st.sampled_from(sorted(lies)), "lie")](data)

    def _replay(self, data: st.DataObject) -> None:
        """Send an applied order again: whatever the answer, nothing changes."""
        order = data.draw(st.sampled_from(self.plain.applied), "order")
        self._offer(order)
        self._check_unchanged(IDEMPOTENCE, f"order {order.id} arrived twice")

    def _reuse_an_id(self, data: st.DataObject) -> None:
        """Send another order under the id of an applied one."""
        order = self._order(DEPOSIT, {self._someone(data): {self._cash: 1}})
        self._submit(replace(order, id=data.draw(st.sampled_from(self.plain.applied), "order").id))

    def _act_on_another_state(self, data: st.DataObject) -> None:
        """Send a withdrawal of one unit that was made for the state before, or for the one to come."""
        account, off = self._someone(data), data.draw(st.sampled_from([-1, 1]), "states off")
        if self.plain.assess(self.initial, self.plain.books[account]).surplus_units > 0:
            order = self._order(WITHDRAWAL, {account: {self._cash: -1}})
            self._submit(replace(order, sequences={account: self.plain.sequences[account] + off}))

    def _create_something(self, data: st.DataObject) -> None:
        """Send a trade whose legs leave a unit or a lot over, or destroy one."""
        if not self._live:
            return
        legs = data.draw(strategies.fills(self.plain.market, self.accounts, 1), "legs")
        name = data.draw(st.sampled_from([self._cash, *self._live]), "id")
        gainer = data.draw(st.sampled_from(sorted(legs)), "account")
        over = data.draw(st.sampled_from([-1, 1]), "left over")
        legs[gainer] = {**legs[gainer], name: legs[gainer].get(name, 0) + over}
        self._submit(self._order(TRADE, legs))

    # ---- Checks ------------------------------------------------------------------------------------------------------

    @invariant()
    def the_books_add_up(self) -> None:
        """Compare sums, books and sequence numbers of all accounts with the plain ledger."""
        type(self).steps += 1
        books = {account: self._held(account) for account in self.plain.books}
        total = {name: value for name, value in sums(books).items() if value}
        expected = {name: value for name, value in self.plain.net.items() if value}
        if total != expected:
            raise SolvencyError(CONSERVATION, f"the books add up to {total} where {expected} came in")
        self._check_unchanged(ATOMICITY, "after this step")

    def _submit(self, order: Order) -> None:
        """Send an order and hold the answer against the verdict of the plain ledger."""
        verdict = self.plain.verdict(order)
        refusal = self._offer(order)
        if refusal is not None:
            if verdict == MUST:
                raise SolvencyError(LIVENESS, f"{order} was refused ({refusal}), and every account can bear it")
            self._check_unchanged(ATOMICITY, f"{order} was refused ({refusal})")
            return
        if verdict not in (MUST, MAY):
            raise SolvencyError(verdict, f"{order} was accepted")
        self.plain.apply(order)
        self._check_margins(*order.legs)

    def _offer(self, order: Order) -> ZkMarginError | None:
        try:
            self.venue.apply(order)
        except ZkMarginError as refusal:
            return refusal
        return None

    def _check_margins(self, *accounts: str) -> None:
        for account in accounts:
            outcome = self.plain.assess(self.maintenance, self.plain.books[account])
            if self.venue.passes(account) == outcome.holds:
                continue
            if outcome.holds:
                raise SolvencyError(
                    LIVENESS, f"{account} is called with {outcome.surplus_units} units above the requirement"
                )
            raise SolvencyError(SOLVENCY, f"{account} passes with {outcome.shortfall_units} units missing")

    def _check_unchanged(self, name: str, story: str) -> None:
        for account, book in self.plain.books.items():
            held, number = self._held(account), self.venue.sequence(account)
            if held != book:
                raise SolvencyError(name, f"{story}: the book of {account} is {held}, must be {book}")
            if number != self.plain.sequences[account]:
                wanted = self.plain.sequences[account]
                raise SolvencyError(
                    name if name == IDEMPOTENCE else SEQUENCE,
                    f"{story}: {account} is at state {number}, must be at {wanted}",
                )

    # ---- Helpers -----------------------------------------------------------------------------------------------------

    def _mark(self, market: Snapshot) -> None:
        self.plain.mark(market)
        self.venue.mark(market)
        self._check_margins(*self.plain.books)

    def _deposit(self, account: str, units: int) -> None:
        self._submit(self._order(DEPOSIT, {account: {self._cash: units}}))

    def _order(self, kind: str, legs: Mapping[str, Mapping[str, int]]) -> Order:
        self.made += 1
        sequences = {account: self.plain.sequences[account] for account in legs}
        return Order(f"order-{self.made}", kind, legs, sequences)

    def _trade(self, name: str, buyer: str, seller: str, lots: int, off_ticks: int = 0) -> Order:
        market = self.plain.market
        price_ticks = max(1, market.listing(name).mark_ticks + off_ticks)
        pairs = ((buyer, lots), (seller, -lots))
        return self._order(TRADE, {who: strategies.fill(market, name, some, price_ticks) for who, some in pairs})

    def _most_lots(self, name: str, buyer: str, seller: str) -> int:
        """Return how many lots both can trade at the mark and stay above the initial claim."""
        return last(0, 2**20, lambda lots: self.plain.verdict(self._trade(name, buyer, seller, lots)) == MUST)

    def _held(self, account: str) -> dict[str, int]:
        return {name: quantity for name, quantity in self.venue.book(account).items() if quantity}

    def _someone(self, data: st.DataObject) -> str:
        return data.draw(st.sampled_from(self.accounts), "account")

    def _missing(self, account: str) -> int:
        return self.plain.assess(self.maintenance, self.plain.books[account]).shortfall_units

    def _lots(self, account: str, name: str) -> int:
        return self.plain.books[account].get(name, 0)

    def _amounts(self) -> st.SearchStrategy[int]:
        """Draw amounts that carry a few lots: from a unit to twenty times the largest notional of a lot."""
        largest = max(listing.notional_units for listing in self.plain.market.listings)
        return st.integers(1, 20 * largest)

    @property
    def _cash(self) -> str:
        return strategies.cash_id(self.plain.market)

    @property
    def _live(self) -> list[str]:
        market = self.plain.market
        return [item.id for item in strategies.tradable(market)]


def last(low: int, high: int, holds: Callable[[int], bool]) -> int:
    """Return the largest number below `high` for which a condition holds that holds up to some number from `low` on.

    Example:
        >>> last(0, 100, lambda number: number * number <= 50)
        7
    """
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if holds(middle) else (low, middle)
    return low
