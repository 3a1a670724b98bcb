"""What the commands of the cascade simulator share: models, controls, workers, progress and money."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from zkmargin.amounts import PPM
from zkmargin.cli.output import err
from zkmargin.errors import StatementError
from zkmargin.risk.breakers import BreakerRules
from zkmargin.risk.cascade import run
from zkmargin.risk.cascade.controls import Dynamic
from zkmargin.risk.cascade.model import MILLION, Model, bitcoin, three_assets
from zkmargin.risk.cascade.outcome import Outcome
from zkmargin.risk.cascade.population import Books
from zkmargin.risk.dynamic_margin import RateRules

MARKETS = ("one", "three")
CONTROLS = ("throttle", "breaker", "dynamic")


@dataclass(frozen=True, slots=True)
class Workers:
    """Who simulates."""

    jobs: int
    backend: str
    address: str | None

    def simulate(self, label: str, model: Model, paths: int, seed: int, books: Books) -> Outcome:
        """Return the outcome of a run, with a progress bar while it lasts."""
        with progress(label, paths) as moved:
            return run.simulate(
                model, paths, seed, books=books, jobs=self.jobs, backend=self.backend, address=self.address,
                progress=moved,
            )  # fmt: skip


def built_in(markets: str, accounts: int, steps: int) -> Model:
    """Return one of the built-in models in a size."""
    if markets not in MARKETS:
        raise StatementError(f"markets must be one of {', '.join(MARKETS)}, got {markets[:40]!r}")
    model = bitcoin() if markets == "one" else three_assets()
    return replace(model, crowd=replace(model.crowd, accounts=accounts), steps=steps)


def controlled(model: Model, names: str) -> Model:
    """Return the model with the named controls, separated by commas, at the settings that docs/cli.md states."""
    controls = model.controls
    for name in names.split(",") if names else ():
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
