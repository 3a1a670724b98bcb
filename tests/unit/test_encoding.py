import pytest
from hypothesis import given
from hypothesis import strategies as st

from zkmargin import encoding
from zkmargin.algebra.scalars import ORDER
from zkmargin.errors import EncodingError

residues = st.one_of(st.sampled_from([0, 1, ORDER - 1]), st.integers(0, ORDER - 1))
moduli = st.sampled_from([2, 256, 257, 2**64, ORDER])


@given(st.lists(residues, max_size=5))
def test_scalars_are_big_endian_and_survive_a_round_trip(scalars):
    data = encoding.encode_scalars(scalars)
    assert data == b"".join(scalar.to_bytes(32, "big") for scalar in scalars)
    assert encoding.decode_scalars(data, len(scalars)) == scalars


@given(st.binary(min_size=64, max_size=64))
def test_bytes_are_the_one_encoding_of_the_scalars_in_them_or_refused(data):
    try:
        scalars = encoding.decode_scalars(data, 2)
    except EncodingError:
        assert max(int.from_bytes(data[:32], "big"), int.from_bytes(data[32:], "big")) >= ORDER
    else:
        assert encoding.encode_scalars(scalars) == data


@pytest.mark.parametrize("scalar", [ORDER, 2**256 - 1])
@pytest.mark.parametrize("place", [0, 1])
def test_a_scalar_that_is_not_below_the_order_is_refused_wherever_it_stands(scalar, place):
    parts = [bytes(32), bytes(32)]
    parts[place] = scalar.to_bytes(32, "big")
    with pytest.raises(EncodingError, match="not below the order"):
        encoding.decode_scalars(b"".join(parts), 2)


@pytest.mark.parametrize("length", [0, 31, 33, 63, 65, 96])
def test_scalars_of_another_length_are_refused(length):
    with pytest.raises(EncodingError, match=f"2 scalars must have 64 bytes, got {length}"):
        encoding.decode_scalars(bytes(length), 2)


def test_the_length_is_looked_at_before_anything_is_allocated():
    with pytest.raises(EncodingError, match="got 1"):
        encoding.decode_scalars(b"x", 2**60)


@pytest.mark.parametrize("scalar", [-1, ORDER])
def test_a_scalar_out_of_range_has_no_encoding_and_is_not_shown(scalar):
    with pytest.raises(EncodingError) as caught:
        encoding.encode_scalars([0, scalar])
    assert str(scalar) not in str(caught.value)


@given(st.binary(max_size=40), st.binary(max_size=5))
def test_a_byte_string_is_read_back_with_what_follows_it(data, rest):
    assert encoding.decode_string(encoding.encode_string(data) + rest) == (data, rest)


@pytest.mark.parametrize("length", [63, 64, 255, 256, 4_095, 4_096, 70_000])
def test_a_long_byte_string_is_read_back(length):
    assert encoding.decode_string(encoding.encode_string(bytes(length)) + b"rest") == (bytes(length), b"rest")


@given(st.lists(st.binary(max_size=3), max_size=4), st.lists(st.binary(max_size=3), max_size=4))
def test_two_lists_of_byte_strings_never_have_the_same_encoding(one, other):
    joined = [b"".join(map(encoding.encode_string, strings)) for strings in (one, other)]
    assert (joined[0] == joined[1]) == (one == other)


@pytest.mark.parametrize("data", [b"", b"\x01\x00\x00", b"\x01\x00\x00\x00", b"\xff\xff\xff\xff1234"])
def test_a_byte_string_that_is_cut_short_is_refused(data):
    with pytest.raises(EncodingError):
        encoding.decode_string(data)


def test_a_byte_string_that_its_length_field_cannot_hold_is_refused():
    class Long(bytes):
        def __len__(self):
            return 2**32

    with pytest.raises(EncodingError, match="shorter than 2\\^32 bytes, got 4294967296"):
        encoding.encode_string(Long())


@given(moduli, st.data())
def test_an_integer_is_little_endian_in_a_fixed_width_and_survives_a_round_trip(modulus, data):
    value = data.draw(st.integers(0, modulus - 1))
    encoded = encoding.encode_uint(value, modulus)
    assert encoded == value.to_bytes(encoding.field_width(modulus), "little")
    assert encoding.decode_uint(encoded + b"rest", modulus) == (value, b"rest")


@pytest.mark.parametrize("modulus", [2, 257, ORDER])
def test_an_integer_that_is_not_below_its_modulus_is_refused_both_ways(modulus):
    with pytest.raises(EncodingError):
        encoding.encode_uint(modulus, modulus)
    with pytest.raises(EncodingError):
        encoding.encode_uint(-1, modulus)
    with pytest.raises(EncodingError, match="not below its modulus"):
        encoding.decode_uint(modulus.to_bytes(encoding.field_width(modulus), "little"), modulus)


def test_an_integer_that_is_cut_short_is_refused():
    with pytest.raises(EncodingError, match="must have 32 bytes, got 31"):
        encoding.decode_uint(bytes(31), ORDER)


def test_widths_are_those_of_the_largest_value():
    assert [encoding.field_width(modulus) for modulus in (2, 256, 257, 2**64, ORDER)] == [1, 1, 2, 8, 32]


@given(st.binary(min_size=48, max_size=48))
def test_a_challenge_is_48_bytes_reduced(data):
    assert encoding.reduce_uint(data, ORDER) == int.from_bytes(data, "little") % ORDER


@pytest.mark.parametrize("length", [0, 32, 47, 49])
def test_a_challenge_from_fewer_or_more_bytes_is_refused(length):
    with pytest.raises(EncodingError, match=f"from 48 bytes, got {length}"):
        encoding.reduce_uint(bytes(length), ORDER)
