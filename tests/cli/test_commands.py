"""What a person at a terminal sees: output, files and exit status of every command."""

import json
import stat
import subprocess
import sys

import pytest

from circuits import claims
from zkmargin import cli
from zkmargin.cli import bench
from zkmargin.testing.workloads import workload


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


def write_book(folder, quantities):
    (folder / "book.json").write_text(json.dumps({"format": "zkmargin/book/1", "quantities_lots": quantities}))


@pytest.fixture
def linear(run, tmp_path):
    """A folder with a snapshot, an account over linear contracts, and a proof of its cross maintenance claim."""
    write_book(tmp_path, {"USD": 60_000_000_000, "BTC": 0, "BTC-PERP": -400, "ETH-PERP": 0})
    assert run("snapshot", "--out", "snapshot.json")[0] == 0
    assert run("commit", "book.json", "--name", "alice")[0] == 0
    status, out, _ = run("prove", "--model", "cross")
    assert status == 0
    assert "proved in" in out
    return tmp_path


def test_a_proof_made_from_files_is_accepted(run, linear):
    status, out, _ = run("verify")
    assert status == 0
    assert "accepted" in out
    assert "equity is at least the maintenance requirement of the cross model" in out


def test_verify_accepts_only_the_claim_that_was_asked_for(run, linear):
    assert run("verify", "--claim", "maintenance", "--model", "cross")[0] == 0
    status, _, err = run("verify", "--claim", "initial", "--model", "cross")
    assert status == 2
    assert "proof.claim must be" in err


def test_what_is_expected_of_a_claim_needs_the_claim(run, linear):
    status, _, err = run("verify", "--threshold", "3/2")
    assert status == 2
    assert "--claim must be given" in err


def test_a_commitment_for_the_cross_model_leaves_the_listed_options_out(run, tmp_path):
    write_book(tmp_path, {"USD": 60_000_000_000, "BTC-PERP": -400})
    assert run("snapshot", "--out", "snapshot.json")[0] == 0
    assert run("commit", "book.json", "--name", "alice", "-s", "snapshot.json", "--model", "cross")[0] == 0
    assert run("prove", "--model", "cross")[0] == 0
    assert run("verify", "--claim", "maintenance", "--model", "cross")[0] == 0


def test_a_commitment_for_an_unknown_model_is_refused(run, tmp_path):
    write_book(tmp_path, {"USD": 1})
    assert run("snapshot", "--out", "snapshot.json")[0] == 0
    status, _, err = run("commit", "book.json", "--name", "alice", "-s", "snapshot.json", "--model", "var")
    assert status == 2
    assert "has no var parameters" in err


def test_a_box_claim_is_proved_and_accepted(run, linear):
    assert run("prove", "--model", "cross", "--claim", "box", "--width", "5%")[0] == 0
    assert run("verify", "--claim", "box", "--model", "cross", "--width", "0.05")[0] == 0


def test_a_changed_proof_has_exit_status_1(run, linear):
    document = json.loads((linear / "proof.json").read_text())
    document["proof"] = document["proof"][:-1] + ("0" if document["proof"][-1] != "0" else "1")
    (linear / "proof.json").write_text(json.dumps(document))
    status, _, err = run("verify")
    assert status == 1
    assert err.startswith("rejected:")


def test_a_proof_for_another_snapshot_names_the_digest_that_differs(run, linear):
    document = json.loads((linear / "snapshot.json").read_text())
    document["valid_from"] += 1
    (linear / "snapshot.json").write_text(json.dumps(document))
    status, _, err = run("verify")
    assert status == 2
    assert "proof.snapshot must be" in err


def test_a_book_below_the_requirement_yields_no_proof_and_tells_the_shortfall(run, linear):
    write_book(linear, {"USD": 36_000_000_000, "BTC": 0, "BTC-PERP": -400, "ETH-PERP": 0})
    (linear / "proof.json").unlink()
    assert run("commit", "book.json", "--name", "alice")[0] == 0
    status, _, err = run("prove", "--model", "cross")
    assert status == 1
    assert "shortfall:" in err
    assert not (linear / "proof.json").exists()


def test_a_scenario_claim_over_everything_listed_is_proved_and_accepted(run, tmp_path):
    write_book(tmp_path, {"USD": 60_000_000_000, "BTC-27MAR26-100000-C": -10})
    assert run("snapshot")[0] == 0
    assert run("commit", "book.json", "--name", "alice", "--snapshot", "snapshot.json")[0] == 0
    assert run("prove")[0] == 0
    assert run("verify")[0] == 0


def test_the_opening_is_created_for_its_owner_alone(linear):
    assert stat.S_IMODE((linear / "opening.secret.json").stat().st_mode) == 0o600
    assert stat.S_IMODE((linear / "account.json").stat().st_mode) == 0o644


@pytest.mark.parametrize("name", ["snapshot", "account", "proof", "book", "opening.secret"])
def test_inspect_tells_what_a_document_is_and_shows_no_quantity(run, linear, name):
    status, out, err = run("inspect", f"{name}.json")
    assert (status, err) == (0, "")
    assert len(out.splitlines()) >= 2
    assert "60000000000" not in out.replace(",", "")
    assert "-400" not in out


@pytest.mark.parametrize(
    "content, complaint",
    [
        (b"", "is not JSON"),
        (b"[]", "must be a JSON object"),
        (b'{"format":"zkmargin/proof/2"}', "format"),
        (b'{"format":"zkmargin/proof/1","format":"zkmargin/proof/1"}', "occurs twice"),
        (b'{"format":1.0}', "numbers must be integers"),
        (b"\xff", "is not UTF-8"),
    ],
)
def test_a_malformed_document_has_exit_status_2(run, linear, content, complaint):
    (linear / "proof.json").write_bytes(content)
    status, _, err = run("verify")
    assert status == 2
    assert complaint in err


def test_a_missing_file_is_named(run, tmp_path):
    status, _, err = run("verify")
    assert status == 2
    assert "snapshot.json cannot be read" in err


def test_a_book_with_an_unlisted_instrument_is_refused_and_nothing_is_written(run, tmp_path):
    write_book(tmp_path, {"USD": 1, "DOGE-PERP": 5})
    assert run("snapshot", "--out", "snapshot.json")[0] == 0
    status, _, err = run("commit", "book.json", "--name", "alice", "--snapshot", "snapshot.json")
    assert status == 2
    assert "DOGE-PERP" in err
    assert not (tmp_path / "account.json").exists()
    assert not (tmp_path / "opening.secret.json").exists()


def test_a_fractional_lot_is_refused_without_showing_it(run, tmp_path):
    (tmp_path / "book.json").write_text('{"format":"zkmargin/book/1","quantities_lots":{"USD":1.5}}')
    status, _, err = run("commit", "book.json", "--name", "alice")
    assert status == 2
    assert "numbers must be integers" in err
    assert "1.5" not in err


@pytest.mark.parametrize(
    "arguments, complaint",
    [
        (["--threshold", "0"], "threshold numerator"),
        (["--threshold", "1/0"], "threshold denominator"),
        (["--threshold", "-1/2"], "fraction of positive integers"),
        (["--threshold", "1.0000001"], "whole number of parts per million"),
        (["--threshold", "x"], "decimal number"),
        (["--claim", "box"], "width_ppm"),
        (["--claim", "box", "--width", "100%"], "width_ppm"),
        (["--width", "5%"], "width_ppm"),
        (["--claim", "solvent"], "claim kind must be one of"),
        (["--model", "var"], "has no var parameters"),
    ],
)
def test_a_claim_that_makes_no_sense_is_refused(run, linear, arguments, complaint):
    (linear / "proof.json").unlink()
    status, _, err = run("prove", "--model", "cross", *arguments)
    assert status == 2
    assert complaint in err
    assert not (linear / "proof.json").exists()


def test_an_opening_of_another_account_is_refused(run, linear):
    other = linear / "other"
    other.mkdir()
    assert run("commit", "book.json", "--name", "bob", "--opening", "other/o.json", "--account", "other/a.json")[0] == 0
    status, _, err = run("prove", "--model", "cross", "--opening", "other/o.json")
    assert status == 2
    assert "does not open this commitment" in err


def test_a_snapshot_chains_to_the_one_before(run, tmp_path):
    assert run("snapshot", "--out", "first.json")[0] == 0
    assert run("snapshot", "--out", "second.json", "--previous", "first.json")[0] == 0
    first, second = (json.loads((tmp_path / name).read_text()) for name in ("first.json", "second.json"))
    assert second["epoch"] == first["epoch"] + 1
    assert second["previous"] != first["previous"]


def test_bench_prints_one_json_object_with_the_agreed_keys(run):
    status, out, _ = run("bench", "--workload", "cross", "--runs", "1", "--batches", "1,2", "--json")
    report = json.loads(out)
    assert status == 0
    keys = {"prove_ms", "prove_floor_ms", "verify_ms", "verify_floor_ms", "batch", "proof_bytes", "threads", "rounds"}
    assert keys <= report.keys()
    assert [entry["proofs"] for entry in report["batch"]] == [1, 2]
    assert all(entry["ms_per_proof"] > 0 for entry in report["batch"])
    # Every figure has its ratio to the multiplications that it cannot avoid.
    assert report["prove_ratio"] > 0 < report["verify_ratio"]
    assert all(entry["ratio"] > 0 < entry["floor_ms_per_proof"] for entry in report["batch"])


def test_bench_shares_a_batch_out_to_as_many_processes_as_it_is_told(run, monkeypatch):
    asked = []
    verify = claims.verify_batch
    monkeypatch.setattr(claims, "verify_batch", lambda items, jobs: asked.append(jobs) or verify(items))
    status, out, _ = run("bench", "-w", "cross", "--runs", "1", "--batches", "2", "--threads", "3", "--json")
    assert status == 0
    assert json.loads(out)["threads"] == 3
    assert set(asked) == {3}


def test_bench_measures_batches_that_are_larger_than_the_number_of_its_accounts(run, monkeypatch):
    monkeypatch.setattr(bench, "MOST_ACCOUNTS", 2)
    status, out, _ = run("bench", "--workload", "cross", "--runs", "1", "--batches", "5", "--rounds", "2", "--json")
    report = json.loads(out)
    assert status == 0
    assert report["rounds"] == 2
    assert [entry["proofs"] for entry in report["batch"]] == [5]


@pytest.mark.parametrize(
    "arguments",
    [
        ["--workload", "X"],
        ["--runs", "0"],
        ["--batches", "0"],
        ["--batches", "a"],
        ["--coordinates", "1"],
        ["--scenarios", "0"],
        ["--threads", "0"],
        ["--threads", "257"],
    ],
)
def test_bench_refuses_what_it_cannot_measure(run, arguments):
    status, _, err = run("bench", *arguments)
    assert status == 2
    assert "must be" in err


def test_the_demo_tells_the_whole_story(run):
    status, out, _ = run("demo")
    assert status == 0
    assert out.count("accepted") == 4
    assert out.count("no proof for") == 3
    assert "the new commitment is the old one plus the deposit" in out


def test_the_demo_runs_on_a_real_options_chain(run, shared_data):
    status, out, _ = run("demo", "--market", shared_data / "market" / "deribit_btc_options_20251205.csv")
    assert status == 0
    assert (out.count("accepted"), out.count("no proof for")) == (4, 3)


def test_one_verification_of_the_reference_workload_stays_below_200_megabytes(tmp_path):
    from circuits import evidence
    from zkmargin import documents

    work = workload("W")
    registered = work.registrations()[0]
    made = evidence.prove(work.snapshot, work.claim, registered.account, work.openings[0])
    for name, part in (("snapshot", work.snapshot), ("account", registered), ("proof", made)):
        documents.write_file(tmp_path / f"{name}.json", part.to_document())
    # VmHWM starts afresh with the program; the maximum that getrusage tells is inherited from the parent.
    script = "import atexit, sys; from pathlib import Path; from zkmargin.cli import main; sys.argv = ['', 'verify'];"
    script += "status = Path('/proc/self/status').read_text;"
    script += "atexit.register(lambda: print(status().split('VmHWM:')[1].split()[0])); main()"
    done = subprocess.run([sys.executable, "-c", script], cwd=tmp_path, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert int(done.stdout.split()[-1]) < 200 * 1_024
