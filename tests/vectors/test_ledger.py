"""The ledger's vectors: a log of an earlier release is replayed to the same state, and no byte of it may change."""

import copy
import json

import pytest

from tests.vectors import ledger
from zkmargin.commitments import Opening, commit
from zkmargin.errors import ZkMarginError
from zkmargin.ledger import entries
from zkmargin.ledger.apply import Batch, apply
from zkmargin.ledger.state import State

FROZEN = json.loads(ledger.FILE.read_bytes())
LOG = FROZEN["log"]
BEFORE = [State()]
for document in LOG:
    BEFORE.append(apply(BEFORE[-1], entries.from_document(document)))
each_entry = pytest.mark.parametrize("place", range(len(LOG)), ids=[document["id"] for document in LOG])


def test_the_log_is_made_again_byte_for_byte():
    assert ledger.FILE.read_bytes() == ledger.content()


def test_the_log_has_an_entry_of_every_kind_and_stays_small():
    assert {document["kind"] for document in LOG} == set(entries.KINDS)
    assert ledger.FILE.stat().st_size < 100_000


def test_the_log_leads_to_the_state_that_it_names_one_by_one_and_in_a_batch():
    assert BEFORE[-1].digest().hex() == FROZEN["state"]
    batch = Batch(State())
    for document in LOG:
        batch.add(entries.from_document(document))
    assert batch.finish().digest().hex() == FROZEN["state"]


def test_an_account_opens_what_the_file_says():
    opened = {document["id"]: document["commitment"] for document in LOG if document["kind"] == "open"}
    for name, commitment in opened.items():
        opening = Opening.from_document(FROZEN["openings"][name])
        assert commit(opening).to_bytes().hex() == commitment


def leaves(value, path=()):
    """Every place of a document that holds text or a number."""
    if isinstance(value, dict):
        for name, inner in value.items():
            yield from leaves(inner, (*path, name))
    elif isinstance(value, list):
        for number, inner in enumerate(value):
            yield from leaves(inner, (*path, number))
    else:
        yield path, value


def changed(value):
    """Another value of the same type."""
    if isinstance(value, int):
        return value + 1
    if len(value) % 2 == 0 and len(value) >= 64 and set(value) <= set("0123456789abcdef"):
        return value[:-1] + ("0" if value[-1] != "0" else "1")
    return value + "x" if value else "00"


@each_entry
def test_no_field_of_an_entry_may_be_another(place):
    # Signatures stay: whatever an outsider changes, somebody has signed something else.
    for path, value in leaves(LOG[place]):
        other = copy.deepcopy(LOG[place])
        holder = other
        for step in path[:-1]:
            holder = holder[step]
        holder[path[-1]] = changed(value)
        if (other["kind"], path) == ("claim", ("id",)):
            continue  # the sentence is true under any id: see decision 0021
        with pytest.raises(ZkMarginError):
            apply(BEFORE[place], entries.from_document(other))
