"""The rule for many accounts at once is the plain rule, to the unit."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from zkmargin import Claim, Ratio
from zkmargin.errors import StatementError
from zkmargin.margin import cross
from zkmargin.market import sample
from zkmargin.market.instruments import Cash, Linear
from zkmargin.market.parameters import CrossParameters, Tier, TierTable
from zkmargin.market.snapshot import Listing, Snapshot
from zkmargin.risk.accounts import Accounts, standing, standings

NAMES = ("A", "B")
LEVELS = [Ratio(2, 3), Ratio(1, 1), Ratio(21, 20), Ratio(6, 5), Ratio(999, 1000)]


@st.composite
def tables(draw):
    floors = sorted(draw(st.sets(st.integers(1, 10**13), max_size=4)))
    rates = sorted(draw(st.sets(st.integers(0, 10**6), min_size=len(floors) + 1, max_size=len(floors) + 1)))
    return TierTable(tuple(Tier(*tier) for tier in zip([0, *floors], rates, strict=True)))


@st.composite
def markets(draw):
    mark, funding = st.integers(1, 10**7), st.integers(-(10**6), 10**6)
    listings = tuple(Listing(Linear(name, draw(st.integers(1, 100))), draw(mark), draw(funding)) for name in NAMES)
    maintenance = {name: draw(tables()) for name in NAMES}
    parameters = CrossParameters(1, maintenance, maintenance)
    return Snapshot("law", 1, 0, (*listings, Listing(Cash("USD"))), cross=parameters)


lots = st.one_of(st.integers(-9, 9), st.integers(-(10**6), 10**6))
rows = st.lists(st.tuples(st.integers(-(10**15), 10**15), lots, lots), min_size=1, max_size=6)


def accounts(found, names=NAMES):
    columns = np.array(found, dtype=np.int64)
    return Accounts(names, "USD", columns[:, 0].copy(), columns[:, 1:].copy())


@given(markets(), rows, st.sampled_from(LEVELS))
def test_many_accounts_at_once_are_what_the_plain_rule_says_of_each(snapshot, found, level):
    many = accounts(found)
    columns = standings(snapshot, many)
    reached = columns.reach(level)
    for row in range(len(many)):
        outcome = cross.assess(snapshot, Claim("maintenance", "cross"), many.book(row))
        required = outcome.scale * outcome.equity_units - outcome.slack_scaled
        assert columns.equity_units[row] == outcome.equity_units
        assert int(columns.whole_units[row]) * 10**6 + int(columns.rest_scaled[row]) == required
        assert reached[row] == cross.assess(snapshot, Claim("maintenance", "cross", level), many.book(row)).holds


@given(markets(), rows)
def test_one_account_is_the_same_by_itself(snapshot, found):
    many = accounts(found)
    columns = standings(snapshot, many)
    for row in range(len(many)):
        one = standing(snapshot, many, row)
        assert one.equity_units == columns.equity_units[row]
        assert one.maintenance_scaled == int(columns.whole_units[row]) * 10**6 + int(columns.rest_scaled[row])
        assert one.notional_units == columns.notional_units[row]


@given(markets(), rows)
def test_the_surplus_at_the_edge_is_exact_to_the_unit_of_cash(snapshot, found):
    many = accounts([(0, *quantities) for _, *quantities in found])
    columns = standings(snapshot, many)
    missing = columns.whole_units + (columns.rest_scaled > 0) - columns.equity_units
    many.cash_units[:] = missing
    assert standings(snapshot, many).reach(Ratio(1, 1)).all()
    many.cash_units[:] = missing - 1
    assert not standings(snapshot, many).reach(Ratio(1, 1)).any()


MARKET = sample.snapshot()


def test_initial_requirements_are_those_of_the_initial_tables():
    many = accounts([(0, 20_001)], ("BTC-PERP",))
    outcome = cross.assess(MARKET, Claim("initial", "cross"), many.book(0))
    found = standings(MARKET, many, initial=True)
    assert outcome.requirement_units == found.whole_units[0] + (found.rest_scaled[0] > 0)


@pytest.mark.parametrize(
    "row, complaint",
    [
        ((0, 2**62), "lots must be between"),
        ((-(2**63), 0), "cash_units must be between"),
        ((0, -(2**63)), "lots must be between"),
        ((0, 2**40), "size of an equity"),
    ],
)
def test_amounts_that_could_overflow_are_refused(row, complaint):
    with pytest.raises(StatementError, match=complaint):
        standings(MARKET, accounts([row], ("BTC-PERP",)))


def test_an_equity_too_large_for_a_level_is_refused():
    found = standings(MARKET, accounts([(2**61, 0)], ("BTC-PERP",)))
    with pytest.raises(StatementError, match=r"level \* amount"):
        found.reach(Ratio(21, 20))


def test_options_and_collateral_have_no_column():
    with pytest.raises(StatementError, match="BTC must be a linear contract, got collateral"):
        standings(MARKET, accounts([(0, 1)], ("BTC",)))


def test_columns_must_fit():
    with pytest.raises(StatementError, match="lots must have 1 rows of 2 columns"):
        accounts([(0, 1)], NAMES)
    with pytest.raises(StatementError, match="64-bit"):
        Accounts((), "USD", np.zeros(1, dtype=np.int32), np.zeros((1, 0), dtype=np.int64))
