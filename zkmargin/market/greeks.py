"""How an option's value moves: the derivatives of Black's formula, for the publisher of margin parameters.

Rule
----
    With d1, d2 as in `pricing`, n the normal density, N its distribution, undiscounted:

        delta = +-N(+-d1)             gamma = n(d1) / (F s sqrt T)          vega  = F n(d1) sqrt T
        theta = -F n(d1) s / (2 sqrt T)          vanna = -n(d1) d2 / s      volga = vega d1 d2 / s

    Gamma as a function of the forward rises up to ``F = K exp(-3/2 s^2 T)`` and falls beyond it: its largest value in
    an interval stands at that point, or at the end next to it.

Units
-----
    delta: ticks a tick;  gamma: delta a tick;  vega, volga: ticks for a volatility of 1 (100 %);  vanna: delta for a
    volatility of 1;  theta: ticks a year. Floating point: whoever makes integers of them names the direction.

Bounds
------
    At or after expiry, or without volatility, delta is that of the payoff and everything else is 0; `sag_ticks` bounds
    the payoff's kink as well.

Worked example
--------------
    >>> option = Option("C", 1, "F", "call", 100_000, 365 * 86_400)
    >>> found = greeks(option, 100_000, 200_000, 0)
    >>> round(found.delta, 4), round(found.vega), round(found.gamma * 100_000, 4)
    (0.5398, 39695, 1.9848)
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from math import exp, log, pi, sqrt

from zkmargin.amounts import PPM
from zkmargin.market.instruments import Option
from zkmargin.market.pricing import SECONDS_PER_YEAR

SAFETY = Fraction(1_000_000_001, 1_000_000_000)
"""What a bound is raised by, so that it is one in spite of the rounding of floating point."""


@dataclass(frozen=True, slots=True)
class Greeks:
    """The derivatives of the value of one option, in the units of this module."""

    delta: float
    gamma: float = 0.0
    vega: float = 0.0
    theta: float = 0.0
    vanna: float = 0.0
    volga: float = 0.0


def greeks(option: Option, forward_ticks: int | Fraction, volatility_ppm: int | Fraction, now: int) -> Greeks:
    """Return the derivatives of an option's value."""
    import QuantLib  # start-up time: about 0.1 s

    forward, volatility, root = float(forward_ticks), float(volatility_ppm) / PPM, sqrt(_years(option, now))
    deviation = volatility * root
    if deviation == 0:
        return Greeks(_payoff_delta(option, forward))
    right = QuantLib.Option.Call if option.right == "call" else QuantLib.Option.Put
    black = QuantLib.BlackCalculator(QuantLib.PlainVanillaPayoff(right, option.strike_ticks), forward, deviation, 1.0)
    d1, d2 = _scores(option, forward, deviation)
    vega = black.vega(root * root)
    return Greeks(
        delta=black.deltaForward(),
        gamma=black.gammaForward(),
        vega=vega,
        theta=-vega * volatility / (2 * root * root),
        vanna=-_density(d1) * d2 / volatility,
        volga=vega * d1 * d2 / volatility,
    )


def sag_ticks(
    option: Option, low_ticks: int | Fraction, high_ticks: int | Fraction, volatility_ppm: int | Fraction, now: int
) -> Fraction:
    """Return a bound on how far an option's value stands below the chord between two forwards, anywhere in between.

    The value is convex in the forward, so it is never above the chord. Below it stands by at most ``gamma h^2 / 8`` for
    the largest gamma between the two, and by at most ``(delta_high - delta_low) h / 4`` at any rate, h apart.

    Example:
        >>> kink = Option("C", 1, "F", "call", 100, 0)
        >>> float(sag_ticks(kink, 90, 110, 0, 0)), float(sag_ticks(kink, 100, 110, 0, 0))
        (5.000000005, 0.0)
    """
    step = Fraction(high_ticks - low_ticks)
    low, high = (greeks(option, end, volatility_ppm, now) for end in (low_ticks, high_ticks))
    bend = step / 4 * Fraction(max(0.0, high.delta - low.delta))
    deviation = float(volatility_ppm) / PPM * sqrt(_years(option, now))
    if deviation == 0:
        inside = low_ticks < option.strike_ticks < high_ticks
        return bend * SAFETY if inside else Fraction(0)
    peak = min(max(option.strike_ticks * exp(-1.5 * deviation**2), low_ticks), high_ticks)
    curve = step**2 / 8 * Fraction(greeks(option, Fraction(peak), volatility_ppm, now).gamma)
    return min(bend + step / 10**12, curve) * SAFETY


def _years(option: Option, now: int) -> float:
    return max(0, option.expiry - now) / SECONDS_PER_YEAR


def _payoff_delta(option: Option, forward: float) -> float:
    if option.right == "call":
        return 1.0 if forward > option.strike_ticks else 0.0
    return -1.0 if forward < option.strike_ticks else 0.0


def _scores(option: Option, forward: float, deviation: float) -> tuple[float, float]:
    d1 = log(forward / option.strike_ticks) / deviation + deviation / 2
    return d1, d1 - deviation


def _density(score: float) -> float:
    return exp(-score * score / 2) / sqrt(2 * pi)
