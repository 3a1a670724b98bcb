"""The corners of the statement: no digits, the smallest base, one slot, two commitments, every number of rounds.

In each corner an honest prover is believed, and a witness that is wrong in one place only, whichever place that is,
proves nothing in any form.
"""

from dataclasses import replace
from itertools import pairwise

import pytest

from tests.attacks.test_arithmetic import Forger, Programmed, about, refused, verify
from tests.unit.proofs.test_arithmetic import Programmed as Drawn
from zkmargin.algebra.scalars import ORDER
from zkmargin.errors import VerificationError, WitnessError
from zkmargin.proofs import arithmetic, compact
from zkmargin.proofs.arithmetic import Witness
from zkmargin.proofs.constraints import Affine, System
from zkmargin.transcript import Transcript

TAG = b"attacks"


def equal(one, other):
    return Affine((one, other), (1, -1), 0)


CORNERS = {
    # name: a system and values that satisfy it
    "one product and no digits": (
        System(("USD",), (("USD",),), 0, 2, (Affine((), (), 9),), 0, (equal(0, 2), equal(1, 2)), 9),
        [3, 3, 3],
    ),
    "one bit": (System(("USD",), (("USD",),), 1, 2, (), 0, (equal(0, 1),), 9), [1, 1]),
    "bits": (System(("USD",), (("USD",),), 3, 2, (), 0, (Affine((0, 1, 2, 3), (1, 2, 4, -1), 0),), 9), [1, 0, 1, 5]),
    "all digits the same": (
        System(("USD",), (("USD",),), 4, 3, (), 0, (Affine((0, 1, 2, 3, 4), (1, 3, 9, 27, -1), 0),), 9),
        [2, 2, 2, 2, 80],
    ),
    "a base larger than the number of digits": (System(("USD",), (("USD",),), 1, 16, (), 0, (equal(0, 1),), 9), [9, 9]),
    "a product of itself": (
        # Its own factors stand on its right-hand side: a b = a + b.
        System(("USD",), (("USD",),), 0, 2, (Affine((0, 1), (1, 1), 0),), 0, (equal(0, 2), equal(1, 2)), 9),
        [2, 2, 2],
    ),
    "digits, a product, a wire, two books, membership": (
        System(
            ("BTC", "USD"),
            (("BTC", "USD"), ("USD",)),
            2,
            3,
            (Affine((4,), (1,), 0),),
            1,
            (Affine((0, 1, 5), (1, 3, -1), 0), equal(2, 5), equal(3, 5), equal(4, 6), equal(6, 8)),
            9,
        ),
        [2, 1, 5, 5, 25, 5, 25, 0, 25],
    ),
}
each_corner = pytest.mark.parametrize("name", CORNERS)


def books(system, values):
    starts = [system.book_start(number) for number in range(1 + system.commitments)]
    return [values[start:end] for start, end in pairwise(starts)]


def stated(name, values):
    system = CORNERS[name][0]
    return about(system, *books(system, values))


def forms(system):
    """Return every number of rounds, the opened form among them."""
    return range(1 + (system.slots - 1).bit_length())


def compact_proof(statement, values, blindings, rounds):
    return compact.prove(Transcript(TAG), statement, Witness(values, blindings), rounds)


@each_corner
def test_the_truth_is_believed_in_every_form(name):
    system, values = CORNERS[name]
    statement, blindings = stated(name, values)
    verify(statement, Forger(statement, values, blindings).prove(Transcript(TAG)))
    for rounds in forms(system):
        if rounds:
            compact.verify(Transcript(TAG), statement, rounds, compact_proof(statement, values, blindings, rounds))


@each_corner
@pytest.mark.parametrize("by", [1, -1, 2**200])
def test_a_witness_that_is_wrong_in_one_place_proves_nothing(name, by):
    system, truth = CORNERS[name]
    for place in range(system.variables):
        values = [value + by * (index == place) for index, value in enumerate(truth)]
        statement, blindings = stated(name, values)
        refused("(12)", statement, Forger(statement, values, blindings).prove(Transcript(TAG)))


@each_corner
def test_a_multiplicity_that_is_wrong_proves_nothing(name):
    system, values = CORNERS[name]
    statement, blindings = stated(name, values)
    honest = [values[: system.digits].count(digit) for digit in range(1, 1 + system.multiplicities)]
    for place in range(system.multiplicities):
        counts = [count + (index == place) for index, count in enumerate(honest)]
        refused("(12)", statement, Forger(statement, values, blindings, counts=counts).prove(Transcript(TAG)))


@each_corner
def test_a_witness_that_is_wrong_in_one_place_proves_nothing_in_any_number_of_rounds(name, monkeypatch):
    # The prover does not look whether the witness satisfies the system. A wrong digit is another digit.
    monkeypatch.setattr(arithmetic, "_check", lambda system, witness: None)
    system, truth = CORNERS[name]
    for rounds in forms(system)[1:]:
        for place in range(system.variables):
            values = [value + (index == place) for index, value in enumerate(truth)]
            values[: system.digits] = [value % system.base for value in values[: system.digits]]
            statement, blindings = stated(name, values)
            proof = compact_proof(statement, values, blindings, rounds)
            with pytest.raises(VerificationError):
                compact.verify(Transcript(TAG), statement, rounds, proof)


@pytest.mark.parametrize("name, poles", [("one bit", 2), ("bits", 2), ("a base larger than the number of digits", 16)])
def test_exactly_the_poles_of_the_look_up_are_inadmissible(name, poles):
    system, values = CORNERS[name]
    statement, blindings = stated(name, values)
    for alpha in (*range(poles), poles):
        transcript = Programmed(alpha=-alpha % ORDER)
        if alpha < poles:
            zeros = [[0] * length for length in arithmetic._lengths(system)]
            point = statement.commitments[0].point
            refused("(3)", statement, arithmetic.Proof(point, point, point, *zeros, h=1), transcript)
        else:
            verify(statement, Forger(statement, values, blindings).prove(transcript), Programmed(alpha=-alpha % ORDER))


def test_without_digits_no_alpha_is_inadmissible_and_none_helps():
    name = "one product and no digits"
    statement, blindings = stated(name, CORNERS[name][1])
    lying, its = stated(name, [3, 3, 4])
    for alpha in (0, 1, ORDER - 1):
        proof = Forger(statement, CORNERS[name][1], blindings).prove(Programmed(alpha=alpha))
        verify(statement, proof, Programmed(alpha=alpha))
        false = Forger(lying, [3, 3, 4], its).prove(Programmed(alpha=alpha))
        refused("(12)", lying, false, Programmed(alpha=alpha))


def test_two_commitments_cannot_change_places():
    name = "digits, a product, a wire, two books, membership"
    _, values = CORNERS[name]
    statement, blindings = stated(name, values)
    proof = Forger(statement, values, blindings).prove(Transcript(TAG))
    swapped = replace(statement, commitments=statement.commitments[::-1])
    refused("(12)", swapped, proof)
    refused("(12)", swapped, Forger(swapped, values, blindings).prove(Transcript(TAG)))
    doubled = replace(statement, commitments=statement.commitments[:1] * 2)
    refused("(12)", doubled, Forger(doubled, values, blindings).prove(Transcript(TAG)))


def test_w_may_be_zero_only_by_luck_and_the_slots_hold_even_then():
    # w = 0 takes every row and the look-up away; it is one of r challenges, and counted in the bound. Slots have rho.
    name = "one product and no digits"
    lying, blindings = stated(name, [3, 3, 4])
    verify(lying, Forger(lying, [3, 3, 4], blindings).prove(Programmed(w=0)), Programmed(w=0))
    product, its = stated(name, [3, 4, 3])
    refused("(12)", product, Forger(product, [3, 4, 3], its).prove(Programmed(w=0)), Programmed(w=0))
    refused("(12)", lying, Forger(lying, [3, 3, 4], blindings).prove(Drawn(w=[1])), Drawn(w=[1]))


@pytest.mark.parametrize("digits", [[5, 0, 0], [1, 2, 0], [1, 4, -1], [-1, 1, 1]])
def test_a_prover_refuses_a_witness_with_one_digit_out_of_range_although_every_row_holds(digits):
    system, _ = CORNERS["bits"]
    quantity = sum(digit << place for place, digit in enumerate(digits))
    statement, blindings = stated("bits", [*digits, quantity])
    assert not any(row.evaluate([*digits, quantity]) for row in system.rows)
    with pytest.raises(WitnessError, match="a digit of the witness is out of range"):
        arithmetic.prove(Transcript(TAG), statement, Witness([*digits, quantity], blindings))
