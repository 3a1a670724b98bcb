"""The group in pure Python, on py_ecc's optimised projective arithmetic.

Slow (a verification takes seconds where arkworks takes milliseconds) and obvious: it exists so that the project runs
without a native library and so that every proof is checked by a second, independent implementation.
"""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256
from typing import Any

from py_ecc.bls.hash_to_curve import hash_to_G1
from py_ecc.fields import optimized_bls12_381_FQ as FQ
from py_ecc.optimized_bls12_381.optimized_curve import (
    G1,
    Z1,
    add,
    b,
    double,
    eq,
    is_inf,
    is_on_curve,
    neg,
    normalize,
)

from zkmargin.algebra.group import (
    COMPRESSED_BYTES,
    FIELD_MODULUS,
    UNCOMPRESSED_BYTES,
    Point,
    check_dst,
    require_length,
)
from zkmargin.algebra.scalars import ORDER
from zkmargin.errors import EncodingError

_COMPRESSED = 1 << 383
_INFINITY = 1 << 382
_SIGN = 1 << 381


class Portable:
    """The group on py_ecc; a point is a projective (x, y, z)."""

    name = "py_ecc"

    def identity(self) -> Point:
        return Z1

    def generator(self) -> Point:
        return G1

    def add(self, left: Point, right: Point) -> Point:
        return add(left, right)

    def negate(self, point: Point) -> Point:
        return neg(point)

    def multiply(self, point: Point, scalar: int) -> Point:
        return _multiply(point, scalar % ORDER)

    def msm(self, points: Sequence[Point], scalars: Sequence[int]) -> Point:
        if len(points) != len(scalars):
            raise ValueError(f"multi-scalar multiplication of {len(points)} points and {len(scalars)} scalars")
        pairs = [(point, scalar % ORDER) for point, scalar in zip(points, scalars, strict=True)]
        pairs = [(point, scalar) for point, scalar in pairs if scalar]
        width = max(1, len(pairs).bit_length() - 2)
        highest = max((scalar.bit_length() for _, scalar in pairs), default=0)
        result: Any = Z1
        for shift in range((highest + width - 1) // width * width, -1, -width):
            for _ in range(width):
                result = double(result)
            result = add(result, _window(pairs, shift, width))
        return result

    def equal(self, left: Point, right: Point) -> bool:
        return bool(eq(left, right))

    def hash_to_curve(self, message: bytes, dst: bytes) -> Point:
        check_dst(dst)
        return hash_to_G1(message, dst, sha256)  # type: ignore[arg-type]  # annotated as a digest, used as a constructor

    def encode(self, point: Point) -> bytes:
        x, y = _affine(point)
        sign = _SIGN if y > FIELD_MODULUS - y else 0
        return (x | _COMPRESSED | sign).to_bytes(COMPRESSED_BYTES, "big")

    def decode(self, data: bytes) -> Point:
        point = self.decode_compressed_on_curve(data)
        if not is_inf(_multiply(point, ORDER)):
            raise EncodingError("a point is not on the curve, not in the subgroup or not canonical")
        return point

    def decode_compressed_on_curve(self, data: bytes) -> Point:
        require_length(data, COMPRESSED_BYTES)
        value = int.from_bytes(data, "big")
        x = value % _SIGN
        if not value & _COMPRESSED or value & _INFINITY or x >= FIELD_MODULUS:
            raise EncodingError("a point is the identity or not canonical")
        square = (pow(x, 3, FIELD_MODULUS) + 4) % FIELD_MODULUS
        y = pow(square, (FIELD_MODULUS + 1) // 4, FIELD_MODULUS)
        if y * y % FIELD_MODULUS != square:
            raise EncodingError("a point is not on the curve, not in the subgroup or not canonical")
        if bool(value & _SIGN) != (y > FIELD_MODULUS - y):
            y = FIELD_MODULUS - y
        return (FQ(x), FQ(y), FQ.one())

    def encode_uncompressed(self, point: Point) -> bytes:
        x, y = _affine(point)
        return x.to_bytes(COMPRESSED_BYTES, "big") + y.to_bytes(COMPRESSED_BYTES, "big")

    def decode_on_curve(self, data: bytes) -> Point:
        require_length(data, UNCOMPRESSED_BYTES)
        x, y = int.from_bytes(data[:COMPRESSED_BYTES], "big"), int.from_bytes(data[COMPRESSED_BYTES:], "big")
        if x >= FIELD_MODULUS or y >= FIELD_MODULUS:
            raise EncodingError("a point is not on the curve or not canonical")
        point = (FQ(x), FQ(y), FQ.one())
        if not is_on_curve(point, b):
            raise EncodingError("a point is not on the curve or not canonical")
        return point


def _affine(point: Point) -> tuple[int, int]:
    if is_inf(point):
        raise EncodingError("the identity has no encoding")
    x, y = normalize(point)
    return int(x), int(y)


def _multiply(point: Point, scalar: int) -> Point:
    """Return scalar * point by double-and-add; the scalar is not reduced, so ORDER may be passed."""
    result: Any = Z1
    for bit in bin(scalar)[2:]:
        result = double(result)
        if bit == "1":
            result = add(result, point)
    return result


def _window(pairs: Sequence[tuple[Point, int]], shift: int, width: int) -> Point:
    """Return ``sum_i digit_i * point_i`` for the digits of `width` bits at `shift` (Pippenger's buckets)."""
    mask = (1 << width) - 1
    buckets: list[Any] = [None] * (mask + 1)
    for point, scalar in pairs:
        digit = scalar >> shift & mask
        if digit:
            buckets[digit] = point if buckets[digit] is None else add(buckets[digit], point)
    running: Any = Z1
    total: Any = Z1
    for bucket in reversed(buckets[1:]):
        if bucket is not None:
            running = add(running, bucket)
        total = add(total, running)
    return total
