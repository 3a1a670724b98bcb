"""What can be said about a cascade without simulating it: closed forms, and the iteration that they sum.

Rule
----
    x0 is the shock, x the end of the fall, both falls of the log price; l the notional of longs whose liquidation
    distance lies in a unit of log price; kappa = 1 / depth.

        linear:        R = kappa * l                     x = x0 / (1 - R), and no end if R >= 1
        square root:   c = factor * sqrt(l / depth)      x = ((c + sqrt(c^2 + 4 x0)) / 2)^2, at least c^2
        leaving a position costs 2/3 of its impact I, so equity is gone at the critical leverage 3 / (2 I)
        hedgers:       dS = dS0 / (1 + kappa * S * Gamma), critical where kappa * S * Gamma = -1

Units
-----
    log prices, and ratios without a unit.

Worked example
--------------
        >>> linear_fall(0.03, 0.6), round(square_root_fall(0.03, 0.2), 12), critical_leverage(0.1)
        (0.075, 0.09, 15.0)
"""

from __future__ import annotations

from collections.abc import Callable
from math import inf, sqrt

from zkmargin.errors import StatementError


def linear_fall(shock: float, branching: float) -> float:
    """Return where a fall ends under linear impact; infinity if the branching ratio is 1 or more."""
    return shock / (1.0 - branching) if branching < 1.0 else inf


def square_root_fall(shock: float, strength: float) -> float:
    """Return where a fall ends under square-root impact of strength c."""
    return ((strength + sqrt(strength * strength + 4.0 * shock)) / 2.0) ** 2


def critical_leverage(impact: float) -> float:
    """Return the leverage at which selling everything costs the whole equity, for the impact I of a full exit."""
    return 3.0 / (2.0 * impact)


def hedged_move(move: float, kappa: float, price: float, gamma: float) -> float:
    """Return the move after hedgers of gamma (in coins per price, negative when short) have traded.

    Raises:
        StatementError: at or beyond the critical point, where no end exists.
    """
    denominator = 1.0 + kappa * price * gamma
    if denominator <= 0.0:
        raise StatementError(f"1 + kappa S Gamma must be positive, got {denominator:g}")
    return move / denominator


def settle(start: float, response: Callable[[float], float], rounds: int = 100_000, limit: float = 1e6) -> float:
    """Return the end of ``x -> start + response(x)`` iterated from `start`, or infinity beyond `limit`.

    Each iteration is one round of a cascade: what the fall so far has forced moves the price again.

    Example:
        >>> round(settle(0.03, lambda fall: 0.6 * fall), 12)
        0.075
    """
    fall = start
    for _ in range(rounds):
        following = start + response(fall)
        if following == fall:
            return fall
        if following > limit:
            return inf
        fall = following
    return fall
