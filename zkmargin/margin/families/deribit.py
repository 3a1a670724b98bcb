"""Portfolio margin as Deribit publishes it: a risk matrix, an extended table, and shocks of roll and delta.

Rule
----
    risk matrix     worst loss over 9 price moves x 3 volatility moves, and over 8 far moves with volatility up, whose
                    loss counts at range/|move| and is pulled towards zero by (|move|/range - 1) * dampener
    roll shock      sum over expiries of  max(least, annualised * years) * |net delta of the expiry|
    delta shock     slope * max(0, |net delta| - threshold)
    maintenance     0.8 * ( risk matrix + roll shock + delta shock )
    initial         risk matrix + roll shock + delta shock + market maker protection + open orders
    stress          the whole loss of a far move, in dollars: "price-down-660000:vol-up"

Two settlements. In dollars, an option is revalued by Black's formula on the moved forward, and a far move counts
``loss * range/|move|``. In coins, for inverse contracts, one lot of delta N coins gains ``N (1 - 1/(1+m))``, and a far
move counts ``range/|move| * (1+m)/(1 +- range)`` of it: coins at the moved price, told in coins at the range's end.

What the venue does that is not convex, and what is charged instead: its delta shock grows with the excess and stops at
a cap of the whole delta, which bends downwards. Here the steepest slope goes on (`steepest_slope_ppm`), never less.

Units
-----
    settlement units; rates in ppm; `parts` of a unit in the published arrays, see `moves`.

Rounding
--------
    Losses of a long lot up, relief down, deltas away from zero: all against the holder, but for the short lot of
    `moves`, which reads the long one's integer.

Bounds
------
    Those of an array: 1,024 rows, losses below 2^80 parts a lot.

Worked example
--------------
    Deribit's example of `private/pme/simulate`: 0.314538364 BTC of the perpetual, -0.001187534 BTC of a future, in lots
    of 10^-9 BTC and units of 10^-15 BTC; the dampener of 100,000 dollars is 1.5228 BTC at the index.

    >>> from zkmargin.margin.claim import Claim
    >>> from zkmargin.margin.portfolio import Book
    >>> from zkmargin.margin.rules import assess
    >>> from zkmargin.market.instruments import Cash, Linear
    >>> from zkmargin.market.snapshot import Listing, Snapshot
    >>> listings = (Listing(Linear("BTC-28JUN24", 1, expiry=0), 10**6), Listing(Linear("BTC-PERPETUAL", 1), 10**6))
    >>> rule = Parameters(1, settlement=COIN, dampener_units=100_000 * 10**17 // 6_566_619, parts=10**6,
    ...     protection_units=60_000 * 10**9, orders_units=18_212 * 10**6)
    >>> deribit = model("deribit", rule, Market(listings, {}, 0))
    >>> market = Snapshot("deribit", 1, 0, (*listings, Listing(Cash("COIN"))), models=(deribit,))
    >>> book = Book({"BTC-PERPETUAL": 314_538_364, "BTC-28JUN24": -1_187_534})
    >>> maintenance, initial = (assess(market, Claim(kind, "deribit"), book) for kind in ("maintenance", "initial"))
    >>> maintenance.requirement_units, initial.requirement_units
    (50274505088965, 122861343361207)
    >>> dict(initial.parts)["risk-matrix"], dict(initial.parts)["roll-shock"]
    (59685872381207, 3157258980000)

Source
------
    docs.deribit.com: fields and numbers of the example of `private/pme/simulate`, fields of `private/get_pme_params`.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from fractions import Fraction
from math import ceil
from typing import Any

from zkmargin.amounts import MAX_SCENARIOS, PPM, bounded
from zkmargin.documents import Reader
from zkmargin.errors import StatementError
from zkmargin.margin.families import boxes
from zkmargin.margin.families.moves import MAX_MOVE_PPM, Move, deltas, in_units, owed_coins, spaced, stresses, worst
from zkmargin.market.expressions import Part, Size, Tiers, positive, scaled, total
from zkmargin.market.forms import Affine, Expression
from zkmargin.market.models import Model
from zkmargin.market.parameters import DEFAULT_CAPACITY_BITS, MAX_FLOOR_UNITS, Tier, TierTable
from zkmargin.market.revaluation import Market
from zkmargin.market.shocks import DIRECTIONS, UP, VegaPower

FORMAT = "zkmargin/deribit/1"
DOLLAR, COIN = "dollar", "coin"
EXTENDED_PPM = (-660_000, -330_000, 500_000, PPM, 2 * PPM, 3 * PPM, 4 * PPM, 5 * PPM)
VEGA_POWER = VegaPower(500_000, 250_000, 300_000, 130_000, minimum_up_ppm=500_000)


@dataclass(frozen=True, slots=True)
class Parameters:
    """What the venue publishes for one currency; the defaults are those of BTC, and no dampener or threshold.

    Args:
        version: Number of this set of parameters.
        settlement: ``"dollar"`` or ``"coin"``.
        price_range_ppm: Largest move of the risk matrix.
        buckets: Price moves on each side.
        vega_power: How volatilities move.
        extended_ppm: The far moves; their volatility goes up.
        extended_factor_ppm: Factor on the loss of a far move.
        dampener_units: Relief of a far move, for each range that it lies beyond the range; in coins at the index.
        annualised_move_ppm: Roll shock a year to expiry.
        least_move_ppm: Least roll shock.
        delta_threshold_units: Net delta from which on the delta shock is charged.
        delta_slope_ppm: Charge on what is above the threshold; 0 for no delta shock.
        maintenance_ppm: Maintenance as a fraction of the whole.
        protection_units: Market maker protection, in the initial margin.
        orders_units: Margin of open orders, in the initial margin.
        parts: Parts of a unit in the arrays, a divisor of 10^6.

    Raises:
        StatementError: if a bound is broken.
    """

    version: int
    settlement: str = DOLLAR
    price_range_ppm: int = 160_000
    buckets: int = 4
    vega_power: VegaPower = VEGA_POWER
    extended_ppm: tuple[int, ...] = EXTENDED_PPM
    extended_factor_ppm: int = PPM
    dampener_units: int = 0
    annualised_move_ppm: int = 75_000
    least_move_ppm: int = 10_000
    delta_threshold_units: int = 0
    delta_slope_ppm: int = 0
    maintenance_ppm: int = 800_000
    protection_units: int = 0
    orders_units: int = 0
    parts: int = 1

    def __post_init__(self) -> None:
        if self.settlement not in (DOLLAR, COIN):
            raise StatementError(f"settlement must be {DOLLAR} or {COIN}, got {self.settlement!r}")
        for name, (low, high) in _BOUNDS.items():
            bounded(name, getattr(self, name), low, high)
        bounded("number of extended moves", len(self.extended_ppm), 0, MAX_SCENARIOS)
        for move_ppm in self.extended_ppm:
            if not self.price_range_ppm < abs(move_ppm) <= MAX_MOVE_PPM or move_ppm <= -PPM:
                raise StatementError(
                    f"an extended move must be beyond the range of {self.price_range_ppm} ppm and above -{PPM}, "
                    f"got {move_ppm}"
                )

    @staticmethod
    def from_document(document: Any) -> Parameters:
        """Return the parameters in a file of format ``zkmargin/deribit/1``.

        Raises:
            EncodingError: if a field is missing, unknown or of the wrong type.
            StatementError: if a bound is broken.
        """
        with Reader(document, "deribit") as read:
            read.format(FORMAT)
            return Parameters(
                settlement=read.choice("settlement", DOLLAR, COIN),
                vega_power=VegaPower.from_reader(read.object("vega_power")),
                extended_ppm=read.integers("extended_ppm", MAX_SCENARIOS, -PPM, MAX_MOVE_PPM),
                **{name: read.integer(name, low, high) for name, (low, high) in _BOUNDS.items()},
            )

    def to_document(self) -> dict[str, Any]:
        """Return the parameters as the JSON object of a file."""
        plain = {item.name: getattr(self, item.name) for item in fields(self)}
        moved = {"vega_power": self.vega_power.to_document(), "extended_ppm": list(self.extended_ppm)}
        return {"format": FORMAT} | plain | moved


def moves(parameters: Parameters) -> tuple[Move, ...]:
    """Return the rows of the risk matrix, then those of the extended table."""
    coin = parameters.settlement == COIN
    near = [
        Move(price, direction, Fraction(PPM, PPM + price) if coin else Fraction(1))
        for price in spaced(parameters.price_range_ppm, parameters.buckets)
        for direction in DIRECTIONS
    ]
    return (*near, *(_extended(parameters, price) for price in parameters.extended_ppm))


def roll_shock(parameters: Parameters, market: Market) -> Expression:
    """Return the charge on the net delta of every expiry."""
    charged = []
    for names in market.expiries().values():
        yearly = Fraction(parameters.annualised_move_ppm, PPM) * market.years(names[0])
        rate = max(Fraction(parameters.least_move_ppm, PPM), yearly)
        charged.append(Size(deltas(market, names, rate, parameters.parts)))
    return in_units(parameters.parts, *charged)


def delta_shock(parameters: Parameters, market: Market, wider: Expression | None = None) -> Expression:
    """Return the charge on the net delta of everything; `wider` is added to the delta, in units."""
    net = in_units(parameters.parts, Size(deltas(market, market.ids, Fraction(1), parameters.parts)))
    above = Tier(parameters.delta_threshold_units, parameters.delta_slope_ppm)
    tiers = (Tier(0, 0), above) if above.floor_units else (above,)
    return Tiers(net if wider is None else total(net, wider), TierTable(tiers))


def steepest_slope_ppm(threshold_units: int, cap_ppm: int, increment: Fraction) -> int:
    """Return the slope of a convex charge that is never below a capped one, rounded up.

    The capped one charges ``min(cap, increment * (|D| - threshold)) * |D|`` of a net delta D: its slope is largest
    where the cap is reached, ``2 cap + increment * threshold``, and at most the cap beyond.

    Raises:
        StatementError: if the slope is above 1: the threshold is too far from where the cap is reached.

    Example:
        >>> steepest_slope_ppm(20_000_000, 100_000, Fraction(1, 200_000_000))
        300000
    """
    return bounded("slope_ppm", ceil(2 * cap_ppm + increment * threshold_units * PPM), 0, PPM)


def model(name: str, parameters: Parameters, market: Market, capacity_bits: int = DEFAULT_CAPACITY_BITS) -> Model:
    """Return the model for the listings of one currency at the marks.

    Args:
        name: Name of the model.
        parameters: What the venue publishes.
        market: Listings, volatilities and time.
        capacity_bits: As in `Model`.

    Raises:
        StatementError: if an option is to be settled in coins.
    """
    _check_settlement(parameters, market)
    parts = [
        Part("risk-matrix", positive(worst(market, parameters.vega_power, moves(parameters), parameters.parts))),
        Part("roll-shock", roll_shock(parameters, market)),
    ]
    if parameters.delta_slope_ppm:
        parts.append(Part("delta-shock", delta_shock(parameters, market)))
    if market.coins:
        parts.append(Part("owed-coins", owed_coins(market, boxes.rise(moves(parameters)))))
    whole = total(*parts)
    return Model(
        name,
        parameters.version,
        maintenance=scaled(parameters.maintenance_ppm, whole),
        initial=total(whole, *_fixed(parameters)),
        stress=_stresses(parameters, market),
        capacity_bits=capacity_bits,
    )


def boxed(name: str, parameters: Parameters, market: Market, box: boxes.Box) -> Model:
    """Return the variant whose maintenance requirement covers every common move of the prices within a box.

    Whoever meets it at the marks meets the maintenance requirement after any such move, with volatilities as they are:
    see `boxes`. Its initial requirement is the same one.

    Raises:
        StatementError: if the settlement is in coins, where equity is not known in dollars.
    """
    if parameters.settlement == COIN:
        raise StatementError("a box needs the settlement in dollars: coins change their value with the price")
    share = Fraction(parameters.maintenance_ppm, PPM)
    covered = boxes.charges(market, parameters.vega_power, moves(parameters), share, box)
    spread = boxes.delta_spreads(market, box)
    rate = max(parameters.least_move_ppm, ceil(parameters.annualised_move_ppm * max(map(market.years, market.ids))))
    shocks = [Part("roll-shock", total(roll_shock(parameters, market), scaled(rate, spread)))]
    if parameters.delta_slope_ppm:
        shocks.append(Part("delta-shock", delta_shock(parameters, market, spread)))
    required = total(*covered, scaled(parameters.maintenance_ppm, total(*shocks)))
    return Model(name, parameters.version, required, required)


def _extended(parameters: Parameters, price_ppm: int) -> Move:
    """Return a far move: its loss counts as if it had happened within the range, and is pulled towards zero."""
    reach, size = parameters.price_range_ppm, abs(price_ppm)
    weight = Fraction(parameters.extended_factor_ppm * reach, PPM * size)
    relief = (Fraction(size, reach) - 1) * parameters.dampener_units
    if parameters.settlement == COIN:
        end = 1 + Fraction(reach if price_ppm > 0 else -reach, PPM)
        weight, relief = weight / end, relief / end
    return Move(price_ppm, UP, weight, relief)


def _stresses(parameters: Parameters, market: Market) -> dict[str, Expression]:
    """Return what a far move costs in full, in dollars."""
    if parameters.settlement == COIN:
        return {}
    return stresses(market, parameters.vega_power, [Move(price_ppm, UP) for price_ppm in parameters.extended_ppm])


def _fixed(parameters: Parameters) -> list[Part]:
    named = (("protection", parameters.protection_units), ("open-orders", parameters.orders_units))
    return [Part(name, Affine({}, units)) for name, units in named if units]


def _check_settlement(parameters: Parameters, market: Market) -> None:
    if parameters.settlement == COIN:
        for name in (*(option.id for option in market.options), *(coin.id for coin in market.coins)):
            raise StatementError(f"{name} cannot be settled in coins here: only futures and perpetuals can")


_BOUNDS = {
    "version": (0, 2**32 - 1),
    "price_range_ppm": (1, PPM - 1),
    "buckets": (1, MAX_SCENARIOS // 6),
    "extended_factor_ppm": (1, PPM),
    "dampener_units": (0, MAX_FLOOR_UNITS),
    "annualised_move_ppm": (0, PPM),
    "least_move_ppm": (0, PPM),
    "delta_threshold_units": (0, MAX_FLOOR_UNITS),
    "delta_slope_ppm": (0, PPM),
    "maintenance_ppm": (1, PPM),
    "protection_units": (0, 2**80 - 1),
    "orders_units": (0, 2**80 - 1),
    "parts": (1, PPM),
}
