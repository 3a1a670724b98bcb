"""A log is believed only as far as it can be computed again."""

import pytest

from tests.service.scene import BAND, CURE, GRACE, PROOF, holder, scene
from verifier_api.service import clock
from verifier_api.service.replay import compare, rebuild
from verifier_api.store import chain
from verifier_api.store.chain import CHAINED, Head
from verifier_api.store.journal import StoredAccount
from zkmargin import documents
from zkmargin.errors import EncodingError, VerificationError


@pytest.fixture(scope="module")
def told(tmp_path_factory):
    """A venue's log and projection after a proof, a call and a liquidation."""
    stage = scene(str(tmp_path_factory.mktemp("venue") / "venue.db"))
    stage.publish()
    stage.enrol(holder("alice"), holder("bob"))
    stage.submit(("k", holder("alice").body(stage.snapshot, BAND)))
    for wait_ms in (PROOF, GRACE, CURE):
        stage.now_ms += wait_ms
        clock.fire(stage.venue, stage.now_ms)
    with stage.store.reading() as unit:
        rows = unit.accounts()
    log = stage.log()
    stage.store.close()
    return log, rows


def kinds(log):
    return [documents.parse(line.encode())["kind"] for line in log]


def forged(log, position, **fields):
    """Return the log with fields of one record changed, and every later hash made to fit again."""
    records = [documents.parse(line.encode()) for line in log]
    records[position] |= fields
    plain = [{key: value for key, value in record.items() if key not in CHAINED} for record in records]
    return [item.text for item in chain.extend("demo", Head(), plain)]


def test_a_log_leads_to_its_projection(told):
    log, rows = told
    assert kinds(log) == ["founded", "epoch", "enrolled", "enrolled", "moved", "moved", "moved", "moved"]
    replay = rebuild(log)
    compare(replay, rows)
    assert (replay.venue, replay.calls, replay.counts()) == ("demo", 1, {"healthy": 1, "liquidating": 1})
    assert replay.head.sequence == 8


@pytest.mark.parametrize(
    "position, fields",
    [
        (6, {"after": "healthy"}),
        (6, {"before": "healthy"}),
        (6, {"at_ms": 0}),
        (6, {"guard": {}}),
        (6, {"rules": 2}),
        (6, {"snapshot": "00" * 32}),
        (6, {"account": "alice"}),
        (6, {"event": {"kind": "halted"}}),
        (6, {"proof": "ab" * 32}),
        (6, {"account": "nobody"}),
        (3, {"account": "alice"}),
        (1, {"epoch": 2}),
        (0, {"kind": "epoch"}),
    ],
)
def test_a_record_that_does_not_follow_is_refused_although_its_chain_holds(told, position, fields):
    with pytest.raises((VerificationError, EncodingError), match=r"record|is not|must"):
        rebuild(forged(told[0], position, **fields))


def test_a_transition_left_out_is_noticed_by_what_follows_it(told):
    plain = [{k: v for k, v in documents.parse(line.encode()).items() if k not in CHAINED} for line in told[0]]
    without = [item.text for item in chain.extend("demo", Head(), plain[:5] + plain[6:])]
    with pytest.raises(VerificationError, match="record 6: the transition of account bob does not follow"):
        rebuild(without)


@pytest.mark.parametrize("position, field", [(1, "more"), (2, "more"), (0, "more"), (6, "more")])
def test_a_record_with_a_field_too_many_is_refused(told, position, field):
    with pytest.raises((EncodingError, VerificationError), match="unknown field|does not follow"):
        rebuild(forged(told[0], position, **{field: 1}))


def test_a_log_that_was_cut_short_is_noticed_by_whoever_knows_a_later_record(told):
    log, _ = told
    head = rebuild(log).head
    rebuild(log, head)
    rebuild(log[:-1])
    with pytest.raises(VerificationError, match=f"record 8 with hash {head.hash} is not in the log") as refused:
        rebuild(log[:-1], head)
    assert refused.value.failed == "head"


def test_a_log_whose_history_was_written_anew_is_noticed_by_whoever_knows_a_record(told):
    log, _ = told
    head = rebuild(log).head
    other = forged(log, 0, at_ms=1)
    rebuild(other)
    with pytest.raises(VerificationError, match="is not in the log"):
        rebuild(other, head)


def changed(row, **fields):
    return StoredAccount(**{name: getattr(row, name) for name in StoredAccount.__slots__} | fields)


def test_a_projection_that_was_touched_is_refused(told):
    log, rows = told
    for fields in ({"status": "called"}, {"due_ms": 1}, {"state": rows[0].state.replace("healthy", "warned")}):
        with pytest.raises(VerificationError, match="account alice is not where the log leaves it"):
            compare(rebuild(log), [changed(rows[0], **fields), rows[1]])
    with pytest.raises(VerificationError, match="account bob is missing"):
        compare(rebuild(log), rows[:1])
    with pytest.raises(VerificationError, match="account eve is not in the log"):
        compare(rebuild(log), [*rows, changed(rows[0], account="eve")])


def test_an_empty_log_leads_nowhere():
    assert rebuild([]).states == {}
