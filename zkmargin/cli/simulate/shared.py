"""What the commands of the cascade simulator share: options, progress, models and money as people read it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Annotated, Any

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from zkmargin.amounts import PPM, exact_decimal
from zkmargin.cli.output import err
from zkmargin.errors import StatementError
from zkmargin.risk.breakers import BreakerRules
from zkmargin.risk.cascade.controls import Dynamic
from zkmargin.risk.cascade.model import MILLION, Model, bitcoin, three_assets
from zkmargin.risk.cascade.run import BACKENDS
from zkmargin.risk.dynamic_margin import RateRules

MARKETS = ("one", "three")
CONTROLS = ("throttle", "breaker", "dynamic")

Paths = Annotated[int, typer.Option("--paths", help="Monte-Carlo paths.")]
Accounts = Annotated[int, typer.Option("--accounts", help="Accounts of the crowd.")]
Steps = Annotated[int, typer.Option("--steps", help="Steps of a minute.")]
Markets = Annotated[str, typer.Option("--markets", help="one: a single contract. three: three assets at two venues.")]
Seed = Annotated[int, typer.Option("--seed", help="Same seed, same result, on any back end.")]
Jobs = Annotated[int, typer.Option("--jobs", help="Workers.")]
Backend = Annotated[str, typer.Option("--backend", help=f"One of {', '.join(BACKENDS)}.")]
Address = Annotated[str, typer.Option("--address", help="Of a dask scheduler or a ray head; empty starts one here.")]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]


def built_in(markets: str, accounts: int, steps: int) -> Model:
    """Return one of the built-in models in a size."""
    if markets not in MARKETS:
        raise StatementError(f"markets must be one of {', '.join(MARKETS)}, got {markets[:40]!r}")
    model = bitcoin() if markets == "one" else three_assets()
    return replace(model, crowd=replace(model.crowd, accounts=accounts), steps=steps)


def controlled(model: Model, names: str) -> Model:
    """Return the model with the named controls, separated by commas, at the settings that docs/cli.md states."""
    controls = model.controls
    for name in names.split(","):
        if name not in CONTROLS:
            raise StatementError(f"control must be one of {', '.join(CONTROLS)}, got {name[:40]!r}")
        if name == "throttle":
            controls = replace(controls, throttle_ppm=2_000)
        elif name == "breaker":
            controls = replace(controls, breaker=BreakerRules())
        else:
            # The margin for a day at calm volatility is about the first tier of the built-in tables: 0.5 %.
            rules = RateRules(multiple_ppm=8 * PPM, tool="buffer", speed_limit_ppm=500_000, notice_seconds=300)
            controls = replace(controls, dynamic=Dynamic(rules, 5))
    return replace(model, controls=controls)


def fraction(field: str, text: str) -> float:
    """Return a share written as a percentage or a number: ``5%`` or ``0.05``."""
    scale, digits = (PPM // 100, text[:-1]) if text.endswith("%") else (PPM, text)
    return exact_decimal(field, digits, scale, "must be a whole number of parts per million") / PPM


@contextmanager
def progress(label: str, paths: int) -> Iterator[Callable[[int], None]]:
    """Yield a function that moves a progress bar on standard error to a number of paths."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=err, transient=True, disable=not err.is_terminal) as bar:
        task = bar.add_task(label, total=paths)
        yield lambda done: bar.update(task, completed=done)


def money(units: float) -> str:
    """Return an amount of cents in millions of USD.

    Example:
        >>> money(1_234_567_890_00)
        '1,234.57 M USD'
    """
    return f"{units / MILLION:,.2f} M USD"


def print_json(report: dict[str, Any]) -> None:
    """Print one line for programs, never wrapped or styled."""
    print(json.dumps(report))  # noqa: T201 - one line for programs
