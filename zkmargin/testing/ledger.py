"""This project's own ledger as a venue to be tested: every order is an entry with commitments, proofs and signatures.

Nothing is simulated. `LedgerVenue.apply` makes the entry that the order describes, as its accounts would, and applies
it; `LedgerVenue.passes` makes a proof of the maintenance claim and applies that. What cannot be proved honestly is
tried with what a cheat has: an order for another state is proved for that state, and an account that misses its claim
sends its last proof again, under the header of the present market. After every entry the conservation equation is
checked, from the public state alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Protocol

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from zkmargin.commitments import Opening, check_opens
from zkmargin.errors import LedgerError, WitnessError, ZkMarginError
from zkmargin.ledger import compose, keys
from zkmargin.ledger.apply import apply
from zkmargin.ledger.compose import Side
from zkmargin.ledger.entries import MARGIN, REDUCTION, Claimed, Entry, Genesis, Mark, Settle, Trade
from zkmargin.ledger.state import State
from zkmargin.margin import rules
from zkmargin.margin.claim import Claim
from zkmargin.margin.portfolio import Book
from zkmargin.market.snapshot import Snapshot
from zkmargin.testing import strategies
from zkmargin.testing.plain import CONSERVATION, DEPOSIT, SETTLEMENT, TRADE, Order, sums
from zkmargin.testing.venue import SolvencyError


class Holder(Protocol):
    """Who keeps an account's secrets: `Memory` here, a wallet elsewhere."""

    @property
    def public_key(self) -> bytes:
        """Return the account's Ed25519 public key."""

    def opening(self) -> Opening:
        """Return the opening of the account's present commitment."""

    def prepare(self, entry: str, quantities: Mapping[str, int]) -> tuple[Opening, bytes]:
        """Return the opening of a change for an entry, and the account's memo."""

    def accept(self, entry: str, change: Opening) -> bytes:
        """Take a change that another account prepared, and return the account's memo."""

    def sign(self, entry: Entry) -> bytes:
        """Return the account's signature."""

    def follow(self, entry: Entry, state: State, after: Opening) -> None:
        """Take over an entry that was applied; `after` is the opening that it should lead to."""


class Memory:
    """A holder that forgets everything when it ends."""

    def __init__(self) -> None:
        self._key = Ed25519PrivateKey.generate()
        self._opening = Opening({}, 0)

    @property
    def public_key(self) -> bytes:
        """Return the account's Ed25519 public key."""
        return keys.public_key(self._key)

    def opening(self) -> Opening:
        """Return the opening of the account's present commitment."""
        return self._opening

    def prepare(self, entry: str, quantities: Mapping[str, int]) -> tuple[Opening, bytes]:
        """Return an opening under a fresh blinding factor; memory needs no memo."""
        return Opening.fresh(quantities), b""

    def accept(self, entry: str, change: Opening) -> bytes:
        """Return no memo."""
        return b""

    def sign(self, entry: Entry) -> bytes:
        """Return the account's signature."""
        return keys.sign(entry, self._key)

    def follow(self, entry: Entry, state: State, after: Opening) -> None:
        """Remember the opening."""
        self._opening = after


class LedgerVenue:
    """A ledger, its operator and its accounts.

    Args:
        snapshot: The first market.
        initial: The claim that a state must satisfy after an entry.
        maintenance: The claim that `passes` proves.
        band_ppm: How far from the marks a reduction may trade to the account's loss.

    Attributes:
        state: The ledger's present state.
        log: Every entry that was applied, in order.
    """

    def __init__(self, snapshot: Snapshot, initial: Claim, maintenance: Claim, band_ppm: int = 0) -> None:
        self.state, self.log = State(), list[Entry]()
        self._operator = Ed25519PrivateKey.generate()
        self._maintenance = maintenance
        self._holders: dict[str, Holder] = {}
        self._sent: dict[str, tuple[Order, Entry]] = {}
        self._shown: dict[str, Claimed] = {}
        operator, cash = keys.public_key(self._operator), strategies.cash_id(snapshot)
        genesis = Genesis(
            venue=snapshot.venue, id="genesis", operator=operator, claim=initial, cash=cash, band_ppm=band_ppm
        )
        self._put(keys.sign_all(genesis, self._operator))
        self.mark(snapshot)

    def holder(self, account: str) -> Holder:
        """Return who keeps the secrets of a new account; override it to use wallets."""
        return Memory()

    def open(self, account: str) -> None:
        """Open an account over everything that the claim's model margins."""
        margined = rules.held(self.state.market, self._maintenance.model)
        holder, entry_id = self.holder(account), f"open-{account}"
        made, memo = holder.prepare(entry_id, {})
        opening = Opening(dict.fromkeys(margined, 0), made.blinding)
        entry = compose.open_account(self.state, entry_id, account, holder.public_key, opening, memo)
        signed = replace(entry, signatures=(holder.sign(entry), keys.sign(entry, self._operator)))
        self._put(signed)
        self._holders[account] = holder
        holder.follow(signed, self.state, opening)

    def mark(self, snapshot: Snapshot) -> None:
        """Publish the market of the next epoch."""
        entry = Mark(venue=snapshot.venue, id=f"mark-{snapshot.epoch}", snapshot=snapshot)
        self._put(keys.sign_all(entry, self._operator))

    def sequence(self, account: str) -> int:
        """Return the number of the account's state in the ledger."""
        return self.state.account(account).public.sequence

    def book(self, account: str) -> dict[str, int]:
        """Return what the account's commitment opens to."""
        opening = self._holders[account].opening()
        check_opens(self.state.account(account).public.commitment, opening)
        return dict(opening.quantities)

    def passes(self, account: str) -> bool:
        """Return whether a proof of the maintenance claim is accepted: an honest one, or else the last one again."""
        entry_id = f"claim-{len(self.log)}"
        opening = self._holders[account].opening()
        try:
            entry = compose.claim(self.state, entry_id, account, self._maintenance, opening)
        except WitnessError:
            return self._passes_with_an_old_proof(account, entry_id)
        self._put(entry)
        self._shown[account] = entry
        return True

    def apply(self, order: Order) -> None:
        """Make the entry of an order and apply it; the entry of a known order is sent again as it was."""
        known = self._sent.get(order.id)
        if known is not None and known[0] == order:
            self._put(known[1])
            return
        entry, after = self._made(order)
        self._put(entry)
        self._sent[order.id] = order, entry
        for account, opening in after.items():
            self._holders[account].follow(entry, self.state, opening)

    # ---- Entries -----------------------------------------------------------------------------------------------------

    def _made(self, order: Order) -> tuple[Entry, dict[str, Opening]]:
        """Return the signed entry of an order, and the openings that it leads to."""
        state = self._state_of(order)
        if order.kind == TRADE:
            return self._trade(state, order)
        ((account, leg),) = order.legs.items()
        holder = self._holders[account]
        opening = holder.opening()
        if order.kind == SETTLEMENT:
            return self._settle(state, order, account, leg)
        ((asset, change),) = leg.items()
        after = {account: opening + Opening({asset: change}, 0)}
        if order.kind == DEPOSIT:
            arrived = compose.deposit(state, order.id, account, asset, change, "wire")
            return keys.sign_all(arrived, self._operator), after
        left = compose.withdrawal(state, order.id, account, asset, -change, "wire", opening)
        return replace(left, signatures=(holder.sign(left),)), after

    def _trade(self, state: State, order: Order) -> tuple[Trade, dict[str, Opening]]:
        basis = sorted({name for leg in order.legs.values() for name in leg})
        legs = {account: {name: leg.get(name, 0) for name in basis} for account, leg in order.legs.items()}
        (proposer, first), *others = legs.items()
        change, memo = self._holders[proposer].prepare(order.id, first)
        changes, memos = {proposer: change}, {proposer: memo}
        mirrored = len(legs) == 2 and not any(sums(legs).values())
        for account, leg in others:
            own = -change if mirrored else Opening.fresh(leg)
            changes[account], memos[account] = own, self._holders[account].accept(order.id, own)
        openings = {account: self._holders[account].opening() for account in legs}
        after = {account: openings[account] + changes[account] for account in legs}
        sides = [Side(account, self._form(after[account]), memos[account]) for account in legs]
        entry = compose.trade(state, order.id, sides, [change] if mirrored else list(changes.values()))
        for account in legs:
            entry = compose.guard(state, entry, account, openings[account], changes[account])
        return replace(entry, signatures=tuple(self._holders[account].sign(entry) for account in legs)), after

    def _form(self, after: Opening) -> str:
        holds = rules.assess(self.state.market, self.state.rules.claim, Book(after.quantities)).holds
        return MARGIN if holds else REDUCTION

    def _settle(
        self, state: State, order: Order, account: str, leg: Mapping[str, int]
    ) -> tuple[Settle, dict[str, Opening]]:
        """Settle as many lots as the order says, at its price, whatever the account holds."""
        holder, name = self._holders[account], order.instrument
        said = Opening({**holder.opening().quantities, name: -leg[name]}, holder.opening().blinding)
        change, memo = holder.prepare(order.id, leg)
        entry, after = compose.settle(state, order.id, account, name, said, change.blinding, memo)
        entry = replace(entry, price_ticks=order.price_ticks)
        return replace(entry, signatures=(holder.sign(entry),)), {account: after}

    def _state_of(self, order: Order) -> State:
        """Return the state that the order was made for: the present one with the order's sequence numbers."""
        state = self.state
        for account, number in order.sequences.items():
            known = state.account(account)
            if known.public.sequence != number:
                other = replace(known, public=replace(known.public, sequence=number))
                state = replace(state, accounts=state.accounts.set(account, other))
        return state

    def _passes_with_an_old_proof(self, account: str, entry_id: str) -> bool:
        old, public = self._shown.get(account), self.state.account(account).public
        if old is None:
            return False
        evidence = replace(
            old.evidence,
            sequence=public.sequence,
            epoch=self.state.market.epoch,
            snapshot_digest=self.state.market.digest(),
            commitment=public.commitment.to_bytes(),
        )
        try:
            self._put(replace(old, id=entry_id, evidence=evidence))
        except ZkMarginError:
            return False
        return True

    def _put(self, entry: Entry) -> None:
        after = apply(self.state, entry)
        if after is self.state:
            return
        try:
            after.check_conservation()
        except LedgerError as error:
            raise SolvencyError(CONSERVATION, f"entry {entry.id} was applied, and {error}") from None
        self.state = after
        self.log.append(entry)
