"""Portfolio margin as Derive's open-source risk manager computes it (PMRM 2), for the listings of one underlying.

Rule
----
    For expiry e with value v_e at the marks and v_e(k) in scenario k, d the static discount of the expiry:

        discounted    d+ v  if v >= 0,  d- v  if v < 0          d+ = long * exp(-rate T),  d- = short * exp(rate T)
        scenario k    damp_k * ( linear loss + sum_e (v_e - discounted v_e(k)) )
        skew          sum_e |v_e - discounted v_e(k)|           for the linear and the absolute tilt of volatilities
        basis         sum_e max(0, loss_e up, loss_e down) * (flat + yearly T), at the two moves of the basis
        naked shorts  rate * spot * max(0, -(calls + puts)) per strike and expiry;  contracts: rate * |q| of notional

        requirement = factor * max(0, basis, scenarios, skew) + naked shorts + contracts

        stress        the whole loss of a damped scenario: "price-down-660000:vol-same"

    with the factor of maintenance, 0.8, or of initial, 1, and higher rates for initial.

A discount is convex in the book exactly if ``d- >= d+``. Otherwise a long and a short position of one expiry would gain
from being held apart, and a proof could understate both: such parameters are refused when the model is built.

What is charged instead of what the venue charges: in a skew scenario the gain of a book that is worth less than nothing
counts at d+ and not at d-, which is more by ``(d- - d+) |v|`` (a gain that is punished twice bends downwards). Funding,
oracle confidence and collateral factors are outside this family.

Units
-----
    settlement units; rates and discounts in ppm.

Rounding
--------
    The loss of a long lot up; a short lot reads the same integer, and comes out less than a unit too well in each
    scenario. Discounts and the rate of the basis to ppm, against the holder: d+ down, d- up. So a lot is charged up to
    two millionths of its notional more than with exact rates.

Bounds
------
    At most 1,024 scenarios, 0 < discount <= 2.

Worked example
--------------
    >>> discount(Parameters(1), Fraction(1, 4))
    (955803, 1045822)
    >>> Parameters(1, long_discount_ppm=1_050_000, short_discount_ppm=950_000).check_convex(Fraction(31, 100))
    Traceback (most recent call last):
    zkmargin.errors.StatementError: static discount of short values must be at least that of long ones, ...

Source
------
    derivexyz/v2-core, PMRM_2 and PMRMLib_2, and the parameter pages of docs.derive.xyz: figures only.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import ceil, exp, floor
from typing import Any

from zkmargin.amounts import MAX_SCENARIOS, PPM, bounded
from zkmargin.documents import Reader
from zkmargin.errors import StatementError
from zkmargin.margin.families.moves import MAX_MOVE_PPM, Move, moved, owed_coins, stresses
from zkmargin.market.expressions import NOTHING, Largest, Part, Sum, Worst, positive, scaled, total
from zkmargin.market.forms import Affine, Array, Expression, Sides
from zkmargin.market.instruments import Option
from zkmargin.market.models import Model
from zkmargin.market.revaluation import Market
from zkmargin.market.shocks import ABSOLUTE, DIRECTIONS, LINEAR, SAME, UP, Skew, VegaPower

FORMAT = "zkmargin/derive/1"
VEGA_POWER = VegaPower(500_000, 300_000, 300_000, 130_000, minimum_up_ppm=400_000, least_days=1)
SKEW = Skew()
SKEWS = (LINEAR, ABSOLUTE)
TAILS_PPM = (
    (-660_000, 210_000),
    (-330_000, 420_000),
    (500_000, 277_200),
    (PPM, 138_600),
    (2 * PPM, 69_300),
    (3 * PPM, 46_200),
    (4 * PPM, 34_650),
    (5 * PPM, 27_720),
)
GRID_PPM = (135_000, 90_000, 45_000, 0, -45_000, -90_000, -135_000)


@dataclass(frozen=True, slots=True)
class Scenario:
    """One scenario: a move of the price, a direction of the volatilities, and the fraction that counts."""

    price_ppm: int
    direction: str
    damp_ppm: int = PPM

    def __post_init__(self) -> None:
        bounded("price_ppm of a scenario", self.price_ppm, 1 - PPM, MAX_MOVE_PPM)
        bounded("damp_ppm of a scenario", self.damp_ppm, 1, PPM)
        if self.direction not in DIRECTIONS:
            raise StatementError(f"direction must be one of {', '.join(DIRECTIONS)}, got {self.direction!r}")


def published() -> tuple[Scenario, ...]:
    """Return the 23 scenarios of the risk manager, then its 8 tail scenarios.

    Example:
        >>> len(published()), published()[-1]
        (31, Scenario(price_ppm=5000000, direction='same', damp_ppm=27720))
    """
    grid = [Scenario(price, direction) for price in GRID_PPM for direction in DIRECTIONS]
    ends = [Scenario(180_000, UP), *grid, Scenario(-180_000, UP)]
    return (*ends, *(Scenario(price, SAME, damp) for price, damp in TAILS_PPM))


@dataclass(frozen=True, slots=True)
class Parameters:
    """What the venue publishes for one underlying.

    Args:
        version: Number of this set of parameters.
        scenarios: As `published`.
        vega_power: How volatilities move.
        skew: How they tilt in the two skew scenarios.
        basis_move_ppm: The two moves of the basis contingency, up and down.
        basis_flat_ppm: Fraction of its loss that counts.
        basis_yearly_ppm: The same, for each year to expiry.
        naked_short_ppm: Rate on net short options of a strike, maintenance.
        initial_naked_short_ppm: The same, initial.
        contract_ppm: Rate on futures and perpetuals, maintenance.
        initial_contract_ppm: The same, initial.
        long_discount_ppm: Static discount of values above zero.
        short_discount_ppm: Static discount of values below zero.
        discount_rate_ppm: By how much both drift apart a year.
        maintenance_ppm: Factor of maintenance; that of initial is 1.

    Raises:
        StatementError: if a bound is broken.
    """

    version: int
    scenarios: tuple[Scenario, ...] = published()
    vega_power: VegaPower = VEGA_POWER
    skew: Skew = SKEW
    basis_move_ppm: int = 45_000
    basis_flat_ppm: int = 500_000
    basis_yearly_ppm: int = 2_000_000
    naked_short_ppm: int = 3_000
    initial_naked_short_ppm: int = 5_000
    contract_ppm: int = 30_000
    initial_contract_ppm: int = 40_000
    long_discount_ppm: int = 980_000
    short_discount_ppm: int = 1_020_000
    discount_rate_ppm: int = 100_000
    maintenance_ppm: int = 800_000

    def __post_init__(self) -> None:
        bounded("number of scenarios", len(self.scenarios), 1, MAX_SCENARIOS)
        for name, (low, high) in _BOUNDS.items():
            bounded(name, getattr(self, name), low, high)

    def check_convex(self, years: Fraction) -> None:
        """Refuse static discounts that would reward holding a long and a short position apart.

        Raises:
            StatementError: if the discount of short values is below that of long ones at so many years.
        """
        long_ppm, short_ppm = discount(self, years)
        if short_ppm < long_ppm:
            raise StatementError(
                "static discount of short values must be at least that of long ones, "
                f"got {short_ppm} and {long_ppm} ppm at {float(years):.3f} years: the requirement would not be convex"
            )

    @staticmethod
    def from_document(document: Any) -> Parameters:
        """Return the parameters in a file of format ``zkmargin/derive/1``.

        Raises:
            EncodingError: if a field is missing, unknown or of the wrong type.
            StatementError: if a bound is broken.
        """
        with Reader(document, "derive") as read:
            read.format(FORMAT)
            return Parameters(
                scenarios=tuple(_scenario(item) for item in read.objects("scenarios", MAX_SCENARIOS)),
                vega_power=VegaPower.from_reader(read.object("vega_power")),
                skew=Skew.from_reader(read.object("skew")),
                **{name: read.integer(name, low, high) for name, (low, high) in _BOUNDS.items()},
            )

    def to_document(self) -> dict[str, Any]:
        """Return the parameters as the JSON object of a file."""
        scenarios = [
            {"price_ppm": item.price_ppm, "direction": item.direction, "damp_ppm": item.damp_ppm}
            for item in self.scenarios
        ]
        shapes = {"vega_power": self.vega_power.to_document(), "skew": self.skew.to_document()}
        plain = {name: getattr(self, name) for name in _BOUNDS}
        return {"format": FORMAT, "scenarios": scenarios} | shapes | plain


def discount(parameters: Parameters, years: Fraction) -> tuple[int, int]:
    """Return the static discounts of values above and below zero, in ppm: down and up, against the holder."""
    drift = parameters.discount_rate_ppm / PPM * float(years)
    return floor(parameters.long_discount_ppm * exp(-drift)), ceil(parameters.short_discount_ppm * exp(drift))


def model(name: str, parameters: Parameters, market: Market) -> Model:
    """Return the model for the listings of one underlying at the marks.

    Raises:
        StatementError: if the static discounts are not convex at an expiry.
    """
    for option in market.options:
        parameters.check_convex(market.years(option.id))
    scan = [Part("scan", _scan(parameters, market))]
    if market.coins:
        rises = (Fraction(item.damp_ppm * max(0, item.price_ppm), PPM**2) for item in parameters.scenarios)
        scan.append(Part("owed-coins", owed_coins(market, max(rises))))
    tails = [Move(item.price_ppm, item.direction) for item in parameters.scenarios if item.damp_ppm < PPM]
    kept = _contingencies(parameters.naked_short_ppm, parameters.contract_ppm, market, "")
    opened = _contingencies(parameters.initial_naked_short_ppm, parameters.initial_contract_ppm, market, "initial-")
    return Model(
        name,
        parameters.version,
        maintenance=total(scaled(parameters.maintenance_ppm, total(*scan)), *kept),
        initial=total(*scan, *opened),
        stress=stresses(market, parameters.vega_power, tails),
    )


def _scan(parameters: Parameters, market: Market) -> Expression:
    series: dict[int, list[Option]] = {}
    for option in market.options:
        series.setdefault(option.expiry, []).append(option)
    found = [_scenario_loss(parameters, market, list(series.values()), item) for item in parameters.scenarios]
    if series:
        found.append(_basis(parameters, market, series.values()))
        found += [_skew_loss(parameters, market, series.values(), kind) for kind in SKEWS]
    return Largest((*found, NOTHING))


def _scenario_loss(
    parameters: Parameters, market: Market, series: Iterable[Sequence[Option]], scenario: Scenario
) -> Expression:
    straight = [*(future.id for future in market.linear), *(coin.id for coin in market.coins)]
    terms: list[Expression] = [Affine({name: ceil(market.loss(name, scenario.price_ppm)) for name in straight})]
    for options in series:
        moved_to = {
            option.id: moved(market, parameters.vega_power, option.id, scenario.direction) or Fraction(0)
            for option in options
        }
        terms.append(Largest(_discounted(parameters, market, options, scenario.price_ppm, moved_to)))
    return Sum(tuple((scenario.damp_ppm, term) for term in terms))


def _skew_loss(parameters: Parameters, market: Market, series: Iterable[Sequence[Option]], kind: str) -> Expression:
    terms = []
    for options in series:
        tilted = {
            option.id: parameters.skew.tilted(
                option, market.forward_ticks(option), market.volatilities_ppm[option.id], market.now, kind
            )
            for option in options
        }
        losses = _discounted(parameters, market, options, 0, tilted)
        terms.append(Largest((*losses, losses[0].opposite())))
    return total(*terms)


def _discounted(
    parameters: Parameters,
    market: Market,
    options: Sequence[Option],
    price_ppm: int,
    volatilities_ppm: dict[str, Fraction],
) -> tuple[Affine, Affine]:
    """Return the loss of one expiry with its value discounted as a long and as a short one: the larger is the loss."""
    long_ppm, short_ppm = discount(parameters, market.years(options[0].id))
    held, owed = {}, {}
    for option in options:
        before = market.option_value(option, 0, market.volatilities_ppm[option.id])
        after = market.option_value(option, price_ppm, volatilities_ppm[option.id])
        held[option.id], owed[option.id] = (ceil(before - after * rate / PPM) for rate in (long_ppm, short_ppm))
    return Affine(held), Affine(owed)


def _basis(parameters: Parameters, market: Market, series: Iterable[Sequence[Option]]) -> Expression:
    terms = []
    for options in series:
        weight = parameters.basis_flat_ppm + ceil(parameters.basis_yearly_ppm * market.years(options[0].id))
        losses = {
            option.id: tuple(ceil(market.loss(option.id, side * parameters.basis_move_ppm)) for side in (1, -1))
            for option in options
        }
        terms.append((weight, positive(Worst(Array(losses, 2)))))
    return Sum(tuple(terms))


def _contingencies(naked_ppm: int, contract_ppm: int, market: Market, prefix: str) -> list[Expression]:
    strikes: dict[tuple[int, int], list[Option]] = {}
    for option in market.options:
        strikes.setdefault((option.expiry, option.strike_ticks), []).append(option)
    naked = [
        positive(Affine({option.id: -ceil(market.forward_units(option.id) * naked_ppm / PPM) for option in options}))
        for options in strikes.values()
    ]
    rates = {
        name: ceil(market.forward_units(name) * contract_ppm / PPM) for name in (future.id for future in market.linear)
    }
    found: list[Expression] = [Part(f"{prefix}contracts", Sides(rates, rates))] if rates else []
    return [Part(f"{prefix}naked-shorts", total(*naked)), *found] if naked else found


def _scenario(fields: Reader) -> Scenario:
    with fields:
        return Scenario(
            fields.integer("price_ppm", 1 - PPM, MAX_MOVE_PPM),
            fields.choice("direction", *DIRECTIONS),
            fields.integer("damp_ppm", 1, PPM),
        )


_BOUNDS = {
    "version": (0, 2**32 - 1),
    "basis_move_ppm": (1, PPM - 1),
    "basis_flat_ppm": (0, 10 * PPM),
    "basis_yearly_ppm": (0, 10 * PPM),
    "naked_short_ppm": (0, PPM),
    "initial_naked_short_ppm": (0, PPM),
    "contract_ppm": (0, PPM),
    "initial_contract_ppm": (0, PPM),
    "long_discount_ppm": (1, 2 * PPM),
    "short_discount_ppm": (1, 2 * PPM),
    "discount_rate_ppm": (0, PPM),
    "maintenance_ppm": (1, PPM),
}
