"""The randomness of a vector: a documented function of its seed, so that a stranger's prover gets the same bytes.

The k-th request (k = 0, 1, ..) for n bytes is answered with the first n bytes of
SHAKE256( "zkmargin/vectors/1" || k as 8 bytes big-endian || the seed in ASCII )
"""

from __future__ import annotations

import hashlib

TAG = b"zkmargin/vectors/1"


class Seeded:
    """A `zkmargin.algebra.scalars.Randomness` that gives the same bytes in every run.

    Example:
        >>> Seeded("a")(4) == Seeded("a")(4) != Seeded("b")(4)
        True
    """

    def __init__(self, seed: str) -> None:
        self._seed = seed.encode("ascii")
        self._requests = 0

    def __call__(self, length: int) -> bytes:
        """Return the answer to the next request."""
        state = hashlib.shake_256(TAG + self._requests.to_bytes(8, "big") + self._seed)
        self._requests += 1
        return state.digest(length)
