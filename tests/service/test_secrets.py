"""Nothing of a book reaches the venue: its database, its receipts, its errors and its objects are searched by value."""

import logging
import sqlite3

from tests.service.scene import BAND, CURE, GRACE, INITIAL, KEY, MAINTENANCE, PROOF, make
from verifier_api.service import accounts, clock, epochs
from verifier_api.service.events import Acknowledged, Disputed
from verifier_api.service.intake import Intake, Limits
from zkmargin.errors import ZkMarginError
from zkmargin.margin import rules
from zkmargin.margin.portfolio import Book

LOTS = {"BTC-PERP": -31_337_313_377, "USD": 9_876_543_210_123_456_789}
RICHER = {"BTC-PERP": -31_337_313_377, "USD": 9_999_777_555_333_111_999}


def secrets_of(holder, snapshot):
    """Every text in which a number of the book could show: decimal, hexadecimal and bytes, plain and grouped."""
    outcome = rules.assess(snapshot, MAINTENANCE, Book(dict(holder.opening.quantities)))
    numbers = [*holder.opening.quantities.values(), outcome.equity_units, outcome.requirement_units]
    numbers += [outcome.surplus_units, holder.opening.blinding]
    found = set()
    for number in map(abs, map(int, numbers)):
        found |= {str(number), f"{number:,}", f"{number:x}", f"{number:_}"}
        found.add(number.to_bytes(32, "big").hex())
    return {text for text in found if len(text) >= 9}  # shorter ones occur in random digits


def shown(secrets, text):
    return sorted(secret for secret in secrets if secret in text)


def test_the_search_finds_what_it_looks_for(stage):
    holder = make("alice", LOTS)
    stage.publish()
    secrets = secrets_of(holder, stage.snapshot)
    assert len(secrets) > 15
    assert shown(secrets, f"lots: {LOTS}")
    assert shown(secrets, str(holder.opening.to_document()))


def test_a_whole_run_leaves_no_number_of_a_book_anywhere(stage, tmp_path, caplog):
    caplog.set_level(logging.DEBUG)
    alice, richer, quiet = make("alice", LOTS), make("alice", RICHER, 1), make("bob", LOTS)
    stage.publish()
    stage.enrol(alice, quiet)
    said = [stage.submit(("k1", alice.body(stage.snapshot, BAND)))]
    stage.publish(1_000)
    for wait_ms in (PROOF, GRACE):
        stage.now_ms += wait_ms
        clock.fire(stage.venue, stage.now_ms)
    accounts.tell(stage.venue, "alice", Acknowledged(), stage.now_ms)
    accounts.tell(stage.venue, "bob", Disputed("price"), stage.now_ms)
    accounts.change_book(stage.venue, richer.registered, "deposit", stage.now_ms)
    said += [stage.submit(("k2", richer.body(stage.snapshot, INITIAL)))]
    stage.now_ms += CURE
    clock.fire(stage.venue, stage.now_ms)
    said += [epochs.report(stage.venue, 2, stage.now_ms)]
    for key, body in (
        ("k3", alice.body(stage.snapshot, BAND)),
        ("k2", alice.body(stage.snapshot, BAND)),
        ("k4", b"{}"),
    ):
        try:
            stage.submit((key, body))
        except ZkMarginError as error:
            said += [repr(error), str(error)]
    with Intake(stage.venue, Limits(workers=1), lambda: stage.now_ms) as intake:
        objects = [stage.venue, stage.store, intake, intake.spent, stage.state("alice"), stage.check()]
    with sqlite3.connect(tmp_path / "venue.db") as connection:
        dump = "\n".join(connection.iterdump())
    files = b"".join(path.read_bytes() for path in tmp_path.glob("venue.db*"))
    everything = "\n".join(
        [*map(str, said), *map(repr, objects), dump, dump.lower(), caplog.text, files.decode("latin-1")]
    )
    assert stage.status("alice") == "cured"
    assert stage.status("bob") == "liquidating"
    assert len(everything) > 100_000
    for holder in (alice, richer, quiet):
        assert shown(secrets_of(holder, stage.snapshot), everything) == []
    assert KEY.private_bytes_raw().hex() not in everything
