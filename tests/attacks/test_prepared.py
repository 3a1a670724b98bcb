"""Masks that wait for their proof: they serve one, and nobody finds a second use for them."""

import copy
import os
import pickle
from concurrent.futures import ThreadPoolExecutor

import pytest

from circuits import claims, registration
from zkmargin.algebra.scalars import ORDER, inverse
from zkmargin.commitments import Opening
from zkmargin.errors import StatementError, WitnessError
from zkmargin.margin.claim import Claim
from zkmargin.market import sample
from zkmargin.proofs import arithmetic, masks
from zkmargin.proofs.arithmetic import Proof
from zkmargin.transcript import Transcript


class ZeroFirst(Transcript):
    """A transcript whose first challenge alpha is 0, which is inadmissible."""

    bad = True

    def challenge(self, name):
        found = super().challenge(name)
        first, self.bad = self.bad, False
        return 0 if first else found


CLAIM = Claim("maintenance", "cross")
OPENING = Opening.fresh({"BTC-PERP": 7, "USD": 10**12})


@pytest.fixture(scope="module")
def market():
    return sample.snapshot()


@pytest.fixture(scope="module")
def account(market):
    return registration.register(market.venue, "alice", OPENING).account


@pytest.fixture
def prepared(market, account):
    return claims.prepare(market, CLAIM, account, OPENING)


def test_a_proof_from_prepared_masks_is_a_proof_like_every_other(market, account, prepared):
    proof = claims.prove(market, CLAIM, account, OPENING, prepared=prepared)
    claims.verify(market, CLAIM, account, proof)
    assert len(proof) == len(claims.prove(market, CLAIM, account, OPENING))


def test_masks_prepared_before_the_mark_serve_the_proof_at_the_mark(market, account, prepared):
    later = market.next(market.valid_from + 60, {"BTC-PERP": market.listing("BTC-PERP").mark_ticks - 1})
    proof = claims.prove(later, CLAIM, account, OPENING, prepared=prepared)
    claims.verify(later, CLAIM, account, proof)


def test_a_second_proof_is_refused(market, account, prepared):
    claims.prove(market, CLAIM, account, OPENING, prepared=prepared)
    with pytest.raises(WitnessError, match="serve one proof, and these have been used"):
        claims.prove(market, CLAIM, account, OPENING, prepared=prepared)


def test_two_proofs_under_one_set_of_masks_would_give_the_book_away(market, account, prepared):
    # What the refusal prevents: the masks are copied behind its back, and the difference of two proofs is solved.
    system = claims.system(market, CLAIM, account.basis)
    twin = masks.Prepared(prepared.shape, prepared._masks)
    later = market.next(market.valid_from + 60, {})
    found = []
    for snapshot, used in ((market, prepared), (later, twin)):
        proof = Proof.from_bytes(system, claims.prove(snapshot, CLAIM, account, OPENING, prepared=used))
        statement, transcript = claims._open(snapshot, CLAIM, account)
        found.append((proof, arithmetic.challenge(transcript, statement, proof).x))
    (one, x), (other, y) = found
    place = account.basis.index("BTC-PERP")
    lots = (one.q[place] - other.q[place]) * inverse(x**4 - y**4) % ORDER
    assert lots == OPENING.quantities["BTC-PERP"]


@pytest.mark.parametrize("copied", [copy.copy, copy.deepcopy, pickle.dumps], ids=["copy", "deepcopy", "pickle"])
def test_they_cannot_be_copied_or_written(prepared, copied):
    with pytest.raises(TypeError, match="prepared masks cannot be copied"):
        copied(prepared)


def test_a_forked_process_cannot_use_them(prepared):
    child = os.fork()
    if not child:
        try:
            prepared.take(prepared.shape)
        except WitnessError as refused:
            os._exit(7 if "belong to the process that drew them" in str(refused) else 1)
        os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7
    prepared.take(prepared.shape)


def test_of_many_threads_one_gets_them(prepared):
    def take(_):
        try:
            return prepared.take(prepared.shape)
        except WitnessError:
            return None

    with ThreadPoolExecutor(8) as threads:
        assert sum(found is not None for found in threads.map(take, range(64))) == 1


def test_a_false_witness_and_a_wrong_shape_leave_them_unused(market, account, prepared):
    crash = market.next(market.valid_from + 60, {"BTC-PERP": 1})
    poor = Opening.fresh({"BTC-PERP": 10**6, "USD": 0})
    broke = registration.register(market.venue, "bob", poor).account
    with pytest.raises(WitnessError, match="does not satisfy the claim"):
        claims.prove(crash, Claim("initial", "cross"), broke, poor, prepared=prepared)
    wide = Opening.fresh({"BTC-PERP": 0, "ETH-PERP": 0, "USD": 5})
    stranger = registration.register(market.venue, "carol", wide).account
    with pytest.raises(StatementError, match="prepared for a statement of another shape"):
        claims.prove(market, CLAIM, stranger, wide, prepared=prepared)
    claims.prove(market, CLAIM, account, OPENING, prepared=prepared)


def test_after_an_inadmissible_challenge_the_proof_goes_on_with_fresh_masks(market, account, prepared, monkeypatch):
    system = claims.system(market, CLAIM, account.basis)
    statement, _ = claims._open(market, CLAIM, account)
    values = claims.assign(claims.circuit(market, CLAIM, account.basis), system, [OPENING])
    kept = prepared._masks
    drawn = []
    monkeypatch.setattr(arithmetic, "draw", lambda *given: drawn.append(masks.draw(*given)) or drawn[-1])
    proof = arithmetic.prove(ZeroFirst(b"zero"), statement, values, prepared=prepared)
    arithmetic.verify(Transcript(b"zero"), statement, proof)
    assert len(drawn) == 1
    assert not {*drawn[0].s} & {*kept.s}


def test_they_show_nothing(prepared):
    assert repr(prepared) == "Prepared(unused, masks hidden)"
    assert "s=" not in repr(prepared._masks)
    prepared.take(prepared.shape)
    assert repr(prepared) == "Prepared(used, masks hidden)"
    assert prepared._masks is None


def test_a_compact_proof_takes_none(market, account, prepared):
    with pytest.raises(StatementError, match="rounds must be 0, got 2"):
        claims.prove(market, CLAIM, account, OPENING, rounds=2, prepared=prepared)
    prepared.take(prepared.shape)


def test_a_secret_that_could_be_guessed_is_refused(prepared):
    with pytest.raises(StatementError, match="at least 16 bytes, got 15"):
        masks.prepare(prepared.shape, bytes(15))


def test_with_a_broken_random_source_other_secrets_still_give_other_masks(prepared):
    one, other = (masks.prepare(prepared.shape, secret * 16, bytes) for secret in (b"a", b"b"))
    assert not {*one._masks.s} & {*other._masks.s}
