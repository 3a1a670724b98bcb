from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from zkmargin import documents
from zkmargin.errors import EncodingError, StatementError
from zkmargin.market import sample
from zkmargin.market.instruments import Cash, Collateral, Instrument, Linear, Option
from zkmargin.market.parameters import CrossParameters, ScenarioParameters, TierTable
from zkmargin.market.scenarios import UNSHOCKED
from zkmargin.market.snapshot import Listing, Snapshot

USD, COIN, PERP = Listing(Cash("USD")), Listing(Collateral("BTC", 1), 101, haircut_ppm=50_000), Linear("PERP", 10)
CALL = Option("CALL", 1, "PERP", "call", 90, 1_000)
FLAT = {"PERP": TierTable.flat(5_000)}
MARKET = sample.snapshot()


def test_values_per_lot_follow_the_kind() -> None:
    assert USD.value_units == USD.owed_units == 1
    assert Listing(PERP, 100, funding_ticks=-3).value_units == 10 * 103
    assert Listing(PERP, 100, funding_ticks=103).value_units == -30
    assert Listing(Linear("DATED", 10, 5), 100).value_units == 1_000
    assert Listing(CALL, 7).value_units == 7


def test_held_collateral_is_worth_its_haircut_value_rounded_down_and_owed_collateral_costs_all_of_it() -> None:
    assert (COIN.value_units, COIN.owed_units, COIN.notional_units) == (95, 101, 101)
    assert COIN.worth_units(2) == 190
    assert COIN.worth_units(-2) == -202


def test_funding_changes_the_value_of_a_perpetual_and_not_its_notional() -> None:
    listing = Listing(PERP, 100, funding_ticks=40)
    assert (listing.value_units, listing.notional_units) == (600, 1_000)


@pytest.mark.parametrize(
    "instrument, fields",
    [
        (Cash("USD"), {"mark_ticks": 2}),
        (Cash("USD"), {"haircut_ppm": 1}),
        (PERP, {"mark_ticks": 0}),
        (PERP, {"mark_ticks": 2**48 + 1}),
        (PERP, {"funding_ticks": 2**48 + 1}),
        (PERP, {"haircut_ppm": 1}),
        (Linear("DATED", 10, 5), {"funding_ticks": 1}),
        (Collateral("BTC", 1), {"mark_ticks": 0}),
        (Collateral("BTC", 1), {"haircut_ppm": 1_000_000}),
        (CALL, {"mark_ticks": -1}),
        (CALL, {"funding_ticks": 1}),
    ],
)
def test_a_listing_out_of_bounds_is_refused(instrument: Instrument, fields: dict[str, int]) -> None:
    with pytest.raises(StatementError, match=f"{instrument.id}.{next(iter(fields))} must be between"):
        Listing(instrument, **fields)


def test_an_option_may_be_marked_at_nothing() -> None:
    assert Listing(CALL, 0).value_units == 0


def test_the_market_reads_back_from_its_bytes() -> None:
    again = Snapshot.from_bytes(MARKET.canonical_bytes())
    assert again == MARKET
    assert again.digest() == MARKET.digest() == documents.digest(MARKET.to_document())


def test_bytes_that_are_not_canonical_are_refused() -> None:
    with pytest.raises(EncodingError, match="canonical"):
        Snapshot.from_bytes(documents.pretty(MARKET.to_document()))
    shuffled = MARKET.to_document()
    shuffled["models"]["scenario"]["losses"].reverse()
    with pytest.raises(StatementError, match="code-point order"):
        Snapshot.from_bytes(documents.canonical(shuffled))


def _swap_listings(document: dict[str, Any]) -> None:
    document["listings"].reverse()


def _repeat_listing(document: dict[str, Any]) -> None:
    document["listings"].append(document["listings"][-1])


def _too_many_listings(document: dict[str, Any]) -> None:
    document["listings"] = [document["listings"][0]] * 4_097


def _funding_of_a_future(document: dict[str, Any]) -> None:
    next(item for item in document["listings"] if "expiry" in item)["funding_ticks"] = 0


def _strange_model(document: dict[str, Any]) -> None:
    document["models"]["var"] = {}


def _short_digest(document: dict[str, Any]) -> None:
    document["previous"] = "00"


def _another_format(document: dict[str, Any]) -> None:
    document["format"] = "zkmargin/snapshot/2"


def _fractional_mark(document: dict[str, Any]) -> None:
    document["listings"][0]["mark_ticks"] = 1.5


def _panicking_breaker(document: dict[str, Any]) -> None:
    document["breaker"] = "panic"


@pytest.mark.parametrize(
    "spoil",
    [
        _swap_listings,
        _repeat_listing,
        _too_many_listings,
        _funding_of_a_future,
        _strange_model,
        _short_digest,
        _another_format,
        _fractional_mark,
        _panicking_breaker,
    ],
    ids=lambda spoil: spoil.__name__[1:],
)
def test_a_spoiled_document_is_refused(spoil: Callable[[dict[str, Any]], None]) -> None:
    document = documents.parse(MARKET.canonical_bytes())
    spoil(document)
    with pytest.raises((EncodingError, StatementError)):
        Snapshot.from_document(document)


@pytest.mark.parametrize(
    "fields, message",
    [
        ({"venue": "no venue"}, "letters, digits"),
        ({"epoch": -1}, "epoch must be between 0"),
        ({"valid_from": -1}, "valid_from must be between 0"),
        ({"listings": ()}, "number of listings must be between 1 and 4096"),
        ({"listings": (COIN,)}, "listings must contain cash"),
        ({"listings": (USD, COIN)}, "strictly ascending by id"),
        ({"listings": (USD, USD)}, "strictly ascending by id"),
        ({"listings": (Listing(CALL, 1), USD)}, "CALL.underlying must be a listed linear instrument, got PERP"),
        ({"breaker": "panic"}, "breaker must be normal or halted"),
    ],
)
def test_a_snapshot_that_breaks_a_condition_is_refused(fields: dict[str, Any], message: str) -> None:
    with pytest.raises((EncodingError, StatementError), match=message):
        replace(Snapshot("demo", 1, 0, (USD,)), **fields)


def test_every_linear_instrument_and_nothing_else_needs_tiers() -> None:
    listings = (Listing(PERP, 100), USD)
    assert Snapshot("demo", 1, 0, listings, cross=CrossParameters(1, FLAT, FLAT)).cross is not None
    with pytest.raises(StatementError, match="tier tables must match the listings, PERP is missing"):
        Snapshot("demo", 1, 0, listings, cross=CrossParameters(1, {}, {}))
    with pytest.raises(StatementError, match="tier tables must match the listings, PERP is not listed"):
        Snapshot("demo", 1, 0, (USD,), cross=CrossParameters(1, FLAT, FLAT))


def test_everything_but_cash_needs_losses() -> None:
    listings = (COIN, USD)
    with pytest.raises(StatementError, match="loss rows must match the listings, BTC is missing"):
        Snapshot("demo", 1, 0, listings, scenario=ScenarioParameters(1, (UNSHOCKED,), {}, {}))
    with pytest.raises(StatementError, match="loss rows must match the listings, USD is not listed"):
        Snapshot("demo", 1, 0, (USD,), scenario=ScenarioParameters(1, (UNSHOCKED,), {"USD": (0,)}, {}))


def test_only_a_listed_option_may_have_a_short_minimum() -> None:
    arrays = ScenarioParameters(1, (UNSHOCKED,), {"BTC": (0,)}, {"BTC": 1})
    with pytest.raises(StatementError, match="short minimum of BTC must belong to a listed option"):
        Snapshot("demo", 1, 0, (COIN, USD), scenario=arrays)


def test_a_notional_whose_charge_could_wrap_around_is_refused() -> None:
    largest = Listing(Linear("PERP", 2**32), 2**48)
    whole = {"PERP": TierTable.flat(1_000_000)}
    with pytest.raises(StatementError, match=r"notional \* rate of PERP must be between"):
        Snapshot("demo", 1, 0, (largest, USD), cross=CrossParameters(1, whole, whole))


def test_an_unknown_instrument_is_named() -> None:
    with pytest.raises(StatementError, match="instrument DOGE is not listed in epoch 1 of sample"):
        MARKET.value_per_lot("DOGE")


def test_the_next_snapshot_carries_the_new_marks_and_the_digest_of_this_one() -> None:
    following = MARKET.next(MARKET.valid_from + 60, {"BTC-PERP": 8_000_000}, funding={"ETH-PERP": 5}, breaker="halted")
    assert (following.epoch, following.previous, following.breaker) == (2, MARKET.digest().hex(), "halted")
    assert following.listing("BTC-PERP").mark_ticks == 8_000_000
    assert following.listing("BTC-PERP").funding_ticks == MARKET.listing("BTC-PERP").funding_ticks
    assert following.listing("ETH-PERP").funding_ticks == 5
    assert following.listing("BTC-27MAR26") == MARKET.listing("BTC-27MAR26")
    assert following.scenario == MARKET.scenario
    following.check_follows(MARKET)


def test_the_next_snapshot_may_list_new_instruments() -> None:
    first = Snapshot("demo", 1, 0, (USD,))
    following = first.next(1, {}, added=[Listing(PERP, 100)], cross=CrossParameters(1, FLAT, FLAT))
    assert [listing.id for listing in following.listings] == ["PERP", "USD"]


def test_the_next_snapshot_refuses_a_mark_for_what_is_not_listed() -> None:
    with pytest.raises(StatementError, match="DOGE is not listed"):
        MARKET.next(MARKET.valid_from, {"DOGE": 1})


def test_the_next_snapshot_refuses_to_go_back_in_time_or_to_list_twice() -> None:
    with pytest.raises(StatementError, match="valid_from must be between"):
        MARKET.next(MARKET.valid_from - 1, {})
    with pytest.raises(StatementError, match="strictly ascending"):
        MARKET.next(MARKET.valid_from, {}, added=[Listing(Cash("USD"))])


@pytest.mark.parametrize(
    "change, message",
    [
        ({"venue": "elsewhere"}, "venue must be sample"),
        ({"epoch": 3}, "epoch must be between 2 and 2, got 3"),
        ({"epoch": 1}, "epoch must be between 2 and 2, got 1"),
        ({"previous": "0" * 64}, "previous must be"),
        ({"valid_from": MARKET.valid_from - 1}, "valid_from must be between"),
    ],
)
def test_a_snapshot_that_does_not_follow_is_refused(change: dict[str, Any], message: str) -> None:
    following = MARKET.next(MARKET.valid_from, {})
    with pytest.raises(StatementError, match=message):
        replace(following, **change).check_follows(MARKET)


def test_an_instrument_that_disappears_or_changes_is_refused() -> None:
    first = Snapshot("demo", 1, 0, (COIN, USD))
    following = first.next(0, {})
    with pytest.raises(StatementError, match="instrument BTC is not listed"):
        replace(following, listings=(USD,)).check_follows(first)
    doubled = replace(COIN, instrument=Collateral("BTC", 2))
    with pytest.raises(StatementError, match="instrument BTC must stay as epoch 1 defines it"):
        replace(following, listings=(doubled, USD)).check_follows(first)


def test_a_changed_snapshot_has_another_digest() -> None:
    changes: list[dict[str, Any]] = [
        {"epoch": 2},
        {"valid_from": 0},
        {"breaker": "halted"},
        {"venue": "x"},
        {"cross": None},
    ]
    digests = {replace(MARKET, **change).digest() for change in changes} | {MARKET.digest()}
    assert len(digests) == len(changes) + 1
