"""zkmargin snapshot: build a market snapshot from a market file, or the built-in sample market."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from zkmargin import documents
from zkmargin.cli.options import OutFile, parse_width
from zkmargin.cli.output import out
from zkmargin.errors import StatementError
from zkmargin.market import chains, sample
from zkmargin.market.instruments import Linear
from zkmargin.market.models import Model
from zkmargin.market.snapshot import Snapshot
from zkmargin.risk import chain
from zkmargin.risk.breakers import BreakerRules

Market = Annotated[Path | None, typer.Option("--market", help="Options chain in CSV; the sample market without it.")]
Expiries = Annotated[int, typer.Option("--expiries", help="List so many expiries, nearest first.")]
Strikes = Annotated[int, typer.Option("--strikes", help="List so many strikes an expiry, nearest first.")]
Previous = Annotated[Path | None, typer.Option("--previous", help="Snapshot of the epoch before, to chain to.")]
Band = Annotated[str, typer.Option("--band", help="With --previous: refuse prices that moved further: 10% or 0.1.")]
Models = Annotated[list[Path] | None, typer.Option("--model", "-m", help="A composed model (JSON) to publish as well.")]
Venue = Annotated[str, typer.Option("--venue", help="Identifier of the venue.")]


RULES = BreakerRules()


def run(
    out_file: OutFile = Path("snapshot.json"),
    market: Market = None,
    expiries: Expiries = 2,
    strikes: Strikes = 8,
    venue: Venue = "demo",
    previous: Previous = None,
    band: Band = "",
    model: Models = None,
) -> None:
    """Build a market snapshot: instruments, marks, margin parameters and risk arrays, as one canonical document."""
    composed = [Model.from_document(documents.read_file(path)) for path in model or ()]
    snapshot = build(market, expiries, strikes, venue, previous, composed, parse_width(band))
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
    band_ppm: int = 0,
) -> Snapshot:
    """Return the snapshot that the options describe."""
    if band_ppm and previous is None:
        raise StatementError("--previous must be given with --band")
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
    following = snapshot.chained_to(before)
    if band_ppm:
        widest = max(band_ppm, RULES.bad_tick_ppm, RULES.collars_ppm[-1])
        rules = replace(RULES, band_ppm=band_ppm, bad_tick_ppm=widest, collars_ppm=(widest,), halts=False)
        linear = [item.id for item in before.listings if isinstance(item.instrument, Linear)]
        chain.check(dict.fromkeys(linear, rules), [before], following)
    return following


def listing_table(snapshot: Snapshot, limit: int = 12) -> Table:
    """Return the first listings as a table."""
    table = Table("id", "kind", "mark (ticks)", "value of a lot (units)", box=None, pad_edge=False)
    for item in snapshot.listings[:limit]:
        table.add_row(item.id, item.instrument.kind, str(item.mark_ticks), str(item.value_units))
    if len(snapshot.listings) > limit:
        table.add_row(f"and {len(snapshot.listings) - limit} more", "", "", "")
    return table
