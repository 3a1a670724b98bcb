"""The public parameters of the margin models: tier tables and scenario losses.

Tier tables
-----------
    In tier k the margin of a notional N is ``N * rate_k - cum_k``, with

        cum_0 = 0,   cum_k = cum_(k-1) + floor_k * (rate_k - rate_(k-1))

    which makes it continuous. Rates that rise with the floors make it convex as well, and then

        margin(N) = max_k (N * rate_k - cum_k)

    with no need to know the tier. A table that is not convex is refused here, once, for prover and verifier alike.

Units
-----
    floors in settlement units, rates in ppm; `cum_scaled` and `margin_scaled` in 10^-6 units, so nothing is rounded.

Bounds
------
    at most 32 tiers, floors below 2^96 units, 0 <= rate <= 10^6 ppm; at most 1,024 scenarios, |loss| < 2^80 units.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, ClassVar, TypeVar

from zkmargin.amounts import MAX_COORDINATES, MAX_SCENARIOS, PPM, bounded
from zkmargin.documents import Reader, identifier
from zkmargin.errors import StatementError
from zkmargin.market.scenarios import Scenario

MAX_TIERS = 32
MAX_FLOOR_UNITS = 2**96 - 1
MAX_LOSS_UNITS = 2**80 - 1
MAX_INITIAL_PPM = 100 * PPM
MAX_VERSION = 2**32 - 1
LEAST_CAPACITY_BITS = 32
MOST_CAPACITY_BITS = 96
DEFAULT_CAPACITY_BITS = 66

Row = TypeVar("Row")


@dataclass(frozen=True, slots=True)
class Tier:
    """The marginal rate of notionals from `floor_units` to the next tier's floor."""

    floor_units: int
    rate_ppm: int

    def __post_init__(self) -> None:
        bounded("floor_units", self.floor_units, 0, MAX_FLOOR_UNITS)
        bounded("rate_ppm", self.rate_ppm, 0, PPM)

    @staticmethod
    def from_reader(fields: Reader) -> Tier:
        """Return the tier described by `fields`."""
        return Tier(fields.integer("floor_units", 0, MAX_FLOOR_UNITS), fields.integer("rate_ppm", 0, PPM))


@dataclass(frozen=True, slots=True)
class TierTable:
    """A convex margin as a function of notional.

    Raises:
        StatementError: if there are no tiers or more than 32, the first floor is not 0, or floors or rates do not rise.

    Example:
        >>> table = TierTable((Tier(0, 4_000), Tier(50_000, 5_000)))
        >>> table.cum_scaled
        (0, 50000000)
        >>> table.margin_scaled(100_000)
        450000000
    """

    tiers: tuple[Tier, ...]

    def __post_init__(self) -> None:
        bounded("number of tiers", len(self.tiers), 1, MAX_TIERS)
        bounded("tiers[0].floor_units", self.tiers[0].floor_units, 0, 0)
        for index, (below, above) in enumerate(pairwise(self.tiers), start=1):
            for field in ("floor_units", "rate_ppm"):
                low, value = getattr(below, field), getattr(above, field)
                if value <= low:
                    raise StatementError(f"tiers[{index}].{field} must be above {low}, got {value}")

    @staticmethod
    def flat(rate_ppm: int) -> TierTable:
        """Return the table with one rate for every notional."""
        return TierTable((Tier(0, rate_ppm),))

    @staticmethod
    def published(rows: Iterable[tuple[int, int, int]]) -> TierTable:
        """Return the table of (floor_units, rate_ppm, cum_units) rows, whose published `cum` must make it continuous.

        Raises:
            StatementError: naming the first `cum` that does not.
        """
        kept = list(rows)
        table = TierTable(tuple(Tier(floor_units, rate_ppm) for floor_units, rate_ppm, _ in kept))
        for index, ((_, _, cum_units), expected) in enumerate(zip(kept, table.cum_scaled, strict=True)):
            if cum_units * PPM != expected:
                raise StatementError(f"tiers[{index}].cum_units must be {expected}/{PPM}, got {cum_units}")
        return table

    @property
    def cum_scaled(self) -> tuple[int, ...]:
        """Return cum_k of every tier, in 10^-6 units."""
        cums = [0]
        for below, above in pairwise(self.tiers):
            cums.append(cums[-1] + above.floor_units * (above.rate_ppm - below.rate_ppm))
        return tuple(cums)

    def margin_scaled(self, notional_units: int) -> int:
        """Return ``max_k (N * rate_k - cum_k)`` for a notional N >= 0, in 10^-6 units."""
        return _highest(self._pieces(), notional_units)

    def covers(self, other: TierTable) -> bool:
        """Return whether this margin is nowhere below the other: compared where either bends, and beyond."""
        bends = {tier.floor_units for tier in (*self.tiers, *other.tiers)}
        steepest = self.tiers[-1].rate_ppm >= other.tiers[-1].rate_ppm
        above, below = self._pieces(), other._pieces()
        return steepest and all(_highest(above, bend) >= _highest(below, bend) for bend in bends)

    def to_document(self) -> list[dict[str, int]]:
        """Return the tiers as a JSON list."""
        return [{"floor_units": tier.floor_units, "rate_ppm": tier.rate_ppm} for tier in self.tiers]

    def _pieces(self) -> list[tuple[int, int]]:
        return [(tier.rate_ppm, cum) for tier, cum in zip(self.tiers, self.cum_scaled, strict=True)]


@dataclass(frozen=True, slots=True)
class CrossParameters:
    """Tier tables of every linear instrument.

    Args:
        version: Number of this set of parameters.
        maintenance: Table by instrument id.
        initial: Table by the same ids, nowhere below the maintenance one.
        capacity_bits: A provable surplus is below ``2^capacity_bits`` units.
    """

    model: ClassVar[str] = "cross"
    version: int
    maintenance: Mapping[str, TierTable]
    initial: Mapping[str, TierTable]
    capacity_bits: int = DEFAULT_CAPACITY_BITS

    def __post_init__(self) -> None:
        check_common(self.version, self.capacity_bits)
        bounded("number of tier tables", len(self.maintenance), 0, MAX_COORDINATES)
        for name in sorted(self.maintenance.keys() ^ self.initial.keys()):
            raise StatementError(f"{name} must have a maintenance and an initial tier table")
        for name, table in self.initial.items():
            identifier("tier table", name)
            if not table.covers(self.maintenance[name]):
                raise StatementError(f"initial tiers of {name} must nowhere be below the maintenance tiers")
        for field in ("maintenance", "initial"):
            object.__setattr__(self, field, dict(sorted(getattr(self, field).items())))

    @staticmethod
    def from_reader(fields: Reader) -> CrossParameters:
        """Return the parameters described by `fields`."""
        version, capacity_bits = read_common(fields)
        tables = {field: _read_tables(fields, field) for field in ("maintenance", "initial")}
        return CrossParameters(version, capacity_bits=capacity_bits, **tables)

    def to_document(self) -> dict[str, Any]:
        """Return the parameters as a JSON object."""
        tables = {"maintenance": self.maintenance, "initial": self.initial}
        return {"version": self.version, "capacity_bits": self.capacity_bits} | {
            field: [{"id": name, "tiers": table.to_document()} for name, table in by_id.items()]
            for field, by_id in tables.items()
        }


@dataclass(frozen=True, slots=True)
class ScenarioParameters:
    """The published risk array: what one long lot loses in each scenario.

    Args:
        version: Number of this set of parameters.
        scenarios: 1 to 1,024 scenarios with distinct names.
        losses: By instrument id, the loss of ONE LONG LOT in units (positive = loss) in each scenario, in their order.
        short_minimum_units: By option id, the least requirement of one short lot.
        initial_ppm: The initial requirement as a multiple of the maintenance requirement, at least 10^6.
        capacity_bits: A provable surplus is below ``2^capacity_bits`` units.
    """

    model: ClassVar[str] = "scenario"
    version: int
    scenarios: tuple[Scenario, ...]
    losses: Mapping[str, tuple[int, ...]]
    short_minimum_units: Mapping[str, int]
    initial_ppm: int = 1_250_000
    capacity_bits: int = DEFAULT_CAPACITY_BITS

    def __post_init__(self) -> None:
        check_common(self.version, self.capacity_bits)
        bounded("initial_ppm", self.initial_ppm, PPM, MAX_INITIAL_PPM)
        count = bounded("number of scenarios", len(self.scenarios), 1, MAX_SCENARIOS)
        if len({scenario.name for scenario in self.scenarios}) != count:
            raise StatementError("scenario names must be distinct")
        bounded("number of loss rows", len(self.losses), 0, MAX_COORDINATES)
        for name, losses_units in self.losses.items():
            bounded(f"number of losses of {identifier('loss row', name)}", len(losses_units), count, count)
            for loss_units in losses_units:
                bounded(f"loss of {name}", loss_units, -MAX_LOSS_UNITS, MAX_LOSS_UNITS)
        for name, minimum_units in self.short_minimum_units.items():
            bounded(f"short minimum of {identifier('short minimum', name)}", minimum_units, 0, MAX_LOSS_UNITS)
        for field in ("losses", "short_minimum_units"):
            object.__setattr__(self, field, dict(sorted(getattr(self, field).items())))

    @staticmethod
    def from_reader(fields: Reader) -> ScenarioParameters:
        """Return the parameters described by `fields`."""
        version, capacity_bits = read_common(fields)
        scenarios = tuple(Scenario.from_reader(item) for item in fields.objects("scenarios", MAX_SCENARIOS))
        losses: dict[str, tuple[int, ...]] = {}
        for row in fields.objects("losses", MAX_COORDINATES):
            add_row(losses, row.identifier("id"), row.integers("units", MAX_SCENARIOS, -MAX_LOSS_UNITS, MAX_LOSS_UNITS))
        return ScenarioParameters(
            version,
            scenarios,
            losses,
            fields.quantities("short_minimum_units", MAX_COORDINATES, 0, MAX_LOSS_UNITS),
            fields.integer("initial_ppm", PPM, MAX_INITIAL_PPM),
            capacity_bits,
        )

    def to_document(self) -> dict[str, Any]:
        """Return the parameters as a JSON object."""
        return {
            "version": self.version,
            "capacity_bits": self.capacity_bits,
            "initial_ppm": self.initial_ppm,
            "scenarios": [scenario.to_document() for scenario in self.scenarios],
            "losses": [{"id": name, "units": list(row)} for name, row in self.losses.items()],
            "short_minimum_units": dict(self.short_minimum_units),
        }


def _highest(pieces: list[tuple[int, int]], notional_units: int) -> int:
    return max([notional_units * rate_ppm - cum for rate_ppm, cum in pieces])


def check_common(version: int, capacity_bits: int) -> None:
    """Refuse a version or a capacity out of its bound: what every set of parameters has."""
    bounded("version", version, 0, MAX_VERSION)
    bounded("capacity_bits", capacity_bits, LEAST_CAPACITY_BITS, MOST_CAPACITY_BITS)


def read_common(fields: Reader) -> tuple[int, int]:
    """Return the version and the capacity."""
    version = fields.integer("version", 0, MAX_VERSION)
    return version, fields.integer("capacity_bits", LEAST_CAPACITY_BITS, MOST_CAPACITY_BITS)


def _read_tables(fields: Reader, name: str) -> dict[str, TierTable]:
    tables: dict[str, TierTable] = {}
    for row in fields.objects(name, MAX_COORDINATES):
        tiers = tuple(Tier.from_reader(tier) for tier in row.objects("tiers", MAX_TIERS))
        add_row(tables, row.identifier("id"), TierTable(tiers))
    return tables


def add_row(rows: dict[str, Row], name: str, row: Row) -> None:
    """Add a row; there is one way to write a list by id, in code-point order."""
    if rows and name <= next(reversed(rows)):
        raise StatementError(f"{name} must be listed once, in code-point order")
    rows[name] = row
