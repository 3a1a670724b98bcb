from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from zkmargin.documents import Reader
from zkmargin.errors import EncodingError, StatementError
from zkmargin.market import chains
from zkmargin.market.parameters import CrossParameters, ScenarioParameters, Tier, TierTable
from zkmargin.market.scenarios import UNSHOCKED, Scenario

# A table like the one of a large venue's bitcoin contract, in whole dollars: floor, rate in ppm, published cum.
BITCOIN = [
    (0, 4_000, 0),
    (50_000, 5_000, 50),
    (250_000, 10_000, 1_300),
    (1_000_000, 25_000, 16_300),
    (10_000_000, 50_000, 266_300),
    (20_000_000, 100_000, 1_266_300),
    (50_000_000, 125_000, 2_516_300),
    (100_000_000, 150_000, 5_016_300),
    (200_000_000, 250_000, 25_016_300),
    (300_000_000, 500_000, 100_016_300),
]
FLAT = TierTable.flat(5_000)
UP = Scenario("up", 100_000, 0)


def test_the_published_table_is_continuous_and_accepted() -> None:
    table = TierTable.published(BITCOIN)
    assert [cum // 1_000_000 for cum in table.cum_scaled] == [cum for _, _, cum in BITCOIN]
    assert table.margin_scaled(1_000_000) == 1_000_000 * (10_000 * 1_000_000 - 1_300_000_000) // 1_000_000


def test_a_discontinuous_table_is_refused_at_the_tier_that_jumps() -> None:
    with_two_percent = [*BITCOIN[:3], (1_000_000, 20_000, 16_300), *BITCOIN[4:]]
    with pytest.raises(StatementError, match=r"tiers\[3\].cum_units must be 11300000000/1000000, got 16300"):
        TierTable.published(with_two_percent)


@pytest.mark.parametrize("cum_units", [49, 51])
def test_a_published_cum_that_is_off_by_one_is_refused(cum_units: int) -> None:
    with pytest.raises(StatementError, match=rf"tiers\[1\].cum_units must be 50000000/1000000, got {cum_units}"):
        TierTable.published([(0, 4_000, 0), (50_000, 5_000, cum_units)])


def test_the_margin_is_the_same_from_both_sides_of_every_floor() -> None:
    table = TierTable.published(BITCOIN)
    for (below, cum_below), (above, cum_above) in pairwise(zip(table.tiers, table.cum_scaled, strict=True)):
        floor = above.floor_units
        assert floor * below.rate_ppm - cum_below == floor * above.rate_ppm - cum_above == table.margin_scaled(floor)


def test_the_published_brackets_of_a_venue_are_accepted(shared_data: Path) -> None:
    tables = chains.brackets(shared_data / "market" / "binance_um_brackets_20241024.csv")
    assert len(tables) == 12
    bitcoin = tables["BTC/USDT:USDT"]
    assert len(bitcoin.tiers) == 12
    assert bitcoin.cum_scaled[-1] == 421_481_450 * 10**12
    # 2 million dollars: 0.65 % less 950
    assert bitcoin.margin_scaled(2_000_000 * 10**6) == 12_050 * 10**12


@pytest.mark.parametrize(
    "tiers, message",
    [
        ((), "number of tiers must be between 1 and 32, got 0"),
        (tuple(Tier(index, index) for index in range(33)), "number of tiers must be between 1 and 32, got 33"),
        ((Tier(1, 5_000),), r"tiers\[0\].floor_units must be between 0 and 0, got 1"),
        ((Tier(0, 5_000), Tier(10, 4_000)), r"tiers\[1\].rate_ppm must be above 5000, got 4000"),
        ((Tier(0, 5_000), Tier(10, 5_000)), r"tiers\[1\].rate_ppm must be above 5000, got 5000"),
        ((Tier(0, 1), Tier(10, 2), Tier(10, 3)), r"tiers\[2\].floor_units must be above 10, got 10"),
    ],
)
def test_a_tier_table_that_is_not_convex_is_refused(tiers: tuple[Tier, ...], message: str) -> None:
    with pytest.raises(StatementError, match=message):
        TierTable(tiers)


@pytest.mark.parametrize("floor_units, rate_ppm", [(-1, 0), (2**96, 0), (0, -1), (0, 1_000_001)])
def test_a_tier_out_of_bounds_is_refused(floor_units: int, rate_ppm: int) -> None:
    with pytest.raises(StatementError, match="must be between"):
        Tier(floor_units, rate_ppm)


def test_a_table_covers_another_only_if_it_does_so_everywhere() -> None:
    steep = TierTable((Tier(0, 4_000), Tier(1_000, 50_000)))
    assert steep.covers(steep)
    assert TierTable.flat(50_000).covers(steep)
    assert not FLAT.covers(steep), "too low beyond the last floor"
    assert not steep.covers(FLAT), "too low before the first floor"
    late = TierTable((Tier(0, 6_000), Tier(2_000, 50_000)))
    assert not late.covers(steep), "too low between the floors"


def test_initial_tiers_below_maintenance_are_refused() -> None:
    with pytest.raises(StatementError, match="initial tiers of BTC must nowhere be below"):
        CrossParameters(1, {"BTC": FLAT}, {"BTC": TierTable.flat(4_999)})


@pytest.mark.parametrize("missing", ["maintenance", "initial"])
def test_a_table_without_its_counterpart_is_refused(missing: str) -> None:
    tables: dict[str, dict[str, TierTable]] = {"maintenance": {"BTC": FLAT}, "initial": {"BTC": FLAT}} | {missing: {}}
    with pytest.raises(StatementError, match="BTC must have a maintenance and an initial tier table"):
        CrossParameters(1, tables["maintenance"], tables["initial"])


@pytest.mark.parametrize("capacity_bits", [31, 97])
def test_a_capacity_out_of_bounds_is_refused(capacity_bits: int) -> None:
    with pytest.raises(StatementError, match="capacity_bits must be between 32 and 96"):
        CrossParameters(1, {}, {}, capacity_bits)


@pytest.mark.parametrize(
    "change, message",
    [
        ({"scenarios": ()}, "number of scenarios must be between 1 and 1024"),
        ({"scenarios": (UP, UP)}, "scenario names must be distinct"),
        ({"losses": {"BTC": (1, 2)}}, "number of losses of BTC must be between 1 and 1, got 2"),
        ({"losses": {"BTC": (2**80,)}}, "loss of BTC must be between"),
        ({"losses": {"BTC": (-(2**80),)}}, "loss of BTC must be between"),
        ({"short_minimum_units": {"C": -1}}, "short minimum of C must be between 0"),
        ({"initial_ppm": 999_999}, "initial_ppm must be between 1000000"),
        ({"version": -1}, "version must be between 0"),
        ({"capacity_bits": 31}, "capacity_bits must be between 32"),
    ],
)
def test_scenario_parameters_out_of_bounds_are_refused(change: dict[str, Any], message: str) -> None:
    sound: dict[str, Any] = {"version": 1, "scenarios": (UP,), "losses": {"BTC": (1,)}, "short_minimum_units": {"C": 1}}
    ScenarioParameters(**sound)
    with pytest.raises(StatementError, match=message):
        ScenarioParameters(**(sound | change))


def test_parameters_read_back_from_their_documents() -> None:
    table = TierTable.published(BITCOIN)
    cross = CrossParameters(3, {"ETH": FLAT, "BTC": FLAT}, {"BTC": TierTable.flat(9_000), "ETH": FLAT}, 70)
    cross = CrossParameters(3, dict(cross.maintenance) | {"X": table}, dict(cross.initial) | {"X": table}, 70)
    arrays = ScenarioParameters(4, (UP, UNSHOCKED), {"B": (-1, 0), "A": (2**80 - 1, 0)}, {"B": 7}, 1_500_000, 80)
    for parameters in (cross, arrays):
        with Reader(parameters.to_document(), "model") as fields:
            assert type(parameters).from_reader(fields) == parameters


def test_the_document_does_not_depend_on_the_order_of_its_construction() -> None:
    forwards = CrossParameters(1, {"A": FLAT, "B": FLAT}, {"A": FLAT, "B": FLAT})
    backwards = CrossParameters(1, {"B": FLAT, "A": FLAT}, {"B": FLAT, "A": FLAT})
    assert str(forwards.to_document()) == str(backwards.to_document())


def test_a_document_with_two_rows_for_one_instrument_is_refused() -> None:
    document = ScenarioParameters(1, (UP,), {"BTC": (1,)}, {}).to_document()
    document["losses"] *= 2
    with pytest.raises(StatementError, match="BTC must be listed once"):
        ScenarioParameters.from_reader(Reader(document, "model"))


def test_a_document_with_too_many_scenarios_is_refused() -> None:
    document = ScenarioParameters(1, (UP,), {}, {}).to_document()
    document["scenarios"] *= 1_025
    with pytest.raises(EncodingError, match="at most 1024 items"):
        ScenarioParameters.from_reader(Reader(document, "model"))
