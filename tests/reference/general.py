"""The second verifier for any constraint system: product slots, plain wires, two books; written from the page alone.

`verifier` knows the systems that registrations and claims lead to, which have digits and one book. Here is the rest of
what docs/wire-format.md says under "Constraint system" and "Verification", for a system that is given as it stands in
tests/vectors/arithmetic.json. It imports nothing from the library.
"""

import hashlib
from itertools import islice

from py_ecc.optimized_bls12_381 import is_inf

from tests.reference.primitives import (
    DST,
    H_EFF,
    Transcript,
    compress,
    compressed,
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


class System:
    """A constraint system as a JSON object."""

    def __init__(self, given):
        self.basis, self.members = given["basis"], given["members"]
        self.d, self.base, self.plain = given["digits"], given["base"], given["wires"]
        self.products, self.rows, self.known = given["products"], given["rows"], given["quantity_bits"]
        self.K, self.Z, s = len(self.members), len(self.basis), len(self.products)
        self.T, self.n = self.K + 3, self.d + s
        self.W = (self.base - 1 if self.d else 0) + self.plain
        # digits | left values | right values | wires | book 1 | .. | book K
        self.right, self.wires = self.d + s, self.d + 2 * s
        self.books = [self.wires + self.plain + k * self.Z for k in range(self.K + 1)]
        self.errors = [*range(1, self.T), self.T + 1]
        absent = [
            self.books[k] + place
            for k, labels in enumerate(self.members)
            for place, label in enumerate(self.basis)
            if label not in labels
        ]
        self.all_rows = self.rows + [{"indices": [place], "coefficients": [1], "constant": 0} for place in absent]

    def digest(self):
        known = 0 if self.known is None else 1 + self.known
        data = string(b"zkmargin/system/1") + string(DST)
        data += b"".join(map(u32, (self.K, self.d, self.base, self.plain, known)))
        for labels in (self.basis, *self.members):
            data += u32(len(labels)) + b"".join(string(label.encode()) for label in labels)
        for forms in (self.products, self.rows):
            data += u32(len(forms)) + b"".join(map(form_bytes, forms))
        return hashlib.sha256(data).digest()

    def linear_bases(self):
        """Return all M, P, E_1 .., and H: the points L of the compact form, and of the opened one but G and E_0."""
        wires = [generator("wire", u32(j)) for j in range(self.W)]
        books = [generator("book", label.encode()) for label in self.basis]
        return [*wires, *books, *(generator("error", u32(d)) for d in self.errors), generator("blinding")]


def form_bytes(form):
    numbers = [form["constant"], *form["coefficients"]]
    return u32(len(form["indices"])) + b"".join(map(u32, form["indices"])) + b"".join(map(scalar, numbers))


def challenges(transcript, form, system, commitments, S, A, B):
    transcript.absorb("form", form)
    transcript.absorb("system", system.digest())
    for C in commitments:
        transcript.absorb("commitment", compress(C))
    transcript.absorb("A", compress(A))
    alpha = transcript.challenge("alpha")
    need(system.d == 0 or 0 < alpha <= r - system.base, "alpha")
    transcript.absorb("B", compress(B))
    rho, w = transcript.challenge("rho"), transcript.challenge("w")
    transcript.absorb("S", compress(S))
    x = transcript.challenge("x")
    need(rho != 0 and x != 0, "rho or x is 0")
    return alpha, rho, w, x


def weights(system, alpha, rho, w):
    """Return mu^1 .. mu^n, lambda_a, lambda_b, lambda_m, the lambda_k and kappa."""
    d, n = system.d, system.n
    mu = [pow(rho, 2 * (i + 1), r) for i in range(n)]
    weighted = [(pow(w, j + 2, r), row) for j, row in enumerate(system.all_rows)]
    weighted += [(-mu[d + i], form) for i, form in enumerate(system.products)]
    lambda_, kappa = [0] * system.books[-1], 0
    for weight, form in weighted:
        kappa += weight * form["constant"]
        for place, coefficient in zip(form["indices"], form["coefficients"], strict=True):
            lambda_[place] += weight * coefficient
    over = [pow(alpha + t, -1, r) for t in range(system.base)] if d else [0]
    kappa -= sum(mu[:d]) + w * d * over[0]
    lambda_b = [weight * alpha + w for weight in mu[:d]] + lambda_[system.right : system.wires]
    lambda_m = [w * (over[0] - one) for one in over[1:]] + lambda_[system.wires : system.books[0]]
    books = [lambda_[start : start + system.Z] for start in system.books[:-1]]
    return mu, lambda_[:n], lambda_b, lambda_m, books, kappa


def dot(left, right):
    return sum(one * other for one, other in zip(left, right, strict=True)) % r


def opened(transcript, system, commitments, proof):
    """Return Delta of the opened form as pairs of factor and point."""
    T, n, W, Z, K = system.T, system.n, system.W, system.Z, system.K
    need(len(proof) == 288 + 32 * (n + W + Z + K + 4), "length of the proof")
    S, A, B = (uncompressed(proof[at : at + 96]) for at in (0, 96, 192))
    values = iter(scalars(proof[288:]))
    g, m, q, e, (h,) = (list(islice(values, length)) for length in (n, W, Z, K + 3, 1))
    alpha, rho, w, x = challenges(transcript, b"opened/1", system, commitments, S, A, B)
    mu, lambda_a, lambda_b, lambda_m, lambda_k, kappa = weights(system, alpha, rho, w)
    t = pow(x, T - 3, r) * dot(mu, [value * value for value in g])
    t += 2 * pow(x, T - 1, r) * (dot(lambda_a, g) + dot(lambda_m, m)) + 2 * pow(x, T - 2, r) * dot(lambda_b, g)
    t += 2 * sum(pow(x, T - 3 - k, r) * dot(one, q) for k, one in enumerate(lambda_k, start=1))
    t += 2 * pow(x, T, r) * kappa
    first = t - sum(pow(x, d, r) * value for d, value in zip(system.errors, e, strict=True))
    return [
        *((value, generator("slot", u32(i))) for i, value in enumerate(g)),
        *zip([*m, *q, *e, h], system.linear_bases(), strict=True),
        (first, generator("error", u32(0))),
        *((-1, S), (-x, A), (-x * x, B)),
        *((-pow(x, 3 + k, r), C) for k, C in enumerate(commitments, start=1)),
    ]


def compact(transcript, system, commitments, proof, rounds):
    """Return Delta of the compact form as pairs of factor and point."""
    T, n, unit = system.T, system.n, 2**rounds
    need(1 <= rounds <= 16 and 2 ** (rounds - 1) < n, "rounds")
    L = system.linear_bases()
    N, J = -(-n // unit) * unit, -(-len(L) // unit) * unit
    L += [generator("padding", u32(i)) for i in range(J - len(L))]
    start = 48 * (3 + 2 * rounds)
    need(len(proof) == start + 32 * (N + J) // unit, "length of the proof")
    S, A, B, *in_rounds = (compressed(proof[at : at + 48]) for at in range(0, start, 48))
    values = scalars(proof[start:])
    n_left, l_left = values[: N // unit], values[N // unit :]
    form = b"compact/1" + u32(rounds) + u32(N) + u32(J)
    alpha, rho, w, x = challenges(transcript, form, system, commitments, S, A, B)
    mu, lambda_a, lambda_b, lambda_m, lambda_k, kappa = weights(system, alpha, rho, w)
    factors = zip(mu, lambda_a, lambda_b, strict=True)
    v = [pow(weight, -1, r) * (x * x * one + x * other) % r for weight, one, other in factors] + [0] * (N - n)
    c = [2 * pow(x, T - 1, r) * one for one in lambda_m]
    for place in range(system.Z):
        c.append(2 * sum(pow(x, T - 3 - k, r) * one[place] for k, one in enumerate(lambda_k, start=1)))
    c += [-pow(x, d, r) for d in system.errors]
    c = [pow(x, 3 - T, r) * one for one in c] + [0] * (J - len(c))
    s, u, own = [1] * N, [1] * J, []
    for step, (X, R) in enumerate(zip(in_rounds[::2], in_rounds[1::2], strict=True)):
        transcript.absorb("X", compress(X))
        transcript.absorb("R", compress(R))
        gamma = transcript.challenge("gamma")
        own += [(-gamma, X), (1 - gamma * gamma, R)]
        s = [one * (gamma if i >> step & 1 else pow(rho, 2**step, r)) % r for i, one in enumerate(s)]
        u = [one * (gamma if i >> step & 1 else 1) % r for i, one in enumerate(u)]
    y = sum(pow(rho, 2 ** (rounds + 1) * (i + 1), r) * one * one for i, one in enumerate(n_left))
    y += sum(u[i] * c[i] * l_left[i >> rounds] for i in range(J))
    norm_of_v = dot(mu, [one * one for one in v[:n]])
    return [
        *((s[i] * n_left[i >> rounds] - v[i], generator("slot", u32(i))) for i in range(N)),
        *((u[i] * l_left[i >> rounds], point) for i, point in enumerate(L)),
        (pow(x, T - 3, r) * (y - norm_of_v) + 2 * kappa * pow(x, T, r), generator("error", u32(0))),
        *((-1, S), (-x, A), (-x * x, B)),
        *((-pow(x, 3 + k, r), C) for k, C in enumerate(commitments, start=1)),
        *own,
    ]


def check(tag, given, commitments, proof, rounds):
    """Return if a proof about a given system and commitments holds."""
    system, transcript = System(given), Transcript(tag.encode())
    need(len(commitments) == system.K, "number of commitments")
    read = compact if rounds else opened
    pairs = read(transcript, system, commitments, proof, *([rounds] if rounds else []))
    difference = total([(factor % r, point) for factor, point in pairs])
    need(is_inf(times(H_EFF, difference)), "the proof does not hold")
