"""Snapshots from public market data in CSV files: an options chain, hourly candles, maintenance brackets.

Units
-----
    unit         10^-6 USD; cash is called "USD"
    tick         0.01 USD in an options chain; 10^-decimals USD for candles
    lots         options 0.1 BTC, futures and perpetuals 0.001 BTC, collateral 0.0001 BTC

so that one tick of one lot is 1,000, 10 and 1 units: every multiplier is an integer, and so is every value.

Rounding
--------
    Forwards and option marks round down to ticks. Strikes, candle closes and brackets must be whole, or are refused.

What becomes of Deribit's options
---------------------------------
    Deribit quotes, margins and settles these options in BTC. Here they are ordinary options in USD, marked at
    ``mark_price_btc * underlying_price``: the payoff ``max(0, S - K) / S`` in BTC is worth ``max(0, S - K)`` in USD
    when it is paid, so value and payoff agree, and only the currency risk of holding the proceeds in BTC is left out.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from zkmargin.amounts import PPM, Rounding, bounded
from zkmargin.errors import StatementError
from zkmargin.market import pricing, tables
from zkmargin.market.instruments import Cash, Collateral, Linear, Option
from zkmargin.market.parameters import CrossParameters, Tier, TierTable
from zkmargin.market.revaluation import Market
from zkmargin.market.scenarios import UNSHOCKED, Scenario
from zkmargin.market.snapshot import Listing, Snapshot

UNITS_PER_USD = 1_000_000
TICKS_PER_USD = 100
OPTION_MULTIPLIER = 1_000
LINEAR_MULTIPLIER = 10
COLLATERAL_MULTIPLIER = 1
HOUR = 3_600

MAINTENANCE = TierTable(
    (
        Tier(0, 5_000),
        Tier(1_000_000 * UNITS_PER_USD, 10_000),
        Tier(10_000_000 * UNITS_PER_USD, 25_000),
        Tier(50_000_000 * UNITS_PER_USD, 50_000),
    )
)
INITIAL = TierTable(tuple(Tier(tier.floor_units, 2 * tier.rate_ppm) for tier in MAINTENANCE.tiers))

CHAIN_COLUMNS = (
    "snapshot_time_utc_inferred",
    "instrument_name",
    "type",
    "expiry_time_utc",
    "strike",
    "underlying_price",
    "mark_price_btc",
    "mark_iv_pct",
    "bid_btc",
    "ask_btc",
    "open_interest_btc",
)
CANDLE_COLUMNS = ("open_time_utc", "open", "high", "low", "close", "volume_base")
BRACKET_COLUMNS = (
    "symbol",
    "bracket",
    "notional_floor",
    "notional_cap",
    "max_leverage",
    "maint_margin_ratio",
    "cum",
)


@dataclass(frozen=True, slots=True)
class _Quote:
    option: Option
    forward_ticks: int
    mark_ticks: int
    volatility_ppm: int
    time: int


def from_deribit(
    path: Path,
    *,
    expiries: int = 2,
    strikes: int = 8,
    haircut_ppm: int = 50_000,
    scenarios: Sequence[Scenario] | None = None,
    venue: str = "deribit-replay",
    epoch: int = 1,
) -> Snapshot:
    """Return the market of an options chain: cash, the coin as collateral, a perpetual, a future per expiry, options.

    A future is marked at the first forward that the file gives for its expiry; the perpetual and the coin like the
    nearest future. Both margin models are present.

    Args:
        path: CSV file with the columns `CHAIN_COLUMNS`.
        expiries: How many expiries to list, nearest first.
        strikes: How many strikes to list per expiry, nearest to the forward first, with a call and a put each.
        haircut_ppm: Haircut of the coin.
        scenarios: The scenarios; SPAN's sixteen by default.
        venue: Identifier of the venue.
        epoch: Number of the epoch.

    Raises:
        EncodingError: if the file is not such a table.
        StatementError: naming the row and column that break a rule, or if more than 4,096 instruments would be listed.
    """
    quotes = _select([_quote(row) for row in tables.read(path, CHAIN_COLUMNS)], expiries, strikes)
    if not quotes:
        raise StatementError(f"{path.name} must have at least one option to list")
    now = quotes[0].time
    if any(quote.time != now or quote.option.expiry <= now for quote in quotes):
        raise StatementError(f"{path.name} must be one chain, taken at one time before every expiry")
    linear = _linear_listings(quotes)
    listed = [Listing(quote.option, quote.mark_ticks) for quote in quotes]
    coin = Listing(_coin(quotes), linear[0].mark_ticks, haircut_ppm=haircut_ppm)
    listings = tuple(sorted([Listing(Cash("USD")), coin, *linear, *listed], key=lambda listing: listing.id))
    volatilities_ppm = {quote.option.id: quote.volatility_ppm for quote in quotes}
    return Snapshot(
        venue,
        epoch,
        valid_from=now,
        listings=listings,
        cross=cross_parameters([listing.id for listing in linear]),
        scenario=pricing.scenario_parameters(1, listings, volatilities_ppm, now, scenarios=scenarios),
    )


def revaluation(path: Path, *, expiries: int = 2, strikes: int = 8, haircut_ppm: int = 50_000) -> Market:
    """Return the listings of `from_deribit` with their volatilities: what a family of models is built from.

    Raises:
        EncodingError: as `from_deribit`.
        StatementError: as `from_deribit`.
    """
    listed = from_deribit(path, expiries=expiries, strikes=strikes, haircut_ppm=haircut_ppm, scenarios=[UNSHOCKED])
    quotes = (_quote(row) for row in tables.read(path, CHAIN_COLUMNS))
    kept = {item.id for item in listed.listings}
    volatilities_ppm = {item.option.id: item.volatility_ppm for item in quotes if item.option.id in kept}
    return Market(listed.listings, volatilities_ppm, listed.valid_from)


@dataclass(frozen=True, slots=True)
class Candles:
    """A perpetual and the hourly candles that price it.

    Args:
        id: Name of the perpetual.
        path: CSV file with the columns `CANDLE_COLUMNS`.
        decimals: A tick is ``10^-decimals`` USD.
        multiplier: Units per tick per lot.
    """

    id: str
    path: Path
    decimals: int = 2
    multiplier: int = LINEAR_MULTIPLIER

    def __post_init__(self) -> None:
        bounded(f"{self.id}.decimals", self.decimals, 0, 12)


def from_candles(
    contracts: Sequence[Candles], *, venue: str = "candle-replay", first_epoch: int = 1
) -> Iterator[Snapshot]:
    """Yield one snapshot per hour: perpetuals marked at the close of each candle, valid from its end, chained.

    Raises:
        EncodingError: if a file is not such a table.
        StatementError: naming the row and column that break a rule, or if the files do not cover the same hours.
    """
    hours = [_closes(contract) for contract in contracts]
    if any(list(closes) != list(hours[0]) for closes in hours):
        raise StatementError("candle files must cover the same hours")
    cross = cross_parameters([contract.id for contract in contracts])
    snapshot: Snapshot | None = None
    for time in hours[0]:
        marks = {contract.id: closes[time] for contract, closes in zip(contracts, hours, strict=True)}
        if snapshot is None:
            perpetuals = [Listing(Linear(item.id, item.multiplier), marks[item.id]) for item in contracts]
            listings = sorted([Listing(Cash("USD")), *perpetuals], key=lambda listing: listing.id)
            snapshot = Snapshot(venue, first_epoch, time, tuple(listings), cross=cross)
        else:
            snapshot = snapshot.next(time, marks)
        yield snapshot


def brackets(path: Path) -> dict[str, TierTable]:
    """Return the maintenance table of every symbol in a CSV file with the columns `BRACKET_COLUMNS`.

    Raises:
        EncodingError: if the file is not such a table.
        StatementError: if brackets leave a gap, are not convex, or publish a `cum` that is not continuous.
    """
    found: dict[str, list[tuple[int, int, int]]] = {}
    caps: dict[str, int] = {}
    for row in tables.read(path, BRACKET_COLUMNS):
        symbol = row.text("symbol")
        floor_units = row.exact("notional_floor", UNITS_PER_USD)
        if floor_units != caps.get(symbol, 0):
            raise row.fault("notional_floor", "must be the cap of the bracket before")
        caps[symbol] = row.exact("notional_cap", UNITS_PER_USD)
        found.setdefault(symbol, []).append(
            (floor_units, row.exact("maint_margin_ratio", PPM), row.exact("cum", UNITS_PER_USD))
        )
    return {symbol: TierTable.published(rows) for symbol, rows in found.items()}


def cross_parameters(names: Sequence[str]) -> CrossParameters:
    """Return cross parameters with the tables `MAINTENANCE` and `INITIAL` for every name."""
    return CrossParameters(1, dict.fromkeys(names, MAINTENANCE), dict.fromkeys(names, INITIAL))


def _quote(row: tables.Row) -> _Quote:
    name, right = row.text("instrument_name"), row.choice("type", "call", "put")
    strike = row.exact("strike", 1)
    future, suffix = name.rsplit("-", 2)[0], f"-{strike}-{right[0].upper()}"
    if name != future + suffix:
        raise row.fault("instrument_name", f"must end with {suffix}")
    # BTC amounts have 8 decimals; the product with a forward of 8 decimals is exact and rounds once.
    mark = row.exact("mark_price_btc", 10**8) * row.decimal("underlying_price", 10**8, Rounding.DOWN)
    expiry = row.time("expiry_time_utc")
    return _Quote(
        option=Option(name, OPTION_MULTIPLIER, future, right, strike * TICKS_PER_USD, expiry),
        forward_ticks=row.decimal("underlying_price", TICKS_PER_USD, Rounding.DOWN),
        mark_ticks=mark * TICKS_PER_USD // 10**16,
        volatility_ppm=row.exact("mark_iv_pct", PPM // 100),
        time=row.time("snapshot_time_utc_inferred"),
    )


def _select(quotes: list[_Quote], expiries: int, strikes: int) -> list[_Quote]:
    kept: list[_Quote] = []
    for expiry in sorted({quote.option.expiry for quote in quotes})[: bounded("expiries", expiries, 1, 1_024)]:
        series = [quote for quote in quotes if quote.option.expiry == expiry]
        forward_ticks = series[0].forward_ticks
        ranked = sorted({quote.option.strike_ticks for quote in series}, key=lambda strike: abs(strike - forward_ticks))
        near = set(ranked[: bounded("strikes", strikes, 1, 1_024)])
        kept += [quote for quote in series if quote.option.strike_ticks in near]
    return kept


def _linear_listings(quotes: list[_Quote]) -> list[Listing]:
    """Return the perpetual, then the futures, nearest first."""
    futures: dict[str, Listing] = {}
    for quote in quotes:
        future = Linear(quote.option.underlying, LINEAR_MULTIPLIER, quote.option.expiry)
        futures.setdefault(future.id, Listing(future, quote.forward_ticks))
    nearest = next(iter(futures.values()))
    perpetual = Linear(f"{_coin(quotes).id}-PERPETUAL", LINEAR_MULTIPLIER)
    return [Listing(perpetual, nearest.mark_ticks), *futures.values()]


def _coin(quotes: list[_Quote]) -> Collateral:
    return Collateral(quotes[0].option.underlying.split("-")[0], COLLATERAL_MULTIPLIER)


def _closes(contract: Candles) -> dict[int, int]:
    closes: dict[int, int] = {}
    for row in tables.read(contract.path, CANDLE_COLUMNS):
        time = row.time("open_time_utc") + HOUR
        if closes and time != next(reversed(closes)) + HOUR:
            raise row.fault("open_time_utc", "must be one hour after the row before")
        closes[time] = row.exact("close", 10**contract.decimals)
    return closes
