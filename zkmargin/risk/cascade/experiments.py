"""Controlled comparisons and a library of stresses: one thing changes, crowd and shocks stay.

Rule
----
    A twin run simulates the same seed, so the same crowd on the same shocks, without a control and with it. Path by
    path the difference is the control's doing. A run that ends with an unexecuted queue says so: its queue was executed
    at once after the last step, and what that lost is charged (`queue_loss`), so a throttle cannot hide a loss in it.

Stresses
--------
    gap             all prices fall at once, each by its beta times the size
    volatility      three times the volatility
    depth           a quarter of the depth
    correlation     all assets move as one, in calm as well
    oracle-outage   the marks stand still while the gap happens, for half an hour
    prover-outage   no proof arrives while the gap happens, for half an hour, and clocks run: five steps at least
    depeg           pegged tokens lose a third during the gap
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from math import log
from typing import Any

import numpy as np

from zkmargin.errors import StatementError
from zkmargin.market.snapshot import Snapshot
from zkmargin.risk.cascade import population, run
from zkmargin.risk.cascade.measures import cascaded
from zkmargin.risk.cascade.model import Model
from zkmargin.risk.cascade.outcome import Outcome
from zkmargin.risk.cascade.parameters import Faults, Window

GAP_STEP = 10
OUTAGE_STEPS = 30


@dataclass(frozen=True, slots=True)
class Twin:
    """The same paths without and with a control."""

    without: Outcome
    with_it: Outcome


def twin(model: Model, controlled: Model, paths: int, seed: int, **options: Any) -> Twin:
    """Return both runs of a twin; `options` go to `zkmargin.risk.cascade.run.simulate`.

    Raises:
        StatementError: if the two models do not differ in controls and proving alone.
    """
    if replace(controlled, controls=model.controls, proving=model.proving) != model:
        raise StatementError("twins must be the same model except for controls and proving")
    books = population.draw(model, seed)
    return Twin(*(run.simulate(one, paths, seed, books=books, **options) for one in (model, controlled)))


def difference(pair: Twin) -> dict[str, Any]:
    """Return what the control did: means without and with it, and on how many paths it helped or hurt."""
    report: dict[str, Any] = {}
    for name, value in (
        ("probability_of_cascade", cascaded),
        ("fall", lambda o: o.fall[:, 0]),
        ("forced", lambda o: o.forced.sum(axis=1)),
        ("bad_debt", lambda o: o.counter("bad_debt")),
        ("fund_used", lambda o: o.counter("fund_used")),
        ("calls", lambda o: o.counter("calls")),
        ("late", lambda o: o.counter("late")),
        ("queue", lambda o: o.queue.sum(axis=1)),
        ("queue_loss", lambda o: o.queue_loss),
        ("hidden", lambda o: o.hidden),
    ):
        first, second = (np.asarray(value(one), dtype=float) for one in (pair.without, pair.with_it))
        report[name] = {"without": float(first.mean()), "with": float(second.mean())}
        report[name] |= {"better": int((second < first).sum()), "worse": int((second > first).sum())}
    report["paths"] = len(pair.without.paths)
    report["paths_ending_with_a_queue"] = int((pair.with_it.queue.sum(axis=1) > 0).sum())
    return report


def stresses(model: Model, size: float = 0.1) -> dict[str, Model]:
    """Return the library for a model, by name; `size` is the log fall of the gap of an asset of beta 1."""
    fallen = gapped(model, size)
    window = Window(GAP_STEP, GAP_STEP + OUTAGE_STEPS)
    thin = tuple(replace(market, depth_units=max(1, market.depth_units // 4)) for market in model.markets)
    patient = replace(model.proving, deadline_steps=max(5, model.proving.deadline_steps))
    shocks = model.shocks
    return {
        "gap": fallen,
        "volatility": replace(model, shocks=replace(shocks, volatility=min(1.0, 3 * shocks.volatility))),
        "depth": replace(fallen, markets=thin),
        "correlation": replace(fallen, shocks=replace(fallen.shocks, correlation=1.0)),
        "oracle-outage": replace(fallen, faults=Faults(oracle=window)),
        "prover-outage": replace(fallen, faults=Faults(prover=window), proving=patient),
        "depeg": replace(fallen, faults=Faults(depeg=window, peg_ppm=667_000)),
    }


def gapped(model: Model, size: float, step: int = GAP_STEP) -> Model:
    """Return the model with a common gap in one step, on top of its shocks."""
    quiet = (0.0,) * len(model.shocks.betas)
    gap = tuple(-size * beta for beta in model.shocks.betas)
    return replace(model, shocks=replace(model.shocks, path=(*(quiet,) * step, gap)))


def replayed(model: Model, market: Sequence[Snapshot], ids: Sequence[str], steps_each: int = 1) -> Model:
    """Return the model on a history: each move between two snapshots is spread over `steps_each` steps.

    Args:
        model: The model; its volatility is then only what depth and dynamic margin compare with.
        market: Snapshots in order.
        ids: For each asset the instrument that it follows.
        steps_each: Steps of a move, at least 1.

    Raises:
        StatementError: if there are fewer than two snapshots, or `ids` does not name one instrument an asset.
    """
    if len(market) < 2 or len(ids) != len(model.shocks.betas) or steps_each < 1:
        raise StatementError("a replay needs two snapshots, one instrument an asset, and at least one step a move")
    marks = [[snapshot.listing(name).mark_ticks for name in ids] for snapshot in market]
    rows = []
    for before, after in pairwise(marks):
        move = tuple(log(new / old) / steps_each for old, new in zip(before, after, strict=True))
        rows += [move] * steps_each
    quiet = replace(model.shocks, noise=0.0, jump_rate=0.0, path=tuple(rows))
    return replace(model, shocks=quiet, steps=len(rows))
