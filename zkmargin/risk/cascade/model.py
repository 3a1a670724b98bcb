"""One model: what is simulated, checked as a whole, and a few that are built in.

Units
-----
    The built-in models count in cents: a tick of a lot is worth one cent. Their size is that of the market that
    `docs/models/calibration.md` describes.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from zkmargin.amounts import bounded
from zkmargin.market.parameters import Tier, TierTable
from zkmargin.risk.cascade.controls import Controls
from zkmargin.risk.cascade.parameters import (
    MAX_MARKETS,
    Behaviour,
    Coin,
    Contract,
    Crowd,
    Faults,
    Impact,
    Market,
    Proving,
    check_names,
    check_numbers,
)
from zkmargin.risk.shocks import MAX_STEPS, Shocks

USD = 100  # units
MILLION = 1_000_000 * USD
BILLION = 1_000 * MILLION

MAINTENANCE = TierTable((Tier(0, 5_000), Tier(MILLION, 10_000), Tier(10 * MILLION, 25_000), Tier(50 * MILLION, 50_000)))
INITIAL = TierTable(tuple(Tier(tier.floor_units, 2 * tier.rate_ppm) for tier in MAINTENANCE.tiers))


@dataclass(frozen=True, slots=True)
class Model:
    """Everything that a simulation depends on, except seed and number of paths.

    Raises:
        StatementError: if a part names a market, an asset or a venue that does not exist, or a bound is broken.
    """

    markets: tuple[Market, ...]
    shocks: Shocks = field(default_factory=Shocks)
    steps: int = 240
    step_seconds: int = 60
    coins: tuple[Coin, ...] = ()
    contracts: tuple[Contract, ...] = ()
    crowd: Crowd = field(default_factory=Crowd)
    fund_units: int = 50 * MILLION
    impact: Impact = field(default_factory=Impact)
    controls: Controls = field(default_factory=Controls)
    behaviour: Behaviour = field(default_factory=Behaviour)
    proving: Proving = field(default_factory=Proving)
    faults: Faults = field(default_factory=Faults)

    def __post_init__(self) -> None:
        count = bounded("number of markets", len(self.markets), 1, MAX_MARKETS)
        bounded("steps", self.steps, 1, MAX_STEPS)
        bounded("step_seconds", self.step_seconds, 1, 86_400)
        bounded("fund_units", self.fund_units, 0, 2**52)
        assets = len(self.shocks.betas)
        check_numbers("asset of a market", tuple(market.asset for market in self.markets), assets)
        check_numbers("asset of a coin", tuple(coin.asset for coin in self.coins if coin.asset >= 0), assets)
        check_numbers("market of a contract", tuple(contract.market for contract in self.contracts), count)
        check_numbers("venue of a market", tuple(market.venue for market in self.markets), len(self.venues))
        check_names("impact.law", self.impact.law, "linear", "square_root")
        if self.crowd.writer_share_ppm and not self.contracts:
            check_numbers("market of a contract", (0,), 0)

    @property
    def venues(self) -> tuple[int, ...]:
        """Return the numbers of the venues, ascending."""
        return tuple(sorted({market.venue for market in self.markets}))

    def of_venue(self, venue: int) -> tuple[int, ...]:
        """Return the numbers of the markets of a venue."""
        return tuple(number for number, market in enumerate(self.markets) if market.venue == venue)


def bitcoin(depth_units: int = 200 * BILLION, crowd: Crowd | None = None) -> Model:
    """Return one venue with one contract: a tick is 1 USD, a lot 0.01 coin."""
    market = Market("BTC-PERP", 0, 0, 100_000, 1, depth_units, MAINTENANCE, INITIAL)
    return Model((market,), crowd=crowd or Crowd(open_interest_units=20 * BILLION))


def three_assets(accounts: int = 3_000) -> Model:
    """Return two venues and three assets, thinner as they get smaller, with coins, options and cross accounts."""
    sizes = ((100_000, 1, 160 * BILLION), (40_000, 1, 120 * BILLION), (10_000, 1, 60 * BILLION))
    names = ("BTC", "ETH", "ALT")
    markets = tuple(
        Market(f"{name}-{venue}", asset, venue, ticks, multiplier, depth // (1 + venue), MAINTENANCE, INITIAL)
        for venue in (0, 1)
        for asset, (name, (ticks, multiplier, depth)) in enumerate(zip(names, sizes, strict=True))
    )
    coins = (
        Coin("BTC", 0, 100_000, 1, 50_000),
        Coin("TOKEN", -1, 10_000, 1, 20_000),
    )
    contracts = (
        Contract(0, "put", 900_000, dealers_short_lots=200_000),
        Contract(0, "call", 1_100_000, dealers_short_lots=0),
    )
    return Model(
        markets,
        Shocks(betas=(1.0, 1.3, 2.0), jump_rate=1 / 240, jump_mean=-0.02, jump_deviation=0.02),
        coins=coins,
        contracts=contracts,
        crowd=Crowd(
            accounts=accounts,
            open_interest_units=8 * BILLION,
            cross_share_ppm=150_000,
            coin_share_ppm=250_000,
            writer_share_ppm=40_000,
        ),
        behaviour=Behaviour(herding=0.1, panic=1.5, stop_share_ppm=50_000),
    )
