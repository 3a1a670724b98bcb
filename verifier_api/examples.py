"""A question that can be asked as it stands: one perpetual, one account, one maintenance claim.

Made when the OpenAPI document is first asked for, never at import. Its book is no secret, so its randomness is none
either: the example is the same on every machine.
"""

from __future__ import annotations

import hashlib
from functools import cache
from typing import Any

from circuits import claims, evidence, registration
from circuits.evidence import Evidence
from zkmargin.commitments import Opening
from zkmargin.margin.claim import Claim
from zkmargin.market.instruments import Cash, Linear
from zkmargin.market.parameters import CrossParameters, Tier, TierTable
from zkmargin.market.snapshot import Listing, Snapshot

CLAIM = Claim("maintenance", "cross")


@cache
def market() -> Snapshot:
    """Return a market with one perpetual in ticks of 0.01 USD and lots of 0.001 BTC; a unit is 10^-6 USD."""
    maintenance = TierTable((Tier(0, 5_000), Tier(1_000_000_000_000, 10_000)))
    initial = TierTable((Tier(0, 10_000), Tier(1_000_000_000_000, 20_000)))
    return Snapshot(
        venue="example",
        epoch=1,
        valid_from=1_767_225_600,
        listings=(Listing(Linear("BTC-PERP", 10), 9_000_000, funding_ticks=500), Listing(Cash("USD"))),
        cross=CrossParameters(1, {"BTC-PERP": maintenance}, {"BTC-PERP": initial}),
    )
