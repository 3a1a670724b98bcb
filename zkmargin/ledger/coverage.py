"""Who is covered in an epoch: proved, standing in a box, or called; silence is what an audit looks for.

An account is covered at a snapshot if one of these holds:

    unexposed    nothing but deposits has happened to it: it cannot owe anything
    called       its status is reduce-only: the margin desk has acted
    proved       its present book satisfies a maintenance, initial or box claim of the venue's model, threshold at least
                 1, at this very snapshot (a stress claim is another sentence; that a composed model asks for no less
                 initially than for maintenance is the venue's to see to)
    box          its present book satisfies a box claim at an earlier snapshot, and for every id of its basis the mark
                 is still inside the box, and multiplier, funding index, haircut and the model's parameters are the same

A re-key leaves a claim true, and so does a deposit of cash in the cross and the scenario model; a composed model may
charge for cash. Every other entry that touches the account makes it void.
"""

from __future__ import annotations

from dataclasses import replace

from zkmargin.ledger.entries import REDUCE_ONLY, Genesis
from zkmargin.ledger.state import AccountState, Standing, State
from zkmargin.margin import cross
from zkmargin.margin.claim import Claim
from zkmargin.market.snapshot import Listing, Snapshot

COVERING = ("maintenance", "initial", "box")
CASH_NEVER_HURTS = ("cross", "scenario")


def proved(account: AccountState, claim: Claim, rules: Genesis, snapshot: Snapshot) -> AccountState:
    """Return the account after a claim about it was proved at the present snapshot.

    A box that still stands is kept: it says more than the claim of one moment.
    """
    weaker = claim.threshold.numerator < claim.threshold.denominator
    if claim.kind not in COVERING or claim.model != rules.claim.model or weaker:
        return account
    if claim.kind != "box" and box_stands(account, snapshot):
        return account
    return replace(account, standing=Standing(claim.kind, claim.model, snapshot, account.public.basis, claim.width_ppm))


def covered(account: AccountState, snapshot: Snapshot) -> bool:
    """Return whether the account is covered at a snapshot."""
    if account.unexposed or account.status == REDUCE_ONLY:
        return True
    standing = account.standing
    if standing is None:
        return False
    return standing.snapshot.digest() == snapshot.digest() or box_stands(account, snapshot)


def uncovered(state: State) -> list[str]:
    """Return the names of the accounts that are not covered at the present snapshot, in order."""
    return sorted(name for name, account in state.accounts.items() if not covered(account, state.market))


def box_stands(account: AccountState, snapshot: Snapshot) -> bool:
    """Return whether a box claim of the account is still true at a snapshot."""
    standing = account.standing
    if standing is None or standing.kind != "box":
        return False
    if standing.snapshot.parameters(standing.model) != snapshot.parameters(standing.model):
        return False
    return all(
        _inside(standing.snapshot.listing(label), snapshot.listing(label), standing.width_ppm)
        for label in standing.basis
    )


def _inside(then: Listing, now: Listing, width_ppm: int) -> bool:
    low, high = cross.box(then.mark_ticks, width_ppm)
    same = (then.instrument, then.funding_ticks, then.haircut_ppm) == (
        now.instrument,
        now.funding_ticks,
        now.haircut_ppm,
    )
    return same and low <= now.mark_ticks <= high
