"""Whatever comes in, a decoder reads it, or refuses it with one of the two errors that are a caller's fault."""

import json

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from circuits import registration
from circuits.evidence import Evidence
from circuits.registration import Registration
from tests.attacks.decoders import fuzzes
from tests.attacks.mangling import ODD_VALUES, mangled, respelled, spoiled
from tests.vectors import cases, ledger, regenerate
from verifier_api.service import verification
from verifier_api.service.verification import Proved
from zkmargin import documents
from zkmargin.algebra.group import Arkworks
from zkmargin.algebra.portable import Portable
from zkmargin.cli import inspect
from zkmargin.cli.options import parse_claim, parse_ratio, parse_width
from zkmargin.commitments import Opening
from zkmargin.errors import EncodingError, StatementError, VerificationError
from zkmargin.ledger import entries
from zkmargin.margin.claim import Claim
from zkmargin.margin.portfolio import Book
from zkmargin.market import chains
from zkmargin.market.chains import CANDLE_COLUMNS, CHAIN_COLUMNS, Candles
from zkmargin.market.snapshot import Snapshot
from zkmargin.proofs import linear, relations
from zkmargin.proofs.arithmetic import Proof
from zkmargin.proofs.linear import Flavor

REFUSED = "refused"


def attempt(decode, *data):
    """What a decoder makes of its input; any error but the two that are meant for it goes through."""
    try:
        return decode(*data)
    except (EncodingError, StatementError):
        return REFUSED


# Documents

REGISTERED = {record["id"]: record for record in json.loads((regenerate.FOLDER / "registration.json").read_bytes())}
PROVED = {record["id"]: record for record in json.loads((regenerate.FOLDER / "claims.json").read_bytes())["records"]}
DOCUMENTS = {
    "snapshot": (Snapshot, cases.MARKET.to_document()),
    "account": (Registration, REGISTERED["cash"]["account"]),
    "proof": (Evidence, PROVED["cash"]["proof"]),
    "opening": (Opening, REGISTERED["cross"]["opening"]),
    "book": (Book, Book(cases.BOOKS["cross"]).to_document()),
    "claim": (Claim, PROVED["cross/box"]["proof"]["claim"]),
}


class Entries:
    """The entries of a ledger, read by their kind."""

    @staticmethod
    def from_document(document):
        read = entries.from_document(document)
        return type("Read", (), {"to_document": lambda _: json.loads(read.canonical_bytes())})()


LOG = json.loads(ledger.FILE.read_bytes())["log"]
DOCUMENTS |= {f"entry {document['kind']}": (Entries, document) for document in LOG}
QUESTION = {"snapshot": DOCUMENTS["snapshot"][1], "account": DOCUMENTS["account"][1], "proof": DOCUMENTS["proof"][1]}
each_document = pytest.mark.parametrize("kind, document", list(DOCUMENTS.values()), ids=list(DOCUMENTS))


def text(document):
    return json.dumps(document).encode()


@each_document
def test_a_document_that_is_not_mangled_is_read(kind, document):
    assert kind.from_document(document).to_document() == document


@fuzzes(
    "circuits/evidence.py:Evidence.from_document",
    "circuits/registration.py:Registration.from_document",
    "zkmargin/commitments.py:Opening.from_document",
    "zkmargin/margin/claim.py:Claim.from_document",
    "zkmargin/margin/portfolio.py:Book.from_document",
    "zkmargin/market/instruments.py:from_reader",
    "zkmargin/market/parameters.py:CrossParameters.from_reader",
    "zkmargin/market/parameters.py:ScenarioParameters.from_reader",
    "zkmargin/market/parameters.py:Tier.from_reader",
    "zkmargin/market/scenarios.py:Scenario.from_reader",
    "zkmargin/market/snapshot.py:Listing.from_reader",
    "zkmargin/market/snapshot.py:Snapshot.from_document",
)
@each_document
@given(data=st.data())
def test_a_mangled_document_is_read_or_refused(kind, document, data):
    attempt(kind.from_document, data.draw(mangled(document)))


@each_document
@given(data=st.data())
def test_what_is_read_from_a_mangled_document_is_written_as_it_was(kind, document, data):
    changed = data.draw(mangled(document, most=1))
    made = attempt(kind.from_document, changed)
    assert made == REFUSED or made.to_document() == changed


@given(st.one_of(st.none(), st.booleans(), st.integers(), st.text(), st.lists(st.integers()), st.just({})))
def test_what_is_no_document_at_all_is_refused(value):
    assert all(attempt(kind.from_document, value) == REFUSED for kind, _ in DOCUMENTS.values())


@fuzzes("zkmargin/documents.py:parse")
@given(st.one_of(st.binary(), respelled(QUESTION["account"]), respelled({"a": [{"b": "c"}, 0, True, None]})))
@example(b'{"a":1,"\\u0061":2}')
@example(b'\xef\xbb\xbf{"a":1}')
@example('{"a":1}'.encode("utf-16"))
@example(b'{"a":-0}')
@example(b'{"a":"\\')
@example(b"]" * 20 + b"[" * 20)
def test_the_parser_reads_an_object_or_refuses(data):
    found = attempt(documents.parse, data)
    assert found == REFUSED or isinstance(found, dict)


@given(mangled({"a": [{"b": "c"}, 0, True, None], "d": {"e": 10**79, "f": "\u00e9\ud800"}}))
def test_what_the_parser_reads_is_what_was_written_and_it_survives_its_canonical_form(document):
    found = attempt(documents.parse, text(document))
    if found != REFUSED:
        assert found == document
        assert documents.parse(documents.canonical(found)) == found


@fuzzes(
    "circuits/evidence.py:Evidence.from_bytes",
    "circuits/registration.py:Registration.from_bytes",
    "zkmargin/market/snapshot.py:Snapshot.from_bytes",
)
@pytest.mark.parametrize("name", ["snapshot", "account", "proof"])
@given(data=st.data())
def test_the_bytes_of_a_file_are_read_or_refused(name, data):
    kind, document = DOCUMENTS[name]
    attempt(kind.from_bytes, data.draw(st.one_of(st.binary(), respelled(document), spoiled(text(document)))))


@fuzzes("verifier_api/service/verification.py:Question.from_bytes")
@given(st.one_of(mangled(QUESTION, most=1), mangled(QUESTION)))
def test_a_mangled_question_is_never_answered_with_yes(question):
    answer = attempt(verification.answer, text(question))
    assert question == QUESTION or not isinstance(answer, Proved)


def test_the_question_that_is_not_mangled_is_answered_with_yes():
    assert isinstance(verification.answer(text(QUESTION)), Proved)


# Points and proofs

GROUPS = (Arkworks(), Portable())
ENCODINGS = {
    "decode": bytes.fromhex(QUESTION["account"]["commitment"]),
    "decode_compressed_on_curve": bytes.fromhex(QUESTION["account"]["commitment"]),
    "decode_on_curve": bytes.fromhex(QUESTION["proof"]["proof"])[:96],
}


@fuzzes(
    "zkmargin/algebra/group.py:Arkworks.decode",
    "zkmargin/algebra/group.py:Arkworks.decode_compressed_on_curve",
    "zkmargin/algebra/group.py:Arkworks.decode_on_curve",
    "zkmargin/algebra/portable.py:Portable.decode",
    "zkmargin/algebra/portable.py:Portable.decode_compressed_on_curve",
    "zkmargin/algebra/portable.py:Portable.decode_on_curve",
)
@pytest.mark.parametrize("decoder, valid", ENCODINGS.items(), ids=ENCODINGS)
@given(data=st.data())
def test_both_groups_accept_the_same_bytes_and_encode_them_back(decoder, valid, data):
    length = len(valid)
    flipped = st.tuples(st.integers(0, 255), st.integers(0, length - 1)).map(
        lambda change: valid[: change[1]] + bytes([change[0]]) + valid[change[1] + 1 :]
    )
    small = st.integers(0, 60).map(lambda x: bytes([0x80 if length == 48 else 0]) + bytes(length - 2) + bytes([x]))
    given_bytes = data.draw(st.one_of(st.binary(min_size=length, max_size=length), flipped, small, spoiled(valid)))
    encoder = "encode_uncompressed" if decoder == "decode_on_curve" else "encode"
    decided = []
    for group in GROUPS:
        point = attempt(getattr(group, decoder), given_bytes)
        decided.append(point if isinstance(point, str) else getattr(group, encoder)(point))
    assert decided in ([REFUSED] * 2, [given_bytes] * 2)


SYSTEM = registration.bounds_system(("USD",))
BOUNDS = bytes.fromhex(QUESTION["account"]["bounds_proof"])


@fuzzes("zkmargin/proofs/arithmetic.py:Proof.from_bytes")
@given(st.one_of(st.binary(max_size=400), spoiled(BOUNDS), st.binary(min_size=len(BOUNDS), max_size=len(BOUNDS))))
@example(b"")
@example(bytes(len(BOUNDS)))
@example(b"\xff" * len(BOUNDS))
def test_a_proof_is_read_as_it_will_be_written_or_refused(data):
    proof = attempt(Proof.from_bytes, SYSTEM, data)
    assert proof == REFUSED or proof.to_bytes() == data


@pytest.mark.parametrize("flavor", Flavor)
@given(data=st.data())
def test_the_bytes_of_a_linear_proof_are_refused_unless_they_are_it(flavor, data):
    opening = Opening({"USD": 5}, 7)
    relation = relations.opening(["USD"], regenerate.commit(opening))
    proof = linear.prove(relation, [5, 7], b"decoders", flavor, randomness=bytes)
    given_bytes = data.draw(st.one_of(st.binary(max_size=200), spoiled(proof, most=1), st.binary(min_size=len(proof))))
    try:
        linear.verify(relation, given_bytes, b"decoders", flavor)
    except (EncodingError, VerificationError):
        assert given_bytes != proof
    else:
        assert given_bytes == proof


# Tables

CHAIN = ["2020-01-01T00:00:00Z", "BTC-27MAR20-10000-C", "call", "2020-03-27T08:00:00Z", "10000", "9000.5", "0.05", "60"]
CANDLE = ["2020-01-01T00:00:00Z", "1", "2", "1", "1.5", "3"]
ODD_CELLS = st.one_of(
    st.text(max_size=12).filter(lambda cell: cell.isprintable()),
    st.sampled_from(
        [
            "",
            "nan",
            "-inf",
            "1e40",
            "1e-40",
            "0e999999999",
            "-1",
            "0",
            "1_0",
            " 1",
            "\u0661",
            "9" * 70,
            "2020-02-30T00:00:00Z",
        ]
    ),
    st.sampled_from(["9999-12-31T23:59:59Z", "0001-01-01T00:00:00Z", "put", '"', '"a\n', "a,b", "--", "x-10000-C"]),
    st.decimals(allow_nan=False).map(str),
)


@pytest.fixture(scope="module")
def table(tmp_path_factory):
    """A place for one file."""
    return tmp_path_factory.mktemp("tables") / "table.csv"


def written(table, content):
    table.write_bytes(content if isinstance(content, bytes) else content.encode("utf-8", "replace"))
    return table


def lines(columns, *rows):
    return "".join(",".join(row) + "\n" for row in (columns, *rows))


@given(column=st.integers(0, 7), cell=ODD_CELLS)
def test_an_options_chain_with_an_odd_cell_is_read_or_refused(table, column, cell):
    row = [*CHAIN, "", "", ""]
    row[column] = cell
    attempt(chains.from_deribit, written(table, lines(CHAIN_COLUMNS, row)))


@given(column=st.integers(0, 5), cell=ODD_CELLS, decimals=st.integers(0, 12))
def test_candles_with_an_odd_cell_are_read_or_refused(table, column, cell, decimals):
    row = list(CANDLE)
    row[column] = cell
    path = written(table, lines(CANDLE_COLUMNS, CANDLE, row))
    attempt(lambda: list(chains.from_candles([Candles("PERP", path, decimals)])))


@given(column=st.integers(0, 6), cell=ODD_CELLS)
def test_brackets_with_an_odd_cell_are_read_or_refused(table, column, cell):
    row = ["BTC", "1", "0", "1000", "10", "0.01", "0"]
    row[column] = cell
    attempt(chains.brackets, written(table, lines(chains.BRACKET_COLUMNS, row)))


@given(st.data())
def test_a_file_that_is_hardly_a_table_is_read_or_refused(table, data):
    valid = lines(CANDLE_COLUMNS, CANDLE).encode()
    path = written(table, data.draw(st.one_of(st.binary(), spoiled(valid), st.just(valid + b'"' * 200_000))))
    attempt(lambda: list(chains.from_candles([Candles("PERP", path)])))


# Words of the command line

WORDS = st.one_of(st.text(max_size=80), ODD_CELLS, st.from_regex(r"[0-9]{1,15}/[0-9]{1,15}", fullmatch=True))


@given(st.sampled_from(["maintenance", "box", ""]), st.sampled_from(["cross", "scenario", "x"]), WORDS, WORDS)
def test_the_words_of_a_claim_are_understood_or_refused(kind, model, threshold, width):
    attempt(parse_claim, kind, model, threshold, width)


@given(st.integers(0, 10**7), st.integers(0, 10**7), st.integers(0, 12), st.integers(0, 12))
@example(11, 10, 11, 11)
def test_a_fraction_means_what_it_says_or_is_refused(numerator, denominator, zeros, more):
    ratio = attempt(parse_ratio, f"{'0' * zeros}{numerator}/{'0' * more}{denominator}")
    assert ratio == REFUSED or ratio.numerator * denominator == numerator * ratio.denominator


@pytest.mark.parametrize(
    "words", ["1_0", " 1", "1 ", "1\n", "\u0661", "\uff11", "1\x1f", "nan", "", "1/", "/1", "1/1/1"]
)
def test_a_number_that_is_not_written_in_plain_digits_is_refused(words):
    assert attempt(parse_ratio, words) == REFUSED
    assert not words or attempt(parse_width, words) == REFUSED


@given(data=st.data())
@pytest.mark.parametrize("name", [name for name in DOCUMENTS if name != "claim"])
def test_a_mangled_file_is_inspected_or_refused(table, name, data):
    document = data.draw(st.one_of(mangled(DOCUMENTS[name][1]), ODD_VALUES.map(lambda value: {"format": value})))
    attempt(inspect.run, written(table, json.dumps(document)))


@pytest.mark.parametrize("value", [[], {}, None, 1])
def test_a_file_whose_format_is_no_text_is_refused(table, value):
    assert attempt(inspect.run, written(table, json.dumps({"format": value}))) == REFUSED
