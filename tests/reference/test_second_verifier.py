"""Two verifiers, one page: a verifier written from docs/wire-format.md accepts what the library proves, and no more."""

import ast
import json
import re
import sys
from pathlib import Path

import pytest

from circuits import claims, evidence, registration
from circuits.evidence import Evidence
from circuits.registration import Registration
from tests.reference import composed, general, ledger, primitives, reading, systems, two_books, verifier
from tests.reference.reading import RefusedError
from zkmargin import documents
from zkmargin.algebra.scalars import ORDER
from zkmargin.amounts import Ratio
from zkmargin.commitments import Opening
from zkmargin.errors import ZkMarginError
from zkmargin.margin.claim import Claim
from zkmargin.market import sample
from zkmargin.market.instruments import Cash, Collateral, Linear, Option
from zkmargin.market.parameters import CrossParameters, ScenarioParameters, Tier, TierTable
from zkmargin.market.scenarios import Scenario
from zkmargin.market.snapshot import Listing, Snapshot

TIERS = dict.fromkeys(("FUTURE", "PERP"), TierTable((Tier(0, 10_000), Tier(50, 20_000))))
MARKET = Snapshot(
    "venue",
    epoch=3,
    valid_from=1_000,
    listings=(
        Listing(Option("CALL", 1, "PERP", "call", 90, 2_000), 7),
        Listing(Collateral("COIN", 3), 101, haircut_ppm=50_000),
        Listing(Linear("FUTURE", 2, expiry=2_000), 100),
        Listing(Linear("PERP", 2), 100, funding_ticks=-3),
        Listing(Cash("USD")),
    ),
    cross=CrossParameters(1, TIERS, TIERS, capacity_bits=32),
    scenario=ScenarioParameters(
        version=1,
        scenarios=(Scenario("up", 100_000, 0), Scenario("down", -100_000, 0), Scenario("again", 100_000, 0)),
        losses={"CALL": (-3, 4, -3), "COIN": (-5, 6, -5), "FUTURE": (-20, 20, -20), "PERP": (-20, 20, -20)},
        short_minimum_units={"CALL": 2},
        capacity_bits=32,
    ),
)
BOOKS = {
    "cross": {"COIN": -2, "PERP": 3, "USD": 10_000},
    "scenario": {"CALL": -2, "COIN": 1, "USD": 10_000},
}
CLAIMS = {
    "maintenance": Claim("maintenance", "cross", Ratio(11, 10)),
    "box": Claim("box", "cross", width_ppm=50_001),
    "initial": Claim("initial", "cross"),
    "scenario": Claim("maintenance", "scenario", Ratio(3, 7)),
    "scenario-initial": Claim("initial", "scenario"),
    "scenario-stress": Claim("stress", "scenario", stress="down"),
}


def to_bytes(document):
    return json.dumps(document, indent=1).encode()


@pytest.fixture(scope="module")
def accounts():
    """An opening and its registration, by model."""
    openings = {model: Opening.fresh(book) for model, book in BOOKS.items()}
    return {model: (opening, registration.register("venue", model, opening, 5)) for model, opening in openings.items()}


COMPACT = {"compact": ("maintenance", 4), "compact-box": ("box", 7), "compact-scenario": ("scenario", 1)}


@pytest.fixture(scope="module")
def questions(accounts):
    """Snapshot, account and proof as JSON objects, by name of the claim; compact ones under names of their own."""
    made = {}
    for name, (claim, rounds) in ({name: (name, 0) for name in CLAIMS} | COMPACT).items():
        opening, registered = accounts[CLAIMS[claim].model]
        proof = evidence.prove(MARKET, CLAIMS[claim], registered.account, opening, rounds=rounds)
        made[name] = (MARKET.to_document(), registered.to_document(), proof.to_document())
    return made


def library_accepts(snapshot, account, proof):
    try:
        market, registered = Snapshot.from_document(snapshot), Registration.from_document(account)
        evidence.verify(market, registered, Evidence.from_document(proof))
    except ZkMarginError:
        return False
    return True


def second_accepts(*question):
    try:
        verifier.verify(*map(to_bytes, question))
    except RefusedError:
        return False
    return True


def second_accepts_without_registration(snapshot, account, proof):
    try:
        verifier.check_claim(*question_read(snapshot, account, proof))
    except RefusedError:
        return False
    return True


def question_read(snapshot, account, proof):
    readers = (reading.read_snapshot, reading.read_account, reading.read_proof)
    return [read(to_bytes(document)) for read, document in zip(readers, (snapshot, account, proof), strict=True)]


PARTS = (reading, primitives, systems, composed, verifier, general, two_books, ledger)


@pytest.mark.parametrize("module", PARTS, ids=lambda module: module.__name__.rpartition(".")[2])
def test_the_second_verifier_imports_nothing_of_the_library(module):
    tree = ast.parse(Path(module.__file__).read_text("utf-8"))
    plain = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    named = {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    rooms = {name.partition(".")[0] for name in plain | named - {part.__name__ for part in PARTS}}
    # Signatures are the library's own on both sides: nobody should write Ed25519 twice.
    assert rooms - sys.stdlib_module_names - {"tests"} <= {"py_ecc", "cryptography"}
    assert {name for name in named if name.startswith("tests")} <= {
        "tests.reference",
        *(part.__name__ for part in PARTS),
    }


@pytest.mark.parametrize("name", CLAIMS)
def test_what_the_library_proves_the_second_verifier_accepts(questions, name):
    assert library_accepts(*questions[name])
    verifier.verify(*map(to_bytes, questions[name]), asked=CLAIMS[name].to_document())


@pytest.mark.parametrize("name", COMPACT)
def test_what_the_library_proves_in_rounds_the_second_verifier_accepts(questions, name):
    assert questions[name][2]["rounds"] == COMPACT[name][1]
    assert library_accepts(*questions[name])
    verifier.check_claim(*question_read(*questions[name]))


def test_a_true_proof_of_another_claim_is_not_what_was_asked_for(questions):
    with pytest.raises(RefusedError, match="another claim"):
        verifier.verify(*map(to_bytes, questions["box"]), asked=CLAIMS["initial"].to_document())


SHAPES = {  # all claims over everything that a cross or a scenario book can hold in the sample market
    "maintenance": Claim("maintenance", "cross", Ratio(7, 3)),
    "box": Claim("box", "cross", Ratio(11, 10), 123_457),
    "initial": Claim("initial", "cross"),
    "scenario": Claim("maintenance", "scenario"),
    "scenario-initial": Claim("initial", "scenario", Ratio(21, 20)),
    "scenario-stress": Claim("stress", "scenario", Ratio(3, 2), stress="extreme-down"),
}


@pytest.mark.parametrize("claim", SHAPES.values(), ids=SHAPES)
def test_both_derive_the_same_system_of_a_claim(claim):
    market = sample.snapshot()
    kinds = (Cash, Collateral, Linear) + ((Option,) if claim.model == "scenario" else ())
    basis = tuple(listing.id for listing in market.listings if isinstance(listing.instrument, kinds))
    derived = systems.claim_system(reading.read_snapshot(market.canonical_bytes()), claim.to_document(), list(basis))
    assert derived.digest() == claims.system(market, claim, basis).digest


@pytest.mark.parametrize("size", [1, 2, 33])
def test_both_derive_the_same_system_of_a_registration(size):
    basis = tuple(f"ID-{number:02d}" for number in range(size))
    assert systems.bounds(basis).digest() == registration.bounds_system(basis).digest


@pytest.mark.parametrize("market", [MARKET, sample.snapshot()], ids=["tiny", "sample"])
def test_both_compute_the_same_digest_of_a_snapshot(market):
    assert reading.digest(reading.read_snapshot(to_bytes(market.to_document()))) == market.digest()


def added_to_scalar(place):
    """Return a change that adds 1 to a scalar of a proof."""

    def change(proof):
        data = bytearray.fromhex(proof["proof"])
        at = 288 + 32 * place if place >= 0 else len(data) + 32 * place
        number = int.from_bytes(data[at : at + 32], "big")
        data[at : at + 32] = ((number + 1) % ORDER).to_bytes(32, "big")
        proof["proof"] = data.hex()

    return change


def exchanged_points(proof):
    data = proof["proof"]
    proof["proof"] = data[192:384] + data[:192] + data[384:]


def negated_point(proof):
    data = bytearray.fromhex(proof["proof"])
    y = int.from_bytes(data[48:96], "big")
    data[48:96] = (primitives.p - y).to_bytes(48, "big")
    proof["proof"] = data.hex()


def raised_threshold(proof):
    proof["claim"]["threshold"] = {"numerator": 7, "denominator": 6}


# The tiny cross proof has 5 scalars e and h at its end, before them 3 of q, before those the wires.
LIES_ABOUT_PROOFS = {
    "first g": added_to_scalar(0),
    "first m": added_to_scalar(81),
    "last m": added_to_scalar(-9),
    "first q": added_to_scalar(-8),
    "first e": added_to_scalar(-5),
    "last e": added_to_scalar(-2),
    "h": added_to_scalar(-1),
    "points exchanged": exchanged_points,
    "S negated": negated_point,
    "threshold": raised_threshold,
    "cut short": lambda proof: proof.update(proof=proof["proof"][:-64]),
    "one scalar more": lambda proof: proof.update(proof=proof["proof"] + "00" * 32),
    "a scalar above the order": lambda proof: proof.update(proof=proof["proof"][:-64] + "ff" * 32),
}


@pytest.mark.parametrize("lie", LIES_ABOUT_PROOFS)
def test_both_refuse_a_proof_that_was_tampered_with(questions, lie):
    snapshot, account, proof = json.loads(to_bytes(questions["maintenance"]))
    LIES_ABOUT_PROOFS[lie](proof)
    assert not library_accepts(snapshot, account, proof)
    assert not second_accepts_without_registration(snapshot, account, proof)


# In four rounds: S, A, B, then X and R of each round; then 6 entries of n and 3 of l.
LIES_ABOUT_COMPACT_PROOFS = {
    "sign of S": lambda proof: flip(proof, 0, 0x20),
    "sign of the last R": lambda proof: flip(proof, 48 * 10, 0x20),
    "X and R exchanged": lambda proof: proof.update(
        proof=proof["proof"][: 6 * 48]
        + proof["proof"][8 * 48 : 10 * 48]
        + proof["proof"][6 * 48 : 8 * 48]
        + proof["proof"][10 * 48 :]
    ),
    "first n": lambda proof: flip(proof, 48 * 11 + 31, 1),
    "last l": lambda proof: flip(proof, -1, 1),
    "a round less said": lambda proof: proof.update(rounds=3),
    "a round more said": lambda proof: proof.update(rounds=5),
    "said to be opened": lambda proof: proof.update(rounds=0),
    "more rounds than there are": lambda proof: proof.update(rounds=16),
    "rounds out of range": lambda proof: proof.update(rounds=17),
    "threshold": raised_threshold,
    "cut short": lambda proof: proof.update(proof=proof["proof"][:-64]),
    "one scalar more": lambda proof: proof.update(proof=proof["proof"] + "00" * 32),
    "a scalar above the order": lambda proof: proof.update(proof=proof["proof"][:-64] + "ff" * 32),
    "a point off the curve": lambda proof: proof.update(proof="80" + "00" * 46 + "01" + proof["proof"][96:]),
    "an uncompressed point": lambda proof: flip(proof, 0, 0x80),
}


def flip(proof, place, mask):
    data = bytearray.fromhex(proof["proof"])
    data[place] ^= mask
    proof["proof"] = data.hex()


@pytest.mark.parametrize("lie", LIES_ABOUT_COMPACT_PROOFS)
def test_both_refuse_a_compact_proof_that_was_tampered_with(questions, lie):
    snapshot, account, proof = json.loads(to_bytes(questions["compact"]))
    LIES_ABOUT_COMPACT_PROOFS[lie](proof)
    assert not library_accepts(snapshot, account, proof)
    assert not second_accepts_without_registration(snapshot, account, proof)


def test_the_places_of_the_lies_are_those_of_the_page(questions, accounts):
    system = claims.system(MARKET, CLAIMS["maintenance"], accounts["cross"][1].account.basis)
    assert (system.digits, len(system.basis)) == (81, 3)
    assert len(questions["compact"][2]["proof"]) == 2 * (48 * 11 + 32 * 9)


@pytest.mark.parametrize("field, value", [("account", "mallory"), ("sequence", 6)])
def test_both_refuse_a_claim_about_another_state_of_the_account(questions, field, value):
    snapshot, account, proof = json.loads(to_bytes(questions["scenario"]))
    account[field] = proof[field] = value
    assert not library_accepts(snapshot, account, proof)
    assert not second_accepts_without_registration(snapshot, account, proof)


def test_both_refuse_a_proof_at_other_marks_even_when_it_names_their_digest(questions):
    snapshot, account, proof = json.loads(to_bytes(questions["scenario"]))
    snapshot["listings"][3]["mark_ticks"] += 1
    proof["snapshot"] = documents.digest(snapshot).hex()
    assert not library_accepts(snapshot, account, proof)
    assert not second_accepts_without_registration(snapshot, account, proof)


@pytest.mark.parametrize("part", ["opening_proof", "bounds_proof", "commitment"])
def test_both_refuse_a_registration_that_was_tampered_with(questions, part):
    snapshot, account, proof = json.loads(to_bytes(questions["scenario"]))
    other = json.loads(to_bytes(questions["box"]))[1]
    account[part] = other[part]
    proof["commitment"] = account["commitment"]
    assert not library_accepts(snapshot, account, proof)
    assert not second_accepts(snapshot, account, proof)


MALFORMED = {
    "an unknown field": lambda text: text.replace(b'"sequence"', b'"note": 1, "sequence"', 1),
    "a field twice": lambda text: text.replace(b'"sequence": 5', b'"sequence": 5, "sequence": 5', 1),
    "a field twice, once escaped": lambda text: text.replace(b'"venue"', b'"venu\\u0065": "venue", "venue"', 1),
    "a missing field": lambda text: text.replace(b'"sequence": 5,', b"", 1),
    "a fraction": lambda text: text.replace(b'"sequence": 5', b'"sequence": 5.0', 1),
    "an exponent": lambda text: text.replace(b'"sequence": 5', b'"sequence": 5e0', 1),
    "minus zero": lambda text: text.replace(b'"sequence": 5', b'"sequence": -0', 1),
    "a truth value": lambda text: text.replace(b'"sequence": 5', b'"sequence": true', 1),
    "a number out of its bound": lambda text: text.replace(b'"sequence": 5', b'"sequence": 281474976710656', 1),
    "upper-case hexadecimal": lambda text: re.sub(rb'(?<="commitment": ")\w+', lambda found: found[0].upper(), text),
    "another format": lambda text: text.replace(b"/1", b"/2", 1),
    "a basis out of order": lambda text: text.replace(b'"COIN"', b'"XCOIN"', 1),
    "two documents": lambda text: text + text,
    "a list": lambda text: b"[" + text + b"]",
    "not UTF-8": lambda text: text.replace(b'"venue"', b'"venue\xff"', 1),
    "deep nesting": lambda text: text.replace(b'"basis": [', b'"basis": [' + b"[" * 12 + b"0" + b"]" * 12 + b",", 1),
}


@pytest.mark.parametrize("fault", MALFORMED)
def test_both_refuse_an_account_that_is_not_canonical_enough(questions, fault):
    text = to_bytes(questions["box"][1])
    reading.read_account(text)
    changed = MALFORMED[fault](text)
    assert changed != text
    with pytest.raises(ZkMarginError):
        Registration.from_bytes(changed)
    with pytest.raises(RefusedError):
        reading.read_account(changed)


def nested(lists):
    return b'{"a":' + b"[" * lists + b"0" + b"]" * lists + b"}"


def test_both_read_objects_and_lists_nested_16_deep():
    assert documents.parse(nested(15)) == reading.parse(nested(15))


def test_both_refuse_objects_and_lists_nested_17_deep():
    with pytest.raises(ZkMarginError):
        documents.parse(nested(16))
    with pytest.raises(RefusedError):
        reading.parse(nested(16))
