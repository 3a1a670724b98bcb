"""The known-bad suite is complete, and two forgeries that have no better place."""

import ast
import re

import pytest

from tests.attacks.known_bad import VARIANTS, known_bad
from tests.attacks.test_arithmetic import Forger, about, hidden_position, refused, square
from tests.attacks.test_batch import alternately
from tests.soundness.formal import Argument, Masks, Rules
from zkmargin.algebra import generators
from zkmargin.algebra.group import group
from zkmargin.algebra.scalars import ORDER, inverse, random_scalar
from zkmargin.errors import VerificationError
from zkmargin.proofs import arithmetic, batch
from zkmargin.transcript import Transcript

TAG = b"attacks"


def forgeries(root):
    """Return the source of the tests that are marked with each variant."""
    found = {}
    for path in sorted((root / "tests" / "attacks").glob("test_*.py")):
        source = path.read_text("utf-8")
        for node in ast.parse(source).body:
            for mark in getattr(node, "decorator_list", []):
                if isinstance(mark, ast.Call) and ast.unparse(mark.func) == "known_bad":
                    found.setdefault(mark.args[0].value, []).append(ast.unparse(node))
    return found


def test_every_known_bad_variant_has_a_forgery(root):
    assert set(forgeries(root)) == set(VARIANTS)
    assert len(VARIANTS) == len(set(VARIANTS))


def test_every_forgery_is_looked_at_twice_by_the_variant_and_by_the_real_code(root):
    believed = re.compile(r"verify\(|holds\(|== \(\)")
    refused = re.compile(r"refused\(|pytest\.raises\(|not holds\(|== \(\d")
    once = [
        variant
        for variant, tests in forgeries(root).items()
        if not (believed.search("".join(tests)) and refused.search("".join(tests)))
    ]
    assert once == []


# Two commitments share a power of x


def bases(argument):
    """Return the generators of an element's coefficients."""
    errors = generators.errors.first(argument.T + 2)
    return [
        *generators.slots.first(len(argument.G)),
        *generators.wires.first(len(argument.M)),
        *map(generators.book, argument.system.basis),
        *[errors[degree] for degree in argument.degrees],
        generators.blinding(),
    ]


class SharedPower:
    """The argument as it would be if both commitments were multiplied by x^4, on the real group."""

    def __init__(self, statement):
        self.statement = statement
        self.argument = Argument(statement.system, int(ORDER), Rules(exponents=(4, 4)))

    def challenges(self, points):
        """Yield alpha, rho, w and x, each after the message before it; `points` are A, B and S."""
        transcript = Transcript(TAG)
        transcript.absorb("system", self.statement.system.digest)
        for commitment in self.statement.commitments:
            transcript.absorb("commitment", commitment.to_bytes())
        for name, drawn in (("A", ["alpha"]), ("B", ["rho", "w"]), ("S", ["x"])):
            transcript.absorb(name, group.encode(points[name]))
            yield [int(transcript.challenge(one)) for one in drawn]

    def forge(self, values, blindings):
        """Return the proof of a prover who uses that only the sum of the commitments is looked at."""
        argument, points = self.argument, {}
        T, slots = argument.T, argument.system.slots
        scalars = lambda count: [int(random_scalar()) for _ in range(count)]  # noqa: E731
        masks = Masks(scalars(T - 1), *scalars(3), scalars(slots), [], scalars(len(argument.P)), *scalars(1))
        a, b, m = argument.slots(values, 0)
        A = argument.element(a, m, (), dict(enumerate(masks.r_a)), masks.rho_a)
        B = argument.element(b, (), (), {T - 1: masks.r_b}, masks.rho_b)
        drawn = self.challenges(points)
        points["A"] = group.msm(bases(argument), A)
        (alpha,) = next(drawn)
        points["B"] = group.msm(bases(argument), B)
        rho, w = next(drawn)
        messages = argument.prove(values, blindings, masks, alpha, rho, w)
        points["S"] = group.msm(bases(argument), messages[0])
        (x,) = next(drawn)
        return points, argument.only_response(messages, x)

    def verify(self, points, response):
        (alpha,), (rho, w), (x,) = self.challenges(points)
        right = self.argument.right_side(self.argument.weigh(alpha, rho, w), x, response)
        own = [points["S"], points["A"], points["B"], *[one.point for one in self.statement.commitments]]
        left = group.msm(own, [1, x, x**2, x**4, x**4])
        if not group.equal(group.msm(bases(self.argument), right), left):
            raise VerificationError("the proof does not hold", "(12)")


@known_bad("two commitments share a power of x")
def test_two_commitments_that_share_a_power_of_x_would_hide_a_position_in_their_sum():
    # "The second book is over USD alone, and its BTC and those of the first cancel": so the first has none. It has 5,
    # the second -5, and only the sum of both is ever seen.
    statement, values, blindings = hidden_position()
    careless = SharedPower(statement)
    careless.verify(*careless.forge(values, blindings))
    # A sum that is not 0 would not pass even there.
    owing, gammas = about(statement.system, [5, 100], [-4, 100])
    spoilt = SharedPower(owing)
    with pytest.raises(VerificationError):
        spoilt.verify(*spoilt.forge([0, 0, 5, 100, -4, 100], gammas))
    refused("(12)", statement, Forger(statement, values, blindings).prove(Transcript(TAG)))


# A batch weight fixed in advance


@known_bad("a batch weight is fixed in advance")
def test_with_batch_weights_fixed_in_advance_a_lie_would_pass_with_a_proof_that_is_wrong_on_purpose():
    # The lie is off by t_T x^T E_0. Its accomplice adds what makes up for that to its own S, the weights being known.
    statement, forger = square([4, 4, 4, 16, 4])
    lie = arithmetic.equation(Transcript(TAG), statement, forger.prove(Transcript(TAG)))
    x = -lie.scalars[1]
    error = forger.t[4] * x**4 * 5 * inverse(7)
    none = group.identity()
    made_up = group.multiply(generators.errors.first(1)[0], error)
    truth, accomplice = square(torsion=(made_up, none, none))
    helper = arithmetic.equation(Transcript(TAG), truth, accomplice.prove(Transcript(TAG)))
    assert batch.bad_positions([lie, helper], alternately(5, 7)) == ()
    assert batch.bad_positions([lie, helper], alternately(5, 8)) == (0, 1)
    assert batch.bad_positions([lie, helper]) == (0, 1)
