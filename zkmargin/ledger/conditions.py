"""What an entry must meet before it can be applied: numbers, markets, permissions. Each check raises its reason."""

from __future__ import annotations

from circuits.registration import MAX_SEQUENCE
from zkmargin.errors import NotAllowedError, StaleStateError
from zkmargin.ledger.entries import REDUCE_ONLY
from zkmargin.ledger.state import AccountState, State
from zkmargin.market.instruments import Cash, Collateral


def touched(state: State, name: str, sequence: int) -> AccountState:
    """Return an account that an entry was made for in its present state."""
    account = state.account(name)
    if sequence != account.public.sequence:
        raise StaleStateError(f"sequence of account {name} must be {account.public.sequence}, got {sequence}")
    return account


def next_sequence(account: AccountState) -> int:
    """Return the number of the account's next state."""
    sequence = account.public.sequence
    if sequence >= MAX_SEQUENCE:
        raise NotAllowedError(f"account {account.public.account} has had {MAX_SEQUENCE} entries: no more are possible")
    return sequence + 1


def check_open_market(state: State, digest: bytes) -> None:
    """Refuse an entry that was made for another market, or moves money while the breaker is on."""
    check_market(state, digest)
    if state.market.breaker != "normal":
        raise NotAllowedError("the market is halted")


def check_market(state: State, digest: bytes) -> None:
    """Refuse an entry that was made for another snapshot than the present one."""
    if digest != state.market.digest():
        raise StaleStateError(f"snapshot must be {state.market.digest().hex()}, got {digest.hex()}")


def check_epoch(state: State, epoch: int) -> None:
    """Refuse an entry that was made for another epoch than the present one."""
    if epoch != state.market.epoch:
        raise StaleStateError(f"epoch must be {state.market.epoch}, got {epoch}")


def check_active(account: AccountState) -> None:
    """Refuse what a called account may not do."""
    if account.status == REDUCE_ONLY:
        raise NotAllowedError(f"account {account.public.account} may only reduce its exposure")


def check_basis(state: State, basis: tuple[str, ...], held: tuple[str, ...]) -> None:
    """Refuse ids that are not listed, or, unless they are held already, have expired."""
    for label in basis:
        state.market.listing(label)
        if label in state.finals and label not in held:
            raise NotAllowedError(f"{label} has expired and can only be settled")


def check_within(account: AccountState, basis: tuple[str, ...]) -> None:
    """Refuse ids that the account's commitment is not over."""
    missing = set(basis) - set(account.public.basis)
    if missing:
        raise NotAllowedError(f"the basis of account {account.public.account} lacks {min(missing)}")


def check_payable(state: State, account: AccountState, asset: str) -> bool:
    """Refuse what cannot be paid in or out; return whether it is cash."""
    instrument = state.market.listing(asset).instrument
    if not isinstance(instrument, Cash | Collateral):
        raise NotAllowedError(f"only cash and collateral can be paid in or out, got {asset}")
    check_within(account, (asset,))
    return isinstance(instrument, Cash)


def require_empty(proof: bytes, field: str, when: str) -> None:
    """Refuse a proof where none is needed: it would be bytes that nobody looks at."""
    if proof:
        raise NotAllowedError(f"{field} must be empty when {when}")
