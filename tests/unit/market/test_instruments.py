from typing import Any

import pytest

from zkmargin.documents import Reader
from zkmargin.errors import EncodingError, StatementError
from zkmargin.market.instruments import Cash, Collateral, Instrument, Linear, Option, from_reader

CALL = Option("BTC-C", 1_000, "BTC-PERP", "call", 9_000_000, 1_772_179_200)
EVERY_KIND = [Cash("USD"), Collateral("BTC", 1), Linear("BTC-PERP", 10), Linear("BTC-MAR", 10, 1_774_598_400), CALL]


def read(document: dict[str, Any]) -> Instrument:
    with Reader(document, "listing") as fields:
        return from_reader(fields)


@pytest.mark.parametrize("instrument", EVERY_KIND, ids=lambda instrument: instrument.id)
def test_every_kind_reads_back_from_its_document(instrument: Instrument) -> None:
    assert read(instrument.to_document()) == instrument


def test_only_a_linear_instrument_without_expiry_is_perpetual() -> None:
    assert Linear("BTC-PERP", 10).perpetual
    assert not Linear("BTC-MAR", 10, 0).perpetual


@pytest.mark.parametrize("multiplier", [0, 2**32 + 1])
@pytest.mark.parametrize("kind", [Collateral, Linear])
def test_a_multiplier_outside_its_bounds_is_refused(kind: type[Collateral] | type[Linear], multiplier: int) -> None:
    with pytest.raises(StatementError, match=rf"X.multiplier must be between 1 and {2**32}, got {multiplier}"):
        kind("X", multiplier)


@pytest.mark.parametrize(
    "change, message",
    [
        ({"right": "straddle"}, "right must be call or put"),
        ({"strike_ticks": 0}, "strike_ticks must be between 1"),
        ({"strike_ticks": 2**48 + 1}, "strike_ticks must be between 1"),
        ({"expiry": -1}, "expiry must be between 0"),
        ({"multiplier": 0}, "multiplier must be between 1"),
    ],
)
def test_an_option_out_of_bounds_is_refused(change: dict[str, Any], message: str) -> None:
    fields = {name: value for name, value in CALL.to_document().items() if name != "kind"}
    with pytest.raises(StatementError, match=message):
        Option(**(fields | change))


def test_an_expiry_before_the_epoch_is_refused() -> None:
    with pytest.raises(StatementError, match=r"BTC-MAR.expiry"):
        Linear("BTC-MAR", 10, -1)


def test_an_id_with_a_space_is_refused() -> None:
    for make in (Cash, lambda name: Collateral(name, 1), lambda name: Linear(name, 1)):
        with pytest.raises(EncodingError, match="letters, digits"):
            make("U S D")


@pytest.mark.parametrize(
    "document",
    [
        {"kind": "swap", "id": "X"},
        {"kind": "linear", "id": "X"},
        {"kind": "linear", "id": "X", "multiplier": 2**32 + 1},
        {"kind": "linear", "id": "X", "multiplier": 1, "expiry": None},
        {"kind": "cash", "id": "USD", "multiplier": 1},
        CALL.to_document() | {"right": "CALL"},
    ],
)
def test_a_malformed_document_is_refused(document: dict[str, Any]) -> None:
    with pytest.raises(EncodingError):
        read(document)
