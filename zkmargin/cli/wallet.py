"""zkmargin wallet: an account's book, openings and key in an encrypted file, and again from the log and the seed."""

from __future__ import annotations

import os
import sys
from itertools import islice
from pathlib import Path
from typing import Annotated

import typer

from zkmargin import documents
from zkmargin.cli.output import err, out
from zkmargin.client.seed import Seed
from zkmargin.client.wallet import Wallet
from zkmargin.errors import EncodingError, StatementError
from zkmargin.ledger import audit, entries, log

ENVIRONMENT = "ZKMARGIN_PASSPHRASE"
MAX_SECRET_BYTES = 8_192

File = Annotated[Path, typer.Argument(metavar="FILE", help="The wallet.")]
Venue = Annotated[str, typer.Option("--venue", help="Identifier of the venue.")]
Name = Annotated[str, typer.Option("--name", help="Identifier of the account at the venue.")]
LogFile = Annotated[Path, typer.Option("--log", help="The ledger's log.")]
BookFlag = Annotated[bool, typer.Option("--book", help="Also print what the account holds: a secret.")]
PassphraseFile = Annotated[
    Path | None,
    typer.Option("--passphrase-file", help=f"Its first line is the passphrase. Else ${ENVIRONMENT}, else a prompt."),
]
SeedFile = Annotated[Path | None, typer.Option("--seed-file", help="Its first line is the seed. Else a prompt.")]

app = typer.Typer(
    help="Keep an account's book, openings and key in an encrypted file.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)


@app.command()
def create(file: File, name: Name, venue: Venue = "demo", passphrase_file: PassphraseFile = None) -> None:
    """Create the wallet of an account that is to be opened, and show its seed to be written down."""
    with Wallet.create(file, venue, name, _passphrase(passphrase_file, confirm=True)) as wallet:
        out.print(f"[bold]{file}[/]  {name} of {venue}, not open yet")
        out.print(f"    public key {wallet.public_key.hex()}")
        err.print(
            "[yellow]Write this seed down[/] and keep it away from the file. With the ledger's log it is enough to"
        )
        err.print("have everything again, for you and for whoever finds it:")
        out.print(wallet.backup())


@app.command()
def show(file: File, book: BookFlag = False, passphrase_file: PassphraseFile = None) -> None:
    """Say which account a wallet is for, and where it stands; what it holds only if asked."""
    with Wallet.open(file, _passphrase(passphrase_file)) as wallet:
        opened = wallet.opening() if wallet.is_open else None
        state = "not open yet" if opened is None else f"state {wallet.sequence}"
        out.print(f"[bold]{file}[/]  {wallet.account} of {wallet.venue}, {state}")
        out.print(f"    public key {wallet.public_key.hex()}")
        out.print(f"    pending: {', '.join(wallet.pending()) or 'nothing'}")
        if opened is not None:
            out.print(f"    basis: {', '.join(opened.quantities)}")
            for label, quantity in opened.quantities.items() if book else ():
                out.print(f"    {label} {quantity}")


@app.command()
def backup(file: File, passphrase_file: PassphraseFile = None) -> None:
    """Print the seed of a wallet, to be written down."""
    with Wallet.open(file, _passphrase(passphrase_file)) as wallet:
        err.print("[yellow]Whoever has this seed and the ledger's log has the account:[/]")
        out.print(wallet.backup())


@app.command()
def restore(
    file: File,
    name: Name,
    log_file: LogFile,
    venue: Venue = "demo",
    seed_file: SeedFile = None,
    passphrase_file: PassphraseFile = None,
) -> None:
    """Make a lost wallet again from the seed and the ledger's log, which is audited on the way."""
    seed = Seed.from_backup(_first_line(seed_file) if seed_file else _prompt("Seed", "--seed-file or a terminal"))
    passphrase = _passphrase(passphrase_file, confirm=True)
    report = audit.audit(log_file, complete=False)
    known = (entries.from_bytes(line.payload) for line in islice(log.lines(log_file), report.records))
    with Wallet.restore(file, venue, name, passphrase, seed, known, report.state) as wallet:
        out.print(
            f"[bold]{file}[/]  {name} of {venue}, state {wallet.sequence}, restored from {report.records} records"
        )
        out.print("    the book opens the account's commitment in the ledger")


def _passphrase(path: Path | None, *, confirm: bool = False) -> str:
    """Return the passphrase from a file, the environment or a prompt; never from an argument, which others can see."""
    if path is not None:
        return _first_line(path)
    if ENVIRONMENT in os.environ:
        return os.environ[ENVIRONMENT]
    return _prompt("Passphrase", f"--passphrase-file, ${ENVIRONMENT} or a terminal", confirm=confirm)


def _prompt(what: str, sources: str, *, confirm: bool = False) -> str:
    if not sys.stdin.isatty():
        raise StatementError(f"the {what.lower()} must come from {sources}")
    return str(typer.prompt(what, hide_input=True, confirmation_prompt=confirm, err=True))


def _first_line(path: Path) -> str:
    data = documents.read_bytes(path)
    if len(data) > MAX_SECRET_BYTES:
        raise EncodingError(f"{path} must have at most {MAX_SECRET_BYTES} bytes, got {len(data)}")
    try:
        return data.decode("utf-8").partition("\n")[0].removesuffix("\r")
    except UnicodeDecodeError:
        raise EncodingError(f"{path} is not UTF-8") from None
