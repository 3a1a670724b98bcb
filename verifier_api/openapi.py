"""The OpenAPI document: what FastAPI knows of the routes, and what it cannot see by itself.

The service reads bodies on its own, so the question's schema is added here; so are the schema of the problems, and
examples that hold: the question, sent as it stands, is accepted.
"""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from verifier_api import examples, schemas
from verifier_api.routes import body, verify

SUMMARY = "Does this proof hold?"
DESCRIPTION = """\
An account proves that its hidden book meets its margin requirement at a published market snapshot. The service checks
the proof. It keeps nothing, knows no secret, and believes nothing that a document says about itself.

Numbers are integers of any size: a client that reads them as floating point may change them. Unknown fields, repeated
keys and fractions are refused.
"""


class Application(FastAPI):
    """A FastAPI application whose OpenAPI document is complete."""

    def openapi(self) -> dict[str, Any]:
        """Return the OpenAPI document, made on first use."""
        if self.openapi_schema is None:
            self.openapi_schema = _document(self)
        return self.openapi_schema


def _document(app: FastAPI) -> dict[str, Any]:
    document = get_openapi(
        title=app.title,
        version=app.version,
        summary=SUMMARY,
        description=DESCRIPTION,
        license_info={"name": "Apache-2.0", "identifier": "Apache-2.0"},
        routes=app.routes,
    )
    document["components"]["schemas"] |= schemas.components()
    operation = document["paths"][verify.PATH]["post"]
    operation["requestBody"]["content"][body.MEDIA_TYPE]["example"] = examples.question()
    answers = {name: {"value": value} for name, value in examples.answers().items()}
    operation["responses"]["200"]["content"]["application/json"]["examples"] = answers
    return document
