"""A small synthetic market for demonstrations and tests: no file, no network, the same integers every time.

Cash, a coin as collateral, two perpetuals, a dated future, and eight options: a call and a put at two strikes, for two
expiries. Both margin models are present. Units and lots are those of `zkmargin.market.chains`; the ether lot is 0.01.
"""

from __future__ import annotations

from functools import cache

from zkmargin.market import chains, pricing
from zkmargin.market.instruments import Cash, Collateral, Linear, Option
from zkmargin.market.revaluation import Market
from zkmargin.market.scenarios import Scenario
from zkmargin.market.snapshot import Listing, Snapshot

VALID_FROM = 1_767_225_600  # 2026-01-01 00:00 UTC
FEBRUARY = 1_772_179_200  # 2026-02-27 08:00 UTC
MARCH = 1_774_598_400  # 2026-03-27 08:00 UTC

VOLATILITY_PPM = {80_000: 580_000, 100_000: 520_000}  # by strike in USD


@cache
def snapshot(*, scenarios: tuple[Scenario, ...] | None = None, venue: str = "sample") -> Snapshot:
    """Return the first snapshot of the market.

    Args:
        scenarios: The scenarios; SPAN's sixteen by default.
        venue: Identifier of the venue.

    Example:
        >>> market = snapshot()
        >>> [listing.id for listing in market.listings][:4]
        ['BTC', 'BTC-27FEB26-100000-C', 'BTC-27FEB26-100000-P', 'BTC-27FEB26-80000-C']
        >>> len(market.listings), market.value_per_lot("BTC-PERP")
        (13, 89995000)
    """
    linear = [
        Listing(Linear("BTC-PERP", chains.LINEAR_MULTIPLIER), 9_000_000, funding_ticks=500),
        Listing(Linear("BTC-27MAR26", chains.LINEAR_MULTIPLIER, MARCH), 9_090_000),
        Listing(Linear("ETH-PERP", 100), 300_000, funding_ticks=-20),
    ]
    coin = Listing(Collateral("BTC", chains.COLLATERAL_MULTIPLIER), 9_000_000, haircut_ppm=50_000)
    volatilities_ppm: dict[str, int] = {}
    options: list[Listing] = []
    for series, underlying, expiry in (("27FEB26", linear[0], FEBRUARY), ("27MAR26", linear[1], MARCH)):
        for strike, volatility_ppm in VOLATILITY_PPM.items():
            for right in ("call", "put"):
                name = f"BTC-{series}-{strike}-{right[0].upper()}"
                ticks = strike * chains.TICKS_PER_USD
                option = Option(name, chains.OPTION_MULTIPLIER, underlying.id, right, ticks, expiry)
                volatilities_ppm[name] = volatility_ppm
                mark_ticks = pricing.mark_ticks(option, underlying.mark_ticks, volatility_ppm, VALID_FROM)
                options.append(Listing(option, mark_ticks))
    listings = tuple(sorted([Listing(Cash("USD")), coin, *linear, *options], key=lambda listing: listing.id))
    return Snapshot(
        venue,
        1,
        VALID_FROM,
        listings,
        cross=chains.cross_parameters([listing.id for listing in linear]),
        scenario=pricing.scenario_parameters(1, listings, volatilities_ppm, VALID_FROM, scenarios=scenarios),
    )


def revaluation(currency: str = "BTC") -> Market:
    """Return the listings of one currency of the first snapshot, to revalue: what a family of models is built from.

    Example:
        >>> [future.id for future in revaluation("BTC").linear], len(revaluation("BTC").options)
        (['BTC-27MAR26', 'BTC-PERP'], 8)
    """
    listings = tuple(item for item in snapshot().listings if item.id.startswith(currency))
    options = [item.instrument for item in listings if isinstance(item.instrument, Option)]
    volatilities_ppm = {item.id: VOLATILITY_PPM[item.strike_ticks // chains.TICKS_PER_USD] for item in options}
    return Market(listings, volatilities_ppm, VALID_FROM)
