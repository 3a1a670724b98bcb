"""Cutting a book into strategies: the search behind a pairing margin.

Rule
----
    min  sum_s charge_s y_s + sum_i long_i max(0, r_i) + short_i max(0, -r_i),    r_i = q_i - sum_s legs_si y_s
    over whole y_s >= 0

Any cut is a valid one: the rule allows the holder to choose. HiGHS, a solver for integer programs, proposes one; it
works in floating point, so the proposal is rounded to whole numbers and its charge computed from them exactly. The
proposal is taken if it is cheaper than leaving every leg naked. A search that stops early costs the holder margin, and
nobody else anything.

Bounds
------
    Books of 2^50 lots or more of an id are left naked: beyond it floating point no longer holds whole lots.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from zkmargin.market.expressions import Pairing, Strategy
from zkmargin.market.forms import Marks

MAX_SEARCHED_LOTS = 2**50
MAX_NODES = 10_000


def cut(of: Pairing, marks: Marks, lots: Mapping[str, int]) -> tuple[int, ...]:
    """Return how many of each strategy within the basis the holder uses."""
    legs, strategies = of.within(marks)
    naked = (0,) * len(strategies)
    if not strategies or max(abs(lots.get(name, 0)) for name in legs) >= MAX_SEARCHED_LOTS:
        return naked
    proposed = _search(of, legs, strategies, lots)
    return min(proposed, naked, key=lambda counts: charge(of, marks, lots, counts))


def charge(of: Pairing, marks: Marks, lots: Mapping[str, int], counts: Sequence[int]) -> int:
    """Return the charge of a book that is cut in a stated way."""
    legs, strategies = of.within(marks)
    left = {name: lots.get(name, 0) for name in legs}
    paired = 0
    for strategy, count in zip(strategies, counts, strict=True):
        paired += strategy.charge_units * count
        for name, leg in strategy.legs.items():
            left[name] -= leg * count
    naked = sum(
        of.long.get(name, 0) * max(0, rest) + of.short.get(name, 0) * max(0, -rest) for name, rest in left.items()
    )
    return paired + naked


def _search(
    of: Pairing, legs: Sequence[str], strategies: Sequence[Strategy], lots: Mapping[str, int]
) -> tuple[int, ...]:
    import numpy as np
    from scipy.optimize import LinearConstraint, milp  # start-up time: about 0.5 s

    columns = [[strategy.legs.get(name, 0) for name in legs] for strategy in strategies]
    identity = np.eye(len(legs))
    matrix = np.hstack([np.array(columns, dtype=float).T, identity, -identity])
    held = np.array([lots.get(name, 0) for name in legs], dtype=float)
    charges = [strategy.charge_units for strategy in strategies]
    charges += [of.long.get(name, 0) for name in legs] + [of.short.get(name, 0) for name in legs]
    largest = max(1, *charges)
    found = milp(
        [value / largest for value in charges],
        constraints=LinearConstraint(matrix, held, held),
        integrality=[1] * len(strategies) + [0] * (2 * len(legs)),
        options={"mip_rel_gap": 0.0, "node_limit": MAX_NODES},
    )
    if found.x is None:
        return (0,) * len(strategies)
    return tuple(max(0, round(value)) for value in found.x[: len(strategies)])
