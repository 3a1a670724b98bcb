"""Everything at once: epochs open, accounts enrol, proofs arrive and clocks fire, from two openings of one database."""

import threading

import pytest

from tests.service.scene import BAND, BOX, GRACE, KEY, MAINTENANCE, NAME, PROOF, RULES, Scene, holder, market, scene
from verifier_api.service import accounts, clock, epochs
from verifier_api.service.faults import ConflictError
from verifier_api.service.intake import Intake, Limits
from verifier_api.service.venue import Venue
from verifier_api.store.journal import Store

NAMES = ("alice", "bob", "carol", "dave", "erin", "frank")


@pytest.fixture
def desks(database):
    """The same venue, opened twice."""
    first = scene(database)
    second = Scene(Venue(Store(database), NAME, RULES, KEY), first.now_ms)
    yield first, second
    for desk in (first, second):
        desk.store.close()


def at_once(*jobs):
    """Run jobs in threads; return what they raised."""
    raised = []

    def guarded(job):
        try:
            job()
        except Exception as error:  # noqa: BLE001 - collected and shown
            raised.append(error)

    threads = [threading.Thread(target=guarded, args=(job,)) for job in jobs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(90)
    assert not any(thread.is_alive() for thread in threads), "somebody waits in a circle"
    return raised


def test_many_hands_on_one_database_make_one_log_that_leads_to_its_states(desks):
    first, second = desks
    first.publish()
    first.enrol(*map(holder, NAMES[:3]))
    bodies = {name: [holder(name).body(market(), claim) for claim in (MAINTENANCE, BAND, BOX)] for name in NAMES}

    def open_epochs():
        for _ in range(6):
            first.publish(PROOF // 2 + 1_000)

    def prove(desk, number):
        with Intake(desk.venue, Limits(workers=2, batch=3), lambda: first.now_ms) as intake:
            answers = [
                intake.submit(f"{number}-{turn}-{place}", body)
                for turn in range(4)
                for name in NAMES[:3]
                for place, body in enumerate(bodies[name])
            ]
        assert {answer.result(0)["document"]["outcome"] for answer in answers} <= {"proved", "late"}

    def tick(desk):
        for _ in range(25):
            clock.fire(desk.venue, first.now_ms)

    def enrol(desk):
        for name in NAMES[3:]:
            accounts.enrol(desk.venue, holder(name).registered, first.now_ms)

    raised = at_once(
        open_epochs,
        lambda: prove(first, 1),
        lambda: prove(second, 2),
        lambda: tick(first),
        lambda: tick(second),
        lambda: enrol(second),
    )
    assert raised == []
    clock.fire(second.venue, first.now_ms + PROOF)
    clock.fire(first.venue, first.now_ms + PROOF + GRACE)
    replay = first.check()
    assert set(replay.states) == set(NAMES)
    assert {state.market.epoch for state in replay.states.values()} == {7}
    with second.store.reading() as unit:
        assert unit.counts() == replay.counts()
    report = epochs.report(second.venue, 7, first.now_ms + PROOF + GRACE)
    assert report["document"]["complete"] == 1


def test_one_of_two_who_enrol_the_same_account_is_told_so(desks):
    first, second = desks
    first.publish()
    raised = at_once(lambda: first.enrol(holder("bob")), lambda: second.enrol(holder("bob")))
    assert [type(error) for error in raised] == [ConflictError]
    assert set(first.check().states) == {"bob"}


def test_the_same_submission_to_two_processes_gets_one_receipt(desks):
    first, second = desks
    first.publish()
    first.enrol(holder("bob"))
    receipts = []

    def submit(desk):
        with Intake(desk.venue, Limits(workers=1), lambda: first.now_ms) as intake:
            receipts.append(intake.submit("k", holder("bob").body(market(), BAND)).result(30))

    assert at_once(lambda: submit(first), lambda: submit(second)) == []
    assert receipts[0] == receipts[1]
    assert len([line for line in first.log() if '"kind":"moved"' in line]) == 1
