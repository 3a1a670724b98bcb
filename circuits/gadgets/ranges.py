"""A value lies in a range.

Constraints
-----------
    (1) value >= 0                      `Builder.nonnegative`
    (2) high - value >= 0

The digit base, and with it the exact reach of (1), is chosen once a statement: `circuits.sizes.best_base`.
"""

from __future__ import annotations

from circuits.builder import Builder, V


def between(builder: Builder[V], value: V, low: int, high: int) -> None:
    """Constrain ``low <= value <= high``, exactly, for public low <= high."""
    bits = (high - low).bit_length()
    builder.nonnegative(builder.combine([(1, value)], -low), bits)  # (1)
    builder.nonnegative(builder.combine([(-1, value)], high), bits)  # (2)


def bounded(builder: Builder[V], value: V, bits: int) -> None:
    """Constrain ``-2^bits <= value < B - 2^bits`` for a public B >= 2^(bits+1): enough where only the size counts."""
    builder.nonnegative(builder.combine([(1, value)], 2**bits), bits + 1)  # (1)
