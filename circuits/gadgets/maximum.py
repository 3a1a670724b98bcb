"""The largest of several values.

Constraints, for values v_1 .. v_m
----------------------------------
    (1) excess >= 0                     free helper, honestly max_j v_j - v_1;   top = v_1 + excess
    (2) top - v_j >= 0                  for j = 2 .. m

So top >= max_j v_j, with equality for an honest prover: m numbers in all, and none when m = 1.
"""

from __future__ import annotations

from collections.abc import Sequence

from circuits.builder import Builder, V


def maximum(builder: Builder[V], values: Sequence[V], bits: int) -> V:
    """Return a value that is at least every one of `values`, which differ by less than 2^bits."""
    first, *others = values
    if not others:
        return first
    excess = builder.helper([builder.combine([(1, value), (-1, first)]) for value in values], bits)  # (1)
    top = builder.combine([(1, first), (1, excess)])
    for value in others:
        builder.nonnegative(builder.combine([(1, top), (-1, value)]), bits)  # (2)
    return top
