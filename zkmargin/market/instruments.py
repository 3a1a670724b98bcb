"""What a book can hold.

Four kinds. A *lot* is the smallest quantity of an instrument, a *tick* its smallest price step, and the `multiplier`
says how many settlement units one tick of one lot is worth:

    cash         quantity is units
    collateral   an asset with a price; a haircut stands in the snapshot
    linear       a future, or a perpetual when it has no expiry
    option       a European call or put on a listed linear instrument, in ticks of the same size as its underlying's

Bounds
------
    1 <= multiplier <= 2^32;  0 <= ticks <= 2^48;  times are unix seconds in [0, 2^63)
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from zkmargin.amounts import bounded
from zkmargin.documents import Reader, identifier
from zkmargin.errors import StatementError

MAX_MULTIPLIER = 2**32
MAX_TICKS = 2**48
MAX_TIME = 2**63 - 1


@dataclass(frozen=True, slots=True)
class Cash:
    """The settlement asset: one lot is one unit."""

    kind: ClassVar[str] = "cash"
    multiplier: ClassVar[int] = 1
    id: str

    def __post_init__(self) -> None:
        identifier("id", self.id)

    def to_document(self) -> dict[str, Any]:
        """Return the fields of the instrument."""
        return {"kind": self.kind, "id": self.id}


@dataclass(frozen=True, slots=True)
class Collateral:
    """An asset that counts as equity after a haircut.

    Args:
        id: Name of the asset.
        multiplier: Units per tick per lot, 1 to 2^32.
    """

    kind: ClassVar[str] = "collateral"
    id: str
    multiplier: int

    def __post_init__(self) -> None:
        identifier("id", self.id)
        _check_multiplier(self.id, self.multiplier)

    def to_document(self) -> dict[str, Any]:
        """Return the fields of the instrument."""
        return {"kind": self.kind, "id": self.id, "multiplier": self.multiplier}


@dataclass(frozen=True, slots=True)
class Linear:
    """A future, or a perpetual when `expiry` is None.

    Args:
        id: Name of the contract.
        multiplier: Units per tick per lot, 1 to 2^32.
        expiry: Unix seconds, or None.
    """

    kind: ClassVar[str] = "linear"
    id: str
    multiplier: int
    expiry: int | None = None

    def __post_init__(self) -> None:
        identifier("id", self.id)
        _check_multiplier(self.id, self.multiplier)
        if self.expiry is not None:
            bounded(f"{self.id}.expiry", self.expiry, 0, MAX_TIME)

    @property
    def perpetual(self) -> bool:
        """Return whether the contract never expires."""
        return self.expiry is None

    def to_document(self) -> dict[str, Any]:
        """Return the fields of the instrument; a perpetual has no ``expiry``."""
        fields: dict[str, Any] = {"kind": self.kind, "id": self.id, "multiplier": self.multiplier}
        return fields if self.expiry is None else fields | {"expiry": self.expiry}


@dataclass(frozen=True, slots=True)
class Option:
    """A European option that pays ``multiplier * max(0, +-(underlying - strike))`` units a lot at expiry.

    Args:
        id: Name of the contract.
        multiplier: Units per tick per lot, 1 to 2^32.
        underlying: Id of the linear instrument whose mark is the option's forward.
        right: ``"call"`` or ``"put"``.
        strike_ticks: Strike, 1 to 2^48 ticks of the underlying.
        expiry: Unix seconds.
    """

    kind: ClassVar[str] = "option"
    id: str
    multiplier: int
    underlying: str
    right: str
    strike_ticks: int
    expiry: int

    def __post_init__(self) -> None:
        identifier("id", self.id)
        _check_multiplier(self.id, self.multiplier)
        identifier(f"{self.id}.underlying", self.underlying)
        if self.right not in ("call", "put"):
            raise StatementError(f"{self.id}.right must be call or put, got {self.right!r}")
        bounded(f"{self.id}.strike_ticks", self.strike_ticks, 1, MAX_TICKS)
        bounded(f"{self.id}.expiry", self.expiry, 0, MAX_TIME)

    def to_document(self) -> dict[str, Any]:
        """Return the fields of the instrument."""
        return {
            "kind": self.kind,
            "id": self.id,
            "multiplier": self.multiplier,
            "underlying": self.underlying,
            "right": self.right,
            "strike_ticks": self.strike_ticks,
            "expiry": self.expiry,
        }


Instrument = Cash | Collateral | Linear | Option


def from_reader(fields: Reader) -> Instrument:
    """Return the instrument described by `fields`, leaving the fields that belong to its listing.

    Raises:
        EncodingError: if a field is missing or out of its bound.

    Example:
        >>> from_reader(Reader({"kind": "linear", "id": "BTC-PERP", "multiplier": 10}, "listing"))
        Linear(id='BTC-PERP', multiplier=10, expiry=None)
    """
    kind = fields.choice("kind", Cash.kind, Collateral.kind, Linear.kind, Option.kind)
    name = fields.identifier("id")
    if kind == Cash.kind:
        return Cash(name)
    multiplier = fields.integer("multiplier", 1, MAX_MULTIPLIER)
    if kind == Collateral.kind:
        return Collateral(name, multiplier)
    if kind == Linear.kind:
        return Linear(name, multiplier, fields.integer("expiry", 0, MAX_TIME) if fields.has("expiry") else None)
    return Option(
        name,
        multiplier,
        underlying=fields.identifier("underlying"),
        right=fields.choice("right", "call", "put"),
        strike_ticks=fields.integer("strike_ticks", 1, MAX_TICKS),
        expiry=fields.integer("expiry", 0, MAX_TIME),
    )


def _check_multiplier(name: str, multiplier: int) -> None:
    bounded(f"{name}.multiplier", multiplier, 1, MAX_MULTIPLIER)
