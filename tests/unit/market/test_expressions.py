"""What may be composed is sound; everything else is refused when it is written, with the reason."""

import pytest

from zkmargin.amounts import PPM
from zkmargin.errors import EncodingError, StatementError
from zkmargin.market.expressions import (
    Cheapest,
    Largest,
    Pairing,
    Part,
    Root,
    Size,
    Strategy,
    Sum,
    Tail,
    Tiers,
    Worst,
    positive,
    scaled,
    total,
    walk,
)
from zkmargin.market.forms import NOTIONAL, Affine, Array, Marks, Sides
from zkmargin.market.instruments import Cash, Linear
from zkmargin.market.models import Model
from zkmargin.market.parameters import MAX_LOSS_UNITS, Tier, TierTable
from zkmargin.market.snapshot import Listing, Snapshot

DELTA = Affine({"PERP": 3, "CALL": 2})
ARRAY = Array({"PERP": (5, -5), "CALL": (1, -2)}, 2)
SIZE = Size(DELTA)


def nested(levels):
    return SIZE if levels == 2 else positive(nested(levels - 1))


REFUSED = {
    "a short charge below the long credit": (
        lambda: Sides({"PERP": -5}, {"PERP": 4}),
        "sides of PERP must bend upwards: long . short must be at least 0, got -5 and 4",
    ),
    "a discount that is larger for what is owed": (lambda: Sides({"CALL": 95}, {"CALL": -105}), "must bend upwards"),
    "a credit on a convex charge": (
        lambda: Sum(((PPM, Worst(ARRAY)), (-100_000, SIZE))),
        "a credit of 100000 ppm on a size breaks convexity",
    ),
    "a calendar charge above twice the outright": (
        lambda: Sum(((1_000_000 - 2_100_000 // 2, SIZE), (2_100_000 // 2, SIZE))),
        "a credit of 50000 ppm on a size breaks convexity",
    ),
    "a credit on an affine charge, as a weight": (lambda: Sum(((-PPM, DELTA),)), "by negative coefficients"),
    "a tier table whose rates fall": (
        lambda: Tiers(SIZE, TierTable((Tier(0, 10_000), Tier(100, 5_000)))),
        r"tiers\[1\].rate_ppm must be above 10000, got 5000",
    ),
    "the size of a convex charge": (lambda: Size(Worst(ARRAY)), "not affine is not convex"),
    "a tail longer than the array": (lambda: Tail(ARRAY, 3), "count of a tail must be between 1 and 2, got 3"),
    "a tail of nothing": (lambda: Tail(ARRAY, 0), "count of a tail must be between 1 and 2"),
    "a root over notionals": (lambda: Root(Array({"PERP": (1,)}, 1, measure=NOTIONAL)), "must be in units"),
    "a root that could wrap around": (
        lambda: Root(Array({"PERP": (2**43,), "CALL": (-(2**43),)}, 1)),
        "sum of the coefficients of row 0 under a root must be between 0 and",
    ),
    "a row of another length": (lambda: Array({"PERP": (1, 2, 3)}, 2), "number of coefficients of PERP must be"),
    "a row without its constant": (lambda: Array({}, 2, (1,)), "number of constants must be between 2 and 2"),
    "too many rows": (lambda: Array({}, 1_025), "number of rows must be between 1 and 1024"),
    "a coefficient out of its bound": (lambda: Affine({"PERP": MAX_LOSS_UNITS + 1}), "coefficient of PERP must be"),
    "an unknown measure": (lambda: Affine({}, measure="lots"), "measure must be one of units, notional, got 'lots'"),
    "a choice of one": (lambda: Cheapest((SIZE,)), "number of branches must be between 2 and 32, got 1"),
    "a maximum of nothing": (lambda: Largest(()), "number of expressions must be between 1"),
    "a sum of nothing": (lambda: Sum(()), "number of terms of a sum must be between 1"),
    "a weight out of its bound": (lambda: scaled(1_001 * PPM, SIZE), "weight_ppm must be between 0"),
    "a part within a part": (lambda: Part("outer", total(Part("inner", SIZE))), "outer must not contain a part"),
    "too many levels": (lambda: nested(6), "levels of an expression must be between 0 and 5"),
    "a strategy that pays": (lambda: Strategy("gift", {"PERP": 1}, -1), "charge_units of gift must be between 0"),
    "a leg of no lots": (lambda: Strategy("none", {"PERP": 0}, 1), "lots of PERP in none must be"),
    "a naked charge that pays": (lambda: Pairing({"PERP": -1}, {}, (strategy(),)), "long charge of PERP must be"),
    "a leg without a naked charge": (lambda: Pairing({}, {"CALL": 1}, (strategy(),)), "PERP of strategy cover must"),
    "two strategies of one name": (lambda: Pairing({"PERP": 1}, {}, (strategy(), strategy())), "must be distinct"),
}


def strategy():
    return Strategy("cover", {"PERP": 1}, 1)


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_not_sound_is_refused_with_the_reason(name):
    build, reason = REFUSED[name]
    with pytest.raises(StatementError, match=reason):
        build()


def test_a_calendar_charge_of_up_to_twice_the_outright_is_accepted():
    for calendar_ppm in (0, 1_900_000, 2_000_000):
        Sum(((1_000_000 - calendar_ppm // 2, SIZE), (calendar_ppm // 2, SIZE)))


def test_as_many_levels_as_allowed_are_accepted():
    assert nested(5).depth == 5


def test_a_scale_is_the_denominator_of_all_rates_and_does_not_depend_on_marks():
    assert Affine({"PERP": 5_000}, measure=NOTIONAL).scale == 200
    assert Tiers(Size(Affine({"PERP": PPM}, measure=NOTIONAL)), TierTable.flat(4_000)).scale == 250
    assert scaled(1_250_000, Tail(ARRAY, 2)).scale == 8
    assert Largest((scaled(500_000, SIZE), scaled(200_000, SIZE))).scale == 10


def test_a_scale_that_grows_without_bound_is_refused():
    fine = scaled(999_983, scaled(999_979, Tail(Array({"PERP": (1,) * 1_021}, 1_021), 1_021)))
    assert fine.scale == 1_021 * PPM**2
    with pytest.raises(StatementError, match="scale of sum must be between 1 and"):
        scaled(999_961, fine)


def market(requirement, **changes):
    fields = {"stress": {}, "deductions": Affine({})} | changes
    listings = (Listing(Cash("CASH")), Listing(Linear("PERP", 2**32), 2**48))
    return Snapshot("v", 1, 0, listings, models=(Model("house", 1, requirement, requirement, **fields),))


def test_a_coefficient_that_could_wrap_around_at_the_marks_is_refused():
    market(Affine({"PERP": 2**15}, measure=NOTIONAL))
    for changes in ({}, {"stress": {"s": Affine({"PERP": 2**37 + 1}, measure=NOTIONAL)}}):
        wide = Affine({"PERP": 2**37 + 1 if not changes else 0}, measure=NOTIONAL)
        with pytest.raises(StatementError, match="coefficient of affine in model house must be between"):
            market(wide, **changes)


@pytest.mark.parametrize("place", ["requirement", "stress", "deductions"])
def test_a_model_that_mentions_what_is_not_listed_is_refused(place):
    rules = {"requirement": Affine({}), "stress": {}, "deductions": Affine({})}
    strange = Affine({"GHOST": 1})
    rules[place] = {"s": strange} if place == "stress" else strange
    with pytest.raises(StatementError, match="must mention listed instruments, got GHOST"):
        market(rules.pop("requirement"), **rules)


@pytest.mark.parametrize("name", ["cross", "scenario"])
def test_the_names_of_the_two_plain_models_are_taken(name):
    with pytest.raises(StatementError, match="must not be one of cross, scenario"):
        Model(name, 1, SIZE, SIZE)


def test_models_stand_in_order_each_name_once():
    one, other = (Model(name, 1, Affine({}), Affine({})) for name in ("one", "other"))
    listings = (Listing(Cash("CASH")),)
    Snapshot("v", 1, 0, listings, models=(one, other))
    for wrong in ((other, one), (one, one)):
        with pytest.raises(StatementError, match="strictly ascending by name"):
            Snapshot("v", 1, 0, listings, models=wrong)


def test_two_parts_of_one_name_must_be_the_same():
    Model("house", 1, Part("scan", SIZE), total(Part("scan", Size(DELTA))))
    with pytest.raises(StatementError, match="two parts of model house are called scan"):
        Model("house", 1, Part("scan", SIZE), Part("scan", Worst(ARRAY)))


def test_one_expression_under_two_names_is_two_parts():
    # Otherwise the second name stood for nothing in the document, and two models had one digest.
    other = Size(Affine({"PERP": 1}))
    one, two = (
        Model("house", 1, total(Part("a", SIZE), Part("b", other), Part("c", of)), SIZE) for of in (SIZE, other)
    )
    assert one.parts == two.parts == ("a", "b", "c")
    assert one.to_document() != two.to_document()
    assert Model.from_document(one.to_file_document()) == one


def test_a_part_is_walked_once_however_often_it_occurs():
    part = Part("scan", SIZE)
    assert [node.node for node in walk(total(part, part, part))].count("size") == 1


# ---- documents -------------------------------------------------------------------------------------------------------

HOUSE = Model("house", 1, Part("a", Size(Affine({"PERP": 1}))), Affine({"PERP": 1}), {"s": Worst(Array({}, 1))})


def document(**changes):
    return HOUSE.to_document() | changes


def read(fields):
    listings = [{"id": "CASH", "kind": "cash"}, {"id": "PERP", "kind": "linear", "multiplier": 1, "mark_ticks": 1}]
    listings[1]["funding_ticks"] = 0
    plain = Snapshot("v", 1, 0, (Listing(Cash("CASH")),)).to_document()
    return Snapshot.from_document(plain | {"listings": listings, "models": {"house": fields}}).models[0]


MALFORMED = {
    "an unknown node": ({"maintenance": {"node": "smallest", "of": []}}, "node must be one of affine, sides"),
    "a part that is not there": ({"maintenance": {"node": "part", "name": "b"}}, "part b is not a part of the model"),
    "a maximum of nothing": (
        {"maintenance": {"node": "largest", "of": []}},
        "number of expressions",
    ),
    "an unknown field": ({"initial": {"node": "part", "name": "a", "weight": 1}}, "unknown field 'weight'"),
    "a missing field": ({"initial": {"node": "size"}}, "initial.of is missing"),
    "a size of a size": (
        {"initial": {"node": "size", "of": {"node": "size", "of": {}}}},
        "initial.of.of.node is missing",
    ),
    "a sum with a weight too few": ({"initial": {"node": "sum", "of": [], "weights_ppm": [1]}}, "one weight for each"),
    "a negative weight": (
        {"initial": {"node": "sum", "of": [{"node": "part", "name": "a"}], "weights_ppm": [-1]}},
        "must be an integer between 0",
    ),
}


def test_a_model_reads_back():
    assert read(document()) == HOUSE


@pytest.mark.parametrize("name", MALFORMED)
def test_a_malformed_model_is_refused(name):
    change, reason = MALFORMED[name]
    with pytest.raises((EncodingError, StatementError), match=reason):
        read(document(**change))


def test_a_part_that_no_requirement_uses_is_refused():
    unused = document(maintenance={"node": "affine", "measure": "units", "per_lot": {}, "constant": 0})
    with pytest.raises(EncodingError, match="part a of model house is used nowhere"):
        read(unused)


def test_marks_outside_the_basis_are_left_out():
    assert DELTA.at(Marks({"CALL": 1}, {})).at({"CALL": 2, "PERP": 1_000}) == 4
