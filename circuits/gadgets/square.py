"""The square of a value, and what makes it one over the integers.

Constraints
-----------
    (1) left = value, right = value     rows
    (2) left * right = result           product slot

The system refuses the statement unless the value has a proved bound whose square, with everything it is added to, stays
below the group order: four integers of 128 bits have squares that sum to exactly the order.
"""

from __future__ import annotations

from circuits.builder import Builder, V


def square(builder: Builder[V], value: V) -> V:
    """Return value^2, for a value with a proved bound below 2^126."""
    return builder.product(value, value)  # (1), (2)
