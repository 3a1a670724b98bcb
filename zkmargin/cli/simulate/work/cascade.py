"""What `zkmargin simulate cascade` does."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from rich.table import Table

from zkmargin.cli.output import out, timed
from zkmargin.cli.simulate.options import print_json
from zkmargin.cli.simulate.work import pictures
from zkmargin.cli.simulate.work.shared import Workers, built_in, controlled, money
from zkmargin.risk.cascade import experiments, measures, population, trace
from zkmargin.risk.cascade.model import Model
from zkmargin.risk.cascade.outcome import Outcome
from zkmargin.risk.cascade.population import Books


def gapped(markets: str, accounts: int, steps: int, size: float) -> Model:
    """Return a built-in model in a size, with a gap if its size is not zero."""
    model = built_in(markets, accounts, steps)
    return experiments.gapped(model, size) if size else model


def run(model: Model, control: str, paths: int, seed: int, workers: Workers, folder: str, as_json: bool) -> None:
    """Simulate, draw and print."""
    second = controlled(model, control)
    books = population.draw(model, seed)
    with timed() as watch:
        first = workers.simulate("paths", model, paths, seed, books)
    report = measures.summary(model, books, first)
    pair = None
    if control:
        pair = experiments.Twin(first, workers.simulate(f"with {control}", second, paths, seed, books))
        report["twin"] = experiments.difference(pair)
    drawn = _draw(Path(folder), model, books, seed, first, pair, control) if folder else []
    if as_json:
        print_json(report | {"seed": seed, "paths_per_second": round(1e3 * paths / watch.milliseconds, 2)})
        return
    _show(model, report, watch.milliseconds)
    for path in drawn:
        out.print(f"picture {path}")


def _draw(
    folder: Path, model: Model, books: Books, seed: int, outcome: Outcome, pair: experiments.Twin | None, control: str
) -> list[Path]:
    """Draw the path that fell most against its index, and everything else."""
    worst = int((outcome.fall[:, 0] - outcome.index_fall[:, 0]).argmax())
    story = trace.trace(model, books, seed, worst)
    drawn = [
        pictures.draw_path(folder, model, story),
        pictures.draw_branching(folder, model, measures.at_risk(model, books)),
        pictures.draw_map(folder, model, story),
    ]
    return [*drawn, pictures.draw_twin(folder, pair, control)] if pair else drawn


def _show(model: Model, report: dict[str, Any], milliseconds: float) -> None:
    per_second = 1e3 * report["paths"] / milliseconds
    out.print(f"[bold]{report['paths']:,} paths[/] of {report['accounts']:,} accounts, {report['steps']} steps")
    out.print(f"    simulated at {per_second:.1f} paths/s")
    table = Table("measure", "mean", "median", "95 %", "99 %", box=None, pad_edge=False)
    first = model.markets[0].name
    for label, values, form in (
        (f"fall of the index of {first}", report["index_fall"][first], "{:.4f}"),
        (f"fall of {first}", report["fall"][first], "{:.4f}"),
        ("amplification", report["amplification"], "{:.2f}"),
        ("forced share of open interest", report["forced_share"], "{:.4f}"),
        ("share of the busiest step", report["peak_share"], "{:.3f}"),
        ("rounds", report["rounds"], "{:.0f}"),
        ("bad debt, M USD", _millions(report["bad_debt"]), "{:.2f}"),
    ):
        if values:
            table.add_row(label, *(form.format(values[name]) for name in ("mean", "q50", "q95", "q99")))
    out.print(table)
    ratios = ", ".join(f"{name} {value:.2f}" for name, value in report["branching_ratio_max"].items())
    out.print(f"probability of a cascade {report['probability_of_cascade']:.3f}; largest branching ratio {ratios}")
    out.print(
        f"calls {report['mean_calls']:.1f}, liquidations {report['mean_liquidations']:.1f} a path; "
        f"fund paid {money(report['mean_fund_used'])}, gains {money(report['mean_haircut'])}"
    )
    out.print(f"concentration (HHI) {report['hhi']:.5f}, median leverage {report['leverage']['q50']:.1f}")
    _show_queue(report)
    if "twin" in report:
        _show_twin(report["twin"])


def _millions(values: dict[str, float]) -> dict[str, float]:
    return {name: value / 100_000_000 for name, value in values.items()}


def _show_queue(report: dict[str, Any]) -> None:
    queued = report["paths_with_unexecuted_queue"]
    if queued:
        out.print(
            f"[bold red]{queued} paths ended with an unexecuted queue[/], {money(report['mean_unexecuted_queue'])} on "
            f"average; it was executed at once, and its loss of {money(report['mean_queue_loss'])} is charged"
        )
    full = report["bottleneck"]
    if full["market"]:
        out.print(f"bottleneck {full['market']}: full in {100 * full['share_of_steps_full']:.1f} % of the steps")


def _show_twin(twin: dict[str, Any]) -> None:
    table = Table("the same paths", "without", "with", "better on", "worse on", box=None, pad_edge=False)
    for name, form in (
        ("probability_of_cascade", "{:.3f}"),
        ("fall", "{:.4f}"),
        ("bad_debt", "M"),
        ("fund_used", "M"),
        ("calls", "{:.1f}"),
        ("queue", "M"),
        ("queue_loss", "M"),
        ("hidden", "M"),
    ):
        row = twin[name]
        shown = [money(row[side]) if form == "M" else form.format(row[side]) for side in ("without", "with")]
        table.add_row(name.replace("_", " "), *shown, str(row["better"]), str(row["worse"]))
    out.print(table)
    count = twin["paths_ending_with_a_queue"]
    if count:
        out.print(f"[bold red]{count} controlled paths ended with an unexecuted queue[/]; its loss is charged")
