"""What a person at a terminal sees of a venue: signing snapshots, and verifying its log."""

import json
import stat
import sys

import pytest

from tests.service.scene import BAND, GRACE, PROOF, holder, scene
from verifier_api.service import clock
from verifier_api.service.venue import text_of
from zkmargin import cli
from zkmargin.market import sample


@pytest.fixture
def run(monkeypatch, capsys, tmp_path):
    """Run a command in a fresh folder; return its exit status, output and complaints."""
    monkeypatch.chdir(tmp_path)

    def call(*arguments):
        monkeypatch.setattr(sys, "argv", ["zkmargin", *map(str, arguments)])
        status = 0
        try:
            cli.main()
        except SystemExit as ended:
            status = ended.code or 0
        printed = capsys.readouterr()
        return status, printed.out, printed.err

    return call


@pytest.fixture
def committee(run, tmp_path):
    """Three keys, a committee of which two must sign, and a snapshot."""
    members = []
    for name in "abc":
        status, out, _ = run("oracle", "key", "--out", f"{name}.secret.json")
        assert status == 0
        members += ["--member", f"{name}={out.splitlines()[-1]}"]
    assert run("oracle", "committee", *members, "--threshold", 2)[0] == 0
    (tmp_path / "snapshot.json").write_bytes(sample.snapshot(venue="demo").canonical_bytes())
    return tmp_path


def sign(run, source, member, key=None):
    return run("oracle", "sign", source, "--member", member, "--key", f"{key or member}.secret.json")


def test_enough_members_make_a_snapshot_count(run, committee):
    assert sign(run, "snapshot.json", "a")[0] == 0
    status, _, err = run("oracle", "check", "signed.json")
    assert (status, "2 of 3 members must sign, got 1" in err) == (1, True)
    assert sign(run, "signed.json", "c")[0] == 0
    status, out, _ = run("oracle", "check", "signed.json")
    assert (status, "signed by a, c" in out) == (0, True)


@pytest.mark.parametrize(
    "member, key, message", [("a", "b", "is not the key of member a"), ("d", "a", "is not the key of member d")]
)
def test_a_member_signs_with_its_own_key(run, committee, member, key, message):
    status, _, err = sign(run, "snapshot.json", member, key)
    assert (status, message in err.replace("\n", " ")) == (2, True)
    assert not (committee / "signed.json").exists()


def test_a_member_signs_once(run, committee):
    sign(run, "snapshot.json", "a")
    assert sign(run, "signed.json", "a")[0] == 2


def test_a_key_is_created_for_its_owner_alone_and_is_not_printed(run, committee):
    path = committee / "a.secret.json"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    out = run("oracle", "key", "--out", "d.secret.json")[1]
    assert json.loads((committee / "d.secret.json").read_text())["key"] not in out


def test_a_successor_must_follow_within_its_bands(run, committee):
    before = sample.snapshot(venue="demo")
    moved = before.next(before.valid_from, {"BTC-PERP": before.listing("BTC-PERP").mark_ticks * 11 // 10})
    (committee / "next.json").write_bytes(moved.canonical_bytes())
    for source, member in (("next.json", "a"), ("signed.json", "b")):
        assert sign(run, source, member)[0] == 0
    assert run("oracle", "check", "signed.json", "--previous", "snapshot.json")[0] == 0
    status, _, err = run("oracle", "check", "signed.json", "--previous", "snapshot.json", "--band", "5%")
    assert (status, "the mark of BTC-PERP is outside its band" in err) == (2, True)


@pytest.fixture(params=["sqlite", "postgresql"])
def called(request, tmp_path):
    """The URL of a venue with one account proved and one called, and its head."""
    url = str(tmp_path / "venue.db")
    if request.param == "postgresql":
        url = request.getfixturevalue("postgresql_database")
    stage = scene(url)
    stage.publish()
    stage.enrol(holder("alice"), holder("bob"))
    stage.submit(("k", holder("alice").body(stage.snapshot, BAND)))
    for wait_ms in (PROOF, GRACE):
        stage.now_ms += wait_ms
        clock.fire(stage.venue, stage.now_ms)
    with stage.store.reading() as unit:
        head = unit.head()
    yield url, f"{head.sequence}:{head.hash}", stage
    stage.store.close()


def test_a_log_is_verified_exported_and_verified_again(run, called, tmp_path):
    url, head, _ = called
    status, out, _ = run("verify-log", url, "--head", head, "--export", "log.jsonl")
    assert status == 0
    assert "7 records of demo, 1 margin calls" in out
    assert "1 healthy" in out
    assert "1 called" in out
    assert run("verify-log", "log.jsonl", "--head", head)[:2][0] == 0


def test_a_log_that_was_cut_short_lacks_the_head(run, called, tmp_path):
    url, head, _ = called
    run("verify-log", url, "--export", "log.jsonl")
    lines = (tmp_path / "log.jsonl").read_text().splitlines(keepends=True)
    (tmp_path / "short.jsonl").write_text("".join(lines[:-1]))
    assert run("verify-log", "short.jsonl")[0] == 0
    status, _, err = run("verify-log", "short.jsonl", "--head", head)
    assert (status, "is not in the log" in err.replace("\n", " ")) == (1, True)


def test_a_projection_that_was_touched_is_rejected(run, called):
    url, _, stage = called
    state = stage.state("bob")
    with stage.store.writing() as unit:
        row = unit.lock(["bob"])["bob"]
        changed = text_of(state.to_document() | {"status": "healthy"})
        unit.save([type(row)(row.account, row.status, row.due_ms, row.sequence, changed)])
    status, _, err = run("verify-log", url)
    assert (status, "account bob is not where the log leaves it" in err.replace("\n", " ")) == (1, True)


@pytest.mark.parametrize(
    "arguments, message",
    [
        (["absent.db"], "cannot be read"),
        (["sqlite:///absent.db"], "there is no such file"),
        (["book.json"], "record 1"),
        (["book.json", "--head", "7"], "--head must be NUMBER:HASH"),
        (["book.json", "--export", "out"], "--export must be given with a database"),
    ],
)
def test_what_is_no_log_is_refused(run, tmp_path, arguments, message):
    (tmp_path / "book.json").write_text('{"format":"zkmargin/book/1"}\n')
    status, _, err = run("verify-log", *arguments)
    assert (status, message in err) == (2, True)


def test_a_database_of_another_program_is_refused_and_left_alone(run, tmp_path):
    import sqlite3

    with sqlite3.connect(tmp_path / "other.db") as connection:
        connection.execute("CREATE TABLE things (name TEXT)")
    status, _, err = run("verify-log", "other.db")
    assert (status, "the database must have schema 0001, got None" in err) == (2, True)
    with sqlite3.connect(tmp_path / "other.db") as connection:
        assert connection.execute("SELECT name FROM sqlite_master").fetchall() == [("things",)]
