"""The table of problems: complete, and silent about what is inside."""

import pytest
from fastapi import FastAPI

from verifier_api import problems
from verifier_api.problems import BUSY, ENCODING, INTERNAL, KINDS, STATEMENT
from verifier_api.service import verification
from verifier_api.service.workers import Busy
from zkmargin import errors
from zkmargin.errors import DivergenceError, LedgerError, VerificationError, WitnessError, ZkMarginError

# A verdict is no problem, and a prover's error has no business here: if one escapes, the service is at fault.
KINDS_BY_ERROR = {
    "ZkMarginError": INTERNAL,
    "EncodingError": ENCODING,
    "StatementError": STATEMENT,
    "WitnessError": INTERNAL,
    "VerificationError": INTERNAL,
}
LIBRARY = [error for error in vars(errors).values() if isinstance(error, type) and issubclass(error, ZkMarginError)]
# The service keeps no ledger: a refusal of one is as unexpected as any other error.
KINDS_BY_ERROR |= {error.__name__: INTERNAL for error in LIBRARY if issubclass(error, LedgerError)}


def made(error):
    more = {VerificationError: ("(12)",), DivergenceError: (1, 2)}
    return error("what it says", *more.get(error, ()))


@pytest.mark.parametrize("error", LIBRARY, ids=lambda error: error.__name__)
def test_every_error_of_the_library_has_its_kind(monkeypatch, ask, error):
    kind = KINDS_BY_ERROR[error.__name__]

    def fail(body):
        raise made(error)

    monkeypatch.setattr(verification, "answer", fail)
    response = ask({})
    assert response.status_code == kind.status
    assert response.json() == kind.document(None if kind is INTERNAL else "what it says")


@pytest.mark.parametrize(
    "error",
    [
        RuntimeError("the key is 0xdeadbeef"),
        WitnessError("no proof exists", 0xDEADBEEF),
        MemoryError("/srv/deadbeef.py"),
        RecursionError("deadbeef"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_an_unexpected_error_tells_nothing_but_that_it_happened(monkeypatch, ask, error):
    def fail(body):
        raise error

    monkeypatch.setattr(verification, "answer", fail)
    response = ask({})
    assert response.status_code == 500
    assert response.headers["content-type"] == "application/problem+json"
    assert response.headers["cache-control"] == "no-store"
    assert response.json() == INTERNAL.document()
    for secret in ("deadbeef", str(0xDEADBEEF), "Traceback", ".py"):
        assert secret not in response.text


def test_being_busy_is_told_with_the_time_to_come_back(monkeypatch, ask):
    def fail(body):
        raise Busy

    monkeypatch.setattr(verification, "answer", fail)
    response = ask({})
    assert (response.status_code, response.json()) == (503, BUSY.document())
    assert int(response.headers["retry-after"]) >= 1


def test_a_parameter_that_the_framework_refuses_is_a_problem_that_does_not_repeat_it(sender):
    app = FastAPI()
    problems.install(app)

    @app.get("/{number}")
    def read(number: int) -> int:
        return number

    response = sender(app)("GET", "/deadbeef")
    assert (response.status_code, response.json()) == (400, ENCODING.document("a parameter is not as documented"))


def test_no_two_kinds_share_a_name_a_status_or_a_title():
    for field in ("name", "status", "title", "meaning", "detail"):
        assert len({getattr(kind, field) for kind in KINDS}) == len(KINDS)


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_the_service_explains_every_type_of_problem(send, kind):
    response = send("GET", kind.type)
    assert response.status_code == 200
    assert response.json() == {
        "type": kind.type,
        "title": kind.title,
        "status": kind.status.value,
        "meaning": kind.meaning,
    }
