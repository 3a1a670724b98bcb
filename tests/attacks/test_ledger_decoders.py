"""Entries of a log and the contents of a wallet: read as they will be written, or refused."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.attacks.decoders import fuzzes
from tests.attacks.mangling import mangled, respelled, spoiled
from tests.attacks.test_decoders import REFUSED, attempt
from tests.vectors import regenerate
from zkmargin.client.contents import Contents
from zkmargin.ledger import entries

LOG = json.loads((regenerate.FOLDER / "ledger.json").read_bytes())["log"]
EACH_KIND = list({entry["kind"]: entry for entry in LOG}.values())
each_kind = pytest.mark.parametrize("entry", EACH_KIND, ids=lambda entry: entry["kind"])
WALLET = {
    "format": "zkmargin/wallet-contents/1",
    "venue": "demo",
    "account": "alice",
    "seed": "ab" * 32,
    "key_number": 0,
    "sequence": 0,
    "pending": [],
}


@each_kind
def test_an_entry_that_is_not_mangled_is_read(entry):
    found = entries.from_document(entry)
    assert json.loads(found.canonical_bytes()) == entry


@fuzzes("zkmargin/ledger/entries.py:from_document", "zkmargin/ledger/records.py:Record.from_reader")
@each_kind
@given(data=st.data())
def test_a_mangled_entry_is_read_as_it_will_be_written_or_refused(entry, data):
    changed = data.draw(mangled(entry))
    found = attempt(entries.from_document, changed)
    assert found == REFUSED or json.loads(found.canonical_bytes()) == changed


@fuzzes("zkmargin/ledger/entries.py:from_bytes")
@given(data=st.data())
def test_the_bytes_of_an_entry_are_read_or_refused(data):
    entry = data.draw(st.sampled_from(EACH_KIND))
    junk = st.one_of(st.binary(), respelled(entry), spoiled(json.dumps(entry).encode()))
    attempt(entries.from_bytes, data.draw(junk))


@fuzzes("zkmargin/client/contents.py:Contents.from_document")
@given(data=st.data())
def test_the_mangled_contents_of_a_wallet_are_read_as_they_will_be_written_or_refused(data):
    assert Contents.from_document(WALLET).to_document() == WALLET
    changed = data.draw(mangled(WALLET))
    found = attempt(Contents.from_document, changed)
    assert found == REFUSED or found.to_document() == changed
