"""Lies about a commitment that only its registration stops."""

import copy
from dataclasses import replace
from operator import mul

import pytest

from circuits import claims, evidence, registration
from circuits.registration import Account, Registration
from tests.attacks.known_bad import known_bad
from zkmargin import documents
from zkmargin.algebra import generators
from zkmargin.algebra.group import group
from zkmargin.algebra.scalars import ORDER, WIDE_BYTES, random_scalar
from zkmargin.commitments import Commitment, Opening, commit
from zkmargin.encoding import encode_scalars, reduce_uint
from zkmargin.errors import EncodingError, StatementError, VerificationError, WitnessError
from zkmargin.margin import rules, scenario
from zkmargin.margin.claim import Claim
from zkmargin.margin.portfolio import Book
from zkmargin.market.instruments import Cash, Linear
from zkmargin.market.parameters import ScenarioParameters
from zkmargin.market.scenarios import Scenario
from zkmargin.market.snapshot import Listing, Snapshot
from zkmargin.proofs import arithmetic, linear, relations
from zkmargin.proofs.linear import Flavor
from zkmargin.transcript import DuplexSponge, derive_session_id

BASIS = ("BTC-PERP", "ETH-PERP", "SOL-PERP", "USD")
PERPETUALS = BASIS[:3]
LOSSES = {"BTC-PERP": (700, -900), "ETH-PERP": (40, -70), "SOL-PERP": (9, -5)}
MARKET = Snapshot(
    "demo",
    1,
    0,
    (*(Listing(Linear(name, 1), 1_000) for name in PERPETUALS), Listing(Cash("USD"))),
    scenario=ScenarioParameters(1, (Scenario("down", -1, 0), Scenario("up", 1, 0)), LOSSES, {}),
)
CLAIM = Claim("maintenance", "scenario")


def opening_proof_of(account, quantities, blinding):
    """The opening proof of a prover who does not look whether it is true."""
    relation = relations.opening(account.basis, account.commitment)
    secrets = [*quantities, blinding]
    nonces = [random_scalar() for _ in secrets]
    sponge = DuplexSponge(derive_session_id(registration._context(account) + b"-CMPT-with-" + linear.SUITE))
    sponge.absorb(relation.to_bytes())
    sponge.absorb(b"".join(map(group.encode, relation.difference(nonces, 0))))
    challenge = reduce_uint(sponge.squeeze(WIDE_BYTES), ORDER)
    responses = [(nonce + challenge * secret) % ORDER for nonce, secret in zip(nonces, secrets, strict=True)]
    return encode_scalars([challenge, *responses])


def refused(registered, part):
    """Neither the registration nor evidence that rests on it is accepted, and the part that failed is named."""
    with pytest.raises(VerificationError) as caught:
        registration.verify(registered)
    assert caught.value.failed.startswith(part)


# ---- the fractional book ---------------------------------------------------------------------------------------------


def solve(matrix, right):
    """Return the solution of a square system modulo the order."""
    rows = [[*row, value] for row, value in zip(matrix, right, strict=True)]
    for column in range(len(rows)):
        pivot = next(place for place in range(column, len(rows)) if rows[place][column] % ORDER)
        rows[column], rows[pivot] = rows[pivot], rows[column]
        scale = pow(rows[column][column], -1, ORDER)
        rows[column] = [value * scale % ORDER for value in rows[column]]
        for place, row in enumerate(rows):
            if place != column:
                rows[place] = [one - row[column] * other for one, other in zip(row, rows[column], strict=True)]
    return [row[-1] % ORDER for row in rows]


@pytest.fixture
def fraction():
    """A book that owes a million and holds fractions of contracts: A q = 1 - b modulo the order, so each slack is 1."""
    debt = -1_000_000
    rows = scenario.rows(MARKET, CLAIM, BASIS)
    held = solve([row.coefficients[:3] for row in rows], [1 - row.coefficients[3] * debt for row in rows])
    quantities = [*held, debt % ORDER]
    assert all(sum(map(mul, row.coefficients, quantities)) % ORDER == 1 for row in rows)
    return quantities


@pytest.fixture
def forger(fraction, monkeypatch):
    """The account of the fractional book, with its opening; the prover does not look."""
    blinding = random_scalar()
    bases = [*map(generators.book, BASIS), generators.blinding()]
    account = Account("demo", "mallory", 0, BASIS, Commitment(group.msm(bases, [*fraction, blinding])))
    monkeypatch.setattr(arithmetic, "_check", lambda system, witness: None)
    return account, fraction, blinding


def digits_of_one(system):
    """The witness digits of numbers that are all 1; each row starts with the digits of its number."""
    digits = [0] * system.digits
    for row in system.rows:
        digits[row.indices[0]] = 1
    return digits


def claim_proof(account, quantities, blinding):
    system = claims.system(MARKET, CLAIM, BASIS)
    statement, transcript = claims._open(MARKET, CLAIM, account)
    witness = arithmetic.Witness([*digits_of_one(system), *quantities], [blinding])
    return arithmetic.prove(transcript, statement, witness).to_bytes()


def bounds_proof(account, quantities, blinding):
    system = registration.bounds_system(account.basis)
    witness = arithmetic.Witness([*digits_of_one(system), *quantities], [blinding])
    return arithmetic.prove(registration._transcript(account), registration._statement(account), witness).to_bytes()


@known_bad("a coordinate has no bound")
def test_a_fractional_book_meets_a_margin_claim_that_no_book_of_its_debt_could(forger):
    account, quantities, blinding = forger
    claims.verify(MARKET, CLAIM, account, claim_proof(account, quantities, blinding))
    debtor = Book({"USD": -1_000_000, "BTC-PERP": 1, "ETH-PERP": 1, "SOL-PERP": 1})
    assert not rules.assess(MARKET, CLAIM, debtor).holds


@known_bad("a coordinate has no bound")
def test_a_fractional_book_is_refused_registration(forger):
    account, quantities, blinding = forger
    opened = opening_proof_of(account, quantities, blinding)
    relation = relations.opening(account.basis, account.commitment)
    linear.verify(relation, opened, registration._context(account), Flavor.COMPACT)  # it IS the opening
    registered = Registration(account, opened, bounds_proof(account, quantities, blinding))
    refused(registered, "bounds")
    proof = claim_proof(account, quantities, blinding)
    shown = evidence.Evidence(CLAIM, "demo", "mallory", 0, 1, MARKET.digest(), account.commitment.to_bytes(), 0, proof)
    with pytest.raises(VerificationError, match="bounds"):
        evidence.verify(MARKET, registered, shown)


def test_a_book_with_one_residue_just_out_of_the_digits_reach_is_refused_registration(monkeypatch):
    system = registration.bounds_system(("USD",))
    reach = system.base**system.digits - 2**64
    monkeypatch.setattr(arithmetic, "_check", lambda system, witness: None)
    for quantity, holds in ((reach - 1, True), (reach, False), (-(2**64), True), (-(2**64) - 1, False)):
        secret = Opening.fresh({"USD": quantity})
        account = Account("demo", "mallory", 0, ("USD",), commit(secret))
        shifted = (quantity + 2**64) % system.base**system.digits
        digits = [shifted // system.base**place % system.base for place in range(system.digits)]
        witness = arithmetic.Witness([*digits, quantity], [secret.blinding])
        transcript, statement = registration._transcript(account), registration._statement(account)
        bounds = arithmetic.prove(transcript, statement, witness).to_bytes()
        registered = Registration(account, opening_proof_of(account, [quantity], secret.blinding), bounds)
        if holds:
            registration.verify(registered)
        else:
            refused(registered, "bounds")


def test_a_registration_does_not_stand_for_a_smaller_bound_than_it_proves(registered):
    # Claims take the account's bound for granted, so it may not be one that nothing has proved.
    registration.verify(Registration(replace(registered.account, quantity_bits=112), *proofs(registered)))
    for bits in (64, registration.REGISTERED_BITS - 1):
        with pytest.raises(StatementError, match=f"quantity_bits of a registered account must be .* got {bits}"):
            registration.verify(Registration(replace(registered.account, quantity_bits=bits), *proofs(registered)))


def proofs(registered):
    return registered.opening_proof, registered.bounds_proof


# ---- junk in the commitment ------------------------------------------------------------------------------------------

JUNK = {
    "the base of another asset": lambda: generators.book("ETH-PERP"),
    "a slot": lambda: generators.slots.first(1)[0],
    "a wire": lambda: generators.wires.first(1)[0],
    "an error term": lambda: generators.errors.first(2)[1],
}


@pytest.mark.parametrize("base", list(JUNK.values()), ids=list(JUNK))
def test_a_commitment_with_junk_in_another_base_is_refused_by_the_opening_proof(base):
    secret = Opening.fresh({"USD": 100})
    clean = registration.register("demo", "mallory", secret)
    junk = Commitment(group.add(clean.account.commitment.point, group.multiply(base(), 5)))
    account = Account("demo", "mallory", 0, ("USD",), junk)
    opened = opening_proof_of(account, [100], secret.blinding)
    refused(Registration(account, opened, clean.bounds_proof), "opening (9)")
    relation = relations.opening(account.basis, junk)
    with pytest.raises(WitnessError):
        linear.prove(relation, [100, secret.blinding], registration._context(account), Flavor.COMPACT)


# ---- somebody else's registration ------------------------------------------------------------------------------------

SECRET = Opening.fresh({"BTC-PERP": -3, "USD": 5_000})


@pytest.fixture(scope="module")
def registered():
    return registration.register("demo", "alice", SECRET, 7)


def with_account(registered, **changes):
    """The registration with fields of its account replaced and both proofs kept."""
    fields = {name: getattr(registered.account, name) for name in Account.__slots__}
    return Registration(Account(**fields | changes), registered.opening_proof, registered.bounds_proof)


OTHERS = {
    "account": {"account": "bob"},
    "venue": {"venue": "demo2"},
    "sequence": {"sequence": 8},
    "basis": {"basis": ("BTC-PERP", "USDC")},
    "commitment": {"commitment": commit(Opening.fresh(SECRET.quantities))},
}


@pytest.mark.parametrize("changes", list(OTHERS.values()), ids=list(OTHERS))
def test_a_registration_does_not_hold_for_another(registered, changes):
    refused(with_account(registered, **changes), "opening (9)")


@pytest.mark.parametrize("changes", list(OTHERS.values()), ids=list(OTHERS))
def test_the_bounds_proof_does_not_hold_for_another_either(registered, changes):
    other = with_account(registered, **changes).account
    statement = registration._statement(other)
    proof = arithmetic.Proof.from_bytes(statement.system, registered.bounds_proof)
    arithmetic.verify(registration._transcript(registered.account), registration._statement(registered.account), proof)
    with pytest.raises(VerificationError):
        arithmetic.verify(registration._transcript(other), statement, proof)


def test_each_half_of_a_registration_is_needed(registered):
    again = registration.register("demo", "alice", Opening.fresh(SECRET.quantities), 7)
    refused(Registration(again.account, registered.opening_proof, again.bounds_proof), "opening")
    refused(Registration(again.account, again.opening_proof, registered.bounds_proof), "bounds (12)")


def test_a_registration_for_fewer_ids_does_not_hold_for_more(registered):
    account = Account("demo", "alice", 7, ("BTC-PERP", "ETH-PERP", "USD"), registered.account.commitment)
    with pytest.raises(EncodingError):
        registration.verify(Registration(account, registered.opening_proof, registered.bounds_proof))


def test_a_changed_byte_anywhere_in_a_registration_is_refused(registered):
    for name, step in (("opening_proof", 3), ("bounds_proof", 23)):
        proof = getattr(registered, name)
        for place in range(0, len(proof), step):
            changed = bytearray(proof)
            changed[place] ^= 1
            parts = {"opening_proof": registered.opening_proof, "bounds_proof": registered.bounds_proof}
            with pytest.raises((EncodingError, VerificationError)):
                registration.verify(Registration(registered.account, **parts | {name: bytes(changed)}))


@pytest.mark.parametrize("name", ["opening_proof", "bounds_proof"])
def test_a_proof_of_another_length_is_refused(registered, name):
    document = registered.to_document()
    for proof in ("", document[name][:-2], document[name] + "00"):
        with pytest.raises(EncodingError):
            registration.verify(Registration.from_document(document | {name: proof}))


MUTATIONS = {
    "format": "zkmargin/account/2",
    "venue": "demo2",
    "account": "alicia",
    "sequence": 6,
    "basis": ["BTC-PERP", "EUR"],
    "commitment": Commitment(group.negate(commit(SECRET).point)).to_bytes().hex(),
    "opening_proof": "00" * 128,
    "bounds_proof": "ff" * 100,
}


def test_every_field_of_the_document_counts(registered):
    document = registered.to_document()
    assert MUTATIONS.keys() == document.keys()
    registration.verify(Registration.from_document(copy.deepcopy(document)))
    for field, lie in MUTATIONS.items():
        with pytest.raises((EncodingError, StatementError, VerificationError)):
            registration.verify(Registration.from_document(document | {field: lie}))
        with pytest.raises(EncodingError, match=f"{field} is missing"):
            Registration.from_document({name: value for name, value in document.items() if name != field})
    with pytest.raises(EncodingError, match="unknown field"):
        Registration.from_document(document | {"note": 1})


@pytest.mark.parametrize(
    "field, value",
    [
        ("sequence", "7"),
        ("sequence", True),
        ("sequence", 2**48),
        ("basis", "USD"),
        ("basis", [1]),
        ("commitment", "c0"),
    ],
)
def test_a_document_with_a_field_of_another_type_or_size_is_refused(registered, field, value):
    with pytest.raises(EncodingError, match=f"account.{field}"):
        Registration.from_document(registered.to_document() | {field: value})


def test_json_that_is_not_canonical_enough_to_be_unambiguous_is_refused(registered):
    text = documents.canonical(registered.to_document())
    with pytest.raises(EncodingError, match="occurs twice"):
        Registration.from_bytes(text[:-1] + b',"sequence":7}')
