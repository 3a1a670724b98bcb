"""zkmargin simulate cascade: Monte-Carlo paths of a crowd, its margin calls and what they do to the price."""

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

Gap = Annotated[str, typer.Option("--gap", help="Log fall of all indices in the eleventh step: 5% or 0.05.")]
Pictures = Annotated[str, typer.Option("--pictures", help="Folder for pictures; empty draws none.")]


def run(
    paths: Paths = 256,
    accounts: Accounts = 3_000,
    steps: Steps = 240,
    markets: Markets = "one",
    gap: Gap = "0",
    control: Control = "",
    seed: Seed = 1,
    jobs: Jobs = 1,
    backend: Backend = "loky",
    address: Address = "",
    pictures: Pictures = "",
    as_json: Json = False,
) -> None:
    """Simulate a cascade of margin calls; with a control, the same paths again under it."""
    from zkmargin.cli.simulate.work import cascade  # start-up time: 0.1 s for the simulator
    from zkmargin.cli.simulate.work.shared import Workers

    workers = Workers(jobs, backend, address or None)
    model = cascade.gapped(markets, accounts, steps, fraction("gap", gap))
    cascade.run(model, control, paths, seed, workers, pictures, as_json)
