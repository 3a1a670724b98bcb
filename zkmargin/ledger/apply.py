"""The one way from a state to the next: entries are applied, and no state is handed out before its proofs are checked.

`apply` takes one entry. `Batch` takes many, in order, and checks all their proofs together: it walks ahead on states
that it keeps to itself, and `Batch.finish` is the only way to get one. `Walk` is the walking alone, for a replay whose
duties are checked elsewhere; what it knows is called `unproved`, and nothing that asks for a state should be given it.
"""

from __future__ import annotations

import hashlib
from dataclasses import replace

from zkmargin.errors import ConflictError
from zkmargin.ledger import duties, keys, steps
from zkmargin.ledger.duties import Duty
from zkmargin.ledger.entries import Entry
from zkmargin.ledger.state import State


def apply(state: State, entry: Entry) -> State:
    """Return the state after an entry; the same state if exactly this entry was applied before.

    Pure and total: it returns the next state, or raises and nothing has changed.

    Raises:
        LedgerError: if the entry does not fit the state; see the tree in `zkmargin.errors`.
        StatementError: if the market, or a number of the entry, is malformed.
        EncodingError: if a proof is not canonical.
        VerificationError: if a proof does not hold; ``failed`` names the part of the entry.
    """
    batch = Batch(state)
    batch.add(entry)
    return batch.finish()


def required(state: State, entry: Entry) -> dict[str, Duty]:
    """Return what an entry has to prove in a state, by part: for whoever makes its proofs, before anybody has signed.

    Raises:
        LedgerError, StatementError: if the entry would be refused whatever it proves.
    """
    return {duty.place.part: duty for duty in steps.step(state, entry).duties(entry)}


def signers(state: State, entry: Entry) -> tuple[str, ...]:
    """Return who has to sign an entry in a state, in the order of the signatures."""
    return tuple(steps.step(state, entry).signers)


class Walk:
    """States one after the other, without their proofs: every entry that is added leaves its duties behind.

    Attributes:
        unproved: The state that results if every duty handed out so far is done.
    """

    def __init__(self, state: State) -> None:
        self.unproved = state

    def add(self, entry: Entry) -> tuple[Duty, ...] | None:
        """Apply an entry and return its duties; `None` if exactly this entry was applied before.

        Raises:
            LedgerError, StatementError, EncodingError: as `apply`; nothing has changed.
        """
        identity = entry.identity()
        known = self.unproved.applied.get(entry.id)
        if known is not None:
            if known != identity:
                raise ConflictError(f"the id {entry.id} belongs to another entry")
            return None
        step = steps.step(self.unproved, entry)
        keys.check(entry, step.signers)
        self.unproved = replace(
            step.after,
            applied=step.after.applied.set(entry.id, identity),
            history=hashlib.sha256(step.after.history + identity).digest(),
        )
        return step.duties(entry)


class Batch:
    """Entries applied one after the other, whose proofs are checked together.

    Example:
        >>> Batch(State()).finish() == State()
        True
    """

    def __init__(self, state: State) -> None:
        self._walk = Walk(state)
        self._duties: list[Duty] = []
        self._ids: list[str] = []

    def add(self, entry: Entry) -> bool:
        """Apply an entry, its proofs still unchecked; return whether it is new.

        Raises:
            LedgerError, StatementError, EncodingError: as `apply`; the batch is as it was before.
        """
        added = self._walk.add(entry)
        self._duties += added or ()
        self._ids += [entry.id] * len(added or ())
        return added is not None

    def finish(self) -> State:
        """Return the state after all entries, having checked every proof.

        Raises:
            EncodingError, VerificationError: for the first bad proof, naming its entry. None of the entries counts.
        """
        found = duties.faults(self._duties)
        if found:
            first = found[0]
            raise first.error(f"{self._ids[first.position]}: ")
        return self._walk.unproved
