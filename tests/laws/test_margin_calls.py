"""Laws of the margin-call engine, over random stories of an account."""

from hypothesis import given
from hypothesis import strategies as st

from tests.service.plays import CURE, GRACE, PROOF, RULES, acts, event, last, later, market, play, take
from verifier_api.service import events, margin_calls
from verifier_api.service.events import Closed, Decided, Defaulted, EpochOpened, Halted, Proved, Resumed, Tick
from verifier_api.service.rules import Level
from verifier_api.service.states import ENDED, PROVING, State, Status


@given(acts)
def test_no_transition_comes_out_of_nothing(story):
    for before, what, now_ms, after, records in play(story):
        assert bool(records) == (before != after)
        assert len(records) <= 1
        for record in records:
            assert (record.before, record.after, record.at_ms) == (before.status, after.status, now_ms)
        if before.status is not after.status:
            assert isinstance(what, (Tick, Proved, Decided, Closed, Defaulted))
        if isinstance(what, Tick) and records:
            assert before.deadline().at_ms <= now_ms


@given(acts)
def test_time_alone_moves_nobody_before_the_deadline(story):
    state, now_ms = last(story)
    deadline = state.deadline()
    until_ms = deadline.at_ms - 1 if deadline else now_ms + 10**9
    assert margin_calls.step(state, Tick(), until_ms, RULES) == (state, ())


@given(acts)
def test_only_the_restore_level_or_a_decision_ends_a_call_well(story):
    for before, what, _, after, _ in play(story):
        if before.status in (Status.CALLED, Status.LIQUIDATING) and after.status in (*PROVING, Status.STALE):
            restored = isinstance(what, Proved) and what.level == Level.RESTORE
            assert restored or (isinstance(what, Decided) and what.upheld)


epochs = st.lists(st.tuples(st.integers(1, 300), st.integers(0, PROOF - 1), st.integers(1, 3)), min_size=1, max_size=15)


@given(epochs, st.lists(st.integers(0, 5_000), max_size=30))
def test_a_proof_in_time_never_leads_to_a_call(plan, ticks):
    state = margin_calls.enrol("alice", 0, None, 0, RULES)
    happenings, opens_ms = [(at_ms, 2, Tick()) for at_ms in ticks], 0
    for number, (gap_ms, delay_ms, level) in enumerate(plan, 1):
        opens_ms += gap_ms
        happenings.append((opens_ms, 0, EpochOpened(market(number))))
        happenings.append((opens_ms + delay_ms, 1, Proved(number, 0, level, opens_ms + delay_ms, 0, "ab" * 32)))
    for now_ms, _, what in sorted(happenings, key=lambda item: item[:2]):
        state, _ = margin_calls.step(state, what, now_ms, RULES)
        assert state.status in (Status.HEALTHY, Status.WARNED)


@given(acts)
def test_silence_always_leads_to_a_call_and_then_to_liquidation(story):
    state, now_ms = last(story)
    if state.status in ENDED or (state.status in PROVING and not state.owed):
        return
    called_by_ms = now_ms + PROOF + GRACE
    seen = {state.status}
    while (deadline := state.deadline()) is not None:
        now_ms = max(now_ms, deadline.at_ms)
        state, records = margin_calls.step(state, Tick(), now_ms, RULES)
        assert records
        if state.status is Status.CALLED and Status.CALLED not in seen:
            assert now_ms <= called_by_ms
        seen.add(state.status)
    assert seen & {Status.CALLED, Status.LIQUIDATING}
    assert state.status is Status.LIQUIDATING


@given(acts)
def test_no_deadline_moves_unless_the_market_was_halted(story):
    for before, _, _, after, _ in play(story):
        due = {item.epoch: item.due_ms for item in before.owed}
        assert all(item.due_ms == due[item.epoch] for item in after.owed if item.epoch in due)
        assert sorted(item.due_ms for item in after.owed) == [item.due_ms for item in after.owed]
        if before.status is after.status is Status.STALE:
            assert after.grace_ms == before.grace_ms
        if before.call and after.call:
            assert after.call.cure_by_ms == before.call.cure_by_ms == before.call.issued_ms + CURE
            assert not before.call.dispute or after.call.dispute.until_ms == before.call.dispute.until_ms


@given(acts, acts, st.integers(1, 10_000), st.lists(st.integers(0, 10_000), max_size=5))
def test_a_halt_shifts_every_clock_by_exactly_its_length(first, second, length_ms, ticks):
    state, start_ms = last(first)
    halted, _ = margin_calls.step(state, Halted(), start_ms, RULES)
    for tick_ms in sorted(ticks):
        assert margin_calls.step(halted, Tick(), start_ms + min(tick_ms, length_ms), RULES) == (halted, ())
    resumed, _ = margin_calls.step(halted, Resumed(), start_ms + length_ms, RULES)
    assert resumed == state.shifted(length_ms)
    now_ms = start_ms
    for act in second:
        now_ms += act.after_ms
        what = event(state, act, now_ms)
        state, _ = take(state, what, now_ms)
        resumed, _ = take(resumed, later(what, length_ms), now_ms + length_ms)
        plain, shifted = state.deadline(), resumed.deadline()
        assert (resumed.status, resumed.level, resumed.disputed) == (state.status, state.level, state.disputed)
        assert (plain and (plain.kind, plain.at_ms + length_ms)) == (shifted and (shifted.kind, shifted.at_ms))


@given(acts)
def test_the_records_rebuild_the_state(story):
    rebuilt = margin_calls.enrol("alice", 0, market(1), 1_000, RULES)
    for _, _, _, after, records in play(story):
        for record in records:
            document = record.to_document()
            rebuilt, again = margin_calls.step(
                rebuilt, events.from_document(document["event"]), document["at_ms"], RULES
            )
            assert [item.to_document() for item in again] == [document]
        assert rebuilt == after
        assert State.from_document(after.to_document()) == after
