"""The picture of docs/models/deribit.md: the regions that it shades are what proofs say."""

import pytest

from benchmarks.short_gamma import BOOK, market, regions
from circuits import claims, registration
from zkmargin.commitments import Opening
from zkmargin.errors import WitnessError
from zkmargin.margin.claim import Claim


def test_a_short_gamma_book_passes_the_linear_rule_and_fails_the_grid_at_the_mark():
    [(_, equity, linear, grid)] = regions(shifts=[0])
    assert linear <= equity < grid
    held, opening = market(0), Opening.fresh(dict(BOOK.quantities))
    account = registration.register("demo", "short-gamma", opening).account
    proof = claims.prove(held, Claim("maintenance", "linear"), account, opening)
    claims.verify(held, Claim("maintenance", "linear"), account, proof)
    with pytest.raises(WitnessError) as refused:
        claims.prove(held, Claim("maintenance", "grid"), account, opening)
    assert refused.value.shortfall_units == grid - equity


def test_each_region_of_the_picture_is_there():
    found = [
        (equity >= linear, equity >= grid)
        for _, equity, linear, grid in regions(shifts=range(-300_000, 300_001, 60_000))
    ]
    assert set(found) == {(False, False), (True, False), (True, True)}


def test_loss_grows_faster_than_the_move():
    small, large = (regions(shifts=[0, move]) for move in (-100_000, -200_000))
    losses = [pair[0][1] - pair[1][1] for pair in (small, large)]
    assert losses[1] > 2.5 * losses[0] > 0
