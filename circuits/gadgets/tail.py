"""The sum of the k largest of several values, without sorting them: Rockafellar and Uryasev's form of a tail.

    sum of the k largest of v_1 .. v_m  =  min over t of  k * t + sum_j max(0, v_j - t)

Constraints
-----------
    (1) t = T - 2^bits, T >= 0          free helper, honestly the k-th largest value
    (2) u_j >= 0                        free helper, honestly max(0, v_j - t)
    (3) u_j - v_j + t >= 0              tail = k * t + sum_j u_j

For every t the right-hand side is at least the tail, and a larger u_j only adds to it.

Reference: Rockafellar and Uryasev, "Optimization of conditional value-at-risk", Journal of Risk 2 (2000), Theorem 1.
"""

from __future__ import annotations

from collections.abc import Sequence

from circuits.builder import Builder, V


def tail(builder: Builder[V], values: Sequence[V], count: int, bits: int) -> V:
    """Return a value that is at least the sum of the `count` largest of `values`, which are below 2^bits in size."""
    shift = 2**bits

    def kth_largest(given: Sequence[int]) -> list[int]:
        return [sorted(given)[-count] + shift]

    (shifted,) = builder.helpers(values, kth_largest, [bits + 1])  # (1)
    threshold = builder.combine([(1, shifted)], -shift)
    excesses = []
    for value in values:
        above = builder.combine([(1, value), (-1, threshold)])
        excess = builder.helper([above, builder.combine([])], bits + 1)  # (2)
        builder.nonnegative(builder.combine([(1, excess), (-1, above)]), bits + 1)  # (3)
        excesses.append(excess)
    return builder.combine([(count, threshold), *((1, excess) for excess in excesses)])
