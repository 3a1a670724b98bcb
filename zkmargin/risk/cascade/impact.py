"""What a flow does to a price: linear or square-root, lasting and fading, and depth that is withdrawn in a storm.

Rule
----
    depth_t   = depth * max(least, min(1, (sigma_0 / sigma_t)^gamma))
    linear:        dx = flow / depth_t
    square root:   X_t = (1 - decay) * X_(t-1) + flow,   dx = level(X_t) - level((1 - decay) X_(t-1)),
                   level(X) = sign(X) * factor * sqrt(|X| / depth_t)
    fading_t  = (1 - decay) * fading_(t-1) + transient * dx,   lasting_t = lasting_(t-1) + (1 - transient) * dx
    price     = round( first price * exp(index + lasting + fading) )

Units
-----
    flow and depth in settlement units at the first price, signed: a sale is negative; dx is a log price. Floats: they
    draw a price.

Reference
---------
    Linear: A. Kyle, Econometrica 1985. Square root: J. Donier and J. Bonart, arXiv 1412.4503. Lasting and fading parts:
    A. Obizhaeva and J. Wang, J. Financial Markets 2013. What these laws imply for a cascade is in
    `zkmargin.risk.cascade.closed`.

Worked example
--------------
        >>> law = Impact(law="linear", transient=0.0, decay=0.0, withdrawal=0.0)
        >>> book = Displacement.flat((1, 1))
        >>> book.push(law, np.array([[-30.0]]), np.array([[1_000.0]]))
        >>> book.level().tolist()
        [[-0.03]]
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from zkmargin.risk.cascade.parameters import Impact

Floats = NDArray[np.float64]


@dataclass(slots=True)
class Displacement:
    """How far flows have moved log prices, shape (paths, markets)."""

    lasting: Floats
    fading: Floats
    remembered: Floats

    @staticmethod
    def flat(shape: tuple[int, ...]) -> Displacement:
        """Return prices that no flow has moved."""
        return Displacement(np.zeros(shape), np.zeros(shape), np.zeros(shape))

    def level(self) -> Floats:
        """Return the log displacement."""
        return self.lasting + self.fading

    def fade(self, impact: Impact) -> None:
        """Let a step pass."""
        self.fading *= 1.0 - impact.decay
        self.remembered *= 1.0 - impact.decay

    def push(self, impact: Impact, flow_units: Floats, depth_units: Floats) -> None:
        """Add the move that a flow makes."""
        move = moved(impact, self.remembered, flow_units, depth_units)
        self.remembered = self.remembered + flow_units
        self.lasting += (1.0 - impact.transient) * move
        self.fading += impact.transient * move

    def arbitrage(self, impact: Impact, groups: list[list[int]]) -> None:
        """Close a share of the differences between the venues of each asset."""
        for group in groups:
            middle = self.lasting[:, group].mean(axis=1, keepdims=True)
            self.lasting[:, group] += impact.arbitrage * (middle - self.lasting[:, group])


def moved(impact: Impact, remembered_units: Floats, flow_units: Floats, depth_units: Floats) -> Floats:
    """Return the move that a flow makes after what is remembered."""
    if impact.law == "linear":
        return flow_units / depth_units
    after = _root((remembered_units + flow_units) / depth_units)
    return np.asarray(impact.factor * (after - _root(remembered_units / depth_units)))


def mean_price(start: Floats, end: Floats) -> Floats:
    """Return the mean of e^x for x from `start` to `end`: what an order pays whose flow moves x evenly.

    Example:
        >>> mean_price(np.array([0.0, 0.0]), np.array([1.0, 0.0])).round(6).tolist()
        [1.718282, 1.0]
    """
    width = end - start
    ratio = np.divide(np.expm1(width), width, out=np.ones_like(width), where=width != 0.0)
    return np.asarray(np.exp(start) * ratio)


def depth(impact: Impact, depth_units: Floats, deviation: Floats, first_deviation: Floats) -> Floats:
    """Return what is left of the depth at a volatility."""
    calm = np.divide(first_deviation, deviation, out=np.ones_like(deviation), where=deviation > first_deviation)
    left: Floats = depth_units * np.maximum(impact.least_depth, calm**impact.withdrawal)
    return left


def _root(share: Floats) -> Floats:
    found: Floats = np.sign(share) * np.sqrt(np.abs(share))
    return found
