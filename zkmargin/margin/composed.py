"""A venue's own model on one book: one equity against a composed requirement.

Rule
----
    For a model of the snapshot (`zkmargin.market.models`), its requirement R for the claim, its deductions H, and a
    threshold n/d:

        E = V(q) - H(q),       holds  iff  E >= n/d * R(q)

    V as in `zkmargin.market.snapshot`: collateral held counts after its haircut, collateral owed without. In a box of
    width w every price p moves freely in ``[floor(p (1 - w)), ceil(p (1 + w))]``; V, H and R are each taken at their
    worst in it, leaf by leaf. That is never less than the worst of the whole, and more by at most twice the tier's rate
    on what the prices move (`cross` computes the exact worst).

Units
-----
    settlement units; everything is scaled by the least common denominator of t R and H.

Rounding
--------
    As the expressions round; the haircut value of collateral down; the ends of the box outwards.

Bounds
------
    A book may hold what the requirement mentions, cash and collateral. In a box it may hold no option.

Worked example
--------------
    >>> from zkmargin.market.expressions import Part, Size, Tiers, scaled
    >>> from zkmargin.market.forms import NOTIONAL, Affine
    >>> from zkmargin.market.models import Model
    >>> from zkmargin.market.parameters import TierTable
    >>> from zkmargin.market.instruments import Linear
    >>> from zkmargin.market.snapshot import Listing
    >>> tiers = Part("tiers", Tiers(Size(Affine({"PERP": 1_000_000}, measure=NOTIONAL)), TierTable.flat(5_000)))
    >>> house = Model("house", 1, maintenance=tiers, initial=scaled(2_000_000, tiers))
    >>> listings = (Listing(Linear("PERP", 1), 50_000), Listing(Cash("USD")))
    >>> snapshot = Snapshot("demo", 1, 0, listings, models=(house,))
    >>> outcome = assess(snapshot, Claim("initial", "house"), Book({"USD": -99_000, "PERP": 2}))
    >>> outcome.equity_units, outcome.requirement_units, outcome.surplus_units, outcome.parts
    (1000, 1000, 0, (('tiers', 500),))
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import lcm

from zkmargin.amounts import bounded, ceil_div
from zkmargin.errors import StatementError
from zkmargin.margin import expressions
from zkmargin.margin.assessment import Assessment
from zkmargin.margin.claim import Claim
from zkmargin.margin.cross import MAX_COEFFICIENT, box
from zkmargin.margin.portfolio import Book
from zkmargin.market.expressions import Part, walk
from zkmargin.market.forms import Bent, Expression, Marks
from zkmargin.market.instruments import Cash, Collateral, Option
from zkmargin.market.models import Model
from zkmargin.market.snapshot import Listing, Snapshot


@dataclass(frozen=True, slots=True)
class Rule:
    """A claim of a composed model over a basis: ``equity + sum multiplier * expression <= 0`` at one scale.

    Attributes:
        terms: Pairs of a multiplier and an expression: the requirement with the threshold, and the deductions.
        equity: Minus the value of the book, at the scale.
        scale: The positive integer by which everything is scaled.
        marks: What the expressions need of the market.
        capacity_bits: The model's.
    """

    terms: tuple[tuple[int, Expression], ...]
    equity: Bent
    scale: int
    marks: Marks
    capacity_bits: int


def rule(snapshot: Snapshot, claim: Claim, basis: Sequence[str]) -> Rule:
    """Return what the claim says about a book over `basis`.

    Raises:
        StatementError: if the snapshot has no such model or requirement, an id is not listed or the requirement does
            not mention it, or a bound is broken.
    """
    model = snapshot.parameters(claim.model)
    if not isinstance(model, Model):
        raise StatementError(f"claim model must be a composed one, got {claim.model}")
    requirement = model.requirement(claim.kind, claim.stress)
    listings = [snapshot.listing(name) for name in basis]
    mentioned = charged(requirement)
    for item in listings:
        if item.id not in mentioned and not isinstance(item.instrument, Cash | Collateral):
            raise StatementError(f"the {claim.kind} requirement of model {claim.model} has no charge for {item.id}")
    factor = Fraction(claim.threshold.numerator, claim.threshold.denominator * requirement.scale)
    scale = bounded("scale", lcm(factor.denominator, model.deductions.scale), 1, MAX_COEFFICIENT)
    terms = ((int(factor * scale), requirement), (scale // model.deductions.scale, model.deductions))
    for multiplier, _ in terms:
        bounded("multiplier of the requirement", multiplier, 0, MAX_COEFFICIENT)
    return Rule(terms, _equity(listings, claim, scale), scale, _marks(listings, claim), model.capacity_bits)


def charged(requirement: Expression) -> frozenset[str]:
    """Return the ids that a requirement mentions."""
    return frozenset[str]().union(*(node.names for node in walk(requirement)))


def assess(snapshot: Snapshot, claim: Claim, book: Book) -> Assessment:
    """Return whether the book meets the claim, and by how much.

    Raises:
        StatementError: as `rule`, for the entries of the book.
    """
    stated = rule(snapshot, claim, list(book.quantities))
    lots = book.quantities
    required, deducted = (multiplier * expressions.value(of, stated.marks, lots) for multiplier, of in stated.terms)
    named = {node.name: node for node in walk(stated.terms[0][1]) if isinstance(node, Part)}
    parts = {name: (expressions.value(part, stated.marks, lots), part.scale) for name, part in sorted(named.items())}
    worth_units = sum(snapshot.listing(name).worth_units(count) for name, count in lots.items())
    return Assessment(
        slack_scaled=-(required + deducted + stated.equity.at(lots)),
        scale=stated.scale,
        equity_units=worth_units - ceil_div(deducted, stated.scale),
        parts=tuple((name, ceil_div(*pair)) for name, pair in parts.items()),
        worst=max(parts, key=lambda name: Fraction(*parts[name]), default=""),
    )


def _equity(listings: Sequence[Listing], claim: Claim, scale: int) -> Bent:
    """Return minus the least value of a book within the box, scaled; what is held falls, what is owed rises."""
    per_lot, per_short_lot = {}, {}
    for item in listings:
        if claim.width_ppm and isinstance(item.instrument, Option):
            raise StatementError(f"a box claim cannot hold {item.id}: the value of an option is known at its mark only")
        low, high = _ends(item, claim)
        held, owed = item.value_at(low), item.owed_at(high)
        bounded(f"value of {item.id} at the scale", scale * max(abs(held), abs(owed)), 0, MAX_COEFFICIENT)
        per_lot[item.id], per_short_lot[item.id] = -scale * held, scale * (owed - held)
    return Bent(tuple(per_lot.items()), tuple((name, extra) for name, extra in per_short_lot.items() if extra), 0)


def _marks(listings: Sequence[Listing], claim: Claim) -> Marks:
    notionals, spreads = {}, {}
    for item in listings:
        low, high = (item.notional_at(price) for price in _ends(item, claim))
        notionals[item.id] = item.notional_units
        spreads[item.id] = max(abs(high - item.notional_units), abs(item.notional_units - low))
    return Marks(notionals, spreads)


def _ends(item: Listing, claim: Claim) -> tuple[int, int]:
    """Return the lowest and the highest price that the claim asks about; cash has one price."""
    return box(item.mark_ticks, 0 if isinstance(item.instrument, Cash) else claim.width_ppm)
