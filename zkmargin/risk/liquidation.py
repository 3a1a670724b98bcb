"""How a position is closed that its margin no longer carries: a ladder of slices, a backstop, a Dutch auction.

Rule
----
    With equity E and maintenance requirement M of the account, and public ratios trigger < restore:

        E >= trigger * M                  nothing is sold
        backstop * M <= E < trigger * M   a slice is sold, then nothing for `slice_seconds`; and again
        E >= restore * M                  the ladder stops
        0 <= E < backstop * M             everything is handed to the backstop
        E < 0                             default: the waterfall pays

    Once begun, a ladder goes on until E >= restore * M. A slice is the same public fraction of every position that the
    account had when the ladder began, so a slice tells its size only to those who know the book. An account whose whole
    notional is at or below `small_notional_units` is sold whole.

Auction
-------
    Whoever takes a fraction f of a solvent account at time t pays ``f * d(t) * E`` for that fraction of its positions
    and of its equity; d falls along public straight lines. Of an insolvent account nobody pays: the fund adds
    ``f * p(t)`` where p rises from |E| to |E| + M, and the waterfall is charged. Fractions are fixed and public
    (multiples of the slice), so that no share of a secret by a secret has to be proved.

Units
-----
    lots, settlement units, ppm, seconds. Requirements are exact: `Standing` carries them in 10^-6 units.

Rounding
--------
    What is sold rounds up to whole lots, what is left rounds towards zero. What a buyer of a solvent account pays
    rounds up, what the fund adds for an insolvent one rounds down: both towards the account and the fund.

Bounds
------
    1 <= slice <= 10^6 ppm, so a ladder has at most 10^6 slices; with 20 % it has five.

Reference
---------
    Levels: Hyperliquid's documentation (20 % first for large positions, 30 s, backstop at two thirds of maintenance).
    Auction: the Dutch auction of Derive (95 % to 70 % in 15 minutes, to 0 in 12 hours; insolvent, one hour).

Worked example
--------------
    1,003 lots in slices of 20 %: 201 are sold first, 802 are left, then 601, 401, 200, 0.

        >>> [remaining_lots(1_003, taken, LadderRules()) for taken in range(6)]
        [1003, 802, 601, 401, 200, 0]
        >>> discount_ppm(AuctionRules(), 450)
        825000
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import Enum
from itertools import pairwise

from zkmargin.amounts import PPM, Ratio, bounded, ceil_div
from zkmargin.errors import StatementError
from zkmargin.margin.assessment import Assessment
from zkmargin.market.instruments import MAX_TIME

MAX_UNITS = 2**96 - 1
TRIGGER, RESTORE, BACKSTOP = Ratio(21, 20), Ratio(6, 5), Ratio(2, 3)


class Phase(Enum):
    """Where an account stands between healthy and gone."""

    HEALTHY = "healthy"
    LADDER = "ladder"
    BACKSTOP = "backstop"
    DEFAULT = "default"


@dataclass(frozen=True, slots=True)
class LadderRules:
    """The public levels and sizes.

    Args:
        trigger: A ladder begins below this multiple of the maintenance requirement.
        restore: It stops at this multiple, above the trigger or equal to it.
        backstop: Below this multiple the backstop takes everything.
        slice_ppm: Fraction of the position at the start that one slice sells.
        slice_seconds: Cool-down after a slice.
        small_notional_units: An account of at most this notional is sold whole.
    """

    trigger: Ratio = TRIGGER
    restore: Ratio = RESTORE
    backstop: Ratio = BACKSTOP
    slice_ppm: int = 200_000
    slice_seconds: int = 30
    small_notional_units: int = 0

    def __post_init__(self) -> None:
        bounded("slice_ppm", self.slice_ppm, 1, PPM)
        bounded("slice_seconds", self.slice_seconds, 0, MAX_TIME)
        bounded("small_notional_units", self.small_notional_units, 0, MAX_UNITS)
        for low, high in (("backstop", "trigger"), ("trigger", "restore")):
            below, above = getattr(self, low), getattr(self, high)
            if below.numerator * above.denominator > above.numerator * below.denominator:
                raise StatementError(f"{high} must be at least {low} {below}, got {above}")

    @property
    def slices(self) -> int:
        """Return after how many slices nothing is left."""
        return ceil_div(PPM, self.slice_ppm)


@dataclass(frozen=True, slots=True, repr=False)
class Standing:
    """An account's equity against its maintenance requirement.

    Args:
        equity_units: Equity at the marks.
        maintenance_scaled: Maintenance requirement in 10^-6 units, exact.
        notional_units: Sum of the sizes of all positions.
    """

    equity_units: int
    maintenance_scaled: int
    notional_units: int = 0

    @staticmethod
    def of(assessment: Assessment, notional_units: int = 0) -> Standing:
        """Return the standing that a maintenance claim with threshold 1 found.

        Raises:
            StatementError: if the claim had another threshold, or was of another scale.
        """
        bounded("scale of the assessment", assessment.scale, PPM, PPM)
        required = assessment.scale * assessment.equity_units - assessment.slack_scaled
        return Standing(assessment.equity_units, required, notional_units)

    def reaches(self, level: Ratio) -> bool:
        """Return whether equity is at least `level` times the maintenance requirement."""
        return PPM * level.denominator * self.equity_units >= level.numerator * self.maintenance_scaled

    def __repr__(self) -> str:
        return "Standing(amounts hidden)"


@dataclass(frozen=True, slots=True)
class Ladder:
    """The liquidation of one account.

    Args:
        phase: Where it stands.
        taken: Slices sold of the ladder that is on; 0 if none is.
        next_at: Time before which no further slice is sold.
    """

    phase: Phase = Phase.HEALTHY
    taken: int = 0
    next_at: int = 0


def step(rules: LadderRules, ladder: Ladder, standing: Standing, now: int, *, due: bool = False) -> Ladder:
    """Return the ladder after the account was looked at.

    Args:
        rules: The public levels and sizes.
        ladder: Where the account stood. In phases BACKSTOP and DEFAULT nothing changes any more.
        standing: Its equity and requirement now.
        now: Unix seconds.
        due: Start a ladder above the trigger as well, because a cure period is over; it stops at the same level.
    """
    if ladder.phase in (Phase.BACKSTOP, Phase.DEFAULT):
        return ladder
    if standing.equity_units < 0:
        return replace(ladder, phase=Phase.DEFAULT)
    if not standing.reaches(rules.backstop):
        return replace(ladder, phase=Phase.BACKSTOP)
    if standing.reaches(rules.restore):
        return Ladder(next_at=ladder.next_at)
    begun = ladder.phase is Phase.LADDER
    if not begun and not due and standing.reaches(rules.trigger):
        return ladder
    if now < ladder.next_at or ladder.taken >= rules.slices:
        return ladder
    whole = standing.notional_units <= rules.small_notional_units
    return Ladder(Phase.LADDER, rules.slices if whole else ladder.taken + 1, now + rules.slice_seconds)


def remaining_lots(start_lots: int, taken: int, rules: LadderRules) -> int:
    """Return what is left of a position after `taken` slices, rounded towards zero: what is sold rounds up."""
    kept_ppm = max(0, PPM - bounded("taken", taken, 0, rules.slices) * rules.slice_ppm)
    kept = abs(start_lots) * kept_ppm // PPM
    return kept if start_lots >= 0 else -kept


@dataclass(frozen=True, slots=True)
class AuctionRules:
    """The public price path of a Dutch auction.

    Args:
        path: Points (seconds, discount factor in ppm), times ascending from 0, factors falling to the last.
        insolvent_seconds: How long the fund's addition rises from |E| to |E| + M.
    """

    path: tuple[tuple[int, int], ...] = ((0, 950_000), (900, 700_000), (900 + 43_200, 0))
    insolvent_seconds: int = 3_600

    def __post_init__(self) -> None:
        bounded("insolvent_seconds", self.insolvent_seconds, 1, MAX_TIME)
        bounded("number of points of the path", len(self.path), 1, 1_024)
        bounded("path[0] seconds", self.path[0][0], 0, 0)
        bounded("path[0] factor", self.path[0][1], 0, PPM)
        for (time, factor), (later, lower) in pairwise(self.path):
            bounded("path seconds", later, time + 1, MAX_TIME)
            bounded("path factor", lower, 0, factor)


def discount_ppm(rules: AuctionRules, seconds: int) -> int:
    """Return d(t) in ppm, rounded up; the last factor of the path holds for ever."""
    bounded("seconds", seconds, 0, MAX_TIME)
    for (time, factor), (later, lower) in pairwise(rules.path):
        if seconds <= later:
            return ceil_div(factor * (later - seconds) + lower * (seconds - time), later - time)
    return rules.path[-1][1]


def bid_units(rules: AuctionRules, standing: Standing, seconds: int, fraction_ppm: int) -> int:
    """Return what the buyer of a fraction pays at `seconds`; negative when the fund pays the buyer.

    Raises:
        StatementError: if the fraction is not between 1 and 10^6 ppm.
    """
    bounded("fraction_ppm", fraction_ppm, 1, PPM)
    equity = standing.equity_units
    if equity >= 0:
        return ceil_div(equity * discount_ppm(rules, seconds) * fraction_ppm, PPM * PPM)
    run = min(bounded("seconds", seconds, 0, MAX_TIME), rules.insolvent_seconds)
    span = rules.insolvent_seconds * PPM
    added_scaled = -equity * span + standing.maintenance_scaled * run
    return -(added_scaled * fraction_ppm // (span * PPM))
