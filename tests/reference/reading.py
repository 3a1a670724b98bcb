"""The first part of the second verifier: reads documents as docs/wire-format.md demands, and refuses everything else.

Written from the page alone; imports nothing from the library. A document stays what JSON makes of it: dicts and lists.
"""

import hashlib
import json
import re
from itertools import pairwise
from math import gcd

MILLION = 10**6


class RefusedError(Exception):
    """The input does not convince."""


def need(condition, what):
    if not condition:
        raise RefusedError(what)


# ---- Rules for every document ----------------------------------------------------------------------------------------


def parse(data):
    need(len(data) <= 8 * 2**20, "a document has at most 8 MiB")
    try:
        document = json.loads(
            data.decode(), object_pairs_hook=unique, parse_int=integer_text, parse_float=decimal, parse_constant=decimal
        )
    except (UnicodeDecodeError, json.JSONDecodeError, RecursionError):
        raise RefusedError("not one JSON value in UTF-8") from None
    need(isinstance(document, dict) and depth(document) <= 16, "not an object, or nested too deeply")
    return document


def unique(pairs):
    need(len(dict(pairs)) == len(pairs), "two equal keys")
    return dict(pairs)


def integer_text(text):
    need(text != "-0" and len(text) <= 80, "-0 or too many digits")
    return int(text)


def decimal(text):
    raise RefusedError("a number that is no integer")


def depth(value):
    if not isinstance(value, dict | list):
        return 0
    return 1 + max(map(depth, value.values() if isinstance(value, dict) else value), default=0)


def canonical(document):
    return json.dumps(document, sort_keys=True, separators=(",", ":")).encode()


def digest(document):
    return hashlib.sha256(document["format"].encode() + b"\x00" + canonical(document)).digest()


def whole(low, high):
    return lambda value: type(value) is int and low <= value <= high


def identifier(value):
    return isinstance(value, str) and re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._:/-]{0,63}", value) is not None


def never(_):
    return False


def one_of(*texts):
    return lambda value: isinstance(value, str) and value in texts


def hexadecimal(length=None, most=2**23):
    def rule(value):
        plain = isinstance(value, str) and re.fullmatch("(?:[0-9a-f]{2})*", value) is not None
        return plain and (len(value) == 2 * length if length is not None else len(value) <= 2 * most)

    return rule


def sequence(item, low, high):
    return lambda value: isinstance(value, list) and low <= len(value) <= high and all(map(item, value))


def mapping(item, most):
    return lambda value: (
        isinstance(value, dict) and len(value) <= most and all(identifier(key) and item(value[key]) for key in value)
    )


def fields(optional=(), **rules):
    def rule(value):
        fits = isinstance(value, dict) and value.keys() <= rules.keys() and rules.keys() - set(optional) <= value.keys()
        return fits and all(rules[name](content) for name, content in value.items())

    return rule


def ascending(labels):
    return all(left < right for left, right in pairwise(labels))


# ---- Documents -------------------------------------------------------------------------------------------------------

NAMED = {"id": identifier, "multiplier": whole(1, 2**32), "mark_ticks": whole(1, 2**48)}
TIME = whole(0, 2**63 - 1)
PERPETUAL = fields(kind=one_of("linear"), funding_ticks=whole(-(2**48), 2**48), **NAMED)
DATED = fields(kind=one_of("linear"), expiry=TIME, **NAMED)
FACED = {"id": identifier, "face": whole(1, 2**64), "mark_ticks": whole(1, 2**48)}
INVERSE_PERPETUAL = fields(kind=one_of("inverse"), funding_units=whole(-(2**64), 2**64), **FACED)
INVERSE_DATED = fields(kind=one_of("inverse"), expiry=TIME, **FACED)
LISTING = {
    "cash": fields(kind=one_of("cash"), id=identifier),
    "collateral": fields(kind=one_of("collateral"), haircut_ppm=whole(0, 999_999), **NAMED),
    "inverse": lambda listing: (INVERSE_DATED if "expiry" in listing else INVERSE_PERPETUAL)(listing),
    "linear": lambda listing: (DATED if "expiry" in listing else PERPETUAL)(listing),
    "order": fields(kind=one_of("order"), underlying=identifier, **NAMED),
    "option": fields(
        kind=one_of("option"),
        underlying=identifier,
        right=one_of("call", "put"),
        strike_ticks=whole(1, 2**48),
        expiry=TIME,
        **NAMED | {"mark_ticks": whole(0, 2**48)},
    ),
}
TIER = fields(floor_units=whole(0, 2**96 - 1), rate_ppm=whole(0, MILLION))
TABLES = sequence(fields(id=identifier, tiers=sequence(TIER, 1, 32)), 0, 4096)
COMMON = {"version": whole(0, 2**32 - 1), "capacity_bits": whole(32, 96)}
SCENARIO = fields(
    name=identifier,
    price_ppm=whole(-999_999, 10**7),
    volatility_ppm=whole(-MILLION, 10**7),
    cover_ppm=whole(1, MILLION),
)
LOSSES = fields(id=identifier, units=sequence(whole(1 - 2**80, 2**80 - 1), 1, 1024))
AMOUNT = whole(1 - 2**80, 2**80 - 1)
AMOUNTS = mapping(AMOUNT, 4096)
LEAST_NOTHING = mapping(whole(0, 2**80 - 1), 4096)
MEASURE = one_of("units", "notional")
ARRAY = fields(
    measure=MEASURE,
    rows=whole(1, 1024),
    per_lot=lambda rows: (
        sequence(fields(id=identifier, values=sequence(AMOUNT, 1, 1024)), 0, 4096)(rows)
        and ascending([row["id"] for row in rows])
    ),
    constants=sequence(AMOUNT, 0, 1024),
)
STRATEGY = fields(
    name=identifier,
    legs=lambda legs: mapping(whole(1 - 2**32, 2**32 - 1), 16)(legs) and len(legs) > 0,
    charge_units=whole(0, 2**80 - 1),
)


def node(content):
    return isinstance(content, dict) and NODE.get(str(content.get("node")), never)(content)


def of_kind(kind, **rules):
    return fields(node=one_of(kind), **rules)


AFFINE = of_kind("affine", measure=MEASURE, per_lot=AMOUNTS, constant=AMOUNT)
NODE = {
    "affine": AFFINE,
    "sides": of_kind("sides", measure=MEASURE, long=AMOUNTS, short=AMOUNTS),
    "size": of_kind("size", of=AFFINE),
    "worst": of_kind("worst", of=ARRAY),
    "root": of_kind("root", of=ARRAY),
    "tail": of_kind("tail", of=ARRAY, count=whole(1, 1024)),
    "pairing": of_kind("pairing", long=LEAST_NOTHING, short=LEAST_NOTHING, strategies=sequence(STRATEGY, 1, 512)),
    "sum": of_kind("sum", of=sequence(node, 1, 1024), weights_ppm=sequence(whole(0, 10**9), 1, 1024)),
    "largest": of_kind("largest", of=sequence(node, 1, 1024)),
    "cheapest": of_kind("cheapest", of=sequence(node, 2, 32)),
    "tiers": of_kind("tiers", of=node, tiers=sequence(TIER, 1, 32)),
    "part": of_kind("part", name=identifier),
}
COMPOSED = fields(
    parts=mapping(node, 256),
    maintenance=node,
    initial=node,
    stress=mapping(node, 64),
    deductions=node,
    **COMMON,
)
PLAIN_MODELS = fields(
    optional=("cross", "scenario"),
    cross=fields(maintenance=TABLES, initial=TABLES, **COMMON),
    scenario=fields(
        initial_ppm=whole(MILLION, 100 * MILLION),
        scenarios=sequence(SCENARIO, 1, 1024),
        losses=sequence(LOSSES, 0, 4096),
        short_minimum_units=mapping(whole(0, 2**80 - 1), 4096),
        **COMMON,
    ),
)


def models(content):
    if not isinstance(content, dict):
        return False
    named = {name: content[name] for name in content if name not in ("cross", "scenario")}
    return mapping(COMPOSED, 64)(named) and PLAIN_MODELS({key: content[key] for key in content.keys() - named.keys()})


SNAPSHOT = fields(
    format=one_of("zkmargin/snapshot/1"),
    venue=identifier,
    epoch=TIME,
    valid_from=TIME,
    previous=hexadecimal(32),
    breaker=one_of("normal", "halted"),
    listings=sequence(lambda item: isinstance(item, dict) and LISTING.get(str(item.get("kind")), never)(item), 1, 4096),
    models=models,
)
NUMBER = whole(0, 2**48 - 1)
ACCOUNT = fields(
    format=one_of("zkmargin/account/1"),
    venue=identifier,
    account=identifier,
    sequence=NUMBER,
    basis=sequence(identifier, 1, 4096),
    commitment=hexadecimal(48),
    opening_proof=hexadecimal(),
    bounds_proof=hexadecimal(),
)
CLAIM = fields(
    optional=("stress",),
    kind=one_of("maintenance", "initial", "box", "stress"),
    model=identifier,
    stress=identifier,
    width_ppm=whole(0, 999_999),
    threshold=fields(numerator=whole(1, MILLION), denominator=whole(1, MILLION)),
)
PROOF = fields(
    format=one_of("zkmargin/proof/1"),
    claim=CLAIM,
    venue=identifier,
    account=identifier,
    sequence=NUMBER,
    epoch=TIME,
    snapshot=hexadecimal(32),
    commitment=hexadecimal(48),
    rounds=whole(0, 16),
    proof=hexadecimal(most=2**22),
)


def read_snapshot(data):
    snapshot = parse(data)
    need(SNAPSHOT(snapshot), "not a snapshot")
    ids = [listing["id"] for listing in snapshot["listings"]]
    kinds = {listing["id"]: listing["kind"] for listing in snapshot["listings"]}
    need(ascending(ids) and "cash" in kinds.values(), "listings")
    for listing in snapshot["listings"]:
        derived = listing["kind"] in ("option", "order")
        need(not derived or kinds.get(listing["underlying"]) == "linear", "an option's or an order's underlying")
    marked = {item["id"]: (item.get("multiplier"), item.get("mark_ticks")) for item in snapshot["listings"]}
    for order in (item for item in snapshot["listings"] if item["kind"] == "order"):
        need(marked[order["id"]] == marked[order["underlying"]], "an order's multiplier or mark")
    if "cross" in snapshot["models"]:
        check_cross(snapshot["models"]["cross"], {item["id"]: item for item in snapshot["listings"]})
    if "scenario" in snapshot["models"]:
        check_scenario(snapshot["models"]["scenario"], kinds)
    return snapshot


def check_cross(parameters, listings):
    linear = [name for name, listing in listings.items() if listing["kind"] == "linear"]
    for rows in (parameters["maintenance"], parameters["initial"]):
        need([row["id"] for row in rows] == linear, "tier tables")
        for tiers in (row["tiers"] for row in rows):
            rising = all(ascending([tier[part] for tier in tiers]) for part in ("floor_units", "rate_ppm"))
            need(rising and tiers[0]["floor_units"] == 0, "tiers do not rise")
    for below, above in zip(parameters["maintenance"], parameters["initial"], strict=True):
        bends = {tier["floor_units"] for row in (below, above) for tier in row["tiers"]}
        need(above["tiers"][-1]["rate_ppm"] >= below["tiers"][-1]["rate_ppm"], "initial below maintenance")
        need(all(margin(above["tiers"], at) >= margin(below["tiers"], at) for at in bends), "initial below maintenance")
        listing = listings[above["id"]]
        charge = listing["multiplier"] * listing["mark_ticks"] * above["tiers"][-1]["rate_ppm"]
        need(charge < 2**96, "notional times rate")


def cums(tiers):
    result = [0]
    for below, above in pairwise(tiers):
        result.append(result[-1] + above["floor_units"] * (above["rate_ppm"] - below["rate_ppm"]))
    return result


def margin(tiers, notional):
    return max(notional * tier["rate_ppm"] - cum for tier, cum in zip(tiers, cums(tiers), strict=True))


def check_scenario(parameters, kinds):
    names = [scenario["name"] for scenario in parameters["scenarios"]]
    need(len(set(names)) == len(names), "scenario names")
    need([row["id"] for row in parameters["losses"]] == [name for name in kinds if kinds[name] != "cash"], "losses")
    need(all(len(row["units"]) == len(names) for row in parameters["losses"]), "a loss for each scenario")
    need(all(kinds.get(name) == "option" for name in parameters["short_minimum_units"]), "short minimum")


def read_account(data):
    account = parse(data)
    need(ACCOUNT(account) and ascending(account["basis"]), "not an account")
    return account


def read_proof(data):
    proof = parse(data)
    need(PROOF(proof), "not a proof")
    claim, ratio = proof["claim"], proof["claim"]["threshold"]
    need((claim["kind"] == "box") == (claim["width_ppm"] > 0), "width")
    need(claim["kind"] != "box" or claim["model"] != "scenario", "a box of the scenario model")
    need((claim["kind"] == "stress") == ("stress" in claim), "stress")
    need(claim["kind"] != "stress" or claim["model"] != "cross", "a stress of the cross model")
    need(gcd(ratio["numerator"], ratio["denominator"]) == 1, "lowest terms")
    return proof
