"""The machine can fail: each bug planted in the toy venue of docs/testing.md is found, and named as what it is."""

import re
from pathlib import Path

import pytest
from hypothesis import Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import run_state_machine_as_test

from zkmargin.margin import rules
from zkmargin.margin.claim import Claim
from zkmargin.margin.portfolio import Book
from zkmargin.testing import solvency, strategies
from zkmargin.testing.plain import sums
from zkmargin.testing.solvency import SolvencyMachine, last
from zkmargin.testing.venue import RefusedError, SolvencyError

SEARCH = settings(
    max_examples=400, deadline=None, derandomize=True, database=None, phases=[Phase.generate], print_blob=False
)


def toy_venue() -> type:
    """The class that the page shows, and nothing that is like it."""
    page = (Path(__file__).resolve().parents[2] / "docs" / "testing.md").read_text("utf-8")
    names: dict[str, type] = {"__name__": "page"}
    exec(re.search(r"^```python\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)[1], names)  # noqa: S102 - our own page
    return names["ToyVenue"]


ToyVenue = toy_venue()


class CreatesAUnit(ToyVenue):
    """Legs may leave one unit over."""

    breaks = "conservation"

    def check(self, order, after):
        cash = sum(leg.get("USD", 0) for leg in order.legs.values())
        if not (order.kind == "trade" and cash == 1):
            super().check(order, after)


class SettlesAtAnyPrice(ToyVenue):
    """The price of a settlement is believed."""

    breaks = "conservation"
    markets = strategies.snapshots(perpetuals=0, futures=1)

    def check(self, order, after):
        if order.kind != "settlement":
            super().check(order, after)


class LosesTheFee(ToyVenue):
    """The third leg of a trade is forgotten when the books are written."""

    breaks = "conservation"

    def apply(self, order):
        before = dict(self.books)
        super().apply(order)
        if "house" in order.legs:
            self.books["house"] = before["house"]


class ChecksTheBuyerOnly(ToyVenue):
    """One party of a trade is not asked for margin."""

    breaks = "solvency"

    def check(self, order, after):
        super().check(order, dict(list(after.items())[:1]) if order.kind == "trade" else after)


class PaysOutEverything(ToyVenue):
    """A withdrawal looks at the maintenance requirement."""

    breaks = "solvency"

    def check(self, order, after):
        if order.kind == "withdrawal":
            if not all(self.meets(SolvencyMachine.maintenance, book) for book in after.values()):
                raise RefusedError("an account would miss the maintenance claim")
        else:
            super().check(order, after)


class LetsTheDyingGive(ToyVenue):
    """Whoever reduces positions may do so at any price, and hand what is left to an accomplice."""

    breaks = "solvency"

    def check(self, order, after):
        if (
            order.kind == "trade"
            and not any(sums(order.legs).values())
            and all(map(self.smaller, after, after.values()))
        ):
            return
        super().check(order, after)

    def smaller(self, account, book):
        before = self.books[account]
        pairs = [(before.get(name, 0), lots) for name, lots in book.items() if name != "USD"]
        return all(abs(lots) <= abs(held) and lots * held >= 0 for held, lots in pairs)


class UsesTheMarksOfYesterday(ToyVenue):
    """The margin desk is content with the epoch before."""

    breaks = "solvency"

    def mark(self, market):
        self.yesterday = getattr(self, "market", market)
        super().mark(market)

    def passes(self, account):
        book = Book({"USD": 0, **self.books[account]})
        return super().passes(account) or rules.assess(self.yesterday, SolvencyMachine.maintenance, book).holds


class ForgivesOneUnit(ToyVenue):
    """A requirement that is missed by one unit of cash passes."""

    breaks = "solvency"

    def passes(self, account):
        book = Book({"USD": 0, **self.books[account]})
        return rules.assess(self.market, SolvencyMachine.maintenance, book).shortfall_units <= 1


class WantsMoreThanTheRequirement(ToyVenue):
    """`>` where the claim says `>=`."""

    breaks = "liveness"

    def passes(self, account):
        book = Book({"USD": 0, **self.books[account]})
        outcome = rules.assess(self.market, SolvencyMachine.maintenance, book)
        return outcome.slack_scaled > 0 or outcome.requirement_units == 0


class CallsTheHealthyForAUnit(ToyVenue):
    """A requirement that is met by less than one unit is missed."""

    breaks = "liveness"

    def meets(self, claim, book):
        return rules.assess(self.market, claim, Book({"USD": 0, **book})).surplus_units >= bool(book)


class IgnoresTheState(ToyVenue):
    """Sequence numbers are not compared."""

    breaks = "sequence"

    def apply(self, order):
        order_of_today = type(order)(
            order.id,
            order.kind,
            order.legs,
            {account: self.numbers[account] for account in order.sequences},
            order.instrument,
            order.price_ticks,
        )
        super().apply(order_of_today)


class ForgetsIds(ToyVenue):
    """An id can be used again."""

    breaks = "idempotence"

    def apply(self, order):
        self.orders.clear()
        super().apply(order)


class PaysTwice(ToyVenue):
    """A deposit that arrives again is paid again."""

    breaks = "idempotence"

    def apply(self, order):
        if self.orders.get(order.id) == order and order.kind == "deposit":
            (account,) = order.legs
            self.books[account] = self.add(self.books[account], order.legs[account])
        super().apply(order)


class WritesBeforeItChecks(ToyVenue):
    """The first leg of a trade is booked, and then the trade is refused."""

    breaks = "atomicity"

    def check(self, order, after):
        account, book = next(iter(after.items()))
        if order.kind == "trade":
            before, self.books[account] = self.books[account], book
        super().check(order, after)
        if order.kind == "trade":
            self.books[account] = before


BUGS = [
    CreatesAUnit,
    SettlesAtAnyPrice,
    LosesTheFee,
    ChecksTheBuyerOnly,
    PaysOutEverything,
    LetsTheDyingGive,
    UsesTheMarksOfYesterday,
    ForgivesOneUnit,
    WantsMoreThanTheRequirement,
    CallsTheHealthyForAUnit,
    IgnoresTheState,
    ForgetsIds,
    PaysTwice,
    WritesBeforeItChecks,
]


def machine_for(venue: type) -> type[SolvencyMachine]:
    class Machine(SolvencyMachine):
        markets = getattr(venue, "markets", SolvencyMachine.markets)

        def start(self, snapshot):
            return venue(snapshot)

    return Machine


@pytest.mark.parametrize("venue", BUGS)
def test_a_planted_bug_is_found_and_named(venue):
    with pytest.raises(SolvencyError) as found:
        run_state_machine_as_test(machine_for(venue), settings=SEARCH)
    assert found.value.invariant == venue.breaks


def test_every_invariant_has_a_bug_that_breaks_it():
    section = solvency.__doc__.split("Invariants\n----------\n")[1].split("\n\n")[0]
    assert {venue.breaks for venue in BUGS} == set(re.findall(r"^    (\w+) ", section, re.MULTILINE))


def test_the_right_venue_survives():
    run_state_machine_as_test(machine_for(ToyVenue), settings=settings(SEARCH, max_examples=60))


@pytest.mark.parametrize("model", ["cross", "scenario"])
def test_the_machine_plays_any_market_and_any_claim(model):
    market = strategies.snapshot({"PERP": 1_000}, futures={"FUTURE": (2_000, 1)}, coins={"COIN": 500})

    class Machine(SolvencyMachine):
        markets = st.just(market)
        initial = Claim("initial", model)
        maintenance = Claim("maintenance", model)

        def start(self, snapshot):
            venue = ToyVenue(snapshot)
            venue.meets = lambda claim, book: (
                rules.assess(venue.market, Claim(claim.kind, model), Book({"USD": 0, **book})).holds
            )
            return venue

    run_state_machine_as_test(Machine, settings=settings(SEARCH, max_examples=10))


def test_a_machine_that_does_not_know_its_venue_says_so():
    with pytest.raises(NotImplementedError, match="must say how its venue starts"):
        run_state_machine_as_test(SolvencyMachine, settings=settings(SEARCH, max_examples=1))


def test_an_error_that_is_not_a_refusal_is_not_taken_for_one():
    class Crashes(ToyVenue):
        def apply(self, order):
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        run_state_machine_as_test(machine_for(Crashes), settings=settings(SEARCH, max_examples=1))


def test_the_last_number_that_holds_is_found():
    assert [last(0, 10, lambda number, most=most: number <= most) for most in (0, 5, 9)] == [0, 5, 9]
