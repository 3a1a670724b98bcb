"""Skew, term structure and wings as early warning, with their errors counted."""

from random import Random

import pytest
import QuantLib

from zkmargin.amounts import PPM
from zkmargin.errors import StatementError
from zkmargin.market.scenarios import span16
from zkmargin.risk import indicators
from zkmargin.risk.indicators import AlarmRules, Quote, Record, Smile, alarms, judge, smile, z_score_ppm, z_scores_ppm

MONTH = 30 * 86_400


def chain(expiry=MONTH, volatility=lambda strike: 500_000):
    return [
        Quote(expiry, right, strike, 1_000, volatility(strike))
        for strike in range(500, 1_600, 50)
        for right in ("call", "put")
    ]


@pytest.mark.parametrize("right, kind", [("call", QuantLib.Option.Call), ("put", QuantLib.Option.Put)])
@pytest.mark.parametrize("strike", [700, 1_000, 1_400])
def test_a_delta_is_that_of_a_second_library(right, kind, strike):
    quote = Quote(MONTH, right, strike, 1_000, 600_000)
    payoff = QuantLib.PlainVanillaPayoff(kind, strike)
    other = QuantLib.BlackCalculator(payoff, 1_000.0, 0.6 * (30 / 365) ** 0.5, 1.0).deltaForward()
    assert quote.delta(0) == pytest.approx(abs(other), abs=1e-9)


def test_a_flat_surface_has_no_skew_and_no_wings():
    found = smile(chain(), MONTH, 0)
    assert (found.risk_reversal_ppm, found.butterfly_ppm, found.money_ppm) == (0, 0, 500_000)


def test_dearer_puts_make_the_risk_reversal_negative():
    found = smile(chain(volatility=lambda strike: 900_000 - 400 * strike), MONTH, 0)
    assert found.put_25_ppm > found.money_ppm > found.call_25_ppm
    assert found.risk_reversal_ppm < -50_000


def test_a_smile_has_wings_and_rounds_them_up():
    assert smile(chain(volatility=lambda strike: 500_000 + (strike - 1_000) ** 2), MONTH, 0).butterfly_ppm > 1_000
    assert Smile(1, 1, 2, 1).butterfly_ppm == 1


def test_nothing_is_extrapolated():
    puts = [quote for quote in chain() if quote.right == "put"]
    with pytest.raises(StatementError, match="a call on both sides of delta 0.25, got 0 calls"):
        smile(puts, MONTH, 0)
    with pytest.raises(StatementError, match="a put on both sides"):
        smile([quote for quote in chain() if quote.right == "call" or quote.strike_ticks > 1_100], MONTH, 0)


def test_an_expiry_in_the_past_has_no_smile():
    with pytest.raises(StatementError, match="expiry must be between"):
        smile(chain(), MONTH, MONTH)


def test_an_inversion_compares_a_near_expiry_with_a_later_one():
    near, far = Smile(1, 0, 0, 700_000), Smile(2, 0, 0, 600_000)
    assert indicators.inversion_ppm(near, far) == 100_000
    with pytest.raises(StatementError, match="expiry of the later smile"):
        indicators.inversion_ppm(far, near)


def test_a_z_score_counts_deviations_and_rounds_towards_zero():
    assert z_score_ppm(5, [1, 3]) == 3 * PPM
    assert z_score_ppm(-1, [1, 3]) == -3 * PPM
    assert z_score_ppm(4, [1, 2, 4]) == 1_336_306  # (4 - 7/3) / sqrt(14/9) = 1.33630621
    assert z_score_ppm(7, [5, 5]) == 0


def test_a_value_is_judged_against_its_past_only():
    assert z_scores_ppm([1, 3, 100, 5], 2)[:3] == [0, 0, 98 * PPM]
    changed = z_scores_ppm([1, 3, 100, 9], 2)
    assert changed[:3] == z_scores_ppm([1, 3, 100, 5], 2)[:3]


def test_an_alarm_that_is_on_stays_on_until_the_value_is_back():
    falling = AlarmRules(on_ppm=-20, off_ppm=-10)
    assert alarms(falling, [-19, -20, -15, -11, -10, -15]) == [False, True, True, True, False, False]
    rising = AlarmRules(on_ppm=20, off_ppm=10)
    assert alarms(rising, [19, 20, 15, 11, 10, 15]) == [False, True, True, True, False, False]


def test_an_alarm_needs_two_levels():
    with pytest.raises(StatementError, match="off_ppm must differ"):
        AlarmRules(5, 5)


def test_an_alarm_at_the_event_itself_is_late_and_false():
    assert judge([False, False, True], [2], lead=5) == Record(1, 0, 1, 1, 1)


def test_an_alarm_too_long_before_is_false_but_one_still_on_has_warned():
    assert judge([True, False, False, False], [3], lead=2) == Record(1, 0, 1, 1, 1)
    assert judge([True, True, False, False], [3], lead=2) == Record(1, 0, 1, 1, 0)


def test_hysteresis_lowers_the_number_of_false_alarms_on_noise():
    random = Random(7)
    values, level = [], 0.0
    for _ in range(5_000):
        level = 0.9 * level + random.gauss(0, 10_000)
        values.append(int(level))
    scores = z_scores_ppm(values, 90)
    counts = [
        judge(alarms(AlarmRules(-2 * PPM, off), scores), [], lead=5).false_alarms for off in (-2 * PPM + 1, -PPM, 0)
    ]
    assert counts[0] > counts[1] > counts[2] > 0


def test_only_the_falls_are_widened_and_none_beyond_the_price():
    moves = indicators.widened(span16(160_000), 4_000_000)
    assert [move.price_ppm for move in moves][2:6] == [53_334, 53_334, -213_336, -213_336]
    assert moves[-1].price_ppm == 1 - PPM
    with pytest.raises(StatementError, match="factor_ppm"):
        indicators.widened(moves, PPM - 1)


def test_a_real_chain_has_dearer_puts_at_every_expiry(shared_data):
    now, quotes = indicators.read_quotes(shared_data / "market" / "deribit_btc_options_20251205.csv")
    smiles = [smile(quotes, expiry, now) for expiry in sorted({quote.expiry for quote in quotes})]
    assert len(smiles) == 11
    assert all(-65_000 < found.risk_reversal_ppm < -30_000 for found in smiles)
    assert all(9_000 < found.butterfly_ppm < 17_000 for found in smiles)
