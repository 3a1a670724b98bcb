"""What is true of the margin models for all markets, claims and books.

The naive rules below are written from the definitions, with brackets and branches, and share nothing with the affine
pieces and rows that `zkmargin.margin` publishes.
"""

from dataclasses import replace
from fractions import Fraction
from math import ceil, floor
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from zkmargin import documents
from zkmargin.amounts import PPM, Ratio
from zkmargin.margin import cross, scenario
from zkmargin.margin.assessment import Assessment
from zkmargin.margin.claim import Claim
from zkmargin.margin.portfolio import Book
from zkmargin.market import pricing
from zkmargin.market.instruments import Cash, Collateral, Linear, Option
from zkmargin.market.parameters import CrossParameters, ScenarioParameters, Tier, TierTable
from zkmargin.market.scenarios import Scenario
from zkmargin.market.snapshot import Listing, Snapshot

LARGEST = 2**64 - 1
lots = st.one_of(st.integers(-50, 50), st.integers(-LARGEST, LARGEST))
thresholds = st.builds(Ratio.of, st.integers(1, 40), st.integers(1, 40))


@st.composite
def tier_tables(draw: st.DrawFn, highest_floor_units: int = 10**9) -> TierTable:
    count = draw(st.integers(1, 5))
    floors = sorted(draw(st.sets(st.integers(1, highest_floor_units), min_size=count - 1, max_size=count - 1)))
    rates = sorted(draw(st.sets(st.integers(0, PPM // 2), min_size=count, max_size=count)))
    return TierTable(tuple(Tier(*tier) for tier in zip([0, *floors], rates, strict=True)))


@st.composite
def markets(draw: st.DrawFn) -> Snapshot:
    """Two perpetuals, a future, two coins, two options and cash, under both models."""
    mark = st.integers(1, 10**6)
    multiplier = st.integers(1, 1_000)
    listings = [
        Listing(Collateral("COIN-A", draw(multiplier)), draw(mark), haircut_ppm=draw(st.integers(0, PPM - 1))),
        Listing(Collateral("COIN-B", draw(multiplier)), draw(mark)),
        Listing(Linear("FUTURE", draw(multiplier), 10), draw(mark)),
        Listing(Option("OPTION-C", draw(multiplier), "PERP-A", "call", draw(mark), 10), draw(mark) - 1),
        Listing(Option("OPTION-P", draw(multiplier), "PERP-A", "put", draw(mark), 10), draw(mark) - 1),
        Listing(Linear("PERP-A", draw(multiplier)), draw(mark), funding_ticks=draw(st.integers(-(10**6), 10**6))),
        Listing(Linear("PERP-B", draw(multiplier)), draw(mark)),
        Listing(Cash("USD")),
    ]
    tables = {name: draw(tier_tables()) for name in ("FUTURE", "PERP-A", "PERP-B")}
    initial = {
        name: TierTable(tuple(replace(t, rate_ppm=2 * t.rate_ppm) for t in table.tiers))
        for name, table in tables.items()
    }
    count = draw(st.integers(1, 4))
    losses = st.lists(st.one_of(st.just(0), st.integers(-(10**9), 10**9)), min_size=count, max_size=count).map(tuple)
    arrays = ScenarioParameters(
        version=1,
        scenarios=tuple(Scenario(f"s{index}", index, 0) for index in range(count)),
        losses={listing.id: draw(losses) for listing in listings[:-1]},
        short_minimum_units=draw(st.dictionaries(st.sampled_from(["OPTION-C", "OPTION-P"]), st.integers(0, 10**9))),
        initial_ppm=draw(st.integers(PPM, 3 * PPM)),
    )
    return Snapshot("law", 1, 0, tuple(listings), cross=CrossParameters(1, tables, initial), scenario=arrays)


def books(*names: str) -> st.SearchStrategy[Book]:
    return st.fixed_dictionaries({}, optional=dict.fromkeys(names, lots)).map(Book)


cross_books = books("USD", "COIN-A", "COIN-B", "FUTURE", "PERP-A", "PERP-B")
scenario_books = books("USD", "COIN-A", "COIN-B", "FUTURE", "PERP-A", "PERP-B", "OPTION-C", "OPTION-P")
cross_claims = st.builds(Claim, st.sampled_from(["maintenance", "initial"]), st.just("cross"), thresholds)
scenario_claims = st.builds(Claim, st.sampled_from(["maintenance", "initial"]), st.just("scenario"), thresholds)
boxes = st.builds(Claim, st.just("box"), st.just("cross"), thresholds, st.integers(1, PPM - 1))


# ---- The naive rules -----------------------------------------------------------------------------------------------


def bracket_margin(table: TierTable, notional_units: int) -> Fraction:
    """Walk the brackets like a tax table."""
    margin = Fraction(0)
    ends = [tier.floor_units for tier in table.tiers[1:]] + [max(notional_units, table.tiers[-1].floor_units)]
    for tier, end in zip(table.tiers, ends, strict=True):
        if notional_units > tier.floor_units:
            margin += Fraction((min(notional_units, end) - tier.floor_units) * tier.rate_ppm, PPM)
    return margin


def equity(snapshot: Snapshot, book: Book, prices: dict[str, int]) -> int:
    total = 0
    for name, quantity in book.quantities.items():
        listing = snapshot.listing(name)
        instrument = listing.instrument
        if isinstance(instrument, Cash):
            total += quantity
        elif isinstance(instrument, Collateral):
            full = instrument.multiplier * prices[name]
            total += quantity * (full if quantity < 0 else full * (PPM - listing.haircut_ppm) // PPM)
        else:
            total += quantity * instrument.multiplier * (prices[name] - listing.funding_ticks)
    return total


def cross_slack(snapshot: Snapshot, claim: Claim, book: Book, prices: dict[str, int]) -> Fraction:
    assert snapshot.cross is not None
    tables = snapshot.cross.initial if claim.kind == "initial" else snapshot.cross.maintenance
    required = Fraction(0)
    for name, quantity in book.quantities.items():
        if name in tables:
            notional_units = abs(quantity) * snapshot.listing(name).instrument.multiplier * prices[name]
            required += bracket_margin(tables[name], notional_units)
    return equity(snapshot, book, prices) - fraction(claim.threshold) * required


def marks(snapshot: Snapshot) -> dict[str, int]:
    return {listing.id: listing.mark_ticks for listing in snapshot.listings}


def scenario_slack(snapshot: Snapshot, claim: Claim, book: Book) -> Fraction:
    arrays = snapshot.scenario
    assert arrays is not None
    held = {name: quantity for name, quantity in book.quantities.items() if name != "USD"}
    worst = max(sum(arrays.losses[name][k] * q for name, q in held.items()) for k in range(len(arrays.scenarios)))
    short = sum(units * max(0, -held.get(name, 0)) for name, units in arrays.short_minimum_units.items())
    required = Fraction(max(0, worst, short))
    for name, quantity in held.items():
        haircut = snapshot.listing(name).haircut_ppm
        if quantity < 0 and haircut:
            gain = max(0, -min(arrays.losses[name]))
            required += -quantity * ceil(Fraction(gain * haircut, PPM - haircut))
    multiple = Fraction(arrays.initial_ppm, PPM) if claim.kind == "initial" else Fraction(1)
    return equity(snapshot, book, marks(snapshot)) - fraction(claim.threshold) * multiple * required


def fraction(ratio: Ratio) -> Fraction:
    return Fraction(ratio.numerator, ratio.denominator)


def slack(outcome: Assessment) -> Fraction:
    return Fraction(outcome.slack_scaled, outcome.scale)


def requirement(outcome: Assessment) -> Fraction:
    return outcome.equity_units - slack(outcome)


# ---- The models are the naive rules --------------------------------------------------------------------------------


@given(tier_tables(), st.integers(0, 2 * 10**9))
def test_the_largest_tier_is_the_bracket_sum(table: TierTable, notional_units: int) -> None:
    assert Fraction(table.margin_scaled(notional_units), PPM) == bracket_margin(table, notional_units)


@given(markets(), cross_claims, cross_books)
def test_cross_margin_is_the_naive_rule(snapshot: Snapshot, claim: Claim, book: Book) -> None:
    assert slack(cross.assess(snapshot, claim, book)) == cross_slack(snapshot, claim, book, marks(snapshot))


@given(markets(), scenario_claims, scenario_books)
def test_scenario_margin_is_the_naive_rule(snapshot: Snapshot, claim: Claim, book: Book) -> None:
    assert slack(scenario.assess(snapshot, claim, book)) == scenario_slack(snapshot, claim, book)


@given(markets(), cross_claims, cross_books)
def test_the_charges_of_the_whole_market_decide_the_claim(snapshot: Snapshot, claim: Claim, book: Book) -> None:
    pieces_of = cross.charges(snapshot, claim)
    charged = sum(max(piece.at(book.quantities.get(name, 0)) for piece in pieces) for name, pieces in pieces_of.items())
    expected = cross.scale(claim) * book.quantities.get("USD", 0) - charged
    assert cross.assess(snapshot, claim, book).slack_scaled == expected


@given(markets(), scenario_claims, scenario_books)
def test_the_rows_of_the_whole_market_decide_the_claim(snapshot: Snapshot, claim: Claim, book: Book) -> None:
    basis = [listing.id for listing in snapshot.listings]
    slacks = [row.at(book.vector(basis)) for row in scenario.rows(snapshot, claim, basis)]
    assert min(slacks) == scenario.assess(snapshot, claim, book).slack_scaled


# ---- Boxes ---------------------------------------------------------------------------------------------------------


@st.composite
def small_boxes(draw: st.DrawFn) -> tuple[Snapshot, Claim, Book]:
    """A perpetual and a coin, whose boxes hold few enough prices to try them all."""
    mark, multiplier, size = st.integers(1, 40), st.integers(1, 9), st.integers(-1_000, 1_000)
    perpetual = Listing(Linear("PERP", draw(multiplier)), draw(mark), funding_ticks=draw(st.integers(-20, 20)))
    coin = Listing(Collateral("COIN", draw(multiplier)), draw(mark), haircut_ppm=draw(st.integers(0, PPM - 1)))
    tables = {"PERP": draw(tier_tables(highest_floor_units=100_000))}
    listings = (coin, perpetual, Listing(Cash("USD")))
    snapshot = Snapshot("law", 1, 0, listings, cross=CrossParameters(1, tables, tables))
    claim = Claim("box", "cross", draw(thresholds), draw(st.integers(1, 400_000)))
    return snapshot, claim, Book({"PERP": draw(size), "COIN": draw(size), "USD": draw(size)})


@given(small_boxes())
def test_a_box_is_the_worst_of_all_prices_in_it(case: tuple[Snapshot, Claim, Book]) -> None:
    snapshot, claim, book = case
    width = Fraction(claim.width_ppm, PPM)
    perpetual, coin = (
        range(floor(mark * (1 - width)), ceil(mark * (1 + width)) + 1)
        for mark in (snapshot.listing(name).mark_ticks for name in ("PERP", "COIN"))
    )
    prices = ({"PERP": one, "COIN": two} for one in perpetual for two in coin)
    worst = min(cross_slack(snapshot, claim, book, at) for at in prices)
    assert slack(cross.assess(snapshot, claim, book)) == worst


@given(markets(), boxes, cross_books, st.data())
def test_a_box_implies_maintenance_at_every_price_in_it(
    snapshot: Snapshot, claim: Claim, book: Book, data: st.DataObject
) -> None:
    moves = {}
    for listing in snapshot.listings:
        if isinstance(listing.instrument, Linear | Collateral):
            low, high = cross.box(listing.mark_ticks, claim.width_ppm)
            moves[listing.id] = data.draw(st.integers(max(1, low), high), label=listing.id)
    moved = snapshot.next(0, moves)
    maintenance = replace(claim, kind="maintenance", width_ppm=0)
    assert slack(cross.assess(snapshot, claim, book)) <= slack(cross.assess(moved, maintenance, book))


@given(markets(), boxes, cross_books, st.data())
def test_a_wider_box_is_harder(snapshot: Snapshot, claim: Claim, book: Book, data: st.DataObject) -> None:
    narrower = replace(claim, width_ppm=data.draw(st.integers(1, claim.width_ppm)))
    assert slack(cross.assess(snapshot, claim, book)) <= slack(cross.assess(snapshot, narrower, book))


# ---- Laws of a margin requirement ----------------------------------------------------------------------------------

both_models = st.sampled_from(["cross", "scenario"])


def smaller(book: Book) -> Book:
    """A book that can be added to its like without leaving the bounds."""
    return Book({name: quantity // 4 for name, quantity in book.quantities.items()})


def assess(snapshot: Snapshot, claim: Claim, book: Book) -> Assessment:
    return cross.assess(snapshot, claim, book) if claim.model == "cross" else scenario.assess(snapshot, claim, book)


@given(markets(), st.one_of(cross_claims, scenario_claims, boxes), cross_books, st.integers(0, 2**63))
def test_cash_adds_to_the_surplus_one_for_one(snapshot: Snapshot, claim: Claim, book: Book, cash_units: int) -> None:
    poorer = replace(book, quantities=dict(book.quantities) | {"USD": 0})
    richer = poorer + Book({"USD": cash_units})
    gained = assess(snapshot, claim, richer).surplus_units - assess(snapshot, claim, poorer).surplus_units
    assert gained == cash_units


@given(markets(), cross_claims, cross_books, cross_books)
def test_the_cross_requirement_is_convex(snapshot: Snapshot, claim: Claim, one: Book, two: Book) -> None:
    # Tiers make large positions dearer, so books do not simply add: the middle of two books needs at most the average.
    one, two = smaller(one), smaller(two)
    doubled = [requirement(cross.assess(snapshot, claim, book + book)) for book in (one, two)]
    assert 2 * requirement(cross.assess(snapshot, claim, one + two)) <= sum(doubled)


@given(markets(), scenario_claims, scenario_books, scenario_books)
def test_joining_two_books_never_costs_under_scenarios(snapshot: Snapshot, claim: Claim, one: Book, two: Book) -> None:
    one, two = smaller(one), smaller(two)
    apart = [slack(scenario.assess(snapshot, claim, book)) for book in (one, two)]
    assert slack(scenario.assess(snapshot, claim, one + two)) >= sum(apart)


@given(markets(), st.one_of(cross_claims, scenario_claims), cross_books, thresholds)
def test_a_higher_threshold_is_harder(snapshot: Snapshot, claim: Claim, book: Book, other: Ratio) -> None:
    low, high = sorted((claim.threshold, other), key=fraction)
    needed = [slack(assess(snapshot, replace(claim, threshold=threshold), book)) for threshold in (low, high)]
    assert needed[0] >= needed[1]


@given(markets(), both_models, thresholds, cross_books)
def test_the_initial_claim_implies_the_maintenance_claim(
    snapshot: Snapshot, model: str, threshold: Ratio, book: Book
) -> None:
    initial, maintenance = (Claim(kind, model, threshold) for kind in ("initial", "maintenance"))
    assert slack(assess(snapshot, initial, book)) <= slack(assess(snapshot, maintenance, book))


@given(markets(), st.one_of(cross_claims, scenario_claims, boxes), cross_books)
def test_what_is_displayed_is_rounded_against_the_holder(snapshot: Snapshot, claim: Claim, book: Book) -> None:
    outcome = assess(snapshot, claim, book)
    assert outcome.surplus_units == floor(slack(outcome))
    assert outcome.requirement_units == ceil(requirement(outcome))
    assert outcome.surplus_units == outcome.equity_units - outcome.requirement_units
    assert outcome.holds == (slack(outcome) >= 0) == (outcome.shortfall_units == 0)


@given(markets(), st.one_of(cross_claims, scenario_claims, boxes), cross_books)
def test_a_shortfall_is_exactly_the_cash_that_is_missing(snapshot: Snapshot, claim: Claim, book: Book) -> None:
    base = replace(book, quantities={name: quantity % 1_000 - 500 for name, quantity in book.quantities.items()})
    missing = assess(snapshot, claim, base).shortfall_units
    assert assess(snapshot, claim, base + Book({"USD": missing})).holds
    assert missing == 0 or not assess(snapshot, claim, base + Book({"USD": missing - 1})).holds


# ---- Documents and rounding ----------------------------------------------------------------------------------------


@given(markets())
def test_snapshots_survive_their_bytes(snapshot: Snapshot) -> None:
    data = snapshot.canonical_bytes()
    assert Snapshot.from_bytes(data) == snapshot
    assert Snapshot.from_bytes(data).digest() == snapshot.digest()


@given(st.one_of(cross_claims, scenario_claims, boxes), scenario_books)
def test_claims_and_books_survive_their_documents(claim: Claim, book: Book) -> None:
    def travel(document: dict[str, Any]) -> dict[str, Any]:
        return documents.parse(documents.pretty(document))

    assert Claim.from_document(travel(claim.to_document())) == claim
    assert Book.from_document(travel(book.to_document())) == book


@given(
    st.integers(1, 10**9),
    st.integers(1, 10**6),
    st.integers(1 - PPM, 10 * PPM),
    st.integers(1, PPM),
    st.integers(0, PPM - 1),
)
def test_losses_of_a_long_lot_round_up_by_less_than_a_unit(
    mark_ticks: int, multiplier: int, price_ppm: int, cover_ppm: int, haircut_ppm: int
) -> None:
    move = Scenario("move", price_ppm, 0, cover_ppm)
    share = Fraction(price_ppm * cover_ppm, PPM**2)
    linear = Listing(Linear("L", multiplier), mark_ticks)
    coin = Listing(Collateral("C", multiplier), mark_ticks, haircut_ppm=haircut_ppm)
    rows = pricing.losses([linear, coin], {}, 0, [move])
    exact = -share * multiplier * mark_ticks
    assert exact <= rows["L"][0] < exact + 1
    kept = Fraction(coin.notional_units * (PPM - haircut_ppm), PPM)
    exact = (coin.value_units - kept * (1 + Fraction(price_ppm, PPM))) * Fraction(cover_ppm, PPM)
    assert exact <= rows["C"][0] < exact + 1


@given(st.integers(0, 10**9), st.integers(0, PPM - 1), st.integers(1, 100))
def test_a_haircut_value_rounds_down_by_less_than_a_unit(extra_ticks: int, haircut_ppm: int, multiplier: int) -> None:
    coin = Listing(Collateral("C", multiplier), 1 + extra_ticks, haircut_ppm=haircut_ppm)
    exact = Fraction(coin.owed_units * (PPM - haircut_ppm), PPM)
    assert exact - 1 < coin.value_units <= exact
