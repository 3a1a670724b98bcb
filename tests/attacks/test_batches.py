"""Many proofs at once: every bad one is named, and no good one is harmed by its neighbours."""

from dataclasses import replace

import pytest

from circuits import claims
from circuits.claims import Item
from zkmargin.errors import StatementError, VerificationError
from zkmargin.testing.workloads import workload


def changed_at(proof, place):
    return proof[:place] + bytes([proof[place] ^ 1]) + proof[place + 1 :]


@pytest.fixture(scope="module")
def items():
    """Two statements, three accounts each, taken in turn."""
    found = []
    for work in (workload("W", 3), workload("cross", 3)):
        accounts = [registered.account for registered in work.registrations()]
        for account, secret in zip(accounts, work.openings, strict=True):
            proof = claims.prove(work.snapshot, work.claim, account, secret)
            found.append(Item(work.snapshot, work.claim, account, proof))
    return [*found[::3], *found[1::3], *found[2::3]]


def bad_positions(items):
    with pytest.raises(VerificationError) as refused:
        claims.verify_batch(items)
    assert refused.value.failed == "(12)"
    assert f"{len(refused.value.positions)} of {len(items)} proofs do not hold" in str(refused.value)
    return refused.value.positions


def test_a_batch_of_good_proofs_and_the_empty_batch_hold(items):
    claims.verify_batch(items)
    claims.verify_batch([])
    claims.verify_batch(items * 2)


@pytest.mark.parametrize("bad", [(0,), (5,), (2, 3), (0, 2, 4), (1, 2, 3, 4), (0, 1, 2, 3, 4, 5)], ids=str)
def test_a_batch_names_exactly_the_bad_proofs(items, bad):
    spoiled = list(items)
    for place in bad:
        spoiled[place] = replace(items[place], proof=changed_at(items[place].proof, len(items[place].proof) - 1))
    assert bad_positions(spoiled) == bad
    claims.verify_batch([item for place, item in enumerate(spoiled) if place not in bad])


def test_a_batch_names_proofs_that_are_mutated_truncated_or_no_proofs_at_all(items):
    spoiled = list(items)
    spoiled[0] = replace(items[0], proof=items[0].proof[:-1])
    spoiled[2] = replace(items[2], proof=b"")
    spoiled[3] = replace(items[3], proof=changed_at(items[3].proof, 700))
    spoiled[5] = replace(items[5], proof=bytes(96) + items[5].proof[96:])
    assert bad_positions(spoiled) == (0, 2, 3, 5)


def test_a_batch_names_proofs_that_two_accounts_have_swapped(items):
    spoiled = list(items)
    spoiled[0], spoiled[2] = replace(items[0], proof=items[2].proof), replace(items[2], proof=items[0].proof)
    assert bad_positions(spoiled) == (0, 2)


@pytest.fixture(scope="module")
def mixed():
    """Two statements in turn, each opened and folded in one to four rounds."""
    found = []
    for work in (workload("W", 3), workload("cross", 3)):
        accounts = [registered.account for registered in work.registrations()]
        for account, secret, rounds in zip(accounts, work.openings, (0, 1, 4), strict=True):
            proof = claims.prove(work.snapshot, work.claim, account, secret, rounds=rounds)
            found.append(Item(work.snapshot, work.claim, account, proof, rounds))
    return [*found[::3], *found[1::3], *found[2::3]]


@pytest.mark.parametrize("bad", [(), (0,), (5,), (1, 2), (2, 3, 4), (0, 1, 2, 3, 4, 5)], ids=str)
def test_opened_and_compact_proofs_share_a_batch_that_names_exactly_the_bad_ones(mixed, bad):
    spoiled = list(mixed)
    for place in bad:
        spoiled[place] = replace(mixed[place], proof=changed_at(mixed[place].proof, len(mixed[place].proof) - 1))
    if bad:
        assert bad_positions(spoiled) == bad
    else:
        claims.verify_batch(spoiled)


@pytest.mark.parametrize("rounds", [-1, 0, 2, 8, 9, 17, 2**64])
def test_a_proof_that_names_other_rounds_is_bad_and_spoils_no_batch(mixed, rounds):
    spoiled = [*mixed[:2], replace(mixed[2], rounds=rounds), *mixed[3:]]
    assert bad_positions(spoiled) == (2,)


def test_errors_that_would_cancel_in_an_unweighted_sum_do_not_cancel(items):
    """The last scalar is the blinding response: one proof has 1 more, the other 1 less."""

    def shifted(item, by):
        value = int.from_bytes(item.proof[-32:], "big") + by
        return replace(item, proof=item.proof[:-32] + value.to_bytes(32, "big"))

    assert bad_positions([shifted(items[0], 1), items[1], shifted(items[2], -1)]) == (0, 2)


def test_a_batch_item_that_nobody_could_prove_is_named_as_a_fault_of_the_caller(items):
    stranger = replace(items[2].account, venue="elsewhere")
    with pytest.raises(StatementError, match="item 2 of the batch: venue of the account must be bench, got elsewhere"):
        claims.verify_batch([*items[:2], replace(items[2], account=stranger)])


@pytest.mark.parametrize("bad", [(), (0, 4), (5,)], ids=str)
def test_two_processes_name_the_same_bad_proofs_as_one(mixed, bad):
    spoiled = list(mixed)
    for place in bad:
        spoiled[place] = replace(mixed[place], proof=changed_at(mixed[place].proof, len(mixed[place].proof) - 1))
    assert claims._shared_out(claims._bad_positions, [(spoiled[:3], 0), (spoiled[3:], 3)], 1) == [
        [place for place in bad if place < 3],
        [place for place in bad if place >= 3],
    ]
    if bad:
        with pytest.raises(VerificationError) as refused:
            claims.verify_batch(spoiled, jobs=2)
        assert refused.value.positions == bad
    else:
        claims.verify_batch(spoiled, jobs=2)


@pytest.mark.parametrize("jobs", [0, -1, 257])
def test_a_number_of_processes_out_of_bounds_is_refused(items, jobs):
    with pytest.raises(StatementError, match=f"jobs must be between 1 and 256, got {jobs}"):
        claims.verify_batch(items, jobs)


@pytest.mark.parametrize("chunk, together", [(1, 1), (2, 3), (5, 4), (2, 6)])
def test_chunks_and_parts_do_not_change_which_proofs_are_named(mixed, monkeypatch, chunk, together):
    monkeypatch.setattr(claims, "_CHUNK", chunk)
    monkeypatch.setattr(claims, "MOST_TOGETHER", together)
    spoiled = [replace(mixed[0], proof=b""), *mixed[1:4], replace(mixed[4], proof=changed_at(mixed[4].proof, 9))]
    assert bad_positions([*spoiled, mixed[5]]) == (0, 4)


class Untouchable(tuple):
    """A batch that only claims to be long: reading any of it fails the test."""

    def __len__(self):
        return 65_537

    def __iter__(self):
        pytest.fail("the batch was read before it was counted")


def test_a_batch_that_is_too_large_is_refused_before_any_item_is_read():
    with pytest.raises(StatementError, match="at most 65536 proofs, got 65537"):
        claims.verify_batch(Untouchable())
