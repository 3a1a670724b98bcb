"""The plain ledger: what a venue with secret books has to agree with, written with nothing to hide.

Rule
----
    A book is a dictionary. An order adds its legs to the books of the accounts that it names and makes their sequence
    numbers one larger, or changes nothing. What an order deserves is one of three verdicts:

        MUST     deposits; settlements of all lots at the final price; withdrawals and trades after which every account
                 that they touch meets the initial claim
        MAY      trades after which an account misses the initial claim, but which only reduce its positions, at a price
                 at most `band_ppm` of the notional worse for it than the mark: venues differ on those
        MUST NOT everything else, with the name of the invariant that it would break

Conservation
------------
    In every id the books add up to `PlainLedger.net`: what was deposited and not withdrawn, and the legs of
    settlements, which are worth nothing at the final price. Trades do not change it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from zkmargin.amounts import PPM, ceil_div
from zkmargin.margin import rules
from zkmargin.margin.assessment import Assessment
from zkmargin.margin.claim import Claim
from zkmargin.margin.portfolio import Book
from zkmargin.market.snapshot import Snapshot
from zkmargin.testing import strategies

DEPOSIT, WITHDRAWAL, TRADE, SETTLEMENT = "deposit", "withdrawal", "trade", "settlement"
CONSERVATION, SOLVENCY, LIVENESS = "conservation", "solvency", "liveness"
SEQUENCE, IDEMPOTENCE, ATOMICITY = "sequence", "idempotence", "atomicity"
MUST, MAY = "must", "may"


@dataclass(frozen=True, slots=True)
class Order:
    """A request to change books.

    Args:
        id: Chosen by whoever makes the order; an order is applied once, however often it arrives.
        kind: ``"deposit"``, ``"withdrawal"``, ``"trade"`` or ``"settlement"``.
        legs: By account, what changes in its book, by id. The legs of a trade cancel; the others have one account.
        sequences: By account, the present number of its state, from 0; every applied order makes it one larger.
        instrument: The expired contract of a settlement.
        price_ticks: The final price of a settlement.
    """

    id: str
    kind: str
    legs: Mapping[str, Mapping[str, int]]
    sequences: Mapping[str, int]
    instrument: str = ""
    price_ticks: int = 0


class PlainLedger:
    """Books, sequence numbers and public flows, in the open.

    Args:
        market: The first snapshot.
        initial: What an account must meet after an order.
        maintenance: What it must meet to be left alone.
        band_ppm: See the module's rule.
    """

    def __init__(self, market: Snapshot, initial: Claim, maintenance: Claim, band_ppm: int) -> None:
        self.market, self.initial, self.maintenance, self.band_ppm = market, initial, maintenance, band_ppm
        self.books: dict[str, dict[str, int]] = {}
        self.sequences: dict[str, int] = {}
        self.applied: list[Order] = []
        self.net: dict[str, int] = {}
        self.finals: dict[str, int] = {}

    def open(self, account: str) -> None:
        """Add an account with an empty book."""
        self.books[account] = {}
        self.sequences[account] = 0

    def mark(self, market: Snapshot) -> None:
        """Take the next snapshot; a contract that expires has its mark as its final price."""
        self.market = market
        for listing in market.listings:
            if strategies.expired(listing, market):
                self.finals.setdefault(listing.id, listing.mark_ticks)

    def after(self, order: Order, account: str) -> dict[str, int]:
        """Return the book of an account after an order, without ids of which nothing is left."""
        total = dict(self.books[account])
        for name, change in order.legs[account].items():
            total[name] = total.get(name, 0) + change
        return {name: quantity for name, quantity in total.items() if quantity}

    def assess(self, claim: Claim, book: Mapping[str, int]) -> Assessment:
        """Return what the plain rule says about a book at the present marks."""
        return rules.assess(self.market, claim, Book({strategies.cash_id(self.market): 0, **book}))

    def verdict(self, order: Order) -> str:
        """Return ``"must"``, ``"may"``, or the name of the invariant that accepting the order would break."""
        if any(order.id == earlier.id for earlier in self.applied):
            return IDEMPOTENCE
        if any(self.sequences[account] != number for account, number in order.sequences.items()):
            return SEQUENCE
        if order.kind == DEPOSIT:
            return MUST
        if order.kind == SETTLEMENT:
            return MUST if self._settles(order) else CONSERVATION
        if order.kind == TRADE and any(sums(order.legs).values()):
            return CONSERVATION
        missed = [a for a in order.legs if not self.assess(self.initial, self.after(order, a)).holds]
        if not missed:
            return MUST
        reducing = order.kind == TRADE and all(self._reduces(order, account) for account in missed)
        return MAY if reducing else SOLVENCY

    def apply(self, order: Order) -> None:
        """Change the books as the order says; whether it should is up to `verdict`."""
        for account in order.legs:
            self.books[account] = self.after(order, account)
            self.sequences[account] += 1
        if order.kind != TRADE:
            for name, change in sums(order.legs).items():
                self.net[name] = self.net.get(name, 0) + change
        self.applied.append(order)

    def _settles(self, order: Order) -> bool:
        ((account, leg),) = order.legs.items()
        name, cash = order.instrument, strategies.cash_id(self.market)
        if name not in self.finals or order.price_ticks != self.finals[name]:
            return False
        lots = self.books[account].get(name, 0)
        value_units = self.market.listing(name).value_at(order.price_ticks)
        return dict(leg) == {name: -lots, cash: lots * value_units}

    def _reduces(self, order: Order, account: str) -> bool:
        cash, before, leg = strategies.cash_id(self.market), self.books[account], order.legs[account]
        gain_units = allowed_units = 0
        for name, change in leg.items():
            listing, held = self.market.listing(name), before.get(name, 0)
            gain_units += change * listing.value_units
            if name != cash:
                if abs(held + change) > abs(held) or held * (held + change) < 0:
                    return False
                allowed_units += ceil_div(abs(change) * listing.notional_units * self.band_ppm, PPM)
        return gain_units >= -allowed_units


def sums(legs: Mapping[str, Mapping[str, int]]) -> dict[str, int]:
    """Return the sum over all accounts, by id.

    Example:
        >>> sums({"alice": {"USD": -5, "PERP": 1}, "bob": {"USD": 5, "PERP": -1}})
        {'PERP': 0, 'USD': 0}
    """
    names = {name for leg in legs.values() for name in leg}
    return {name: sum(leg.get(name, 0) for leg in legs.values()) for name in sorted(names)}
