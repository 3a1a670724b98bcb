"""What `zkmargin simulate stress` does."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from rich.table import Column, Table

from zkmargin.cli.output import out
from zkmargin.cli.simulate.options import print_json
from zkmargin.cli.simulate.work.shared import Workers
from zkmargin.errors import StatementError
from zkmargin.market import chains
from zkmargin.risk.cascade import experiments, measures, population
from zkmargin.risk.cascade.model import MILLION, Model


def run(model: Model, cases: dict[str, Model], paths: int, seed: int, workers: Workers, as_json: bool) -> None:
    """Simulate every stress on one crowd, and print."""
    books = population.draw(model, seed)
    report: dict[str, Any] = {}
    for name, stressed in cases.items():
        outcome = workers.simulate(name, stressed, paths, seed, books)
        report[name] = measures.summary(stressed, books, outcome)
    if as_json:
        print_json({"seed": seed, "stresses": report})
    else:
        _show(model, report)


def chosen(model: Model, size: float, only: str) -> dict[str, Model]:
    """Return the named stresses of the library, or all of them."""
    library = experiments.stresses(model, size)
    names = only.split(",") if only else list(library)
    for name in names:
        if name not in library:
            raise StatementError(f"stress must be one of {', '.join(library)}, got {name[:40]!r}")
    return {name: library[name] for name in names}


def replayed(model: Model, path: str) -> Model:
    """Return the model on the closes of a file of hourly candles."""
    if len(model.markets) != 1:
        raise StatementError("a price file is replayed on one market: --markets one")
    history = list(chains.from_candles([chains.Candles("REPLAY", Path(path))]))
    return experiments.replayed(model, history, ["REPLAY"], steps_each=3_600 // model.step_seconds)


def _show(model: Model, report: dict[str, Any]) -> None:
    names = ("cascade", "index", "fall", "forced", "calls", "late", "debt, M", "broke", "queued")
    table = Table(Column("stress", no_wrap=True), *names, box=None, pad_edge=False, collapse_padding=True)
    first = model.markets[0].name
    for name, found in report.items():
        table.add_row(
            name,
            f"{found['probability_of_cascade']:.2f}",
            f"{found['index_fall'][first]['q50']:.3f}",
            f"{found['fall'][first]['q50']:.3f}",
            f"{100 * found['forced_share']['q50']:.1f} %",
            f"{found['mean_calls']:.0f}",
            f"{found['mean_late']:.0f}",
            f"{found['bad_debt']['mean'] / MILLION:,.1f}",
            f"{found['probability_fund_exhausted']:.2f}",
            str(found["paths_with_unexecuted_queue"]),
        )
    out.print(table)
    out.print("cascade, broke: share of paths with one, and of those on which the fund did not suffice")
    out.print(
        "index, fall, forced: medians. calls, late, debt: means. queued: paths that ended with an unexecuted queue;"
    )
    out.print("it was executed at once, and its loss is in the debt")
