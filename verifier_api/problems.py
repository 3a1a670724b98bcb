"""Every way in which a request can fail, in one table, and the only place where an error becomes a response.

The text of an `EncodingError` or a `StatementError` names a public field, its bound and its value, and is passed on.
Nothing else is: an unexpected error says that it happened, and its traceback stays in the server's log.

Reference: RFC 9457 (problem details for HTTP APIs).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request

from verifier_api.replies import Reply
from verifier_api.service.workers import Busy
from zkmargin.errors import EncodingError, StatementError

MEDIA_TYPE = "application/problem+json"


@dataclass(frozen=True, slots=True)
class Kind:
    """One row of the table.

    Args:
        name: Last part of the problem's type.
        status: HTTP status; no two kinds share one.
        title: The kind in a few words; the same in every answer.
        meaning: When it is answered.
        detail: What one answer says, unless the error says it better.
        headers: Header fields that always come with it.
    """

    name: str
    status: HTTPStatus
    title: str
    meaning: str
    detail: str
    headers: Mapping[str, str] = field(default_factory=dict)

    @property
    def type(self) -> str:
        """Return the relative URI that identifies the kind; the service answers it with this row."""
        return f"/problems/{self.name}"

    def document(self, detail: str | None = None) -> dict[str, Any]:
        """Return the problem document."""
        return {
            "type": self.type,
            "title": self.title,
            "status": self.status.value,
            "detail": detail or self.detail,
        }


ENCODING = Kind(
    "encoding",
    HTTPStatus.BAD_REQUEST,
    "Not canonical",
    "The body is not the one encoding of a question: not JSON, a field missing or unknown, a number that is no integer,"
    " bytes that encode no proof.",
    "body.snapshot is missing",
)
NOT_FOUND = Kind(
    "not-found", HTTPStatus.NOT_FOUND, "Nothing here", "The path does not exist.", "this path does not exist"
)
METHOD = Kind(
    "method",
    HTTPStatus.METHOD_NOT_ALLOWED,
    "Method not allowed",
    "The path exists, and `Allow` names the methods that it answers.",
    "this path does not answer this method",
)
TIMEOUT = Kind(
    "timeout",
    HTTPStatus.REQUEST_TIMEOUT,
    "Body too slow",
    "The body was not complete in time.",
    "the body must be complete within 30 seconds",
)
TOO_LARGE = Kind(
    "too-large",
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    "Body too large",
    "The body is longer than the service reads; decided from `Content-Length`, else as soon as it has read that much.",
    "the body must have at most 8388608 bytes",
)
MEDIA = Kind(
    "media-type",
    HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
    "Unsupported media type",
    "The body is not declared as `application/json`, or it is compressed.",
    "the body must be application/json",
)
STATEMENT = Kind(
    "statement",
    HTTPStatus.UNPROCESSABLE_ENTITY,
    "Malformed statement",
    "The documents are readable, but they break a condition or do not belong together: nobody could prove or refute"
    " this.",
    "proof.epoch must be 1, got 2",
)
INTERNAL = Kind(
    "internal",
    HTTPStatus.INTERNAL_SERVER_ERROR,
    "Internal error",
    "A fault of the service. It says nothing about the proof.",
    "the service failed to answer; the proof is neither accepted nor refused",
)
BUSY = Kind(
    "busy",
    HTTPStatus.SERVICE_UNAVAILABLE,
    "Busy",
    "As many requests are under way as the service admits; `Retry-After` says when to come back.",
    "too many requests are under way; come back later",
    {"Retry-After": "1"},
)
KINDS = (ENCODING, NOT_FOUND, METHOD, TIMEOUT, TOO_LARGE, MEDIA, STATEMENT, INTERNAL, BUSY)

# What the router says by itself. Any other status of its own would be a surprise.
_BY_STATUS = {kind.status.value: kind for kind in (NOT_FOUND, METHOD)}

# An error, its kind, and what is said about it: None passes on the error's own text, which names public values only.
_BY_ERROR: dict[type[Exception], tuple[Kind, str | None]] = {
    EncodingError: (ENCODING, None),
    StatementError: (STATEMENT, None),
    RequestValidationError: (ENCODING, "a parameter is not as documented"),
    ClientDisconnect: (ENCODING, "the body ended before it was complete"),
    Busy: (BUSY, BUSY.detail),
}


class Fault(Exception):  # noqa: N818 - a fault of the request, found by the web layer itself
    """A request that is refused before the library sees it."""

    def __init__(self, kind: Kind, detail: str | None = None) -> None:
        self.kind = kind
        self.detail = detail or kind.detail
        super().__init__(self.detail)


def install(app: FastAPI) -> None:
    """Make every error of the application a problem document."""
    for error in (*_BY_ERROR, Fault, HTTPException, Exception):
        app.add_exception_handler(error, _respond)


def responses(*kinds: Kind) -> dict[int | str, dict[str, Any]]:
    """Return what the OpenAPI document says about these kinds."""
    schema = {"$ref": "#/components/schemas/Problem"}
    result: dict[int | str, dict[str, Any]] = {}
    for kind in kinds:
        content = {MEDIA_TYPE: {"schema": schema, "example": kind.document()}}
        headers = {
            name: {"required": True, "schema": {"type": "string"}, "example": value}
            for name, value in kind.headers.items()
        }
        result[kind.status.value] = {"description": kind.meaning, "content": content, "headers": headers}
    return result


async def _respond(_: Request, error: Exception) -> Reply:
    fault = _fault(error)
    headers = (error.headers or {}) if isinstance(error, HTTPException) else fault.kind.headers
    return Reply(fault.kind.document(fault.detail), fault.kind.status.value, headers, MEDIA_TYPE)


def _fault(error: Exception) -> Fault:
    """Return the row of the table, and what may be told."""
    if isinstance(error, Fault):
        return error
    if isinstance(error, HTTPException):
        return Fault(_BY_STATUS.get(error.status_code, INTERNAL))
    for known, (kind, detail) in _BY_ERROR.items():
        if isinstance(error, known):
            return Fault(kind, str(error) if detail is None else detail)
    return Fault(INTERNAL)
