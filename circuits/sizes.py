"""A circuit read as a count: how large its proof is, and which digit base makes it cheapest."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from circuits.builder import Circuit
from zkmargin.proofs.constraints import MAX_BASE

PROVE_AND_VERIFY_WEIGHT = (3, 2)


def digits_for(bits: int, base: int) -> int:
    """Return the least L with ``base^L >= 2^bits``.

    Example:
        >>> digits_for(66, 64), digits_for(66, 2)
        (11, 66)
    """
    length, reach = 0, 1
    while reach < 2**bits:
        reach *= base
        length += 1
    return length


def best_base(number_bits: Sequence[int]) -> int:
    """Return the digit base that makes proving and verifying cheapest for numbers of these bit lengths.

    A slot is a point in two of the prover's multi-scalar multiplications and in the verifier's; a wire, of which there
    are base - 1, in one of each: so a slot weighs 3 and a wire 2. Among equals the smallest base wins.

    Example:
        >>> best_base([66] * 16)
        64
    """
    slot, wire = PROVE_AND_VERIFY_WEIGHT
    counts = {bits: number_bits.count(bits) for bits in set(number_bits)}
    best, best_cost = 2, None
    for base in range(2, MAX_BASE + 1):
        if best_cost is not None and wire * (base - 1) >= best_cost:
            break
        digits = sum(count * digits_for(bits, base) for bits, count in counts.items())
        cost = slot * digits + wire * (base - 1)
        if best_cost is None or cost < best_cost:
            best, best_cost = base, cost
    return best


@dataclass(frozen=True, slots=True)
class Sizes:
    """The public sizes of a statement and of its proof."""

    coordinates: int
    numbers: int
    base: int
    digits: int
    products: int
    rows: int
    proof_bytes: int


@dataclass(slots=True)
class Count:
    """The reader that only counts; a value is nothing."""

    number_bits: list[int] = field(default_factory=list)
    products: int = 0
    rows: int = 0

    def quantity(self, label: str, commitment: int = 0) -> None:
        return None

    def combine(self, terms: Iterable[tuple[int, None]], constant: int = 0) -> None:
        for _ in terms:  # all of them: a generator may talk to the builder
            pass

    def zero(self, value: None) -> None:
        self.rows += 1

    def nonnegative(self, value: None, bits: int) -> None:
        self.helper((), bits)
        self.rows += 1

    def helper(self, candidates: Sequence[None], bits: int) -> None:
        self.number_bits.append(bits)

    def helpers(
        self, given: Sequence[None], choose: Callable[[Sequence[int]], Sequence[int]], bits: Sequence[int]
    ) -> list[None]:
        self.number_bits.extend(bits)
        return [None] * len(bits)

    def product(self, left: None, right: None) -> None:
        self.products += 1
        self.rows += 2


def measure(circuit: Circuit, coordinates: int, commitments: int = 1, base: int | None = None) -> Sizes:
    """Return the sizes of a circuit over `coordinates` committed quantities, without building its constraints.

    The digit base is the cheapest one unless given.
    """
    count = Count()
    circuit(count)
    base = best_base(count.number_bits) if base is None else base
    digits = sum(digits_for(bits, base) for bits in count.number_bits)
    wires = count.products + (base - 1 if digits else 0)
    scalars = digits + count.products + wires + coordinates + commitments + 4
    return Sizes(
        coordinates=coordinates,
        numbers=len(count.number_bits),
        base=base,
        digits=digits,
        products=count.products,
        rows=count.rows,
        proof_bytes=3 * 96 + 32 * scalars,
    )
