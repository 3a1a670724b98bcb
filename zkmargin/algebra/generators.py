"""Generators that are nobody's secret: every one is the hash of a structured label.

Labels
------
    label = length of the kind (1 byte) || kind || payload
    blinding    payload empty                           H      blinding base
    book        payload the id, 1 to 64 ASCII bytes     P_id   one base per asset and instrument
    slot        payload the number, 4 bytes big-endian  G_i    values of a constraint system
    wire        payload the number, 4 bytes big-endian  M_j    values that are only used linearly
    padding     payload the number, 4 bytes big-endian  unused places of a folded opening
    error       payload the number, 4 bytes big-endian  E_d    error terms of the norm argument
    No label is a prefix of another of the same kind with a fixed length, and kinds are told apart by their length byte;
    an id is the whole rest of its label.

A point is computed once a process (about 0.2 ms) and kept.

Reference: RFC 9380, suite BLS12381G1_XMD:SHA-256_SSWU_RO_.
"""

from __future__ import annotations

from functools import lru_cache
from threading import Lock

from zkmargin.algebra.group import Point, group
from zkmargin.errors import StatementError

DST = b"ZKMARGIN-V01-CS01-with-BLS12381G1_XMD:SHA-256_SSWU_RO_"
MAX_NUMBERED = 2**16 + 2**13


def label(kind: str, payload: bytes = b"") -> bytes:
    """Return the label that is hashed for a generator.

    Example:
        >>> label("slot", (7).to_bytes(4, "big")).hex()
        '04736c6f7400000007'
    """
    return bytes([len(kind)]) + kind.encode() + payload


def _hash(message: bytes) -> Point:
    return group.hash_to_curve(message, DST)


@lru_cache(maxsize=1)
def blinding() -> Point:
    """Return H, the base of every blinding factor."""
    return _hash(label("blinding"))


def check_identifier(identifier: str) -> None:
    """Refuse an id that has no generator: it must have 1 to 64 ASCII characters."""
    if not identifier.isascii() or not 1 <= len(identifier) <= 64:
        raise StatementError(f"an id must have 1 to 64 ASCII characters, got {identifier[:80]!r}")


@lru_cache(maxsize=2**14)
def book(identifier: str) -> Point:
    """Return P_id, the base of one asset or instrument id (1 to 64 ASCII characters)."""
    check_identifier(identifier)
    return _hash(label("book", identifier.encode()))


class Numbered:
    """A family of numbered generators, computed as far as somebody has asked."""

    def __init__(self, kind: str) -> None:
        self._kind = kind
        self._points: list[Point] = []
        self._lock = Lock()

    def first(self, count: int) -> list[Point]:
        """Return the generators 0..count-1.

        Raises:
            StatementError: if `count` exceeds 73,728.
        """
        if count > MAX_NUMBERED:
            raise StatementError(f"at most {MAX_NUMBERED} {self._kind} generators exist, got {count}")
        with self._lock:
            for number in range(len(self._points), count):
                self._points.append(_hash(label(self._kind, number.to_bytes(4, "big"))))
        return self._points[:count]


slots = Numbered("slot")
wires = Numbered("wire")
errors = Numbered("error")
padding = Numbered("padding")
