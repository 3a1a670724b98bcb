"""The second verifier for any system: several books, product slots and plain wires, from docs/wire-format.md alone."""

import hashlib
from itertools import islice

from py_ecc.optimized_bls12_381 import is_inf

from tests.reference.primitives import (
    DST,
    H_EFF,
    compress,
    generator,
    r,
    scalar,
    scalars,
    string,
    times,
    total,
    u32,
    uncompressed,
)
from tests.reference.reading import need
from tests.reference.systems import combine, digits
from tests.reference.verifier import dot

# A form is a dict: ("number", i), ("left", i), ("right", i), ("wire", i) or ("book", k, id) -> coefficient, and None ->
# constant.


class System:
    """A system over the labels of several books; finished by `finish`."""

    def __init__(self, books, known):
        self.books, self.known = books, known
        self.basis = sorted(set().union(*books))
        self.bits, self.symbolic, self.products = [], [], 0

    def quantity(self, label, book):
        return {None: 0, ("book", book, label): 1}

    def zero(self, form):
        self.symbolic.append(form)

    def number(self, bits):
        self.bits.append(bits)
        return {None: 0, ("number", len(self.bits) - 1): 1}

    def nonnegative(self, form, bits):
        self.zero(combine((1, self.number(bits)), (-1, form)))

    def product(self, left, right):
        index = self.products
        self.products += 1
        self.zero(combine((1, {("left", index): 1}), (-1, left)))
        self.zero(combine((1, {("right", index): 1}), (-1, right)))
        return {None: 0, ("wire", index): 1}

    def finish(self):
        counts = {bits: self.bits.count(bits) for bits in set(self.bits)}
        cost = lambda base: 3 * sum(n * digits(bits, base) for bits, n in counts.items()) + 2 * (base - 1)  # noqa: E731
        self.base = min(range(2, 4097), key=cost)
        self.lengths = [digits(bits, self.base) for bits in self.bits]
        self.d, self.n = sum(self.lengths), sum(self.lengths) + self.products
        self.wire_start = self.n + self.products
        self.book_start = self.wire_start + self.products
        self.rows = [self.flat(form) for form in self.symbolic]
        self.forms = [(0, [(self.wire_start + index, 1)]) for index in range(self.products)]
        self.membership = [
            (0, [(self.place(("book", book, label)), 1)])
            for book, labels in enumerate(self.books)
            for label in self.basis
            if label not in labels
        ]
        self.variables = self.book_start + len(self.books) * len(self.basis)
        return self

    def place(self, variable):
        kind, index = variable[0], variable[1]
        if kind == "book":
            return self.book_start + index * len(self.basis) + self.basis.index(variable[2])
        return {"left": self.d, "right": self.n, "wire": self.wire_start}[kind] + index

    def flat(self, form):
        row = {}
        for variable, coefficient in form.items():
            if variable is None:
                continue
            if variable[0] == "number":
                start = sum(self.lengths[: variable[1]])
                row |= {start + power: coefficient * self.base**power for power in range(self.lengths[variable[1]])}
            else:
                row[self.place(variable)] = coefficient
        return form[None], sorted((place, value) for place, value in row.items() if value)

    def digest(self):
        data = string(b"zkmargin/system/1") + string(DST)
        data += b"".join(map(u32, (len(self.books), self.d, self.base, self.products, self.known)))
        for labels in (self.basis, *self.books):
            data += u32(len(labels)) + b"".join(string(label.encode()) for label in labels)
        for forms in (self.forms, self.rows):
            data += u32(len(forms))
            for fixed, form in forms:
                data += u32(len(form)) + b"".join(u32(place) for place, _ in form)
                data += scalar(fixed) + b"".join(scalar(value) for _, value in form)
        return hashlib.sha256(data).digest()


def challenges(transcript, system, commitments, S, A, B):
    transcript.absorb("form", b"opened/1")
    transcript.absorb("system", system.digest())
    for commitment in commitments:
        transcript.absorb("commitment", compress(commitment))
    transcript.absorb("A", compress(A))
    alpha = transcript.challenge("alpha")
    need(0 < alpha <= r - system.base, "alpha")
    transcript.absorb("B", compress(B))
    rho, w = transcript.challenge("rho"), transcript.challenge("w")
    transcript.absorb("S", compress(S))
    x = transcript.challenge("x")
    need(rho != 0 and x != 0, "rho or x is 0")
    return alpha, rho, w, x


def check(transcript, system, commitments, proof):
    """Verify an opened proof about a system with K commitments."""
    K, n, d, Z = len(commitments), system.n, system.d, len(system.basis)
    T, W = K + 3, system.base - 1 + system.products
    need(len(proof) == 288 + 32 * (n + W + Z + K + 4), "length of the proof")
    S, A, B = (uncompressed(proof[at : at + 96]) for at in (0, 96, 192))
    values = iter(scalars(proof[288:]))
    g, m, q, e, (h,) = (list(islice(values, length)) for length in (n, W, Z, K + 3, 1))
    alpha, rho, w, x = challenges(transcript, system, commitments, S, A, B)
    mu = [pow(rho, 2 * (i + 1), r) for i in range(n)]
    flat, kappa = [0] * system.variables, -sum(mu[:d]) - w * d * pow(alpha, -1, r)
    weighted = [(pow(w, j + 2, r), row) for j, row in enumerate(system.rows + system.membership)]
    weighted += [(-weight, form) for weight, form in zip(mu[d:], system.forms, strict=True)]
    for weight, (fixed, form) in weighted:
        kappa += weight * fixed
        for place, coefficient in form:
            flat[place] += weight * coefficient
    lambda_a = flat[:n]
    lambda_b = [weight * alpha + w for weight in mu[:d]] + flat[n : system.wire_start]
    lambda_m = [w * (pow(alpha, -1, r) - pow(alpha + number, -1, r)) for number in range(1, system.base)]
    lambda_m += flat[system.wire_start : system.book_start]
    t = pow(x, T - 3, r) * dot(mu, [value * value for value in g]) + 2 * kappa * pow(x, T, r)
    t += 2 * pow(x, T - 1, r) * (dot(lambda_a, g) + dot(lambda_m, m)) + 2 * pow(x, T - 2, r) * dot(lambda_b, g)
    for k in range(1, K + 1):
        start = system.book_start + (k - 1) * Z
        t += 2 * pow(x, T - 3 - k, r) * dot(flat[start : start + Z], q)
    degrees = [*range(1, T), T + 1]
    first = t - sum(pow(x, degree, r) * value for degree, value in zip(degrees, e, strict=True))
    pairs = [
        *((value, generator("slot", u32(i))) for i, value in enumerate(g)),
        *((value, generator("wire", u32(j))) for j, value in enumerate(m)),
        *((value, generator("book", label.encode())) for value, label in zip(q, system.basis, strict=True)),
        *((value, generator("error", u32(degree))) for value, degree in zip(e, degrees, strict=True)),
        *((h, generator("blinding")), (first, generator("error", u32(0)))),
        *((-1, S), (-x, A), (-x * x, B)),
        *((-pow(x, 3 + k, r), commitment) for k, commitment in enumerate(commitments, start=1)),
    ]
    need(is_inf(times(H_EFF, total([(factor % r, point) for factor, point in pairs]))), "the proof does not hold")
