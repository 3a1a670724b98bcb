"""What a clearing house charges around SPAN's scan: calendar spreads, delivery, credits between commodities.

Rule
----
    commodity   max( short minimum,  scan + calendar + delivery )        scan and short minimum: `families.scan`
    calendar    c * min( sum of long month deltas, sum of short month deltas )
              = c/2 * ( sum_t |d_t| - |sum_t d_t| )                      d_t: the net delta of month t
    futures     a |sum_t d_t| + calendar = (a - c/2) |sum_t d_t| + c/2 sum_t |d_t|
    delivery    sum_i units_i |q_i|                                      contracts in their delivery month
    paired      the least over all ways to form spreads of   sum_i outright_i |rest_i| + sum_s charge_s y_s
                charge_s = outright charges of its legs - credit_s

`calendar` beside a scan of options has a falling piece, ``-c/2 |sum d|``, which is the smaller of two linear ones: the
holder chooses the sign in secret, and a wrong one costs more. `futures` needs no choice, but bends upwards exactly if
``c <= 2 a``; otherwise it is refused. A credit is a fixed amount for a spread. SPAN's own credit is a share of a scan
divided by a delta, a ratio of secrets; see docs/decisions/0015-span-credits.md.

Units
-----
    settlement units; deltas as the notional, in units, that a lot moves like (`deltas`); a and c in ppm of it.

Rounding
--------
    Deltas to the unit below. Nothing else rounds.

Bounds
------
    0 <= c <= 2 a in `futures`. A credit is at most the charges of its legs, and at most twice the charge of each: above
    that, a single leg would get cheaper by a spread whose other legs are borrowed and charged. Spreads that share a leg
    make a third one through it, at the sum of their charges. Risk arrays and deltas belong to one epoch.

Worked example
--------------
    Long three March, short two June, each moving like 100 units; 10 % outright and 2 % of a matched pair: 10 and 4.

    >>> from zkmargin.margin.expressions import value
    >>> from zkmargin.market.forms import Marks
    >>> rule = futures("btc", {"march": {"MAR": 100}, "june": {"JUN": 100}}, 100_000, 20_000)
    >>> value(rule, Marks({"MAR": 100, "JUN": 100}, {}), {"MAR": 3, "JUN": -2}) // rule.scale
    14

Source
------
    CME Group, "Components of SPAN", and the risk disclosures of ASX and NSE, which print the same formula.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from zkmargin.amounts import PPM, bounded
from zkmargin.errors import StatementError
from zkmargin.margin.families import scan
from zkmargin.margin.families.scan import Losses
from zkmargin.market.expressions import (
    MAX_WEIGHT_PPM,
    Cheapest,
    Largest,
    Pairing,
    Part,
    Size,
    Strategy,
    Sum,
    scaled,
    total,
)
from zkmargin.market.forms import Affine, Expression, Sides
from zkmargin.market.parameters import MAX_LOSS_UNITS
from zkmargin.market.scenarios import Scenario

Months = Mapping[str, Mapping[str, int]]
HALF_PPM = PPM // 2
ONE_PERCENT = (Scenario("up", 10_000, 0), Scenario("down", -10_000, 0))


@dataclass(frozen=True, slots=True)
class Commodity:
    """What a clearing house publishes for one combined commodity.

    Args:
        losses: The risk array: by id, the loss of a long lot in every scenario.
        short_minimum_units: Least charge of a short lot of an option, by id.
        months: By month, the delta of a lot of every id that expires in it; empty for no calendar charge.
        calendar_ppm: Charge of matched deltas of different months.
        delivery_units: Charge of a lot, long or short, of what is in its delivery month, by id.
    """

    losses: Losses
    short_minimum_units: Mapping[str, int] = field(default_factory=dict)
    months: Months = field(default_factory=dict)
    calendar_ppm: int = 0
    delivery_units: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Spread:
    """Legs that offset one another, and the fixed amount by which they are charged less than apart."""

    name: str
    legs: Mapping[str, int]
    credit_units: int


def deltas(one_percent: Mapping[str, Sequence[int]]) -> dict[str, int]:
    """Return the notional that a long lot moves like, from its losses in the scenarios `ONE_PERCENT`.

    Example:
        >>> deltas({"FUTURE": (-100, 100), "CALL": (-55, 46)})
        {'FUTURE': 10000, 'CALL': 5050}
    """
    return {name: (down - up) * PPM // (2 * ONE_PERCENT[0].price_ppm) for name, (up, down) in one_percent.items()}


def requirement(commodities: Mapping[str, Commodity]) -> Expression:
    """Return the sum over commodities of the larger of short minimum, and scan with calendar and delivery charges."""
    return total(*(_commodity(name, each) for name, each in sorted(commodities.items())))


def calendar(name: str, months: Months, calendar_ppm: int) -> Part:
    """Return the charge of deltas that are matched between months, for futures and options alike."""
    net, sizes = _net(months), [Size(Affine(month)) for month in months.values()]
    rate_ppm = bounded("calendar_ppm", calendar_ppm, 0, MAX_WEIGHT_PPM)
    sides = (Sum(tuple((rate_ppm, term) for term in (*sizes, side))) for side in (net, net.opposite()))
    return Part(f"calendar/{name}", scaled(HALF_PPM, Cheapest(tuple(sides))))


def futures(name: str, months: Months, outright_ppm: int, calendar_ppm: int) -> Part:
    """Return outright and calendar charges of futures, without a scan and without a hidden choice.

    Raises:
        StatementError: if the calendar charge is more than twice the outright charge, or an id is in two months.
    """
    bounded("outright_ppm", outright_ppm, 0, MAX_WEIGHT_PPM // 2)
    if calendar_ppm > 2 * outright_ppm:
        raise StatementError(
            f"calendar_ppm of {name} must be at most twice outright_ppm, {2 * outright_ppm}, got {calendar_ppm}: a "
            "pair would cost more than its legs, and the charge would bend downwards"
        )
    bounded("calendar_ppm", calendar_ppm, 0, MAX_WEIGHT_PPM)
    months_sizes = [(calendar_ppm, Size(Affine(month))) for month in months.values()]
    twice = Sum(((2 * outright_ppm - calendar_ppm, Size(_net(months))), *months_sizes))
    return Part(f"futures/{name}", scaled(HALF_PPM, twice))


def delivery(name: str, units: Mapping[str, int]) -> Part:
    """Return the charge of positions in their delivery month, long or short."""
    for contract, charge_units in units.items():
        bounded(f"delivery charge of {contract}", charge_units, 0, MAX_LOSS_UNITS)
    return Part(f"delivery/{name}", Sides(units, units))


def paired(name: str, outright_units: Mapping[str, int], spreads: Iterable[Spread]) -> Part:
    """Return outright charges less the credits of spreads, between months or between commodities.

    Args:
        name: What the desk calls the group.
        outright_units: Charge of a lot, long or short, by id.
        spreads: The spreads that earn a credit. A spread and its mirror image are two.

    Raises:
        StatementError: if a credit is negative, larger than the charges that it offsets or than twice those of a leg,
            or if a leg has no charge.
    """
    formed = tuple(_formed(spread, outright_units) for spread in spreads)
    return Part(f"paired/{name}", Pairing(outright_units, outright_units, formed))


def _commodity(name: str, each: Commodity) -> Expression:
    charges: list[Expression] = [scan.scan(name, each.losses)]
    if each.calendar_ppm:
        charges.append(calendar(name, each.months, each.calendar_ppm))
    if each.delivery_units:
        charges.append(delivery(name, each.delivery_units))
    if not each.short_minimum_units:
        return total(*charges)
    return Largest((total(*charges), scan.short_minimum(name, each.short_minimum_units)))


def _formed(spread: Spread, outright_units: Mapping[str, int]) -> Strategy:
    for leg in sorted(spread.legs.keys() - outright_units.keys()):
        raise StatementError(f"{leg} of spread {spread.name} must have an outright charge")
    charges = [abs(lots) * outright_units[leg] for leg, lots in spread.legs.items()]
    most, why = min((sum(charges), "all that it offsets"), (2 * min(charges, default=0), "twice its smallest leg"))
    if not 0 <= spread.credit_units <= most:
        raise StatementError(f"credit of {spread.name} must be between 0 and {most}, {why}, got {spread.credit_units}")
    return Strategy(spread.name, spread.legs, sum(charges) - spread.credit_units)


def _net(months: Months) -> Affine:
    net: dict[str, int] = {}
    for name, delta in (item for month in months.values() for item in month.items()):
        if name in net:
            raise StatementError(f"{name} must be in one month")
        net[name] = delta
    return Affine(net)
