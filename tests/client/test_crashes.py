"""Kill -9 at any instant leaves the old wallet or the new one, and never less than what was acknowledged.

Twice: killed by itself before and after every call to the operating system that a write makes, and in the middle of the
bytes; and killed from outside at moments that nobody chose.
"""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from zkmargin.client import files
from zkmargin.client.files import LockedFile
from zkmargin.client.wallet import Wallet
from zkmargin.errors import EncodingError, StatementError

PASSPHRASE = "correct horse battery"
# What a write calls, in this order; each is a place to die before and after.
CALLS = ("unlink", "open", "write", "flush", "fsync", "replace", "open folder", "fsync folder")


class Dying:
    """Stands in for `os` in `zkmargin.client.files`; the process kills itself at one place."""

    def __init__(self, place: int, cut: bool = False) -> None:
        self._left, self._cut = place, cut

    def __getattr__(self, name):
        return getattr(os, name)

    def at(self) -> None:
        """Die here if this is the place."""
        if self._left == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        self._left -= 1

    def _around(self, call, *arguments, **options):
        self.at()
        result = call(*arguments, **options)
        self.at()
        return result

    def open(self, *arguments, **options):
        return self._around(os.open, *arguments, **options)

    def fsync(self, descriptor):
        return self._around(os.fsync, descriptor)

    def fdopen(self, *arguments, **options):
        return DyingFile(self, os.fdopen(*arguments, **options), self._cut)


class DyingFile:
    def __init__(self, dying: Dying, file, cut: bool) -> None:
        self._dying, self._file, self._cut = dying, file, cut

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._file.close()

    def fileno(self):
        return self._file.fileno()

    def flush(self):
        self._dying._around(self._file.flush)

    def write(self, data):
        if self._cut:
            self._file.write(data[: len(data) // 2])
            self._file.flush()
            os.kill(os.getpid(), signal.SIGKILL)
        self._dying._around(self._file.write, data)


def die_writing(path: Path, place: int, *, cut: bool = False) -> bool:
    """Change a wallet in a child that dies at a place; return whether it died."""
    child = os.fork()
    if child == 0:
        try:
            wallet = Wallet.open(path, PASSPHRASE)
            dying = Dying(place, cut)
            files.os = dying
            for name in ("unlink", "replace"):
                call = getattr(Path, name)
                setattr(Path, name, lambda *a, call=call, **k: dying._around(call, *a, **k))
            wallet.prepare("new", {"USD": 5})
        finally:
            os._exit(0)
    return os.WIFSIGNALED(os.waitpid(child, 0)[1])


@pytest.fixture
def path(tmp_path):
    with Wallet.create(tmp_path / "w", "demo", "alice", PASSPHRASE, log2_n=14) as wallet:
        wallet.prepare("old", {"USD": 4})
    return tmp_path / "w"


RENAMED = 2 * CALLS.index("replace") + 1


@pytest.mark.parametrize("place", range(2 * len(CALLS)))
def test_a_wallet_that_dies_around_a_call_is_the_old_one_or_the_new_one(path, place):
    assert die_writing(path, place)
    with Wallet.open(path, PASSPHRASE) as again:
        assert again.pending() == (("old", "new") if place >= RENAMED else ("old",))
        again.prepare("next", {"USD": 6})  # nothing is in the way of the next write
    assert sorted(item.name for item in path.parent.iterdir()) == ["w", "w.lock"]


def test_these_are_all_the_places_of_a_write(path):
    assert not die_writing(path, 2 * len(CALLS))


def test_a_wallet_that_dies_in_the_middle_of_the_bytes_is_the_old_one(path):
    assert die_writing(path, 99, cut=True)
    assert (path.parent / "w.new").stat().st_size > 0
    with Wallet.open(path, PASSPHRASE) as again:
        assert again.pending() == ("old",)


WORKER = """
import sys
from pathlib import Path
from zkmargin.client.wallet import Wallet

wallet = Wallet.open(Path(sys.argv[1]), {passphrase!r})
number = len(wallet.pending())
while True:
    wallet.prepare(f"e-{{number % 200}}", {{"USD": number}})
    print(number, flush=True)
    number += 1
"""


def killed_at_random(path: Path, kills: int) -> int:
    """Let a process write as fast as it can, kill it, look; return how many writes were acknowledged in all."""
    total = 0
    for kill in range(kills):
        worker = subprocess.Popen(
            [sys.executable, "-c", WORKER.format(passphrase=PASSPHRASE), str(path)], stdout=subprocess.PIPE, text=True
        )
        first = worker.stdout.readline()  # it is writing
        time.sleep(0.007 * (kill % 11))
        worker.send_signal(signal.SIGKILL)
        with worker.stdout as rest:
            acknowledged = [int(line) for line in (first + rest.read()).split("\n")[:-1]]
        assert worker.wait() == -signal.SIGKILL
        total += len(acknowledged)
        with Wallet.open(path, PASSPHRASE) as wallet:
            known = {int(item.entry[2:]): item.opening.quantities["USD"] for item in wallet._contents.pending[1:]}
            for number in acknowledged[-200:]:
                assert known[number % 200] >= number
    return total


def test_nothing_acknowledged_is_lost_when_the_process_is_killed(path):
    assert killed_at_random(path, 6) > 6


@pytest.mark.long
def test_nothing_acknowledged_is_lost_in_many_kills(path):
    assert killed_at_random(path, 100) > 200


def test_the_lock_of_a_killed_process_is_free(path):
    assert die_writing(path, 5)
    Wallet.open(path, PASSPHRASE).close()


def test_two_processes_never_write_one_wallet(path):
    holder = subprocess.Popen(
        [sys.executable, "-c", WORKER.format(passphrase=PASSPHRASE), str(path)], stdout=subprocess.PIPE, text=True
    )
    try:
        holder.stdout.readline()
        with pytest.raises(StatementError, match="in use by another process"):
            Wallet.open(path, PASSPHRASE)
    finally:
        holder.kill()
        holder.wait()
        holder.stdout.close()


def test_a_link_leads_to_the_same_lock(path, tmp_path):
    (tmp_path / "link").symlink_to(path)
    with Wallet.open(tmp_path / "link", PASSPHRASE) as wallet:
        with pytest.raises(StatementError, match="in use"):
            Wallet.open(path, PASSPHRASE)
        wallet.prepare("through the link".replace(" ", "-"), {"USD": 1})
    assert (tmp_path / "link").is_symlink()
    with Wallet.open(path, PASSPHRASE) as again:
        assert len(again.pending()) == 2


def test_a_disk_that_is_full_leaves_the_old_wallet(path, monkeypatch):
    class Full(Dying):
        def fsync(self, descriptor):
            raise OSError(28, "No space left on device")

    with Wallet.open(path, PASSPHRASE) as wallet:
        monkeypatch.setattr(files, "os", Full(10**9))
        with pytest.raises(EncodingError, match="cannot be written: No space left"):
            wallet.prepare("new", {"USD": 5})
        assert wallet.pending() == ("old",)
    monkeypatch.undo()
    with Wallet.open(path, PASSPHRASE) as again:
        assert again.pending() == ("old",)


def test_a_folder_that_is_missing_is_named(tmp_path):
    with pytest.raises(EncodingError, match="cannot be locked: No such file"):
        LockedFile(tmp_path / "none" / "w")
