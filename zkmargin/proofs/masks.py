"""The prover's masks: drawn for one proof, or drawn ahead of it together with what they contribute to the message S.

A third of a proof's multiplications need neither the book nor the market: the masks' part of S. `prepare` makes them
while nothing is urgent, and the proof at the mark is that much faster. The transcript and the distribution of proofs
are the same.

One proof for each
------------------
    Two proofs under the same masks give the book away: g - g' = x a + x^2 b - .. . So masks that wait are a `Prepared`,
    which hands them out once, to one proof, in the process that drew them, and forgets them. It cannot be copied or
    written down, so neither a fork, nor a restart, nor a retry finds them again; an attempt that draws an inadmissible
    challenge goes on with fresh ones.

Hedging
-------
    `draw` hashes the witness and the transcript into the masks, so that a broken random source alone gives nothing
    away. Before there is a witness only a secret of the holder can stand in for it: `prepare` asks for one, and with a
    source that repeats itself two `Prepared` made with the same secret would be the same. Do not prepare on a machine
    whose random source is in doubt.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from itertools import islice
from threading import Lock
from typing import NoReturn

from zkmargin.algebra import generators, scalars
from zkmargin.algebra.group import Point, group
from zkmargin.algebra.scalars import Randomness, system_randomness
from zkmargin.errors import StatementError, WitnessError
from zkmargin.proofs.constraints import Shape

LEAST_SECRET_BYTES = 16


@dataclass(frozen=True, slots=True, repr=False)
class Masks:
    """Uniform scalars, in the notation of `zkmargin.proofs.arithmetic`.

    Attributes:
        r_A: T - 1 masks of A's error terms.
        s: n masks of the slots.
        s_m: w masks of the wires.
        s_q: |P| masks of the coordinates.
        head: <s,G> + <s_m,M> + <s_q,P> + sigma H, if it is known already.
    """

    r_A: list[int]
    rho_A: int
    r_B: int
    rho_B: int
    sigma: int
    s: list[int]
    s_m: list[int]
    s_q: list[int]
    head: Point | None = None


def draw(shape: Shape, randomness: Randomness, *secret_context: bytes) -> Masks:
    """Return masks for one proof of a system of this shape; what is secret in the context hedges the random source."""
    counts = (shape.commitments + 2, 4, shape.slots, shape.wires, len(shape.basis))
    stream = iter(scalars.masks(sum(counts), randomness, *secret_context))
    r_A, (rho_A, r_B, rho_B, sigma), s, s_m, s_q = [list(islice(stream, count)) for count in counts]
    return Masks(r_A, rho_A, r_B, rho_B, sigma, s, s_m, s_q)


class Prepared:
    """Masks for one proof of any system of one shape, with their part of S computed; gone when they are used.

    Raises:
        WitnessError: by `take`, if they have been used or belong to another process; a proof is made without them.
    """

    __slots__ = ("_lock", "_masks", "_process", "shape")

    def __init__(self, shape: Shape, masks: Masks) -> None:
        self.shape = shape
        self._masks: Masks | None = masks
        self._process = os.getpid()
        self._lock = Lock()

    def __repr__(self) -> str:
        return f"Prepared({'used' if self._masks is None else 'unused'}, masks hidden)"

    def take(self, shape: Shape) -> Masks:
        """Return the masks, and forget them.

        Raises:
            StatementError: if they were prepared for another shape; they stay.
            WitnessError: if they have been used, or the process has forked since.
        """
        if shape != self.shape:
            raise StatementError("the masks were prepared for a statement of another shape")
        with self._lock:
            masks, self._masks = self._masks, None
        if masks is None:
            raise WitnessError("prepared masks serve one proof, and these have been used")
        if os.getpid() != self._process:
            raise WitnessError("prepared masks belong to the process that drew them")
        return masks

    def __reduce_ex__(self, protocol: object) -> NoReturn:
        """Refuse to be copied or written: a second copy could serve a second proof."""
        raise TypeError("prepared masks cannot be copied")


def prepare(shape: Shape, secret: bytes, randomness: Randomness = system_randomness) -> Prepared:
    """Return masks for one proof, and the work on them that can be done before.

    Args:
        shape: The shape of the system that will be proved: `System.shape`.
        secret: At least 16 bytes that only the holder knows, for example the encoding of a blinding factor.
        randomness: Source of the masks.
    """
    if len(secret) < LEAST_SECRET_BYTES:
        raise StatementError(f"secret must have at least {LEAST_SECRET_BYTES} bytes, got {len(secret)}")
    masks = draw(shape, randomness, b"prepared", secret)
    points = [
        *generators.slots.first(shape.slots),
        *generators.wires.first(shape.wires),
        *map(generators.book, shape.basis),
        generators.blinding(),
    ]
    head = group.msm(points, [*masks.s, *masks.s_m, *masks.s_q, masks.sigma])
    return Prepared(shape, replace(masks, head=head))
