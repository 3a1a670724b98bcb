"""Eight adversarial megabytes: refused or read in seconds, in bounded memory, and never by running out of stack.

Time is that of the processor, with a bound that a busy machine keeps and that quadratic work exceeds many times over.
"""

import json
import os
import subprocess
import sys
import time

import pytest

from circuits.registration import Registration
from zkmargin import documents
from zkmargin.documents import MAX_DOCUMENT_BYTES
from zkmargin.errors import EncodingError, StatementError
from zkmargin.market.snapshot import Snapshot

SECONDS = 5


def filled(head, unit, tail=b""):
    """As many units as fit between head and tail into the longest document."""
    return head + unit * ((MAX_DOCUMENT_BYTES - len(head) - len(tail)) // len(unit)) + tail


HOSTILE = {
    "quotes": lambda: filled(b"", b'"'),
    "escaped quotes": lambda: filled(b'{"', b'\\"'),
    "escaped backslashes": lambda: filled(b'{"', b"\\\\"),
    "opening brackets": lambda: filled(b"", b"["),
    "nested objects": lambda: filled(b"", b'{"a":'),
    "pairs of brackets": lambda: filled(b"", b"[]"),
    "closing before opening": lambda: filled(b"]" * 1_000_000, b"["),
    "one integer": lambda: filled(b'{"a":', b"9", b"}"),
    "one negative integer": lambda: filled(b'{"a":-', b"9", b"}"),
    "one fraction": lambda: filled(b'{"a":0.', b"9", b"}"),
    "one exponent": lambda: filled(b'{"a":1e', b"9", b"}"),
    "one key": lambda: filled(b'{"', b"a", b'":1}'),
    "one string": lambda: filled(b'{"a":"', b"\\ud800", b'"}'),
    "a key again and again": lambda: filled(b"{", b'"a":1,', b'"a":1}'),
    "many keys": lambda: b"{" + b",".join(b'"%d":1' % number for number in range(600_000)) + b"}",
    "many strings": lambda: filled(b'{"a":["', b'","', b'"]}'),
    "many objects": lambda: filled(b'{"a":[', b'{"a":{"a":{}}},', b"{}]}"),
    "many integers": lambda: filled(b'{"a":[', b"7,", b"7]}"),
    "white space": lambda: filled(b"{", b"\n", b"}"),
    "no text": lambda: filled(b"", b"\xff"),
    "one byte too many": lambda: bytes(MAX_DOCUMENT_BYTES + 1),
}


def in_time(work, *data):
    """What the work returns, or whether it refuses; in any case in time."""
    start = time.process_time()
    try:
        return work(*data)
    except (EncodingError, StatementError):
        return "refused"
    finally:
        assert time.process_time() - start < SECONDS


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_document_of_eight_megabytes_is_read_or_refused_in_time(name):
    found = in_time(documents.parse, HOSTILE[name]())
    assert found == "refused" or isinstance(found, dict)


def market(linear, tiers=0, scenarios=0):
    """The canonical bytes of a snapshot that is as large as may be."""
    ids = [f"L{number:04d}" for number in range(linear)]
    listings = [{"funding_ticks": 0, "id": name, "kind": "linear", "mark_ticks": 1, "multiplier": 1} for name in ids]
    models = {}
    if tiers:
        table = [{"floor_units": step, "rate_ppm": step} for step in range(tiers)]
        rows = [{"id": name, "tiers": table} for name in ids]
        models["cross"] = {"version": 1, "capacity_bits": 66, "maintenance": rows, "initial": rows}
    if scenarios:
        shock = {"price_ppm": 0, "volatility_ppm": 0, "cover_ppm": 1}
        models["scenario"] = {
            "version": 1,
            "capacity_bits": 66,
            "initial_ppm": 10**6,
            "scenarios": [{"name": f"s{number}"} | shock for number in range(scenarios)],
            "losses": [{"id": name, "units": [1] * scenarios} for name in ids],
            "short_minimum_units": {},
        }
    head = {"format": "zkmargin/snapshot/1", "venue": "v", "epoch": 1, "valid_from": 1, "previous": "0" * 64}
    rest = {"breaker": "normal", "listings": [{"kind": "cash", "id": "A"}, *listings], "models": models}
    return documents.canonical(head | rest)


@pytest.mark.parametrize("sizes", [{"linear": 3_400, "tiers": 32}, {"linear": 3_700, "scenarios": 1_024}], ids=str)
def test_the_largest_snapshots_are_read_in_time(sizes):
    data = market(**sizes)
    assert MAX_DOCUMENT_BYTES * 3 // 4 < len(data) <= MAX_DOCUMENT_BYTES
    assert isinstance(in_time(Snapshot.from_bytes, data), Snapshot)


def test_an_account_with_a_proof_of_megabytes_is_read_in_time():
    point = "97f1d3a73197d7942695638c4fa9ac0fc3688c4f9774b905a14e3a3f171bac586c55e83ff97a1aeffb3af00adb22c6bb"
    account = {
        "format": "zkmargin/account/1",
        "venue": "v",
        "account": "a",
        "sequence": 0,
        "basis": [f"ID-{number:04d}" for number in range(4_096)],
        "commitment": point,
        "opening_proof": "ab" * 4_000_000,
        "bounds_proof": "",
    }
    assert isinstance(in_time(Registration.from_bytes, json.dumps(account).encode()), Registration)


# A library that raises the recursion limit turns deep nesting from an error into a crash; and what a parser remembers
# of every quote or digit adds up. Both are seen from outside only, in a process of their own.
ALONE = """
import resource, sys
from zkmargin import documents
from zkmargin.errors import EncodingError
sys.setrecursionlimit(10**9)
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
try:
    documents.Reader(documents.parse(DATA), "document").hexadecimal("a")
    print("read")
except EncodingError as error:
    print(error)
print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * (1 if sys.platform == "darwin" else 1024))
"""
FATAL = {
    "escaped quotes": ("""b'{"' + b'\\\\"' * (2**22 - 1)""", "Unterminated string"),
    "a million brackets": ("""b'{"a":' + b'[' * 10**6""", "nests deeper than 16"),
    "a million brackets after a string": ("""b'{"a":["\\\\\\\\",' + b'[' * 10**6""", "nests deeper than 16"),
    "a million objects": ("""b'{"a":' * 10**6""", "nests deeper than 16"),
    "quotes": ("""b'"' * 2**23""", "Extra data"),
    "hexadecimal": ("""b'{"a":"' + b'ab' * (2**22 - 8) + b'"}'""", "read"),
}


@pytest.mark.parametrize("data, words", FATAL.values(), ids=FATAL)
def test_no_document_crashes_the_parser_or_takes_more_than_twenty_times_its_size(root, data, words):
    program = ALONE.replace("DATA", data)
    environment = os.environ | {"PYTHONPATH": str(root)}
    result = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
    said, taken = result.stdout.splitlines()
    assert words in said
    assert int(taken) < 20 * MAX_DOCUMENT_BYTES
