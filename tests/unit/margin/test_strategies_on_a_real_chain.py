"""Strategies of a real options chain under four models: the table of the page, at its boundaries, and overwriting."""

import runpy

import pytest

from circuits import claims, registration
from tests.laws.test_composed_models import compiled, is_proved
from zkmargin.commitments import Opening
from zkmargin.errors import WitnessError
from zkmargin.margin import rules
from zkmargin.margin.claim import Claim
from zkmargin.margin.portfolio import Book

pytestmark = pytest.mark.shared_data


@pytest.fixture(scope="module")
def script(root):
    return runpy.run_path(str(root / "benchmarks" / "strategies.py"))


@pytest.fixture(scope="module")
def chain(script, shared_data):
    return script["market"](shared_data / "market" / "deribit_btc_options_20251205.csv")


@pytest.fixture(scope="module")
def market(chain):
    return chain[0]


@pytest.fixture(scope="module")
def books(script, chain):
    return script["books"](*chain[2])


def test_the_page_shows_the_table_that_the_script_makes(root, script, market, books):
    text, _ = script["table"](market, books)
    assert text in (root / "docs" / "models" / "strategies.md").read_text("utf-8")


def test_every_cell_of_the_table_is_met_by_its_cash_and_not_by_a_unit_less(script, market, books):
    _, cells = script["table"](market, books)
    assert len(cells) * len(script["MODELS"]) == 24
    for name, row in cells.items():
        for model, (_, least) in row.items():
            circuit, system = compiled(market, Claim("maintenance", model), books[name] | {"USD": 0})
            assert is_proved(circuit, system, books[name] | {"USD": least}), (name, model)
            assert not is_proved(circuit, system, books[name] | {"USD": least - 1}), (name, model)


def prove(market, model, book):
    claim, opening = Claim("maintenance", model), Opening.fresh(book)
    account = registration.register(market.venue, "desk", opening).account
    proof = claims.prove(market, claim, account, opening)
    claims.verify(market, claim, account, proof)


@pytest.mark.parametrize("model, fails_at", [("reg-t", 11), ("deribit", 11), ("span", 20), ("grid-27", 20)])
def test_the_coin_covers_a_failing_short_call_until_too_many_are_sold(script, market, books, model, fails_at):
    """Ten lots are one coin. In a scan the coin's fall is worst, and calls sold lose nothing there, up to nineteen."""
    covered = books["covered call"]
    (call,) = books["short call"]
    _, least = script["requirement_units"](market, model, covered)
    with pytest.raises(WitnessError):
        prove(market, model, {call: covered[call], "BTC": 0, "USD": least})
    prove(market, model, covered | {"USD": least})
    prove(market, model, covered | {call: 1 - fails_at, "USD": least})
    with pytest.raises(WitnessError):
        prove(market, model, covered | {call: -fails_at, "USD": least})


def test_the_lot_that_is_not_covered_is_charged_naked(script, market, books):
    covered = books["covered call"]
    (call,) = books["short call"]
    claim, pairs = Claim("maintenance", "reg-t"), []
    for book in (covered, covered | {call: covered[call] - 1}, {call: -1}):
        pairs.append(rules.assess(market, claim, Book(book)).requirement_units)
    assert pairs[1] == pairs[0] + pairs[2]


def test_a_condor_costs_more_than_at_a_broker_by_less_than_its_premium(script, market, books):
    """The page's figures: 1,000 dollars of width, 752 of marks bought and 1,392 sold."""
    marks = {name: abs(lots) * market.notional_per_lot(name) for name, lots in books["iron condor"].items()}
    bought, sold = (sum(marks[n] for n, lots in books["iron condor"].items() if lots * side > 0) for side in (1, -1))
    broker = 1_000 * 10**6 + bought - sold
    assert [amount // 10**6 for amount in (bought, sold, broker)] == [752, 1_392, 359]
    charged, _ = script["requirement_units"](market, "reg-t", books["iron condor"])
    assert broker <= charged <= broker + sold
