"""A second verifier, written from docs/wire-format.md alone.

It imports nothing from the library: json, hashlib and the curve arithmetic of py_ecc are all that it has. Its other
parts are `reading`, `primitives`, `systems` and `composed`. It is slow and keeps the order and the letters of the page,
so that the two can be read side by side. It derives systems with product slots, but verifies only proofs without them.
"""

import hashlib
from itertools import islice

from py_ecc.optimized_bls12_381 import is_inf, neg

from tests.reference.composed import check_models, composed
from tests.reference.primitives import (
    H_EFF,
    SUITE,
    Transcript,
    compress,
    compressed,
    decompress,
    generator,
    le,
    r,
    scalar,
    scalars,
    session_of,
    squeeze,
    string,
    times,
    total,
    u32,
    uncompressed,
)
from tests.reference.reading import canonical, digest, need, read_account, read_proof, read_snapshot
from tests.reference.systems import bounds, claim_system

CLAIM_TAG, REGISTRATION_TAG = b"zkmargin/claim/1", b"zkmargin/registration/1"


# ---- Registration ----------------------------------------------------------------------------------------------------


def account_context(account):
    names = string(account["venue"].encode()) + string(account["account"].encode())
    return names + account["sequence"].to_bytes(8, "big")


def check_opening_proof(account, commitment):
    n, proof = len(account["basis"]), bytes.fromhex(account["opening_proof"])
    need(len(proof) == 32 * (n + 2), "length of the opening proof")
    c, *s = scalars(proof)
    elements = [*(generator("book", label.encode()) for label in account["basis"]), generator("blinding"), commitment]
    relation = le(1) + le(1) + le(n + 2) + scalar(1) + le(n + 1)
    relation += b"".join(le(i) + le(i + 1) + scalar(1) for i in range(n + 1)) + b"".join(map(compress, elements))
    tag = REGISTRATION_TAG + b"/opening" + account_context(account) + b"-CMPT-with-" + SUITE
    announcement = compress(total([*zip(s, elements, strict=False), (c, neg(commitment))]))
    challenge = squeeze(session_of(tag), relation + announcement, 48)
    need(int.from_bytes(challenge, "little") % r == c, "the opening proof does not hold")


def check_registration(account):
    commitment = decompress(bytes.fromhex(account["commitment"]))
    check_opening_proof(account, commitment)
    transcript = Transcript(REGISTRATION_TAG + b"/bounds")
    transcript.absorb("account", account_context(account))
    check_arithmetic(transcript, bounds(account["basis"]), commitment, bytes.fromhex(account["bounds_proof"]))


# ---- Verification ----------------------------------------------------------------------------------------------------


def check_arithmetic(transcript, system, C, proof, rounds=0):
    """Verify a proof about a system with one commitment: K = 1 and T = 4."""
    pairs = compact(transcript, system, C, proof, rounds) if rounds else opened(transcript, system, C, proof)
    difference = total([(factor % r, point) for factor, point in pairs])
    need(is_inf(times(H_EFF, difference)), "the proof does not hold")


def challenges(transcript, form, system, C, S, A, B):
    transcript.absorb("form", form)
    transcript.absorb("system", system.digest())
    transcript.absorb("commitment", compress(C))
    transcript.absorb("A", compress(A))
    alpha = transcript.challenge("alpha")
    need(0 < alpha <= r - system.base, "alpha")
    transcript.absorb("B", compress(B))
    rho, w = transcript.challenge("rho"), transcript.challenge("w")
    transcript.absorb("S", compress(S))
    x = transcript.challenge("x")
    need(rho != 0 and x != 0, "rho or x is 0")
    return alpha, rho, w, x


def weights(system, alpha, rho, w):
    """Return the weights of the slots, lambda_a, lambda_b, lambda_m, lambda_1 and kappa."""
    d = system.d
    slots = [pow(rho, 2 * (i + 1), r) for i in range(d)]
    flat, kappa = [0] * (d + len(system.basis)), 0
    for j, (fixed, row) in enumerate(system.rows):
        weight = pow(w, j + 2, r)
        kappa += weight * fixed
        for place, coefficient in row:
            flat[place] += weight * coefficient
    kappa -= sum(slots) + w * d * pow(alpha, -1, r)
    lambda_b = [weight * alpha + w for weight in slots]
    lambda_m = [w * (pow(alpha, -1, r) - pow(alpha + number, -1, r)) for number in range(1, system.base)]
    return slots, flat[:d], lambda_b, lambda_m, flat[d:], kappa


def dot(left, right):
    return sum(one * other for one, other in zip(left, right, strict=True)) % r


ERRORS = (1, 2, 3, 5)  # the degrees d of the error terms that are sent


def linear_bases(system):
    """Return M, P, E and H: whatever is multiplied besides the slots."""
    wires = [generator("wire", u32(j)) for j in range(system.base - 1)]
    books = [generator("book", label.encode()) for label in system.basis]
    return [*wires, *books, *(generator("error", u32(d)) for d in ERRORS), generator("blinding")]


def opened(transcript, system, C, proof):
    """Return Delta of the opened form as pairs of factor and point."""
    T, n, W, Z = 4, system.d, system.base - 1, len(system.basis)
    need(len(proof) == 288 + 32 * (n + W + Z + 1 + 4), "length of the proof")
    S, A, B = (uncompressed(proof[at : at + 96]) for at in (0, 96, 192))
    values = iter(scalars(proof[288:]))
    g, m, q, e, (h,) = (list(islice(values, length)) for length in (n, W, Z, 4, 1))
    alpha, rho, w, x = challenges(transcript, b"opened/1", system, C, S, A, B)
    slots, lambda_a, lambda_b, lambda_m, lambda_1, kappa = weights(system, alpha, rho, w)
    t = pow(x, T - 3, r) * dot(slots, [value * value for value in g])
    t += 2 * pow(x, T - 1, r) * (dot(lambda_a, g) + dot(lambda_m, m)) + 2 * pow(x, T - 2, r) * dot(lambda_b, g)
    t += 2 * pow(x, T - 4, r) * dot(lambda_1, q) + 2 * pow(x, T, r) * kappa
    first = t - sum(pow(x, d, r) * value for d, value in zip(ERRORS, e, strict=True))
    return [
        *((value, generator("slot", u32(i))) for i, value in enumerate(g)),
        *zip([*m, *q, *e, h], linear_bases(system), strict=True),
        (first, generator("error", u32(0))),
        *((-1, S), (-x, A), (-x * x, B), (-(x**4), C)),
    ]


def compact(transcript, system, C, proof, rounds):
    """Return Delta of the compact form as pairs of factor and point."""
    T, n, unit = 4, system.d, 2**rounds
    need(2 ** (rounds - 1) < n, "more rounds than halve the slots to one")
    L = linear_bases(system)
    N, J = -(-n // unit) * unit, -(-len(L) // unit) * unit
    L += [generator("padding", u32(i)) for i in range(J - len(L))]
    start = 48 * (3 + 2 * rounds)
    need(len(proof) == start + 32 * (N + J) // unit, "length of the proof")
    S, A, B, *in_rounds = (compressed(proof[at : at + 48]) for at in range(0, start, 48))
    values = scalars(proof[start:])
    n_left, l_left = values[: N // unit], values[N // unit :]
    form = b"compact/1" + u32(rounds) + u32(N) + u32(J)
    alpha, rho, w, x = challenges(transcript, form, system, C, S, A, B)
    slots, lambda_a, lambda_b, lambda_m, lambda_1, kappa = weights(system, alpha, rho, w)
    factors = zip(slots, lambda_a, lambda_b, strict=True)
    v = [pow(weight, -1, r) * (x * x * one + x * other) % r for weight, one, other in factors] + [0] * (N - n)
    c = [2 * pow(x, T - 1, r) * one for one in lambda_m] + [2 * pow(x, T - 4, r) * one for one in lambda_1]
    c += [-pow(x, d, r) for d in ERRORS]
    c = [pow(x, 3 - T, r) * one for one in c] + [0] * (J - len(c))
    own, s, u = [], [1] * N, [1] * J
    for step in range(rounds):
        X, R = in_rounds[2 * step : 2 * step + 2]
        transcript.absorb("X", compress(X))
        transcript.absorb("R", compress(R))
        gamma = transcript.challenge("gamma")
        own += [(-gamma, X), (1 - gamma * gamma, R)]
        s = [one * (gamma if i >> step & 1 else pow(rho, 2**step, r)) % r for i, one in enumerate(s)]
        u = [one * (gamma if i >> step & 1 else 1) % r for i, one in enumerate(u)]
    value = sum(pow(rho, 2 ** (rounds + 1) * (i + 1), r) * one * one for i, one in enumerate(n_left))
    value += sum(u[i] * c[i] * l_left[i >> rounds] for i in range(J))
    norm_of_v = dot(slots, [one * one for one in v[:n]])
    return [
        *((s[i] * n_left[i >> rounds] - v[i], generator("slot", u32(i))) for i in range(N)),
        *((u[i] * l_left[i >> rounds], point) for i, point in enumerate(L)),
        (pow(x, T - 3, r) * (value - norm_of_v) + 2 * kappa * pow(x, T, r), generator("error", u32(0))),
        *((-1, S), (-x, A), (-x * x, B), (-(x**4), C)),
        *own,
    ]


def check_claim(snapshot, account, proof):
    """Verify the claim's own proof: step 4."""
    claim = proof["claim"]
    transcript = Transcript(CLAIM_TAG)
    transcript.absorb("snapshot", digest(snapshot))
    transcript.absorb("model", hashlib.sha256(canonical(snapshot["models"].get(claim["model"], {}))).digest())
    transcript.absorb("claim", canonical(claim))
    transcript.absorb("account", account_context(account))
    system = claim_system(snapshot, claim, account["basis"], composed)
    need(system.products == 0, "product slots are beyond this verifier")
    commitment = decompress(bytes.fromhex(account["commitment"]))
    check_arithmetic(transcript, system, commitment, bytes.fromhex(proof["proof"]), proof["rounds"])


def verify(snapshot_bytes, account_bytes, proof_bytes, asked=None):
    """Return if the three documents convince, as "The whole check" says; `asked` is the claim that was asked for."""
    snapshot, account, proof = read_snapshot(snapshot_bytes), read_account(account_bytes), read_proof(proof_bytes)
    check_models(snapshot)
    for name in ("venue", "account", "sequence", "commitment"):
        need(proof[name] == account[name], f"{name} is not that of the account")
    need(proof["epoch"] == snapshot["epoch"] and account["venue"] == snapshot["venue"], "epoch or venue")
    need(proof["snapshot"] == digest(snapshot).hex(), "digest of the snapshot")
    need(asked is None or proof["claim"] == asked, "another claim")
    check_registration(account)
    check_claim(snapshot, account, proof)
