"""What option quotes say about a fall to come: skew, term structure and wings, with hysteresis and a record of errors.

Rule
----
    Of one expiry, with deltas of Black (1976) undiscounted, and volatilities interpolated linearly in delta:

        risk reversal    volatility of the 25-delta call  -  volatility of the 25-delta put
        butterfly        half of both  -  volatility at the money (call delta 1/2)
        inversion        at-the-money volatility of the nearest expiry  -  that of a later one

    A value is judged against its own past, ``z = (x - mean) / deviation`` over a window. An alarm goes on when z
    reaches `on` and off only when it is back at `off`. That is all it may do: widen the DOWN side of the scenarios
    (`widened`). An alarm is a hit if one of the named events follows within `lead` steps, and otherwise false; an event
    without an alarm in the `lead` steps before it was missed.

Units
-----
    volatilities and z in ppm; prices in ticks; steps of any equal length.

Rounding
--------
    Towards an alarm: the call's volatility and the one at the money down, the put's up; so the risk reversal down and
    the butterfly up. z rounds down in size. Floating-point numbers exist inside `smile` only.

Bounds
------
    An expiry needs quotes on both sides of each delta; nothing is extrapolated.

Worked example
--------------
    A risk reversal of -9 % after a month around -2 % is 7 deviations out. The alarm outlasts the first recovery.

        >>> z_score_ppm(-90_000, [-10_000, -30_000] * 15)
        -7000000
        >>> alarms(AlarmRules(on_ppm=-2_000_000, off_ppm=-1_000_000), [0, -2_100_000, -1_500_000, -900_000])
        [False, True, True, False]
        >>> judge([False, True, True, False, True], events=[2], lead=2)
        Record(alarms=2, hits=1, false_alarms=1, events=1, missed=0)
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from math import ceil, floor, isqrt, log, sqrt
from pathlib import Path
from statistics import NormalDist

from zkmargin.amounts import PPM, Rounding, bounded
from zkmargin.errors import StatementError
from zkmargin.market import tables
from zkmargin.market.chains import CHAIN_COLUMNS, TICKS_PER_USD
from zkmargin.market.instruments import MAX_TICKS, MAX_TIME
from zkmargin.market.pricing import MAX_VOLATILITY_PPM, SECONDS_PER_YEAR
from zkmargin.market.scenarios import Scenario

MAX_VALUES = 1_000_000
MAX_Z_PPM = 10**12


# ---- Quotes of one moment --------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Quote:
    """An option and its implied volatility.

    Args:
        expiry: Unix seconds.
        right: ``"call"`` or ``"put"``.
        strike_ticks: Strike.
        forward_ticks: Forward of the expiry.
        volatility_ppm: Implied volatility a year.
    """

    expiry: int
    right: str
    strike_ticks: int
    forward_ticks: int
    volatility_ppm: int

    def __post_init__(self) -> None:
        if self.right not in ("call", "put"):
            raise StatementError(f"right must be call or put, got {self.right!r}")
        bounded("expiry", self.expiry, 0, MAX_TIME)
        bounded("strike_ticks", self.strike_ticks, 1, MAX_TICKS)
        bounded("forward_ticks", self.forward_ticks, 1, MAX_TICKS)
        bounded("volatility_ppm", self.volatility_ppm, 1, MAX_VOLATILITY_PPM)

    def delta(self, now: int) -> float:
        """Return the size of the forward delta, N(d1) of a call and N(-d1) of a put."""
        deviation = self.volatility_ppm / PPM * sqrt((self.expiry - now) / SECONDS_PER_YEAR)
        first = log(self.forward_ticks / self.strike_ticks) / deviation + deviation / 2
        return NormalDist().cdf(first if self.right == "call" else -first)


@dataclass(frozen=True, slots=True)
class Smile:
    """Three points of the volatilities of one expiry, in ppm a year."""

    expiry: int
    call_25_ppm: int
    put_25_ppm: int
    money_ppm: int

    @property
    def risk_reversal_ppm(self) -> int:
        """Return call minus put: negative when falls are the dearer insurance."""
        return self.call_25_ppm - self.put_25_ppm

    @property
    def butterfly_ppm(self) -> int:
        """Return the mean of the wings above the money, rounded up."""
        return -((2 * self.money_ppm - self.call_25_ppm - self.put_25_ppm) // 2)


def read_quotes(path: Path) -> tuple[int, tuple[Quote, ...]]:
    """Return the time and the quotes of an options chain in CSV, as `zkmargin.market.chains` reads it.

    Raises:
        EncodingError: if the file is not such a table.
        StatementError: naming the row and column that break a rule, or if the file is not one moment.
    """
    rows = tables.read(path, CHAIN_COLUMNS)
    times = {row.time("snapshot_time_utc_inferred") for row in rows}
    if len(times) != 1:
        raise StatementError(f"{path.name} must be one chain, taken at one time, got {len(times)} times")
    return times.pop(), tuple(
        Quote(
            row.time("expiry_time_utc"),
            row.choice("type", "call", "put"),
            row.exact("strike", 1) * TICKS_PER_USD,
            row.decimal("underlying_price", TICKS_PER_USD, Rounding.DOWN),
            row.exact("mark_iv_pct", PPM // 100),
        )
        for row in rows
    )


def smile(quotes: Sequence[Quote], expiry: int, now: int) -> Smile:
    """Return the smile of one expiry.

    Raises:
        StatementError: if the expiry is not after `now`, or there is no quote on one side of a delta.
    """
    bounded("expiry", expiry, now + 1, MAX_TIME)
    series = [quote for quote in quotes if quote.expiry == expiry]
    calls, puts = (_points(series, right, now) for right in ("call", "put"))
    return Smile(
        expiry,
        _interpolate("call", calls, 0.25, floor),
        _interpolate("put", puts, 0.25, ceil),
        _interpolate("call", calls, 0.5, floor),
    )


def inversion_ppm(near: Smile, far: Smile) -> int:
    """Return how far the near expiry's volatility at the money is above the far one's; positive is a warning.

    Raises:
        StatementError: if `far` does not expire after `near`.
    """
    bounded("expiry of the later smile", far.expiry, near.expiry + 1, MAX_TIME)
    return near.money_ppm - far.money_ppm


def _points(series: Sequence[Quote], right: str, now: int) -> list[tuple[float, int]]:
    return sorted((quote.delta(now), quote.volatility_ppm) for quote in series if quote.right == right)


def _interpolate(
    right: str, points: Sequence[tuple[float, int]], delta: float, rounding: Callable[[float], int]
) -> int:
    below = [point for point in points if point[0] <= delta]
    above = [point for point in points if point[0] >= delta]
    if not below or not above:
        raise StatementError(f"quotes must have a {right} on both sides of delta {delta}, got {len(points)} {right}s")
    (low, first), (high, second) = below[-1], above[0]
    share = 0.0 if high == low else (delta - low) / (high - low)
    return rounding(first + (second - first) * share)


# ---- Values over time ------------------------------------------------------------------------------------------------


def z_score_ppm(value: int, window: Sequence[int]) -> int:
    """Return how many deviations a value is from the mean of a window, in ppm, rounded towards zero.

    A window that never moved says nothing: 0.

    Raises:
        StatementError: if the window has fewer than two values.
    """
    count = bounded("number of values in the window", len(window), 2, MAX_VALUES)
    total = sum(window)
    variance = count * sum(item * item for item in window) - total * total
    if variance == 0:
        return 0
    away = count * value - total
    size = min(MAX_Z_PPM, isqrt((away * PPM) ** 2 // variance))
    return size if away >= 0 else -size


def z_scores_ppm(values: Sequence[int], window: int) -> list[int]:
    """Return the z of every value against the `window` values before it; 0 while there are fewer."""
    bounded("window", window, 2, MAX_VALUES)
    return [
        z_score_ppm(value, values[index - window : index]) if index >= window else 0
        for index, value in enumerate(values)
    ]


@dataclass(frozen=True, slots=True)
class AlarmRules:
    """When an alarm goes on and off: below `on` if `on` is below `off`, else above it.

    Args:
        on_ppm: The alarm goes on when the value reaches this.
        off_ppm: It goes off when the value is back at this; not equal to `on_ppm`.
    """

    on_ppm: int
    off_ppm: int

    def __post_init__(self) -> None:
        if self.on_ppm == self.off_ppm:
            raise StatementError(f"off_ppm must differ from on_ppm, got {self.off_ppm}")


def alarms(rules: AlarmRules, values: Sequence[int]) -> list[bool]:
    """Return whether the alarm is on after each value."""
    sign = -1 if rules.on_ppm < rules.off_ppm else 1
    on, found = False, []
    for value in values:
        on = sign * value > sign * rules.off_ppm if on else sign * value >= sign * rules.on_ppm
        found.append(on)
    return found


@dataclass(frozen=True, slots=True)
class Record:
    """How an alarm did: every time that it went on is a hit or false, every event is warned of or missed."""

    alarms: int
    hits: int
    false_alarms: int
    events: int
    missed: int


def judge(states: Sequence[bool], events: Sequence[int], lead: int) -> Record:
    """Return the record of an alarm.

    Args:
        states: Whether it was on, step by step.
        events: Steps at which what it should warn of happened.
        lead: How many steps ahead a warning counts, at least 1.
    """
    bounded("lead", lead, 1, MAX_VALUES)
    for event in events:
        bounded("event", event, 0, len(states) - 1)
    starts = [step for step, on in enumerate(states) if on and not (step and states[step - 1])]
    hits = sum(any(start < event <= start + lead for event in events) for start in starts)
    missed = sum(not any(states[max(0, event - lead) : event]) for event in events)
    return Record(len(starts), hits, len(starts) - hits, len(events), missed)


def widened(scenarios: Sequence[Scenario], factor_ppm: int) -> tuple[Scenario, ...]:
    """Return the scenarios with every fall deeper by a factor, at most down to 1 ppm of the price.

    Example:
        >>> [move.price_ppm for move in widened((Scenario("up", 90_000, 0), Scenario("down", -90_000, 0)), 1_500_000)]
        [90000, -135000]
    """
    bounded("factor_ppm", factor_ppm, PPM, 10 * PPM)
    return tuple(
        replace(move, price_ppm=max(1 - PPM, move.price_ppm * factor_ppm // PPM)) if move.price_ppm < 0 else move
        for move in scenarios
    )
