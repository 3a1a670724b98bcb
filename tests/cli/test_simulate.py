"""What a person at a terminal sees of the cascade simulator, and what the wire of a simulated venue carries."""

import json
import re

import pytest

from circuits import registration
from zkmargin.cli.simulate import venue
from zkmargin.cli.simulate.desk import INITIAL, MAINTENANCE, Desk
from zkmargin.commitments import Opening
from zkmargin.errors import StatementError
from zkmargin.margin import rules
from zkmargin.margin.portfolio import Book

SMALL = ("--paths", "3", "--accounts", "80", "--steps", "20")


@pytest.fixture
def run(monkeypatch, capsys, tmp_path):
    """Run `zkmargin simulate`; return its exit status, output and complaints."""
    import sys

    from zkmargin import cli

    monkeypatch.chdir(tmp_path)

    def call(*arguments):
        monkeypatch.setattr(sys, "argv", ["zkmargin", "simulate", *map(str, arguments)])
        status = 0
        try:
            cli.main()
        except SystemExit as ended:
            status = ended.code or 0
        printed = capsys.readouterr()
        return status, printed.out, printed.err

    return call


def test_cascade_prints_measures_and_what_a_control_did(run):
    status, out, err = run("cascade", *SMALL, "--gap", "8%", "--control", "throttle,breaker,dynamic")
    assert (status, err) == (0, "")
    assert "probability of a cascade" in out
    assert "the same paths" in out


def test_cascade_says_when_a_queue_was_left(run):
    status, out, _ = run(
        "cascade", "--paths", 3, "--accounts", 300, "--steps", 12, "--gap", "20%", "--control", "throttle"
    )
    assert status == 0
    assert "ended with an unexecuted queue" in out


def test_the_same_seed_prints_the_same_object(run):
    first, second, third = (run("cascade", *SMALL, "--json", "--seed", seed)[1] for seed in (1, 1, 2))
    plain = [re.sub(r'"paths_per_second": [\d.]+', "", text) for text in (first, second, third)]
    assert plain[0] == plain[1] != plain[2]
    assert json.loads(first)["paths"] == 3


def test_pictures_are_written(run, tmp_path):
    pytest.importorskip("matplotlib")
    status, out, _ = run("cascade", *SMALL, "--gap", "8%", "--control", "throttle", "--pictures", "drawn")
    assert status == 0
    names = {path.name for path in (tmp_path / "drawn").iterdir()}
    assert names == {"path.png", "branching.png", "at-risk.png", "twin.png"}
    assert all(path.stat().st_size > 5_000 for path in (tmp_path / "drawn").iterdir())
    assert out.count("picture ") == 4


def test_stress_runs_what_was_asked_for(run):
    status, out, _ = run("stress", *SMALL, "--only", "gap,prover-outage", "--json")
    assert status == 0
    assert set(json.loads(out)["stresses"]) == {"gap", "prover-outage"}


def test_stress_replays_a_price_file(run, shared_data):
    prices = shared_data / "market" / "btcusdt_1h_20200311_14.csv"
    status, out, err = run("stress", "--accounts", "60", "--prices", prices)
    assert (status, err) == (0, "")
    assert "replay" in out


@pytest.mark.parametrize(
    "arguments, complaint",
    [
        (["cascade", "--markets", "two"], "markets must be one of one, three"),
        (["cascade", "--control", "luck"], "control must be one of throttle, breaker, dynamic"),
        (["cascade", "--backend", "spark"], "backend must be one of"),
        (["cascade", "--paths", "0"], "paths must be between"),
        (["cascade", "--gap", "x"], "gap must be a decimal number"),
        (["stress", "--only", "locusts"], "stress must be one of"),
        (["stress", "--prices", "missing.csv"], "missing.csv cannot be read"),
        (["stress", "--markets", "three", "--prices", "x.csv"], "replayed on one market"),
        (["venue", "--accounts", "2"], "accounts must be between 3 and 200"),
        (["venue", "--service", "nowhere"], "service must be HOST:PORT"),
        (["venue", "--service", "127.0.0.1:1"], "cannot be reached"),
        (["venue", "--fall", "90%"], "fall must be between"),
    ],
)
def test_what_cannot_be_simulated_is_refused(run, arguments, complaint):
    status, _, err = run(*arguments)
    assert status == 2
    assert complaint in err


@pytest.fixture(scope="module")
def played():
    """A venue played once against the real service: its report, its traders, and every byte that was sent."""
    sent = []
    market = list(venue.markets(7, 0.25))
    traders = venue.crowd(market[0], 6, seed=7)
    books = [dict(trader.opening.quantities) for trader in traders]
    with venue._service("") as send:
        desk = Desk(lambda body: sent.append(body) or send(body), grace=1, cure=1)
        report = venue.play(desk, traders, market)
    return report, traders, books, sent, desk


def test_the_desk_finds_every_unsafe_account_and_no_safe_one(played):
    report, traders, _, _, _ = played
    assert report["refused"] > 0
    for row in report["epochs"]:
        assert row["proved"] == len(traders) - row["unsafe"]
    assert report["epochs"][0]["unsafe"] == 0
    assert report["epochs"][-1]["DEFAULTED"] > 0


def test_a_deposit_ends_a_call(played):
    report, traders, _, _, desk = played
    assert report["deposits"] > 0
    paid = [trader for trader in traders if trader.sequence]
    assert all(desk.accounts[trader.name].state in ("HEALTHY", "STALE") for trader in paid)


def test_no_quantity_and_no_blinding_crosses_the_wire(played):
    _, traders, books, sent, _ = played
    assert len(sent) > 15
    wire = b"\n".join(sent)
    secrets = {abs(lots) for book in books for lots in book.values()}
    secrets |= {abs(lots) for trader in traders for lots in trader.opening.quantities.values()}
    assert min(secrets) >= 10_000
    for number in secrets:
        assert not re.search(rb"(?<![0-9a-f])-?%d(?![0-9a-f])" % number, wire)
    for trader in traders:
        blinding = int(trader.opening.blinding)
        assert str(blinding).encode() not in wire
        assert f"{blinding:064x}".encode() not in wire
        assert blinding.to_bytes(32, "little").hex().encode() not in wire


def test_the_search_would_find_a_quantity(played):
    _, _, books, sent, _ = played
    number = abs(books[0]["BTC-PERP"])
    leaked = sent[0].replace(b'"sequence":0', b'"sequence":%d' % number, 1)
    assert re.search(rb"(?<![0-9a-f])-?%d(?![0-9a-f])" % number, leaked)


def test_the_desk_holds_no_opening():
    fields = set(Desk.__dataclass_fields__)
    assert fields == {"send", "grace", "cure", "accounts", "snapshot", "questions", "refused"}


def test_a_deposit_that_is_not_the_difference_of_the_commitments_is_refused(played):
    _, traders, _, _, desk = played
    trader = next(trader for trader in traders if desk.accounts[trader.name].state == "HEALTHY")
    market = desk.snapshot
    amount = 1_000
    quantities = dict(trader.opening.quantities) | {"USD": trader.opening.quantities["USD"] + amount}

    after = registration.register(
        market.venue, trader.name, Opening(quantities, trader.opening.blinding), trader.sequence + 1
    )
    with pytest.raises(StatementError, match="is not the old one plus the deposit"):
        desk.deposit(amount + 1, after)
    desk.deposit(amount, after)


def test_a_maintenance_proof_does_not_end_a_call():
    market = list(venue.markets(2, 0.0))
    trader = venue.crowd(market[0], 3, seed=7)[0]

    held = rules.assess(market[0], INITIAL, Book(trader.opening.quantities))
    lots = dict(trader.opening.quantities)
    lots["USD"] -= held.surplus_units + 1
    trader.opening = Opening(lots, trader.opening.blinding)
    assert trader.safe(market[0], MAINTENANCE)
    with venue._service("") as send:
        desk = Desk(send, grace=0, cure=5)
        desk.register(trader.register(market[0].venue))
        desk.open_epoch(market[0])
        desk.close_epoch()
        assert desk.accounts[trader.name].state == "CALLED"
        desk.open_epoch(market[1])
        made = trader.prove(market[1], desk.accounts[trader.name].registered, MAINTENANCE)
        assert not desk.submit(trader.name, made)
        desk.close_epoch()
    assert desk.accounts[trader.name].state == "CALLED"
