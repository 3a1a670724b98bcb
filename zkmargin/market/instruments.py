"""What a book can hold.

Six kinds. A *lot* is the smallest quantity of an instrument, a *tick* its smallest price step, and the `multiplier`
says how many settlement units one tick of one lot is worth:

    cash         quantity is units
    collateral   an asset with a price; a haircut stands in the snapshot
    linear       a future, or a perpetual when it has no expiry
    option       a European call or put on a listed linear instrument, in ticks of the same size as its underlying's
    inverse      a contract on a fixed face, settled in the coin it is about: it pays ``face / entry - face / exit``
    order        a resting order for a linear contract: worth nothing, and charged as what it may become

Bounds
------
    1 <= multiplier <= 2^32;  1 <= face <= 2^64;  0 <= ticks <= 2^48;  times are unix seconds in [0, 2^63)
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from zkmargin.amounts import bounded, ceil_div
from zkmargin.documents import Reader, identifier
from zkmargin.errors import StatementError

MAX_MULTIPLIER = 2**32
MAX_FACE = 2**64
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


@dataclass(frozen=True, slots=True)
class Inverse:
    """A contract with a fixed face, in the coin that it is about; a perpetual when `expiry` is None.

    Args:
        id: Name of the contract.
        face: Settlement units times ticks: at a price of p ticks one lot stands for ``face / p`` units. 10 dollars in
            10^-12 coins and ticks of half a dollar: ``10 / 0.5 * 10^12``.
        expiry: Unix seconds, or None.
    """

    kind: ClassVar[str] = "inverse"
    id: str
    face: int
    expiry: int | None = None

    def __post_init__(self) -> None:
        identifier("id", self.id)
        bounded(f"{self.id}.face", self.face, 1, MAX_FACE)
        if self.expiry is not None:
            bounded(f"{self.id}.expiry", self.expiry, 0, MAX_TIME)

    @property
    def perpetual(self) -> bool:
        """Return whether the contract never expires."""
        return self.expiry is None

    def units_at(self, price_ticks: int) -> int:
        """Return the coin that one lot stands for at a price, rounded up.

        Example:
            >>> Inverse("BTC-USD", 10**9).units_at(60_000)
            16667
        """
        return ceil_div(self.face, price_ticks)

    def to_document(self) -> dict[str, Any]:
        """Return the fields of the instrument; a perpetual has no ``expiry``."""
        fields: dict[str, Any] = {"kind": self.kind, "id": self.id, "face": self.face}
        return fields if self.expiry is None else fields | {"expiry": self.expiry}


@dataclass(frozen=True, slots=True)
class Order:
    """Resting orders of one side for a linear contract: lots that are not filled yet, worth nothing by themselves.

    Args:
        id: Name of the id that counts the lots, for example ``"BTC-PERP/buy"``.
        multiplier: That of the contract.
        underlying: Id of the contract.
    """

    kind: ClassVar[str] = "order"
    id: str
    multiplier: int
    underlying: str

    def __post_init__(self) -> None:
        identifier("id", self.id)
        _check_multiplier(self.id, self.multiplier)
        identifier(f"{self.id}.underlying", self.underlying)

    def to_document(self) -> dict[str, Any]:
        """Return the fields of the instrument."""
        return {"kind": self.kind, "id": self.id, "multiplier": self.multiplier, "underlying": self.underlying}


Instrument = Cash | Collateral | Inverse | Linear | Option | Order


def from_reader(fields: Reader) -> Instrument:
    """Return the instrument described by `fields`, leaving the fields that belong to its listing.

    Raises:
        EncodingError: if a field is missing or out of its bound.

    Example:
        >>> from_reader(Reader({"kind": "linear", "id": "BTC-PERP", "multiplier": 10}, "listing"))
        Linear(id='BTC-PERP', multiplier=10, expiry=None)
    """
    kind = fields.choice("kind", Cash.kind, Collateral.kind, Inverse.kind, Linear.kind, Option.kind, Order.kind)
    name = fields.identifier("id")
    if kind == Cash.kind:
        return Cash(name)
    if kind == Inverse.kind:
        return Inverse(name, fields.integer("face", 1, MAX_FACE), _expiry(fields))
    multiplier = fields.integer("multiplier", 1, MAX_MULTIPLIER)
    if kind == Collateral.kind:
        return Collateral(name, multiplier)
    if kind == Linear.kind:
        return Linear(name, multiplier, _expiry(fields))
    if kind == Order.kind:
        return Order(name, multiplier, fields.identifier("underlying"))
    return Option(
        name,
        multiplier,
        underlying=fields.identifier("underlying"),
        right=fields.choice("right", "call", "put"),
        strike_ticks=fields.integer("strike_ticks", 1, MAX_TICKS),
        expiry=fields.integer("expiry", 0, MAX_TIME),
    )


def _expiry(fields: Reader) -> int | None:
    return fields.integer("expiry", 0, MAX_TIME) if fields.has("expiry") else None


def _check_multiplier(name: str, multiplier: int) -> None:
    bounded(f"{name}.multiplier", multiplier, 1, MAX_MULTIPLIER)
