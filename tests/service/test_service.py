"""A whole day of a venue, on both databases: from the first snapshot to a cured call, and the log says it again."""

from dataclasses import replace

import pytest

from tests.service.scene import (
    BAND,
    BEGINNING,
    BOX,
    COMMITTEE,
    CURE,
    GRACE,
    INITIAL,
    KEY,
    MAINTENANCE,
    NAME,
    ORACLES,
    PROOF,
    RULES,
    holder,
    make,
    market,
    scene,
    signed,
    strict,
)
from verifier_api.service import accounts, clock, epochs
from verifier_api.service import venue as venues
from verifier_api.service.events import Acknowledged, Closed, Disputed
from verifier_api.service.faults import ConflictError, UnknownAccountError
from verifier_api.service.replay import rebuild
from verifier_api.service.venue import Venue
from verifier_api.service.windows import Duration
from verifier_api.store import chain
from verifier_api.store.journal import Store
from zkmargin import documents
from zkmargin.errors import StatementError, VerificationError
from zkmargin.market import oracle
from zkmargin.market.oracle import Committee


def test_a_call_is_issued_cured_and_recorded(both):
    quiet, proving = holder("bob"), holder("alice")
    both.publish()
    both.enrol(quiet, proving)
    (receipt,) = both.submit(("k1", proving.body(both.snapshot)))
    assert (receipt["outcome"], receipt["status"]) == ("proved", "healthy")
    both.now_ms += PROOF
    assert clock.fire(both.venue, both.now_ms) == 1
    assert (both.status("alice"), both.status("bob")) == ("healthy", "stale")
    both.now_ms += GRACE
    assert clock.fire(both.venue, both.now_ms) == 1
    assert both.status("bob") == "called"
    accounts.tell(both.venue, "bob", Acknowledged(), both.now_ms)
    richer = quiet.changed(USD=2_000_000_000)
    accounts.change_book(both.venue, richer.registered, "deposit", both.now_ms)
    (part,) = both.submit(("k2", richer.body(both.snapshot, MAINTENANCE)))
    assert (part["outcome"], part["status"]) == ("proved", "called")
    (cure,) = both.submit(("k3", richer.body(both.snapshot, INITIAL)))
    assert (cure["outcome"], cure["status"]) == ("proved", "cured")
    replay = both.check()
    assert (replay.calls, replay.counts()) == (1, {"healthy": 1, "cured": 1})


def test_whoever_stays_silent_is_liquidated_and_closed(both):
    both.publish()
    both.enrol(holder("bob"))
    for wait_ms, status in ((PROOF, "stale"), (GRACE, "called"), (CURE, "liquidating")):
        both.now_ms += wait_ms - 1
        assert clock.fire(both.venue, both.now_ms) == 0
        both.now_ms += 1
        assert clock.fire(both.venue, both.now_ms) == 1
        assert both.status("bob") == status
    accounts.tell(both.venue, "bob", Closed(), both.now_ms)
    assert both.check().counts() == {"closed": 1}
    with both.store.reading() as unit:
        assert unit.counts() == {"closed": 1}
        notices = unit.notices(both.now_ms)
    assert [item.account for item in notices] == ["bob"] * 4
    assert '"after":"called"' in notices[1].document


def test_only_a_change_of_status_is_a_notice(stage):
    stage.publish()
    stage.enrol(holder("bob"))
    stage.submit(("k", holder("bob").body(stage.snapshot, BAND)))
    with stage.store.reading() as unit:
        assert unit.notices(stage.now_ms) == []
    stage.submit(("k2", holder("bob").body(stage.publish() and stage.snapshot, MAINTENANCE)))
    with stage.store.reading() as unit:
        assert ['"after":"warned"' in item.document for item in unit.notices(stage.now_ms)] == [True]


def test_an_acknowledgement_and_a_cure_that_are_both_late_are_two_records(tmp_path):
    timing = replace(RULES.timing, acknowledge=Duration(GRACE))
    stage = scene(str(tmp_path / "venue.db"), strict(timing=timing))
    stage.publish()
    stage.enrol(holder("bob"))
    for wait_ms, fired in ((PROOF, 1), (GRACE, 1), (CURE, 2)):
        stage.now_ms += wait_ms
        assert clock.fire(stage.venue, stage.now_ms) == fired
    assert [documents.parse(line.encode())["guard"]["deadline"] for line in stage.log()[3:]] == [
        "proof",
        "grace",
        "acknowledge",
        "cure",
    ]
    assert stage.check().counts() == {"liquidating": 1}
    stage.store.close()


def test_a_notice_waits_until_it_is_delivered(stage):
    stage.publish()
    stage.enrol(holder("bob"))
    stage.now_ms += PROOF
    clock.fire(stage.venue, stage.now_ms)
    with stage.store.writing() as unit:
        (notice,) = unit.notices(stage.now_ms)
        unit.reschedule(notice.sequence, stage.now_ms + 500)
    with stage.store.reading() as unit:
        assert unit.notices(stage.now_ms + 499) == []
        assert [item.attempts for item in unit.notices(stage.now_ms + 500)] == [1]
    with stage.store.writing() as unit:
        unit.reschedule(notice.sequence, None)
        assert unit.notices(stage.now_ms + 10**9) == []


def test_a_standing_box_keeps_an_account_proved_until_a_mark_leaves_it(stage):
    mark = market().listing("BTC-PERP").mark_ticks
    stage.publish()
    stage.enrol(holder("alice"), holder("bob"))
    stage.submit(("k", holder("alice").body(stage.snapshot, BOX)), ("k", holder("bob").body(stage.snapshot, BAND)))
    opened = stage.publish(1_000, marks={"BTC-PERP": mark * 105 // 100})
    assert (opened.accounts, opened.standing) == (2, 1)
    assert (stage.state("alice").owed, len(stage.state("bob").owed)) == ((), 1)
    opened = stage.publish(1_000, marks={"BTC-PERP": mark * 105 // 100 + 1})
    assert opened.standing == 0
    assert stage.state("alice").deadline().at_ms == stage.now_ms + PROOF
    stage.check()


def snapshot_after(**change):
    return market().next(BEGINNING + 1, change.pop("marks", {}), **change)


WIDTH = 50_000
MARK = market().listing("BTC-PERP").mark_ticks


@pytest.mark.parametrize(
    "later, holds",
    [
        (snapshot_after(), True),
        (snapshot_after(marks={"BTC-PERP": MARK * 95 // 100}), True),
        (snapshot_after(marks={"BTC-PERP": MARK * 95 // 100 - 1}), False),
        (snapshot_after(marks={"BTC-PERP": MARK * 105 // 100 + 1}), False),
        (snapshot_after(funding={"BTC-PERP": 501}), False),
        (snapshot_after(cross=replace(market().cross, version=2)), False),
        (snapshot_after(cross=replace(market().cross, capacity_bits=70)), False),
    ],
)
def test_a_box_stands_while_marks_are_inside_and_nothing_else_changed(later, holds):
    assert epochs.stands(market(), WIDTH, ("BTC-PERP", "USD"), later) is holds
    assert epochs.stands(market(), WIDTH, ("USD",), later) is (later.cross == market().cross)


def test_a_halted_breaker_stops_every_clock_and_shifts_it_by_the_halt(both):
    both.publish()
    both.enrol(holder("bob"))
    due_ms = both.state("bob").deadline().at_ms
    both.publish(10_000, breaker="halted")
    both.now_ms += 10**9 - 10**9 % 1_000
    assert clock.fire(both.venue, both.now_ms) == 0
    both.enrol(holder("alice"))
    both.publish(50_000, breaker="normal")
    halt_ms = both.now_ms - (BEGINNING * 1_000 + 10_000)
    assert both.state("bob").deadline().at_ms == due_ms + halt_ms
    assert both.state("alice").deadline().at_ms == both.now_ms + PROOF
    with both.store.reading() as unit:
        assert unit.epoch(1).due_ms == due_ms + halt_ms
        assert unit.epoch(2).due_ms == both.now_ms + PROOF
    both.check()


def test_a_halt_lasts_from_its_first_snapshot_to_the_first_normal_one(stage):
    stage.publish()
    stage.enrol(holder("bob"))
    due_ms = stage.state("bob").deadline().at_ms
    for after_ms, breaker in ((5_000, "halted"), (40_000, "halted"), (20_000, "normal")):
        stage.publish(after_ms, breaker=breaker)
    assert stage.state("bob").deadline().at_ms == due_ms + 60_000
    with stage.store.reading() as unit:
        assert [unit.epoch(number).due_ms - stage.now_ms for number in (1, 2, 3)] == [PROOF - 5_000, PROOF, PROOF]
    stage.check()


def test_a_proof_after_the_deadline_is_reported_as_late(stage):
    opened = stage.publish()
    stage.enrol(holder("bob"))
    stage.now_ms = opened.due_ms
    clock.fire(stage.venue, stage.now_ms)
    (receipt,) = stage.submit(("k", holder("bob").body(stage.snapshot, BAND)))
    assert (receipt["outcome"], receipt["status"]) == ("proved", "healthy")
    assert epochs.report(stage.venue, 1, stage.now_ms)["document"]["accounts"] == {"late": ["bob"]}


def test_no_more_epochs_are_open_than_an_account_can_owe(stage, monkeypatch):
    monkeypatch.setattr(epochs, "MAX_OWED", 2)
    stage.publish()
    stage.publish(1_000)
    with pytest.raises(StatementError, match="at most 2 epochs may wait for their proofs"):
        stage.publish(1_000)


def test_an_epoch_opens_only_with_the_signatures_of_the_committee(stage):
    with pytest.raises(VerificationError, match="2 of 3 members must sign"):
        epochs.publish(stage.venue, signed(market(), names="a"), stage.now_ms)
    with stage.store.reading() as unit:
        assert unit.epoch() is None


@pytest.mark.parametrize(
    "change, message",
    [
        ({"epoch": 3}, "epoch must be between 2 and 2"),
        ({"previous": "11" * 32}, "previous must be"),
        ({"valid_from": BEGINNING - 61}, "valid_from must be between"),
        ({"valid_from": BEGINNING + 6}, "valid_from must be between"),
        ({"cross": None}, "has no cross parameters"),
    ],
)
def test_a_snapshot_that_does_not_follow_opens_nothing(stage, change, message):
    stage.publish()
    with pytest.raises(StatementError, match=message):
        epochs.publish(stage.venue, signed(replace(market().next(BEGINNING, {}), **change)), stage.now_ms)


def test_a_mark_beyond_its_band_opens_an_epoch_only_with_the_breaker_halted(stage):
    stage.publish()
    far = {"BTC-PERP": MARK * 121 // 100}
    with pytest.raises(StatementError, match="outside its band"):
        epochs.publish(stage.venue, signed(market().next(BEGINNING, far)), stage.now_ms)
    assert stage.publish(marks=far, breaker="halted").epoch == 2


def test_parameters_do_not_go_back_to_an_older_version(stage):
    stage.publish()
    stage.publish(cross=replace(market().cross, version=2))
    with pytest.raises(StatementError, match="version of the parameters must be between 2"):
        stage.publish(cross=replace(market().cross, version=1))


def test_a_committee_hands_over_and_only_the_new_one_counts(both):
    successor = Committee(NAME, 1, 2, {name: COMMITTEE.members[name] for name in "bc"})
    message = oracle.successor_message(COMMITTEE, successor)
    signatures = [oracle.sign(name, ORACLES[name], message) for name in "ab"]
    with pytest.raises(VerificationError, match="must sign, got 1"):
        epochs.hand_over(both.venue, successor, signatures[:1], both.now_ms)
    epochs.hand_over(both.venue, successor, signatures, both.now_ms)
    with pytest.raises(StatementError, match="a is no member of committee 1"):
        epochs.publish(both.venue, signed(market()), both.now_ms)
    epochs.publish(both.venue, signed(market(), successor, "bc"), both.now_ms)
    assert both.check().committee == successor
    records = [documents.parse(line.encode()) for line in both.log()]
    plain = [{key: value for key, value in record.items() if key not in chain.CHAINED} for record in records]
    plain[1]["signatures"] = plain[1]["signatures"][:1]
    with pytest.raises(VerificationError, match="2 of 3 members must sign"):
        rebuild(entry.text for entry in chain.extend(NAME, chain.Head(), plain))


def test_an_account_is_enrolled_once_and_only_with_proofs_that_hold(stage):
    stage.enrol(holder("bob"))
    with pytest.raises(ConflictError, match="enrolled already"):
        stage.enrol(holder("bob"))
    with pytest.raises(VerificationError, match="registration"):
        accounts.enrol(stage.venue, replace(holder("eve").registered, account=holder("bob").registered.account), 0)
    foreign = replace(holder("bob").registered, account=replace(holder("bob").registered.account, venue="other"))
    with pytest.raises(StatementError, match="venue of the account must be demo"):
        accounts.enrol(stage.venue, foreign, 0)


def test_what_cannot_happen_is_refused_and_leaves_no_record(stage):
    stage.publish()
    stage.enrol(holder("bob"))
    before = stage.log()
    with pytest.raises(StatementError, match="must be called, and is healthy"):
        accounts.tell(stage.venue, "bob", Disputed("price"), stage.now_ms)
    with pytest.raises(UnknownAccountError, match="account nobody is not enrolled"):
        accounts.tell(stage.venue, "nobody", Acknowledged(), stage.now_ms)
    skipped = make("bob", {"BTC-PERP": 0, "USD": 1}, 2)
    with pytest.raises(StatementError, match="sequence of account bob must be 1, got 2"):
        accounts.change_book(stage.venue, skipped.registered, "deposit", stage.now_ms)
    assert stage.log() == before


def test_a_store_is_opened_only_as_the_venue_that_it_is(stage):
    for name, rules, key, field in (
        ("other", RULES, KEY, "venue"),
        (NAME, strict(version=2), KEY, "rules"),
        (NAME, RULES, ORACLES["a"], "key"),
    ):
        with pytest.raises(StatementError, match=f"{field} must be what the venue was founded with"):
            Venue(stage.store, name, rules, key)


def test_founding_twice_opens_what_is_there(stage):
    again = venues.found(stage.store, NAME, RULES, COMMITTEE, KEY, 0)
    assert (again.name, len(stage.log())) == (NAME, 1)
    assert "hidden" in repr(again)


def test_an_empty_store_is_no_venue(tmp_path):
    store = Store(str(tmp_path / "empty.db"))
    with pytest.raises(StatementError, match="found one first"):
        Venue(store, NAME, RULES, KEY)
    with pytest.raises(StatementError, match="the first committee must be number 0 of demo"):
        venues.found(store, NAME, RULES, replace(COMMITTEE, number=1), KEY, 0)
    store.close()


def test_a_report_says_how_every_account_stood_at_the_end_of_an_epoch(both):
    names = ("alice", "bob", "carol", "dave", "erin")
    both.publish()
    both.enrol(*map(holder, names))
    both.submit(("k", holder("alice").body(both.snapshot, BOX)))
    second = both.publish(1_000)
    both.submit(*[("k2", holder(name).body(both.snapshot, BAND)) for name in ("bob", "carol")])
    both.publish(1_000)
    both.submit(("k3", holder("dave").body(both.snapshot, BAND)))
    with pytest.raises(StatementError, match="epoch 2 of demo must be over"):
        epochs.report(both.venue, 2, second.due_ms - 1)
    early = epochs.report(both.venue, 2, second.due_ms)
    assert early["document"]["accounts"]["unaccounted"] == ["erin"]
    assert early["document"]["complete"] == 0
    clock.fire(both.venue, second.due_ms)
    report = epochs.report(both.venue, 2, second.due_ms)
    document = venues.check_signed(both.venue.public_key, report, epochs.REPORT_FORMAT)
    assert document["accounts"] == {
        "standing": ["alice"],
        "proved": ["bob", "carol"],
        "superseded": ["dave"],
        "stale": ["erin"],
    }
    assert (document["complete"], document["counts"]["proved"]) == (1, 2)
    with both.store.reading() as unit:
        assert document["log"]["hash"] == unit.head().hash


def test_a_report_that_was_touched_is_not_the_venues(stage):
    opened = stage.publish()
    report = epochs.report(stage.venue, 1, opened.due_ms)
    report["document"]["complete"] = 0
    with pytest.raises(VerificationError, match="signature of the venue does not hold"):
        venues.check_signed(stage.venue.public_key, report, epochs.REPORT_FORMAT)


def test_the_same_story_leads_to_the_same_log_on_both_databases(tmp_path, postgresql_database):
    stages = [scene(str(tmp_path / "venue.db")), scene(postgresql_database)]
    for item in stages:
        item.publish()
        item.enrol(holder("bob"))
        item.submit(("k", holder("bob").body(market(), BAND)))
        item.publish(1_000)
        item.now_ms += PROOF
        clock.fire(item.venue, item.now_ms)
    logs = [item.log() for item in stages]
    for item in stages:
        item.store.close()
    assert len(logs[0]) == 6
    assert logs[0] == logs[1]
