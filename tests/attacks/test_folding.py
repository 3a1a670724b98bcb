"""One named lie for every step of the folded opening.

Each lie is refused by the real code, and believed by the known-bad variant that lacks exactly the rule in question.
"""

import inspect
import re
import textwrap
from dataclasses import replace

import pytest

from tests.attacks.folded import TAG, difference, holds, off_by, prove, random_scalars, relation
from tests.attacks.known_bad import known_bad
from tests.attacks.register import register
from zkmargin.algebra import generators
from zkmargin.algebra.group import group
from zkmargin.algebra.scalars import ORDER, inverse
from zkmargin.errors import StatementError, VerificationError
from zkmargin.proofs import folding
from zkmargin.proofs.folding import Proof, Shape
from zkmargin.transcript import Transcript

SHAPE = Shape(2, 8, 4)
H = generators.blinding()
attacked, attacks = register()


def opened(stated, proof):
    return folding.open_up(Transcript(TAG), stated.shape, stated.rho, stated.c, proof)


def without_the_check_of_lengths(*replacements):
    """Return `open_up` as it would be without its check, and with these replacements in its source."""
    source = textwrap.dedent(inspect.getsource(folding.open_up))
    start, end = source.index("    sizes = "), source.index("    in_g, in_l")
    source = source[:start] + source[end:]
    for old, new in replacements:
        assert old in source
        source = source.replace(old, new)
    made = {}
    # The project's own source, a few lines shorter.
    exec(compile("from __future__ import annotations\n" + source, "known-bad", "exec"), vars(folding), made)  # noqa: S102
    return made["open_up"]


# (1) The prover's points


@attacks("(1)")
@pytest.mark.parametrize("name", ["X", "R"])
@pytest.mark.parametrize("step", [0, 1])
def test_no_point_of_a_round_can_be_another(name, step):
    stated, n, ell = relation(SHAPE)
    proof = prove(stated, n, ell)
    points = list(getattr(proof, name))
    points[step] = group.add(points[step], H)
    assert not holds(stated, replace(proof, **{name: points}))


@attacks("(1)")
def test_points_of_a_round_cannot_change_places():
    stated, n, ell = relation(SHAPE)
    proof = prove(stated, n, ell)
    assert not holds(stated, replace(proof, X=proof.R, R=proof.X))
    assert not holds(stated, replace(proof, X=proof.X[::-1], R=proof.R[::-1]))


@attacks("(1)")
def test_a_prover_whose_X_lacks_its_value_convinces_nobody(monkeypatch):
    stated, n, ell = relation(SHAPE)
    monkeypatch.setattr(folding, "power_sum", lambda mu, values: 0)
    proof = prove(stated, n, ell)
    monkeypatch.undo()
    assert not holds(stated, proof)


# (2) The challenge comes last


def asks_before(late):
    """Return a round's challenge as it would be if one of the points were absorbed too late."""

    def challenge(transcript, X, R):
        first, last = (X, R) if late == "R" else (R, X)
        transcript.absorb("first", group.encode(first))
        gamma = transcript.challenge("gamma")
        transcript.absorb("last", group.encode(last))
        return gamma

    return challenge


@known_bad("a point of a folding round is absorbed after its challenge")
@attacks("(2)")
@pytest.mark.parametrize("late", ["X", "R"])
def test_a_point_that_is_absorbed_after_the_challenge_could_be_chosen_last(late, monkeypatch):
    stated = off_by(relation(SHAPE)[0], 1)
    guess = Proof([H, H], [H, H], random_scalars(2), random_scalars(1))
    monkeypatch.setattr(folding, "_challenge", asks_before(late))
    known = opened(stated, guess)
    weight = known.X[-1] if late == "X" else known.R[-1]
    solved = group.multiply(difference(stated, guess, known), inverse(weight))
    forged = replace(guess, **{late: [H, group.add(H, solved)]})
    assert holds(stated, forged)
    monkeypatch.undo()
    assert not holds(stated, forged)


@attacks("(2)")
def test_with_gamma_known_in_advance_both_points_of_a_round_could_be_chosen_last(monkeypatch):
    stated = off_by(relation(SHAPE)[0], 1)
    guess = Proof([H, H], [H, H], random_scalars(2), random_scalars(1))
    monkeypatch.setattr(Transcript, "challenge", lambda self, name: 7)
    forged = replace(guess, X=[group.add(H, group.multiply(difference(stated, guess), inverse(7))), H])
    assert holds(stated, forged)
    monkeypatch.undo()
    assert not holds(stated, forged)


# (3) Every round halves the norm block


ROOT_OF_MINUS_ONE = pow(7, (ORDER - 1) // 4, ORDER)


def two_squares(total):
    """Return two numbers whose squares sum to `total` modulo the order."""
    assert ROOT_OF_MINUS_ONE**2 % ORDER == ORDER - 1
    return (total + 1) * inverse(2) % ORDER, (total - 1) * inverse(2 * ROOT_OF_MINUS_ONE) % ORDER


@known_bad("the norm block stands still in a folding round")
@attacks("(3)")
@pytest.mark.parametrize(
    "rounds, norm, missing",
    [(1, 4, [1, 3]), (2, 8, [1, 2, 3, 5, 6, 7]), (1, 8, [5, 7])],
    ids=["a block of two idles in its round", "in both of its rounds", "some entries have no partner"],
)
def test_a_norm_block_that_stood_still_in_a_round_would_prove_anything(rounds, norm, missing):
    # A round in which an entry is not halved folds it with an empty one that has no generator. The empty entry is
    # nowhere in P, so it is free, and its square makes up for any error; with two of them no square root is needed.
    stated, n, ell = relation(Shape(rounds, norm, 4), missing)
    assert holds(stated, prove(stated, n, ell)), "idling is complete"
    error = random_scalars(1)[0]
    for place, root in zip(missing[-2:], two_squares(error), strict=True):
        n[place] = root * inverse(stated.rho ** (place + 1))
    false = off_by(stated, error)
    forged = prove(false, n, ell)
    assert holds(false, forged)
    real_bases = replace(false.bases, G=generators.slots.first(norm))
    assert not holds(replace(false, bases=real_bases), forged)


@attacks("(3)")
@pytest.mark.parametrize("rounds, norm", [(1, 1), (1, 3), (2, 2), (2, 6), (3, 4)])
def test_no_shape_lets_the_norm_block_stand_still(rounds, norm):
    with pytest.raises(StatementError, match=f"multiples of 2\\^{rounds}"):
        Shape(rounds, norm, 2**rounds)
    with pytest.raises(StatementError, match=f"multiples of 2\\^{rounds}"):
        Shape(rounds, 2**rounds, norm)


# (4) The lengths are those of the statement


WRONG = {
    "a round more": lambda proof: replace(proof, X=[*proof.X, H], R=[*proof.R, H]),
    "a round less": lambda proof: replace(proof, X=proof.X[1:], R=proof.R[1:]),
    "no rounds": lambda proof: replace(proof, X=[], R=[]),
    "an X more": lambda proof: replace(proof, X=[*proof.X, H]),
    "an R less": lambda proof: replace(proof, R=proof.R[1:]),
    "n longer": lambda proof: replace(proof, n=[*proof.n, 0]),
    "n shorter": lambda proof: replace(proof, n=proof.n[:-1]),
    "n empty": lambda proof: replace(proof, n=[]),
    "l longer": lambda proof: replace(proof, l=[*proof.l, 0]),
    "l empty": lambda proof: replace(proof, l=[]),
    "n and l exchanged": lambda proof: replace(proof, n=proof.l, l=proof.n),
}


@attacks("(4)")
@pytest.mark.parametrize("change", WRONG)
def test_an_opening_of_another_shape_is_refused_before_any_challenge_is_drawn(change):
    stated, n, ell = relation(SHAPE)
    transcript = Transcript(TAG)
    with pytest.raises(VerificationError) as refused:
        folding.open_up(transcript, SHAPE, stated.rho, stated.c, WRONG[change](prove(stated, n, ell)))
    assert refused.value.failed == "(4)"
    assert transcript.log == []


@known_bad("lengths are taken from the proof")
@attacks("(4)")
def test_a_prover_could_choose_the_number_of_rounds_if_the_verifier_read_it_from_the_proof():
    stated, n, ell = relation(SHAPE)
    shorter = replace(stated, shape=Shape(1, 8, 4))
    proof = prove(shorter, n, ell)
    believing = without_the_check_of_lengths()
    assert holds(stated, proof, believing(Transcript(TAG), SHAPE, stated.rho, stated.c, proof))
    with pytest.raises(VerificationError):
        opened(stated, proof)


@known_bad("lengths are taken from the proof")
@attacks("(4)")
def test_a_verifier_that_pairs_points_as_far_as_they_go_would_believe_anything():
    # A second X that is never absorbed meets the weight of the only R.
    shape = Shape(1, 4, 4)
    stated = off_by(relation(shape)[0], 1)
    careless = without_the_check_of_lengths(("strict=True", "strict=False"))
    guess = Proof([H, H], [H], random_scalars(2), random_scalars(2))
    known = careless(Transcript(TAG), shape, stated.rho, stated.c, guess)
    assert len(known.X) == len(known.R) == 1
    solved = group.multiply(difference(stated, guess, known), inverse(known.R[0]))
    forged = replace(guess, X=[H, group.add(H, solved)])
    assert holds(stated, forged, careless(Transcript(TAG), shape, stated.rho, stated.c, forged))
    with pytest.raises(VerificationError):
        opened(stated, forged)


# (5) The equation


@attacks("(5)")
def test_a_false_relation_told_by_the_rules_does_not_hold():
    stated, n, ell = relation(SHAPE)
    false = off_by(stated, 1)
    assert not holds(false, prove(false, n, ell))


@attacks("(5)")
@pytest.mark.parametrize("block, place", [("n", 0), ("n", 7), ("l", 0), ("l", 3)])
def test_an_opening_with_one_entry_changed_does_not_hold(block, place):
    stated, n, ell = relation(SHAPE)
    vector = n if block == "n" else ell
    vector[place] += 1
    assert not holds(stated, prove(stated, n, ell))


@attacks("(5)")
@pytest.mark.parametrize("change", ["rho", "minus rho", "c"])
def test_an_opening_holds_for_its_own_weights_only(change):
    stated, n, ell = relation(SHAPE)
    proof = prove(stated, n, ell)
    other = {
        "rho": replace(stated, rho=stated.rho + 1),
        "minus rho": replace(stated, rho=-stated.rho),
        "c": replace(stated, c=[stated.c[0] + 1, *stated.c[1:]]),
    }[change]
    assert not holds(other, proof)


def test_every_numbered_step_has_an_attack():
    documented = re.findall(r"^    (\(\d+\)) ", folding.__doc__, re.MULTILINE)
    assert sorted(attacked) == documented
    assert set(re.findall(r'failed="(\(\d+\))"', inspect.getsource(folding))) <= set(attacked)
