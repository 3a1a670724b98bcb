"""A circuit read as constraints, as an assignment, and as rank-1 matrices over galois.GF(r).

`compile_circuit` reads the constraints and chooses the digit base that makes proofs cheapest; `assign` reads the values
of one book; `rank_one` turns a system into the matrices of a textbook rank-1 constraint system, whose meaning is the
meaning that tests compare everything with.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from circuits.builder import Circuit
from circuits.sizes import best_base, digits_for
from zkmargin.algebra.scalars import ORDER
from zkmargin.amounts import bounded
from zkmargin.commitments import Opening
from zkmargin.errors import StatementError, WitnessError
from zkmargin.proofs.arithmetic import Witness
from zkmargin.proofs.constraints import MAX_ROWS, Affine, System

_KIND = 2**32
_BOOK, _NUMBER, _LEFT, _RIGHT, _WIRE = (kind * _KIND for kind in range(5))

# Generates the multiplicative group of the field; galois would spend a minute looking for one.
_PRIMITIVE_ELEMENT = 7


@dataclass(frozen=True, slots=True)
class Form:
    """An affine form over symbolic variables, before digits and positions are known."""

    terms: dict[int, int]
    constant: int


@dataclass(frozen=True, slots=True)
class Shape:
    """What a circuit is about: the labels of each commitment, and what is known about their quantities.

    Attributes:
        members: Labels of each commitment, in code-point order.
        quantity_bits: Proved bound of every quantity, or `None`: see `System`.
    """

    members: tuple[tuple[str, ...], ...]
    quantity_bits: int | None

    @property
    def basis(self) -> tuple[str, ...]:
        """The union of the labels, in code-point order."""
        return tuple(sorted({label for labels in self.members for label in labels}))


class Constraints:
    """The reader that collects constraints; a value is a `Form`."""

    def __init__(self, shape: Shape) -> None:
        self._shape = shape
        self._basis = shape.basis
        self._positions = {label: position for position, label in enumerate(self._basis)}
        self._rows: list[Form] = []
        self._products = 0
        self.number_bits: list[int] = []

    def quantity(self, label: str, commitment: int = 0) -> Form:
        position = self._positions.get(label)
        if position is None or not 0 <= commitment < len(self._shape.members):
            raise StatementError(f"commitment {commitment} has no quantity of {label}")
        return Form({_BOOK + commitment * len(self._basis) + position: 1}, 0)

    def combine(self, terms: Iterable[tuple[int, Form]], constant: int = 0) -> Form:
        total: dict[int, int] = {}
        for coefficient, form in terms:
            constant += coefficient * form.constant
            for variable, factor in form.terms.items():
                total[variable] = total.get(variable, 0) + coefficient * factor
        return Form(total, constant)

    def zero(self, value: Form) -> None:
        bounded("number of rows", len(self._rows) + 1, 0, MAX_ROWS)  # here, before a large statement fills the memory
        self._rows.append(value)

    def nonnegative(self, value: Form, bits: int) -> None:
        self.zero(self.combine([(1, self.helper((), bits)), (-1, value)]))

    def helper(self, candidates: Sequence[Form], bits: int) -> Form:
        self.number_bits.append(bits)
        return Form({_NUMBER + len(self.number_bits) - 1: 1}, 0)

    def helpers(
        self, given: Sequence[Form], choose: Callable[[Sequence[int]], Sequence[int]], bits: Sequence[int]
    ) -> list[Form]:
        return [self.helper((), length) for length in bits]

    def product(self, left: Form, right: Form) -> Form:
        index = self._products
        self._products += 1
        self.zero(self.combine([(1, Form({_LEFT + index: 1}, 0)), (-1, left)]))
        self.zero(self.combine([(1, Form({_RIGHT + index: 1}, 0)), (-1, right)]))
        return Form({_WIRE + index: 1}, 0)

    def finish(self, base: int | None = None) -> System:
        """Return the system; the base is the cheapest one unless given."""
        base = best_base(self.number_bits) if base is None else base
        lengths = [digits_for(bits, base) for bits in self.number_bits]
        place = _Placement(base, lengths, self._products)
        products = tuple(Affine((place.wire_start + index,), (1,), 0) for index in range(self._products))
        return System(
            basis=self._basis,
            members=self._shape.members,
            digits=sum(lengths),
            base=base if any(lengths) else 2,
            products=products,
            wires=self._products,
            rows=tuple(place.expand(row) for row in self._rows),
            quantity_bits=self._shape.quantity_bits,
        )


class _Placement:
    """Where symbolic variables end up in a system's flat numbering."""

    def __init__(self, base: int, lengths: list[int], products: int) -> None:
        self._powers = [base**exponent for exponent in range(max(lengths, default=0))]
        self._lengths = lengths
        self._starts = [0]
        for length in lengths:
            self._starts.append(self._starts[-1] + length)
        digits = self._starts[-1]
        right_start = digits + products
        self.wire_start = right_start + products
        self._offsets = {_LEFT: digits, _RIGHT: right_start, _WIRE: self.wire_start, _BOOK: self.wire_start + products}

    def expand(self, form: Form) -> Affine:
        """Return the form over flat variables: a number becomes its digits."""
        flat: dict[int, int] = {}
        for variable, coefficient in form.terms.items():
            kind, index = variable // _KIND * _KIND, variable % _KIND
            if kind == _NUMBER:
                start = self._starts[index]
                for exponent in range(self._lengths[index]):
                    flat[start + exponent] = coefficient * self._powers[exponent]
            else:
                flat[self._offsets[kind] + index] = coefficient
        kept = sorted((index, coefficient) for index, coefficient in flat.items() if coefficient)
        return Affine(tuple(index for index, _ in kept), tuple(value for _, value in kept), form.constant)


def compile_circuit(circuit: Circuit, shape: Shape, base: int | None = None) -> System:
    """Return the constraint system of a circuit."""
    reader = Constraints(shape)
    circuit(reader)
    return reader.finish(base)


class Assignment:
    """The reader that computes values; a value is an integer."""

    def __init__(self, base: int, books: Sequence[dict[str, int]]) -> None:
        self._base = base
        self._books = books
        self.digits: list[int] = []
        self.factors: list[tuple[int, int]] = []

    def quantity(self, label: str, commitment: int = 0) -> int:
        return self._books[commitment][label]

    def combine(self, terms: Iterable[tuple[int, int]], constant: int = 0) -> int:
        return constant + sum([coefficient * value for coefficient, value in terms])

    def zero(self, value: int) -> None:
        if value:
            raise WitnessError("the book does not satisfy the claim")

    def nonnegative(self, value: int, bits: int) -> None:
        if value < 0:
            raise WitnessError("the book does not satisfy the claim")
        length = digits_for(bits, self._base)
        for _ in range(length):
            value, digit = divmod(value, self._base)
            self.digits.append(digit)
        if value:
            raise WitnessError(f"an amount of the book is too large for this statement: it needs more than {bits} bits")

    def helper(self, candidates: Sequence[int], bits: int) -> int:
        value = max(candidates)
        self.nonnegative(value, bits)
        return value

    def helpers(
        self, given: Sequence[int], choose: Callable[[Sequence[int]], Sequence[int]], bits: Sequence[int]
    ) -> list[int]:
        values = list(choose(given))
        for value, length in zip(values, bits, strict=True):
            self.nonnegative(value, length)
        return values

    def product(self, left: int, right: int) -> int:
        self.factors.append((left, right))
        return left * right


def assign(circuit: Circuit, system: System, openings: Sequence[Opening]) -> Witness:
    """Return the witness of a circuit for the books in `openings`.

    Raises:
        StatementError: if an opening has a label that the system's commitment lacks.
        WitnessError: if a book does not satisfy the circuit, or exceeds what the statement can express.
    """
    for opening, labels in zip(openings, system.members, strict=True):
        if set(opening.quantities) != set(labels):
            raise StatementError("the opening and the commitment must name the same assets and instruments")
    books = [{label: opening.quantities.get(label, 0) for label in system.basis} for opening in openings]
    reader = Assignment(system.base, books)
    circuit(reader)
    lefts, rights = [one for one, _ in reader.factors], [other for _, other in reader.factors]
    wires = [one * other for one, other in reader.factors]
    quantities = [book[label] for book in books for label in system.basis]
    return Witness([*reader.digits, *lefts, *rights, *wires, *quantities], [item.blinding for item in openings])


def rank_one(system: System) -> tuple[Any, Any, Any]:
    """Return matrices (A, B, C) over galois.GF(ORDER) such that a vector z satisfies the system iff Az * Bz = Cz.

    The vector is (1, the system's variables, then base - 2 auxiliaries a digit: see `rank_one_vector`). A digit is
    bound to 0..base-1 by the running product ``d (d-1) (d-2) ...``, so the meaning shares nothing with the look-up
    argument. Entries are Python integers: right for tests, far too slow for proving. Use a small base.
    """
    width = 1 + system.variables + system.digits * (system.base - 2)
    triples: list[tuple[dict[int, int], dict[int, int], dict[int, int]]]
    triples = [(_sparse(form), {0: 1}, {}) for form in system.constraints]
    for number, form in enumerate(system.products):
        left, right = 1 + system.digits + number, 1 + system.right_start + number
        triples.append(({left: 1}, {right: 1}, _sparse(form)))
    auxiliary = 1 + system.variables
    for digit in range(1, 1 + system.digits):
        running = digit
        for value in range(1, system.base):
            last = value == system.base - 1
            triples.append(({running: 1}, {digit: 1, 0: -value}, {} if last else {auxiliary: 1}))
            running = auxiliary
            auxiliary += 0 if last else 1
    matrices = []
    for side in range(3):
        rows = [[0] * width for _ in triples]
        for row, triple in zip(rows, triples, strict=True):
            for column, value in triple[side].items():
                row[column] = int(value % ORDER)
        matrices.append(_field()(rows))
    return matrices[0], matrices[1], matrices[2]


def rank_one_vector(system: System, values: Sequence[int]) -> Any:
    """Return the vector z of `rank_one` for a value of every variable of the system."""
    auxiliaries = []
    for digit in values[: system.digits]:
        running = digit
        for value in range(1, system.base - 1):
            running = running * (digit - value) % ORDER
            auxiliaries.append(running)
    return _field()([int(value % ORDER) for value in (1, *values, *auxiliaries)])


def _field() -> Any:
    import galois  # start-up time: loads numba, about 2 s

    return galois.GF(int(ORDER), primitive_element=_PRIMITIVE_ELEMENT, verify=False)


def _sparse(form: Affine) -> dict[int, int]:
    entries = {1 + index: value for index, value in zip(form.indices, form.coefficients, strict=True)}
    return entries | ({0: form.constant} if form.constant else {})
