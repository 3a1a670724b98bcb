"""The families of models against the rules that venues publish."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from circuits import claims
from circuits.registration import REGISTERED_BITS
from circuits.systems import Shape, assign, compile_circuit
from tests.circuits.test_models import cross_cases, scenario_cases
from zkmargin.amounts import PPM, Ratio
from zkmargin.commitments import Opening
from zkmargin.errors import StatementError, WitnessError
from zkmargin.margin import rules
from zkmargin.margin.claim import Claim
from zkmargin.margin.families import perpetual, scan
from zkmargin.margin.portfolio import Book
from zkmargin.market import chains, sample
from zkmargin.market.instruments import Cash, Linear
from zkmargin.market.models import Model
from zkmargin.market.parameters import TierTable
from zkmargin.market.snapshot import Listing, Snapshot
from zkmargin.market.tables import read


def replaced(market, model):
    return Snapshot(market.venue, market.epoch, market.valid_from, market.listings, models=(model,))


def composed_claim(claim):
    return Claim(claim.kind, "house", claim.threshold, claim.width_ppm)


@given(cross_cases())
def test_the_cross_model_is_a_composition_of_tiers(case):
    market, claim, lots = case
    model = perpetual.cross("house", 1, market.cross.maintenance, market.cross.initial)
    composed = rules.assess(replaced(market, model), composed_claim(claim), Book(lots))
    plain = rules.assess(market, claim, Book(lots))
    exact, bound = Fraction(plain.slack_scaled, plain.scale), Fraction(composed.slack_scaled, composed.scale)
    if claim.kind == "box":
        assert bound <= exact, "leaf by leaf is never less than the worst of the whole"
    else:
        assert bound == exact


@given(scenario_cases())
def test_the_scenario_model_is_a_composition_of_a_scan_and_a_short_minimum(case):
    market, claim, lots = case
    lots = lots | {"COIN": max(0, lots["COIN"])}
    model = scan.from_scenario("house", market.scenario)
    composed = rules.assess(replaced(market, model), composed_claim(claim), Book(lots))
    plain = rules.assess(market, claim, Book(lots))
    assert Fraction(composed.slack_scaled, composed.scale) == Fraction(plain.slack_scaled, plain.scale)


def test_a_composed_scan_costs_no_more_than_the_scenario_model():
    market = sample.snapshot()
    basis = tuple(listing.id for listing in market.listings)
    model = scan.from_scenario("house", market.scenario)
    shape = Shape((basis,), REGISTERED_BITS)
    plain = compile_circuit(claims.circuit(market, Claim("maintenance", "scenario"), basis), shape)
    composed = compile_circuit(claims.circuit(replaced(market, model), Claim("maintenance", "house"), basis), shape)
    assert len(composed.rows) <= len(plain.rows) + 1, "one row for the maximum's zero"


# ---- Binance ---------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def brackets(shared_data):
    return chains.brackets(shared_data / "market" / "binance_um_brackets_20241024.csv")


@pytest.fixture(scope="module")
def rows(shared_data):
    return read(shared_data / "market" / "binance_um_brackets_20241024.csv", chains.BRACKET_COLUMNS)


def bracket_margin(rows, symbol, notional_units):
    """Binance's formula in millionths of a unit: the notional's own bracket, times its rate, less its published cum."""
    mine = [row for row in rows if row.text("symbol") == symbol]
    unit = chains.UNITS_PER_USD
    row = next(row for row in mine if notional_units <= row.exact("notional_cap", unit) or row is mine[-1])
    return notional_units * row.exact("maint_margin_ratio", PPM) - row.exact("cum", unit) * PPM


def edges(rows, symbol):
    """Notionals at, just below and just above every edge of a bracket, in units."""
    caps = [row.exact("notional_cap", chains.UNITS_PER_USD) for row in rows if row.text("symbol") == symbol]
    return sorted({0, 1, *(cap + step for cap in caps for step in (-1, 0, 1))})


def test_every_bracket_of_every_symbol_is_the_largest_of_the_lines_at_its_edges(brackets, rows):
    assert len(brackets) == 12
    for symbol, table in brackets.items():
        assert len(table.tiers) == len([row for row in rows if row.text("symbol") == symbol]) >= 5
        for notional in edges(rows, symbol):
            assert table.margin_scaled(notional) == bracket_margin(rows, symbol, notional), (symbol, notional)


def bracket_market(brackets):
    """Every symbol at a mark of one unit a lot, so that lots are notionals."""
    listings = [Listing(Linear(symbol, 1), 1) for symbol in brackets] + [Listing(Cash("USD"))]
    model = perpetual.cross("binance", 1, brackets, brackets)
    return Snapshot("binance", 1, 0, tuple(sorted(listings, key=lambda item: item.id)), models=(model,))


def test_every_bracket_is_proved_at_its_edges_to_the_unit_and_not_a_unit_below(brackets, rows):
    market, claim = bracket_market(brackets), Claim("maintenance", "binance")
    for symbol in brackets:
        basis = tuple(sorted((symbol, "USD")))
        circuit = claims.circuit(market, claim, basis)
        system = compile_circuit(circuit, Shape((basis,), REGISTERED_BITS))
        for notional in edges(rows, symbol):
            for side in (1, -1):
                least = -(-bracket_margin(rows, symbol, notional) // PPM) - side * notional
                assign(circuit, system, [Opening({symbol: side * notional, "USD": least}, 1)])
                with pytest.raises(WitnessError):
                    assign(circuit, system, [Opening({symbol: side * notional, "USD": least - 1}, 1)])


def test_initial_margin_at_a_leverage_is_never_below_maintenance(brackets):
    model = perpetual.at_leverage("binance", 1, brackets, dict.fromkeys(brackets, 50))
    listings = sorted([*(Listing(Linear(name, 1), 1) for name in brackets), Listing(Cash("USD"))], key=lambda i: i.id)
    market = Snapshot("binance", 1, 0, tuple(listings), models=(model,))
    small, large = 10**10, 10**16
    for lots in (small, large):
        book = Book({"BTC/USDT:USDT": lots})
        opening = rules.assess(market, Claim("initial", "binance"), book).requirement_units
        kept = rules.assess(market, Claim("maintenance", "binance"), book).requirement_units
        assert opening == max(lots // 50, kept)
    assert kept > large // 50


# ---- Hyperliquid -----------------------------------------------------------------------------------------------------

HYPERLIQUID = {  # notional in dollars from which on, most leverage
    "BTC": [(0, 40), (150_000_000, 20)],
    "ETH": [(0, 25), (100_000_000, 15)],
    "SOL": [(0, 20), (70_000_000, 10)],
    "XRP": [(0, 20), (40_000_000, 10)],
}


@given(st.sampled_from(sorted(HYPERLIQUID)), st.integers(0, 10**9))
def test_hyperliquid_maintenance_is_half_of_initial_at_most_leverage(coin, notional):
    initial = perpetual.leverage_tiers(HYPERLIQUID[coin])
    slices, lower = Fraction(0), HYPERLIQUID[coin]
    for number, (floor, leverage) in enumerate(lower):
        upper = lower[number + 1][0] if number + 1 < len(lower) else notional
        slices += Fraction(max(0, min(notional, upper) - floor), leverage)
    exact = Fraction(initial.margin_scaled(notional), PPM)
    assert slices <= exact <= slices + Fraction(notional, PPM), "a rate rounds up by less than a millionth"
    half = Fraction(perpetual.halved(initial).margin_scaled(notional), PPM)
    assert exact / 2 <= half <= exact / 2 + Fraction(notional, PPM)


# ---- scans -----------------------------------------------------------------------------------------------------------


def test_groups_of_a_scan_do_not_offset_each_other():
    market = Snapshot("v", 1, 0, (Listing(Linear("BTC", 1), 1), Listing(Linear("ETH", 1), 1), Listing(Cash("USD"))))
    groups = {"btc": ({"BTC": (10, -10)}, {}), "eth": ({"ETH": (10, -10)}, {})}
    apart = scan.span(groups)
    both = scan.scan("all", {"BTC": (10, -10), "ETH": (10, -10)})
    outcome = {}
    for name, rule in (("apart", apart), ("together", both)):
        held = Snapshot("v", 1, 0, market.listings, models=(Model("house", 1, rule, rule),))
        outcome[name] = rules.assess(held, Claim("maintenance", "house"), Book({"BTC": 3, "ETH": -3})).requirement_units
    assert outcome == {"apart": 60, "together": 0}


def test_a_shortfall_is_the_mean_of_the_worst_scenarios():
    losses = {"BTC": tuple(range(-50, 50))}
    rule = scan.shortfall("btc", losses, 25_000)
    listings = (Listing(Linear("BTC", 1), 1), Listing(Cash("USD")))
    market = Snapshot("v", 1, 0, listings, models=(Model("house", 1, rule, rule),))
    long = rules.assess(market, Claim("maintenance", "house", Ratio(1, 1)), Book({"BTC": 2}))
    assert long.requirement_units == 2 * (49 + 48) // 2
    short = rules.assess(market, Claim("maintenance", "house"), Book({"BTC": -2}))
    assert short.requirement_units == 2 * (50 + 49) // 2


def test_losses_of_different_lengths_are_refused():
    with pytest.raises(StatementError, match=r"same number of losses, got \[1, 2\]"):
        scan.array({"BTC": (1, 2), "ETH": (1,)})


def test_a_falling_leverage_makes_rising_rates_and_a_rising_one_is_refused():
    assert [tier.rate_ppm for tier in perpetual.leverage_tiers([(0, 40), (1, 20)]).tiers] == [25_000, 50_000]
    with pytest.raises(StatementError, match="must be above"):
        perpetual.leverage_tiers([(0, 20), (1, 40)])
    assert perpetual.halved(TierTable.flat(5)).tiers[0].rate_ppm == 3
