"""Pedersen commitments to a book: one group element for a whole portfolio.

    C = sum_i q_i * P_i + gamma * H

over one base per asset or instrument id (`zkmargin.algebra.generators.book`), with gamma uniform in Z_r. Perfectly
hiding, binding under the discrete logarithm, additively homomorphic: a fill is a commitment D to the change, and the
new book is C + D.

Secrets: an `Opening` holds the quantities and the blinding factor. Its ``repr`` shows neither, nor does any exception.

Reference: Pedersen, "Non-interactive and information-theoretic secure verifiable secret sharing", CRYPTO 1991.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from threading import Lock
from typing import Any

from zkmargin.algebra import generators
from zkmargin.algebra.group import Point, group, is_identity
from zkmargin.algebra.scalars import ORDER, SCALAR_BYTES, Randomness, random_scalar, system_randomness
from zkmargin.amounts import MAX_COORDINATES, QUANTITY_BITS
from zkmargin.documents import Reader
from zkmargin.encoding import decode_scalars, encode_scalars
from zkmargin.errors import EncodingError, StatementError

FORMAT = "zkmargin/opening/1"
REMEMBERED_OPENINGS = 1_024

# Hashes of the pairs that `check_opens` has found to belong together.
_opened: set[bytes] = set()
_lock = Lock()


@dataclass(frozen=True, slots=True, repr=False)
class Opening:
    """What is inside a commitment: signed quantities by id, and the blinding factor.

    Attributes:
        quantities: Signed integers by id, |quantity| < 2^112 (the bound of a ledger's sums; a book has < 2^64).
        blinding: gamma, in [0, ORDER).
    """

    quantities: Mapping[str, int]
    blinding: int

    def __post_init__(self) -> None:
        if len(self.quantities) > MAX_COORDINATES:
            raise StatementError(f"an opening must have at most {MAX_COORDINATES} ids, got {len(self.quantities)}")
        bound = 2 ** (QUANTITY_BITS + 48)
        for name, quantity in self.quantities.items():
            if not -bound < quantity < bound:
                raise StatementError(f"the quantity of {name} must be less than 2^{QUANTITY_BITS + 48} in size")
        if not 0 <= self.blinding < ORDER:
            raise StatementError("a blinding factor must be in [0, order)")

    def __repr__(self) -> str:
        return f"Opening({len(self.quantities)} ids, values hidden)"

    @staticmethod
    def from_document(document: Any) -> Opening:
        """Return the opening in a document of format ``zkmargin/opening/1``.

        Raises:
            EncodingError: if a field is missing, unknown or out of its bound; the message holds no secret.
        """
        with Reader(document, "opening", secret=True) as fields:
            fields.format(FORMAT)
            limit = 2**QUANTITY_BITS - 1
            quantities = fields.quantities("quantities_lots", MAX_COORDINATES, -limit, limit)
            (blinding,) = decode_scalars(fields.hexadecimal("blinding", length=SCALAR_BYTES), 1)
        return Opening(quantities, blinding)

    def to_document(self) -> dict[str, Any]:
        """Return the opening as a JSON object. It is a secret: write it with ``write_file(..., secret=True)``."""
        return {
            "format": FORMAT,
            "quantities_lots": dict(self.quantities),
            "blinding": encode_scalars([self.blinding]).hex(),
        }

    def fingerprint(self) -> bytes:
        """Return 32 bytes that stand for the opening and tell nothing about it to who cannot guess the blinding."""
        entries = [f"{len(name)}:{name}:{quantity};" for name, quantity in sorted(self.quantities.items())]
        return hashlib.sha256(f"{self.blinding};{''.join(entries)}".encode()).digest()

    @staticmethod
    def fresh(quantities: Mapping[str, int], randomness: Randomness = system_randomness) -> Opening:
        """Return an opening of `quantities` under a new blinding factor from the operating system."""
        return Opening(dict(quantities), random_scalar(randomness))

    def __add__(self, other: Opening) -> Opening:
        """Return the opening of the sum of two commitments."""
        names = self.quantities.keys() | other.quantities.keys()
        total = {name: self.quantities.get(name, 0) + other.quantities.get(name, 0) for name in sorted(names)}
        return Opening(total, (self.blinding + other.blinding) % ORDER)

    def __neg__(self) -> Opening:
        """Return the opening of the negative of a commitment."""
        return Opening({name: -quantity for name, quantity in self.quantities.items()}, -self.blinding % ORDER)


@dataclass(frozen=True, slots=True, eq=False)
class Commitment:
    """A commitment: a point of the prime-order subgroup, not the identity.

    Example:
        >>> deposit, fill = Opening.fresh({"USD": 500}), Opening.fresh({"USD": -20, "BTC-PERPETUAL": 3})
        >>> commit(deposit) + commit(fill) == commit(deposit + fill)
        True
    """

    point: Point
    _encoded: bytes | None = field(init=False, repr=False, default=None)

    def __repr__(self) -> str:
        return f"Commitment({self.to_bytes().hex()[:16]}...)"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Commitment) and group.equal(self.point, other.point)

    def __hash__(self) -> int:
        return hash(self.to_bytes())

    def __reduce__(self) -> tuple[Callable[[bytes], Commitment], tuple[bytes]]:
        """Let processes of one verifier hand commitments to each other; who reads a pickle trusts its writer anyway."""
        return _restore, (group.encode_uncompressed(self.point),)

    def __add__(self, other: Commitment) -> Commitment:
        """Return the commitment to the sum of two books."""
        return Commitment(group.add(self.point, other.point))

    def __neg__(self) -> Commitment:
        """Return the commitment to the negative of the book, under the negative of the blinding factor."""
        return Commitment(group.negate(self.point))

    def to_bytes(self) -> bytes:
        """Return the 48-byte compressed encoding; every proof about the commitment absorbs it."""
        encoded = self._encoded or group.encode(self.point)
        object.__setattr__(self, "_encoded", encoded)
        return encoded

    @staticmethod
    def from_bytes(data: bytes) -> Commitment:
        """Return the commitment of a canonical encoding.

        Raises:
            EncodingError: if the bytes are not canonical, off the curve, outside the subgroup, or the identity.
        """
        return Commitment(group.decode(data))


def commit(opening: Opening) -> Commitment:
    """Return ``sum_i q_i P_i + gamma H``.

    Raises:
        StatementError: in the case, of probability 1/ORDER, that the sum is the identity: draw a fresh blinding factor.
    """
    points = [generators.book(name) for name in opening.quantities]
    point = group.msm([*points, generators.blinding()], [*opening.quantities.values(), opening.blinding])
    if is_identity(point):
        raise StatementError("the commitment is the identity: use a fresh blinding factor")
    return Commitment(point)


def _restore(data: bytes) -> Commitment:
    return Commitment(group.decode_on_curve(data))


def check_opens(commitment: Commitment, opening: Opening) -> None:
    """Return if `opening` opens `commitment`. The answer is remembered: a holder proves about one state at many marks.

    Raises:
        EncodingError: if it does not: the two files do not belong together.
    """
    pair = hashlib.sha256(commitment.to_bytes() + opening.fingerprint()).digest()
    if pair in _opened:
        return
    if commit(opening) != commitment:
        raise EncodingError("the opening does not open this commitment")
    with _lock:
        if len(_opened) >= REMEMBERED_OPENINGS:
            _opened.clear()
        _opened.add(pair)
