"""What a venue reads - rules, events, states, committees, signed snapshots, parameter files - is read or refused."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.attacks.decoders import fuzzes
from tests.attacks.mangling import mangled
from tests.attacks.test_decoders import REFUSED, attempt
from tests.service.test_margin_calls import DISPUTING, LIQUIDATING, START, proof, story
from tests.service.test_rules import HALF_AGAIN
from tests.unit.market.test_oracle import COMMITTEE, signed
from verifier_api.service import events
from verifier_api.service.events import BookChanged, Decided, Disputed, EpochOpened, Proved, Tick
from verifier_api.service.rules import INTRADAY, Rules, daily
from verifier_api.service.states import Market, State
from zkmargin.amounts import Ratio
from zkmargin.documents import Reader
from zkmargin.margin.families import deribit, derive, grids
from zkmargin.market.oracle import Committee, Signature, SignedSnapshot
from zkmargin.market.shocks import Skew, VegaPower


def within(read):
    """Return a decoder of documents, made of one that reads fields."""

    def decode(document):
        with Reader(document, "inner") as fields:
            return read(fields)

    return decode


GRID = grids.Parameters(
    1, (-100_000, 0, 100_000), ("up", "same"), VegaPower(500_000, 250_000), multipliers=(grids.Multiplier(0, 2),)
)
HOLIDAYS = Rules(7, "scenario", daily(2, utc_offset_minutes=-300), Ratio(5, 4), "maintenance", HALF_AGAIN, 50_000)
HAPPENINGS = {
    "tick": Tick(),
    "proved": Proved(7, 3, 2, 1_000, 50_000, "cd" * 32),
    "epoch": EpochOpened(Market(9, "ab" * 32, 1), True),
    "book": BookChanged(4, "reduce", "ab" * 48),
    "disputed": Disputed("risk array"),
    "decided": Decided(True),
}
DOCUMENTS = {
    "committee": (Committee.from_document, COMMITTEE),
    "signature": (within(Signature.from_reader), signed("a").signatures[0]),
    "signed snapshot": (SignedSnapshot.from_document, signed("ab")),
    "rules": (Rules.from_document, Rules(1, "cross", INTRADAY)),
    "rules with business days": (Rules.from_document, HOLIDAYS),
    "healthy": (State.from_document, story()),
    "disputing": (State.from_document, story(*DISPUTING)),
    "liquidating": (State.from_document, story(*LIQUIDATING)),
    "boxed": (State.from_document, story(proof(START + 1, width_ppm=5))),
    "deribit": (deribit.Parameters.from_document, deribit.Parameters(1)),
    "derive": (derive.Parameters.from_document, derive.Parameters(1)),
    "grid": (grids.Parameters.from_document, GRID),
    "vega power": (within(VegaPower.from_reader), VegaPower(500_000, 250_000)),
    "skew": (within(Skew.from_reader), Skew()),
} | {f"event {name}": (events.from_document, what) for name, what in HAPPENINGS.items()}
each_document = pytest.mark.parametrize("decode, good", list(DOCUMENTS.values()), ids=list(DOCUMENTS))


@fuzzes(
    "verifier_api/service/events.py:from_document",
    "verifier_api/service/rules.py:Rules.from_document",
    "verifier_api/service/rules.py:Timing.from_reader",
    "verifier_api/service/states.py:State.from_document",
    "verifier_api/service/windows.py:from_reader",
    "zkmargin/margin/families/deribit.py:Parameters.from_document",
    "zkmargin/margin/families/derive.py:Parameters.from_document",
    "zkmargin/margin/families/grids.py:Parameters.from_document",
    "zkmargin/market/oracle.py:Committee.from_document",
    "zkmargin/market/oracle.py:Signature.from_reader",
    "zkmargin/market/oracle.py:SignedSnapshot.from_document",
    "zkmargin/market/shocks.py:Skew.from_reader",
    "zkmargin/market/shocks.py:VegaPower.from_reader",
)
@each_document
@given(data=st.data())
def test_what_is_read_from_a_mangled_document_is_written_as_it_was(decode, good, data):
    document = json.loads(json.dumps(good.to_document()))
    changed = data.draw(st.one_of(mangled(document, most=1), mangled(document)))
    made = attempt(decode, changed)
    assert made == REFUSED or json.loads(json.dumps(made.to_document())) == changed


@each_document
def test_a_document_that_is_not_mangled_is_read(decode, good):
    assert decode(json.loads(json.dumps(good.to_document()))) == good


@given(st.one_of(st.none(), st.booleans(), st.integers(), st.text(), st.lists(st.integers()), st.just({})))
def test_what_is_no_document_at_all_is_refused(value):
    assert all(attempt(decode, value) == REFUSED for decode, _ in DOCUMENTS.values())
