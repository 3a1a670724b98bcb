"""The picture of a replay: prices, calls and forced sales per candle, the fund."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from zkmargin.errors import EncodingError, StatementError
from zkmargin.market.candles import MOMENTS
from zkmargin.market.chains import UNITS_PER_USD
from zkmargin.risk.replay_result import Period, Replay

FORMS = (".png", ".svg", ".pdf")


def check(path: Path) -> None:
    """Refuse a file that cannot become a picture, before anything is computed.

    Raises:
        StatementError: if the suffix is not one of `FORMS`, or the library is not installed.
    """
    if path.suffix.lower() not in FORMS:
        raise StatementError(f"plot must end with {', '.join(FORMS)}, got {path.name!r}")
    _library()


def draw(path: Path, runs: Sequence[Replay]) -> None:
    """Write the picture of runs over one market.

    Raises:
        EncodingError: if the file cannot be written.
    """
    figure = _library()(figsize=(11, 12), layout="constrained")
    axes = figure.subplots(4, 1, sharex=True)
    _prices(axes[0], runs[0])
    for found in runs:
        _line(axes[1], found, "called")
        _line(axes[2], found, "liquidated_units", UNITS_PER_USD * 10**6)
        _line(axes[3], found, "fund_units", UNITS_PER_USD * 10**6)
    titles = (
        "marks, first = 100; shaded: breaker halted",
        "margin calls per candle",
        "sold by the ladder per candle, million USD",
        "insurance fund, million USD",
    )
    for axis, title in zip(axes, titles, strict=True):
        axis.set_title(title, loc="left", fontsize=10)
        axis.grid(alpha=0.3)
        axis.legend(fontsize=8)
    figure.suptitle(f"Replay: {runs[0].accounts:,} invented accounts")
    try:
        figure.savefig(path)
    except OSError as error:
        raise EncodingError(f"{path.name} cannot be written: {error.strerror}") from None


def _prices(axis: Any, found: Replay) -> None:
    step = found.periods[1].time - found.periods[0].time if len(found.periods) > 1 else 1
    start = found.periods[0].time
    for name, marks in found.prices.items():
        times = [_time(start + index * step // MOMENTS) for index in range(len(marks))]
        axis.plot(times, [100 * mark / marks[0] for mark in marks], label=name, linewidth=1)
    for period in found.periods:
        if period.halted_moments:
            axis.axvspan(_time(period.time), _time(period.time + step), color="grey", alpha=0.2, linewidth=0)


def _line(axis: Any, found: Replay, name: str, scale: int = 1) -> None:
    times = [_time(period.time) for period in found.periods]
    axis.step(times, [_value(period, name) / scale for period in found.periods], where="post", label=found.rules.policy)


def _value(period: Period, name: str) -> int:
    return int(getattr(period, name))


def _time(seconds: int) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


def _library() -> Any:
    try:
        from matplotlib.figure import Figure  # start-up time: about 0.5 s
    except ImportError:
        raise StatementError("a picture needs the library matplotlib: install zkmargin[simulate]") from None
    return Figure
