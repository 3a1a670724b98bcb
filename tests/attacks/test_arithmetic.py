"""One named lie for every check of the norm argument's verifier, and for every rule of its statement.

A `Forger` follows the protocol with values of its own choice and looks at nothing. Each lie is refused by the verifier
as it is, and accepted by the known-bad one that lacks exactly the check or the rule in question.
"""

import ast
import inspect
import re
import secrets
import textwrap
from collections import Counter
from dataclasses import replace
from itertools import pairwise

import pytest

from tests.attacks.known_bad import known_bad
from tests.attacks.register import register
from zkmargin.algebra import generators
from zkmargin.algebra.group import FIELD_MODULUS, clears_to_identity, group
from zkmargin.algebra.portable import Portable
from zkmargin.algebra.scalars import ORDER, combine, inner, inverse, powers
from zkmargin.commitments import Commitment, Opening, commit
from zkmargin.errors import EncodingError, StatementError, VerificationError, WitnessError
from zkmargin.proofs import arithmetic, batch
from zkmargin.proofs.arithmetic import Proof, Statement, Weights, Witness
from zkmargin.proofs.constraints import Affine, System
from zkmargin.transcript import Transcript

TAG = b"attacks"
H = generators.blinding()
attacked, attacks = register()


def random_scalars(count):
    return [secrets.randbelow(ORDER) for _ in range(count)]


class Programmed(Transcript):
    """A transcript on which some challenges are known before it starts: the prover's dream.

    Attributes:
        drawn: Every challenge, by name, once it has been drawn.
    """

    __slots__ = ("drawn", "known")

    def __init__(self, **known):
        super().__init__(TAG)
        self.known = known
        self.drawn = {}

    def challenge(self, name):
        self.drawn[name] = self.known.get(name, super().challenge(name))
        return self.drawn[name]


def absorb(transcript, statement):
    """Absorb the statement, as the docstring's Transcript says."""
    transcript.absorb("form", arithmetic.OPENED_FORM)
    transcript.absorb("system", statement.system.digest)
    for commitment in statement.commitments:
        transcript.absorb("commitment", commitment.to_bytes())


# The liar


def coefficients(system, alpha, rho, w, g, m, q):
    """Return t_0, t_1, .. for vectors that are polynomials, written as {degree: vector}."""
    weights = Weights(system, alpha, rho, w)
    T = system.commitments + 3
    lambda_a, lambda_b, lambda_m, lambda_books = weights.collect(system)
    mu = powers(rho**2, system.slots, first=rho**2)
    t = Counter({T: 2 * weights.kappa})
    for degree, left in g.items():
        t[T - 1 + degree] += 2 * inner(lambda_a, left)
        t[T - 2 + degree] += 2 * inner(lambda_b, left)
        for other, right in g.items():
            t[T - 3 + degree + other] += inner([one * value for one, value in zip(mu, left, strict=True)], right)
    for degree, vector in m.items():
        t[T - 1 + degree] += 2 * inner(lambda_m, vector)
    for degree, vector in q.items():
        for k, part in enumerate(lambda_books, start=1):
            t[T - 3 - k + degree] += 2 * inner(part, vector)
    return t


class Forger:
    """A prover who checks nothing, and whose messages may hold more than they should.

    Attributes:
        counts: What the multiplicity wires say; by default how often each digit occurs.
        on_A, on_B: Components of A and B on the error bases, besides or instead of the masks.
        absorb: How the statement is absorbed.
        torsion: What is added to S, A and B.
    """

    def __init__(self, statement, values, blindings, counts=None, on_A=None, on_B=None, torsion=None):
        system = self.system = statement.system
        self.statement = statement
        self.T = system.commitments + 3
        self.a = [value % ORDER for value in values[: system.slots]]
        self.rights = [value % ORDER for value in values[system.right_start : system.wire_start]]
        seen = Counter(self.a[: system.digits])
        honest = [seen[digit] for digit in range(1, 1 + system.multiplicities)]
        self.m = [*(honest if counts is None else counts), *values[system.wire_start : system.book_start(0)]]
        ends = [system.book_start(number) for number in range(1 + system.commitments)]
        self.books = [values[start:end] for start, end in pairwise(ends)]
        self.blindings = blindings
        self.on_A = dict(enumerate(random_scalars(self.T - 1))) | (on_A or {})
        self.on_B = {self.T - 1: random_scalars(1)[0]} | (on_B or {})
        self.absorb = absorb
        self.torsion = torsion or (group.identity(),) * 3

    def prove(self, transcript):
        """Return the proof that these choices lead to; only the coefficient at X^T is left to chance."""
        system = self.system
        self.absorb(transcript, self.statement)
        rho_A, rho_B, sigma = random_scalars(3)
        A = self.point(self.torsion[1], self.a, self.m, (), self.on_A, rho_A)
        transcript.absorb("A", group.encode(A))
        alpha = transcript.challenge("alpha")
        b = [*[inverse(alpha + digit) for digit in self.a[: system.digits]], *self.rights]
        B = self.point(self.torsion[2], b, (), (), self.on_B, rho_B)
        transcript.absorb("B", group.encode(B))
        rho, w = transcript.challenge("rho"), transcript.challenge("w")
        self.weights = Weights(system, alpha, rho, w)
        s, s_m, s_q = map(random_scalars, (system.slots, len(self.m), len(system.basis)))
        g, m = {0: s, 1: self.a, 2: b}, {0: s_m, 1: self.m}
        q = {0: s_q} | {3 + k: book for k, book in enumerate(self.books, start=1)}
        self.t = coefficients(system, alpha, rho, w, g, m, q)
        degrees = [*range(self.T), self.T + 1]
        e = {d: (self.t[d] - self.on_A.get(d - 1, 0) - self.on_B.get(d - 2, 0)) % ORDER for d in degrees}
        S = self.point(self.torsion[0], s, s_m, s_q, e, sigma)
        transcript.absorb("S", group.encode(S))
        x = transcript.challenge("x")

        def at_x(polynomial):
            return combine([(x**degree, vector) for degree, vector in polynomial.items()])

        hidden = [sigma, rho_A, rho_B, 0, *self.blindings]
        return Proof(
            S,
            A,
            B,
            at_x(g),
            at_x(m),
            at_x(q),
            [(e[d] + x * self.on_A.get(d, 0) + x * x * self.on_B.get(d, 0)) % ORDER for d in degrees[1:]],
            sum(x**degree * value for degree, value in enumerate(hidden)) % ORDER,
        )

    def point(self, extra, slots, wires, books, errors, blinding):
        bases = [
            *generators.slots.first(len(slots)),
            *generators.wires.first(len(wires)),
            *[generators.book(label) for label, _ in zip(self.system.basis, books, strict=False)],
            *[generators.errors.first(self.T + 2)[degree] for degree in errors],
            H,
        ]
        return group.add(group.msm(bases, [*slots, *wires, *books, *errors.values(), blinding]), extra)


def verify(statement, proof, transcript=None):
    arithmetic.verify(transcript or Transcript(TAG), statement, proof)


def refused(check, statement, proof, transcript=None):
    with pytest.raises(VerificationError) as caught:
        verify(statement, proof, transcript)
    assert caught.value.failed == check


def without_check(number):
    """Return the name of the function that makes a numbered check, and what it would be without."""
    (name,) = [
        name
        for name, function in inspect.getmembers(arithmetic, inspect.isfunction)
        if function.__module__ == arithmetic.__name__ and f'failed="{number}"' in inspect.getsource(function)
    ]

    class Remove(ast.NodeTransformer):
        def visit_If(self, node):
            return ast.Pass() if f"failed='{number}'" in ast.unparse(node) else node

    tree = Remove().visit(ast.parse(textwrap.dedent(inspect.getsource(getattr(arithmetic, name)))))
    made = {}
    # The project's own source, one check shorter.
    exec(compile(ast.fix_missing_locations(tree), "known-bad", "exec"), vars(arithmetic), made)  # noqa: S102
    return name, made[name]


@pytest.fixture
def remove(monkeypatch):
    """Take a numbered check out of the verifier."""

    def take_out(number):
        monkeypatch.setattr(arithmetic, *without_check(number))

    return take_out


@pytest.fixture
def systems_unchecked(monkeypatch):
    """Take a check out of what makes a constraint system."""

    def take_out(name):
        monkeypatch.setattr(System, name, lambda self: None)

    return take_out


# The statement that most lies are about: flat, digit 0, left 1, right 2, wire 3, q 4.

SQUARE = System(
    ("USD",),
    (("USD",),),
    1,
    4,
    (Affine((3,), (1,), 0),),
    1,
    (Affine((0, 4), (1, -1), 0), Affine((1, 4), (1, -1), 0), Affine((2, 4), (1, -1), 0)),
    30,
)
TRUE = [3, 3, 3, 9, 3]
LIES = {
    "a digit out of range": [4, 4, 4, 16, 4],
    "a negative digit": [-1, -1, -1, 1, -1],
    "a false row": [3, 3, 3, 9, 2],
    "a false product": [3, 3, 3, 10, 3],
}


def about(system, *quantities):
    """Return a statement about books with these quantities (residues, if need be), and the blinding factors."""
    blindings = random_scalars(system.commitments)
    bases = [*map(generators.book, system.basis), H]
    points = [group.msm(bases, [*book, gamma]) for book, gamma in zip(quantities, blindings, strict=True)]
    return Statement(system, tuple(map(Commitment, points))), blindings


def square(values=TRUE, **choices):
    """Return a statement about values[4], and somebody who claims that these values satisfy it."""
    statement, blindings = about(SQUARE, [values[4]])
    return statement, Forger(statement, values, blindings, **choices)


def test_the_forger_is_believed_as_long_as_it_tells_the_truth():
    statement, forger = square()
    verify(statement, forger.prove(Transcript(TAG)))


# The numbered checks


@attacks("(12)")
@pytest.mark.parametrize("lie", LIES)
def test_a_lie_told_by_the_rules_is_refused_by_the_equation(lie, remove):
    statement, forger = square(LIES[lie])
    proof = forger.prove(Transcript(TAG))
    refused("(12)", statement, proof)
    remove("(12)")
    verify(statement, proof)


@attacks("(3)")
@pytest.mark.parametrize("alpha", [0, ORDER - 1, ORDER - 2, ORDER - 3], ids=["0", "-1", "-2", "-3"])
def test_where_the_look_up_has_a_pole_there_is_no_proof_and_no_crash(alpha, remove):
    statement, forger = square()
    proof = forger.prove(Transcript(TAG))
    refused("(3)", statement, proof, Programmed(alpha=alpha))
    remove("(3)")
    with pytest.raises(ZeroDivisionError):
        verify(statement, proof, Programmed(alpha=alpha))


@attacks("(6)")
def test_with_rho_zero_no_product_and_no_digit_would_count(remove):
    statement, forger = square(LIES["a false product"])
    proof = forger.prove(Programmed(rho=0))
    refused("(6)", statement, proof, Programmed(rho=0))
    remove("(6)")
    verify(statement, proof, Programmed(rho=0))


@attacks("(10)")
def test_with_x_zero_anything_would_hold(remove):
    statement, _ = square(LIES["a digit out of range"])
    zeros = [[0] * length for length in arithmetic._lengths(SQUARE)]
    proof = Proof(H, H, H, *zeros, h=1)
    refused("(10)", statement, proof, Programmed(x=0))
    remove("(10)")
    verify(statement, proof, Programmed(x=0))


@attacks("(11)")
@pytest.mark.parametrize("name", ["g", "m", "e"])
def test_a_longer_list_would_be_a_second_proof_made_without_the_witness(name, remove):
    statement, forger = square()
    proof = forger.prove(Transcript(TAG))
    longer = replace(proof, **{name: [*getattr(proof, name), 0]})
    refused("(11)", statement, longer)
    remove("(11)")
    verify(statement, longer)


@attacks("(11)")
@pytest.mark.parametrize("name", ["g", "m", "q", "e"])
@pytest.mark.parametrize("change", ["shorter", "empty", "longer"])
def test_a_proof_of_another_shape_is_refused_before_any_challenge_is_drawn(name, change):
    statement, forger = square()
    proof = forger.prove(Transcript(TAG))
    values = getattr(proof, name)
    transcript = Transcript(TAG)
    wrong = {"shorter": values[:-1], "empty": [], "longer": [*values, 1]}[change]
    refused("(11)", statement, replace(proof, **{name: wrong}), transcript)
    assert not [step for step in transcript.log if step.startswith("squeeze")]


def test_every_numbered_check_has_an_attack():
    source = inspect.getsource(arithmetic)
    assert set(attacked) == set(re.findall(r'failed="(\(\d+\))"', source)) == {"(3)", "(6)", "(10)", "(11)", "(12)"}


# Lists of unequal length


def truncating_verify(statement, proof):
    """A known-bad verifier: generators by the statement, scalars by the proof, and the shorter list decides."""
    system, (_, unchecked) = statement.system, without_check("(11)")
    (equation,) = arithmetic.equations([unchecked(Transcript(TAG), statement, proof)])
    points = [
        *generators.slots.first(system.slots),
        *generators.wires.first(system.multiplicities + system.wires),
        *map(generators.book, system.basis),
        *generators.errors.first(len(equation.errors)),
        H,
        *equation.points,
    ]
    scalars = [*equation.slots, *equation.wires, *equation.books, *equation.errors, equation.blinding]
    pairs = list(zip(points, [*scalars, *equation.scalars], strict=False))
    total = group.msm([point for point, _ in pairs], [scalar for _, scalar in pairs])
    if not clears_to_identity(group, total):
        raise VerificationError("the proof does not hold", failed="(12)")


@known_bad("lengths are taken from the proof")
def test_a_verifier_that_zips_unequal_lists_would_believe_anything():
    statement, _ = square(LIES["a digit out of range"])
    n, m, q, e = arithmetic._lengths(SQUARE)
    # Four responses too many push every later scalar four bases on, and -1, -x, -x^2, -x^4 off the end: e^_1 meets E_5
    # and e^_3 meets S. With S = E_5 and e^_3 = -e^_1 they cancel, for an e^_1 that makes the scalar of E_0 vanish.
    E_5 = generators.errors.first(6)[5]
    blank = Proof(E_5, H, H, [0] * (n + 4), [0] * m, [0] * q, [0] * e, 0)
    _, unchecked = without_check("(11)")
    (equation,) = arithmetic.equations([unchecked(Transcript(TAG), statement, blank)])
    x = -equation.scalars[1]
    e_1 = equation.errors[0] * inverse(x - x**3)
    forged = replace(blank, e=[e_1 % ORDER, 0, -e_1 % ORDER, 0])
    truncating_verify(statement, forged)
    refused("(11)", statement, forged)


# Canonical bytes


def proof_of_the_truth():
    statement, forger = square()
    return statement, forger.prove(Transcript(TAG)).to_bytes()


def test_a_proof_with_any_byte_changed_is_refused():
    statement, data = proof_of_the_truth()
    for place in range(len(data)):
        for mask in (0x01, 0x80):
            changed = data[:place] + bytes([data[place] ^ mask]) + data[place + 1 :]
            with pytest.raises((EncodingError, VerificationError)):
                verify(statement, Proof.from_bytes(SQUARE, changed))


@known_bad("responses are reduced when they are read")
def test_a_scalar_plus_the_order_would_be_a_second_encoding_of_the_same_proof(monkeypatch):
    statement, data = proof_of_the_truth()
    place = next(i for i in range(288, len(data), 32) if int.from_bytes(data[i : i + 32], "big") < 2**256 - ORDER)
    value = int.from_bytes(data[place : place + 32], "big") + ORDER
    second = data[:place] + value.to_bytes(32, "big") + data[place + 32 :]
    with pytest.raises(EncodingError, match="not below the order"):
        Proof.from_bytes(SQUARE, second)

    def reducing(data, count):
        return [int.from_bytes(data[i : i + 32], "big") % ORDER for i in range(0, len(data), 32)]

    monkeypatch.setattr(arithmetic, "decode_scalars", reducing)
    verify(statement, Proof.from_bytes(SQUARE, second))


BAD_POINTS = {
    "the identity": bytes(96),
    "the identity with its flag": b"\x40" + bytes(95),
    "off the curve": bytes(95) + b"\x01",
    "a coordinate above the modulus": bytes(48) + (FIELD_MODULUS + 2).to_bytes(48, "big"),
}


@pytest.mark.parametrize("place", [0, 1, 2], ids=["S", "A", "B"])
@pytest.mark.parametrize("lie", BAD_POINTS)
def test_a_point_that_is_not_one_is_refused_wherever_it_stands(lie, place):
    _, data = proof_of_the_truth()
    with pytest.raises(EncodingError):
        Proof.from_bytes(SQUARE, data[: 96 * place] + BAD_POINTS[lie] + data[96 * (place + 1) :])


def test_an_identity_that_never_was_bytes_is_refused_too():
    statement, forger = square()
    proof = forger.prove(Transcript(TAG))
    for name in ("S", "A", "B"):
        with pytest.raises(EncodingError, match="identity"):
            verify(statement, replace(proof, **{name: group.identity()}))


# Fiat and Shamir: everything public is absorbed, in time


@known_bad("the statement is not absorbed")
def test_without_the_commitment_in_the_transcript_it_could_be_chosen_last(monkeypatch):
    def forgetful(transcript, statement, *_):
        transcript.absorb("system", statement.system.digest)

    monkeypatch.setattr(arithmetic, "_absorb", forgetful)
    placeholder, _ = square()
    proof = Proof(H, H, H, *map(random_scalars, arithmetic._lengths(SQUARE)), h=1)
    equation = arithmetic.equation(Transcript(TAG), placeholder, proof)
    x_4 = -equation.scalars[-1]
    rest = replace(equation, points=equation.points[:-1], scalars=equation.scalars[:-1])
    chosen = Statement(SQUARE, (Commitment(group.multiply(value_of(rest), inverse(x_4))),))
    verify(chosen, proof)
    monkeypatch.undo()
    refused("(12)", chosen, proof)


def value_of(equation):
    """Return the left-hand side of a batch equation."""
    points = [
        *generators.slots.first(len(equation.slots)),
        *generators.wires.first(len(equation.wires)),
        *generators.errors.first(len(equation.errors)),
        *map(generators.book, equation.labels),
        H,
        *equation.points,
    ]
    scalars = [*equation.slots, *equation.wires, *equation.errors, *equation.books, equation.blinding]
    return group.msm(points, [*scalars, *equation.scalars])


@known_bad("the statement is not absorbed")
def test_without_the_system_in_the_transcript_its_constants_could_be_chosen_last(monkeypatch):
    def forgetful(transcript, statement, *_):
        transcript.absorb("commitment", statement.commitments[0].to_bytes())

    monkeypatch.setattr(arithmetic, "_absorb", forgetful)
    statement, forger = square(LIES["a false product"])
    forger.absorb = forgetful
    proof = forger.prove(Transcript(TAG))
    # The product's error is made up for by the constant of the first row.
    constant = -forger.t[4] * inverse(2 * forger.weights.forms[0]) % ORDER
    rows = (replace(SQUARE.rows[0], constant=constant), *SQUARE.rows[1:])
    monkeypatch.setattr(System, "_check_no_wrap_around", lambda self: None)
    chosen = replace(statement, system=replace(SQUARE, rows=rows))
    verify(chosen, proof)
    monkeypatch.undo()
    refused("(12)", chosen, proof)


@known_bad("digits are committed after the look-up challenge")
def test_with_alpha_known_before_the_digits_are_committed_no_digit_would_be_in_range():
    alpha, quantity = 2**200, 10**6
    # One multiplicity is enough to make up for any digit.
    poles = [inverse(alpha + t) - inverse(alpha) for t in range(4)]
    counts = [(inverse(alpha + quantity) - inverse(alpha)) * inverse(poles[1]) % ORDER, 0, 0]
    statement, forger = square([quantity, quantity, quantity, quantity**2, quantity], counts=counts)
    verify(statement, forger.prove(Programmed(alpha=alpha)), Programmed(alpha=alpha))
    refused("(12)", statement, forger.prove(Transcript(TAG)))


TWO_PRODUCTS = System(
    ("USD",),
    (("USD",),),
    0,
    2,
    (Affine((), (), 1), Affine((), (), 1)),
    0,
    tuple(Affine((index, 4), (1, -1), 0) for index in range(4)),
    30,
)


@known_bad("right values are committed after rho and w")
def test_with_rho_and_w_known_before_the_right_values_are_committed_two_lies_would_cancel():
    # a_i b_i = 1 for a_0 = a_1 = 1; the rows that tie b to the book are lies as well, and b makes up for all of it.
    rho, w = 2**200, 2**201
    statement, blindings = about(TWO_PRODUCTS, [1])
    b_0 = 5
    b_1 = 1 - (b_0 - 1) * (rho**2 + w**4) * inverse(rho**4 + w**5)
    forger = Forger(statement, [1, 1, b_0, b_1 % ORDER, 1], blindings)
    verify(statement, forger.prove(Programmed(rho=rho, w=w)), Programmed(rho=rho, w=w))
    refused("(12)", statement, forger.prove(Transcript(TAG)))


@known_bad("slots and rows are weighted by one challenge")
def test_with_one_challenge_for_slots_and_rows_a_false_product_would_cancel_a_false_row():
    # w = rho^2 = mu: the second product and the first row would both have the weight mu^2.
    rho = 2**100 + 1
    statement, blindings = about(TWO_PRODUCTS, [1])
    values = [2, 1, 1, 1, 1]
    spoilt = replace(TWO_PRODUCTS, products=(Affine((), (), 2), Affine((), (), 2)))
    statement = replace(statement, system=spoilt)
    forger = Forger(statement, values, blindings)
    # a_0 b_0 = 2 holds, a_1 b_1 = 2 is 1 too small, and row 0, a_0 = q, is 1 too large.
    together = {"rho": rho, "w": rho**2}
    verify(statement, forger.prove(Programmed(**together)), Programmed(**together))
    refused("(12)", statement, forger.prove(Transcript(TAG)))


# Weights


def polluted(deviation):
    """Return a false claim, "the digit is q + deviation", whose A has a component to make up for it on E_{T-1}."""
    statement, blindings = about(SQUARE, [2])
    values = [2 + deviation, 2, 2, 4, 2]
    return statement, Forger(statement, values, blindings, on_A={3: 2 * deviation})


@known_bad("a constraint has a constant weight")
def test_a_row_of_constant_weight_would_be_made_up_for_by_a_component_of_A_where_it_has_no_business(monkeypatch):
    class Constant(Weights):
        def __init__(self, system, alpha, rho, w):
            super().__init__(system, alpha, rho, w)
            self.forms[0] = 1

    statement, forger = polluted(1)
    refused("(12)", statement, forger.prove(Transcript(TAG)))
    monkeypatch.setattr(arithmetic, "Weights", Constant)
    monkeypatch.setitem(globals(), "Weights", Constant)
    verify(statement, forger.prove(Transcript(TAG)))


def test_a_component_of_A_where_it_has_no_business_spoils_the_truth():
    statement, forger = square(on_A={3: 1})
    refused("(12)", statement, forger.prove(Transcript(TAG)))


@known_bad("there is an error slot at the target degree")
def test_if_there_were_an_E_T_every_lie_would_have_a_place_to_hide():
    statement, forger = square(LIES["a false product"])
    T = 4
    E_T = generators.errors.first(T + 1)[T]
    honest_point = Forger.point

    def point(self, extra, slots, wires, books, errors, blinding):
        # S, and S alone, has books; t_T goes where the other coefficients go.
        more = group.multiply(E_T, self.t[T] % ORDER) if books else group.identity()
        return honest_point(self, group.add(extra, more), slots, wires, books, errors, blinding)

    forger.point = point.__get__(forger)
    proof = forger.prove(Transcript(TAG))
    refused("(12)", statement, proof)
    equation = arithmetic.equation(Transcript(TAG), statement, proof)
    x, e_T = -equation.scalars[1], forger.t[T]
    errors = [equation.errors[0] - pow(x, T, ORDER) * e_T, *equation.errors[1:T], e_T, equation.errors[T + 1]]
    assert batch.bad_positions([replace(equation, errors=errors)]) == ()


# The statement itself


def hidden_position():
    """Return the claim "q^(2), over {USD} alone, cancels the BTC of q^(1)", and a witness that hides BTC in q^(2)."""
    # Flat: left 0, right 1, then BTC and USD of q^(1) and q^(2) at 2 .. 5.
    rows = (Affine((2, 4), (1, 1), 0), Affine((0,), (1,), 0), Affine((1,), (1,), 0))
    system = System(("BTC", "USD"), (("BTC", "USD"), ("USD",)), 0, 2, (Affine((), (), 0),), 0, rows, 30)
    statement, blindings = about(system, [5, 100], [-5, 100])
    return statement, [0, 0, 5, 100, -5, 100], blindings


@known_bad("membership rows are left out")
def test_without_membership_rows_a_commitment_over_cash_would_hide_a_position(monkeypatch):
    statement, values, blindings = hidden_position()
    with pytest.raises(WitnessError):
        arithmetic.prove(Transcript(TAG), statement, Witness(values, blindings))
    refused("(12)", statement, Forger(statement, values, blindings).prove(Transcript(TAG)))

    class WithoutMembership(System):
        constraints = property(lambda self: self.rows)

    system = statement.system
    careless = WithoutMembership(**{name: getattr(system, name) for name in system.__dataclass_fields__})
    statement = replace(statement, system=careless)
    verify(statement, Forger(statement, values, blindings).prove(Transcript(TAG)))


@known_bad("a label occurs twice in a basis")
def test_a_label_that_occurs_twice_would_let_one_quantity_be_two(systems_unchecked):
    # "The first coordinate is 100" about a book that holds nothing: 100 and -100 of the same asset.
    rows = (Affine((2,), (1,), -100), Affine((0,), (1,), 0), Affine((1,), (1,), 0))
    parts = (("USD", "USD"), (("USD", "USD"),), 0, 2, (Affine((), (), 0),), 0, rows, 30)
    with pytest.raises(StatementError, match="distinct"):
        System(*parts)
    systems_unchecked("_check_labels")
    statement, blindings = about(System(*parts), [100, -100])
    assert statement.commitments[0] == commit(Opening({}, blindings[0]))
    verify(statement, Forger(statement, [0, 0, 100, -100], blindings).prove(Transcript(TAG)))


@pytest.mark.parametrize("basis", [("USD",), ("BTC", "ETH", "USD")], ids=["a label missing", "a label too many"])
def test_a_basis_that_is_not_the_union_of_the_commitments_is_refused(basis):
    with pytest.raises(StatementError, match="union"):
        System(basis, (("BTC", "USD"), ("USD",)), 1, 2, (), 0, (), 30)


def test_a_row_has_no_way_to_name_the_right_value_of_a_digit_slot():
    assert SQUARE.right_start == SQUARE.slots
    assert SQUARE.wire_start - SQUARE.right_start == len(SQUARE.products) == SQUARE.slots - SQUARE.digits
    with pytest.raises(StatementError, match="outside 0..4"):
        replace(SQUARE, rows=(*SQUARE.rows, Affine((5,), (1,), 0)))
    lambda_b = Weights(SQUARE, 1, 2, 3).collect(SQUARE)[1]
    everywhere = replace(SQUARE, rows=(*SQUARE.rows, Affine((0, 1, 2, 3, 4), (1, 1, 1, 1, 1), 0)))
    assert Weights(everywhere, 1, 2, 3).collect(everywhere)[1][0] == lambda_b[0]


@known_bad("a coordinate has no bound")
def test_without_a_bound_on_every_coordinate_a_fractional_book_would_pass(systems_unchecked):
    # "2 q = 1": the book holds half a lot, which is an integer modulo the order.
    rows = (Affine((2,), (2,), -1), Affine((0,), (1,), 0), Affine((1,), (1,), 0))
    parts = (("BTC",), (("BTC",),), 0, 2, (Affine((), (), 0),), 0, rows, None)
    with pytest.raises(StatementError, match="variable 2 has no proved bound"):
        System(*parts)
    systems_unchecked("_check_no_wrap_around")
    half = inverse(2)
    statement, blindings = about(System(*parts), [half])
    verify(statement, Forger(statement, [0, 0, half], blindings).prove(Transcript(TAG)))


def range_check(length, coefficient):
    """Return the parts of "coefficient * q in [0, 2^length)", for q in {-1, 0, 1}."""
    terms = [*[2**place for place in range(length)], -coefficient]
    row = Affine(tuple(range(length + 1)), tuple(terms), 0)
    return (("BTC",), (("BTC",),), length, 2, (), 0, (row,), 1)


@known_bad("a range check may wrap around")
@pytest.mark.parametrize(
    "length, coefficient", [(255, 1), (254, ORDER - 2**254 + 1)], ids=["too many digits", "below half the order"]
)
def test_a_range_check_that_could_wrap_around_would_make_a_short_position_positive(
    length, coefficient, systems_unchecked
):
    # -coefficient is r - coefficient modulo the order, which the digits can write. In the second case the value stays
    # below r/2 in size: that bound alone is not enough.
    assert length == 255 or 2 * coefficient < ORDER
    residue = -coefficient % ORDER
    with pytest.raises(StatementError, match="row 0 could wrap around"):
        System(*range_check(length, coefficient))
    systems_unchecked("_check_no_wrap_around")
    statement, blindings = about(System(*range_check(length, coefficient)), [-1])
    digits = [residue >> place & 1 for place in range(length)]
    verify(statement, Forger(statement, [*digits, -1], blindings).prove(Transcript(TAG)))


FOUR = (
    0x9A41DBE0E4E431E0D22617E0E7F045D8,
    0x4A2266F9DF8D7213DA6D15CEB6A4C0CE,
    0x1311FCC65DA7947D55FB68166210A3FA,
    0x4C58E3FA8F7ECFACC3557F9BEDF8665,
)


def test_four_squares_of_128_bits_can_sum_to_zero(systems_unchecked):
    # Base 2^8: 16 digits a number. Left values 64 .. 67, right 68 .. 71, squares 72 .. 75, book 76 .. 79.
    assert sum(number**2 for number in FOUR) == ORDER
    rows = []
    for place in range(4):
        digits, terms = tuple(range(16 * place, 16 * place + 16)), tuple(256**i for i in range(16))
        rows += [Affine((*digits, start + place), (*terms, -1), 0) for start in (64, 68, 76)]
    rows.append(Affine((72, 73, 74, 75), (1, 1, 1, 1), 0))
    products = tuple(Affine((72 + place,), (1,), 0) for place in range(4))
    parts = (tuple("ABCD"), (tuple("ABCD"),), 64, 256, products, 4, tuple(rows), None)
    with pytest.raises(StatementError, match="could wrap around"):
        System(*parts)
    systems_unchecked("_check_no_wrap_around")
    statement, blindings = about(System(*parts), FOUR)
    digits = [number >> 8 * i & 255 for number in FOUR for i in range(16)]
    values = [*digits, *FOUR, *FOUR, *[number**2 for number in FOUR], *FOUR]
    verify(statement, Forger(statement, values, blindings).prove(Transcript(TAG)))


# Zero knowledge: every mask of the error terms is needed


def masks_of(statement, proof, values):
    """Return what r_A[0..T-2] and r_B must have been if `values` are the witness: for a wrong guess, just noise."""
    system = statement.system
    T = system.commitments + 3
    transcript = Programmed()
    arithmetic.equation(transcript, statement, proof)
    alpha, rho, w, x = (transcript.drawn[name] for name in ("alpha", "rho", "w", "x"))
    guess = Forger(statement, values, [0])
    b = [*[inverse(alpha + digit) for digit in guess.a[: system.digits]], *guess.rights]
    s = combine([(1, proof.g), (-x, guess.a), (-(x**2), b)])
    s_m = combine([(1, proof.m), (-x, guess.m)])
    s_q = combine([(1, proof.q), (-(x**4), guess.books[0])])
    g, m, q = {0: s, 1: guess.a, 2: b}, {0: s_m, 1: guess.m}, {0: s_q, 4: guess.books[0]}
    t = coefficients(system, alpha, rho, w, g, m, q)
    r_B = (t[T + 1] - proof.e[T - 1]) % ORDER
    r_A = {T - 2: (t[T - 1] + x * x * r_B - proof.e[T - 2]) % ORDER}
    for d in range(T - 2, 0, -1):
        r_A[d - 1] = (t[d] + x * r_A[d] - proof.e[d - 1]) % ORDER
    return [*[r_A[d] for d in range(T - 1)], r_B]


@pytest.mark.parametrize("dropped", [None, 0, 1, 2, 3])
def test_a_prover_who_drops_a_mask_tells_whoever_guesses_the_book_that_the_guess_is_right(dropped, monkeypatch):
    draw = arithmetic._Prover.draw

    def careless(self, transcript, randomness):
        masks = draw(self, transcript, randomness)
        if dropped == 3:
            return replace(masks, r_B=0)
        return replace(masks, r_A=[0 if place == dropped else mask for place, mask in enumerate(masks.r_A)])

    monkeypatch.setattr(arithmetic._Prover, "draw", careless)
    statement, blindings = about(SQUARE, [3])
    proof = arithmetic.prove(Transcript(TAG), statement, Witness(TRUE, blindings))
    verify(statement, proof)
    right, wrong = masks_of(statement, proof, TRUE), masks_of(statement, proof, [2, 2, 2, 4, 2])
    assert [place for place, mask in enumerate(right) if mask == 0] == ([] if dropped is None else [dropped])
    assert 0 not in wrong


# Torsion


def portable_verdict(equation):
    """Return whether the second implementation of the group finds that an equation holds."""
    curve = Portable()
    own = [
        *generators.slots.first(len(equation.slots)),
        *generators.wires.first(len(equation.wires)),
        *generators.errors.first(len(equation.errors)),
        *map(generators.book, equation.labels),
        H,
        *equation.points,
    ]
    points = [curve.decode_on_curve(group.encode_uncompressed(point)) for point in own]
    scalars = [*equation.slots, *equation.wires, *equation.errors, *equation.books, equation.blinding]
    return clears_to_identity(curve, curve.msm(points, [*scalars, *equation.scalars]))


@pytest.mark.parametrize("places", [(0,), (1,), (2,), (0, 1, 2)], ids=["S", "A", "B", "all"])
@pytest.mark.parametrize("values, accepted", [(TRUE, True), (LIES["a false product"], False)], ids=["truth", "lie"])
def test_torsion_in_a_proof_changes_no_verdict_alone_in_a_batch_or_on_the_other_group(places, values, accepted):
    three = group.decode_on_curve(bytes(95) + b"\x02")
    torsion = [three if place in places else group.identity() for place in range(3)]
    statement, forger = square(values, torsion=torsion)
    proof = Proof.from_bytes(SQUARE, forger.prove(Transcript(TAG)).to_bytes())
    equation = arithmetic.equation(Transcript(TAG), statement, proof)
    other, neighbour = square()
    good = arithmetic.equation(Transcript(TAG), other, neighbour.prove(Transcript(TAG)))
    assert (batch.bad_positions([equation]) == ()) == accepted
    assert (batch.bad_positions([good, equation, equation, good]) == ()) == accepted
    assert portable_verdict(equation) == accepted
