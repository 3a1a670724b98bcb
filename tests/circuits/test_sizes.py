"""Sizes are known before anything is built, are the true ones, and change only on purpose."""

import ast
import json
import runpy
from itertools import count

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from circuits import claims, registration
from circuits.registration import REGISTERED_BITS
from circuits.sizes import best_base, digits_for, measure
from circuits.systems import Shape, compile_circuit
from zkmargin.amounts import MAX_COORDINATES, QUANTITY_BITS
from zkmargin.margin.claim import KINDS
from zkmargin.proofs import arithmetic
from zkmargin.proofs.constraints import MAX_BASE, Intervals
from zkmargin.testing.workloads import workload


@pytest.fixture(scope="module")
def catalogue(root):
    return runpy.run_path(str(root / "tests" / "sizes" / "regenerate.py"))


@pytest.fixture(scope="module")
def measured(catalogue):
    return catalogue["measured"]()


def test_sizes_and_digests_are_the_pinned_ones(catalogue, measured):
    """After a change on purpose: python -m tests.sizes.regenerate."""
    assert measured == json.loads(catalogue["PINNED"].read_text("utf-8"))


AS_NODES = {"length": "root", "tail": "tail", "cut": "pairing", "cheapest": "cheapest"}
"""Gadgets that are pinned as the node of a composed model that they are for."""


def test_no_gadget_and_no_model_is_without_a_pin(root, measured):
    gadgets = {
        node.name
        for path in (root / "circuits" / "gadgets").glob("*.py")
        for node in ast.parse(path.read_text("utf-8")).body
        if isinstance(node, ast.FunctionDef) and node.args.args[0].arg == "builder"
    }
    pinned = {f"composed {AS_NODES[name]}" if name in AS_NODES else f"gadget {name}" for name in gadgets}
    assert pinned <= measured.keys()
    models = {path.stem for path in (root / "circuits" / "margin").glob("*.py")} - {"__init__", "expressions"}
    assert all(any(model in name.split() for name in measured) for model in models)
    kinds = {name.split()[1] for name in measured if name.startswith("sample ")}
    assert set(KINDS) <= kinds | {"stress"}, "a stress claim is a maintenance claim about another expression"


def test_a_count_without_building_equals_the_compiled_system(catalogue, measured):
    for name, system in catalogue["compiled"]().items():
        sizes = measured[name]
        assert (sizes["coordinates"], sizes["base"], sizes["digits"], sizes["products"], sizes["rows"]) == (
            len(system.basis),
            system.base,
            system.digits,
            len(system.products),
            len(system.rows),
        ), name
        assert sizes["proof_bytes"] == arithmetic.proof_bytes(system), name


@pytest.mark.parametrize("name", ["W", "cross"])
def test_a_real_proof_has_the_length_that_was_counted(name, measured):
    work = workload(name)
    (registered,), (opening,) = work.registrations(), work.openings
    proof = claims.prove(work.snapshot, work.claim, registered.account, opening)
    assert len(proof) == measured[f"workload {name}"]["proof_bytes"]


def test_the_proof_of_a_registration_has_the_length_that_was_counted(measured):
    (registered,) = workload("W").registrations()
    assert len(registered.bounds_proof) == measured["registration of 33"]["proof_bytes"]


def test_the_reference_workload_is_the_one_that_was_agreed_and_its_proof_is_small(measured):
    sizes = measured["workload W"]
    assert (sizes["coordinates"], sizes["rows"], sizes["numbers"]) == (33, 16, 16)
    work = workload("W")
    assert work.snapshot.parameters("scenario").capacity_bits == 66
    assert sizes["proof_bytes"] == 9_152 <= 9_500


def test_two_commitments_are_counted_too():
    def circuit(builder):
        difference = [(1, builder.quantity("X", 0)), (-1, builder.quantity("X", 1))]
        builder.nonnegative(builder.combine(difference), 20)

    system = compile_circuit(circuit, Shape((("X",), ("X",)), QUANTITY_BITS))
    assert measure(circuit, 1, 2).proof_bytes == arithmetic.proof_bytes(system)


# ---- the base --------------------------------------------------------------------------------------------------------


def digits(bits, base):
    return next(length for length in count() if base**length >= 2**bits)


@given(st.integers(0, 200), st.integers(2, MAX_BASE))
@example(66, 64)
@example(64, 2**8)
@example(63, 3)
def test_digits_reach_as_far_as_asked_and_no_further_than_needed(bits, base):
    assert digits_for(bits, base) == digits(bits, base)


@given(st.lists(st.sampled_from([1, 32, 64, 66, 86, 106]), min_size=1, max_size=60), st.sampled_from([1, 40]))
@example([QUANTITY_BITS + 1], MAX_COORDINATES)
def test_no_base_is_cheaper_than_the_chosen_one(number_bits, times):
    def cost(base):
        slots = times * sum(digits(bits, base) for bits in number_bits)
        return 3 * slots + 2 * (base - 1)

    cheapest = min(range(2, MAX_BASE + 1), key=cost)  # the smallest of several
    assert best_base(number_bits * times) == cheapest


def test_whatever_registration_proves_is_what_claims_take_for_granted():
    reach = 0
    for coordinates in (*range(1, 200), *range(200, MAX_COORDINATES, 97), MAX_COORDINATES):
        base = best_base([QUANTITY_BITS + 1] * coordinates)
        reach = max(reach, base ** digits(QUANTITY_BITS + 1, base))
    assert reach - 2**QUANTITY_BITS <= 2**REGISTERED_BITS
    worst = max(base ** digits(QUANTITY_BITS + 1, base) for base in range(2, MAX_BASE + 1))
    assert worst - 2**QUANTITY_BITS <= 2**REGISTERED_BITS, "whichever base will be the cheapest one day"


def test_the_bound_that_registration_proves_is_found_by_the_system_itself():
    system = registration.bounds_system(("A", "B"))
    low, high = -(2**QUANTITY_BITS), system.base ** digits(QUANTITY_BITS + 1, system.base) - 1 - 2**QUANTITY_BITS
    intervals = Intervals(system)
    for coordinate in range(2):
        assert intervals._known[system.book_start(0) + coordinate] == (low, high)
    assert max(-low, high) < 2**REGISTERED_BITS
