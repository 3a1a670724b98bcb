"""How far volatilities move in a scenario: by days to expiry, with a floor, and along the strikes.

Rule
----
    vega power    with t days to expiry and p the short power up to 30 days and the long one beyond:

                      up      max( s (1 + up   (30/t)^p), minimum )
                      down    max( s (1 - down (30/t)^p), 0 )

    skew          with T years, k = ln(K/F) for "linear" and |k| for "absolute":

                      cap = cap_0 - slope sqrt T,   k* = max(least, reach sqrt T)
                      s (1 + clamp(k cap / k*, -cap, cap))

Deribit publishes the first with powers 0.30 and 0.13, Derive's portfolio manager both. With powers of 0 a move is the
same relative one for every expiry.

Units
-----
    volatilities and rates in ppm; powers in ppm as well, 300_000 is 0.30.

Rounding
--------
    None: what is returned is the exact fraction that the floating-point result is, for `pricing` to go on with.

Worked example
--------------
    Ten days before expiry, 60 % and half of it times 3^0.30 more:

    >>> power = VegaPower(500_000, 250_000, 300_000, 130_000, minimum_up_ppm=500_000)
    >>> option = Option("C", 1, "F", "call", 100_000, 10 * DAY)
    >>> [round(power.shocked(option, 600_000, 0, direction)) for direction in ("up", "same", "down")]
    [1017117, 600000, 391442]
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from math import log, sqrt
from typing import Any

from zkmargin.amounts import PPM, bounded
from zkmargin.documents import Reader
from zkmargin.errors import StatementError
from zkmargin.market.instruments import Option
from zkmargin.market.pricing import MAX_VOLATILITY_PPM, SECONDS_PER_YEAR

DAY = 86_400
KNEE_DAYS = 30
UP, SAME, DOWN = "up", "same", "down"
DIRECTIONS = (UP, SAME, DOWN)
LINEAR, ABSOLUTE = "linear", "absolute"
MAX_RATE_PPM = 10 * PPM


@dataclass(frozen=True, slots=True)
class VegaPower:
    """Moves of implied volatility that are larger for what expires sooner.

    Args:
        up_ppm: Relative rise at 30 days, 0 to 10^7.
        down_ppm: Relative fall at 30 days, 0 to 10^7; no volatility falls below 0.
        short_power_ppm: Power of 30/t up to 30 days, 0 to 10^6.
        long_power_ppm: Power beyond 30 days, 0 to 10^6.
        minimum_up_ppm: No raised volatility is lower than this.
        least_days: An option closer to expiry moves as if it were so many days away.
    """

    up_ppm: int
    down_ppm: int
    short_power_ppm: int = 0
    long_power_ppm: int = 0
    minimum_up_ppm: int = 0
    least_days: int = 0

    def __post_init__(self) -> None:
        for name, most in _FIELDS:
            bounded(name, getattr(self, name), 0, most)

    def shocked(self, option: Option, volatility_ppm: int, now: int, direction: str) -> Fraction:
        """Return the moved volatility of an option, in ppm and never above 10^8.

        Raises:
            StatementError: if the direction is not one of up, same and down.
        """
        if direction not in DIRECTIONS:
            raise StatementError(f"direction must be one of {', '.join(DIRECTIONS)}, got {direction!r}")
        if direction == SAME:
            return Fraction(volatility_ppm)
        scale = self._scale(option, now)
        if direction == DOWN:
            return max(volatility_ppm * (1 - Fraction(self.down_ppm, PPM) * scale), Fraction(0))
        raised = max(volatility_ppm * (1 + Fraction(self.up_ppm, PPM) * scale), Fraction(self.minimum_up_ppm))
        return min(raised, Fraction(MAX_VOLATILITY_PPM))

    def _scale(self, option: Option, now: int) -> Fraction:
        days = Fraction(max(option.expiry - now, self.least_days * DAY, 1), DAY)
        power_ppm = self.short_power_ppm if days <= KNEE_DAYS else self.long_power_ppm
        return Fraction(float(KNEE_DAYS / days) ** (power_ppm / PPM))

    @staticmethod
    def from_reader(fields: Reader) -> VegaPower:
        """Return the move described by `fields`."""
        with fields:
            return VegaPower(*(fields.integer(name, 0, most) for name, most in _FIELDS))

    def to_document(self) -> dict[str, Any]:
        """Return the move as a JSON object."""
        return {name: getattr(self, name) for name, _ in _FIELDS}


@dataclass(frozen=True, slots=True)
class Skew:
    """A tilt of volatilities along the strikes.

    Args:
        cap_ppm: Largest relative move at expiry.
        slope_ppm: By how much the cap falls with the square root of the years.
        reach_ppm: Distance at which the cap is reached, times the square root of the years.
        least_ppm: Least such distance.
    """

    cap_ppm: int = 250_000
    slope_ppm: int = 100_000
    reach_ppm: int = 2_400_000
    least_ppm: int = 10_000

    def __post_init__(self) -> None:
        for name in _SKEW_FIELDS:
            bounded(name, getattr(self, name), 0, MAX_RATE_PPM)
        bounded("least_ppm", self.least_ppm, 1, MAX_RATE_PPM)

    def tilted(self, option: Option, forward_ticks: int, volatility_ppm: int, now: int, kind: str) -> Fraction:
        """Return the moved volatility of an option, in ppm.

        Example:
            >>> option = Option("C", 1, "F", "call", 110_000, 36 * DAY)
            >>> round(Skew().tilted(option, 100_000, 500_000, 0, "linear"))
            513821
        """
        if kind not in (LINEAR, ABSOLUTE):
            raise StatementError(f"skew must be {LINEAR} or {ABSOLUTE}, got {kind!r}")
        root = sqrt(max(0, option.expiry - now) / SECONDS_PER_YEAR)
        cap = max(0.0, self.cap_ppm - self.slope_ppm * root) / PPM
        reach = max(self.least_ppm, self.reach_ppm * root) / PPM
        distance = log(option.strike_ticks / forward_ticks)
        distance = abs(distance) if kind == ABSOLUTE else distance
        return volatility_ppm * (1 + Fraction(min(max(distance * cap / reach, -cap), cap)))

    @staticmethod
    def from_reader(fields: Reader) -> Skew:
        """Return the tilt described by `fields`."""
        with fields:
            return Skew(*(fields.integer(name, 0, MAX_RATE_PPM) for name in _SKEW_FIELDS))

    def to_document(self) -> dict[str, Any]:
        """Return the tilt as a JSON object."""
        return {name: getattr(self, name) for name in _SKEW_FIELDS}


_SKEW_FIELDS = ("cap_ppm", "slope_ppm", "reach_ppm", "least_ppm")
_FIELDS = (
    ("up_ppm", MAX_RATE_PPM),
    ("down_ppm", MAX_RATE_PPM),
    ("short_power_ppm", PPM),
    ("long_power_ppm", PPM),
    ("minimum_up_ppm", MAX_VOLATILITY_PPM),
    ("least_days", KNEE_DAYS),
)
