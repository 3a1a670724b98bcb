"""zkmargin inspect: what a document says, and what it reveals."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from circuits import evidence, registration
from circuits.evidence import Evidence
from circuits.registration import Registration
from zkmargin import commitments, documents
from zkmargin.cli.output import out, size
from zkmargin.cli.snapshot import listing_table
from zkmargin.commitments import Opening
from zkmargin.errors import EncodingError
from zkmargin.margin import portfolio
from zkmargin.margin.portfolio import Book
from zkmargin.market import snapshot as snapshots
from zkmargin.market.snapshot import Snapshot

File = Annotated[Path, typer.Argument(help="A snapshot, account, proof, book or opening (JSON).")]


def run(file: File) -> None:
    """Say in plain words what a document says and reveals; checks its form, verifies no proof, shows no secret."""
    document = documents.read_file(file)
    describe = {
        snapshots.FORMAT: _snapshot,
        registration.FORMAT: _account,
        evidence.FORMAT: _proof,
        portfolio.FORMAT: _book,
        commitments.FORMAT: _opening,
    }.get(str(document.get("format")))
    if describe is None:
        raise EncodingError(f"{file} has no format that this version knows")
    describe(document)


def _snapshot(document: dict[str, Any]) -> None:
    market = Snapshot.from_document(document)
    models = ", ".join(f"{name} (version {model['version']})" for name, model in market.to_document()["models"].items())
    out.print(f"[bold]market snapshot[/], epoch {market.epoch} of {market.venue}, breaker {market.breaker}")
    out.print(f"    digest {market.digest().hex()}\n    follows {market.previous}\n    margin models: {models}")
    out.print(listing_table(market, 24))
    out.print("Everything in it is public.")


def _account(document: dict[str, Any]) -> None:
    registered = Registration.from_document(document)
    state = registered.account
    out.print(f"[bold]account record[/]: {state.account} of {state.venue}, state {state.sequence}")
    out.print(f"    commitment {state.commitment.to_bytes().hex()}")
    out.print(f"    over {len(state.basis)} ids: {', '.join(state.basis[:8])}{' ..' if len(state.basis) > 8 else ''}")
    out.print(f"    proofs of opening and bounds: {size(registered.opening_proof + registered.bounds_proof)}")
    out.print("It reveals the ids the book may hold, and nothing about how much of which.")


def _proof(document: dict[str, Any]) -> None:
    given = Evidence.from_document(document)
    out.print(f"[bold]proof[/] by {given.account} of {given.venue}, state {given.sequence}, at epoch {given.epoch}")
    out.print(f"    says: {given.claim.sentence()}")
    out.print(f"    snapshot {given.snapshot_digest.hex()}\n    commitment {given.commitment.hex()}")
    form = f"folded in {given.rounds} rounds" if given.rounds else "opened"
    out.print(f"    {size(given.proof)}, {form}; holds only for this account, state, snapshot and claim")
    out.print("If it verifies, it reveals that the sentence is true, and nothing else about the book.")


def _book(document: dict[str, Any]) -> None:
    out.print(f"[bold]book[/] [yellow](secret)[/] with {len(Book.from_document(document).quantities)} entries")
    out.print("Whoever reads this file knows the whole position. Share the account record instead.")


def _opening(document: dict[str, Any]) -> None:
    out.print(f"[bold]opening[/] [yellow](secret)[/] over {len(Opening.from_document(document).quantities)} ids")
    out.print("Whoever reads this file knows the book and can prove claims about it. Never send it to anybody.")
