"""Points, generators, sponge and transcript of the second verifier, on py_ecc and hashlib alone."""

import hashlib

from py_ecc.bls.hash_to_curve import hash_to_G1
from py_ecc.fields import optimized_bls12_381_FQ as FQ
from py_ecc.optimized_bls12_381 import Z1, add, b, double, is_inf, is_on_curve, normalize

from tests.reference.reading import need

r = 0x73EDA753299D7D483339D80809A1D80553BDA402FFFE5BFEFFFFFFFF00000001
p = 0x1A0111EA397FE69A4B1BA7B6434BACD764774B84F38512BF6730D2A0F6B0F6241EABFFFEB153FFFFB9FEFFFFFFFFAAAB
H_EFF = 0xD201000000010001
DST = b"ZKMARGIN-V01-CS01-with-BLS12381G1_XMD:SHA-256_SSWU_RO_"
SUITE = b"sigma-proofs_Shake128_BLS12381"


# ---- Points and generators -------------------------------------------------------------------------------------------


def compress(point):
    need(not is_inf(point), "the identity has no encoding")
    x, y = (int(value) for value in normalize(point))
    return (x | 1 << 383 | (1 << 381 if y > p - y else 0)).to_bytes(48, "big")


def compressed(data):
    number = int.from_bytes(data, "big")
    x = number % 2**381
    need(number >> 382 == 0b10 and x < p, "flags or coordinate of a point")
    y = pow(x**3 + 4, (p + 1) // 4, p)
    need(y * y % p == (x**3 + 4) % p, "off the curve")
    return (FQ(x), FQ(y if (y > p - y) == bool(number & 1 << 381) else p - y), FQ(1))


def decompress(data):
    point = compressed(data)
    need(is_inf(times(r, point)), "outside the subgroup")
    return point


def uncompressed(data):
    x, y = int.from_bytes(data[:48], "big"), int.from_bytes(data[48:], "big")
    point = (FQ(x), FQ(y), FQ(1))
    need(x < p and y < p and is_on_curve(point, b), "off the curve")
    return point


def times(factor, point):
    return total([(factor, point)])


def total(pairs):
    """Return the sum of scalar * point by doublings and additions; right outside the subgroup too."""
    result = Z1
    for bit in reversed(range(max(factor.bit_length() for factor, _ in pairs))):
        result = double(result)
        for factor, point in pairs:
            if factor >> bit & 1:
                result = add(result, point)
    return result


def generator(kind, payload=b"", known={}):  # noqa: B006 - the default is the cache
    label = bytes([len(kind)]) + kind.encode() + payload
    if label not in known:
        known[label] = hash_to_G1(label, DST, hashlib.sha256)
    return known[label]


# ---- Sponge and transcript -------------------------------------------------------------------------------------------


def u32(value):
    return value.to_bytes(4, "big")


def le(value):
    return value.to_bytes(4, "little")


def scalar(value):
    return (value % r).to_bytes(32, "big")


def string(data):
    return le(len(data)) + data


def squeeze(session, history, length):
    return hashlib.shake_128(session + bytes(136) + history).digest(length)


def session_of(tag):
    return squeeze(b"irtf-cfrg-fiat-shamir/session-id", tag, 32)


class Transcript:
    def __init__(self, tag):
        self.session, self.history = session_of(tag), b""

    def absorb(self, name, data):
        self.history += b"\x00" + string(name.encode()) + string(data)

    def challenge(self, name):
        self.history += b"\x01" + string(name.encode())
        return int.from_bytes(squeeze(self.session, self.history, 48), "little") % r


def scalars(data):
    values = [int.from_bytes(data[at : at + 32], "big") for at in range(0, len(data), 32)]
    need(all(value < r for value in values), "a scalar is not below r")
    return values
