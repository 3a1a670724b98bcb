"""Statements that nobody could prove or refute are refused by name, bound and value, before anything is allocated."""

from dataclasses import replace

import pytest

from circuits import claims
from zkmargin.amounts import MAX_COORDINATES, MAX_SCENARIOS, PPM, Ratio
from zkmargin.errors import StatementError
from zkmargin.margin.claim import Claim
from zkmargin.market import sample
from zkmargin.market.instruments import MAX_TICKS, Cash, Linear
from zkmargin.market.parameters import MAX_LOSS_UNITS, MAX_TIERS, CrossParameters, ScenarioParameters, Tier, TierTable
from zkmargin.market.scenarios import Scenario
from zkmargin.market.snapshot import Listing, Snapshot
from zkmargin.proofs.constraints import MAX_ROWS

CROSS, SCENARIO = Claim("maintenance", "cross"), Claim("maintenance", "scenario")


class Untouchable(tuple):
    """A list that only claims to be long: reading any of it fails the test."""

    def __new__(cls, length):
        made = super().__new__(cls)
        made.length = length
        return made

    def __len__(self):
        return self.length

    def __iter__(self):
        pytest.fail("the list was read before it was counted")

    def __getitem__(self, _):
        pytest.fail("the list was read before it was counted")


@pytest.mark.parametrize(
    "tiers, said",
    [
        (((0, 10_000), (100, 5_000)), r"tiers\[1\].rate_ppm must be above 10000, got 5000"),
        (((0, 10_000), (100, 10_000)), r"tiers\[1\].rate_ppm must be above 10000, got 10000"),
        (((0, 1), (100, 2), (100, 3)), r"tiers\[2\].floor_units must be above 100, got 100"),
        (((1, 1),), r"tiers\[0\].floor_units must be between 0 and 0, got 1"),
    ],
)
def test_a_tier_table_that_is_not_convex_never_becomes_a_circuit(tiers, said):
    with pytest.raises(StatementError, match=said):
        TierTable(tuple(Tier(*row) for row in tiers))


@pytest.mark.parametrize("claim", [CROSS, SCENARIO], ids=lambda claim: claim.model)
def test_an_instrument_of_the_basis_that_is_not_listed_is_named(claim):
    with pytest.raises(StatementError, match="instrument DOGE is not listed in epoch 1 of sample"):
        claims.system(sample.snapshot(), claim, ("DOGE", "USD"))


def test_an_option_in_the_basis_of_a_cross_claim_is_named():
    with pytest.raises(StatementError, match="cannot hold BTC-27MAR26-80000-P"):
        claims.system(sample.snapshot(), CROSS, ("BTC-27MAR26-80000-P", "USD"))


def test_a_claim_about_a_model_that_the_snapshot_lacks_is_refused():
    with pytest.raises(StatementError, match="has no scenario parameters"):
        claims.system(replace(sample.snapshot(), scenario=None), SCENARIO, ("USD",))


def test_a_basis_that_names_an_id_twice_or_out_of_order_is_refused():
    for basis in (("USD", "USD"), ("USD", "ETH-PERP")):
        with pytest.raises(StatementError, match="code-point order"):
            claims.system(sample.snapshot(), CROSS, basis)


def test_coefficients_of_a_cross_claim_that_are_too_large_are_refused_with_their_bound():
    huge = Snapshot(
        "demo",
        1,
        0,
        (Listing(Cash("CASH")), Listing(Linear("PERP", 2**32), MAX_TICKS)),
        cross=CrossParameters(1, {"PERP": TierTable.flat(1_000)}, {"PERP": TierTable.flat(1_000)}),
    )
    with pytest.raises(StatementError, match=rf"charge per lot must be between -{2**96 - 1} and {2**96 - 1}, got -"):
        claims.system(huge, CROSS, ("CASH", "PERP"))


def test_coefficients_of_a_scenario_claim_that_are_too_large_are_refused_with_their_bound():
    losses = {"PERP": (0, MAX_LOSS_UNITS)}
    arrays = ScenarioParameters(1, (Scenario("up", 1, 0), Scenario("down", -1, 0)), losses, {})
    huge = Snapshot("demo", 1, 0, (Listing(Cash("CASH")), Listing(Linear("PERP", 1), 1)), scenario=arrays)
    claim = Claim("maintenance", "scenario", Ratio(PPM, 1))
    with pytest.raises(StatementError, match=rf"coefficient of row down must be between -{2**96 - 1} and {2**96 - 1}"):
        claims.system(huge, claim, ("CASH", "PERP"))


def test_too_many_tiers_scenarios_and_listings_are_refused_before_any_is_read():
    with pytest.raises(StatementError, match=f"number of tiers must be between 1 and {MAX_TIERS}, got 33"):
        TierTable(Untouchable(MAX_TIERS + 1))
    with pytest.raises(StatementError, match=f"number of scenarios must be between 1 and {MAX_SCENARIOS}, got 1025"):
        ScenarioParameters(1, Untouchable(MAX_SCENARIOS + 1), {}, {})
    with pytest.raises(StatementError, match=f"number of listings must be between 1 and {MAX_COORDINATES}, got 4097"):
        Snapshot("demo", 1, 0, Untouchable(MAX_COORDINATES + 1))


@pytest.fixture(scope="module")
def crowded():
    """2,000 contracts of 32 tiers each: far more pieces than a statement may have rows or slots."""
    table = TierTable(tuple(Tier(floor, rate) for floor, rate in enumerate(range(1_000, 33_000, 1_000))))
    names = [f"PERP-{number:04d}" for number in range(2_000)]
    tables = dict.fromkeys(names, table)
    listings = (Listing(Cash("CASH")), *(Listing(Linear(name, 1), 100) for name in names))
    return Snapshot("demo", 1, 0, listings, cross=CrossParameters(1, tables, tables))


def test_too_many_rows_are_refused_while_they_are_counted(crowded):
    basis = tuple(listing.id for listing in crowded.listings)
    with pytest.raises(StatementError, match=f"number of rows must be between 0 and {MAX_ROWS}, got {MAX_ROWS + 1}$"):
        claims.system(crowded, CROSS, basis)


def test_too_many_slots_are_refused_with_their_bound(crowded):
    basis = tuple(listing.id for listing in crowded.listings)[:450]
    with pytest.raises(StatementError, match="slots must be between 0 and 65536, got"):
        claims.system(crowded, CROSS, basis)
