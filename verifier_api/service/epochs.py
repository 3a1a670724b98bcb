"""Epochs: a signed snapshot opens one, accounts prove it, and a signed report says at its end who did.

Opening
-------
    A snapshot comes into force when the committee signed it, it follows the one before, its age and its marks are
    within their bounds, and it has parameters of the venue's model, of no older version. For every account the clock of
    a proof starts, unless its standing box holds. Halted in the snapshot means that all clocks stand still until a
    snapshot says normal.

Standing
--------
    A box proof about epoch b says: equity covers the requirement at every price within the box around b's marks. It
    holds at a later epoch when, for the instruments of the account's basis, every mark lies in that box and nothing
    else changed: multiplier, funding and haircut of each, and the parameters of the model. A box that proves less than
    the warning band keeps no account healthy.

Report
------
    proved, standing, superseded (a later epoch was proved before this one was due), late, and for all others their
    status. Complete means: whoever is in none of the first four is stale, called, in liquidation or at an end.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

from verifier_api.service import margin_calls
from verifier_api.service.accounts import market_of
from verifier_api.service.rules import MAX_VERSION
from verifier_api.service.states import MAX_OWED, PROVING, State
from verifier_api.service.venue import Venue, state_of, stored, text_of
from verifier_api.store.journal import Reading, StoredAccount, StoredEpoch, Writing
from zkmargin import documents
from zkmargin.amounts import bounded
from zkmargin.errors import StatementError
from zkmargin.margin import cross
from zkmargin.market import oracle
from zkmargin.market.instruments import Cash, Collateral, Linear
from zkmargin.market.oracle import Committee, Signature, SignedSnapshot
from zkmargin.market.snapshot import Listing, Snapshot

REPORT_FORMAT = "zkmargin/epoch-report/1"
MAX_AGE_SECONDS = 60
MAX_AHEAD_SECONDS = 5


@dataclass(frozen=True, slots=True)
class Epoch:
    """What opening an epoch did."""

    epoch: int
    due_ms: int
    accounts: int
    standing: int


def publish(venue: Venue, signed: SignedSnapshot, now_ms: int) -> Epoch:
    """Open the epoch of a signed snapshot.

    Raises:
        StatementError, VerificationError: naming the condition that is not met.
    """
    snapshot = signed.snapshot
    oracle.check_age(snapshot, now_ms // 1_000, MAX_AGE_SECONDS, MAX_AHEAD_SECONDS)
    market = market_of(venue, snapshot)
    with venue.store.writing() as unit:
        unit.lock_membership()
        oracle.check_snapshot(_committee(unit), signed)
        _check_place(venue, unit, snapshot, now_ms)
        halted_ms = _turn(unit, snapshot, now_ms)
        rows = unit.lock()
        standing = _standing(venue, unit, list(rows.values()), snapshot)
        changed = []
        for row in rows.values():
            state = margin_calls.advance(
                state_of(row), market, halted_ms is not None, row.account in standing, now_ms, venue.rules
            )
            changed.append(stored(state))
        due_ms = venue.rules.timing.proof.after(now_ms if halted_ms is None else halted_ms)
        record = {"kind": "epoch", "at_ms": now_ms, "due_ms": due_ms, "halted": int(halted_ms is not None)}
        names = {"epoch": market.epoch, "snapshot": market.snapshot, "parameters": market.parameters}
        unit.append(venue.name, [record | names | {"standing": sorted(standing)}])
        unit.save(changed)
        texts = text_of(signed.to_document()), text_of({"standing": sorted(standing)})
        unit.add_epoch(StoredEpoch(snapshot.epoch, market.snapshot, now_ms, due_ms, *texts))
    return Epoch(snapshot.epoch, due_ms, len(rows), len(standing))


def hand_over(venue: Venue, successor: Committee, signatures: Sequence[Signature], now_ms: int) -> None:
    """Replace the committee by the successor that it signed.

    Raises:
        StatementError, VerificationError: as `zkmargin.market.oracle.check_successor`.
    """
    with venue.store.writing() as unit:
        unit.lock_membership()
        oracle.check_successor(_committee(unit), successor, signatures)
        record = {"kind": "committee", "at_ms": now_ms, "committee": successor.to_document()}
        unit.append(venue.name, [record | {"signatures": [item.to_document() for item in signatures]}])
        unit.put_fact("committee", text_of(successor.to_document()))


def stands(proved: Snapshot, width_ppm: int, basis: Sequence[str], now: Snapshot) -> bool:
    """Return whether a box proof about a snapshot holds at a later one, for a basis.

    Args:
        proved: The snapshot that the proof is about.
        width_ppm: Half-width of the box.
        basis: The account's instruments.
        now: The later snapshot.
    """
    if proved.cross is None or now.cross != proved.cross:
        return False
    return all(_inside(proved.listing(name), now.listing(name), width_ppm) for name in basis)


def report(venue: Venue, epoch: int, now_ms: int) -> dict[str, Any]:
    """Return the signed report of an epoch that is over.

    Raises:
        StatementError: if the epoch was never opened, or proofs of it are not yet due.
    """
    with venue.store.reading() as unit:
        opened = unit.epoch(epoch)
        if opened is None or opened.due_ms > now_ms:
            raise StatementError(f"epoch {epoch} of {venue.name} must be over to be reported")
        proved, head, rows = unit.proved_in_time(epoch), unit.head(), unit.accounts()
    standing = set(documents.parse(opened.standing.encode())["standing"])
    groups: dict[str, list[str]] = {}
    for row in rows:
        groups.setdefault(_group(state_of(row), epoch, proved, standing), []).append(row.account)
    document = {
        "format": REPORT_FORMAT,
        "venue": venue.name,
        "epoch": epoch,
        "snapshot": opened.digest,
        "opened_ms": opened.opened_ms,
        "due_ms": opened.due_ms,
        "at_ms": now_ms,
        "log": {"sequence": head.sequence, "hash": head.hash},
        "counts": {name: len(groups[name]) for name in sorted(groups)},
        "accounts": groups,
        "complete": int("unaccounted" not in groups),
    }
    return venue.sign(document)


def _committee(unit: Writing) -> Committee:
    fact = unit.fact("committee")
    return Committee.from_document(documents.parse((fact or "{}").encode(), "committee"))


def _check_place(venue: Venue, unit: Writing, snapshot: Snapshot, now_ms: int) -> None:
    newest = unit.epoch()
    if newest is not None:
        before = venue.snapshot(newest.epoch)
        snapshot.check_follows(before)
        oracle.check_bands(snapshot, before, venue.rules.price_band_ppm)
        known = before.parameters(venue.rules.model).version
        bounded("version of the parameters", snapshot.parameters(venue.rules.model).version, known, MAX_VERSION)
    if len(unit.epochs_due_after(now_ms)) >= MAX_OWED:
        raise StatementError(f"at most {MAX_OWED} epochs may wait for their proofs at the same time")


def _turn(unit: Writing, snapshot: Snapshot, now_ms: int) -> int | None:
    """Return since when the market is halted, or None; when it goes on, epochs are due later by the halt."""
    since_ms = int(unit.fact("halted") or 0) or None
    if snapshot.breaker == "halted":
        if since_ms is None:
            since_ms = now_ms
            unit.put_fact("halted", str(now_ms))
        return since_ms
    if since_ms is not None:
        unit.postpone(since_ms, max(0, now_ms - since_ms))
        unit.put_fact("halted", "0")
    return None


def _standing(venue: Venue, unit: Reading, rows: Sequence[StoredAccount], now: Snapshot) -> set[str]:
    """Return the accounts whose standing proofs hold at a snapshot; accounts with equal boxes are asked about once."""

    @cache
    def holds(epoch: int, width_ppm: int, basis: tuple[str, ...]) -> bool:
        return stands(venue.snapshot(epoch), width_ppm, basis, now)

    boxes = {row: state.box for row in rows if (state := state_of(row)).may_stand and state.box is not None}
    accounts = venue.accounts(unit, boxes)
    return {row.account for row, box in boxes.items() if holds(box.epoch, box.width_ppm, accounts[row.account].basis)}


def _inside(before: Listing, now: Listing, width_ppm: int) -> bool:
    if isinstance(now.instrument, Cash):
        return now == before
    if not isinstance(now.instrument, (Linear, Collateral)):
        return False  # the cross model knows no others, so that no box is about them
    low, high = cross.box(before.mark_ticks, width_ppm)
    return replace(now, mark_ticks=before.mark_ticks) == before and low <= now.mark_ticks <= high


def _group(state: State, epoch: int, proved: dict[str, bool], standing: set[str]) -> str:
    if state.account in proved:
        return "proved" if proved[state.account] else "late"
    if state.account in standing:
        return "standing"
    if state.status not in PROVING:
        return state.status.value
    if state.proved_epoch is not None and state.proved_epoch > epoch:
        return "superseded"
    return "unaccounted"
