"""The group: BLS12-381 G1 behind one interface, with two implementations.

`group` is chosen once, at import: arkworks (`py_arkworks_bls12381`) when it is installed, else the pure Python
implementation on py_ecc; ``ZKMARGIN_GROUP=arkworks|py_ecc`` forces one. Both accept and refuse exactly the same bytes
and proofs; only the speed differs. Points are opaque: no other module looks inside one.

Encodings
---------
    compressed      48 bytes: x big-endian, flags in the top three bits (compressed, infinity, sign of y)
    uncompressed    96 bytes: x and y big-endian, each below the field's modulus
    The identity has no encoding here: it is forbidden wherever this project decodes a point.

Reference: RFC 9380 (hashing to the curve, suite BLS12381G1_XMD:SHA-256_SSWU_RO_, and h_eff in section 8.8.1);
draft-irtf-cfrg-pairing-friendly-curves, appendix C (encodings).
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from typing import Any, Protocol, TypeAlias

from zkmargin.algebra.scalars import ORDER, SCALAR_BYTES
from zkmargin.errors import EncodingError

Point: TypeAlias = Any

COMPRESSED_BYTES = 48
UNCOMPRESSED_BYTES = 96
FIELD_MODULUS = 0x1A0111EA397FE69A4B1BA7B6434BACD764774B84F38512BF6730D2A0F6B0F6241EABFFFEB153FFFFB9FEFFFFFFFFAAAB
EFFECTIVE_COFACTOR = 0xD201000000010001
MAX_DST_BYTES = 255


class Group(Protocol):
    """What a prime-order group offers; scalars are integers and are reduced modulo the order."""

    name: str

    def identity(self) -> Point:
        """Return the neutral element."""

    def generator(self) -> Point:
        """Return the standard base point of G1."""

    def add(self, left: Point, right: Point) -> Point:
        """Return left + right, for any two points of the curve."""

    def negate(self, point: Point) -> Point:
        """Return -point."""

    def multiply(self, point: Point, scalar: int) -> Point:
        """Return scalar * point for a point of the prime-order subgroup."""

    def msm(self, points: Sequence[Point], scalars: Sequence[int]) -> Point:
        """Return ``sum_i scalars_i * points_i`` for any points of the curve.

        Raises:
            ValueError: if the lengths differ.
        """

    def equal(self, left: Point, right: Point) -> bool:
        """Return whether two points are the same."""

    def hash_to_curve(self, message: bytes, dst: bytes) -> Point:
        """Return the point of `message` under a domain separation tag of 1 to 255 bytes (RFC 9380)."""

    def encode(self, point: Point) -> bytes:
        """Return the compressed encoding of a point other than the identity."""

    def decode(self, data: bytes) -> Point:
        """Return the point of a compressed encoding: on the curve, in the subgroup, not the identity."""

    def decode_compressed_on_curve(self, data: bytes) -> Point:
        """Return the point of a compressed encoding: on the curve, not the identity, subgroup NOT checked.

        Only for points whose equation is decided by `clears_to_identity`.
        """

    def encode_uncompressed(self, point: Point) -> bytes:
        """Return the uncompressed encoding of a point other than the identity."""

    def decode_on_curve(self, data: bytes) -> Point:
        """Return the point of an uncompressed encoding: on the curve, not the identity, subgroup NOT checked.

        Only for points whose equation is decided by `clears_to_identity`.
        """


def is_identity(point: Point) -> bool:
    """Return whether a point is the neutral element."""
    return group.equal(point, group.identity())


def clears_to_identity(implementation: Group, point: Point) -> bool:
    """Return whether ``h_eff * point`` is the identity: the one acceptance predicate of every verifier.

    h_eff removes every torsion component, so the answer is the same whether or not the points that were added up lie in
    the prime-order subgroup. Doublings and additions only: a library's scalar multiplication may use an endomorphism
    that is wrong outside the subgroup.
    """
    result = point
    for bit in bin(EFFECTIVE_COFACTOR)[3:]:
        result = implementation.add(result, result)
        if bit == "1":
            result = implementation.add(result, point)
    return implementation.equal(result, implementation.identity())


def check_dst(dst: bytes) -> None:
    """Refuse a domain separation tag that RFC 9380 section 3.1 forbids (empty) or would hash first (over 255 bytes)."""
    if not 1 <= len(dst) <= MAX_DST_BYTES:
        raise ValueError(f"a domain separation tag has 1 to {MAX_DST_BYTES} bytes, got {len(dst)}")


class Arkworks:
    """The group on `py_arkworks_bls12381`, whose multi-scalar multiplication is native and releases the GIL."""

    name = "arkworks"

    def __init__(self) -> None:
        from py_arkworks_bls12381 import G1Point, Scalar  # start-up: only when this implementation is chosen

        self._point = G1Point
        self._scalar = Scalar

    def identity(self) -> Point:
        return self._point.identity()

    def generator(self) -> Point:
        return self._point()

    def add(self, left: Point, right: Point) -> Point:
        return left + right

    def negate(self, point: Point) -> Point:
        return -point

    def multiply(self, point: Point, scalar: int) -> Point:
        return point * self._to_scalar(scalar)

    def msm(self, points: Sequence[Point], scalars: Sequence[int]) -> Point:
        # The library's own function silently truncates to the shorter list.
        if len(points) != len(scalars):
            raise ValueError(f"multi-scalar multiplication of {len(points)} points and {len(scalars)} scalars")
        convert = self._scalar.from_be_bytes
        native = [convert((scalar % ORDER).to_bytes(SCALAR_BYTES, "big")) for scalar in scalars]
        return self._point.multiexp_unchecked(list(points), native)

    def equal(self, left: Point, right: Point) -> bool:
        return bool(left == right)

    def hash_to_curve(self, message: bytes, dst: bytes) -> Point:
        check_dst(dst)
        return self._point.hash_to_curve(message, dst)

    def encode(self, point: Point) -> bytes:
        self._require_not_identity(point)
        return bytes(point.to_compressed_bytes())

    def decode(self, data: bytes) -> Point:
        return self._decode_compressed(data, self._point.from_compressed_bytes)

    def decode_compressed_on_curve(self, data: bytes) -> Point:
        return self._decode_compressed(data, self._point.from_compressed_bytes_unchecked)

    def _decode_compressed(self, data: bytes, decoder: Callable[[bytes], Point]) -> Point:
        require_length(data, COMPRESSED_BYTES)
        try:
            point = decoder(data)
        except ValueError:
            raise EncodingError("a point is not on the curve, not in the subgroup or not canonical") from None
        # The library accepts several encodings of the identity.
        if point == self._point.identity() or bytes(point.to_compressed_bytes()) != data:
            raise EncodingError("a point is the identity or not canonical")
        return point

    def encode_uncompressed(self, point: Point) -> bytes:
        self._require_not_identity(point)
        return bytes(point.to_xy_bytes_be())

    def decode_on_curve(self, data: bytes) -> Point:
        require_length(data, UNCOMPRESSED_BYTES)
        try:
            point = self._point.from_xy_bytes_unchecked_be(data)
        except ValueError:
            raise EncodingError("a point is not on the curve or not canonical") from None
        # The library takes 96 zero bytes for the identity.
        if point == self._point.identity() or bytes(point.to_xy_bytes_be()) != data:
            raise EncodingError("a point is the identity or not canonical")
        return point

    def _to_scalar(self, scalar: int) -> Any:
        return self._scalar.from_be_bytes((scalar % ORDER).to_bytes(SCALAR_BYTES, "big"))

    def _require_not_identity(self, point: Point) -> None:
        if point == self._point.identity():
            raise EncodingError("the identity has no encoding")


def require_length(data: bytes, length: int) -> None:
    """Refuse an encoding of another length."""
    if len(data) != length:
        raise EncodingError(f"a point must have {length} bytes, got {len(data)}")


def _select() -> Group:
    choice = os.environ.get("ZKMARGIN_GROUP", "")
    if choice not in ("", "arkworks", "py_ecc"):
        raise ValueError(f"ZKMARGIN_GROUP must be arkworks or py_ecc, got {choice!r}")
    if choice != "py_ecc":
        try:
            return Arkworks()
        except ImportError:
            if choice == "arkworks":
                raise
    from zkmargin.algebra.portable import Portable  # start-up: py_ecc is loaded only when it is chosen

    return Portable()


group: Group = _select()
