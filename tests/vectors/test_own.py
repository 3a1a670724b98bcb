"""Our own vectors of registrations, claims and raw systems: is it still the same protocol, for us and for others?"""

import json
import os
import subprocess
import sys

import pytest

from circuits import claims, evidence, registration
from circuits.evidence import Evidence
from circuits.registration import Registration
from tests.reference import general, primitives, reading, verifier
from tests.reference.reading import RefusedError
from tests.vectors import regenerate
from tests.vectors.edits import edited
from zkmargin.algebra.group import group
from zkmargin.commitments import Commitment, Opening, commit
from zkmargin.errors import EncodingError, StatementError, VerificationError, ZkMarginError
from zkmargin.margin import rules
from zkmargin.margin.portfolio import Book
from zkmargin.market.snapshot import Snapshot
from zkmargin.proofs import arithmetic, compact
from zkmargin.proofs.arithmetic import Proof, Statement
from zkmargin.proofs.constraints import Affine, System
from zkmargin.transcript import Transcript


def load(name):
    return json.loads((regenerate.FOLDER / name).read_bytes())


REGISTRATIONS = load("registration.json")
CLAIMS = load("claims.json")
SYSTEMS = load("arithmetic.json")
ACCOUNTS = {record["id"]: record["account"] for record in REGISTRATIONS if record["expected"] == "accept"}


def of(records, expected):
    """The vectors with that verdict, as pytest wants them."""
    return pytest.mark.parametrize(
        "case",
        [pytest.param(found, id=found["id"]) for found in resolved(records) if found["expected"] == expected],
    )


def resolved(records):
    """Every record with what it is about: as it stands, or the accepted one that it mutates, edited."""
    known = {record["id"]: about(record) for record in records if record["expected"] == "accept"}
    for record in records:
        if record["expected"] == "accept":
            yield record | known[record["id"]]
        else:
            base = known[record["mutates"]]
            changed = edited(base, record["edits"])
            yield record | changed | {"changes": changed != base}


def about(record):
    if "account" not in record:
        return {name: record[name] for name in ("tag", "system", "commitments", "proof")} | {
            "rounds": record.get("rounds", 0)
        }
    if "proof" not in record:
        return {"account": record["account"]}
    return {"snapshot": CLAIMS["snapshot"], "account": ACCOUNTS[record["account"]], "proof": record["proof"]}


def check_registration(case):
    registration.verify(Registration.from_document(case["account"]))


def check_claim(case):
    """The claim's own proof; that its documents belong together is not asked."""
    market, state = Snapshot.from_document(case["snapshot"]), Registration.from_document(case["account"]).account
    given = Evidence.from_document(case["proof"])
    claims.verify(market, given.claim, state, given.proof, given.rounds)


def check_system(case):
    stated = system(case["system"])
    commitments = tuple([Commitment.from_bytes(bytes.fromhex(text)) for text in case["commitments"]])
    transcript, statement = Transcript(case["tag"].encode()), Statement(stated, commitments)
    data, rounds = bytes.fromhex(case["proof"]), case["rounds"]
    if rounds:
        compact.verify(transcript, statement, rounds, compact.Proof.from_bytes(stated, rounds, data))
    else:
        arithmetic.verify(transcript, statement, Proof.from_bytes(stated, data))


def system(name):
    def forms(found):
        return tuple([Affine(tuple(form["indices"]), tuple(form["coefficients"]), form["constant"]) for form in found])

    found = SYSTEMS["systems"][name]
    made = System(
        basis=tuple(found["basis"]),
        members=tuple(map(tuple, found["members"])),
        digits=found["digits"],
        base=found["base"],
        products=forms(found["products"]),
        wires=found["wires"],
        rows=forms(found["rows"]),
        quantity_bits=found["quantity_bits"],
    )
    assert made.digest.hex() == found["digest"]
    return made


def refusal(check, case):
    """How the library refuses a vector: the check that failed, or which kind of malformed."""
    try:
        check(case)
    except VerificationError as error:
        return error.failed
    except EncodingError:
        return "encoding"
    except StatementError:
        return "statement"
    return "accepted"


def second_refuses(case, check, **readers):
    """The second verifier refuses, and where the library only refuses in a numbered check, not while it reads."""
    try:
        question = [read(json.dumps(case[name]).encode()) for name, read in readers.items()]
    except RefusedError:
        assert case["failed"] in ("encoding", "statement")
        return
    with pytest.raises(RefusedError):
        check(*question)


# The files


@pytest.mark.parametrize("name", ["registration.json", "claims.json", "arithmetic.json"])
def test_the_vectors_are_made_again_byte_for_byte(name):
    assert (regenerate.FOLDER / name).read_bytes() == regenerate.files()[name]


def test_the_vectors_stay_small():
    assert sum(path.stat().st_size for path in regenerate.FOLDER.glob("*.json")) < 300_000


@pytest.mark.parametrize("records", [REGISTRATIONS, CLAIMS["records"], SYSTEMS["records"]])
def test_every_vector_has_a_name_of_its_own_and_every_refused_one_differs_from_what_it_mutates(records):
    names = [record["id"] for record in records]
    assert len(set(names)) == len(names)
    assert all(case["changes"] for case in resolved(records) if case["expected"] == "reject")


@of(REGISTRATIONS, "accept")
def test_an_account_of_the_vectors_commits_to_the_opening_beside_it(case):
    registered = Registration.from_document(case["account"])
    registration.check_belongs(registered.account, Opening.from_document(case["opening"]))


@of(SYSTEMS["records"], "accept")
def test_a_system_of_the_vectors_speaks_about_the_openings_beside_it(case):
    openings = [Opening.from_document(document) for document in case["openings"]]
    assert [commit(opening).to_bytes().hex() for opening in openings] == case["commitments"]


def test_the_book_called_edge_has_nothing_to_spare():
    record = next(record for record in CLAIMS["records"] if record["id"] == "cross/edge")
    claim = Evidence.from_document(record["proof"]).claim
    book = dict(regenerate.BOOKS["edge"])
    assert rules.assess(regenerate.MARKET, claim, Book(book)).holds
    book["USD"] -= 1
    assert not rules.assess(regenerate.MARKET, claim, Book(book)).holds


@pytest.mark.parametrize("name", [case.id for case in regenerate.CLAIMS if case.torsion])
def test_a_vector_with_torsion_holds_only_because_the_cofactor_is_cleared(name, monkeypatch):
    record = next(record for record in resolved(CLAIMS["records"]) if record["id"] == name)
    check_claim(record)
    monkeypatch.setattr(
        "zkmargin.proofs.batch.clears_to_identity", lambda used, point: used.equal(point, used.identity())
    )
    assert refusal(check_claim, record) == "(12)"


def test_the_torsion_of_the_vectors_is_outside_the_subgroup():
    with pytest.raises(EncodingError, match="subgroup"):
        group.decode(group.encode(regenerate.TORSION))


# The library


@of(REGISTRATIONS, "accept")
def test_a_registration_of_an_earlier_release_holds(case):
    check_registration(case)


@of(REGISTRATIONS, "reject")
def test_a_registration_that_an_earlier_release_refused_is_refused_by_the_same_check(case):
    assert refusal(check_registration, case) == case["failed"]


@of(CLAIMS["records"], "accept")
def test_a_claim_of_an_earlier_release_holds(case):
    registered = Registration.from_document(case["account"])
    evidence.verify(Snapshot.from_document(case["snapshot"]), registered, Evidence.from_document(case["proof"]))


@of(CLAIMS["records"], "reject")
def test_a_claim_that_an_earlier_release_refused_is_refused_by_the_same_check(case):
    assert refusal(check_claim, case) == case["failed"]


@of(CLAIMS["records"], "reject")
def test_a_claim_that_an_earlier_release_refused_is_refused_by_the_whole_check(case):
    with pytest.raises(ZkMarginError):
        evidence.verify(
            Snapshot.from_document(case["snapshot"]),
            Registration.from_document(case["account"]),
            Evidence.from_document(case["proof"]),
        )


@of(SYSTEMS["records"], "accept")
def test_a_proof_about_a_system_of_an_earlier_release_holds(case):
    check_system(case)


@of(SYSTEMS["records"], "reject")
def test_a_proof_about_a_system_that_an_earlier_release_refused_is_refused_by_the_same_check(case):
    assert refusal(check_system, case) == case["failed"]


# The library on the other implementation of the group

ELSEWHERE = """
import json
from tests.vectors.test_own import SYSTEMS, check_system, refusal, resolved
print(json.dumps({case["id"]: refusal(check_system, case) for case in resolved(SYSTEMS["records"])}))
"""


def test_both_implementations_of_the_group_decide_alike_about_every_system(root):
    expected = {case["id"]: case.get("failed", "accepted") for case in SYSTEMS["records"]}
    environment = os.environ | {"ZKMARGIN_GROUP": "py_ecc", "PYTHONPATH": str(root)}
    result = subprocess.run(
        [sys.executable, "-c", ELSEWHERE], env=environment, cwd=root, capture_output=True, text=True
    )
    assert result.returncode == 0, result.stderr
    assert json.loads(result.stdout) == expected


# The second verifier


@of(REGISTRATIONS, "accept")
def test_the_second_verifier_accepts_the_registration(case):
    verifier.check_registration(reading.read_account(json.dumps(case["account"]).encode()))


@of(REGISTRATIONS, "reject")
def test_the_second_verifier_refuses_the_registration(case):
    second_refuses(case, verifier.check_registration, account=reading.read_account)


@of(CLAIMS["records"], "accept")
def test_the_second_verifier_accepts_the_claim(case):
    verifier.verify(*[json.dumps(case[name]).encode() for name in ("snapshot", "account", "proof")])


@of(CLAIMS["records"], "reject")
def test_the_second_verifier_refuses_the_claim(case):
    readers = {"snapshot": reading.read_snapshot, "account": reading.read_account, "proof": reading.read_proof}
    second_refuses(case, verifier.check_claim, **readers)


def second_check(case):
    commitments = [primitives.decompress(bytes.fromhex(text)) for text in case["commitments"]]
    given = SYSTEMS["systems"][case["system"]]
    general.check(case["tag"], given, commitments, bytes.fromhex(case["proof"]), case["rounds"])


@of(SYSTEMS["records"], "accept")
def test_the_second_verifier_accepts_the_proof_about_any_system(case):
    second_check(case)


@of(SYSTEMS["records"], "reject")
def test_the_second_verifier_refuses_the_proof_about_any_system(case):
    with pytest.raises(RefusedError):
        second_check(case)


@pytest.mark.parametrize("name", SYSTEMS["systems"])
def test_the_second_verifier_derives_the_same_digest_of_any_system(name):
    assert general.System(SYSTEMS["systems"][name]).digest() == system(name).digest
