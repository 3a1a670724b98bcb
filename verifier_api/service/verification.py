"""The one question: does this proof hold for this account at this snapshot?

The body is parsed by `zkmargin.documents`, the parser of files and of the command line, and by nothing before it: where
two parsers read one text, they disagree about repeated keys, large integers or fractions, and what was checked is then
not what was sent.
"""

from __future__ import annotations

from dataclasses import dataclass

from circuits import evidence
from circuits.evidence import Evidence
from circuits.registration import Registration
from zkmargin import documents
from zkmargin.documents import Reader
from zkmargin.errors import VerificationError
from zkmargin.margin.claim import Claim
from zkmargin.market.snapshot import Snapshot


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked.

    Args:
        snapshot: The market that the asker believes in.
        registered: The account's public state and its registration proofs.
        evidence: The claim and its proof.
        expected: The claim that the asker insists on, or None for whatever the evidence claims.
    """

    snapshot: Snapshot
    registered: Registration
    evidence: Evidence
    expected: Claim | None = None

    @staticmethod
    def from_bytes(body: bytes) -> Question:
        """Return the question in a JSON body.

        Raises:
            EncodingError: if the body is not JSON in the library's strict sense, or a field is missing or unknown.
            StatementError: if a document breaks one of its own conditions.
        """
        with Reader(documents.parse(body, "body"), "body") as fields:
            return Question(
                snapshot=Snapshot.from_document(fields.take("snapshot")),
                registered=Registration.from_document(fields.take("account")),
                evidence=Evidence.from_document(fields.take("proof")),
                expected=Claim.from_document(fields.take("claim")) if fields.has("claim") else None,
            )


@dataclass(frozen=True, slots=True)
class Proved:
    """The proof holds, and this is all that it says."""

    claim: str
    venue: str
    account: str
    sequence: int
    epoch: int
    snapshot: str


@dataclass(frozen=True, slots=True)
class Refuted:
    """The proof does not hold: the verifier's check that failed, and the same in words."""

    failed: str
    reason: str


def answer(body: bytes) -> Proved | Refuted:
    """Return the answer to the question in a JSON body.

    Raises:
        EncodingError, StatementError: if the question is malformed, or its parts do not belong together.
    """
    question = Question.from_bytes(body)
    try:
        evidence.verify(question.snapshot, question.registered, question.evidence, question.expected)
    except VerificationError as error:
        return Refuted(error.failed, str(error))
    account = question.registered.account
    return Proved(
        claim=question.evidence.claim.sentence(),
        venue=account.venue,
        account=account.account,
        sequence=account.sequence,
        epoch=question.snapshot.epoch,
        snapshot=question.snapshot.digest().hex(),
    )
