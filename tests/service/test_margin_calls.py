"""The states of an account, one arrow at a time."""

import pytest

from tests.service.plays import ACKNOWLEDGE, CURE, DISPUTE, GRACE, PROOF, RULES, market
from verifier_api.service import events, margin_calls
from verifier_api.service.events import (
    Acknowledged,
    BookChanged,
    Closed,
    Decided,
    Defaulted,
    Disputed,
    EpochOpened,
    Halted,
    Proved,
    Resumed,
    Tick,
)
from verifier_api.service.rules import Level, Rules, daily
from verifier_api.service.states import State, Status
from zkmargin.errors import EncodingError, StatementError

START = 1_000
STALE_AT = START + PROOF
CALLED_AT = STALE_AT + GRACE
CURE_BY = CALLED_AT + CURE


def story(*happenings, rules=RULES):
    """Return the state after (time, event) pairs, from an account that owes epoch 1 since START."""
    state = margin_calls.enrol("alice", 0, market(1), START, rules)
    for now_ms, what in happenings:
        state, _ = margin_calls.step(state, what, now_ms, rules)
    return state


def proof(now_ms, level=Level.BAND, epoch=1, sequence=0, width_ppm=0):
    return now_ms, Proved(epoch, sequence, int(level), now_ms, width_ppm, "ab" * 32)


def opened(now_ms, epoch, standing=False):
    return now_ms, EpochOpened(market(epoch), standing)


SILENT = ((STALE_AT, Tick()), (CALLED_AT, Tick()))


def test_a_new_account_owes_the_epoch_in_force():
    state = story()
    assert state.status is Status.HEALTHY
    assert (state.deadline().kind, state.deadline().at_ms) == ("proof", STALE_AT)


def test_a_proof_settles_the_epoch():
    state = story(proof(START + 1))
    assert (state.status, state.owed, state.proved_epoch, state.deadline()) == (Status.HEALTHY, (), 1, None)


def test_a_missed_deadline_makes_an_account_stale_at_the_deadline_and_not_before():
    assert story((STALE_AT - 1, Tick())).status is Status.HEALTHY
    assert story((STALE_AT, Tick())).status is Status.STALE


def test_grace_over_is_a_call_with_its_deadlines():
    assert story((STALE_AT, Tick()), (CALLED_AT - 1, Tick())).status is Status.STALE
    state = story(*SILENT)
    assert state.status is Status.CALLED
    assert (state.call.cure_by_ms, state.call.acknowledge_by_ms) == (CURE_BY, CALLED_AT + ACKNOWLEDGE)


def test_a_clock_that_fires_late_takes_nothing_from_the_next_one():
    state = story((STALE_AT + 10_000, Tick()))
    assert (state.status, state.grace_ms) == (Status.STALE, STALE_AT + 10_000 + GRACE)


@pytest.mark.parametrize("level, status", [(Level.MAINTENANCE, Status.WARNED), (Level.BAND, Status.HEALTHY)])
def test_a_proof_in_grace_leads_back_to_the_state_that_it_reaches(level, status):
    assert story((STALE_AT, Tick()), proof(STALE_AT + 1, level)).status is status


def test_maintenance_without_the_band_is_a_warning_and_the_band_takes_it_back():
    warned = story(proof(START + 1, Level.MAINTENANCE))
    assert warned.status is Status.WARNED
    assert story(proof(START + 1, Level.MAINTENANCE), proof(START + 2, Level.BAND)).status is Status.HEALTHY


def test_a_lesser_proof_of_the_same_epoch_takes_nothing_back():
    assert story(proof(START + 1, Level.RESTORE), proof(START + 2, Level.MAINTENANCE)).level is Level.RESTORE


def test_a_lesser_proof_of_a_later_epoch_is_a_warning():
    state = story(proof(START + 1), opened(START + 2, 2), proof(START + 3, Level.MAINTENANCE, epoch=2))
    assert state.status is Status.WARNED


def test_an_older_epoch_counts_until_its_own_deadline_and_settles_only_itself():
    state = story(opened(START + 50, 2), proof(STALE_AT - 1, epoch=1))
    assert [item.epoch for item in state.owed] == [2]
    late = story(opened(START + 50, 2), proof(STALE_AT, epoch=1))
    assert [item.epoch for item in late.owed] == [1, 2]


def test_receipt_decides_and_not_the_moment_of_verification():
    received_in_time = (STALE_AT + 5, Proved(1, 0, 2, STALE_AT - 1, 0, "ab" * 32))
    assert story(opened(START + 50, 2), (STALE_AT, Tick()), received_in_time).status is Status.HEALTHY


def test_a_proof_about_an_older_book_does_not_count():
    state = story((START + 1, BookChanged(1, "trade")), proof(START + 2, sequence=0))
    assert state.owed != ()


def test_a_proof_of_the_restore_level_cures_and_the_next_epoch_heals():
    cured = story(*SILENT, proof(CALLED_AT + 1, Level.RESTORE))
    assert (cured.status, cured.call) == (Status.CURED, None)
    later = (opened(CALLED_AT + 2, 2), proof(CALLED_AT + 3, epoch=2))
    assert story(*SILENT, proof(CALLED_AT + 1, Level.RESTORE), *later).status is Status.HEALTHY


@pytest.mark.parametrize("level", [Level.MAINTENANCE, Level.BAND])
def test_a_proof_below_the_restore_level_does_not_cure(level):
    assert story(*SILENT, proof(CALLED_AT + 1, level)).status is Status.CALLED


def test_no_part_payment_moves_the_deadline():
    acknowledged = (CALLED_AT, Acknowledged())
    part = (CALLED_AT + 1, BookChanged(1, "deposit")), proof(CALLED_AT + 2, sequence=1)
    paid = story(*SILENT, acknowledged, *part)
    assert (paid.status, paid.call.cure_by_ms) == (Status.CALLED, CURE_BY)
    assert margin_calls.step(paid, Tick(), CURE_BY, RULES)[0].status is Status.LIQUIDATING


def test_liquidation_begins_at_the_cure_deadline_and_not_before():
    assert story(*SILENT, (CURE_BY - 1, Tick()), (CURE_BY - 1, Tick())).status is Status.CALLED
    ticks = [(CALLED_AT + ACKNOWLEDGE, Tick()), (CURE_BY, Tick())]
    assert story(*SILENT, *ticks).status is Status.LIQUIDATING


LIQUIDATING = (*SILENT, (CALLED_AT + ACKNOWLEDGE, Tick()), (CURE_BY, Tick()))


def test_a_restored_account_leaves_liquidation_cured():
    assert story(*LIQUIDATING, proof(CURE_BY + 1, Level.BAND)).status is Status.LIQUIDATING
    assert story(*LIQUIDATING, proof(CURE_BY + 1, Level.RESTORE)).status is Status.CURED


@pytest.mark.parametrize("end, status", [(Closed(), Status.CLOSED), (Defaulted(), Status.DEFAULTED)])
def test_an_end_is_reported_by_the_liquidator_and_is_final(end, status):
    ended = story(*LIQUIDATING, (CURE_BY + 1, end))
    assert (ended.status, ended.deadline()) == (status, None)
    after = [opened(CURE_BY + 2, 2), proof(CURE_BY + 3, Level.RESTORE, epoch=2), (CURE_BY + 9_999, Tick())]
    assert story(*LIQUIDATING, (CURE_BY + 1, end), *after) == ended


@pytest.mark.parametrize("end", [Closed(), Defaulted()])
def test_an_account_that_is_not_liquidating_cannot_end(end):
    with pytest.raises(StatementError, match="must be liquidating, and is called"):
        story(*SILENT, (CALLED_AT + 1, end))


def test_acknowledging_stops_its_clock_and_no_other():
    state = story(*SILENT, (CALLED_AT + 1, Acknowledged()))
    assert state.call.acknowledged_ms == CALLED_AT + 1
    assert (state.deadline().kind, state.deadline().at_ms) == ("cure", CURE_BY)


def test_a_missed_acknowledgement_is_recorded_and_changes_no_deadline():
    missed, records = margin_calls.step(story(*SILENT), Tick(), CALLED_AT + ACKNOWLEDGE, RULES)
    assert records[0].guard["deadline"] == "acknowledge"
    assert (missed.status, missed.call.cure_by_ms) == (Status.CALLED, CURE_BY)


DISPUTING = (*SILENT, (CALLED_AT + 1, Acknowledged()), (CALLED_AT + 2, Disputed("price")))
MET = proof(CALLED_AT + 3, Level.MAINTENANCE)
DISPUTE_OVER = CALLED_AT + 2 + DISPUTE


def test_a_dispute_alone_does_not_keep_liquidation_away():
    assert story(*DISPUTING).disputed
    assert story(*DISPUTING, (CURE_BY, Tick())).status is Status.LIQUIDATING


def test_a_dispute_whose_undisputed_part_is_met_waits_for_the_decision():
    waiting = story(*DISPUTING, MET, (CURE_BY, Tick()))
    assert (waiting.status, waiting.call.waiting, waiting.disputed) == (Status.CALLED, True, True)


def test_the_undisputed_part_must_stay_met_while_the_dispute_is_open():
    late = [opened(CURE_BY - 10, 2), (CURE_BY, Tick()), (CURE_BY - 10 + PROOF, Tick())]
    assert story(*DISPUTING, MET, *late).status is Status.LIQUIDATING
    kept = [opened(CURE_BY - 10, 2), (CURE_BY, Tick()), proof(CURE_BY + 1, Level.MAINTENANCE, epoch=2)]
    assert story(*DISPUTING, MET, *kept, (CURE_BY + PROOF, Tick())).status is Status.CALLED


@pytest.mark.parametrize("decision", [(CURE_BY + 1, Decided(False)), (DISPUTE_OVER, Tick())])
def test_a_rejected_or_forgotten_dispute_after_the_deadline_is_liquidation(decision):
    state = story(*DISPUTING, MET, (CURE_BY, Tick()), decision)
    assert (state.status, state.disputed) == (Status.LIQUIDATING, False)


def test_a_rejected_dispute_before_the_deadline_leaves_the_call_as_it_was():
    state = story(*DISPUTING, (CALLED_AT + 5, Decided(False)))
    assert (state.status, state.call.cure_by_ms, state.disputed) == (Status.CALLED, CURE_BY, False)


def test_an_upheld_dispute_withdraws_the_call():
    assert story(*DISPUTING, MET, (CALLED_AT + 5, Decided(True))).status is Status.WARNED
    assert story(*DISPUTING, (CALLED_AT + 5, Decided(True))).status is Status.STALE


def test_a_call_is_disputed_once():
    with pytest.raises(StatementError, match="has been disputed before"):
        story(*DISPUTING, (CALLED_AT + 5, Decided(False)), (CALLED_AT + 6, Disputed("price")))


@pytest.mark.parametrize("what", [Acknowledged(), Disputed("price"), Decided(True)])
def test_an_answer_without_a_call_is_refused(what):
    with pytest.raises(StatementError, match="must be called, and is healthy"):
        story((START + 1, what))


def test_a_decision_without_a_dispute_is_refused():
    with pytest.raises(StatementError, match="is not disputed"):
        story(*SILENT, (CALLED_AT + 1, Decided(True)))


def test_a_standing_box_owes_nothing_and_leaving_it_owes_the_epoch():
    standing = [proof(START + 1, width_ppm=10_000), opened(START + 500, 2, standing=True)]
    assert (story(*standing).proved_epoch, story(*standing).owed) == (2, ())
    left = story(*standing, opened(START + 600, 3, standing=False))
    assert (left.box, left.deadline().at_ms) == (None, START + 600 + PROOF)


def test_a_box_serves_no_account_that_is_called():
    state = story(*SILENT, proof(CALLED_AT + 1, width_ppm=10_000), opened(CALLED_AT + 2, 2, standing=True))
    assert (state.box, [item.epoch for item in state.owed]) == (None, [2])


def test_a_new_book_ends_the_box_and_owes_the_epoch_in_force():
    state = story(proof(START + 1, width_ppm=10_000), (START + 20, BookChanged(1, "trade")))
    assert (state.box, state.level, state.deadline().at_ms) == (None, None, START + 20 + PROOF)


def test_a_new_book_gives_no_more_time_for_an_epoch_that_is_owed():
    assert story((START + 20, BookChanged(1, "trade"))).deadline().at_ms == STALE_AT


@pytest.mark.parametrize("sequence", [0, 2])
def test_a_book_has_the_next_number(sequence):
    with pytest.raises(StatementError, match="sequence of account alice must be 1"):
        story((START + 1, BookChanged(sequence, "trade")))


@pytest.mark.parametrize(
    "happenings, allowed",
    [
        ((), {"trade", "reduce", "deposit", "withdrawal"}),
        (SILENT[:1], {"reduce", "deposit"}),
        (SILENT, {"reduce", "deposit"}),
        (LIQUIDATING, {"deposit"}),
    ],
)
def test_a_called_account_only_reduces_or_deposits(happenings, allowed):
    state = story(*happenings)
    for entry in ("trade", "reduce", "deposit", "withdrawal"):
        if entry in allowed:
            assert margin_calls.step(state, BookChanged(1, entry), CURE_BY + 1, RULES)[0].sequence == 1
        else:
            with pytest.raises(StatementError, match="must be one of"):
                margin_calls.step(state, BookChanged(1, entry), CURE_BY + 1, RULES)


def test_nothing_fires_while_the_market_is_halted():
    halted = story((START + 10, Halted()))
    assert margin_calls.step(halted, Tick(), START + 10**9, RULES) == (halted, ())
    resumed, _ = margin_calls.step(halted, Resumed(), START + 510, RULES)
    assert resumed.deadline().at_ms == STALE_AT + 500


def test_an_epoch_opened_in_a_halt_has_its_whole_time_after_it():
    state = story(proof(START + 1), (START + 10, Halted()), opened(START + 400, 2), (START + 510, Resumed()))
    assert state.deadline().at_ms == START + 510 + PROOF


def test_what_is_received_in_a_halt_is_received_at_its_beginning():
    happenings = [opened(START + 50, 2), (START + 60, Halted()), proof(STALE_AT + 500, epoch=1)]
    assert [item.epoch for item in story(*happenings).owed] == [2]


def test_every_clock_of_a_state_is_shifted():
    stale = story((STALE_AT, Tick()))
    assert stale.shifted(7).grace_ms == stale.grace_ms + 7
    disputing = story(*SILENT, (CALLED_AT + 2, Disputed("price")))
    call, shifted = disputing.call, disputing.shifted(7).call
    assert (shifted.cure_by_ms, shifted.acknowledge_by_ms) == (call.cure_by_ms + 7, call.acknowledge_by_ms + 7)
    assert shifted.dispute.until_ms == call.dispute.until_ms + 7
    assert shifted.issued_ms == call.issued_ms


def test_a_called_account_owes_no_more_than_its_open_epochs_and_one_that_it_missed():
    epochs = [opened(CALLED_AT + 10 * n, n) for n in range(2, 40)]
    owed = story(*SILENT, *epochs).owed
    assert len(owed) == 1 + PROOF // 10
    assert owed[0].due_ms <= epochs[-1][0] < owed[1].due_ms


def test_a_cured_account_stays_cured_until_a_later_epoch():
    cured = [*SILENT, proof(CALLED_AT + 1, Level.RESTORE), proof(CALLED_AT + 2, Level.RESTORE, width_ppm=5)]
    assert story(*cured).status is Status.CURED


def test_a_box_below_the_band_keeps_a_warned_account_warned_and_no_account_healthy():
    box = proof(START + 2, Level.MAINTENANCE, width_ppm=10_000)
    later = opened(START + 3, 2, standing=True)
    assert story(proof(START + 1, Level.BAND), box, later).owed != ()
    warned = story(box, later)
    assert (warned.status, warned.owed) == (Status.WARNED, ())


def test_the_record_of_a_call_names_what_decided_it():
    stale = story((STALE_AT, Tick()))
    _, (record,) = margin_calls.step(stale, Tick(), CALLED_AT + 7, RULES)
    assert record.to_document() == {
        "account": "alice",
        "event": {"kind": "tick"},
        "before": "stale",
        "after": "called",
        "at_ms": CALLED_AT + 7,
        "guard": {"deadline": "grace", "due_ms": CALLED_AT, "cure_by_ms": CURE_BY + 7},
        "epoch": 1,
        "snapshot": market(1).snapshot,
        "parameters": 1,
        "rules": 3,
        "proof": "",
    }


def test_the_record_of_a_cure_names_the_proof():
    _, (record,) = margin_calls.step(story(*SILENT), proof(CALLED_AT + 1, Level.RESTORE)[1], CALLED_AT + 1, RULES)
    assert (record.before, record.after, record.proof) == (Status.CALLED, Status.CURED, "ab" * 32)


def test_a_call_of_the_daily_profile_is_to_be_cured_on_the_next_business_day():
    rules = Rules(1, "cross", daily())
    friday_ms = 1_767_348_000_000  # 2026-01-02 10:00 UTC
    state = margin_calls.enrol("alice", 0, market(1), friday_ms, rules)
    while state.status is not Status.CALLED:
        state, _ = margin_calls.step(state, Tick(), state.deadline().at_ms, rules)
    assert state.call.cure_by_ms == 1_767_632_400_000  # Monday 2026-01-05 17:00 UTC


@pytest.mark.parametrize(
    "what",
    [
        Tick(),
        Proved(7, 3, 2, 1_000, 50_000, "cd" * 32),
        EpochOpened(market(9), True),
        BookChanged(4, "reduce"),
        Halted(),
        Resumed(),
        Acknowledged(),
        Disputed("risk array"),
        Decided(True),
        Closed(),
        Defaulted(),
    ],
)
def test_an_event_is_read_back_as_it_was_written(what):
    assert events.from_document(what.to_document()) == what


@pytest.mark.parametrize("document", [{}, {"kind": "paid"}, {"kind": "tick", "more": 1}, {"kind": "proved"}])
def test_an_event_of_another_form_is_refused(document):
    with pytest.raises(EncodingError, match="event"):
        events.from_document(document)


def test_a_state_is_read_back_as_it_was_written():
    for state in (story(), story(*DISPUTING), story(*LIQUIDATING), story(proof(START + 1, width_ppm=5))):
        assert State.from_document(state.to_document()) == state
