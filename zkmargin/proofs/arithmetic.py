"""The rank-1 norm argument: committed books satisfy a system of arithmetic constraints.

Statement
---------
    PK{ (q^(k), gamma_k)_k, a, b, m :  C_k = <q^(k), P> + gamma_k H,  and the system's constraints hold }
    with K in {1, 2} commitments; see `zkmargin.proofs.constraints` for the system.
Notation
--------
    n, d         slots, digit slots; a digit slot i has a_i in {0..beta-1} and b_i = 1/(alpha + a_i)
    m            the multiplicities of the digits 1..beta-1, then the plain wires; w wires in all
    G, M, P, E, H    generators of slots, wires, books, errors, blinding; T = K + 3; there is no E_T
    <u,v>_mu     sum_i mu^(i+1) u_i v_i
    lambda, kappa    the constraints, weighted and added up: docs/protocols/arithmetic.md, "The combined identity"
Protocol
--------
    (1) P:      r_A[0..T-2], rho_A <- Z_r;  A = <a,G> + <m,M> + sum_{d<=T-2} r_A[d] E_d + rho_A H
    (2) P -> V: A
    (3) V -> P: alpha not in {0, -1, .., -(beta-1)}
    (4) P:      r_B, rho_B <- Z_r;  B = <b,G> + r_B E_{T-1} + rho_B H
    (5) P -> V: B
    (6) V -> P: rho != 0, w;  mu = rho^2
    (7) both:   slot i has weight mu^(i+1), the look-up w, row j w^(j+2)
    (8) P:      s, s_m, s_q, sigma <- Z_r, errors e;  S = <s,G> + <s_m,M> + <s_q,P> + <e,E> + sigma H
    (9) P -> V: S
    (10) V -> P: x != 0
    (11) P -> V: g = s + x a + x^2 b;  m^ = s_m + x m;  q^ = s_q + sum_k x^(3+k) q^(k);  e^_d for d >= 1;  h^
    (12) V:     S + x A + x^2 B + sum_k x^(3+k) C_k
                == <g,G> + <m^,M> + <q^,P> + sum_{d>=1} e^_d E_d + h^ H + (t(x) - sum_{d>=1} x^d e^_d) E_0
Transcript
----------
    absorb form / absorb system / absorb commitment / absorb A / squeeze alpha / absorb B / squeeze rho / squeeze w /
    absorb S / squeeze x
    (commitment K times; points in compressed form)
Encoding
--------
    S, A, B uncompressed (96 bytes each), then g, m^, q^, e^_1..e^_{T-1}, e^_{T+1}, h^ (32 bytes each). Every length
    follows from the system.
Size
----
    288 + 32 (n + w + |P| + K + 4) bytes.
Security
--------
    Complete; special sound in x (3K + 7 transcripts) under the discrete logarithm; perfect special honest-verifier zero
    knowledge. Fiat-Shamir in the random-oracle model. Not constant time: prove on the account's own machine.

Reference: Eagen, Kanjalkar, Ruffing, Nick, "Bulletproofs++", Eurocrypt 2024 (norm argument, reciprocal look-up). Ours:
the book's commitment enters directly, and the error terms travel inside the commitments.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate, chain, pairwise
from operator import mul

from zkmargin.algebra import generators
from zkmargin.algebra.group import UNCOMPRESSED_BYTES, Point, group
from zkmargin.algebra.scalars import (
    ORDER,
    SCALAR_BYTES,
    Randomness,
    combine,
    inner,
    powers,
    system_randomness,
)
from zkmargin.algebra.vectors import Encoded, Residues
from zkmargin.commitments import Commitment
from zkmargin.encoding import decode_scalars, encode_scalars
from zkmargin.errors import EncodingError, StatementError, VerificationError, WitnessError
from zkmargin.proofs import batch
from zkmargin.proofs.constraints import System
from zkmargin.proofs.identity import Received, Weights, evaluate, reciprocals
from zkmargin.proofs.masks import Masks, Prepared, draw
from zkmargin.transcript import Transcript

OPENED_FORM = b"opened/1"
MAX_ATTEMPTS = 8


@dataclass(frozen=True, slots=True)
class Statement:
    """A constraint system and the commitments it speaks about, in the system's order."""

    system: System
    commitments: tuple[Commitment, ...]

    def __post_init__(self) -> None:
        if len(self.commitments) != self.system.commitments:
            raise StatementError(
                f"number of commitments must be {self.system.commitments}, got {len(self.commitments)}"
            )


@dataclass(frozen=True, slots=True, repr=False)
class Witness:
    """What the prover knows: a value for every variable of the system, and the blinding factors.

    Attributes:
        values: Integers in the system's flat numbering.
        blindings: gamma_k of each commitment.
    """

    values: Sequence[int]
    blindings: Sequence[int]

    def __repr__(self) -> str:
        return f"Witness({len(self.values)} values hidden)"


@dataclass(frozen=True, slots=True)
class Proof:
    """The prover's messages, and nothing else; lists are g, m^, q^ and e^ (d = 1..T-1, then T+1)."""

    S: Point
    A: Point
    B: Point
    g: Sequence[int]
    m: Sequence[int]
    q: Sequence[int]
    e: Sequence[int]
    h: int

    def to_bytes(self) -> bytes:
        """Return the canonical encoding."""
        points = b"".join(map(group.encode_uncompressed, (self.S, self.A, self.B)))
        return points + encode_scalars([*self.g, *self.m, *self.q, *self.e, self.h])

    @staticmethod
    def from_bytes(system: System, data: bytes) -> Proof:
        """Return the proof of a canonical encoding.

        Raises:
            EncodingError: if the length is not the system's, a scalar is not below the order, or a point is the
                identity, off the curve or not canonical.
        """
        expected = proof_bytes(system)
        if len(data) != expected:
            raise EncodingError(f"a proof of this statement must have {expected} bytes, got {len(data)}")
        starts = range(0, _POINTS, UNCOMPRESSED_BYTES)
        S, A, B = (group.decode_on_curve(data[start : start + UNCOMPRESSED_BYTES]) for start in starts)
        scalars = decode_scalars(data[_POINTS:], (expected - _POINTS) // SCALAR_BYTES)
        ends = [0, *accumulate(_lengths(system))]
        g, m, q, e = (
            Residues(scalars[low:high], data[_POINTS + SCALAR_BYTES * low : _POINTS + SCALAR_BYTES * high])
            for low, high in pairwise(ends)
        )
        return Proof(S, A, B, g, m, q, e, scalars[-1])


_POINTS = 3 * UNCOMPRESSED_BYTES


def proof_bytes(system: System) -> int:
    """Return the exact length of every proof of a system."""
    return _POINTS + SCALAR_BYTES * (sum(_lengths(system)) + 1)


def prove(
    transcript: Transcript,
    statement: Statement,
    witness: Witness,
    randomness: Randomness = system_randomness,
    prepared: Prepared | None = None,
) -> Proof:
    """Return a proof of the statement.

    Args:
        transcript: Has absorbed the context of the proof; the verifier's must have absorbed the same.
        statement: What is proved.
        witness: The secret values.
        randomness: Source of the masks; vectors pin it.
        prepared: Masks made before by `zkmargin.proofs.masks.prepare`; used up by this proof.

    Raises:
        WitnessError: if the witness does not satisfy the system, or the prepared masks have been used; there is no
            proof then.
        StatementError: if the masks were prepared for another shape.
    """
    return respond(transcript, statement, witness, randomness, OPENED_FORM, prepared).proof


@dataclass(frozen=True, slots=True)
class Responses:
    """A proof as far as step (11), with the challenges that led there."""

    proof: Proof
    weights: Weights
    x: int


def respond(
    transcript: Transcript,
    statement: Statement,
    witness: Witness,
    randomness: Randomness,
    form: bytes,
    prepared: Prepared | None = None,
) -> Responses:
    """Return the outcome of steps (1) to (11); `form` says how the responses will be sent."""
    _absorb(transcript, statement, form)
    prover = _Prover(statement.system, witness)
    start = transcript.copy()
    masks = prepared.take(statement.system.shape) if prepared else None
    for _ in range(MAX_ATTEMPTS):
        responses = prover.attempt(transcript, masks or prover.draw(transcript, randomness))
        if responses is not None:
            return responses
        masks = None  # they have met a challenge: never again
        transcript.restore(start)
    raise WitnessError("no admissible challenge was drawn: the random source is broken")


def verify(transcript: Transcript, statement: Statement, proof: Proof) -> None:
    """Return if the proof holds.

    Raises:
        VerificationError: naming the check that failed.
    """
    if batch.bad_positions([equation(transcript, statement, proof)]):  # (12)
        raise VerificationError("the proof does not hold", failed="(12)")


@dataclass(frozen=True, slots=True)
class Challenged:
    """A proof as far as step (10): all that is left is its equation."""

    statement: Statement
    proof: Proof
    weights: Weights
    x: int


def equation(transcript: Transcript, statement: Statement, proof: Proof) -> batch.Equation:
    """Return step (12) as an equation for `zkmargin.proofs.batch`, having made every other check.

    Raises:
        VerificationError: if a challenge is inadmissible or the proof has not the system's shape.
    """
    return equations([challenge(transcript, statement, proof)])[0]


def challenge(transcript: Transcript, statement: Statement, proof: Proof) -> Challenged:
    """Return the proof with its challenges, having made every check but (12).

    Raises:
        VerificationError: if a challenge is inadmissible or the proof has not the system's shape.
    """
    if (len(proof.g), len(proof.m), len(proof.q), len(proof.e)) != _lengths(statement.system):  # (11)
        raise VerificationError("the proof has not the shape of the statement", failed="(11)")
    weights, x = challenges(transcript, statement, OPENED_FORM, proof.S, proof.A, proof.B)
    return Challenged(statement, proof, weights, x)


def equations(items: Sequence[Challenged]) -> list[batch.Equation]:
    """Return step (12) of every proof; proofs of one system share what they can."""
    by_system: dict[bytes, list[int]] = {}
    for place, item in enumerate(items):
        by_system.setdefault(item.statement.system.digest, []).append(place)
    found: dict[int, batch.Equation] = {}
    for places in by_system.values():
        found |= zip(places, _final_equations([items[place] for place in places]), strict=True)
    return [found[place] for place in range(len(items))]


def challenges(
    transcript: Transcript, statement: Statement, form: bytes, S: Point, A: Point, B: Point
) -> tuple[Weights, int]:
    """Return the verifier's weights and x, having absorbed the statement and the prover's points.

    Raises:
        VerificationError: if a challenge is inadmissible.
    """
    _absorb(transcript, statement, form)
    transcript.absorb("A", group.encode(A))  # (2)
    alpha = transcript.challenge("alpha")  # (3)
    if not _admissible(statement.system, alpha):
        raise VerificationError("the challenge alpha is inadmissible", failed="(3)")
    transcript.absorb("B", group.encode(B))  # (5)
    rho, w = transcript.challenge("rho"), transcript.challenge("w")  # (6)
    if rho == 0:
        raise VerificationError("the challenge rho is zero", failed="(6)")
    transcript.absorb("S", group.encode(S))  # (9)
    x = transcript.challenge("x")  # (10)
    if x == 0:
        raise VerificationError("the challenge x is zero", failed="(10)")
    return Weights(statement.system, alpha, rho, w), x


class _Prover:
    """The witness in the argument's own terms; each attempt draws fresh masks."""

    def __init__(self, system: System, witness: Witness) -> None:
        _check(system, witness)
        values = witness.values
        starts = [system.book_start(number) for number in range(system.commitments + 1)]
        counts = Counter(values[: system.digits])
        self.system = system
        self.T = system.commitments + 3
        self.a = list(values[: system.slots])
        self.rights = values[system.right_start : system.wire_start]
        self.m = [counts[t] for t in range(1, 1 + system.multiplicities)] + list(values[system.wire_start : starts[0]])
        self.books = [values[start:end] for start, end in pairwise(starts)]
        self.blindings = witness.blindings

    def attempt(self, transcript: Transcript, masks: Masks) -> Responses | None:
        """Return the responses, or `None` when alpha is inadmissible: a public event, independent of the witness."""
        system, T, r_A = self.system, self.T, masks.r_A
        G = generators.slots.first(system.slots)
        M = generators.wires.first(len(self.m))
        E = generators.errors.first(T + 2)
        H = generators.blinding()
        A = group.msm([*G, *M, *E[: T - 1], H], [*self.a, *self.m, *r_A, masks.rho_A])  # (1)
        transcript.absorb("A", group.encode(A))  # (2)
        alpha = transcript.challenge("alpha")  # (3)
        if not _admissible(system, alpha):
            return None
        at = reciprocals(system, alpha)
        b = [*[at[digit] for digit in self.a[: system.digits]], *self.rights]
        B = group.msm([*G, E[T - 1], H], [*b, masks.r_B, masks.rho_B])  # (4)
        transcript.absorb("B", group.encode(B))  # (5)
        rho, w = transcript.challenge("rho"), transcript.challenge("w")  # (6)
        weights = Weights(system, alpha, rho, w)  # (7)
        t = self._coefficients(weights, b, masks)
        e = [t[0], *[t[d] - r_A[d - 1] for d in range(1, T)], t[T + 1] - masks.r_B]
        S = _masked(masks, system, [*E[:T], E[T + 1]], e)  # (8)
        transcript.absorb("S", group.encode(S))  # (9)
        x = transcript.challenge("x")  # (10)
        x2, book_powers = x * x % ORDER, powers(x, system.commitments, first=x**4)
        e_masks = [*[x * mask for mask in r_A[1:]], x2 * masks.r_B, 0]
        proof = Proof(  # (11)
            S=S,
            A=A,
            B=B,
            g=combine([(1, masks.s), (x, self.a), (x2, b)]),
            m=combine([(1, masks.s_m), (x, self.m)]),
            q=combine([(1, masks.s_q), *zip(book_powers, self.books, strict=True)]),
            e=[(one + other) % ORDER for one, other in zip(e[1:], e_masks, strict=True)],
            h=(masks.sigma + x * masks.rho_A + x2 * masks.rho_B + inner(book_powers, self.blindings)) % ORDER,
        )
        return Responses(proof, weights, x)

    def draw(self, transcript: Transcript, randomness: Randomness) -> Masks:
        """Return fresh masks, hedged by the witness and the transcript."""
        secrets = [*self.a, *self.rights, *self.m, *chain(*self.books), *self.blindings]
        witness = b"".join([(number % ORDER).to_bytes(SCALAR_BYTES, "big") for number in secrets])
        return draw(self.system.shape, randomness, witness, transcript.fingerprint())

    def _coefficients(self, weights: Weights, b: list[int], masks: Masks) -> dict[int, int]:
        """Return t_0 .. t_{T+1} without t_T, the coefficients of t(X) that are not the combined identity."""
        T, a, s = self.T, self.a, masks.s
        lambda_a, lambda_b, lambda_m, lambda_books = weights.collect(self.system)
        mu = powers(weights.mu, self.system.slots, first=weights.mu)
        mu_s = list(map(mul, mu, s))
        mu_a = list(map(mul, mu, a))
        t = dict.fromkeys([*range(T), T + 1], 0)
        t[T - 3] += inner(mu_s, s)
        t[T - 2] += 2 * (inner(mu_s, a) + inner(lambda_b, s))
        t[T - 1] += inner(mu_a, a) + 2 * (inner(mu_s, b) + inner(lambda_b, a))
        t[T - 1] += 2 * (inner(lambda_a, s) + inner(lambda_m, masks.s_m))
        t[T + 1] += inner(list(map(mul, mu, b)), b) + 2 * inner(lambda_a, b)
        for k, lambda_k in enumerate(lambda_books, start=1):
            t[T - 3 - k] += 2 * inner(lambda_k, masks.s_q)
            for j, book in enumerate(self.books, start=1):
                if j != k:
                    t[T + j - k] += 2 * inner(lambda_k, book)
        return {degree: value % ORDER for degree, value in t.items()}


def _masked(masks: Masks, system: System, E: Sequence[Point], e: Sequence[int]) -> Point:
    """Return S; of prepared masks only the error terms are left to add."""
    if masks.head is not None:
        return group.add(masks.head, group.msm(E, e))
    G, M = generators.slots.first(system.slots), generators.wires.first(len(masks.s_m))
    P = [generators.book(label) for label in system.basis]
    return group.msm([*G, *M, *P, *E, generators.blinding()], [*masks.s, *masks.s_m, *masks.s_q, *e, masks.sigma])


def _final_equations(items: Sequence[Challenged]) -> list[batch.Equation]:
    """Return (12) of proofs of one system, with everything on the right-hand side."""
    system = items[0].statement.system
    T = system.commitments + 3
    x_powers = [powers(item.x, T + 2) for item in items]
    received = [
        Received(item.weights, item.proof.g, item.proof.m, item.proof.q, xs)
        for item, xs in zip(items, x_powers, strict=True)
    ]
    totals = evaluate(system, received)
    return [_final_equation(*parts) for parts in zip(items, x_powers, totals, strict=True)]


def _final_equation(item: Challenged, x_powers: Sequence[int], total: int) -> batch.Equation:
    """Return (12), given t(x)."""
    system, proof = item.statement.system, item.proof
    T = system.commitments + 3
    on_errors = sum(map(mul, [*x_powers[1:T], x_powers[T + 1]], proof.e))
    return batch.Equation(
        slots=Encoded.of(proof.g),
        wires=Encoded.of(proof.m),
        errors=[(total - on_errors) % ORDER, *proof.e[: T - 1], 0, proof.e[T - 1]],
        blinding=proof.h,
        labels=system.basis,
        books=Encoded.of(proof.q),
        points=[proof.S, proof.A, proof.B, *[commitment.point for commitment in item.statement.commitments]],
        scalars=[-1, -x_powers[1], -x_powers[2], *[-x_powers[4 + k] for k in range(system.commitments)]],
    )


def _absorb(transcript: Transcript, statement: Statement, form: bytes = OPENED_FORM) -> None:
    transcript.absorb("form", form)
    transcript.absorb("system", statement.system.digest)
    for commitment in statement.commitments:
        transcript.absorb("commitment", commitment.to_bytes())


def _admissible(system: System, alpha: int) -> bool:
    """Return whether alpha is none of 0, -1, .., -(base - 1)."""
    return not system.digits or 0 < alpha <= ORDER - system.base


def _lengths(system: System) -> tuple[int, int, int, int]:
    """Return the lengths of g, m^, q^ and e^."""
    return system.slots, system.multiplicities + system.wires, len(system.basis), system.commitments + 3


def _check(system: System, witness: Witness) -> None:
    """Refuse a witness that does not satisfy the system.

    Raises:
        WitnessError: without any value in its text.
    """
    values = witness.values
    if len(values) != system.variables or len(witness.blindings) != system.commitments:
        raise WitnessError("the witness has not the shape of the statement")
    digits = values[: system.digits]
    if digits and not 0 <= min(digits) <= max(digits) < system.base:
        raise WitnessError("a digit of the witness is out of range")
    if any(form.evaluate(values) for form in system.constraints):
        raise WitnessError("the witness does not satisfy every row")
    lefts, rights = values[system.digits : system.slots], values[system.right_start : system.wire_start]
    for one, other, form in zip(lefts, rights, system.products, strict=True):
        if one * other != form.evaluate(values):
            raise WitnessError("the witness does not satisfy every product")
