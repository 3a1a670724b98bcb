"""The controls of a venue inside a simulation: throttle, ladder, breaker, dynamic margin.

The rules are those of `zkmargin.risk.liquidation` and `zkmargin.risk.breakers`; the engine applies them to arrays.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

from zkmargin.amounts import PPM, bounded
from zkmargin.risk.breakers import BreakerRules
from zkmargin.risk.cascade.parameters import FOREVER, Checked, Limits
from zkmargin.risk.dynamic_margin import RateRules
from zkmargin.risk.liquidation import LadderRules

MAX_RATIO_TERM = 7  # so that a ratio of two amounts at scale 10^6 is compared below 2^63


@dataclass(frozen=True, slots=True)
class Dynamic(Checked):
    """Margin that follows the public volatility of each market (`Impact.volatility_memory`).

    Args:
        rules: From volatility to the first rate of a table, as `zkmargin.risk.dynamic_margin` has it. The tables of the
            model are the least: a lower rate is not published.
        every_steps: Steps between two publications.
    """

    limits: ClassVar[Limits] = {"every_steps": (1, FOREVER)}
    rules: RateRules = field(default_factory=RateRules)
    every_steps: int = 15


@dataclass(frozen=True, slots=True)
class Controls(Checked):
    """What a venue does about a cascade.

    Args:
        throttle_ppm: Forced flow released in a step, as a share of the depth in calm; None for no throttle.
        ladder: How a position is closed; the terms of its ratios are at most 7, and its trigger is not used: an account
            is liquidated when it fails to prove.
        breaker: Bad ticks, band, halts and re-opening of every market; None to believe every price.
        dynamic: Dynamic margin, or None for static margin.
    """

    limits: ClassVar[Limits] = {"throttle_ppm": (1, PPM)}
    throttle_ppm: int | None = None
    ladder: LadderRules = field(default_factory=LadderRules)
    breaker: BreakerRules | None = None
    dynamic: Dynamic | None = None

    def __post_init__(self) -> None:
        super(Controls, self).__post_init__()
        for ratio in (self.ladder.backstop, self.ladder.restore):
            bounded("terms of a ladder's ratio", max(ratio.numerator, ratio.denominator), 1, MAX_RATIO_TERM)
