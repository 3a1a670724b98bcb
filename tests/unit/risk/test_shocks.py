"""Shocks: seeded path by path, fat-tailed, clustered, and together in a crash."""

import numpy as np
import pytest

from zkmargin.errors import StatementError
from zkmargin.risk.shocks import Shocks, draw

PAIR = Shocks(volatility=0.01, betas=(1.0, 1.0), correlation=0.3)


def test_a_path_is_the_same_alone_and_in_a_block():
    block = draw(PAIR, 50, 11, range(8)).returns
    for path in (0, 3, 7):
        assert np.array_equal(draw(PAIR, 50, 11, range(path, path + 1)).returns[0], block[path])


def test_paths_and_seeds_differ():
    block = draw(PAIR, 5, 11, range(2)).returns
    assert not np.array_equal(block[0], block[1])
    assert not np.array_equal(block, draw(PAIR, 5, 12, range(2)).returns)


def test_the_variance_is_the_one_asked_for():
    plain = Shocks(volatility=0.01, betas=(1.0, 2.0), cluster=0.0, memory=0.0, freedom=8)
    returns = draw(plain, 500, 3, range(60)).returns
    assert returns[:, :, 0].std() == pytest.approx(0.01, rel=0.05)
    assert returns[:, :, 1].std() == pytest.approx(0.02, rel=0.05)


def test_the_tails_are_fatter_than_normal():
    returns = draw(Shocks(volatility=0.01, cluster=0.0, memory=0.0), 500, 3, range(60)).returns
    kurtosis = (returns**4).mean() / (returns**2).mean() ** 2
    assert kurtosis > 4.5


def test_squares_of_returns_follow_each_other():
    def autocorrelation(shocks):
        squares = np.minimum(draw(shocks, 400, 3, range(100)).returns[:, :, 0] ** 2, 0.003)
        return np.corrcoef(squares[:, :-1].ravel(), squares[:, 1:].ravel())[0, 1]

    assert autocorrelation(Shocks(volatility=0.01)) > 0.08
    assert abs(autocorrelation(Shocks(volatility=0.01, cluster=0.0, memory=0.0))) < 0.03


def test_assets_move_together_in_a_crash_and_not_in_calm():
    plain = Shocks(volatility=0.01, betas=(1.0, 1.0), correlation=0.3, cluster=0.0, memory=0.0)
    returns = draw(plain, 500, 3, range(400)).returns.reshape(-1, 2)
    both = returns.sum(axis=1)
    crash = both < np.quantile(both, 0.001)
    spread = np.abs(returns[:, 0] - returns[:, 1])
    share = spread[crash].mean() / np.abs(returns[crash]).mean()
    rally = both > np.quantile(both, 0.999)
    assert share < 0.5 * spread[rally].mean() / np.abs(returns[rally]).mean()
    assert np.corrcoef(returns.T)[0, 1] < 0.45


def test_at_full_tail_all_assets_move_as_one():
    plain = Shocks(betas=(1.0, 1.0), correlation=0.0, tail_start=0.0, tail_full=0.1, cluster=0.0, memory=0.0)
    first, second = draw(plain, 200, 3, range(20)).returns.reshape(-1, 2).T
    same = np.isclose(first, second, rtol=1e-9)
    assert (first[same] < 0).all()
    assert 0.35 < same.mean() < 0.5


def test_a_jump_hits_every_asset_by_its_beta():
    jumpy = Shocks(noise=0.0, betas=(1.0, 2.0), jump_rate=1.0, jump_mean=-0.05, jump_deviation=0.01)
    returns = draw(jumpy, 20, 3, range(3)).returns
    assert np.allclose(returns[:, :, 1], 2 * returns[:, :, 0])
    assert returns.mean() == pytest.approx(-0.075, rel=0.1)


def test_without_noise_only_the_given_path_is_left():
    returns = draw(Shocks(noise=0.0, path=((-0.1,), (0.2,))), 3, 9, range(2)).returns
    assert returns.tolist() == [[[-0.1], [0.2], [0.0]]] * 2


@pytest.mark.parametrize(
    "field, value",
    [
        ("volatility", -0.1),
        ("volatility", float("nan")),
        ("betas", ()),
        ("betas", (0.0,)),
        ("correlation", 1.1),
        ("tail_full", 1.0),
        ("freedom", 2.0),
        ("cluster", 0.5),
        ("jump_rate", 1.5),
        ("noise", 2.0),
        ("path", ((0.0, 0.0),)),
        ("path", ((float("inf"),),)),
    ],
)
def test_a_law_out_of_its_bounds_is_refused(field, value):
    with pytest.raises(StatementError, match=r"must be between"):
        Shocks(**{field: value})


@pytest.mark.parametrize("steps, seed", [(0, 1), (10**6, 1), (5, -1)])
def test_a_draw_out_of_its_bounds_is_refused(steps, seed):
    with pytest.raises(StatementError, match=r"(steps|seed) must be between"):
        draw(PAIR, steps, seed, range(1))
