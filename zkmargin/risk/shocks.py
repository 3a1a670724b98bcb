"""Joint shocks of several assets: fat tails, jumps, clustered volatility, correlation that goes to one in a crash.

Rule
----
    For asset i and step t, with F and e_i Student-t of unit variance that share one chi-square draw:

        rho_t  = rho + (1 - rho) * clip((-F - tail_start) / (tail_full - tail_start), 0, 1)
        z_i    = sqrt(rho_t) * F + sqrt(1 - rho_t) * e_i
        r_i    = noise * sigma_i,t * z_i + beta_i * J_t + path_i,t      J: a common, normal jump, at a rate
        sigma_i,t+1^2 = (1 - a - b) * sigma_i^2 + a * min(r_i^2, 64 sigma_i^2) + b * sigma_i,t^2
                                                                            sigma_i = beta_i * volatility

    The shared chi-square makes large moves come together (a t copula). The fall of F beyond `tail_start` of its
    deviations raises the correlation of that step, and at `tail_full` all assets move as one. A return counts at most
    eight deviations in the next variance, so that one gap does not make every later step a gap. `path` holds given log
    returns: a gap, or, with `noise` at 0, a history as it was.

Units
-----
    natural logarithms of prices; one deviation a step. Floats: a price is drawn, never an account decided.

Reproducibility
---------------
    Path k takes its numbers from ``SeedSequence(seed, spawn_key=(k,))`` alone, so it is the same in any block, on any
    back end and with any number of workers. The last bit may differ between processors of different kinds.

Worked example
--------------
        >>> calm = Shocks(noise=0.0, betas=(1.0, 2.0), path=((-0.1, -0.2),))
        >>> draw(calm, steps=2, seed=7, paths=range(3, 4)).returns.tolist()
        [[[-0.1, -0.2], [0.0, 0.0]]]
"""

from __future__ import annotations

from dataclasses import dataclass
from math import isfinite

import numpy as np
from numpy.typing import NDArray

from zkmargin.errors import StatementError

Floats = NDArray[np.float64]

MAX_STEPS = 100_000
MAX_ASSETS = 64
COUNTED_DEVIATIONS = 8.0


@dataclass(frozen=True, slots=True)
class Shocks:
    """What drives the prices from outside.

    Args:
        volatility: Deviation of a step's log return of an asset of beta 1, 0 to 1.
        betas: Size of each asset's moves, 1 to 64 positive numbers.
        correlation: rho of two assets in calm, 0 to 1.
        tail_start: Fall of the common factor, in deviations, from which the correlation rises.
        tail_full: Fall at which it is one; above `tail_start`.
        freedom: Degrees of freedom of the tails, above 2.
        cluster: a, the weight of the last squared return, at least 0.
        memory: b, the weight of the last variance; a + b is below 1.
        jump_rate: Probability of a jump in a step, 0 to 1.
        jump_mean: Mean log size of a jump.
        jump_deviation: Deviation of its log size, at least 0.
        noise: Share of the drawn moves that counts; 0 leaves jumps and the given path alone.
        path: Given log returns, one row a step from the first on, one number an asset.
    """

    volatility: float = 6e-4
    betas: tuple[float, ...] = (1.0,)
    correlation: float = 0.6
    tail_start: float = 2.0
    tail_full: float = 5.0
    freedom: float = 4.0
    cluster: float = 0.10
    memory: float = 0.85
    jump_rate: float = 0.0
    jump_mean: float = 0.0
    jump_deviation: float = 0.0
    noise: float = 1.0
    path: tuple[tuple[float, ...], ...] = ()

    def __post_init__(self) -> None:
        _between("volatility", self.volatility, 0.0, 1.0)
        _between("number of betas", len(self.betas), 1, MAX_ASSETS)
        for beta in self.betas:
            _between("beta", beta, 1e-6, 1e3)
        _between("correlation", self.correlation, 0.0, 1.0)
        _between("tail_start", self.tail_start, 0.0, 1e3)
        _between("tail_full", self.tail_full, self.tail_start + 1e-9, 1e4)
        _between("freedom", self.freedom, 2.000001, 1e6)
        _between("cluster", self.cluster, 0.0, 1.0)
        _between("memory", self.memory, 0.0, 1.0)
        _between("cluster + memory", self.cluster + self.memory, 0.0, 0.999999)
        _between("jump_rate", self.jump_rate, 0.0, 1.0)
        _between("jump_mean", self.jump_mean, -10.0, 10.0)
        _between("jump_deviation", self.jump_deviation, 0.0, 10.0)
        _between("noise", self.noise, 0.0, 1.0)
        _between("number of path rows", len(self.path), 0, MAX_STEPS)
        for row in self.path:
            _between("length of a path row", len(row), len(self.betas), len(self.betas))
            for value in row:
                _between("log return of a path", value, -10.0, 10.0)


@dataclass(frozen=True, slots=True)
class Draws:
    """Log returns and deviations, each of shape (paths, steps, assets)."""

    returns: Floats
    deviations: Floats


def draw(shocks: Shocks, steps: int, seed: int, paths: range) -> Draws:
    """Return the shocks of some paths.

    Args:
        shocks: The law.
        steps: 1 to 100,000.
        seed: Any integer that is not negative.
        paths: Numbers of the paths, none negative.
    """
    _between("steps", steps, 1, MAX_STEPS)
    _between("seed", seed, 0, 2**128)
    assets = len(shocks.betas)
    factor, own, jumps = (np.empty((len(paths), steps, width)) for width in (1, assets, 1))
    for place, path in enumerate(paths):
        factor[place], own[place], jumps[place] = _one_path(shocks, steps, assets, seed, path)
    ramp = np.clip((-factor - shocks.tail_start) / (shocks.tail_full - shocks.tail_start), 0.0, 1.0)
    together = shocks.correlation + (1.0 - shocks.correlation) * ramp
    moves = np.sqrt(together) * factor + np.sqrt(1.0 - together) * own
    given = np.zeros((steps, assets))
    rows = shocks.path[:steps]
    given[: len(rows)] = np.array(rows).reshape(len(rows), assets)
    return _clustered(shocks, moves, jumps * np.array(shocks.betas) + given)


def _one_path(shocks: Shocks, steps: int, assets: int, seed: int, path: int) -> tuple[Floats, Floats, Floats]:
    """Return factor, own moves and jumps of one path; the order of the draws is part of what a seed means."""
    generator = np.random.Generator(np.random.PCG64(np.random.SeedSequence(seed, spawn_key=(path,))))
    normals = generator.standard_normal((steps, 1 + assets))
    chi_square = generator.chisquare(shocks.freedom, (steps, 1))
    jumped = generator.random((steps, 1)) < shocks.jump_rate
    sizes = shocks.jump_mean + shocks.jump_deviation * generator.standard_normal((steps, 1))
    tailed = normals * np.sqrt((shocks.freedom - 2.0) / chi_square)
    return tailed[:, :1], tailed[:, 1:], np.where(jumped, sizes, 0.0)


def _clustered(shocks: Shocks, moves: Floats, added: Floats) -> Draws:
    """Return the returns whose variance follows their squares."""
    base = np.square(shocks.volatility * np.array(shocks.betas))
    variance = np.broadcast_to(base, (moves.shape[0], moves.shape[2])).copy()
    returns, deviations = np.empty_like(moves), np.empty_like(moves)
    for step in range(moves.shape[1]):
        deviations[:, step] = np.sqrt(variance)
        returns[:, step] = shocks.noise * deviations[:, step] * moves[:, step] + added[:, step]
        variance = (1.0 - shocks.cluster - shocks.memory) * base + shocks.memory * variance
        variance += shocks.cluster * np.minimum(np.square(returns[:, step]), COUNTED_DEVIATIONS**2 * base)
    return Draws(returns, deviations)


def _between(field: str, value: float, low: float, high: float) -> None:
    if not (isfinite(value) and low <= value <= high):
        raise StatementError(f"{field} must be between {low:g} and {high:g}, got {value:g}")
