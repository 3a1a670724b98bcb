"""zkmargin snapshot: build a market snapshot from a market file, or the built-in sample market."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from zkmargin import documents
from zkmargin.cli.options import OutFile
from zkmargin.cli.output import out
from zkmargin.errors import StatementError
from zkmargin.market import chains, sample
from zkmargin.market.models import Model
from zkmargin.market.snapshot import Snapshot

Market = Annotated[Path | None, typer.Option("--market", help="Options chain in CSV; the sample market without it.")]
Expiries = Annotated[int, typer.Option("--expiries", help="List so many expiries, nearest first.")]
Strikes = Annotated[int, typer.Option("--strikes", help="List so many strikes an expiry, nearest first.")]
Previous = Annotated[Path | None, typer.Option("--previous", help="Snapshot of the epoch before, to chain to.")]
Models = Annotated[list[Path] | None, typer.Option("--model", "-m", help="A composed model (JSON) to publish as well.")]
Venue = Annotated[str, typer.Option("--venue", help="Identifier of the venue.")]


def run(
    out_file: OutFile = Path("snapshot.json"),
    market: Market = None,
    expiries: Expiries = 2,
    strikes: Strikes = 8,
    venue: Venue = "demo",
    previous: Previous = None,
    model: Models = None,
) -> None:
    """Build a market snapshot: instruments, marks, margin parameters and risk arrays, as one canonical document."""
    composed = [Model.from_document(documents.read_file(path)) for path in model or ()]
    snapshot = build(market, expiries, strikes, venue, previous, composed)
    documents.write_file(out_file, snapshot.to_document())
    out.print(f"[bold]{out_file}[/]  epoch {snapshot.epoch} of {snapshot.venue}, digest {snapshot.digest().hex()}")
    out.print(listing_table(snapshot))


def build(
    market: Path | None,
    expiries: int,
    strikes: int,
    venue: str,
    previous: Path | None = None,
    models: Sequence[Model] = (),
) -> Snapshot:
    """Return the snapshot that the options describe."""
    snapshot = (
        sample.snapshot(venue=venue)
        if market is None
        else chains.from_deribit(market, expiries=expiries, strikes=strikes, venue=venue)
    )
    snapshot = replace(snapshot, models=tuple(sorted(models, key=lambda model: model.model)))
    if previous is None:
        return snapshot
    before = Snapshot.from_document(documents.read_file(previous))
    missing = {item.id for item in before.listings} - {item.id for item in snapshot.listings}
    if missing:
        raise StatementError(f"instrument {min(missing)} of epoch {before.epoch} must not disappear")
    return snapshot.chained_to(before)


def listing_table(snapshot: Snapshot, limit: int = 12) -> Table:
    """Return the first listings as a table."""
    table = Table("id", "kind", "mark (ticks)", "value of a lot (units)", box=None, pad_edge=False)
    for item in snapshot.listings[:limit]:
        table.add_row(item.id, item.instrument.kind, str(item.mark_ticks), str(item.value_units))
    if len(snapshot.listings) > limit:
        table.add_row(f"and {len(snapshot.listings) - limit} more", "", "", "")
    return table
