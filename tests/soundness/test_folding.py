"""Whoever answers four challenges in every round knows the opening; nobody can answer more than three without it.

An extractor that rewinds a black-box prover, round by round; a search for cheats in a group that binds perfectly, which
finds one as soon as a rule of docs/protocols/folding.md is dropped; and a simulator of compact proofs.
"""

from dataclasses import replace
from itertools import combinations, product

import numpy as np
import pytest

from tests.attacks.folded import holds, prove, relation
from tests.soundness.rounds import Folding, lifted, opened, quadratics
from tests.soundness.systems import Programmed
from tests.soundness.test_simulator import everything_there_is
from zkmargin.algebra.group import group
from zkmargin.algebra.scalars import ORDER
from zkmargin.proofs import folding
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


def test_the_best_cheater_in_two_rounds_has_no_more_luck_than_three_challenges_in_each():
    # Modulo 5: for every statement that the first round can leave, the best that the second can do; then every X and R
    # of the first. There are 25 pairs of challenges, and each round has two that it is caught by.
    order = 5
    top = Folding(order, 2, (), 4)
    below, sent = top.next(0), everything_sent(order, 3)
    table = np.zeros((order,) * 3, dtype=int)
    for P in product(range(order), repeat=3):
        table[P] = sum((below.misses(P, *sent, gamma) == 0).astype(int) for gamma in range(order)).max()
    assert set(table.ravel()) == {3, 5}
    false = top.element([1, 2, 3, 4], [], error=1)
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
