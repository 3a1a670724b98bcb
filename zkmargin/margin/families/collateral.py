"""What collateral counts for: haircuts that grow with size, gains that count in part, debts, an asset off its peg.

Rule
----
    All of it is taken off the equity, whatever the claim and its threshold (`Model.deductions`), except the charge on
    debts, which is a requirement. A snapshot's own haircut h_j counts first: a lot held is worth v_j (1 - h_j).

    tiered haircut     sum_j max_k ( rate_k * held_j - cum_k ),  held_j = max(0, q_j) * notional of a lot
    gains              max(0, (1 - g) P, P - cap),  P = sum_i value_i q_i + cost basis: gains count g, up to the cap
    debts              sum_j rate_j * owed_j,  owed_j = max(0, -q_j) * notional of a lot
    off the peg        multiple * max(0, threshold - price) of every lot held

Units
-----
    settlement units; rates, haircuts and prices in ppm.

Rounding
--------
    Against the holder: rates and steps as given, the addition off the peg up.

Bounds
------
    A haircut and its additions never take more than the asset is worth: rates of a tiered haircut are at most
    10^6 - h_j, or the table is refused by `tiered_haircut`.

Worked example
--------------
    The first million of a coin counts in full, the second at 90 %, the rest at 60 %; three million are held.

        >>> from zkmargin.margin.expressions import value
        >>> from zkmargin.market.forms import Marks
        >>> rule = tiered_haircut("COIN", [(0, 0), (1_000_000, 100_000), (2_000_000, 400_000)])
        >>> value(rule, Marks({"COIN": 1_000}, {}), {"COIN": 3_000}) // rule.scale
        500000

    Gains of 300 count half, up to 100: 200 are taken off. Losses of 300 count in full.

        >>> rule = capped_gains("btc", {"PERP": 10}, ["BASIS"], credit_ppm=500_000, cap_units=100)
        >>> marks = Marks({"PERP": 0, "BASIS": 1}, {})
        >>> [value(rule, marks, {"PERP": 80, "BASIS": basis}) // rule.scale for basis in (-500, -1_100)]
        [200, 0]
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from zkmargin.amounts import PPM, bounded
from zkmargin.errors import StatementError
from zkmargin.market.expressions import NOTHING, Largest, Part, Tiers, scaled
from zkmargin.market.forms import NOTIONAL, Affine, Sides
from zkmargin.market.parameters import MAX_LOSS_UNITS, Tier, TierTable

MAX_PRICE_PPM = 10 * PPM
MAX_MULTIPLE = 100


def tiered_haircut(asset: str, rows: Iterable[tuple[int, int]], haircut_ppm: int = 0) -> Part:
    """Return what a large holding of an asset loses, beyond the haircut that the snapshot gives to every lot.

    Args:
        asset: Id of the collateral.
        rows: Pairs of (floor of the held notional in units, further haircut in ppm of what is above it); floors and
            haircuts rise: value must be concave in what is held.
        haircut_ppm: The snapshot's own haircut; both together may not take more than everything.
    """
    table = TierTable(tuple(Tier(floor_units, rate_ppm) for floor_units, rate_ppm in rows))
    bounded(f"further haircut of {asset}", table.tiers[-1].rate_ppm, 0, PPM - haircut_ppm)
    return Part(f"haircut/{asset}", Tiers(Sides({asset: PPM}, {asset: 0}, NOTIONAL), table))


def capped_gains(
    group: str, value_units: Mapping[str, int], cost_basis: Sequence[str], credit_ppm: int, cap_units: int
) -> Part:
    """Return what unrealised gains of a group of contracts do not count.

    Needs the cost basis by itself: the venue books the cash side of the group's fills to cash of its own, not to the
    account's settlement cash, so that value plus basis is the gain.

    Args:
        group: Name of the group.
        value_units: Value of a lot by contract at this snapshot (`Snapshot.value_per_lot`).
        cost_basis: Ids of the cash that holds the group's cost basis.
        credit_ppm: Share of a gain that counts, 0 to 10^6. Losses count in full.
        cap_units: Most that counts of all gains together.
    """
    bounded("credit_ppm", credit_ppm, 0, PPM)
    bounded("cap_units", cap_units, 0, MAX_LOSS_UNITS)
    if set(value_units) & set(cost_basis):
        raise StatementError("a contract of the group cannot be its cost basis")
    gain = dict(value_units) | dict.fromkeys(cost_basis, 1)
    profit, above_cap = Affine(gain), Affine(gain, -cap_units)
    return Part(f"gains/{group}", Largest((NOTHING, scaled(PPM - credit_ppm, profit), above_cap)))


def debts(rates_ppm: Mapping[str, int]) -> Part:
    """Return the requirement on negative balances: a share of what is owed, by asset."""
    for name, rate_ppm in rates_ppm.items():
        bounded(f"rate_ppm of a debt in {name}", rate_ppm, 0, PPM)
    return Part("debts", Sides({}, rates_ppm, NOTIONAL))


def off_peg(asset: str, price_ppm: int, threshold_ppm: int = 990_000, multiple: int = 4, haircut_ppm: int = 0) -> Part:
    """Return what a pegged asset loses when it trades below its peg: a public addition to its haircut.

    Args:
        asset: Id of the collateral.
        price_ppm: Its price in parts per million of the peg, from markets that the venue does not make.
        threshold_ppm: Below this price the addition starts.
        multiple: How many times the distance from it is added; the addition stops where nothing is left.
        haircut_ppm: The snapshot's own haircut.
    """
    bounded("price_ppm", price_ppm, 0, MAX_PRICE_PPM)
    bounded("threshold_ppm", threshold_ppm, 0, MAX_PRICE_PPM)
    bounded("multiple", multiple, 0, MAX_MULTIPLE)
    addition_ppm = min(PPM - bounded("haircut_ppm", haircut_ppm, 0, PPM), multiple * max(0, threshold_ppm - price_ppm))
    return Part(f"off-peg/{asset}", Sides({asset: addition_ppm}, {}, NOTIONAL))


def haircut_from_factor(factor_ppm: int, initial_ppm: int = PPM) -> int:
    """Return the haircut of a collateral factor, and of the lower one that an initial claim uses, rounded up.

    Example:
        >>> haircut_from_factor(800_000), haircut_from_factor(800_000, 937_500)
        (200000, 250000)
    """
    bounded("factor_ppm", factor_ppm, 0, PPM)
    bounded("initial_ppm", initial_ppm, 0, PPM)
    return PPM - factor_ppm * initial_ppm // PPM
