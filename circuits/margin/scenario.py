"""Scenario margin in constraints; equals `zkmargin.margin.scenario`.

Constraints, for the claim's scale u
------------------------------------
    (1) for every instrument i that some row charges when short: short_i >= max(0, -q_i)           `gadgets.absolute`
    (2) for every row k: sum_i coefficient_ki q_i - sum_i per_short_lot_ki short_i >= 0            `gadgets.ranges`

By (1) the left side of (2) is at most the row's slack, so (2) implies every row of the rule; with honest helpers it is
the slack.

Bounds
------
    An honest prover states lots below 2^64 in size, and every slack below 2^capacity_bits units.
    No row wraps around for any lots below 2^REGISTERED_BITS, which is what a registration proves.
"""

from __future__ import annotations

from collections.abc import Sequence

from circuits.builder import Builder, Circuit, V
from circuits.gadgets.absolute import short_part
from zkmargin.amounts import QUANTITY_BITS
from zkmargin.margin import scenario
from zkmargin.margin.claim import Claim
from zkmargin.market.snapshot import Snapshot


def circuit(snapshot: Snapshot, claim: Claim, basis: Sequence[str]) -> Circuit:
    """Return the circuit of the claim about the one committed book over `basis`; the rule's rows are read off once.

    Raises:
        StatementError: as `zkmargin.margin.scenario.rows`.
    """
    rows = scenario.rows(snapshot, claim, basis)
    scale = scenario.scale(snapshot, claim)
    value_bits = snapshot.parameters(claim.model).capacity_bits + (scale - 1).bit_length()
    charged = [place for place in range(len(basis)) if any(row.per_short_lot[place] for row in rows)]

    def constrain(builder: Builder[V]) -> None:
        quantities = [builder.quantity(label) for label in basis]
        shorts = {place: short_part(builder, quantities[place], QUANTITY_BITS) for place in charged}  # (1)
        for row in rows:
            held = zip(row.coefficients, quantities, strict=True)
            owed = [(-row.per_short_lot[place], short) for place, short in shorts.items()]
            builder.nonnegative(builder.combine([*held, *owed]), value_bits)  # (2)

    return constrain
