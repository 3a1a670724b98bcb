"""Who says what the market is: a committee of which m of n members sign the digest of a snapshot.

Rule
----
    A snapshot counts when at least `threshold` distinct members of the committee in force signed the message

        digest of {format: "zkmargin/snapshot-signature/1", venue, epoch, snapshot, committee}

    where `snapshot` and `committee` are the digests of both documents. So a signature serves one snapshot of one venue
    and epoch, under one committee, and cannot be mistaken for one over anything else.

    A committee is replaced by its successor when at least `threshold` distinct members of the committee in force signed

        digest of {format: "zkmargin/committee-signature/1", venue, committee, successor}

    and the successor is of the same venue and has the next number.

Refused
-------
    a signer that is no member, a signer twice, a signature that does not hold (even beside enough good ones), fewer
    signers than the threshold; a committee in which two members share a key, for one person would count as two.

Freshness and bands
-------------------
    `check_age` compares `valid_from` with a clock that the caller reads. `check_bands` compares every mark of a linear
    or inverse contract or of collateral with the mark before, exactly: ``|mark - before| * 10^6 <= band_ppm * before``.
    An option moves with its underlying by any factor, and has no band.

Units: seconds, ticks, parts per million.

Reference: Josefsson, Liusvaara, "Edwards-Curve Digital Signature Algorithm", RFC 8032 (Ed25519).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from zkmargin import documents
from zkmargin.amounts import PPM, bounded
from zkmargin.documents import Reader, identifier
from zkmargin.errors import StatementError, VerificationError
from zkmargin.market.instruments import Collateral, Inverse, Linear
from zkmargin.market.snapshot import Snapshot

COMMITTEE_FORMAT = "zkmargin/committee/1"
SIGNED_FORMAT = "zkmargin/signed-snapshot/1"
SNAPSHOT_MESSAGE = "zkmargin/snapshot-signature/1"
SUCCESSOR_MESSAGE = "zkmargin/committee-signature/1"
MAX_MEMBERS = 64
MAX_NUMBER = 2**32 - 1
KEY_BYTES = 32
SIGNATURE_BYTES = 64

Check = Callable[[bytes, bytes, bytes], bool]


def holds(key: bytes, message: bytes, signature: bytes) -> bool:
    """Return whether `signature` is the Ed25519 signature of `message` under a public key of 32 bytes."""
    try:
        Ed25519PublicKey.from_public_bytes(key).verify(signature, message)
    except (InvalidSignature, ValueError):
        return False
    return True


@dataclass(frozen=True, slots=True)
class Committee:
    """The members whose signatures make a snapshot count.

    Args:
        venue: Identifier of the venue.
        number: 0 for the first committee, one more for each successor.
        threshold: How many distinct members must sign, 1 to the number of members.
        members: Ed25519 public keys of 32 bytes by the members' names, 1 to 64, no key twice.
    """

    venue: str
    number: int
    threshold: int
    members: Mapping[str, bytes]

    def __post_init__(self) -> None:
        identifier("venue", self.venue)
        bounded("number of the committee", self.number, 0, MAX_NUMBER)
        bounded("members of the committee", len(self.members), 1, MAX_MEMBERS)
        bounded("threshold of the committee", self.threshold, 1, len(self.members))
        for name, key in self.members.items():
            identifier("member", name)
            bounded(f"bytes of the key of {name}", len(key), KEY_BYTES, KEY_BYTES)
        if len(set(self.members.values())) != len(self.members):
            raise StatementError("no two members of a committee may share a key")

    def digest(self) -> bytes:
        """Return the 32-byte digest of the committee's document."""
        return documents.digest(self.to_document())

    def to_document(self) -> dict[str, Any]:
        """Return the committee as a JSON object."""
        return {
            "format": COMMITTEE_FORMAT,
            "venue": self.venue,
            "number": self.number,
            "threshold": self.threshold,
            "members": [{"id": name, "key": self.members[name].hex()} for name in sorted(self.members)],
        }

    @staticmethod
    def from_document(document: Any) -> Committee:
        """Return the committee in a document of format ``zkmargin/committee/1``.

        Raises:
            EncodingError: if a field is missing, unknown or not canonical.
            StatementError: if a member occurs twice, or a condition of a committee is broken.
        """
        with Reader(document, "committee") as fields:
            fields.format(COMMITTEE_FORMAT)
            pairs = [
                (item.identifier("id"), item.hexadecimal("key", length=KEY_BYTES))
                for item in fields.objects("members", MAX_MEMBERS)
            ]
            names = [name for name, _ in pairs]
            if names != sorted(set(names)):
                raise StatementError("members of a committee must be strictly ascending by id")
            return Committee(
                venue=fields.identifier("venue"),
                number=fields.integer("number", 0, MAX_NUMBER),
                threshold=fields.integer("threshold", 1, MAX_MEMBERS),
                members=dict(pairs),
            )


@dataclass(frozen=True, slots=True)
class Signature:
    """One member's signature."""

    member: str
    signature: bytes

    def to_document(self) -> dict[str, Any]:
        """Return the signature as a JSON object."""
        return {"member": self.member, "signature": self.signature.hex()}

    @staticmethod
    def from_reader(fields: Reader) -> Signature:
        """Return the signature described by `fields`."""
        return Signature(fields.identifier("member"), fields.hexadecimal("signature", length=SIGNATURE_BYTES))


@dataclass(frozen=True, slots=True)
class SignedSnapshot:
    """A snapshot and signatures over it; they are not verified by being here."""

    snapshot: Snapshot
    signatures: tuple[Signature, ...] = ()

    def to_document(self) -> dict[str, Any]:
        """Return the signed snapshot as a JSON object."""
        return {
            "format": SIGNED_FORMAT,
            "snapshot": self.snapshot.to_document(),
            "signatures": [item.to_document() for item in self.signatures],
        }

    @staticmethod
    def from_document(document: Any) -> SignedSnapshot:
        """Return the signed snapshot in a document of format ``zkmargin/signed-snapshot/1``."""
        with Reader(document, "signed snapshot") as fields:
            fields.format(SIGNED_FORMAT)
            snapshot = Snapshot.from_document(fields.take("snapshot"))
            return SignedSnapshot(
                snapshot, tuple(map(Signature.from_reader, fields.objects("signatures", MAX_MEMBERS)))
            )


def snapshot_message(committee: Committee, snapshot: Snapshot) -> bytes:
    """Return the 32 bytes that a member signs for a snapshot.

    Raises:
        StatementError: if the snapshot is of another venue.
    """
    if snapshot.venue != committee.venue:
        raise StatementError(f"venue of the snapshot must be {committee.venue}, got {snapshot.venue}")
    return documents.digest(
        {
            "format": SNAPSHOT_MESSAGE,
            "venue": snapshot.venue,
            "epoch": snapshot.epoch,
            "snapshot": snapshot.digest().hex(),
            "committee": committee.digest().hex(),
        }
    )


def successor_message(committee: Committee, successor: Committee) -> bytes:
    """Return the 32 bytes that a member of the committee in force signs for its successor.

    Raises:
        StatementError: if the successor is of another venue or does not have the next number.
    """
    if successor.venue != committee.venue:
        raise StatementError(f"venue of the successor must be {committee.venue}, got {successor.venue}")
    bounded("number of the successor", successor.number, committee.number + 1, committee.number + 1)
    return documents.digest(
        {
            "format": SUCCESSOR_MESSAGE,
            "venue": committee.venue,
            "committee": committee.digest().hex(),
            "successor": successor.digest().hex(),
        }
    )


def sign(member: str, key: Ed25519PrivateKey, message: bytes) -> Signature:
    """Return a member's signature of a message."""
    return Signature(member, key.sign(message))


def check_snapshot(committee: Committee, signed: SignedSnapshot, check: Check = holds) -> None:
    """Return if the committee vouches for the snapshot.

    Raises:
        StatementError: if it is of another venue, or a signer is unknown or occurs twice.
        VerificationError: if a signature does not hold, or there are too few.
    """
    _check(committee, snapshot_message(committee, signed.snapshot), signed.signatures, check)


def check_successor(
    committee: Committee, successor: Committee, signatures: Sequence[Signature], check: Check = holds
) -> None:
    """Return if the committee in force handed over to its successor.

    Raises:
        StatementError, VerificationError: as `check_snapshot`.
    """
    _check(committee, successor_message(committee, successor), signatures, check)


def check_age(snapshot: Snapshot, now: int, max_age_seconds: int, max_ahead_seconds: int = 0) -> None:
    """Return if the snapshot is neither stale nor from the future.

    Raises:
        StatementError: naming `valid_from` and its bounds.
    """
    bounded("valid_from", snapshot.valid_from, now - max_age_seconds, now + max_ahead_seconds)


def outside_bands(snapshot: Snapshot, previous: Snapshot, default_ppm: int, bands_ppm: Mapping[str, int]) -> list[str]:
    """Return the ids of contracts and collateral whose mark moved by more than its band, ascending.

    Args:
        snapshot: The market now.
        previous: The market before.
        default_ppm: The band of an instrument that `bands_ppm` does not name.
        bands_ppm: Bands by instrument id.
    """
    outside = []
    for listing in previous.listings:
        if isinstance(listing.instrument, (Linear, Inverse, Collateral)):
            moved_ticks = abs(snapshot.listing(listing.id).mark_ticks - listing.mark_ticks)
            if moved_ticks * PPM > bands_ppm.get(listing.id, default_ppm) * listing.mark_ticks:
                outside.append(listing.id)
    return outside


def check_bands(
    snapshot: Snapshot, previous: Snapshot, default_ppm: int, bands_ppm: Mapping[str, int] | None = None
) -> None:
    """Return if every mark is within its band, or the breaker is halted: a market outside its bands does not trade.

    Raises:
        StatementError: naming the first instrument outside its band.
    """
    outside = outside_bands(snapshot, previous, default_ppm, bands_ppm or {})
    if outside and snapshot.breaker != "halted":
        raise StatementError(f"the mark of {outside[0]} is outside its band, and the breaker is {snapshot.breaker}")


def _check(committee: Committee, message: bytes, signatures: Sequence[Signature], check: Check) -> None:
    signers: set[str] = set()
    for item in signatures:
        if item.member not in committee.members:
            raise StatementError(f"{item.member} is no member of committee {committee.number} of {committee.venue}")
        if item.member in signers:
            raise StatementError(f"{item.member} must sign once")
        signers.add(item.member)
        if not check(committee.members[item.member], message, item.signature):
            raise VerificationError(f"the signature of {item.member} does not hold", failed="signature")
    if len(signers) < committee.threshold:
        wanted = f"{committee.threshold} of {len(committee.members)}"
        raise VerificationError(f"{wanted} members must sign, got {len(signers)}", failed="threshold")
