"""A snapshot counts when enough distinct members of the committee in force signed it, and never otherwise."""

from dataclasses import replace

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from zkmargin.errors import EncodingError, StatementError, VerificationError
from zkmargin.market import oracle, sample
from zkmargin.market.oracle import Committee, Signature, SignedSnapshot

KEYS = {name: Ed25519PrivateKey.from_private_bytes(bytes([number] * 32)) for number, name in enumerate("abcd", 1)}
PUBLIC = {name: key.public_key().public_bytes_raw() for name, key in KEYS.items()}
MARKET = sample.snapshot(venue="demo")
COMMITTEE = Committee("demo", 0, 2, {name: PUBLIC[name] for name in "abc"})
SUCCESSOR = Committee("demo", 1, 2, {name: PUBLIC[name] for name in "bcd"})


def signed(names, market=MARKET, committee=COMMITTEE):
    message = oracle.snapshot_message(committee, market)
    return SignedSnapshot(market, tuple(oracle.sign(name, KEYS[name], message) for name in names))


@pytest.mark.parametrize("names", ["ab", "cb", "abc"])
def test_enough_distinct_members_make_a_snapshot_count(names):
    oracle.check_snapshot(COMMITTEE, signed(names))


@pytest.mark.parametrize("names", ["", "a"])
def test_too_few_signatures_are_refused(names):
    with pytest.raises(VerificationError, match="2 of 3 members must sign") as refused:
        oracle.check_snapshot(COMMITTEE, signed(names))
    assert refused.value.failed == "threshold"


def test_one_member_who_signs_twice_is_one_member():
    with pytest.raises(StatementError, match="a must sign once"):
        oracle.check_snapshot(COMMITTEE, signed("aa"))


def test_a_stranger_is_refused_even_beside_enough_members():
    with pytest.raises(StatementError, match="d is no member of committee 0"):
        oracle.check_snapshot(COMMITTEE, signed("abd"))


def test_a_member_under_the_name_of_another_is_refused():
    pair = signed("ab")
    borrowed = replace(pair.signatures[0], member="c")
    with pytest.raises(VerificationError, match="signature of c does not hold"):
        oracle.check_snapshot(COMMITTEE, replace(pair, signatures=(borrowed, pair.signatures[1])))


@pytest.mark.parametrize("position", [0, 31, 32, 63])
def test_a_changed_signature_is_refused_even_beside_enough_good_ones(position):
    three = signed("abc")
    data = bytearray(three.signatures[2].signature)
    data[position] ^= 1
    with pytest.raises(VerificationError, match="signature of c does not hold"):
        oracle.check_snapshot(
            COMMITTEE, replace(three, signatures=(*three.signatures[:2], Signature("c", bytes(data))))
        )


@pytest.mark.parametrize("change", [{"epoch": 2}, {"valid_from": 1}, {"breaker": "halted"}, {"previous": "11" * 32}])
def test_signatures_serve_one_snapshot_only(change):
    with pytest.raises(VerificationError, match="signature of a does not hold"):
        oracle.check_snapshot(COMMITTEE, replace(signed("ab"), snapshot=replace(MARKET, **change)))


def test_signatures_under_one_committee_do_not_count_under_another():
    with pytest.raises(VerificationError, match="signature of b does not hold"):
        oracle.check_snapshot(SUCCESSOR, signed("bc"))


def test_a_snapshot_of_another_venue_is_refused():
    with pytest.raises(StatementError, match="venue of the snapshot must be demo, got other"):
        oracle.check_snapshot(COMMITTEE, replace(signed("ab"), snapshot=replace(MARKET, venue="other")))


def test_a_signature_for_a_successor_is_none_for_a_snapshot():
    message = oracle.successor_message(COMMITTEE, SUCCESSOR)
    forged = SignedSnapshot(MARKET, tuple(oracle.sign(name, KEYS[name], message) for name in "ab"))
    with pytest.raises(VerificationError, match="does not hold"):
        oracle.check_snapshot(COMMITTEE, forged)


def test_the_check_of_a_signature_can_be_passed_in():
    asked = []
    oracle.check_snapshot(COMMITTEE, signed("ab"), lambda *question: not asked.append(question))
    assert [key for key, _, _ in asked] == [PUBLIC["a"], PUBLIC["b"]]


def handed_over(names, successor=SUCCESSOR):
    message = oracle.successor_message(COMMITTEE, successor)
    return [oracle.sign(name, KEYS[name], message) for name in names]


def test_the_committee_in_force_hands_over():
    oracle.check_successor(COMMITTEE, SUCCESSOR, handed_over("ac"))


def test_the_successor_cannot_appoint_itself():
    with pytest.raises(StatementError, match="d is no member of committee 0"):
        oracle.check_successor(COMMITTEE, SUCCESSOR, handed_over("cd"))
    with pytest.raises(VerificationError, match="must sign, got 1"):
        oracle.check_successor(COMMITTEE, SUCCESSOR, handed_over("c"))


def test_another_successor_than_the_signed_one_is_refused():
    with pytest.raises(VerificationError, match="does not hold"):
        oracle.check_successor(COMMITTEE, replace(SUCCESSOR, threshold=1), handed_over("ab"))


@pytest.mark.parametrize("number", [0, 2])
def test_a_successor_has_the_next_number(number):
    with pytest.raises(StatementError, match="number of the successor must be between 1 and 1"):
        handed_over("ab", replace(SUCCESSOR, number=number))


def test_a_successor_stays_with_the_venue():
    with pytest.raises(StatementError, match="venue of the successor must be demo"):
        handed_over("ab", replace(SUCCESSOR, venue="other"))


def test_one_key_under_two_names_is_no_committee():
    with pytest.raises(StatementError, match="share a key"):
        Committee("demo", 0, 2, {"a": PUBLIC["a"], "b": PUBLIC["a"]})


@pytest.mark.parametrize("threshold", [0, 4])
def test_a_threshold_is_between_one_and_all_members(threshold):
    with pytest.raises(StatementError, match="threshold of the committee must be between 1 and 3"):
        replace(COMMITTEE, threshold=threshold)


def test_documents_are_read_back_as_they_were_written():
    assert Committee.from_document(COMMITTEE.to_document()) == COMMITTEE
    assert SignedSnapshot.from_document(signed("ab").to_document()) == signed("ab")


def test_a_committee_whose_members_are_out_of_order_or_repeated_is_refused():
    document = COMMITTEE.to_document()
    for members in (document["members"][::-1], document["members"] + document["members"][-1:]):
        with pytest.raises(StatementError, match="strictly ascending"):
            Committee.from_document(document | {"members": members})


def test_a_signature_of_the_wrong_length_is_no_document():
    document = signed("a").to_document()
    document["signatures"][0]["signature"] = "00" * 63
    with pytest.raises(EncodingError, match="must be 64 bytes"):
        SignedSnapshot.from_document(document)


@pytest.mark.parametrize("now, fits", [(100, True), (160, True), (161, False), (95, True), (94, False)])
def test_a_snapshot_is_neither_stale_nor_from_the_future(now, fits):
    market = replace(MARKET, valid_from=100)
    if fits:
        oracle.check_age(market, now, max_age_seconds=60, max_ahead_seconds=5)
    else:
        with pytest.raises(StatementError, match=f"valid_from must be between {now - 60} and {now + 5}, got 100"):
            oracle.check_age(market, now, max_age_seconds=60, max_ahead_seconds=5)


def moved(factor_ppm, **change):
    before = MARKET.listing("BTC-PERP").mark_ticks
    return MARKET.next(MARKET.valid_from + 1, {"BTC-PERP": before * factor_ppm // 10**6}, **change)


@pytest.mark.parametrize("factor_ppm", [900_000, 1_100_000])
def test_a_mark_at_the_end_of_its_band_is_inside(factor_ppm):
    oracle.check_bands(moved(factor_ppm), MARKET, 100_000)


@pytest.mark.parametrize("factor_ppm", [899_999, 1_100_001])
def test_a_mark_beyond_its_band_is_refused_unless_the_breaker_is_halted(factor_ppm):
    with pytest.raises(StatementError, match="mark of BTC-PERP is outside its band, and the breaker is normal"):
        oracle.check_bands(moved(factor_ppm), MARKET, 100_000)
    oracle.check_bands(moved(factor_ppm, breaker="halted"), MARKET, 100_000)


def test_an_instrument_can_have_a_band_of_its_own():
    oracle.check_bands(moved(1_200_000), MARKET, 100_000, {"BTC-PERP": 200_000})
    with pytest.raises(StatementError, match="outside its band"):
        oracle.check_bands(moved(1_050_000), MARKET, 100_000, {"BTC-PERP": 10_000})
