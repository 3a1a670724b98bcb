"""From a claim to the rule that decides it."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from zkmargin.margin import composed, cross, scenario
from zkmargin.margin.assessment import Assessment
from zkmargin.margin.claim import Claim
from zkmargin.margin.portfolio import Book
from zkmargin.market.instruments import Cash, Collateral
from zkmargin.market.parameters import CrossParameters, ScenarioParameters
from zkmargin.market.snapshot import Snapshot

_RULES: Mapping[str, Callable[[Snapshot, Claim, Book], Assessment]] = {
    "cross": cross.assess,
    "scenario": scenario.assess,
}


def assess(snapshot: Snapshot, claim: Claim, book: Book) -> Assessment:
    """Return what the claim's model says about the book.

    Raises:
        StatementError: if the snapshot has no parameters for the model, or the model no rule for an entry of the book.
    """
    return _RULES.get(claim.model, composed.assess)(snapshot, claim, book)


def held(snapshot: Snapshot, model: str) -> tuple[str, ...]:
    """Return the ids that a book may hold under a model of the snapshot, in code-point order.

    Raises:
        StatementError: if the snapshot has no such model.
    """
    parameters = snapshot.parameters(model)
    if isinstance(parameters, ScenarioParameters):
        return tuple(item.id for item in snapshot.listings)
    if isinstance(parameters, CrossParameters):
        charged = frozenset(parameters.maintenance)
    else:
        named = (composed.charged(parameters.requirement(kind)) for kind in ("maintenance", "initial"))
        charged = frozenset.intersection(*named)
    free = (Cash, Collateral)
    return tuple(item.id for item in snapshot.listings if item.id in charged or isinstance(item.instrument, free))
