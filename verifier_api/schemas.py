"""The wire, and only the wire: what the OpenAPI document says about answers, problems and the question.

Answers are built from these models. The question is only described by them: it is read by `zkmargin.documents`, and
`verifier_api.service.verification` says why. Its documents are in `verifier_api.document_schemas`; tests hold both
readings against each other.
"""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, Field

from verifier_api.document_schemas import (
    Claim,
    Digest,
    Document,
    Evidence,
    Identifier,
    Registration,
    Snapshot,
    optional,
)
from verifier_api.service.verification import Proved, Refuted

REFERENCE = "#/components/schemas/{model}"


class Question(Document):
    """A proof and everything that it is held against."""

    snapshot: Snapshot
    account: Registration
    proof: Evidence
    claim: Claim = optional("The claim that you insist on; without it, whatever the proof claims is verified.")


class Accepted(Document):
    """The registration and the proof hold."""

    accepted: Literal[True] = True
    claim: str = Field(description="What is proved about the book, in words.")
    venue: Identifier
    account: Identifier
    sequence: int = Field(description="Number of the account's state.")
    epoch: int
    snapshot: Digest = Field(description="Digest of the snapshot that was sent; compare it with the published one.")
    failed: None = None


class Rejected(Document):
    """The registration or the proof does not hold; nothing is known about the book."""

    accepted: Literal[False] = False
    failed: str = Field(description="The verifier's check that failed, as the protocol page numbers it.")
    reason: str


class Problem(BaseModel):
    """Why there is no answer (RFC 9457)."""

    type: str = Field(description="Relative URI of the kind of problem; the service explains it there.")
    title: str
    status: int
    detail: str = Field(description="The field at fault, its bound and its value, where there is one.")


class Formats(BaseModel):
    """The formats of the documents that the service reads."""

    snapshot: str
    account: str
    proof: str


class Service(BaseModel):
    """What the service understands."""

    name: str
    version: str
    group: str = Field(description="The implementation of the group; all of them accept the same proofs.")
    formats: Formats
    body_limit_bytes: int


class Health(BaseModel):
    """A sign of life."""

    status: Literal["ok"]


def answer(verdict: Proved | Refuted) -> Accepted | Rejected:
    """Return a verdict as it goes over the wire."""
    if isinstance(verdict, Refuted):
        return Rejected(failed=verdict.failed, reason=verdict.reason)
    return Accepted(
        claim=verdict.claim,
        venue=verdict.venue,
        account=verdict.account,
        sequence=verdict.sequence,
        epoch=verdict.epoch,
        snapshot=verdict.snapshot,
    )


def request_body(model: type[BaseModel], media_type: str) -> dict[str, Any]:
    """Return what the OpenAPI document says about a body that FastAPI does not read."""
    schema = {"$ref": REFERENCE.format(model=model.__name__)}
    return {"required": True, "content": {media_type: {"schema": schema}}}


def components() -> dict[str, Any]:
    """Return the schemas of what FastAPI does not see by itself: the question and the problems."""
    result: dict[str, Any] = {}
    for model in (Question, Problem):
        schema = model.model_json_schema(ref_template=REFERENCE)
        result |= schema.pop("$defs", {})
        result[model.__name__] = schema
    return result
