"""The rank-1 norm argument with its opening folded: the same statement in about a tenth of the bytes.

Statement
---------
    as `zkmargin.proofs.arithmetic`
Notation
--------
    as there, and v_i = mu^-(i+1) (x^2 lambda_a,i + x lambda_b,i),   n = g + v,   l = (m^, q^, (e^_d)_{d>=1}, h^)
    c            x^(3-T) (2 x^(T-1) lambda_m,  2 sum_k x^(T-3-k) lambda_k,  (-x^d)_{d>=1},  0)
    N, J         lengths of n and l, rounded up to multiples of 2^rounds; new places hold 0 over generators of their own
Protocol
--------
    (1) both:   steps (1) to (10) of `arithmetic`, whose form names the rounds, N and J
    (2) both:   V = x^(T-3) E_0
                P' = S + x A + x^2 B + sum_k x^(3+k) C_k + <v,G> + (x^(T-3) |v|^2_mu - 2 kappa x^T) E_0
    (3) P -> V: the folded opening of P' = (|n|^2_mu + <c,l>) V + <n,G> + <l,(M,P,E,H)>       `zkmargin.proofs.folding`
    (4) V:      that opening's equation
Transcript
----------
    absorb form / absorb system / absorb commitment / absorb A / squeeze alpha / absorb B / squeeze rho / squeeze w /
    absorb S / squeeze x / absorb X / absorb R / squeeze gamma
    (commitment K times; X, R and gamma once a round)
Encoding
--------
    S, A, B, then X and R of every round, compressed (48 bytes each), then n and l (32 bytes each).
Size
----
    48 (3 + 2 rounds) + 32 (N + J) / 2^rounds bytes.
Security
--------
    As `arithmetic` and `folding`. The form is absorbed before the first challenge, otherwise anyone could turn an
    opened proof into a compact one.

Reference: as `arithmetic` and `folding`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice
from operator import mul

from zkmargin.algebra import generators
from zkmargin.algebra.group import COMPRESSED_BYTES, Point, group
from zkmargin.algebra.scalars import (
    ORDER,
    SCALAR_BYTES,
    Randomness,
    inverse,
    power_sum,
    powers,
    system_randomness,
)
from zkmargin.encoding import decode_scalars, encode_scalars
from zkmargin.errors import EncodingError, StatementError, VerificationError
from zkmargin.proofs import arithmetic, batch, folding
from zkmargin.proofs.arithmetic import Statement, Witness
from zkmargin.proofs.constraints import System
from zkmargin.proofs.folding import Bases, Shape
from zkmargin.proofs.identity import Weights
from zkmargin.transcript import Transcript

COMPACT_FORM = b"compact/1"


@dataclass(frozen=True, slots=True)
class Proof:
    """The prover's messages, and nothing else."""

    S: Point
    A: Point
    B: Point
    folded: folding.Proof

    def to_bytes(self) -> bytes:
        """Return the canonical encoding."""
        points = [self.S, self.A, self.B, *_alternating(self.folded.X, self.folded.R)]
        return b"".join(map(group.encode, points)) + encode_scalars([*self.folded.n, *self.folded.l])

    @staticmethod
    def from_bytes(system: System, rounds: int, data: bytes) -> Proof:
        """Return the proof of a canonical encoding.

        Raises:
            EncodingError: if no proof of this system has so many rounds, the length is not the one of system and
                rounds, a scalar is not below the order, or a point is the identity, off the curve or not canonical.
        """
        try:
            expected, shape = proof_bytes(system, rounds), shape_of(system, rounds)
        except StatementError as error:  # the prover chose the rounds: to a verifier they are a part of the proof
            raise EncodingError(str(error)) from None
        if len(data) != expected:
            raise EncodingError(f"a proof in {rounds} rounds must have {expected} bytes, got {len(data)}")
        end = COMPRESSED_BYTES * (3 + 2 * rounds)
        starts = range(0, end, COMPRESSED_BYTES)
        S, A, B, *rest = (group.decode_compressed_on_curve(data[at : at + COMPRESSED_BYTES]) for at in starts)
        scalars = iter(decode_scalars(data[end:], (expected - end) // SCALAR_BYTES))
        n = list(islice(scalars, shape.norm >> rounds))
        return Proof(S, A, B, folding.Proof(rest[::2], rest[1::2], n, list(scalars)))


def shape_of(system: System, rounds: int) -> Shape:
    """Return the lengths of a folded opening for a system.

    Raises:
        StatementError: if there are no rounds, or more than halve the slots to a single one.
    """
    T = system.commitments + 3
    linear = system.multiplicities + system.wires + len(system.basis) + T + 1
    return Shape.of(rounds, system.slots, linear)


def proof_bytes(system: System, rounds: int) -> int:
    """Return the exact length of every proof of a system in so many rounds."""
    shape = shape_of(system, rounds)
    return COMPRESSED_BYTES * (3 + 2 * rounds) + SCALAR_BYTES * ((shape.norm + shape.linear) >> rounds)


def prove(
    transcript: Transcript,
    statement: Statement,
    witness: Witness,
    rounds: int,
    randomness: Randomness = system_randomness,
) -> Proof:
    """Return a proof of the statement; arguments and errors as `arithmetic.prove`, and the number of rounds."""
    system = statement.system
    shape = shape_of(system, rounds)
    done = arithmetic.respond(transcript, statement, witness, randomness, _form(shape))  # (1)
    proof, reduced = done.proof, _reduce(system, shape, done.weights, done.x)  # (2)
    n = [(one + other) % ORDER for one, other in zip(_padded(proof.g, shape.norm), reduced.v, strict=True)]
    l = _padded([*proof.m, *proof.q, *proof.e, proof.h], shape.linear)  # noqa: E741 - the paper's letter
    folded = folding.prove(transcript, shape, _bases(system, shape, reduced), done.weights.rho, reduced.c, n, l)  # (3)
    return Proof(proof.S, proof.A, proof.B, folded)


def verify(transcript: Transcript, statement: Statement, rounds: int, proof: Proof) -> None:
    """Return if the proof holds.

    Raises:
        VerificationError: naming the check that failed.
    """
    if batch.bad_positions([equation(transcript, statement, rounds, proof)]):  # (4)
        raise VerificationError("the proof does not hold", failed="(4)")


def equation(transcript: Transcript, statement: Statement, rounds: int, proof: Proof) -> batch.Equation:
    """Return step (4) as an equation for `zkmargin.proofs.batch`, having made every other check.

    Raises:
        VerificationError: if a challenge is inadmissible or the proof has not the statement's shape.
    """
    system = statement.system
    shape = shape_of(system, rounds)
    weights, x = arithmetic.challenges(transcript, statement, _form(shape), proof.S, proof.A, proof.B)  # (1)
    reduced = _reduce(system, shape, weights, x)  # (2)
    opened = folding.open_up(transcript, shape, weights.rho, reduced.c, proof.folded)  # (3)
    T, K = system.commitments + 3, system.commitments
    on_l = iter(opened.L)
    wires, books, errors = (list(islice(on_l, count)) for count in (_wires(system), len(system.basis), T))
    blinding, *padding = on_l
    first_error = reduced.scale * opened.value - reduced.constant
    return batch.Equation(
        slots=[one - other for one, other in zip(opened.G, reduced.v, strict=True)],
        wires=wires,
        errors=[first_error % ORDER, *errors[: T - 1], 0, errors[T - 1]],
        blinding=blinding,
        labels=system.basis,
        books=books,
        points=[
            *(proof.S, proof.A, proof.B),
            *[commitment.point for commitment in statement.commitments],
            *proof.folded.X,
            *proof.folded.R,
        ],
        scalars=[-scalar for scalar in (1, x, x * x, *powers(x, K, first=x**4), *opened.X, *opened.R)],
        padding=padding,
    )


@dataclass(frozen=True, slots=True)
class _Reduced:
    """Step (2): v (N) and c (J), the factor of E_0 in V, and what P' holds on E_0 beyond the prover's points."""

    v: Sequence[int]
    c: Sequence[int]
    scale: int
    constant: int


def _reduce(system: System, shape: Shape, weights: Weights, x: int) -> _Reduced:
    T = system.commitments + 3
    lambda_a, lambda_b, lambda_m, lambda_books = weights.collect(system)
    xs = powers(x, T + 2)
    over_mu = powers(inverse(weights.mu), system.slots, first=inverse(weights.mu))
    v = [(xs[2] * a + x * b) * power % ORDER for a, b, power in zip(lambda_a, lambda_b, over_mu, strict=True)]
    on_books = [0] * len(system.basis)
    for k, lambda_k in enumerate(lambda_books, start=1):
        on_books = [total + 2 * xs[T - 3 - k] * one for total, one in zip(on_books, lambda_k, strict=True)]
    on_errors = [-xs[degree] for degree in (*range(1, T), T + 1)]
    over_scale = inverse(xs[T - 3])
    c = [over_scale * one % ORDER for one in (*[2 * xs[T - 1] * one for one in lambda_m], *on_books, *on_errors)]
    constant = xs[T - 3] * power_sum(weights.mu, list(map(mul, v, v))) - 2 * weights.kappa * xs[T]
    return _Reduced(_padded(v, shape.norm), _padded(c, shape.linear), xs[T - 3], constant % ORDER)


def _bases(system: System, shape: Shape, reduced: _Reduced) -> Bases:
    """Return V, the N slot generators, and the generators of l, padded."""
    T = system.commitments + 3
    E = generators.errors.first(T + 2)
    L = [
        *generators.wires.first(_wires(system)),
        *[generators.book(label) for label in system.basis],
        *E[1:T],
        E[T + 1],
        generators.blinding(),
    ]
    L += generators.padding.first(shape.linear - len(L))
    return Bases(group.multiply(E[0], reduced.scale), generators.slots.first(shape.norm), L)


def _form(shape: Shape) -> bytes:
    numbers = (shape.rounds, shape.norm, shape.linear)
    return COMPACT_FORM + b"".join(number.to_bytes(4, "big") for number in numbers)


def _wires(system: System) -> int:
    return system.multiplicities + system.wires


def _padded(values: Sequence[int], length: int) -> list[int]:
    return [*values, *[0] * (length - len(values))]


def _alternating(first: Sequence[Point], second: Sequence[Point]) -> list[Point]:
    return [point for pair in zip(first, second, strict=True) for point in pair]
