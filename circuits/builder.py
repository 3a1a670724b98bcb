"""What a circuit may say.

A circuit is a function of a `Builder` and public data. It is written once and read several ways: as constraints and as
an assignment (`circuits.systems`), as a count (`circuits.sizes`). A value is whatever the reader makes of it - an
affine form, an integer, nothing - so a circuit combines values only through its builder.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Protocol, TypeVar

V = TypeVar("V")


class Builder(Protocol[V]):
    """One reader of a circuit."""

    def quantity(self, label: str, commitment: int = 0) -> V:
        """Return the committed quantity of an asset or instrument."""

    def combine(self, terms: Iterable[tuple[int, V]], constant: int = 0) -> V:
        """Return ``constant + sum coefficient * value``."""

    def zero(self, value: V) -> None:
        """Constrain a value to 0."""

    def nonnegative(self, value: V, bits: int) -> None:
        """Constrain a value to [0, B) for a public bound B >= 2^bits that depends on the digit base.

        The lower end is the constraint; the upper end is only how much an honest prover can state.
        """

    def helper(self, candidates: Sequence[V], bits: int) -> V:
        """Return a value that the prover is free to choose in [0, B), B >= 2^bits.

        An honest prover takes the largest candidate. Nothing ties the helper to the candidates: the circuit must.
        """

    def helpers(
        self, given: Sequence[V], choose: Callable[[Sequence[int]], Sequence[int]], bits: Sequence[int]
    ) -> list[V]:
        """Return one value for each entry of `bits`, each free in [0, B), B >= 2^bits.

        An honest prover takes what `choose` makes of the given values. Nothing ties the helpers to them either.
        """

    def product(self, left: V, right: V) -> V:
        """Return left * right."""


class Circuit(Protocol):
    """A circuit whose public data is already fixed."""

    def __call__(self, builder: Builder[V]) -> None:
        """State every constraint."""
