"""A claim proof as a document: what an account hands to a verifier, and the whole check that a verifier makes.

The document repeats in the open what the proof is bound to, so that a person can read it and a mismatch is named before
any arithmetic. None of it is believed: the verifier computes every binding from the snapshot and the registration.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from circuits import claims, registration
from circuits.registration import MAX_SEQUENCE, Account, Registration
from zkmargin import documents
from zkmargin.algebra.scalars import Randomness, system_randomness
from zkmargin.commitments import Opening
from zkmargin.documents import Reader
from zkmargin.errors import StatementError
from zkmargin.margin.claim import Claim
from zkmargin.market.snapshot import MAX_EPOCH, Snapshot
from zkmargin.proofs.folding import MAX_ROUNDS

FORMAT = "zkmargin/proof/1"
MAX_PROOF_BYTES = 2**22


@dataclass(frozen=True, slots=True)
class Evidence:
    """A proof and the sentence it proves.

    Args:
        claim: What is claimed.
        venue: Identifier of the venue.
        account: Identifier of the account.
        sequence: Number of the account's state.
        epoch: Epoch of the snapshot.
        snapshot_digest: Its digest, 32 bytes.
        commitment: The account's commitment, 48 bytes.
        rounds: 0 for an opened proof, 1 to 16 for a compact one.
        proof: The proof's bytes.
    """

    claim: Claim
    venue: str
    account: str
    sequence: int
    epoch: int
    snapshot_digest: bytes
    commitment: bytes
    rounds: int
    proof: bytes

    def to_document(self) -> dict[str, Any]:
        """Return the evidence as a JSON object."""
        return {
            "format": FORMAT,
            "claim": self.claim.to_document(),
            "venue": self.venue,
            "account": self.account,
            "sequence": self.sequence,
            "epoch": self.epoch,
            "snapshot": self.snapshot_digest.hex(),
            "commitment": self.commitment.hex(),
            "rounds": self.rounds,
            "proof": self.proof.hex(),
        }

    @staticmethod
    def from_document(document: Any) -> Evidence:
        """Return the evidence in a document of format ``zkmargin/proof/1``; the proof is not verified here.

        Raises:
            EncodingError: if a field is missing, unknown or not canonical.
            StatementError: if the claim's fields do not fit together.
        """
        with Reader(document, "proof") as fields:
            fields.format(FORMAT)
            return Evidence(
                claim=Claim.from_document(fields.take("claim"), "proof.claim"),
                venue=fields.identifier("venue"),
                account=fields.identifier("account"),
                sequence=fields.integer("sequence", 0, MAX_SEQUENCE),
                epoch=fields.integer("epoch", 0, MAX_EPOCH),
                snapshot_digest=fields.hexadecimal("snapshot", length=32),
                commitment=fields.hexadecimal("commitment", length=48),
                rounds=fields.integer("rounds", 0, MAX_ROUNDS),
                proof=fields.hexadecimal("proof", maximum=MAX_PROOF_BYTES),
            )

    @staticmethod
    def from_bytes(data: bytes) -> Evidence:
        """Return the evidence in the JSON bytes of a file or a message."""
        return Evidence.from_document(documents.parse(data, "proof"))


def prove(
    snapshot: Snapshot,
    claim: Claim,
    account: Account,
    opening: Opening,
    randomness: Randomness = system_randomness,
    rounds: int = 0,
) -> Evidence:
    """Return the evidence that the account's book satisfies the claim at the snapshot.

    Raises:
        WitnessError, StatementError, EncodingError: as `circuits.claims.prove`.
    """
    proof = claims.prove(snapshot, claim, account, opening, randomness, rounds)
    return Evidence(
        claim=claim,
        venue=account.venue,
        account=account.account,
        sequence=account.sequence,
        epoch=snapshot.epoch,
        snapshot_digest=snapshot.digest(),
        commitment=account.commitment.to_bytes(),
        rounds=rounds,
        proof=proof,
    )


def verify(snapshot: Snapshot, registered: Registration, evidence: Evidence, expected: Claim | None = None) -> None:
    """Return if the evidence proves its claim for this account at this snapshot: registration and proof both hold.

    Args:
        snapshot: The market as the verifier has it.
        registered: The account's public state and its registration proofs.
        evidence: What the account handed in.
        expected: The claim that the verifier asked for; by default whatever the evidence claims.

    Raises:
        StatementError: naming the field in which the evidence speaks of something else than it is held against.
        EncodingError: if a proof is not canonical.
        VerificationError: if a proof does not hold.
    """
    account = registered.account
    pairs = (
        ("venue", account.venue, evidence.venue),
        ("account", account.account, evidence.account),
        ("sequence", account.sequence, evidence.sequence),
        ("commitment", account.commitment.to_bytes().hex(), evidence.commitment.hex()),
        ("epoch", snapshot.epoch, evidence.epoch),
        ("snapshot", snapshot.digest().hex(), evidence.snapshot_digest.hex()),
        ("claim", (expected or evidence.claim).sentence(), evidence.claim.sentence()),
    )
    for field, wanted, given in pairs:
        if wanted != given:
            raise StatementError(f"proof.{field} must be {wanted}, got {given}")
    registration.verify(registered)
    claims.verify(snapshot, evidence.claim, account, evidence.proof, evidence.rounds)
