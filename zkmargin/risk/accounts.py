"""Many cross-margined accounts at once: the plain rule of `zkmargin.margin.cross`, in whole columns.

Rule
----
    For books of cash c and quantities q of linear contracts, one row each:

        E   = c + sum_i q_i * value_i
        MM  = sum_i max_k ( |q_i| * notional_i * rate_k - cum_k )

    A row meets a maintenance claim with threshold n/d exactly when `assess` says so of the same book. A test holds the
    two against each other.

Units
-----
    settlement units; the requirement in 10^-6 units, kept as a pair (whole units, rest below 10^6).

Rounding
--------
    None. NumPy's 64-bit integers do not grow, so nothing is scaled by 10^6: with N = 10^6 a + b, the charge
    ``N * rate - cum`` is ``10^6 * (a * rate - whole cum) + (b * rate - rest of cum)``, and each part is small.

Bounds
------
    Every notional, and the sum of the sizes of everything that makes an equity, stays below 2^62 units, or the table is
    refused. Books of linear contracts and cash only.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from zkmargin.amounts import PPM, Ratio, bounded
from zkmargin.errors import StatementError
from zkmargin.margin.portfolio import Book
from zkmargin.market.instruments import Linear
from zkmargin.market.parameters import CrossParameters, TierTable
from zkmargin.market.snapshot import Snapshot
from zkmargin.risk.liquidation import Standing

Column = NDArray[np.int64]
LIMIT = 2**62
MAX_RATIO_TERM = 1_000


@dataclass(slots=True)
class Accounts:
    """A table of books, changed in place by a simulation.

    Args:
        names: Ids of the linear contracts, in the order of the columns of `lots`.
        cash_id: Id of the settlement asset.
        cash_units: One number a row.
        lots: One row of quantities a book.
    """

    names: tuple[str, ...]
    cash_id: str
    cash_units: Column
    lots: Column

    def __post_init__(self) -> None:
        if self.cash_units.dtype != np.int64 or self.lots.dtype != np.int64:
            raise StatementError("columns must be 64-bit integers")
        if self.lots.shape != (len(self.cash_units), len(self.names)):
            raise StatementError(f"lots must have {len(self.cash_units)} rows of {len(self.names)} columns")

    def __len__(self) -> int:
        return len(self.cash_units)

    def book(self, row: int) -> Book:
        """Return one row as a book."""
        quantities = {name: int(lots) for name, lots in zip(self.names, self.lots[row], strict=True)}
        return Book({self.cash_id: int(self.cash_units[row])} | quantities)


@dataclass(frozen=True, slots=True)
class Standings:
    """Equity and requirement of every row.

    Args:
        equity_units: E.
        whole_units: Whole part of MM.
        rest_scaled: The rest of MM, 0 to 10^6 - 1, in 10^-6 units.
        notional_units: Sum of the sizes of the row's positions.
    """

    equity_units: Column
    whole_units: Column
    rest_scaled: Column
    notional_units: Column

    def reach(self, level: Ratio) -> NDArray[np.bool_]:
        """Return, row by row, whether ``E >= level * MM``.

        Raises:
            StatementError: if the level is not a ratio of numbers up to 1,000, or a product could overflow.
        """
        up = bounded("numerator of the level", level.numerator, 1, MAX_RATIO_TERM)
        down = bounded("denominator of the level", level.denominator, 1, MAX_RATIO_TERM)
        largest = max(int(np.abs(self.equity_units).max(initial=0)), int(self.whole_units.max(initial=0)))
        bounded("level * amount", largest * max(up, down), 0, LIMIT)
        rest = -(-up * self.rest_scaled // PPM)
        reached: NDArray[np.bool_] = down * self.equity_units - up * self.whole_units >= rest
        return reached


def standings(snapshot: Snapshot, accounts: Accounts, *, initial: bool = False) -> Standings:
    """Return the standings of all rows under the cross parameters of a snapshot.

    Raises:
        StatementError: if the snapshot has no cross parameters, a column is not a linear contract of it, or an amount
            could leave its bound.
    """
    parameters = _parameters(snapshot)
    values, notionals = _per_lot(snapshot, accounts.names)
    _check_bounds(accounts, values, notionals)
    tables = parameters.initial if initial else parameters.maintenance
    sizes = np.abs(accounts.lots) * np.array(notionals, dtype=np.int64)
    whole = np.zeros(len(accounts), dtype=np.int64)
    rest = np.zeros(len(accounts), dtype=np.int64)
    for position, name in enumerate(accounts.names):
        high, low = _charge(tables[name], sizes[:, position])
        whole += high
        rest += low
    equity = accounts.cash_units + accounts.lots @ np.array(values, dtype=np.int64)
    return Standings(equity, whole + rest // PPM, rest % PPM, sizes.sum(axis=1))


def standing(snapshot: Snapshot, accounts: Accounts, row: int) -> Standing:
    """Return what `standings` says of one row, as the scalar rules take it.

    Raises:
        StatementError: as `standings`.
    """
    parameters = _parameters(snapshot)
    values, notionals = _per_lot(snapshot, accounts.names)
    lots = accounts.lots[row].tolist()
    sizes = [abs(held) * notional for held, notional in zip(lots, notionals, strict=True)]
    required = [
        parameters.maintenance[name].margin_scaled(size) for name, size in zip(accounts.names, sizes, strict=True)
    ]
    worth = sum(held * value for held, value in zip(lots, values, strict=True))
    return Standing(int(accounts.cash_units[row]) + worth, sum(required), sum(sizes))


def _charge(table: TierTable, notional: Column) -> tuple[Column, Column]:
    """Return ``max_k (N * rate_k - cum_k)`` as whole units and a rest in [0, 10^6).

    The table is convex and continuous, so the largest piece is that of the tier in which N lies.
    """
    floors = np.array([tier.floor_units for tier in table.tiers if tier.floor_units < LIMIT], dtype=np.int64)
    tier = np.searchsorted(floors, notional, side="right") - 1
    rates = np.array([tier.rate_ppm for tier in table.tiers[: len(floors)]], dtype=np.int64)
    cums = [divmod(cum, PPM) for cum in table.cum_scaled[: len(floors)]]
    wholes, rests = (np.array(part, dtype=np.int64) for part in zip(*cums, strict=True))
    scaled = notional % PPM * rates[tier] - rests[tier]
    return notional // PPM * rates[tier] - wholes[tier] + scaled // PPM, scaled % PPM


def _parameters(snapshot: Snapshot) -> CrossParameters:
    if snapshot.cross is None:
        raise StatementError(f"epoch {snapshot.epoch} of {snapshot.venue} has no cross parameters")
    return snapshot.cross


def _per_lot(snapshot: Snapshot, names: Sequence[str]) -> tuple[list[int], list[int]]:
    listings = [snapshot.listing(name) for name in names]
    for item in listings:
        if not isinstance(item.instrument, Linear):
            raise StatementError(f"{item.id} must be a linear contract, got {item.instrument.kind}")
    return [item.value_units for item in listings], [item.notional_units for item in listings]


def _check_bounds(accounts: Accounts, values: Sequence[int], notionals: Sequence[int]) -> None:
    """Refuse what could overflow, in Python's own integers: the largest size of each column decides."""
    if not len(accounts):
        return
    largest = [bounded("lots", size, 0, LIMIT - 1) for size in _sizes(accounts.lots)]
    worth = sum(size * abs(value) for size, value in zip(largest, values, strict=True))
    (cash,) = _sizes(accounts.cash_units[:, np.newaxis])
    bounded("size of an equity", bounded("cash_units", cash, 0, LIMIT - 1) + worth, 0, LIMIT - 1)
    total = sum(size * notional for size, notional in zip(largest, notionals, strict=True))
    bounded("size of all notionals", total, 0, LIMIT - 1)


def _sizes(columns: Column) -> list[int]:
    """Return the largest size in each column."""
    return [max(abs(int(low)), abs(int(high))) for low, high in zip(columns.min(0), columns.max(0), strict=True)]
