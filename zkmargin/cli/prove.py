"""zkmargin prove: prove a claim about a committed book."""

from __future__ import annotations

from pathlib import Path

from circuits import evidence
from circuits.registration import Registration
from zkmargin import documents
from zkmargin.cli.options import (
    AccountFile,
    ClaimKind,
    Model,
    OpeningFile,
    OutFile,
    Rounds,
    SnapshotFile,
    Stress,
    Threshold,
    Width,
    parse_claim,
)
from zkmargin.cli.output import out, size, timed
from zkmargin.commitments import Opening
from zkmargin.market.snapshot import Snapshot


def run(
    snapshot: SnapshotFile = Path("snapshot.json"),
    account: AccountFile = Path("account.json"),
    opening: OpeningFile = Path("opening.secret.json"),
    claim: ClaimKind = "maintenance",
    model: Model = "scenario",
    threshold: Threshold = "1",
    width: Width = "",
    stress: Stress = "",
    rounds: Rounds = 0,
    out_file: OutFile = Path("proof.json"),
) -> None:
    """Prove a claim; exit status 1, with the shortfall, if the book does not satisfy it."""
    stated = parse_claim(claim, model, threshold, width, stress)
    market = Snapshot.from_document(documents.read_file(snapshot))
    state = Registration.from_document(documents.read_file(account)).account
    secret = Opening.from_document(documents.read_file(opening))
    with timed() as watch:
        made = evidence.prove(market, stated, state, secret, rounds=rounds)
    documents.write_file(out_file, made.to_document())
    out.print(f"[bold]{out_file}[/]  {stated.sentence()}")
    out.print(f"    proved in {watch}, {size(made.proof)}")
