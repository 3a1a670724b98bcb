"""The second verifier reads composed models and derives their systems, from docs/wire-format.md alone."""

import json

import pytest
from hypothesis import assume, given, reject
from hypothesis import strategies as st

from circuits import claims, evidence, registration
from tests.laws.margin_rules import expressions
from tests.laws.test_composed_models import EVERYTHING, LISTINGS, NAMES, market
from tests.reference import composed, reading, systems, verifier
from zkmargin.amounts import Ratio
from zkmargin.commitments import Opening
from zkmargin.errors import StatementError, ZkMarginError
from zkmargin.margin.claim import Claim
from zkmargin.market.expressions import Part, scaled, total
from zkmargin.market.forms import NOTIONAL, Affine, Sides
from zkmargin.market.instruments import Cash, Inverse, Linear, Order
from zkmargin.market.models import Model
from zkmargin.market.snapshot import Listing, Snapshot

RATIOS = st.builds(Ratio.of, st.integers(1, 60), st.integers(1, 60))


def second_system(snapshot, claim, basis):
    read = reading.read_snapshot(snapshot.canonical_bytes())
    composed.check_models(read)
    return systems.claim_system(read, claim.to_document(), list(basis), composed.composed)


@given(expressions(NAMES), expressions(NAMES), RATIOS, st.booleans())
def test_both_derive_the_same_system_of_any_rule(rule, deductions, threshold, named):
    snapshot = market(Part("rule", rule) if named else rule, deductions, capacity_bits=66)
    claim, basis = Claim("maintenance", "house", threshold), ("CALL", "CASH", "COIN", "PERP")
    assert second_system(snapshot, claim, basis).digest() == claims.system(snapshot, claim, basis).digest


@given(expressions(NAMES, [NOTIONAL]), st.integers(1, 300_000))
def test_both_derive_the_same_system_of_any_box(rule, width_ppm):
    snapshot, basis = market(rule, Affine({}), capacity_bits=66), ("CASH", "COIN", "FUTURE", "PERP")
    claim = Claim("box", "house", Ratio(7, 5), width_ppm)
    assert second_system(snapshot, claim, basis).digest() == claims.system(snapshot, claim, basis).digest


@given(expressions(NAMES), expressions(NAMES))
def test_both_derive_the_same_system_of_an_initial_and_of_a_stress_claim(initial, stress):
    try:
        crash = {"crash": scaled(2, total(EVERYTHING, stress))}
        house = Model("house", 1, EVERYTHING, total(EVERYTHING, initial), crash)
    except StatementError:
        reject()  # what is around the drawn rule makes it deeper than a rule may be
    snapshot = Snapshot("v", 1, 0, LISTINGS, models=(house,))
    assume(reading.depth(snapshot.to_document()) <= 16)
    for claim in (Claim("initial", "house"), Claim("stress", "house", Ratio(3, 2), stress="crash")):
        basis = ("CALL", "CASH", "FUTURE", "PERP")
        assert second_system(snapshot, claim, basis).digest() == claims.system(snapshot, claim, basis).digest


def test_what_the_library_proves_of_a_composed_model_the_second_verifier_accepts():
    charge = Sides({"PERP": 50_000}, {"PERP": 60_000}, NOTIONAL)
    snapshot = market(charge, Affine({}), capacity_bits=32)
    opening = Opening.fresh({"CASH": 1_000, "PERP": -1})
    registered = registration.register("v", "alice", opening)
    proof = evidence.prove(snapshot, Claim("maintenance", "house"), registered.account, opening)
    documents = [json.dumps(each.to_document()).encode() for each in (snapshot, registered, proof)]
    verifier.verify(*documents)
    easier = market(Sides({"PERP": 50_000}, {"PERP": 59_999}, NOTIONAL), Affine({}), capacity_bits=32)
    with pytest.raises(reading.RefusedError):
        verifier.verify(json.dumps(easier.to_document()).encode(), *documents[1:])


SOUND = Model("house", 1, Part("a", Sides({"PERP": 1}, {"PERP": 2})), scaled(2_000_000, EVERYTHING)).to_document()
FAULTS = {
    "sides that bend down": ("parts", {"a": SOUND["parts"]["a"] | {"short": {"PERP": -2}}}),
    "a part that nothing uses": ("parts", SOUND["parts"] | {"b": SOUND["parts"]["a"]}),
    "a part that is missing": ("parts", {}),
    "a part within a part": ("parts", {"a": {"node": "part", "name": "a"}}),
    "a negative weight": ("initial", SOUND["initial"] | {"weights_ppm": [-1]}),
    "a weight too many": ("initial", SOUND["initial"] | {"weights_ppm": [1, 1]}),
    "an unknown node": ("initial", {"node": "smallest", "of": []}),
    "a field too many": ("initial", SOUND["initial"] | {"note": 1}),
    "an id that is not listed": ("initial", {"node": "affine", "measure": "units", "per_lot": {"X": 1}, "constant": 0}),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_both_refuse_the_same_model(fault):
    field, content = FAULTS[fault]
    whole = Snapshot("v", 1, 0, LISTINGS).to_document()
    good = whole | {"models": {"house": SOUND}}
    Snapshot.from_document(good)
    composed.check_models(reading.read_snapshot(json.dumps(good).encode()))
    bad = whole | {"models": {"house": SOUND | {field: content}}}
    with pytest.raises(ZkMarginError):
        Snapshot.from_document(bad)
    with pytest.raises((reading.RefusedError, KeyError)):
        composed.check_models(reading.read_snapshot(json.dumps(bad).encode()))


@given(expressions(["INV", "PERP", "PERP/buy"], [NOTIONAL]), st.integers(0, 300_000), st.integers(-(10**6), 10**6))
def test_both_derive_the_same_system_with_inverse_contracts_and_orders(rule, width_ppm, funding_units):
    listings = (
        Listing(Cash("CASH")),
        Listing(Inverse("INV", 10**9 + 7), 60_000, funding_units=funding_units),
        Listing(Linear("PERP", 3), 100),
        Listing(Order("PERP/buy", 3, "PERP"), 100),
    )
    required = total(rule, Affine(dict.fromkeys(("INV", "PERP", "PERP/buy"), 0), measure=NOTIONAL))
    snapshot = Snapshot("v", 1, 0, listings, models=(Model("house", 1, required, required),))
    claim = Claim("box", "house", width_ppm=width_ppm) if width_ppm else Claim("maintenance", "house")
    basis = ("CASH", "INV", "PERP", "PERP/buy")
    assert second_system(snapshot, claim, basis).digest() == claims.system(snapshot, claim, basis).digest


@pytest.mark.parametrize("field, value", [("multiplier", 4), ("mark_ticks", 101), ("underlying", "CASH")])
def test_an_order_that_is_not_its_contract_s_is_refused_by_both(field, value):
    listings = (Listing(Cash("CASH")), Listing(Linear("PERP", 3), 100), Listing(Order("PERP/buy", 3, "PERP"), 100))
    document = Snapshot("v", 1, 0, listings).to_document()
    document["listings"][2][field] = value
    with pytest.raises(ZkMarginError):
        Snapshot.from_document(document)
    with pytest.raises(reading.RefusedError):
        reading.read_snapshot(json.dumps(document, separators=(",", ":"), sort_keys=True).encode())
