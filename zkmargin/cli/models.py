"""zkmargin models: show the margin models of a snapshot, part by part."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from circuits import claims
from circuits.sizes import measure
from zkmargin import documents
from zkmargin.cli.options import SnapshotFile
from zkmargin.cli.output import out
from zkmargin.margin import rules
from zkmargin.margin.claim import Claim
from zkmargin.market.models import Model
from zkmargin.market.snapshot import Snapshot

Out = Annotated[Path | None, typer.Option("--out", "-o", help="Write the composed model named by --model to a file.")]
Name = Annotated[str, typer.Option("--model", "-m", help="Show or write this model only.")]


def run(snapshot: SnapshotFile = Path("snapshot.json"), model: Name = "", out_file: Out = None) -> None:
    """List the margin models of a snapshot: parts, stress requirements, and what a maintenance proof of each costs."""
    market = Snapshot.from_document(documents.read_file(snapshot))
    names = [model] if model else list(market.to_document()["models"])
    table = Table("model", "version", "ids", "parts", "stress", "numbers", "proof (bytes)", box=None, pad_edge=False)
    for name in names:
        table.add_row(name, *_described(market, name))
    out.print(table)
    if out_file is not None:
        parameters = market.parameters(model)
        document = parameters.to_file_document() if isinstance(parameters, Model) else parameters.to_document()
        documents.write_file(out_file, document)
        out.print(f"[bold]{out_file}[/]  the parameters of {model}")


def _described(market: Snapshot, name: str) -> tuple[str, ...]:
    parameters = market.parameters(name)
    composed = isinstance(parameters, Model)
    parts = ", ".join(parameters.parts) if isinstance(parameters, Model) else ""
    stress = ", ".join(parameters.stress) if isinstance(parameters, Model) else ""
    basis = rules.held(market, name)
    sizes = measure(claims.circuit(market, Claim("maintenance", name), basis), len(basis))
    shown = (parts or ("-" if composed else "built in"), stress or "-")
    return (str(parameters.version), str(len(basis)), *shown, str(sizes.numbers), f"{sizes.proof_bytes:,}")
