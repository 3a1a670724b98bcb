"""Records check what they are given, and persistent maps are dictionaries that never change."""

import pickle
from dataclasses import FrozenInstanceError

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.ledger.venue import Venue
from zkmargin.commitments import Opening, commit
from zkmargin.errors import EncodingError, StatementError
from zkmargin.ledger import entries, records
from zkmargin.ledger.apply import required
from zkmargin.ledger.entries import Deposit, Open, Trade
from zkmargin.ledger.persistent import PersistentMap

GOOD = {"venue": "v", "id": "d", "account": "a", "sequence": 0, "asset": "USD", "amount": 1, "reference": "wire"}


@pytest.mark.parametrize(
    "field, value, message",
    [
        ("venue", "", "deposit.venue must be 1 to 64 letters"),
        ("id", "no spaces", "deposit.id must be 1 to 64 letters"),
        ("account", 7, "deposit.account must be 1 to 64 letters"),
        ("sequence", -1, "deposit.sequence must be between 0"),
        ("sequence", 2**48, "deposit.sequence must be between 0"),
        ("sequence", True, "deposit.sequence must be an integer"),
        ("amount", 0, "deposit.amount must be between 1"),
        ("amount", 1.0, "deposit.amount must be an integer"),
        ("signatures", (bytes(63),), "deposit.signatures must be 64 bytes each"),
        ("signatures", (bytes(64),) * 65, "number of deposit.signatures must be between 0 and 64, got 65"),
    ],
)
def test_a_record_names_the_field_that_is_wrong(field, value, message):
    Deposit(**GOOD)
    with pytest.raises(StatementError, match=message):
        Deposit(**GOOD | {field: value})


@pytest.mark.parametrize(
    "field, value, message",
    [
        ("key", bytes(31), "length of open.key must be between 32 and 32, got 31"),
        ("key", "00" * 32, "open.key must be bytes"),
        ("basis", (), "number of ids in open.basis must be between 1"),
        ("basis", ("B", "A"), "open.basis must be in code-point order"),
        ("basis", ("A", "A"), "open.basis must be in code-point order"),
        ("basis", ("A", 7), "open.basis must be 1 to 64 letters"),
        ("commitment", bytes(48), "open.commitment must be a commitment"),
        ("memo", bytes(2**16 + 1), "length of open.memo must be between 0 and 65536, got 65537"),
        ("blinding_proof", bytes(2**22 + 1), "length of open.blinding_proof must be between"),
    ],
)
def test_a_record_refuses_what_is_no_key_no_basis_and_no_commitment(field, value, message):
    good = {"venue": "v", "id": "o", "account": "a", "key": bytes(32), "basis": ("A",)}
    good["commitment"] = commit(Opening.fresh({"A": 0}))
    Open(**good)
    with pytest.raises(StatementError, match=message):
        Open(**good | {field: value})


def test_parts_of_a_record_are_of_their_kind():
    with pytest.raises(StatementError, match="number of trade.changes must be between 1 and 16, got 0"):
        Trade(venue="v", id="t", snapshot=bytes(32), basis=("A",), changes=(), parties=())
    with pytest.raises(StatementError, match="trade.changes must be a tuple of Change"):
        Trade(venue="v", id="t", snapshot=bytes(32), basis=("A",), changes=(7,), parties=())
    with pytest.raises(StatementError, match="guard.form must be one of margin, reduction, got 'hope'"):
        entries.Guard(form="hope", rounds=0)
    with pytest.raises(StatementError, match="party.guard must be a Guard"):
        entries.Party(account="a", sequence=0, guard=7)
    with pytest.raises(StatementError, match="mark.snapshot must be a Snapshot"):
        entries.Mark(venue="v", id="m", snapshot=7)


def test_a_record_is_frozen():
    with pytest.raises(FrozenInstanceError):
        Deposit(**GOOD).amount = 2


def test_a_kind_that_nobody_knows_is_refused():
    with pytest.raises(EncodingError, match="entry.kind must be one of genesis, mark, open"):
        entries.from_document({"format": entries.FORMAT, "kind": "gift"})
    with pytest.raises(EncodingError, match="entry.format must be zkmargin/entry/1"):
        entries.from_bytes(b'{"format":"zkmargin/entry/2","kind":"open"}')


def test_the_three_digests_differ_and_each_covers_its_layers():
    entry = Deposit(**GOOD)
    signed = entries.signed(entry, bytes(64))
    assert len({entry.binding(), entry.digest(), entry.identity()}) == 3
    assert (signed.binding(), signed.digest()) == (entry.binding(), entry.digest())
    assert signed.identity() != entry.identity()
    assert set(records.PURPOSES) == {"binding", "digest", "identity"}


def test_duties_can_be_handed_to_another_process():
    venue = Venue()
    venue.open("alice", 1_000)
    venue.open("bob", 1_000)
    trade, _ = venue.make_trade(["alice", "bob"], [{"USD": -100, "BTC-PERP": 1}])
    owed = list(required(venue.state, trade).values())
    assert pickle.loads(pickle.dumps(owed)) == owed  # noqa: S301 - our own


@given(st.lists(st.tuples(st.text(max_size=3), st.integers()), max_size=60))
def test_a_persistent_map_is_a_dictionary_at_every_moment(pairs):
    plain, kept = {}, [PersistentMap()]
    moments = [{}]
    for key, value in pairs:
        plain[key] = value
        kept.append(kept[-1].set(key, value))
        moments.append(dict(plain))
    for moment, made in zip(moments, kept, strict=True):
        assert dict(made) == moment
        assert len(made) == len(moment)
        assert made == moment
        assert all(made[key] == value for key, value in moment.items())
    assert "absent" not in kept[-1]
    assert kept[-1].get("absent") is None


def test_a_persistent_map_with_many_keys_keeps_them_all():
    made = PersistentMap()
    for number in range(10_000):
        made = made.set(number, -number)
    assert len(made) == 10_000
    assert all(made[number] == -number for number in range(10_000))
    assert repr(made) == "PersistentMap(10000 entries)"
