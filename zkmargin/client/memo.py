"""A sealed note to oneself on an entry of the log: what the entry's commitment hides, for the holder of the seed alone.

Statement
---------
    Whoever has the log and the seed knows every opening; whoever has the log learns from a memo the number of ids in
    the basis, which is public, and nothing else.

Encoding
--------
    plain = q_1 || .. || q_n || gamma      q_i: 9 bytes big-endian, two's complement; ids in code-point order; gamma: 32
    memo  = ChaCha20-Poly1305( memo key, nonce 0, plain, nothing else )      9 n + 48 bytes

The key belongs to one venue, account, entry, state and commitment (`zkmargin.client.seed`), so a memo opens nowhere
else. It encrypts one text only: the commitment is binding, so two texts have two commitments and two keys. That is why
the nonce can be constant.
"""

from __future__ import annotations

from collections.abc import Sequence

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

from zkmargin.algebra.scalars import SCALAR_BYTES
from zkmargin.client.seed import Seed, Slot
from zkmargin.commitments import Commitment, Opening, commit
from zkmargin.encoding import decode_scalars, encode_scalars
from zkmargin.errors import EncodingError, StatementError

QUANTITY_BYTES = 9
TAG_BYTES = 16
NONCE = bytes(12)


def length(coordinates: int) -> int:
    """Return the number of bytes of a memo over so many ids.

    Example:
        >>> length(2)
        66
    """
    return QUANTITY_BYTES * coordinates + SCALAR_BYTES + TAG_BYTES


def seal(seed: Seed, slot: Slot, opening: Opening) -> bytes:
    """Return the memo of a change in a slot.

    Raises:
        StatementError: if a quantity has more than 71 bits.

    Example:
        >>> seed, slot = Seed(bytes(32)), Slot("demo", "alice", "fill-7", 3)
        >>> change = Opening({"BTC-PERP": -2, "USD": 180}, 5)
        >>> unseal(seed, slot, ("BTC-PERP", "USD"), commit(change), seal(seed, slot, change)) == change
        True
    """
    limit = 2 ** (8 * QUANTITY_BYTES - 1)
    ordered = [opening.quantities[name] for name in sorted(opening.quantities)]
    if any(not -limit <= quantity < limit for quantity in ordered):
        raise StatementError(f"a quantity of a memo must have less than {8 * QUANTITY_BYTES} bits")
    plain = b"".join([quantity.to_bytes(QUANTITY_BYTES, "big", signed=True) for quantity in ordered])
    key = seed.memo_key(slot, commit(opening).to_bytes())
    return ChaCha20Poly1305(key).encrypt(NONCE, plain + encode_scalars([opening.blinding]), None)


def unseal(seed: Seed, slot: Slot, basis: Sequence[str], commitment: Commitment, memo: bytes) -> Opening:
    """Return what a memo says opens `commitment`, and does.

    Raises:
        EncodingError: if the memo is not this seed's for this slot and commitment, or does not open it.
    """
    if len(memo) != length(len(basis)):
        raise EncodingError(f"the memo over {len(basis)} ids must have {length(len(basis))} bytes, got {len(memo)}")
    try:
        plain = ChaCha20Poly1305(seed.memo_key(slot, commitment.to_bytes())).decrypt(NONCE, memo, None)
    except InvalidTag:
        raise EncodingError(f"the memo of {slot!r} is not one that this seed sealed") from None
    end = QUANTITY_BYTES * len(basis)
    quantities = [
        int.from_bytes(plain[at : at + QUANTITY_BYTES], "big", signed=True) for at in range(0, end, QUANTITY_BYTES)
    ]
    (blinding,) = decode_scalars(plain[end:], 1)
    opening = Opening(dict(zip(sorted(basis), quantities, strict=True)), blinding)
    if commit(opening) != commitment:
        raise EncodingError(f"the memo of {slot!r} does not open its commitment")
    return opening
