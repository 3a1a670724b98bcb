from pathlib import Path

import pytest

from zkmargin.amounts import Rounding
from zkmargin.errors import EncodingError, StatementError
from zkmargin.market import tables

COLUMNS = ("time", "price")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "prices.csv"


def first(file: Path, content: str) -> tables.Row:
    file.write_text(content)
    return tables.read(file, COLUMNS)[0]


def test_cells_are_read_by_column_and_type(file: Path) -> None:
    row = first(file, "time,price\n1970-01-02T00:00:01Z,1.25\n")
    assert row.time("time") == 86_401
    assert row.text("price") == row.choice("price", "1.25") == "1.25"
    assert row.exact("price", 100) == 125
    assert row.decimal("price", 10, Rounding.DOWN) == 12
    assert row.decimal("price", 10, Rounding.UP) == 13


@pytest.mark.parametrize(
    "content, message",
    [
        ("", "must start with the header time,price"),
        ("price,time\n", "must start with the header time,price"),
        ("time,price\n1,2\n3\n", "prices.csv row 3 must have 2 columns, got 1"),
        ("time,price\n1,2\n\n", "prices.csv row 3 must have 2 columns, got 0"),
        ('time,price\n1,"2\n', "is not a table"),
        ("time,price\n" + "1,2\n" * 100_001, "must have at most 100000 rows"),
    ],
    ids=["empty", "order", "short row", "blank row", "open quote", "long"],
)
def test_a_file_that_is_not_the_table_is_refused(file: Path, content: str, message: str) -> None:
    file.write_text(content)
    with pytest.raises(EncodingError, match=message):
        tables.read(file, COLUMNS)


def test_a_file_that_is_missing_or_not_text_is_refused(file: Path) -> None:
    with pytest.raises(EncodingError, match="cannot be read"):
        tables.read(file, COLUMNS)
    file.write_bytes(b"time,price\n\xff,1\n")
    with pytest.raises(EncodingError, match="not UTF-8"):
        tables.read(file, COLUMNS)


def test_a_bad_cell_is_named_by_file_row_and_column(file: Path) -> None:
    row = first(file, "time,price\nyesterday,12.345\n")
    with pytest.raises(StatementError, match=r"prices.csv row 2 column time must be a time like .*, got 'yesterday'"):
        row.time("time")
    with pytest.raises(StatementError, match=r"row 2 column price must be a multiple of 1/100, got '12.345'"):
        row.exact("price", 100)
    with pytest.raises(StatementError, match="row 2 column time must be a decimal number"):
        row.decimal("time", 1, Rounding.UP)
    with pytest.raises(StatementError, match="row 2 column time must be one of a, b"):
        row.choice("time", "a", "b")
