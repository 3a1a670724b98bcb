"""A question that holds, an application without a network, and a server with one."""

import asyncio
import copy
import json
import os
import re
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from verifier_api import examples
from verifier_api.app import create_app

PAGE = Path(__file__).resolve().parents[2] / "docs" / "api.md"
JSON = {"Content-Type": "application/json"}
Send = Callable[..., httpx.Response]


@pytest.fixture
def question() -> dict[str, Any]:
    """A question that is accepted; each test may change its own copy."""
    return copy.deepcopy(examples.question())


@pytest.fixture(scope="session")
def app() -> FastAPI:
    """The service with default settings."""
    return create_app()


@pytest.fixture(scope="session")
def sender() -> Callable[[FastAPI], Send]:
    """A way to send one request to an application."""

    def bind(app: FastAPI) -> Send:
        async def request(method: str, path: str, **options: Any) -> httpx.Response:
            transport = httpx.ASGITransport(app, raise_app_exceptions=False)
            async with httpx.AsyncClient(transport=transport, base_url="http://service") as client:
                return await client.request(method, path, **options)

        return lambda method, path, **options: asyncio.run(request(method, path, **options))

    return bind


@pytest.fixture(scope="session")
def send(app: FastAPI, sender: Callable[[FastAPI], Send]) -> Send:
    """A way to send one request to the service with default settings."""
    return sender(app)


@pytest.fixture(scope="session")
def ask(send: Send) -> Callable[[Any], httpx.Response]:
    """A way to ask a question: a document, or the bytes of a body."""

    def post(body: Any) -> httpx.Response:
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        return send("POST", "/v1/verify", content=content, headers=JSON)

    return post


@pytest.fixture(scope="session")
def server(root: Path) -> Iterator[str]:
    """The address of a server, started by the command of docs/api.md on a free port."""
    found = re.search(r"^uvicorn (.*) --port 8000$", PAGE.read_text("utf-8"), re.MULTILINE)
    assert found, "docs/api.md does not say how to run the service"
    command = [sys.executable, "-m", "uvicorn", *found[1].split(), "--port", "0"]
    environment = os.environ | {"PYTHONPATH": str(root)}
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=environment)
    assert process.stderr is not None
    try:
        lines = iter(process.stderr.readline, "")
        address = next((match[1] for line in lines if (match := re.search(r"running on (http://\S+)", line))), None)
        assert address, "the server did not start"
        # Nobody reads what it says from here on, but a full pipe would stop it.
        threading.Thread(target=process.stderr.read, daemon=True).start()
        yield address
    finally:
        process.terminate()
        process.wait(20)
