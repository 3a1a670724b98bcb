"""A venue's own model in constraints; equals `zkmargin.margin.composed`.

Constraints, for the claim's scale
----------------------------------
    (1) every expression below the top                                         `circuits.margin.expressions`
    (2) for every alternative a of the requirement: value - deductions - a >= 0      `gadgets.ranges`

A requirement that is a maximum at its top is a conjunction, and costs a row for each alternative and no maximum. By (1)
the left side of (2) is at most the rule's slack for the alternative, so (2) implies the claim; with honest helpers the
least of them is the slack.

Bounds
------
    An honest prover states lots below 2^64 in size, and every value and slack below 2^capacity_bits units.
    No row wraps around for any lots that the account's commitment is known to hold, or the statement is refused.
"""

from __future__ import annotations

from collections.abc import Sequence

from circuits.builder import Builder, Circuit, V
from circuits.margin.expressions import Charges, Terms, alternatives
from zkmargin.margin import composed
from zkmargin.margin.claim import Claim
from zkmargin.margin.composed import Rule
from zkmargin.market.snapshot import Snapshot


def circuit(snapshot: Snapshot, claim: Claim, basis: Sequence[str]) -> Circuit:
    """Return the circuit of the claim about the one committed book over `basis`.

    Raises:
        StatementError: as `zkmargin.margin.composed.rule`.
    """
    stated = composed.rule(snapshot, claim, basis)
    rows = _rows(stated)
    value_bits = stated.capacity_bits + (stated.scale - 1).bit_length()

    def constrain(builder: Builder[V]) -> None:
        charges = Charges(builder, stated.marks, stated.capacity_bits)
        for terms in rows:
            taken = charges.total(terms)  # (1)
            builder.nonnegative(builder.combine([(-1, taken)]), value_bits)  # (2)

    return constrain


def _rows(stated: Rule) -> list[Terms]:
    (factor, requirement), deductions = stated.terms
    fixed: Terms = (deductions, (1, stated.equity))
    return [
        (*((factor * multiplier, leaf) for multiplier, leaf in terms), *fixed)
        for terms in alternatives(requirement, stated.marks)
    ]
