"""A hidden choice of one among several values: "the better of".

Constraints, for values v_1 .. v_m
----------------------------------
    (1) s_j >= 0                        free helpers, honestly 1 for the least value and 0 for the others
    (2) s_1 + .. + s_m = 1
    (3) chosen = sum_j s_j * v_j        one product slot each

The s_j are digits, so whole numbers that are not negative; by (2) exactly one of them is 1. So `chosen` is one of the
values, never less than the least, and which one it is stays hidden.
"""

from __future__ import annotations

from collections.abc import Sequence

from circuits.builder import Builder, V


def cheapest(builder: Builder[V], values: Sequence[V]) -> V:
    """Return one of `values`, an honest prover's least."""
    bits = builder.helpers(values, one_hot, [1] * len(values))  # (1)
    builder.zero(builder.combine([(1, bit) for bit in bits], -1))  # (2)
    products = [builder.product(bit, value) for bit, value in zip(bits, values, strict=True)]
    return builder.combine([(1, product) for product in products])  # (3)


def one_hot(values: Sequence[int]) -> list[int]:
    """Return 1 at the place of the first least value, 0 elsewhere."""
    place = values.index(min(values))
    return [int(index == place) for index in range(len(values))]
