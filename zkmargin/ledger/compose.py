"""Making entries: the holder's side, with the same statements that applying them will check.

Every function returns an entry with its proofs and without signatures; `zkmargin.ledger.keys.sign_all` adds those, in
the order that `zkmargin.ledger.apply.signers` tells. What a function gets as an opening is secret and stays here.

A trade is made together: one side calls `trade` with the openings of the changes, then each party adds the proof of its
own guard with `guard`, then each party signs.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

from circuits import evidence
from zkmargin.algebra.scalars import ORDER, Randomness, random_scalar, system_randomness
from zkmargin.commitments import Opening, commit
from zkmargin.errors import StatementError
from zkmargin.ledger import duties
from zkmargin.ledger.apply import required
from zkmargin.ledger.duties import Duty, Place
from zkmargin.ledger.entries import (
    MARGIN,
    Change,
    Claimed,
    Deposit,
    Guard,
    Open,
    Party,
    Rekey,
    Settle,
    Trade,
    Withdrawal,
)
from zkmargin.ledger.state import State
from zkmargin.margin.claim import Claim

Statement = TypeVar("Statement", bound=duties.Statement)


def open_account(
    state: State,
    entry_id: str,
    account: str,
    key: bytes,
    opening: Opening,
    memo: bytes = b"",
    randomness: Randomness = system_randomness,
) -> Open:
    """Return the entry that opens an account over the ids of `opening`, all of them with zero lots.

    Args:
        state: The present state.
        entry_id: Chosen by the caller.
        account: Name of the account.
        key: Its public key.
        opening: Zero lots, and the account's first blinding factor.
        memo: Sealed bytes for the account's own eyes.
        randomness: Source of the masks.
    """
    entry = Open(
        venue=state.rules.venue,
        id=entry_id,
        account=account,
        key=key,
        basis=tuple(sorted(opening.quantities)),
        commitment=commit(opening),
        memo=memo,
    )
    statement, place = _take(required(state, entry), "blinding", duties.OnlyBlinding)
    return replace(entry, blinding_proof=statement.prove(place, opening.blinding, randomness))


def deposit(state: State, entry_id: str, account: str, asset: str, amount: int, reference: str) -> Deposit:
    """Return the entry by which a public amount arrives; it needs no secret."""
    return Deposit(
        venue=state.rules.venue,
        id=entry_id,
        account=account,
        sequence=state.account(account).public.sequence,
        asset=asset,
        amount=amount,
        reference=reference,
    )


def withdrawal(
    state: State,
    entry_id: str,
    account: str,
    asset: str,
    amount: int,
    reference: str,
    opening: Opening,
    rounds: int = 0,
    randomness: Randomness = system_randomness,
) -> Withdrawal:
    """Return the entry by which a public amount leaves.

    Args:
        state: The present state.
        entry_id: Chosen by the caller.
        account: Who pays.
        asset: Id of cash or collateral.
        amount: Lots.
        reference: The caller's name for the payment.
        opening: Of the account's present commitment.
        rounds: Form of the margin proof.
        randomness: Source of the masks.

    Raises:
        WitnessError: if the book would not satisfy the initial claim afterwards (with `shortfall_units`).
    """
    entry = Withdrawal(
        venue=state.rules.venue,
        id=entry_id,
        account=account,
        sequence=state.account(account).public.sequence,
        snapshot=state.market.digest(),
        asset=asset,
        amount=amount,
        reference=reference,
        rounds=rounds,
    )
    after = opening + Opening({asset: -amount}, 0)
    owed = required(state, entry)
    margin, place = _take(owed, "margin", duties.Satisfies)
    entry = replace(entry, margin_proof=margin.prove(place, after, randomness))
    if "held" in owed:
        held, place = _take(owed, "held", duties.Holds)
        entry = replace(entry, held_proof=held.prove(place, [after], randomness))
    return entry


@dataclass(frozen=True, slots=True)
class Side:
    """One party of a trade that is being made.

    Args:
        account: Its name.
        form: ``"margin"`` or ``"reduction"``: what its guard will prove.
        memo: Sealed bytes for this account's eyes.
        rounds: Form of a margin proof.
    """

    account: str
    form: str = MARGIN
    memo: bytes = b""
    rounds: int = 0


def trade(
    state: State,
    entry_id: str,
    sides: Sequence[Side],
    changes: Sequence[Opening],
    randomness: Randomness = system_randomness,
) -> Trade:
    """Return a trade that still lacks the proofs of its guards.

    Args:
        state: The present state.
        entry_id: Chosen by the caller.
        sides: The parties.
        changes: One opening for two parties, whose second gets the negative; else one for each party, adding up to
            zero. Their ids are the trade's basis.
        randomness: Source of the masks.

    Raises:
        WitnessError: if a change is out of its bounds or the changes do not cancel.
    """
    basis = tuple(sorted({label for change in changes for label in change.quantities}))
    full = [Opening({label: change.quantities.get(label, 0) for label in basis}, change.blinding) for change in changes]
    parties = [
        Party(
            account=side.account,
            sequence=state.account(side.account).public.sequence,
            guard=Guard(form=side.form, rounds=side.rounds),
            memo=side.memo,
        )
        for side in sides
    ]
    entry = Trade(
        venue=state.rules.venue,
        id=entry_id,
        snapshot=state.market.digest(),
        basis=basis,
        changes=tuple(Change(commitment=commit(change)) for change in full),
        parties=tuple(parties),
    )
    owed = required(state, entry)
    proved = []
    for number, (change, opening) in enumerate(zip(entry.changes, full, strict=True)):
        over, place = _take(owed, f"change {number} opening", duties.OpensOver)
        opening_proof = over.prove(place, opening, randomness)
        bounded, place = _take(owed, f"change {number} bounds", duties.BoundedChange)
        bounds_proof = bounded.prove(place, [opening], randomness)
        proved.append(replace(change, opening_proof=opening_proof, bounds_proof=bounds_proof))
    if entry.mirrored:
        return replace(entry, changes=tuple(proved))
    cancel, place = _take(owed, "zero sum", duties.OnlyBlinding)
    total = int(sum(opening.blinding for opening in full) % ORDER)
    return replace(entry, changes=tuple(proved), zero_sum_proof=cancel.prove(place, total, randomness))


def guard(
    state: State,
    entry: Trade,
    account: str,
    opening: Opening,
    change: Opening,
    randomness: Randomness = system_randomness,
) -> Trade:
    """Return the trade with the proof of one party's guard.

    Args:
        state: The present state.
        entry: As `trade` made it.
        account: The party.
        opening: Of its present commitment.
        change: Of its own change: for the second of two parties, the negative of the trade's.
        randomness: Source of the masks.

    Raises:
        WitnessError: if the guard is not true.
    """
    place_of = [party.account for party in entry.parties].index(account)
    party = entry.parties[place_of]
    part = f"{party.guard.form} of {account}"
    owed = required(state, entry)
    if party.guard.form == MARGIN:
        margin, place = _take(owed, part, duties.Satisfies)
        proof = margin.prove(place, opening + change, randomness)
    else:
        reduces, place = _take(owed, part, duties.Reduces)
        full = Opening({label: change.quantities.get(label, 0) for label in entry.basis}, change.blinding)
        proof = reduces.prove(place, [opening, full], randomness)
    proved = replace(party, guard=replace(party.guard, proof=proof))
    return replace(entry, parties=(*entry.parties[:place_of], proved, *entry.parties[place_of + 1 :]))


def settle(
    state: State,
    entry_id: str,
    account: str,
    instrument: str,
    opening: Opening,
    blinding: int | None = None,
    memo: bytes = b"",
    randomness: Randomness = system_randomness,
) -> tuple[Settle, Opening]:
    """Return the entry that settles an expired instrument, and the opening of the account afterwards.

    Args:
        state: The present state.
        entry_id: Chosen by the caller.
        account: Name of the account.
        instrument: What has expired.
        opening: Of the account's present commitment.
        blinding: rho; fresh by default.
        memo: Sealed bytes for the account's own eyes.
        randomness: Source of rho and of the masks.
    """
    price_ticks = state.finals.get(instrument, 0)
    value_units = state.market.listing(instrument).value_at(price_ticks)
    quantity = opening.quantities.get(instrument, 0)
    rho = int(random_scalar(randomness)) if blinding is None else blinding
    leg = Opening({state.rules.cash: quantity * value_units, instrument: -quantity}, rho)
    entry = Settle(
        venue=state.rules.venue,
        id=entry_id,
        account=account,
        sequence=state.account(account).public.sequence,
        instrument=instrument,
        price_ticks=price_ticks,
        commitment=commit(leg),
        memo=memo,
    )
    owed = required(state, entry)
    settles, place = _take(owed, "leg", duties.SettlesAt)
    leg_proof = settles.prove(place, quantity, rho, randomness)
    bounded, place = _take(owed, "bounds", duties.BoundedChange)
    bounds_proof = bounded.prove(place, [leg], randomness)
    total = opening + leg
    after = Opening({label: lots for label, lots in total.quantities.items() if label != instrument}, total.blinding)
    over, place = _take(owed, "opening", duties.OpensOver)
    opening_proof = over.prove(place, after, randomness)
    return replace(entry, leg_proof=leg_proof, bounds_proof=bounds_proof, opening_proof=opening_proof), after


def rekey(
    state: State,
    entry_id: str,
    account: str,
    key: bytes,
    opening: Opening,
    new_opening: Opening,
    memo: bytes = b"",
    randomness: Randomness = system_randomness,
) -> Rekey:
    """Return the entry that moves an account to another key, basis or blinding factor.

    Args:
        state: The present state.
        entry_id: Chosen by the caller.
        account: Name of the account.
        key: The new public key.
        opening: Of the account's present commitment.
        new_opening: The same book; its ids are the new basis, and its blinding factor is the new one.
        memo: Sealed bytes for the account's own eyes.
        randomness: Source of the masks.
    """
    entry = Rekey(
        venue=state.rules.venue,
        id=entry_id,
        account=account,
        sequence=state.account(account).public.sequence,
        key=key,
        basis=tuple(sorted(new_opening.quantities)),
        commitment=commit(new_opening),
        memo=memo,
    )
    owed = required(state, entry)
    if "reblinding" in owed:
        same, place = _take(owed, "reblinding", duties.SameBook)
        delta = int((new_opening.blinding - opening.blinding) % ORDER)
        entry = replace(entry, reblinding_proof=same.prove(place, delta, randomness))
    if "opening" in owed:
        over, place = _take(owed, "opening", duties.OpensOver)
        entry = replace(entry, opening_proof=over.prove(place, new_opening, randomness))
    return entry


def claim(
    state: State,
    entry_id: str,
    account: str,
    claimed: Claim,
    opening: Opening,
    rounds: int = 0,
    randomness: Randomness = system_randomness,
) -> Claimed:
    """Return the entry that proves a claim about an account's present state; nobody signs it."""
    public = state.account(account).public
    shown = evidence.prove(state.market, claimed, public, opening, randomness, rounds)
    return Claimed(venue=state.rules.venue, id=entry_id, evidence=shown)


def _take(owed: Mapping[str, Duty], part: str, kind: type[Statement]) -> tuple[Statement, Place]:
    """Return the statement that an entry has to prove in one of its parts, and the place of the proof."""
    duty = owed[part]
    if not isinstance(duty.statement, kind):
        raise StatementError(f"{part} must be {kind.__name__}")
    return duty.statement, duty.place
