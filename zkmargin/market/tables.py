"""Strict reading of comma-separated market data: exact header, exact row length, every cell by column and type."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from zkmargin import documents
from zkmargin.amounts import Rounding, exact_decimal, from_decimal
from zkmargin.errors import EncodingError, StatementError

MAX_ROWS = 100_000


@dataclass(frozen=True, slots=True)
class Row:
    """One row of a table; errors name its file, line and column."""

    source: str
    cells: Mapping[str, str]

    def text(self, column: str) -> str:
        """Return a cell as it stands."""
        return self.cells[column]

    def choice(self, column: str, *allowed: str) -> str:
        """Return a cell that is one of `allowed`."""
        if self.cells[column] not in allowed:
            raise self.fault(column, f"must be one of {', '.join(allowed)}")
        return self.cells[column]

    def decimal(self, column: str, units_per_whole: int, rounding: Rounding) -> int:
        """Return a decimal cell times `units_per_whole`, rounded in the stated direction."""
        return from_decimal(self._name(column), self.cells[column], units_per_whole, rounding)

    def exact(self, column: str, units_per_whole: int) -> int:
        """Return a decimal cell times `units_per_whole`, which must be an integer."""
        rule = f"must be a multiple of 1/{units_per_whole}"
        return exact_decimal(self._name(column), self.cells[column], units_per_whole, rule)

    def time(self, column: str) -> int:
        """Return a cell like ``2020-03-12T10:00:00Z`` as unix seconds."""
        try:
            moment = datetime.strptime(self.cells[column], "%Y-%m-%dT%H:%M:%SZ")
        except ValueError:
            raise self.fault(column, "must be a time like 2020-03-12T10:00:00Z") from None
        return int(moment.replace(tzinfo=UTC).timestamp())

    def fault(self, column: str, rule: str) -> StatementError:
        """Return the error that a cell breaks a rule."""
        return StatementError(f"{self._name(column)} {rule}, got {self.cells[column][:40]!r}")

    def _name(self, column: str) -> str:
        return f"{self.source} column {column}"


def read(path: Path, columns: Sequence[str]) -> list[Row]:
    """Return the rows of a table whose header is exactly `columns`.

    Raises:
        EncodingError: if the file is unreadable, longer than 8 MiB or 100,000 rows, not UTF-8, or not such a table.
    """
    try:
        text = documents.read_bytes(path).decode("utf-8")
        return list(_rows(path.name, csv.reader(io.StringIO(text, newline=""), strict=True), tuple(columns)))
    except UnicodeDecodeError:
        raise EncodingError(f"{path.name} is not UTF-8") from None
    except csv.Error as error:
        raise EncodingError(f"{path.name} is not a table: {error}") from None


def _rows(name: str, lines: Iterator[list[str]], columns: tuple[str, ...]) -> Iterator[Row]:
    if tuple(next(lines, [])) != columns:
        raise EncodingError(f"{name} must start with the header {','.join(columns)}")
    for number, cells in enumerate(lines, start=2):
        if number > MAX_ROWS + 1:
            raise EncodingError(f"{name} must have at most {MAX_ROWS} rows")
        if len(cells) != len(columns):
            raise EncodingError(f"{name} row {number} must have {len(columns)} columns, got {len(cells)}")
        yield Row(f"{name} row {number}", dict(zip(columns, cells, strict=True)))
