import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zkmargin.algebra.scalars import ORDER
from zkmargin.transcript import DuplexSponge, Transcript, derive_session_id

SESSION = bytes(range(32))
names = st.sampled_from(["A", "B", "AB", ""])
steps = st.lists(st.one_of(st.tuples(names, st.binary(max_size=4)), st.tuples(names)), max_size=4)


def run(history, tag=b"test"):
    """Return the transcript that has absorbed every pair and squeezed every single name."""
    transcript = Transcript(tag)
    for step in history:
        if len(step) == 2:
            transcript.absorb(*step)
        else:
            transcript.challenge(*step)
    return transcript


def test_a_sponge_is_shake128_over_the_session_padded_to_the_rate_and_what_was_absorbed():
    sponge = DuplexSponge(SESSION)
    sponge.absorb(b"one")
    sponge.absorb(b"two")
    assert sponge.squeeze(40) == hashlib.shake_128(SESSION + bytes(136) + b"onetwo").digest(40)


@given(st.lists(st.integers(0, 50), max_size=5))
def test_squeezes_continue_one_stream(lengths):
    sponge, whole = DuplexSponge(SESSION), DuplexSponge(SESSION)
    assert b"".join(map(sponge.squeeze, lengths)) == whole.squeeze(sum(lengths))


def test_absorbing_starts_a_new_stream_and_absorbing_nothing_changes_nothing():
    sponge, whole = DuplexSponge(SESSION), DuplexSponge(SESSION)
    head = sponge.squeeze(8)
    sponge.absorb(b"")
    assert head + sponge.squeeze(8) == whole.squeeze(16)
    sponge.absorb(b"x")
    fresh = DuplexSponge(SESSION)
    fresh.absorb(b"x")
    assert sponge.squeeze(8) == fresh.squeeze(8)


def test_a_copy_of_a_sponge_is_independent():
    sponge = DuplexSponge(SESSION)
    sponge.absorb(b"x")
    twin = sponge.copy()
    twin.absorb(b"y")
    assert sponge.squeeze(8) != twin.squeeze(8)
    assert DuplexSponge(SESSION).squeeze(8) != sponge.squeeze(8)


@pytest.mark.parametrize("length", [0, 31, 33])
def test_a_session_id_of_another_length_is_refused(length):
    with pytest.raises(ValueError, match=f"has 32 bytes, got {length}"):
        DuplexSponge(bytes(length))


def test_session_ids_of_different_tags_differ():
    assert len({derive_session_id(tag) for tag in (b"", b"a", b"b", b"ab")}) == 4


def test_a_challenge_is_the_reduction_of_the_documented_bytes():
    transcript = Transcript(b"test")
    transcript.absorb("A", b"data")
    stream = derive_session_id(b"test") + bytes(136)
    stream += b"\x00" + b"\x01\0\0\0A" + b"\x04\0\0\0data" + b"\x01" + b"\x05\0\0\0alpha"
    assert transcript.challenge("alpha") == int.from_bytes(hashlib.shake_128(stream).digest(48), "little") % ORDER


@given(steps, steps)
def test_two_histories_give_the_same_challenge_only_if_they_are_the_same(one, other):
    assert (run(one).challenge("c") == run(other).challenge("c")) == (one == other)


@given(steps)
def test_the_tag_the_name_and_the_order_of_a_challenge_matter(history):
    assert len({run(history).challenge("c"), run(history).challenge("d"), run(history, b"other").challenge("c")}) == 3
    transcript = run(history)
    assert transcript.challenge("c") != transcript.challenge("c")


@pytest.mark.parametrize(
    "one, other",
    [
        ([("A", b"B")], [("A",), ("B",)]),
        ([("A",), ("B", b"C")], [("A", b"B"), ("C",)]),
        ([("A", b"x"), ("B", b"")], [("A", b"x"), ("B",)]),
    ],
    ids=["one message, two challenges", "the same strings, cut differently", "an empty message, a challenge"],
)
def test_a_message_is_never_taken_for_a_challenge(one, other):
    assert run(one).challenge("c") != run(other).challenge("c")


def test_the_log_names_every_step_in_order():
    assert run([("A", b"secret"), ("c",), ("B", b"")]).log == ["absorb A", "squeeze c", "absorb B"]


def test_a_copy_of_a_transcript_is_independent_and_can_be_gone_back_to():
    transcript = run([("A", b"x")])
    start = transcript.copy()
    wrong = transcript.challenge("c")
    transcript.absorb("B", b"y")
    transcript.restore(start)
    assert transcript.log == start.log == ["absorb A"]
    assert transcript.challenge("c") == wrong
    assert start.log == ["absorb A"]


def test_a_fingerprint_stands_for_the_history_and_leaves_it_alone():
    transcript = run([("A", b"x")])
    before = transcript.fingerprint()
    assert transcript.fingerprint() == before
    assert before != run([("A", b"y")]).fingerprint()
    assert transcript.log == ["absorb A"]
    assert transcript.challenge("c") == run([("A", b"x")]).challenge("c")
    assert transcript.fingerprint() != before


def test_a_fingerprint_is_not_the_head_of_any_challenge_of_that_name():
    transcript = run([("A", b"x")])
    fingerprint = int.from_bytes(transcript.fingerprint(), "little")
    assert transcript.challenge("fingerprint") % 2**200 != fingerprint % 2**200
