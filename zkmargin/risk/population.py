"""A synthetic population of cross-margined accounts, the same for the same seed.

Each account draws an equity and a leverage (both lognormal), one to three contracts by the volume that they trade, a
direction for all of them, and shares between them. Nobody opens above the initial requirement: a book that would is cut
down to it, so a higher margin means a less levered population. Who these numbers describe is not claimed: they are
invented, and every result that uses them is a result about them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import log

import numpy as np

from zkmargin.amounts import PPM, bounded
from zkmargin.errors import StatementError
from zkmargin.market.chains import UNITS_PER_USD
from zkmargin.market.snapshot import Snapshot
from zkmargin.risk.accounts import Accounts, Column, standings

MAX_ACCOUNTS = 100_000


@dataclass(frozen=True, slots=True)
class PopulationRules:
    """What the population looks like.

    Args:
        accounts: How many.
        seed: The same seed gives the same accounts.
        median_equity_units: Median equity.
        equity_spread_ppm: Deviation of the logarithm of equity.
        median_leverage_ppm: Median of the leverage wanted.
        leverage_spread_ppm: Deviation of the logarithm of leverage.
        long_ppm: Probability that an account is long.
    """

    accounts: int = 3_000
    seed: int = 1
    median_equity_units: int = 10_000 * UNITS_PER_USD
    equity_spread_ppm: int = 1_300_000
    median_leverage_ppm: int = 5 * PPM
    leverage_spread_ppm: int = 900_000
    long_ppm: int = 700_000

    def __post_init__(self) -> None:
        bounded("accounts", self.accounts, 1, MAX_ACCOUNTS)
        bounded("seed", self.seed, 0, 2**63 - 1)
        bounded("median_equity_units", self.median_equity_units, 1, 2**50)
        bounded("median_leverage_ppm", self.median_leverage_ppm, 1, 1_000 * PPM)
        bounded("long_ppm", self.long_ppm, 0, PPM)
        for field in ("equity_spread_ppm", "leverage_spread_ppm"):
            bounded(field, getattr(self, field), 0, 3 * PPM)


def population(
    rules: PopulationRules, snapshot: Snapshot, volumes_units: Mapping[str, int], cash_id: str = "USD"
) -> Accounts:
    """Return the accounts, every one of them above its initial requirement at the marks of the snapshot.

    Args:
        rules: What the population looks like.
        snapshot: The market, with cross parameters.
        volumes_units: What each contract trades: how often it is drawn, and how much of a book it is, follow from it.
        cash_id: Id of the settlement asset.

    Raises:
        StatementError: if the snapshot has no cross parameters for the names, or amounts would not fit.
    """
    draw, names = np.random.default_rng(rules.seed), tuple(volumes_units)
    count, kinds = rules.accounts, len(names)
    weights = np.array([bounded(f"volume of {name}", volumes_units[name], 0, 2**62) + 1.0 for name in names])
    equity = np.minimum(draw.lognormal(log(rules.median_equity_units), rules.equity_spread_ppm / PPM, count), 2.0**52)
    leverage = draw.lognormal(log(rules.median_leverage_ppm / PPM), rules.leverage_spread_ppm / PPM, count)
    direction = np.where(draw.random(count) < rules.long_ppm / PPM, 1, -1)
    shares = draw.exponential(1.0, (count, kinds)) * weights
    order = (draw.exponential(1.0, (count, kinds)) / weights).argsort(axis=1).argsort(axis=1)
    shares[order >= draw.integers(1, 4, count)[:, np.newaxis]] = 0
    shares /= shares.sum(axis=1, keepdims=True)
    notionals = np.array([snapshot.notional_per_lot(name) for name in names], dtype=np.float64)
    wanted = (equity * np.minimum(leverage, 100.0) * direction)[:, np.newaxis] * shares / notionals
    equity_units = equity.astype(np.int64) + 1
    accounts = _open(snapshot, names, cash_id, equity_units, wanted.astype(np.int64))
    required = standings(snapshot, accounts, initial=True)
    room = np.minimum(1.0, equity_units / (required.whole_units + 1.0)) * (1 - 1e-9)
    accounts = _open(snapshot, names, cash_id, equity_units, (accounts.lots * room[:, np.newaxis]).astype(np.int64))
    found = standings(snapshot, accounts, initial=True)
    if not (found.equity_units > found.whole_units).all():
        raise StatementError("every account must open above its initial requirement")
    return accounts


def _open(snapshot: Snapshot, names: tuple[str, ...], cash_id: str, equity_units: Column, lots: Column) -> Accounts:
    values = np.array([snapshot.value_per_lot(name) for name in names], dtype=np.int64)
    return Accounts(names, cash_id, equity_units - lots @ values, lots)
