"""Risk measures as margin: expected shortfall over historical scenarios, and value at risk from a covariance.

Rule
----
    historical   returns r_1 .. r_N of the past, ascending in time, asked about again at today's prices
    filtered     r_n * s_now / s_n: scaled by today's volatility over that of its own day, exponentially weighted,
                 v_(n+1) = w v_n + (1 - w) r_n^2,  s = sqrt(v),  v_1 the mean of all r^2
    shortfall    mean of the worst losses over them: `families.scan.shortfall`, on `revalued` arrays
    parametric   z * sqrt( f' S f ),   f_j = sum_i exposure_ij q_i,   S a public covariance of factor returns

`parametric` is value at risk or expected shortfall under normal returns, as z says: `VALUE_AT_RISK_PPM` and
`SHORTFALL_PPM` by level. S is split exactly into ``S = sum_k d_k l_k l_k'`` with rational l and d, so that

    f' S f = sum_k ( sum_i A_ki q_i )^2 / z^2,      A_ki = z sqrt(d_k) sum_j l_jk exposure_ij

Units
-----
    returns in ppm; S in ppm^2 of the return over the margin period; exposures in units per lot, the notional for a
    future and the delta in notional for an option; z in ppm.

Rounding
--------
    Returns away from zero, by less than a ppm. A_ki to the nearest unit, an error of at most 1/2, so that a lot's
    column of K inexact loadings errs by at most sqrt(K)/2 in length. That much, rounded up, is charged a lot on top:
    the charge is never below the exact one, and above it by at most ``1 + 2 sum_i ceil(sqrt(K_i)/2) |q_i|`` units.

Bounds
------
    At most 1,024 returns. A covariance must be symmetric and have no negative direction, which is decided exactly.

Worked example
--------------
    Two independent factors with deviations of 3 % and 4 %, one lot exposed to 100 units of each: 1 * 5 units.

    >>> from zkmargin.margin.expressions import value
    >>> from zkmargin.market.forms import Marks
    >>> covariance = ((30_000**2, 0), (0, 40_000**2))
    >>> rule = parametric("btc", covariance, {"LOT": (100, 100)}, 1_000_000)
    >>> value(rule, Marks({"LOT": 100}, {}), {"LOT": 1})
    5

Source
------
    J.P. Morgan/Reuters, "RiskMetrics - Technical Document", 1996 (weights); Barone-Adesi, Giannopoulos, Vosper, "VaR
    without correlations for portfolios of derivative securities", J. Futures Markets 1999 (filtered scenarios).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction
from itertools import pairwise
from math import ceil, isqrt

from zkmargin.amounts import MAX_SCENARIOS, PPM, bounded, ceil_div
from zkmargin.errors import StatementError
from zkmargin.margin.expressions import least_root
from zkmargin.market import pricing
from zkmargin.market.expressions import Part, Root, total
from zkmargin.market.forms import Array, Sides
from zkmargin.market.instruments import MAX_TICKS, Instrument, Option
from zkmargin.market.scenarios import MAX_SHIFT_PPM, Scenario
from zkmargin.market.snapshot import Snapshot

Covariance = Sequence[Sequence[int]]

# By level in ppm, rounded up: the quantile of the normal distribution, and the mean beyond it.
VALUE_AT_RISK_PPM = {950_000: 1_644_854, 975_000: 1_959_964, 990_000: 2_326_348, 995_000: 2_575_830, 999_000: 3_090_233}
SHORTFALL_PPM = {950_000: 2_062_713, 975_000: 2_337_803, 990_000: 2_665_215, 995_000: 2_891_949, 999_000: 3_367_091}
GUARD_BITS = 64  # of a variance, below one ppm^2


def returns(closes_ticks: Sequence[int]) -> tuple[int, ...]:
    """Return the relative moves between successive closes in ppm, rounded away from zero.

    Example:
        >>> returns([300, 400, 399])
        (333334, -2500)
    """
    for close_ticks in closes_ticks:
        bounded("close_ticks", close_ticks, 1, MAX_TICKS)
    return tuple(_away(Fraction((later - close) * PPM, close)) for close, later in pairwise(closes_ticks))


def filtered(returns_ppm: Sequence[int], weight_ppm: int = 940_000) -> tuple[int, ...]:
    """Return the same moves scaled from the volatility of their day to that after the last day.

    Args:
        returns_ppm: Ascending in time, at most 1,024.
        weight_ppm: What the variance of a day keeps of the day before: 0.94 by default.

    Raises:
        StatementError: if there is no return, or none but zeros.

    Example:
        >>> filtered([10_000, -10_000, 10_000])
        (10000, -10000, 10000)
        >>> filtered([10_000, -10_000, 50_000])[0]
        10047
    """
    bounded("weight_ppm", weight_ppm, 1, PPM - 1)
    bounded("number of returns", len(returns_ppm), 1, MAX_SCENARIOS)
    squares = [move**2 << GUARD_BITS for move in returns_ppm]
    variances = [ceil_div(sum(squares), len(squares))]
    if not variances[0]:
        raise StatementError("returns must not all be zero: there is no volatility to scale by")
    for square in squares:
        variances.append(ceil_div(weight_ppm * variances[-1] + (PPM - weight_ppm) * square, PPM))
    return tuple(
        (1 if move >= 0 else -1) * least_root(ceil(Fraction(move**2 * variances[-1], variance)))
        for move, variance in zip(returns_ppm, variances[:-1], strict=True)
    )


def scenarios(returns_ppm: Sequence[int]) -> tuple[Scenario, ...]:
    """Return a scenario for each move; volatilities stay, and a price keeps at least a millionth."""
    return tuple(
        Scenario(f"return-{number:04d}", min(MAX_SHIFT_PPM, max(1 - PPM, move_ppm)), 0)
        for number, move_ppm in enumerate(returns_ppm, 1)
    )


def revalued(
    snapshot: Snapshot, volatilities_ppm: Mapping[str, int], returns_ppm: Mapping[str, Sequence[int]]
) -> dict[str, tuple[int, ...]]:
    """Return the risk array of instruments with histories of their own, and of the options on them.

    Args:
        snapshot: The market.
        volatilities_ppm: Implied volatility of every option by id.
        returns_ppm: By id of a linear instrument or collateral, its moves; day n is one day for all.
    """
    found: dict[str, tuple[int, ...]] = {}
    for name, moves_ppm in sorted(returns_ppm.items()):
        listings = [snapshot.listing(name)]
        listings += [item for item in snapshot.listings if _underlying(item.instrument) == name]
        found |= pricing.losses(listings, volatilities_ppm, snapshot.valid_from, scenarios(moves_ppm))
    return found


def parametric(
    name: str, covariance: Covariance, exposures_units: Mapping[str, Sequence[int]], multiplier_ppm: int
) -> Part:
    """Return z times the deviation of a book's value.

    Args:
        name: What the desk calls it.
        covariance: Of the factor returns over the margin period, in ppm^2.
        exposures_units: By id, how much a long lot moves with each factor.
        multiplier_ppm: z.

    Raises:
        StatementError: if the matrix is no covariance, or an exposure is missing.
    """
    bounded("multiplier_ppm", multiplier_ppm, 1, 100 * PPM)
    factors = len(covariance)
    for contract, exposures in exposures_units.items():
        bounded(f"number of exposures of {contract}", len(exposures), factors, factors)
    loadings: dict[str, list[int]] = {contract: [] for contract in exposures_units}
    inexact = dict.fromkeys(exposures_units, 0)
    split = _split(covariance)
    for variance, column in split:
        for contract, exposures in exposures_units.items():
            moved = sum((share * units for share, units in zip(column, exposures, strict=True)), Fraction(0))
            square = Fraction(multiplier_ppm**2, PPM**4) * variance * moved**2
            nearest = _nearest_root(square)
            loadings[contract].append(nearest if moved >= 0 else -nearest)
            inexact[contract] += square != nearest**2
    spare = {contract: least_root(ceil_div(count, 4)) for contract, count in inexact.items()}
    rows = Array({contract: tuple(row) for contract, row in loadings.items()}, len(split))
    return Part(f"parametric/{name}", total(Root(rows), Sides(spare, spare)))


def _split(covariance: Covariance) -> list[tuple[Fraction, list[Fraction]]]:
    """Return pairs (d_k, l_k) with ``S = sum_k d_k l_k l_k'`` and d_k > 0, exactly."""
    size = bounded("number of factors", len(covariance), 1, 64)
    left = [[Fraction(value) for value in row] for row in covariance]
    if any(len(row) != size for row in left) or any(left[j][k] != left[k][j] for j in range(size) for k in range(j)):
        raise StatementError("covariance must be a symmetric square matrix")
    found = []
    for k in range(size):
        pivot = left[k][k]
        if pivot < 0 or (pivot == 0 and any(left[k])):
            raise StatementError(f"covariance must have no negative direction: factor {k} leaves one")
        if pivot:
            column = [left[j][k] / pivot for j in range(size)]
            found.append((pivot, column))
            left = [[left[i][j] - pivot * column[i] * column[j] for j in range(size)] for i in range(size)]
    if not found:
        raise StatementError("covariance must not be zero")
    return found


def _nearest_root(square: Fraction) -> int:
    return (isqrt(square.numerator * 4 // square.denominator) + 1) // 2


def _away(value: Fraction) -> int:
    return ceil(value) if value >= 0 else -ceil(-value)


def _underlying(instrument: Instrument) -> str:
    return instrument.underlying if isinstance(instrument, Option) else ""
