"""Pictures of a simulation: a path, the branching ratio, the map of open interest at risk, and twins."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from zkmargin.errors import EncodingError, StatementError
from zkmargin.risk.cascade.experiments import Twin
from zkmargin.risk.cascade.measures import AtRisk
from zkmargin.risk.cascade.model import Model
from zkmargin.risk.cascade.trace import MAP_FALLS, Trace

if TYPE_CHECKING:
    from matplotlib.figure import Figure

BLUE, RED, GREY, GREEN = "#1f4e9c", "#c0392b", "#8a8f98", "#2e7d4f"


def draw_path(folder: Path, model: Model, trace: Trace) -> Path:
    """Draw price, index, calls and liquidations of one path."""
    figure, (above, below) = _figure(2, "Price and index of one path", shared=True)
    steps = np.arange(1, len(trace.prices) + 1)
    above.plot(steps, trace.index, color=GREY, label="index: no forced flow")
    above.plot(steps, trace.prices, color=BLUE, label=f"price of {model.markets[0].name}")
    if model.controls.breaker is not None or model.faults.oracle.end:
        above.plot(steps, trace.marks, color=GREEN, linewidth=1, label="mark of the venue")
    above.set_ylabel("ticks")
    above.legend(frameon=False)
    calls, liquidations = (np.diff(trace.counts[name], prepend=0) for name in ("calls", "liquidations"))
    below.bar(steps, calls, color=GREY, width=1.0, label="calls")
    below.bar(steps, -liquidations, color=RED, width=1.0, label="liquidations begun, downwards")
    below.axhline(0.0, color="black", linewidth=0.8)
    below.set_xlabel("step")
    below.set_ylabel("accounts in a step")
    below.legend(frameon=False)
    return _save(figure, folder / "path.png")


def draw_branching(folder: Path, model: Model, risk: AtRisk) -> Path:
    """Draw R(x) of each market with the critical line."""
    figure, (axes,) = _figure(1, "Branching ratio: what a fall of x adds to itself")
    for number, market in enumerate(model.markets):
        axes.plot(risk.falls, risk.ratio[:, number], label=market.name)
    thin = risk.ratio[:, 0] / model.impact.least_depth
    name = f"{model.markets[0].name} at the least depth"
    axes.plot(risk.falls, thin, color=GREY, linestyle=":", label=name)
    axes.axhline(1.0, color=RED, linestyle="--", linewidth=1)
    axes.text(risk.falls[-1], 1.0, "critical", color=RED, ha="right", va="bottom")
    axes.set_xlabel("fall x of the log price of an asset of beta 1")
    axes.set_ylabel("R(x)")
    axes.set_ylim(bottom=0.0)
    axes.legend(frameon=False)
    return _save(figure, folder / "branching.png")


def draw_map(folder: Path, model: Model, trace: Trace) -> Path:
    """Draw which share of the open interest a further fall would call, over time."""
    figure, (axes,) = _figure(1, f"Longs of {model.markets[0].name} at risk")
    mesh = axes.pcolormesh(trace.map_steps, MAP_FALLS, trace.at_risk, cmap="magma_r", shading="nearest")
    figure.colorbar(mesh, ax=axes, label="share of the first open interest that breaches")
    axes.set_xlabel("step")
    axes.set_ylabel("further fall of the log price")
    return _save(figure, folder / "at-risk.png")


def draw_twin(folder: Path, pair: Twin, control: str) -> Path:
    """Draw fall and bad debt of every path, without the control against with it."""
    figure, axes = _figure(2, f"The same paths without and with: {control}", side=True)
    without, with_it = pair.without, pair.with_it
    pairs = (
        ("fall of the log price", without.fall[:, 0], with_it.fall[:, 0]),
        ("bad debt, share of open interest", *(_debt(outcome) for outcome in (without, with_it))),
    )
    for panel, (label, first, second) in zip(axes, pairs, strict=True):
        top = max(float(first.max()), float(second.max()), 1e-9) * 1.05
        panel.plot([0, top], [0, top], color=GREY, linewidth=1)
        queued = with_it.queue.sum(axis=1) > 0
        for some, color, words in (
            (~queued, BLUE, "queue empty at the end"),
            (queued, RED, "queue charged at the end"),
        ):
            if some.any():
                panel.scatter(first[some], second[some], s=9, color=color, alpha=0.5, label=words)
        panel.locator_params(nbins=5)
        panel.set_title(label, fontsize=10)
        panel.set_xlabel("without")
        panel.set_ylabel("with")
        panel.set_xlim(0, top)
        panel.set_ylim(0, top)
        panel.set_aspect("equal")
    axes[0].legend(frameon=False, fontsize=8)
    return _save(figure, folder / "twin.png")


def _debt(outcome: Any) -> Any:
    return outcome.counter("bad_debt") / outcome.open_interest.sum(axis=1)


def _figure(panels: int, title: str, *, shared: bool = False, side: bool = False) -> tuple[Figure, Any]:
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg  # start-up time: about 0.5 s, and it is an extra
        from matplotlib.figure import Figure
    except ImportError:
        raise StatementError("pictures need matplotlib: pip install 'zkmargin[simulate]'") from None
    figure = Figure(figsize=(9.0, 4.6 if panels == 1 or side else 6.4), layout="constrained")
    FigureCanvasAgg(figure)
    figure.suptitle(title)
    rows, columns = (1, panels) if side else (panels, 1)
    axes = figure.subplots(rows, columns, sharex=shared, squeeze=False).ravel()
    for panel in axes:
        panel.spines[["top", "right"]].set_visible(False)
    return figure, axes


def _save(figure: Figure, path: Path) -> Path:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        figure.savefig(path, dpi=120)
    except OSError as error:
        raise EncodingError(f"{path} cannot be written: {error.strerror}") from None
    return path
