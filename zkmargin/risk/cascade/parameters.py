"""Everything that a simulation depends on: markets, crowd, impact, controls, proving, behaviour, and what goes wrong.

Units
-----
    settlement units (a cent in the built-in models), ticks and lots as everywhere; rates in ppm; times in steps.
    Depth is settlement units, at the first price, per unit of log price: a flow of that size moves a market to 1/e.

Bounds
------
    No account may reach 2^40 units of notional, cash or collateral while every price is at most 8 times its first one.
    Then each product of a margin rule stays below 2^63, and int64 decides exactly what unbounded integers would.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from math import isfinite
from typing import Any, ClassVar

from zkmargin.amounts import PPM, bounded
from zkmargin.errors import StatementError
from zkmargin.market.parameters import TierTable
from zkmargin.risk.shocks import MAX_STEPS

MAX_ACCOUNT_UNITS = 2**40
MAX_PRICE_MULTIPLE = 8
MAX_ACCOUNTS = 1_000_000
MAX_MARKETS = 64
FOREVER = 2**31 - 1

Limits = dict[str, tuple[float, float]]


class Checked:
    """Refuses a field that is out of its limits; None is allowed where the field's own type says so."""

    limits: ClassVar[Limits]
    __slots__ = ()

    def __post_init__(self) -> None:
        for name, limits in self.limits.items():
            _check(f"{type(self).__name__}.{name}", getattr(self, name), limits)


def _check(field: str, value: Any, limits: tuple[float, float]) -> None:
    for number in value if isinstance(value, tuple) else (value,):
        if number is not None and not (isfinite(number) and limits[0] <= number <= limits[1]):
            raise StatementError(f"{field} must be between {limits[0]:g} and {limits[1]:g}, got {number:g}")


@dataclass(frozen=True, slots=True)
class Market(Checked):
    """One linear contract at one venue; the same asset may trade at several.

    Args:
        name: Identifier.
        asset: Number of the asset in the shocks.
        venue: Number of the venue.
        mark_ticks: First mark.
        multiplier: Units that a tick of a lot is worth.
        depth_units: Depth in calm.
        maintenance: Tiers of the maintenance requirement.
        initial: Tiers of the initial requirement.
    """

    limits: ClassVar[Limits] = {
        "asset": (0, 63),
        "venue": (0, 63),
        "mark_ticks": (100, 2**27),
        "multiplier": (1, 2**20),
        "depth_units": (1, 2**52),
    }
    name: str
    asset: int
    venue: int
    mark_ticks: int
    multiplier: int
    depth_units: int
    maintenance: TierTable
    initial: TierTable


@dataclass(frozen=True, slots=True)
class Coin(Checked):
    """What an account may post besides cash: a coin of an asset, or, with asset -1, a token pegged to the unit."""

    limits: ClassVar[Limits] = {
        "asset": (-1, 63),
        "mark_ticks": (100, 2**27),
        "multiplier": (1, 2**20),
        "haircut_ppm": (0, PPM - 1),
    }
    name: str
    asset: int
    mark_ticks: int
    multiplier: int
    haircut_ppm: int


@dataclass(frozen=True, slots=True)
class Contract(Checked):
    """An option on a market.

    Args:
        market: Number of the market under it.
        right: ``"call"`` or ``"put"``.
        strike_ppm: Strike as a multiple of the first mark.
        days: Days to expiry, which do not run during a simulation.
        volatility_ppm: Implied volatility in calm.
        dealers_short_lots: Lots that hedgers outside are short; they trade the market so that their delta stays zero.
    """

    limits: ClassVar[Limits] = {
        "market": (0, MAX_MARKETS - 1),
        "strike_ppm": (10_000, 4 * PPM),
        "days": (1, 3_650),
        "volatility_ppm": (10_000, 10 * PPM),
        "dealers_short_lots": (-(2**40), 2**40),
    }
    market: int
    right: str
    strike_ppm: int
    days: int = 30
    volatility_ppm: int = 600_000
    dealers_short_lots: int = 0


@dataclass(frozen=True, slots=True)
class Crowd(Checked):
    """Who trades: leverage by age of the position, sizes, sides, collateral, options.

    Args:
        accounts: Accounts of the whole model, 1 to 10^6.
        open_interest_units: Sum of the longs of each market.
        leverages: Leverages at entry.
        weights: Their relative frequencies.
        mean_age_steps: Mean age of a position; its entry price is a random walk that long ago.
        long_share_ppm: Share of the accounts that are long.
        size_tail: Exponent of the Pareto sizes; smaller means a more concentrated market.
        cross_share_ppm: Share of accounts that hold every market of their venue.
        coin_share_ppm: Share of accounts that post coins instead of cash.
        writer_share_ppm: Share of accounts that have sold options: half of them puts, half covered calls.
    """

    limits: ClassVar[Limits] = {
        "accounts": (1, MAX_ACCOUNTS),
        "open_interest_units": (1, 2**52),
        "leverages": (1, 125),
        "weights": (0, 1e9),
        "mean_age_steps": (0, 1e7),
        "long_share_ppm": (0, PPM),
        "size_tail": (0.5, 100),
        "cross_share_ppm": (0, PPM),
        "coin_share_ppm": (0, PPM),
        "writer_share_ppm": (0, PPM),
    }
    accounts: int = 3_000
    open_interest_units: int = 2 * 10**12
    leverages: tuple[float, ...] = (2, 3, 5, 10, 20, 50)
    weights: tuple[float, ...] = (20, 20, 25, 20, 10, 5)
    mean_age_steps: float = 2_880
    long_share_ppm: int = 600_000
    size_tail: float = 1.5
    cross_share_ppm: int = 0
    coin_share_ppm: int = 0
    writer_share_ppm: int = 0


@dataclass(frozen=True, slots=True)
class Impact(Checked):
    """How a flow moves a price.

    Args:
        law: ``"linear"``: flow / depth. ``"square_root"``: sqrt(remembered flow / depth), times `factor`.
        factor: Y * sigma of the square-root law.
        transient: Share of the move that fades, 0 to 1.
        decay: Share of the transient move, and of the remembered flow, that fades in a step.
        withdrawal: gamma; depth falls with (first volatility / volatility)^gamma.
        least_depth: Depth never falls below this share.
        arbitrage: Share of the difference between venues of one asset that closes in a step.
        volatility_memory: Weight of the last variance in the public volatility.
    """

    limits: ClassVar[Limits] = {
        "factor": (0, 10),
        "transient": (0, 1),
        "decay": (0, 1),
        "withdrawal": (0, 10),
        "least_depth": (1e-3, 1),
        "arbitrage": (0, 1),
        "volatility_memory": (0, 0.9999),
    }
    law: str = "linear"
    factor: float = 0.05
    transient: float = 0.5
    decay: float = 0.05
    withdrawal: float = 0.5
    least_depth: float = 0.1
    arbitrage: float = 0.2
    volatility_memory: float = 0.94


@dataclass(frozen=True, slots=True)
class Behaviour(Checked):
    """What people add to rules.

    Args:
        herding: Outside flow that follows the last move, as a share of it: 0.2 adds a fifth of the last return.
        panic: Herding is multiplied by this after a fall.
        stop_share_ppm: Share of accounts with a stop-loss order.
        stop_grid_ppm: Stops stand at multiples of this share of the first mark: round numbers.
        top_up_share_ppm: Share of accounts that answer a call with a deposit.
        reserve_ppm: What such an account can deposit in all, relative to its first equity.
    """

    limits: ClassVar[Limits] = {
        "herding": (0, 0.9),
        "panic": (0, 10),
        "stop_share_ppm": (0, PPM),
        "stop_grid_ppm": (1_000, PPM),
        "top_up_share_ppm": (0, PPM),
        "reserve_ppm": (0, 10 * PPM),
    }
    herding: float = 0.0
    panic: float = 1.0
    stop_share_ppm: int = 0
    stop_grid_ppm: int = 50_000
    top_up_share_ppm: int = 0
    reserve_ppm: int = 0


@dataclass(frozen=True, slots=True)
class Proving(Checked):
    """How fast a venue learns who is safe.

    Args:
        proofs_per_step: Proofs that one venue can take in a step; None is a venue that sees every book at once.
        represents: Accounts of the real venue behind each simulated one.
        deadline_steps: Steps of silence after which an account is liquidated.
        widths_ppm: Boxes an account may prove, ascending; it takes the widest that holds.
    """

    limits: ClassVar[Limits] = {
        "proofs_per_step": (0, 2**40),
        "represents": (1, 2**31),
        "deadline_steps": (0, FOREVER),
        "widths_ppm": (1, PPM // 2),
    }
    proofs_per_step: int | None = None
    represents: int = 1
    deadline_steps: int = 0
    widths_ppm: tuple[int, ...] = (3_000, 10_000, 30_000, 80_000, 200_000)


@dataclass(frozen=True, slots=True)
class Window(Checked):
    """Steps from `start` on and before `end`."""

    limits: ClassVar[Limits] = {"start": (0, MAX_STEPS), "end": (0, MAX_STEPS)}
    start: int = 0
    end: int = 0

    def holds(self, step: int) -> bool:
        """Return whether the step lies in the window."""
        return self.start <= step < self.end


@dataclass(frozen=True, slots=True)
class Faults(Checked):
    """What goes wrong on purpose.

    Args:
        oracle: While it lasts the marks stay where they were.
        prover: While it lasts no proof arrives, and clocks run.
        depeg: While it lasts pegged tokens are worth `peg_ppm`.
        peg_ppm: Price of a pegged token in that window, as a share of its first one.
    """

    limits: ClassVar[Limits] = {"peg_ppm": (1, PPM)}
    oracle: Window = field(default_factory=Window)
    prover: Window = field(default_factory=Window)
    depeg: Window = field(default_factory=Window)
    peg_ppm: int = PPM


def check_names(field: str, value: str, *allowed: str) -> None:
    """Refuse a word that is not one of `allowed`."""
    if value not in allowed:
        raise StatementError(f"{field} must be one of {', '.join(allowed)}, got {value[:40]!r}")


def check_numbers(field: str, values: tuple[int, ...], count: int) -> None:
    """Refuse a number that names none of `count` things."""
    for value in values:
        bounded(field, value, 0, count - 1)
