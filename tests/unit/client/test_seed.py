"""Everything comes from the seed, nothing comes from it twice, and a mistake in its backup is noticed."""

import re
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zkmargin.algebra.scalars import ORDER
from zkmargin.client.seed import Seed, Slot
from zkmargin.errors import EncodingError

SLOT = Slot("demo", "alice", "fill-1", 5)
SEED = Seed(bytes(range(32)))
OTHERS = [
    replace(SLOT, venue="demo2"),
    replace(SLOT, account="bob"),
    replace(SLOT, entry="fill-2"),
    replace(SLOT, sequence=6),
    Slot("demo", "alicef", "ill-1", 5),
]


@given(st.binary(min_size=32, max_size=32))
def test_a_backup_gives_the_seed_back_in_capitals_and_over_two_lines_too(secret):
    text = Seed(secret).backup()
    assert re.fullmatch(r"zkm1(-[0-9a-f]{4}){18}", text)
    assert Seed.from_backup(text).secret == secret
    assert Seed.from_backup(f"  {text[:40].upper()}\n  {text[40:]}\n").secret == secret


@given(st.binary(min_size=32, max_size=32), st.integers(0, 71), st.integers(1, 15))
def test_one_wrong_digit_of_a_backup_is_noticed(secret, place, change):
    digits = Seed(secret).backup()[5:].replace("-", "")
    wrong = digits[:place] + format(int(digits[place], 16) ^ change, "x") + digits[place + 1 :]
    text = "-".join(["zkm1", *(wrong[at : at + 4] for at in range(0, 72, 4))])
    with pytest.raises(EncodingError, match="its check digits do not fit") as refused:
        Seed.from_backup(text)
    assert not any(wrong[at : at + 4] in str(refused.value) for at in range(0, 72, 4))


def test_two_swapped_groups_of_a_backup_are_noticed():
    groups = SEED.backup().split("-")
    groups[3], groups[4] = groups[4], groups[3]
    with pytest.raises(EncodingError, match="check digits"):
        Seed.from_backup("-".join(groups))


@pytest.mark.parametrize(
    "text", ["", "zkm1", SEED.backup()[:-1], SEED.backup() + "0", "zkm2" + SEED.backup()[4:], "é" * 5000]
)
def test_what_is_not_a_backup_is_refused_without_showing_it(text):
    with pytest.raises(EncodingError, match="18 groups of four") as refused:
        Seed.from_backup(text)
    assert SEED.backup()[10:20] not in str(refused.value)


def test_a_seed_has_32_bytes():
    with pytest.raises(EncodingError, match="32 bytes, got 31"):
        Seed(bytes(31))


def test_the_same_change_in_the_same_slot_has_the_same_blinding_factor():
    assert SEED.blinding(SLOT, {"USD": 1, "PERP": 2}) == SEED.blinding(SLOT, {"PERP": 2, "USD": 1})
    assert 0 <= SEED.blinding(SLOT, {}) < ORDER


@pytest.mark.parametrize("slot", OTHERS, ids=repr)
def test_another_slot_has_another_blinding_factor_and_memo_key(slot):
    assert SEED.blinding(SLOT, {"USD": 1}) != SEED.blinding(slot, {"USD": 1})
    assert SEED.memo_key(SLOT, bytes(48)) != SEED.memo_key(slot, bytes(48))


@pytest.mark.parametrize("change", [{}, {"USD": 2}, {"USD": -1}, {"USD": 1, "PERP": 0}, {"EUR": 1}])
def test_another_change_in_the_same_slot_has_another_blinding_factor(change):
    assert SEED.blinding(SLOT, {"USD": 1}) != SEED.blinding(SLOT, change)


def test_another_commitment_in_the_same_slot_has_another_memo_key():
    assert SEED.memo_key(SLOT, bytes(48)) != SEED.memo_key(SLOT, b"\x01" + bytes(47))


def test_every_account_and_every_change_of_its_key_has_a_key_of_its_own():
    pairs = [
        ("demo", "alice", 0),
        ("demo", "alice", 1),
        ("demo", "bob", 0),
        ("demo2", "alice", 0),
        ("demoa", "lice", 0),
    ]
    keys = {SEED.account_key(*pair).public_key().public_bytes_raw() for pair in pairs}
    assert len(keys) == len(pairs)


def test_another_seed_derives_nothing_that_this_one_derives():
    other = Seed(bytes(32))
    assert other.blinding(SLOT, {}) != SEED.blinding(SLOT, {})
    assert other.memo_key(SLOT, bytes(48)) != SEED.memo_key(SLOT, bytes(48))


def test_what_is_derived_is_pinned():
    """A wallet restored by a later version finds the same secrets."""
    assert format(SEED.blinding(SLOT, {"USD": 1}), "064x")[:16] == "0cbfda175ab8c88f"
    assert SEED.memo_key(SLOT, bytes(48)).hex()[:16] == "465cb328d68e5249"
    assert SEED.account_key("demo", "alice").public_key().public_bytes_raw().hex()[:16] == "d257de2b123b238d"
    assert SEED.backup().endswith("-bafe-48c3")


def test_nothing_of_a_seed_is_shown():
    assert repr(SEED) == "Seed(hidden)"
    assert repr(SLOT) == "Slot(alice of demo, entry fill-1, state 5)"
