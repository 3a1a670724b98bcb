"""A claim about several accounts is a claim about their sum, bound to each of them."""

from dataclasses import replace
from fractions import Fraction
from math import ceil, log2

import pytest
from hypothesis import given
from hypothesis import strategies as st

from circuits import claims, registration
from circuits.groups import MAX_MEMBERS, Group, total
from circuits.registration import REGISTERED_BITS
from circuits.systems import Shape, assign, compile_circuit
from zkmargin.algebra.scalars import ORDER
from zkmargin.amounts import PPM, Ratio
from zkmargin.commitments import Opening, commit
from zkmargin.errors import StatementError, VerificationError, WitnessError
from zkmargin.margin import rules
from zkmargin.margin.claim import Claim
from zkmargin.margin.expressions import value
from zkmargin.margin.portfolio import Book
from zkmargin.market.expressions import Size, Tiers
from zkmargin.market.forms import NOTIONAL, Affine, Marks
from zkmargin.market.instruments import Cash, Linear
from zkmargin.market.models import Model
from zkmargin.market.parameters import Tier, TierTable
from zkmargin.market.snapshot import Listing, Snapshot

TABLE = TierTable((Tier(0, 0), Tier(10_000, 20_000), Tier(100_000, 100_000)))
CHARGE = Tiers(Size(Affine({"PERP": PPM}, measure=NOTIONAL)), TABLE)
MARKET = Snapshot(
    "demo", 1, 0, (Listing(Cash("CASH")), Listing(Linear("PERP", 10), 100)), models=(Model("house", 1, CHARGE, CHARGE),)
)
CLAIM = Claim("maintenance", "house")
LOTS = st.integers(-(10**6), 10**6)


def registered(name, opening, sequence=0):
    return registration.register("demo", name, opening, sequence).account


@pytest.fixture(scope="module")
def pair():
    """Two accounts that hold half a position each: 150 lots of 1,000 units, and cash against their purchase."""
    openings = [Opening.fresh({"CASH": -143_100, "PERP": 150}), Opening.fresh({"CASH": -143_000, "PERP": 150})]
    return openings, [registered(f"half-{number}", opening) for number, opening in enumerate(openings)]


@pytest.fixture(scope="module")
def proof(pair):
    openings, accounts = pair
    group = Group.of(accounts)
    claim = Claim("maintenance", "house", Ratio(1, 4))
    return claim, claims.prove(MARKET, claim, group, total(openings))


def test_a_group_claim_is_proved_and_accepted(pair, proof):
    claim, made = proof
    claims.verify(MARKET, claim, Group.of(reversed(pair[1])), made)


def test_halves_that_pass_alone_fail_together(pair):
    openings, accounts = pair
    for opening, account in zip(openings, accounts, strict=True):
        claims.verify(MARKET, CLAIM, account, claims.prove(MARKET, CLAIM, account, opening))
    with pytest.raises(WitnessError) as refused:
        claims.prove(MARKET, CLAIM, Group.of(accounts), total(openings))
    together = rules.assess(MARKET, CLAIM, Book(total(openings).quantities))
    assert refused.value.shortfall_units == together.shortfall_units > 0


def test_an_account_counts_once(pair):
    _, (first, second) = pair
    later = replace(first, sequence=1)
    for members in ((first, first), (first, later), (second, first)):
        with pytest.raises(StatementError, match="each account once"):
            Group(members)
    with pytest.raises(StatementError, match="each account once"):
        Group.of([first, second, first])


def test_a_proof_is_about_all_members_their_states_and_their_commitments(pair, proof):
    openings, (first, second) = pair
    claim, made = proof
    moved = Opening.fresh({"CASH": 5, "PERP": 1})
    shifted = [
        commit(openings[0] + moved),
        commit(openings[1] + Opening({"CASH": -5, "PERP": -1}, -moved.blinding % int(ORDER))),
    ]
    others = {
        "a member more": [first, second, registered("third", Opening.fresh({"CASH": 0}))],
        "a member less": [first],
        "another state": [replace(first, sequence=1), second],
        "another name": [replace(first, account="half-00"), second],
        "another bound": [replace(first, quantity_bits=80), second],
        "the same sum": [replace(first, commitment=shifted[0]), replace(second, commitment=shifted[1])],
    }
    assert Group.of(others["the same sum"]).commitment == Group.of([first, second]).commitment
    for members in others.values():
        with pytest.raises((VerificationError, StatementError)):
            claims.verify(MARKET, claim, Group.of(members), made)


def test_a_proof_of_an_account_is_not_one_of_the_group_that_consists_of_it(pair):
    opening, account = pair[0][0], pair[1][0]
    alone = Group.of([account])
    assert (alone.commitment, alone.basis, alone.quantity_bits) == (
        account.commitment,
        account.basis,
        account.quantity_bits,
    )
    with pytest.raises(VerificationError):
        claims.verify(MARKET, CLAIM, alone, claims.prove(MARKET, CLAIM, account, opening))


def test_members_of_two_venues_are_no_group(pair):
    first = pair[1][0]
    with pytest.raises(StatementError, match="venue of every member"):
        Group.of([first, replace(first, venue="elsewhere", account="z")])


def test_a_group_has_at_most_as_many_members_as_its_bound_allows(pair):
    first = pair[1][0]
    members = [replace(first, account=f"m-{number:04d}") for number in range(MAX_MEMBERS + 1)]
    with pytest.raises(StatementError, match="number of members must be between 1 and 1024"):
        Group(tuple(members))
    for count in (1, 2, 3, 4, 5, 1_024):
        assert Group(tuple(members[:count])).quantity_bits == REGISTERED_BITS + ceil(log2(count))


@given(st.lists(LOTS, min_size=1, max_size=6), st.integers(-1, 1))
def test_a_group_is_proved_exactly_when_its_whole_pays_the_add_on_of_the_whole(parts, extra):
    whole = sum(parts)
    cash = ceil(requirement(whole)) - 1_000 * whole + extra
    openings = [Opening({"CASH": cash * (number == 0), "PERP": lots}, 1) for number, lots in enumerate(parts)]
    basis = ("CASH", "PERP")
    circuit = claims.circuit(MARKET, CLAIM, basis)
    bits = REGISTERED_BITS + ceil(log2(len(parts)))
    system = compile_circuit(circuit, Shape((basis,), bits))
    if extra < 0:
        with pytest.raises(WitnessError):
            assign(circuit, system, [total(openings)])
    else:
        assign(circuit, system, [total(openings)])


@given(st.lists(LOTS, min_size=1, max_size=6))
def test_accounts_that_split_a_position_are_together_charged_less_by_a_convex_add_on(parts):
    same_side = [abs(lots) for lots in parts]
    assert sum(map(requirement, same_side)) <= requirement(sum(same_side))


def requirement(lots):
    """The add-on in units."""
    return Fraction(value(CHARGE, Marks({"PERP": 1_000}, {}), {"PERP": lots}), CHARGE.scale)
