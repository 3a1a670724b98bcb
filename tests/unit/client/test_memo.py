"""A memo gives its sealer the opening back, and nothing to anybody else."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zkmargin.client import memo
from zkmargin.client.seed import Seed, Slot
from zkmargin.commitments import Opening, commit
from zkmargin.errors import EncodingError, StatementError

SLOT = Slot("demo", "alice", "fill-1", 5)
SEED = Seed(bytes(range(32)))
IDS = ("BTC-PERP", "USD")
CHANGE = Opening({"BTC-PERP": -2, "USD": 180}, 12345)
MEMO = memo.seal(SEED, SLOT, CHANGE)
quantities = st.one_of(st.integers(-3, 3), st.integers(-(2**71), 2**71 - 1))


@given(st.dictionaries(st.sampled_from(["A", "B", "C", "USD"]), quantities), st.integers(1, 2**250))
def test_a_memo_gives_the_opening_back_and_its_size_depends_on_the_number_of_ids_only(change, blinding):
    opening = Opening(change, blinding)
    sealed = memo.seal(SEED, SLOT, opening)
    assert len(sealed) == memo.length(len(change)) == 9 * len(change) + 48
    basis = tuple(sorted(change))
    assert memo.unseal(SEED, SLOT, basis, commit(opening), sealed) == opening


def test_the_same_change_has_the_same_memo_whatever_the_order_of_its_ids():
    turned = Opening(dict(reversed(CHANGE.quantities.items())), CHANGE.blinding)
    assert memo.seal(SEED, SLOT, turned) == MEMO


@pytest.mark.parametrize("quantity", [2**71, -(2**71) - 1])
def test_a_quantity_that_does_not_fit_is_refused_without_showing_it(quantity):
    with pytest.raises(StatementError, match="less than 72 bits") as refused:
        memo.seal(SEED, SLOT, Opening({"USD": quantity}, 1))
    assert str(quantity) not in str(refused.value)


@pytest.mark.parametrize(
    "slot",
    [
        replace(SLOT, venue="other"),
        replace(SLOT, account="bob"),
        replace(SLOT, entry="fill-2"),
        replace(SLOT, sequence=4),
    ],
    ids=repr,
)
def test_a_memo_opens_in_no_other_slot(slot):
    with pytest.raises(EncodingError, match="not one that this seed sealed"):
        memo.unseal(SEED, slot, IDS, commit(CHANGE), MEMO)


def test_a_memo_opens_for_no_other_seed_and_no_other_commitment():
    with pytest.raises(EncodingError, match="not one that this seed sealed"):
        memo.unseal(Seed(bytes(32)), SLOT, IDS, commit(CHANGE), MEMO)
    with pytest.raises(EncodingError, match="not one that this seed sealed"):
        memo.unseal(SEED, SLOT, IDS, commit(replace(CHANGE, blinding=1)), MEMO)


def test_every_bit_of_a_memo_counts():
    for place in range(8 * len(MEMO)):
        changed = bytearray(MEMO)
        changed[place // 8] ^= 1 << place % 8
        with pytest.raises(EncodingError, match="not one that this seed sealed"):
            memo.unseal(SEED, SLOT, IDS, commit(CHANGE), bytes(changed))


@pytest.mark.parametrize("sealed", [b"", MEMO[:-1], MEMO + b"\x00"])
def test_a_memo_of_another_length_is_refused(sealed):
    with pytest.raises(EncodingError, match="must have 66 bytes"):
        memo.unseal(SEED, SLOT, IDS, commit(CHANGE), sealed)


def test_a_memo_that_its_own_sealer_filled_wrongly_is_refused():
    """Whoever holds the seed can seal anything; what does not open the commitment is still not believed."""
    wrong = replace(CHANGE, quantities={"BTC-PERP": -3, "USD": 180})
    key = SEED.memo_key(SLOT, commit(CHANGE).to_bytes())
    plain = b"".join(q.to_bytes(9, "big", signed=True) for q in (-3, 180)) + (12345).to_bytes(32, "big")
    sealed = memo.ChaCha20Poly1305(key).encrypt(memo.NONCE, plain, None)
    with pytest.raises(EncodingError, match="does not open its commitment"):
        memo.unseal(SEED, SLOT, IDS, commit(CHANGE), sealed)
    assert commit(wrong) != commit(CHANGE)


def test_two_memos_never_share_a_key():
    """The nonce is constant, so the key must not be: not even for two texts in one slot."""
    other = replace(CHANGE, quantities={"BTC-PERP": -2, "USD": 181})
    first, second = (commit(opening).to_bytes() for opening in (CHANGE, other))
    assert SEED.memo_key(SLOT, first) != SEED.memo_key(SLOT, second)
    stream = bytes(a ^ b for a, b in zip(MEMO, memo.seal(SEED, SLOT, other), strict=True))
    assert stream[:9] != bytes(9), "with one key the equal quantities would cancel to zeros"
