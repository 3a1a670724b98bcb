"""What the page on the wire format says of a ledger is what the code does: fields, bounds, layers, tags, digests."""

import dataclasses
import hashlib
import re

import pytest

from circuits import ledger
from tests.ledger.venue import Venue
from zkmargin import documents
from zkmargin.errors import EncodingError, StatementError
from zkmargin.ledger import duties, entries, keys, log, records
from zkmargin.ledger.entries import FORMAT, KINDS, Change, Guard, Party


@pytest.fixture(scope="module")
def section(root):
    return (root / "docs" / "wire-format.md").read_text("utf-8").split("\n## Ledger\n")[1]


def rows(section, first):
    """The rows of the table whose header starts with a word, as tuples of cells without backquotes."""
    lines = section.split("\n")
    start = next(at for at, line in enumerate(lines) if line.startswith(f"| {first} | field |")) + 2
    found = []
    for line in lines[start:]:
        if not line.startswith("|"):
            return found
        found.append([cell.strip() for cell in line.strip("|").split("|")])
    return found


PARTS = {"change": Change, "party": Party, "guard": Guard}


def stated(section, first):
    described = {}
    for kind, field, layer, value in rows(section, first):
        described.setdefault(kind.strip("`"), {})[field.strip("`")] = (layer, value)
    return described


def test_every_kind_has_its_fields_and_no_other(section):
    for first, kinds in (("kind", KINDS), ("object", PARTS)):
        described = stated(section, first)
        assert described.keys() == kinds.keys()
        for name, kind in kinds.items():
            own = {item.name for item in dataclasses.fields(kind)} - {"venue", "id", "signatures"}
            assert described[name].keys() == own, name


def test_every_field_is_in_the_layer_that_the_page_says(section):
    for first, kinds in (("kind", KINDS), ("object", PARTS)):
        for name, kind in kinds.items():
            codecs = {item.name: item.metadata["codec"] for item in dataclasses.fields(kind)}
            for field, (layer, _) in stated(section, first)[name].items():
                assert codecs[field].layer == {"t": "terms", "p": "proof"}[layer], (name, field)


def number(text):
    assert re.fullmatch(r"[-+*()\d ^]+", text), text
    return eval(text.replace("^", "**"))  # noqa: S307 - digits and operators only


def test_every_integer_has_the_bounds_that_the_page_says(section):
    for first, kinds in (("kind", KINDS), ("object", PARTS)):
        for name, kind in kinds.items():
            codecs = {item.name: item.metadata["codec"] for item in dataclasses.fields(kind)}
            for field, (_, value) in stated(section, first)[name].items():
                if found := re.match(r"integer (\S+) \.\. (2\^\d+(?: - 1)?|\d+)", value):
                    low, high = map(number, found.groups())
                    for good in (low, high):
                        codecs[field].check(field, good)
                    for bad in (low - 1, high + 1):
                        with pytest.raises(StatementError, match=f"{field} must be between {low} and {high}"):
                            codecs[field].check(field, bad)


def test_the_tags_and_purposes_are_those_of_the_code(section):
    assert f"`{FORMAT}`" in section
    assert dict(re.findall(r"^\| `(\w+)` \| `(zkmargin/ledger/\w+/1)` \|", section, re.MULTILINE)) == {
        name: purpose.decode() for name, purpose in records.PURPOSES.items()
    }
    assert f'"{keys.PURPOSE[:-1].decode()}" || 00 || digest' in section
    assert f'"{duties.TAG.decode()}" || 00 || binding || part' in section
    assert f"tag `{duties.TAG.decode()}`" in section
    assert b"zkmargin/log/1" + bytes(2) == log.MAGIC
    assert f"nonnegative(q_id + 2^{ledger.CHANGE_BITS}, {ledger.CHANGE_BITS + 1})" in section
    assert f"`known` = 1 + {ledger.LEDGER_BITS}" in section
    assert set(ledger.EXACT_BASES) == {4, 16, 256}


def test_the_three_digests_are_made_as_the_page_says():
    venue = Venue()
    entry, _ = venue.make_open("alice")
    document = entry._written(proofs=True, signatures=True)
    for name, dropped in (
        ("binding", {"signatures", "blinding_proof"}),
        ("digest", {"signatures"}),
        ("identity", set()),
    ):
        kept = {field: value for field, value in document.items() if field not in dropped}
        purpose = records.PURPOSES[name]
        assert getattr(entry, name)() == hashlib.sha256(purpose + b"\x00" + documents.canonical(kept)).digest()


def test_the_binding_of_a_trade_drops_proofs_at_every_depth():
    venue = Venue()
    for name in ("alice", "bob"):
        venue.open(name, 1_000)
    trade, _ = venue.make_trade(["alice", "bob"], [{"USD": -100, "BTC-PERP": 1}])
    written = documents.canonical(trade._written(proofs=False, signatures=False)).decode()
    assert "proof" not in written
    assert '"guard":{"form":"margin","rounds":0}' in written


def test_every_field_of_an_entry_counts_and_no_other_is_taken():
    venue = Venue()
    entry = venue.open("alice", 5)
    document = entry._written(proofs=True, signatures=True)
    assert entries.from_document(document) == entry
    for field in document:
        with pytest.raises(EncodingError, match=f"{field} is missing"):
            entries.from_document({name: value for name, value in document.items() if name != field})
        for wrong in (None, 7, [7], {}):
            with pytest.raises((EncodingError, StatementError)):
                entries.from_document(document | {field: wrong})
    with pytest.raises(EncodingError, match="unknown field"):
        entries.from_document(document | {"note": 1})
