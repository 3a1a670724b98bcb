"""Reference workloads for benchmarks: deterministic markets and books of stated size.

Sizes
-----
    W        33 committed coordinates, 16 scenario rows, 66-bit ranges
    large    1,000 committed coordinates, 64 scenario rows, 66-bit ranges
    cross    9 committed coordinates: eight perpetuals in two tiers, and cash
"""

from __future__ import annotations

import random
from dataclasses import dataclass

from circuits import registration
from circuits.registration import Account, Registration
from zkmargin.amounts import MAX_COORDINATES, MAX_SCENARIOS, bounded
from zkmargin.commitments import Opening, commit
from zkmargin.margin.claim import Claim
from zkmargin.market.instruments import Cash, Linear
from zkmargin.market.parameters import CrossParameters, ScenarioParameters, Tier, TierTable
from zkmargin.market.scenarios import UNSHOCKED, Scenario
from zkmargin.market.snapshot import Listing, Snapshot

NAMES = ("W", "large", "cross")
_TIERS = TierTable((Tier(0, 5_000), Tier(10**12, 10_000)))


@dataclass(frozen=True, slots=True)
class Workload:
    """A market, a claim, and the accounts that satisfy it."""

    name: str
    snapshot: Snapshot
    claim: Claim
    openings: tuple[Opening, ...]

    def accounts(self) -> list[Account]:
        """Return the public states, in the order of the openings; nothing is proved about their commitments."""
        venue, bases = self.snapshot.venue, [tuple(sorted(opening.quantities)) for opening in self.openings]
        pairs = enumerate(zip(bases, self.openings, strict=True))
        return [Account(venue, f"account-{number}", 0, basis, commit(opening)) for number, (basis, opening) in pairs]

    def registrations(self) -> list[Registration]:
        """Return the same accounts with their registrations."""
        venue = self.snapshot.venue
        return [registration.register(venue, f"account-{i}", opening) for i, opening in enumerate(self.openings)]


_SIZES = {"W": (33, 16), "large": (1_000, 64), "cross": (9, 2)}


def workload(name: str, accounts: int = 1, *, coordinates: int | None = None, scenarios: int | None = None) -> Workload:
    """Return a reference workload with so many accounts, each with a book of its own.

    Args:
        name: One of `NAMES`.
        accounts: At least 1.
        coordinates: Committed ids, 2 to 4,096, in place of the reference.
        scenarios: Scenario rows, 1 to 1,024, in place of the reference.
    """
    reference = _SIZES[name]
    coordinates = bounded("coordinates", reference[0] if coordinates is None else coordinates, 2, MAX_COORDINATES)
    rows = bounded("scenarios", reference[1] if scenarios is None else scenarios, 1, MAX_SCENARIOS)
    draw = random.Random(f"zkmargin/{name}")  # noqa: S311 - public test data
    ids = [f"PERP-{number:04d}" for number in range(coordinates - 1)]
    moves = tuple(Scenario(f"move-{number}", 1_000 * number, 0) for number in range(1, rows))
    losses = {label: (0, *(draw.randrange(-(10**9), 10**9) for _ in moves)) for label in ids}
    tables = dict.fromkeys(ids, _TIERS)
    linear = [Listing(Linear(label, 1_000), draw.randrange(10**5, 10**7)) for label in ids]
    snapshot = Snapshot(
        "bench",
        epoch=1,
        valid_from=0,
        listings=(*linear, Listing(Cash("USD"))),
        cross=CrossParameters(1, tables, tables),
        scenario=ScenarioParameters(1, (UNSHOCKED, *moves), losses, {}),
    )
    model = "cross" if name == "cross" else "scenario"
    books = [{label: draw.randrange(-1_000, 1_001) for label in ids} | {"USD": 10**17} for _ in range(accounts)]
    return Workload(name, snapshot, Claim("maintenance", model), tuple(map(Opening.fresh, books)))
