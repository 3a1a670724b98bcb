"""Valuation points as the Options Clearing Corporation's TIMS has them, for customer portfolio margin.

Rule
----
    points      ten equidistant moves of the underlying, five down and five up
    class       L_ck = sum_i A[k][i] q_i: the loss of all positions on one underlying at point k
    group       max( 0, max_k sum_c max(L_ck, offset * L_ck), sum_i minimum_i |q_i| )

Within a class gains and losses offset in full. Between the classes of a product group a gain counts to the fraction
`offset`, a loss in full. The minimum is charged per contract, long or short.

Units
-----
    settlement units; offset in ppm; the array as in `families.scan`, one row a point.

Rounding
--------
    Points away from zero, by less than a ppm. Nothing else rounds here.

Bounds
------
    0 <= offset <= 1: a larger one would pay for a gain more than the gain.

Worked example
--------------
    Two indices that gain and lose 50 at the ends; long one and short the other, and 90 % of a gain counts: 50 - 45.

    >>> from zkmargin.margin.expressions import value
    >>> from zkmargin.market.forms import Marks
    >>> rule = group("indices", {"ndx": {"NDX": (-50, 50)}, "spx": {"SPX": (-50, 50)}}, {}, 900_000)
    >>> value(rule, Marks({"NDX": 1, "SPX": 1}, {}), {"NDX": 1, "SPX": -1}) // rule.scale
    5

Source
------
    SEC Release 34-46576 on customer portfolio margining: ten points; +6/-8 % of a broad index of high capitalisation,
    +-10 % of others.
"""

from __future__ import annotations

from collections.abc import Mapping

from zkmargin.amounts import PPM, bounded, ceil_div
from zkmargin.errors import StatementError
from zkmargin.margin.families.scan import Losses, array
from zkmargin.market.expressions import NOTHING, Largest, Part, Worst, scaled, total
from zkmargin.market.forms import Affine, Expression, Sides
from zkmargin.market.parameters import MAX_LOSS_UNITS
from zkmargin.market.scenarios import Scenario

POINTS_A_SIDE = 5


def points(up_ppm: int, down_ppm: int) -> tuple[Scenario, ...]:
    """Return the ten valuation points, lowest first.

    Example:
        >>> [point.price_ppm for point in points(60_000, 80_000)]
        [-80000, -64000, -48000, -32000, -16000, 12000, 24000, 36000, 48000, 60000]
    """
    steps = range(1, POINTS_A_SIDE + 1)
    lower = [-ceil_div(bounded("down_ppm", down_ppm, 1, PPM - 1) * step, POINTS_A_SIDE) for step in reversed(steps)]
    upper = [ceil_div(bounded("up_ppm", up_ppm, 1, PPM) * step, POINTS_A_SIDE) for step in steps]
    return tuple(Scenario(f"point-{number:02d}", price_ppm, 0) for number, price_ppm in enumerate([*lower, *upper], 1))


def group(name: str, classes: Mapping[str, Losses], minimum_units: Mapping[str, int], offset_ppm: int = 0) -> Part:
    """Return the requirement of one product group.

    Args:
        name: What the desk calls it.
        classes: By class, the losses of one long lot of each instrument at every point.
        minimum_units: Least charge of a lot, long or short, by id.
        offset_ppm: Fraction of a class's gain that counts against losses of another.

    Raises:
        StatementError: if classes differ in their points or share an instrument, or a bound is broken.
    """
    bounded("offset_ppm", offset_ppm, 0, PPM)
    for contract, units in minimum_units.items():
        bounded(f"minimum of {contract}", units, 0, MAX_LOSS_UNITS)
    arrays = {key: array(losses) for key, losses in sorted(classes.items())}
    counts = {rows.rows for rows in arrays.values()}
    if len(counts) != 1:
        raise StatementError(f"every class must have the same number of points, got {sorted(counts)}")
    held = [contract for rows in arrays.values() for contract in rows.per_lot]
    if len(held) != len(set(held)):
        raise StatementError(f"an instrument of group {name} must stand in one class")
    if len(arrays) == 1:
        losses: list[Expression] = [Worst(rows) for rows in arrays.values()]
    else:
        losses = [total(*(_counted(rows.per_lot, k, offset_ppm) for rows in arrays.values())) for k in range(*counts)]
    return Part(f"valuation/{name}", Largest((*losses, Sides(minimum_units, minimum_units), NOTHING)))


def _counted(per_lot: Mapping[str, tuple[int, ...]], point: int, offset_ppm: int) -> Expression:
    """Return the loss of a class at a point, or the part of its gain that counts."""
    loss = Affine({contract: row[point] for contract, row in per_lot.items()})
    return Largest((loss, scaled(offset_ppm, loss)))
