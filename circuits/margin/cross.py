"""Cross margin in constraints; equals `zkmargin.margin.cross`.

Constraints, for the claim's scale u
------------------------------------
    (1) for every instrument i that is not cash: charge_i >= max_j piece_ij(q_i)     `gadgets.piecewise`
    (2) u * cash - sum_i charge_i >= 0                                               `gadgets.ranges`

By (1) the left side of (2) is at most the rule's slack, so (2) implies the claim; with honest helpers it is the slack.

Bounds
------
    An honest prover states lots below 2^64 in size, and charges and slack below 2^capacity_bits units.
    No row wraps around for any lots below 2^REGISTERED_BITS, which is what a registration proves.
"""

from __future__ import annotations

from collections.abc import Sequence

from circuits.builder import Builder, Circuit, V
from circuits.gadgets.piecewise import convex
from zkmargin.amounts import QUANTITY_BITS
from zkmargin.margin import cross
from zkmargin.margin.claim import Claim
from zkmargin.market.snapshot import Snapshot


def circuit(snapshot: Snapshot, claim: Claim, basis: Sequence[str]) -> Circuit:
    """Return the circuit of the claim about the one committed book over `basis`; the rule's pieces are read off once.

    Raises:
        StatementError: as `zkmargin.margin.cross.charges`.
    """
    pieces_of = cross.charges(snapshot, claim, basis)
    scale = cross.scale(claim)
    value_bits = snapshot.parameters(claim.model).capacity_bits + (scale - 1).bit_length()

    def constrain(builder: Builder[V]) -> None:
        slack: list[tuple[int, V]] = []
        for label in basis:
            quantity = builder.quantity(label)
            pieces = pieces_of.get(label)
            if pieces is None:
                slack.append((scale, quantity))
            else:
                slack.append((-1, convex(builder, quantity, pieces, QUANTITY_BITS, value_bits)))  # (1)
        builder.nonnegative(builder.combine(slack), value_bits)  # (2)

    return constrain
