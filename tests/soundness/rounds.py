"""Folding in a group that nobody can cheat in, and what a tree of answers opens.

Written from docs/protocols/folding.md, in its letters. An element is a list of coefficients: that of V, then those of
G, then those of L. Coefficients may be arrays of numpy as well, to try many at once.
"""

from dataclasses import dataclass
from itertools import product

from tests.soundness.formal import Equations


@dataclass(frozen=True)
class Folding:
    """One round's relation. Any other value than the default of the last three is a known-bad variant.

    Attributes:
        order: Of the field, a prime.
        rho: mu = rho^2 weighs the norm block.
        c: The weights of l; as many as L has members.
        norm: The number of slots.
        idle: Whether the round leaves the norm block as it is.
        no_slot: Odd places of the norm block that have no generator.
        no_linear: Odd places of the linear block that have none.
    """

    order: int
    rho: int
    c: tuple
    norm: int
    idle: bool = False
    no_slot: tuple = ()
    no_linear: tuple = ()

    def value(self, n, ell):
        """Return |n|^2_mu + <c, l>."""
        squares = sum(pow(self.rho, 2 * i + 2, self.order) * entry * entry for i, entry in enumerate(n))
        return (squares + sum(one * two for one, two in zip(self.c, ell, strict=True))) % self.order

    def element(self, n, ell, error=0):
        """Return P for n and l; with an error it is the P of a false relation."""
        return [(self.value(n, ell) + error) % self.order, *(entry % self.order for entry in (*n, *ell))]

    def holds(self, element):
        """Return whether an element is the P of a true relation: the group binds, so it has one opening."""
        n, ell = self.blocks(element)
        return (element[0] - self.value(n, ell)) % self.order == 0

    def blocks(self, element):
        """Return n and l of an element."""
        return element[1 : 1 + self.norm], element[1 + self.norm :]

    def bases(self):
        """Return the places of an element at which there is a generator."""
        missing = {1 + place for place in self.no_slot} | {1 + self.norm + place for place in self.no_linear}
        return [place for place in range(1 + self.norm + len(self.c)) if place not in missing]

    def next(self, gamma):
        """Return the relation that is left after a round."""
        c = tuple((even + gamma * odd) % self.order for even, odd in zip(self.c[::2], self.c[1::2], strict=True))
        if self.idle:
            return Folding(self.order, self.rho, c, self.norm)
        return Folding(self.order, self.rho**2 % self.order, c, self.norm // 2)

    # The honest prover

    def points(self, n, ell):
        """Return X and R, step (1)."""
        order, over_rho = self.order, pow(self.rho, -1, self.order)
        (n_e, n_o), (l_e, l_o), (c_e, c_o) = ((vector[::2], vector[1::2]) for vector in (n, ell, self.c))
        mu_2 = [pow(self.rho, 4 * i + 4, order) for i in range(self.norm // 2)]
        crossed = sum(weight * one * two for weight, one, two in zip(mu_2, n_e, n_o, strict=True))
        v_X = 2 * over_rho * crossed + _inner(c_e, l_o) + _inner(c_o, l_e)
        v_R = sum(weight * one * one for weight, one in zip(mu_2, n_o, strict=True)) + _inner(c_o, l_o)
        on_G = [entry for even, odd in zip(n_e, n_o, strict=True) for entry in (self.rho * odd, over_rho * even)]
        X = [v_X, *on_G, *(entry for even, odd in zip(l_e, l_o, strict=True) for entry in (odd, even))]
        R = [v_R, *(entry for odd in n_o for entry in (0, odd)), *(entry for odd in l_o for entry in (0, odd))]
        return [entry % order for entry in X], [entry % order for entry in R]

    # The verifier

    def folded(self, P, X, R, gamma):
        """Return P + gamma X + (gamma^2 - 1) R, step (3), over the original generators."""
        return [(p + gamma * x + (gamma**2 - 1) * r) % self.order for p, x, r in zip(P, X, R, strict=True)]

    def spans(self):
        """Return, for each pair of generators that a round folds into one, its places and the factor of the first.

        The second place is None where there is no generator.
        """
        if not self.idle:
            places = range(0, self.norm, 2)
            yield from ((1 + at, None if at + 1 in self.no_slot else 2 + at, self.rho) for at in places)
        start = 1 + self.norm
        for at in range(0, len(self.c), 2):
            yield start + at, None if at + 1 in self.no_linear else start + at + 1, 1

    def over_folded(self, element, gamma):
        """Return an element over V and the folded generators, and, as a list, what must vanish for it to be there."""
        apart = [gamma * element[one] - factor * element[two] for one, two, factor in self.spans() if two is not None]
        kept = [element[one] * pow(factor, -1, self.order) % self.order for one, _, factor in self.spans()]
        still = element[1 : 1 + self.norm] if self.idle else []
        return [element[0], *still, *kept], [entry % self.order for entry in apart]

    def misses(self, P, X, R, gamma):
        """Return 0 if there is a last message for this challenge, were this the last round; otherwise more."""
        element, apart = self.over_folded(self.folded(P, X, R, gamma), gamma)
        relation = self.next(gamma)
        off = (element[0] - relation.value(*relation.blocks(element))) % self.order
        return sum(entry != 0 for entry in [*apart, off])

    # The cheating prover

    def search(self, P, gammas, **sent):
        """Return X and R with which all of these challenges can be answered, or None if there are none.

        Args:
            P: The statement.
            gammas: The challenges.
            sent: X or R, if it is fixed already.
        """
        free = [(name, base) for name in "XR" if name not in sent for base in self.bases() if base]
        start = {"X": [0] * len(P), "R": [0] * len(P)} | {name: list(one) for name, one in sent.items()}
        equations = Equations(self.order, len(free))
        weight = {"X": lambda gamma: gamma, "R": lambda gamma: gamma**2 - 1}
        for gamma in gammas:
            _, constants = self.over_folded(self.folded(P, start["X"], start["R"], gamma), gamma)
            pairs = [(one, two, factor) for one, two, factor in self.spans() if two is not None]
            for (one, two, factor), constant in zip(pairs, constants, strict=True):
                at = {one: gamma, two: -factor}
                row = [at.get(base, 0) * weight[name](gamma) for name, base in free]
                if not equations.add([*row, constant]):
                    return None
        open_places = [place for place in range(len(free)) if place not in equations.rows]
        for choice in product(range(self.order), repeat=len(open_places)):
            found = {name: list(one) for name, one in start.items()}
            chosen = dict(zip(open_places, choice, strict=True))
            for pivot, row in equations.rows.items():
                chosen[pivot] = (
                    -(row[-1] + sum(row[place] * value for place, value in chosen.items() if value)) % self.order
                )
            for place, (name, base) in enumerate(free):
                found[name][base] = chosen[place]
            complete = self._with_values(P, found, gammas, sent)
            if complete:
                return complete
        return None

    def _with_values(self, P, found, gammas, sent):
        """Return X and R with coefficients on V that make every folded relation true, or None."""
        free = [name for name in "XR" if name not in sent]
        equations = Equations(self.order, len(free))
        for gamma in gammas:
            element, _ = self.over_folded(self.folded(P, found["X"], found["R"], gamma), gamma)
            relation = self.next(gamma)
            factors = [gamma if name == "X" else gamma**2 - 1 for name in free]
            if not equations.add([*factors, element[0] - relation.value(*relation.blocks(element))]):
                return None
        for name, value in zip(free, equations.solution(), strict=True):
            found[name][0] = value
        return found["X"], found["R"]


# The extractor


def quadratics(answers, order):
    """Return the vectors at 1, gamma and gamma^2 of the polynomials that take these values at three challenges."""
    (one, a), (two, b), (three, c) = answers.items()
    rows = [(two * three, -two - three, 1), (one * three, -one - three, 1), (one * two, -one - two, 1)]
    scales = [(one - two) * (one - three), (two - one) * (two - three), (three - one) * (three - two)]
    scales = [pow(scale, -1, order) for scale in scales]
    return [
        [
            sum(factor * scale * entry for factor, scale, entry in zip(column, scales, entries, strict=True)) % order
            for entries in zip(a, b, c, strict=True)
        ]
        for column in zip(*rows, strict=True)
    ]


def lifted(relation, gamma, element):
    """Return an element over V and the folded generators, over the generators before the round."""
    norm = relation.norm // 2
    n, ell = element[1 : 1 + norm], element[1 + norm :]
    on_G = [entry for value in n for entry in (relation.rho * value, gamma * value)]
    on_L = [entry for value in ell for entry in (value, gamma * value)]
    return [entry % relation.order for entry in (element[0], *on_G, *on_L)]


def opened(relation, answers):
    """Return the openings of P, X and R over the generators before a round, from four answers to it.

    Args:
        relation: The round's.
        answers: {gamma: the opening of the folded P over the folded generators}.
    """
    over = {gamma: lifted(relation, gamma, answer) for gamma, answer in answers.items()}
    *first, fourth = over
    rest, X, R = quadratics({gamma: over[gamma] for gamma in first}, relation.order)
    P = [(one + two) % relation.order for one, two in zip(rest, R, strict=True)]
    # By binding: two openings of one point would be a relation between the generators.
    assert relation.folded(P, X, R, fourth) == over[fourth]
    return P, X, R


def _inner(left, right):
    return sum(one * two for one, two in zip(left, right, strict=True))
