"""What an auditor at a terminal sees."""

import json
import sys

import pytest

from tests.ledger.venue import key
from tests.vectors import ledger as vectors
from zkmargin import cli
from zkmargin.errors import LogError
from zkmargin.ledger import entries, keys
from zkmargin.ledger.log import Log, lines

FROZEN = json.loads(vectors.FILE.read_bytes())


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "ledger.log"
    with Log(path) as opened:
        opened.append(*map(entries.from_document, FROZEN["log"]))
    return path


@pytest.fixture
def run(monkeypatch, capsys):
    """Run the audit; return its exit status, output and complaints."""

    def call(*arguments):
        monkeypatch.setattr(sys, "argv", ["zkmargin", "audit", *map(str, arguments)])
        status = 0
        try:
            cli.main()
        except SystemExit as ended:
            status = ended.code or 0
        printed = capsys.readouterr()
        return status, printed.out, printed.err

    return call


def test_an_audit_tells_what_it_found_and_of_whom(run, path):
    status, out, err = run(path, "--incomplete")
    assert (status, err) == (0, "")
    assert f"{len(FROZEN['log'])} records" in out
    assert "2 trade, 1 withdrawal" in out
    assert "epoch 1: 1 of 3 accounts not covered" in out
    assert "0 of 2 epochs complete; the last is still open" in out
    operator = keys.public_key(vectors.key("operator")).hex()
    assert f"venue vectors, operator {operator}" in out
    assert f"state {FROZEN['state']}" in out
    assert f"chain {list(lines(path))[-1].chain.hex()}" in out
    assert operator != keys.public_key(key("operator")).hex()


def test_the_first_wrong_record_is_named_with_status_1(run, path):
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)
    (*whole,) = lines_until_damage(path)
    status, out, err = run(path, "--incomplete")
    assert (status, out) == (1, "")
    assert f"record {len(whole)} at byte {whole[-1].end} is damaged: its hash does not fit" in err


def lines_until_damage(path):
    try:
        yield from lines(path)
    except LogError:
        return


def test_a_file_that_is_not_there_or_no_log_is_refused(run, tmp_path):
    assert run(tmp_path / "none.log")[0] == 1
    (tmp_path / "letter").write_text("Dear Sir or Madam")
    status, _, err = run(tmp_path / "letter")
    assert status == 1
    assert "is not a log" in err


def test_a_back_end_that_nobody_knows_is_wrong_usage(run, path):
    status, _, err = run(path, "--backend", "spark", "--jobs", "2")
    assert status == 2
    assert "backend must be one of loky, dask, ray" in err


def test_an_account_that_an_epoch_has_not_covered_is_a_finding(run, path):
    status, _, err = run(path)
    assert status == 1
    assert "epoch 1 ends, and fees neither proved nor stood in a box nor was called" in err
