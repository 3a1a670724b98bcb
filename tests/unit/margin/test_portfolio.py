import pytest

from zkmargin import documents
from zkmargin.errors import EncodingError, StatementError
from zkmargin.margin.portfolio import Book

LARGEST = 2**64 - 1
SECRET = 123_456_789
BOOK = Book({"USD": SECRET, "BTC-PERP": -SECRET, "BTC": 0})


def test_a_vector_follows_its_basis_and_is_zero_where_nothing_is_held() -> None:
    assert BOOK.vector(["USD", "ETH-PERP", "BTC-PERP", "BTC"]) == (SECRET, 0, -SECRET, 0)


def test_a_basis_must_contain_every_entry_even_of_zero_lots() -> None:
    with pytest.raises(StatementError, match="basis must contain every entry of the book, BTC is missing"):
        BOOK.vector(["USD", "BTC-PERP"])


def test_a_basis_with_a_repeated_instrument_is_refused() -> None:
    with pytest.raises(StatementError, match="every instrument once"):
        BOOK.vector(["USD", "BTC-PERP", "BTC", "BTC"])


def test_books_add_entry_by_entry_over_the_entries_of_both() -> None:
    total = BOOK + Book({"USD": 1, "ETH-PERP": 0})
    assert total == Book({"USD": SECRET + 1, "BTC-PERP": -SECRET, "BTC": 0, "ETH-PERP": 0})


def test_a_sum_out_of_bounds_is_refused() -> None:
    with pytest.raises(StatementError):
        Book({"USD": LARGEST}) + Book({"USD": 1})


@pytest.mark.parametrize("quantity_lots", [2**64, -(2**64)])
def test_a_quantity_out_of_bounds_is_refused_without_showing_it(quantity_lots: int) -> None:
    with pytest.raises(StatementError) as made:
        Book({"USD": quantity_lots})
    with pytest.raises(EncodingError) as read:
        Book.from_document({"format": "zkmargin/book/1", "quantities_lots": {"USD": quantity_lots}})
    for message in (str(made.value), str(read.value)):
        assert "USD" in message
        assert str(abs(quantity_lots)) not in message


def test_quantities_on_the_bound_are_accepted() -> None:
    assert Book({"USD": LARGEST, "BTC": -LARGEST}).vector(["USD", "BTC"]) == (LARGEST, -LARGEST)


def test_too_many_entries_are_refused() -> None:
    with pytest.raises(StatementError, match="number of book entries must be between 0 and 4096"):
        Book({f"X{index}": 0 for index in range(4_097)})


def test_an_entry_with_a_bad_name_is_refused() -> None:
    with pytest.raises(EncodingError, match="letters, digits"):
        Book({"U S D": 1})


def test_a_book_reads_back_from_its_document() -> None:
    assert Book.from_document(documents.parse(documents.canonical(BOOK.to_document()))) == BOOK
    assert Book.from_document(Book({}).to_document()) == Book({})


def test_quantities_appear_in_no_text() -> None:
    assert str(SECRET) not in f"{BOOK} {BOOK!r} {[BOOK]}"


def test_a_book_does_not_change_with_the_mapping_it_was_made_from() -> None:
    quantities = {"USD": 1}
    book = Book(quantities)
    quantities["USD"] = 2
    assert book.vector(["USD"]) == (1,)


@pytest.mark.parametrize("value", [True, "1", None, [1]])
def test_a_quantity_that_is_not_an_integer_is_refused(value: object) -> None:
    with pytest.raises(EncodingError):
        Book.from_document({"format": "zkmargin/book/1", "quantities_lots": {"USD": value}})
