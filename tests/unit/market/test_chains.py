from itertools import pairwise
from pathlib import Path

import pytest

from zkmargin.errors import EncodingError, StatementError
from zkmargin.market import chains, pricing, tables
from zkmargin.market.instruments import Linear, Option
from zkmargin.market.snapshot import Snapshot

HEADER = ",".join(chains.CHAIN_COLUMNS)
CALL_ROW = "2025-12-05T00:00:00Z,BTC-6DEC25-80000-C,call,2025-12-06T08:00:00Z,80000.0,92529.809,0.13545041,87.33,,,0.0"
PUT_ROW = CALL_ROW.replace("-C,call", "-P,put").replace("0.13545041", "3.555e-05")


@pytest.fixture
def chain(shared_data: Path) -> Path:
    return shared_data / "market" / "deribit_btc_options_20251205.csv"


@pytest.fixture
def candles(shared_data: Path) -> list[chains.Candles]:
    folder = shared_data / "market"
    return [
        chains.Candles("BTC-PERP", folder / "btcusdt_1h_20200311_14.csv"),
        chains.Candles("XRP-PERP", folder / "xrpusdt_1h_20200311_14.csv", decimals=5, multiplier=10),
    ]


def written(tmp_path: Path, *lines: str) -> Path:
    file = tmp_path / "market.csv"
    file.write_text("\n".join(lines) + "\n")
    return file


def test_a_chain_becomes_cash_coin_perpetual_futures_and_options(tmp_path: Path) -> None:
    market = chains.from_deribit(written(tmp_path, HEADER, CALL_ROW, PUT_ROW))
    ids = ["BTC", "BTC-6DEC25", "BTC-6DEC25-80000-C", "BTC-6DEC25-80000-P", "BTC-PERPETUAL", "USD"]
    assert [listing.id for listing in market.listings] == ids
    assert market.valid_from == 1_764_892_800
    assert market.listing("BTC-PERPETUAL").mark_ticks == market.listing("BTC-6DEC25").mark_ticks == 9_252_980
    call = market.listing("BTC-6DEC25-80000-C")
    assert call.instrument == Option(call.id, 1_000, "BTC-6DEC25", "call", 8_000_000, 1_765_008_000)
    assert call.mark_ticks == 1_253_320  # 0.13545041 * 92529.809 = 12533.2005...
    assert market.listing("BTC-6DEC25-80000-P").mark_ticks == 328  # 3.2894...
    assert market.notional_per_lot("BTC-PERPETUAL") == 92_529_800  # 0.001 BTC in millionths of a dollar
    assert Snapshot.from_bytes(market.canonical_bytes()) == market


@pytest.mark.parametrize(
    "old, new, message",
    [
        ("call,", "warrant,", "row 2 column type must be one of call, put"),
        ("80000.0,", "81000.0,", "row 2 column instrument_name must end with -81000-C"),
        ("80000.0,", "80000.5,", "row 2 column strike must be a multiple of 1/1"),
        ("2025-12-06T08:00:00Z", "6DEC25", "row 2 column expiry_time_utc must be a time"),
        ("87.33", "", "row 2 column mark_iv_pct must be a decimal number"),
        ("0.13545041", "0.135450415", "row 2 column mark_price_btc must be a multiple"),
        ("92529.809", "-1", "mark_ticks must be between"),
        ("2025-12-06T08:00:00Z", "2025-12-04T08:00:00Z", "must be one chain, taken at one time before every expiry"),
    ],
)
def test_a_bad_row_of_a_chain_is_refused(tmp_path: Path, old: str, new: str, message: str) -> None:
    with pytest.raises(StatementError, match=message):
        chains.from_deribit(written(tmp_path, HEADER, CALL_ROW.replace(old, new)))


def test_a_chain_taken_at_two_times_is_refused(tmp_path: Path) -> None:
    later = PUT_ROW.replace("2025-12-05T00:00:00Z", "2025-12-05T00:00:01Z")
    with pytest.raises(StatementError, match="must be one chain, taken at one time"):
        chains.from_deribit(written(tmp_path, HEADER, CALL_ROW, later))


def test_a_chain_without_options_or_with_a_repeated_one_is_refused(tmp_path: Path) -> None:
    with pytest.raises(StatementError, match="at least one option"):
        chains.from_deribit(written(tmp_path, HEADER))
    with pytest.raises(StatementError, match="strictly ascending"):
        chains.from_deribit(written(tmp_path, HEADER, CALL_ROW, CALL_ROW))
    with pytest.raises(EncodingError, match="header"):
        chains.from_deribit(written(tmp_path, HEADER + ",more"))


def test_expiries_and_strikes_select_the_nearest(chain: Path) -> None:
    market = chains.from_deribit(chain, expiries=2, strikes=3)
    options = [listing.instrument for listing in market.listings if isinstance(listing.instrument, Option)]
    assert {option.underlying for option in options} == {"BTC-6DEC25", "BTC-7DEC25"}
    assert len(options) == 2 * 3 * 2
    near = {option.strike_ticks for option in options if option.underlying == "BTC-6DEC25"}
    assert near == {9_200_000, 9_300_000, 9_400_000}  # around 92,529.80


def test_the_whole_chain_is_676_options_and_one_future_per_expiry(chain: Path) -> None:
    market = chains.from_deribit(chain, expiries=11, strikes=1_000)
    instruments = [listing.instrument for listing in market.listings]
    assert sum(isinstance(instrument, Option) for instrument in instruments) == 676
    assert sum(isinstance(instrument, Linear) and not instrument.perpetual for instrument in instruments) == 11
    assert len(instruments) == 676 + 11 + 3


def test_black_reproduces_the_marks_that_the_venue_published(chain: Path) -> None:
    for row in tables.read(chain, chains.CHAIN_COLUMNS)[::13]:
        quote = chains._quote(row)
        ours = pricing.mark_ticks(quote.option, quote.forward_ticks, quote.volatility_ppm, quote.time)
        assert abs(ours - quote.mark_ticks) <= 1 + quote.forward_ticks * 2.3e-5


def test_candles_become_one_chained_snapshot_per_hour(candles: list[chains.Candles]) -> None:
    snapshots = list(chains.from_candles(candles))
    assert len(snapshots) == 96
    assert snapshots[0].valid_from == 1_583_888_400  # 2020-03-11 01:00, the end of the first candle
    assert snapshots[0].listing("BTC-PERP").mark_ticks == 794_048
    assert snapshots[0].listing("XRP-PERP").mark_ticks == 21_291
    for before, after in pairwise(snapshots):
        after.check_follows(before)
        assert after.valid_from == before.valid_from + 3_600
    assert min(snapshot.listing("BTC-PERP").mark_ticks for snapshot in snapshots) == 413_064


@pytest.mark.parametrize(
    "rows, message",
    [
        (["2020-03-11T00:00:00Z,1,1,1,1.005,1"], "row 2 column close must be a multiple of 1/100"),
        (["2020-03-11T00:00:00Z,1,1,1,0,1"], "mark_ticks must be between 1"),
        (
            ["2020-03-11T00:00:00Z,1,1,1,1,1", "2020-03-11T02:00:00Z,1,1,1,1,1"],
            "row 3 column open_time_utc must be one hour",
        ),
    ],
)
def test_a_bad_candle_is_refused(tmp_path: Path, rows: list[str], message: str) -> None:
    file = written(tmp_path, ",".join(chains.CANDLE_COLUMNS), *rows)
    with pytest.raises(StatementError, match=message):
        list(chains.from_candles([chains.Candles("X", file)]))


def test_candles_that_cover_different_hours_are_refused(tmp_path: Path, candles: list[chains.Candles]) -> None:
    file = written(tmp_path, ",".join(chains.CANDLE_COLUMNS), "2020-03-11T00:00:00Z,1,1,1,1,1")
    with pytest.raises(StatementError, match="same hours"):
        list(chains.from_candles([*candles, chains.Candles("X", file)]))


def test_brackets_with_a_gap_or_a_wrong_cum_are_refused(tmp_path: Path) -> None:
    header, first = ",".join(chains.BRACKET_COLUMNS), "X,1,0,100,9,0.01,0.0"
    with pytest.raises(StatementError, match="row 3 column notional_floor must be the cap of the bracket before"):
        chains.brackets(written(tmp_path, header, first, "X,2,101,200,9,0.02,1.0"))
    with pytest.raises(StatementError, match=r"tiers\[1\].cum_units must be"):
        chains.brackets(written(tmp_path, header, first, "X,2,100,200,9,0.02,2.0"))
    assert chains.brackets(written(tmp_path, header, first, "X,2,100,200,9,0.02,1.0"))["X"].tiers[1].rate_ppm == 20_000
