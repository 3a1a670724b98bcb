"""From a claim to the rule that decides it."""

from __future__ import annotations

from zkmargin.margin import cross, scenario
from zkmargin.margin.assessment import Assessment
from zkmargin.margin.claim import Claim
from zkmargin.margin.portfolio import Book
from zkmargin.market.parameters import CrossParameters
from zkmargin.market.snapshot import Snapshot


def assess(snapshot: Snapshot, claim: Claim, book: Book) -> Assessment:
    """Return what the claim's model says about the book.

    Raises:
        StatementError: if the snapshot has no parameters for the model, or the model no rule for an entry of the book.
    """
    rule = cross.assess if claim.model == CrossParameters.model else scenario.assess
    return rule(snapshot, claim, book)
