"""How far a price moves in one step: two estimates of volatility, from prices alone.

Rule
----
    With the return r_t = ln(price_t / price_(t-1)), mean zero, and a seed for the time before the first return:

        EWMA          s_t^2 = decay * s_(t-1)^2 + (1 - decay) * r_t^2
        GARCH(1,1)    s_(t+1)^2 = omega + alpha * r_t^2 + beta * s_t^2, fitted by maximum likelihood; the estimate is
                      the root of the mean variance forecast for the next `horizon` steps

    Neither looks ahead: s_t knows the prices up to t.

Units
-----
    prices in ticks, steps of any equal length, volatilities in ppm a step.

Rounding
--------
    ONE party, the publisher, runs this, and only the resulting integers enter a snapshot. Floating-point numbers exist
    inside these functions; volatilities leave them rounded up.

Bounds
------
    decay in [0, 10^6) ppm; GARCH needs at least 100 prices, and converges or refuses.

Reference
---------
    EWMA: J.P. Morgan/Reuters, RiskMetrics Technical Document, 4th edition, 1996, chapter 5 (decay 0.94 daily, 0.97
    monthly). GARCH: Bollerslev, Journal of Econometrics 31, 1986. The fit is that of the library `arch`.

Worked example
--------------
    A fall of a tenth after a calm at 1 % a step: s^2 = 0.94 * 0.01^2 + 0.06 * ln(0.9)^2 = 0.02757^2.

        >>> ewma([1_000, 900], seed_ppm=10_000, decay_ppm=940_000)
        [10000, 27570]
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from math import ceil, isfinite, log, sqrt

from zkmargin.amounts import PPM, bounded
from zkmargin.errors import StatementError
from zkmargin.market.instruments import MAX_TICKS

LEAST_PRICES = 100
MAX_PRICES = 1_000_000
MAX_VOLATILITY_PPM = 100 * PPM


def ewma(prices_ticks: Sequence[int], *, seed_ppm: int, decay_ppm: int) -> list[int]:
    """Return the volatility after each price in ppm a step, rounded up; after the first it is the seed.

    Raises:
        StatementError: if there is no price, or a number is out of its bound.
    """
    bounded("decay_ppm", decay_ppm, 0, PPM - 1)
    bounded("seed_ppm", seed_ppm, 0, MAX_VOLATILITY_PPM)
    decay, variance = decay_ppm / PPM, (seed_ppm / PPM) ** 2
    found = [seed_ppm]
    for change in _returns(prices_ticks, 1):
        variance = decay * variance + (1 - decay) * change * change
        found.append(ceil(sqrt(variance) * PPM))
    return found


def garch(prices_ticks: Sequence[int], *, horizon: int = 1) -> int:
    """Return the mean volatility forecast of the next `horizon` steps in ppm a step, rounded up.

    Needs the extra ``simulate``.

    Raises:
        StatementError: if there are fewer than 100 prices, the prices never move, the fit does not converge, or the
            library is not installed.
    """
    bounded("horizon", horizon, 1, 10_000)
    returns = _returns(prices_ticks, LEAST_PRICES)
    if not any(returns):
        raise StatementError("prices must move, got the same price throughout")
    try:
        from arch import arch_model  # start-up time: loads pandas and statsmodels, about 2 s
    except ImportError:
        raise StatementError("GARCH needs the library arch: install zkmargin[simulate]") from None
    # The fit wants returns of about unit size: a deviation of 1, scaled back below.
    size = sqrt(sum(change * change for change in returns) / len(returns))
    model = arch_model([change / size for change in returns], mean="Zero", vol="GARCH", p=1, q=1, rescale=False)
    result = model.fit(disp="off", show_warning=False)
    if result.convergence_flag != 0:
        raise StatementError(f"GARCH must converge on the prices, got flag {result.convergence_flag}")
    variances = result.forecast(horizon=horizon, reindex=False).variance.to_numpy()[-1]
    found = size * sqrt(sum(float(variance) for variance in variances) / horizon)
    if not isfinite(found):
        raise StatementError("GARCH must give a finite forecast")
    return bounded("volatility forecast", ceil(found * PPM), 0, MAX_VOLATILITY_PPM)


def _returns(prices_ticks: Sequence[int], least: int) -> list[float]:
    bounded("number of prices", len(prices_ticks), least, MAX_PRICES)
    for price in prices_ticks:
        bounded("price_ticks", price, 1, MAX_TICKS)
    return [log(after / before) for before, after in pairwise(prices_ticks)]
