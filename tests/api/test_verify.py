"""What the service answers: a verdict when there is one, and the right problem when there is none."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from verifier_api import examples
from zkmargin import documents

NO_FRACTION = "numbers must be integers: no decimal point, no exponent, no NaN or Infinity"
SENTENCE = "equity is at least the maintenance requirement of the cross model"


def other_digit(text, position):
    digit = format(int(text[position], 16) ^ 1, "x")
    return text[:position] + digit + text[position:][1:]


def problem(name, title, status, detail):
    return {"type": f"/problems/{name}", "title": title, "status": status, "detail": detail}


def not_canonical(detail):
    return problem("encoding", "Not canonical", 400, detail)


def malformed(detail):
    return problem("statement", "Malformed statement", 422, detail)


def answered(response, expected):
    assert response.json() == expected
    refused = "type" in expected
    assert response.status_code == (expected["status"] if refused else 200)
    assert response.headers["content-type"] == ("application/problem+json" if refused else "application/json")
    assert response.headers["cache-control"] == "no-store"
    assert response.headers["x-content-type-options"] == "nosniff"


# ---- Verdicts ----


@pytest.mark.parametrize("insisted", [True, False])
def test_a_proof_that_holds_is_accepted_with_all_that_it_says(ask, question, insisted):
    if not insisted:
        del question["claim"]
    answered(
        ask(question),
        {
            "accepted": True,
            "claim": SENTENCE,
            "venue": "example",
            "account": "alice",
            "sequence": 0,
            "epoch": 1,
            "snapshot": examples.market().digest().hex(),
            "failed": None,
        },
    )


def test_a_proof_with_one_changed_bit_is_rejected_and_the_failed_check_is_named(ask, question):
    question["proof"]["proof"] = other_digit(question["proof"]["proof"], -1)
    answered(ask(question), {"accepted": False, "failed": "(12)", "reason": "the claim is not proved by this proof"})


@pytest.mark.parametrize("part", ["opening", "bounds"])
def test_a_registration_with_one_changed_bit_is_rejected_and_its_part_is_named(ask, question, part):
    question["account"][f"{part}_proof"] = other_digit(question["account"][f"{part}_proof"], -1)
    response = ask(question)
    assert response.status_code == 200
    assert response.json()["accepted"] is False
    assert response.json()["failed"].startswith(f"{part} (")
    assert response.json()["reason"].startswith(f"registration: {part}: ")


@given(st.data())
def test_no_question_with_one_changed_byte_is_accepted(ask, data):
    body = bytearray(documents.canonical(examples.question()))
    position = data.draw(st.integers(0, len(body) - 1))
    body[position] ^= data.draw(st.integers(1, 255))
    response = ask(bytes(body))
    assert response.status_code in (200, 400, 422)
    assert response.json().get("accepted") is not True


# ---- Documents that do not belong together ----


@pytest.mark.parametrize(
    "path, value, detail",
    [
        ("proof.epoch", 2, "proof.epoch must be 1, got 2"),
        ("proof.sequence", 7, "proof.sequence must be 0, got 7"),
        ("proof.venue", "elsewhere", "proof.venue must be example, got elsewhere"),
        ("account.account", "bob", "proof.account must be bob, got alice"),
        ("claim.kind", "initial", f"proof.claim must be {SENTENCE.replace('maintenance', 'initial')}, got {SENTENCE}"),
        ("account.basis", ["USD", "BTC-PERP"], "basis must be in code-point order, each id once"),
        ("claim.threshold", {"numerator": 2, "denominator": 4}, "threshold must be in lowest terms, got 2/4"),
    ],
)
def test_documents_that_do_not_belong_together_are_refused(ask, question, path, value, detail):
    document, field = path.split(".")
    question[document][field] = value
    answered(ask(question), malformed(detail))


def test_a_proof_for_another_market_is_refused_with_both_digests(ask, question):
    before = examples.market().digest().hex()
    question["snapshot"]["valid_from"] += 1
    response = ask(question)
    assert response.status_code == 422
    assert response.json()["detail"].startswith("proof.snapshot must be ")
    assert response.json()["detail"].endswith(f", got {before}")


# ---- Bodies that are no question ----


@pytest.mark.parametrize(
    "body, detail",
    [
        (b"", "body is not JSON: Expecting value at line 1"),
        (b"{", "body is not JSON: Expecting property name enclosed in double quotes at line 1"),
        (b"\xff", "body is not UTF-8"),
        (b"[]", "body must be a JSON object"),
        (b"{}", "body.snapshot is missing"),
        (b'{"snapshot": 1}', "snapshot must be an object"),
        (b'{"snapshot": 1.5}', NO_FRACTION),
        (b'{"snapshot": 1e3}', NO_FRACTION),
        (b'{"snapshot": NaN}', NO_FRACTION),
        (b'{"snapshot": -0}', "an integer must not be written -0"),
        (b'{"snapshot": 1' + b"0" * 80 + b"}", "an integer must have at most 80 digits, got 81"),
        (b'{"snapshot": {}, "snapshot": {}}', "field 'snapshot' occurs twice"),
        (b'{"snapshot": ' + b"[" * 16 + b"]" * 16 + b"}", "body nests deeper than 16 levels"),
        (b'{"snapshot": ' + b"[" * 500_000 + b"]" * 500_000 + b"}", "body nests deeper than 16 levels"),
        (b'{"a":' * 500_000 + b"1" + b"}" * 500_000, "body nests deeper than 16 levels"),
    ],
    ids=lambda value: value if isinstance(value, str) else f"{len(value)} bytes",
)
def test_a_body_that_is_no_question_is_refused(ask, body, detail):
    answered(ask(body), not_canonical(detail))


@pytest.mark.parametrize(
    "path, detail",
    [
        ("", "body has unknown field 'colour'"),
        ("snapshot", "snapshot has unknown field 'colour'"),
        ("account", "account has unknown field 'colour'"),
        ("proof", "proof has unknown field 'colour'"),
        ("claim", "claim has unknown field 'colour'"),
    ],
)
def test_an_unknown_field_is_refused_and_named(ask, question, path, detail):
    (question[path] if path else question)["colour"] = "blue"
    answered(ask(question), not_canonical(detail))


def test_a_key_that_occurs_twice_anywhere_is_refused(ask, question):
    body = json.dumps(question).replace('"epoch": 1,', '"epoch": 1, "epoch": 1,', 1)
    answered(ask(body.encode()), not_canonical("field 'epoch' occurs twice"))


def test_an_integer_written_as_a_fraction_is_refused(ask, question):
    question["snapshot"]["epoch"] = 1.0
    answered(ask(question), not_canonical(NO_FRACTION))


@pytest.mark.parametrize("spoil", [str.upper, lambda text: text[:-1], lambda text: text + "00", lambda text: ""])
def test_a_proof_in_any_but_its_one_encoding_is_refused(ask, question, spoil):
    question["proof"]["proof"] = spoil(question["proof"]["proof"])
    response = ask(question)
    assert response.status_code == 400
    assert response.json()["type"] == "/problems/encoding"


def test_a_scalar_that_is_not_reduced_is_refused(ask, question):
    question["proof"]["proof"] = question["proof"]["proof"][:-64] + "f" * 64
    assert ask(question).status_code == 400


@pytest.mark.parametrize("text", ["\ud800", "\x00", "\n", "<script>", "é" * 1000])
def test_text_that_no_document_may_hold_is_refused_in_valid_json(ask, question, text):
    question["account"]["venue"] = text
    question["account"][text] = 1
    response = ask(question)
    assert response.status_code == 400
    assert len(response.json()["detail"]) < 500


# ---- Media types ----


@pytest.mark.parametrize("media", ["application/json", "Application/JSON; charset=utf-8", "application/json ;v=1"])
def test_json_is_read_whatever_its_parameters(send, question, media):
    response = send("POST", "/v1/verify", content=json.dumps(question), headers={"Content-Type": media})
    assert response.json()["accepted"] is True


@pytest.mark.parametrize("media", [None, "", "text/plain", "application/problem+json", "application/jsonx", "json"])
def test_a_body_that_is_not_declared_as_json_is_refused(send, question, media):
    headers = {} if media is None else {"Content-Type": media}
    response = send("POST", "/v1/verify", content=json.dumps(question).encode(), headers=headers)
    answered(response, problem("media-type", "Unsupported media type", 415, "the body must be application/json"))


def test_a_compressed_body_is_refused(send):
    headers = {"Content-Type": "application/json", "Content-Encoding": "gzip"}
    response = send("POST", "/v1/verify", content=b"\x1f\x8b", headers=headers)
    answered(response, problem("media-type", "Unsupported media type", 415, "the body must not be compressed"))


# ---- Paths ----


def test_the_service_is_alive_and_says_what_it_understands(send):
    answered(send("GET", "/healthz"), {"status": "ok"})
    about = send("GET", "/v1").json()
    assert about["name"] == "zkmargin"
    assert about["group"] in ("arkworks", "py_ecc")
    assert about["formats"] == {
        "snapshot": "zkmargin/snapshot/1",
        "account": "zkmargin/account/1",
        "proof": "zkmargin/proof/1",
    }
    assert about["body_limit_bytes"] == documents.MAX_DOCUMENT_BYTES


@pytest.mark.parametrize("path", ["/", "/v1/", "/v1/verify/", "/V1", "/docs", "/redoc", "/problems", "/problems/none"])
def test_a_path_that_does_not_exist_is_a_problem(send, path):
    answered(send("GET", path), problem("not-found", "Nothing here", 404, "this path does not exist"))


@pytest.mark.parametrize(
    "method, path, allowed", [("GET", "/v1/verify", "POST"), ("POST", "/v1", "GET"), ("DELETE", "/healthz", "GET")]
)
def test_a_method_that_a_path_does_not_answer_is_a_problem(send, method, path, allowed):
    response = send(method, path)
    answered(response, problem("method", "Method not allowed", 405, "this path does not answer this method"))
    assert response.headers["allow"] == allowed
