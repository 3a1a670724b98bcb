import pytest

from zkmargin.errors import StatementError
from zkmargin.market.scenarios import UNSHOCKED, Scenario, grid, span16


def test_span_lists_its_moves_by_size_up_before_down_and_volatility_up_before_down() -> None:
    third, two_thirds, whole = 53_334, 106_667, 160_000
    moves = [0, third, -third, two_thirds, -two_thirds, whole, -whole]
    expected = [(price, shift) for price in moves for shift in (250_000, -250_000)] + [(320_000, 0), (-320_000, 0)]
    assert [(scenario.price_ppm, scenario.volatility_ppm) for scenario in span16()] == expected


def test_only_the_extreme_scenarios_of_span_count_in_part() -> None:
    assert [scenario.cover_ppm for scenario in span16(extreme_cover_ppm=330_000)] == [1_000_000] * 14 + [330_000] * 2


def test_the_grid_has_every_pair_of_moves_once() -> None:
    scenarios = grid(160_000, 4)
    prices = {scenario.price_ppm for scenario in scenarios}
    assert prices == {-160_000, -120_000, -80_000, -40_000, 0, 40_000, 80_000, 120_000, 160_000}
    assert len({(scenario.price_ppm, scenario.volatility_ppm) for scenario in scenarios}) == len(scenarios) == 27
    assert len({scenario.name for scenario in scenarios}) == 27


def test_a_grid_with_more_than_1024_scenarios_is_refused() -> None:
    with pytest.raises(StatementError, match="number of scenarios"):
        grid(160_000, 171)
    assert len(grid(160_000, 170)) == 1_023


def test_the_unshocked_scenario_moves_nothing() -> None:
    assert (UNSHOCKED.price_ppm, UNSHOCKED.volatility_ppm, UNSHOCKED.cover_ppm) == (0, 0, 1_000_000)


@pytest.mark.parametrize(
    "price_ppm, volatility_ppm, cover_ppm",
    [(-1_000_000, 0, 1), (10_000_001, 0, 1), (0, -1_000_001, 1), (0, 10_000_001, 1), (0, 0, 0), (0, 0, 1_000_001)],
)
def test_a_scenario_out_of_bounds_is_refused(price_ppm: int, volatility_ppm: int, cover_ppm: int) -> None:
    with pytest.raises(StatementError, match="must be between"):
        Scenario("s", price_ppm, volatility_ppm, cover_ppm)


def test_an_extreme_move_that_would_make_prices_negative_is_refused() -> None:
    with pytest.raises(StatementError, match=r"extreme-down.price_ppm"):
        span16(500_000)
