"""The library's documents as the OpenAPI document describes them; every bound is the library's own constant.

A schema says what one field may hold. What fields must have to do with each other (an order, a convex table, a row for
every instrument) is said by the library alone, with a `StatementError`.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from circuits.evidence import MAX_PROOF_BYTES
from circuits.registration import MAX_SEQUENCE
from zkmargin.amounts import MAX_COORDINATES, MAX_SCENARIOS, PPM
from zkmargin.documents import MAX_DOCUMENT_BYTES
from zkmargin.market.instruments import MAX_FACE, MAX_MULTIPLIER, MAX_TICKS, MAX_TIME
from zkmargin.market.parameters import (
    LEAST_CAPACITY_BITS,
    MAX_FLOOR_UNITS,
    MAX_INITIAL_PPM,
    MAX_LOSS_UNITS,
    MAX_TIERS,
    MAX_VERSION,
    MOST_CAPACITY_BITS,
)
from zkmargin.market.scenarios import MAX_SHIFT_PPM
from zkmargin.market.snapshot import MAX_EPOCH, MAX_FUNDING_UNITS, MAX_HAIRCUT_PPM
from zkmargin.proofs.folding import MAX_ROUNDS

Identifier = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._:/-]{0,63}$")]
Digest = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
Point = Annotated[str, Field(pattern=r"^[0-9a-f]{96}$", description="A point in compressed form.")]


def _hexadecimal(maximum_bytes: int) -> Any:
    return Field(pattern=r"^([0-9a-f]{2})*$", max_length=2 * maximum_bytes)


Sequence = Annotated[int, Field(ge=0, le=MAX_SEQUENCE, description="Number of the account's state.")]
Epoch = Annotated[int, Field(ge=0, le=MAX_EPOCH)]
Time = Annotated[int, Field(ge=0, le=MAX_TIME, description="Unix seconds.")]
Multiplier = Annotated[int, Field(ge=1, le=MAX_MULTIPLIER, description="Units per tick per lot.")]
Ticks = Annotated[int, Field(ge=0, le=MAX_TICKS)]
PositiveTicks = Annotated[int, Field(ge=1, le=MAX_TICKS)]
LossUnits = Annotated[int, Field(ge=-MAX_LOSS_UNITS, le=MAX_LOSS_UNITS)]
CapacityBits = Annotated[int, Field(ge=LEAST_CAPACITY_BITS, le=MOST_CAPACITY_BITS)]
Version = Annotated[int, Field(ge=0, le=MAX_VERSION)]


def optional(description: str | None = None) -> Any:
    """Return a field that may be absent, but is never null."""
    return Field(default=None, description=description, json_schema_extra=_without_default)


def _without_default(schema: dict[str, Any]) -> None:
    del schema["default"]


class Document(BaseModel):
    """An object whose fields are all known."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class Cash(Document):
    """The settlement asset: one lot is one unit."""

    kind: Literal["cash"]
    id: Identifier


class Collateral(Document):
    """An asset that counts as equity after a haircut."""

    kind: Literal["collateral"]
    id: Identifier
    multiplier: Multiplier
    mark_ticks: PositiveTicks
    haircut_ppm: int = Field(ge=0, le=MAX_HAIRCUT_PPM)


class Perpetual(Document):
    """A linear contract without expiry."""

    kind: Literal["linear"]
    id: Identifier
    multiplier: Multiplier
    mark_ticks: PositiveTicks
    funding_ticks: int = Field(ge=-MAX_TICKS, le=MAX_TICKS, description="Cumulative funding index.")


class Future(Document):
    """A linear contract with an expiry."""

    kind: Literal["linear"]
    id: Identifier
    multiplier: Multiplier
    expiry: Time
    mark_ticks: PositiveTicks


class Option(Document):
    """A European option on a listed linear contract."""

    kind: Literal["option"]
    id: Identifier
    multiplier: Multiplier
    underlying: Identifier
    right: Literal["call", "put"]
    strike_ticks: PositiveTicks
    expiry: Time
    mark_ticks: Ticks


class InversePerpetual(Document):
    """A contract with a fixed face, settled in its coin, without expiry."""

    kind: Literal["inverse"]
    id: Identifier
    face: int = Field(ge=1, le=MAX_FACE, description="Units times ticks.")
    mark_ticks: PositiveTicks
    funding_units: int = Field(ge=-MAX_FUNDING_UNITS, le=MAX_FUNDING_UNITS, description="Cumulative funding a lot.")


class InverseFuture(Document):
    """A contract with a fixed face, settled in its coin, with an expiry."""

    kind: Literal["inverse"]
    id: Identifier
    face: int = Field(ge=1, le=MAX_FACE, description="Units times ticks.")
    expiry: Time
    mark_ticks: PositiveTicks


class Order(Document):
    """Resting orders of one side for a listed linear contract."""

    kind: Literal["order"]
    id: Identifier
    multiplier: Multiplier
    underlying: Identifier
    mark_ticks: PositiveTicks


Listing = Cash | Collateral | Future | InverseFuture | InversePerpetual | Option | Order | Perpetual


class Tier(Document):
    """The marginal rate of notionals from a floor on."""

    floor_units: int = Field(ge=0, le=MAX_FLOOR_UNITS)
    rate_ppm: int = Field(ge=0, le=PPM)


class TierTable(Document):
    """The tiers of one linear contract; floors and rates rise."""

    id: Identifier
    tiers: list[Tier] = Field(min_length=1, max_length=MAX_TIERS)


class CrossModel(Document):
    """Parameters of the cross model: a table for every linear contract."""

    version: Version
    capacity_bits: CapacityBits
    maintenance: list[TierTable] = Field(max_length=MAX_COORDINATES)
    initial: list[TierTable] = Field(max_length=MAX_COORDINATES)


class Scenario(Document):
    """One joint move of all prices and volatilities."""

    name: Identifier
    price_ppm: int = Field(ge=1 - PPM, le=MAX_SHIFT_PPM)
    volatility_ppm: int = Field(ge=-PPM, le=MAX_SHIFT_PPM)
    cover_ppm: int = Field(ge=1, le=PPM)


class LossRow(Document):
    """What one long lot loses in each scenario."""

    id: Identifier
    units: list[LossUnits] = Field(min_length=1, max_length=MAX_SCENARIOS)


class ScenarioModel(Document):
    """Parameters of the scenario model: the published risk array."""

    version: Version
    capacity_bits: CapacityBits
    initial_ppm: int = Field(ge=PPM, le=MAX_INITIAL_PPM)
    scenarios: list[Scenario] = Field(min_length=1, max_length=MAX_SCENARIOS)
    losses: list[LossRow] = Field(max_length=MAX_COORDINATES)
    short_minimum_units: dict[Identifier, Annotated[int, Field(ge=0, le=MAX_LOSS_UNITS)]] = Field(
        max_length=MAX_COORDINATES
    )


Expression = Annotated[
    dict[str, Any], Field(description="A margin rule: an object with a field node, and what that node needs.")
]


class ComposedModel(Document):
    """A model that the venue composed of parts: see "Composed models" in the wire format."""

    version: Version
    capacity_bits: CapacityBits
    parts: dict[Identifier, Expression]
    maintenance: Expression
    initial: Expression
    stress: dict[Identifier, Expression]
    deductions: Expression


class Models(Document):
    """The margin models of the venue; every field but the first two is a model that it composed."""

    model_config = ConfigDict(extra="allow", strict=True, frozen=True)
    __pydantic_extra__: dict[str, ComposedModel]

    cross: CrossModel = optional()
    scenario: ScenarioModel = optional()


class Snapshot(Document):
    """The market at one epoch."""

    format: Literal["zkmargin/snapshot/1"]
    venue: Identifier
    epoch: Epoch
    valid_from: Time
    previous: Digest
    breaker: Literal["normal", "halted"]
    listings: list[Cash | Collateral | Future | InverseFuture | InversePerpetual | Option | Order | Perpetual] = Field(
        min_length=1, max_length=MAX_COORDINATES
    )
    models: Models


class Threshold(Document):
    """A positive fraction in lowest terms."""

    numerator: int = Field(ge=1, le=PPM)
    denominator: int = Field(ge=1, le=PPM)


class Claim(Document):
    """A sentence about a hidden book."""

    kind: Literal["maintenance", "initial", "box"]
    model: Identifier = Field(description="cross, scenario, or the name of a composed model.")
    width_ppm: int = Field(ge=0, le=PPM - 1, description="Half-width of a box; 0 for the other kinds.")
    threshold: Threshold = Field(description="The factor on the requirement.")


class StressClaim(Document):
    """A sentence about a hidden book and a named requirement."""

    kind: Literal["stress"]
    model: Identifier = Field(description="scenario, or the name of a composed model.")
    stress: Identifier = Field(description="The name of a scenario, or of a stress requirement.")
    width_ppm: int = Field(ge=0, le=PPM - 1, description="0.")
    threshold: Threshold = Field(description="The factor on the requirement.")


class Registration(Document):
    """An account's public state, and the proofs that its commitment is well formed."""

    format: Literal["zkmargin/account/1"]
    venue: Identifier
    account: Identifier
    sequence: Sequence
    basis: list[Identifier] = Field(
        min_length=1, max_length=MAX_COORDINATES, description="The committed ids, in code-point order."
    )
    commitment: Point
    opening_proof: str = _hexadecimal(MAX_DOCUMENT_BYTES)
    bounds_proof: str = _hexadecimal(MAX_DOCUMENT_BYTES)


class Evidence(Document):
    """A claim and its proof."""

    format: Literal["zkmargin/proof/1"]
    claim: Claim | StressClaim
    venue: Identifier
    account: Identifier
    sequence: Sequence
    epoch: Epoch
    snapshot: Digest
    commitment: Point
    rounds: int = Field(ge=0, le=MAX_ROUNDS, description="0 for an opened proof, more for a compact one.")
    proof: str = _hexadecimal(MAX_PROOF_BYTES)
