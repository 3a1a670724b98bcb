"""A book: how much of everything one account holds. The secret of the whole system.

Bounds
------
    |quantity| < 2^64 lots, at most 4,096 entries. An entry of zero lots is allowed: it hides that nothing is held.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from zkmargin.amounts import MAX_COORDINATES, QUANTITY_BITS, bounded
from zkmargin.documents import Reader, identifier
from zkmargin.errors import StatementError

FORMAT = "zkmargin/book/1"
MAX_QUANTITY_LOTS = 2**QUANTITY_BITS - 1


@dataclass(frozen=True, slots=True, repr=False)
class Book:
    """Signed lots by instrument id. Quantities appear in no `repr` and in no error.

    Example:
        >>> book = Book({"USD": 5_000, "BTC-PERP": -3}) + Book({"BTC-PERP": 1})
        >>> book.vector(["USD", "BTC-PERP", "ETH-PERP"])
        (5000, -2, 0)
        >>> book
        Book(2 entries, quantities hidden)
    """

    quantities: Mapping[str, int]

    def __post_init__(self) -> None:
        bounded("number of book entries", len(self.quantities), 0, MAX_COORDINATES)
        for name, quantity_lots in self.quantities.items():
            identifier("book entry", name)
            if abs(quantity_lots) > MAX_QUANTITY_LOTS:
                raise StatementError(f"quantity of {name} must be below 2^{QUANTITY_BITS} lots in size")
        object.__setattr__(self, "quantities", dict(sorted(self.quantities.items())))

    def __repr__(self) -> str:
        return f"Book({len(self.quantities)} entries, quantities hidden)"

    def __add__(self, other: Book) -> Book:
        """Return the sum of two books, over the entries of both.

        Raises:
            StatementError: if a quantity leaves its bound.
        """
        names = self.quantities.keys() | other.quantities.keys()
        return Book({name: self.quantities.get(name, 0) + other.quantities.get(name, 0) for name in names})

    def vector(self, basis: Sequence[str]) -> tuple[int, ...]:
        """Return the lots in the order of `basis`, zero where the book has no entry.

        Raises:
            StatementError: if the book has an entry that `basis` lacks, or `basis` names one twice.
        """
        known = set(basis)
        if len(known) != len(basis):
            raise StatementError("basis must name every instrument once")
        for name in self.quantities:
            if name not in known:
                raise StatementError(f"basis must contain every entry of the book, {name} is missing")
        return tuple(self.quantities.get(name, 0) for name in basis)

    @staticmethod
    def from_document(document: Any) -> Book:
        """Return the book in a document of format ``zkmargin/book/1``.

        Raises:
            EncodingError: if a field is missing, unknown or out of its bound; the message holds no quantity.
        """
        with Reader(document, "book", secret=True) as fields:
            fields.format(FORMAT)
            limit = MAX_QUANTITY_LOTS
            return Book(fields.quantities("quantities_lots", MAX_COORDINATES, -limit, limit))

    def to_document(self) -> dict[str, Any]:
        """Return the book as a JSON object. It is a secret: see `documents.write_file`."""
        return {"format": FORMAT, "quantities_lots": dict(self.quantities)}
