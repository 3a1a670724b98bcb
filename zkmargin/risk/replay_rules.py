"""The public rules of a venue whose market is replayed: margin policy, breakers, throttle, fund, calls."""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import isqrt

from zkmargin.amounts import PPM, bounded
from zkmargin.errors import StatementError
from zkmargin.market.instruments import MAX_TIME
from zkmargin.risk import dynamic_margin
from zkmargin.risk.breakers import BreakerRules, HaltTier
from zkmargin.risk.dynamic_margin import RateRules
from zkmargin.risk.liquidation import LadderRules

YEAR = 365 * 86_400
LONG_RUN_ANNUAL_PPM = 800_000
STRESSED_ANNUAL_PPM = 2_000_000
MARGIN_PERIOD_SECONDS = 4 * 3_600
POLICIES = ("static", "dynamic", "buffer", "stress", "long-run")
LADDER = LadderRules()

# Wider than the defaults of `BreakerRules`, which are those of stock indices: these assets move 5 % in an hour often.
CRYPTO = BreakerRules(
    band_ppm=200_000,
    pause_seconds=900,
    tiers=(HaltTier(250_000, 900), HaltTier(400_000, 1_800)),
    collars_ppm=(200_000, 400_000, 700_000),
    stage_seconds=900,
)
# Bad ticks alone: a band as wide as a bad tick, and no halt.
TICKS = BreakerRules(band_ppm=500_000, look_back_seconds=0, tiers=(), halts=False)
BREAKERS: dict[str, BreakerRules | None] = {"full": CRYPTO, "ticks": TICKS, "off": None}


@dataclass(frozen=True, slots=True)
class ReplayRules:
    """The public rules of the venue that is replayed.

    Args:
        policy: ``"static"``: rates stay as the warm-up leaves them. ``"dynamic"``: they follow EWMA. ``"buffer"``,
            ``"stress"``, ``"long-run"``: the same with one tool against procyclicality.
        breaker: Breaker of every instrument; None takes every price as a mark.
        theta_ppm: Released forced orders as a share of the volume of a moment.
        slippage_ppm: How much worse than the mark forced orders trade.
        fee_ppm: Fee of forced orders, to the fund.
        fund_ppm: The fund at the start, as a share of all equity.
        cure_seconds: Cure period of a call.
        curing_ppm: Probability that an account cures its calls.
        warm_up: Candles before the accounts open.
        decay_ppm: Decay of EWMA.
        notice_seconds: Notice before new rates take effect.
        ladder: Levels and sizes of the ladder.
    """

    policy: str = "static"
    breaker: BreakerRules | None = CRYPTO
    theta_ppm: int = 100_000
    slippage_ppm: int = 5_000
    fee_ppm: int = 2_500
    fund_ppm: int = 10_000
    cure_seconds: int = 1_800
    curing_ppm: int = 250_000
    warm_up: int = 24
    decay_ppm: int = 970_000
    notice_seconds: int = 3_600
    ladder: LadderRules = LADDER

    def __post_init__(self) -> None:
        if self.policy not in POLICIES:
            raise StatementError(f"margin policy must be one of {', '.join(POLICIES)}, got {self.policy!r}")
        for name in ("theta_ppm", "slippage_ppm", "fee_ppm", "fund_ppm", "curing_ppm"):
            bounded(name, getattr(self, name), 0, PPM - 1 if name == "slippage_ppm" else PPM)
        bounded("warm_up", self.warm_up, 2, 100_000)
        bounded("cure_seconds", self.cure_seconds, 0, MAX_TIME)

    def rates(self, step_seconds: int) -> RateRules:
        """Return the rule from volatility to a rate for candles of a length."""
        horizon = max(1, MARGIN_PERIOD_SECONDS // step_seconds)
        plain = RateRules(horizon=horizon, floor_ppm=10_000, notice_seconds=self.notice_seconds)
        stressed, long_run = (
            dynamic_margin.model_ppm(plain, isqrt(annual**2 * step_seconds // YEAR) + 1)
            for annual in (STRESSED_ANNUAL_PPM, LONG_RUN_ANNUAL_PPM)
        )
        tool = "none" if self.policy in ("static", "dynamic") else self.policy
        return replace(plain, tool=tool, stressed_ppm=stressed, long_run_ppm=long_run)
