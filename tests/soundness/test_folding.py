"""Whoever answers four challenges in every round knows the opening; nobody can answer more than three without it.

An extractor that rewinds a black-box prover, round by round; a search for cheats in a group that binds perfectly, which
finds one as soon as a rule of docs/protocols/folding.md is dropped; and a simulator of compact proofs.
"""

from copy import copy
from dataclasses import replace
from itertools import combinations, product

import numpy as np
import pytest

from tests.attacks.folded import holds, prove, relation
from tests.soundness.formal import Argument
from tests.soundness.rounds import Folding, lifted, opened, quadratics
from tests.soundness.systems import Programmed, everything
from tests.soundness.test_extractor import EARLIER, Honest, interpolate, witness
from tests.soundness.test_simulator import everything_there_is
from zkmargin.algebra import generators
from zkmargin.algebra.group import group
from zkmargin.algebra.scalars import ORDER
from zkmargin.proofs import arithmetic, batch, compact, folding
from zkmargin.proofs.arithmetic import Witness
from zkmargin.proofs.folding import Shape

FOUR = (2, 3, 5, 7)


class Rewound(Programmed):
    """A transcript whose challenges are chosen, those of the rounds one after another."""

    __slots__ = ("gammas",)

    def __init__(self, gammas, **chosen):
        super().__init__(**chosen)
        self.gammas = list(gammas)

    def challenge(self, name):
        return self.gammas.pop(0) if name == "gamma" else super().challenge(name)


# The argument by itself: a prover who is started again with the same coins and meets other challenges


def model(stated):
    """Return the relation of a statement, as the page has it."""
    return Folding(int(ORDER), int(stated.rho), tuple(map(int, stated.c)), stated.shape.norm)


def leaf(stated, play, gammas):
    """Return the opening of the last folded P that an accepted proof shows, and the points of all rounds."""
    proof = play(gammas)
    shown = folding.open_up(Rewound(gammas), stated.shape, stated.rho, stated.c, proof)
    assert holds(stated, proof, shown)
    relation = model(stated)
    for gamma in gammas:
        relation = relation.next(gamma)
    return relation.element([int(one) for one in proof.n], [int(one) for one in proof.l]), list(
        zip(proof.X, proof.R, strict=True)
    )


def extract(stated, play, bases, relation, gammas=()):
    """Return the opening of the folded P after the challenges `gammas`, and the points that were sent by then.

    Args:
        stated: The statement.
        play: What starts the prover again with chosen challenges.
        bases: V, G and L after these challenges.
        relation: The relation after them.
        gammas: The challenges of the rounds so far.
    """
    if len(gammas) == stated.shape.rounds:
        return leaf(stated, play, gammas)
    answers, sent = {}, None
    for gamma in FOUR:
        below = fold_bases(bases, relation, gamma)
        answers[gamma], points = extract(stated, play, below, relation.next(gamma), (*gammas, gamma))
        sent = sent or points[: len(gammas) + 1]
        # What was sent before this challenge does not depend on it.
        assert all(map(group.equal, sum(sent, ()), sum(points[: len(sent)], ())))
    P, X, R = opened(relation, answers)
    assert relation.holds(P)
    assert group.equal(group.msm(bases, X), sent[-1][0])
    assert group.equal(group.msm(bases, R), sent[-1][1])
    return P, sent[:-1]


def fold_bases(bases, relation, gamma):
    """Return V, G and L after one round more."""
    G, L = relation.blocks(bases)
    G = [group.msm(pair, [relation.rho, gamma]) for pair in zip(G[::2], G[1::2], strict=True)]
    L = [group.msm(pair, [1, gamma]) for pair in zip(L[::2], L[1::2], strict=True)]
    return [bases[0], *G, *L]


@pytest.mark.parametrize("rounds, norm, linear", [(1, 4, 2), (2, 4, 8), (3, 8, 8)])
def test_a_tree_of_four_challenges_a_round_opens_the_statement_and_every_point(rounds, norm, linear):
    stated, n, ell = relation(Shape(rounds, norm, linear))
    played = []

    def play(gammas):
        played.append(gammas)
        return prove(stated, n, ell, Rewound(gammas))

    bases = [stated.bases.V, *stated.bases.G, *stated.bases.L]
    P, _ = extract(stated, play, bases, model(stated))
    assert len(played) == len(set(played)) == 4**rounds
    assert P[1:] == [entry % ORDER for entry in (*n, *ell)]
    assert group.equal(group.msm(bases, P), stated.P)


def test_a_tree_with_three_challenges_in_any_one_round_can_be_given_about_a_false_statement():
    order, gammas = 13, (2, 3, 5)
    top = Folding(order, 2, (1, 4, 6, 2), 4)
    n, ell = [1, 2, 3, 4], [5, 6, 7, 8]
    false = top.element(n, ell, error=1)
    assert not top.holds(false)
    everywhere = range(order)
    # In the first round: every folded statement is true.
    X, R = top.search(false, gammas)
    assert [gamma for gamma in everywhere if top.misses(false, X, R, gamma) == 0] == list(gammas)
    for gamma in gammas:
        P, apart = top.over_folded(top.folded(false, X, R, gamma), gamma)
        below = top.next(gamma)
        sent = below.points(*below.blocks(P))
        assert not any(apart)
        assert all(below.misses(P, *sent, last) == 0 for last in everywhere)
    # In the second: whatever the first challenge was, the statement stays false by 1, and three answers exist.
    X, R = top.points(n, ell)
    for gamma in everywhere:
        P, apart = top.over_folded(top.folded(false, X, R, gamma), gamma)
        below = top.next(gamma)
        assert not any(apart)
        assert not below.holds(P)
        sent = below.search(P, gammas)
        assert [last for last in everywhere if below.misses(P, *sent, last) == 0] == list(gammas)


def test_three_answers_are_explained_by_two_openings_and_the_fourth_decides():
    # The extractor's fourth answer is no formality: with three of them any value on V could be "extracted".
    relation = Folding(13, 2, (1, 4), 2)
    false = relation.element([1, 2], [3, 4], error=1)
    X, R = relation.search(false, FOUR[:3])
    answers = {gamma: relation.over_folded(relation.folded(false, X, R, gamma), gamma)[0] for gamma in FOUR[:3]}
    assert all(relation.next(gamma).holds(answer) for gamma, answer in answers.items())
    rest, _, on_R = quadratics({gamma: lifted(relation, gamma, one) for gamma, one in answers.items()}, 13)
    assert [(one + two) % 13 for one, two in zip(rest, on_R, strict=True)] == false
    fourth = next(gamma for gamma in range(13) if gamma not in answers)
    _, apart = relation.over_folded(relation.folded(false, X, R, fourth), fourth)
    assert any(apart)


# The compact form: the same tree below every x


class Padded(Argument):
    """The norm argument with the places that fill up a folded opening: slots without a constraint, and U."""

    def __init__(self, system, order, shape):
        super().__init__(system, order)
        self.unused = shape.norm - system.slots
        used = sum(map(len, (self.M, self.P, self.E, self.H)))
        shift = self.unused
        self.G = range(shape.norm)
        self.M, self.P, self.E, self.H = (
            range(r.start + shift, r.stop + shift) for r in (self.M, self.P, self.E, self.H)
        )
        # l holds everything but G and E_0.
        self.U = range(shape.norm + used, shape.norm + used + shape.linear - (used - 1))
        self.bases = self.U.stop

    def weigh(self, alpha, rho, w):
        weights = super().weigh(alpha, rho, w)
        slots = self.system.slots
        more = [pow(rho, 2 * i + 2, self.order) for i in range(slots, slots + self.unused)]
        nothing = [0] * self.unused
        columns = [*weights.columns[:slots], *[[] for _ in nothing], *weights.columns[slots:], *[[] for _ in self.U]]
        left, right = weights.left + nothing, weights.right + nothing
        return replace(weights, mu=weights.mu + more, left=left, right=right, columns=columns)

    def without_unused_slots(self):
        """Return this argument with the slots of the system as its only ones."""
        twin = copy(self)
        twin.G = self.G[: self.system.slots]
        return twin


def points_of(argument):
    """Return the generators of an element's coefficients."""
    errors = generators.errors.first(argument.T + 2)
    return [
        *generators.slots.first(len(argument.G)),
        *generators.wires.first(len(argument.M)),
        *map(generators.book, argument.system.basis),
        *[errors[degree] for degree in argument.degrees],
        generators.blinding(),
        *generators.padding.first(len(argument.U)),
    ]


class Compact(Honest):
    """The library's prover of compact proofs: with the same coins it commits to the same masks."""

    def __init__(self, system, values, rounds):
        super().__init__(system, values)
        self.rounds = rounds
        self.shape = compact.shape_of(system, rounds)

    def answer(self, gammas, **challenges):
        known = Witness(self.values, self.blindings)
        transcript = Rewound(gammas, **challenges)
        return compact.prove(transcript, self.statement, known, self.rounds, self.coins)


def full_response(prover, argument, x):
    """Return what 4^rounds answers at one x open: the coefficients of (12)'s right-hand side on every base."""
    statement, shape = prover.statement, prover.shape
    weights = arithmetic.Weights(statement.system, **EARLIER)
    reduced = compact._reduce(statement.system, shape, weights, x)
    top = Folding(int(ORDER), weights.rho, tuple(map(int, reduced.c)), shape.norm)

    def below(relation, gammas):
        if len(gammas) < shape.rounds:
            return opened(relation, {gamma: below(relation.next(gamma), (*gammas, gamma)) for gamma in FOUR})[0]
        proof = prover.answer(gammas, x=x, **EARLIER)
        transcript = Rewound(gammas, x=x, **EARLIER)
        assert batch.bad_positions([compact.equation(transcript, statement, shape.rounds, proof)]) == ()
        return relation.element([int(one) for one in proof.folded.n], [int(one) for one in proof.folded.l])

    P = below(top, ())
    n, ell = top.blocks(P)
    assert top.holds(P)
    g = [(one - other) % ORDER for one, other in zip(n, reduced.v, strict=True)]
    split = len(argument.M) + len(argument.P)
    first_error = (reduced.scale * P[0] - reduced.constant) % ORDER
    return [int(one) for one in (*g, *ell[:split], first_error, *ell[split:])]


@pytest.mark.parametrize("commitments, rounds", [(1, 1), (2, 1), (1, 2)])
def test_from_3k_plus_7_trees_of_compact_proofs_comes_a_witness(commitments, rounds):
    prover = Compact(*everything(commitments), rounds)
    system, T = prover.statement.system, commitments + 3
    argument = Padded(system, int(ORDER), prover.shape)
    assert len(argument.G) > system.slots, "there are unused places"
    xs = range(3, 3 + 3 * commitments + 7)
    answers = {x: full_response(prover, argument, x) for x in xs}
    found = dict(enumerate(interpolate({x: answers[x] for x in xs[: T + 1]})))
    # The openings are those of the points, and every further answer agrees with them.
    proof = prover.answer(FOUR[:rounds], x=3, **EARLIER)
    own = [commitment.point for commitment in prover.statement.commitments]
    for exponent, point in zip((0, 1, 2, *argument.exponents), (proof.S, proof.A, proof.B, *own), strict=True):
        assert group.equal(group.msm(points_of(argument), found[exponent]), point)
    assert found[3] == [0] * argument.bases
    assert all(argument.at(found, x) == answer for x, answer in answers.items())
    # (12) is an identity in x, and what was opened is a witness.
    F = argument.residue(argument.weigh(**EARLIER), found)
    assert max(F) <= 3 * commitments + 6
    assert set(F.values()) == {0}
    values, _, counts = witness(argument.without_unused_slots(), found, EARLIER["alpha"])
    assert values == [value % ORDER for value in prover.values]
    assert argument.satisfied(values)
    assert counts == [prover.values[: system.digits].count(t) for t in range(1, system.base)]


# No cheating in a round, by exhaustion and by linear algebra


def everything_sent(order, size):
    """Return every X and every R there is."""
    numbers = everything_there_is(order, 2 * size)
    return numbers[:size], numbers[size:]


@pytest.mark.parametrize("error", range(1, 7))
def test_the_best_cheater_in_a_round_answers_three_challenges_and_no_more(error):
    # Norm block alone, modulo 7: every X and every R against every challenge.
    relation = Folding(7, 3, (), 2)
    false = relation.element([1, 4], [], error)
    X, R = everything_sent(7, 3)
    answered = sum((relation.misses(false, X, R, gamma) == 0).astype(int) for gamma in range(7))
    assert answered.max() == 3
    true = relation.element([1, 4], [])
    assert max(sum((relation.misses(true, X, R, gamma) == 0).astype(int) for gamma in range(7))) == 7


@pytest.mark.parametrize("error", [1, 2])
def test_the_best_cheater_in_two_rounds_has_no_more_luck_than_three_challenges_in_each(error):
    # Modulo 5: for every statement that the first round can leave, the best that the second can do; then every X and R
    # of the first. There are 25 pairs of challenges, and each round has two that it is caught by.
    order = 5
    top = Folding(order, 2, (), 4)
    below, sent = top.next(0), everything_sent(order, 3)
    table = np.zeros((order,) * 3, dtype=int)
    for P in product(range(order), repeat=3):
        table[P] = sum((below.misses(P, *sent, gamma) == 0).astype(int) for gamma in range(order)).max()
    assert set(table.ravel()) == {3, 5}
    false = top.element([1, 2, 3, 4], [], error)
    all_R = everything_there_is(order, 5)
    most = 0
    for one in product(range(order), repeat=5):
        total = np.zeros(order**5, dtype=int)
        for gamma in range(order):
            element, apart = top.over_folded(top.folded(false, one, all_R, gamma), gamma)
            there = np.logical_and.reduce([entry == 0 for entry in apart])
            total += np.where(there, table[tuple(np.broadcast_to(entry, there.shape) for entry in element)], 0)
        most = max(most, int(total.max()))
    # Two lucky challenges in the first round leave the truth; the other three leave a lie that is lucky three times.
    assert most == 2 * 5 + 3 * 3 <= 25 - 2 * 2


SHAPES = {
    # name: rho, c, n, l
    "a norm block": (3, (), [1, 4], []),
    "both blocks": (2, (1, 5), [3, 6], [2, 4]),
    "two pairs": (3, (1, 0), [1, 2, 3, 4], [5, 6]),
}


def everywhere(relation):
    return range(relation.order)


@pytest.mark.parametrize("name", SHAPES)
@pytest.mark.parametrize("error", [1, 3])
def test_for_a_false_statement_no_points_answer_any_four_challenges(name, error):
    rho, c, n, ell = SHAPES[name]
    relation = Folding(7, rho, c, len(n))
    false = relation.element(n, ell, error)
    assert all(relation.search(false, four) is None for four in combinations(range(7), 4))


@pytest.mark.parametrize("name", SHAPES)
def test_the_search_finds_the_points_of_an_honest_prover(name):
    rho, c, n, ell = SHAPES[name]
    relation = Folding(7, rho, c, len(n))
    true = relation.element(n, ell)
    assert relation.search(true, range(7)) == relation.points(n, ell)


VARIANTS = {
    # name: the broken rule; n and l with 0 where there is no generator
    "the norm block stands still in a round": ({"idle": True}, [1, 4], [2, 5]),
    "an entry of the norm block has no partner": ({"no_slot": (1,)}, [1, 0], [2, 5]),
    "the places that fill up the norm block have no generators": ({"no_slot": (1, 3)}, [1, 0, 4, 0], [2, 5]),
    "a weighted place of the linear block has no generator": ({"no_linear": (1,)}, [1, 4], [2, 0]),
}


@pytest.mark.parametrize("name", VARIANTS)
def test_a_cheater_who_answers_every_challenge_is_found_exactly_when_the_rule_is_dropped(name):
    rule, n, ell = VARIANTS[name]
    sound = Folding(7, 3, (1, 2), len(n))
    broken = replace(sound, **rule)
    found = 0
    for error in range(1, 7):
        false = sound.element(n, ell, error)
        assert sound.search(false, everywhere(sound)) is None
        cheat = broken.search(false, everywhere(broken))
        if cheat:
            assert all(broken.misses(false, *cheat, gamma) == 0 for gamma in everywhere(broken))
            found += 1
    # With a single free square only the errors that are squares, or non-squares, can be made up for.
    assert found == (3 if name == "an entry of the norm block has no partner" else 6)


@pytest.mark.parametrize("late, useless", [("R", {1, 6}), ("X", {0})])
def test_a_point_that_may_follow_the_challenge_answers_every_challenge_that_gives_it_a_weight(late, useless):
    sound = Folding(7, 3, (1, 2), 2)
    n, ell = [1, 4], [2, 5]
    false = sound.element(n, ell, error=1)
    first = dict(zip("XR", sound.points(n, ell), strict=True))
    del first[late]
    cheats = {gamma: sound.search(false, [gamma], **first) for gamma in everywhere(sound)}
    assert {gamma for gamma, cheat in cheats.items() if cheat is None} == useless
    assert all(sound.misses(false, *cheat, gamma) == 0 for gamma, cheat in cheats.items() if cheat)


def test_a_place_of_the_linear_block_without_weight_makes_up_for_nothing():
    sound = Folding(7, 3, (1, 0), 2)
    careless = replace(sound, no_linear=(1,))
    for error in range(1, 7):
        assert careless.search(sound.element([1, 4], [2, 0], error), everywhere(careless)) is None
