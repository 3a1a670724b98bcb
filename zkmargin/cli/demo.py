"""zkmargin demo: the whole story in one command, with real proofs, timings and sizes."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated

import typer

from circuits import evidence, registration
from circuits.registration import Registration
from zkmargin.algebra import generators
from zkmargin.algebra.group import group
from zkmargin.amounts import PPM
from zkmargin.cli.output import dollars, dollars_up, out, size, timed
from zkmargin.commitments import Commitment, Opening
from zkmargin.errors import StatementError, WitnessError
from zkmargin.margin import rules
from zkmargin.margin.claim import Claim
from zkmargin.margin.portfolio import Book
from zkmargin.market import chains, sample
from zkmargin.market.instruments import Collateral, Linear, Option
from zkmargin.market.scenarios import grid
from zkmargin.market.snapshot import Listing, Snapshot

Market = Annotated[Path | None, typer.Option("--market", help="Real options chain in CSV; a sample market without it.")]

PRICE_FALL_PPM = 60_000
MAINTENANCE = Claim("maintenance", "cross")
SCENARIO = Claim("maintenance", "scenario")


@dataclass(frozen=True, slots=True)
class Trader:
    """One account of the story: what only it knows, and what everybody knows."""

    opening: Opening
    registered: Registration


def run(market: Market = None) -> None:
    """Play one margin call on an account nobody can see, then margin three option books by scenarios."""
    with timed() as total:
        snapshot = _snapshot(market)
        _introduce(snapshot)
        _margin_call(snapshot)
        _option_books(snapshot)
    out.print(f"\nThe whole story took {total.milliseconds / 1e3:.1f} s. Nothing above showed the verifier a position.")
    out.print("The first proof of a size also hashes its generators; later ones do not.")


def _snapshot(market: Path | None) -> Snapshot:
    moves = grid(160_000, 4)
    return (
        sample.snapshot(scenarios=moves)
        if market is None
        else chains.from_deribit(market, expiries=6, strikes=4, scenarios=moves)
    )


def _heading(text: str) -> None:
    out.print(f"\n[bold]{text}[/]")


def _introduce(snapshot: Snapshot) -> None:
    kinds = [listing.instrument.kind for listing in snapshot.listings]
    counts = ", ".join(f"{kinds.count(kind)} {kind}" for kind in dict.fromkeys(kinds))
    scenarios = len(snapshot.parameters("scenario").to_document()["scenarios"])
    _heading("1  The venue publishes a market snapshot")
    out.print(f"epoch {snapshot.epoch} of {snapshot.venue}: {counts}; {scenarios} scenarios in the risk array")
    out.print(f"digest {snapshot.digest().hex()}")


def _margin_call(snapshot: Snapshot) -> None:
    """Alice is long a perpetual, the price falls, she cannot prove, she deposits, she proves."""
    perpetual = next(i for i in snapshot.listings if isinstance(i.instrument, Linear) and i.instrument.perpetual)
    basis = [item.id for item in snapshot.listings if not isinstance(item.instrument, Option)]
    _heading("2  Alice commits to her book")
    lots = 10**12 // perpetual.notional_units + 1
    book = Book({"USD": 51_000_000_000 - lots * perpetual.value_units, perpetual.id: lots})
    alice = _register("alice", snapshot, book, basis)
    out.print(f"a secret book over {len(basis)} ids: nobody can tell which of them she holds")

    _heading("3  She proves: equity >= maintenance margin at these prices")
    _prove_and_verify(snapshot, MAINTENANCE, alice)

    _heading(f"4  {perpetual.id} falls by {PRICE_FALL_PPM / 10_000:g} %")
    marks = {item.id: _fallen(item) for item in snapshot.listings if isinstance(item.instrument, Linear | Collateral)}
    fallen = snapshot.next(snapshot.valid_from + 3_600, marks)
    shortfall = _fail(fallen, MAINTENANCE, alice)

    _heading("5  She deposits what is missing, for everybody to see, and proves again")
    deposit = Opening({"USD": shortfall}, 0)
    cured = _register_opening("alice", fallen, alice.opening + deposit, sequence=1)
    _check_deposit(alice, cured, shortfall)
    _prove_and_verify(fallen, MAINTENANCE, cured)


def _option_books(snapshot: Snapshot) -> None:
    """Three option books under scenario margin: the models see what the positions are worth together."""
    call, put = _sold_options(snapshot)
    coin = next(item.instrument for item in snapshot.listings if isinstance(item.instrument, Collateral))
    contract = call.multiplier // coin.multiplier
    cash = 9_000_000_000
    covered = Book({"USD": cash, coin.id: 10 * contract, call.id: -10})
    naked = Book({"USD": cash, call.id: -10})
    _heading("6  Scenario margin: a covered call passes where the naked call fails")
    out.print(f"bob: {coin.id} and short {call.id}; carol: the short call alone; both {dollars(cash)}")
    _prove_and_verify(snapshot, SCENARIO, _register("bob", snapshot, covered, None))
    _fail(snapshot, SCENARIO, _register("carol", snapshot, naked, None))

    prices_only = _without_volatility(snapshot)
    strangle = {call.id: -10, put.id: -10}
    enough = _least_cash(prices_only, strangle)
    _heading("7  A short strangle passes on price moves alone, and fails once volatility is shocked too")
    out.print(f"dave: short {call.id} and {put.id}")
    dave = _register("dave", snapshot, Book({"USD": enough, **strangle}), None)
    out.print(f"price moves alone, {len(_scenarios(prices_only))} scenarios:")
    _prove_and_verify(prices_only, SCENARIO, dave)
    out.print(f"price moves and volatility shocks, {len(_scenarios(snapshot))} scenarios:")
    _fail(snapshot, SCENARIO, dave)


def _register(name: str, snapshot: Snapshot, book: Book, basis: list[str] | None) -> Trader:
    ids = basis or [item.id for item in snapshot.listings]
    return _register_opening(name, snapshot, Opening.fresh(dict(zip(ids, book.vector(ids), strict=True))), 0)


def _register_opening(name: str, snapshot: Snapshot, opening: Opening, sequence: int) -> Trader:
    with timed() as proving:
        registered = registration.register(snapshot.venue, name, opening, sequence)
    with timed() as checking:
        registration.verify(registered)
    point = registered.account.commitment.to_bytes().hex()
    out.print(f"{name}: commitment {point[:24]}.. registered in {proving}, checked in {checking}")
    return Trader(opening, registered)


def _prove_and_verify(snapshot: Snapshot, claim: Claim, trader: Trader) -> None:
    account = trader.registered.account
    with timed() as proving:
        made = evidence.prove(snapshot, claim, account, trader.opening)
    with timed() as checking:
        evidence.verify(snapshot, trader.registered, made, claim)
    out.print(f"{account.account} proves in {proving}: {claim.sentence()}")
    out.print(f"[bold green]accepted[/] in {checking}, registration included; {size(made.proof)}")


def _fail(snapshot: Snapshot, claim: Claim, trader: Trader) -> int:
    """Show that no proof exists, and what only the holder is told; return the shortfall."""
    name = trader.registered.account.account
    outcome = rules.assess(snapshot, claim, Book(trader.opening.quantities))
    try:
        evidence.prove(snapshot, claim, trader.registered.account, trader.opening)
    except WitnessError as error:
        out.print(f"[bold red]no proof[/] for {name}: {error}")
        required, missing = dollars(outcome.requirement_units), dollars_up(outcome.shortfall_units)
        out.print(f"[dim]only {name} sees: equity {dollars(outcome.equity_units)}, required {required},[/]")
        out.print(f"[dim]    worst: {outcome.worst}, missing {missing}[/]")
        return outcome.shortfall_units
    raise StatementError(f"the story expects {name} to miss the claim, but the claim holds in this market")


def _check_deposit(before: Trader, after: Trader, amount_units: int) -> None:
    """Check as the venue would: the new commitment is the old one plus the public deposit, blinded by nothing."""
    public = Commitment(group.multiply(generators.book("USD"), amount_units))
    if before.registered.account.commitment + public != after.registered.account.commitment:
        raise StatementError("the new commitment is not the old one plus the deposit")
    out.print(f"deposit of {dollars_up(amount_units)}: the new commitment is the old one plus the deposit")


def _fallen(item: Listing) -> int:
    return item.mark_ticks * (PPM - PRICE_FALL_PPM) // PPM


def _sold_options(snapshot: Snapshot) -> tuple[Option, Option]:
    """Return the nearest call above and the nearest put below their forward, in the farthest listed expiry."""
    options = [item.instrument for item in snapshot.listings if isinstance(item.instrument, Option)]
    farthest = max(option.expiry for option in options)
    series = sorted([option for option in options if option.expiry == farthest], key=lambda option: option.strike_ticks)
    forward = snapshot.listing(series[0].underlying).mark_ticks
    calls = [option for option in series if option.right == "call" and option.strike_ticks > forward]
    puts = [option for option in series if option.right == "put" and option.strike_ticks < forward]
    if not calls or not puts:
        raise StatementError("the market must list a call above and a put below the forward of its last expiry")
    return calls[0], puts[-1]


def _scenarios(snapshot: Snapshot) -> list[str]:
    return [] if snapshot.scenario is None else [scenario.name for scenario in snapshot.scenario.scenarios]


def _without_volatility(snapshot: Snapshot) -> Snapshot:
    """Return the snapshot with only the scenarios that leave volatility alone."""
    arrays = snapshot.scenario
    if arrays is None:
        raise StatementError("the market must have scenario parameters")
    kept = [place for place, scenario in enumerate(arrays.scenarios) if scenario.volatility_ppm == 0]
    losses = {name: tuple(row[place] for place in kept) for name, row in arrays.losses.items()}
    scenarios = tuple(arrays.scenarios[place] for place in kept)
    return replace(snapshot, scenario=replace(arrays, scenarios=scenarios, losses=losses))


def _least_cash(snapshot: Snapshot, positions: dict[str, int]) -> int:
    """Return the cash with which the positions meet the claim exactly."""
    outcome = rules.assess(snapshot, SCENARIO, Book({"USD": 0, **positions}))
    return max(0, -outcome.surplus_units)
