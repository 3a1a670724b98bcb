"""A market's candles played against a population: who is called, who is sold, who pays."""

from dataclasses import replace

import numpy as np
import pytest

from zkmargin import Claim, Ratio
from zkmargin.amounts import PPM
from zkmargin.errors import StatementError
from zkmargin.margin import cross
from zkmargin.market import candles
from zkmargin.market.candles import Candle, Series
from zkmargin.risk import replay
from zkmargin.risk.liquidation import Standing
from zkmargin.risk.population import PopulationRules
from zkmargin.risk.replay import play
from zkmargin.risk.replay_result import Period
from zkmargin.risk.replay_rules import TICKS, ReplayRules

MARKET = candles.sample()
PEOPLE = PopulationRules(accounts=120)
RULES = ReplayRules()


def flat(name="A-PERP", hours=30, price=100_000, wick=None, falls=()):
    """A market that wriggles by one in a thousand, with a wick at one hour, or falls by a share from an hour on."""
    found, now = [], price
    for hour in range(hours):
        opened, now = now, int(price * dict(falls).get(hour, now / price))
        low = wick[1] if wick and hour == wick[0] else min(opened, now) - price // 1_000
        found.append(Candle(3_600 * hour, opened, max(opened, now) + price // 1_000, low, now, 10**9))
    return Series(name, 4, tuple(found))


@pytest.fixture(scope="module")
def static():
    return play(MARKET, RULES, PEOPLE)


def opened(rules=RULES, market=MARKET, people=PEOPLE):
    return replay._Venue.open(market, rules, people)


def test_the_same_seed_gives_the_same_replay(static):
    assert play(MARKET, RULES, PEOPLE) == static
    assert play(MARKET, RULES, replace(PEOPLE, seed=2)).periods != static.periods


def test_a_crash_calls_and_liquidates_and_a_calm_day_does_not(static):
    assert static.total("called") >= static.called > 0
    assert static.called >= static.liquidated > 20
    assert sum(period.called for period in static.periods[:8]) == 0
    assert static.peak.time >= MARKET[0].candles[34].time
    assert 0 < static.peak_share_ppm <= PPM


def test_every_account_of_a_replay_is_margined_by_the_plain_rule_to_the_unit():
    venue = opened()
    for index in range(24, 40):
        venue.candle(index)
        found = venue._standings()
        for row in range(0, len(venue.accounts), 7):
            outcome = cross.assess(venue.snapshot, Claim("maintenance", "cross"), venue.accounts.book(row))
            assert venue._standing(row) == Standing.of(outcome, int(found.notional_units[row]))
            assert found.reach(Ratio(21, 20))[row] == venue._standing(row).reaches(Ratio(21, 20))


def test_money_that_appears_stops_the_replay():
    venue = opened()
    venue.accounts.cash_units[0] += 1
    with pytest.raises(StatementError, match="money or lots were made between epochs 1 and 2"):
        venue.candle(24)


def test_a_lot_that_appears_stops_the_replay():
    venue = opened()
    venue.accounts.lots[0, 0] += 1
    with pytest.raises(StatementError, match="money or lots were made"):
        venue.candle(24)


def test_a_bad_tick_liquidates_nobody_and_without_breakers_it_does():
    market = (flat("A-PERP"), flat("B-PERP", wick=(26, 1)))
    guarded = play(market, RULES, PEOPLE)
    assert (guarded.called, guarded.liquidated) == (0, 0)
    (refusal,) = guarded.refusals
    assert (refusal.name, refusal.price_ticks) == ("B-PERP", 1)
    assert refusal.spared > 10
    bare = play(market, replace(RULES, breaker=None), PEOPLE)
    assert bare.liquidated >= refusal.spared
    assert bare.refusals == ()


def test_refusing_bad_ticks_needs_no_halt():
    found = play((flat("A-PERP"), flat("B-PERP", wick=(26, 1))), replace(RULES, breaker=TICKS), PEOPLE)
    assert (found.liquidated, len(found.refusals)) == (0, 1)
    assert play(MARKET, replace(RULES, breaker=TICKS), PEOPLE).total("halted_moments") == 0


def test_rates_stay_where_they_are_or_follow_the_market():
    found = {policy: play(MARKET, replace(RULES, policy=policy), PEOPLE) for policy in ("static", "dynamic", "buffer")}
    for name in ("BTC-PERP", "ETH-PERP", "LINK-PERP"):
        rates = {policy: result.procyclicality[name] for policy, result in found.items()}
        assert rates["static"].peak_to_trough_ppm == PPM
        assert rates["dynamic"].peak_to_trough_ppm > rates["buffer"].peak_to_trough_ppm > PPM
        assert rates["dynamic"].breaches < rates["static"].breaches


def test_a_new_rate_is_a_new_version_of_the_parameters_after_its_notice():
    venue = opened(replace(RULES, policy="dynamic"))
    versions = []
    for index in range(24, 40):
        venue.candle(index)
        versions.append(venue.snapshot.cross.version)
    assert versions[0] == 1
    assert versions == sorted(versions)
    assert versions[-1] > 5
    assert opened().snapshot.cross.version == 1


def test_a_closed_throttle_sells_nothing_and_says_what_waits():
    found = play(MARKET, replace(RULES, theta_ppm=0), PEOPLE)
    assert found.total("liquidated_units") == 0
    assert found.queued_units > 0


def test_a_tighter_throttle_releases_less_of_the_queue_at_once():
    tight, loose = (play(MARKET, replace(RULES, theta_ppm=theta), PEOPLE) for theta in (500, 1_000_000))
    assert tight.peak.liquidated_units < loose.peak.liquidated_units


def test_without_a_fund_the_gains_pay_and_nothing_is_lost_on_the_way():
    found = play(MARKET, replace(RULES, fund_ppm=0, fee_ppm=0, theta_ppm=2_000), PEOPLE)
    assert found.total("defaulted") > 0
    assert found.total("haircut_units") > 0
    assert all(period.fund_units >= 0 for period in found.periods)


def test_accounts_that_cure_bring_exactly_what_restores_them():
    venue = opened(replace(RULES, curing_ppm=PPM))
    index = 24
    while not venue.calls:
        venue.candle(index)
        index += 1
    row = next(iter(venue.calls))
    venue._cure()
    assert venue._standing(row).reaches(Ratio(6, 5))
    venue.accounts.cash_units[row] -= 1
    assert not venue._standing(row).reaches(Ratio(6, 5))


def test_in_a_slow_fall_who_cures_is_not_liquidated_and_who_does_not_is():
    market = (flat(falls=((25, 0.997), (26, 0.994), (27, 0.991), (28, 0.988), (29, 0.985))),)
    people = PopulationRules(accounts=400, long_ppm=PPM)
    curing, idle = (play(market, replace(RULES, curing_ppm=share), people) for share in (PPM, 0))
    assert (curing.liquidated, curing.total("brought_units") > 0) == (0, True)
    assert (idle.liquidated > 0, idle.total("brought_units")) == (True, 0)


def test_a_cure_period_that_runs_out_starts_the_ladder_and_a_longer_one_does_not_yet():
    market = (flat(falls=((25, 0.99), (26, 0.975))),)
    people = PopulationRules(accounts=400, long_ppm=PPM)
    rules = replace(RULES, curing_ppm=0)
    short, long = (play(market, replace(rules, cure_seconds=seconds), people) for seconds in (0, 10**6))
    assert short.called == long.called > 0
    assert short.liquidated > long.liquidated


def test_while_the_venue_is_halted_nobody_is_called_and_no_deadline_comes_nearer():
    market = (flat(falls=((25, 0.99), (26, 0.70), (27, 0.69), (28, 0.69), (29, 0.69))),)
    venue = opened(market=market, people=PopulationRules(accounts=400, long_ppm=PPM))
    for index in range(24, 27):
        venue.candle(index)
    assert venue.periods[-1].halted_moments > 0
    halts = venue.clock.halts or ((venue.clock.halted_since, venue.clock.now),)
    start = halts[0][0] - 60
    assert venue.clock.running(start, venue.clock.now) < venue.clock.now - start


def test_drawdown_is_measured_from_the_high_before():
    def with_fund(*units):
        result = play((flat(),), RULES, PopulationRules(accounts=5))
        periods = tuple(Period(time, fund_units=fund) for time, fund in enumerate(units))
        return replace(result, periods=periods, fund_start_units=10)

    assert with_fund(4, 8, 20, 11, 15).fund_drawdown_units == 9
    assert with_fund(3, 8).fund_drawdown_units == 7
    assert with_fund(10, 11).fund_drawdown_units == 0


@pytest.mark.parametrize(
    "change, complaint",
    [
        ({"policy": "hope"}, "margin policy must be one of static, dynamic, buffer, stress, long-run"),
        ({"theta_ppm": PPM + 1}, "theta_ppm"),
        ({"slippage_ppm": PPM}, "slippage_ppm"),
        ({"warm_up": 1}, "warm_up"),
    ],
)
def test_rules_that_make_no_sense_are_refused(change, complaint):
    with pytest.raises(StatementError, match=complaint):
        replace(RULES, **change)


def test_a_market_shorter_than_the_warm_up_is_refused():
    with pytest.raises(StatementError, match="number of candles must be between 25"):
        play((flat(hours=24),), RULES, PEOPLE)


def test_the_arrays_of_a_replay_stay_integers():
    venue = opened()
    venue.candle(24)
    assert venue.accounts.cash_units.dtype == venue.accounts.lots.dtype == np.int64


@pytest.fixture(scope="module")
def march(shared_data):
    return [candles.read(path) for path in sorted((shared_data / "market").glob("*usdt_1h_20200311_14.csv"))]


def test_the_bad_tick_of_march_2020_moves_no_mark_and_without_breakers_it_liquidates(march):
    guarded, bare = (play(march, replace(RULES, breaker=breaker), PEOPLE) for breaker in (RULES.breaker, None))
    (refusal,) = guarded.refusals
    assert (refusal.name, refusal.price_ticks, refusal.time // 3_600 % 24) == ("LINKUSDT", 1, 10)
    moment = (refusal.time - guarded.periods[0].time) // 300
    marks = guarded.prices["LINKUSDT"]
    assert marks[moment] == marks[moment - 1] == refusal.mark_ticks > 1
    assert min(marks) > 15_000
    assert bare.prices["LINKUSDT"][moment] == 1
    assert bare.liquidated > guarded.liquidated


def test_march_2020_is_most_of_all_in_one_morning(march):
    found = play(march, RULES, PEOPLE)
    assert len(found.periods) == 72
    assert found.total("halted_moments") > 0
    assert found.called > 40
    first_day = sum(period.liquidated_units for period in found.periods[:24])
    assert first_day > 0.9 * found.total("liquidated_units")
