"""The norm argument over any prime field, in a group that nobody can cheat in: an element is a list of coefficients.

Written from docs/protocols/arithmetic.md, in its letters, and from nothing else but the constraint system. An element
of the formal group has one coefficient for each base G, M, P, E, H: it binds perfectly, a multi-scalar multiplication
is a linear combination, and a cheating prover is a system of linear equations. The order is a parameter: small, so that
everything can be tried, or that of BLS12-381, so that the numbers can be compared with the library's. Coefficients may
be arrays of numpy as well, to try many at once.
"""

from collections import defaultdict
from dataclasses import dataclass
from itertools import pairwise, product

from zkmargin.proofs.constraints import System


def distinct(slots, rows, rho, w):
    """Return the weights of the slots, of the look-up and of the rows, as the page says."""
    return [rho ** (2 * i + 2) for i in range(slots)], w, [w ** (j + 2) for j in range(rows)]


@dataclass(frozen=True)
class Rules:
    """How the argument is arranged. Any other value than the default is a known-bad variant.

    Attributes:
        exponents: The power of x that each commitment has; by default 4 .. K+3. T is the largest.
        error_at_target: Whether there is an E_T.
        weights: The weights of slots, look-up and rows.
        membership: Whether the membership rows are among the rows.
    """

    exponents: tuple = ()
    error_at_target: bool = False
    weights: object = distinct
    membership: bool = True


@dataclass(frozen=True)
class Weighted:
    """The combined identity (I), and where each base goes: column[c] lists (degree, factor) of base c in F."""

    mu: list
    left: list
    right: list
    wires: list
    books: list
    kappa: int
    columns: list


@dataclass(frozen=True)
class Response:
    """What the prover sends last; `e` has no e_0."""

    g: list
    m: list
    q: list
    e: list
    h: int


@dataclass(frozen=True)
class Masks:
    """What an honest prover draws; `r_a` is the page's r_A[0..T-2], and so on."""

    r_a: list
    rho_a: int
    r_b: int
    rho_b: int
    s: list
    s_m: list
    s_q: list
    sigma: int


class Argument:
    """The argument for one constraint system, over the field of `order` elements.

    Messages are kept as {power of x: element}: S at 0, A at 1, B at 2, the commitments at their exponents.
    """

    def __init__(self, system: System, order: int, rules: Rules = Rules()) -> None:
        self.system, self.order, self.rules = system, order, rules
        self.exponents = rules.exponents or tuple(range(4, 4 + system.commitments))
        self.T = T = max(self.exponents)
        self.degrees = [*range(T), *([T] if rules.error_at_target else []), T + 1]
        self.rows = system.constraints if rules.membership else system.rows
        lengths = [system.slots, system.multiplicities + system.wires, len(system.basis), len(self.degrees), 1]
        ends = [sum(lengths[:count]) for count in range(6)]
        self.G, self.M, self.P, self.E, self.H = (range(*two) for two in pairwise(ends))
        self.bases = ends[-1]

    # Elements

    def element(self, slots=(), wires=(), books=(), errors=None, blinding=0):
        """Return <slots, G> + <wires, M> + <books, P> + sum_d errors[d] E_d + blinding H."""
        vector = [0] * self.bases
        for bases, values in ((self.G, slots), (self.M, wires), (self.P, books)):
            for base, value in zip(bases, values or [0] * len(bases), strict=True):
                vector[base] = value % self.order
        for degree, value in (errors or {}).items():
            vector[self.error(degree)] = value % self.order
        vector[self.H[0]] = blinding % self.order
        return vector

    def error(self, degree):
        """Return the base E_degree."""
        return self.E[self.degrees.index(degree)]

    def at(self, messages, x):
        """Return the left-hand side of (12)."""
        powers = [pow(x, exponent, self.order) for exponent in messages]
        return [_inner(powers, column) % self.order for column in zip(*messages.values(), strict=True)]

    # The verifier

    def weigh(self, alpha, rho, w):
        """Return the combined identity: step (7)."""
        system, order = self.system, self.order
        d, n = system.digits, system.slots
        mu, on_look_up, on_rows = self.rules.weights(n, len(self.rows), rho, w)
        forms = [*zip(on_rows, self.rows, strict=True), *zip([-one for one in mu[d:]], system.products, strict=True)]
        L = [0] * system.variables
        for weight, form in forms:
            for index, coefficient in zip(form.indices, form.coefficients, strict=True):
                L[index] += weight * coefficient
        poles = [pow(alpha + t, -1, order) for t in range(system.base)] if d else [0]
        kappa = sum(weight * form.constant for weight, form in forms) - sum(mu[:d]) - on_look_up * d * poles[0]
        left, right = L[:n], [alpha * one + on_look_up for one in mu[:d]] + L[n : system.wire_start]
        wires = [on_look_up * (poles[0] - pole) for pole in poles[1:]] + L[system.wire_start : system.book_start(0)]
        starts = [system.book_start(k) for k in range(system.commitments + 1)]
        books = [L[start:end] for start, end in pairwise(starts)]
        T = self.T
        columns = [[(T - 1, 2 * one), (T - 2, 2 * two)] for one, two in zip(left, right, strict=True)]
        columns += [[(T - 1, 2 * one)] for one in wires]
        for coordinate in zip(*books, strict=True):
            columns.append([(T - k, 2 * one) for k, one in zip(self.exponents, coordinate, strict=True)])
        columns += [[(degree, -1)] for degree in self.degrees] + [[]]
        columns = [[(degree, factor % order) for degree, factor in column] for column in columns]
        reduced = [[value % order for value in vector] for vector in (mu, left, right, wires)]
        return Weighted(*reduced, [[value % order for value in book] for book in books], kappa % order, columns)

    def t(self, weights, x, response):
        """Return the verifier's polynomial at x."""
        T, g = self.T, response.g
        total = x ** (T - 3) * _inner([mu * value for mu, value in zip(weights.mu, g, strict=True)], g)
        total += 2 * x ** (T - 1) * (_inner(weights.left, g) + _inner(weights.wires, response.m))
        total += 2 * x ** (T - 2) * _inner(weights.right, g) + 2 * weights.kappa * x**T
        for exponent, book in zip(self.exponents, weights.books, strict=True):
            total += 2 * x ** (T - exponent) * _inner(book, response.q)
        return total % self.order

    def right_side(self, weights, x, response):
        """Return the right-hand side of (12)."""
        errors = zip(self.degrees[1:], response.e, strict=True)
        first = self.t(weights, x, response) - sum(x**degree * value for degree, value in errors)
        return [*response.g, *response.m, *response.q, first % self.order, *response.e, response.h]

    def accepts(self, weights, x, messages, response):
        """Return whether (12) holds."""
        return self.at(messages, x) == self.right_side(weights, x, response)

    def only_response(self, messages, x):
        """Return the one response that (12) allows: the group binds, so every base but E_0 is decided."""
        left = self.at(messages, x)
        g, m, q, e = ([left[base] for base in bases] for bases in (self.G, self.M, self.P, self.E))
        return Response(g, m, q, e[1:], left[self.H[0]])

    # The verifier's equation as a polynomial in x

    def residue(self, weights, messages):
        """Return {degree: coefficient} of F(X) = t(X) - sum_d X^d e^_d(X); (12) holds at x if and only if F(x) = 0."""
        F = defaultdict(int, {self.T: 2 * weights.kappa})
        for i, one in messages.items():
            for base, column in enumerate(weights.columns):
                for degree, factor in column:
                    F[degree + i] = F[degree + i] + factor * one[base]
            weighted = [mu * one[base] % self.order for mu, base in zip(weights.mu, self.G, strict=True)]
            for j, two in messages.items():
                F[self.T - 3 + i + j] = F[self.T - 3 + i + j] + _inner(weighted, [two[base] for base in self.G])
        return {degree: value % self.order for degree, value in sorted(F.items())}

    def influence(self, weights, messages, i, base):
        """Return {degree: factor} of one coefficient of message i in F; the square of G_c at T-3+2i is left out."""
        F = defaultdict(int)
        for degree, factor in weights.columns[base]:
            F[degree + i] += factor
        if base in self.G:
            for j, other in messages.items():
                F[self.T - 3 + i + j] += 2 * weights.mu[base] * other[base] if j != i else 0
        return F

    # The honest prover

    def committed(self, books, blindings=None):
        """Return the commitments to books; in a group that hides nothing a blinding factor is for show."""
        blindings = blindings or [1] * len(books)
        return [self.element(books=book, blinding=gamma) for book, gamma in zip(books, blindings, strict=True)]

    def slots(self, values, alpha):
        """Return a, b and the wires m that a witness leads to."""
        system, order = self.system, self.order
        digits = values[: system.digits]
        b = [pow(alpha + digit, -1, order) for digit in digits] + list(values[system.slots : system.wire_start])
        counts = [sum(digit == t for digit in digits) for t in range(1, 1 + system.multiplicities)]
        return list(values[: system.slots]), b, counts + list(values[system.wire_start : system.book_start(0)])

    def books(self, values):
        """Return the books of a witness."""
        starts = [self.system.book_start(k) for k in range(self.system.commitments + 1)]
        return [list(values[start:end]) for start, end in pairwise(starts)]

    def prove(self, values, blindings, masks, alpha, rho, w, counts=None):
        """Return the messages of a prover who checks nothing, by steps (1) to (8)."""
        a, b, m = self.slots(values, alpha)
        m = m if counts is None else [*counts, *m[len(counts) :]]
        A = self.element(a, m, (), dict(enumerate(masks.r_a)), masks.rho_a)
        B = self.element(b, (), (), {self.T - 1: masks.r_b}, masks.rho_b)
        messages = self.messages(A, B, self.committed(self.books(values), blindings))
        messages[0] = self.element(masks.s, masks.s_m, masks.s_q, None, masks.sigma)
        return self.absorb_errors(self.weigh(alpha, rho, w), messages)

    def messages(self, A, B, commitments):
        """Return messages without S; commitments that share a power of x are added up, as (12) does."""
        messages = {1: A, 2: B}
        for exponent, one in zip(self.exponents, commitments, strict=True):
            other = messages.get(exponent, [0] * self.bases)
            messages[exponent] = [(left + right) % self.order for left, right in zip(one, other, strict=True)]
        return messages

    def absorb_errors(self, weights, messages):
        """Return the messages with the e_d in S that take every coefficient of F away for which there is an E_d."""
        S = list(messages[0])
        F = self.residue(weights, messages)
        for degree in self.degrees:
            base = self.error(degree)
            S[base] = (S[base] + F.get(degree, 0)) % self.order
        return messages | {0: S}

    # The cheating prover

    def last_message(self, weights, messages):
        """Return the messages with an S for which (12) can be answered at every x, or `None` if there is none.

        S has an E_d for every covered degree, and its square only meets X^(T-3), which is covered: what remains is
        linear.
        """
        rows, reach = self._uncovered(weights, messages, ())
        equations = Equations(self.order, len(reach))
        if not all(equations.add([*own, constant]) for own, _, constant in rows):
            return None
        S = [0] * self.bases
        for base, value in zip(reach, equations.solution(), strict=True):
            S[base] = value
        return self.absorb_errors(weights, messages | {0: S})

    def middle_message(self, all_weights, messages, unknown):
        """Return the messages with values for the unknown coefficients, or `None` if there are no such values.

        The values are fixed before the weights, and for all of these a last message exists.

        Args:
            all_weights: One for each pair (rho, w).
            messages: Elements, with 0 for what is unknown.
            unknown: Pairs (power of x, base). F must be affine in them where no E_d helps.
        """
        equations = Equations(self.order, len(unknown))
        for weights in all_weights:
            rows, reach = self._uncovered(weights, messages, unknown)
            later = Equations(self.order, len(reach) + len(unknown))
            for own, others, constant in rows:
                later.add([*own, *others, constant])
            for pivot, row in later.rows.items():
                if pivot >= len(reach) and not equations.add(row[len(reach) :]):
                    return None
            if later.contradiction:
                return None
        found = {i: list(element) for i, element in messages.items()}
        for (i, base), value in zip(unknown, equations.solution(), strict=True):
            found[i][base] = value
        return found

    def _uncovered(self, weights, messages, unknown):
        """Return, for every degree without an E_d, what S and the unknown contribute and what is there already."""
        F = self.residue(weights, messages)
        own = {base: self.influence(weights, messages, 0, base) for base in range(self.bases)}
        others = [self.influence(weights, messages, *one) for one in unknown]
        degrees = {degree for part in (F, *own.values(), *others) for degree in part} - set(self.degrees)
        reach = [base for base, part in own.items() if any(part.get(degree, 0) % self.order for degree in degrees)]
        rows = [
            (
                [own[base].get(degree, 0) for base in reach],
                [part.get(degree, 0) for part in others],
                F.get(degree, 0),
            )
            for degree in sorted(degrees)
        ]
        return rows, reach

    # The truth

    def satisfied(self, values):
        """Return whether values satisfy the system in this field."""
        system = self.system
        lefts, rights = values[system.digits : system.slots], values[system.slots : system.wire_start]
        return (
            all(value % self.order < system.base for value in values[: system.digits])
            and not any(form.evaluate(values) % self.order for form in system.constraints)
            and not any(
                (a * b - form.evaluate(values)) % self.order
                for a, b, form in zip(lefts, rights, system.products, strict=True)
            )
        )

    def has_witness(self, books):
        """Return whether the statement about these books is true: try every value of every variable."""
        ranges = [range(self.system.base)] * self.system.digits
        ranges += [range(self.order)] * (self.system.book_start(0) - self.system.digits)
        known = [value for book in books for value in book]
        return any(self.satisfied([*values, *known]) for values in product(*ranges))


class Equations:
    """Linear equations over a prime field, in reduced echelon form; the last entry of a row is its constant."""

    def __init__(self, order, unknowns):
        self.order, self.unknowns = order, unknowns
        self.rows = {}
        self.contradiction = False

    def add(self, row):
        """Take one equation more; return whether all still have a common solution."""
        row = [value % self.order for value in row]
        for pivot, other in self.rows.items():
            row = self._without(row, pivot, other)
        pivot = next((place for place in range(self.unknowns) if row[place]), None)
        if pivot is None:
            self.contradiction = self.contradiction or row[-1] != 0
            return not self.contradiction
        scale = pow(row[pivot], -1, self.order)
        row = [value * scale % self.order for value in row]
        self.rows = {place: self._without(other, pivot, row) for place, other in self.rows.items()} | {pivot: row}
        return not self.contradiction

    def _without(self, row, pivot, other):
        factor = row[pivot]
        return [(one - factor * two) % self.order for one, two in zip(row, other, strict=True)] if factor else row

    def solution(self):
        """Return one solution: unknowns that are free are 0."""
        values = [0] * self.unknowns
        for pivot, row in self.rows.items():
            values[pivot] = -row[-1] % self.order
        return values


def _inner(left, right):
    return sum(one * two for one, two in zip(left, right, strict=True))
