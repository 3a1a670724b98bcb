"""Reading a request body: type, size and time are bounded, and no bound is found out by reading past it."""

from __future__ import annotations

import asyncio

from fastapi import Request

from verifier_api.problems import MEDIA, TIMEOUT, TOO_LARGE, Fault
from verifier_api.settings import Settings

MEDIA_TYPE = "application/json"


async def read(request: Request, settings: Settings) -> bytes:
    """Return the body of a request.

    Raises:
        Fault: if it is not declared as plain JSON, is too large, or does not arrive in time.
    """
    _check_media(request)
    limit = settings.body_limit_bytes
    if _declared_bytes(request) > limit:
        raise _too_large(limit)
    try:
        async with asyncio.timeout(settings.body_timeout_seconds):
            return await _collect(request, limit)
    except TimeoutError:
        detail = f"the body must be complete within {settings.body_timeout_seconds} seconds"
        raise Fault(TIMEOUT, detail) from None


def _check_media(request: Request) -> None:
    """Require JSON as it is: no parameter changes its meaning (RFC 8259, section 11), no coding hides its size."""
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != MEDIA_TYPE:
        raise Fault(MEDIA)
    if request.headers.get("content-encoding", "identity").strip().lower() != "identity":
        raise Fault(MEDIA, "the body must not be compressed")


def _declared_bytes(request: Request) -> int:
    """Return the declared length; servers refuse one that is no number, and a body without one is counted."""
    text = request.headers.get("content-length", "")
    return int(text) if text.isascii() and text.isdigit() and len(text) < 20 else 0


async def _collect(request: Request, limit: int) -> bytes:
    body = bytearray()
    async for chunk in request.stream():
        if len(body) + len(chunk) > limit:
            raise _too_large(limit)
        body += chunk
    return bytes(body)


def _too_large(limit: int) -> Fault:
    return Fault(TOO_LARGE, f"the body must have at most {limit} bytes")
