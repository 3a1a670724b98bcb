"""Scalars: integers modulo the prime order of BLS12-381 G1.

Any integer may stand for a residue. What comes out of a decoder, a challenge or a mask is a GMP integer (`integers`):
it is used like every other, and what is computed from it is computed two to ten times faster. Reduction is lazy: a sum
of products is reduced once, at its end. Functions return values in [0, ORDER).

Reference: draft-irtf-cfrg-pairing-friendly-curves, section 4.2.1 (the order r).
"""

from __future__ import annotations

import hashlib
import secrets
import struct
from collections.abc import Callable, Sequence
from math import isqrt
from operator import mul
from typing import TypeAlias

from gmpy2 import invert, mpz, unpack

ORDER: int = mpz(0x73EDA753299D7D483339D80809A1D80553BDA402FFFE5BFEFFFFFFFF00000001)
SCALAR_BYTES = 32
WIDE_BYTES = 48

Randomness: TypeAlias = Callable[[int], bytes]
"""A source of random bytes: called with a length, returns that many bytes."""

system_randomness: Randomness = secrets.token_bytes


def integers(data: bytes, size: int = SCALAR_BYTES) -> list[int]:
    r"""Return the GMP integers whose `size` bytes, big-endian, follow each other in `data`, in order and not reduced.

    Example:
        >>> integers(bytes(31) + b"\x07" + bytes(31) + b"\x08") == [7, 8]
        True
    """
    count = len(data) // size
    found: list[int] = unpack(mpz(int.from_bytes(data, "big")), 8 * size)
    return [mpz(0)] * (count - len(found)) + found[:count][::-1]  # leading zeros are not unpacked


def random_scalar(randomness: Randomness = system_randomness) -> int:
    """Return a uniform scalar; the bias of reducing 384 bits is below 2^-128."""
    return int.from_bytes(randomness(WIDE_BYTES), "big") % ORDER


def masks(count: int, randomness: Randomness, *secret_context: bytes) -> list[int]:
    """Return `count` uniform scalars, hedged against a weak operating-system generator.

    SHAKE256 over 64 fresh bytes and a context that the caller keeps secret (the witness and the transcript): with good
    randomness the result is uniform, with none it is still unpredictable and differs for every statement.

    Args:
        count: How many.
        randomness: Source of the fresh bytes.
        secret_context: What else goes in; each part is preceded by its length.
    """
    state = hashlib.shake_256(b"zkmargin/masks/1" + randomness(64))
    for part in secret_context:
        state.update(len(part).to_bytes(8, "big") + part)
    stream = state.digest(count * WIDE_BYTES)
    return [wide % ORDER for wide in map(int.from_bytes, struct.unpack(f"{WIDE_BYTES}s" * count, stream))]


def inverse(value: int) -> int:
    """Return 1/value.

    Raises:
        ZeroDivisionError: if `value` is 0 modulo the order.
    """
    inverted: int = invert(value, ORDER)
    return inverted


def inverses(values: Sequence[int]) -> list[int]:
    """Return the inverses of non-zero values with one modular inversion (Montgomery's trick).

    Example:
        >>> [v * i % ORDER for v, i in zip([2, 3], inverses([2, 3]))] == [1, 1]
        True
    """
    prefix = [1]
    for value in values:
        prefix.append(prefix[-1] * value % ORDER)
    running = inverse(prefix[-1])
    result = [0] * len(values)
    for index in range(len(values) - 1, -1, -1):
        result[index] = running * prefix[index] % ORDER
        running = running * values[index] % ORDER
    return result


def powers(base: int, count: int, first: int = 1) -> list[int]:
    """Return ``first * base^i`` for i = 0..count-1.

    Example:
        >>> powers(3, 4) == [1, 3, 9, 27]
        True
    """
    result = [first % ORDER][:count]
    step = base % ORDER
    while len(result) < count:
        result += [value * step % ORDER for value in result[: count - len(result)]]
        step = step * step % ORDER
    return result


def power_sum(base: int, values: Sequence[int]) -> int:
    """Return ``sum_i base^(i+1) values_i``, in blocks so that few products are reduced.

    Example:
        >>> power_sum(10, [1, 2, 3]) == 3210
        True
    """
    block = isqrt(len(values)) + 1
    low = powers(base, block)
    step = low[-1] * base % ORDER
    total = 0
    for start in range((len(values) - 1) // block * block, -1, -block):
        total = (total * step + sum(map(mul, low, values[start : start + block]))) % ORDER
    return total * base % ORDER


def geometric_sum(base: int, count: int) -> int:
    """Return ``sum_i base^(i+1)`` over `count` terms.

    Example:
        >>> geometric_sum(10, 3) == 1110
        True
    """
    base %= ORDER
    if base == 1:
        return count % ORDER
    total: int = base * (pow(base, count, ORDER) - 1) * inverse(base - 1) % ORDER
    return total


def inner(left: Sequence[int], right: Sequence[int]) -> int:
    """Return ``sum_i left_i right_i``, reduced once; the lengths must be equal.

    Raises:
        ValueError: if the lengths differ. A sum over unequal lists would accept forged proofs.
    """
    if len(left) != len(right):
        raise ValueError(f"inner product of {len(left)} and {len(right)} entries")
    total: int = sum(map(mul, left, right))
    return total % ORDER


def combine(terms: Sequence[tuple[int, Sequence[int]]]) -> list[int]:
    """Return ``sum_j factor_j * vector_j`` for vectors of one length.

    Raises:
        ValueError: if the lengths differ.
    """
    length = len(terms[0][1])
    if any(len(vector) != length for _, vector in terms):
        raise ValueError("combination of vectors of different lengths")
    result = [0] * length
    for factor, vector in terms:
        result = [total + factor * entry for total, entry in zip(result, vector, strict=True)]
    return [entry % ORDER for entry in result]
