"""Cross margin: one equity against the sum of tiered requirements of all linear contracts.

Rule
----
    For a book of cash c and quantities q, a snapshot with marks p, and a threshold n/d:

        E    = c + sum_i V_i(p_i, q_i)                 V = q * value for linear,  min(q * held, q * owed) for collateral
        MM_i = max_k ( |q_i| * notional_i(p_i) * rate_k - cum_k )
        holds  iff  10^6 * d * E >= n * sum_i MM_i

    With initial tiers in place of maintenance tiers it is the initial claim. A box of width w asks the same at every
    integer price in ``[floor(p (1 - w)), ceil(p (1 + w))]``, all prices moving freely:

        holds  iff  10^6 * d * c >= sum_i max_{x in box of i} ( n * MM_i(x, q_i) - 10^6 * d * V_i(x, q_i) )

    The two ends of the box suffice. For a linear contract V is linear and MM convex in the price, so the bracket is
    convex, and a convex function on an interval is largest at an end. For collateral both values rise with the price,
    so the bracket is largest at the low end when the asset is held and at the high end when it is owed.

    Every bracket is therefore the largest of finitely many `Piece`s, affine in q and |q|; `charges` publishes them,
    `assess` evaluates them, and the circuit constrains them. An option has no tiers: a cross book cannot hold one.

Units
-----
    settlement units; everything is scaled by 10^6 * d, the denominators of the rates and of the threshold.

Rounding
--------
    Only the haircut value of collateral, down (see `zkmargin.market.snapshot`), and the ends of the box, outwards.

Bounds
------
    |coefficient of q or |q|| < 2^96 and |constant| < 2^160 at the claim's scale, otherwise the claim is refused.

Worked example
--------------
    Long 2 lots at a mark of 50,000 ticks of one unit, margined at 0.4 % up to 50,000 units and at 0.5 % above:
    100,000 * 0.5 % - 50 = 450 units, against an equity of -99,000 + 2 * 50,000 = 1,000 units.

        >>> from zkmargin.market.instruments import Cash, Linear
        >>> from zkmargin.market.parameters import CrossParameters, Tier, TierTable
        >>> from zkmargin.market.snapshot import Listing
        >>> tiers = {"BTC-PERP": TierTable((Tier(0, 4_000), Tier(50_000, 5_000)))}
        >>> listings = (Listing(Linear("BTC-PERP", 1), 50_000), Listing(Cash("USD")))
        >>> snapshot = Snapshot("demo", 1, 0, listings, cross=CrossParameters(1, tiers, tiers))
        >>> outcome = assess(snapshot, Claim("maintenance", "cross"), Book({"USD": -99_000, "BTC-PERP": 2}))
        >>> outcome.equity_units, outcome.requirement_units, outcome.surplus_units
        (1000, 450, 550)
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from zkmargin.amounts import COEFFICIENT_BITS, PPM, QUANTITY_BITS, bounded, ceil_div
from zkmargin.errors import StatementError
from zkmargin.margin.assessment import Assessment
from zkmargin.margin.claim import Claim
from zkmargin.margin.portfolio import Book
from zkmargin.market.instruments import Cash, Collateral, Linear
from zkmargin.market.parameters import CrossParameters, TierTable
from zkmargin.market.snapshot import Listing, Snapshot

MAX_COEFFICIENT = 2**COEFFICIENT_BITS - 1
MAX_CONSTANT = 2 ** (COEFFICIENT_BITS + QUANTITY_BITS) - 1


@dataclass(frozen=True, slots=True)
class Piece:
    """One affine piece of what an instrument takes from the slack: ``per_lot*q + per_absolute_lot*|q| + constant``."""

    per_lot: int
    per_absolute_lot: int = 0
    constant: int = 0

    def __post_init__(self) -> None:
        bounded("charge per lot", self.per_lot, -MAX_COEFFICIENT, MAX_COEFFICIENT)
        bounded("charge per absolute lot", self.per_absolute_lot, 0, MAX_COEFFICIENT)
        bounded("constant of a charge", self.constant, -MAX_CONSTANT, 0)

    def at(self, quantity_lots: int) -> int:
        """Return the value of the piece at a quantity."""
        return self.per_lot * quantity_lots + self.per_absolute_lot * abs(quantity_lots) + self.constant


def scale(claim: Claim) -> int:
    """Return the positive integer by which the claim's slack is scaled: 10^6 times the threshold's denominator."""
    return bounded("scale", PPM * claim.threshold.denominator, 1, MAX_COEFFICIENT)


def box(mark_ticks: int, width_ppm: int) -> tuple[int, int]:
    """Return the lowest and the highest integer price of the box, rounded outwards; both are the mark at width 0.

    Example:
        >>> box(101, 50_000)
        (95, 107)
    """
    return mark_ticks * (PPM - width_ppm) // PPM, ceil_div(mark_ticks * (PPM + width_ppm), PPM)


def charges(snapshot: Snapshot, claim: Claim, basis: Sequence[str] | None = None) -> dict[str, tuple[Piece, ...]]:
    """Return the pieces of every instrument except cash, by id.

    They say ``slack_scaled = scale * cash - sum_i max_j piece_ij(q_i)``.

    Args:
        snapshot: The market; it must have cross parameters.
        claim: A claim of the cross model.
        basis: Ids of the instruments; by default all cash, collateral and linear instruments of the snapshot.

    Raises:
        StatementError: if the model does not fit, an instrument is not listed or is an option, or a bound is broken.
    """
    if basis is None:
        kinds = (Cash, Collateral, Linear)
        basis = [listing.id for listing in snapshot.listings if isinstance(listing.instrument, kinds)]
    tables = _tables(snapshot, claim)
    listings = [snapshot.listing(name) for name in basis]
    return {item.id: _pieces(item, claim, tables) for item in listings if not isinstance(item.instrument, Cash)}


def assess(snapshot: Snapshot, claim: Claim, book: Book) -> Assessment:
    """Return whether the book meets the claim, and by how much.

    Raises:
        StatementError: as `charges`, for the entries of the book.
    """
    unit = scale(claim)
    lots = book.quantities
    pieces_of = charges(snapshot, claim, list(lots))
    taken = {name: max(piece.at(lots[name]) for piece in pieces) for name, pieces in pieces_of.items()}
    cash_units = sum(lots[name] for name in lots if name not in pieces_of)
    worth = {name: snapshot.listing(name).worth_units(lots[name]) for name in pieces_of}
    return Assessment.of(
        slack_scaled=unit * cash_units - sum(taken.values()),
        scale=unit,
        equity_units=cash_units + sum(worth.values()),
        requirements_scaled={name: taken[name] + unit * worth[name] for name in taken},
    )


def _tables(snapshot: Snapshot, claim: Claim) -> Mapping[str, TierTable]:
    parameters = snapshot.parameters(claim.model)
    if not isinstance(parameters, CrossParameters):
        raise StatementError(f"claim model must be {CrossParameters.model}, got {claim.model}")
    return parameters.initial if claim.kind == "initial" else parameters.maintenance


def _pieces(listing: Listing, claim: Claim, tables: Mapping[str, TierTable]) -> tuple[Piece, ...]:
    unit, factor = scale(claim), claim.threshold.numerator
    low, high = box(listing.mark_ticks, claim.width_ppm)
    if isinstance(listing.instrument, Collateral):
        held, owed = listing.value_at(low), listing.owed_at(high)
        return tuple(Piece(-unit * value) for value in sorted({held, owed}))
    if not isinstance(listing.instrument, Linear):
        raise StatementError(
            f"a cross book cannot hold {listing.id}: of kind {listing.instrument.kind}, which has no tiers"
        )
    table = tables[listing.id]
    return tuple(
        Piece(
            per_lot=-unit * listing.value_at(price),
            per_absolute_lot=factor * listing.notional_at(price) * tier.rate_ppm,
            constant=-factor * cum,
        )
        for price in sorted({low, high})
        for tier, cum in zip(table.tiers, table.cum_scaled, strict=True)
    )
