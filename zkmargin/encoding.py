"""Canonical bytes: decoding is the strict inverse of encoding.

Scalars are 32 bytes big-endian and below the order. Byte strings of variable length carry a 4-byte little-endian length
(SerializeVarLenString). Challenges are squeezed as 48 bytes and reduced little-endian (DecodeUint).

Reference: draft-irtf-cfrg-fiat-shamir, section on codecs; the big-endian scalar codec is the one that the
sigma-protocols draft fixes for BLS12-381.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

from zkmargin.algebra.scalars import ORDER, SCALAR_BYTES, integers
from zkmargin.errors import EncodingError

LENGTH_BYTES = 4
OVERSAMPLING_BYTES = 16

_IS_HIGH = bytes([head >= int(ORDER) >> 8 * (SCALAR_BYTES - 1) for head in range(256)])


def encode_scalars(scalars: Sequence[int]) -> bytes:
    """Return the scalars, each 32 bytes big-endian.

    Raises:
        EncodingError: if one is outside [0, ORDER).

    Example:
        >>> encode_scalars([1]).hex()[-4:]
        '0001'
    """
    if any(not 0 <= scalar < ORDER for scalar in scalars):
        raise EncodingError("a scalar is outside [0, order)")
    return b"".join([scalar.to_bytes(SCALAR_BYTES, "big") for scalar in scalars])


def decode_scalars(data: bytes, count: int) -> list[int]:
    """Return exactly `count` canonical scalars.

    Raises:
        EncodingError: if the length is not 32 bytes times `count`, or a scalar is not below the order.
    """
    if len(data) != SCALAR_BYTES * count:
        raise EncodingError(f"{count} scalars must have {SCALAR_BYTES * count} bytes, got {len(data)}")
    scalars = integers(data)
    # Few scalars have as high a first byte as the order; only those have to be compared with it.
    high = data[::SCALAR_BYTES].translate(_IS_HIGH)
    place = high.find(1)
    while place >= 0:
        if scalars[place] >= ORDER:
            raise EncodingError("a scalar is not below the order")
        place = high.find(1, place + 1)
    return scalars


def encode_string(data: bytes) -> bytes:
    """Return a byte string behind its 4-byte little-endian length.

    Example:
        >>> encode_string(b"proof").hex()
        '0500000070726f6f66'
    """
    if len(data) >= 2 ** (8 * LENGTH_BYTES):
        raise EncodingError(f"a byte string must be shorter than 2^32 bytes, got {len(data)}")
    return len(data).to_bytes(LENGTH_BYTES, "little") + data


def decode_string(data: bytes) -> tuple[bytes, bytes]:
    """Return the byte string at the head of `data`, and the rest.

    Raises:
        EncodingError: if the length field or the string is cut short.
    """
    if len(data) < LENGTH_BYTES:
        raise EncodingError(f"a length field must have {LENGTH_BYTES} bytes, got {len(data)}")
    length = int.from_bytes(data[:LENGTH_BYTES], "little")
    if len(data) - LENGTH_BYTES < length:
        raise EncodingError(f"a byte string of {length} bytes is cut short at {len(data) - LENGTH_BYTES}")
    end = LENGTH_BYTES + length
    return data[LENGTH_BYTES:end], data[end:]


@lru_cache(maxsize=16)
def field_width(modulus: int) -> int:
    """Return Ns, the number of bytes of an integer below `modulus`."""
    return ((modulus - 1).bit_length() + 7) // 8


def encode_uint(value: int, modulus: int) -> bytes:
    """Return SerializeUint: an integer below `modulus`, little-endian, in its fixed width."""
    if not 0 <= value < modulus:
        raise EncodingError("an integer is outside [0, modulus)")
    return value.to_bytes(field_width(modulus), "little")


def decode_uint(data: bytes, modulus: int) -> tuple[int, bytes]:
    """Return the integer at the head of `data` (DeserializeUint), and the rest."""
    width = field_width(modulus)
    if len(data) < width:
        raise EncodingError(f"an integer must have {width} bytes, got {len(data)}")
    value = int.from_bytes(data[:width], "little")
    if value >= modulus:
        raise EncodingError("an integer is not below its modulus")
    return value, data[width:]


def reduce_uint(data: bytes, modulus: int) -> int:
    """Return DecodeUint: Ns + 16 squeezed bytes, little-endian, reduced; the bias is below 2^-128."""
    expected = field_width(modulus) + OVERSAMPLING_BYTES
    if len(data) != expected:
        raise EncodingError(f"a challenge is decoded from {expected} bytes, got {len(data)}")
    return int.from_bytes(data, "little") % modulus
