"""zkmargin commit: turn a book into a public account record and a secret opening."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from circuits import registration
from zkmargin import documents
from zkmargin.cli.output import out, size, timed
from zkmargin.commitments import Opening
from zkmargin.errors import StatementError
from zkmargin.margin import rules
from zkmargin.margin.portfolio import Book
from zkmargin.market.snapshot import Snapshot

BookFile = Annotated[Path, typer.Argument(help="Book (JSON): what the account holds.")]
Basis = Annotated[Path | None, typer.Option("--snapshot", "-s", help="Commit over everything this snapshot lists.")]
Model = Annotated[str, typer.Option("--model", "-m", help="With a snapshot: only what this model margins.")]
Venue = Annotated[str, typer.Option("--venue", help="Identifier of the venue.")]
Name = Annotated[str, typer.Option("--name", help="Identifier of the account at the venue.")]
Sequence = Annotated[int, typer.Option("--sequence", help="Number of the account's state.")]
AccountOut = Annotated[Path, typer.Option("--account", "-a", help="Where to write the public account record.")]
OpeningOut = Annotated[Path, typer.Option("--opening", help="Where to write the secret opening (mode 0600).")]


def run(
    book_file: BookFile,
    name: Name,
    venue: Venue = "demo",
    snapshot: Basis = None,
    model: Model = "",
    sequence: Sequence = 0,
    account: AccountOut = Path("account.json"),
    opening: OpeningOut = Path("opening.secret.json"),
) -> None:
    """Commit to a book and register the commitment.

    Without a snapshot the commitment is over the ids in the book: list ids with zero lots to hide which ones you hold.
    """
    book = Book.from_document(documents.read_file(book_file))
    basis = tuple(book.quantities)
    if snapshot is not None:
        market = Snapshot.from_document(documents.read_file(snapshot))
        basis = rules.held(market, model) if model else tuple(item.id for item in market.listings)
    if not basis:
        raise StatementError("book.quantities_lots must name at least one id, got none")
    secret = Opening.fresh(dict(zip(basis, book.vector(basis), strict=True)))
    with timed() as watch:
        registered = registration.register(venue, name, secret, sequence)
    documents.write_file(opening, secret.to_document(), secret=True)
    documents.write_file(account, registered.to_document())
    out.print(f"[bold]{account}[/]  public: commitment over {len(basis)} ids, registered in {watch}")
    out.print(f"    proofs of opening and bounds: {size(registered.opening_proof + registered.bounds_proof)}")
    out.print(f"[bold]{opening}[/]  [yellow]secret[/]: keep it; whoever reads it reads the book")
