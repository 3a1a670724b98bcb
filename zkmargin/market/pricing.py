"""Full revaluation under scenarios: from quotes to the integers that everybody else uses.

ONE party, the publisher, runs this module, and only the resulting integers enter a snapshot. Prover and verifier read
them and never revalue anything, so they cannot disagree in the last digit. Floating-point numbers exist here, in
`greeks` and in `shocks`, and nowhere else.

Rule
----
    A scenario moves every price F to ``F (1 + price)`` and every volatility s to ``s (1 + volatility)``, and counts the
    fraction `cover` of the profit or loss. Options follow Black (1976) on the mark F of their underlying, undiscounted:

        call = F N(d1) - K N(d2),     d1 = ln(F/K) / (s sqrt T) + s sqrt(T) / 2
        put  = K N(-d2) - F N(-d1),   d2 = d1 - s sqrt T

    with T in years of 365 days; at or after expiry an option is its intrinsic value. Time does not pass in a scenario.
    Linear contracts move one for one, collateral at its haircut value.

Units
-----
    prices in ticks, volatilities in ppm a year (873_300 is 87.33 %), losses in units per long lot.

Rounding
--------
    The loss of a LONG lot rounds up, so a long lot is charged less than one unit too much in a scenario. A short lot
    reads the same integer the other way and comes out less than one unit too well: a publisher who minds chooses a
    smaller unit. A long option never loses more than its mark. Marks round down, minimums up.

Bounds
------
    0 <= volatility <= 10^8 ppm. QuantLib's Black formula is accurate to about 10^-12 of the forward; the tests hold it
    against a second library.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from fractions import Fraction
from math import ceil, floor, sqrt
from typing import TypeVar

from zkmargin.amounts import PPM, bounded, ceil_div
from zkmargin.errors import StatementError
from zkmargin.market.instruments import MAX_TICKS, MAX_TIME, Cash, Option
from zkmargin.market.parameters import DEFAULT_CAPACITY_BITS, ScenarioParameters
from zkmargin.market.scenarios import Scenario, span16
from zkmargin.market.snapshot import Listing

SECONDS_PER_YEAR = 365 * 86_400
MAX_VOLATILITY_PPM = 100 * PPM

Value = TypeVar("Value")


def mark_ticks(option: Option, forward_ticks: int, volatility_ppm: int, now: int) -> int:
    """Return the value of an option in ticks, rounded down.

    Args:
        option: What to value.
        forward_ticks: Mark of its underlying, 1 to 2^48.
        volatility_ppm: Implied volatility, 0 to 10^8 ppm a year.
        now: Unix seconds.

    Example:
        >>> option = Option("C", 1, "F", "call", 100_000, 365 * 86_400)
        >>> mark_ticks(option, 100_000, 200_000, 0)
        7965
    """
    bounded("forward_ticks", forward_ticks, 1, MAX_TICKS)
    return floor(value_ticks(option, forward_ticks, _checked(option, volatility_ppm), now))


def value_ticks(option: Option, forward_ticks: int | Fraction, volatility_ppm: int | Fraction, now: int) -> Fraction:
    """Return Black's value of an option in ticks, as the exact fraction that the floating-point result is.

    Args:
        option: What to value.
        forward_ticks: Price of its underlying.
        volatility_ppm: Implied volatility, at least 0.
        now: Unix seconds.

    Example:
        >>> float(value_ticks(Option("C", 1, "F", "call", 90, 0), 100, 0, 0))
        10.0
    """
    import QuantLib  # start-up time: about 0.1 s

    bounded("now", now, 0, MAX_TIME)
    right = QuantLib.Option.Call if option.right == "call" else QuantLib.Option.Put
    deviation = float(volatility_ppm) / PPM * sqrt(max(0, option.expiry - now) / SECONDS_PER_YEAR)
    return max(
        Fraction(0), Fraction(QuantLib.blackFormula(right, option.strike_ticks, float(forward_ticks), deviation))
    )


def losses(
    listings: Iterable[Listing], volatilities_ppm: Mapping[str, int], now: int, scenarios: Sequence[Scenario]
) -> dict[str, tuple[int, ...]]:
    """Return the risk array of every listing but cash: by id, the loss of one long lot in each scenario.

    Args:
        listings: The market, with the underlying of every option in it.
        volatilities_ppm: Implied volatility of every option by id.
        now: Unix seconds.
        scenarios: The columns, in order.

    Raises:
        StatementError: if an underlying or a volatility is missing or out of its bound.
    """
    priced = {item.id: item for item in listings if not isinstance(item.instrument, Cash)}
    rows = {}
    for name, item in priced.items():
        if isinstance(item.instrument, Option):
            forward_ticks = _find(priced, item.instrument.underlying, "underlying").mark_ticks
            volatility_ppm = _checked(item.instrument, _find(volatilities_ppm, name, "volatility of"))
            rows[name] = _option_losses(item, item.instrument, forward_ticks, volatility_ppm, now, scenarios)
        else:
            rows[name] = tuple(_plain_loss(item, scenario) for scenario in scenarios)
    return rows


def short_minimums(listings: Sequence[Listing], minimum_ppm: int) -> dict[str, int]:
    """Return the least requirement of one short lot of every option: a fraction of its forward, rounded up."""
    marks = {item.id: item.mark_ticks for item in listings}
    options = [item.instrument for item in listings if isinstance(item.instrument, Option)]
    return {
        option.id: ceil_div(option.multiplier * _find(marks, option.underlying, "underlying") * minimum_ppm, PPM)
        for option in options
    }


def scenario_parameters(
    version: int,
    listings: Sequence[Listing],
    volatilities_ppm: Mapping[str, int],
    now: int,
    *,
    scenarios: Sequence[Scenario] | None = None,
    minimum_ppm: int = 10_000,
    initial_ppm: int = 1_250_000,
    capacity_bits: int = DEFAULT_CAPACITY_BITS,
) -> ScenarioParameters:
    """Return the parameters of the scenario model for a market: `losses` and `short_minimums` under one version.

    Args:
        version: Number of this set of parameters.
        listings: The market, with the underlying of every option in it.
        volatilities_ppm: Implied volatility of every option by id.
        now: Unix seconds.
        scenarios: The scenarios; SPAN's sixteen by default.
        minimum_ppm: Least requirement of a short option as a fraction of its forward.
        initial_ppm: As in `ScenarioParameters`.
        capacity_bits: As in `ScenarioParameters`.
    """
    chosen = span16() if scenarios is None else tuple(scenarios)
    return ScenarioParameters(
        version,
        chosen,
        losses(listings, volatilities_ppm, now, chosen),
        short_minimums(listings, bounded("minimum_ppm", minimum_ppm, 0, PPM)),
        initial_ppm,
        capacity_bits,
    )


def _plain_loss(item: Listing, scenario: Scenario) -> int:
    kept = item.notional_units * (PPM - item.haircut_ppm)
    moved = Fraction(kept * (PPM + scenario.price_ppm), PPM**2)
    return ceil((kept // PPM - moved) * scenario.cover_ppm / PPM)


def _option_losses(
    item: Listing, option: Option, forward_ticks: int, volatility_ppm: int, now: int, scenarios: Sequence[Scenario]
) -> tuple[int, ...]:
    base = value_ticks(option, forward_ticks, volatility_ppm, now)
    found = []
    for scenario in scenarios:
        forward = Fraction(forward_ticks * (PPM + scenario.price_ppm), PPM)
        volatility = Fraction(volatility_ppm * (PPM + scenario.volatility_ppm), PPM)
        loss = (base - value_ticks(option, forward, volatility, now)) * option.multiplier
        found.append(min(ceil(loss * scenario.cover_ppm / PPM), item.value_units))
    return tuple(found)


def _checked(option: Option, volatility_ppm: int) -> int:
    return bounded(f"volatility of {option.id}", volatility_ppm, 0, MAX_VOLATILITY_PPM)


def _find(known: Mapping[str, Value], name: str, what: str) -> Value:
    if name not in known:
        raise StatementError(f"{what} {name} is missing")
    return known[name]
