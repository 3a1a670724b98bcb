"""The OpenAPI document says what the service does: valid, with examples that hold, and of one mind with the library."""

import copy
import json
import re
import subprocess
import sys

import pytest
import schemathesis
from hypothesis import Phase, given, settings
from pydantic import ValidationError
from schemathesis import GenerationMode
from schemathesis.specs.openapi.checks import positive_data_acceptance

from verifier_api.app import create_app
from verifier_api.problems import KINDS, METHOD, NOT_FOUND
from verifier_api.schemas import Question as QuestionSchema
from verifier_api.service.verification import Question
from zkmargin.errors import EncodingError, ZkMarginError
from zkmargin.market import sample


@pytest.fixture(scope="module")
def document(send):
    return send("GET", "/openapi.json").json()


@pytest.fixture(scope="module")
def described():
    return schemathesis.openapi.from_asgi("/openapi.json", create_app())


def verify_operation(document):
    return document["paths"]["/v1/verify"]["post"]


# ---- The document ----


def test_the_document_is_valid_openapi(described):
    described.validate()


def test_every_reference_leads_to_a_schema_and_every_schema_is_referred_to(document):
    text = json.dumps(document)
    schemas = document["components"]["schemas"]
    assert {name for name in schemas if f'"#/components/schemas/{name}"' not in text} == set()
    assert text.count('"$ref"') == sum(text.count(f'"#/components/schemas/{name}"') for name in schemas)


def test_the_paths_of_the_document_are_those_of_the_service(document):
    methods = {path: set(item) for path, item in document["paths"].items()}
    assert methods == {"/v1/verify": {"post"}, "/v1": {"get"}, "/healthz": {"get"}}


def test_the_question_of_the_document_is_accepted_with_the_answer_of_the_document(document, ask):
    operation = verify_operation(document)
    question = operation["requestBody"]["content"]["application/json"]["example"]
    answers = operation["responses"]["200"]["content"]["application/json"]["examples"]
    assert ask(question).json() == answers["accepted"]["value"]
    text = question["proof"]["proof"]
    question["proof"]["proof"] = text[:-1] + format(int(text[-1], 16) ^ 1, "x")
    assert ask(question).json() == answers["rejected"]["value"]


def test_every_problem_that_a_question_can_meet_is_documented_with_an_example(document):
    responses = verify_operation(document)["responses"]
    for kind in KINDS:
        if kind in (NOT_FOUND, METHOD):  # met only by a request that is no operation of the document
            continue
        response = responses[str(kind.status.value)]
        assert response["description"] == kind.meaning
        assert response["content"]["application/problem+json"]["example"] == kind.document()
        assert response.get("headers", {}).keys() == kind.headers.keys()
    assert len(responses) == 1 + len(KINDS) - 2


def test_no_proof_is_made_before_somebody_asks_for_the_document():
    script = (
        "from verifier_api.app import create_app\n"
        "from verifier_api import examples\n"
        "create_app()\n"
        "print(examples.question.cache_info().currsize, examples.market.cache_info().currsize)\n"
    )
    result = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60)
    assert result.stdout.split() == ["0", "0"], result.stderr


# ---- The schemas and the parser ----


def every_kind(question):
    """Return the question over a market with every kind of instrument and both models."""
    market = sample.snapshot().to_document()
    kinds = {}
    for listing in market["listings"]:
        kinds.setdefault((listing["kind"], "expiry" in listing), listing)
    market["listings"] = list(kinds.values())
    cross, scenario = market["models"]["cross"], market["models"]["scenario"]
    for table in (*cross["maintenance"], *cross["initial"]):
        del table["tiers"][1:]
    listed = {listing["id"] for listing in market["listings"]}
    for field in ("maintenance", "initial"):
        cross[field] = [table for table in cross[field] if table["id"] in listed]
    scenario["scenarios"] = scenario["scenarios"][:1]
    losses = [row for row in scenario["losses"] if row["id"] in listed]
    scenario["losses"] = [{"id": row["id"], "units": row["units"][:1]} for row in losses]
    scenario["short_minimum_units"] = {"BTC-27FEB26-100000-C": 1}
    return question | {"snapshot": market}


def places(value, path=()):
    """Yield the path of every value inside a document."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, child in inner:
        yield (*path, key)
        yield from places(child, (*path, key))


def at(document, path):
    for key in path:
        document = document[key]
    return document


def library_refuses(document):
    try:
        Question.from_bytes(json.dumps(document).encode())
    except ZkMarginError as error:
        return error
    return None


def schema_refuses(document):
    try:
        QuestionSchema.model_validate_json(json.dumps(document))
    except ValidationError:
        return True
    return False


def agree(document, where):
    """A field that cannot be read is refused by both; beyond that the schema refuses nothing that the library takes."""
    error, refused = library_refuses(document), schema_refuses(document)
    assert refused or not isinstance(error, EncodingError), f"{where}: only the library refuses it: {error}"
    assert error is not None or not refused, f"{where}: only the schema refuses it"


def test_schema_and_library_take_every_kind_of_instrument_and_model(question):
    document = every_kind(question)
    assert len(document["snapshot"]["listings"]) == 5
    assert library_refuses(document) is None
    assert not schema_refuses(document)


def test_schema_and_library_agree_on_which_fields_are_needed(question):
    whole = every_kind(question)
    needed = 0
    for path in places(whole):
        if isinstance(path[-1], str):
            document = copy.deepcopy(whole)
            del at(document, path[:-1])[path[-1]]
            agree(document, f"without {path}")
            needed += schema_refuses(document)
    assert needed > 50


def test_schema_and_library_agree_that_no_other_fields_are_allowed(question):
    whole = every_kind(question)
    for path in [(), *places(whole)]:
        if isinstance(at(whole, path), dict):
            document = copy.deepcopy(whole)
            at(document, path)["colour"] = "blue"
            assert isinstance(library_refuses(document), EncodingError), path
            assert schema_refuses(document), path


@pytest.mark.parametrize("value", [None, True, 2**200, -(2**200), -1, 0, "", "\n", "a b", "0" * 97, {}, []], ids=repr)
def test_schema_and_library_agree_on_what_a_field_may_hold(question, value):
    whole = every_kind(question)
    for path in places(whole):
        document = copy.deepcopy(whole)
        at(document, path[:-1])[path[-1]] = value
        agree(document, f"{value!r} at {path}")


def test_schema_and_library_agree_on_the_bounds_of_every_integer(question):
    whole = every_kind(question)
    bounds = 0
    for path in places(whole):
        if isinstance(at(whole, path), int):
            document = copy.deepcopy(whole)
            at(document, path[:-1])[path[-1]] = 2**200
            low, high = map(int, re.search(r"between (-?\d+) and (\d+)", str(library_refuses(document))).groups())
            for value in (low - 1, low, high, high + 1):
                at(document, path[:-1])[path[-1]] = value
                agree(document, f"{value} at {path}")
            bounds += 1
    assert bounds > 20


def test_schema_and_library_agree_on_every_choice(question):
    whole = every_kind(question)
    choices = 0
    for path in places(whole):
        document = copy.deepcopy(whole)
        at(document, path[:-1])[path[-1]] = "?"
        if named := re.search(r"must be one of ([\w, ]+), got", str(library_refuses(document))):
            for value in named[1].split(", "):
                at(document, path[:-1])[path[-1]] = value
                unreadable = isinstance(library_refuses(document), EncodingError)
                assert unreadable == schema_refuses(document), f"{value} at {path}"
                choices += 1
    assert choices > 20


# ---- Schemathesis ----

# Random documents may have every field right and still belong to no book: well-formed is not enough to be accepted.
UNFIT = [positive_data_acceptance]


@pytest.mark.parametrize(
    "method, path, mode",
    [
        ("POST", "/v1/verify", GenerationMode.POSITIVE),
        ("POST", "/v1/verify", GenerationMode.NEGATIVE),
        ("GET", "/v1", GenerationMode.POSITIVE),  # without parameters there is nothing to get wrong
        ("GET", "/healthz", GenerationMode.POSITIVE),
    ],
)
def test_whatever_is_sent_is_answered_as_the_document_says(described, method, path, mode):
    answered = []

    @given(case=described[path][method].as_strategy(generation_mode=mode))
    @settings(max_examples=20, database=None, phases=[Phase.generate])  # a question takes long to make up
    def law(case):
        answered.append(case.call_and_validate(excluded_checks=UNFIT).status_code)

    law()
    assert answered
