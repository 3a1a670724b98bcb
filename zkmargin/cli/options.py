"""Options that several commands share, and the parsing of claims from words."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from zkmargin.amounts import PPM, Ratio, exact_decimal
from zkmargin.errors import StatementError
from zkmargin.margin.claim import Claim

SnapshotFile = Annotated[Path, typer.Option("--snapshot", "-s", help="Market snapshot (JSON).")]
AccountFile = Annotated[Path, typer.Option("--account", "-a", help="Public account record (JSON).")]
OpeningFile = Annotated[Path, typer.Option("--opening", help="Secret opening of the commitment (JSON, mode 0600).")]
ProofFile = Annotated[Path, typer.Option("--proof", "-p", help="Proof document (JSON).")]
OutFile = Annotated[Path, typer.Option("--out", "-o", help="Where to write the result.")]
ClaimKind = Annotated[str, typer.Option("--claim", "-c", help="maintenance, initial, box or stress.")]
Model = Annotated[str, typer.Option("--model", "-m", help="cross, scenario, or a composed model.")]
Threshold = Annotated[str, typer.Option("--threshold", "-t", help="Public factor on the requirement: 1, 1.1 or 11/10.")]
Rounds = Annotated[int, typer.Option("--rounds", "-r", help="Fold the proof so often: smaller, slower. 0: opened.")]
Stress = Annotated[str, typer.Option("--stress", help="The scenario or stress requirement of a stress claim.")]
Width = Annotated[str, typer.Option("--width", "-w", help="Half-width of a box: 5% or 0.05.")]


def parse_claim(kind: str, model: str, threshold: str, width: str, stress: str = "") -> Claim:
    """Return the claim that the options describe.

    Example:
        >>> parse_claim("initial", "scenario", "1.1", "").sentence()
        'equity is at least 11/10 of the initial requirement of the scenario model'
    """
    return Claim(kind, model, parse_ratio(threshold), parse_width(width), stress)


def parse_ratio(text: str) -> Ratio:
    """Return a threshold written as a fraction or as a decimal with at most six places, exactly.

    Example:
        >>> parse_ratio("1.1"), parse_ratio("3/2")
        (Ratio(numerator=11, denominator=10), Ratio(numerator=3, denominator=2))
    """
    numerator, slash, denominator = text.partition("/")
    if slash:
        if not (numerator.isascii() and numerator.isdigit() and denominator.isascii() and denominator.isdigit()):
            raise StatementError(f"threshold must be a fraction of positive integers, got {text[:40]!r}")
        if len(text) > 25:
            raise StatementError(f"threshold must have at most 25 characters, got {len(text)}")
        return Ratio.of(int(numerator), int(denominator))
    return Ratio.of(_exact_ppm("threshold", text), PPM)


def parse_width(text: str) -> int:
    """Return a box width in ppm from a percentage or a fraction of one; empty means no box.

    Example:
        >>> parse_width("5%"), parse_width("0.05"), parse_width("")
        (50000, 50000, 0)
    """
    if not text:
        return 0
    return _exact_ppm("width", text[:-1], PPM // 100) if text.endswith("%") else _exact_ppm("width", text)


def _exact_ppm(field: str, text: str, scale: int = PPM) -> int:
    return exact_decimal(field, text, scale, "must be a whole number of parts per million")
