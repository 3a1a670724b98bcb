"""Proofs in, receipts out: batches, bad neighbours, full queues, floods and keys that come twice."""

import json
import threading
import time

import pytest

from tests.service.scene import BAND, INITIAL, MAINTENANCE, PROOF, holder, make, market
from verifier_api.service import accounts, clock
from verifier_api.service import intake as intakes
from verifier_api.service import venue as venues
from verifier_api.service.faults import ConflictError, FullError, StaleStateError, UnknownAccountError
from verifier_api.service.intake import Intake, Limits
from verifier_api.store.journal import Store, UnavailableError
from zkmargin.errors import EncodingError, StatementError, VerificationError

NAMES = ("alice", "bob", "carol", "dave", "erin", "frank")


@pytest.fixture
def open_stage(stage):
    """A venue with one epoch and six accounts."""
    stage.publish()
    stage.enrol(*map(holder, NAMES))
    return stage


def changed(body, **fields):
    return json.dumps(json.loads(body) | fields).encode()


def broken(body):
    """Return the submission with one bit of the proof's last scalar flipped."""
    proof = json.loads(body)["proof"]
    return changed(body, proof=proof[:-1] + format(int(proof[-1], 16) ^ 1, "x"))


def test_a_receipt_is_signed_by_the_venue_and_says_where_the_log_was(open_stage):
    body = holder("alice").body(open_stage.snapshot)
    with Intake(open_stage.venue, clock=lambda: open_stage.now_ms) as intake:
        signed = intake.submit("k", body).result(30)
    document = venues.check_signed(open_stage.venue.public_key, signed, intakes.RECEIPT_FORMAT)
    assert (document["account"], document["epoch"], document["outcome"]) == ("alice", 1, "proved")
    with open_stage.store.reading() as unit:
        assert document["log"] == {"sequence": unit.head().sequence, "hash": unit.head().hash}
        (kept,) = unit.proofs(1)
    assert kept.proof.hex() == json.loads(body)["proof"]
    signed["document"]["outcome"] = "late"
    with pytest.raises(VerificationError, match="signature of the venue"):
        venues.check_signed(open_stage.venue.public_key, signed, intakes.RECEIPT_FORMAT)


def test_a_receipt_is_no_report(open_stage):
    with Intake(open_stage.venue, clock=lambda: open_stage.now_ms) as intake:
        signed = intake.submit("k", holder("alice").body(open_stage.snapshot)).result(30)
    with pytest.raises(EncodingError, match="document.format must be"):
        venues.check_signed(open_stage.venue.public_key, signed, "zkmargin/epoch-report/1")


def test_a_bad_proof_is_named_and_its_neighbours_pass(open_stage):
    bodies = {name: holder(name).body(open_stage.snapshot) for name in NAMES}
    bodies["carol"] = broken(bodies["carol"])
    receipts = open_stage.submit(*[("k", body) for body in bodies.values()])
    assert {item["account"]: item["outcome"] for item in receipts} == {
        name: "refuted" if name == "carol" else "proved" for name in NAMES
    }
    assert len(open_stage.state("carol").owed) == 1
    open_stage.check()


def test_a_proof_that_does_not_hold_changes_nothing_but_gets_its_receipt(open_stage):
    before = open_stage.log()
    (receipt,) = open_stage.submit(("k", broken(holder("alice").body(open_stage.snapshot))))
    assert (receipt["outcome"], open_stage.log()) == ("refuted", before)


def test_a_late_proof_gets_a_receipt_that_says_so(open_stage):
    body = holder("alice").body(open_stage.snapshot)
    open_stage.publish(1_000)
    open_stage.now_ms += PROOF
    (receipt,) = open_stage.submit(("k", body))
    assert receipt["outcome"] == "late"
    assert [item.epoch for item in open_stage.state("alice").owed] == [1, 2]


def test_what_was_received_in_time_counts_although_the_clock_has_fired(open_stage):
    body = holder("alice").body(open_stage.snapshot)
    open_stage.publish(1_000)
    times = iter([open_stage.now_ms, open_stage.now_ms + PROOF])
    open_stage.now_ms += PROOF
    clock.fire(open_stage.venue, open_stage.now_ms)
    assert open_stage.status("alice") == "stale"
    with Intake(open_stage.venue, Limits(workers=1), lambda: next(times)) as intake:
        receipt = intake.submit("k", body).result(30)["document"]
    assert (receipt["outcome"], receipt["status"]) == ("proved", "healthy")


def test_the_same_key_and_request_get_the_same_receipt_and_one_record(open_stage):
    body = holder("alice").body(open_stage.snapshot)
    first = open_stage.submit(("k", body), ("k", body))
    lines = open_stage.log()
    open_stage.now_ms += 5_000
    again = open_stage.submit(("k", body))
    assert first == [*again, *again]
    assert open_stage.log() == lines


def test_the_same_key_with_another_request_is_a_conflict(open_stage):
    body, other = holder("alice").body(open_stage.snapshot), holder("alice").body(open_stage.snapshot, INITIAL)
    with Intake(open_stage.venue, Limits(workers=1), lambda: open_stage.now_ms) as intake:
        together = [intake.submit("k", body), intake.submit("k", other)]
    results = [answer.exception(0) for answer in together]
    assert results[0] is None
    assert isinstance(results[1], ConflictError)
    with pytest.raises(ConflictError, match="key k of account alice was used"):
        open_stage.submit(("k", other))


def test_the_same_key_of_two_accounts_is_two_keys(open_stage):
    receipts = open_stage.submit(*[("k", holder(name).body(open_stage.snapshot)) for name in ("alice", "bob")])
    assert [item["outcome"] for item in receipts] == ["proved", "proved"]


@pytest.mark.parametrize(
    "change, error, message",
    [
        ({"account": "nobody"}, UnknownAccountError, "account nobody is not enrolled"),
        ({"account": "bob"}, StaleStateError, "proof.sequence must be 0"),
        ({"sequence": 1}, StaleStateError, "proof.sequence must be 0"),
        ({"epoch": 2}, StatementError, "epoch 2 of demo was never opened"),
        ({"snapshot": "00" * 32}, StatementError, "proof.snapshot must be"),
        ({"venue": "other"}, StatementError, "proof.venue must be demo, got other"),
        ({"rounds": 17}, EncodingError, "proof.rounds must be an integer"),
        ({"more": 1}, EncodingError, "unknown field"),
    ],
)
def test_a_submission_about_something_else_is_refused_without_a_receipt(open_stage, change, error, message):
    body = changed(holder("alice").body(open_stage.snapshot), **change)
    with pytest.raises(error, match=message):
        open_stage.submit(("k", body))
    with open_stage.store.reading() as unit:
        assert unit.receipts([("alice", "k"), ("bob", "k")]) == {}


def test_a_claim_that_nobody_asked_for_is_refused_before_it_is_queued(open_stage):
    low = json.loads(holder("alice").body(open_stage.snapshot))["claim"] | {"kind": "initial", "model": "scenario"}
    with pytest.raises(StatementError, match="claim must reach the maintenance level"):
        open_stage.submit(("k", changed(holder("alice").body(open_stage.snapshot), claim=low)))


def test_a_key_is_an_identifier(open_stage):
    with pytest.raises(EncodingError, match="key must be 1 to 64 letters"):
        open_stage.submit(("", holder("alice").body(open_stage.snapshot)))


def test_one_submission_that_is_refused_hurts_none_of_its_batch(open_stage):
    good = holder("alice").body(open_stage.snapshot)
    with Intake(open_stage.venue, Limits(workers=1), lambda: open_stage.now_ms) as intake:
        answers = [intake.submit("a", changed(good, epoch=9)), intake.submit("b", good)]
    assert isinstance(answers[0].exception(0), StatementError)
    assert answers[1].result(0)["document"]["outcome"] == "proved"


class Held:
    """A worker that is stopped at its first batch until the test lets it go."""

    def __init__(self, monkeypatch):
        self.go, self.entered, self.batches = threading.Event(), threading.Event(), []
        real = intakes._Batch.answer

        def answer(batch):
            self.batches.append([item.key for item in batch._all])
            self.entered.set()
            self.go.wait(30)
            real(batch)

        monkeypatch.setattr(intakes._Batch, "answer", answer)


@pytest.fixture
def held(monkeypatch):
    return Held(monkeypatch)


def test_an_idle_service_verifies_at_once_and_a_busy_one_in_batches(open_stage, held):
    with Intake(open_stage.venue, Limits(workers=1), lambda: open_stage.now_ms) as intake:
        intake.submit("first", holder("alice").body(open_stage.snapshot))
        assert held.entered.wait(30)
        for number, name in enumerate(NAMES):
            intake.submit(f"later-{number}", holder(name).body(open_stage.snapshot))
        held.go.set()
    assert held.batches == [["first"], [f"later-{number}" for number in range(6)]]


def test_a_flooding_account_waits_for_itself(open_stage, held):
    limits = Limits(workers=1, batch=3, lane=8)
    with Intake(open_stage.venue, limits, lambda: open_stage.now_ms) as intake:
        intake.submit("first", holder("dave").body(open_stage.snapshot))
        assert held.entered.wait(30)
        for number in range(6):
            intake.submit(f"flood-{number}", holder("alice").body(open_stage.snapshot))
        for name in ("bob", "carol"):
            intake.submit(name, holder(name).body(open_stage.snapshot))
        held.go.set()
    assert held.batches[1] == ["flood-0", "bob", "carol"]
    assert held.batches[2] == ["flood-1", "flood-2", "flood-3"]


def test_a_full_lane_and_a_full_queue_refuse_and_say_when_to_come_back(open_stage, held):
    limits = Limits(workers=1, capacity=4, lane=2)
    with Intake(open_stage.venue, limits, lambda: open_stage.now_ms) as intake:
        intake.submit("first", holder("alice").body(open_stage.snapshot))
        assert held.entered.wait(30)
        bodies = {name: holder(name).body(open_stage.snapshot) for name in NAMES}
        for number in range(2):
            intake.submit(f"alice-{number}", bodies["alice"])
        with pytest.raises(FullError, match="lane of account alice is full") as full:
            intake.submit("alice-2", bodies["alice"])
        assert full.value.retry_after_seconds >= 1
        for name in ("bob", "carol"):
            intake.submit(name, bodies[name])
        with pytest.raises(FullError, match="the queue is full"):
            intake.submit("dave", bodies["dave"])
        assert intake.queued == 4
        held.go.set()
    assert intake.queued == 0


def test_a_stopping_service_answers_what_it_accepted_and_takes_no_more(open_stage):
    intake = Intake(open_stage.venue, clock=lambda: open_stage.now_ms)
    answers = [intake.submit("k", holder(name).body(open_stage.snapshot)) for name in NAMES]
    intake.close()
    assert [answer.result(0)["document"]["outcome"] for answer in answers] == ["proved"] * 6
    with pytest.raises(FullError, match="stopping"):
        intake.submit("k2", holder("alice").body(open_stage.snapshot))


def test_a_book_that_changes_while_its_proof_is_verified_is_not_proved(open_stage, held):
    with Intake(open_stage.venue, Limits(workers=1), lambda: open_stage.now_ms) as intake:
        real = intakes._Batch._verify

        def verify_and_change(batch, items):
            real(batch, items)
            richer = holder("alice").changed(USD=2_000_000_000)
            accounts.change_book(open_stage.venue, richer.registered, "deposit", open_stage.now_ms)

        intakes._Batch._verify, held_verify = verify_and_change, real
        try:
            answer = intake.submit("k", holder("alice").body(open_stage.snapshot))
            held.go.set()
            receipt = answer.result(30)["document"]
        finally:
            intakes._Batch._verify = held_verify
    assert receipt["outcome"] == "late"
    assert len(open_stage.state("alice").owed) == 1
    open_stage.check()


def test_a_worker_survives_a_database_that_does_not_answer(open_stage, monkeypatch):
    body = holder("alice").body(open_stage.snapshot)
    with Intake(open_stage.venue, Limits(workers=1), lambda: open_stage.now_ms) as intake:
        with monkeypatch.context() as broken_store:
            broken_store.setattr(Store, "writing", lambda self: (_ for _ in ()).throw(UnavailableError("no answer")))
            with pytest.raises(UnavailableError):
                intake.submit("k", body).result(30)
        assert intake.submit("k", body).result(30)["document"]["outcome"] == "proved"


def test_many_threads_get_their_own_receipts(open_stage):
    bodies = {(name, n): holder(name).body(open_stage.snapshot) for name in NAMES for n in range(8)}
    answers = {}
    with Intake(open_stage.venue, Limits(workers=2, batch=8), lambda: open_stage.now_ms) as intake:

        def work(pair):
            answers[pair] = intake.submit(f"key-{pair[1]}", bodies[pair]).result(60)["document"]

        threads = [threading.Thread(target=work, args=(pair,)) for pair in bodies]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
    assert {pair: (item["account"], item["key"]) for pair, item in answers.items()} == {
        pair: (pair[0], f"key-{pair[1]}") for pair in bodies
    }
    open_stage.check()


def test_the_intake_says_what_its_time_went_to(open_stage):
    with Intake(open_stage.venue, clock=lambda: open_stage.now_ms) as intake:
        start = time.perf_counter()
        intake.submit("k", holder("alice").body(open_stage.snapshot, MAINTENANCE)).result(30)
        whole = time.perf_counter() - start
    spent = intake.spent
    assert (spent.batches, spent.proofs) == (1, 1)
    assert 0 < spent.parsing + spent.cryptography + spent.database <= whole
    assert min(spent.parsing, spent.cryptography, spent.database) > 0


def test_an_account_over_other_ids_is_verified_beside_the_rest(open_stage):
    other = make("gina", {"USD": 5_000_000})
    open_stage.enrol(other)
    receipts = open_stage.submit(("k", other.body(market())), ("k", holder("bob").body(market(), BAND)))
    assert [item["outcome"] for item in receipts] == ["proved", "proved"]
