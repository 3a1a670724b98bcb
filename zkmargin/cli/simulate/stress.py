"""zkmargin simulate stress: the library of stresses, or the replay of a price file, on the same crowd."""

from __future__ import annotations

from typing import Annotated

import typer

from zkmargin.cli.simulate.options import (
    Accounts,
    Address,
    Backend,
    Control,
    Jobs,
    Json,
    Markets,
    Paths,
    Seed,
    Steps,
    fraction,
)

Only = Annotated[str, typer.Option("--only", help="Names of stresses, separated by commas; empty runs all.")]
Size = Annotated[str, typer.Option("--size", help="Log fall of the gap: 10% or 0.1.")]
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
    from zkmargin.cli.simulate.work import stress  # start-up time: 0.1 s for the simulator
    from zkmargin.cli.simulate.work.shared import Workers, built_in, controlled

    workers = Workers(jobs, backend, address or None)
    model = controlled(built_in(markets, accounts, steps), control)
    if prices:
        stress.run(model, {"replay": stress.replayed(model, prices)}, 1, seed, workers, as_json)
    else:
        stress.run(model, stress.chosen(model, fraction("size", size), only), paths, seed, workers, as_json)
