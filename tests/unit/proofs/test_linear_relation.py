from zkmargin.algebra import generators
from zkmargin.algebra.group import group, is_identity
from zkmargin.algebra.scalars import ORDER
from zkmargin.proofs.linear_relation import MAX_ELEMENTS, MAX_TERMS, Equation, Relation

G, H = group.generator(), generators.blinding()


def test_a_relation_is_encoded_row_by_row_without_its_generator() -> None:
    """Two rows, X = w G and Y = 2 w H, with the bytes written out by hand."""
    X, Y = group.multiply(G, 3), group.multiply(H, 6)
    relation = Relation((G, H, X, Y), (Equation(((2, 1),), ((0, 0, 1),)), Equation(((3, 1),), ((0, 1, 2),))))
    zero, one, two, three = [value.to_bytes(4, "little") for value in range(4)]
    by_one, by_two = (1).to_bytes(32, "big"), (2).to_bytes(32, "big")
    first = one + two + by_one + one + zero + zero + by_one
    second = one + three + by_one + one + zero + one + by_two
    assert relation.to_bytes() == two + first + second + b"".join(map(group.encode, (H, X, Y)))


def test_two_orders_of_the_same_terms_are_two_encodings() -> None:
    elements = G, H, group.multiply(G, 3)
    one = Relation(elements, (Equation(((2, 1),), ((0, 0, 1), (1, 1, 1))),))
    two = Relation(elements, (Equation(((2, 1),), ((1, 1, 1), (0, 0, 1))),))
    assert one.to_bytes() != two.to_bytes()


def test_the_difference_vanishes_exactly_at_a_witness() -> None:
    relation = Relation((G, H, group.msm([G, H], [3, 4])), (Equation(((2, 1),), ((0, 0, 1), (1, 1, 1))),))
    assert [is_identity(point) for point in relation.difference([3, 4], 1)] == [True]
    assert [is_identity(point) for point in relation.difference([4, 3], 1)] == [False]


def test_the_difference_adds_repeated_terms_and_subtracts_the_scaled_image() -> None:
    equation = Equation(((1, 2), (0, 5)), ((0, 1, 1), (0, 1, 1), (1, 0, 7)))
    assert dict(equation.weights([10, 20], 3)) == {1: 2 * 10 - 2 * 3, 0: 7 * 20 - 5 * 3}
    assert dict(equation.weights([10, 20], 0)) == {1: 20, 0: 140}


def test_a_zero_coefficient_is_allowed_where_its_row_and_column_do_not_vanish() -> None:
    relation = Relation((G, H, group.multiply(G, 3)), (Equation(((2, 1), (1, 0)), ((0, 0, 1), (0, 1, 0))),))
    assert relation.scalar_count == 1


def test_a_scalar_that_cancels_in_one_equation_may_count_in_another() -> None:
    cancels = Equation(((2, 1),), ((0, 0, 1), (1, 1, 1), (1, 1, ORDER - 1)))
    counts = Equation(((3, 1),), ((1, 1, 1),))
    relation = Relation((G, H, group.multiply(G, 3), group.multiply(H, 4)), (cancels, counts))
    assert relation.scalar_count == 2


def test_the_largest_relation_is_accepted() -> None:
    X = group.multiply(G, 3)
    image = tuple([(index, 1) for index in range(1, MAX_ELEMENTS)])
    relation = Relation((G, *[X] * (MAX_ELEMENTS - 1)), (Equation(image, ((0, 0, 1),) * (MAX_TERMS - len(image))),))
    assert len(relation.elements) == MAX_ELEMENTS == 8_196
    assert MAX_TERMS == 65_536
