"""The nodes of a margin rule in constraints; equals `zkmargin.margin.expressions`, node by node.

Constraints
-----------
    affine, sides     short_i >= max(0, -q_i), once an id                  `gadgets.absolute`
    size, worst       the largest of the forms                             `gadgets.maximum`
    largest, tiers    the largest of the values                            `gadgets.maximum`
    tail              k t + sum of excesses                                `gadgets.tail`
    root              root^2 - sum of squares >= 0                         `gadgets.root`
    pairing           a cut of the book                                    `gadgets.cut`
    cheapest          one of the values                                    `gadgets.selector`
    sum, part         none

Every value is at least the plain one, whatever the prover chooses, and equal to it for an honest prover: by induction,
since a value enters the node above it with a coefficient that is not negative.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import Generic

from circuits.builder import Builder, V
from circuits.gadgets.absolute import short_part
from circuits.gadgets.cut import cut
from circuits.gadgets.maximum import maximum
from circuits.gadgets.root import length
from circuits.gadgets.selector import cheapest
from circuits.gadgets.tail import tail
from zkmargin.amounts import QUANTITY_BITS, bounded
from zkmargin.errors import StatementError
from zkmargin.margin import pairing
from zkmargin.margin.expressions import least_root
from zkmargin.market.expressions import (
    Cheapest,
    Largest,
    Pairing,
    Part,
    Root,
    Size,
    Sum,
    Tail,
    Tiers,
    Worst,
)
from zkmargin.market.forms import Affine, Bent, Expression, Marks, Sides
from zkmargin.proofs.constraints import MAX_ROWS

Terms = tuple[tuple[int, Expression | Bent], ...]


class Charges(Generic[V]):
    """The values of the expressions of one claim about one book, each stated once.

    Args:
        builder: The reader.
        marks: What the expressions need of the market; its ids are the basis.
        capacity_bits: An honest prover states values below ``2^capacity_bits`` units.
    """

    def __init__(self, builder: Builder[V], marks: Marks, capacity_bits: int) -> None:
        self._builder = builder
        self._marks = marks
        self._capacity_bits = capacity_bits
        self._quantities: dict[str, V] = {}
        self._shorts: dict[str, V] = {}
        self._stated: dict[Hashable, V] = {}

    def total(self, terms: Terms) -> V:
        """Return the sum of multiples, of expressions at their own scale and of forms."""
        return self._builder.combine([(multiplier, self.value(of)) for multiplier, of in terms])

    def value(self, of: Expression | Bent) -> V:
        """Return a value that is at least the expression's, times its scale."""
        if isinstance(of, Bent):
            return self._form(of)
        key = _key(of)
        if key not in self._stated:
            self._stated[key] = self._state(of)
        return self._stated[key]

    def _state(self, of: Expression) -> V:
        match of:
            case Affine() | Sides():
                return self._form(of.at(self._marks))
            case Size():
                return self._largest([self._form(form) for form in of.at(self._marks)], of.scale)
            case Worst():
                return self._largest([self._form(form) for form in dict.fromkeys(of.of.at(self._marks))], of.scale)
            case Tail():
                rows = [self._form(form) for form in of.of.at(self._marks)]
                return tail(self._builder, rows, of.count, self._bits(of.of.scale))
            case Root():
                rows = [self._form(form) for form in of.of.at(self._marks)]
                return length(self._builder, rows, self._bits(of.scale), least_root)
            case Pairing():
                return self._cut(of)
            case Sum() | Part():
                return self.total(alternatives(of, self._marks, split=False)[0])
            case Largest() | Tiers():
                found = alternatives(of, self._marks, split=False)
                return self._largest([self.total(terms) for terms in found], of.scale)
            case Cheapest():
                branches = [((of.multiplier(child), child),) for child in of.of]
                return cheapest(self._builder, [self.total(terms) for terms in branches])
        raise StatementError(f"no constraints are known for a {of.node}")

    def _largest(self, values: Sequence[V], scale: int) -> V:
        return maximum(self._builder, values, self._bits(scale))

    def _cut(self, of: Pairing) -> V:
        legs, strategies = of.within(self._marks)
        quantities = {name: self._quantity(name) for name in legs}

        def choose(lots: Sequence[int]) -> Sequence[int]:
            return pairing.cut(of, self._marks, dict(zip(legs, lots, strict=True)))

        return cut(self._builder, quantities, strategies, of.long, of.short, choose, QUANTITY_BITS)

    def _form(self, form: Bent) -> V:
        held = [(coefficient, self._quantity(name)) for name, coefficient in form.per_lot]
        owed = [(extra, self._short(name)) for name, extra in form.per_short_lot]
        return self._builder.combine([*held, *owed], form.constant)

    def _quantity(self, name: str) -> V:
        if name not in self._quantities:
            self._quantities[name] = self._builder.quantity(name)
        return self._quantities[name]

    def _short(self, name: str) -> V:
        if name not in self._shorts:
            self._shorts[name] = short_part(self._builder, self._quantity(name), QUANTITY_BITS)
        return self._shorts[name]

    def _bits(self, scale: int) -> int:
        return self._capacity_bits + (scale - 1).bit_length()


def alternatives(of: Expression, marks: Marks, *, split: bool = True) -> list[Terms]:
    """Return sums of multiples whose largest is the expression: at the top of a rule each is a row of its own.

    With `split`, the alternatives below a sum or a part are drawn up as well, those of the one child that has most.

    Raises:
        StatementError: if there are more than a system has rows.
    """
    return _drawn_up(of, marks, split, {})


def _drawn_up(of: Expression, marks: Marks, split: bool, parts: dict[str, list[Terms]]) -> list[Terms]:
    def inner(child: Expression) -> list[Terms]:
        return _drawn_up(child, marks, split, parts) if split else [((1, child),)]

    match of:
        case Part():
            if of.name not in parts:
                parts[of.name] = inner(of.of)
            return parts[of.name]
        case Worst() if split:
            return [((1, form),) for form in dict.fromkeys(of.of.at(marks))]
        case Sum():
            plain = [pair for pair in zip(of.multipliers, of.children, strict=True) if pair[0]]
            return _of_sum(plain, [inner(child) for _, child in plain])
        case Largest():
            found = [(of.multiplier(child), inner(child)) for child in of.of]
            bounded("number of alternatives", sum(len(each) for _, each in found), 1, MAX_ROWS)
            return [_times(factor, terms) for factor, each in found for terms in each]
        case Tiers():
            return [((slope, of.of), (1, Bent((), (), constant))) for slope, constant in of.pieces]
        case _:
            return [((1, of),)]


def _of_sum(plain: Sequence[tuple[int, Expression]], found: Sequence[list[Terms]]) -> list[Terms]:
    place = max(range(len(plain)), key=lambda index: len(found[index]), default=0)
    if not plain or len(found[place]) < 2:
        return [tuple(plain)]
    rest: Terms = (*plain[:place], *plain[place + 1 :])
    return [(*rest, *_times(plain[place][0], terms)) for terms in found[place]]


def _times(factor: int, terms: Terms) -> Terms:
    return tuple((factor * multiplier, leaf) for multiplier, leaf in terms)


def _key(of: Expression) -> Hashable:
    """Return what is stated once: a part by name, a size by its form (tiers and add-ons share it), else the node."""
    if isinstance(of, Part):
        return of.name
    if isinstance(of, Size):
        return (tuple(of.of.per_lot.items()), of.of.constant, of.of.measure)
    return id(of)
