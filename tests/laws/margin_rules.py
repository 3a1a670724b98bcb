"""Random margin rules: strategies over the whole language, and a second evaluation, by definition and in fractions."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from fractions import Fraction
from itertools import product

from hypothesis import strategies as st

from zkmargin.amounts import PPM
from zkmargin.margin.expressions import least_root
from zkmargin.market.expressions import (
    Cheapest,
    Largest,
    Pairing,
    Part,
    Root,
    Size,
    Strategy,
    Sum,
    Tail,
    Tiers,
    Worst,
)
from zkmargin.market.forms import MEASURES, UNITS, Affine, Array, Expression, Sides
from zkmargin.market.parameters import Tier, TierTable

COEFFICIENTS = st.one_of(st.integers(-3, 3), st.integers(-(10**7), 10**7))
RATES = st.integers(0, PPM)


def leaves(names: Sequence[str], measures: Sequence[str] = MEASURES) -> st.SearchStrategy[Expression]:
    """Return expressions of one node over the ids, in some of the measures."""
    ids = st.sampled_from(list(names))
    forms = st.builds(Affine, st.dictionaries(ids, COEFFICIENTS, max_size=3), COEFFICIENTS, st.sampled_from(measures))
    arrays = st.integers(1, 5).flatmap(lambda rows: _arrays(ids, rows, measures))
    in_units = st.integers(1, 4).flatmap(lambda rows: _arrays(ids, rows, measures=[UNITS]))
    tails = arrays.flatmap(lambda of: st.builds(Tail, st.just(of), st.integers(1, of.rows)))
    simple = [forms, _sides(ids, measures), st.builds(Size, forms), st.builds(Worst, arrays), tails]
    if UNITS in measures:
        simple += [st.builds(Root, in_units), pairings(names)]
    return st.one_of(*simple)


def expressions(names: Sequence[str], measures: Sequence[str] = MEASURES) -> st.SearchStrategy[Expression]:
    """Return expressions of up to four levels over the ids."""

    def above(inner: st.SearchStrategy[Expression]) -> st.SearchStrategy[Expression]:
        several = st.lists(inner, min_size=1, max_size=3).map(tuple)
        weighted = st.lists(st.tuples(st.integers(0, 3 * PPM), inner), min_size=1, max_size=3).map(tuple)
        return st.one_of(
            st.builds(Sum, weighted),
            st.builds(Largest, several),
            st.builds(Tiers, inner, tables()),
            st.builds(Cheapest, st.lists(inner, min_size=2, max_size=3).map(tuple)),
        )

    one = leaves(names, measures)
    two = st.one_of(one, above(one))
    return st.one_of(two, above(two))


@st.composite
def tables(draw: st.DrawFn) -> TierTable:
    """Return a tier table; its rates rise."""
    count = draw(st.integers(1, 3))
    floors = draw(st.lists(st.integers(1, 2**30), min_size=count - 1, max_size=count - 1, unique=True).map(sorted))
    rates = draw(st.lists(RATES, min_size=count, max_size=count, unique=True).map(sorted))
    return TierTable(tuple(Tier(*row) for row in zip([0, *floors], rates, strict=True)))


@st.composite
def pairings(draw: st.DrawFn, names: Sequence[str]) -> Pairing:
    """Return a pairing of the ids with up to two strategies."""
    charges = st.integers(0, 100)
    naked = [{name: draw(charges) for name in names} for _ in range(2)]
    count = draw(st.integers(1, 2))
    legs = st.dictionaries(st.sampled_from(list(names)), st.sampled_from([-2, -1, 1, 2]), min_size=1, max_size=2)
    return Pairing(*naked, tuple(Strategy(f"cut-{number}", draw(legs), draw(charges)) for number in range(count)))


def naive(of: Expression, notionals: Mapping[str, int], lots: Mapping[str, int]) -> Fraction:
    """Return the value of an expression in units, by its definition and in fractions; a pairing by trying every cut."""
    return _NAIVE[type(of)](of, notionals, lots)


@st.composite
def _arrays(draw: st.DrawFn, ids: st.SearchStrategy[str], rows: int, measures: Sequence[str] = MEASURES) -> Array:
    row = st.lists(COEFFICIENTS, min_size=rows, max_size=rows).map(tuple)
    constants = draw(st.one_of(st.just(()), row))
    return Array(draw(st.dictionaries(ids, row, max_size=3)), rows, constants, draw(st.sampled_from(measures)))


@st.composite
def _sides(draw: st.DrawFn, ids: st.SearchStrategy[str], measures: Sequence[str]) -> Sides:
    long = draw(st.dictionaries(ids, COEFFICIENTS, max_size=3))
    bends = draw(st.dictionaries(ids, st.integers(0, 10**7), max_size=3))
    short = {name: bends.get(name, 0) - long.get(name, 0) for name in long.keys() | bends.keys()}
    return Sides(long, short, draw(st.sampled_from(measures)))


_Naive = Callable[..., Fraction]


def _form(per_lot: Mapping[str, int], constant: int, measure: str, notionals: Mapping[str, int]) -> _Naive:
    def at(lots: Mapping[str, int]) -> Fraction:
        total = Fraction(constant)
        for name, coefficient in per_lot.items():
            rate = Fraction(coefficient) if measure == UNITS else Fraction(coefficient * notionals[name], PPM)
            total += rate * lots.get(name, 0)
        return total

    return at


def _rows(of: Array, notionals: Mapping[str, int], lots: Mapping[str, int]) -> list[Fraction]:
    constants = of.constants or (0,) * of.rows
    rows = [({name: row[k] for name, row in of.per_lot.items()}, constants[k]) for k in range(of.rows)]
    return [_form(per_lot, constant, of.measure, notionals)(lots) for per_lot, constant in rows]


def _naive_affine(of: Affine, notionals: Mapping[str, int], lots: Mapping[str, int]) -> Fraction:
    return _form(of.per_lot, of.constant, of.measure, notionals)(lots)


def _naive_sides(of: Sides, notionals: Mapping[str, int], lots: Mapping[str, int]) -> Fraction:
    longs = {name: max(0, count) for name, count in lots.items()}
    shorts = {name: max(0, -count) for name, count in lots.items()}
    held = _form(of.long, 0, of.measure, notionals)(longs)
    return held + _form(of.short, 0, of.measure, notionals)(shorts)


def _naive_tiers(of: Tiers, notionals: Mapping[str, int], lots: Mapping[str, int]) -> Fraction:
    """Charge each slice of the amount at its own rate; below zero the first rate goes on."""
    amount = naive(of.of, notionals, lots)
    total = Fraction(0)
    for number, tier in enumerate(of.table.tiers):
        ends = [later.floor_units for later in of.table.tiers[number + 1 :]]
        upper = min([amount, *map(Fraction, ends[:1])])
        if number == 0 or amount > tier.floor_units:
            total += (upper - tier.floor_units) * Fraction(tier.rate_ppm, PPM)
    return total


def _naive_pairing(of: Pairing, notionals: Mapping[str, int], lots: Mapping[str, int]) -> Fraction:
    most = 4 * max((abs(lots.get(name, 0)) for name in of.names), default=0)
    found = []
    for counts in product(range(most + 1), repeat=len(of.strategies)):
        total = 0
        left = {name: lots.get(name, 0) for name in of.names}
        for strategy, count in zip(of.strategies, counts, strict=True):
            total += count * strategy.charge_units
            for name, leg in strategy.legs.items():
                left[name] -= leg * count
        for name, rest in left.items():
            total += of.long.get(name, 0) * rest if rest > 0 else -of.short.get(name, 0) * rest
        found.append(total)
    return Fraction(min(found))


_NAIVE: dict[type[Expression], _Naive] = {
    Affine: _naive_affine,
    Sides: _naive_sides,
    Size: lambda of, notionals, lots: abs(naive(of.of, notionals, lots)),
    Worst: lambda of, notionals, lots: max(_rows(of.of, notionals, lots)),
    Tail: lambda of, notionals, lots: sum(sorted(_rows(of.of, notionals, lots), reverse=True)[: of.count]) / of.count,
    Root: lambda of, notionals, lots: Fraction(
        least_root(int(sum(row**2 for row in _rows(of.of, notionals, lots)))), 1
    ),
    Pairing: _naive_pairing,
    Sum: lambda of, notionals, lots: sum(
        (Fraction(weight, PPM) * naive(child, notionals, lots) for weight, child in of.terms), Fraction(0)
    ),
    Largest: lambda of, notionals, lots: max(naive(child, notionals, lots) for child in of.of),
    Tiers: _naive_tiers,
    Cheapest: lambda of, notionals, lots: min(naive(child, notionals, lots) for child in of.of),
    Part: lambda of, notionals, lots: naive(of.of, notionals, lots),
}
