"""How long somebody has: a number of milliseconds, or until a time of day on a later business day.

Rule
----
    Duration(ms)                the deadline is `start + ms`
    BusinessDays(n, at, ...)    the deadline is the time of day `at` on the n-th business day after the day of the start

    A business day is no Saturday, no Sunday and none of the listed holidays, on a calendar that is `utc_offset_minutes`
    ahead of UTC, all year: there is no daylight saving. A start on a day that is none counts as the business day after
    it, at its midnight. With n = 0 the deadline is on the day of the start; if its time of day has been reached, it is
    on the next business day. So a deadline is always later than its start.

Units: milliseconds since 1970-01-01 00:00 UTC, without leap seconds; dates as days since then; seconds of the day.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from zkmargin.amounts import bounded
from zkmargin.documents import Reader
from zkmargin.errors import EncodingError, StatementError

SECOND_MS = 1_000
MINUTE_MS = 60 * SECOND_MS
HOUR_MS = 60 * MINUTE_MS
DAY_MS = 24 * HOUR_MS
DAY_SECONDS = 24 * 60 * 60
MAX_TIME_MS = 2**48 - 1
MAX_DURATION_MS = 366 * DAY_MS
MAX_BUSINESS_DAYS = 60
MAX_HOLIDAYS = 512

_EPOCH = date(1970, 1, 1)


@dataclass(frozen=True, slots=True)
class Duration:
    """So many milliseconds, 1 to 366 days.

    Example:
        >>> Duration(500).after(1_000)
        1500
    """

    milliseconds: int

    def __post_init__(self) -> None:
        bounded("milliseconds", self.milliseconds, 1, MAX_DURATION_MS)

    def after(self, start_ms: int) -> int:
        """Return the deadline of what starts at `start_ms`."""
        return start_ms + self.milliseconds

    def to_document(self) -> dict[str, Any]:
        """Return the window as a JSON object."""
        return {"kind": "duration", "milliseconds": self.milliseconds}


@dataclass(frozen=True, slots=True)
class BusinessDays:
    """A time of day on a later business day.

    Args:
        days: Business days after the day of the start, 0 to 60.
        at_seconds: Seconds after midnight, below 86,400.
        utc_offset_minutes: How far the calendar is ahead of UTC, -720 to 840.
        holidays: Dates that are no business days, ascending, at most 512.

    Example:
        >>> friday = 1_767_348_000_000  # 2026-01-02 10:00 UTC
        >>> from datetime import UTC, datetime
        >>> datetime.fromtimestamp(BusinessDays(1, 17 * 3600).after(friday) // 1000, UTC).isoformat()
        '2026-01-05T17:00:00+00:00'
    """

    days: int
    at_seconds: int
    utc_offset_minutes: int = 0
    holidays: tuple[date, ...] = ()

    def __post_init__(self) -> None:
        bounded("days", self.days, 0, MAX_BUSINESS_DAYS)
        bounded("at_seconds", self.at_seconds, 0, DAY_SECONDS - 1)
        bounded("utc_offset_minutes", self.utc_offset_minutes, -720, 840)
        bounded("number of holidays", len(self.holidays), 0, MAX_HOLIDAYS)
        if list(self.holidays) != sorted(set(self.holidays)):
            raise StatementError("holidays must be strictly ascending")

    def after(self, start_ms: int) -> int:
        """Return the deadline of what starts at `start_ms`."""
        offset_ms = self.utc_offset_minutes * MINUTE_MS
        day, time_ms = divmod(start_ms + offset_ms, DAY_MS)
        if not self._works(day):
            day, time_ms = self._next(day), 0
        ahead = self.days
        if ahead == 0 and time_ms >= self.at_seconds * SECOND_MS:
            ahead = 1
        for _ in range(ahead):
            day = self._next(day)
        return day * DAY_MS + self.at_seconds * SECOND_MS - offset_ms

    def to_document(self) -> dict[str, Any]:
        """Return the window as a JSON object."""
        return {
            "kind": "business-days",
            "days": self.days,
            "at_seconds": self.at_seconds,
            "utc_offset_minutes": self.utc_offset_minutes,
            "holidays": [day.isoformat() for day in self.holidays],
        }

    def _works(self, day: int) -> bool:
        calendar_day = _EPOCH + timedelta(days=day)
        return calendar_day.weekday() < 5 and calendar_day not in self.holidays

    def _next(self, day: int) -> int:
        day += 1
        while not self._works(day):
            day += 1
        return day


Window = Duration | BusinessDays


def from_reader(fields: Reader) -> Window:
    """Return the window described by `fields`."""
    if fields.choice("kind", "duration", "business-days") == "duration":
        return Duration(fields.integer("milliseconds", 1, MAX_DURATION_MS))
    return BusinessDays(
        days=fields.integer("days", 0, MAX_BUSINESS_DAYS),
        at_seconds=fields.integer("at_seconds", 0, DAY_SECONDS - 1),
        utc_offset_minutes=fields.integer("utc_offset_minutes", -720, 840),
        holidays=tuple(map(_date, fields.items("holidays", MAX_HOLIDAYS))),
    )


def _date(text: Any) -> date:
    try:
        day = date.fromisoformat(text)
    except (TypeError, ValueError):
        raise EncodingError("a holiday must be a date such as 2026-12-25") from None
    if day.isoformat() != text:
        raise EncodingError("a holiday must be a date such as 2026-12-25")
    return day
