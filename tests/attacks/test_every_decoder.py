"""No decoder goes without: each has a test that throws arbitrary input at it, and none takes long or much memory."""

import json
import time
import tracemalloc

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from circuits.evidence import Evidence
from circuits.registration import Registration
from tests.attacks.decoders import decoders, fuzzed, fuzzes
from tests.attacks.folded import square_claim
from tests.attacks.mangling import mangled, spoiled
from tests.attacks.test_decoders import DOCUMENTS, QUESTION, REFUSED, attempt
from verifier_api.service.verification import Question
from zkmargin import documents
from zkmargin.algebra.group import FIELD_MODULUS, Arkworks
from zkmargin.algebra.portable import Portable
from zkmargin.algebra.scalars import ORDER
from zkmargin.commitments import Commitment, Opening
from zkmargin.encoding import decode_scalars, decode_string, decode_uint, encode_scalars, encode_string, encode_uint
from zkmargin.margin.claim import Claim
from zkmargin.margin.portfolio import Book
from zkmargin.market.expressions import (
    Cheapest,
    Largest,
    Pairing,
    Part,
    Root,
    Size,
    Strategy,
    Tail,
    Tiers,
    Worst,
    total,
)
from zkmargin.market.forms import Affine, Array, Sides
from zkmargin.market.models import Model
from zkmargin.market.parameters import Tier, TierTable
from zkmargin.market.snapshot import Snapshot
from zkmargin.proofs import arithmetic, compact
from zkmargin.proofs.constraints import MAX_SLOTS, System
from zkmargin.transcript import Transcript


def test_every_decoder_is_fuzzed(root):
    assert sorted(decoders(root) - fuzzed(root).keys()) == []


def test_no_test_says_that_it_fuzzes_what_does_not_exist(root):
    assert sorted(fuzzed(root).keys() - decoders(root)) == []


def test_the_search_for_decoders_finds_those_that_everybody_knows(root):
    found = decoders(root)
    assert {"zkmargin/commitments.py:Commitment.from_bytes", "zkmargin/documents.py:parse"} <= found
    assert "zkmargin/algebra/group.py:Group.decode" not in found, "a Protocol decodes nothing"
    assert len(found) > 25


# Decoders that no other module of attacks looks after


@fuzzes("zkmargin/commitments.py:Commitment.from_bytes")
@given(data=st.data())
def test_a_commitment_is_read_as_it_will_be_written_or_refused(data):
    valid = bytes.fromhex(QUESTION["account"]["commitment"])
    length = st.integers(0, 100).map(bytes)
    given_bytes = data.draw(st.one_of(spoiled(valid), st.binary(min_size=48, max_size=48), st.binary(), length))
    found = attempt(Commitment.from_bytes, given_bytes)
    assert found == REFUSED or found.to_bytes() == given_bytes


STATEMENT, WITNESS = square_claim(extra=3)
COMPACT = {
    rounds: compact.prove(Transcript(b"decoders"), STATEMENT, WITNESS, rounds).to_bytes() for rounds in (1, 2, 3)
}


SPREAD = Strategy("spread", {"FUTURE": 1, "PERP": -1}, 7)
ARRAY = Array({"FUTURE": (90, -110), "PERP": (100, -100)}, 2)
EVERY_NODE = total(
    Part("size", Size(Affine({"PERP": 1}))),
    Part("tail", Tail(ARRAY, 1)),
    Part("root", Root(ARRAY)),
    Cheapest((Worst(ARRAY), Sides({"PERP": 90}, {"FUTURE": 20}))),
    Largest((Pairing({"FUTURE": 30, "PERP": 50}, {"FUTURE": 90, "PERP": 60}, (SPREAD,)), Affine({}, 5))),
    Tiers(Size(Affine({"PERP": 2})), TierTable((Tier(0, 4_000), Tier(1_000, 50_000)))),
)
MODEL = Model("house", 1, EVERY_NODE, EVERY_NODE, {"crash": Part("size", Size(Affine({"PERP": 1})))}).to_file_document()


@fuzzes("zkmargin/market/models.py:Model.from_document", "zkmargin/market/models.py:Model.from_reader")
@given(data=st.data())
@example(data=None)
def test_a_model_is_read_as_it_will_be_written_or_refused(data):
    given_document = data.draw(st.one_of(mangled(MODEL), mangled(MODEL, most=1))) if data else MODEL
    found = attempt(Model.from_document, given_document)
    assert found == REFUSED or found.to_file_document() == given_document
    assert data is not None or found != REFUSED


@fuzzes("zkmargin/proofs/compact.py:Proof.from_bytes")
@given(data=st.data(), rounds=st.one_of(st.integers(1, 3), st.integers(-5, 40), st.just(2**64)))
@example(data=None, rounds=2)
def test_a_compact_proof_is_read_as_it_will_be_written_or_refused(data, rounds):
    valid = COMPACT.get(rounds, COMPACT[1])
    junk = st.one_of(spoiled(valid), spoiled(valid, most=1), st.binary(min_size=len(valid), max_size=len(valid)))
    given_bytes = data.draw(st.one_of(junk, st.binary(), st.sampled_from(list(COMPACT.values())))) if data else valid
    found = attempt(compact.Proof.from_bytes, STATEMENT.system, rounds, given_bytes)
    assert found == REFUSED or found.to_bytes() == given_bytes
    assert data is not None or found != REFUSED


@fuzzes("zkmargin/encoding.py:decode_scalars")
@given(st.binary(max_size=130), st.integers(0, 5))
@example(encode_scalars([0, ORDER - 1]), 2)
@example(int(ORDER).to_bytes(32, "big"), 1)
def test_scalars_are_read_as_they_will_be_written_or_refused(data, count):
    found = attempt(decode_scalars, data, count)
    assert found == REFUSED or (len(found) == count and encode_scalars(found) == data)


NEAR = [0, 2**248 * 0x73 - 1, 2**248 * 0x73, int(ORDER) - 1, int(ORDER), int(ORDER) + 1, 2**248 * 0x74, 2**256 - 1]


@given(st.lists(st.one_of(st.sampled_from(NEAR), st.integers(0, 2**256 - 1)), max_size=8))
def test_scalars_are_refused_exactly_if_one_of_them_is_not_below_the_order(numbers):
    found = attempt(decode_scalars, b"".join(number.to_bytes(32, "big") for number in numbers), len(numbers))
    assert found == (numbers if all(number < ORDER for number in numbers) else REFUSED)


@fuzzes("zkmargin/encoding.py:decode_string")
@given(st.one_of(st.binary(), st.binary(max_size=20).map(encode_string), st.binary().map(lambda rest: bytes(3) + rest)))
@example(b"\xff\xff\xff\xff")
def test_a_string_is_read_as_it_will_be_written_or_refused(data):
    found = attempt(decode_string, data)
    assert found == REFUSED or encode_string(found[0]) + found[1] == data


@fuzzes("zkmargin/encoding.py:decode_uint")
@given(st.binary(max_size=60), st.sampled_from([2, 255, 256, 257, int(ORDER), FIELD_MODULUS]))
def test_an_integer_is_read_as_it_will_be_written_or_refused(data, modulus):
    found = attempt(decode_uint, data, modulus)
    assert found == REFUSED or encode_uint(found[0], modulus) + found[1] == data


# Length


LARGE = 2**23
SECONDS = 5
TIMES = 40
"""Python objects of a list of small numbers take about forty times the bytes that they were read from."""

GENERATOR = Arkworks().encode(Arkworks().generator()).hex()
IDS = [f"ID-{number:04d}" for number in range(4_096)]
WIDE = System(("USD",), (("USD",),), MAX_SLOTS, 2, (), 0, (), 9)


def widest_proof(compressed):
    """Return the bytes of a proof over the largest number of slots: points that are real, and scalars that are 0."""
    curve = Arkworks()
    point = curve.encode(curve.generator()) if compressed else curve.encode_uncompressed(curve.generator())
    size = compact.proof_bytes(WIDE, 1) if compressed else arithmetic.proof_bytes(WIDE)
    points = point * (5 if compressed else 3)
    return points + bytes(size - len(points))


def document(name, **changes):
    return json.dumps(DOCUMENTS[name][1] | changes).encode()


LONG = {
    # decoder: what is thrown at it
    "group": lambda: [Arkworks().decode(bytes(LARGE))],
    "group, uncompressed": lambda: Arkworks().decode_on_curve(bytes(LARGE)),
    "group, curve only": lambda: Arkworks().decode_compressed_on_curve(bytes(LARGE)),
    "portable group": lambda: Portable().decode(bytes(LARGE)),
    "portable group, uncompressed": lambda: Portable().decode_on_curve(bytes(LARGE)),
    "portable group, curve only": lambda: Portable().decode_compressed_on_curve(bytes(LARGE)),
    "commitment": lambda: Commitment.from_bytes(bytes(LARGE)),
    "string": lambda: decode_string(b"\xff\xff\x7f\x00" + bytes(LARGE)),
    "string that claims to be longer": lambda: decode_string(b"\xff" * LARGE),
    "integer": lambda: decode_uint(b"\xff" * LARGE, int(ORDER)),
    "scalars": lambda: decode_scalars(bytes(LARGE), LARGE // 32),
    "scalars of a number nobody has": lambda: decode_scalars(bytes(LARGE), 2**60),
    "opened proof of another length": lambda: arithmetic.Proof.from_bytes(STATEMENT.system, bytes(LARGE)),
    "widest opened proof": lambda: arithmetic.Proof.from_bytes(WIDE, widest_proof(compressed=False)),
    "compact proof of another length": lambda: compact.Proof.from_bytes(STATEMENT.system, 1, bytes(LARGE)),
    "compact proof of absurd rounds": lambda: compact.Proof.from_bytes(STATEMENT.system, 2**70, bytes(LARGE)),
    "widest compact proof": lambda: compact.Proof.from_bytes(WIDE, 1, widest_proof(compressed=True)),
    "evidence": lambda: Evidence.from_bytes(document("proof", proof="ab" * 2**22)),
    "registration": lambda: Registration.from_bytes(document("account", basis=IDS, opening_proof="ab" * 4_000_000)),
    "question": lambda: Question.from_bytes(b'{"snapshot":' + b"[" * LARGE),
    "opening": lambda: Opening.from_document({**DOCUMENTS["opening"][1], "quantities_lots": dict.fromkeys(IDS, 1)}),
    "book": lambda: Book.from_document({**DOCUMENTS["book"][1], "quantities_lots": dict.fromkeys(IDS * 20, 1)}),
    "claim": lambda: Claim.from_document({**DOCUMENTS["claim"][1], "kind": "b" * LARGE}),
    # Tracing slows these down; test_decoders_at_length.py has them, and worse, in full length.
    "snapshot": lambda: Snapshot.from_bytes(b"{" + b'"a":1,' * (LARGE // 40) + b'"a":1}'),
    "document": lambda: documents.parse(b'{"a":[' + b"7," * (LARGE // 20) + b"7]}"),
}


READ = {
    "document",
    "string",
    "scalars",
    "widest opened proof",
    "widest compact proof",
    "registration",
    "opening",
    "book",
}
"""What is long and good all the same."""


@pytest.mark.parametrize("name", LONG)
def test_a_decoder_takes_neither_long_nor_much_memory(name):
    tracemalloc.start()
    start = time.process_time()
    try:
        found = attempt(LONG[name])
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    # Tracing makes Python several times slower; what is bounded here is its order.
    assert time.process_time() - start < 6 * SECONDS
    assert peak < TIMES * LARGE
    assert (found != REFUSED) == (name in READ)


def test_every_kind_of_decoder_is_among_the_long_ones(root):
    words = " ".join(LONG)
    kinds = {path.split(":")[0].rsplit("/", 1)[1].removesuffix(".py") for path in decoders(root)}
    known = {
        "commitments": "commitment opening",
        "group": "group",
        "portable": "portable",
        "encoding": "string integer scalars",
        "arithmetic": "opened proof",
        "compact": "compact proof",
        "registration": "registration",
        "evidence": "evidence",
        "verification": "question",
        "documents": "document",
        "claim": "claim",
        "portfolio": "book",
        "snapshot": "snapshot",
    }
    # What is read from inside another document, or from one that `documents` has parsed, is bounded by it.
    inside = {"contents", "entries", "instruments", "models", "parameters", "records", "scenarios"}
    inside |= {"deribit", "derive", "events", "grids", "oracle", "rules", "shocks", "states", "windows"}
    assert kinds - inside == known.keys()
    assert all(word in words for names in known.values() for word in names.split())
