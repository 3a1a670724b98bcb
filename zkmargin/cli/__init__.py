"""The command line: one small module per command.

Exit status: 0 accepted or done; 1 a well-formed proof that does not hold, or a book that does not satisfy the claim;
2 malformed input or wrong usage.
"""

from __future__ import annotations

import sys

import typer

from zkmargin.cli import bench, commit, demo, inspect, oracle, prove, snapshot, verify, verify_log
from zkmargin.cli.output import complain
from zkmargin.errors import VerificationError, WitnessError, ZkMarginError

app = typer.Typer(
    name="zkmargin",
    help="Prove that a derivatives account is above its margin requirement, without showing the account.",
    no_args_is_help=True,
    add_completion=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
)
for command in (demo, snapshot, commit, prove, verify, verify_log, inspect, bench):
    app.command(name=command.__name__.rpartition(".")[2].replace("_", "-"))(command.run)
app.add_typer(oracle.app, name="oracle")


def main() -> None:
    """Run the command line; a library error becomes one line on standard error and an exit status."""
    try:
        app()
    except (VerificationError, WitnessError) as error:
        complain(error)
        sys.exit(1)
    except ZkMarginError as error:
        complain(error)
        sys.exit(2)
