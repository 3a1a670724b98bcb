"""The application: settings in, a service out; nothing happens at import.

Run it with ``uvicorn --factory verifier_api.app:create_app``.
"""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version

from fastapi import FastAPI

from verifier_api import problems
from verifier_api.openapi import Application
from verifier_api.replies import Reply
from verifier_api.routes import about, verify
from verifier_api.service.workers import Workers
from verifier_api.settings import Settings


def create_app(settings: Settings | None = None) -> FastAPI:
    """Return a service with the given settings, by default those of the environment.

    Raises:
        StatementError: if a setting is out of its bound.
    """
    settings = settings or Settings.from_environment()
    # No pages that load scripts from elsewhere, no redirects: a path is right or it is not.
    app = Application(
        title="zkmargin",
        version=_version(),
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        default_response_class=Reply,
    )
    workers = Workers(settings.verification_threads, settings.admitted_requests)
    app.include_router(verify.router(settings, workers))
    app.include_router(about.router(settings, app.version))
    problems.install(app)
    return app


def _version() -> str:
    try:
        return version("zkmargin")
    except PackageNotFoundError:  # run from a folder that was never installed
        return "0"
