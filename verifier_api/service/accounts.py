"""Accounts: enrolled with a verified registration, changed by the ledger, and told what happened to them."""

from __future__ import annotations

from typing import Any

from circuits import registration
from circuits.registration import Registration
from verifier_api.service import margin_calls
from verifier_api.service.events import Acknowledged, BookChanged, Closed, Decided, Defaulted, Disputed
from verifier_api.service.faults import ConflictError, UnknownAccountError
from verifier_api.service.states import Market, State
from verifier_api.service.venue import Venue, state_of, stored, text_of
from verifier_api.store.journal import StoredEpoch, Writing
from zkmargin import documents
from zkmargin.errors import StatementError
from zkmargin.market.oracle import SignedSnapshot
from zkmargin.market.snapshot import Snapshot

Told = Acknowledged | Disputed | Decided | Closed | Defaulted


def enrol(venue: Venue, registered: Registration, now_ms: int) -> State:
    """Verify a registration and enrol its account, which owes a proof of the epoch in force from now on.

    Raises:
        StatementError: if it is another venue's.
        EncodingError, VerificationError: if its proofs do not hold.
        ConflictError: if the account is enrolled already.
    """
    _check(venue, registered)
    account = registered.account
    with venue.store.writing() as unit:
        unit.lock_membership()
        if unit.account(account.account) is not None:
            raise ConflictError(f"account {account.account} is enrolled already")
        newest = unit.epoch()
        halted = newest is not None and _snapshot(newest).breaker == "halted"
        market = None if newest is None else market_of(venue, _snapshot(newest))
        state = margin_calls.enrol(
            account.account, account.sequence, market, now_ms, venue.rules, now_ms if halted else None
        )
        unit.add_account(stored(state))
        unit.add_registration(account.account, account.sequence, text_of(registered.to_document()))
        unit.append(venue.name, [_enrolled(registered, now_ms, halted)])
    return state


def change_book(venue: Venue, registered: Registration, entry: str, now_ms: int) -> State:
    """Give an account its next commitment, as the ledger entry of a kind left it.

    Whoever calls this vouches for the entry: that it is of this kind, and that the commitment is what it leads to.

    Raises:
        StatementError: if the account's status does not permit the entry, or the sequence is not the next one.
        UnknownAccountError: if no such account is enrolled.
        EncodingError, VerificationError: if the proofs of the registration do not hold.
    """
    _check(venue, registered)
    account = registered.account
    event = BookChanged(account.sequence, entry, account.commitment.to_bytes().hex())
    return _happen(venue, account.account, event, now_ms, registered)


def tell(venue: Venue, account: str, event: Told, now_ms: int) -> State:
    """Record an acknowledgement, a dispute, its decision, or the end of a liquidation.

    Raises:
        StatementError: if it cannot happen in the account's status.
        UnknownAccountError: if no such account is enrolled.
    """
    return _happen(venue, account, event, now_ms, None)


def market_of(venue: Venue, snapshot: Snapshot) -> Market:
    """Return what the state machine knows of a snapshot.

    Raises:
        StatementError: if the snapshot has no parameters for the model of the rules.
    """
    version = snapshot.parameters(venue.rules.model).version
    return Market(snapshot.epoch, snapshot.digest().hex(), version)


def _happen(venue: Venue, name: str, event: Told | BookChanged, now_ms: int, registered: Registration | None) -> State:
    with venue.store.writing() as unit:
        row = _locked(unit, name)
        state, transitions = margin_calls.step(state_of(row), event, now_ms, venue.rules)
        venue.record(unit, transitions)
        unit.save([stored(state)])
        if registered is not None:
            unit.add_registration(name, state.sequence, text_of(registered.to_document()))
    return state


def _locked(unit: Writing, name: str) -> Any:
    found = unit.lock([name])
    if name not in found:
        raise UnknownAccountError(f"account {name} is not enrolled")
    return found[name]


def _check(venue: Venue, registered: Registration) -> None:
    if registered.account.venue != venue.name:
        raise StatementError(f"venue of the account must be {venue.name}, got {registered.account.venue}")
    registration.verify(registered)


def _snapshot(epoch: StoredEpoch) -> Snapshot:
    return SignedSnapshot.from_document(documents.parse(epoch.signed.encode())).snapshot


def _enrolled(registered: Registration, now_ms: int, halted: bool) -> dict[str, Any]:
    account = registered.account
    return {
        "kind": "enrolled",
        "at_ms": now_ms,
        "account": account.account,
        "book": account.sequence,
        "commitment": account.commitment.to_bytes().hex(),
        "halted": int(halted),
    }
