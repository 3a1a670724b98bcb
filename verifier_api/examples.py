"""A question that can be asked as it stands, and its two answers: one perpetual, one account, one maintenance claim.

Made when the OpenAPI document is first asked for, never at import: it holds real proofs, so that no change of the
protocol leaves it behind. Each process makes its own.
"""

from __future__ import annotations

from functools import cache
from typing import Any

from circuits import evidence, registration
from verifier_api import schemas
from verifier_api.service import verification
from zkmargin import documents
from zkmargin.commitments import Opening
from zkmargin.margin.claim import Claim
from zkmargin.market.instruments import Cash, Linear
from zkmargin.market.parameters import CrossParameters, Tier, TierTable
from zkmargin.market.snapshot import Listing, Snapshot


@cache
def market() -> Snapshot:
    """Return a market with one perpetual, in ticks of 0.01 USD and lots of 0.001 BTC; a unit is 10^-6 USD."""
    maintenance = TierTable((Tier(0, 5_000), Tier(1_000_000_000_000, 10_000)))
    initial = TierTable((Tier(0, 10_000), Tier(1_000_000_000_000, 20_000)))
    return Snapshot(
        venue="example",
        epoch=1,
        valid_from=1_767_225_600,
        listings=(Listing(Linear("BTC-PERP", 10), 9_000_000, funding_ticks=500), Listing(Cash("USD"))),
        cross=CrossParameters(1, {"BTC-PERP": maintenance}, {"BTC-PERP": initial}),
    )


@cache
def question() -> dict[str, Any]:
    """Return the question of an account that is short three lots against 1,000 USD and proves what is asked of it."""
    book = Opening.fresh({"BTC-PERP": -3, "USD": 1_000_000_000})
    registered = registration.register(market().venue, "alice", book)
    claim = Claim("maintenance", "cross")
    proved = evidence.prove(market(), claim, registered.account, book)
    return {
        "snapshot": market().to_document(),
        "account": registered.to_document(),
        "proof": proved.to_document(),
        "claim": claim.to_document(),
    }


@cache
def answers() -> dict[str, dict[str, Any]]:
    """Return what the service answers to the question, and to the same question with one bit of the proof flipped."""
    asked = question()
    proof = asked["proof"]
    changed = proof["proof"][:-1] + format(int(proof["proof"][-1], 16) ^ 1, "x")
    asked_by_name = {"accepted": asked, "rejected": asked | {"proof": proof | {"proof": changed}}}
    return {
        name: schemas.answer(verification.answer(documents.canonical(asked))).model_dump()
        for name, asked in asked_by_name.items()
    }
