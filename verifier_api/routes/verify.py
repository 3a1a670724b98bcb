"""``POST /v1/verify``: a proof in, a verdict out."""

from __future__ import annotations

from fastapi import APIRouter, Request

from verifier_api import problems, schemas
from verifier_api.problems import BUSY, ENCODING, INTERNAL, MEDIA, STATEMENT, TIMEOUT, TOO_LARGE
from verifier_api.routes import body
from verifier_api.service import verification
from verifier_api.service.workers import Workers
from verifier_api.settings import Settings

PATH = "/v1/verify"


def router(settings: Settings, workers: Workers) -> APIRouter:
    """Return the route, bound to the settings and workers of one application."""
    routes = APIRouter()

    @routes.post(
        PATH,
        summary="Does this proof hold?",
        operation_id="verify",
        response_description="The answer: a proof that does not hold is an answer, too.",
        responses=problems.responses(ENCODING, TIMEOUT, TOO_LARGE, MEDIA, STATEMENT, INTERNAL, BUSY),
        openapi_extra={"requestBody": schemas.request_body(schemas.Question, body.MEDIA_TYPE)},
    )
    async def verify(request: Request) -> schemas.Accepted | schemas.Rejected:
        """Verify an account's registration and its claim against a snapshot, all three brought by the caller.

        The answer holds for the snapshot whose digest it repeats: compare that digest with the one that the venue
        published, and the account's commitment with the one that the venue keeps.
        """
        with workers.place():
            question = await body.read(request, settings)
            return schemas.answer(await workers.run(verification.answer, question))

    return routes
