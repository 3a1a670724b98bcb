"""Margin calls: the state machine that moves an account, driven by what was proved and by deadlines, and nothing else.

Rule
----
    step(state, event, now, rules) -> (state, transitions)

    is a pure function. A transition is the record of one change, with the values that decided it; an event that changes
    nothing has none. Whoever replays the recorded events gets the recorded states.

        HEALTHY      -> STALE        an owed epoch was not proved before its deadline
        HEALTHY     <-> WARNED       a newer proof reaches the maintenance level and not the band, or the band again
        STALE        -> HEALTHY, WARNED   a proof counts
        STALE        -> CALLED       the grace is over
        CALLED       -> CURED        a proof reaches the restore level
        CURED        -> HEALTHY, WARNED   a later epoch is proved;    CURED -> STALE as from HEALTHY
        CALLED       -> LIQUIDATING  the cure deadline is over
        LIQUIDATING  -> CURED        a proof reaches the restore level, still
        LIQUIDATING  -> CLOSED, DEFAULTED   the liquidator reports an empty book, or a loss

    DISPUTED lies over CALLED: a dispute does not move the cure deadline. If, at that deadline, the undisputed part is
    met, which is to say that no owed epoch is late, then liquidation waits for the decision, as long as it stays met.
    HALTED lies over everything, and is the only thing that stops clocks: a halt shifts each of them by its length.

What counts
-----------
    A proof counts when it is about the account's present book and about the newest epoch, or about an older one that
    is owed and was received before its deadline. Receipt decides, not the moment at which it was verified. It settles
    its epoch and all older ones. A proof below the restore level does not cure, and no payment moves a deadline.

Clocks
------
    A deadline that fires late starts the next clock at the moment of firing: when the service itself was down, nobody's
    time to cure is shorter. What never fires late is in the tests: silence always leads to a call.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from verifier_api.service.events import (
    Acknowledged,
    BookChanged,
    Closed,
    Decided,
    Defaulted,
    Disputed,
    EpochOpened,
    Event,
    Halted,
    Proved,
    Resumed,
    Tick,
)
from verifier_api.service.rules import Level, Rules
from verifier_api.service.states import ENDED, PROVING, Box, Call, Dispute, Market, Owed, State, Status
from zkmargin.errors import StatementError

Guard = Mapping[str, int | str]


@dataclass(frozen=True, slots=True)
class Transition:
    """The record of one change of one account.

    Args:
        account: Its name.
        event: What happened.
        before: Status before.
        after: Status after; it may be the same.
        at_ms: When.
        guard: The values that decided it.
        market: The snapshot in force, or None before the first.
        rules_version: Version of the rules.
        proof: Digest of the proof in hexadecimal, or empty.
    """

    account: str
    event: Event
    before: Status
    after: Status
    at_ms: int
    guard: Guard = field(default_factory=dict)
    market: Market | None = None
    rules_version: int = 0
    proof: str = ""

    def to_document(self) -> dict[str, Any]:
        """Return the record as a JSON object, ready for the log."""
        return {
            "account": self.account,
            "event": self.event.to_document(),
            "before": self.before.value,
            "after": self.after.value,
            "at_ms": self.at_ms,
            "guard": dict(self.guard),
            "epoch": self.market.epoch if self.market else 0,
            "snapshot": self.market.snapshot if self.market else "",
            "parameters": self.market.parameters if self.market else 0,
            "rules": self.rules_version,
            "proof": self.proof,
        }


Result = tuple[State, tuple[Transition, ...]]


def enrol(
    account: str, sequence: int, market: Market | None, now_ms: int, rules: Rules, halted_ms: int | None = None
) -> State:
    """Return the state of a new account: healthy, and owing a proof of the epoch in force."""
    state = State(account, sequence, market, halted_ms=halted_ms)
    return state if market is None else _owing(state, market.epoch, now_ms, rules)


def step(state: State, event: Event, now_ms: int, rules: Rules) -> Result:
    """Return the state after an event, and the record of the change if there was one.

    Args:
        state: Where the account stands.
        event: What happened.
        now_ms: When it is recorded.
        rules: The rulebook.

    Raises:
        StatementError: if the event cannot happen in this state.
    """
    guard: Guard
    match event:
        case Tick():
            after, guard = _fire(state, now_ms, rules)
        case Proved():
            after, guard = _prove(state, event, now_ms)
        case EpochOpened():
            after, guard = _open_epoch(state, event, now_ms, rules)
        case BookChanged():
            after, guard = _change_book(state, event, now_ms, rules)
        case Halted():
            after, guard = (replace(state, halted_ms=now_ms), {}) if state.halted_ms is None else (state, {})
        case Resumed():
            after, guard = _resume(state, now_ms)
        case Acknowledged() | Disputed() | Decided():
            after, guard = _answer(state, event, now_ms, rules)
        case Closed() | Defaulted():
            after, guard = _end(state, event)
    if after == state:
        return state, ()
    proof = event.proof if isinstance(event, Proved) else ""
    record = Transition(
        state.account, event, state.status, after.status, now_ms, guard, after.market, rules.version, proof
    )
    return after, (record,)


def advance(state: State, market: Market, halted: bool, standing: bool, now_ms: int, rules: Rules) -> State:
    """Return the state of an account after an epoch opened: its clocks stop or go on first, as the breaker says.

    One record of the log says this about all accounts.
    """
    turn: Event = Halted() if halted else Resumed()
    state, _ = step(state, turn, now_ms, rules)
    state, _ = step(state, EpochOpened(market, standing), now_ms, rules)
    return state


ALL = frozenset({"trade", "reduce", "deposit", "withdrawal"})
_PERMITTED = {
    Status.STALE: frozenset({"reduce", "deposit"}),
    Status.CALLED: frozenset({"reduce", "deposit"}),
    Status.LIQUIDATING: frozenset({"deposit"}),
    Status.CLOSED: frozenset({"withdrawal"}),
    Status.DEFAULTED: frozenset[str](),
}


def permitted(status: Status) -> frozenset[str]:
    """Return the kinds of ledger entry that an account may make in a status.

    Example:
        >>> sorted(permitted(Status.CALLED))
        ['deposit', 'reduce']
    """
    return _PERMITTED.get(status, ALL)


def _fire(state: State, now_ms: int, rules: Rules) -> tuple[State, Guard]:
    """Let the next deadline pass, if it has; at most one, for the clock that it starts begins now."""
    deadline = state.deadline()
    if deadline is None or deadline.at_ms > now_ms:
        return state, {}
    guard: dict[str, int | str] = {"deadline": deadline.kind, "due_ms": deadline.at_ms}
    if deadline.kind == "proof":
        grace_ms = rules.timing.grace.after(now_ms)
        guard |= {"missed_epoch": state.owed[0].epoch, "grace_ms": grace_ms}
        return replace(state, status=Status.STALE, grace_ms=grace_ms), guard
    if deadline.kind == "grace":
        acknowledge = rules.timing.acknowledge
        call = Call(now_ms, rules.timing.cure.after(now_ms), acknowledge.after(now_ms) if acknowledge else None)
        guard |= {"cure_by_ms": call.cure_by_ms}
        return replace(state, status=Status.CALLED, grace_ms=None, call=call), guard
    return _fire_called(state, _call_of(state), deadline.kind, now_ms), guard


def _fire_called(state: State, call: Call, kind: str, now_ms: int) -> State:
    if kind == "acknowledge":
        return replace(state, call=replace(call, acknowledge_by_ms=None))
    if kind == "cure" and call.disputed and not state.overdue(now_ms):
        return replace(state, call=replace(call, waiting=True))
    if kind == "dispute":
        return _reject(state, call)
    return _reject(replace(state, status=Status.LIQUIDATING), call)


def _reject(state: State, call: Call) -> State:
    """Close the dispute; when nothing but the dispute was in the way, liquidation begins."""
    closed = replace(call, dispute=call.dispute and replace(call.dispute, open=False), waiting=False)
    return replace(state, call=closed, status=Status.LIQUIDATING if call.waiting else state.status)


def _prove(state: State, event: Proved, now_ms: int) -> tuple[State, Guard]:
    if state.status in ENDED or not counts(state, event):
        return state, {}
    repeated = event.epoch == state.proved_epoch and state.level is not None and event.level <= state.level
    level = state.level if repeated and state.level is not None else Level(event.level)
    after = replace(
        state,
        level=level,
        proved_epoch=max(event.epoch, state.proved_epoch or 0),
        owed=tuple(item for item in state.owed if item.epoch > event.epoch),
        box=Box(event.epoch, event.width_ppm, Level(event.level)) if event.width_ppm else state.box,
    )
    guard: Guard = {"level": event.level, "received_ms": event.received_ms, "proved_epoch": event.epoch}
    if state.status in (Status.CALLED, Status.LIQUIDATING):
        cured = event.level >= Level.RESTORE
        return (replace(after, status=Status.CURED, call=None) if cured else after), guard
    if state.status is Status.CURED and event.epoch == state.proved_epoch:
        return after, guard
    status = Status.HEALTHY if level >= Level.BAND else Status.WARNED
    return replace(after, status=status, grace_ms=None), guard


def counts(state: State, event: Proved) -> bool:
    """Return whether a proof is about the present book, and about an epoch that can still be proved."""
    if state.market is None or event.sequence != state.sequence:
        return False
    if event.epoch == state.market.epoch:
        return True
    received_ms = state.clock(event.received_ms)
    return any(item.epoch == event.epoch and received_ms < item.due_ms for item in state.owed)


def _open_epoch(state: State, event: EpochOpened, now_ms: int, rules: Rules) -> tuple[State, Guard]:
    if state.status in ENDED:
        return state, {}
    opened = replace(state, market=event.market)
    if event.standing and state.box is not None and state.may_stand:
        return replace(opened, proved_epoch=event.market.epoch, owed=()), {"standing_since": state.box.epoch}
    return _owing(replace(opened, box=None), event.market.epoch, now_ms, rules), {}


def _change_book(state: State, event: BookChanged, now_ms: int, rules: Rules) -> tuple[State, Guard]:
    if state.status in ENDED:
        raise StatementError(f"the book of account {state.account} cannot change: it is {state.status}")
    if event.entry not in permitted(state.status):
        allowed = ", ".join(sorted(permitted(state.status)))
        raise StatementError(f"entry of account {state.account}, which is {state.status}, must be one of {allowed}")
    if event.sequence != state.sequence + 1:
        raise StatementError(f"sequence of account {state.account} must be {state.sequence + 1}, got {event.sequence}")
    changed = replace(state, sequence=event.sequence, level=None, box=None)
    return (changed if state.market is None else _owing(changed, state.market.epoch, now_ms, rules)), {}


def _resume(state: State, now_ms: int) -> tuple[State, Guard]:
    if state.halted_ms is None:
        return state, {}
    by_ms = max(0, now_ms - state.halted_ms)
    return replace(state.shifted(by_ms), halted_ms=None), {"shifted_ms": by_ms}


def _answer(state: State, event: Acknowledged | Disputed | Decided, now_ms: int, rules: Rules) -> tuple[State, Guard]:
    call = _call_of(state)
    if isinstance(event, Acknowledged):
        if call.acknowledged_ms is not None:
            return state, {}
        return replace(state, call=replace(call, acknowledged_ms=now_ms, acknowledge_by_ms=None)), {}
    if isinstance(event, Disputed):
        if call.dispute is not None:
            raise StatementError(f"the call of account {state.account} has been disputed before, and once is all")
        dispute = Dispute(event.ground, rules.timing.dispute.after(state.clock(now_ms)))
        return replace(state, call=replace(call, dispute=dispute)), {"until_ms": dispute.until_ms}
    if not call.disputed:
        raise StatementError(f"the call of account {state.account} is not disputed")
    if not event.upheld:
        return _reject(state, call), {}
    if state.overdue(now_ms):
        grace_ms = rules.timing.grace.after(state.clock(now_ms))
        return replace(state, status=Status.STALE, call=None, grace_ms=grace_ms), {"grace_ms": grace_ms}
    healthy = state.level is not None and state.level >= Level.BAND
    return replace(state, status=Status.HEALTHY if healthy else Status.WARNED, call=None), {}


def _end(state: State, event: Closed | Defaulted) -> tuple[State, Guard]:
    if state.status is not Status.LIQUIDATING:
        raise StatementError(f"account {state.account} must be liquidating, and is {state.status}")
    status = Status.CLOSED if isinstance(event, Closed) else Status.DEFAULTED
    return replace(state, status=status, owed=(), box=None, call=None), {}


def _call_of(state: State) -> Call:
    if state.status is not Status.CALLED or state.call is None:
        raise StatementError(f"account {state.account} must be called, and is {state.status}")
    return state.call


def _owing(state: State, epoch: int, now_ms: int, rules: Rules) -> State:
    """Return the state with `epoch` owed; a deadline that it has already stays, and none gets earlier or later."""
    if any(item.epoch == epoch for item in state.owed):
        return state
    clock_ms = state.clock(now_ms)
    kept = state.owed
    if state.status not in PROVING:
        # Of the epochs that are missed already, the newest says so as well as all of them.
        late = [item for item in kept if item.due_ms <= clock_ms]
        kept = (*late[-1:], *[item for item in kept if item.due_ms > clock_ms])
    return replace(state, owed=(*kept, Owed(epoch, rules.timing.proof.after(clock_ms))))
