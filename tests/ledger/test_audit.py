"""The audit: a log is replayed from its bytes alone, and the first record that is wrong is named."""

import re
import sys
from dataclasses import replace

import pytest

from tests.attacks.register import register
from tests.ledger.venue import INITIAL, VENUE, Venue, key, lie, market
from zkmargin.algebra import generators
from zkmargin.algebra.group import group
from zkmargin.amounts import Ratio
from zkmargin.commitments import Commitment, Opening
from zkmargin.errors import DivergenceError, LedgerError, StatementError
from zkmargin.ledger import audit, coverage, keys, log
from zkmargin.ledger.apply import Walk
from zkmargin.ledger.audit import check_delta
from zkmargin.ledger.entries import Checkpoint
from zkmargin.ledger.log import Log, lines
from zkmargin.margin.claim import Claim
from zkmargin.market.expressions import Part, Size, Tiers, scaled
from zkmargin.market.forms import NOTIONAL, Affine
from zkmargin.market.instruments import Cash
from zkmargin.market.models import Model
from zkmargin.market.parameters import ScenarioParameters, Tier, TierTable
from zkmargin.market.scenarios import Scenario
from zkmargin.market.snapshot import Listing

attacked, attacks = register()
BUY = {"USD": -1_000, "BTC-PERP": 10}
BOX = Claim("box", "cross", width_ppm=50_000)


@pytest.fixture(scope="module")
def venue():
    made = Venue()
    for name in ("alice", "bob", "carol"):
        made.open(name, 10_000)
    made.trade(["alice", "bob"], BUY)
    made.claim("bob", BOX)
    made.move(BTC_PERP=101)
    made.claim("alice")
    made.checkpoint()
    made.move(2, BTC_PERP=102)
    made.claim("alice")
    made.rekey("bob", key("bob again"), Opening.fresh(made.lots("bob")))
    return made


@pytest.fixture
def path(tmp_path, venue):
    return written(tmp_path / "ledger.log", venue.log)


def written(path, entries):
    with Log(path) as opened:
        opened.append(*entries)
    return path


def spoilt_bytes(proof):
    """A proof with another last bit."""
    return proof[:-1] + bytes([proof[-1] ^ 1])


def diverges(path, match, number=None, **options):
    with pytest.raises(DivergenceError, match=match) as caught:
        audit.audit(path, **options)
    if number is not None:
        assert caught.value.record == number
        assert f"record {number} at byte {caught.value.offset}" in str(caught.value)
    return caught.value


def test_a_log_leads_to_the_state_that_the_ledger_had(path, venue):
    report = audit.audit(path)
    assert report.records == len(venue.log)
    assert report.kinds["trade"] == 1
    assert report.proofs == 3 + 4 + 3 + 1
    assert report.state.digest() == venue.state.digest()
    assert report.chain == list(lines(path))[-1].chain
    assert [(epoch.number, epoch.accounts, epoch.uncovered) for epoch in report.epochs] == [
        (1, 3, ()),
        (2, 3, ()),
        (3, 3, ()),
    ]


def test_progress_goes_from_the_first_byte_to_the_last(path, monkeypatch):
    monkeypatch.setattr(audit, "CHUNK_DUTIES", 2)
    seen = []
    audit.audit(path, progress=seen.append)
    assert seen == sorted(seen)
    assert len(seen) > 4
    assert seen[-1] == path.stat().st_size


def test_no_more_than_a_chunk_of_duties_waits_at_a_time(path, monkeypatch):
    monkeypatch.setattr(audit, "CHUNK_DUTIES", 2)
    replay = audit._Replay(path, complete=True)
    sizes = [len(chunk.duties) for chunk in replay.chunks()]
    assert max(sizes) <= 2 + 4  # an entry's duties stay together
    assert sum(sizes) == 11


@attacks("(1)")
def test_a_flipped_bit_is_named(path):
    data = path.read_bytes()
    for line in lines(path):
        changed = bytearray(data)
        changed[(line.offset + line.end) // 2] ^= 4
        path.write_bytes(changed)
        diverges(path, "is damaged", line.number)


@attacks("(1)")
def test_a_log_that_ends_in_the_middle_of_a_record_is_named(path):
    (*_, last) = lines(path)
    path.write_bytes(path.read_bytes()[:-3])
    diverges(path, "is cut short", last.number)


@attacks("(1)")
def test_an_entry_that_stands_twice_in_the_log_is_named(tmp_path, venue):
    twice = [*venue.log[:4], venue.log[3]]
    diverges(written(tmp_path / "twice.log", twice), "was recorded before", 4)


@attacks("(1)")
def test_an_entry_that_is_not_in_canonical_form_is_named(tmp_path, venue):
    path = written(tmp_path / "loose.log", venue.log[:2])
    (*_, last) = lines(path)
    loose = venue.log[2].canonical_bytes().replace(b'","', b'", "', 1)
    with path.open("ab") as file:
        file.write(log.frame(last.chain, loose))
    diverges(path, "not in canonical form", 2)


@attacks("(2)")
def test_an_entry_that_does_not_fit_is_named(tmp_path, venue):
    diverges(written(tmp_path / "gap.log", [*venue.log[:4], *venue.log[5:]]), "account bob is not open", 4)
    unsigned = [*venue.log[:3], lie(venue.log[3], signatures=(bytes(64),))]
    diverges(written(tmp_path / "unsigned.log", unsigned), "the signature of operator does not hold", 3)


@attacks("(3)")
def test_a_bad_proof_is_named_even_before_a_later_record_that_does_not_fit(tmp_path, venue):
    at = next(place for place, entry in enumerate(venue.log) if entry.kind == "trade")
    trade = venue.log[at]
    changes = (replace(trade.changes[0], bounds_proof=spoilt_bytes(trade.changes[0].bounds_proof)),)
    bad = keys.sign_all(lie(trade, changes=changes), key("alice"), key("bob"))
    path = written(tmp_path / "bad.log", [*venue.log[:at], bad, venue.log[0]])
    diverges(path, "change 0 bounds: the proof does not hold", at)


@attacks("(3)")
@pytest.mark.parametrize("backend", audit.BACKENDS)
@pytest.mark.long
def test_every_back_end_finds_the_same(path, tmp_path, venue, backend, monkeypatch):
    monkeypatch.setattr(audit, "CHUNK_DUTIES", 2)
    assert audit.audit(path, jobs=2, backend=backend).state.digest() == venue.state.digest()
    bad = lie(venue.log[-2], evidence=replace(venue.log[-2].evidence, proof=spoilt_bytes(venue.log[-2].evidence.proof)))
    spoilt = written(tmp_path / "spoilt.log", [*venue.log[:-2], bad])
    diverges(spoilt, "claim: the proof does not hold", len(venue.log) - 2, jobs=2, backend=backend)


def test_several_processes_find_what_one_finds(path, tmp_path, venue, monkeypatch):
    monkeypatch.setattr(audit, "CHUNK_DUTIES", 2)
    assert audit.audit(path, jobs=2).state.digest() == venue.state.digest()
    bad = lie(venue.log[-2], evidence=replace(venue.log[-2].evidence, proof=spoilt_bytes(venue.log[-2].evidence.proof)))
    spoilt = written(tmp_path / "spoilt.log", [*venue.log[:-2], bad])
    diverges(spoilt, "claim: the proof does not hold", len(venue.log) - 2, jobs=2)


@pytest.mark.parametrize("backend, package", [("dask", "distributed"), ("ray", "ray")])
def test_a_back_end_that_is_not_installed_is_named(path, monkeypatch, backend, package):
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(StatementError, match=rf"backend {backend} is not installed: pip install 'zkmargin\[cluster\]'"):
        audit.audit(path, jobs=2, backend=backend)


def test_a_back_end_that_nobody_knows_is_refused(path):
    with pytest.raises(StatementError, match="backend must be one of loky, dask, ray, got 'spark'"):
        audit.audit(path, backend="spark")
    with pytest.raises(StatementError, match="jobs must be between 1 and 256, got 0"):
        audit.audit(path, jobs=0)


# ---- conservation ----------------------------------------------------------------------------------------------------


def moved(state, name, point):
    """The state with something added to an account's commitment."""
    account = state.accounts[name]
    commitment = Commitment(group.add(account.public.commitment.point, point))
    public = replace(account.public, commitment=commitment)
    return replace(state, accounts=state.accounts.set(name, replace(account, public=public)))


@attacks("(4)")
def test_a_ledger_that_made_a_unit_or_a_lot_would_be_found_out(venue):
    before = venue.state
    trade, _ = venue.make_trade(["alice", "bob"], [BUY])
    for label in ("USD", "BTC-PERP"):
        point = generators.book(label)
        balanced = moved(moved(before, "alice", point), "bob", group.negate(point))
        check_delta(before, balanced, trade)
        balanced.check_conservation()
        for made in (moved(before, "alice", point), replace(before, net=dict(before.net) | {label: 1})):
            with pytest.raises(LedgerError, match="conservation"):
                check_delta(before, made, trade)
            with pytest.raises(LedgerError, match="conservation"):
                made.check_conservation()


@attacks("(4)")
def test_an_account_that_an_entry_does_not_name_is_looked_at_when_the_sum_is_taken_anew(venue):
    trade, _ = venue.make_trade(["alice", "bob"], [BUY])
    made = moved(venue.state, "carol", generators.book("USD"))
    check_delta(venue.state, made, trade)
    with pytest.raises(LedgerError, match="conservation"):
        made.check_conservation()


@attacks("(4)")
def test_an_audit_that_replays_a_ledger_with_a_leak_stops(path, monkeypatch):
    add = Walk.add

    def leaking(self, entry):
        found = add(self, entry)
        if entry.kind == "trade":
            self.unproved = moved(self.unproved, "alice", generators.book("USD"))
        return found

    monkeypatch.setattr(Walk, "add", leaking)
    diverges(path, "conservation: the entry creates or destroys something")


# ---- completeness ----------------------------------------------------------------------------------------------------


@attacks("(5)")
def test_an_epoch_that_ends_with_a_silent_account_is_a_divergence_or_reported(tmp_path):
    venue = Venue()
    for name in ("alice", "bob"):
        venue.open(name, 10_000)
    venue.trade(["alice", "bob"], BUY)
    venue.move(BTC_PERP=101)
    venue.claim("alice")
    venue.move(2)
    path = written(tmp_path / "silent.log", venue.log)
    match = "epoch 2 ends, and bob neither proved nor stood in a box nor was called"
    diverges(path, match, len(venue.log) - 1)
    report = audit.audit(path, complete=False)
    assert [epoch.uncovered for epoch in report.epochs] == [(), ("bob",), ("alice", "bob")]


def uncovered(venue):
    return coverage.uncovered(venue.state)


@pytest.fixture
def traded():
    made = Venue()
    for name in ("alice", "bob"):
        made.open(name, 10_000)
    made.trade(["alice", "bob"], BUY)
    return made


def test_who_only_deposits_is_covered_and_who_trades_proves_it_at_once():
    venue = Venue()
    venue.open("alice", 10_000)
    venue.open("bob", 10_000)
    venue.move()
    assert uncovered(venue) == []
    venue.trade(["alice", "bob"], BUY)
    assert uncovered(venue) == []
    venue.move(2)
    assert uncovered(venue) == ["alice", "bob"]


def test_a_claim_covers_one_epoch_and_a_call_every_one(traded):
    traded.move()
    traded.claim("alice")
    traded.status("bob", "reduce-only")
    assert uncovered(traded) == []
    traded.move(2)
    assert uncovered(traded) == ["alice"]
    traded.status("bob", "active")
    assert uncovered(traded) == ["alice", "bob"]


def test_a_weaker_claim_or_one_of_another_model_covers_nobody(traded):
    traded.move()
    traded.claim("alice", Claim("maintenance", "cross", Ratio(99, 100)))
    assert uncovered(traded) == ["alice", "bob"]
    traded.claim("alice", Claim("maintenance", "cross", Ratio(101, 100)))
    traded.claim("bob", INITIAL)
    assert uncovered(traded) == []


def test_a_reduction_leaves_an_account_to_prove_again(traded):
    traded.move()
    traded.claim("alice")
    traded.claim("bob")
    traded.trade(["alice", "bob"], {"USD": 100, "BTC-PERP": -1}, forms=["reduction", "reduction"])
    assert uncovered(traded) == ["alice", "bob"]


def test_a_deposit_of_cash_and_a_rekey_leave_a_claim_true_and_collateral_does_not(traded):
    traded.claim("alice")
    traded.deposit("alice", 1)
    traded.rekey("alice", key("new"), Opening.fresh(traded.lots("alice")))
    assert uncovered(traded) == []
    traded.deposit("alice", 1, "BTC")
    assert uncovered(traded) == ["alice"]


def test_a_box_stands_until_a_mark_leaves_it(traded):
    traded.claim("alice", BOX)
    for ticks, stands in ((95, True), (105, True), (106, False), (100, True)):
        traded.move(BTC_PERP=ticks)
        assert ("alice" not in uncovered(traded)) == stands


def test_a_box_falls_with_the_funding_the_haircut_or_the_parameters(traded):
    traded.claim("alice", BOX)
    state = traded.state.account("alice")
    snapshot = traded.state.market
    funded = snapshot.next(1, {}, funding={"BTC-PERP": 1})
    listings = (replace(snapshot.listings[0], haircut_ppm=1), *snapshot.listings[1:])
    dearer = replace(snapshot.cross, version=2)
    assert coverage.covered(state, snapshot.next(1, {}))
    for other in (funded, replace(snapshot, listings=listings), replace(snapshot, cross=dearer)):
        assert not coverage.covered(state, replace(other, epoch=2))


def test_a_claim_of_one_moment_does_not_replace_a_box_that_stands(traded):
    traded.claim("alice", BOX)
    traded.move(1)
    traded.claim("alice")
    traded.move(2)
    assert uncovered(traded) == ["bob"]


def test_a_box_survives_ids_that_are_listed_later_and_added_to_the_basis(traded):
    traded.claim("alice", BOX)
    traded.mark(traded.state.market.next(1, {}, added=[Listing(Cash("EUR"))]))
    traded.rekey("alice", key("new"), Opening.fresh(traded.lots("alice") | {"EUR": 0}))
    assert uncovered(traded) == ["bob"]


# ---- checkpoints -----------------------------------------------------------------------------------------------------


@attacks("(6)")
def test_a_checkpoint_that_lies_is_named(tmp_path, venue):
    wrong = Checkpoint(venue=VENUE, id="wrong", epoch=3, state=bytes(32))
    path = written(tmp_path / "lies.log", [*venue.log, keys.sign_all(wrong, venue.operator)])
    diverges(path, "states another state than the one", len(venue.log))


def test_a_log_that_was_written_anew_is_another_chain_and_nothing_else_tells(tmp_path, venue):
    one = audit.audit(written(tmp_path / "one.log", venue.log[:6]))
    other = [*venue.log[:5], venue.log[6]]
    two = audit.audit(written(tmp_path / "two.log", other))
    assert one.chain != two.chain


def test_an_empty_log_is_no_ledger(tmp_path):
    path = written(tmp_path / "empty.log", [])
    diverges(path, "must be a genesis", 0)


def test_the_state_of_a_log_depends_on_every_entry_and_their_order(tmp_path, venue):
    one = audit.audit(written(tmp_path / "one.log", venue.log[:6])).state
    two = audit.audit(written(tmp_path / "two.log", venue.log[:5])).state
    assert one.digest() != two.digest()


def test_every_numbered_check_has_an_attack():
    assert set(attacked) == set(re.findall(r"^    (\(\d+\)) ", audit.__doc__, re.MULTILINE))


def test_a_stress_claim_covers_nobody():
    scenarios = (Scenario("down", -100_000, 0), Scenario("up", 100_000, 0))
    losses = {"BTC": (10, -10), "BTC-DEC": (10, -10), "BTC-PERP": (10, -10)}
    snapshot = replace(market(), scenario=ScenarioParameters(1, scenarios, losses, {}))
    venue = Venue(snapshot, Claim("initial", "scenario"))
    for name in ("alice", "bob"):
        venue.open(name, 10_000)
    venue.trade(["alice", "bob"], BUY)
    venue.move()
    venue.claim("alice", Claim("stress", "scenario", stress="down"))
    venue.claim("bob", Claim("maintenance", "scenario"))
    assert uncovered(venue) == ["alice"]
    venue.deposit("bob", 1)
    assert uncovered(venue) == ["alice"]


def test_under_a_composed_model_a_box_stands_and_more_cash_leaves_an_account_to_prove_again():
    sizes = Size(Affine({"BTC-PERP": 1_000_000, "BTC-DEC": 1_000_000}, measure=NOTIONAL))
    tiers = Part("tiers", Tiers(sizes, TierTable((Tier(0, 50_000),))))
    house = Model("house", 1, maintenance=tiers, initial=scaled(2_000_000, tiers))
    venue = Venue(replace(market(), models=(house,)), Claim("initial", "house"))
    for name in ("alice", "bob"):
        venue.open(name, 10_000)
    venue.trade(["alice", "bob"], BUY)
    for name in ("alice", "bob"):
        venue.claim(name, Claim("box", "house", width_ppm=50_000))
    venue.move(BTC_PERP=104)
    assert uncovered(venue) == []
    venue.deposit("bob", 1)
    assert uncovered(venue) == ["bob"]
    dearer = replace(house, version=2)
    venue.mark(venue.state.market.next(2, {}, models=[dearer]))
    assert uncovered(venue) == ["alice", "bob"]
    venue.trade(["alice", "bob"], {"USD": 104, "BTC-PERP": -1}, forms=["margin", "reduction"])
    assert uncovered(venue) == ["bob"]
