"""Many vectors of residues at once: exact sums of products in floating point, on BLAS.

A batch verifier adds up hundreds of vectors with a weight each, and multiplies the same public matrix with hundreds of
vectors. Done number by number this is most of its time; as matrix products of 16-bit limbs it is a small part.

Exactness
---------
    A limb is below 2^16 in size, so a product is below 2^32, and a sum of 2^16 products below 2^48. Adding up to 16 of
    those for one limb of the result stays below 2^52, and every integer up to 2^53 is a float64: nothing is rounded.
    More vectors than 2^16 are refused, and so are longer rows of a matrix: `MAX_TERMS`.

Vectors are integers; the product of a matrix, or the weighted sum, is exact over the integers and is not reduced.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, overload

from zkmargin.algebra.scalars import ORDER, SCALAR_BYTES, integers

if TYPE_CHECKING:
    from numpy import float64, int64
    from numpy.typing import NDArray

LIMB_BITS = 16
LIMB_BYTES = 2
SCALAR_LIMBS = SCALAR_BYTES // LIMB_BYTES
MAX_TERMS = 2**16

# Limbs that are held as floats at a time: 2 MB, what a cache holds.
_BLOCK_LIMBS = 2**18

# Multiplications of one call to BLAS: OpenBLAS starts threads from 2^18 or so on.
_ONE_THREAD = 2**17
_LEAST_COLUMNS = 16


class Residues(tuple[int, ...]):
    """Integers below 2^256 that remember their bytes, 32 big-endian each.

    Args:
        values: The integers.
        encoded: Their bytes, if the caller has them; nobody checks that they belong together.

    Example:
        >>> Residues([7]).encoded.hex()[-4:]
        '0007'
    """

    encoded: bytes

    def __new__(cls, values: Iterable[int], encoded: bytes | None = None) -> Residues:
        """Return the vector; without `encoded` the integers are reduced and encoded here."""
        vector = super().__new__(cls, values)
        vector.encoded = _encode(vector) if encoded is None else encoded
        return vector


class Encoded(Sequence[int]):
    """The same vector as bytes only: a fifth of the memory, for what has to wait. It is decoded again when it is read.

    Example:
        >>> list(Encoded.of([7, -1])) == [7, ORDER - 1]
        True
    """

    __slots__ = ("encoded",)

    def __init__(self, encoded: bytes) -> None:
        self.encoded = encoded

    @staticmethod
    def of(vector: Sequence[int]) -> Encoded:
        """Return the residues of any integers."""
        return Encoded(_encoded(vector))

    def __len__(self) -> int:
        return len(self.encoded) // SCALAR_BYTES

    def __iter__(self) -> Iterator[int]:
        return iter(integers(self.encoded))

    @overload
    def __getitem__(self, index: int) -> int: ...

    @overload
    def __getitem__(self, index: slice) -> Sequence[int]: ...

    def __getitem__(self, index: int | slice) -> int | Sequence[int]:
        return integers(self.encoded)[index]


def weighted_sum(weights: Sequence[int], vectors: Sequence[Sequence[int]]) -> list[int]:
    """Return ``sum_i weights_i * vectors_i``, exact over the integers; a shorter vector counts as padded with zeros.

    Args:
        weights: Non-negative integers, one a vector.
        vectors: At most 2^16; vectors that do not know their bytes are reduced first.

    Raises:
        ValueError: if the numbers of weights and vectors differ, or there are too many.

    Example:
        >>> weighted_sum([2, 3], [[10, 1], [100]]) == [320, 2]
        True
    """
    import numpy as np  # start-up time: a single verification does without it

    if len(weights) != len(vectors) or len(vectors) > MAX_TERMS:
        raise ValueError(f"weighted sum of {len(vectors)} vectors with {len(weights)} weights")
    encoded = [_encoded(vector) for vector in vectors]
    width = max(map(len, encoded), default=0)
    if not width:
        return []
    weight_bytes = LIMB_BYTES * max(1, *(-(-int(weight).bit_length() // LIMB_BITS) for weight in weights))
    factors = _limbs([int(weight).to_bytes(weight_bytes, "big") for weight in weights])
    total = np.zeros((factors.shape[1], width // LIMB_BYTES))
    block = max(1, _BLOCK_LIMBS * LIMB_BYTES // width)
    for start in range(0, len(encoded), block):
        part = encoded[start : start + block]
        total += _product(factors[start : start + block].T, _limbs([data.ljust(width, b"\0") for data in part]))
    products = total.reshape(factors.shape[1], width // SCALAR_BYTES, SCALAR_LIMBS)
    return _integers(_diagonals(products.transpose(0, 2, 1)))


class Matrix:
    """A matrix of public integers, to be multiplied with many vectors of residues.

    Args:
        rows: Rows of equal length, at most 2^16 entries each, of any sign and size.

    Example:
        >>> Matrix([[1, -2], [2**70, 0]]).times([[5, 3], [0, 1]]) == [[-1, 5 * 2**70], [-2, 0]]
        True
    """

    def __init__(self, rows: Sequence[Sequence[int]]) -> None:
        import numpy as np  # start-up time: a single verification does without it

        if not rows or any(len(row) != len(rows[0]) for row in rows) or len(rows[0]) > MAX_TERMS:
            raise ValueError("a matrix has rows of one length, of at most 2^16 entries")
        self.width = len(rows[0])
        size = LIMB_BYTES * max(1, *(-(-abs(entry).bit_length() // LIMB_BITS) for row in rows for entry in row))
        flat = _limbs([b"".join([int(abs(entry)).to_bytes(size, "big") for entry in row]) for row in rows])
        signs = np.array([[-1.0 if entry < 0 else 1.0 for entry in row] for row in rows])
        limbs = flat.reshape(len(rows), self.width, size // LIMB_BYTES) * signs[:, :, None]
        self._limbs = np.ascontiguousarray(limbs.transpose(2, 0, 1))  # (limb, row, column), the highest limb first

    def times(self, vectors: Sequence[Sequence[int]]) -> list[list[int]]:
        """Return the product with each vector, not reduced.

        Raises:
            ValueError: if a vector has another length than the rows.
        """
        if any(len(vector) != self.width for vector in vectors):
            raise ValueError(f"a vector must have {self.width} entries")
        block = max(1, _BLOCK_LIMBS // (SCALAR_LIMBS * self.width))
        return [row for start in range(0, len(vectors), block) for row in self._block(vectors[start : start + block])]

    def _block(self, vectors: Sequence[Sequence[int]]) -> list[list[int]]:
        import numpy as np  # start-up time: a single verification does without it

        count, rows = len(vectors), self._limbs.shape[1]
        entries = _limbs([_encoded(vector) for vector in vectors]).reshape(count, self.width, SCALAR_LIMBS)
        columns = np.ascontiguousarray(entries.transpose(1, 2, 0)).reshape(self.width, SCALAR_LIMBS * count)
        products = _product(self._limbs.reshape(-1, self.width), columns).reshape(-1, rows, SCALAR_LIMBS, count)
        flat = _integers(_diagonals(products.transpose(0, 2, 3, 1).reshape(-1, SCALAR_LIMBS, count * rows)))
        return [flat[start : start + rows] for start in range(0, count * rows, rows)]


def _encode(vector: Iterable[int]) -> bytes:
    return b"".join([int(value % ORDER).to_bytes(SCALAR_BYTES, "big") for value in vector])


def _encoded(vector: Sequence[int]) -> bytes:
    return vector.encoded if isinstance(vector, Residues | Encoded) else _encode(vector)


def _limbs(rows: Sequence[bytes]) -> NDArray[float64]:
    """Return the 16-bit limbs of byte strings of one length, a row each, in the order of the bytes."""
    import numpy as np  # start-up time: a single verification does without it

    return np.frombuffer(b"".join(rows), dtype=">u2").reshape(len(rows), -1).astype(np.float64)


def _product(left: NDArray[float64], right: NDArray[float64]) -> NDArray[float64]:
    """Return the matrix product, in parts so small that BLAS keeps them on the calling thread.

    Its own threads gain nothing here: they wait for each other, and take the cores of whoever verifies beside us.
    """
    import numpy as np  # start-up time: a single verification does without it

    result = np.empty((left.shape[0], right.shape[1]))
    height = max(1, _ONE_THREAD // (_LEAST_COLUMNS * left.shape[1]))
    for top in range(0, left.shape[0], height):
        part, rows = left[top : top + height], slice(top, top + height)
        width = max(_LEAST_COLUMNS, _ONE_THREAD // part.size)
        for start in range(0, right.shape[1], width):
            columns = slice(start, start + width)
            np.matmul(part, right[:, columns], out=result[rows, columns])
    return result


def _diagonals(products: NDArray[float64]) -> NDArray[int64]:
    """Return the limbs of sums of products (limb of one factor, limb of the other, entry): one row a limb."""
    import numpy as np  # start-up time: a single verification does without it

    ones, others, entries = products.shape
    limbs = np.zeros((ones + others - 1, entries))
    for place in range(ones):
        limbs[place : place + others] += products[place]
    return limbs.astype(np.int64)


def _integers(limbs: NDArray[int64]) -> list[int]:
    """Return the integer of each column of signed limbs, the highest limb first."""
    import numpy as np  # start-up time: a single verification does without it

    count, entries = limbs.shape
    digits = np.empty((entries, count), dtype=">u2")
    carry = np.zeros(entries, dtype=np.int64)
    for place in range(count - 1, -1, -1):
        value = limbs[place] + carry
        digits[:, place] = value & (2**LIMB_BITS - 1)
        carry = value >> LIMB_BITS
    bits = LIMB_BITS * count
    values = integers(digits.tobytes(), LIMB_BYTES * count)
    return [value + (head << bits) if head else value for value, head in zip(values, carry.tolist(), strict=True)]
