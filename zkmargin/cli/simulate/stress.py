"""zkmargin simulate stress: the library of stresses, or the replay of a price file, on the same crowd."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table

from zkmargin.cli.output import out
from zkmargin.cli.simulate.shared import (
    Accounts,
    Address,
    Backend,
    Jobs,
    Json,
    Markets,
    Paths,
    Seed,
    Steps,
    built_in,
    controlled,
    fraction,
    print_json,
    progress,
)
from zkmargin.errors import StatementError
from zkmargin.market import chains
from zkmargin.risk.cascade import experiments, measures, population
from zkmargin.risk.cascade.model import MILLION, Model
from zkmargin.risk.cascade.run import simulate

Only = Annotated[str, typer.Option("--only", help="Names of stresses, separated by commas; empty runs all.")]
Size = Annotated[str, typer.Option("--size", help="Log fall of the gap: 10% or 0.1.")]
Control = Annotated[str, typer.Option("--control", help="Controls in force, separated by commas.")]
Prices = Annotated[str, typer.Option("--prices", help="Hourly candles (CSV) to replay instead, on one market.")]


def run(
    paths: Paths = 64,
    accounts: Accounts = 3_000,
    steps: Steps = 240,
    markets: Markets = "one",
    size: Size = "10%",
    only: Only = "",
    control: Control = "",
    prices: Prices = "",
    seed: Seed = 1,
    jobs: Jobs = 1,
    backend: Backend = "loky",
    address: Address = "",
    as_json: Json = False,
) -> None:
    """Run the stresses and show what each does to prices, accounts and the fund."""
    model = built_in(markets, accounts, steps)
    model = controlled(model, control) if control else model
    if prices:
        chosen, paths = {"replay": _replay(model, Path(prices))}, 1
    else:
        chosen = _chosen(model, fraction("size", size), only)
    books = population.draw(model, seed)
    report: dict[str, Any] = {}
    for name, stressed in chosen.items():
        with progress(name, paths) as moved:
            options: dict[str, Any] = {"jobs": jobs, "backend": backend, "address": address or None}
            outcome = simulate(stressed, paths, seed, books=books, progress=moved, **options)
        report[name] = measures.summary(stressed, books, outcome)
    if as_json:
        print_json({"seed": seed, "stresses": report})
    else:
        _show(model, report)


def _chosen(model: Model, size: float, only: str) -> dict[str, Model]:
    library = experiments.stresses(model, size)
    names = only.split(",") if only else list(library)
    for name in names:
        if name not in library:
            raise StatementError(f"stress must be one of {', '.join(library)}, got {name[:40]!r}")
    return {name: library[name] for name in names}


def _replay(model: Model, path: Path) -> Model:
    if len(model.markets) != 1:
        raise StatementError("a price file is replayed on one market: --markets one")
    history = list(chains.from_candles([chains.Candles("REPLAY", path)]))
    return experiments.replayed(model, history, ["REPLAY"], steps_each=3_600 // model.step_seconds)


def _show(model: Model, report: dict[str, Any]) -> None:
    table = Table(
        "stress", "cascade", "index", "fall", "forced", "calls", "late", "debt, M", "fund gone", "queued",
        box=None, pad_edge=False,
    )  # fmt: skip
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
            f"{found['paths_with_unexecuted_queue']} of {found['paths']}",
        )
    out.print(table)
    out.print("medians of falls and forced share, means of the rest; what a queue left at the end lost is in bad debt")
