"""A proof about a composed model is about that model, that requirement and that book; real proofs of every node."""

from dataclasses import replace

import pytest

from circuits import claims, registration
from circuits.margin.expressions import alternatives
from zkmargin.amounts import PPM, Ratio
from zkmargin.commitments import Opening
from zkmargin.errors import EncodingError, StatementError, VerificationError, WitnessError
from zkmargin.margin import rules
from zkmargin.margin.claim import Claim
from zkmargin.margin.portfolio import Book
from zkmargin.market.expressions import (
    Cheapest,
    Largest,
    Pairing,
    Part,
    Root,
    Size,
    Strategy,
    Tail,
    Tiers,
    Worst,
    positive,
    scaled,
    total,
)
from zkmargin.market.forms import NOTIONAL, Affine, Array, Marks, Sides
from zkmargin.market.instruments import Cash, Linear
from zkmargin.market.models import Model
from zkmargin.market.parameters import Tier, TierTable
from zkmargin.market.snapshot import Listing, Snapshot

LISTINGS = (Listing(Cash("CASH")), Listing(Linear("FUTURE", 10, 9), 101), Listing(Linear("PERP", 10), 100))
LOSSES = Array({"FUTURE": (90, -110, 30), "PERP": (100, -100, 20)}, 3)
MENTIONED = Affine({"FUTURE": 0, "PERP": 0})
SIZE = Size(Affine({"FUTURE": PPM, "PERP": PPM}, measure=NOTIONAL))
SPREAD = Strategy("spread", {"FUTURE": 1, "PERP": -1}, 7)
RULES = {
    "affine": Affine({"FUTURE": 3, "PERP": -2}, 5),
    "sides": Sides({"PERP": 90}, {"FUTURE": 20, "PERP": 40}),
    "size": SIZE,
    "worst": positive(Worst(LOSSES)),
    "tail": Tail(LOSSES, 2),
    "root": Root(LOSSES),
    "pairing": Pairing({"FUTURE": 30, "PERP": 50}, {"FUTURE": 90, "PERP": 60}, (SPREAD,)),
    "largest": Largest((scaled(50_000, SIZE), Worst(LOSSES))),
    "tiers": Tiers(SIZE, TierTable((Tier(0, 4_000), Tier(1_000, 50_000)))),
    "cheapest": Cheapest((scaled(100_000, SIZE), Worst(LOSSES))),
}
LOTS = {"FUTURE": 5, "PERP": -3}


def market(rule, **changes):
    required = total(MENTIONED, Part("rule", rule))
    fields = {"version": 1, "maintenance": required, "initial": required, "stress": {"crash": required}} | changes
    return Snapshot("demo", 1, 0, LISTINGS, models=(Model("house", **fields), Model("other", **fields)))


def least_cash(snapshot, claim):
    without = rules.assess(snapshot, claim, Book(LOTS | {"CASH": 0}))
    return -(without.slack_scaled // without.scale)


def account_of(opening):
    return registration.register("demo", "alice", opening).account


@pytest.mark.parametrize("rounds", [0, 3])
@pytest.mark.parametrize("name", RULES)
def test_every_node_is_proved_at_the_boundary_and_not_a_unit_below_it(name, rounds):
    snapshot, claim = market(RULES[name]), Claim("maintenance", "house", Ratio(3, 2))
    least = least_cash(snapshot, claim)
    secret, poorer = (Opening.fresh(LOTS | {"CASH": cash}) for cash in (least, least - 1))
    account = account_of(secret)
    proof = claims.prove(snapshot, claim, account, secret, rounds=rounds)
    claims.verify(snapshot, claim, account, proof, rounds)
    with pytest.raises(WitnessError) as refused:
        claims.prove(snapshot, claim, account_of(poorer), poorer, rounds=rounds)
    assert refused.value.shortfall_units == 1
    with pytest.raises(VerificationError):
        claims.verify(snapshot, claim, account_of(poorer), proof, rounds)


@pytest.fixture(scope="module")
def proved():
    snapshot, claim = market(RULES["cheapest"]), Claim("stress", "house", stress="crash")
    secret = Opening.fresh(LOTS | {"CASH": 10**6})
    account = account_of(secret)
    return snapshot, claim, account, claims.prove(snapshot, claim, account, secret)


def test_a_proof_is_about_one_requirement_of_one_model(proved):
    snapshot, claim, account, proof = proved
    claims.verify(snapshot, claim, account, proof)
    for other in (
        Claim("stress", "other", stress="crash"),
        Claim("maintenance", "house"),
        Claim("initial", "house"),
        replace(claim, threshold=Ratio(2, 1)),
    ):
        with pytest.raises(VerificationError):
            claims.verify(snapshot, other, account, proof)
    with pytest.raises(StatementError, match="no stress requirement boom"):
        claims.verify(snapshot, replace(claim, stress="boom"), account, proof)
    with pytest.raises(StatementError, match="has no third parameters"):
        claims.verify(snapshot, replace(claim, model="third"), account, proof)


def test_a_proof_is_about_every_number_of_the_model(proved):
    _, claim, account, proof = proved
    for changed in (
        market(RULES["cheapest"], version=2),
        market(RULES["cheapest"], capacity_bits=67),
        market(RULES["cheapest"], deductions=Affine({}, 1)),
        market(Cheapest((scaled(99_999, SIZE), Worst(LOSSES)))),
        market(Cheapest((Worst(LOSSES), scaled(100_000, SIZE)))),
    ):
        with pytest.raises((VerificationError, EncodingError)):  # a proof of another length is malformed
            claims.verify(changed, claim, account, proof)


# ---- what a book may hold --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["maintenance", "initial", "stress"])
def test_an_instrument_that_the_requirement_does_not_mention_cannot_be_held_even_with_zero_lots(kind):
    bare = Affine({"PERP": 0})
    snapshot = market(Affine({}), **{kind: {"crash": bare} if kind == "stress" else bare})
    claim = Claim(kind, "house", stress="crash" if kind == "stress" else "")
    rules.assess(snapshot, claim, Book({"CASH": 1, "PERP": 1}))
    with pytest.raises(StatementError, match="has no charge for FUTURE"):
        rules.assess(snapshot, claim, Book({"CASH": 1, "FUTURE": 0}))
    with pytest.raises(StatementError, match="has no charge for FUTURE"):
        claims.circuit(snapshot, claim, ("CASH", "FUTURE"))


def test_a_book_may_hold_what_both_requirements_mention():
    snapshot = market(Affine({}), initial=Affine({"PERP": 0}))
    assert rules.held(snapshot, "house") == ("CASH", "PERP")
    assert rules.held(snapshot, "other") == ("CASH", "PERP")


# ---- statements that would cost a verifier too much ------------------------------------------------------------------


def test_a_model_that_mentions_a_part_too_often_is_refused():
    part = Part("scan", Worst(LOSSES))
    row = total(*[part] * 1_024)
    market(total(MENTIONED), maintenance=total(*[row] * 4))
    with pytest.raises(StatementError, match="number of nodes must be between 1 and 8192"):
        market(total(MENTIONED), maintenance=total(*[row] * 8))


def test_a_requirement_with_more_alternatives_than_a_system_has_rows_is_refused():
    wide = Part("wide", Worst(Array({"PERP": tuple(range(1_024))}, 1_024)))
    with pytest.raises(StatementError, match="number of alternatives must be between 1 and 16384"):
        alternatives(Largest((wide,) * 17), Marks({"PERP": 1}, {}))
