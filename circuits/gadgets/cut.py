"""A book cut into strategies and what is left naked: the witness of a pairing margin.

Constraints, for quantities q_i, strategies with legs_si and charges c_s, and naked charges long_i, short_i >= 0
---------------------------------------------------------------------------------------------------------------
    (1) y_s >= 0                                    free helpers, honestly a cheap cut
    (2) rest_i = q_i - sum_s legs_si y_s            no constraint: what is left is what is left
    (3) naked_i >= max(0, -rest_i)                  `gadgets.absolute`

    charge = sum_s c_s y_s + sum_i long_i (rest_i + naked_i) + short_i naked_i

The y_s are whole numbers that are not negative, so they describe a cut of the book, and its charge is one that the rule
allows. By (2) the book is cut exactly: a strategy that is used takes its legs, and a leg that is taken twice is short.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

from circuits.builder import Builder, V
from circuits.gadgets.absolute import short_part


class Strategy(Protocol):
    """Legs that are charged together, as the plain rule publishes them."""

    @property
    def legs(self) -> Mapping[str, int]:
        """Return the lots of each id."""

    @property
    def charge_units(self) -> int:
        """Return the charge; never negative."""


def cut(
    builder: Builder[V],
    quantities: Mapping[str, V],
    strategies: Sequence[Strategy],
    long: Mapping[str, int],
    short: Mapping[str, int],
    choose: Callable[[Sequence[int]], Sequence[int]],
    bits: int,
) -> V:
    """Return the charge of the book, cut as the prover likes.

    Args:
        builder: The reader.
        quantities: q by id.
        strategies: What the book may be cut into.
        long: Charge of a naked long lot by id.
        short: Charge of a naked short lot by id.
        choose: From the quantities, how many of each strategy an honest prover uses.
        bits: Counts and rests are below 2^bits in size.
    """
    counts = builder.helpers(list(quantities.values()), choose, [bits] * len(strategies))  # (1)
    terms = [(strategy.charge_units, count) for strategy, count in zip(strategies, counts, strict=True)]
    for name, quantity in quantities.items():
        used = [(-item.legs.get(name, 0), count) for item, count in zip(strategies, counts, strict=True)]
        rest = builder.combine([(1, quantity), *(term for term in used if term[0])])  # (2)
        naked = short_part(builder, rest, bits)  # (3)
        held, owed = long.get(name, 0), short.get(name, 0)
        terms += [(held, rest), (held + owed, naked)]
    return builder.combine(terms)
