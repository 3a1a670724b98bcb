"""What the service says about itself: that it is alive, what it understands, and what its problems mean."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from fastapi import APIRouter, Request

from circuits import evidence, registration
from verifier_api import problems, schemas
from verifier_api.problems import INTERNAL, Kind
from verifier_api.replies import Reply
from verifier_api.settings import Settings
from zkmargin.algebra.group import group
from zkmargin.market import snapshot


def router(settings: Settings, version: str) -> APIRouter:
    """Return the routes, bound to the settings of one application."""
    routes = APIRouter()
    formats = schemas.Formats(snapshot=snapshot.FORMAT, account=registration.FORMAT, proof=evidence.FORMAT)
    service = schemas.Service(
        name="zkmargin",
        version=version,
        group=group.name,
        formats=formats,
        body_limit_bytes=settings.body_limit_bytes,
    )

    @routes.get(
        "/healthz",
        summary="Is the service alive?",
        operation_id="health",
        response_description="It is.",
        responses=problems.responses(INTERNAL),
    )
    async def health() -> schemas.Health:
        """Answer without doing any work."""
        return schemas.Health(status="ok")

    @routes.get(
        "/v1",
        summary="What does the service understand?",
        operation_id="about",
        response_description="Its version, formats and limits.",
        responses=problems.responses(INTERNAL),
    )
    async def about() -> schemas.Service:
        """Name the version, the document formats, the limits, and the implementation of the group."""
        return service

    for kind in problems.KINDS:
        routes.add_route(kind.type, _explanation(kind), include_in_schema=False)
    return routes


def _explanation(kind: Kind) -> Callable[[Request], Awaitable[Reply]]:
    """Return the answer to a problem's type: the row of the table."""

    async def explain(_: Request) -> Reply:
        return Reply({"type": kind.type, "title": kind.title, "status": kind.status.value, "meaning": kind.meaning})

    return explain
