"""The second verifier derives the system of a claim of a composed model: "Composed" in docs/wire-format.md."""

import json
from fractions import Fraction
from math import gcd, lcm

from tests.reference.reading import MILLION, cums, need
from tests.reference.systems import combine, constant, notional, owed, value


def check_models(snapshot):
    """Refuse a snapshot whose composed models break a rule that spans more than one field."""
    listings = {item["id"]: item for item in snapshot["listings"]}
    composed = {name: model for name, model in snapshot["models"].items() if name not in ("cross", "scenario")}
    need(len(composed) <= 64, "too many models")
    for model in composed.values():
        roots = [model["maintenance"], model["initial"], *model["stress"].values(), model["deductions"]]
        for part in model["parts"].values():
            need(all(node["node"] != "part" for node in below(part)), "a part within a part")
        used = {node["name"] for root in roots for node in below(root) if node["node"] == "part"}
        need(used == model["parts"].keys(), "parts and their use")
        whole = [node for root in [*roots, *model["parts"].values()] for node in below(root)]
        need(len(whole) <= 8192, "too many nodes")
        for node in whole:
            check_node(node, model["parts"])
            need(mentioned(node) <= listings.keys(), "an id that is not listed")
            for line in lines(node, listings, 0):
                need(all(abs(part) < 2**96 for pair in line[0].values() for part in pair), "a coefficient")


def below(node):
    yield node
    held = node.get("of", ())
    for child in [held] if isinstance(held, dict) and "node" in held else held if isinstance(held, list) else ():
        yield from below(child)


def check_node(node, parts):
    kind = node["node"]
    if kind in ("worst", "root", "tail"):
        array = node["of"]
        rows = [row["values"] for row in array["per_lot"]]
        need(all(len(row) == array["rows"] for row in [*rows, array["constants"] or [0] * array["rows"]]), "rows")
        need(kind != "tail" or node["count"] <= array["rows"], "count")
        weights = [sum(map(abs, column)) for column in zip(*rows, strict=True)]
        need(kind != "root" or (array["measure"] == "units" and all(weight < 2**44 for weight in weights)), "root")
    if kind == "sides":
        ids = node["long"].keys() | node["short"].keys()
        need(all(node["long"].get(label, 0) + node["short"].get(label, 0) >= 0 for label in ids), "bends down")
    if kind == "pairing":
        names = [strategy["name"] for strategy in node["strategies"]]
        legs = {label for strategy in node["strategies"] for label in strategy["legs"]}
        need(len(set(names)) == len(names) and legs <= node["long"].keys() | node["short"].keys(), "strategies")
        need(all(lots != 0 for strategy in node["strategies"] for lots in strategy["legs"].values()), "no lots")
    if kind == "sum":
        need(len(node["weights_ppm"]) == len(node["of"]), "weights")
    need(depth(node) <= 5 and scale(node, parts) <= 2**64, "depth or scale")


def depth(node):
    if node["node"] == "part":
        return 0
    return 1 + max([0, *(depth(child) for child in list(below(node))[1:])])


def mentioned(node):
    if node["node"] in ("worst", "root", "tail"):
        return {row["id"] for row in node["of"]["per_lot"]}
    return {label for field in ("per_lot", "long", "short") for label in node.get(field, ())}


def everywhere(node, parts):
    for each in below(node):
        yield each
        if each["node"] == "part":
            yield from below(parts[each["name"]])


def denominator(numerator, below):
    return Fraction(numerator, below).denominator


def scale(node, parts):
    kind = node["node"]
    if kind == "affine":
        return rate(node["measure"], node["per_lot"].values())
    if kind == "sides":
        return rate(node["measure"], [*node["long"].values(), *node["short"].values()])
    if kind in ("worst", "root", "tail"):
        return node.get("count", 1) * of_array(node["of"])
    if kind == "pairing":
        return 1
    if kind == "part":
        return scale(parts[node["name"]], parts)
    if kind == "size":
        return scale(node["of"], parts)
    if kind == "sum":
        pairs = zip(node["weights_ppm"], node["of"], strict=True)
        return lcm(*(denominator(weight, MILLION * scale(child, parts)) for weight, child in pairs))
    if kind == "tiers":
        inner = scale(node["of"], parts)
        rates = [denominator(tier["rate_ppm"], MILLION * inner) for tier in node["tiers"]]
        return lcm(*rates, *(denominator(cum, MILLION) for cum in cums(node["tiers"])))
    return lcm(*(scale(child, parts) for child in node["of"]))


def rate(measure, coefficients):
    return 1 if measure == "units" else MILLION // gcd(MILLION, *coefficients)


def of_array(array):
    return rate(array["measure"], [each for row in array["per_lot"] for each in row["values"]])


def ends(listing, w):
    mark = listing.get("mark_ticks", 1)
    w = 0 if listing["kind"] == "cash" else w
    return mark * (MILLION - w) // MILLION, -(-mark * (MILLION + w) // MILLION)


def line(charges, fixed, measure, s, listings, w):
    """Return the pairs (c, e) by id and the constant."""
    found = {}
    for label in sorted(charges.keys() & listings.keys()):
        at_mark = notional(listings[label], listings[label].get("mark_ticks", 1))
        spread = max(abs(notional(listings[label], end) - at_mark) for end in ends(listings[label], w))
        unit, move = (1, 0) if measure == "units" else (at_mark, spread)
        held, short = (
            each * s // (1 if measure == "units" else MILLION) * unit
            + abs(each) * s // (1 if measure == "units" else MILLION) * move
            for each in charges[label]
        )
        found[label] = (held, held + short)
    return found, fixed * s


def lines(node, listings, w):
    """Return the lines that a node writes of its own."""
    kind = node["node"]
    if kind in ("affine", "size"):
        form = node["of"] if kind == "size" else node
        s = rate(form["measure"], form["per_lot"].values())
        signs = (1, -1) if kind == "size" else (1,)
        return [
            line(
                {label: (sign * each, -sign * each) for label, each in form["per_lot"].items()},
                sign * form["constant"],
                form["measure"],
                s,
                listings,
                w,
            )
            for sign in signs
        ]
    if kind == "sides":
        labels = node["long"].keys() | node["short"].keys()
        charges = {label: (node["long"].get(label, 0), node["short"].get(label, 0)) for label in labels}
        return [line(charges, 0, node["measure"], scale(node, {}), listings, w)]
    if kind in ("worst", "root", "tail"):
        array = node["of"]
        rows = [
            ({row["id"]: (row["values"][k], -row["values"][k]) for row in array["per_lot"]}, fixed)
            for k, fixed in enumerate(array["constants"] or [0] * array["rows"])
        ]
        return [line(charges, fixed, array["measure"], of_array(array), listings, w) for charges, fixed in rows]
    return []


def distinct(found):
    return [each for place, each in enumerate(found) if plain(each) not in map(plain, found[:place])]


def plain(found):
    charges, fixed = found
    return [(label, c, e) for label, (c, e) in charges.items() if c or e], fixed


class Derivation:
    """One claim's system under way."""

    def __init__(self, system, model, listings, w):
        self.system, self.parts, self.listings, self.w = system, model["parts"], listings, w
        self.capacity = model["capacity_bits"]
        self.shorts, self.known = {}, {}

    def bits(self, s):
        return self.capacity + (s - 1).bit_length()

    def form(self, found):
        charges, fixed = found
        terms = [(c, {label: 1}) for label, (c, _) in charges.items()]
        for label, (_, e) in charges.items():
            if e:
                if label not in self.shorts:
                    self.shorts[label] = self.naked({label: 1})
                terms.append((e, self.shorts[label]))
        return combine(*terms, (1, constant(fixed)))

    def naked(self, q):
        short = self.system.number(64)
        self.system.nonnegative(combine((1, q), (1, short)), 64)
        return short

    def max(self, values, bits):
        first, *others = values
        if not others:
            return first
        top = combine((1, first), (1, self.system.number(bits)))
        for other in others:
            self.system.nonnegative(combine((1, top), (-1, other)), bits)
        return top

    def total(self, terms):
        return combine(
            *((factor, self.form(what) if isinstance(what, tuple) else self.value(what)) for factor, what in terms)
        )

    def value(self, node):
        key = {"part": lambda: node["name"], "size": lambda: json.dumps(node["of"], sort_keys=True)}
        key = ("part" if node["node"] == "part" else "size", key[node["node"]]()) if node["node"] in key else id(node)
        if key not in self.known:
            self.known[key] = getattr(self, node["node"])(node)
        return self.known[key]

    def lines(self, node):
        return lines(node, self.listings, self.w)

    def factor(self, outer, inner, weight=Fraction(1)):
        exact = Fraction(scale(outer, self.parts), scale(inner, self.parts)) * weight
        need(exact.denominator == 1, "a factor")
        return exact.numerator

    def affine(self, node):
        return self.form(self.lines(node)[0])

    sides = affine

    def size(self, node):
        return self.max([self.form(each) for each in self.lines(node)], self.bits(scale(node, {})))

    def worst(self, node):
        return self.max([self.form(each) for each in distinct(self.lines(node))], self.bits(scale(node, {})))

    def tail(self, node):
        bits = self.bits(of_array(node["of"]))
        rows = [self.form(each) for each in self.lines(node)]
        t = combine((1, self.system.number(bits + 1)), (1, constant(-(2**bits))))
        terms = [(node["count"], t)]
        for row in rows:
            u = self.system.number(bits + 1)
            self.system.nonnegative(combine((1, u), (-1, row), (1, t)), bits + 1)
            terms.append((1, u))
        return combine(*terms)

    def root(self, node):
        bits = self.bits(scale(node, {}))
        rows = [self.form(each) for each in self.lines(node)]
        m = self.system.number(bits)
        squares = [(-1, self.system.product(row, row)) for row in rows]
        self.system.nonnegative(combine((1, self.system.product(m, m)), *squares), bits + 1)
        return m

    def pairing(self, node):
        legs = sorted((node["long"].keys() | node["short"].keys()) & self.listings.keys())
        used = [strategy for strategy in node["strategies"] if strategy["legs"].keys() <= set(legs)]
        counts = [self.system.number(64) for _ in used]
        terms = [(strategy["charge_units"], y) for strategy, y in zip(used, counts, strict=True)]
        for label in legs:
            taken = [(-strategy["legs"].get(label, 0), y) for strategy, y in zip(used, counts, strict=True)]
            rest = combine((1, {label: 1}), *taken)
            long, short = node["long"].get(label, 0), node["short"].get(label, 0)
            terms += [(long, rest), (long + short, self.naked(rest))]
        return combine(*terms)

    def sum(self, node):
        return self.total(self.terms(node))

    def terms(self, node):
        pairs = zip(node["weights_ppm"], node["of"], strict=True)
        return [(self.factor(node, child, Fraction(weight, MILLION)), child) for weight, child in pairs if weight]

    def largest(self, node):
        values = [self.total([(self.factor(node, child), child)]) for child in node["of"]]
        return self.max(values, self.bits(scale(node, self.parts)))

    def tiers(self, node):
        return self.max([self.total(terms) for terms in self.pieces(node)], self.bits(scale(node, self.parts)))

    def pieces(self, node):
        s = scale(node, self.parts)
        for tier, cum in zip(node["tiers"], cums(node["tiers"]), strict=True):
            slope = self.factor(node, node["of"], Fraction(tier["rate_ppm"], MILLION))
            yield [(slope, node["of"]), (1, ({}, -cum * s // MILLION))]

    def cheapest(self, node):
        values = [self.total([(self.factor(node, child), child)]) for child in node["of"]]
        bits = [self.system.number(1) for _ in values]
        self.system.zero(combine(*((1, bit) for bit in bits), (1, constant(-1))))
        return combine(*((1, self.system.product(*pair)) for pair in zip(bits, values, strict=True)))

    def part(self, node):
        return self.value(self.parts[node["name"]])

    def alternatives(self, node):
        kind = node["node"]
        if kind == "part":
            return self.alternatives(self.parts[node["name"]])
        if kind == "worst":
            return [[(1, each)] for each in distinct(self.lines(node))]
        if kind == "tiers":
            return list(self.pieces(node))
        if kind == "largest":
            return [
                [(self.factor(node, child) * factor, what) for factor, what in terms]
                for child in node["of"]
                for terms in self.alternatives(child)
            ]
        if kind == "sum":
            terms = self.terms(node)
            found = [self.alternatives(child) for _, child in terms]
            most = max(map(len, found), default=0)
            if most < 2:
                return [terms]
            place = next(place for place, each in enumerate(found) if len(each) == most)
            others = terms[:place] + terms[place + 1 :]
            return [[*others, *((terms[place][0] * factor, what) for factor, what in each)] for each in found[place]]
        return [[(1, node)]]


def composed(system, model, claim, listings):
    """Write down the rows of a claim."""
    by_id, w = {listing["id"]: listing for listing in listings}, claim["width_ppm"]
    names = {"initial": model["initial"], "stress": model["stress"].get(claim.get("stress"))}
    required = names.get(claim["kind"], model["maintenance"])
    need(required is not None, "no such stress requirement")
    nodes = list(everywhere(required, model["parts"]))
    free = {"cash", "collateral"}
    charged = set().union(*map(mentioned, nodes))
    need(all(item["kind"] in free or item["id"] in charged for item in listings), "an id without a charge")
    if claim["kind"] == "box":
        need(all(item["kind"] != "option" for item in listings), "an option in a box")
        need(all(map(follows, [*nodes, *everywhere(model["deductions"], model["parts"])])), "a box of amounts")
    ratio = Fraction(claim["threshold"]["numerator"], claim["threshold"]["denominator"])
    ratio /= scale(required, model["parts"])
    below = scale(model["deductions"], model["parts"])
    S = lcm(ratio.denominator, below)
    F, G = int(S * ratio), S // below
    need(max(S, F, G) < 2**96, "the scale")
    worth = {}
    for listing in listings:
        low, high = ends(listing, w)
        held, due = (1, 1) if listing["kind"] == "cash" else (value(listing, low), owed(listing, high))
        need(S * max(abs(held), abs(due)) < 2**96, "a value")
        worth[listing["id"]] = (-S * held, S * (due - held))
    at = Derivation(system, model, by_id, w)
    rows = at.alternatives(required)
    for terms in rows:
        taken = at.total([*((F * factor, what) for factor, what in terms), (G, model["deductions"]), (1, (worth, 0))])
        system.nonnegative(combine((-1, taken)), at.bits(S))


def follows(node):
    if node["node"] in ("root", "pairing"):
        return node["node"] == "root" and not node["of"]["per_lot"]
    held = node["of"] if node["node"] in ("worst", "tail") else node
    if node["node"] == "sides":
        return held["measure"] == "notional"
    return "per_lot" not in held or not held["per_lot"] or held["measure"] == "notional"
