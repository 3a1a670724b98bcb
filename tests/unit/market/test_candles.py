"""Candles: read strictly, played in a fixed order, a print kept apart from a path."""

from dataclasses import replace

import pytest

from zkmargin.errors import EncodingError, StatementError
from zkmargin.market import candles
from zkmargin.market.candles import Candle, Series

HEADER = "open_time_utc,open,high,low,close,volume_base\n"


def written(tmp_path, *rows, name="btcusdt_1h.csv"):
    path = tmp_path / name
    path.write_text(HEADER + "\n".join(rows) + "\n")
    return path


def row(hour, prices="100,110,90,105", volume="2.5"):
    return f"2020-03-12T{hour:02d}:00:00Z,{prices},{volume}"


def test_a_file_becomes_a_series_with_the_decimals_that_it_uses(tmp_path):
    series = candles.read(written(tmp_path, row(10), row(11, "105.5,110.25,90.0,105")))
    assert (series.name, series.decimals, series.step_seconds) == ("BTCUSDT", 2, 3_600)
    assert series.candles[0] == Candle(1_584_007_200, 10_000, 11_000, 9_000, 10_500, 2_500)
    assert series.candles[1].open == 10_550


def test_one_tick_of_one_lot_is_ten_units_whatever_the_decimals(tmp_path):
    # 0.10845 of a coin at 0.21181 USD: lots of one coin at five decimals, of ten at six.
    coarse = candles.read(written(tmp_path, row(1, "0.21181,0.3,0.2,0.21", "19.99"), row(2)))
    fine = candles.read(written(tmp_path, row(1, "0.211811,0.3,0.2,0.21", "19.99"), row(2)))
    assert (coarse.decimals, coarse.candles[0].volume_lots) == (5, 19)
    assert (fine.decimals, fine.candles[0].volume_lots) == (6, 1)
    assert coarse.instrument.multiplier == fine.instrument.multiplier == 10


def test_prices_in_exponent_form_are_read_exactly(tmp_path):
    series = candles.read(written(tmp_path, row(1, "1e2,1.1e2,9.05e1,1.05E+2"), row(2)))
    assert (series.decimals, series.candles[0].low) == (1, 905)


def test_a_name_can_be_given(tmp_path):
    assert candles.read(written(tmp_path, row(1), row(2)), "BTC-PERP").name == "BTC-PERP"


@pytest.mark.parametrize(
    "rows, complaint",
    [
        ([row(1)], "number of rows of btcusdt_1h.csv must be between 2"),
        ([row(1), row(3), row(4)], "row 4 column open_time_utc must be 7200 seconds after"),
        ([row(2), row(1)], "must be 12 seconds after"),
        ([row(1), row(2, "100,99,90,95")], "row 3: high must be between 100"),
        ([row(1), row(2, "100,110,101,105")], "row 3: open must be between 101 and 110, got 100 .prices in 10.-0 USD"),
        ([row(1), row(2, "0,110,0,105")], "row 3: low must be between 1"),
        ([row(1), row(2, "x,110,90,105")], "open must be a decimal number"),
        ([row(1), row(2, volume="-1")], "row 3: volume_lots must be between 0"),
        ([row(1), row(2, "1.0000000000001,110,1,105")], "decimals of the prices"),
        ([row(1), "2020-03-12 02:00,100,110,90,105,1"], "must be a time like"),
    ],
)
def test_a_row_that_makes_no_sense_is_named(tmp_path, rows, complaint):
    with pytest.raises(StatementError, match=complaint):
        candles.read(written(tmp_path, *rows))


def test_a_file_of_other_columns_is_refused_with_the_columns_that_it_needs(tmp_path):
    path = tmp_path / "x.csv"
    path.write_text("time,price\n1,2\n")
    with pytest.raises(EncodingError, match="x.csv must start with the header open_time_utc,open,high,low,close"):
        candles.read(path)
    with pytest.raises(EncodingError, match="cannot be read"):
        candles.read(tmp_path / "none.csv")


def test_series_are_played_together_only_if_they_cover_the_same_times(tmp_path):
    first = candles.read(written(tmp_path, row(1), row(2)), "A")
    candles.check_together([first, replace(first, name="B")])
    with pytest.raises(StatementError, match="C must cover the same times as A"):
        candles.check_together([first, candles.read(written(tmp_path, row(2), row(3)), "C")])
    with pytest.raises(StatementError, match="distinct names"):
        candles.check_together([first, first])
    with pytest.raises(StatementError, match="number of series"):
        candles.check_together([])


def test_a_falling_candle_visits_its_high_first_and_a_rising_one_its_low():
    assert Candle(0, 100, 120, 80, 90, 0).prices == (100, 120, 80, 90)
    assert Candle(0, 100, 120, 80, 110, 0).prices == (100, 80, 120, 110)


def test_a_path_leads_through_the_four_prices_in_straight_lines():
    candle = Candle(0, 100, 120, 80, 95, 0)
    assert candle.path == (100, 105, 110, 115, 120, 110, 100, 90, 80, 85, 90, 95)
    assert len(candle.path) == candles.MOMENTS


def test_a_print_is_reached_and_left_at_once():
    assert Candle(0, 100, 104, 1, 90, 0).path == (100, 101, 102, 103, 104, 104, 104, 104, 1, 90, 90, 90)
    assert Candle(0, 100, 110, 1, 110, 0).path == (100, 100, 100, 100, 1, 110, 110, 110, 110, 110, 110, 110)


def test_the_built_in_market_is_the_same_every_time_and_has_its_bad_tick():
    first, second = candles.sample(), candles.sample()
    assert first == second
    candles.check_together(first)
    assert [candle.low for candle in first[2].candles].count(1) == 1
    assert min(first[0].candles, key=lambda candle: candle.close).close < 0.65 * first[0].candles[0].open


def test_a_series_has_at_least_two_candles():
    with pytest.raises(StatementError, match="number of candles of A"):
        Series("A", 2, candles.sample()[0].candles[:1])
