"""Who pays when an account is worth less than nothing: its own margin, the insurance fund, then everybody who gained.

Rule
----
    A loss B is charged in this order, each layer to its end before the next:

        1  the margin of the defaulter
        2  the insurance fund
        3  the gains of the others, pro rata:  haircut_i = gain_i * h,   h = min(1, B_3 / sum_i gain_i)
        4  what nobody covers

    The third layer takes the place of a queue (auto-deleveraging). A queue closes the positions of those who gained
    most and needs ratios and an order that nobody may see here; a haircut needs one public number h, and takes from
    nobody more than was gained.

Units
-----
    settlement units, all of them integers and none of them negative.

Rounding
--------
    Largest remainder: every haircut is rounded down, and the units that are left go one each to the largest remainders,
    equal remainders in the order of ids. So the shares add up to the loss to the unit, each is within one unit of the
    exact share, and none is above its gain.

Bounds
------
    amounts below 2^96 units; at most 1,000,000 gainers.

Worked example
--------------
    A loss of 100: 20 of margin, 30 in the fund, so 50 of 90 gained are taken. The exact shares are 33.3, 11.1 and 5.6.

        >>> paid = absorb(100, margin_units=20, fund_units=30, gains={"a": 60, "b": 20, "c": 10})
        >>> paid.margin_units, paid.fund_units, paid.haircuts, paid.uncovered_units
        (20, 30, {'a': 33, 'b': 11, 'c': 6}, 0)
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from zkmargin.amounts import bounded

MAX_UNITS = 2**96 - 1
MAX_GAINERS = 1_000_000


@dataclass(frozen=True, slots=True)
class Payment:
    """Who paid how much of one loss.

    Args:
        margin_units: Paid by the defaulter.
        fund_units: Paid by the insurance fund.
        haircuts: Paid by those who gained, by id; nobody who pays nothing.
        uncovered_units: Paid by nobody.
    """

    margin_units: int
    fund_units: int
    haircuts: Mapping[str, int]
    uncovered_units: int

    @property
    def haircut_units(self) -> int:
        """Return what all gains together paid."""
        return sum(self.haircuts.values())

    @property
    def loss_units(self) -> int:
        """Return the loss that was charged: the sum of all layers."""
        return self.margin_units + self.fund_units + self.haircut_units + self.uncovered_units


def absorb(loss_units: int, *, margin_units: int = 0, fund_units: int = 0, gains: Mapping[str, int]) -> Payment:
    """Return how a loss is paid.

    Args:
        loss_units: The loss, below 2^96.
        margin_units: What the defaulter still has.
        fund_units: What the insurance fund has.
        gains: What the others gained, by id; an entry of zero is allowed and pays nothing.

    Raises:
        StatementError: if an amount is negative or too large, or there are too many gainers.
    """
    bounded("loss_units", loss_units, 0, MAX_UNITS)
    bounded("number of gainers", len(gains), 0, MAX_GAINERS)
    own = min(loss_units, bounded("margin_units", margin_units, 0, MAX_UNITS))
    fund = min(loss_units - own, bounded("fund_units", fund_units, 0, MAX_UNITS))
    left = loss_units - own - fund
    taken = min(left, sum(bounded("gain", gain, 0, MAX_UNITS) for gain in gains.values()))
    haircuts = {name: share for name, share in pro_rata(taken, gains).items() if share}
    return Payment(own, fund, haircuts, left - taken)


def pro_rata(total: int, weights: Mapping[str, int]) -> dict[str, int]:
    """Return `total` in whole shares proportional to the weights, by largest remainder.

    Raises:
        StatementError: if a weight is negative, or there is something to share and no weight.

    Example:
        >>> pro_rata(10, {"a": 1, "b": 1, "c": 1})
        {'a': 4, 'b': 3, 'c': 3}
    """
    whole = sum(bounded("weight", weight, 0, MAX_UNITS) for weight in weights.values())
    if whole == 0:
        bounded("total to share without weights", total, 0, 0)
        return dict.fromkeys(weights, 0)
    parts = {name: divmod(total * weight, whole) for name, weight in weights.items()}
    shares = {name: quotient for name, (quotient, _) in parts.items()}
    left = total - sum(shares.values())
    for name in sorted(parts, key=lambda name: (-parts[name][1], name))[:left]:
        shares[name] += 1
    return shares
