"""Where an account stands with the venue: its status, what it owes by when, and its margin call if it has one.

All of it is public to the venue and none of it says what is in the book. A state is a value: it is made by
`verifier_api.service.margin_calls.step`, written as a document, and read back as the same value.

Units: milliseconds since 1970 for times; an epoch is a number.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any, TypeVar

from circuits.registration import MAX_SEQUENCE
from verifier_api.service.rules import MAX_VERSION, Level
from verifier_api.service.windows import MAX_TIME_MS
from zkmargin.amounts import PPM
from zkmargin.documents import Reader
from zkmargin.errors import EncodingError
from zkmargin.market.snapshot import MAX_EPOCH

MAX_OWED = 1_024
Value = TypeVar("Value")
GROUNDS = ("price", "risk array", "collateral value", "parameters", "timing")


class Status(StrEnum):
    """The states of an account; DISPUTED and HALTED lie over them."""

    HEALTHY = "healthy"
    WARNED = "warned"
    STALE = "stale"
    CALLED = "called"
    CURED = "cured"
    LIQUIDATING = "liquidating"
    CLOSED = "closed"
    DEFAULTED = "defaulted"


PROVING = frozenset({Status.HEALTHY, Status.WARNED, Status.CURED})
ENDED = frozenset({Status.CLOSED, Status.DEFAULTED})


@dataclass(frozen=True, slots=True)
class Market:
    """Which snapshot is in force: its epoch, its digest in hexadecimal and the version of its model's parameters."""

    epoch: int
    snapshot: str
    parameters: int


@dataclass(frozen=True, slots=True)
class Owed:
    """An epoch that the account has yet to prove, and the moment from which it is too late."""

    epoch: int
    due_ms: int


@dataclass(frozen=True, slots=True)
class Box:
    """A standing proof of a level: it holds for every later epoch whose marks stay within the width of `epoch`'s."""

    epoch: int
    width_ppm: int
    level: Level


@dataclass(frozen=True, slots=True)
class Dispute:
    """What the holder disputes, until when that must be decided, and whether it is still open."""

    ground: str
    until_ms: int
    open: bool = True


@dataclass(frozen=True, slots=True)
class Call:
    """A margin call.

    Args:
        issued_ms: When it was issued.
        cure_by_ms: When liquidation begins unless it is cured before.
        acknowledge_by_ms: When it should have been acknowledged, or None once it is, was missed, or nobody asks.
        acknowledged_ms: When it was acknowledged, or None.
        dispute: The one dispute of this call, or None.
        waiting: The cure deadline is over, and only the open dispute keeps liquidation from beginning.
    """

    issued_ms: int
    cure_by_ms: int
    acknowledge_by_ms: int | None = None
    acknowledged_ms: int | None = None
    dispute: Dispute | None = None
    waiting: bool = False

    @property
    def disputed(self) -> bool:
        """Return whether a dispute is open."""
        return self.dispute is not None and self.dispute.open


@dataclass(frozen=True, slots=True)
class Deadline:
    """The next moment at which the clock alone moves an account, and why."""

    kind: str
    at_ms: int


@dataclass(frozen=True, slots=True)
class State:
    """Where one account stands.

    Args:
        account: Its name.
        sequence: Number of the book's state that proofs are about.
        market: The snapshot in force, or None before the first.
        status: See `Status`.
        level: What the newest counted proof reached, or None.
        proved_epoch: The newest epoch that was proved or stood in a box, or None.
        owed: Epochs still to be proved, oldest first, with rising deadlines.
        box: The standing proof, or None.
        grace_ms: In STALE, when the call is issued.
        call: In CALLED and LIQUIDATING, the margin call.
        halted_ms: Since when every clock stands still, or None.
    """

    account: str
    sequence: int
    market: Market | None = None
    status: Status = Status.HEALTHY
    level: Level | None = None
    proved_epoch: int | None = None
    owed: tuple[Owed, ...] = ()
    box: Box | None = None
    grace_ms: int | None = None
    call: Call | None = None
    halted_ms: int | None = None

    @property
    def disputed(self) -> bool:
        """Return whether the overlay DISPUTED lies over the status."""
        return self.call is not None and self.call.disputed

    @property
    def may_stand(self) -> bool:
        """Return whether the box, where its marks hold, proves what the status says."""
        if self.box is None or self.status not in PROVING:
            return False
        return self.box.level >= Level.BAND or self.status is Status.WARNED

    def clock(self, now_ms: int) -> int:
        """Return the time of the account's clocks: the moment of the halt while it lasts."""
        return now_ms if self.halted_ms is None else min(now_ms, self.halted_ms)

    def overdue(self, now_ms: int) -> bool:
        """Return whether an owed epoch is too late."""
        return bool(self.owed) and self.owed[0].due_ms <= self.clock(now_ms)

    def deadline(self) -> Deadline | None:
        """Return the next deadline; None while the clocks stand still or nothing is due."""
        return None if self.halted_ms is not None else min(self._deadlines(), key=lambda item: item.at_ms, default=None)

    def shifted(self, by_ms: int) -> State:
        """Return the state with every clock later by `by_ms`."""

        def later(at_ms: int | None) -> int | None:
            return None if at_ms is None else at_ms + by_ms

        call = self.call
        if call is not None:
            dispute = call.dispute and replace(call.dispute, until_ms=call.dispute.until_ms + by_ms)
            call = replace(
                call,
                cure_by_ms=call.cure_by_ms + by_ms,
                acknowledge_by_ms=later(call.acknowledge_by_ms),
                dispute=dispute,
            )
        owed = tuple(Owed(item.epoch, item.due_ms + by_ms) for item in self.owed)
        return replace(self, owed=owed, grace_ms=later(self.grace_ms), call=call)

    def _deadlines(self) -> list[Deadline]:
        if self.status in PROVING:
            return [Deadline("proof", item.due_ms) for item in self.owed[:1]]
        if self.status is Status.STALE and self.grace_ms is not None:
            return [Deadline("grace", self.grace_ms)]
        if self.status is not Status.CALLED or self.call is None:
            return []
        found = [] if self.call.waiting else [Deadline("cure", self.call.cure_by_ms)]
        if self.call.waiting:
            found += [Deadline("undisputed", item.due_ms) for item in self.owed[:1]]
        if self.call.acknowledge_by_ms is not None:
            found.append(Deadline("acknowledge", self.call.acknowledge_by_ms))
        if self.call.dispute is not None and self.call.dispute.open:
            found.append(Deadline("dispute", self.call.dispute.until_ms))
        return found

    def to_document(self) -> dict[str, Any]:
        """Return the state as a JSON object; what is None is left out."""
        fields = {
            "market": self.market and _plain(self.market, "epoch", "snapshot", "parameters"),
            "level": self.level and int(self.level),
            "proved_epoch": self.proved_epoch,
            "box": self.box and _plain(self.box, "epoch", "width_ppm", "level"),
            "grace_ms": self.grace_ms,
            "call": self.call and _call_document(self.call),
            "halted_ms": self.halted_ms,
        }
        return {
            "account": self.account,
            "sequence": self.sequence,
            "status": self.status.value,
            "owed": [[item.epoch, item.due_ms] for item in self.owed],
        } | {name: value for name, value in fields.items() if value is not None}

    @staticmethod
    def from_document(document: Any) -> State:
        """Return the state in a document.

        Raises:
            EncodingError: if a field is missing, unknown or out of its bound.
        """
        with Reader(document, "state") as fields:
            owed = []
            for index, pair in enumerate(fields.items("owed", MAX_OWED)):
                with Reader({"pair": pair}, f"state.owed[{index}]") as inner:
                    numbers = inner.integers("pair", 2, 0, MAX_EPOCH)
                if len(numbers) != 2:
                    raise EncodingError(f"state.owed[{index}].pair must have 2 items, got {len(numbers)}")
                owed.append(Owed(*numbers))
            level = _optional(fields, "level", lambda name: fields.integer(name, 1, 3))
            return State(
                account=fields.identifier("account"),
                sequence=fields.integer("sequence", 0, MAX_SEQUENCE),
                market=_optional(fields, "market", lambda name: _market(fields.object(name))),
                status=Status(fields.choice("status", *Status)),
                level=None if level is None else Level(level),
                proved_epoch=_optional(fields, "proved_epoch", lambda name: fields.integer(name, 0, MAX_EPOCH)),
                owed=tuple(owed),
                box=_optional(fields, "box", lambda name: _box(fields.object(name))),
                grace_ms=_optional(fields, "grace_ms", lambda name: time_ms(fields, name)),
                call=_optional(fields, "call", lambda name: _call(fields.object(name))),
                halted_ms=_optional(fields, "halted_ms", lambda name: time_ms(fields, name)),
            )


def time_ms(fields: Reader, name: str) -> int:
    """Return a field that is a time."""
    return fields.integer(name, 0, MAX_TIME_MS)


def _optional(fields: Reader, name: str, read: Callable[[str], Value]) -> Value | None:
    return read(name) if fields.has(name) else None


def _plain(value: object, *names: str) -> dict[str, Any]:
    values = {name: getattr(value, name) for name in names}
    return {name: int(value) if isinstance(value, Level) else value for name, value in values.items()}


def _market(fields: Reader) -> Market:
    with fields:
        epoch, digest = fields.integer("epoch", 0, MAX_EPOCH), fields.hexadecimal("snapshot", length=32)
        return Market(epoch, digest.hex(), fields.integer("parameters", 0, MAX_VERSION))


def _box(fields: Reader) -> Box:
    with fields:
        epoch, width_ppm = fields.integer("epoch", 0, MAX_EPOCH), fields.integer("width_ppm", 1, PPM - 1)
        return Box(epoch, width_ppm, Level(fields.integer("level", 1, 3)))


def _dispute(fields: Reader) -> Dispute:
    with fields:
        ground, until_ms = fields.choice("ground", *GROUNDS), time_ms(fields, "until_ms")
        return Dispute(ground, until_ms, bool(fields.integer("open", 0, 1)))


def _call(fields: Reader) -> Call:
    with fields:
        return Call(
            issued_ms=time_ms(fields, "issued_ms"),
            cure_by_ms=time_ms(fields, "cure_by_ms"),
            acknowledge_by_ms=_optional(fields, "acknowledge_by_ms", lambda name: time_ms(fields, name)),
            acknowledged_ms=_optional(fields, "acknowledged_ms", lambda name: time_ms(fields, name)),
            dispute=_optional(fields, "dispute", lambda name: _dispute(fields.object(name))),
            waiting=bool(fields.integer("waiting", 0, 1)),
        )


def _call_document(call: Call) -> dict[str, Any]:
    dispute = call.dispute and {
        "ground": call.dispute.ground,
        "until_ms": call.dispute.until_ms,
        "open": int(call.dispute.open),
    }
    optional = {
        "acknowledge_by_ms": call.acknowledge_by_ms,
        "acknowledged_ms": call.acknowledged_ms,
        "dispute": dispute,
    }
    document = {"issued_ms": call.issued_ms, "cure_by_ms": call.cure_by_ms, "waiting": int(call.waiting)}
    return document | {name: value for name, value in optional.items() if value is not None}
