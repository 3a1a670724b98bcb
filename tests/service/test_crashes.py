"""Processes that are killed: what was acknowledged is there, what was due is fired once, and nothing is half done."""

import json
import os
import re
import signal
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from tests.service.scene import BAND, GRACE, INITIAL, MAINTENANCE, PROOF, holder, scene
from verifier_api.service import clock, margin_calls
from verifier_api.service.accounts import market_of
from verifier_api.service.intake import Intake, Limits
from verifier_api.service.venue import stored
from zkmargin import documents

NAMES = ("alice", "bob", "carol", "dave", "erin", "frank")
COUNT = 120
WHOLE = re.compile(r"receipt \S+ [0-9a-f]{128}")  # the last line of a killed process may be cut short
ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def start():
    """Start processes of the venue, each with its arguments; those that still run at the end are killed."""
    running = []

    def begin(*arguments):
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
        environment = os.environ | {"PYTHONPATH": str(ROOT)}
        for words in arguments:
            command = [sys.executable, "-m", "tests.service.process", *map(str, words)]
            running.append(subprocess.Popen(command, text=True, cwd=ROOT, env=environment, **pipes))
        for process in running:
            assert process.stdout.readline() == "ready\n"
        return running

    yield begin
    for process in running:
        process.kill()
        process.wait(20)
        process.stdin.close()
        process.stdout.close()


def kill(process):
    process.send_signal(signal.SIGKILL)
    assert process.wait(20) == -signal.SIGKILL
    return process.stdout.read().splitlines()


def submissions(path, stage, rounds):
    """Write so many submissions of every account: three different proofs, each under many keys."""
    bodies = [holder(name).body(stage.snapshot, claim) for claim in (MAINTENANCE, BAND, INITIAL) for name in NAMES]
    lines = [{"key": f"key-{n}", "body": bodies[n % len(bodies)].decode()} for n in range(rounds * len(bodies))]
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return lines


@pytest.mark.parametrize(
    "after", [7, pytest.param(1, marks=pytest.mark.long), pytest.param(40, marks=pytest.mark.long)]
)
def test_no_receipt_is_lost_when_the_process_is_killed(both, start, tmp_path, after):
    both.publish()
    both.enrol(*map(holder, NAMES))
    lines = submissions(tmp_path / "lines.json", both, 8)
    url = both.store.engine.url.render_as_string(hide_password=False)
    (process,) = start((url, "intake", both.now_ms, tmp_path / "lines.json"))
    said = [process.stdout.readline() for _ in range(after)]
    said += kill(process)
    acknowledged = dict(line.split()[1:3] for line in said if WHOLE.fullmatch(line.strip()))
    assert after <= len(acknowledged)
    account = {line["key"]: json.loads(line["body"])["account"] for line in lines}
    with both.store.reading() as unit:
        kept = unit.receipts([(account[key], key) for key in acknowledged])
    assert {key: json.loads(item.receipt)["signature"] for (_, key), item in kept.items()} == acknowledged
    both.check()
    # The next process takes everything again: what has a receipt keeps it, the rest gets one.
    with Intake(both.venue, Limits(lane=4_096), lambda: both.now_ms) as intake:
        answers = {line["key"]: intake.submit(line["key"], line["body"].encode()) for line in lines}
    assert all(answers[key].result(0)["signature"] == text for key, text in acknowledged.items())
    replay = both.check()
    assert replay.counts() == {"healthy": 6}
    moved = [documents.parse(line.encode()) for line in both.log()]
    proofs = [record["proof"] for record in moved if record["kind"] == "moved"]
    assert len(proofs) == len(set(proofs))


def due_accounts(stage, count):
    """Add accounts that will be called at the next tick; the clock never looks at a registration."""
    stage.publish()
    with stage.store.writing() as unit:
        records = []
        for number in range(count):
            name = f"account-{number:03d}"
            market = market_of(stage.venue, stage.snapshot)
            state = margin_calls.enrol(name, 0, market, stage.now_ms, stage.venue.rules)
            unit.add_account(stored(state))
            commitment = holder("bob").registered.account.commitment.to_bytes().hex()
            record = {"kind": "enrolled", "at_ms": stage.now_ms, "account": name, "book": 0}
            records.append(record | {"commitment": commitment, "halted": 0})
        unit.append(stage.venue.name, records)


def go(process):
    process.stdin.write("go\n")
    process.stdin.flush()


def calls(stage):
    records = [documents.parse(line.encode()) for line in stage.log()]
    return Counter(item["account"] for item in records if item["kind"] == "moved" and item["after"] == "called")


def test_two_processes_on_one_database_fire_every_deadline_once(both, start):
    due_accounts(both, COUNT)
    url = both.store.engine.url.render_as_string(hide_password=False)
    assert clock.fire(both.venue, both.now_ms + PROOF) == COUNT
    processes = start(*[(url, "clock", both.now_ms + PROOF + GRACE)] * 2)
    for process in processes:
        go(process)
    fired = []
    for process in processes:
        said = process.stdout.read().splitlines()
        assert process.wait(60) == 0
        fired.append(sum(int(line.split()[1]) for line in said if line.startswith("fired")))
    assert sum(fired) == COUNT
    assert calls(both) == Counter({f"account-{number:03d}": 1 for number in range(COUNT)})
    with both.store.reading() as unit:
        assert len(unit.notices(both.now_ms + 10**9)) == 2 * COUNT
    assert both.check().calls == COUNT


@pytest.mark.parametrize("after", [4, pytest.param(1, marks=pytest.mark.long)])
def test_no_deadline_is_lost_or_fired_twice_when_the_clock_is_killed(both, start, after):
    due_accounts(both, COUNT)
    url = both.store.engine.url.render_as_string(hide_password=False)
    assert clock.fire(both.venue, both.now_ms + PROOF) == COUNT
    process, successor = start(*[(url, "clock", both.now_ms + PROOF + GRACE)] * 2)
    go(process)
    for _ in range(after):
        assert process.stdout.readline().startswith("fired")
    kill(process)
    both.check()
    assert 0 < sum(calls(both).values()) <= COUNT
    go(successor)
    assert successor.stdout.read().endswith("done\n")
    assert calls(both) == Counter({f"account-{number:03d}": 1 for number in range(COUNT)})
    assert both.check().calls == COUNT


def test_connections_that_the_server_cuts_are_made_anew(postgresql, postgresql_database):
    import psycopg

    stage = scene(postgresql_database)
    stage.publish()
    stage.enrol(holder("alice"))
    with Intake(stage.venue, Limits(workers=1), lambda: stage.now_ms) as intake:
        intake.submit("first", holder("alice").body(stage.snapshot)).result(30)
        with psycopg.connect(postgresql.get_uri(), autocommit=True) as connection:
            name = psycopg.conninfo.conninfo_to_dict(postgresql_database)["dbname"]
            cut = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s"
            assert connection.execute(cut, [name]).rowcount > 0
        receipt = intake.submit("second", holder("alice").body(stage.snapshot, INITIAL)).result(30)
    assert receipt["document"]["outcome"] == "proved"
    assert stage.state("alice").proved_epoch == 1
    stage.check()
    stage.store.close()
