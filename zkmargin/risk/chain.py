"""Breakers checked on the chain of snapshots: what everybody can refuse who holds the chain and the rules.

Rule
----
    `check` needs no price of the market. The mark of an instrument with rules must be

        halted                        the mark before, unchanged
        normal, directly after        within the collar that its re-opening can have reached by then; and not before the
        a halt                        shortest pause of all rules is over, counted from the first snapshot of the halt
        normal                        within the band of every mark of the look-back since the last halt

    An instrument that may not halt keeps its band through the halts of others. So a halt has to appear on the chain
    when it begins, and the chain has to have a snapshot at least once in a look-back. Whatever `Breakers.publish` makes
    of every observation, `check` accepts: a law tests it. A halt without reason is visible, and not refused.

Units, Rounding
---------------
    those of `zkmargin.risk.breakers`.

Worked example
--------------
        >>> from zkmargin.market import sample
        >>> first = sample.snapshot()
        >>> check({"ETH-PERP": BreakerRules()}, [first], first.next(first.valid_from + 60, {"ETH-PERP": 289_500}))
        >>> check({"ETH-PERP": BreakerRules()}, [first], first.next(first.valid_from + 60, {"ETH-PERP": 289_499}))
        Traceback (most recent call last):
        ...
        zkmargin.errors.StatementError: ETH-PERP.mark_ticks must be between 289500 and ...
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import takewhile

from zkmargin.amounts import bounded
from zkmargin.errors import StatementError
from zkmargin.market.instruments import MAX_TIME
from zkmargin.market.snapshot import Snapshot
from zkmargin.risk.breakers import BreakerRules, band


def check(rules: Mapping[str, BreakerRules], history: Sequence[Snapshot], snapshot: Snapshot) -> None:
    """Refuse a snapshot whose marks the breakers do not allow.

    Args:
        rules: The public rules by instrument id; other instruments are free.
        history: The chain up to the snapshot before, oldest first, reaching back over the longest look-back, and over
            the whole of a halt that stands. With less the band is weaker, and the re-opening stricter.
        snapshot: What is to follow.

    Raises:
        StatementError: as `Snapshot.check_follows`, or naming the mark and the bounds that it leaves, or the time
            before which the venue cannot re-open.
    """
    bounded("number of snapshots before", len(history), 1, MAX_TIME)
    previous = history[-1]
    snapshot.check_follows(previous)
    opening = previous.breaker == "halted" and snapshot.breaker == "normal"
    opened_for = _opened_for(rules, history, snapshot) if opening else 0
    for name, rule in rules.items():
        before = previous.listing(name).mark_ticks
        if snapshot.breaker == "halted":
            low, high, why = before, before, "the venue is halted"
        elif opening and rule.halts:
            stage = min(opened_for // rule.stage_seconds, len(rule.collars_ppm) - 1)
            low, high = band([before], rule.collars_ppm[stage])
            why = "the collar of its re-opening"
        else:
            low, high = band(_recent(name, history, snapshot.valid_from - rule.look_back_seconds), rule.band_ppm)
            why = "the band of its breaker"
        mark = snapshot.listing(name).mark_ticks
        if not low <= mark <= high:
            raise StatementError(f"{name}.mark_ticks must be between {low} and {high}: {why}, got {mark}")


def remember(
    rules: Mapping[str, BreakerRules], history: Sequence[Snapshot], snapshot: Snapshot
) -> tuple[Snapshot, ...]:
    """Return what `check` needs of the chain once `snapshot` is part of it: the look-back, and the ends of a halt."""
    earliest = snapshot.valid_from - max((rule.look_back_seconds for rule in rules.values()), default=0)
    recent = [before for before in history if before.valid_from >= earliest]
    if snapshot.breaker == "normal":
        return (*recent, snapshot)
    halt = list(takewhile(lambda before: before.breaker == "halted", reversed(history)))  # the latest first
    before_it = [before for before in history[: len(history) - len(halt)] if before.valid_from >= earliest]
    return (*before_it, *halt[-1:], snapshot)


def _opened_for(rules: Mapping[str, BreakerRules], history: Sequence[Snapshot], snapshot: Snapshot) -> int:
    """Return how long ago the shortest possible pause of the halt before `snapshot` was over."""
    halt = list(takewhile(lambda before: before.breaker == "halted", reversed(history)))
    since = halt[-1].valid_from
    pause = min((rule.shortest_pause for rule in rules.values() if rule.halts), default=0)
    return bounded("valid_from of a re-opening", snapshot.valid_from, since + pause, MAX_TIME) - since - pause


def _recent(name: str, history: Sequence[Snapshot], earliest: int) -> list[int]:
    """Return the marks since the last halt that lie in the look-back, and the last mark in any case."""
    marks: list[int] = []
    for snapshot in reversed(history):
        if marks and (snapshot.breaker == "halted" or snapshot.valid_from <= earliest):
            break
        marks.append(snapshot.listing(name).mark_ticks)
        if snapshot.breaker == "halted":
            break
    return marks
