import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from zkmargin.algebra import vectors
from zkmargin.algebra.scalars import ORDER
from zkmargin.algebra.vectors import MAX_TERMS, Encoded, Matrix, Residues, weighted_sum

residues = st.one_of(st.sampled_from([0, 1, ORDER - 1]), st.integers(0, ORDER - 1))
coefficients = st.one_of(st.sampled_from([0, 1, -1, 2**16, -(2**16)]), st.integers(-(2**160), 2**160))


def form(values, chosen):
    return {"list": list, "residues": Residues, "encoded": Encoded.of}[chosen](values)


forms = st.sampled_from(["list", "residues", "encoded"])


@given(st.lists(st.tuples(st.integers(0, 2**128 - 1), st.lists(residues, max_size=5), forms), max_size=9))
def test_a_weighted_sum_is_exact_and_short_vectors_count_as_padded(terms):
    width = max((len(values) for _, values, _ in terms), default=0)
    expected = [
        sum(weight * values[place] for weight, values, _ in terms if place < len(values)) for place in range(width)
    ]
    found = weighted_sum([weight for weight, _, _ in terms], [form(values, chosen) for _, values, chosen in terms])
    assert found == expected


@given(st.integers(1, 4), st.integers(1, 4), st.data())
def test_the_product_of_a_matrix_is_exact(height, width, data):
    rows = [[data.draw(coefficients) for _ in range(width)] for _ in range(height)]
    given = [[data.draw(residues) for _ in range(width)] for _ in range(data.draw(st.integers(0, 3)))]
    expected = [[sum(a * b for a, b in zip(row, vector, strict=True)) for row in rows] for vector in given]
    assert Matrix(rows).times([form(vector, data.draw(forms)) for vector in given]) == expected


@pytest.mark.parametrize("sign", [1, -1])
def test_the_largest_sums_are_exact(sign, monkeypatch):
    monkeypatch.setattr(vectors, "_ONE_THREAD", 2**30)  # longest sums: everything in one product
    monkeypatch.setattr(vectors, "_BLOCK_LIMBS", 2**30)
    top, entry = 2**256 - 1, sign * (2**256 - 1)
    longest = Encoded(top.to_bytes(32, "big") * MAX_TERMS)
    assert Matrix([[entry] * MAX_TERMS]).times([longest]) == [[MAX_TERMS * entry * top]]
    one = Encoded(top.to_bytes(32, "big"))
    assert weighted_sum([2**128 - 1] * MAX_TERMS, [one] * MAX_TERMS) == [MAX_TERMS * (2**128 - 1) * top]


def test_blocks_add_up_to_the_whole(monkeypatch):
    many = [Residues([number * 2**200 + place for place in range(3)]) for number in range(40)]
    weights, rows = list(range(40)), [[1, -2, 3], [2**40, 0, -1]]
    whole, products = weighted_sum(weights, many), Matrix(rows).times(many)
    monkeypatch.setattr(vectors, "_BLOCK_LIMBS", 1)
    monkeypatch.setattr(vectors, "_ONE_THREAD", 1)
    assert weighted_sum(weights, many) == whole
    assert Matrix(rows).times(many) == products


def test_sums_of_nothing_and_with_nothing_are_empty_or_zero():
    assert weighted_sum([], []) == []
    assert weighted_sum([5], [[]]) == []
    assert weighted_sum([0], [[7, 8]]) == [0, 0]
    assert Matrix([[0]]).times([[7]]) == [[0]]


def test_unequal_numbers_are_refused():
    with pytest.raises(ValueError, match="1 vectors with 2 weights"):
        weighted_sum([1, 2], [[1]])
    with pytest.raises(ValueError, match="rows of one length"):
        Matrix([[1, 2], [3]])
    with pytest.raises(ValueError, match="rows of one length"):
        Matrix([])
    with pytest.raises(ValueError, match="must have 2 entries"):
        Matrix([[1, 2]]).times([[1, 2], [3]])


def test_more_terms_than_a_float_can_add_are_refused():
    with pytest.raises(ValueError, match="65537 vectors"):
        weighted_sum([1] * (MAX_TERMS + 1), [()] * (MAX_TERMS + 1))
    with pytest.raises(ValueError, match="at most 2\\^16"):
        Matrix([range(MAX_TERMS + 1)])


@given(st.lists(residues, max_size=4))
def test_what_is_encoded_is_read_back(values):
    kept = Encoded.of(values)
    assert (list(kept), len(kept), kept[1:]) == (values, len(values), values[1:])
    assert kept.encoded == Residues(values).encoded


def test_the_bytes_are_those_of_the_integers_and_not_of_the_vector_it_was_sliced_from():
    whole = Residues([1, 2, 3])
    assert not hasattr(whole[1:], "encoded"), "a slice does not know the bytes any more"
    assert Encoded.of(whole[1:]).encoded == whole.encoded[32:]


def test_a_product_is_made_in_parts_that_fit_one_thread(monkeypatch):
    monkeypatch.setattr(vectors, "_ONE_THREAD", 64)
    left, right = np.arange(8.0).reshape(2, 4), np.arange(400.0).reshape(4, 100)
    assert (vectors._product(left, right) == left @ right).all()
