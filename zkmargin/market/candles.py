"""Candles of a market: read strictly from a CSV file, or the built-in sample, and played in a fixed order.

Units
-----
    unit      10^-6 USD
    tick      the smallest decimal that the file uses: 10^-decimals USD
    lot       10^(decimals - 5) of the base asset, so that one tick of one lot is always 10 units

Rounding
--------
    Prices are exact. Volumes round down to lots: a smaller market is the stricter one.

Order inside a candle
---------------------
    A candle does not say whether its high or its low came first. A falling candle is played open, high, low, close, a
    rising one open, low, high, close. What happened between these four prices is not known: twelve moments lead through
    them in straight lines, rounded down, the open first and the close last. A leg by more than half of its price is no
    path but a print: the price stands until the print, and leaves it at once.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from random import Random

from zkmargin.amounts import PPM, Rounding, bounded
from zkmargin.documents import identifier
from zkmargin.errors import StatementError
from zkmargin.market import tables
from zkmargin.market.chains import CANDLE_COLUMNS, LINEAR_MULTIPLIER
from zkmargin.market.instruments import MAX_TICKS, MAX_TIME, Linear

LEGS = (4, 4, 3)
MOMENTS = 12
MAX_LEG_PPM = 500_000
MAX_DECIMALS = 12
MAX_LOTS = 2**62
VOLUME_DECIMALS = 8


@dataclass(frozen=True, slots=True)
class Candle:
    """One candle: prices in ticks, volume in lots."""

    time: int
    open: int
    high: int
    low: int
    close: int
    volume_lots: int

    def __post_init__(self) -> None:
        bounded("time", self.time, 0, MAX_TIME)
        bounded("low", self.low, 1, MAX_TICKS)
        bounded("high", self.high, max(self.open, self.close), MAX_TICKS)
        bounded("open", self.open, self.low, self.high)
        bounded("close", self.close, self.low, self.high)
        bounded("volume_lots", self.volume_lots, 0, MAX_LOTS)

    @property
    def prices(self) -> tuple[int, int, int, int]:
        """Return the four prices in the order in which they are played."""
        if self.close < self.open:
            return self.open, self.high, self.low, self.close
        return self.open, self.low, self.high, self.close

    @property
    def path(self) -> tuple[int, ...]:
        """Return the prices of the twelve moments."""
        found, printed = [self.open], False
        for steps, (start, end) in zip(LEGS, pairwise(self.prices), strict=True):
            jump = abs(end - start) * PPM > MAX_LEG_PPM * max(start, end)
            if not jump:
                found += [start + (end - start) * step // steps for step in range(1, steps + 1)]
            elif printed:
                found += [end] * steps
            else:
                found += [start] * (steps - 1) + [end]
            printed = jump
        return tuple(found)


@dataclass(frozen=True, slots=True)
class Series:
    """The candles of one perpetual, one directly after the other.

    Args:
        name: Id of the perpetual.
        decimals: A tick is ``10^-decimals`` USD.
        candles: At least two, at equal distances in time.
    """

    name: str
    decimals: int
    candles: tuple[Candle, ...]

    def __post_init__(self) -> None:
        identifier("name of the series", self.name)
        bounded(f"number of candles of {self.name}", len(self.candles), 2, tables.MAX_ROWS)
        bounded(f"seconds from candle to candle of {self.name}", self.step_seconds, MOMENTS, MAX_TIME)

    @property
    def step_seconds(self) -> int:
        """Return the time from one candle to the next."""
        return self.candles[1].time - self.candles[0].time

    @property
    def instrument(self) -> Linear:
        """Return the perpetual that these candles price."""
        return Linear(self.name, LINEAR_MULTIPLIER)


def read(path: Path, name: str | None = None) -> Series:
    """Return the series in a CSV file with the columns `CANDLE_COLUMNS`.

    Args:
        path: The file; times like ``2020-03-12T10:00:00Z`` at equal distances, ascending.
        name: Id of the perpetual; by default the name of the file up to its first underscore, in capitals.

    Raises:
        EncodingError: if the file is not such a table.
        StatementError: naming the row and what is wrong with it.
    """
    rows = tables.read(path, CANDLE_COLUMNS)
    bounded(f"number of rows of {path.name}", len(rows), 2, tables.MAX_ROWS)
    decimals = max(_decimals(row, column) for row in rows for column in ("open", "high", "low", "close"))
    bounded(f"decimals of the prices of {path.name}", decimals, 0, MAX_DECIMALS)
    step = rows[1].time("open_time_utc") - rows[0].time("open_time_utc")
    found: list[Candle] = []
    for row in rows:
        time = row.time("open_time_utc")
        if found and (step < MOMENTS or time != found[-1].time + step):
            raise row.fault("open_time_utc", f"must be {max(step, MOMENTS)} seconds after the row before")
        found.append(_candle(row, time, decimals))
    return Series(name or path.name.split(".")[0].split("_")[0].upper(), decimals, tuple(found))


def check_together(market: Sequence[Series]) -> None:
    """Refuse series that cannot be played together.

    Raises:
        StatementError: if there are none, two have one name, or they do not cover the same times.
    """
    bounded("number of series", len(market), 1, 100)
    if len({series.name for series in market}) != len(market):
        raise StatementError("series must have distinct names: write NAME=FILE")
    first = market[0]
    for series in market[1:]:
        if [candle.time for candle in series.candles] != [candle.time for candle in first.candles]:
            raise StatementError(f"{series.name} must cover the same times as {first.name}")


def sample(hours: int = 96, seed: int = 20_200_312) -> tuple[Series, ...]:
    """Return an invented market of three assets: a calm day, a crash in two waves with one bad tick, a rebound.

    Example:
        >>> [series.name for series in sample()], len(sample()[0].candles)
        (['BTC-PERP', 'ETH-PERP', 'LINK-PERP'], 96)
    """
    bounded("hours", hours, 72, 10_000)
    common = Random(seed)  # noqa: S311 - an invented market, not a secret
    drift = [_drift(hour) + common.gauss(0, _deviation(hour)) for hour in range(hours)]
    assets = (("BTC-PERP", 2, 9_000_000, 1.0), ("ETH-PERP", 2, 300_000, 1.15), ("LINK-PERP", 4, 120_000, 1.25))
    return tuple(_invent(name, decimals, start, beta, drift, seed) for name, decimals, start, beta in assets)


def _invent(name: str, decimals: int, start_ticks: int, beta: float, drift: Sequence[float], seed: int) -> Series:
    own = Random(f"{seed} {name}")  # noqa: S311 - an invented market, not a secret
    opened, candles = start_ticks, []
    for hour, common in enumerate(drift):
        closed = max(100, int(opened * (1 + beta * common + own.gauss(0, 0.004))))
        width = _deviation(hour) * 0.6
        high = int(max(opened, closed) * (1 + abs(own.gauss(0, width))))
        low = max(50, int(min(opened, closed) * (1 - abs(own.gauss(0, width)))))
        if name == "LINK-PERP" and hour == 36:
            low = 1  # the bad tick
        volume = int(20_000_000 * (1 + 60 * abs(common)) * 1_000_000 / (opened * LINEAR_MULTIPLIER))
        candles.append(Candle(1_767_225_600 + 3_600 * hour, opened, high, low, closed, volume))
        opened = closed
    return Series(name, decimals, tuple(candles))


def _drift(hour: int) -> float:
    """Two waves of six hours each, as a crash may have, and a slow rebound."""
    if 34 <= hour < 40:
        return -0.055
    if 47 <= hour < 51:
        return -0.06
    return 0.008 if 51 <= hour < 66 else 0.0


def _deviation(hour: int) -> float:
    return 0.02 if 34 <= hour < 66 else 0.006


def _candle(row: tables.Row, time: int, decimals: int) -> Candle:
    opened, high, low, closed = (row.exact(column, 10**decimals) for column in ("open", "high", "low", "close"))
    volume = row.decimal("volume_base", 10**VOLUME_DECIMALS, Rounding.DOWN)
    try:
        return Candle(time, opened, high, low, closed, volume * 10**5 // 10 ** (decimals + VOLUME_DECIMALS))
    except StatementError as error:
        raise StatementError(f"{row.source}: {error} (prices in 10^-{decimals} USD)") from None


def _decimals(row: tables.Row, column: str) -> int:
    mantissa, _, exponent = row.text(column).lower().partition("e")
    digits = len(mantissa.partition(".")[2].rstrip("0"))
    return max(0, digits - int(exponent)) if exponent.lstrip("+-").isdigit() and len(exponent) < 4 else digits
