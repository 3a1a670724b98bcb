"""When more depth, less leverage and a tighter throttle never raise bad debt: exactly when, and counterexamples.

In the toy market the index falls once and stays, impact is linear, positions are closed at once in order of liquidation
price. Then all three hold, up to the rounding of prices: at most one tick for each lot and order. Once the index goes
on falling none of them holds: whoever is sold early is sold at a better price, so what saves an account from the first
margin call can make its loss larger at the second.
"""

from hypothesis import given
from hypothesis import strategies as st

from zkmargin.risk.cascade import toy
from zkmargin.risk.cascade.parameters import Impact

LEVERAGES = st.sampled_from([1.5, 2.0, 3.0, 5.0, 10.0, 20.0, 50.0, 100.0])
ACCOUNTS = st.lists(st.tuples(st.integers(1, 1_000), LEVERAGES), min_size=1, max_size=10)
DEPTHS = st.integers(10**8, 10**11)
FALLS = st.floats(0.0, 0.4)
FADING = Impact(transient=0.7, decay=0.2, withdrawal=0.0)
STEPS = 12


def loss(accounts, depth, fall, **options):
    return toy.loss_units(toy.market(accounts, depth_units=depth, fall=fall, steps=STEPS, **options))


def rounding(accounts, orders=1):
    return orders * sum(lots for lots, _ in accounts)


@given(ACCOUNTS, DEPTHS, FALLS, st.integers(1, 20))
def test_more_depth_never_raises_bad_debt(accounts, depth, fall, times):
    assert loss(accounts, depth * times, fall) <= loss(accounts, depth, fall) + rounding(accounts)


@given(ACCOUNTS, DEPTHS, FALLS, st.data())
def test_less_leverage_never_raises_bad_debt(accounts, depth, fall, data):
    who = data.draw(st.integers(0, len(accounts) - 1))
    less = max(1.0, accounts[who][1] * data.draw(st.floats(0.1, 1.0)))
    safer = [(lots, less if place == who else leverage) for place, (lots, leverage) in enumerate(accounts)]
    assert loss(safer, depth, fall) <= loss(accounts, depth, fall) + rounding(accounts)


@given(ACCOUNTS, DEPTHS, FALLS, st.integers(1, 10**6))
def test_a_tighter_throttle_changes_bad_debt_by_rounding_only_if_impact_lasts(accounts, depth, fall, throttle_ppm):
    tight, loose = loss(accounts, depth, fall, throttle_ppm=throttle_ppm), loss(accounts, depth, fall)
    assert tight <= loose + rounding(accounts, STEPS + 1)


@given(ACCOUNTS, DEPTHS, FALLS, st.integers(1, 10**6))
def test_a_tighter_throttle_never_raises_bad_debt_if_impact_fades(accounts, depth, fall, throttle_ppm):
    tight = loss(accounts, depth, fall, throttle_ppm=throttle_ppm, impact=FADING)
    assert tight <= loss(accounts, depth, fall, impact=FADING) + rounding(accounts, STEPS + 1)


def test_a_throttle_can_raise_bad_debt_when_the_index_goes_on_falling():
    accounts, path = [(959, 5.2)], [-0.05] * 5
    depth, fall = 9 * 10**9, 0.27
    loose, tight = (loss(accounts, depth, fall, path=path, throttle_ppm=share) for share in (None, 20_000))
    assert tight > loose + rounding(accounts, STEPS + 1)


def test_depth_can_raise_bad_debt_when_the_index_goes_on_falling():
    # In the thin market the second account is sold by the first one's impact, before the index falls again.
    accounts, path = [(500, 10.0), (500, 5.0)], [0.0, 0.0, -0.4]
    thin, deep = (loss(accounts, depth, 0.12, path=path) for depth in (5 * 10**9, 10**13))
    assert deep > thin + rounding(accounts)


def test_less_leverage_can_raise_bad_debt_when_the_index_goes_on_falling():
    # At 10 times it is sold after the first fall with money left; at 5 times it is kept, and the next fall is too deep.
    path = [0.0, 0.0, -0.4]
    bold, safer = (loss([(500, leverage)], 10**13, 0.102, path=path) for leverage in (10.0, 5.0))
    assert safer > bold + rounding([(500, 0)])
