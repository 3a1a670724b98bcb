"""What the vectors of registrations, claims and raw systems are about: books, a market, claims, systems. Integers only.

A new vector is one more line in one of the tables, and `python -m tests.vectors.regenerate`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from zkmargin.amounts import Ratio
from zkmargin.margin.claim import Claim
from zkmargin.market.instruments import Cash, Collateral, Linear, Option
from zkmargin.market.parameters import CrossParameters, ScenarioParameters, Tier, TierTable
from zkmargin.market.scenarios import Scenario
from zkmargin.market.snapshot import Listing, Snapshot
from zkmargin.proofs.constraints import Affine, System

VENUE = "vectors"
SEQUENCE = 5

_STEEP = TierTable((Tier(0, 10_000), Tier(100, 20_000)))
_STEEPER = TierTable((Tier(0, 12_500), Tier(60, 40_000)))
MARKET = Snapshot(
    VENUE,
    epoch=3,
    valid_from=1_000,
    listings=(
        Listing(Option("CALL", 1, "PERP", "call", 90, 2_000), 7),
        Listing(Collateral("COIN", 3), 101, haircut_ppm=50_000),
        Listing(Linear("FUTURE", 2, expiry=2_000), 100),
        Listing(Linear("PERP", 2), 100, funding_ticks=-3),
        Listing(Cash("USD")),
    ),
    cross=CrossParameters(
        1, dict.fromkeys(("FUTURE", "PERP"), _STEEP), dict.fromkeys(("FUTURE", "PERP"), _STEEPER), capacity_bits=32
    ),
    scenario=ScenarioParameters(
        version=1,
        scenarios=(Scenario("up", 100_000, 0), Scenario("down", -100_000, 0), Scenario("again", 100_000, 0)),
        losses={"CALL": (-3, 4, -3), "COIN": (-5, 6, -5), "FUTURE": (-20, 20, -20), "PERP": (-20, 20, -20)},
        short_minimum_units={"CALL": 2},
        capacity_bits=32,
    ),
)

# name of the account -> book
BOOKS: dict[str, dict[str, int]] = {
    "cash": {"USD": 5},
    "cross": {"COIN": -2, "FUTURE": 0, "PERP": 3, "USD": 10_000},
    "edge": {"PERP": -4, "USD": 839},  # owes 824, must keep 15: one unit less of USD and there is no proof
    "options": {"CALL": -2, "COIN": 1, "USD": 10_000},
    "extremes": {"A": 2**64 - 1, "B": 1 - 2**64, "C": 0},
}


@dataclass(frozen=True)
class ClaimCase:
    """One accepted proof of a claim.

    Attributes:
        id: Name of the vector.
        account: Whose book, see `BOOKS`.
        claim: What is proved.
        rounds: Rounds of compression, 0 for the opened form.
        torsion: A point of order 3 is added to A: a proof that holds only for a verifier that clears the cofactor. (One
            seed in three gives a challenge that cancels it; a test says so, and another claim or account helps.)
    """

    id: str
    account: str
    claim: Claim
    rounds: int = 0
    torsion: bool = False


CLAIMS = (
    ClaimCase("cash", "cash", Claim("maintenance", "cross")),
    ClaimCase("cash/torsion", "cash", Claim("maintenance", "cross"), torsion=True),
    ClaimCase("cross/maintenance", "cross", Claim("maintenance", "cross", Ratio(11, 10))),
    ClaimCase("cross/initial", "cross", Claim("initial", "cross")),
    ClaimCase("cross/box", "cross", Claim("box", "cross", width_ppm=50_001)),
    ClaimCase("cross/edge", "edge", Claim("maintenance", "cross")),
    ClaimCase("scenario/maintenance", "options", Claim("maintenance", "scenario", Ratio(3, 7))),
    ClaimCase("scenario/initial", "options", Claim("initial", "scenario")),
    ClaimCase("compact/cash", "cash", Claim("maintenance", "cross"), rounds=2),
    ClaimCase("compact/cross", "cross", Claim("maintenance", "cross", Ratio(11, 10)), rounds=4),
    ClaimCase("compact/torsion", "cross", Claim("initial", "cross"), rounds=5, torsion=True),
    ClaimCase("compact/scenario", "options", Claim("initial", "scenario"), rounds=7),
)


@dataclass(frozen=True)
class SystemCase:
    """One accepted proof of a raw system: the values of its variables but the books, which are `quantities`."""

    id: str
    system: System
    values: tuple[int, ...]
    quantities: tuple[dict[str, int], ...]
    rounds: int = 0


# q^(1) of USD is two digits of base 3; q^(2), which has no BTC, is its square.
_ACROSS = System(
    basis=("BTC", "USD"),
    members=(("BTC", "USD"), ("USD",)),
    digits=2,
    base=3,
    products=(Affine((4,), (1,), 0),),
    wires=1,
    rows=(
        Affine((0, 1, 6), (1, 3, -1), 0),
        Affine((2, 6), (1, -1), 0),
        Affine((3, 6), (1, -1), 0),
        Affine((4, 8), (1, -1), 0),
    ),
    quantity_bits=20,
)
# (X + 1) (X - 1) = Y - 1, without digits and without wires.
_PRODUCT = System(
    basis=("X", "Y"),
    members=(("X", "Y"),),
    digits=0,
    base=2,
    products=(Affine((3,), (1,), -1),),
    wires=0,
    rows=(Affine((0, 2), (1, -1), -1), Affine((1, 2), (1, -1), 1)),
    quantity_bits=16,
)
# 0 <= X + 4 < 4^2, without products and without a known bound.
_DIGITS = System(
    basis=("X",),
    members=(("X",),),
    digits=2,
    base=4,
    products=(),
    wires=0,
    rows=(Affine((0, 1, 2), (1, 4, -1), -4),),
    quantity_bits=None,
)
# The same twice, so that there are two slots to fold: neither digits nor wires, and places of l that are not used.
_TWICE = System(
    basis=("X", "Y"),
    members=(("X", "Y"),),
    digits=0,
    base=2,
    products=(Affine((5,), (1,), -1),) * 2,
    wires=0,
    rows=tuple(Affine((place, 4), (1, -1), -1 if place < 2 else 1) for place in range(4)),
    quantity_bits=16,
)
SYSTEMS = (
    SystemCase("across", _ACROSS, (1, 2, 7, 7, 49), ({"BTC": -5, "USD": 7}, {"USD": 49})),
    SystemCase("product", _PRODUCT, (13, 11), ({"X": 12, "Y": 144},)),
    SystemCase("digits", _DIGITS, (1, 0), ({"X": -3},)),
    SystemCase("compact/across", _ACROSS, (1, 2, 7, 7, 49), ({"BTC": -5, "USD": 7}, {"USD": 49}), rounds=2),
    SystemCase("compact/twice", _TWICE, (13, 13, 11, 11), ({"X": 12, "Y": 144},), rounds=1),
)
# Systems of the same shape as "across" that a proof about "across" must not be taken for.
OTHER_SYSTEMS = {
    "across-with-another-known-bound": replace(_ACROSS, quantity_bits=21),
    "across-with-another-coefficient": replace(_ACROSS, rows=(Affine((0, 1, 6), (1, 4, -1), 0), *_ACROSS.rows[1:])),
    "across-with-another-product": replace(_ACROSS, products=(Affine((4,), (1,), 1),)),
    "across-with-another-label": replace(_ACROSS, basis=("ETH", "USD"), members=(("ETH", "USD"), ("USD",))),
}
