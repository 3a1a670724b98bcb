"""What can happen to an account: the inputs of the state machine, each a small frozen value with a JSON form.

A log keeps them, and `from_document` reads them back as strictly as it reads anything else.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import Any, ClassVar

from circuits.registration import MAX_SEQUENCE
from verifier_api.service.rules import MAX_VERSION
from verifier_api.service.states import GROUNDS, Market, time_ms
from zkmargin.amounts import PPM
from zkmargin.documents import Reader
from zkmargin.market.snapshot import MAX_EPOCH

ENTRIES = ("trade", "reduce", "deposit", "withdrawal")


class _Plain:
    """An event whose fields are integers, booleans and text, and whose document is those and its kind."""

    __slots__ = ()
    kind: ClassVar[str]

    def to_document(self) -> dict[str, Any]:
        """Return the event as a JSON object."""
        document: dict[str, Any] = {"kind": self.kind}
        for item in fields(self):  # type: ignore[arg-type]  # every subclass is a dataclass
            value = getattr(self, item.name)
            document[item.name] = int(value) if isinstance(value, bool) else value
        return document


@dataclass(frozen=True, slots=True)
class Tick(_Plain):
    """Time has passed."""

    kind: ClassVar[str] = "tick"


@dataclass(frozen=True, slots=True)
class Proved(_Plain):
    """A proof was verified.

    Args:
        epoch: What it is about.
        sequence: Number of the book's state that it is about.
        level: What it reaches, as `verifier_api.service.rules.Level`.
        received_ms: When it was received.
        width_ppm: Half-width of its box, or 0.
        proof: Its digest in hexadecimal.
    """

    kind: ClassVar[str] = "proved"
    epoch: int
    sequence: int
    level: int
    received_ms: int
    width_ppm: int = 0
    proof: str = ""


@dataclass(frozen=True, slots=True)
class EpochOpened:
    """A snapshot was published; `standing`: the account's box holds at its marks."""

    kind: ClassVar[str] = "epoch"
    market: Market
    standing: bool = False

    def to_document(self) -> dict[str, Any]:
        """Return the event as a JSON object."""
        return {
            "kind": self.kind,
            "epoch": self.market.epoch,
            "snapshot": self.market.snapshot,
            "parameters": self.market.parameters,
            "standing": int(self.standing),
        }


@dataclass(frozen=True, slots=True)
class BookChanged(_Plain):
    """The account has a new commitment, with the next sequence number, by a ledger entry of some kind."""

    kind: ClassVar[str] = "book"
    sequence: int
    entry: str
    commitment: str = ""


@dataclass(frozen=True, slots=True)
class Halted(_Plain):
    """The breaker stopped the market: clocks stand still."""

    kind: ClassVar[str] = "halted"


@dataclass(frozen=True, slots=True)
class Resumed(_Plain):
    """The market goes on, and so do the clocks."""

    kind: ClassVar[str] = "resumed"


@dataclass(frozen=True, slots=True)
class Acknowledged(_Plain):
    """The holder has read the margin call."""

    kind: ClassVar[str] = "acknowledged"


@dataclass(frozen=True, slots=True)
class Disputed(_Plain):
    """The holder disputes a public input of the call; nothing else of it can be disputed, for it is proved."""

    kind: ClassVar[str] = "disputed"
    ground: str


@dataclass(frozen=True, slots=True)
class Decided(_Plain):
    """The dispute was decided, for the holder if it is upheld."""

    kind: ClassVar[str] = "decided"
    upheld: bool


@dataclass(frozen=True, slots=True)
class Closed(_Plain):
    """The liquidator reports that the book is empty and nothing is missing."""

    kind: ClassVar[str] = "closed"


@dataclass(frozen=True, slots=True)
class Defaulted(_Plain):
    """The liquidator reports a loss beyond the account's equity."""

    kind: ClassVar[str] = "defaulted"


Event = (
    Tick
    | Proved
    | EpochOpened
    | BookChanged
    | Halted
    | Resumed
    | Acknowledged
    | Disputed
    | Decided
    | Closed
    | Defaulted
)


def _proved(given: Reader) -> Proved:
    return Proved(
        epoch=given.integer("epoch", 0, MAX_EPOCH),
        sequence=given.integer("sequence", 0, MAX_SEQUENCE),
        level=given.integer("level", 1, 3),
        received_ms=time_ms(given, "received_ms"),
        width_ppm=given.integer("width_ppm", 0, PPM - 1),
        proof=given.hexadecimal("proof", length=32).hex(),
    )


def _epoch(given: Reader) -> EpochOpened:
    epoch, snapshot = given.integer("epoch", 0, MAX_EPOCH), given.hexadecimal("snapshot", length=32).hex()
    market = Market(epoch, snapshot, given.integer("parameters", 0, MAX_VERSION))
    return EpochOpened(market, bool(given.integer("standing", 0, 1)))


_READERS: dict[str, Callable[[Reader], Event]] = {
    "tick": lambda given: Tick(),
    "proved": _proved,
    "epoch": _epoch,
    "book": lambda given: BookChanged(
        sequence=given.integer("sequence", 0, MAX_SEQUENCE),
        entry=given.choice("entry", *ENTRIES),
        commitment=given.hexadecimal("commitment", maximum=48).hex(),
    ),
    "halted": lambda given: Halted(),
    "resumed": lambda given: Resumed(),
    "acknowledged": lambda given: Acknowledged(),
    "disputed": lambda given: Disputed(given.choice("ground", *GROUNDS)),
    "decided": lambda given: Decided(bool(given.integer("upheld", 0, 1))),
    "closed": lambda given: Closed(),
    "defaulted": lambda given: Defaulted(),
}


def from_document(document: Any) -> Event:
    """Return the event in a document.

    Raises:
        EncodingError: if its kind is unknown, or a field is missing, unknown or out of its bound.
    """
    with Reader(document, "event") as given:
        return _READERS[given.choice("kind", *_READERS)](given)
