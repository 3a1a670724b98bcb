"""Random stories of one account: what happens, and how long after the thing before."""

from dataclasses import dataclass, replace

from hypothesis import strategies as st

from verifier_api.service import margin_calls
from verifier_api.service.events import (
    Acknowledged,
    BookChanged,
    Closed,
    Decided,
    Defaulted,
    Disputed,
    EpochOpened,
    Proved,
    Tick,
)
from verifier_api.service.rules import Rules, Timing
from verifier_api.service.states import Market
from verifier_api.service.windows import Duration
from zkmargin.errors import StatementError

PROOF, GRACE, ACKNOWLEDGE, CURE, DISPUTE = 100, 50, 60, 400, 900
RULES = Rules(
    3,
    "cross",
    Timing(Duration(PROOF), Duration(GRACE), Duration(CURE), Duration(DISPUTE), acknowledge=Duration(ACKNOWLEDGE)),
)


def market(epoch):
    return Market(epoch, f"{epoch:064x}", 1)


@dataclass(frozen=True)
class Act:
    """Something that happens `after_ms` later; an epoch and a sequence are made to fit when it is played."""

    after_ms: int
    kind: str
    number: int = 0


KINDS = ("epoch", "epoch", "proved", "proved", "box", "book", "acknowledged", "disputed", "decided", "tick", "ended")
acts = st.lists(
    st.builds(Act, st.integers(0, 160), st.sampled_from(KINDS), st.integers(0, 11)), min_size=1, max_size=30
)


def event(state, act, now_ms):
    """Return what an act is in a state."""
    epoch = state.market.epoch if state.market else 0
    match act.kind:
        case "epoch":
            return EpochOpened(market(epoch + 1), standing=act.number % 3 == 0)
        case "proved" | "box":
            age = act.number // 3
            width_ppm = 1_000 if act.kind == "box" else 0
            received_ms = max(0, now_ms - act.number)
            return Proved(max(0, epoch - age), state.sequence, act.number % 3 + 1, received_ms, width_ppm, "ab" * 32)
        case "book":
            return BookChanged(state.sequence + 1, ("trade", "reduce", "deposit", "withdrawal")[act.number % 4])
        case "ended":
            return Closed() if act.number % 2 else Defaulted()
        case "acknowledged":
            return Acknowledged()
        case "disputed":
            return Disputed("price")
        case "decided":
            return Decided(act.number % 2 == 0)
        case _:
            return Tick()


def take(state, what, now_ms, rules=RULES):
    """Return the state and the records after an event; one that is refused changes nothing."""
    try:
        return margin_calls.step(state, what, now_ms, rules)
    except StatementError:
        return state, ()


def play(story, start_ms=1_000, rules=RULES, state=None):
    """Yield (state before, event, time, state after, records) of a story."""
    now_ms = start_ms
    state = state or margin_calls.enrol("alice", 0, market(1), now_ms, rules)
    for act in story:
        now_ms += act.after_ms
        what = event(state, act, now_ms)
        after, records = take(state, what, now_ms, rules)
        yield state, what, now_ms, after, records
        state = after


def last(story, start_ms=1_000, rules=RULES, state=None):
    """Return the state at the end of a story, and the time."""
    *_, (_, _, now_ms, after, _) = play(story, start_ms, rules, state)
    return after, now_ms


def later(what, by_ms):
    """Return the event as it would be had everything happened `by_ms` later."""
    return replace(what, received_ms=what.received_ms + by_ms) if isinstance(what, Proved) else what
