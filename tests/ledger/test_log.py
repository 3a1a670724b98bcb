"""The log: what was acknowledged is there, what was half written is not read, what was changed is named."""

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.ledger.venue import Venue
from zkmargin.errors import LogError
from zkmargin.ledger import log
from zkmargin.ledger.log import Log, lines


@pytest.fixture(scope="module")
def written():
    venue = Venue()
    venue.open("alice")
    for amount in (1, 22, 333):
        venue.deposit("alice", amount)
    return venue.log


@pytest.fixture
def path(tmp_path, written):
    path = tmp_path / "ledger.log"
    with Log(path) as opened:
        for entry in written:
            opened.append(entry)
    return path


def payloads(path):
    return [line.payload for line in lines(path)]


def test_what_was_appended_is_read_back_in_order(path, written):
    assert payloads(path) == [entry.canonical_bytes() for entry in written]
    with Log(path) as again:
        assert (again.count, again.cut_bytes) == (len(written), 0)


def test_several_entries_are_appended_at_once(tmp_path, path, written):
    other = tmp_path / "at-once.log"
    with Log(other) as opened:
        opened.append(*written)
    assert other.read_bytes() == path.read_bytes()


def test_appending_goes_on_where_the_log_ended(path, written, tmp_path):
    other = tmp_path / "in-two.log"
    for part in (written[:2], written[2:]):
        with Log(other) as opened:
            opened.append(*part)
    assert other.read_bytes() == path.read_bytes()


def test_a_flipped_bit_anywhere_is_named_with_its_record(path):
    data = path.read_bytes()
    found = list(lines(path))
    starts = [line.offset for line in found]
    step = 41  # every byte of the frames, and some of the rest
    frames = {offset + place for offset in starts for place in range(log.FRAME_BYTES)}
    for place in sorted({*range(len(log.MAGIC)), *frames, *range(len(log.MAGIC), len(data), step)}):
        for bit in (place % 8, 7):
            changed = bytearray(data)
            changed[place] ^= 1 << bit
            path.write_bytes(changed)
            with pytest.raises(LogError) as caught:
                payloads(path)
            if place < len(log.MAGIC):
                assert "is not a log" in str(caught.value)
            else:
                number = max(at for at, start in enumerate(starts) if start <= place)
                assert f"record {number} at byte {starts[number]} is damaged" in str(caught.value)
                assert not caught.value.torn


def test_a_damaged_log_is_not_opened_for_writing_and_stays_as_it_is(path):
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)
    with pytest.raises(LogError, match="is damaged: its hash does not fit"):
        Log(path)
    assert path.read_bytes() == data
    data[-1] ^= 1
    path.write_bytes(data)
    Log(path).close()


def test_a_damaged_length_is_not_taken_for_a_torn_record(path):
    # Otherwise one flipped bit would make the rest of the log, acknowledged, disappear at the next start.
    (*_, last) = lines(path)
    data = bytearray(path.read_bytes())
    data[last.offset] ^= 0x40
    path.write_bytes(data)
    with pytest.raises(LogError, match="its header does not fit"):
        Log(path)


def test_a_torn_record_is_reported_to_a_reader_and_cut_off_by_a_writer(path, written):
    whole = path.read_bytes()
    (*_, last) = lines(path)
    for cut in range(last.offset + 1, len(whole), 11):
        path.write_bytes(whole[:cut])
        with pytest.raises(LogError, match=f"record {last.number} at byte {last.offset} is cut short") as caught:
            payloads(path)
        assert caught.value.torn
        with Log(path) as opened:
            assert (opened.count, opened.cut_bytes) == (last.number, cut - last.offset)
            opened.append(written[-1])
        assert path.read_bytes() == whole


def test_a_file_that_was_just_made_is_made_whole(tmp_path, written):
    for length in range(len(log.MAGIC)):
        path = tmp_path / f"{length}.log"
        path.write_bytes(log.MAGIC[:length])
        with Log(path) as opened:
            opened.append(*written)
        assert payloads(path) == [entry.canonical_bytes() for entry in written]


def test_another_file_is_no_log_and_is_left_alone(tmp_path):
    path = tmp_path / "letter.txt"
    for content in (b"Dear Sir or Madam, this is a letter", b"Dear"):
        path.write_bytes(content)
        with pytest.raises(LogError, match="is not a log"):
            Log(path)
        assert path.read_bytes() == content


def test_a_log_that_is_not_there_cannot_be_read(tmp_path):
    with pytest.raises(LogError, match="cannot be read: No such file"):
        payloads(tmp_path / "none.log")
    with pytest.raises(LogError, match="cannot be opened"):
        Log(tmp_path / "no folder" / "none.log")


def test_records_cannot_be_left_out_or_exchanged(path):
    data = path.read_bytes()
    spans = [data[line.offset : line.end] for line in lines(path)]
    for order in ([0, 2, 3, 4, 5], [0, 2, 1, 3, 4, 5], [1, 2, 3, 4, 5], [0, 1, 1, 2, 3, 4, 5]):
        path.write_bytes(log.MAGIC + b"".join(spans[place] for place in order))
        with pytest.raises(LogError, match="is damaged"):
            payloads(path)


def test_one_process_writes_at_a_time(path):
    with Log(path):
        script = f"from pathlib import Path; from zkmargin.ledger.log import Log; Log(Path({str(path)!r}))"
        result = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60)
        assert result.returncode == 1
        assert "is open for writing in another process" in result.stderr
    Log(path).close()


def test_a_closed_log_takes_nothing(path, written):
    opened = Log(path)
    opened.close()
    with pytest.raises(LogError, match="is closed"):
        opened.append(written[0])


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="the device that is always full is absent")
def test_a_full_disk_acknowledges_nothing(path, written):
    opened = Log(path)
    size = path.stat().st_size
    with Path("/dev/full").open("wb", buffering=0) as full:
        os.dup2(full.fileno(), opened._file.fileno())
    with pytest.raises(LogError, match="cannot be written: No space left"):
        opened.append(written[0])
    with pytest.raises(LogError, match="is closed"):
        opened.append(written[0])
    assert path.stat().st_size == size


WRITER = """
import sys
from pathlib import Path
from zkmargin.ledger import entries
from zkmargin.ledger.log import Log, lines

template = entries.from_bytes(next(lines(Path(sys.argv[2]))).payload)
with Log(Path(sys.argv[1])) as log:
    number = log.count
    while True:
        log.append(entries.replace(template, id=f"entry-{number}"))
        print(number, flush=True)  # the acknowledgement
        number += 1
"""


def test_kill_9_loses_nothing_acknowledged_and_leaves_nothing_half_written_to_be_read(tmp_path, path):
    crashing = tmp_path / "crashing.log"
    acknowledged = -1
    for round_ in range(6):
        process = subprocess.Popen(
            [sys.executable, "-c", WRITER, str(crashing), str(path)], stdout=subprocess.PIPE, text=True
        )
        assert process.stdout is not None
        first = process.stdout.readline()
        time.sleep(0.01 + 0.013 * round_)
        process.send_signal(signal.SIGKILL)
        rest, _ = process.communicate(timeout=60)
        told = [int(line) for line in (first + rest).split("\n")[:-1]]
        assert told[0] >= acknowledged + 1
        acknowledged = told[-1]
        with Log(crashing) as opened:
            assert opened.count >= acknowledged + 1
        ids = [re.search(rb'"id":"entry-(\d+)"', payload)[1] for payload in payloads(crashing)]
        assert list(map(int, ids)) == list(range(len(ids)))


def test_a_crash_at_every_byte_of_a_write_is_recovered(path, written, tmp_path):
    # What kill -9 does between two system calls, at every place where it could: the file ends anywhere in a record.
    whole, ends = path.read_bytes(), [len(log.MAGIC), *(line.end for line in lines(path))]
    for length in range(0, len(whole), 37):
        cut = tmp_path / "cut.log"
        cut.write_bytes(whole[:length])
        with Log(cut) as opened:
            assert opened.count == max(0, sum(end <= length for end in ends) - 1)
            opened.append(*written[opened.count :])
        assert cut.read_bytes() == whole
