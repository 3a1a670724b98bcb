"""What the service takes on: bytes, seconds and requests are bounded before they are spent."""

import asyncio
import json
import socket
import threading
import time
from urllib.parse import urlsplit

import httpx
import pytest

from verifier_api.app import create_app
from verifier_api.problems import BUSY, ENCODING, TIMEOUT, TOO_LARGE
from verifier_api.service import verification
from verifier_api.service.workers import Busy, Workers
from verifier_api.settings import Settings
from zkmargin.errors import StatementError

JSON = {"Content-Type": "application/json"}
LIMIT = 16_384
CHUNK = 1_024


class Upload:
    """An endless body in chunks, which counts how many of them somebody took."""

    def __init__(self):
        self.taken = 0

    async def __aiter__(self):
        while True:
            self.taken += 1
            yield b" " * CHUNK


@pytest.fixture
def small(sender):
    return sender(create_app(Settings(body_limit_bytes=LIMIT, body_timeout_seconds=1)))


def too_large(response, limit=LIMIT):
    assert response.status_code == 413
    assert response.json() == TOO_LARGE.document(f"the body must have at most {limit} bytes")


# ---- Bytes ----


def test_an_upload_without_a_length_is_refused_as_soon_as_it_exceeds_the_limit(small):
    upload = Upload()
    too_large(small("POST", "/v1/verify", content=upload, headers=JSON))
    assert upload.taken == LIMIT // CHUNK + 1


def test_an_upload_with_too_large_a_length_is_refused_before_any_of_it_is_read(small):
    upload = Upload()
    headers = JSON | {"Content-Length": str(LIMIT + 1)}
    too_large(small("POST", "/v1/verify", content=upload, headers=headers))
    assert upload.taken == 0


def test_an_upload_that_lies_about_its_length_is_counted(small):
    upload = Upload()
    too_large(small("POST", "/v1/verify", content=upload, headers=JSON | {"Content-Length": "10"}))
    assert upload.taken == LIMIT // CHUNK + 1


@pytest.mark.parametrize("excess, status", [(0, 200), (1, 413)])
def test_the_limit_itself_is_allowed(small, question, excess, status):
    body = json.dumps(question).encode().ljust(LIMIT + excess)
    assert small("POST", "/v1/verify", content=body, headers=JSON).status_code == status


def test_a_server_answers_an_upload_that_never_ends(server):
    address = urlsplit(server)
    limit = Settings().body_limit_bytes
    chunk = b"10000\r\n" + b" " * 0x10000 + b"\r\n"
    head = (
        "POST /v1/verify HTTP/1.1\r\nHost: test\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
    )
    with socket.create_connection((address.hostname, address.port), timeout=20) as connection:
        connection.sendall(head.encode())
        for _ in range(limit // 0x10000 + 1):
            connection.sendall(chunk)
        answer = b""
        while TOO_LARGE.type.encode() not in answer:
            part = connection.recv(65_536)
            assert part, answer
            answer += part
    assert answer.startswith(b"HTTP/1.1 413 ")


# ---- Seconds ----


def test_an_upload_that_stalls_is_given_up(small):
    async def stalled():
        yield b"{"
        await asyncio.sleep(60)

    started = time.monotonic()
    response = small("POST", "/v1/verify", content=stalled(), headers=JSON)
    assert time.monotonic() - started < 30
    assert response.status_code == 408
    assert response.json() == TIMEOUT.document("the body must be complete within 1 seconds")


def test_a_client_that_hangs_up_in_the_middle_is_no_fault_of_the_service(app):
    messages = iter([{"type": "http.request", "body": b"{", "more_body": True}, {"type": "http.disconnect"}])
    sent = []

    async def receive():
        return next(messages)

    async def send(message):
        sent.append(message)

    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": "POST",
        "path": "/v1/verify",
        "raw_path": b"/v1/verify",
        "root_path": "",
        "scheme": "http",
        "query_string": b"",
        "headers": [(b"content-type", b"application/json")],
        "client": ("test", 1),
        "server": ("service", 80),
    }
    asyncio.run(app(scope, receive, send))
    assert sent[0]["status"] == 400
    assert json.loads(sent[1]["body"]) == ENCODING.document("the body ended before it was complete")


# ---- Requests ----


class Held:
    """The real answer, held back until it is released."""

    def __init__(self, monkeypatch):
        self.begun, self.release = threading.Event(), threading.Event()
        real = verification.answer

        def answer(body):
            self.begun.set()
            assert self.release.wait(30)
            return real(body)

        monkeypatch.setattr(verification, "answer", answer)


def test_a_request_beyond_the_admitted_number_is_told_to_come_back(monkeypatch, question):
    held = Held(monkeypatch)
    app = create_app(Settings(verification_threads=1, admitted_requests=1))

    async def scenario():
        transport = httpx.ASGITransport(app, raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://service") as client:
            first = asyncio.create_task(client.post("/v1/verify", json=question))
            await asyncio.to_thread(held.begun.wait, 30)
            upload = Upload()
            second = await client.post("/v1/verify", content=upload, headers=JSON)
            alive = await client.get("/healthz")
            held.release.set()
            return await first, second, upload, alive, await client.post("/v1/verify", json=question)

    first, second, upload, alive, third = asyncio.run(scenario())
    assert first.json()["accepted"] is True
    assert (second.status_code, second.json()) == (503, BUSY.document())
    assert second.headers["retry-after"] == "1"
    assert upload.taken == 0
    assert alive.status_code == 200
    assert third.json()["accepted"] is True


def test_a_place_is_free_again_after_a_refused_request(sender):
    send = sender(create_app(Settings(admitted_requests=1)))
    for _ in range(3):
        assert send("POST", "/v1/verify", content=b"{}", headers=JSON).status_code == 400


def test_threads_bound_what_runs_at_once_and_places_what_waits():
    workers = Workers(threads=2, places=3)
    running, most, gate, lock = 0, 0, threading.Event(), threading.Lock()

    def work(body):
        nonlocal running, most
        with lock:
            running += 1
            most = max(most, running)
        assert gate.wait(30)
        with lock:
            running -= 1
        return body

    async def held():
        with workers.place():
            return await workers.run(work, b"done")

    async def scenario():
        tasks = [asyncio.create_task(held()) for _ in range(3)]
        await asyncio.sleep(0)
        with pytest.raises(Busy), workers.place():
            pass
        gate.set()
        return await asyncio.gather(*tasks)

    assert asyncio.run(scenario()) == [b"done"] * 3
    assert most <= 2


def test_work_that_nobody_waits_for_any_more_never_starts():
    workers = Workers(threads=1, places=9)
    begun, gate, seen = threading.Event(), threading.Event(), []

    def work(body):
        seen.append(body)
        begun.set()
        assert gate.wait(30)
        return body

    async def scenario():
        first = asyncio.create_task(workers.run(work, b"first"))
        await asyncio.to_thread(begun.wait, 30)
        second = asyncio.create_task(workers.run(work, b"second"))
        await asyncio.sleep(0)
        second.cancel()
        await asyncio.gather(second, return_exceptions=True)
        gate.set()
        await first
        return await workers.run(work, b"third")

    assert asyncio.run(scenario()) == b"third"
    assert seen == [b"first", b"third"]


# ---- Settings ----


def test_settings_come_from_the_environment():
    settings = Settings.from_environment(
        {
            "ZKMARGIN_BODY_LIMIT_BYTES": "100",
            "ZKMARGIN_BODY_TIMEOUT_SECONDS": "2",
            "ZKMARGIN_VERIFICATION_THREADS": "3",
            "ZKMARGIN_ADMITTED_REQUESTS": "4",
            "ZKMARGIN_GROUP": "arkworks",
        }
    )
    assert settings == Settings(100, 2, 3, 4)
    assert Settings.from_environment({}) == Settings()


def test_the_application_reads_its_environment_when_it_is_made(monkeypatch, sender):
    monkeypatch.setenv("ZKMARGIN_BODY_LIMIT_BYTES", "77")
    assert sender(create_app())("GET", "/v1").json()["body_limit_bytes"] == 77


@pytest.mark.parametrize(
    "name, text, message",
    [
        ("BODY_LIMIT_BYTES", "8388609", "ZKMARGIN_BODY_LIMIT_BYTES must be between 1 and 8388608, got 8388609"),
        ("VERIFICATION_THREADS", "0", "ZKMARGIN_VERIFICATION_THREADS must be between 1 and 256, got 0"),
        ("ADMITTED_REQUESTS", "many", "ZKMARGIN_ADMITTED_REQUESTS must be an integer, got 'many'"),
        ("BODY_TIMEOUT_SECONDS", "-1", "ZKMARGIN_BODY_TIMEOUT_SECONDS must be an integer, got '-1'"),
        ("BODY_TIMEOUT_SECONDS", "1.5", "ZKMARGIN_BODY_TIMEOUT_SECONDS must be an integer, got '1.5'"),
        ("BODY_TIMEOUT_SECONDS", "", "ZKMARGIN_BODY_TIMEOUT_SECONDS must be an integer, got ''"),
    ],
)
def test_a_setting_out_of_its_bound_is_refused_by_name(name, text, message):
    with pytest.raises(StatementError, match=f"^{message}$"):
        Settings.from_environment({f"ZKMARGIN_{name}": text})
