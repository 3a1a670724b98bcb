"""A deadline in business days is where a calendar on the wall puts it."""

from datetime import UTC, date, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from verifier_api.service import windows
from verifier_api.service.windows import DAY_MS, BusinessDays, Duration
from zkmargin.documents import Reader
from zkmargin.errors import EncodingError, StatementError

HOLIDAY = date(2026, 12, 25)  # a Friday


def at(text, offset_minutes=0):
    zone = timezone(timedelta(minutes=offset_minutes))
    return int(datetime.fromisoformat(text).replace(tzinfo=zone).timestamp()) * 1_000


def wall(milliseconds, offset_minutes=0):
    zone = timezone(timedelta(minutes=offset_minutes))
    return datetime.fromtimestamp(milliseconds // 1_000, zone).strftime("%Y-%m-%d %H:%M")


@pytest.mark.parametrize(
    "start, days, expected",
    [
        ("2026-12-23T09:00", 0, "2026-12-23 17:00"),  # Wednesday before the time of day: today
        ("2026-12-23T17:00", 0, "2026-12-24 17:00"),  # at the time of day: the next day
        ("2026-12-23T23:59", 1, "2026-12-24 17:00"),  # T+1
        ("2026-12-24T09:00", 1, "2026-12-28 17:00"),  # over the holiday and the week-end
        ("2026-12-26T09:00", 0, "2026-12-28 17:00"),  # a Saturday counts as Monday
        ("2026-12-25T09:00", 1, "2026-12-29 17:00"),  # so does a holiday before a week-end, and T+1 is Tuesday
        ("2026-12-23T09:00", 5, "2026-12-31 17:00"),
    ],
)
def test_a_deadline_is_the_time_of_day_on_the_nth_business_day(start, days, expected):
    window = BusinessDays(days, 17 * 3_600, holidays=(HOLIDAY,))
    assert wall(window.after(at(start))) == expected


def test_the_calendar_is_that_of_the_stated_offset():
    # 23:30 UTC on Friday is Saturday morning in Tokyo.
    assert wall(BusinessDays(0, 17 * 3_600).after(at("2026-01-02T16:30"))) == "2026-01-02 17:00"
    tokyo = BusinessDays(0, 17 * 3_600, utc_offset_minutes=540)
    assert wall(tokyo.after(at("2026-01-02T16:30")), 540) == "2026-01-05 17:00"


@given(
    start_ms=st.integers(0, 2**42),
    days=st.integers(0, 12),
    at_seconds=st.integers(0, 86_399),
    offset=st.integers(-720, 840),
    holidays=st.sets(st.dates(date(1970, 1, 1), date(2110, 1, 1)), max_size=6),
)
def test_a_deadline_is_later_than_its_start_on_a_business_day_and_rises_with_it(
    start_ms, days, at_seconds, offset, holidays
):
    window = BusinessDays(days, at_seconds, offset, tuple(sorted(holidays)))
    deadline_ms = window.after(start_ms)
    local = datetime.fromtimestamp(deadline_ms // 1_000, UTC) + timedelta(minutes=offset)
    assert deadline_ms > start_ms
    assert local.weekday() < 5
    assert local.date() not in holidays
    assert local.hour * 3_600 + local.minute * 60 + local.second == at_seconds
    assert window.after(start_ms + DAY_MS) >= deadline_ms


@pytest.mark.parametrize("window", [Duration(1_500), BusinessDays(2, 61_200, -300, (HOLIDAY,))])
def test_a_window_is_read_back_as_it_was_written(window):
    with Reader(window.to_document(), "window") as fields:
        assert windows.from_reader(fields) == window


@pytest.mark.parametrize("text", ["20261225", "2026-W52-5", "2026-13-01", "tomorrow", 7])
def test_a_holiday_has_one_way_to_be_written(text):
    document = BusinessDays(1, 0).to_document() | {"holidays": [text]}
    with pytest.raises(EncodingError, match="holiday must be a date"):
        windows.from_reader(Reader(document, "window"))


def test_windows_of_no_length_or_no_order_are_refused():
    with pytest.raises(StatementError, match="milliseconds must be between 1"):
        Duration(0)
    with pytest.raises(StatementError, match="days must be between 0 and 60, got 61"):
        BusinessDays(61, 0)
    with pytest.raises(StatementError, match="strictly ascending"):
        BusinessDays(1, 0, holidays=(HOLIDAY, HOLIDAY))
