"""The command line: one small module per command.

Exit status: 0 accepted or done; 1 a well-formed proof that does not hold, a book that does not satisfy the claim, or a
ledger's log that is wrong; 2 malformed input or wrong usage.
"""

from __future__ import annotations

import gc
import sys

import typer

from zkmargin.cli import (
    audit,
    bench,
    commit,
    demo,
    inspect,
    models,
    oracle,
    prove,
    simulate,
    snapshot,
    verify,
    verify_log,
    wallet,
)
from zkmargin.cli.output import complain
from zkmargin.errors import LedgerError, VerificationError, WitnessError, ZkMarginError

app = typer.Typer(
    name="zkmargin",
    help="Prove that a derivatives account is above its margin requirement, without showing the account.",
    no_args_is_help=True,
    add_completion=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
)
for command in (demo, snapshot, models, commit, prove, verify, verify_log, inspect, audit, bench):
    app.command(name=command.__name__.rpartition(".")[2].replace("_", "-"))(command.run)
app.add_typer(oracle.app, name="oracle")
app.add_typer(wallet.app, name="wallet")
app.add_typer(simulate.app)


def main() -> None:
    """Run the command line; a library error becomes one line on standard error and an exit status."""
    gc.freeze()  # what the imports made lives as long as the process: no need to look through it again and again
    try:
        app()
    except (LedgerError, VerificationError, WitnessError) as error:
        complain(error)
        sys.exit(1)
    except ZkMarginError as error:
        complain(error)
        sys.exit(2)
