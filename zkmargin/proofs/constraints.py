"""A constraint system as data: what the rank-1 norm argument proves.

Variables, in one flat numbering
--------------------------------
    left     a_0 .. a_{n-1}         digit slots first (0 .. d-1), then product slots (d .. n-1)
    right    b_d .. b_{n-1}         product slots only: the right value of a digit slot depends on a challenge
    wires    plain wires, used linearly (the digit multiplicities are wires of the argument, not of the rows)
    books    q^(1) over the basis, then q^(2) over the basis

Constraints
-----------
    digit slot i      a_i in {0, .., base-1}
    product slot i    a_i * b_i = affine_i
    row j             affine_j = 0
    membership        q^(k)_p = 0 wherever label p of the basis is not one of commitment k; these rows follow the others

No wrap-around
--------------
    A system is refused unless every variable has an integer interval and the value of every constraint over them lies
    strictly between -ORDER and ORDER: then a constraint that holds modulo the order holds over the integers.
    Intervals start at digits, and at committed quantities when a registration or a ledger has proved their bound
    (`quantity_bits`); a row or a product that holds exactly one variable without an interval, with coefficient +-1,
    defines it.

Reference: the project's docs/protocols/arithmetic.md, "Statement" and "No wrap-around".
"""

from __future__ import annotations

import hashlib
from bisect import bisect_left
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import chain, pairwise
from operator import itemgetter, mul
from typing import TypeAlias

from zkmargin.algebra.generators import DST, check_identifier
from zkmargin.algebra.scalars import ORDER, SCALAR_BYTES
from zkmargin.algebra.vectors import Matrix
from zkmargin.amounts import MAX_COORDINATES, QUANTITY_BITS
from zkmargin.encoding import encode_string
from zkmargin.errors import StatementError

MAX_SLOTS = 2**16
MAX_ROWS = 2**14
MAX_WIRES = 2**12
MAX_BASE = 2**12

# A section is evaluated as one matrix product from so many vectors on, and combined as one from so many entries on;
# with more entries than MAX_DENSE the matrix would take more memory than it is worth.
MANY = 8
LEAST_DENSE = 2**12
MAX_DENSE = 2**16

Picker: TypeAlias = Callable[[Sequence[int]], Sequence[int]]


@dataclass(frozen=True, slots=True)
class Affine:
    """``constant + sum_i coefficients_i * variable(indices_i)`` over the integers; indices ascend strictly."""

    indices: tuple[int, ...]
    coefficients: tuple[int, ...]
    constant: int

    def evaluate(self, values: Sequence[int]) -> int:
        """Return the value over the integers (or any representatives of residues)."""
        terms = zip(self.coefficients, self.indices, strict=True)
        return self.constant + sum([coefficient * values[index] for coefficient, index in terms])


@dataclass(frozen=True)
class Section:
    """The part of many affine forms that lies in one run of variables, arranged for evaluation at C speed.

    Attributes:
        width: How many variables the run has.
        parts: Number of the form, what picks its variables out of the run, and their coefficients.
    """

    width: int
    parts: tuple[tuple[int, Picker, tuple[int, ...]], ...]

    @staticmethod
    def cut(forms: Sequence[Affine], low: int, high: int) -> Section:
        """Return the part of `forms` over the flat variables low .. high-1."""
        parts = []
        for number, form in enumerate(forms):
            first, last = bisect_left(form.indices, low), bisect_left(form.indices, high)
            if first < last:
                pick = _picker([index - low for index in form.indices[first:last]])
                parts.append((number, pick, form.coefficients[first:last]))
        return Section(high - low, tuple(parts))

    def evaluate(self, weights: Sequence[int], values: Sequence[int]) -> int:
        """Return ``sum_j weights_j * (linear part of form j)`` at the run's values, not reduced."""
        return sum([weights[number] * sum(map(mul, factors, pick(values))) for number, pick, factors in self.parts])

    def evaluate_each(self, weights: Sequence[Sequence[int]], values: Sequence[Sequence[int]]) -> list[int]:
        """Return `evaluate` for many weights and values: where most coefficients are not 0, as one matrix product."""
        if len(values) < MANY or not self._dense:
            return [self.evaluate(one, other) for one, other in zip(weights, values, strict=True)]
        pick = _picker([number for number, _, _ in self.parts])
        return [sum(map(mul, pick(one), row)) for one, row in zip(weights, self._matrix.times(values), strict=True)]

    def combine(self, weights: Sequence[int]) -> list[int]:
        """Return, for each variable of the run, ``sum_j weights_j * (its coefficient in form j)``, not reduced."""
        if self._dense and self.width * len(self.parts) >= LEAST_DENSE:
            columns = self._transposed
            return columns.times([_picker([number for number, _, _ in self.parts])(weights)])[0]
        total = [0] * self.width
        for number, pick, factors in self.parts:
            weight = weights[number]
            for place, factor in zip(pick(range(self.width)), factors, strict=True):
                total[place] += weight * factor
        return total

    @cached_property
    def _dense(self) -> bool:
        entries = self.width * len(self.parts)
        return 0 < entries <= MAX_DENSE and 2 * sum(len(factors) for _, _, factors in self.parts) >= entries

    @cached_property
    def _matrix(self) -> Matrix:
        return Matrix(self._rows())

    @cached_property
    def _transposed(self) -> Matrix:
        return Matrix(list(zip(*self._rows(), strict=True)))

    def _rows(self) -> list[list[int]]:
        rows = []
        for _, pick, factors in self.parts:
            row = [0] * self.width
            for place, factor in zip(pick(range(self.width)), factors, strict=True):
                row[place] = factor
            rows.append(row)
        return rows


@dataclass(frozen=True, slots=True)
class Shape:
    """What of a system fixes the generators of its proofs: K, n, w (digit multiplicities included) and the basis."""

    commitments: int
    slots: int
    wires: int
    basis: tuple[str, ...]


@dataclass(frozen=True)
class System:
    """A constraint system; equal systems have equal digests.

    Attributes:
        basis: Labels of the committed coordinates, in code-point order, each once; at most 4,096.
        members: For each of the one or two commitments, its own labels, in order.
        digits: d, the number of digit slots.
        base: Digits lie in 0..base-1; 2 to 4,096 (ignored, and 2, when there is no digit slot).
        products: The affine right-hand side of each product slot.
        wires: Number of plain wires.
        rows: Affine forms that must vanish.
        quantity_bits: Every committed quantity is known to be less than 2^quantity_bits in size; `None` when nothing is
            known and the rows have to prove it.

    Raises:
        StatementError: if a limit is exceeded, a label repeats, an index does not exist, or a value could wrap around.
    """

    basis: tuple[str, ...]
    members: tuple[tuple[str, ...], ...]
    digits: int
    base: int
    products: tuple[Affine, ...]
    wires: int
    rows: tuple[Affine, ...]
    quantity_bits: int | None

    def __post_init__(self) -> None:
        self._check_limits()
        self._check_labels()
        self._check_indices()
        self._check_no_wrap_around()

    @property
    def commitments(self) -> int:
        """K, the number of commitments."""
        return len(self.members)

    @property
    def slots(self) -> int:
        """n, the number of slots."""
        return self.digits + len(self.products)

    @property
    def multiplicities(self) -> int:
        """The number of wires that count digits: base - 1, or none without digit slots."""
        return self.base - 1 if self.digits else 0

    @property
    def shape(self) -> Shape:
        """Return what fixes the generators of a proof."""
        return Shape(self.commitments, self.slots, self.multiplicities + self.wires, self.basis)

    @property
    def right_start(self) -> int:
        """The flat number of the first product slot's right value."""
        return self.slots

    @property
    def wire_start(self) -> int:
        """The flat number of the first plain wire."""
        return self.slots + len(self.products)

    def book_start(self, commitment: int) -> int:
        """Return the flat number of the first coordinate of a commitment (0 or 1)."""
        return self.wire_start + self.wires + commitment * len(self.basis)

    @property
    def variables(self) -> int:
        """How many variables there are."""
        return self.book_start(self.commitments)

    @cached_property
    def constraints(self) -> tuple[Affine, ...]:
        """Every form that must vanish: the rows, then the membership rows."""
        absent = [
            self.book_start(number) + position
            for number, labels in enumerate(map(frozenset, self.members))
            for position, label in enumerate(self.basis)
            if label not in labels
        ]
        return self.rows + tuple(Affine((index,), (1,), 0) for index in absent)

    @cached_property
    def forms(self) -> tuple[Affine, ...]:
        """Return the constraints, then the products: everything that is weighted and added up."""
        return self.constraints + self.products

    @cached_property
    def constants(self) -> tuple[int, ...]:
        """Return the constant of each form."""
        return tuple(form.constant for form in self.forms)

    @cached_property
    def sections(self) -> tuple[Section, ...]:
        """Return the forms cut by the kind of their variables: left, right, wires, then one section a commitment."""
        ends = [self.right_start, self.wire_start, *map(self.book_start, range(self.commitments + 1))]
        return tuple(Section.cut(self.forms, low, high) for low, high in pairwise([0, *ends]))

    @cached_property
    def digest(self) -> bytes:
        """SHA-256 over every public part of the system, and over the tag that fixes all generators."""
        state = hashlib.sha256(encode_string(b"zkmargin/system/1") + encode_string(DST))
        known = 0 if self.quantity_bits is None else 1 + self.quantity_bits
        for number in (self.commitments, self.digits, self.base, self.wires, known):
            state.update(_u32(number))
        for labels in (self.basis, *self.members):
            state.update(_u32(len(labels)) + b"".join(encode_string(label.encode()) for label in labels))
        for forms in (self.products, self.rows):
            state.update(_u32(len(forms)))
            for form in forms:
                state.update(_encode(form))
        return state.digest()

    def _check_limits(self) -> None:
        limits = (
            ("number of commitments", self.commitments, 1, 2),
            ("number of coordinates", len(self.basis), 1, MAX_COORDINATES),
            ("number of digit slots", self.digits, 0, MAX_SLOTS),
            ("number of slots", self.slots, 1, MAX_SLOTS),
            ("number of wires", self.wires, 0, MAX_WIRES),
            ("number of rows", len(self.rows), 0, MAX_ROWS),
            ("digit base", self.base, 2, MAX_BASE),
            ("quantity bits", self.quantity_bits or 0, 0, QUANTITY_BITS + 48),
        )
        for name, value, low, high in limits:
            if not low <= value <= high:
                raise StatementError(f"{name} must be between {low} and {high}, got {value}")

    def _check_labels(self) -> None:
        for label in self.basis:
            check_identifier(label)
        for labels in (self.basis, *self.members):
            if any(left >= right for left, right in pairwise(labels)):
                raise StatementError("labels must be distinct and in code-point order")
        if set(self.basis) != set(chain(*self.members)):
            raise StatementError("the basis must be the union of the commitments' labels")

    def _check_indices(self) -> None:
        for form in chain(self.products, self.rows):
            if len(form.indices) != len(form.coefficients):
                raise StatementError("a row must have one coefficient for each variable")
            if any(left >= right for left, right in pairwise(form.indices)):
                raise StatementError("the variables of a row must ascend strictly")
            if form.indices and not 0 <= form.indices[0] <= form.indices[-1] < self.variables:
                raise StatementError(f"a row names a variable outside 0..{self.variables - 1}")

    def _check_no_wrap_around(self) -> None:
        intervals = Intervals(self)
        for number, form in enumerate(self.constraints):
            intervals.require_no_wrap(f"row {number}", *intervals.of(form))
        for number, form in enumerate(self.products):
            low, high = intervals.of(form)
            least, most = intervals.of_product(number)
            intervals.require_no_wrap(f"product slot {number}", least - high, most - low)


class Intervals:
    """The integer interval of every variable of a system, found by propagation.

    Raises:
        StatementError: if a variable has none.
    """

    def __init__(self, system: System) -> None:
        self._system = system
        self._known: list[tuple[int, int] | None] = [None] * system.variables
        self._known[: system.digits] = [(0, system.base - 1)] * system.digits
        if system.quantity_bits is not None:
            bound = 2**system.quantity_bits - 1
            start = system.book_start(0)
            self._known[start:] = [(-bound, bound)] * (system.variables - start)
        waiting = list(self._definitions())
        while waiting:
            left = [item for item in waiting if not self._resolve(*item)]
            if len(left) == len(waiting):
                break
            waiting = left
        if None in self._known:
            raise StatementError(f"variable {self._known.index(None)} has no proved bound, so a row could wrap around")

    def of(self, form: Affine) -> tuple[int, int]:
        """Return the interval of an affine form whose variables are all known."""
        low = high = form.constant
        for index, coefficient in zip(form.indices, form.coefficients, strict=True):
            known = self._known[index]
            if known is None:
                raise StatementError(f"variable {index} has no proved bound, so a row could wrap around")
            ends = (coefficient * known[0], coefficient * known[1])
            low += min(ends)
            high += max(ends)
        return low, high

    def of_product(self, number: int) -> tuple[int, int]:
        """Return the interval of ``a * b`` of a product slot."""
        left = self._known[self._system.digits + number]
        right = self._known[self._system.right_start + number]
        if left is None or right is None:
            raise StatementError(f"a factor of product slot {number} has no proved bound, so it could wrap around")
        ends = [one * other for one in left for other in right]
        return min(ends), max(ends)

    @staticmethod
    def require_no_wrap(name: str, low: int, high: int) -> None:
        """Refuse a constraint whose value could reach the group order in size."""
        if low <= -ORDER or high >= ORDER:
            size = max(-low, high).bit_length()
            raise StatementError(f"{name} could wrap around: its value must be below the group order, got {size} bits")

    def _definitions(self) -> Iterator[tuple[Affine, int | None]]:
        for form in self._system.constraints:
            yield form, None
        for number, form in enumerate(self._system.products):
            yield form, number

    def _resolve(self, form: Affine, product: int | None) -> bool:
        """Give the form's one unknown variable its interval; return whether the form needs no further look."""
        unknown = [place for place, index in enumerate(form.indices) if self._known[index] is None]
        if not unknown:
            return True
        if len(unknown) > 1 or form.coefficients[unknown[0]] not in (-1, 1):
            return False
        if product is not None and not self._factors_known(product):
            return False
        place = unknown[0]
        rest = Affine(
            form.indices[:place] + form.indices[place + 1 :],
            form.coefficients[:place] + form.coefficients[place + 1 :],
            form.constant,
        )
        low, high = self.of(rest)
        least, most = (0, 0) if product is None else self.of_product(product)
        # form = product, so coefficient * variable = product - rest
        low, high = least - high, most - low
        sign = form.coefficients[place]
        self._known[form.indices[place]] = (low, high) if sign == 1 else (-high, -low)
        return True

    def _factors_known(self, number: int) -> bool:
        factors = (self._system.digits + number, self._system.right_start + number)
        return all(self._known[index] is not None for index in factors)


def _picker(indices: Sequence[int]) -> Picker:
    """Return what picks these ascending places out of a sequence."""
    if indices[-1] - indices[0] == len(indices) - 1:
        return itemgetter(slice(indices[0], indices[-1] + 1))
    return itemgetter(*indices)


def _u32(number: int) -> bytes:
    return number.to_bytes(4, "big")


def _encode(form: Affine) -> bytes:
    scalars = [(value % ORDER).to_bytes(SCALAR_BYTES, "big") for value in (form.constant, *form.coefficients)]
    return b"".join([_u32(len(form.indices)), *map(_u32, form.indices), *scalars])
