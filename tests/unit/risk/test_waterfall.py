"""Who pays when an account is worth less than nothing."""

import pytest

from zkmargin.errors import StatementError
from zkmargin.risk.waterfall import absorb, pro_rata

GAINS = {"a": 60, "b": 20, "c": 10}


@pytest.mark.parametrize(
    "loss, expected",
    [
        (0, (0, 0, 0, 0)),
        (20, (20, 0, 0, 0)),
        (21, (20, 1, 0, 0)),
        (50, (20, 30, 0, 0)),
        (51, (20, 30, 1, 0)),
        (140, (20, 30, 90, 0)),
        (141, (20, 30, 90, 1)),
    ],
)
def test_each_layer_pays_to_its_end_before_the_next(loss, expected):
    paid = absorb(loss, margin_units=20, fund_units=30, gains=GAINS)
    assert (paid.margin_units, paid.fund_units, paid.haircut_units, paid.uncovered_units) == expected
    assert paid.loss_units == loss


def test_with_equal_remainders_the_first_ids_pay_the_last_units():
    assert absorb(2, gains={"c": 1, "a": 1, "b": 1}).haircuts == {"a": 1, "b": 1}


def test_who_gained_nothing_pays_nothing():
    assert absorb(5, gains={"a": 0, "b": 10}).haircuts == {"b": 5}


def test_without_gains_nobody_covers_the_rest():
    assert absorb(5, gains={}).uncovered_units == 5
    assert absorb(5, gains={"a": 0}).uncovered_units == 5


@pytest.mark.parametrize(
    "name, arguments",
    [
        ("loss_units", {"loss_units": -1}),
        ("loss_units", {"loss_units": 2**96}),
        ("margin_units", {"margin_units": -1}),
        ("fund_units", {"fund_units": -1}),
        ("gain", {"gains": {"a": -1}}),
    ],
)
def test_amounts_out_of_their_bounds_are_refused(name, arguments):
    with pytest.raises(StatementError, match=f"^{name} must be between 0 and {2**96 - 1}, got"):
        absorb(**({"loss_units": 1, "gains": {}} | arguments))


def test_too_many_gainers_are_refused():
    with pytest.raises(StatementError, match="^number of gainers must be between 0 and 1000000, got 1000001"):
        absorb(1, gains=dict.fromkeys(range(1_000_001), 1))


def test_nothing_can_be_shared_without_weights():
    assert pro_rata(0, {"a": 0}) == {"a": 0}
    with pytest.raises(StatementError, match="^total to share without weights must"):
        pro_rata(1, {"a": 0})
