"""Scenario grids with contingencies, as Bybit and OKX publish them: one family, a parameter file for each venue.

Rule
----
    grid            worst loss over every price move x every volatility move, and over far moves that count in part
    basis           sum over expiries of  max(least, annualised * years) * |net delta of the expiry|
    contracts       rate * |q| of notional, for every future and perpetual
    short options   rate * max(0, -q) of the forward, for every option
    minimum         raw = rate * lots of everything that is charged, through multipliers that rise from slice to slice
    maintenance     max( grid + basis + contracts + short options, minimum )
    initial         a multiple of it
    stress          the whole loss of a far move: "price-up-240000:vol-same"

Charges on spreads between expiries that venues net against each other are not convex in general; here `basis` takes
every expiry for itself, which is never less.

Units
-----
    settlement units; rates in ppm; multipliers in whole times, their edges in units of the raw minimum.

Rounding
--------
    All charges up; losses as in `moves`.

Bounds
------
    Multipliers rise, from 1 on, up to 100; those of a table that falls are refused.

Worked example
--------------
    OKX's own example: a raw minimum of 30,000, doubled above 10,000, is 10,000 + 20,000 * 2.

    >>> from zkmargin.margin.expressions import value
    >>> from zkmargin.market.forms import Marks
    >>> from zkmargin.market.forms import Affine
    >>> raw = Affine({"PERP": 1_000})
    >>> rule = multiplied(raw, (Multiplier(0, 1), Multiplier(10_000, 2)))
    >>> value(rule, Marks({"PERP": 0}, {}), {"PERP": 30}) // rule.scale
    50000

Source
------
    The public rule pages of both venues for portfolio margin; the files in docs/models/parameters name what they leave
    out.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import ceil
from typing import Any

from zkmargin.amounts import MAX_SCENARIOS, PPM, bounded
from zkmargin.documents import Reader, identifier
from zkmargin.errors import StatementError
from zkmargin.margin.families import boxes
from zkmargin.margin.families.moves import MAX_MOVE_PPM, Move, deltas, owed_coins, stresses, worst
from zkmargin.market.expressions import Largest, Part, Size, Tiers, positive, scaled, total
from zkmargin.market.forms import Expression, Sides
from zkmargin.market.models import Model
from zkmargin.market.parameters import MAX_FLOOR_UNITS, MAX_INITIAL_PPM, MAX_TIERS, Tier, TierTable
from zkmargin.market.revaluation import Market
from zkmargin.market.shocks import DIRECTIONS, SAME, VegaPower

FORMAT = "zkmargin/grid/1"
MAX_MULTIPLIER = 100


@dataclass(frozen=True, slots=True)
class Far:
    """A move beyond the grid, with volatilities as they are, of whose loss a fraction counts."""

    price_ppm: int
    cover_ppm: int

    def __post_init__(self) -> None:
        bounded("price_ppm of a far move", self.price_ppm, 1 - PPM, MAX_MOVE_PPM)
        bounded("cover_ppm of a far move", self.cover_ppm, 1, PPM)


@dataclass(frozen=True, slots=True)
class Multiplier:
    """How often the raw minimum counts from `floor_units` on."""

    floor_units: int
    times: int

    def __post_init__(self) -> None:
        bounded("floor_units of a multiplier", self.floor_units, 0, MAX_FLOOR_UNITS)
        bounded("times of a multiplier", self.times, 1, MAX_MULTIPLIER)


@dataclass(frozen=True, slots=True)
class Parameters:
    """A venue's grid.

    Args:
        version: Number of this set of parameters.
        prices_ppm: Price moves, each once.
        directions: Directions of the volatilities, of up, same and down.
        vega_power: How volatilities move.
        far: Moves beyond the grid.
        basis_ppm: Move of the basis a year to expiry.
        least_basis_ppm: Least such move.
        contract_ppm: Charge on futures and perpetuals.
        short_option_ppm: Charge on short options.
        minimum_ppm: Raw minimum of everything, as a fraction of notional or forward.
        multipliers: How the raw minimum steepens; empty for no minimum.
        initial_ppm: Initial as a multiple of maintenance, at least 10^6.

    Raises:
        StatementError: if a bound is broken or a move is there twice.
    """

    version: int
    prices_ppm: tuple[int, ...]
    directions: tuple[str, ...]
    vega_power: VegaPower
    far: tuple[Far, ...] = ()
    basis_ppm: int = 0
    least_basis_ppm: int = 0
    contract_ppm: int = 0
    short_option_ppm: int = 0
    minimum_ppm: int = 0
    multipliers: tuple[Multiplier, ...] = ()
    initial_ppm: int = PPM

    def __post_init__(self) -> None:
        for name, (low, high) in _BOUNDS.items():
            bounded(name, getattr(self, name), low, high)
        for name in ("prices_ppm", "directions"):
            given: tuple[Any, ...] = getattr(self, name)
            if not given or len(set(given)) != len(given):
                raise StatementError(f"{name} must have at least one entry, and each once")
        for direction in self.directions:
            if direction not in DIRECTIONS:
                raise StatementError(f"directions must be of {', '.join(DIRECTIONS)}, got {direction!r}")
        bounded("number of rows", len(moves(self)), 1, MAX_SCENARIOS)

    @staticmethod
    def from_document(document: Any) -> Parameters:
        """Return the parameters in a file of format ``zkmargin/grid/1``.

        Raises:
            EncodingError: if a field is missing, unknown or of the wrong type.
            StatementError: if a bound is broken.
        """
        with Reader(document, "grid") as read:
            read.format(FORMAT)
            far = [
                Far(item.integer("price_ppm", 1 - PPM, MAX_MOVE_PPM), item.integer("cover_ppm", 1, PPM))
                for item in read.objects("far", MAX_SCENARIOS)
            ]
            multipliers = [
                Multiplier(item.integer("floor_units", 0, MAX_FLOOR_UNITS), item.integer("times", 1, MAX_MULTIPLIER))
                for item in read.objects("multipliers", MAX_TIERS)
            ]
            return Parameters(
                prices_ppm=read.integers("prices_ppm", MAX_SCENARIOS, 1 - PPM, MAX_MOVE_PPM),
                directions=tuple(
                    identifier("grid.directions", name) for name in read.items("directions", len(DIRECTIONS))
                ),
                vega_power=VegaPower.from_reader(read.object("vega_power")),
                far=tuple(far),
                multipliers=tuple(multipliers),
                **{name: read.integer(name, low, high) for name, (low, high) in _BOUNDS.items()},
            )

    def to_document(self) -> dict[str, Any]:
        """Return the parameters as the JSON object of a file."""
        return {
            "format": FORMAT,
            "prices_ppm": list(self.prices_ppm),
            "directions": list(self.directions),
            "vega_power": self.vega_power.to_document(),
            "far": [{"price_ppm": item.price_ppm, "cover_ppm": item.cover_ppm} for item in self.far],
            "multipliers": [{"floor_units": item.floor_units, "times": item.times} for item in self.multipliers],
            **{name: getattr(self, name) for name in _BOUNDS},
        }


def moves(parameters: Parameters) -> tuple[Move, ...]:
    """Return the rows of the grid, then the far ones."""
    near = [Move(price, direction) for price in parameters.prices_ppm for direction in parameters.directions]
    far = [Move(item.price_ppm, SAME, Fraction(item.cover_ppm, PPM)) for item in parameters.far]
    return (*near, *far)


def model(name: str, parameters: Parameters, market: Market) -> Model:
    """Return the model for the listings of one underlying at the marks."""
    grid: list[Expression] = [Part("grid", positive(worst(market, parameters.vega_power, moves(parameters))))]
    if market.coins:
        grid.append(Part("owed-coins", owed_coins(market, boxes.rise(moves(parameters)))))
    basis = _basis(parameters, market)
    parts = [*grid, *([Part("basis", basis)] if basis else []), *_charges(parameters, market, 0)]
    required = _floored(parameters, market, parts, 0)
    far = stresses(market, parameters.vega_power, moves(parameters)[-len(parameters.far) :] if parameters.far else ())
    return Model(name, parameters.version, required, scaled(parameters.initial_ppm, required), far)


def boxed(name: str, parameters: Parameters, market: Market, box: boxes.Box) -> Model:
    """Return the variant whose maintenance requirement covers every common move of the prices within a box."""
    parts = list(boxes.charges(market, parameters.vega_power, moves(parameters), Fraction(1), box))
    basis = _basis(parameters, market)
    if basis:
        rates = [_basis_rate(parameters, market, item) for item in market.ids]
        parts.append(Part("basis", total(basis, scaled(ceil(max(rates) * PPM), boxes.delta_spreads(market, box)))))
    parts += _charges(parameters, market, box.width_ppm)
    required = _floored(parameters, market, parts, box.width_ppm)
    return Model(name, parameters.version, required, required)


def multiplied(raw: Expression, multipliers: Sequence[Multiplier]) -> Expression:
    """Return an amount whose slices count several times: ``max_k (times_k * raw - cum_k)``.

    Raises:
        StatementError: if floors or times do not rise: the charge would not be convex.
    """
    tiers = [Tier(item.floor_units * MAX_MULTIPLIER, PPM // MAX_MULTIPLIER * item.times) for item in multipliers]
    return Tiers(scaled(MAX_MULTIPLIER * PPM, raw), TierTable(tuple(tiers)))


def _basis_rate(parameters: Parameters, market: Market, name: str) -> Fraction:
    yearly = Fraction(parameters.basis_ppm, PPM) * market.years(name)
    return max(Fraction(parameters.least_basis_ppm, PPM), yearly)


def _basis(parameters: Parameters, market: Market) -> Expression | None:
    rated = [(_basis_rate(parameters, market, names[0]), names) for names in market.expiries().values()]
    charged = [Size(deltas(market, names, rate)) for rate, names in rated if rate]
    return total(*charged) if charged else None


def _charges(parameters: Parameters, market: Market, width_ppm: int) -> list[Expression]:
    """Return the charges by contract, at the upper end of a box."""
    held = _rated(market, [item.id for item in market.linear], parameters.contract_ppm, width_ppm)
    owed = _rated(market, [item.id for item in market.options], parameters.short_option_ppm, width_ppm)
    named = (("contracts", Sides(held, held), held), ("short-options", Sides({}, owed), owed))
    return [Part(name, charge) for name, charge, rates in named if any(rates.values())]


def _floored(parameters: Parameters, market: Market, parts: Sequence[Expression], width_ppm: int) -> Expression:
    required = total(*parts)
    if not parameters.multipliers:
        return required
    names = [*(future.id for future in market.linear), *(option.id for option in market.options)]
    raw = _rated(market, names, parameters.minimum_ppm, width_ppm)
    return Largest((required, Part("minimum", multiplied(Sides(raw, raw), parameters.multipliers))))


def _rated(market: Market, names: Sequence[str], rate_ppm: int, width_ppm: int) -> dict[str, int]:
    return {name: ceil(market.forward_units(name) * rate_ppm * (PPM + width_ppm) / PPM**2) for name in names}


_BOUNDS = {
    "version": (0, 2**32 - 1),
    "basis_ppm": (0, PPM),
    "least_basis_ppm": (0, PPM),
    "contract_ppm": (0, PPM),
    "short_option_ppm": (0, PPM),
    "minimum_ppm": (0, PPM),
    "initial_ppm": (PPM, MAX_INITIAL_PPM),
}
