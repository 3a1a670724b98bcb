"""What a person at a terminal sees of a wallet: never a secret that was not asked for."""

import os
import pty
import re
import select
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.ledger.wallets import PASSPHRASE, WalletVenue
from zkmargin import cli
from zkmargin.ledger.log import Log
from zkmargin.margin.claim import Claim
from zkmargin.testing import strategies
from zkmargin.testing.plain import DEPOSIT, Order

SEED = re.compile(r"zkm1(-[0-9a-f]{4}){18}")


@pytest.fixture
def run(monkeypatch, capsys, tmp_path):
    """Run a command in a fresh folder; return its exit status, output and complaints."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("ZKMARGIN_PASSPHRASE", raising=False)
    (tmp_path / "p.txt").write_text("correct horse battery\nnot this line\n")

    def call(*arguments):
        monkeypatch.setattr(sys, "argv", ["zkmargin", "wallet", *map(str, arguments)])
        status = 0
        try:
            cli.main()
        except SystemExit as ended:
            status = ended.code or 0
        printed = capsys.readouterr()
        return status, printed.out, printed.err

    return call


@pytest.fixture
def created(run):
    assert run("create", "w", "--name", "alice", "--passphrase-file", "p.txt")[0] == 0
    return run


@pytest.fixture
def logged(tmp_path):
    """A ledger's log with an account that was paid, and the account's seed."""
    market = strategies.snapshot({"PERP": 1_000})
    venue = WalletVenue(market, Claim("initial", "cross"), Claim("maintenance", "cross"))
    venue.open("alice")
    venue.apply(Order("pay", DEPOSIT, {"alice": {"USD": 271_828}}, {"alice": 0}))
    with Log(tmp_path / "log") as log:
        log.append(*venue.log)
    (tmp_path / "seed.txt").write_text(venue._holders["alice"].wallet.backup() + "\n")
    venue.restore_all()
    return tmp_path / "log"


RESTORE = (
    "--name",
    "alice",
    "--venue",
    "test",
    "--log",
    "log",
    "--seed-file",
    "seed.txt",
    "--passphrase-file",
    "p.txt",
)


def test_a_new_wallet_shows_its_seed_once_and_is_for_its_owner_alone(run, tmp_path):
    status, out, err = run("create", "w", "--name", "alice", "--passphrase-file", "p.txt")
    assert status == 0
    assert SEED.search(out)
    assert "Write this seed down" in err
    assert stat.S_IMODE((tmp_path / "w").stat().st_mode) == 0o600
    assert not SEED.search(run("show", "w", "--passphrase-file", "p.txt")[1])


def test_a_backup_is_the_seed_that_was_shown(run):
    _, shown, _ = run("create", "w", "--name", "alice", "--passphrase-file", "p.txt")
    _, printed, _ = run("backup", "w", "--passphrase-file", "p.txt")
    assert printed.strip() == SEED.search(shown)[0]


def test_a_wallet_is_not_created_twice(created, tmp_path):
    before = (tmp_path / "w").read_bytes()
    status, _, err = created("create", "w", "--name", "alice", "--passphrase-file", "p.txt")
    assert status == 2
    assert "never overwritten" in err
    assert (tmp_path / "w").read_bytes() == before


def test_the_passphrase_may_come_from_the_environment(created, monkeypatch):
    monkeypatch.setenv("ZKMARGIN_PASSPHRASE", PASSPHRASE)
    assert created("show", "w")[0] == 0
    monkeypatch.setenv("ZKMARGIN_PASSPHRASE", "something else")
    status, _, err = created("show", "w")
    assert status == 2
    assert "the passphrase is wrong, or the wallet was changed or damaged" in err


def test_the_passphrase_is_never_an_argument(created):
    assert created("show", "w", "--passphrase", PASSPHRASE)[0] == 2


def test_without_a_terminal_nothing_waits_for_one(created, monkeypatch):
    with Path(os.devnull).open() as nobody:
        monkeypatch.setattr(sys, "stdin", nobody)
        status, _, err = created("show", "w")
        assert status == 2
        assert "the passphrase must come from --passphrase-file, $ZKMARGIN_PASSPHRASE or a terminal" in err
        status, _, err = created("restore", "x", "--name", "alice", "--log", "log")
        assert status == 2
        assert "the seed must come from --seed-file or a terminal" in err


def test_a_passphrase_that_is_typed_is_not_echoed(created, tmp_path):
    """On a real terminal."""
    parent, child = pty.openpty()
    command = [sys.executable, "-m", "zkmargin", "wallet", "show", "w"]
    streams = {"stdin": child, "stdout": child, "stderr": child}
    shown = subprocess.Popen(
        command, **streams, cwd=tmp_path, env=os.environ | {"COLUMNS": "100"}, start_new_session=True
    )
    os.close(child)
    text = b""
    sent, until = False, time.monotonic() + 30
    while time.monotonic() < until:
        if not select.select([parent], [], [], 0.1)[0]:
            continue
        try:
            text += os.read(parent, 4096)
        except OSError:
            break
        if b"Passphrase" in text and not sent:
            time.sleep(0.2)
            os.write(parent, PASSPHRASE.encode() + b"\n")
            sent = True
    assert shown.wait(10) == 0
    os.close(parent)
    assert b"alice of demo" in text
    assert PASSPHRASE.encode() not in text


@pytest.mark.parametrize("content", [b"\xff\xfe", b"x" * 10_000])
def test_a_passphrase_file_that_is_none_is_refused_without_showing_it(created, tmp_path, content):
    (tmp_path / "bad.txt").write_bytes(content)
    status, _, err = created("show", "w", "--passphrase-file", "bad.txt")
    assert status == 2
    assert "xxx" not in err


def test_a_short_passphrase_is_refused(run, tmp_path):
    (tmp_path / "short.txt").write_text("1234567\n")
    status, _, err = run("create", "w", "--name", "alice", "--passphrase-file", "short.txt")
    assert status == 2
    assert "8 to 1024 characters" in err
    assert not (tmp_path / "w").exists()


def test_a_wallet_is_restored_from_the_log_and_the_seed(run, logged):
    status, out, err = run("restore", "w", *RESTORE)
    assert (status, err) == (0, "")
    assert "alice of test, state 1, restored from 4 records" in out
    assert "271828" not in out
    _, out, _ = run("show", "w", "--passphrase-file", "p.txt")
    assert "271828" not in out
    assert "basis: PERP, USD" in out
    _, out, _ = run("show", "w", "--book", "--passphrase-file", "p.txt")
    assert "USD 271828" in out


@pytest.mark.parametrize(
    "change, status, complaint",
    [
        ({"--name": "bob"}, 1, "account bob is not open"),
        ({"--venue": "other"}, 2, "lead to no state of alice"),
        ({"--log": "none"}, 1, "none cannot be read"),
        ({"--seed-file": "p.txt"}, 2, "18 groups of four"),
    ],
)
def test_what_does_not_belong_together_restores_nothing(run, logged, tmp_path, change, status, complaint):
    arguments = dict(zip(RESTORE[::2], RESTORE[1::2], strict=True)) | change
    got, _, err = run("restore", "w", *(word for pair in arguments.items() for word in pair))
    assert (got, complaint in err) == (status, True), err
    assert not (tmp_path / "w").exists()


def test_a_seed_of_another_wallet_restores_nothing(created, logged, tmp_path):
    _, seed, _ = created("backup", "w", "--passphrase-file", "p.txt")
    (tmp_path / "seed.txt").write_text(seed)
    status, _, err = created("restore", "x", *RESTORE)
    assert status == 2
    assert "a key that is not of this seed" in err
    assert not (tmp_path / "x").exists()


def test_a_damaged_log_restores_nothing(run, logged, tmp_path):
    data = bytearray(logged.read_bytes())
    data[-5] ^= 1
    logged.write_bytes(data)
    status, _, err = run("restore", "w", *RESTORE)
    assert status == 1
    assert "damaged" in err
    assert not (tmp_path / "w").exists()
