"""The circuit is the model: a book can be proved exactly when the plain rule says that the claim holds.

The books stand at the boundary: `least` cash with which the claim holds, one unit less, one unit more.
"""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from circuits import claims, registration
from circuits.registration import REGISTERED_BITS
from circuits.systems import Assignment, Shape, assign, compile_circuit
from zkmargin.algebra.scalars import ORDER
from zkmargin.amounts import Ratio
from zkmargin.commitments import Opening
from zkmargin.errors import WitnessError
from zkmargin.margin import rules
from zkmargin.margin.claim import Claim
from zkmargin.margin.portfolio import Book
from zkmargin.market import sample
from zkmargin.market.instruments import Cash, Collateral, Linear, Option
from zkmargin.market.parameters import CrossParameters, ScenarioParameters, Tier, TierTable
from zkmargin.market.scenarios import Scenario
from zkmargin.market.snapshot import Listing, Snapshot

LOTS = st.one_of(st.integers(-3, 3), st.integers(-(2**24), 2**24))
MULTIPLIERS = st.integers(1, 2**10)
MARKS = st.one_of(st.integers(1, 5), st.integers(1, 2**24))
LOSSES = st.integers(-(2**30), 2**30)
THRESHOLDS = st.builds(Ratio.of, st.integers(1, 60), st.integers(1, 60))
AMPLE_BITS = 96  # no book drawn here exceeds this capacity, so "cannot be expressed" never hides a wrong answer


@st.composite
def tables(draw):
    """A convex maintenance table, and an initial one above it."""
    count = draw(st.integers(1, 4))
    floors = draw(st.lists(st.integers(1, 2**40), min_size=count - 1, max_size=count - 1, unique=True).map(sorted))
    rates = draw(st.lists(st.integers(0, 500_000), min_size=count, max_size=count, unique=True).map(sorted))
    extra = draw(st.integers(0, 500_000))
    rows = list(zip([0, *floors], rates, strict=True))
    return TierTable(tuple(Tier(*row) for row in rows)), TierTable(tuple(Tier(at, rate + extra) for at, rate in rows))


@st.composite
def cross_cases(draw):
    """A market, a claim and a book of the cross model."""
    listings = (
        Listing(Cash("CASH")),
        Listing(Collateral("COIN", draw(MULTIPLIERS)), draw(MARKS), haircut_ppm=draw(st.integers(0, 999_999))),
        Listing(Linear("FUTURE", draw(MULTIPLIERS), expiry=1), draw(MARKS)),
        Listing(Linear("PERP", draw(MULTIPLIERS)), draw(MARKS), funding_ticks=draw(st.integers(-1_000, 1_000))),
    )
    drawn = {name: draw(tables()) for name in ("FUTURE", "PERP")}
    maintenance, initial = ({name: pair[side] for name, pair in drawn.items()} for side in (0, 1))
    market = Snapshot("v", 1, 0, listings, cross=CrossParameters(1, maintenance, initial, AMPLE_BITS))
    kind = draw(st.sampled_from(["maintenance", "initial", "box"]))
    width_ppm = draw(st.integers(1, 999_999)) if kind == "box" else 0
    claim = Claim(kind, "cross", draw(THRESHOLDS), width_ppm)
    return market, claim, {listing.id: draw(LOTS) for listing in listings}


@st.composite
def scenario_cases(draw):
    """A market, a claim and a book of the scenario model: haircut collateral, short minimums, several scenarios."""
    listings = (
        Listing(Option("CALL", draw(MULTIPLIERS), "PERP", "call", 1, 1), draw(st.integers(0, 2**20))),
        Listing(Cash("CASH")),
        Listing(Collateral("COIN", draw(MULTIPLIERS)), draw(MARKS), haircut_ppm=draw(st.integers(0, 999_999))),
        Listing(Linear("PERP", draw(MULTIPLIERS)), draw(MARKS)),
        Listing(Option("PUT", draw(MULTIPLIERS), "PERP", "put", 1, 1), draw(st.integers(0, 2**20))),
    )
    count = draw(st.integers(1, 4))
    moves = tuple(Scenario(f"move-{number}", 0, 0) for number in range(count))
    losses = {
        listing.id: tuple(draw(st.lists(LOSSES, min_size=count, max_size=count)))
        for listing in listings
        if listing.id != "CASH"
    }
    minimums = draw(st.dictionaries(st.sampled_from(["CALL", "PUT"]), st.integers(0, 2**30)))
    initial_ppm = draw(st.integers(1_000_000, 3_000_000))
    arrays = ScenarioParameters(1, moves, losses, minimums, initial_ppm, AMPLE_BITS)
    market = Snapshot("v", 1, 0, listings, scenario=arrays)
    claim = Claim(draw(st.sampled_from(["maintenance", "initial"])), "scenario", draw(THRESHOLDS))
    return market, claim, {listing.id: draw(LOTS) for listing in listings}


CASES = st.one_of(cross_cases(), scenario_cases())


def least_cash(market, claim, lots):
    """The least cash with which the plain rule says that the claim holds."""
    without = rules.assess(market, claim, Book(lots | {"CASH": 0}))
    return -(without.slack_scaled // without.scale)


def is_proved(circuit, system, lots):
    """Whether an honest prover finds a witness; it must satisfy the system."""
    try:
        witness = assign(circuit, system, [Opening(lots, 1)])
    except WitnessError:
        return False
    values = witness.values
    assert len(values) == system.variables
    assert all(0 <= digit < system.base for digit in values[: system.digits])
    assert not any(form.evaluate(values) for form in system.constraints)
    return True


def compiled(market, claim, lots, base=None):
    basis = tuple(sorted(lots))
    circuit = claims.circuit(market, claim, basis)
    return circuit, compile_circuit(circuit, Shape((basis,), REGISTERED_BITS), base)


@given(CASES, st.sampled_from([None, 2, 10]))
def test_a_book_is_proved_exactly_when_the_plain_rule_holds_to_the_unit_of_cash(case, base):
    market, claim, lots = case
    circuit, system = compiled(market, claim, lots, base)
    least = least_cash(market, claim, lots)
    for cash in (least - 1, least, least + 1, 0):
        book = lots | {"CASH": cash}
        assert is_proved(circuit, system, book) == rules.assess(market, claim, Book(book)).holds == (cash >= least)


class Cheat(Assignment):
    """A prover who adds an amount to each helper, instead of taking the largest candidate."""

    def __init__(self, base, books, lies):
        super().__init__(base, books)
        self.lies = iter(lies)

    def helper(self, candidates, bits):
        value = max(candidates) + next(self.lies, 0)
        self.nonnegative(value, bits)
        return value


@given(CASES, st.lists(st.one_of(st.integers(-2, 2), st.integers(-(2**60), 2**60)), max_size=8))
def test_no_lie_in_a_helper_proves_what_the_plain_rule_denies(case, lies):
    market, claim, lots = case
    circuit, system = compiled(market, claim, lots)
    book = lots | {"CASH": least_cash(market, claim, lots) - 1}
    with pytest.raises(WitnessError):
        circuit(Cheat(system.base, [book], lies))


@given(CASES)
def test_the_digits_of_a_true_claim_do_not_fit_a_book_with_less_cash(case):
    market, claim, lots = case
    circuit, system = compiled(market, claim, lots)
    least = least_cash(market, claim, lots)
    values = list(assign(circuit, system, [Opening(lots | {"CASH": least}, 1)]).values)
    values[system.book_start(0) + system.basis.index("CASH")] = (least - 1) % ORDER
    assert any(form.evaluate(values) % ORDER for form in system.constraints)


# ---- exactly zero, one scaled unit short, one scaled unit over -------------------------------------------------------

PENNY = Snapshot(
    "v",
    1,
    0,
    (Listing(Cash("CASH")), Listing(Linear("PERP", 1), 1)),
    cross=CrossParameters(1, {"PERP": TierTable.flat(1)}, {"PERP": TierTable.flat(2)}),
    scenario=ScenarioParameters(1, (Scenario("down", -1, 0),), {"PERP": (1,)}, {}, 1_000_001),
)


@pytest.mark.parametrize(
    "slack, lots, cash", [(0, 10**6, 1 - 10**6), (-1, 10**6 + 1, -(10**6)), (1, 999_999, -999_998)]
)
def test_cross_margin_is_decided_at_the_millionth_of_a_unit(slack, lots, cash):
    claim, book = Claim("maintenance", "cross"), {"CASH": cash, "PERP": lots}
    assert rules.assess(PENNY, claim, Book(book)).slack_scaled == slack
    assert is_proved(*compiled(PENNY, claim, book), book) == (slack >= 0)


@pytest.mark.parametrize("slack, lots, cash", [(0, 10**6, 1), (-1, 10**6 + 1, 1), (1, 999_999, 1)])
def test_scenario_margin_is_decided_at_the_millionth_of_a_unit(slack, lots, cash):
    claim, book = Claim("initial", "scenario"), {"CASH": cash, "PERP": lots}
    assert rules.assess(PENNY, claim, Book(book)).slack_scaled == slack
    assert is_proved(*compiled(PENNY, claim, book), book) == (slack >= 0)


# ---- how much can be stated ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("model", ["cross", "scenario"])
@pytest.mark.parametrize("threshold", [Ratio(1, 1), Ratio(7, 999_983)], ids=str)
def test_every_surplus_below_the_capacity_is_proved_and_one_beyond_the_digits_is_not(model, threshold):
    small = replace(PENNY, **{model: replace(PENNY.parameters(model), capacity_bits=32)})
    claim = Claim("maintenance", model, threshold)
    circuit, system = compiled(small, claim, {"CASH": 0, "PERP": 0}, 2)
    assert is_proved(circuit, system, {"CASH": 2**32 - 1, "PERP": 0})
    assert not is_proved(circuit, system, {"CASH": 2**33, "PERP": 0})


def test_a_hedged_position_may_be_too_large_to_state_although_the_claim_holds():
    small = replace(PENNY, cross=CrossParameters(1, {"PERP": TierTable.flat(1)}, {"PERP": TierTable.flat(2)}, 32))
    claim, book = Claim("box", "cross", width_ppm=500_000), {"CASH": 2**61, "PERP": -(2**60)}
    tight = book | {"CASH": least_cash(small, claim, book)}
    assert rules.assess(small, claim, Book(tight)).holds
    with pytest.raises(WitnessError, match="too large for this statement") as refused:
        prove(small, claim, tight)
    assert refused.value.shortfall_units is None


# ---- the real proof --------------------------------------------------------------------------------------------------

SAMPLE_CLAIMS = [
    Claim("maintenance", "cross", Ratio(11, 10)),
    Claim("box", "cross", width_ppm=50_000),
    Claim("initial", "scenario"),
]
SAMPLE_LOTS = {
    "cross": {"BTC": -250, "BTC-27MAR26": 4_000, "ETH-PERP": -70_000},
    "scenario": {"BTC": -250, "BTC-27FEB26-100000-C": -3_000, "BTC-27FEB26-80000-P": -2_000, "BTC-PERP": 900},
}


def prove(market, claim, lots, rounds=0):
    """Return the account and its proof; the claim is verified where the test says so."""
    secret = Opening.fresh(lots)
    account = registration.register(market.venue, "alice", secret).account
    return account, claims.prove(market, claim, account, secret, rounds=rounds)


@pytest.mark.parametrize("claim", SAMPLE_CLAIMS, ids=lambda claim: f"{claim.kind} {claim.model}")
def test_the_sample_market_is_proved_at_the_boundary_and_not_below_it(claim):
    market = sample.snapshot()
    lots = SAMPLE_LOTS[claim.model]
    without = rules.assess(market, claim, Book(lots | {"USD": 0}))
    least = -(without.slack_scaled // without.scale)
    account, proof = prove(market, claim, lots | {"USD": least})
    claims.verify(market, claim, account, proof)
    with pytest.raises(WitnessError) as refused:
        prove(market, claim, lots | {"USD": least - 3})
    assert refused.value.shortfall_units == 3


@settings(max_examples=6)  # each is two real proofs and a registration
@given(CASES, st.integers(1, 7))
def test_a_compact_proof_exists_exactly_when_the_plain_rule_holds(case, rounds):
    market, claim, lots = case
    book = lots | {"CASH": least_cash(market, claim, lots)}
    account, proof = prove(market, claim, book, rounds)
    claims.verify(market, claim, account, proof, rounds)
    with pytest.raises(WitnessError) as refused:
        prove(market, claim, book | {"CASH": book["CASH"] - 1}, rounds)
    assert refused.value.shortfall_units == 1
