"""Circuit breakers: what a price has to be before it becomes a mark, and when the venue stops.

Rule, for one instrument
------------------------
    A price of the market is observed at a time; the breaker says which mark follows from it.

        (1) bad tick     further than `bad_tick` from the mark: refused, the mark stays. If `confirmations` such prices
                         in a row lie within `band` of each other, they are no accident: the venue halts. It never
                         follows them without a halt.
        (2) band         a mark is within `band` of EVERY mark that stood in the last `look_back` seconds. A price
                         outside leaves the mark at the edge: limit state. Back inside within `limit_seconds`: normal.
                         Else: halt.
        (3) tiers        a mark that would have fallen by a tier's `fall` since the session began halts instead, once
                         per tier and session
        (4) halt         the mark stands still for the pause
        (5) re-opening   after the pause a collar around the standing mark widens in stages. A price inside becomes the
                         mark, and a new look-back begins with it; a price outside waits for the next stage. Beyond the
                         last collar the halt goes on until the price returns or an operator acts.

    State machine: NORMAL <-> LIMIT -> HALTED -> REOPENING -> NORMAL, and NORMAL -> HALTED by (1) and (3).

Rule, for the venue
-------------------
    The snapshot's breaker is "halted" while any instrument is HALTED or REOPENING. No mark moves then, and clocks stand
    still (`zkmargin.risk.clocks`). The venue re-opens when every instrument can, each inside its collar. An instrument
    with `halts=False` never stops the venue: out of the band its mark stays at the edge. Give that to instruments that
    somebody could push cheaply to win time.

    Whether a chain of snapshots obeys these rules, everybody can check: `zkmargin.risk.chain`.

Throttle
--------
    Per interval at most ``floor(theta * depth)`` lots of forced orders are released, oldest first; the rest is queued.

Units
-----
    prices in ticks, widths in ppm of a price, times in unix seconds.

Rounding
--------
    Bands, collars and the throttle round inwards: the stricter integer counts.

Reference
---------
    Defaults: CME's dynamic limit of 3.5 % in 60 minutes and its 7/13/20 % halts of 15 minutes; the limit state of 15
    seconds and the pause of 5 minutes of US Limit Up-Limit Down. The stages of the re-opening are ours.

Worked example
--------------
    A print at 1 tick is refused; a fall of 5 % rests at the edge of the band, and halts when it lasts.

        >>> rules = BreakerRules()
        >>> state = BreakerState.start(0, 10_000)
        >>> for time, price in ((60, 9_900), (61, 1), (62, 9_500), (80, 9_500), (400, 9_500)):
        ...     state, outcome = observe(rules, state, time, price)
        ...     print(outcome.value, state.mark_ticks, state.phase.value)
        accepted 9900 normal
        refused 9900 normal
        held 9650 limit
        held 9650 halted
        accepted 9500 normal
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from enum import Enum
from typing import TypeVar

from zkmargin.amounts import PPM, QUANTITY_BITS, bounded, ceil_div
from zkmargin.errors import StatementError
from zkmargin.market.instruments import MAX_TICKS, MAX_TIME
from zkmargin.market.parameters import CrossParameters
from zkmargin.market.snapshot import Snapshot

MAX_WIDTH_PPM = 100 * PPM
MAX_LOTS = 2**QUANTITY_BITS - 1

Order = TypeVar("Order")


class Phase(Enum):
    """Where the breaker of one instrument stands."""

    NORMAL = "normal"
    LIMIT = "limit"
    HALTED = "halted"
    REOPENING = "reopening"


class Outcome(Enum):
    """What became of an observed price."""

    ACCEPTED = "accepted"
    HELD = "held"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class HaltTier:
    """A fall since the start of the session that halts, and for how long."""

    fall_ppm: int
    pause_seconds: int

    def __post_init__(self) -> None:
        bounded("fall_ppm", self.fall_ppm, 1, PPM - 1)
        bounded("pause_seconds", self.pause_seconds, 0, MAX_TIME)


@dataclass(frozen=True, slots=True)
class BreakerRules:
    """The public rules of one instrument.

    Args:
        band_ppm: Half-width of the dynamic band, 1 to 10^6 - 1.
        look_back_seconds: Every mark that stood this recently anchors the band; at least the length of an epoch.
        bad_tick_ppm: A price further than this from the mark is refused; at least the band.
        confirmations: So many refused prices in a row that agree within the band halt the venue.
        limit_seconds: How long a price may stay outside the band.
        pause_seconds: Length of a halt by (1) or (2).
        tiers: Falls that halt, ascending.
        session_seconds: Length of a session; the tiers measure from its first mark.
        collars_ppm: Half-widths of the re-opening stages, ascending; at least one.
        stage_seconds: Length of a stage.
        halts: Whether the instrument may stop the venue.
    """

    band_ppm: int = 35_000
    look_back_seconds: int = 3_600
    bad_tick_ppm: int = 500_000
    confirmations: int = 3
    limit_seconds: int = 15
    pause_seconds: int = 300
    tiers: tuple[HaltTier, ...] = (HaltTier(70_000, 900), HaltTier(130_000, 900), HaltTier(200_000, 3_600))
    session_seconds: int = 86_400
    collars_ppm: tuple[int, ...] = (70_000, 140_000, 280_000, 700_000)
    stage_seconds: int = 60
    halts: bool = True

    def __post_init__(self) -> None:
        bounded("band_ppm", self.band_ppm, 1, PPM - 1)
        bounded("bad_tick_ppm", self.bad_tick_ppm, self.band_ppm, MAX_WIDTH_PPM)
        bounded("confirmations", self.confirmations, 1, 1_000)
        bounded("number of collars", len(self.collars_ppm), 1, 100)
        for field in ("look_back_seconds", "limit_seconds", "pause_seconds"):
            bounded(field, getattr(self, field), 0, MAX_TIME)
        for field in ("session_seconds", "stage_seconds"):
            bounded(field, getattr(self, field), 1, MAX_TIME)
        _check_ascending("tiers", [tier.fall_ppm for tier in self.tiers])
        _check_ascending("collars_ppm", list(self.collars_ppm))
        bounded("collars_ppm[0]", self.collars_ppm[0], 1, MAX_WIDTH_PPM)
        bounded("last of collars_ppm", self.collars_ppm[-1], self.band_ppm, MAX_WIDTH_PPM)

    @property
    def shortest_pause(self) -> int:
        """Return the seconds that every halt by these rules lasts at least."""
        return min(self.pause_seconds, *(tier.pause_seconds for tier in self.tiers), MAX_TIME)


@dataclass(frozen=True, slots=True)
class BreakerState:
    """The breaker of one instrument; everything in it is public.

    Args:
        phase: Where it stands.
        mark_ticks: The mark.
        since: When the phase began.
        until: End of the pause; meaningful in HALTED and REOPENING.
        now: The latest time observed.
        marks: Pairs (since, mark) that stood in the look-back, ascending.
        session: Number of the session and its first mark.
        used: Tiers that have halted in this session.
        suspects: Refused prices in a row.
    """

    phase: Phase
    mark_ticks: int
    since: int
    until: int
    now: int
    marks: tuple[tuple[int, int], ...]
    session: tuple[int, int]
    used: int = 0
    suspects: tuple[int, ...] = ()

    @staticmethod
    def start(now: int, mark_ticks: int) -> BreakerState:
        """Return the state of an instrument that begins to be watched."""
        bounded("now", now, 0, MAX_TIME)
        bounded("mark_ticks", mark_ticks, 1, MAX_TICKS)
        return BreakerState(Phase.NORMAL, mark_ticks, now, now, now, ((now, mark_ticks),), (-1, mark_ticks))

    @property
    def halted(self) -> bool:
        """Return whether this instrument stops the venue."""
        return self.phase in (Phase.HALTED, Phase.REOPENING)


def band(marks_ticks: Sequence[int], width_ppm: int) -> tuple[int, int]:
    """Return the lowest and highest price within `width_ppm` of every mark, rounded inwards.

    Example:
        >>> band([1_000, 1_010], 35_000)
        (975, 1035)
    """
    low = ceil_div(max(marks_ticks) * max(0, PPM - width_ppm), PPM)
    return max(1, low), min(MAX_TICKS, min(marks_ticks) * (PPM + width_ppm) // PPM)


def observe(rules: BreakerRules, state: BreakerState, now: int, price_ticks: int) -> tuple[BreakerState, Outcome]:
    """Return the breaker after a price of the market, and what became of the price.

    Raises:
        StatementError: if time runs backwards or the price is out of its bound.
    """
    bounded("now", now, state.now, MAX_TIME)
    bounded("price_ticks", price_ticks, 1, MAX_TICKS)
    state = _turn(rules, state, now)
    bad = not _within(price_ticks, [state.mark_ticks], rules.bad_tick_ppm)
    if state.phase is Phase.HALTED:  # (4)
        return state, Outcome.REFUSED if bad else Outcome.HELD
    if state.phase is Phase.REOPENING:
        return _reopen(rules, state, price_ticks, Outcome.REFUSED if bad else Outcome.HELD)
    if bad:
        return _suspect(rules, state, price_ticks)
    return _move(rules, replace(state, suspects=()), price_ticks)


def _turn(rules: BreakerRules, state: BreakerState, now: int) -> BreakerState:
    """Let time pass: forget old marks, begin a session, end a pause."""
    earliest = now - rules.look_back_seconds
    standing = [item for item in state.marks if item[0] <= earliest][-1:]
    kept = (*standing, *(item for item in state.marks if item[0] > earliest))
    turned = replace(state, now=now, marks=kept)
    session = now // rules.session_seconds
    if session != state.session[0]:
        turned = replace(turned, session=(session, state.mark_ticks), used=0)
    if state.phase is Phase.HALTED and now >= state.until:
        turned = replace(turned, phase=Phase.REOPENING, since=state.until)
    return turned


def _suspect(rules: BreakerRules, state: BreakerState, price_ticks: int) -> tuple[BreakerState, Outcome]:
    suspects = (*state.suspects, price_ticks)[-rules.confirmations :]  # (1)
    agree = len(suspects) == rules.confirmations and _within(price_ticks, suspects, rules.band_ppm)
    if agree and rules.halts:
        return _halt(replace(state, suspects=()), rules.pause_seconds), Outcome.HELD
    return replace(state, suspects=suspects), Outcome.REFUSED


def _move(rules: BreakerRules, state: BreakerState, price_ticks: int) -> tuple[BreakerState, Outcome]:
    low, high = band([mark for _, mark in state.marks], rules.band_ppm)  # (2)
    inside = low <= price_ticks <= high
    if not inside and rules.halts and state.phase is Phase.LIMIT and state.now - state.since >= rules.limit_seconds:
        return _halt(state, rules.pause_seconds), Outcome.HELD
    mark = min(max(price_ticks, low), high)
    if rules.halts and state.used < len(rules.tiers):
        tier = rules.tiers[state.used]  # (3)
        if mark * PPM <= state.session[1] * (PPM - tier.fall_ppm):
            return _halt(replace(state, used=state.used + 1), tier.pause_seconds), Outcome.HELD
    phase = Phase.NORMAL if inside else Phase.LIMIT
    since = state.since if phase is state.phase else state.now
    moved = replace(state, phase=phase, since=since, mark_ticks=mark, marks=(*state.marks, (state.now, mark)))
    return moved, Outcome.ACCEPTED if inside else Outcome.HELD


def _reopen(
    rules: BreakerRules, state: BreakerState, price_ticks: int, otherwise: Outcome
) -> tuple[BreakerState, Outcome]:
    stage = min((state.now - state.since) // rules.stage_seconds, len(rules.collars_ppm) - 1)  # (5)
    if not _within(price_ticks, [state.mark_ticks], rules.collars_ppm[stage]):
        return state, otherwise
    opened = replace(state, phase=Phase.NORMAL, mark_ticks=price_ticks, since=state.now)
    return replace(opened, marks=((state.now, price_ticks),), suspects=()), Outcome.ACCEPTED


def _halt(state: BreakerState, pause_seconds: int) -> BreakerState:
    return replace(state, phase=Phase.HALTED, since=state.now, until=state.now + pause_seconds)


def _within(price_ticks: int, marks_ticks: Sequence[int], width_ppm: int) -> bool:
    low, high = band(marks_ticks, width_ppm)
    return low <= price_ticks <= high


# ---- The venue -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Breakers:
    """The breakers of a venue, by instrument id."""

    rules: Mapping[str, BreakerRules]
    states: Mapping[str, BreakerState]

    @staticmethod
    def start(snapshot: Snapshot, rules: Mapping[str, BreakerRules]) -> Breakers:
        """Return the breakers of the instruments that have rules, at the marks of a snapshot."""
        ordered = dict(sorted(rules.items()))
        now = snapshot.valid_from
        return Breakers(ordered, {name: BreakerState.start(now, snapshot.listing(name).mark_ticks) for name in ordered})

    @property
    def halted(self) -> bool:
        """Return whether the venue stands still."""
        return any(state.halted for state in self.states.values())

    @property
    def marks(self) -> dict[str, int]:
        """Return the mark of every watched instrument, in ticks."""
        return {name: state.mark_ticks for name, state in self.states.items()}

    def observe(self, now: int, prices_ticks: Mapping[str, int]) -> tuple[Breakers, dict[str, Outcome]]:
        """Return the breakers after one price of each watched instrument, and what became of the prices.

        While the venue stands still, an instrument that is not halted itself keeps its mark too: its price is HELD.

        Raises:
            StatementError: if a watched instrument has no price.
        """
        outcomes: dict[str, Outcome] = {}
        states: dict[str, BreakerState] = {}
        for name, state in self.states.items():
            if name not in prices_ticks:
                raise StatementError(f"price of {name} is missing")
            states[name], outcomes[name] = observe(self.rules[name], state, now, prices_ticks[name])
        stopped = replace(self, states=states)
        if not stopped.halted:
            return stopped, outcomes
        until = max(state.until for state in states.values() if state.halted)
        held = {name: self._held(name, state, until) for name, state in states.items()}
        return replace(self, states=held), {name: _kept(outcome) for name, outcome in outcomes.items()}

    def publish(self, previous: Snapshot, now: int, *, cross: CrossParameters | None = None) -> Snapshot:
        """Return the snapshot after `previous` with these marks and this breaker state, and new parameters if given.

        Raises:
            StatementError: as `Snapshot.next`.
        """
        return previous.next(now, self.marks, cross=cross, breaker="halted" if self.halted else "normal")

    def _held(self, name: str, after: BreakerState, until: int) -> BreakerState:
        """Return a state whose mark did not move, since the venue stands still, and that opens when the venue does."""
        before = self.states[name]
        if after.halted:
            return after
        if not self.rules[name].halts:
            kept = ((after.now, before.mark_ticks),)
            return replace(after, phase=Phase.NORMAL, mark_ticks=before.mark_ticks, marks=kept, suspects=())
        if before.phase is Phase.REOPENING:
            return replace(after, phase=before.phase, since=before.since, mark_ticks=before.mark_ticks)
        return replace(after, phase=Phase.HALTED, since=after.now, until=until, mark_ticks=before.mark_ticks)


def _kept(outcome: Outcome) -> Outcome:
    return outcome if outcome is Outcome.REFUSED else Outcome.HELD


# ---- Throttle --------------------------------------------------------------------------------------------------------


def allowed_lots(theta_ppm: int, depth_lots: int) -> int:
    """Return how many lots of forced orders one interval releases: ``floor(theta * depth)``."""
    bounded("theta_ppm", theta_ppm, 0, MAX_WIDTH_PPM)
    return theta_ppm * bounded("depth_lots", depth_lots, 0, MAX_LOTS) // PPM


def release(
    queue: Sequence[tuple[Order, int]], lots: int
) -> tuple[tuple[tuple[Order, int], ...], tuple[tuple[Order, int], ...]]:
    """Return the released orders and the queue that remains; the oldest go first, the last may be split.

    Args:
        queue: Pairs of an order and its positive number of lots, oldest first.
        lots: What may be released, as `allowed_lots` says.

    Example:
        >>> release([("a", 5), ("b", 5)], 7)
        ((('a', 5), ('b', 2)), (('b', 3),))
    """
    left = bounded("lots", lots, 0, MAX_LOTS)
    released: list[tuple[Order, int]] = []
    for position, (order, size) in enumerate(queue):
        taken = min(size, left)
        left -= taken
        if taken:
            released.append((order, taken))
        if taken < size:
            return tuple(released), ((order, size - taken), *queue[position + 1 :])
    return tuple(released), ()


def _check_ascending(field: str, values: Sequence[int]) -> None:
    if sorted(set(values)) != list(values):
        raise StatementError(f"{field} must be strictly ascending, got {tuple(values)}")
