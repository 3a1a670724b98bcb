"""Scanning risk and what belongs to it: SPAN's scan, the short option minimum, expected shortfall over scenarios.

Rule
----
    scan              max(0, max_k sum_i A[k][i] q_i)            per group of instruments; groups add up
    short minimum     sum_i minimum_i * max(0, -q_i)
    span              sum over groups of max( scan, short minimum )
    shortfall         max(0, mean of the worst rows)

Units
-----
    settlement units; a risk array is published for one long lot of each instrument, losses positive
    (`zkmargin.market.pricing.losses`), and anew in every epoch.

Rounding
--------
    None here: arrays are rounded by their publisher.

Worked example
--------------
    Two scenarios; a long future loses 10 when prices fall, a long put gains 8 then and loses 3 when they rise.

        >>> from zkmargin.margin.expressions import value
        >>> from zkmargin.market.forms import Marks
        >>> rule = scan("btc", {"FUTURE": (10, -10), "PUT": (-8, 3)})
        >>> value(rule, Marks({"FUTURE": 0, "PUT": 0}, {}), {"FUTURE": 2, "PUT": 1})
        12
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from zkmargin.amounts import PPM, bounded
from zkmargin.errors import StatementError
from zkmargin.market.expressions import NOTHING, Largest, Part, Tail, Worst, positive, scaled, total
from zkmargin.market.forms import Array, Expression, Sides
from zkmargin.market.models import Model
from zkmargin.market.parameters import ScenarioParameters

Losses = Mapping[str, Sequence[int]]


def array(losses: Losses) -> Array:
    """Return published losses as an array; every instrument must have a loss in every scenario."""
    counts = {len(row) for row in losses.values()}
    if len(counts) != 1:
        raise StatementError(f"every instrument must have the same number of losses, got {sorted(counts)}")
    return Array({name: tuple(row) for name, row in losses.items()}, counts.pop())


def scan(group: str, losses: Losses) -> Part:
    """Return the worst loss of a group of instruments that offset one another, never negative."""
    return Part(f"scan/{group}", positive(Worst(array(losses))))


def short_minimum(group: str, minimum_units: Mapping[str, int]) -> Part:
    """Return what short options of a group are charged at least."""
    return Part(f"short-minimum/{group}", Sides({}, minimum_units))


def span(groups: Mapping[str, tuple[Losses, Mapping[str, int]]]) -> Expression:
    """Return scan and short minimum, group by group: the larger of the two, and no offset between groups."""
    return total(
        *(
            Largest((scan(group, losses), short_minimum(group, minimums)))
            for group, (losses, minimums) in sorted(groups.items())
        )
    )


def shortfall(group: str, losses: Losses, tail_ppm: int) -> Part:
    """Return the expected shortfall of a group: the mean of the worst `tail_ppm` of the scenarios, at least one."""
    rows = array(losses)
    count = max(1, rows.rows * bounded("tail_ppm", tail_ppm, 1, PPM) // PPM)
    return Part(f"shortfall/{group}", positive(Tail(rows, count)))


def from_scenario(name: str, parameters: ScenarioParameters) -> Model:
    """Return the scenario model as a composition, for books without owed collateral: the same requirement."""
    losses = Worst(array(parameters.losses))
    worst = Part("scan", Largest((losses, Sides({}, parameters.short_minimum_units), NOTHING)))
    initial = scaled(parameters.initial_ppm, worst)
    return Model(name, parameters.version, worst, initial, capacity_bits=parameters.capacity_bits)
