"""A sealed file opens with its passphrase, in its one form, and at a cost within bounds."""

from functools import cache

import pytest

from zkmargin import documents
from zkmargin.client import sealing
from zkmargin.client.sealing import Lock, unseal
from zkmargin.errors import EncodingError, StatementError

PASSPHRASE = "correct horse battery"
CONTENT = {"format": "test/1", "book": {"USD": 12345}}
WRONG = "the passphrase is wrong, or the wallet was changed or damaged"


@pytest.fixture(scope="module")
def lock():
    return Lock.fresh(PASSPHRASE, 14)


def test_what_was_sealed_is_unsealed_with_the_same_lock(lock):
    again, content = unseal(lock.seal(CONTENT), PASSPHRASE)
    assert content == CONTENT
    assert (again.key, again.salt, again.log2_n) == (lock.key, lock.salt, lock.log2_n)


def test_no_two_writes_look_alike(lock):
    assert len({lock.seal(CONTENT) for _ in range(20)}) == 20


def test_nothing_of_the_content_is_readable(lock):
    data = lock.seal(CONTENT)
    assert b"12345" not in data
    assert b"USD" not in data
    assert repr(lock) == "Lock(key hidden)"


@pytest.mark.parametrize("passphrase", ["", "correct horse batterz", PASSPHRASE + " ", PASSPHRASE.upper()])
def test_a_wrong_passphrase_is_refused(lock, passphrase):
    with pytest.raises(EncodingError, match=WRONG):
        unseal(lock.seal(CONTENT), passphrase)


def test_a_passphrase_may_be_typed_composed_or_decomposed():
    data = Lock.fresh("schl\u00fcsselbund", 14).seal(CONTENT)
    assert unseal(data, "schlu\u0308sselbund")[1] == CONTENT


def test_a_passphrase_that_is_not_text_shows_nothing_of_itself():
    broken = "broken \udcff passphrase"
    assert unseal(Lock.fresh(broken, 14).seal(CONTENT), broken)[1] == CONTENT


@pytest.mark.parametrize("passphrase", ["", "1234567", "x" * 1025])
def test_a_passphrase_of_a_bad_length_is_refused_without_showing_it(passphrase):
    with pytest.raises(StatementError, match="8 to 1024 characters") as refused:
        Lock.fresh(passphrase, 14)
    assert "1234567" not in str(refused.value)


@pytest.mark.parametrize("log2_n", [1, 13, 21, 40])
def test_no_lock_is_made_too_cheap_or_too_dear(log2_n):
    with pytest.raises(StatementError, match="log2_n must be between 14 and 20"):
        Lock.fresh(PASSPHRASE, log2_n)


@pytest.mark.parametrize("log2_n", [0, 1, 13, 21, 40, 2**40])
def test_a_header_with_another_cost_is_refused_before_anything_is_derived(lock, monkeypatch, log2_n):
    document = documents.parse(lock.seal(CONTENT))
    document["scrypt"]["log2_n"] = log2_n
    monkeypatch.setattr(sealing, "Scrypt", None)
    with pytest.raises(EncodingError, match="log2_n must be an integer between 14 and 20"):
        unseal(documents.canonical(document), PASSPHRASE)


def test_a_header_with_a_cheaper_cost_within_the_bounds_opens_nothing():
    document = documents.parse(Lock.fresh(PASSPHRASE, 15).seal(CONTENT))
    document["scrypt"]["log2_n"] = 14
    with pytest.raises(EncodingError, match=WRONG):
        unseal(documents.canonical(document), PASSPHRASE)


def test_the_header_is_authenticated(lock):
    """Even who knows the key must seal the header that is written."""
    document = documents.parse(lock.seal(CONTENT))
    nonce = bytes.fromhex(document["nonce"])
    sealed = sealing.ChaCha20Poly1305(lock.key).encrypt(nonce, documents.canonical(CONTENT), b"another header")
    with pytest.raises(EncodingError, match=WRONG):
        unseal(documents.canonical(document | {"sealed": sealed.hex()}), PASSPHRASE)


def test_every_bit_of_a_file_counts(lock, monkeypatch):
    monkeypatch.setattr(sealing, "_derive", cache(sealing._derive))  # the costly part, once for each salt
    data = lock.seal(CONTENT)
    salt = data.index(lock.salt.hex().encode())
    for place in range(len(data)):
        if salt + 2 <= place < salt + 64:
            continue  # as the first two digits of the salt
        for bit in range(8):
            changed = bytearray(data)
            changed[place] ^= 1 << bit
            with pytest.raises(EncodingError):
                unseal(bytes(changed), PASSPHRASE)
    assert unseal(data, PASSPHRASE)[1] == CONTENT


@pytest.mark.parametrize("extra", [b" ", b"\n"])
def test_a_file_has_one_form(lock, extra):
    with pytest.raises(EncodingError, match="canonical form"):
        unseal(lock.seal(CONTENT) + extra, PASSPHRASE)


def test_a_truncated_file_is_refused_at_every_length(lock, monkeypatch):
    monkeypatch.setattr(sealing, "Scrypt", None)  # no prefix is well formed, so nothing is ever derived
    data = lock.seal(CONTENT)
    for length in range(len(data)):
        with pytest.raises(EncodingError):
            unseal(data[:length], PASSPHRASE)


def test_contents_that_are_too_large_are_refused(lock):
    with pytest.raises(EncodingError, match="more than 2097152 bytes"):
        lock.seal({"format": "x" * 2**21})
