"""The venue's clock: deadlines that a halt, and nothing else, pauses.

Rule
----
    Running time is wall time less the time that the breaker stood at halted. A deadline set at `start` for `seconds` is
    the first wall time by which `seconds` of running time have passed since then. While a halt is open, its end is
    unknown, and so is every deadline that it has pushed out: then there is none yet.

Units
-----
    unix seconds; a halt is the half-open interval [from, until).

Rounding
--------
    None: times are integers.

Worked example
--------------
    A cure period of 1,800 seconds is set at 1,000. The venue halts from 2,000 to 2,600: 1,000 seconds had run, the
    other 800 run from 2,600 on.

        >>> clock = Clock().observe(1_000, halted=False).observe(2_000, halted=True)
        >>> clock.deadline(1_000, 1_800) is None
        True
        >>> clock.observe(2_600, halted=False).deadline(1_000, 1_800)
        3400
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from zkmargin.amounts import bounded
from zkmargin.market.instruments import MAX_TIME
from zkmargin.market.snapshot import Snapshot


@dataclass(frozen=True, slots=True)
class Clock:
    """The halts of a venue so far.

    Args:
        halts: Closed halts, ascending and disjoint, as pairs (from, until).
        halted_since: Start of the halt that is open, or None.
        now: The latest time observed.
    """

    halts: tuple[tuple[int, int], ...] = ()
    halted_since: int | None = None
    now: int = 0

    def observe(self, now: int, halted: bool) -> Clock:
        """Return the clock after the breaker was seen halted or not at `now`.

        Raises:
            StatementError: if time runs backwards.
        """
        bounded("now", now, self.now, MAX_TIME)
        if halted == (self.halted_since is not None):
            return replace(self, now=now)
        if self.halted_since is None:
            return replace(self, halted_since=now, now=now)
        closed = (self.halted_since, now)
        kept = self.halts if closed[0] == now else (*self.halts, closed)
        return Clock(kept, None, now)

    def follow(self, snapshot: Snapshot) -> Clock:
        """Return the clock after a snapshot: its breaker state holds from `valid_from` on."""
        return self.observe(snapshot.valid_from, snapshot.breaker == "halted")

    def running(self, start: int, end: int) -> int:
        """Return the seconds from `start` to `end` during which no halt stood."""
        bounded("end", end, start, MAX_TIME)
        return end - start - sum(max(0, min(end, until) - max(start, since)) for since, until in self._known(end))

    def deadline(self, start: int, seconds: int) -> int | None:
        """Return when `seconds` of running time have passed since `start`; None while an open halt hides it."""
        due = start + bounded("seconds", seconds, 0, MAX_TIME - start)
        for since, until in self.halts:
            if until > start and since < due:
                due += until - max(start, since)
        return None if self.halted_since is not None and self.halted_since < due else due

    def expired(self, start: int, seconds: int) -> bool:
        """Return whether the deadline has passed at the latest time observed."""
        due = self.deadline(start, seconds)
        return due is not None and due <= self.now

    def _known(self, end: int) -> tuple[tuple[int, int], ...]:
        return (
            self.halts if self.halted_since is None else (*self.halts, (self.halted_since, max(self.halted_since, end)))
        )
