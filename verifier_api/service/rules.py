"""What the venue asks of an account, and how long it waits: the rulebook that every record is judged by.

Levels
------
    A proof reaches one of three levels, each of which includes the ones before it:

        MAINTENANCE   the maintenance requirement is met
        BAND          so is the warning band, by default 6/5 of it
        RESTORE       so is what cures a margin call, by default the initial requirement

    An initial claim implies the maintenance claim of the same threshold, for no parameters of this project have initial
    requirements below maintenance ones; a box implies the maintenance claim at the marks in its middle. A stress claim
    reaches no level, and the model is one of the built-in ones.

Clocks
------
    proof         from the opening of an epoch to the last moment for a proof about it
    grace         from the missed deadline to the margin call
    acknowledge   from the call to the last moment for saying that it was read
    cure          from the call to liquidation
    dispute       from a dispute to the moment at which an undecided one counts as rejected
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from enum import IntEnum
from types import MappingProxyType
from typing import Any

from verifier_api.service import windows
from verifier_api.service.windows import DAY_MS, HOUR_MS, MINUTE_MS, SECOND_MS, BusinessDays, Duration, Window
from zkmargin.amounts import Ratio, bounded
from zkmargin.documents import Reader
from zkmargin.errors import StatementError
from zkmargin.margin.claim import ONE, Claim

FORMAT = "zkmargin/rules/1"
# Of these it is known that initial requirements are nowhere below maintenance ones.
MODELS = ("cross", "scenario")
LEVELLED = ("maintenance", "box", "initial")
MAX_VERSION = 2**32 - 1
MAX_BAND_PPM = 10**6
WARNING = Ratio(6, 5)


class Level(IntEnum):
    """How much a proof says; a higher one includes the lower ones."""

    MAINTENANCE = 1
    BAND = 2
    RESTORE = 3


@dataclass(frozen=True, slots=True)
class Timing:
    """The five clocks; `acknowledge` is None where nobody is expected to answer a call by words."""

    proof: Duration
    grace: Window
    cure: Window
    dispute: Window
    acknowledge: Window | None = None

    def to_document(self) -> dict[str, Any]:
        """Return the clocks as a JSON object."""
        document = {name: getattr(self, name).to_document() for name in ("proof", "grace", "cure", "dispute")}
        return document if self.acknowledge is None else document | {"acknowledge": self.acknowledge.to_document()}

    @staticmethod
    def from_reader(fields: Reader) -> Timing:
        """Return the clocks described by `fields`."""
        proof = _window(fields, "proof")
        if not isinstance(proof, Duration):
            raise StatementError("the proof clock must be a duration")
        return Timing(
            proof=proof,
            grace=_window(fields, "grace"),
            cure=_window(fields, "cure"),
            dispute=_window(fields, "dispute"),
            acknowledge=_window(fields, "acknowledge") if fields.has("acknowledge") else None,
        )


REAL_TIME = Timing(
    proof=Duration(30 * SECOND_MS),
    grace=Duration(60 * SECOND_MS),
    cure=Duration(30 * MINUTE_MS),
    dispute=Duration(4 * HOUR_MS),
)
INTRADAY = Timing(
    proof=Duration(15 * MINUTE_MS),
    grace=Duration(15 * MINUTE_MS),
    acknowledge=Duration(HOUR_MS),
    cure=Duration(3 * HOUR_MS),
    dispute=Duration(DAY_MS),
)


def daily(days: int = 1, holidays: tuple[date, ...] = (), utc_offset_minutes: int = 0) -> Timing:
    """Return the daily profile: a proof within four hours, an hour of grace, cure at 17:00 of T+`days`.

    A call is to be acknowledged by 12:00 of the next business day, and a dispute is decided by 17:00 of the fifth.
    """

    def at(ahead: int, hour: int) -> BusinessDays:
        return BusinessDays(ahead, hour * 3_600, utc_offset_minutes, holidays)

    return Timing(
        proof=Duration(4 * HOUR_MS),
        grace=Duration(HOUR_MS),
        acknowledge=at(1, 12),
        cure=at(days, 17),
        dispute=at(5, 17),
    )


PROFILES: Mapping[str, Timing] = MappingProxyType({"real-time": REAL_TIME, "intraday": INTRADAY, "daily": daily()})


@dataclass(frozen=True, slots=True)
class Rules:
    """The rulebook.

    Args:
        version: Its number; every record names it.
        model: The margin model that proofs are about, ``"cross"`` or ``"scenario"``.
        timing: The clocks.
        band: The warning band as a factor on the maintenance requirement, at least 1.
        restore: The claim that cures a call: initial, or maintenance with a factor not below the band's.
        price_band_ppm: How far a mark may move from one epoch to the next unless the breaker is halted.

    Example:
        >>> rules = Rules(1, "cross", REAL_TIME)
        >>> rules.level(Claim("maintenance", "cross")).name, rules.level(Claim("initial", "cross")).name
        ('MAINTENANCE', 'RESTORE')
    """

    version: int
    model: str
    timing: Timing
    band: Ratio = WARNING
    restore_kind: str = "initial"
    restore: Ratio = ONE
    price_band_ppm: int = 200_000

    def __post_init__(self) -> None:
        bounded("version of the rules", self.version, 1, MAX_VERSION)
        bounded("price_band_ppm", self.price_band_ppm, 1, MAX_BAND_PPM)
        if self.model not in MODELS:
            raise StatementError(f"model must be one of {', '.join(MODELS)}, got {self.model!r}")
        if self.restore_kind not in ("initial", "maintenance"):
            raise StatementError(f"restore_kind must be initial or maintenance, got {self.restore_kind!r}")
        if not _at_least(self.band, ONE):
            raise StatementError(f"band must be at least 1, got {self.band}")
        if not _at_least(self.restore, ONE if self.restore_kind == "initial" else self.band):
            raise StatementError(
                f"restore must not ask for less than the maintenance level or the band: {self.restore}"
            )

    def level(self, claim: Claim) -> Level:
        """Return the highest level that a proof of the claim reaches.

        Raises:
            StatementError: if it reaches none.
        """
        if claim.model == self.model and claim.kind in LEVELLED:
            if self._restores(claim):
                return Level.RESTORE
            if _at_least(claim.threshold, self.band):
                return Level.BAND
            if _at_least(claim.threshold, ONE):
                return Level.MAINTENANCE
        raise StatementError(f"claim must reach the maintenance level of the {self.model} model: {claim.sentence()}")

    def to_document(self) -> dict[str, Any]:
        """Return the rules as a JSON object."""
        return {
            "format": FORMAT,
            "version": self.version,
            "model": self.model,
            "timing": self.timing.to_document(),
            "band": _ratio_document(self.band),
            "restore_kind": self.restore_kind,
            "restore": _ratio_document(self.restore),
            "price_band_ppm": self.price_band_ppm,
        }

    @staticmethod
    def from_document(document: Any) -> Rules:
        """Return the rules in a document of format ``zkmargin/rules/1``.

        Raises:
            EncodingError: if a field is missing, unknown or not canonical.
            StatementError: if the fields do not fit together.
        """
        with Reader(document, "rules") as fields:
            fields.format(FORMAT)
            with fields.object("timing") as clocks:
                timing = Timing.from_reader(clocks)
            return Rules(
                version=fields.integer("version", 1, MAX_VERSION),
                model=fields.choice("model", *MODELS),
                timing=timing,
                band=_ratio(fields, "band"),
                restore_kind=fields.choice("restore_kind", "initial", "maintenance"),
                restore=_ratio(fields, "restore"),
                price_band_ppm=fields.integer("price_band_ppm", 1, MAX_BAND_PPM),
            )

    def _restores(self, claim: Claim) -> bool:
        fits = claim.kind == "initial" or self.restore_kind == "maintenance"
        return fits and _at_least(claim.threshold, self.restore)


def _at_least(left: Ratio, right: Ratio) -> bool:
    return left.numerator * right.denominator >= right.numerator * left.denominator


def _window(fields: Reader, name: str) -> Window:
    with fields.object(name) as inner:
        return windows.from_reader(inner)


def _ratio(fields: Reader, name: str) -> Ratio:
    with fields.object(name) as inner:
        return Ratio(inner.integer("numerator", 1, 10**6), inner.integer("denominator", 1, 10**6))


def _ratio_document(ratio: Ratio) -> dict[str, int]:
    return {"numerator": ratio.numerator, "denominator": ratio.denominator}
