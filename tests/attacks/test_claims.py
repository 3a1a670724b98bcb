"""A proof convinces of exactly one sentence: it is refused in another place, and when anything of it is changed."""

import copy
from dataclasses import replace
from typing import NamedTuple

import pytest

from circuits import claims, evidence, registration
from circuits.evidence import Evidence
from circuits.registration import Registration
from zkmargin import documents
from zkmargin.amounts import PPM, Ratio
from zkmargin.commitments import Opening
from zkmargin.errors import EncodingError, StatementError, VerificationError
from zkmargin.margin.claim import Claim
from zkmargin.market.instruments import Cash, Collateral, Linear, Option
from zkmargin.market.parameters import CrossParameters, ScenarioParameters, Tier, TierTable
from zkmargin.market.scenarios import Scenario
from zkmargin.market.snapshot import Listing, Snapshot
from zkmargin.testing.workloads import workload

MAINTENANCE = TierTable((Tier(0, 5_000), Tier(10**9, 10_000)))
INITIAL = TierTable((Tier(0, 10_000), Tier(10**9, 20_000)))
LISTINGS = (
    Listing(Cash("CASH")),
    Listing(Collateral("COIN", 10), 40_000, haircut_ppm=50_000),
    Listing(Linear("FUTURE", 1_000, expiry=9), 41_000),
    Listing(Option("OPTION", 100, "PERP", "call", 41_000, 9), 700),
    Listing(Linear("PERP", 1_000), 40_000, funding_ticks=5),
)
CROSS = CrossParameters(
    1, {"FUTURE": MAINTENANCE, "PERP": MAINTENANCE}, {"FUTURE": INITIAL, "PERP": INITIAL}, capacity_bits=64
)
SCENARIO = ScenarioParameters(
    1,
    (Scenario("up", 100_000, 0), Scenario("down", -100_000, 0)),
    {"COIN": (-38_000, 38_000), "FUTURE": (-(10**6), 10**6), "OPTION": (-9_000, 5_000), "PERP": (-(10**6), 10**6)},
    {"OPTION": 4_000},
    capacity_bits=64,
)
MARKET = Snapshot("demo", 5, 1_000, LISTINGS, cross=CROSS, scenario=SCENARIO)
QUANTITIES = {"CASH": 987_654_321_012, "COIN": -31_337, "PERP": 20_011}
SECRET = Opening.fresh(QUANTITIES)
BOX = Claim("box", "cross", Ratio(3, 2), 20_000)
CLAIMS = (Claim("maintenance", "cross"), BOX, Claim("maintenance", "scenario", Ratio(3, 2)))
EACH_CLAIM = pytest.mark.parametrize("claim", CLAIMS, ids=lambda claim: f"{claim.kind} {claim.model}")


class Case(NamedTuple):
    """What a verifier holds: a market, a registered account, and the evidence that was handed in."""

    market: Snapshot
    registered: Registration
    shown: Evidence

    def verify(self):
        evidence.verify(self.market, self.registered, self.shown)

    def rewritten(self):
        """The same proof under a header that says what the verifier wants to read."""
        account = self.registered.account
        return self._replace(
            shown=replace(
                self.shown,
                venue=account.venue,
                account=account.account,
                sequence=account.sequence,
                commitment=account.commitment.to_bytes(),
                epoch=self.market.epoch,
                snapshot_digest=self.market.digest(),
            )
        )


@pytest.fixture(scope="module")
def cases():
    registered = registration.register("demo", "alice", SECRET, 7)
    account = registered.account
    return {claim: Case(MARKET, registered, evidence.prove(MARKET, claim, account, SECRET)) for claim in CLAIMS}


# ---- replays ---------------------------------------------------------------------------------------------------------


def moved(name, **changes):
    """The market with fields of one listing replaced."""
    return replace(MARKET, listings=tuple(replace(item, **changes) if item.id == name else item for item in LISTINGS))


def listed_anew(market, opening=SECRET, **changes):
    """Another verifier's market and registration; the SAME commitment, unless an opening is given."""
    state = {"venue": market.venue, "account": "alice", "sequence": 7} | changes
    return market, registration.register(opening=opening, **state)


EASIER = TierTable((Tier(0, 4_999), Tier(10**9, 10_000)))
HARDER = TierTable((Tier(0, 10_001), Tier(10**9, 20_000)))
LOSSES = dict(SCENARIO.losses)
MARKETS = {
    "venue": replace(MARKET, venue="demo2"),
    "epoch": replace(MARKET, epoch=6),
    "time": replace(MARKET, valid_from=1_001),
    "breaker": replace(MARKET, breaker="halted"),
    "chain": replace(MARKET, previous="11" * 32),
    "mark of a held contract": moved("PERP", mark_ticks=40_001),
    "mark of a contract not held": moved("FUTURE", mark_ticks=41_001),
    "funding": moved("PERP", funding_ticks=6),
    "haircut": moved("COIN", haircut_ppm=50_001),
    "tiers": replace(MARKET, cross=replace(CROSS, maintenance=CROSS.maintenance | {"PERP": EASIER})),
    "tiers of the other kind": replace(MARKET, cross=replace(CROSS, initial=CROSS.initial | {"PERP": HARDER})),
    "version of cross": replace(MARKET, cross=replace(CROSS, version=2)),
    "version of scenario": replace(MARKET, scenario=replace(SCENARIO, version=2)),
    "loss": replace(MARKET, scenario=replace(SCENARIO, losses=LOSSES | {"PERP": (-(10**6), 10**6 - 1)})),
    "name of a scenario": replace(
        MARKET, scenario=replace(SCENARIO, scenarios=(Scenario("up", 100_000, 0), Scenario("dip", -100_000, 0)))
    ),
}
STATES = {
    "account": {"account": "bob"},
    "sequence": {"sequence": 8},
    "blinding": {"opening": Opening.fresh(QUANTITIES)},
    "book": {"opening": Opening(QUANTITIES | {"CASH": 10**12}, SECRET.blinding)},
    "basis": {"opening": Opening({"CASH": 987_654_321_012, "COIN": -31_337, "FUTURE": 20_011}, SECRET.blinding)},
}
ELSEWHERE = {
    **{f"another {name}": (market, {}) for name, market in MARKETS.items()},
    **{f"another {name}": (MARKET, changes) for name, changes in STATES.items()},
}


@pytest.mark.parametrize("market, changes", list(ELSEWHERE.values()), ids=list(ELSEWHERE))
@EACH_CLAIM
def test_a_proof_is_refused_elsewhere_with_its_own_header_and_with_a_rewritten_one(cases, claim, market, changes):
    case = cases[claim]
    other = Case(*listed_anew(market, **changes), case.shown)
    registration.verify(other.registered)
    with pytest.raises(StatementError, match="proof.") as named:
        other.verify()
    assert " must be " in str(named.value)
    with pytest.raises(VerificationError) as refused:
        other.rewritten().verify()
    assert refused.value.failed == "(12)"


@EACH_CLAIM
def test_a_compact_proof_is_refused_elsewhere_as_an_opened_one_is(cases, claim):
    account = cases[claim].registered.account
    shown = evidence.prove(MARKET, claim, account, SECRET, rounds=3)
    case = cases[claim]._replace(shown=shown)
    case.verify()
    for name in (
        "another epoch",
        "another account",
        "another sequence",
        "another blinding",
        "another version of cross",
    ):
        market, changes = ELSEWHERE[name]
        other = Case(*listed_anew(market, **changes), shown)
        with pytest.raises(VerificationError) as refused:
            other.rewritten().verify()
        assert refused.value.failed == "(12)"


@pytest.mark.parametrize("rounds", [0, 1, 2, 4, 9, 16])
def test_a_compact_proof_is_refused_with_other_rounds(cases, rounds):
    case = cases[BOX]
    shown = evidence.prove(MARKET, BOX, case.registered.account, SECRET, rounds=3)
    with pytest.raises(EncodingError, match="must have|must be between 1 and"):
        case._replace(shown=replace(shown, rounds=rounds)).verify()


def test_another_basis_of_another_length_is_refused_before_any_arithmetic(cases):
    wider = Opening(QUANTITIES | {"FUTURE": 0}, SECRET.blinding)
    other = Case(*listed_anew(MARKET, wider), cases[BOX].shown)
    assert other.registered.account.commitment.to_bytes() == other.shown.commitment, "a lot of zero does not show"
    with pytest.raises(EncodingError, match="must have"):
        other.verify()


OTHER_CLAIMS = {
    "kind": (CLAIMS[0], replace(CLAIMS[0], kind="initial")),
    "threshold": (CLAIMS[0], replace(CLAIMS[0], threshold=Ratio(2, 1))),
    "lower threshold": (BOX, replace(BOX, threshold=Ratio(1, 2))),
    "width": (BOX, replace(BOX, width_ppm=20_001)),
    "narrower width": (BOX, replace(BOX, width_ppm=19_999)),
    "threshold of scenario": (CLAIMS[2], replace(CLAIMS[2], threshold=Ratio(5, 2))),
}


@pytest.mark.parametrize("claim, other", list(OTHER_CLAIMS.values()), ids=list(OTHER_CLAIMS))
def test_a_proof_of_one_claim_does_not_prove_another(cases, claim, other):
    case = cases[claim]
    with pytest.raises(StatementError, match="proof.claim must be"):
        evidence.verify(MARKET, case.registered, case.shown, expected=other)
    rewritten = replace(case.shown, claim=other)
    with pytest.raises(VerificationError) as refused:
        evidence.verify(MARKET, case.registered, rewritten, expected=other)
    assert refused.value.failed == "(12)"


def test_no_proof_of_one_kind_is_accepted_for_another(cases):
    initial = Claim("initial", "scenario", Ratio(3, 2))
    for claim, case in cases.items():
        for other in (*CLAIMS, initial):
            if other != claim:
                with pytest.raises((EncodingError, VerificationError)):
                    claims.verify(MARKET, other, case.registered.account, case.shown.proof)


def test_the_snapshot_and_the_model_are_bound_even_where_the_constraints_are_the_same(cases):
    """Only the digest differs: the systems are equal, so nothing but the transcript can tell."""
    case = cases[CLAIMS[0]]
    for name in ("epoch", "chain", "breaker", "time", "version of cross", "version of scenario", "loss"):
        market, basis = MARKETS[name], case.registered.account.basis
        assert claims.system(market, CLAIMS[0], basis).digest == claims.system(MARKET, CLAIMS[0], basis).digest
        with pytest.raises(VerificationError):
            claims.verify(market, CLAIMS[0], case.registered.account, case.shown.proof)


def test_a_proof_for_an_account_of_another_venue_is_refused_by_prover_and_verifier(cases):
    case, elsewhere = cases[BOX], MARKETS["venue"]
    with pytest.raises(StatementError, match="venue of the account must be demo2, got demo"):
        claims.verify(elsewhere, BOX, case.registered.account, case.shown.proof)
    with pytest.raises(StatementError, match="venue of the account must be demo2, got demo"):
        claims.prove(elsewhere, BOX, case.registered.account, SECRET)


# ---- mutations -------------------------------------------------------------------------------------------------------

LIES = {
    "format": "zkmargin/proof/2",
    "claim": CLAIMS[0].to_document(),
    "claim.kind": "maintenance",
    "claim.model": "scenario",
    "claim.threshold": {"numerator": 5, "denominator": 2},
    "claim.threshold.numerator": 5,
    "claim.threshold.denominator": 5,
    "claim.width_ppm": 20_001,
    "venue": "demo2",
    "account": "bob",
    "sequence": 8,
    "epoch": 6,
    "snapshot": "00" * 32,
    "commitment": "00" * 48,
    "rounds": 1,
    "proof": "00" * 288,
}


def paths(document, before=""):
    """The dotted path of every field."""
    for name, value in document.items():
        yield before + name
        if isinstance(value, dict):
            yield from paths(value, f"{before}{name}.")


def parent_of(document, path):
    *folders, name = path.split(".")
    for folder in folders:
        document = document[folder]
    return document, name


def accepted(case, document):
    return evidence.verify(MARKET, case.registered, Evidence.from_document(document))


def test_every_field_of_the_evidence_counts(cases):
    case = cases[BOX]
    document = case.shown.to_document()
    assert set(LIES) == set(paths(document))
    accepted(case, documents.parse(documents.canonical(document), "proof"))
    for path, lie in LIES.items():
        changed, missing, added = copy.deepcopy(document), copy.deepcopy(document), copy.deepcopy(document)
        holder, name = parent_of(changed, path)
        assert holder[name] != lie
        holder[name] = lie
        with pytest.raises((EncodingError, StatementError, VerificationError)):
            accepted(case, changed)
        holder, name = parent_of(missing, path)
        del holder[name]
        with pytest.raises(EncodingError, match=f"proof.{path} is missing"):
            accepted(case, missing)
        holder, _ = parent_of(added, path)
        holder["more"] = 1
        with pytest.raises(EncodingError, match="unknown field 'more'"):
            accepted(case, added)


@pytest.mark.parametrize(
    "path, value",
    [
        ("sequence", True),
        ("sequence", 2**48),
        ("sequence", -1),
        ("epoch", "5"),
        ("epoch", 2**63),
        ("snapshot", "0" * 63),
        ("snapshot", "AB" * 32),
        ("commitment", "ab" * 47),
        ("proof", "0"),
        ("proof", "0" * (2**23 + 2)),
        ("claim.width_ppm", PPM),
        ("claim.threshold.numerator", 0),
        ("claim.threshold.denominator", PPM + 1),
        ("account", "al ice"),
    ],
)
def test_a_field_out_of_its_bound_is_named(cases, path, value):
    document = copy.deepcopy(cases[BOX].shown.to_document())
    holder, name = parent_of(document, path)
    holder[name] = value
    with pytest.raises(EncodingError, match=f"proof.{path} must be"):
        Evidence.from_document(document)


def test_a_threshold_that_is_not_in_lowest_terms_is_refused(cases):
    document = copy.deepcopy(cases[BOX].shown.to_document())
    document["claim"]["threshold"] = {"numerator": 6, "denominator": 4}
    with pytest.raises(StatementError, match="lowest terms"):
        Evidence.from_document(document)


def changed_at(proof, place):
    return proof[:place] + bytes([proof[place] ^ 1]) + proof[place + 1 :]


def refused(market, claim, account, proof):
    with pytest.raises((EncodingError, VerificationError)):
        claims.verify(market, claim, account, proof)


def test_every_byte_of_a_small_proof_counts():
    small = replace(MARKET, scenario=replace(SCENARIO, capacity_bits=32))
    claim, secret = Claim("maintenance", "scenario"), Opening.fresh({"CASH": 5})
    account = registration.register("demo", "alice", secret).account
    proof = claims.prove(small, claim, account, secret)
    claims.verify(small, claim, account, proof)
    assert len(proof) < 1_200
    for place in range(len(proof)):
        refused(small, claim, account, changed_at(proof, place))


def test_bytes_all_over_a_proof_of_the_reference_size_count():
    work = workload("W")
    (registered,), (secret,) = work.registrations(), work.openings
    proof = claims.prove(work.snapshot, work.claim, registered.account, secret)
    claims.verify(work.snapshot, work.claim, registered.account, proof)
    for place in range(0, len(proof), 41):  # odd: over the proof, every place within a scalar has its turn
        refused(work.snapshot, work.claim, registered.account, changed_at(proof, place))


def test_a_proof_of_another_length_is_refused_before_any_arithmetic(cases):
    case = cases[BOX]
    for proof in (b"", case.shown.proof[:-1], case.shown.proof[:-32], case.shown.proof + bytes(32)):
        with pytest.raises(EncodingError, match="must have"):
            claims.verify(MARKET, BOX, case.registered.account, proof)
