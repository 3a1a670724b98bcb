"""A second verifier, written from docs/wire-format.md alone.

It imports nothing from the library: json, hashlib and the curve arithmetic of py_ecc are all that it has, and its first
half `reading`. It is slow and keeps the order and the letters of the page, so that the two can be read side by side.
"""

import hashlib
from fractions import Fraction
from itertools import islice

from py_ecc.bls.hash_to_curve import hash_to_G1
from py_ecc.fields import optimized_bls12_381_FQ as FQ
from py_ecc.optimized_bls12_381 import Z1, add, b, double, is_inf, is_on_curve, neg, normalize

from tests.reference.reading import MILLION, canonical, cums, digest, need, read_account, read_proof, read_snapshot

r = 0x73EDA753299D7D483339D80809A1D80553BDA402FFFE5BFEFFFFFFFF00000001
p = 0x1A0111EA397FE69A4B1BA7B6434BACD764774B84F38512BF6730D2A0F6B0F6241EABFFFEB153FFFFB9FEFFFFFFFFAAAB
H_EFF = 0xD201000000010001
DST = b"ZKMARGIN-V01-CS01-with-BLS12381G1_XMD:SHA-256_SSWU_RO_"
SUITE = b"sigma-proofs_Shake128_BLS12381"
CLAIM_TAG, REGISTRATION_TAG = b"zkmargin/claim/1", b"zkmargin/registration/1"


# ---- Points and generators -------------------------------------------------------------------------------------------


def compress(point):
    need(not is_inf(point), "the identity has no encoding")
    x, y = (int(value) for value in normalize(point))
    return (x | 1 << 383 | (1 << 381 if y > p - y else 0)).to_bytes(48, "big")


def decompress(data):
    number = int.from_bytes(data, "big")
    x = number % 2**381
    need(number >> 382 == 0b10 and x < p, "flags or coordinate of a point")
    y = pow(x**3 + 4, (p + 1) // 4, p)
    need(y * y % p == (x**3 + 4) % p, "off the curve")
    point = (FQ(x), FQ(y if (y > p - y) == bool(number & 1 << 381) else p - y), FQ(1))
    need(is_inf(times(r, point)), "outside the subgroup")
    return point


def uncompressed(data):
    x, y = int.from_bytes(data[:48], "big"), int.from_bytes(data[48:], "big")
    point = (FQ(x), FQ(y), FQ(1))
    need(x < p and y < p and is_on_curve(point, b), "off the curve")
    return point


def times(factor, point):
    return total([(factor, point)])


def total(pairs):
    """Return the sum of scalar * point by doublings and additions; right outside the subgroup too."""
    result = Z1
    for bit in reversed(range(max(factor.bit_length() for factor, _ in pairs))):
        result = double(result)
        for factor, point in pairs:
            if factor >> bit & 1:
                result = add(result, point)
    return result


def generator(kind, payload=b"", known={}):  # noqa: B006 - the default is the cache
    label = bytes([len(kind)]) + kind.encode() + payload
    if label not in known:
        known[label] = hash_to_G1(label, DST, hashlib.sha256)
    return known[label]


# ---- Sponge and transcript -------------------------------------------------------------------------------------------


def u32(value):
    return value.to_bytes(4, "big")


def le(value):
    return value.to_bytes(4, "little")


def scalar(value):
    return (value % r).to_bytes(32, "big")


def string(data):
    return le(len(data)) + data


def squeeze(session, history, length):
    return hashlib.shake_128(session + bytes(136) + history).digest(length)


def session_of(tag):
    return squeeze(b"irtf-cfrg-fiat-shamir/session-id", tag, 32)


class Transcript:
    def __init__(self, tag):
        self.session, self.history = session_of(tag), b""

    def absorb(self, name, data):
        self.history += b"\x00" + string(name.encode()) + string(data)

    def challenge(self, name):
        self.history += b"\x01" + string(name.encode())
        return int.from_bytes(squeeze(self.session, self.history, 48), "little") % r


def scalars(data):
    values = [int.from_bytes(data[at : at + 32], "big") for at in range(0, len(data), 32)]
    need(all(value < r for value in values), "a scalar is not below r")
    return values


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


# ---- From public data to a system ------------------------------------------------------------------------------------
# A form is a dict: ("number", i) or an id -> coefficient, and None -> constant.


def combine(*terms):
    result = {None: 0}
    for factor, form in terms:
        for variable, coefficient in form.items():
            result[variable] = result.get(variable, 0) + factor * coefficient
    return result


def constant(value):
    return {None: value}


class System:
    """A system of one book, without product slots and plain wires; finished by `finish`."""

    def __init__(self, basis, known):
        self.basis, self.known, self.bits, self.symbolic = basis, known, [], []

    def number(self, bits):
        self.bits.append(bits)
        return {("number", len(self.bits) - 1): 1}

    def nonnegative(self, form, bits):
        self.symbolic.append(combine((1, self.number(bits)), (-1, form)))

    def finish(self):
        self.base = min(range(2, 4097), key=self.cost)
        lengths = [digits(bits, self.base) for bits in self.bits]
        self.d = sum(lengths)
        need(self.d <= 2**16 and len(self.symbolic) <= 2**14, "too large a system")
        places = {label: self.d + place for place, label in enumerate(self.basis)}
        self.rows = []
        for form in self.symbolic:
            row = {}
            for variable, coefficient in form.items():
                if isinstance(variable, tuple):
                    start = sum(lengths[: variable[1]])
                    row |= {start + power: coefficient * self.base**power for power in range(lengths[variable[1]])}
                elif variable is not None:
                    row[places[variable]] = coefficient
            self.rows.append((form[None], sorted((place, value) for place, value in row.items() if value)))
        return self

    def cost(self, base):
        counts = {bits: self.bits.count(bits) for bits in set(self.bits)}
        return 3 * sum(count * digits(bits, base) for bits, count in counts.items()) + 2 * (base - 1)

    def digest(self):
        labels = u32(len(self.basis)) + b"".join(string(label.encode()) for label in self.basis)
        data = string(b"zkmargin/system/1") + string(DST)
        data += b"".join(map(u32, (1, self.d, self.base, 0, self.known))) + labels + labels
        data += u32(0) + u32(len(self.rows))
        for fixed, row in self.rows:
            data += u32(len(row)) + b"".join(u32(place) for place, _ in row)
            data += scalar(fixed) + b"".join(scalar(value) for _, value in row)
        return hashlib.sha256(data).digest()


def digits(bits, base):
    length = 0
    while base**length < 2**bits:
        length += 1
    return length


def bounds(basis):
    system = System(basis, known=0)
    for label in basis:
        system.nonnegative(combine((1, {label: 1}), (1, constant(2**64))), 65)
    return system.finish()


def claim_system(snapshot, claim, basis):
    listings = {listing["id"]: listing for listing in snapshot["listings"]}
    need(set(basis) <= listings.keys(), "an id that is not listed")
    need(claim["model"] in snapshot["models"], "the snapshot lacks the model")
    build = cross if claim["model"] == "cross" else scenario
    system = System(basis, known=1 + 77)
    build(system, snapshot["models"][claim["model"]], claim, [listings[label] for label in basis])
    return system.finish()


def owed(listing, x):
    return listing["multiplier"] * (x - listing.get("funding_ticks", 0))


def value(listing, x):
    return owed(listing, x) * (MILLION - listing.get("haircut_ppm", 0)) // MILLION


def pieces_of(listing, claim, tables):
    """Return (per_lot, per_size, constant) of each piece."""
    u, w, mark = MILLION * claim["threshold"]["denominator"], claim["width_ppm"], listing["mark_ticks"]
    low, high = mark * (MILLION - w) // MILLION, -(-mark * (MILLION + w) // MILLION)
    if listing["kind"] == "collateral":
        return [(-u * v, 0, 0) for v in sorted({value(listing, low), owed(listing, high)})]
    n, m, tiers = claim["threshold"]["numerator"], listing["multiplier"], tables[listing["id"]]
    return [
        (-u * value(listing, x), n * m * x * tier["rate_ppm"], -n * cum)
        for x in sorted({low, high})
        for tier, cum in zip(tiers, cums(tiers), strict=True)
    ]


def cross(system, parameters, claim, listings):
    need(all(listing["kind"] != "option" for listing in listings), "an option in a cross book")
    u = MILLION * claim["threshold"]["denominator"]
    bits = parameters["capacity_bits"] + (u - 1).bit_length()
    tables = {row["id"]: row["tiers"] for row in parameters["initial" if claim["kind"] == "initial" else "maintenance"]}
    terms = []
    for listing in listings:
        q = {listing["id"]: 1}
        if listing["kind"] == "cash":
            terms.append((u, q))
            continue
        pieces = pieces_of(listing, claim, tables)
        size = constant(0)
        need(all(max(abs(lot), each) < 2**96 and -fixed < 2**160 for lot, each, fixed in pieces), "a coefficient")
        if any(each > 0 for _, each, _ in pieces):
            short = system.number(64)
            system.nonnegative(combine((1, q), (1, short)), 64)
            size = combine((1, q), (2, short))
        charge, *others = (combine((lot, q), (each, size), (1, constant(fixed))) for lot, each, fixed in pieces)
        if others:
            charge = combine((1, charge), (1, system.number(bits)))
        for piece in others:
            system.nonnegative(combine((1, charge), (-1, piece)), bits)
        terms.append((-1, charge))
    system.nonnegative(combine(*terms), bits)


def scenario(system, parameters, claim, listings):
    ratio = Fraction(claim["threshold"]["numerator"], claim["threshold"]["denominator"])
    ratio *= Fraction(parameters["initial_ppm"], MILLION) if claim["kind"] == "initial" else 1
    N, D = ratio.numerator, ratio.denominator
    bits = parameters["capacity_bits"] + (D - 1).bit_length()
    count = len(parameters["scenarios"])
    losses = {row["id"]: row["units"] for row in parameters["losses"]}
    worth, extras, lines = [], [], []
    for listing in listings:
        mark, haircut = listing.get("mark_ticks"), listing.get("haircut_ppm", 0)
        worth.append(1 if listing["kind"] == "cash" else value(listing, mark))
        gain = max([0, *(-loss for loss in losses.get(listing["id"], ()))])
        rise = -(-gain * haircut // (MILLION - haircut))
        extras.append(D * (owed(listing, mark) - value(listing, mark)) + N * rise if haircut else 0)
    labels = [listing["id"] for listing in listings]
    for k in range(count):
        coefficients = [
            D * each - N * losses.get(label, [0] * count)[k] for label, each in zip(labels, worth, strict=True)
        ]
        lines.append((coefficients, extras))
    minimums = [N * parameters["short_minimum_units"].get(label, 0) for label in labels]
    lines.append(([D * each for each in worth], [one + other for one, other in zip(extras, minimums, strict=True)]))
    lines = [line for place, line in enumerate(lines) if line not in lines[:place]]
    need(all(abs(number) < 2**96 for line in lines for part in line for number in part), "a coefficient")
    shorts = {}
    for place, label in enumerate(labels):
        if any(charges[place] > 0 for _, charges in lines):
            shorts[label] = system.number(64)
            system.nonnegative(combine((1, {label: 1}), (1, shorts[label])), 64)
    for coefficients, charges in lines:
        held = [(coefficient, {label: 1}) for coefficient, label in zip(coefficients, labels, strict=True)]
        due = [(-charge, shorts.get(label, {})) for charge, label in zip(charges, labels, strict=True)]
        system.nonnegative(combine(*held, *due), bits)


# ---- Verification ----------------------------------------------------------------------------------------------------


def check_arithmetic(transcript, system, C, proof):
    """Verify a proof about a system with one commitment: K = 1 and T = 4."""
    n, W, basis = system.d, system.base - 1, system.basis
    need(len(proof) == 288 + 32 * (n + W + len(basis) + 1 + 4), "length of the proof")
    S, A, B = (uncompressed(proof[at : at + 96]) for at in (0, 96, 192))
    values = iter(scalars(proof[288:]))
    g, m, q, e, (h,) = (list(islice(values, length)) for length in (n, W, len(basis), 4, 1))
    transcript.absorb("form", b"opened/1")
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
    error_of = dict(zip((1, 2, 3, 5), e, strict=True))
    t = polynomial(system, (alpha, rho, w, x), g, m, q)
    pairs = [(t - sum(x**d * value for d, value in error_of.items()), generator("error", u32(0)))]
    pairs += [(value, generator("error", u32(d))) for d, value in error_of.items()]
    pairs += [(value, generator("slot", u32(i))) for i, value in enumerate(g)]
    pairs += [(value, generator("wire", u32(j))) for j, value in enumerate(m)]
    pairs += [(value, generator("book", label.encode())) for label, value in zip(basis, q, strict=True)]
    pairs += [(h, generator("blinding"))]
    pairs += [(-1, S), (-x, A), (-x * x, B), (-(x**4), C)]
    difference = total([(factor % r, point) for factor, point in pairs])
    need(is_inf(times(H_EFF, difference)), "the proof does not hold")


def polynomial(system, challenges, g, m, q):
    alpha, rho, w, x = challenges
    T, d, mu = 4, system.d, rho * rho % r
    weights = [pow(mu, i + 1, r) for i in range(d)]
    flat, kappa = [0] * (d + len(q)), 0
    for j, (fixed, row) in enumerate(system.rows):
        weight = pow(w, j + 2, r)
        kappa += weight * fixed
        for place, coefficient in row:
            flat[place] += weight * coefficient
    kappa -= sum(weights) + w * d * pow(alpha, -1, r)
    lambda_b = [weight * alpha + w for weight in weights]
    lambda_m = [w * (pow(alpha, -1, r) - pow(alpha + number, -1, r)) for number in range(1, system.base)]
    return (
        pow(x, T - 3, r) * dot(weights, [value * value for value in g])
        + 2 * pow(x, T - 1, r) * (dot(flat[:d], g) + dot(lambda_m, m))
        + 2 * pow(x, T - 2, r) * dot(lambda_b, g)
        + 2 * pow(x, T - 4, r) * dot(flat[d:], q)
        + 2 * pow(x, T, r) * kappa
    )


def dot(left, right):
    return sum(one * other for one, other in zip(left, right, strict=True)) % r


def check_claim(snapshot, account, proof):
    """Verify the claim's own proof: step 4."""
    claim = proof["claim"]
    transcript = Transcript(CLAIM_TAG)
    transcript.absorb("snapshot", digest(snapshot))
    transcript.absorb("model", hashlib.sha256(canonical(snapshot["models"].get(claim["model"], {}))).digest())
    transcript.absorb("claim", canonical(claim))
    transcript.absorb("account", account_context(account))
    system = claim_system(snapshot, claim, account["basis"])
    commitment = decompress(bytes.fromhex(account["commitment"]))
    check_arithmetic(transcript, system, commitment, bytes.fromhex(proof["proof"]))


def verify(snapshot_bytes, account_bytes, proof_bytes, asked=None):
    """Return if the three documents convince, as "The whole check" says; `asked` is the claim that was asked for."""
    snapshot, account, proof = read_snapshot(snapshot_bytes), read_account(account_bytes), read_proof(proof_bytes)
    for name in ("venue", "account", "sequence", "commitment"):
        need(proof[name] == account[name], f"{name} is not that of the account")
    need(proof["epoch"] == snapshot["epoch"] and account["venue"] == snapshot["venue"], "epoch or venue")
    need(proof["snapshot"] == digest(snapshot).hex(), "digest of the snapshot")
    need(asked is None or proof["claim"] == asked, "another claim")
    check_registration(account)
    check_claim(snapshot, account, proof)
