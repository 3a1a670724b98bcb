"""The length of a vector: a square root, from above.

Constraints, for values v_1 .. v_m
----------------------------------
    (1) root >= 0                               free helper, honestly the least root that satisfies (2)
    (2) root^2 - sum_j v_j^2 >= 0               `gadgets.square`: one product slot for each square

So root >= sqrt(sum_j v_j^2). Without (1) a large negative root would do as well as a positive one. The system refuses
the statement unless every square, and the sum of all of them, stays below the group order.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from circuits.builder import Builder, V
from circuits.gadgets.square import square


def length(builder: Builder[V], values: Sequence[V], bits: int, least_root: Callable[[int], int]) -> V:
    """Return a value that is at least the length of `values`, which is below 2^bits.

    Args:
        builder: The reader.
        values: The coordinates; each has a proved bound below 2^126.
        bits: Bound of the length.
        least_root: The least integer whose square is at least its argument, as the plain rule has it.
    """

    def shortest(given: Sequence[int]) -> list[int]:
        return [least_root(sum(value**2 for value in given))]

    (root,) = builder.helpers(values, shortest, [bits])  # (1)
    squares = [(-1, square(builder, value)) for value in values]
    builder.nonnegative(builder.combine([(1, square(builder, root)), *squares]), bits + 1)  # (2)
    return root
