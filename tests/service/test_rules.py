"""A claim reaches the level that the rulebook says, and no higher one."""

from dataclasses import replace

import pytest

from verifier_api.service.rules import INTRADAY, PROFILES, REAL_TIME, Level, Rules, daily
from zkmargin.amounts import Ratio
from zkmargin.errors import StatementError
from zkmargin.margin.claim import Claim

RULES = Rules(1, "cross", REAL_TIME)
HALF_AGAIN = Ratio(3, 2)


@pytest.mark.parametrize(
    "kind, threshold, width, level",
    [
        ("maintenance", Ratio(1, 1), 0, Level.MAINTENANCE),
        ("maintenance", Ratio(119_999, 100_000), 0, Level.MAINTENANCE),
        ("maintenance", Ratio(6, 5), 0, Level.BAND),
        ("maintenance", Ratio(100, 1), 0, Level.BAND),
        ("box", Ratio(1, 1), 10_000, Level.MAINTENANCE),
        ("box", HALF_AGAIN, 10_000, Level.BAND),
        ("initial", Ratio(1, 1), 0, Level.RESTORE),
    ],
)
def test_a_claim_reaches_its_level(kind, threshold, width, level):
    assert RULES.level(Claim(kind, "cross", threshold, width)) is level


def test_an_initial_claim_below_the_restore_level_is_worth_its_maintenance_claim():
    strict = replace(RULES, restore=HALF_AGAIN)
    assert strict.level(Claim("initial", "cross")) is Level.MAINTENANCE
    assert strict.level(Claim("initial", "cross", Ratio(6, 5))) is Level.BAND
    assert strict.level(Claim("initial", "cross", HALF_AGAIN)) is Level.RESTORE


def test_a_venue_may_restore_to_a_multiple_of_maintenance():
    other = replace(RULES, restore_kind="maintenance", restore=HALF_AGAIN)
    assert other.level(Claim("maintenance", "cross", HALF_AGAIN)) is Level.RESTORE
    assert other.level(Claim("maintenance", "cross", Ratio(7, 5))) is Level.BAND


@pytest.mark.parametrize(
    "claim",
    [Claim("maintenance", "cross", Ratio(999, 1000)), Claim("initial", "scenario"), Claim("maintenance", "own")],
)
def test_a_claim_that_nobody_asked_for_reaches_no_level(claim):
    with pytest.raises(StatementError, match="claim must reach the maintenance level of the cross model"):
        RULES.level(claim)


def test_a_stress_claim_reaches_no_level_however_high_its_threshold():
    rules = replace(RULES, model="scenario")
    with pytest.raises(StatementError, match="claim must reach the maintenance level"):
        rules.level(Claim("stress", "scenario", Ratio(100, 1), stress="crash"))


@pytest.mark.parametrize(
    "change, message",
    [
        ({"band": Ratio(9, 10)}, "band must be at least 1"),
        ({"restore": Ratio(9, 10)}, "restore must not ask for less"),
        ({"restore_kind": "maintenance", "restore": Ratio(11, 10)}, "restore must not ask for less"),
        ({"restore_kind": "box"}, "restore_kind must be initial or maintenance"),
        ({"model": "other"}, "model must be one of"),
        ({"version": 0}, "version of the rules must be between 1"),
    ],
)
def test_rules_that_contradict_themselves_are_refused(change, message):
    with pytest.raises(StatementError, match=message):
        replace(RULES, **change)


@pytest.mark.parametrize("timing", [*PROFILES.values(), daily(2, utc_offset_minutes=-300)])
def test_rules_are_read_back_as_they_were_written(timing):
    rules = Rules(7, "scenario", timing, Ratio(5, 4), "maintenance", HALF_AGAIN, 50_000)
    assert Rules.from_document(rules.to_document()) == rules


def test_the_profiles_are_those_of_the_page(root):
    page = (root / "docs" / "venue.md").read_text("utf-8")
    assert {name for name in PROFILES if f"| {name} |" in page} == {"real-time", "intraday", "daily"}
    assert INTRADAY.cure.after(0) == 3 * 3_600_000
