"""Hypothesis strategies for markets, crashes, books at the margin, and fills.

Most random books are far from their requirement, where every rule is right. These strategies go to the edge: a book
whose cash is, to the unit, the least with which a claim holds, and the one with a unit less. They ask the plain rule
for its exact slack, so they know the edge of every model and of every market, your own snapshots included.

Rule
----
    In every model one unit of cash adds `scale` to the scaled slack. For a book b with no cash

        least cash with which the claim holds = ceil( -slack_scaled(b) / scale )

Units
-----
    lots, ticks and units, as in `zkmargin.market`. The markets made here are small on purpose, so that a proof about
    them takes milliseconds: cash, one to three linear contracts and perhaps a coin.

Worked example
--------------
    One lot long at a mark of 50,000 with a maintenance rate of 2 %: equity 50,000 + cash, requirement 1,000.

        >>> market = snapshot({"PERP": 50_000}, maintenance_ppm=20_000)
        >>> claim = Claim("maintenance", "cross")
        >>> at_the_margin(market, claim, {"PERP": 1}), at_the_margin(market, claim, {"PERP": 1}, surplus_units=-1)
        ({'PERP': 1, 'USD': -49000}, {'PERP': 1, 'USD': -49001})
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from hypothesis import strategies as st

from zkmargin.amounts import PPM, ceil_div
from zkmargin.errors import StatementError
from zkmargin.margin import rules
from zkmargin.margin.claim import Claim
from zkmargin.margin.portfolio import Book
from zkmargin.market import pricing
from zkmargin.market.instruments import MAX_TICKS, Cash, Collateral, Linear, Option
from zkmargin.market.parameters import CrossParameters, Tier, TierTable
from zkmargin.market.scenarios import Scenario
from zkmargin.market.snapshot import Listing, Snapshot

CASH = "USD"
DAY_SECONDS = 86_400
SCENARIOS = (Scenario("up", 100_000, 0), Scenario("down", -100_000, 0), Scenario("crash", -300_000, 0, 350_000))


def snapshot(
    perpetuals: Mapping[str, int],
    *,
    futures: Mapping[str, tuple[int, int]] | None = None,
    coins: Mapping[str, int] | None = None,
    multiplier: int = 1,
    maintenance_ppm: int = 20_000,
    initial_ppm: int = 40_000,
    tier_floor_units: int = 10**9,
) -> Snapshot:
    """Return the first snapshot of a small market, with parameters for both models.

    Args:
        perpetuals: Mark in ticks by id.
        futures: Mark in ticks and expiry in unix seconds by id.
        coins: Mark in ticks by id of collateral, with a haircut of 5 %.
        multiplier: Units per tick per lot, of everything but cash.
        maintenance_ppm: Maintenance rate up to `tier_floor_units` of notional; half as much again above it.
        initial_ppm: Initial rate, likewise; at least the maintenance rate.
        tier_floor_units: Where the second tier begins.
    """
    linear = [Listing(Linear(name, multiplier), mark_ticks) for name, mark_ticks in perpetuals.items()]
    linear += [Listing(Linear(name, multiplier, expiry), mark) for name, (mark, expiry) in (futures or {}).items()]
    held = [Listing(Collateral(name, multiplier), mark, haircut_ppm=50_000) for name, mark in (coins or {}).items()]
    listings = tuple(sorted([Listing(Cash(CASH)), *linear, *held], key=lambda listing: listing.id))

    def tables(rate_ppm: int) -> dict[str, TierTable]:
        tiers = (Tier(0, rate_ppm), Tier(tier_floor_units, rate_ppm * 3 // 2))
        return {listing.id: TierTable(tiers) for listing in linear}

    return Snapshot(
        "test",
        epoch=1,
        valid_from=0,
        listings=listings,
        cross=CrossParameters(1, tables(maintenance_ppm), tables(initial_ppm)),
        scenario=pricing.scenario_parameters(1, listings, {}, 0, scenarios=SCENARIOS),
    )


@st.composite
def snapshots(draw: st.DrawFn, perpetuals: int = 1, futures: int = 0, coins: int = 0) -> Snapshot:
    """Draw the first snapshot of a small market: `snapshot` with drawn marks, rates and tiers.

    Half of the markets have a multiplier of 100: there requirements are whole units, and slacks of exactly zero occur.

    Args:
        draw: Given by Hypothesis.
        perpetuals: How many, named ``PERP-0``, ``PERP-1``, ..
        futures: How many, named ``FUTURE-0``, ..; they expire after 2, 4, .. days
        coins: How many, named ``COIN-0``, ..
    """
    marks = st.integers(100, 100_000)
    maintenance = draw(st.integers(1, 20))
    return snapshot(
        {f"PERP-{number}": draw(marks) for number in range(perpetuals)},
        futures={f"FUTURE-{number}": (draw(marks), 2 * DAY_SECONDS * (number + 1)) for number in range(futures)},
        coins={f"COIN-{number}": draw(marks) for number in range(coins)},
        multiplier=draw(st.sampled_from([1, 100])),
        maintenance_ppm=10_000 * maintenance,
        initial_ppm=10_000 * (maintenance + draw(st.integers(0, 20))),
        tier_floor_units=draw(st.sampled_from([10**5, 10**7, 10**9])),
    )


# ---- Crashes ---------------------------------------------------------------------------------------------------------


def moved(market: Snapshot, moves_ppm: Mapping[str, int], seconds: int = DAY_SECONDS) -> Snapshot:
    """Return the next epoch, with marks moved by parts per million; the rest of the market stays as it is.

    A mark moves away from its old value by at least a tick unless its move is 0, and stays between 1 and 2^48. A
    contract past its expiry does not move. Losses of the scenario model follow the marks where no option is listed.
    """
    now = market.valid_from + seconds
    marks = {}
    for name, move_ppm in moves_ppm.items():
        listing = market.listing(name)
        if not expired(listing, market):
            step_ticks = ceil_div(abs(move_ppm) * listing.mark_ticks, PPM)
            target_ticks = listing.mark_ticks + (step_ticks if move_ppm > 0 else -step_ticks)
            marks[name] = min(max(1, target_ticks), MAX_TICKS)
    following = market.next(now, marks)
    arrays = market.scenario
    simple = all(isinstance(listing.instrument, Cash | Collateral | Linear) for listing in market.listings)
    if arrays is None or not simple:
        return following
    fresh = pricing.scenario_parameters(
        arrays.version,
        following.listings,
        {},
        now,
        scenarios=arrays.scenarios,
        initial_ppm=arrays.initial_ppm,
        capacity_bits=arrays.capacity_bits,
    )
    return market.next(now, marks, scenario=fresh)


def expired(listing: Listing, market: Snapshot) -> bool:
    """Return whether a contract has reached its expiry, so that it may be settled at its mark."""
    expiry = getattr(listing.instrument, "expiry", None)
    return expiry is not None and market.valid_from >= expiry


def tradable(market: Snapshot) -> list[Listing]:
    """Return the linear contracts that have not expired."""
    return [item for item in market.listings if isinstance(item.instrument, Linear) and not expired(item, market)]


@st.composite
def next_snapshots(draw: st.DrawFn, market: Snapshot, largest_ppm: int = 400_000) -> Snapshot:
    """Draw the epoch after `market`: calm, jumping or in free fall, all together or each on its own.

    It is an hour later, a day later, or when the next contract expires.
    """
    names = [item.id for item in market.listings if isinstance(item.instrument, Collateral | Linear)]
    calm, jump = st.integers(-10_000, 10_000), st.integers(-largest_ppm, largest_ppm)
    fall = st.integers(-largest_ppm, -largest_ppm // 4)
    move = draw(st.sampled_from([calm, jump, fall]))
    together = draw(st.booleans())
    common = draw(move)
    moves = {name: common if together else draw(move) for name in names}
    return moved(market, moves, draw(st.sampled_from([DAY_SECONDS // 24, DAY_SECONDS, *expiries(market)[:1]])))


def expiries(market: Snapshot) -> list[int]:
    """Return in how many seconds the contracts of a market expire that have not expired, nearest first."""
    dates = {getattr(item.instrument, "expiry", None) or 0 for item in market.listings}
    return sorted(date - market.valid_from for date in dates if date > market.valid_from)


@st.composite
def crashes(draw: st.DrawFn, market: Snapshot, epochs: int = 8, depth_ppm: int = 500_000) -> tuple[Snapshot, ...]:
    """Draw a path of snapshots in which every mark falls by at least `depth_ppm` and then recovers a part of it.

    Args:
        draw: Given by Hypothesis.
        market: The snapshot before the crash; the first of the path follows it.
        epochs: Length of the path, at least 2.
        depth_ppm: Least fall from the first mark to the lowest, as far as a mark of one tick allows.
    """
    if epochs < 2:
        raise StatementError(f"epochs must be at least 2, got {epochs}")
    names = [item.id for item in market.listings if isinstance(item.instrument, Collateral | Linear)]
    bottom = draw(st.integers(1, epochs - 1))
    path = [market]
    for epoch in range(1, epochs + 1):
        before = path[-1]
        common = draw(st.integers(0, 50_000))
        if epoch == bottom:
            moves = {name: -max(common, _fall_ppm(market, before, name, depth_ppm)) for name in names}
        else:
            moves = dict.fromkeys(names, common if epoch > bottom else -common)
        path.append(moved(before, moves))
    return tuple(path[1:])


def _fall_ppm(first: Snapshot, before: Snapshot, name: str, depth_ppm: int) -> int:
    """Return the fall from the present mark that leaves at most ``1 - depth`` of the first one."""
    mark_ticks = before.listing(name).mark_ticks
    target_ticks = first.listing(name).mark_ticks * (PPM - depth_ppm) // PPM
    return ceil_div(max(0, mark_ticks - target_ticks) * PPM, mark_ticks)


# ---- Books -----------------------------------------------------------------------------------------------------------


def cash_id(market: Snapshot) -> str:
    """Return the id of the market's first cash listing."""
    return next(listing.id for listing in market.listings if isinstance(listing.instrument, Cash))


def at_the_margin(
    market: Snapshot, claim: Claim, positions: Mapping[str, int], surplus_units: int = 0
) -> dict[str, int]:
    """Return the positions with the least cash with which the claim holds, and `surplus_units` more (or less).

    With a surplus of 0 the claim holds, and with -1 it does not: that is exact, in every model.

    Args:
        market: The snapshot.
        claim: The claim.
        positions: Lots by id; cash among them is replaced.
        surplus_units: Cash on top; negative for a book below the margin.

    Raises:
        StatementError: as `zkmargin.margin.rules.assess`.
    """
    cash = cash_id(market)
    outcome = rules.assess(market, claim, Book({**positions, cash: 0}))
    return {**positions, cash: ceil_div(-outcome.slack_scaled, outcome.scale) + surplus_units}


@st.composite
def positions(draw: st.DrawFn, market: Snapshot, model: str = "cross", largest_lots: int = 100) -> dict[str, int]:
    """Draw lots of everything that the model margins, cash excepted; zeros, longs, shorts and large lots all occur."""
    margined = (Collateral, Linear, Option) if model == "scenario" else (Collateral, Linear)
    names = [listing.id for listing in market.listings if isinstance(listing.instrument, margined)]
    lots = st.one_of(st.just(0), st.integers(-3, 3), st.integers(-largest_lots, largest_lots))
    return {name: draw(lots) for name in names}


@st.composite
def books(draw: st.DrawFn, market: Snapshot, claim: Claim, surplus_units: st.SearchStrategy[int] | None = None) -> Book:
    """Draw a book whose surplus over the claim's requirement is what you say, to the unit.

    Args:
        draw: Given by Hypothesis.
        market: The snapshot.
        claim: The claim whose margin the books stand at.
        surplus_units: Where: by default one of -1 (just below: the claim fails), 0 (at the margin: it holds) and 1,
            and sometimes far away on either side.
    """
    near = st.sampled_from([-1, 0, 1])
    far = st.integers(-(10**9), 10**9)
    where = st.one_of(near, near, far) if surplus_units is None else surplus_units
    return Book(at_the_margin(market, claim, draw(positions(market, claim.model)), draw(where)))


# ---- Fills -----------------------------------------------------------------------------------------------------------


def fill(market: Snapshot, instrument: str, lots: int, price_ticks: int) -> dict[str, int]:
    """Return what buying so many lots at a price changes in a book: the lots, and the cash that they cost.

    Example:
        >>> fill(snapshot({"PERP": 50_000}), "PERP", 2, 49_900)
        {'PERP': 2, 'USD': -99800}
    """
    return {instrument: lots, cash_id(market): -lots * market.listing(instrument).owed_at(price_ticks)}


@st.composite
def fills(
    draw: st.DrawFn, market: Snapshot, parties: Sequence[str], largest_lots: int = 20, fee_to: str | None = None
) -> dict[str, dict[str, int]]:
    """Draw a trade between two of the parties: by account, the change of its book. The changes sum to zero.

    Args:
        draw: Given by Hypothesis.
        market: The snapshot; only linear contracts that have not expired are traded.
        parties: At least two account names.
        largest_lots: Largest size of a fill.
        fee_to: An account that is paid a fee of the buyer's, as a third leg; nobody by default.
    """
    listing = draw(st.sampled_from(tradable(market)))
    buyer, seller = draw(st.permutations(list(parties)))[:2]
    lots = draw(st.integers(1, largest_lots))
    # Near the mark, as trades are; a price far off hands value over, which margin has to bear like any loss.
    near, far = st.integers(-2_000, 2_000), st.integers(-200_000, 200_000)
    offset_ppm = draw(st.one_of(near, near, far))
    price_ticks = max(1, listing.mark_ticks + listing.mark_ticks * offset_ppm // PPM)
    legs = {buyer: fill(market, listing.id, lots, price_ticks), seller: fill(market, listing.id, -lots, price_ticks)}
    if fee_to is not None and fee_to not in legs:
        cash, fee_units = cash_id(market), draw(st.integers(1, 100))
        legs[buyer][cash] -= fee_units
        legs[fee_to] = {cash: fee_units}
    return legs
