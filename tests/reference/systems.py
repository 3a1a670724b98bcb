"""The second verifier derives the constraint system of an account or a claim from public data."""

import hashlib
from fractions import Fraction

from tests.reference.primitives import DST, scalar, string, u32
from tests.reference.reading import MILLION, cums, need

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
    """A system of one book; finished by `finish`."""

    def __init__(self, basis, known):
        self.basis, self.known, self.bits, self.symbolic, self.products = basis, known, [], [], 0

    def number(self, bits):
        self.bits.append(bits)
        return {("number", len(self.bits) - 1): 1}

    def nonnegative(self, form, bits):
        self.symbolic.append(combine((1, self.number(bits)), (-1, form)))

    def zero(self, form):
        self.symbolic.append(form)

    def product(self, left, right):
        number, self.products = self.products, self.products + 1
        self.zero(combine((1, {("left", number): 1}), (-1, left)))
        self.zero(combine((1, {("right", number): 1}), (-1, right)))
        return {("wire", number): 1}

    def finish(self):
        self.base = min(range(2, 4097), key=self.cost)
        lengths = [digits(bits, self.base) for bits in self.bits]
        self.d = sum(lengths)
        s = self.products
        need(self.d + s <= 2**16 and s <= 2**12 and len(self.symbolic) <= 2**14, "too large a system")
        places = {label: self.d + 3 * s + place for place, label in enumerate(self.basis)}
        kinds = enumerate(("left", "right", "wire"))
        places |= {(kind, slot): self.d + at * s + slot for at, kind in kinds for slot in range(s)}
        self.rows = []
        for form in self.symbolic:
            row = {}
            for variable, coefficient in form.items():
                if isinstance(variable, tuple) and variable[0] == "number":
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
        data += b"".join(map(u32, (1, self.d, self.base, self.products, self.known))) + labels + labels
        data += u32(self.products)
        for slot in range(self.products):
            data += u32(1) + u32(self.d + 2 * self.products + slot) + scalar(0) + scalar(1)
        data += u32(len(self.rows))
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


def claim_system(snapshot, claim, basis, others=None, known=1 + 77):
    """Derive the system; `others` writes down a claim of a composed model."""
    listings = {listing["id"]: listing for listing in snapshot["listings"]}
    need(set(basis) <= listings.keys(), "an id that is not listed")
    need(claim["model"] in snapshot["models"], "the snapshot lacks the model")
    build = {"cross": cross, "scenario": scenario}.get(claim["model"], others)
    system = System(basis, known)
    build(system, snapshot["models"][claim["model"]], claim, [listings[label] for label in basis])
    return system.finish()


def notional(listing, x):
    if listing["kind"] == "inverse":
        return -(-listing["face"] // x)
    return listing.get("multiplier", 1) * x


def owed(listing, x):
    if listing["kind"] == "order":
        return 0
    if listing["kind"] == "inverse":
        return -notional(listing, x) - listing.get("funding_units", 0)
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
    names = [scenario["name"] for scenario in parameters["scenarios"]]
    asked = [claim["stress"]] if claim["kind"] == "stress" else names
    need(set(asked) <= set(names), "a stress without a scenario")
    for k in map(names.index, asked):
        coefficients = [
            D * each - N * losses.get(label, [0] * count)[k] for label, each in zip(labels, worth, strict=True)
        ]
        lines.append((coefficients, extras))
    least = {} if claim["kind"] == "stress" else parameters["short_minimum_units"]
    minimums = [N * least.get(label, 0) for label in labels]
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
