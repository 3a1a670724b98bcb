"""What a replay finds: per candle, in total, and as the few figures that runs are compared by."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from zkmargin.amounts import PPM
from zkmargin.risk.dynamic_margin import Procyclicality
from zkmargin.risk.replay_rules import ReplayRules


@dataclass(slots=True)
class Period:
    """What happened during one candle; times are unix seconds, amounts units."""

    time: int
    called: int = 0
    cured: int = 0
    ladders: int = 0
    backstopped: int = 0
    defaulted: int = 0
    liquidated_units: int = 0
    brought_units: int = 0
    haircut_units: int = 0
    uncovered_units: int = 0
    halted_moments: int = 0
    fund_units: int = 0
    queued_units: int = 0


@dataclass(frozen=True, slots=True)
class Refusal:
    """A price that the breakers refused, and what it would have done as a mark."""

    time: int
    name: str
    price_ticks: int
    mark_ticks: int
    spared: int


@dataclass(frozen=True, slots=True)
class Replay:
    """The result of one run.

    Args:
        rules: The rules of the venue.
        periods: One for each candle after the warm-up.
        accounts: How many accounts there were.
        called: Accounts that were called at least once.
        liquidated: Accounts of which something was sold, or that the fund took over.
        deposited_units: All equity at the start, the fund's included.
        fund_start_units: The fund at the start.
        refusals: Prices that the breakers refused.
        procyclicality: By instrument id.
        prices: Marks of every moment by instrument id, in ticks.
        decimals: By instrument id: a tick is 10^-decimals USD.
    """

    rules: ReplayRules
    periods: tuple[Period, ...]
    accounts: int
    called: int
    liquidated: int
    deposited_units: int
    fund_start_units: int
    refusals: tuple[Refusal, ...]
    procyclicality: Mapping[str, Procyclicality]
    prices: Mapping[str, tuple[int, ...]]
    decimals: Mapping[str, int]

    def total(self, name: str) -> int:
        """Return the sum of a column of the periods."""
        return sum(getattr(period, name) for period in self.periods)

    @property
    def peak(self) -> Period:
        """Return the period in which most was liquidated."""
        return max(self.periods, key=lambda period: period.liquidated_units)

    @property
    def peak_share_ppm(self) -> int:
        """Return the peak period's share of everything liquidated, rounded down; 0 if nothing was."""
        return self.peak.liquidated_units * PPM // max(1, self.total("liquidated_units"))

    @property
    def fund_drawdown_units(self) -> int:
        """Return the largest fall of the fund from a high before it, seen at the ends of the periods."""
        highest, deepest = self.fund_start_units, 0
        for period in self.periods:
            highest = max(highest, period.fund_units)
            deepest = max(deepest, highest - period.fund_units)
        return deepest

    @property
    def lost_units(self) -> int:
        """Return what the defaults cost everybody else: taken from gains or paid by nobody, less the fund's growth."""
        grown = self.periods[-1].fund_units - self.fund_start_units
        return self.total("haircut_units") + self.total("uncovered_units") - grown

    @property
    def queued_units(self) -> int:
        """Return the notional of forced orders that were still waiting at the end, the fund's included."""
        return self.periods[-1].queued_units
