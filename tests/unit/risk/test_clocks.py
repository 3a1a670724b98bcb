"""Deadlines that a halt, and nothing else, pauses."""

import pytest

from zkmargin.errors import StatementError
from zkmargin.market import sample
from zkmargin.risk.clocks import Clock


def halted(*spans):
    clock = Clock()
    for since, until in spans:
        clock = clock.observe(since, halted=True).observe(until, halted=False)
    return clock


def test_without_a_halt_a_deadline_is_its_start_plus_its_length():
    assert Clock().deadline(1_000, 600) == 1_600


def test_a_halt_inside_a_deadline_moves_it_by_its_length():
    assert halted((1_100, 1_150)).deadline(1_000, 600) == 1_650


def test_a_halt_that_began_before_counts_from_the_start_only():
    assert halted((900, 1_050)).deadline(1_000, 600) == 1_650


def test_a_halt_that_begins_at_the_deadline_does_not_move_it():
    assert halted((1_600, 1_700)).deadline(1_000, 600) == 1_600


def test_a_halt_that_a_halt_pushed_the_deadline_into_moves_it_again():
    assert halted((1_500, 1_700), (1_750, 1_760)).deadline(1_000, 600) == 1_810


def test_an_open_halt_hides_the_deadlines_it_pauses_and_no_others():
    clock = Clock().observe(1_300, halted=True)
    assert clock.deadline(1_000, 600) is None
    assert clock.deadline(1_000, 300) == 1_300
    assert not clock.observe(9_999, halted=True).expired(1_000, 600)


def test_a_deadline_has_expired_when_its_time_has_come():
    clock = halted((1_100, 1_150))
    assert not clock.observe(1_649, halted=False).expired(1_000, 600)
    assert clock.observe(1_650, halted=False).expired(1_000, 600)


def test_a_halt_of_no_length_is_none():
    assert halted((1_100, 1_100)) == Clock(now=1_100)


def test_running_time_leaves_halts_out_open_ones_included():
    clock = halted((1_100, 1_150)).observe(2_000, halted=True)
    assert clock.running(1_000, 1_125) == 100
    assert clock.running(1_000, 2_500) == 950


def test_a_clock_follows_the_breaker_of_the_snapshots():
    first = sample.snapshot()
    stopped = first.next(first.valid_from + 60, {}, breaker="halted")
    clock = Clock().follow(first).follow(stopped)
    assert clock.halted_since == stopped.valid_from
    assert clock.deadline(first.valid_from, 90) is None


def test_a_clock_begins_at_zero_and_names_what_is_out_of_bounds():
    assert Clock().now == 0
    with pytest.raises(StatementError, match="^seconds must be between 0 and"):
        Clock().deadline(5, -1)
    with pytest.raises(StatementError, match="^seconds must be between 0 and"):
        Clock().deadline(2**63 - 6, 6)
    assert Clock().deadline(2**63 - 6, 5) == 2**63 - 1


def test_a_halt_that_ended_when_the_deadline_was_set_does_not_move_it():
    assert halted((900, 1_000)).deadline(1_000, 600) == 1_600


def test_time_does_not_run_backwards():
    with pytest.raises(StatementError, match="now must be between 100"):
        Clock(now=100).observe(99, halted=False)
    with pytest.raises(StatementError, match="end must be between"):
        Clock().running(5, 4)
