"""Margin that follows volatility without feeding it: the next public version of the parameters.

Rule
----
    For one instrument, from its volatility s_t in ppm a step:

        (1) model        M_t = multiple * s_t * sqrt(horizon)          horizon: margin period of risk, in steps
        (2) tool         one of the three of EMIR, or none
              buffer     T_t = min( (1 + b) M_t, max( M_t, R_(t-1) ) )                      b = 25 %
              stress     T_t = (1 - w) M_t + w * stressed                                   w = 25 %
              long run   T_t = max( M_t, long_run )      long_run: the margin of ten years' volatility
        (3) floor        F_t = max( T_t, floor )
        (4) speed limit  R_t = min( F_t, (1 + g) R_(t-1) )
        (5) notice       R_t takes effect `notice` seconds after it is published

    The buffer is charged in calm times and may be exhausted when margins rise: the rate stays where it is until the
    model has eaten the buffer up, and only then follows. It is whole again as soon as the model has fallen.

    The speed limit may hold the rate below the model. That is its price, and `procyclicality` counts it: a loss over
    the horizon above the rate in effect is a breach of coverage.

What becomes of a rate
----------------------
    `scaled` gives a published tier table the new first rate and keeps its shape; `concentrated` makes the shape from a
    market's liquidity. `next_cross` and `next_scenario` put them into the next version of the parameters, through the
    constructors that refuse a table that is not convex. Everything is public, so a proof costs what it did. But the
    parameters belong to the snapshot that every claim absorbs: each account has to prove again.

Liquidity and concentration
---------------------------
    A notional N that is sold at a public share of the volume takes N / V times the horizon when it is above
    V = participation * volume in the horizon, and a longer time needs a margin larger by its root:

        margin(N) = (rate + spread / 2) * N * sqrt( max(1, N / V) )

    The table is made of the chords between V, 2V, 4V, 8V and 16V: never below the formula up to 16 V.

Units
-----
    rates in ppm of notional, volatilities in ppm a step, volumes and notionals in units.

Rounding
--------
    Up, always: rates, tiers and chords.

Bounds
------
    rates up to 10^6 ppm: no table asks for more than the notional, and tiers beyond that are dropped.

Reference
---------
    Commission Delegated Regulation (EU) No 153/2013, article 28(1) a, b and c. The formula of the buffer is ours.

Worked example
--------------
    The model says 4 %, 4.6 %, 6 %, 4 %: the buffer turns that into 5 %, 5 %, 6 %, 5 %.

        >>> rules = RateRules(tool="buffer")
        >>> rates(rules, [40_000, 46_000, 60_000, 40_000])
        [50000, 50000, 60000, 50000]
        >>> rates(RateRules(speed_limit_ppm=100_000), [40_000, 46_000, 60_000, 40_000])
        [40000, 44000, 48400, 40000]
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from math import isqrt

from zkmargin.amounts import PPM, bounded, ceil_div
from zkmargin.errors import StatementError
from zkmargin.market import pricing
from zkmargin.market.instruments import MAX_TIME
from zkmargin.market.parameters import MAX_FLOOR_UNITS, CrossParameters, ScenarioParameters, Tier, TierTable
from zkmargin.market.scenarios import span16
from zkmargin.market.snapshot import Listing
from zkmargin.risk.volatility import MAX_VOLATILITY_PPM

TOOLS = ("none", "buffer", "stress", "long-run")
MULTIPLES = (1, 2, 4, 8, 16)
MAX_MULTIPLE_PPM = 100 * PPM
MAX_RATE_PPM = PPM


@dataclass(frozen=True, slots=True)
class RateRules:
    """The public rule from volatility to a rate.

    Args:
        multiple_ppm: How many deviations the rate covers.
        horizon: Margin period of risk in steps of the volatility.
        tool: ``"none"``, ``"buffer"``, ``"stress"`` or ``"long-run"``.
        buffer_ppm: b; 25 % at least is what the regulation asks for.
        stress_weight_ppm: w; the same.
        stressed_ppm: Rate of stressed observations, for ``"stress"``.
        long_run_ppm: Rate of ten years' volatility, for ``"long-run"``.
        floor_ppm: Least rate.
        speed_limit_ppm: g, the largest relative rise from one publication to the next; None for no limit.
        notice_seconds: Time between publication and effect.
    """

    multiple_ppm: int = 3 * PPM
    horizon: int = 1
    tool: str = "none"
    buffer_ppm: int = 250_000
    stress_weight_ppm: int = 250_000
    stressed_ppm: int = 0
    long_run_ppm: int = 0
    floor_ppm: int = 1
    speed_limit_ppm: int | None = None
    notice_seconds: int = 0

    def __post_init__(self) -> None:
        if self.tool not in TOOLS:
            raise StatementError(f"tool must be one of {', '.join(TOOLS)}, got {self.tool!r}")
        bounded("multiple_ppm", self.multiple_ppm, 1, MAX_MULTIPLE_PPM)
        bounded("horizon", self.horizon, 1, 1_000_000)
        bounded("buffer_ppm", self.buffer_ppm, 0, PPM)
        bounded("stress_weight_ppm", self.stress_weight_ppm, 0, PPM)
        bounded("stressed_ppm", self.stressed_ppm, 1 if self.tool == "stress" else 0, MAX_RATE_PPM)
        bounded("long_run_ppm", self.long_run_ppm, 1 if self.tool == "long-run" else 0, MAX_RATE_PPM)
        bounded("floor_ppm", self.floor_ppm, 1, MAX_RATE_PPM)
        bounded("notice_seconds", self.notice_seconds, 0, MAX_TIME)
        if self.speed_limit_ppm is not None:
            bounded("speed_limit_ppm", self.speed_limit_ppm, 1, MAX_MULTIPLE_PPM)


# ---- From volatility to a rate ---------------------------------------------------------------------------------------


def model_ppm(rules: RateRules, volatility_ppm: int) -> int:
    """Return ``multiple * volatility * sqrt(horizon)``, rounded up, at most 10^6 ppm.

    Example:
        >>> model_ppm(RateRules(horizon=4), 10_000)
        60000
    """
    bounded("volatility_ppm", volatility_ppm, 0, MAX_VOLATILITY_PPM)
    squared = (rules.multiple_ppm * volatility_ppm) ** 2 * rules.horizon  # (1)
    root = isqrt(squared)
    return min(MAX_RATE_PPM, ceil_div(root + (root * root < squared), PPM))


def next_rate(rules: RateRules, model: int, previous_ppm: int | None) -> int:
    """Return the rate to publish, from the model's and the one published before.

    Args:
        rules: The public rule.
        model: `model_ppm` now.
        previous_ppm: The rate before; None when there is none, and then nothing limits the first one.
    """
    bounded("model", model, 0, MAX_RATE_PPM)
    tooled = model
    if rules.tool == "buffer":  # (2)
        whole = ceil_div(model * (PPM + rules.buffer_ppm), PPM)
        tooled = whole if previous_ppm is None else min(whole, max(model, previous_ppm))
    elif rules.tool == "stress":
        weight = rules.stress_weight_ppm
        tooled = ceil_div(model * (PPM - weight) + rules.stressed_ppm * weight, PPM)
    elif rules.tool == "long-run":
        tooled = max(model, rules.long_run_ppm)
    rate = min(MAX_RATE_PPM, max(tooled, rules.floor_ppm))  # (3)
    if previous_ppm is None or rules.speed_limit_ppm is None:
        return rate
    return min(rate, ceil_div(previous_ppm * (PPM + rules.speed_limit_ppm), PPM))  # (4)


def rates(rules: RateRules, models: Sequence[int]) -> list[int]:
    """Return the rates published one after the other for a series of `model_ppm`."""
    found: list[int] = []
    for model in models:
        found.append(next_rate(rules, model, found[-1] if found else None))
    return found


def in_effect(rules: RateRules, published: Sequence[tuple[int, int]], now: int) -> int:
    """Return the rate in effect at `now` of (time of publication, rate) pairs in order; the first is in effect at once.

    Example:
        >>> in_effect(RateRules(notice_seconds=3_600), [(0, 40_000), (600, 50_000)], 4_199)
        40000
    """
    bounded("number of published rates", len(published), 1, MAX_TIME)
    due = [rate for time, rate in published if time + rules.notice_seconds <= now]  # (5)
    return due[-1] if due else published[0][1]


# ---- From a rate to parameters ---------------------------------------------------------------------------------------


def scaled(table: TierTable, rate_ppm: int) -> TierTable:
    """Return the table of the same shape whose first rate is `rate_ppm`; rates round up and stay at most 10^6 ppm.

    Raises:
        StatementError: if the table's first rate is 0 or `rate_ppm` is out of its bound.

    Example:
        >>> [tier.rate_ppm for tier in scaled(TierTable((Tier(0, 5_000), Tier(10, 10_000))), 7_501).tiers]
        [7501, 15002]
    """
    base = bounded("first rate of the table", table.tiers[0].rate_ppm, 1, PPM)
    bounded("rate_ppm", rate_ppm, 1, MAX_RATE_PPM)
    return _table([(tier.floor_units, ceil_div(tier.rate_ppm * rate_ppm, base)) for tier in table.tiers])


@dataclass(frozen=True, slots=True)
class Liquidity:
    """What a market can take.

    Args:
        volume_units: Notional traded in one margin period of risk.
        participation_ppm: Share of it that a close-out may be.
        spread_ppm: Difference between bid and ask.
    """

    volume_units: int
    participation_ppm: int = 100_000
    spread_ppm: int = 0

    def __post_init__(self) -> None:
        bounded("participation_ppm", self.participation_ppm, 1, PPM)
        bounded("spread_ppm", self.spread_ppm, 0, PPM)
        bounded("volume_units", self.volume_units, 1, MAX_FLOOR_UNITS // MULTIPLES[-1])
        bounded("participation * volume", self.capacity_units, 1, MAX_FLOOR_UNITS)

    @property
    def capacity_units(self) -> int:
        """Return V, what can be sold within the margin period of risk, rounded down."""
        return self.volume_units * self.participation_ppm // PPM


def concentrated(rate_ppm: int, liquidity: Liquidity) -> TierTable:
    """Return the tier table of a rate in a market: half the spread on top, and rising rates beyond what it can take.

    Example:
        >>> [(tier.floor_units, tier.rate_ppm) for tier in concentrated(50_000, Liquidity(10_000)).tiers]
        [(0, 50000), (1000, 91422), (2000, 129290), (4000, 182843), (8000, 258579)]
    """
    bounded("rate_ppm", rate_ppm, 1, MAX_RATE_PPM)
    rate = min(MAX_RATE_PPM, rate_ppm + ceil_div(liquidity.spread_ppm, 2))
    tiers = [(0, rate)]
    for below, above in pairwise(MULTIPLES):
        rise = _power(above, up=True) - _power(below, up=False)
        tiers.append((below * liquidity.capacity_units, ceil_div(rate * rise, (above - below) * PPM)))
    return _table(tiers)


def next_cross(
    parameters: CrossParameters, maintenance: Mapping[str, TierTable], initial_ppm: int = 2 * PPM
) -> CrossParameters:
    """Return the next version of cross parameters.

    Args:
        parameters: The version in force.
        maintenance: New tables by instrument id; instruments that are left out keep both of theirs.
        initial_ppm: Initial rates as a multiple of the new maintenance rates, at least 10^6.

    Raises:
        StatementError: if an instrument has no table yet, or there is no version left.
    """
    bounded("initial_ppm", initial_ppm, PPM, MAX_MULTIPLE_PPM)
    for name in sorted(maintenance.keys() - parameters.maintenance.keys()):
        raise StatementError(f"{name} must have a tier table in version {parameters.version}")
    initial = {
        name: _table([(tier.floor_units, ceil_div(tier.rate_ppm * initial_ppm, PPM)) for tier in table.tiers])
        for name, table in maintenance.items()
    }
    return replace(
        parameters,
        version=parameters.version + 1,
        maintenance={**parameters.maintenance, **maintenance},
        initial={**parameters.initial, **initial},
    )


def next_scenario(
    parameters: ScenarioParameters,
    listings: Sequence[Listing],
    volatilities_ppm: Mapping[str, int],
    now: int,
    *,
    price_range_ppm: int,
    volatility_range_ppm: int = 250_000,
    minimum_ppm: int = 10_000,
) -> ScenarioParameters:
    """Return the next version of a risk array: SPAN's sixteen scenarios over a new price scan range.

    Args:
        parameters: The version in force; its initial multiple and capacity stay.
        listings: The market, with the underlying of every option in it.
        volatilities_ppm: Implied volatility of every option by id.
        now: Unix seconds.
        price_range_ppm: The price scan range, a rate of this module.
        volatility_range_ppm: The volatility scan range.
        minimum_ppm: Least requirement of a short option as a fraction of its forward.

    Raises:
        StatementError: as `pricing.scenario_parameters`.
    """
    return pricing.scenario_parameters(
        parameters.version + 1,
        listings,
        volatilities_ppm,
        now,
        scenarios=span16(bounded("price_range_ppm", price_range_ppm, 1, PPM // 2 - 1), volatility_range_ppm),
        minimum_ppm=minimum_ppm,
        initial_ppm=parameters.initial_ppm,
        capacity_bits=parameters.capacity_bits,
    )


def _table(tiers: Sequence[tuple[int, int]]) -> TierTable:
    """Return a table whose rates rise by at least 1 ppm, without the tiers that would ask for more than 10^6 ppm."""
    kept: list[Tier] = []
    for floor_units, rate_ppm in tiers:
        lowest = kept[-1].rate_ppm + 1 if kept else 0
        if lowest > MAX_RATE_PPM:
            break
        kept.append(Tier(floor_units, min(MAX_RATE_PPM, max(lowest, rate_ppm))))
    return TierTable(tuple(kept))


def _power(multiple: int, *, up: bool) -> int:
    """Return ``multiple^(3/2)`` in ppm, rounded in the stated direction."""
    squared = multiple**3 * PPM**2
    root = isqrt(squared)
    return root + (up and root * root < squared)


# ---- How procyclical it was ------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Procyclicality:
    """What a series of rates did to those who had to pay it, and whether it was enough.

    Args:
        peak_to_trough_ppm: Highest rate over lowest, rounded up; 10^6 says that the rate never moved.
        rise_1_ppm: Largest relative rise within 1 step, rounded up.
        rise_5_ppm: Largest relative rise within 5 steps, rounded up.
        breaches: Steps whose loss over the horizon was above the rate.
        steps: Steps whose loss is known.
        mean_ppm: Mean rate, rounded up.
    """

    peak_to_trough_ppm: int
    rise_1_ppm: int
    rise_5_ppm: int
    breaches: int
    steps: int
    mean_ppm: int


def moves(prices_ticks: Sequence[int], horizon: int) -> list[int]:
    """Return the largest relative move from each price within the next `horizon`, in ppm rounded up.

    The last `horizon` prices have none: their future is not known.

    Example:
        >>> moves([100, 90, 105, 100], 2)
        [100000, 166667]
    """
    bounded("horizon", horizon, 1, 1_000_000)
    found = []
    for index in range(len(prices_ticks) - horizon):
        start = prices_ticks[index]
        later = prices_ticks[index + 1 : index + horizon + 1]
        found.append(max(ceil_div(abs(price - start) * PPM, start) for price in later))
    return found


def procyclicality(rates_ppm: Sequence[int], moves_ppm: Sequence[int]) -> Procyclicality:
    """Return the measures of a series of rates in effect.

    Args:
        rates_ppm: The rate in effect at each step, positive.
        moves_ppm: The loss over the horizon from each step on, as `moves` gives them; the last may be missing.
    """
    bounded("number of rates", len(rates_ppm), 1, MAX_TIME)
    bounded("number of moves", len(moves_ppm), 0, len(rates_ppm))
    return Procyclicality(
        peak_to_trough_ppm=ceil_div(max(rates_ppm) * PPM, min(rates_ppm)),
        rise_1_ppm=_rise(rates_ppm, 1),
        rise_5_ppm=_rise(rates_ppm, 5),
        breaches=sum(move > rate for move, rate in zip(moves_ppm, rates_ppm, strict=False)),
        steps=len(moves_ppm),
        mean_ppm=ceil_div(sum(rates_ppm), len(rates_ppm)),
    )


def _rise(rates_ppm: Sequence[int], steps: int) -> int:
    """Return the largest relative rise from a rate to one at most `steps` later, in ppm rounded up."""
    rises = [
        ceil_div((later - rate) * PPM, rate)
        for index, rate in enumerate(rates_ppm)
        for later in rates_ppm[index + 1 : index + steps + 1]
    ]
    return max(0, *rises) if rises else 0
