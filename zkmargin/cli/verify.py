"""zkmargin verify: check a proof against a snapshot and an account record."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from circuits import evidence
from circuits.evidence import Evidence
from circuits.registration import Registration
from zkmargin import documents
from zkmargin.cli.options import AccountFile, Model, ProofFile, SnapshotFile, Stress, Threshold, Width, parse_claim
from zkmargin.cli.output import out, timed
from zkmargin.errors import StatementError
from zkmargin.market.snapshot import Snapshot

Expected = Annotated[str, typer.Option("--claim", "-c", help="Accept this claim only; any, if left out.")]


def run(
    snapshot: SnapshotFile = Path("snapshot.json"),
    account: AccountFile = Path("account.json"),
    proof: ProofFile = Path("proof.json"),
    claim: Expected = "",
    model: Model = "",
    threshold: Threshold = "",
    width: Width = "",
    stress: Stress = "",
) -> None:
    """Verify a proof: exit status 0 if it holds, 1 if it does not, 2 if something is malformed or does not match."""
    expected = parse_claim(claim, model or "scenario", threshold or "1", width, stress) if claim else None
    if expected is None and (model or threshold or width or stress):
        raise StatementError("--claim must be given with --model, --threshold, --width or --stress, got none")
    market = Snapshot.from_document(documents.read_file(snapshot))
    registered = Registration.from_document(documents.read_file(account))
    given = Evidence.from_document(documents.read_file(proof))
    with timed() as watch:
        evidence.verify(market, registered, given, expected)
    out.print(f"[bold green]accepted[/] in {watch}")
    out.print(f"    account {given.account} of {given.venue}, state {given.sequence}, epoch {given.epoch}")
    out.print(f"    {given.claim.sentence()}")
