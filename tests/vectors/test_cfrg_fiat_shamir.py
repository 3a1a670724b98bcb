"""The vectors of draft-irtf-cfrg-fiat-shamir: sponge, session ids, codecs, and the sumcheck example on top of them."""

import json
from pathlib import Path
from typing import Any

import pytest

from zkmargin import encoding
from zkmargin.errors import EncodingError
from zkmargin.transcript import DuplexSponge, derive_session_id

FOLDER = Path(__file__).resolve().parents[3] / "shared" / "data" / "cfrg"
FILES = [FOLDER / "fiatShamirShake128Vectors.json", FOLDER / "fiatShamirCodecVectors.json"]
VECTORS: list[dict[str, Any]] = [vector for file in FILES if file.exists() for vector in json.loads(file.read_bytes())]

pytestmark = [
    pytest.mark.shared_data,
    pytest.mark.skipif(not VECTORS, reason="the Fiat-Shamir vectors are not on this machine"),
]


def vectors(function: str, expected: str = "accept") -> pytest.MarkDecorator:
    chosen = [v for v in VECTORS if v["Function"] == function and v.get("Expected", "accept") == expected]
    return pytest.mark.parametrize("vector", chosen, ids=[vector["Name"] for vector in chosen])


def number(value: int | str) -> int:
    return value if isinstance(value, int) else int(value, 16)


def squeezed(vector: dict[str, Any]) -> bytes:
    sponge = DuplexSponge(bytes.fromhex(vector["SessionId"]))
    output = b""
    for operation in vector["Operations"]:
        if operation["type"] == "absorb":
            sponge.absorb(bytes.fromhex(operation["data"]))
        else:
            output += sponge.squeeze(operation["length"])
    return output


def test_every_vector_is_used_by_a_test_below() -> None:
    known = {"DuplexSponge", "DeriveSessionID", "DecodeUint", "SerializeVarLenString", "DeserializeVarLenString"}
    known |= {"SerializeUint", "DeserializeUint", "SerializeField", "DeserializeField", "Sumcheck"}
    assert {vector["Function"] for vector in VECTORS} == known


@vectors("DuplexSponge")
def test_the_sponge_squeezes_the_bytes_of_the_draft(vector: dict[str, Any]) -> None:
    assert squeezed(vector).hex() == vector["Output"]


@vectors("DeriveSessionID")
def test_a_session_id_is_derived_from_its_tag(vector: dict[str, Any]) -> None:
    assert derive_session_id(bytes.fromhex(vector["Tag"])).hex() == vector["Output"]


@vectors("DecodeUint")
def test_a_challenge_is_reduced_little_endian(vector: dict[str, Any]) -> None:
    data = squeezed(vector) if "Operations" in vector else bytes.fromhex(vector["Input"])
    assert data.hex() == vector.get("Output", vector.get("Input"))
    assert encoding.reduce_uint(data, number(vector["Modulus"])) == number(vector["Challenge"])


@vectors("SerializeVarLenString")
def test_a_byte_string_is_written_behind_its_length_and_read_back(vector: dict[str, Any]) -> None:
    data = bytes.fromhex(vector["Input"])
    assert encoding.encode_string(data).hex() == vector["Output"]
    assert encoding.decode_string(bytes.fromhex(vector["Output"]) + b"rest") == (data, b"rest")


@vectors("DeserializeVarLenString", "reject")
def test_a_byte_string_that_is_cut_short_is_refused(vector: dict[str, Any]) -> None:
    with pytest.raises(EncodingError):
        encoding.decode_string(bytes.fromhex(vector["Input"]))


@vectors("SerializeUint")
def test_an_integer_is_written_little_endian_and_read_back(vector: dict[str, Any]) -> None:
    value, modulus = number(vector["Value"]), number(vector["Modulus"])
    assert encoding.encode_uint(value, modulus).hex() == vector["Output"]
    assert encoding.decode_uint(bytes.fromhex(vector["Output"]) + b"rest", modulus) == (value, b"rest")


@vectors("DeserializeUint", "reject")
def test_an_integer_that_is_short_or_not_reduced_is_refused(vector: dict[str, Any]) -> None:
    with pytest.raises(EncodingError):
        encoding.decode_uint(bytes.fromhex(vector["Input"]), number(vector["Modulus"]))


@vectors("SerializeField")
def test_a_scalar_is_written_big_endian(vector: dict[str, Any]) -> None:
    # The vector is of another 256-bit order; its value is below both, and the width is the same.
    assert encoding.encode_scalars([number(vector["Value"])]).hex() == vector["Output"]
    assert encoding.decode_scalars(bytes.fromhex(vector["Output"]), 1) == [number(vector["Value"])]


@vectors("DeserializeField")
def test_a_field_element_is_read_coordinate_by_coordinate(vector: dict[str, Any]) -> None:
    coordinates, rest = coordinates_of(vector)
    assert (coordinates, rest) == ([number(value) for value in vector["Coordinates"]], b"")


@vectors("DeserializeField", "reject")
def test_a_field_element_with_a_bad_second_coordinate_is_refused(vector: dict[str, Any]) -> None:
    with pytest.raises(EncodingError):
        coordinates_of(vector)


def coordinates_of(vector: dict[str, Any]) -> tuple[list[int], bytes]:
    rest, coordinates = bytes.fromhex(vector["Input"]), []
    for _ in range(vector["ExtensionDegree"]):
        value, rest = encoding.decode_uint(rest, number(vector["Modulus"]))
        coordinates.append(value)
    return coordinates, rest


@vectors("Sumcheck")
def test_the_sumcheck_example_is_proved_again_byte_for_byte(vector: dict[str, Any]) -> None:
    assert derive_session_id(bytes.fromhex(vector["Tag"])).hex() == vector["SessionId"]
    modulus, table = number(vector["Modulus"]), vector["Witness"]
    sponge, messages = opened_sumcheck(vector), b""
    while len(table) > 1:
        even = sum(table[0::2]) % modulus
        message = b"".join([encoding.encode_uint(v, modulus) for v in (even, (sum(table[1::2]) - even) % modulus)])
        sponge.absorb(message)
        messages += message
        challenge = int.from_bytes(sponge.squeeze(4), "little") % modulus
        table = [(a + challenge * (b - a)) % modulus for a, b in zip(table[0::2], table[1::2], strict=True)]
    assert messages.hex() == vector["Narg"]
    assert table == [number(vector["FinalEvaluation"])]
    assert sumcheck_evaluation(vector) == number(vector["FinalEvaluation"])


@vectors("Sumcheck", "reject")
def test_a_sumcheck_with_a_bad_message_or_trailing_bytes_is_refused(vector: dict[str, Any]) -> None:
    with pytest.raises(EncodingError):
        sumcheck_evaluation(vector)


def opened_sumcheck(vector: dict[str, Any]) -> DuplexSponge:
    sponge = DuplexSponge(bytes.fromhex(vector["SessionId"]))
    sponge.absorb(encoding.encode_uint(vector["NumVariables"], 2**32))
    sponge.absorb(encoding.encode_uint(number(vector["ClaimedSum"]), number(vector["Modulus"])))
    return sponge


def sumcheck_evaluation(vector: dict[str, Any]) -> int:
    """Return the evaluation that the messages of the example lead to."""
    modulus, claim, rest = number(vector["Modulus"]), number(vector["ClaimedSum"]), bytes.fromhex(vector["Narg"])
    sponge = opened_sumcheck(vector)
    for _ in range(vector["NumVariables"]):
        message = rest[:8]
        constant, rest = encoding.decode_uint(rest, modulus)
        slope, rest = encoding.decode_uint(rest, modulus)
        if (2 * constant + slope - claim) % modulus:
            raise EncodingError("a round does not add up to the claim")
        sponge.absorb(message)
        claim = (constant + slope * (int.from_bytes(sponge.squeeze(4), "little") % modulus)) % modulus
    if rest:
        raise EncodingError("trailing bytes")
    return claim
