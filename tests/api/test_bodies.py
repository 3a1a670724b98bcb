"""Whatever the body is, the service answers or says what is wrong with it; it never fails."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.attacks.mangling import mangled, respelled, spoiled
from verifier_api import examples

QUESTION = examples.question()
TEXT = json.dumps(QUESTION).encode()
ANSWERED, ENCODING, STATEMENT = 200, 400, 422


def test_the_body_that_nobody_touched_is_accepted(ask):
    assert ask(TEXT).json()["accepted"] is True


@given(st.one_of(st.binary(), respelled(QUESTION), spoiled(TEXT)))
def test_a_spoiled_body_is_answered_or_refused(ask, body):
    assert ask(body).status_code in (ANSWERED, ENCODING, STATEMENT)


@given(mangled(QUESTION))
def test_a_mangled_question_is_answered_or_refused(ask, question):
    assert ask(question).status_code in (ANSWERED, ENCODING, STATEMENT)


@pytest.mark.parametrize("length", [0, 1, 2**23])
def test_a_body_of_one_byte_repeated_is_refused(ask, length):
    assert ask(b'"' * length).status_code == ENCODING
