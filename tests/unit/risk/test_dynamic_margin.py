"""From volatility to a rate, and from a rate to the next version of the parameters."""

from dataclasses import replace

import pytest

from zkmargin.amounts import PPM
from zkmargin.errors import StatementError
from zkmargin.market import sample
from zkmargin.market.chains import MAINTENANCE
from zkmargin.market.parameters import Tier, TierTable
from zkmargin.risk import dynamic_margin
from zkmargin.risk.dynamic_margin import Liquidity, RateRules, in_effect, model_ppm, next_rate, procyclicality, rates

MARKET = sample.snapshot()


def test_the_model_grows_with_the_root_of_the_margin_period_and_rounds_up():
    assert model_ppm(RateRules(horizon=1), 10_000) == 30_000
    assert model_ppm(RateRules(horizon=2), 10_000) == 42_427  # 42,426.4
    assert model_ppm(RateRules(multiple_ppm=1), 1) == 1
    assert model_ppm(RateRules(), 10**8) == PPM


def test_a_buffer_is_exhausted_before_the_rate_follows_and_is_whole_after_a_fall():
    assert rates(RateRules(tool="buffer"), [40_000, 50_000, 51_000, 41_000, 40_000]) == [
        50_000,
        50_000,
        51_000,
        51_000,
        50_000,
    ]


def test_stress_weighs_a_quarter_and_rounds_up():
    rules = RateRules(tool="stress", stressed_ppm=120_000)
    assert next_rate(rules, 40_000, None) == 60_000
    assert next_rate(rules, 40_001, 1) == 60_001


def test_the_long_run_is_a_floor():
    rules = RateRules(tool="long-run", long_run_ppm=50_000)
    assert rates(rules, [40_000, 60_000]) == [50_000, 60_000]


def test_the_floor_holds_against_every_tool():
    assert next_rate(RateRules(floor_ppm=70_000), 40_000, None) == 70_000


def test_the_speed_limit_holds_rises_only_and_may_hold_the_rate_below_the_model():
    rules = RateRules(speed_limit_ppm=100_000)
    assert next_rate(rules, 100_000, 50_001) == 55_002
    assert next_rate(rules, 10_000, 50_000) == 10_000


def test_a_rate_takes_effect_when_its_notice_is_over():
    rules, published = RateRules(notice_seconds=100), [(0, 1), (50, 2), (60, 3)]
    assert [in_effect(rules, published, now) for now in (0, 149, 150, 160)] == [1, 1, 2, 3]


@pytest.mark.parametrize(
    "change, complaint",
    [
        ({"tool": "hope"}, "tool must be one of none, buffer, stress, long-run"),
        ({"tool": "stress"}, "stressed_ppm must be between 1"),
        ({"tool": "long-run"}, "long_run_ppm must be between 1"),
        ({"floor_ppm": 0}, "floor_ppm"),
        ({"speed_limit_ppm": 0}, "speed_limit_ppm"),
        ({"horizon": 0}, "horizon"),
        ({"notice_seconds": -1}, "notice_seconds"),
    ],
)
def test_rules_that_make_no_sense_are_refused(change, complaint):
    with pytest.raises(StatementError, match=complaint):
        replace(RateRules(), **change)


# ---- Parameters ------------------------------------------------------------------------------------------------------


def test_a_scaled_table_keeps_its_floors_and_drops_what_would_ask_for_more_than_the_notional():
    found = dynamic_margin.scaled(MAINTENANCE, 300_000)
    assert [tier.rate_ppm for tier in found.tiers] == [300_000, 600_000, PPM]
    assert [tier.floor_units for tier in found.tiers] == [tier.floor_units for tier in MAINTENANCE.tiers[:3]]


def test_rates_that_rounding_would_make_equal_still_rise():
    table = TierTable((Tier(0, 1_000), Tier(10, 1_001)))
    assert [tier.rate_ppm for tier in dynamic_margin.scaled(table, 10).tiers] == [10, 11]


def test_a_table_without_a_first_rate_cannot_be_scaled():
    with pytest.raises(StatementError, match="first rate of the table"):
        dynamic_margin.scaled(TierTable.flat(0), 10)


def test_half_the_spread_is_charged_at_every_size():
    plain, wide = (dynamic_margin.concentrated(50_000, Liquidity(10**9, spread_ppm=spread)) for spread in (0, 2_001))
    assert (plain.tiers[0].rate_ppm, wide.tiers[0].rate_ppm) == (50_000, 51_001)
    assert wide.covers(plain)


def test_a_thinner_market_asks_for_more():
    thick, thin = (dynamic_margin.concentrated(50_000, Liquidity(volume)) for volume in (10**9, 10**8))
    assert thin.covers(thick)
    assert not thick.covers(thin)


def test_a_market_too_thin_to_sell_anything_is_refused():
    with pytest.raises(StatementError, match=r"participation \* volume must be between 1"):
        Liquidity(9)


def test_the_next_version_of_cross_parameters_is_accepted_by_a_snapshot():
    assert MARKET.cross is not None
    table = dynamic_margin.scaled(MAINTENANCE, 7_501)
    following = dynamic_margin.next_cross(MARKET.cross, {"BTC-PERP": table}, initial_ppm=1_500_000)
    snapshot = MARKET.next(MARKET.valid_from, {}, cross=following)
    assert snapshot.cross is not None
    assert snapshot.cross.version == MARKET.cross.version + 1
    assert snapshot.cross.maintenance["BTC-PERP"] == table
    assert snapshot.cross.initial["BTC-PERP"].tiers[0].rate_ppm == 11_252
    assert snapshot.cross.maintenance["ETH-PERP"] == MARKET.cross.maintenance["ETH-PERP"]


def test_initial_rates_cover_maintenance_even_where_they_reach_the_whole_notional():
    assert MARKET.cross is not None
    table = TierTable((Tier(0, 600_000), Tier(10, 700_000), Tier(20, 800_000)))
    following = dynamic_margin.next_cross(MARKET.cross, {"BTC-PERP": table})
    assert following.initial["BTC-PERP"] == TierTable.flat(PPM)


def test_an_instrument_without_a_table_gets_none():
    assert MARKET.cross is not None
    with pytest.raises(StatementError, match="DOGE must have a tier table in version 1"):
        dynamic_margin.next_cross(MARKET.cross, {"DOGE": MAINTENANCE})


def test_the_next_version_of_a_risk_array_has_the_new_price_range():
    assert MARKET.scenario is not None
    options = {item.id: 550_000 for item in MARKET.listings if item.instrument.kind == "option"}
    following = dynamic_margin.next_scenario(
        MARKET.scenario, MARKET.listings, options, MARKET.valid_from, price_range_ppm=240_000
    )
    snapshot = MARKET.next(MARKET.valid_from, {}, scenario=following)
    assert snapshot.scenario == following
    assert following.version == MARKET.scenario.version + 1
    assert min(move.price_ppm for move in following.scenarios) == -480_000
    assert max(following.losses["BTC-PERP"]) > max(MARKET.scenario.losses["BTC-PERP"])


# ---- Procyclicality --------------------------------------------------------------------------------------------------


def test_procyclicality_measures_what_it_says():
    found = procyclicality([100, 150, 120, 300, 90], [99, 151, 120, 301])
    assert (found.peak_to_trough_ppm, found.rise_1_ppm, found.rise_5_ppm) == (3_333_334, 1_500_000, 2_000_000)
    assert (found.breaches, found.steps, found.mean_ppm) == (2, 4, 152)


def test_a_rate_that_never_moves_is_not_procyclical():
    found = procyclicality([5, 5], [])
    assert (found.peak_to_trough_ppm, found.rise_1_ppm, found.rise_5_ppm) == (PPM, 0, 0)
    assert procyclicality([5], []).rise_1_ppm == 0


def test_moves_look_at_both_sides_and_at_every_price_of_the_horizon():
    assert dynamic_margin.moves([100, 120, 100, 70], 2) == [200_000, 416_667]
