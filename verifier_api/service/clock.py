"""The clock: deadlines lie in the database, and any process may fire them, each exactly once.

A process takes accounts whose deadline has come and that no other process holds, lets the deadlines pass, and commits.
Until then the others skip these accounts; afterwards their deadlines are in the future, or gone. A process that dies
before its commit has fired nothing.
"""

from __future__ import annotations

from verifier_api.service import margin_calls
from verifier_api.service.events import Tick
from verifier_api.service.margin_calls import Transition
from verifier_api.service.states import State
from verifier_api.service.venue import Venue, state_of, stored

BATCH = 500


def fire(venue: Venue, now_ms: int) -> int:
    """Let every deadline pass that has come and that nobody else is working on; return how many passed."""
    fired = 0
    while passed := _fire_some(venue, now_ms):
        fired += passed
    return fired


def _fire_some(venue: Venue, now_ms: int) -> int:
    transitions: list[Transition] = []
    with venue.store.writing() as unit:
        changed = []
        for row in unit.lock_due(now_ms, BATCH):
            state, passed = _let_pass(state_of(row), now_ms, venue)
            transitions += passed
            changed.append(stored(state))
        venue.record(unit, transitions)
        unit.save(changed)
    return len(transitions)


def _let_pass(state: State, now_ms: int, venue: Venue) -> tuple[State, list[Transition]]:
    """Return the state when no deadline is left that has come: an acknowledgement and a cure can be due together."""
    passed: list[Transition] = []
    while True:
        state, transitions = margin_calls.step(state, Tick(), now_ms, venue.rules)
        if not transitions:
            return state, passed
        passed += transitions
