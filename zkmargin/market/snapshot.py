"""One immutable record of the market per mark epoch: everything that a margin claim depends on, except the book.

Value of one lot, in units
--------------------------
    cash         1
    linear       multiplier * (mark - funding)         funding: the cumulative funding index of a perpetual, in ticks
    option       multiplier * mark
    inverse      -ceil(face / mark) - funding                  funding in units: a long lot owes the coin it stands for
    order        0
    collateral   held:  floor(multiplier * mark * (1 - haircut))        owed:  multiplier * mark

Rounding
--------
    The haircut value rounds down, against the holder; what is owed is never rounded. The coin of an inverse contract
    rounds up, for both sides of a fill alike, so that they cancel: choose units that are fine. Nothing else is inexact.

Chain
-----
    `previous` is the digest of the snapshot before, or 64 zeros. `Snapshot.check_follows` refuses a gap, a fork, a step
    back in time, and an instrument that disappears or is redefined while somebody may hold it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

from zkmargin import documents
from zkmargin.amounts import COEFFICIENT_BITS, MAX_COORDINATES, PPM, bounded
from zkmargin.documents import Reader, identifier
from zkmargin.errors import EncodingError, StatementError
from zkmargin.market import instruments
from zkmargin.market.forms import Marks
from zkmargin.market.instruments import (
    MAX_TICKS,
    MAX_TIME,
    Cash,
    Collateral,
    Instrument,
    Inverse,
    Linear,
    Option,
    Order,
)
from zkmargin.market.models import MAX_MODELS, Model
from zkmargin.market.parameters import CrossParameters, ScenarioParameters

FORMAT = "zkmargin/snapshot/1"
NO_PREVIOUS = "0" * 64
MAX_HAIRCUT_PPM = PPM - 1
MAX_EPOCH = 2**63 - 1
MAX_FUNDING_UNITS = 2**64

Parameters = TypeVar("Parameters", CrossParameters, ScenarioParameters)


@dataclass(frozen=True, slots=True)
class Listing:
    """An instrument and what one epoch says about it.

    Args:
        instrument: What is listed.
        mark_ticks: Mark; at least 1 for collateral and linear instruments; 1 for cash.
        funding_ticks: Cumulative funding index of a linear perpetual; 0 for every other instrument.
        funding_units: Cumulative funding of an inverse perpetual, in units a lot; 0 for every other instrument.
        haircut_ppm: Haircut of collateral, below 10^6; 0 for every other instrument.

    Example:
        >>> coin = Listing(Collateral("BTC", 1), mark_ticks=101, haircut_ppm=50_000)
        >>> coin.value_units, coin.owed_units
        (95, 101)
    """

    instrument: Instrument
    mark_ticks: int = 1
    funding_ticks: int = 0
    haircut_ppm: int = 0
    funding_units: int = 0

    def __post_init__(self) -> None:
        instrument = self.instrument
        lowest = 0 if isinstance(instrument, Option) else 1
        bounded(f"{self.id}.mark_ticks", self.mark_ticks, lowest, 1 if isinstance(instrument, Cash) else MAX_TICKS)
        funding = MAX_TICKS if isinstance(instrument, Linear) and instrument.perpetual else 0
        bounded(f"{self.id}.funding_ticks", self.funding_ticks, -funding, funding)
        coins = MAX_FUNDING_UNITS if isinstance(instrument, Inverse) and instrument.perpetual else 0
        bounded(f"{self.id}.funding_units", self.funding_units, -coins, coins)
        haircut = MAX_HAIRCUT_PPM if isinstance(instrument, Collateral) else 0
        bounded(f"{self.id}.haircut_ppm", self.haircut_ppm, 0, haircut)

    @property
    def id(self) -> str:
        """Return the instrument's id."""
        return self.instrument.id

    @property
    def notional_units(self) -> int:
        """Return ``multiplier * mark``: the units that one lot moves about at the mark."""
        return self.notional_at(self.mark_ticks)

    @property
    def value_units(self) -> int:
        """Return what one held lot is worth."""
        return self.value_at(self.mark_ticks)

    @property
    def owed_units(self) -> int:
        """Return what one owed lot costs: the value without the haircut."""
        return self.owed_at(self.mark_ticks)

    def notional_at(self, price_ticks: int) -> int:
        """Return the notional of one lot had the mark been `price_ticks`."""
        if isinstance(self.instrument, Inverse):
            return self.instrument.units_at(price_ticks)
        return self.instrument.multiplier * price_ticks

    def value_at(self, price_ticks: int) -> int:
        """Return the value of one held lot had the mark been `price_ticks`."""
        return self.owed_at(price_ticks) * (PPM - self.haircut_ppm) // PPM

    def owed_at(self, price_ticks: int) -> int:
        """Return the cost of one owed lot had the mark been `price_ticks`."""
        if isinstance(self.instrument, Order):
            return 0
        if isinstance(self.instrument, Inverse):
            return -self.instrument.units_at(price_ticks) - self.funding_units
        return self.instrument.multiplier * (price_ticks - self.funding_ticks)

    def worth_units(self, quantity_lots: int) -> int:
        """Return what a position is worth at the mark: its haircut value when held, its full cost when owed."""
        return quantity_lots * (self.owed_units if quantity_lots < 0 else self.value_units)

    @staticmethod
    def from_reader(fields: Reader) -> Listing:
        """Return the listing described by `fields`."""
        instrument = instruments.from_reader(fields)
        if isinstance(instrument, Cash):
            return Listing(instrument)
        mark_ticks = fields.integer("mark_ticks", 0, MAX_TICKS)
        if isinstance(instrument, Collateral):
            return Listing(instrument, mark_ticks, haircut_ppm=fields.integer("haircut_ppm", 0, MAX_HAIRCUT_PPM))
        if isinstance(instrument, Linear) and instrument.perpetual:
            return Listing(instrument, mark_ticks, fields.integer("funding_ticks", -MAX_TICKS, MAX_TICKS))
        if isinstance(instrument, Inverse) and instrument.perpetual:
            funding_units = fields.integer("funding_units", -MAX_FUNDING_UNITS, MAX_FUNDING_UNITS)
            return Listing(instrument, mark_ticks, funding_units=funding_units)
        return Listing(instrument, mark_ticks)

    def to_document(self) -> dict[str, Any]:
        """Return the listing as one flat JSON object, without the fields that its kind does not have."""
        document = self.instrument.to_document()
        if isinstance(self.instrument, Cash):
            return document
        document["mark_ticks"] = self.mark_ticks
        if isinstance(self.instrument, Collateral):
            document["haircut_ppm"] = self.haircut_ppm
        if isinstance(self.instrument, Linear) and self.instrument.perpetual:
            document["funding_ticks"] = self.funding_ticks
        if isinstance(self.instrument, Inverse) and self.instrument.perpetual:
            document["funding_units"] = self.funding_units
        return document


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The market at one epoch.

    Args:
        venue: Identifier of the venue.
        epoch: Number of the epoch, below 2^63.
        valid_from: Unix seconds.
        listings: 1 to 4,096 listings, strictly ascending by id, at least one of them cash.
        cross: Parameters of the cross model, or None; with them every linear instrument has tiers.
        scenario: Parameters of the scenario model, or None; with them everything but cash has losses.
        breaker: ``"normal"`` or ``"halted"``.
        previous: Digest of the previous snapshot in hexadecimal, or 64 zeros for the first.
        models: Models that the venue composed itself, at most 64, strictly ascending by name.

    Raises:
        StatementError: if a bound or one of the conditions above is broken.
    """

    venue: str
    epoch: int
    valid_from: int
    listings: tuple[Listing, ...]
    cross: CrossParameters | None = None
    scenario: ScenarioParameters | None = None
    breaker: str = "normal"
    previous: str = NO_PREVIOUS
    models: tuple[Model, ...] = ()
    _by_id: dict[str, Listing] = field(init=False, repr=False, compare=False)
    _digest: bytes | None = field(init=False, repr=False, compare=False, default=None)

    def __post_init__(self) -> None:
        identifier("venue", self.venue)
        bounded("epoch", self.epoch, 0, MAX_EPOCH)
        bounded("valid_from", self.valid_from, 0, MAX_TIME)
        bounded("number of listings", len(self.listings), 1, MAX_COORDINATES)
        if self.breaker not in ("normal", "halted"):
            raise StatementError(f"breaker must be normal or halted, got {self.breaker!r}")
        object.__setattr__(self, "_by_id", {listing.id: listing for listing in self.listings})
        if [listing.id for listing in self.listings] != sorted(self._by_id):
            raise StatementError("listings must be strictly ascending by id")
        if not self._ids(Cash):
            raise StatementError("listings must contain cash")
        self._check_underlyings()
        self._check_cross()
        self._check_scenario()
        self._check_models()

    def listing(self, name: str) -> Listing:
        """Return the listing of an instrument.

        Raises:
            StatementError: if the snapshot does not list it.
        """
        try:
            return self._by_id[name]
        except KeyError:
            raise StatementError(f"instrument {name} is not listed in epoch {self.epoch} of {self.venue}") from None

    def parameters(self, model: str) -> CrossParameters | ScenarioParameters | Model:
        """Return the parameters of a margin model.

        Raises:
            StatementError: if the snapshot has none for it.
        """
        for parameters in (self.cross, self.scenario, *self.models):
            if parameters is not None and parameters.model == model:
                return parameters
        raise StatementError(f"epoch {self.epoch} of {self.venue} has no {model} parameters")

    def value_per_lot(self, name: str) -> int:
        """Return what one held lot of an instrument is worth, in units."""
        return self.listing(name).value_units

    def notional_per_lot(self, name: str) -> int:
        """Return ``multiplier * mark`` of an instrument, in units."""
        return self.listing(name).notional_units

    def digest(self) -> bytes:
        """Return the 32-byte digest that statements and the next snapshot bind to."""
        found = self._digest or documents.digest(self.to_document())
        object.__setattr__(self, "_digest", found)
        return found

    def canonical_bytes(self) -> bytes:
        """Return the canonical bytes of the document."""
        return documents.canonical(self.to_document())

    @staticmethod
    def from_bytes(data: bytes) -> Snapshot:
        """Return the snapshot whose canonical bytes are `data`.

        Raises:
            EncodingError: if they are not the canonical bytes of a document of this format.
            StatementError: if the document breaks a condition.
        """
        snapshot = Snapshot.from_document(documents.parse(data, "snapshot"))
        if snapshot.canonical_bytes() != data:
            raise EncodingError("snapshot is not in canonical form")
        return snapshot

    @staticmethod
    def from_document(document: Any) -> Snapshot:
        """Return the snapshot in a document of format ``zkmargin/snapshot/1``.

        Raises:
            EncodingError: if a field is missing, unknown, or of the wrong type or size.
            StatementError: if the document breaks a condition.
        """
        with Reader(document, "snapshot") as fields:
            fields.format(FORMAT)
            with fields.object("models") as models:
                cross = _read_parameters(models, CrossParameters)
                scenario = _read_parameters(models, ScenarioParameters)
                composed = tuple(Model.from_reader(name, models.object(name)) for name in sorted(models.left()))
            return Snapshot(
                venue=fields.identifier("venue"),
                epoch=fields.integer("epoch", 0, MAX_EPOCH),
                valid_from=fields.integer("valid_from", 0, MAX_TIME),
                listings=tuple(Listing.from_reader(item) for item in fields.objects("listings", MAX_COORDINATES)),
                cross=cross,
                scenario=scenario,
                breaker=fields.choice("breaker", "normal", "halted"),
                previous=fields.hexadecimal("previous", length=32).hex(),
                models=composed,
            )

    def to_document(self) -> dict[str, Any]:
        """Return the snapshot as a JSON object."""
        models = (self.cross, self.scenario, *self.models)
        return {
            "format": FORMAT,
            "venue": self.venue,
            "epoch": self.epoch,
            "valid_from": self.valid_from,
            "previous": self.previous,
            "breaker": self.breaker,
            "listings": [listing.to_document() for listing in self.listings],
            "models": {model.model: model.to_document() for model in models if model is not None},
        }

    def next(
        self,
        valid_from: int,
        marks: Mapping[str, int],
        *,
        funding: Mapping[str, int] | None = None,
        added: Iterable[Listing] = (),
        cross: CrossParameters | None = None,
        scenario: ScenarioParameters | None = None,
        models: Iterable[Model] | None = None,
        breaker: str | None = None,
    ) -> Snapshot:
        """Return the snapshot of the following epoch, chained to this one.

        Args:
            valid_from: Unix seconds, not before this snapshot's.
            marks: New marks in ticks by instrument id; the others stay. An order follows its contract.
            funding: New cumulative funding by perpetual id, in ticks, or in units for an inverse one; the others stay.
            added: Listings of new instruments.
            cross: New parameters; None keeps them.
            scenario: New risk array; None keeps the published one, although the marks have moved.
            models: New composed models; None keeps them.
            breaker: New breaker state; None keeps it.

        Raises:
            StatementError: if an instrument is not listed, time runs backwards, or the new snapshot breaks a condition.
        """
        funding = funding or {}
        for name in (*marks, *funding):
            self.listing(name)
        moved = [_moved(listing, marks, funding) for listing in self.listings]
        following = Snapshot(
            venue=self.venue,
            epoch=self.epoch + 1,
            valid_from=valid_from,
            listings=tuple(sorted([*moved, *added], key=lambda listing: listing.id)),
            cross=cross or self.cross,
            scenario=scenario or self.scenario,
            breaker=breaker or self.breaker,
            previous=self.digest().hex(),
            models=self.models if models is None else tuple(models),
        )
        following.check_follows(self)
        return following

    def chained_to(self, previous: Snapshot) -> Snapshot:
        """Return this market as the epoch directly after `previous`.

        Raises:
            StatementError: as `check_follows`.
        """
        following = replace(self, epoch=previous.epoch + 1, previous=previous.digest().hex())
        following.check_follows(previous)
        return following

    def check_follows(self, previous: Snapshot) -> None:
        """Refuse this snapshot unless it is the one directly after `previous`.

        Raises:
            StatementError: on another venue, a gap or step back of the epoch, a fork of the hash chain, a step back in
                time, or an instrument that disappeared or was redefined.
        """
        if self.venue != previous.venue:
            raise StatementError(f"venue must be {previous.venue}, got {self.venue}")
        bounded("epoch", self.epoch, previous.epoch + 1, previous.epoch + 1)
        if self.previous != previous.digest().hex():
            raise StatementError(f"previous must be {previous.digest().hex()}, got {self.previous}")
        bounded("valid_from", self.valid_from, previous.valid_from, MAX_TIME)
        for listing in previous.listings:
            if self.listing(listing.id).instrument != listing.instrument:
                raise StatementError(f"instrument {listing.id} must stay as epoch {previous.epoch} defines it")

    def _ids(self, *kinds: type[Instrument]) -> set[str]:
        return {listing.id for listing in self.listings if isinstance(listing.instrument, kinds)}

    def _check_underlyings(self) -> None:
        linear = self._ids(Linear)
        for listing in self.listings:
            if isinstance(listing.instrument, Order):
                self._check_order(listing, listing.instrument)
            option = listing.instrument
            if isinstance(option, Option) and option.underlying not in linear:
                raise StatementError(
                    f"{option.id}.underlying must be a listed linear instrument, got {option.underlying}"
                )

    def _check_order(self, listing: Listing, order: Order) -> None:
        contract = self._by_id.get(order.underlying)
        if contract is None or not isinstance(contract.instrument, Linear):
            raise StatementError(f"{order.id}.underlying must be a listed linear instrument, got {order.underlying}")
        if (order.multiplier, listing.mark_ticks) != (contract.instrument.multiplier, contract.mark_ticks):
            raise StatementError(f"{order.id} must have the multiplier and the mark of {order.underlying}")

    def _check_cross(self) -> None:
        if self.cross is None:
            return
        _check_same("tier tables", set(self.cross.maintenance), self._ids(Linear))
        for name, table in self.cross.initial.items():
            charge = self.notional_per_lot(name) * table.tiers[-1].rate_ppm
            bounded(f"notional * rate of {name}", charge, 0, 2**COEFFICIENT_BITS - 1)

    def _check_models(self) -> None:
        names = [model.model for model in self.models]
        bounded("number of composed models", len(names), 0, MAX_MODELS)
        if names != sorted(set(names)):
            raise StatementError("composed models must be strictly ascending by name")
        marks = Marks({listing.id: listing.notional_units for listing in self.listings}, {})
        for model in self.models:
            model.check(marks)

    def _check_scenario(self) -> None:
        if self.scenario is None:
            return
        _check_same("loss rows", set(self.scenario.losses), self._ids(Collateral, Linear, Option))
        for name in sorted(self.scenario.short_minimum_units.keys() - self._ids(Option)):
            raise StatementError(f"short minimum of {name} must belong to a listed option")


def _moved(listing: Listing, marks: Mapping[str, int], funding: Mapping[str, int]) -> Listing:
    instrument = listing.instrument
    marked_as = instrument.underlying if isinstance(instrument, Order) else listing.id
    moved = replace(listing, mark_ticks=marks.get(marked_as, listing.mark_ticks))
    if listing.id not in funding:
        return moved
    if isinstance(instrument, Inverse):
        return replace(moved, funding_units=funding[listing.id])
    return replace(moved, funding_ticks=funding[listing.id])


def _check_same(field_name: str, given: set[str], listed: set[str]) -> None:
    for name in sorted(given ^ listed):
        fault = "is missing" if name in listed else "is not listed as such an instrument"
        raise StatementError(f"{field_name} must match the listings, {name} {fault}")


def _read_parameters(models: Reader, kind: type[Parameters]) -> Parameters | None:
    if not models.has(kind.model):
        return None
    with models.object(kind.model) as fields:
        return kind.from_reader(fields)
