"""One law suite for both implementations of the group: what is true of one is true of the other."""

from functools import cache

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zkmargin.algebra.group import (
    COMPRESSED_BYTES,
    EFFECTIVE_COFACTOR,
    FIELD_MODULUS,
    MAX_DST_BYTES,
    UNCOMPRESSED_BYTES,
    Arkworks,
    clears_to_identity,
)
from zkmargin.algebra.portable import Portable
from zkmargin.algebra.scalars import ORDER
from zkmargin.errors import EncodingError

ARKWORKS, PORTABLE = Arkworks(), Portable()
COFACTOR = 0x396C8C005555E1568C00AAAB0000AAAB
COFACTOR_PRIMES = (3, 11, 10177, 859267, 52437899)

each = pytest.mark.parametrize("curve", [ARKWORKS, PORTABLE], ids=lambda curve: curve.name)
scalars = st.one_of(st.integers(0, 3), st.integers(ORDER - 3, ORDER + 3), st.integers(0, ORDER - 1))
seeds = st.binary(max_size=4)


def hashed(curve, seed):
    return curve.hash_to_curve(seed, b"laws")


def times(curve, point, factor):
    """Return factor * point by doublings and additions, which is right outside the subgroup too."""
    result = curve.identity()
    for bit in bin(factor)[2:]:
        result = curve.add(result, result)
        if bit == "1":
            result = curve.add(result, point)
    return result


def uncompressed(x, y):
    return x.to_bytes(COMPRESSED_BYTES, "big") + y.to_bytes(COMPRESSED_BYTES, "big")


def lift(x):
    """Return the uncompressed bytes of the first point of the curve whose first coordinate is at least x."""
    while True:
        square = (x**3 + 4) % FIELD_MODULUS
        y = pow(square, (FIELD_MODULUS + 1) // 4, FIELD_MODULUS)
        if y * y % FIELD_MODULUS == square:
            return uncompressed(x, y)
        x += 1


@cache
def torsion(curve, prime):
    """Return a point whose order is a prime factor of the cofactor."""
    if prime == 3:
        return curve.decode_on_curve(uncompressed(0, 2))
    point = times(curve, curve.decode_on_curve(lift(prime)), ORDER * COFACTOR // prime**2)
    assert not curve.equal(point, curve.identity())
    return point


def decoded(curve, data):
    """Return what each of the three decoders makes of the bytes: both encodings of the point, or nothing."""
    answers = []
    for decode in (curve.decode, curve.decode_compressed_on_curve, curve.decode_on_curve):
        try:
            point = decode(data)
        except EncodingError:
            answers.append(None)
        else:
            answers.append((curve.encode(point), curve.encode_uncompressed(point)))
    return answers


NOTHING = [None, None, None]


@each
@given(seeds, seeds, seeds)
def test_addition_is_associative_and_commutative_and_has_a_neutral_element_and_inverses(curve, one, two, three):
    p, q, r = (hashed(curve, seed) for seed in (one, two, three))
    assert curve.equal(curve.add(curve.add(p, q), r), curve.add(p, curve.add(q, r)))
    assert curve.equal(curve.add(p, q), curve.add(q, p))
    assert curve.equal(curve.add(p, curve.identity()), p)
    assert curve.equal(curve.add(p, curve.negate(p)), curve.identity())
    assert not curve.equal(p, curve.negate(p))


@each
@given(seeds, scalars, scalars)
def test_multiplication_is_linear_in_scalars_taken_modulo_the_order(curve, seed, k, m):
    p = hashed(curve, seed)
    kp, mp = curve.multiply(p, k), curve.multiply(p, m)
    assert curve.equal(curve.add(kp, mp), curve.multiply(p, k + m))
    assert curve.equal(curve.multiply(kp, m), curve.multiply(p, k * m))
    assert curve.equal(curve.multiply(p, -k), curve.negate(kp))
    assert curve.equal(kp, times(curve, p, k))


@each
@given(st.lists(st.tuples(seeds, scalars.map(lambda k: k - 2)), max_size=6))
def test_a_multi_scalar_multiplication_is_the_sum_of_its_products(curve, terms):
    points = [hashed(curve, seed) for seed, _ in terms]
    total = curve.identity()
    for point, (_, scalar) in zip(points, terms, strict=True):
        total = curve.add(total, curve.multiply(point, scalar))
    assert curve.equal(curve.msm(points, [scalar for _, scalar in terms]), total)


@each
@pytest.mark.parametrize("points, scalars", [(1, 0), (0, 1), (3, 2), (2, 3)])
def test_a_multi_scalar_multiplication_of_unequal_lists_is_refused(curve, points, scalars):
    with pytest.raises(ValueError, match=f"{points} points and {scalars} scalars"):
        curve.msm([curve.generator()] * points, [1] * scalars)


def test_without_the_wrapper_the_library_would_drop_the_last_points():
    p, q = hashed(ARKWORKS, b"p"), hashed(ARKWORKS, b"q")
    one = ARKWORKS._to_scalar(1)
    assert ARKWORKS.equal(ARKWORKS._point.multiexp_unchecked([p, q], [one]), p)


@given(seeds, st.binary(min_size=1, max_size=MAX_DST_BYTES))
def test_both_hash_to_the_same_point_of_the_subgroup(message, dst):
    one, other = (curve.hash_to_curve(message, dst) for curve in (ARKWORKS, PORTABLE))
    assert ARKWORKS.encode(one) == PORTABLE.encode(other)
    assert ARKWORKS.equal(ARKWORKS.decode(PORTABLE.encode(other)), one)


@each
@pytest.mark.parametrize("dst", [b"", b"x" * (MAX_DST_BYTES + 1)], ids=["empty", "too long"])
def test_a_domain_separation_tag_outside_the_standard_is_refused(curve, dst):
    with pytest.raises(ValueError, match="has 1 to 255 bytes"):
        curve.hash_to_curve(b"", dst)


def test_both_start_from_the_same_generator():
    assert ARKWORKS.encode(ARKWORKS.generator()) == PORTABLE.encode(PORTABLE.generator())


@each
@given(seeds)
def test_decoding_is_the_inverse_of_encoding(curve, seed):
    point = hashed(curve, seed)
    compressed, full = curve.encode(point), curve.encode_uncompressed(point)
    assert curve.equal(curve.decode(compressed), point)
    assert curve.equal(curve.decode_compressed_on_curve(compressed), point)
    assert curve.equal(curve.decode_on_curve(full), point)
    assert (len(compressed), len(full)) == (COMPRESSED_BYTES, UNCOMPRESSED_BYTES)


@st.composite
def mutated(draw):
    """Draw an encoding of either form, damaged in up to three bytes, or nothing like an encoding at all."""
    point = hashed(ARKWORKS, draw(seeds))
    data = bytearray(
        draw(
            st.one_of(
                st.sampled_from([ARKWORKS.encode(point), ARKWORKS.encode_uncompressed(point)]),
                st.integers(0, FIELD_MODULUS - 9).map(lift),
                st.integers(0, FIELD_MODULUS - 9).map(lambda x: ARKWORKS.encode(ARKWORKS.decode_on_curve(lift(x)))),
                st.binary(min_size=COMPRESSED_BYTES, max_size=COMPRESSED_BYTES),
                st.binary(min_size=UNCOMPRESSED_BYTES, max_size=UNCOMPRESSED_BYTES),
            )
        )
    )
    places = st.one_of(st.just(0), st.just(len(data) - 1), st.integers(0, len(data) - 1))
    for place, mask in draw(st.lists(st.tuples(places, st.integers(0, 255)), max_size=3)):
        data[place] ^= mask
    return bytes(data)


@given(mutated())
def test_both_accept_and_refuse_the_same_bytes_and_accept_only_what_they_would_write(data):
    answers = decoded(ARKWORKS, data)
    assert answers == decoded(PORTABLE, data)
    in_subgroup, compressed, uncompressed = answers
    assert in_subgroup in (None, compressed)
    assert compressed is None or compressed[0] == data
    assert uncompressed is None or uncompressed[1] == data


P = FIELD_MODULUS
NOT_CANONICAL = {
    "compressed, infinity": b"\xc0" + bytes(47),
    "compressed, infinity with a sign": b"\xe0" + bytes(47),
    "compressed, infinity with a payload": b"\xc0" + bytes(46) + b"\x01",
    "compressed, without its flag": bytes(48),
    "compressed, coordinate is the modulus": (P | 1 << 383).to_bytes(48, "big"),
    "compressed, coordinate above the modulus": (P + 4 | 1 << 383).to_bytes(48, "big"),
    "compressed, no point has this coordinate": b"\x80" + bytes(46) + b"\x01",
    "uncompressed, all zeros": bytes(96),
    "uncompressed, infinity": b"\x40" + bytes(95),
    "uncompressed, with the flag of the other form": b"\x80" + uncompressed(0, 2)[1:],
    "uncompressed, with a sign": b"\x20" + uncompressed(0, 2)[1:],
    "uncompressed, first coordinate is the modulus": uncompressed(P, 2),
    "uncompressed, second coordinate above the modulus": uncompressed(0, P + 2),
    "uncompressed, off the curve": uncompressed(0, 1),
}


@each
@pytest.mark.parametrize("data", NOT_CANONICAL.values(), ids=NOT_CANONICAL)
def test_what_is_not_canonical_is_refused(curve, data):
    assert decoded(curve, data) == NOTHING


@each
@pytest.mark.parametrize("length", [0, 47, 49, 95, 96, 97])
def test_a_compressed_point_of_another_length_is_refused(curve, length):
    data = (curve.encode(curve.generator()) * 3)[:length]
    for decode in (curve.decode, curve.decode_compressed_on_curve):
        with pytest.raises(EncodingError, match=f"must have 48 bytes, got {length}"):
            decode(data)


@each
@pytest.mark.parametrize("length", [0, 47, 48, 95, 97])
def test_an_uncompressed_point_of_another_length_is_refused(curve, length):
    with pytest.raises(EncodingError, match=f"must have 96 bytes, got {length}"):
        curve.decode_on_curve((curve.encode_uncompressed(curve.generator()) * 2)[:length])


@each
def test_the_identity_has_no_encoding(curve):
    for encode in (curve.encode, curve.encode_uncompressed):
        with pytest.raises(EncodingError, match="identity"):
            encode(curve.add(curve.generator(), curve.negate(curve.generator())))


@each
@pytest.mark.parametrize("prime", COFACTOR_PRIMES)
def test_a_torsion_point_is_on_the_curve_and_outside_the_subgroup_and_cleared(curve, prime):
    point = torsion(curve, prime)
    assert curve.equal(times(curve, point, prime), curve.identity())
    assert curve.equal(curve.decode_on_curve(curve.encode_uncompressed(point)), point)
    assert curve.equal(curve.decode_compressed_on_curve(curve.encode(point)), point)
    with pytest.raises(EncodingError):
        curve.decode(curve.encode(point))
    assert clears_to_identity(curve, point)


@each
def test_clearing_removes_torsion_and_nothing_else(curve):
    assert clears_to_identity(curve, curve.identity())
    assert not clears_to_identity(curve, curve.generator())
    assert not clears_to_identity(curve, curve.add(curve.generator(), torsion(curve, 11)))


def test_clearing_covers_the_whole_cofactor():
    rest = COFACTOR
    for prime in COFACTOR_PRIMES:
        assert EFFECTIVE_COFACTOR % prime == 0
        while rest % prime == 0:
            rest //= prime
    assert rest == 1


@each
@given(seeds, scalars, st.sampled_from(COFACTOR_PRIMES))
def test_a_multi_scalar_multiplication_with_torsion_clears_as_if_there_were_none(curve, seed, scalar, prime):
    point = hashed(curve, seed)
    spoilt = curve.add(point, torsion(curve, prime))
    difference = curve.add(curve.msm([spoilt], [scalar]), curve.msm([point], [-scalar]))
    assert clears_to_identity(curve, difference)
