"""The weighted norm linear argument: an opening sent in a logarithm of its size.

Statement
---------
    PK{ (n, l) : P = (|n|^2_mu + <c, l>) V + <n, G> + <l, L> },    |n|^2_mu = sum_i mu^(i+1) n_i^2,    mu = rho^2
Notation
--------
    u_e, u_o     the entries of a vector at even and at odd positions, counted from 0
    <u,v>_mu     sum_i mu^(i+1) u_i v_i
    N, J         lengths of n and l, both multiples of 2^rounds; unused positions hold 0 over generators of their own
Protocol, once a round
----------------------
    (1) P -> V: X = v_X V + <l_o,L_e> + <l_e,L_o> + rho <n_o,G_e> + rho^-1 <n_e,G_o>
                v_X = 2 rho^-1 <n_e,n_o>_{mu^2} + <c_e,l_o> + <c_o,l_e>
                R = v_R V + <l_o,L_o> + <n_o,G_o>,    v_R = <n_o,n_o>_{mu^2} + <c_o,l_o>
    (2) V -> P: gamma
    (3) both:   P <- P + gamma X + (gamma^2 - 1) R;  n <- rho^-1 n_e + gamma n_o;  G <- rho G_e + gamma G_o;
                l, c, L <- even + gamma odd;  rho <- mu;  mu <- mu^2
Protocol, at the end
--------------------
    (4) P -> V: n, l
    (5) V:      P == (|n|^2_mu + <c, l>) V + <n, G> + <l, L>
Transcript
----------
    absorb X / absorb R / squeeze gamma     once a round, points in compressed form
Size
----
    96 bytes a round and 32 (N + J) / 2^rounds bytes.
Security
--------
    Special sound with 4 values of gamma a round, if EVERY round halves the norm block: a round in which it stood still
    would let a prover prove anything. So lengths are computed, never received, and must be divisible. Nothing is masked
    here: what is opened must be fit to be seen.

Nobody folds a generator: prover and verifier keep the factor of each original one, so a round is one multi-scalar
multiplication of the full size for X and one of half the size for R.

Reference: Eagen, Kanjalkar, Ruffing, Nick, "Bulletproofs++", Eurocrypt 2024, the weighted norm linear argument.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from operator import mul

from zkmargin.algebra.group import Point, group
from zkmargin.algebra.scalars import ORDER, inner, inverse, power_sum
from zkmargin.errors import StatementError, VerificationError
from zkmargin.transcript import Transcript

MAX_ROUNDS = 16


@dataclass(frozen=True, slots=True)
class Shape:
    """Lengths of a folded opening: how many rounds, and the padded lengths N and J before the first."""

    rounds: int
    norm: int
    linear: int

    def __post_init__(self) -> None:
        if not 1 <= self.rounds <= MAX_ROUNDS:
            raise StatementError(f"rounds must be between 1 and {MAX_ROUNDS}, got {self.rounds}")
        if self.norm < 1 or self.linear < 1 or self.norm % 2**self.rounds or self.linear % 2**self.rounds:
            raise StatementError(f"lengths must be positive multiples of 2^{self.rounds}")

    @staticmethod
    def of(rounds: int, norm: int, linear: int) -> Shape:
        """Return the shape that holds `norm` and `linear` entries: both rounded up to multiples of 2^rounds.

        Raises:
            StatementError: if there is no round, or more than 16, or more than halve the norm block to one entry.
        """
        most = min(MAX_ROUNDS, (norm - 1).bit_length())
        if not 1 <= rounds <= most:
            raise StatementError(f"rounds over {norm} slots must be between 1 and {most}, got {rounds}")
        unit = 2**rounds
        return Shape(rounds, -(-norm // unit) * unit, -(-linear // unit) * unit)


@dataclass(frozen=True, slots=True)
class Proof:
    """X and R of every round, then what is left of n and l."""

    X: Sequence[Point]
    R: Sequence[Point]
    n: Sequence[int]
    l: Sequence[int]  # noqa: E741 - the paper's letter


@dataclass(frozen=True, slots=True)
class Bases:
    """The generators of a statement: V, G (N of them) and L (J of them)."""

    V: Point
    G: Sequence[Point]
    L: Sequence[Point]


def prove(
    transcript: Transcript,
    shape: Shape,
    bases: Bases,
    rho: int,
    c: Sequence[int],
    n: Sequence[int],
    l: Sequence[int],  # noqa: E741 - the paper's letter
) -> Proof:
    """Return the folded opening of (n, l).

    Args:
        transcript: Has absorbed the statement, and the shape.
        shape: The rounds, N and J.
        bases: The generators.
        rho: Not zero; mu = rho^2.
        c: J public scalars.
        n: N secret scalars.
        l: J secret scalars.
    """
    in_g, in_l = [1] * shape.norm, [1] * shape.linear
    sent_x, sent_r = [], []
    for step in range(shape.rounds):
        (n_e, n_o), (l_e, l_o), (c_e, c_o) = _halves(n), _halves(l), _halves(c)
        over_rho, mu = inverse(rho), rho * rho % ORDER
        v_x = 2 * over_rho * power_sum(mu * mu, list(map(mul, n_e, n_o))) + inner(c_e, l_o) + inner(c_o, l_e)
        v_r = power_sum(mu * mu, list(map(mul, n_o, n_o))) + inner(c_o, l_o)
        crossed_g = _interleaved([rho * odd for odd in n_o], [over_rho * even for even in n_e])
        on_g, on_l = _spread(crossed_g, in_g, step), _spread(_interleaved(l_o, l_e), in_l, step)
        X = group.msm([bases.V, *bases.G, *bases.L], [v_x, *on_g, *on_l])  # (1)
        on_g, on_l = _spread(_interleaved(None, n_o), in_g, step), _spread(_interleaved(None, l_o), in_l, step)
        R = _sparse_msm([bases.V, *bases.G, *bases.L], [v_r, *on_g, *on_l])  # (1)
        gamma = _challenge(transcript, X, R)  # (2)
        n = [(over_rho * even + gamma * odd) % ORDER for even, odd in zip(n_e, n_o, strict=True)]  # (3)
        l = [(even + gamma * odd) % ORDER for even, odd in zip(l_e, l_o, strict=True)]  # noqa: E741
        c = [(even + gamma * odd) % ORDER for even, odd in zip(c_e, c_o, strict=True)]
        in_g, in_l = _spread([rho, gamma] * len(n), in_g, step), _spread([1, gamma] * len(l), in_l, step)
        rho = mu
        sent_x.append(X)
        sent_r.append(R)
    return Proof(sent_x, sent_r, n, l)  # (4)


@dataclass(frozen=True, slots=True)
class Opened:
    """What the verifier's equation (5) multiplies each generator and each of the prover's points with.

    Attributes:
        value: The factor of V.
        G: The factor of each of the N generators.
        L: The factor of each of the J generators.
        X: The factor that each X has in the folded P.
        R: The factor that each R has in the folded P.
    """

    value: int
    G: Sequence[int]
    L: Sequence[int]
    X: Sequence[int]
    R: Sequence[int]


def open_up(transcript: Transcript, shape: Shape, rho: int, c: Sequence[int], proof: Proof) -> Opened:
    """Return equation (5) over the original generators: P + sum_j (X_j X + R_j R) == value V + <G, G> + <L, L>.

    Raises:
        VerificationError: if the proof has not the lengths of the shape.
    """
    sizes = (len(proof.X), len(proof.R), len(proof.n) << shape.rounds, len(proof.l) << shape.rounds)
    if sizes != (shape.rounds, shape.rounds, shape.norm, shape.linear) or len(c) != shape.linear:
        raise VerificationError("the folded opening has not the shape of the statement", failed="(4)")
    in_g, in_l = [1], [1]
    gammas = []
    for X, R in zip(proof.X, proof.R, strict=True):
        gamma = _challenge(transcript, X, R)  # (2)
        in_g = [factor * rho % ORDER for factor in in_g] + [factor * gamma % ORDER for factor in in_g]  # (3)
        in_l = in_l + [factor * gamma % ORDER for factor in in_l]
        rho = rho * rho % ORDER
        gammas.append(gamma)
    unit = len(in_l)
    folded_c = [inner(c[start : start + unit], in_l) for start in range(0, shape.linear, unit)]
    value = power_sum(rho * rho, list(map(mul, proof.n, proof.n))) + inner(folded_c, proof.l)
    return Opened(  # (5)
        value % ORDER,
        [entry * factor % ORDER for entry in proof.n for factor in in_g],
        [entry * factor % ORDER for entry in proof.l for factor in in_l],
        gammas,
        [gamma * gamma - 1 for gamma in gammas],
    )


def _challenge(transcript: Transcript, X: Point, R: Point) -> int:
    transcript.absorb("X", group.encode(X))
    transcript.absorb("R", group.encode(R))
    return transcript.challenge("gamma")


def _halves(vector: Sequence[int]) -> tuple[Sequence[int], Sequence[int]]:
    return vector[::2], vector[1::2]


def _interleaved(evens: Sequence[int] | None, odds: Sequence[int]) -> list[int]:
    """Return the vector with these entries at even and at odd positions; no evens are zeros."""
    return [entry for pair in zip(evens or [0] * len(odds), odds, strict=True) for entry in pair]


def _spread(vector: Sequence[int], factors: Sequence[int], step: int) -> list[int]:
    """Return, for each original generator, its factor times the entry of the vector that it has been folded into."""
    return [vector[index >> step] * factor % ORDER for index, factor in enumerate(factors)]


def _sparse_msm(points: Sequence[Point], scalars: Sequence[int]) -> Point:
    kept = [(point, scalar) for point, scalar in zip(points, scalars, strict=True) if scalar]
    return group.msm([point for point, _ in kept], [scalar for _, scalar in kept])
