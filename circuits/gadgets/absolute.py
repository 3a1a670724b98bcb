"""The long and the short part of a signed quantity, and its absolute value.

Constraints
-----------
    (1) short >= 0                      free helper, honestly max(0, -value)
    (2) value + short >= 0

So short >= max(0, -value), long = value + short >= max(0, value) and long + short >= |value|, with equality for an
honest prover. Soundness needs no more than the inequalities: whoever charges short, long or their sum charges at least
what is due, and overstating a helper can only hurt the one who states it.
"""

from __future__ import annotations

from circuits.builder import Builder, V


def short_part(builder: Builder[V], value: V, bits: int) -> V:
    """Return a value that is at least max(0, -value), for |value| < 2^bits."""
    short = builder.helper([builder.combine([(-1, value)]), builder.combine([])], bits)  # (1)
    builder.nonnegative(builder.combine([(1, value), (1, short)]), bits)  # (2)
    return short


def absolute(builder: Builder[V], value: V, bits: int) -> V:
    """Return a value that is at least |value|, for |value| < 2^bits."""
    return builder.combine([(1, value), (2, short_part(builder, value, bits))])
