"""One market under moved prices and volatilities: what the publisher of a scenario grid asks of it.

Rule
----
    value(i, m)      value of one held lot of i after every price moved by the fraction m
    loss(i, m)       value(i, 0) - value(i, m), both by the formula and the volatility of the mark
    dollar delta     d value / d m at m = 0: notional for linear contracts, delta * forward for options, and what
                     counts after the haircut for collateral

Moves reach every forward alike, as one index does: a model per underlying, with the listings of that underlying.

Units
-----
    settlement units as exact fractions; moves in ppm, volatilities in ppm. Rounding is the caller's.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction

from zkmargin.amounts import PPM, bounded
from zkmargin.errors import StatementError
from zkmargin.market.greeks import greeks
from zkmargin.market.instruments import Cash, Collateral, Linear, Option
from zkmargin.market.pricing import MAX_VOLATILITY_PPM, SECONDS_PER_YEAR, value_ticks
from zkmargin.market.snapshot import Listing


@dataclass(frozen=True, slots=True)
class Market:
    """Listings, the volatility of every option, and the time.

    Args:
        listings: Everything to revalue; cash is left out.
        volatilities_ppm: Implied volatility by option.
        now: Unix seconds.

    Raises:
        StatementError: if an underlying or a volatility is missing, or out of its bound.
    """

    listings: tuple[Listing, ...]
    volatilities_ppm: Mapping[str, int]
    now: int
    _by_id: dict[str, Listing] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        kept = tuple(item for item in self.listings if not isinstance(item.instrument, Cash))
        object.__setattr__(self, "listings", kept)
        object.__setattr__(self, "_by_id", {item.id: item for item in kept})
        for option in self.options:
            if option.underlying not in self._by_id:
                raise StatementError(f"underlying {option.underlying} is missing")
            if option.id not in self.volatilities_ppm:
                raise StatementError(f"volatility of {option.id} is missing")
            bounded(f"volatility of {option.id}", self.volatilities_ppm[option.id], 0, MAX_VOLATILITY_PPM)

    @property
    def ids(self) -> tuple[str, ...]:
        """Return what is revalued, in the order of the listings."""
        return tuple(self._by_id)

    @property
    def options(self) -> tuple[Option, ...]:
        """Return the options."""
        return tuple(item.instrument for item in self.listings if isinstance(item.instrument, Option))

    @property
    def linear(self) -> tuple[Linear, ...]:
        """Return the futures and perpetuals."""
        return tuple(item.instrument for item in self.listings if isinstance(item.instrument, Linear))

    @property
    def coins(self) -> tuple[Listing, ...]:
        """Return the collateral."""
        return tuple(item for item in self.listings if isinstance(item.instrument, Collateral))

    def listing(self, name: str) -> Listing:
        """Return the listing of an id."""
        return self._by_id[name]

    def forward_ticks(self, option: Option) -> int:
        """Return the mark of an option's underlying."""
        return self._by_id[option.underlying].mark_ticks

    def forward_units(self, name: str) -> Fraction:
        """Return the notional of a lot: of an option, that of its forward."""
        item = self._by_id[name]
        option = item.instrument
        if isinstance(option, Option):
            return Fraction(self.forward_ticks(option) * option.multiplier)
        return Fraction(item.notional_units)

    def years(self, name: str) -> Fraction:
        """Return the years to expiry, 0 for what never expires."""
        expiry = getattr(self._by_id[name].instrument, "expiry", None)
        return Fraction(max(0, (expiry or self.now) - self.now), SECONDS_PER_YEAR)

    def expiries(self) -> dict[str, tuple[str, ...]]:
        """Return the ids by expiry; "spot" for what never expires, else "t" and the unix seconds."""
        found: dict[str, list[str]] = {}
        for item in self.listings:
            expiry = getattr(item.instrument, "expiry", None)
            found.setdefault("spot" if expiry is None else f"t{expiry}", []).append(item.id)
        return {key: tuple(names) for key, names in sorted(found.items())}

    def loss(self, name: str, price_ppm: int, volatility_ppm: int | Fraction | None = None) -> Fraction:
        """Return the loss of one held lot, in units.

        Args:
            name: What is held.
            price_ppm: Relative move of every price, above -10^6.
            volatility_ppm: The moved volatility of an option; None leaves it.
        """
        item = self._by_id[name]
        option = item.instrument
        if not isinstance(option, Option):
            return -Fraction(item.notional_units * (PPM - item.haircut_ppm) * price_ppm, PPM**2)
        before = self.volatilities_ppm[name]
        after = before if volatility_ppm is None else volatility_ppm
        return self.option_value(option, 0, before) - self.option_value(option, price_ppm, after)

    def option_value(self, option: Option, price_ppm: int, volatility_ppm: int | Fraction) -> Fraction:
        """Return the value of a lot of an option after a move of the price, at a volatility, by the formula."""
        forward = Fraction(self.forward_ticks(option) * (PPM + price_ppm), PPM)
        return value_ticks(option, forward, volatility_ppm, self.now) * option.multiplier

    def dollar_delta(self, name: str, price_ppm: int = 0) -> Fraction:
        """Return by how many units a lot moves for a relative move of 1, after a move of the price."""
        item = self._by_id[name]
        option = item.instrument
        if not isinstance(option, Option):
            return Fraction(item.notional_units * (PPM - item.haircut_ppm) * (PPM + price_ppm), PPM**2)
        forward = Fraction(self.forward_ticks(option) * (PPM + price_ppm), PPM)
        found = greeks(option, forward, self.volatilities_ppm[name], self.now)
        return Fraction(found.delta) * forward * option.multiplier
