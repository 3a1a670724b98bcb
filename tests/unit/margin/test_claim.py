from typing import Any

import pytest

from zkmargin.amounts import Ratio
from zkmargin.errors import EncodingError, StatementError
from zkmargin.margin.claim import Claim

CLAIMS = {
    Claim("maintenance", "cross"): "equity is at least the maintenance requirement of the cross model",
    Claim(
        "initial", "scenario", Ratio(6, 5)
    ): "equity is at least 6/5 of the initial requirement of the scenario model",
    Claim("box", "cross", Ratio(11, 10), 50_000): (
        "equity is at least 11/10 of the maintenance requirement of the cross model, "
        "at every price within 50000 ppm of the marks"
    ),
    Claim("stress", "house", stress="october-2025"): (
        "equity is at least the stress october-2025 requirement of the house model"
    ),
}


@pytest.mark.parametrize("claim", CLAIMS, ids=lambda claim: claim.kind)
def test_a_claim_is_one_plain_sentence(claim: Claim) -> None:
    assert claim.sentence() == CLAIMS[claim]


@pytest.mark.parametrize("claim", CLAIMS, ids=lambda claim: claim.kind)
def test_a_claim_reads_back_from_its_document(claim: Claim) -> None:
    assert Claim.from_document(claim.to_document()) == claim


@pytest.mark.parametrize(
    "fields, message",
    [
        (("var", "cross"), "claim kind must be one of maintenance, initial, box, stress"),
        (("stress", "cross", Ratio(1, 1), 0, "crash"), "a stress claim needs the scenario model or a composed one"),
        (("maintenance", "house", Ratio(1, 1), 0, "crash"), "stress of a maintenance claim must be empty"),
        (("box", "cross"), "width_ppm of a box must be between 1 and 999999, got 0"),
        (("box", "cross", Ratio(1, 1), 1_000_000), "width_ppm of a box must be between 1 and 999999"),
        (("maintenance", "cross", Ratio(1, 1), 1), "width_ppm of a maintenance claim must be between 0 and 0"),
        (("box", "scenario", Ratio(1, 1), 1), "a box claim needs the cross model or a composed one"),
    ],
)
def test_a_claim_that_makes_no_sense_is_refused(fields: tuple[Any, ...], message: str) -> None:
    with pytest.raises(StatementError, match=message):
        Claim(*fields)


@pytest.mark.parametrize(
    "change",
    [
        {"kind": "stress"},
        {"threshold": {"numerator": 2, "denominator": 4}},
        {"threshold": {"numerator": 0, "denominator": 1}},
        {"threshold": 1},
        {"width_ppm": 1},
        {"note": "hello"},
    ],
)
def test_a_malformed_document_is_refused(change: dict[str, Any]) -> None:
    with pytest.raises((EncodingError, StatementError)):
        Claim.from_document(Claim("maintenance", "cross").to_document() | change)
