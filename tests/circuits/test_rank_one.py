"""A textbook rank-1 constraint system over galois.GF(r) means what the system means, and what the plain rule says."""

from collections import Counter
from dataclasses import replace
from functools import cache
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from circuits import claims
from circuits.gadgets.square import square
from circuits.registration import REGISTERED_BITS
from circuits.systems import Shape, assign, compile_circuit, rank_one, rank_one_vector
from zkmargin.algebra.scalars import ORDER
from zkmargin.amounts import Ratio
from zkmargin.commitments import Opening
from zkmargin.errors import WitnessError
from zkmargin.margin import rules
from zkmargin.margin.claim import Claim
from zkmargin.margin.portfolio import Book
from zkmargin.market.instruments import Cash, Collateral, Linear
from zkmargin.market.parameters import CrossParameters, ScenarioParameters, Tier, TierTable
from zkmargin.market.scenarios import Scenario
from zkmargin.market.snapshot import Listing, Snapshot

TIERS = TierTable((Tier(0, 10_000), Tier(500, 20_000)))
MARKET = Snapshot(
    "v",
    1,
    0,
    (Listing(Cash("CASH")), Listing(Collateral("COIN", 1), 30, haircut_ppm=500_000), Listing(Linear("PERP", 1), 100)),
    cross=CrossParameters(1, {"PERP": TIERS}, {"PERP": TIERS}, capacity_bits=32),
    scenario=ScenarioParameters(
        1,
        (Scenario("up", 1, 0), Scenario("down", -1, 0)),
        {"PERP": (-10, 10), "COIN": (-3, 3)},
        {},
        capacity_bits=32,
    ),
)
CLAIMS = [
    Claim("maintenance", "cross"),
    Claim("box", "cross", Ratio(3, 2), 100_000),
    Claim("maintenance", "scenario"),
    Claim("initial", "scenario", Ratio(2, 3)),
]
EACH_CLAIM = pytest.mark.parametrize("claim", CLAIMS, ids=lambda claim: f"{claim.kind} {claim.model}")
HELD = {"COIN": -4, "PERP": 9}


@cache
def read(claim, base=4):
    """The circuit of a claim about CASH, COIN and PERP: as a system, and as matrices."""
    circuit = claims.circuit(MARKET, claim, ("CASH", "COIN", "PERP"))
    system = compile_circuit(circuit, Shape((("CASH", "COIN", "PERP"),), REGISTERED_BITS), base)
    return circuit, system, rank_one(system)


def holds_as_matrices(system, matrices, values):
    A, B, C = matrices
    z = rank_one_vector(system, values)
    return bool(((A @ z) * (B @ z) == C @ z).all())


def holds_as_rows(system, values):
    factors = zip(values[system.digits : system.slots], values[system.right_start : system.wire_start], strict=True)
    return (
        all(value % ORDER < system.base for value in values[: system.digits])
        and not any(form.evaluate(values) % ORDER for form in system.constraints)
        and all(
            (one * other - form.evaluate(values)) % ORDER == 0
            for (one, other), form in zip(factors, system.products, strict=True)
        )
    )


def least_cash(claim):
    outcome = rules.assess(MARKET, claim, Book(HELD))
    return -(outcome.slack_scaled // outcome.scale)


def honest(claim, cash, base=4):
    circuit, system, matrices = read(claim, base)
    return system, matrices, list(assign(circuit, system, [Opening(HELD | {"CASH": cash}, 1)]).values)


@pytest.mark.parametrize("base", [2, 3, 4])
@EACH_CLAIM
def test_the_matrices_hold_for_a_book_that_meets_the_claim(claim, base):
    for surplus in (0, 1, 5_000):
        assert holds_as_matrices(*honest(claim, least_cash(claim) + surplus, base))


@EACH_CLAIM
def test_the_matrices_do_not_hold_for_a_book_one_unit_short(claim):
    least = least_cash(claim)
    circuit, system, matrices = read(claim)
    with pytest.raises(WitnessError):
        assign(circuit, system, [Opening(HELD | {"CASH": least - 1}, 1)])
    *_, values = honest(claim, least)
    cash = system.book_start(0)
    values[cash] -= 1
    assert not holds_as_matrices(system, matrices, values)
    used = Counter(index for row in system.rows for index in row.indices)
    for row in system.rows:  # repair the row with a digit of its own that is no digit
        place = next(place for place, index in enumerate(row.indices) if used[index] == 1)
        values[row.indices[place]] -= row.evaluate(values) * pow(row.coefficients[place], -1, ORDER)
    assert not any(form.evaluate(values) % ORDER for form in system.constraints)
    assert not holds_as_matrices(system, matrices, values)


@EACH_CLAIM
def test_a_carry_that_leaves_a_number_as_it_was_is_no_digit(claim):
    system, matrices, values = honest(claim, least_cash(claim) + 7)
    carried = 0
    for place in range(system.digits - 1):
        other = list(values)
        other[place] += system.base
        other[place + 1] -= 1
        rows_hold = not any(form.evaluate(other) for form in system.constraints)
        carried += rows_hold
        if rows_hold and place % 16 == 0:
            assert not holds_as_matrices(system, matrices, other)
    assert carried > system.digits // 2


@pytest.mark.parametrize("base", [2, 3, 5])
def test_every_digit_is_bound_by_the_matrices_even_where_no_row_is(base):
    def three_digits(builder):
        builder.nonnegative(builder.quantity("X"), (base**3 - 1).bit_length() - 1)

    system = replace(compile_circuit(three_digits, Shape((("X",),), 8), base), rows=())
    assert 2 <= system.digits <= 3
    matrices = rank_one(system)
    for place, digit in product(range(system.digits), (-1, *range(base), base, ORDER // 2)):
        values = [digit * (index == place) for index in range(system.variables)]
        assert holds_as_matrices(system, matrices, values) == (0 <= digit < base)


@given(st.sampled_from(CLAIMS), st.data())
def test_matrices_and_rows_agree_on_corrupted_witnesses(claim, data):
    system, matrices, values = honest(claim, least_cash(claim) + data.draw(st.integers(0, 2**20)))
    places = st.integers(0, system.variables - 1)
    lies = st.one_of(st.integers(-4, 4), st.sampled_from([ORDER, ORDER // 2]), st.integers(0, ORDER - 1))
    for place, lie in data.draw(st.dictionaries(places, lies, max_size=3)).items():
        values[place] = (values[place] + lie) % ORDER
    assert holds_as_matrices(system, matrices, values) == holds_as_rows(system, values)


def squares(builder):
    """Two books: the second holds in OUT what the first holds in X, squared; its X is not its own."""
    builder.zero(builder.combine([(1, square(builder, builder.quantity("X"))), (-1, builder.quantity("OUT", 1))]))
    builder.nonnegative(builder.combine([(1, builder.quantity("X"))], 4), 3)


def test_products_and_the_coordinates_that_a_commitment_lacks_are_in_the_matrices():
    system = compile_circuit(squares, Shape((("X",), ("OUT",)), 8), 2)
    matrices = rank_one(system)
    values = list(assign(squares, system, [Opening({"X": -3}, 1), Opening({"OUT": 9}, 1)]).values)
    assert holds_as_matrices(system, matrices, values)
    for place, lie in product(range(system.variables), (1, 6, ORDER - 6)):
        other = [value + lie * (index == place) for index, value in enumerate(values)]
        assert not holds_as_matrices(system, matrices, other)
        assert not holds_as_rows(system, other)
    out = system.book_start(1) + system.basis.index("OUT")
    for lie in (1, -18, ORDER - 9):
        other = [value + lie * (index in (system.wire_start, out)) for index, value in enumerate(values)]
        assert not any(form.evaluate(other) % ORDER for form in system.constraints), "only the product can tell"
        assert not holds_as_matrices(system, matrices, other)
