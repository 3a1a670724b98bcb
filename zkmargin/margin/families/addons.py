"""What is charged on top of a scan or a tier table: size beside the market's depth, the way out, delay, a minimum.

Rule
----
    concentration     sum_i max_k ( rate_k * notional_i(q_i) - cum_k ),  steps at multiples of the daily volume of i
    close-out         sum_i half_spread_i * notional_i(q_i)
    latency           sum_i rate_i * notional_i(q_i),   rate_i = multiple * volatility_i * sqrt(seconds / year)
    minimum           the larger of a requirement and a fixed amount a lot

    with notional_i(q) = |q| * notional of a lot at the mark.

A concentration charge steepens with size, so it is lowered by spreading a position over accounts: f(x/2) + f(x/2) <
f(x). Where a venue knows which accounts belong together it asks them for one proof about their sum
(`circuits.groups`), which is charged f of the whole.

Units
-----
    settlement units; volumes in units a day, spreads and volatilities in ppm, time in whole seconds.

Rounding
--------
    Rates and steps against the holder: rates up, the notional from which on a steeper rate holds down.

Bounds
------
    Those of a tier table; rates must rise with the size.

Worked example
--------------
    Nothing up to a tenth of the daily volume of 100 million, 2 % above that and 10 % above a half:

        >>> steps = volume_table(100_000_000, [(0, 0), (100_000, 20_000), (500_000, 100_000)])
        >>> [steps.margin_scaled(notional) // 10**6 for notional in (10_000_000, 20_000_000, 60_000_000)]
        [0, 200000, 1800000]
        >>> latency_ppm(800_000, seconds=30, multiple_ppm=3_000_000)  # three deviations of 80 % a year
        2341
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from zkmargin.amounts import PPM, bounded, ceil_div
from zkmargin.margin.expressions import least_root
from zkmargin.market.expressions import Largest, Part, Size, Tiers, total
from zkmargin.market.forms import NOTIONAL, Affine, Expression, Sides
from zkmargin.market.parameters import MAX_LOSS_UNITS, Tier, TierTable

SECONDS_PER_YEAR = 365 * 86_400
MAX_SECONDS = SECONDS_PER_YEAR
MAX_VOLATILITY_PPM = 100 * PPM
MAX_MULTIPLE_PPM = 100 * PPM


def volume_table(volume_units: int, rows: Iterable[tuple[int, int]]) -> TierTable:
    """Return a table whose steps are shares of a daily volume.

    Args:
        volume_units: Traded notional a day, in units, at least 1.
        rows: Pairs of (share of the volume in ppm from which on, rate in ppm); the first share is 0.

    Raises:
        StatementError: if shares or rates do not rise: such a charge would not be convex.
    """
    bounded("volume_units", volume_units, 1, MAX_LOSS_UNITS)
    return TierTable(tuple(Tier(share_ppm * volume_units // PPM, rate_ppm) for share_ppm, rate_ppm in rows))


def concentration(tables: Mapping[str, TierTable]) -> Part:
    """Return the charge on positions that are large beside what is traded, by contract."""
    return Part("concentration", total(*(Tiers(_notional(name), table) for name, table in sorted(tables.items()))))


def close_out(half_spread_ppm: Mapping[str, int]) -> Part:
    """Return what it costs to cross the spread once, by instrument, in ppm of notional."""
    for name, rate_ppm in half_spread_ppm.items():
        bounded(f"half_spread_ppm of {name}", rate_ppm, 0, PPM)
    return Part("close-out", Sides(half_spread_ppm, half_spread_ppm, NOTIONAL))


def latency(volatility_ppm: Mapping[str, int], seconds: int, multiple_ppm: int) -> Part:
    """Return what prices may move between the mark of a proof and the end of a liquidation.

    Args:
        volatility_ppm: Standard deviation a year by contract, in ppm.
        seconds: From the mark to the end of the liquidation, 1 to a year.
        multiple_ppm: How many standard deviations, in ppm.
    """
    rates = {name: latency_ppm(value, seconds, multiple_ppm) for name, value in volatility_ppm.items()}
    return Part("latency", Sides(rates, rates, NOTIONAL))


def latency_ppm(volatility_ppm: int, seconds: int, multiple_ppm: int) -> int:
    """Return ``multiple * volatility * sqrt(seconds / year)`` in ppm, rounded up."""
    bounded("volatility_ppm", volatility_ppm, 0, MAX_VOLATILITY_PPM)
    bounded("seconds", seconds, 1, MAX_SECONDS)
    bounded("multiple_ppm", multiple_ppm, 0, MAX_MULTIPLE_PPM)
    squared = (volatility_ppm * multiple_ppm) ** 2 * seconds
    return least_root(ceil_div(squared, PPM**2 * SECONDS_PER_YEAR))


def with_minimum(name: str, of: Expression, minimum_units: Mapping[str, int]) -> Part:
    """Return the larger of a requirement and a fixed amount for every lot, long or short.

    Args:
        name: Name of the part.
        of: The requirement.
        minimum_units: Least requirement of one lot by instrument, at least 0.
    """
    for instrument, amount_units in minimum_units.items():
        bounded(f"minimum_units of {instrument}", amount_units, 0, MAX_LOSS_UNITS)
    return Part(name, Largest((of, Sides(minimum_units, minimum_units))))


def _notional(contract: str) -> Size:
    return Size(Affine({contract: PPM}, measure=NOTIONAL))
