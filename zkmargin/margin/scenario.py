"""Scenario margin: one equity against the worst loss over a published risk array.

Rule
----
    For a book of quantities q, published losses A[k][i] of one long lot of i in scenario k, and a threshold n/d:

        E      = sum_i V_i(q_i)                       V = q * value,  for collateral min(q * held, q * owed)
        short  = sum_i minimum_i * max(0, -q_i)       over options
        owed   = sum_i rise_i * max(0, -q_i)          over collateral with a haircut
        R      = max( 0, short, max_k sum_i A[k][i] q_i ) + owed
        holds  iff  E >= t * R        t = n/d for maintenance,  n/d * initial_ppm/10^6 for initial, in lowest terms N/D

    A stress claim names one scenario and asks for R = max(0, its loss) + owed.

    R is a maximum, so the claim is a conjunction: D E - N R_k >= 0 for every k. With collateral written at its haircut
    value each of them is linear in q and in the lots owed, a `Row`:

        slack_k = sum_i coefficient_ki * q_i - sum_i per_short_lot_ki * max(0, -q_i)

    `rows` publishes these integers, `assess` evaluates them, and the circuit constrains them. There is a row for each
    scenario and one for `short`, called "short minimum", or, if no option of the basis has a minimum, one for the 0 in
    R, called "equity only". Equal rows are listed once, under the first name: without options the volatility does not
    matter, and a scenario that moves nothing is "equity only". (No scenario has a space in its name.)

Owed collateral
---------------
    The risk array knows collateral at its haircut value. A lot that is owed loses the haircut's share of a rise as
    well: with ``gain = max_k max(0, -A[k][i])``, the largest published gain of a held lot,

        rise = ceil( gain * haircut / (10^6 - haircut) )

Units
-----
    settlement units; everything is scaled by D.

Rounding
--------
    Losses are published rounded up for one long lot (`zkmargin.market.pricing`); `rise` rounds up. Nothing else rounds.

Bounds
------
    |coefficient| < 2^96 at the claim's scale, otherwise the claim is refused.

Worked example
--------------
    Short 3 lots worth 100 units each; one long lot gains 15 units in scenario "up" and loses 15 in "down".
    E = 700 - 300 = 400; the worst scenario is "up": R = 3 * 15 = 45; t = 11/10 requires 49.5.

        >>> from zkmargin.amounts import Ratio
        >>> from zkmargin.market.instruments import Cash, Linear
        >>> from zkmargin.market.scenarios import Scenario
        >>> from zkmargin.market.snapshot import Listing
        >>> moves = (Scenario("up", 150_000, 0), Scenario("down", -150_000, 0))
        >>> arrays = ScenarioParameters(1, moves, {"BTC-PERP": (-15, 15)}, {})
        >>> listings = (Listing(Linear("BTC-PERP", 1), 100), Listing(Cash("USD")))
        >>> snapshot = Snapshot("demo", 1, 0, listings, scenario=arrays)
        >>> claim = Claim("maintenance", "scenario", Ratio(11, 10))
        >>> outcome = assess(snapshot, claim, Book({"USD": 700, "BTC-PERP": -3}))
        >>> outcome.equity_units, outcome.requirement_units, outcome.surplus_units, outcome.worst
        (400, 50, 350, 'up')
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

from zkmargin.amounts import COEFFICIENT_BITS, PPM, bounded, ceil_div
from zkmargin.errors import StatementError
from zkmargin.margin.assessment import Assessment
from zkmargin.margin.claim import Claim
from zkmargin.margin.portfolio import Book
from zkmargin.market.instruments import Collateral, Inverse, Order
from zkmargin.market.parameters import ScenarioParameters
from zkmargin.market.scenarios import Scenario
from zkmargin.market.snapshot import Listing, Snapshot

MAX_COEFFICIENT = 2**COEFFICIENT_BITS - 1


@dataclass(frozen=True, slots=True)
class Row:
    """One inequality of the claim, aligned with a basis: its slack at the claim's scale must be at least zero."""

    name: str
    coefficients: tuple[int, ...]
    per_short_lot: tuple[int, ...]

    def __post_init__(self) -> None:
        for coefficient in self.coefficients:
            bounded(f"coefficient of row {self.name}", coefficient, -MAX_COEFFICIENT, MAX_COEFFICIENT)
        for charge in self.per_short_lot:
            bounded(f"short charge of row {self.name}", charge, 0, MAX_COEFFICIENT)

    def at(self, quantities: Sequence[int]) -> int:
        """Return the slack of the row at the quantities of its basis."""
        pairs = zip(quantities, self.coefficients, self.per_short_lot, strict=True)
        return sum(lots * value - max(0, -lots) * charge for lots, value, charge in pairs)


def scale(snapshot: Snapshot, claim: Claim) -> int:
    """Return the positive integer D by which the claim's slack is scaled."""
    return _factor(_parameters(snapshot, claim), claim).denominator


def rows(snapshot: Snapshot, claim: Claim, basis: Sequence[str]) -> tuple[Row, ...]:
    """Return the inequalities whose conjunction is the claim, over the instruments of `basis`, in their order.

    Raises:
        StatementError: if the model does not fit, an instrument is not listed, or a bound is broken.
    """
    arrays = _parameters(snapshot, claim)
    factor = _factor(arrays, claim)
    listings = [snapshot.listing(name) for name in basis]
    for item in listings:
        if isinstance(item.instrument, Inverse | Order):
            raise StatementError(f"a scenario book cannot hold {item.id}: it has no losses, use a composed model")
    values = [factor.denominator * listing.value_units for listing in listings]
    nothing = (0,) * len(arrays.scenarios)
    losses = [arrays.losses.get(name, nothing) for name in basis]
    charged = dict(charges(snapshot, claim, basis))
    owed = tuple(charged.get(name, 0) for name in basis)
    found = []
    for index, scenario in _asked(arrays, claim):
        pairs = zip(values, losses, strict=True)
        found.append(Row(scenario.name, tuple(value - factor.numerator * loss[index] for value, loss in pairs), owed))
    minimums = dict(short_minimums(snapshot, claim, basis))
    floor = tuple(charge + minimums.get(name, 0) for name, charge in zip(basis, owed, strict=True))
    found.append(Row("short minimum" if minimums else "equity only", tuple(values), floor))
    distinct: dict[tuple[tuple[int, ...], tuple[int, ...]], Row] = {}
    for row in found:
        distinct.setdefault((row.coefficients, row.per_short_lot), row)
    return tuple(distinct.values())


def charges(snapshot: Snapshot, claim: Claim, basis: Sequence[str]) -> tuple[tuple[str, int], ...]:
    """Return what one owed lot of each collateral with a haircut takes from EVERY row, at the claim's scale."""
    arrays = _parameters(snapshot, claim)
    factor = _factor(arrays, claim)
    listings = [snapshot.listing(name) for name in basis]
    return tuple(
        (item.id, factor.denominator * (item.owed_units - item.value_units) + factor.numerator * _rise(item, arrays))
        for item in listings
        if isinstance(item.instrument, Collateral) and item.haircut_ppm > 0
    )


def short_minimums(snapshot: Snapshot, claim: Claim, basis: Sequence[str]) -> tuple[tuple[str, int], ...]:
    """Return what one short lot of an option takes from the row "short minimum", at the claim's scale, by option id."""
    arrays = _parameters(snapshot, claim)
    if claim.kind == "stress":
        return ()
    factor = _factor(arrays, claim).numerator
    minimums = ((name, factor * arrays.short_minimum_units.get(name, 0)) for name in basis)
    return tuple((name, minimum) for name, minimum in minimums if minimum > 0)


def assess(snapshot: Snapshot, claim: Claim, book: Book) -> Assessment:
    """Return whether the book meets the claim, and by how much.

    Raises:
        StatementError: as `rows`, for the entries of the book.
    """
    basis = list(book.quantities)
    quantities = list(book.quantities.values())
    slacks = {row.name: row.at(quantities) for row in rows(snapshot, claim, basis)}
    equity_units = sum(snapshot.listing(name).worth_units(lots) for name, lots in book.quantities.items())
    unit = scale(snapshot, claim)
    requirements = {name: unit * equity_units - slack for name, slack in slacks.items()}
    return Assessment.of(min(slacks.values()), unit, equity_units, requirements)


def _parameters(snapshot: Snapshot, claim: Claim) -> ScenarioParameters:
    parameters = snapshot.parameters(claim.model)
    if not isinstance(parameters, ScenarioParameters):
        raise StatementError(f"claim model must be {ScenarioParameters.model}, got {claim.model}")
    return parameters


def _asked(arrays: ScenarioParameters, claim: Claim) -> list[tuple[int, Scenario]]:
    """Return the scenarios that the claim is about, with their places in the risk array."""
    found = [pair for pair in enumerate(arrays.scenarios) if claim.kind != "stress" or pair[1].name == claim.stress]
    if not found:
        raise StatementError(f"stress of the claim must be a scenario of the model, got {claim.stress}")
    return found


def _factor(arrays: ScenarioParameters, claim: Claim) -> Fraction:
    threshold = Fraction(claim.threshold.numerator, claim.threshold.denominator)
    return threshold * Fraction(arrays.initial_ppm, PPM) if claim.kind == "initial" else threshold


def _rise(listing: Listing, arrays: ScenarioParameters) -> int:
    gain = max(0, *(-loss for loss in arrays.losses[listing.id]))
    return ceil_div(gain * listing.haircut_ppm, PPM - listing.haircut_ppm)
