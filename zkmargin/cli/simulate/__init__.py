"""zkmargin simulate: what margin rules, breakers and liquidation do to a whole venue. One small module per command."""

from __future__ import annotations

import typer

from zkmargin.cli.simulate import cascade, replay, stress, venue

app = typer.Typer(
    name="simulate",
    help="Simulate a venue: margin calls, liquidations, who pays.",
    no_args_is_help=True,
    rich_markup_mode="rich",
)
for command in (cascade, stress, venue, replay):
    app.command(name=command.__name__.rpartition(".")[2])(command.run)
