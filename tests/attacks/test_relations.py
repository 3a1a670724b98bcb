"""Lies about books: what each ready-made relation is there to stop."""

import pytest

from zkmargin.algebra import generators
from zkmargin.algebra.group import group
from zkmargin.algebra.scalars import random_scalar
from zkmargin.commitments import Commitment, Opening, commit
from zkmargin.errors import VerificationError, WitnessError
from zkmargin.proofs import linear, relations
from zkmargin.proofs.linear import Flavor
from zkmargin.proofs.linear_relation import Relation

CONTEXT = b"attack/1"


def prove_without_looking(relation: Relation, witness: list[int]) -> bytes:
    """Return what a prover sends who does not care whether `witness` satisfies the relation."""
    tag = linear._tag(CONTEXT, Flavor.BATCHABLE)
    return linear._prove_with_nonces(relation, witness, tag, Flavor.BATCHABLE, [random_scalar() for _ in witness])


def refused(relation: Relation, witness: list[int]) -> None:
    """Neither an honest prover makes such a proof, nor does a verifier take one from a prover who does not look."""
    with pytest.raises(WitnessError):
        linear.prove(relation, witness, CONTEXT)
    with pytest.raises(VerificationError):
        linear.verify(relation, prove_without_looking(relation, witness), CONTEXT)


def test_a_position_hidden_outside_the_labels_is_refused() -> None:
    secret = Opening.fresh({"USD": 100, "BTC-PERPETUAL": -50})
    refused(relations.opening(["USD"], commit(secret)), [100, secret.blinding])


def test_a_position_hidden_on_a_base_of_the_proof_system_is_refused() -> None:
    secret = Opening.fresh({"USD": 100})
    junk = Commitment(group.add(commit(secret).point, generators.errors.first(1)[0]))
    refused(relations.opening(["USD"], junk), [100, secret.blinding])


def test_a_commitment_of_somebody_else_cannot_be_opened_by_shifting_it() -> None:
    theirs, own = Opening.fresh({"USD": 100}), Opening.fresh({"USD": 5})
    refused(relations.opening(["USD"], commit(theirs) + commit(own)), [105, own.blinding])


def test_an_opening_proof_does_not_hold_for_another_commitment_or_another_order_of_the_labels() -> None:
    secret = Opening.fresh({"USD": 100, "EUR": 100})
    proof = linear.prove(relations.opening(["USD", "EUR"], commit(secret)), [100, 100, secret.blinding], CONTEXT)
    for other in (
        relations.opening(["EUR", "USD"], commit(secret)),
        relations.opening(["USD", "EUR"], commit(Opening.fresh(secret.quantities))),
    ):
        with pytest.raises(VerificationError):
            linear.verify(other, proof, CONTEXT)


def test_legs_that_make_one_unit_of_money_are_refused() -> None:
    buyer, seller = Opening.fresh({"USD": -70, "BTC": 1}), Opening.fresh({"USD": 71, "BTC": -1})
    refused(relations.zero_sum([commit(buyer), commit(seller)]), [buyer.blinding + seller.blinding])


def test_a_gain_in_one_asset_does_not_pay_for_a_loss_in_another() -> None:
    buyer, seller = Opening.fresh({"USD": -1}), Opening.fresh({"EUR": 1})
    refused(relations.zero_sum([commit(buyer), commit(seller)]), [buyer.blinding + seller.blinding])


def test_a_zero_sum_proof_does_not_hold_for_other_legs_with_the_same_sum() -> None:
    buyer, seller, shift = Opening.fresh({"USD": -70}), Opening.fresh({"USD": 70}), commit(Opening.fresh({"USD": 9}))
    legs = [commit(buyer), commit(seller)]
    proof = linear.prove(relations.zero_sum(legs), [buyer.blinding + seller.blinding], CONTEXT)
    back = Commitment(group.negate(shift.point))
    for others in (legs[::-1], [legs[0] + shift, legs[1] + back], [legs[0] + legs[1]]):
        with pytest.raises(VerificationError):
            linear.verify(relations.zero_sum(others), proof, CONTEXT)


def test_a_re_blinding_that_changes_the_book_is_refused() -> None:
    before, after = Opening.fresh({"USD": 100}), Opening.fresh({"USD": 101})
    refused(relations.reblinding(commit(before), commit(after)), [after.blinding - before.blinding])


def test_a_re_blinding_proof_does_not_hold_backwards() -> None:
    before, after = Opening.fresh({"USD": 100}), Opening.fresh({"USD": 100})
    forward = relations.reblinding(commit(before), commit(after))
    proof = linear.prove(forward, [after.blinding - before.blinding], CONTEXT)
    with pytest.raises(VerificationError):
        linear.verify(relations.reblinding(commit(after), commit(before)), proof, CONTEXT)


@pytest.mark.parametrize("right", [{"EUR": 5, "ETH": -3}, {"EUR": -2, "ETH": 5}], ids=["another", "crossed"])
def test_different_integers_under_two_bases_are_refused(right: dict[str, int]) -> None:
    one, two = Opening.fresh({"USD": 5, "BTC": -2}), Opening.fresh(right)
    left_bases, right_bases = [[generators.book(label) for label in side] for side in (one.quantities, right)]
    relation = relations.equality(left_bases, commit(one), right_bases, commit(two))
    refused(relation, [5, -2, one.blinding, two.blinding])
