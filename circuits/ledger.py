"""What the entries of a ledger have to prove, as constraint systems and linear relations.

Bounds of a change (one commitment D over the trade's basis)
-----------------------------------------------------------
    (1) d_i + 2^63 >= 0, with digits that reach 2^64 - 1 exactly: -2^63 <= d_i < 2^63 for every i

Reduction (commitment 0: the account's C before; commitment 1: D), for every id i that is not cash
----------------------------------------------------------------------------------------------
    (2) -d_i (q_i + d_i) >= 0           so d_i lies between 0 and -q_i: no larger, no change of sign, nothing from zero
    (3) size_i >= 0,  (size_i - d_i)(size_i + d_i) = 0                                so size_i = |d_i|
    (4) 10^6 * (sum of cash + sum_i owed_i d_i) + band_ppm * sum_i notional_i size_i >= 0
                                        at the marks, no more is given away than the band

Holding (the account's C after)
-------------------------------
    (5) q_asset >= 0

Settlement (linear, with (1) for D over {cash, i} and an opening of C + D over the basis without i)
----------------------------------------------------------------------------------------------
    (6) PK{ (q, rho) : D = q (v P_cash - P_i) + rho H }

Everything else an entry needs is a relation of `zkmargin.proofs.relations`: an empty book and the migration between
keys are statements about multiples of H, and what leaves a basis is shown to be zero by an opening over the rest.

Bounds
------
    A change is exact: its digits have a base in `EXACT_BASES`, so n changes add up to at most n 2^63 in size: below
    2^77 for the first 16,383 of an account, below 2^LEDGER_BITS for all of them (`bits_after`).
    In (2) |d| <= 2^63 follows from (1), but the system takes 2^LEDGER_BITS for both and stays below the order.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache

from circuits.builder import Builder, Circuit, V
from circuits.registration import REGISTERED_BITS
from circuits.sizes import PROVE_AND_VERIFY_WEIGHT
from circuits.systems import Shape, compile_circuit
from zkmargin.algebra import generators
from zkmargin.algebra.group import group
from zkmargin.algebra.scalars import ORDER
from zkmargin.amounts import PPM, QUANTITY_BITS
from zkmargin.commitments import Commitment
from zkmargin.market.instruments import Cash
from zkmargin.market.snapshot import Listing, Snapshot
from zkmargin.proofs.constraints import System
from zkmargin.proofs.linear_relation import Equation, Relation

CHANGE_BITS = 63
LEDGER_BITS = CHANGE_BITS + 48
YOUNG_SEQUENCE = 2 ** (REGISTERED_BITS - CHANGE_BITS)

# Powers of two whose exponent divides 64: digits of these bases reach 2^64 - 1 and not one further.
EXACT_BASES = {4: 32, 16: 16, 256: 8}

_PRODUCT_BITS = 2 * QUANTITY_BITS
_VALUE_BITS = 96


def bounds_circuit(basis: Sequence[str]) -> Circuit:
    """Return the circuit of the bounds of a change."""

    def circuit(builder: Builder[V]) -> None:
        for label in basis:
            shifted = builder.combine([(1, builder.quantity(label))], 2**CHANGE_BITS)
            builder.nonnegative(shifted, CHANGE_BITS + 1)  # (1)

    return circuit


@lru_cache(maxsize=64)
def bounds_system(basis: tuple[str, ...]) -> System:
    """Return the constraint system of the bounds of a change, in the cheapest base that is exact."""
    return compile_circuit(bounds_circuit(basis), Shape((basis,), None), exact_base(len(basis)))


def exact_base(numbers: int) -> int:
    """Return the exact base that makes `numbers` numbers of 64 bits cheapest.

    Example:
        >>> exact_base(1), exact_base(2), exact_base(40)
        (16, 16, 256)
    """
    slot, wire = PROVE_AND_VERIFY_WEIGHT
    return min(EXACT_BASES, key=lambda base: slot * numbers * EXACT_BASES[base] + wire * (base - 1))


def bits_after(sequence: int) -> int:
    """Return the bound of every quantity of an account that has had so many entries, |q| <= sequence 2^63.

    The bound of a registration as long as it holds, so that whatever can be claimed outside a ledger can be in one.

    Example:
        >>> bits_after(0), bits_after(2**14 - 1), bits_after(2**14), bits_after(2**48 - 1)
        (77, 77, 111, 111)
    """
    return REGISTERED_BITS if sequence < YOUNG_SEQUENCE else LEDGER_BITS


def reduction_circuit(snapshot: Snapshot, basis: Sequence[str], band_ppm: int) -> Circuit:
    """Return the circuit of a change over `basis` that only reduces exposure."""
    listings = [snapshot.listing(label) for label in basis]

    def circuit(builder: Builder[V]) -> None:
        value: list[tuple[int, V]] = []
        for listing in listings:
            change = builder.quantity(listing.id, 1)
            value.append((PPM * listing.owed_units, change))
            if not isinstance(listing.instrument, Cash):
                size = _reduces(builder, listing, change)
                value.append((band_ppm * listing.notional_units, size))
        builder.nonnegative(builder.combine(value), _VALUE_BITS)  # (4)

    return circuit


def reduction_system(
    snapshot: Snapshot, account_basis: tuple[str, ...], basis: tuple[str, ...], band_ppm: int
) -> System:
    """Return the constraint system of a reduction by a change over `basis`, a part of the account's basis.

    Raises:
        StatementError: if an id is not listed.
    """
    return _reduction_system(_Market(snapshot.digest(), snapshot), account_basis, basis, band_ppm)


@dataclass(frozen=True, slots=True)
class _Market:
    """A snapshot that is equal to another when the digests are."""

    digest: bytes
    snapshot: Snapshot = field(compare=False)


@lru_cache(maxsize=64)
def _reduction_system(market: _Market, account_basis: tuple[str, ...], basis: tuple[str, ...], band_ppm: int) -> System:
    shape = Shape((account_basis, basis), LEDGER_BITS)
    return compile_circuit(reduction_circuit(market.snapshot, basis, band_ppm), shape)


def holding_circuit(asset: str) -> Circuit:
    """Return the circuit that says that an asset is held, not owed."""

    def circuit(builder: Builder[V]) -> None:
        builder.nonnegative(builder.quantity(asset), QUANTITY_BITS)  # (5)

    return circuit


@lru_cache(maxsize=64)
def holding_system(basis: tuple[str, ...], asset: str) -> System:
    """Return the constraint system that says that an asset is held, not owed."""
    return compile_circuit(holding_circuit(asset), Shape((basis,), LEDGER_BITS))


def settlement(cash: str, instrument: str, value_units: int, commitment: Commitment) -> Relation:
    """Return the relation (6), ``D = q (v P_cash - P_i) + rho H``; witness (q, rho).

    Args:
        cash: Id of the cash.
        instrument: Id of the instrument, another one.
        value_units: v, what one lot is worth at the final price; the relation leaves P_cash out when it is 0.
        commitment: D.
    """
    elements = [group.generator(), generators.book(instrument), generators.blinding(), commitment.point]
    terms = [(0, 1, int(ORDER) - 1), (1, 2, 1)]
    if value_units:
        elements.append(generators.book(cash))
        terms.append((0, 4, value_units % int(ORDER)))
    return Relation(tuple(elements), (Equation(((3, 1),), tuple(terms)),))


def _reduces(builder: Builder[V], listing: Listing, change: V) -> V:
    """Constrain a change to reduce what is held or owed; return its size."""
    left = builder.combine([(1, builder.quantity(listing.id, 0)), (1, change)])
    product = builder.product(change, left)
    builder.nonnegative(builder.combine([(-1, product)]), _PRODUCT_BITS)  # (2)
    negative = builder.combine([(-1, change)])
    size = builder.helper([change, negative], QUANTITY_BITS)  # (3)
    above, below = builder.combine([(1, size), (1, negative)]), builder.combine([(1, size), (1, change)])
    builder.zero(builder.product(above, below))  # (3)
    return size
