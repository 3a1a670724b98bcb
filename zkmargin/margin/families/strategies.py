"""Strategy margin on options, as securities brokers compute it: covered calls, spreads, straddles, conversions.

Rule
----
    The book is cut into strategies and naked legs (`zkmargin.market.expressions.Pairing`); the cut is the holder's.
    U is the mark of the underlying, K a strike, C and P the marks of a call and a put, each in units for the lots of
    one strategy; rates as in `Rates`. What equity must exceed:

        long underlying      long U                             long option    C or P: it is paid for in full
        short underlying     short U
        short call           max(option U - out of the money, floor U)
        short put            max(option U - out of the money, floor K)

        covered call         long min(U, K) + max(0, U - K) - C          the underlying counts up to the strike
        covered put          short max(U, K) + max(0, K - U) - P
        protective put       min(long U, hedge K + out of the money) + P
        protective call      min(short U, hedge K + out of the money) + C
        conversion           hedge K + max(0, U - K) + P - C             long underlying and put, short call, one K
        reversal             hedge K + max(0, K - U) + C - P             short underlying and put, long call, one K
        collar               min(long Kc, hedge Kp + out of the money put) + max(0, U - Kc) + P - C,   Kp < Kc
        spread               largest loss at expiry + long mark - short mark     calls or puts; the long lives as long
        straddle             what the side that asks for more asks for           a short call and a short put
        condor               wider of the two spreads + long marks - short marks

    Rulebooks state what an account must hold beside its options. Here an option is part of equity at its mark, so the
    marks of the legs are added back: "premium + 20 % of U" becomes "20 % of U", and a spread's largest loss gains the
    net premium. Where that would pay the holder, the charge is 0.

    A cut may use a leg that the book lacks; what is left over on the other side is charged as well. So that no naked
    leg gets cheaper that way, a strategy is charged at least what some of its legs cost without the others, less what
    those cost on the other side. A credit spread therefore counts less of its premium than a broker would count, and
    is charged more by at most that premium. See docs/decisions/0016-borrowed-legs.md.

Units
-----
    settlement units. Charges follow the marks, so a model of this family is published anew in every epoch.

Rounding
--------
    Every charge up.

Bounds
------
    A class is one underlying: options on it or on its futures, of one multiplier, and what may cover them. A future
    that covers an option of another expiry is taken for the same underlying, as rulebooks do: the basis is not
    charged. At most 512 strategies; those that cost no less than their legs apart are left out, which changes nothing.

Worked example
--------------
    A call at 110 on an underlying at 100, marked at 3: naked 20 % of 100 less 10; covered, 25 % of 100 less 3.

    >>> from zkmargin.market.instruments import Cash, Linear, Option
    >>> from zkmargin.market.snapshot import Listing, Snapshot
    >>> call = Listing(Option("CALL", 1, "STOCK", "call", 110, 9), 3)
    >>> stock = Listing(Linear("STOCK", 1), 100)
    >>> rule = strategies("demo", Snapshot("v", 1, 0, (call, stock, Listing(Cash("USD")))), ["CALL", "STOCK"])
    >>> from zkmargin.margin.expressions import value
    >>> from zkmargin.market.forms import Marks
    >>> marks = Marks({"CALL": 3, "STOCK": 100}, {})
    >>> value(rule, marks, {"CALL": -1}), value(rule, marks, {"STOCK": 1}), value(rule, marks, {"CALL": -1, "STOCK": 1})
    (10, 25, 22)

Source
------
    Federal Reserve Regulation T (12 CFR 220.12) and FINRA Rule 4210(f)(2), with their rates for equity options.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import combinations, permutations, product
from math import ceil, gcd

from zkmargin.amounts import PPM, bounded
from zkmargin.errors import StatementError
from zkmargin.market.expressions import MAX_STRATEGIES, MAX_WEIGHT_PPM, Pairing, Part, Strategy, total
from zkmargin.market.forms import Sides
from zkmargin.market.instruments import Collateral, Linear, Option
from zkmargin.market.models import Model
from zkmargin.market.snapshot import Listing, Snapshot

Amount = int | Fraction
Naked = Mapping[str, tuple[int, int]]  # charges of a long and of a short lot


@dataclass(frozen=True, slots=True)
class Rates:
    """The percentages of a strategy margin, in ppm.

    Args:
        long_ppm: Of the underlying held.
        short_ppm: Of the underlying owed.
        option_ppm: Of the underlying of a short option, before the amount out of the money.
        floor_ppm: Least charge of a short option: of the underlying of a call, of the strike of a put.
        hedge_ppm: Of the strike of a protective option.
    """

    long_ppm: int = 250_000
    short_ppm: int = 300_000
    option_ppm: int = 200_000
    floor_ppm: int = 100_000
    hedge_ppm: int = 100_000

    def __post_init__(self) -> None:
        for name in self.__slots__:
            bounded(name, getattr(self, name), 0, MAX_WEIGHT_PPM)


MAINTENANCE = Rates()
INITIAL = Rates(long_ppm=500_000, short_ppm=500_000)


@dataclass(frozen=True, slots=True)
class _Option:
    """So many lots of an option, in units; `forward` is the future that it is written on."""

    id: str
    right: str
    expiry: int
    multiplier: int
    mark: int
    strike: int
    forward: int

    def times(self, lots: int) -> _Option:
        """Return several times as much of it."""
        return replace(self, mark=lots * self.mark, strike=lots * self.strike, forward=lots * self.forward)

    def out_of_the_money(self, price: int) -> int:
        """Return how far the option is from paying anything."""
        return max(0, self.strike - price if self.right == "call" else price - self.strike)

    def bare(self, rates: Rates) -> Amount:
        """Return what a short one is charged beside its mark."""
        least = _share(rates.floor_ppm, self.forward if self.right == "call" else self.strike)
        return max(_share(rates.option_ppm, self.forward) - self.out_of_the_money(self.forward), least)

    def naked(self, rates: Rates) -> tuple[int, int]:
        """Return the charges of a long and of a short lot on its own."""
        return self.mark, ceil(self.bare(rates))


@dataclass(frozen=True, slots=True)
class _Cover:
    """So many lots of what may cover an option, in units; `haircut` is what equity leaves out already."""

    id: str
    multiplier: int
    notional: int
    haircut: int

    def times(self, lots: int) -> _Cover:
        """Return several times as much of it."""
        return replace(self, notional=lots * self.notional, haircut=lots * self.haircut)

    def naked(self, rates: Rates) -> tuple[int, int]:
        """Return the charges of a long and of a short lot on its own."""
        held = _share(rates.long_ppm, self.notional) - self.haircut
        return max(0, ceil(held)), ceil(_share(rates.short_ppm, self.notional))


def strategies(
    class_name: str,
    snapshot: Snapshot,
    ids: Iterable[str],
    rates: Rates = MAINTENANCE,
    part: str = "strategies",
) -> Part:
    """Return the strategy margin of one class: every strategy that its instruments allow, charged at the marks.

    Args:
        class_name: What the desk calls the class.
        snapshot: The market.
        ids: Options, and the linear instruments and collateral that may cover them.
        rates: The percentages.
        part: The part is named ``<part>/<class_name>``.

    Raises:
        StatementError: if an id is cash or not listed, multipliers of options differ, or there are over 512 strategies.
    """
    listings = [snapshot.listing(name) for name in sorted(set(ids))]
    options = [_option(item, item.instrument, snapshot) for item in listings if isinstance(item.instrument, Option)]
    covers = [_cover(item, item.instrument) for item in listings if isinstance(item.instrument, Linear | Collateral)]
    if len(options) + len(covers) != len(listings):
        raise StatementError(f"class {class_name} must consist of options, linear instruments and collateral")
    if len({option.multiplier for option in options}) > 1:
        raise StatementError(f"options of class {class_name} must have one multiplier")
    legs: list[_Option | _Cover] = [*options, *covers]
    naked = {leg.id: leg.naked(rates) for leg in legs}
    long, short = ({name: charges[side] for name, charges in naked.items()} for side in (0, 1))
    found = [*_covered(options, covers, rates), *_spreads(options), *_straddles(options, rates), *_condors(options)]
    raised = _raised(found, naked)
    kept = [each for each in raised if each.charge_units < _apart(each.legs, naked)]
    bounded(f"number of strategies of class {class_name} (list fewer options in it)", len(kept), 0, MAX_STRATEGIES)
    numbered = (Strategy(f"{each.name}-{number:03d}", each.legs, each.charge_units) for number, each in enumerate(kept))
    return Part(f"{part}/{class_name}", Pairing(long, short, tuple(numbered)) if kept else Sides(long, short))


def regulation_t(
    name: str,
    version: int,
    snapshot: Snapshot,
    classes: Mapping[str, Sequence[str]],
    maintenance: Rates = MAINTENANCE,
    initial: Rates = INITIAL,
) -> Model:
    """Return the strategy margin of several classes; no strategy has legs in two of them.

    Args:
        name: Name of the model.
        version: Number of this set of parameters.
        snapshot: The market whose marks are charged.
        classes: Ids by class.
        maintenance: Percentages of a maintenance claim.
        initial: Percentages of an initial claim.

    Raises:
        StatementError: if an instrument stands in two classes, or as `strategies`.
    """
    every = [item for ids in classes.values() for item in set(ids)]
    for item in every:
        if every.count(item) > 1:
            raise StatementError(f"{item} must stand in one class, or it would be charged and used twice")
    required, opening = (
        total(*(strategies(key, snapshot, ids, rates, part) for key, ids in sorted(classes.items())))
        for part, rates in (("strategies", maintenance), ("initial", initial))
    )
    return Model(name, version, required, opening)


def _option(item: Listing, option: Option, snapshot: Snapshot) -> _Option:
    unit = option.multiplier
    forward = unit * snapshot.listing(option.underlying).mark_ticks
    return _Option(
        option.id, option.right, option.expiry, unit, item.notional_units, unit * option.strike_ticks, forward
    )


def _cover(item: Listing, instrument: Linear | Collateral) -> _Cover:
    return _Cover(item.id, instrument.multiplier, item.notional_units, item.owed_units - item.value_units)


def _strategy(name: str, legs: Mapping[str, int], charge: Amount) -> Strategy:
    return Strategy(name, legs, max(0, ceil(charge)))


def _apart(legs: Mapping[str, int], naked: Naked) -> int:
    return sum(abs(lots) * naked[name][lots < 0] for name, lots in legs.items())


def _raised(found: Sequence[Strategy], naked: Naked) -> list[Strategy]:
    """Return the strategies, each at least at what its legs cost without some, less what those cost on the other side.

    A cut may use legs that the book lacks: they are left over on the other side and charged there. Below this charge,
    a naked leg would be made cheaper by borrowing the rest of a strategy for it.
    """
    known: dict[frozenset[tuple[str, int]], int] = {}
    for each in found:
        key = frozenset(each.legs.items())
        known[key] = min(each.charge_units, known.get(key, each.charge_units))
    raised = []
    for each in found:
        least = each.charge_units
        for count in range(1, len(each.legs)):
            for own in combinations(each.legs.items(), count):
                borrowed = {name: -lots for name, lots in each.legs.items() if (name, lots) not in own}
                least = max(least, _cheapest(frozenset(own), known, naked) - _apart(borrowed, naked))
        raised.append(replace(each, charge_units=least))
    return raised


def _cheapest(legs: frozenset[tuple[str, int]], known: Mapping[frozenset[tuple[str, int]], int], naked: Naked) -> int:
    """Return the least charge of up to three legs, cut into strategies that they have all legs of."""
    parts = (frozenset(part) for count in range(2, len(legs) + 1) for part in combinations(sorted(legs), count))
    cut = [known[part] + _apart(dict(legs - part), naked) for part in parts if part in known]
    return min([*cut, _apart(dict(legs), naked)])


def _covered(options: Sequence[_Option], covers: Sequence[_Cover], rates: Rates) -> Iterator[Strategy]:
    """Yield one option, or a long and a short one of one expiry, with the underlying that covers them."""
    for option, cover in product(options, covers):
        lots, count = cover.multiplier, option.multiplier
        lots, count = lots // gcd(lots, count), count // gcd(lots, count)
        one, stock = option.times(lots), cover.times(count)
        for sides, name, charge in _hedges(one, stock, rates):
            yield _strategy(name, {option.id: sides[0] * lots, cover.id: sides[1] * count}, charge)
        for other in options:
            if (option.right, other.right, option.expiry) == ("put", "call", other.expiry):
                for side, name, charge in _locks(one, other.times(lots), stock, rates):
                    legs = {option.id: side * lots, other.id: -side * lots, cover.id: side * count}
                    yield _strategy(name, legs, charge)


def _hedges(option: _Option, stock: _Cover, rates: Rates) -> Iterator[tuple[tuple[int, int], str, Amount]]:
    """Yield (sides of option and underlying, name, charge) of an option against its underlying."""
    price, strike = stock.notional, option.strike
    protected = _share(rates.hedge_ppm, strike) + option.out_of_the_money(price)
    if option.right == "call":
        kept = min(price, strike)
        yield (-1, 1), "covered-call", _share(rates.long_ppm, kept) + price - kept - option.mark - stock.haircut
        yield (1, -1), "protective-call", min(_share(rates.short_ppm, price), protected) + option.mark
    else:
        kept = max(price, strike)
        yield (-1, -1), "covered-put", _share(rates.short_ppm, kept) + kept - price - option.mark
        yield (1, 1), "protective-put", min(_share(rates.long_ppm, price), protected) + option.mark - stock.haircut


def _locks(put: _Option, call: _Option, stock: _Cover, rates: Rates) -> Iterator[tuple[int, str, Amount]]:
    """Yield (side of put and underlying, name, charge): conversion and reversal at one strike, a collar at two."""
    price, premium = stock.notional, put.mark - call.mark
    above = max(0, price - call.strike) - stock.haircut
    if put.strike == call.strike:
        hedge = _share(rates.hedge_ppm, put.strike)
        yield 1, "conversion", hedge + above + premium
        yield -1, "reversal", hedge + max(0, put.strike - price) - premium
    elif put.strike < call.strike:
        protected = _share(rates.hedge_ppm, put.strike) + put.out_of_the_money(price)
        yield 1, "collar", min(_share(rates.long_ppm, call.strike), protected) + above + premium


def _spreads(options: Sequence[_Option]) -> Iterator[Strategy]:
    """Yield every long and short of one right whose long leg lives as long: verticals, calendars, diagonals."""
    for bought, sold in permutations(options, 2):
        if bought.right == sold.right and bought.expiry >= sold.expiry:
            name = "spread" if bought.expiry == sold.expiry else "calendar"
            charge = _largest_loss(bought, sold) + bought.mark - sold.mark
            yield _strategy(name, {bought.id: 1, sold.id: -1}, charge)


def _straddles(options: Sequence[_Option], rates: Rates) -> Iterator[Strategy]:
    """Yield every short call and short put: what the side that asks for more asks for, its mark counted."""
    for call, put in product(options, repeat=2):
        if (call.right, put.right) == ("call", "put"):
            larger = max(call, put, key=lambda side: side.bare(rates) + side.mark)
            yield _strategy("straddle", {call.id: -1, put.id: -1}, larger.bare(rates))


def _condors(options: Sequence[_Option]) -> Iterator[Strategy]:
    """Yield every put spread and call spread sold on one expiry, puts below calls: one of them can lose at most."""
    sold = [
        (long, short)
        for long, short in permutations(options, 2)
        if (long.right, long.expiry) == (short.right, short.expiry) and _largest_loss(long, short)
    ]
    for (low, put), (high, call) in product(sold, repeat=2):
        matched = (put.right, call.right, put.expiry) == ("put", "call", call.expiry)
        if matched and put.strike <= call.strike:
            widest = max(_largest_loss(low, put), _largest_loss(high, call))
            charge = widest + low.mark + high.mark - put.mark - call.mark
            yield _strategy("condor", {low.id: 1, put.id: -1, call.id: -1, high.id: 1}, charge)


def _largest_loss(bought: _Option, sold: _Option) -> int:
    width = bought.strike - sold.strike
    return max(0, width if sold.right == "call" else -width)


def _share(rate_ppm: int, amount: int) -> Fraction:
    return Fraction(rate_ppm * amount, PPM)
