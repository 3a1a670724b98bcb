"""The rules: from a state and an entry to the state after, and to what the entry has to prove for it.

Nobody calls this module but `zkmargin.ledger.apply`, which sees to it that the duties are done; an import contract says
so. A step decides everything that needs no proof: names, numbers, signatures, prices, permissions.

Every rule is a function of one kind of entry. What it refuses it refuses before any proof is looked at.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

from circuits.ledger import bits_after
from circuits.registration import Account
from zkmargin.algebra import generators
from zkmargin.algebra.group import Point, group, is_identity
from zkmargin.commitments import Commitment
from zkmargin.errors import LedgerError, NotAllowedError, StaleStateError, UnknownAccountError
from zkmargin.ledger import conditions, coverage, duties
from zkmargin.ledger.duties import Duty, Place, Statement
from zkmargin.ledger.entries import (
    MARGIN,
    Checkpoint,
    Claimed,
    Deposit,
    Entry,
    Genesis,
    Mark,
    Open,
    Party,
    Rekey,
    Settle,
    Status,
    Trade,
    Withdrawal,
)
from zkmargin.ledger.state import AccountState, Standing, State, opened
from zkmargin.market.instruments import Cash

Owed: TypeAlias = tuple[str, Statement, bytes]


@dataclass(frozen=True, slots=True)
class Step:
    """A state after, which counts only when the duties are done and the signers have signed.

    Args:
        after: The state.
        signers: Public key by what the signer is called, in the order of the signatures.
        owed: What has to be proved: the part of the entry, the statement, and the proof that was brought.
    """

    after: State
    signers: Mapping[str, bytes]
    owed: tuple[Owed, ...] = ()

    def duties(self, entry: Entry) -> tuple[Duty, ...]:
        """Return what is owed, each in its place in the entry."""
        # The evidence in a claim stands alone: it is bound to its account's state, and holds outside the log as well.
        binding = b"" if isinstance(entry, Claimed) else entry.binding()
        return tuple(Duty(Place(binding, part), statement, proof) for part, statement, proof in self.owed)


def step(state: State, entry: Entry) -> Step:
    """Return what an entry does and what it has to prove.

    Raises:
        LedgerError, StatementError: if it does not fit the state.
    """
    if not isinstance(entry, Genesis) and entry.venue != state.rules.venue:
        raise NotAllowedError(f"venue must be {state.rules.venue}, got {entry.venue}")
    rule = _RULES[type(entry)]
    return rule(state, entry)


def _genesis(state: State, entry: Genesis) -> Step:
    if state.genesis is not None:
        raise NotAllowedError("the ledger has its genesis already")
    claim = entry.claim
    if claim.kind != "initial" or claim.threshold.numerator < claim.threshold.denominator:
        raise NotAllowedError(f"the claim after an entry must be initial with a threshold of at least 1, got {claim}")
    return Step(replace(state, genesis=entry), {"operator": entry.operator})


def _mark(state: State, entry: Mark) -> Step:
    snapshot = entry.snapshot
    if snapshot.venue != entry.venue:
        raise NotAllowedError(f"venue of the snapshot must be {entry.venue}, got {snapshot.venue}")
    if not isinstance(snapshot.listing(state.rules.cash).instrument, Cash):
        raise NotAllowedError(f"{state.rules.cash} must be listed as cash")
    snapshot.parameters(state.rules.claim.model)
    if state.snapshot is not None:
        snapshot.check_follows(state.snapshot)
    for label, price_ticks in state.finals.items():
        mark_ticks = snapshot.listing(label).mark_ticks
        if mark_ticks != price_ticks:
            raise NotAllowedError(f"the mark of {label} must stay at its final price {price_ticks}, got {mark_ticks}")
    expired = {
        listing.id: listing.mark_ticks
        for listing in snapshot.listings
        if (expiry := getattr(listing.instrument, "expiry", None)) is not None and expiry <= snapshot.valid_from
    }
    finals = dict(sorted((expired | dict(state.finals)).items()))
    return Step(replace(state, snapshot=snapshot, finals=finals), _operator(state))


def _open(state: State, entry: Open) -> Step:
    if entry.account in state.accounts:
        raise UnknownAccountError(f"account {entry.account} is open already")
    conditions.check_basis(state, entry.basis, ())
    public = opened(entry.venue, entry.account, entry.basis, entry.commitment)
    account = AccountState(entry.key, public, unexposed=True)
    after = replace(
        state,
        accounts=state.accounts.set(entry.account, account),
        blinding=group.add(state.blinding, entry.commitment.point),
    )
    empty = duties.OnlyBlinding((entry.commitment,))
    signers = {f"account {entry.account}": entry.key, **_operator(state)}
    return Step(after, signers, (("blinding", empty, entry.blinding_proof),))


def _deposit(state: State, entry: Deposit) -> Step:
    account = conditions.touched(state, entry.account, entry.sequence)
    is_cash = conditions.check_payable(state, account, entry.asset)
    moved = _moved(account, _payment(entry.asset, entry.amount))
    # More collateral might make a claim false, under a scenario that charges for holding it.
    if is_cash and state.rules.claim.model in coverage.CASH_NEVER_HURTS:
        moved = replace(moved, standing=account.standing)
    after = _with(state, replace(moved, unexposed=account.unexposed))
    return Step(_paid(after, entry.asset, entry.amount), _operator(state))


def _withdrawal(state: State, entry: Withdrawal) -> Step:
    account = conditions.touched(state, entry.account, entry.sequence)
    conditions.check_open_market(state, entry.snapshot)
    conditions.check_active(account)
    is_cash = conditions.check_payable(state, account, entry.asset)
    if entry.amount > state.net.get(entry.asset, 0):
        raise NotAllowedError(f"not more than the {entry.asset} that was deposited can be withdrawn")
    after = _moved(account, _payment(entry.asset, -entry.amount))
    margin = duties.Satisfies(state.market, state.rules.claim, after.public, entry.rounds)
    owed: list[Owed] = [("margin", margin, entry.margin_proof)]
    if is_cash:
        conditions.require_empty(entry.held_proof, "held_proof", "cash is withdrawn")
    else:
        held = duties.Holds(after.public.basis, entry.asset, after.public.commitment)
        owed.append(("held", held, entry.held_proof))
    moved = replace(after, standing=Standing("initial", state.rules.claim.model, state.market, after.public.basis))
    return Step(_paid(_with(state, moved), entry.asset, -entry.amount), _holder(account), tuple(owed))


def _trade(state: State, entry: Trade) -> Step:
    accounts = [conditions.touched(state, party.account, party.sequence) for party in entry.parties]
    names = [party.account for party in entry.parties]
    if len(set(names)) != len(names):
        raise NotAllowedError("an account must not be in a trade twice")
    conditions.check_open_market(state, entry.snapshot)
    conditions.check_basis(state, entry.basis, ())
    for account in accounts:
        conditions.check_within(account, entry.basis)
    signers = {f"account {name}": account.key for name, account in zip(names, accounts, strict=True)}
    changes = _changes(entry)
    owed = _duties_of_changes(entry)
    after = state
    if not entry.mirrored:
        total = group.msm([change.point for change in changes], [1] * len(changes))
        after = replace(after, blinding=group.add(after.blinding, total))
    for party, account, change in zip(entry.parties, accounts, changes, strict=True):
        moved, debt = _guarded(state, entry, party, account, change)
        after = _with(after, moved)
        owed.append(debt)
    return Step(after, signers, tuple(owed))


def _settle(state: State, entry: Settle) -> Step:
    account = conditions.touched(state, entry.account, entry.sequence)
    price_ticks = state.finals.get(entry.instrument)
    if price_ticks is None:
        raise NotAllowedError(f"{entry.instrument} has no final price: it has not expired")
    if entry.price_ticks != price_ticks:
        raise NotAllowedError(f"{entry.instrument} settles at {price_ticks} ticks, got {entry.price_ticks}")
    cash = state.rules.cash
    pair = tuple(sorted((cash, entry.instrument)))
    conditions.check_within(account, pair)
    value_units = state.market.listing(entry.instrument).value_at(price_ticks)
    rest = tuple(label for label in account.public.basis if label != entry.instrument)
    moved = _moved(account, entry.commitment.point, basis=rest)
    pot = state.pots.get(entry.instrument, group.identity())
    pots = {**state.pots, entry.instrument: group.add(pot, group.negate(entry.commitment.point))}
    owed = (
        ("leg", duties.SettlesAt(cash, entry.instrument, value_units, entry.commitment), entry.leg_proof),
        ("bounds", duties.BoundedChange(pair, entry.commitment), entry.bounds_proof),
        ("opening", duties.OpensOver(rest, moved.public.commitment), entry.opening_proof),
    )
    return Step(replace(_with(state, moved), pots=dict(sorted(pots.items()))), _holder(account), owed)


def _rekey(state: State, entry: Rekey) -> Step:
    account = conditions.touched(state, entry.account, entry.sequence)
    conditions.check_basis(state, entry.basis, account.public.basis)
    old, new = account.public.commitment, entry.commitment
    owed: list[Owed] = []
    after = state
    if new == old:
        conditions.require_empty(entry.reblinding_proof, "reblinding_proof", "the commitment stays")
    else:
        owed.append(("reblinding", duties.SameBook(old, new), entry.reblinding_proof))
        difference = group.add(new.point, group.negate(old.point))
        after = replace(after, blinding=group.add(after.blinding, difference))
    if set(account.public.basis) <= set(entry.basis):
        conditions.require_empty(entry.opening_proof, "opening_proof", "no id leaves the basis")
    else:
        owed.append(("opening", duties.OpensOver(entry.basis, new), entry.opening_proof))
    public = _following(account, entry.basis, new)
    signers = {**_holder(account), f"the new key of account {entry.account}": entry.key}
    return Step(_with(after, replace(account, key=entry.key, public=public)), signers, tuple(owed))


def _claimed(state: State, entry: Claimed) -> Step:
    shown = entry.evidence
    account = conditions.touched(state, shown.account, shown.sequence)
    conditions.check_market(state, shown.snapshot_digest)
    pairs = (
        ("venue", state.rules.venue, shown.venue),
        ("epoch", state.market.epoch, shown.epoch),
        ("commitment", account.public.commitment.to_bytes().hex(), shown.commitment.hex()),
    )
    for field, wanted, given in pairs:
        if wanted != given:
            raise StaleStateError(f"{field} of the claim must be {wanted}, got {given}")
    statement = duties.Satisfies(state.market, shown.claim, account.public, shown.rounds)
    after = _with(state, coverage.proved(account, shown.claim, state.rules, state.market))
    return Step(after, {}, (("claim", statement, shown.proof),))


def _status(state: State, entry: Status) -> Step:
    account = state.account(entry.account)
    conditions.check_epoch(state, entry.epoch)
    return Step(_with(state, replace(account, status=entry.status)), _operator(state))


def _checkpoint(state: State, entry: Checkpoint) -> Step:
    conditions.check_epoch(state, entry.epoch)
    if entry.state != state.digest():
        raise LedgerError(f"checkpoint {entry.id} states another state than the one that the entries lead to")
    return Step(state, _operator(state))


_RULES: Mapping[type[Entry], Callable[[State, Any], Step]] = {
    Genesis: _genesis,
    Mark: _mark,
    Open: _open,
    Deposit: _deposit,
    Withdrawal: _withdrawal,
    Trade: _trade,
    Settle: _settle,
    Rekey: _rekey,
    Claimed: _claimed,
    Status: _status,
    Checkpoint: _checkpoint,
}


# ---- what several rules need -----------------------------------------------------------------------------------------


def _operator(state: State) -> Mapping[str, bytes]:
    return {"operator": state.rules.operator}


def _holder(account: AccountState) -> Mapping[str, bytes]:
    return {f"account {account.public.account}": account.key}


def _following(account: AccountState, basis: tuple[str, ...], commitment: Commitment) -> Account:
    """Return the public side of the account's next state."""
    sequence = conditions.next_sequence(account)
    bits = bits_after(sequence)
    return replace(account.public, sequence=sequence, basis=basis, commitment=commitment, quantity_bits=bits)


def _moved(account: AccountState, change: Point, basis: tuple[str, ...] | None = None) -> AccountState:
    """Return the account with a changed book, of which nothing is known yet."""
    point = group.add(account.public.commitment.point, change)
    if is_identity(point):
        raise NotAllowedError(f"the commitment of account {account.public.account} would become the identity")
    public = _following(account, account.public.basis if basis is None else basis, Commitment(point))
    return replace(account, public=public, standing=None, unexposed=False)


def _with(state: State, account: AccountState) -> State:
    return replace(state, accounts=state.accounts.set(account.public.account, account))


def _payment(asset: str, amount: int) -> Point:
    return group.multiply(generators.book(asset), amount)


def _paid(state: State, asset: str, amount: int) -> State:
    net = {**state.net, asset: state.net.get(asset, 0) + amount}
    return replace(state, net=dict(sorted(net.items())))


def _changes(entry: Trade) -> list[Commitment]:
    """Return the change of every party, in their order."""
    given = [change.commitment for change in entry.changes]
    if entry.mirrored:
        conditions.require_empty(entry.zero_sum_proof, "zero_sum_proof", "two parties share one change")
        return [given[0], -given[0]]
    if len(given) != len(entry.parties):
        raise NotAllowedError(f"there must be a change for each of {len(entry.parties)} parties, got {len(given)}")
    return given


def _duties_of_changes(entry: Trade) -> list[Owed]:
    """Return what is owed for the changes alone, whoever the parties are."""
    owed: list[Owed] = []
    for number, change in enumerate(entry.changes):
        over = duties.OpensOver(entry.basis, change.commitment)
        bounded = duties.BoundedChange(entry.basis, change.commitment)
        owed.append((f"change {number} opening", over, change.opening_proof))
        owed.append((f"change {number} bounds", bounded, change.bounds_proof))
    if not entry.mirrored:
        cancel = duties.OnlyBlinding(tuple(change.commitment for change in entry.changes))
        owed.append(("zero sum", cancel, entry.zero_sum_proof))
    return owed


def _guarded(
    state: State, entry: Trade, party: Party, account: AccountState, change: Commitment
) -> tuple[AccountState, Owed]:
    """Return a party's account after the trade, and what is owed for it."""
    moved, guard = _moved(account, change.point), party.guard
    part = f"{guard.form} of {party.account}"
    if guard.form == MARGIN:
        conditions.check_active(account)
        margin = duties.Satisfies(state.market, state.rules.claim, moved.public, guard.rounds)
        return replace(
            moved, standing=Standing("initial", state.rules.claim.model, state.market, moved.public.basis)
        ), (
            part,
            margin,
            guard.proof,
        )
    if guard.rounds:
        raise NotAllowedError(f"rounds of a reduction must be 0, got {guard.rounds}")
    before, basis = account.public, entry.basis
    reduces = duties.Reduces(state.market, before.basis, before.commitment, basis, change, state.rules.band_ppm)
    return moved, (part, reduces, guard.proof)
