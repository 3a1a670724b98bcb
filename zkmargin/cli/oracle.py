"""zkmargin oracle: keys, committees, and signatures that make a snapshot count."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from zkmargin import documents
from zkmargin.amounts import PPM, exact_decimal
from zkmargin.cli.options import OutFile
from zkmargin.cli.output import out
from zkmargin.documents import Reader
from zkmargin.errors import EncodingError, StatementError
from zkmargin.market import oracle
from zkmargin.market.oracle import SIGNED_FORMAT, Committee, SignedSnapshot
from zkmargin.market.snapshot import Snapshot

KEY_FORMAT = "zkmargin/key/1"

app = typer.Typer(help="Sign snapshots as a committee, and check who signed.", no_args_is_help=True)

CommitteeFile = Annotated[Path, typer.Option("--committee", help="The committee in force (JSON).")]
KeyFile = Annotated[Path, typer.Option("--key", help="Secret key of the member (JSON, mode 0600).")]
MemberName = Annotated[str, typer.Option("--member", help="Name of the member.")]
Members = Annotated[list[str], typer.Option("--member", help="NAME=KEY, the key in hexadecimal; once for each member.")]
Needed = Annotated[int, typer.Option("--threshold", "-t", help="How many members must sign.")]
Venue = Annotated[str, typer.Option("--venue", help="Identifier of the venue.")]
Previous = Annotated[Path | None, typer.Option("--previous", help="Snapshot of the epoch before, signed or not.")]
Band = Annotated[str, typer.Option("--band", help="How far a mark may move from the one before: 20% or 0.2.")]
SnapshotArgument = Annotated[Path, typer.Argument(help="A snapshot, signed or not (JSON).")]


@app.command("key")
def key(out_file: OutFile = Path("oracle.secret.json")) -> None:
    """Make a member's key; the file is secret, the printed public key goes into the committee."""
    made = Ed25519PrivateKey.generate()
    documents.write_file(out_file, {"format": KEY_FORMAT, "key": made.private_bytes_raw().hex()}, secret=True)
    out.print(f"[bold]{out_file}[/]  secret: keep it")
    out.print(made.public_key().public_bytes_raw().hex())


@app.command("committee")
def committee(
    member: Members,
    threshold: Needed,
    out_file: OutFile = Path("committee.json"),
    venue: Venue = "demo",
) -> None:
    """Write the document of a first committee."""
    pairs = [text.partition("=")[::2] for text in member]
    if len({name for name, _ in pairs}) != len(pairs):
        raise StatementError("each member must be named once")
    keys = {name: _public(text) for name, text in pairs}
    made = Committee(venue, 0, threshold, keys)
    documents.write_file(out_file, made.to_document())
    out.print(f"[bold]{out_file}[/]  {threshold} of {len(keys)} sign for {venue}, digest {made.digest().hex()}")


@app.command("sign")
def sign(
    snapshot: SnapshotArgument,
    member: MemberName,
    key_file: KeyFile = Path("oracle.secret.json"),
    committee_file: CommitteeFile = Path("committee.json"),
    out_file: OutFile = Path("signed.json"),
) -> None:
    """Add a member's signature to a snapshot."""
    signed = read(snapshot)
    known = Committee.from_document(documents.read_file(committee_file))
    secret = _secret(key_file)
    if known.members.get(member) != secret.public_key().public_bytes_raw():
        raise StatementError(f"{key_file} is not the key of member {member} of the committee")
    if member in {item.member for item in signed.signatures}:
        raise StatementError(f"{member} must sign once")
    signature = oracle.sign(member, secret, oracle.snapshot_message(known, signed.snapshot))
    signed = SignedSnapshot(signed.snapshot, (*signed.signatures, signature))
    documents.write_file(out_file, signed.to_document())
    out.print(f"[bold]{out_file}[/]  epoch {signed.snapshot.epoch}, signed by {_signers(signed)}")


@app.command("check")
def check(
    snapshot: SnapshotArgument,
    committee_file: CommitteeFile = Path("committee.json"),
    previous: Previous = None,
    band: Band = "20%",
) -> None:
    """Check the signatures, and with the snapshot before also that this one follows it within the bands."""
    signed = read(snapshot)
    known = Committee.from_document(documents.read_file(committee_file))
    oracle.check_snapshot(known, signed)
    if previous is not None:
        before = read(previous).snapshot
        signed.snapshot.check_follows(before)
        oracle.check_bands(signed.snapshot, before, parse_band(band))
    out.print(f"[bold green]accepted[/]  epoch {signed.snapshot.epoch} of {known.venue}, signed by {_signers(signed)}")


def read(path: Path) -> SignedSnapshot:
    """Return the snapshot in a file, with its signatures if it has some."""
    document = documents.read_file(path)
    if document.get("format") == SIGNED_FORMAT:
        return SignedSnapshot.from_document(document)
    return SignedSnapshot(Snapshot.from_document(document))


def parse_band(text: str) -> int:
    """Return a band in ppm.

    Example:
        >>> parse_band("20%"), parse_band("0.2")
        (200000, 200000)
    """
    rule = "must be a whole number of parts per million"
    if text.endswith("%"):
        return exact_decimal("band", text[:-1], PPM // 100, rule)
    return exact_decimal("band", text, PPM, rule)


def _signers(signed: SignedSnapshot) -> str:
    return ", ".join(item.member for item in signed.signatures)


def _public(text: str) -> bytes:
    document: dict[str, Any] = {"key": text}
    with Reader(document, "member") as fields:
        return fields.hexadecimal("key", length=oracle.KEY_BYTES)


def _secret(path: Path) -> Ed25519PrivateKey:
    with Reader(documents.read_file(path), "key", secret=True) as fields:
        fields.format(KEY_FORMAT)
        try:
            return Ed25519PrivateKey.from_private_bytes(fields.hexadecimal("key", length=oracle.KEY_BYTES))
        except ValueError:
            raise EncodingError("key.key is no private key") from None
