"""Replaying a log: what happened is computed again from the first record on, and must be what was recorded.

    (1) the chain       every record names the hash of the one before, numbers have no gap, all are of one venue
    (2) the rules       every transition follows from the recorded event under the recorded rules, with the recorded
                        guard values, by the very function that ran the service
    (3) the projection  the state of every account in the database is the state that the log leads to
    (4) the head        a known later record, from a receipt or a report, is where it was: nothing was cut off

A log is text that somebody else may have written: every field is read strictly.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from verifier_api.service import events, margin_calls
from verifier_api.service.rules import MAX_VERSION, Rules
from verifier_api.service.states import Market, State, Status, time_ms
from verifier_api.service.venue import state_of
from verifier_api.store import chain
from verifier_api.store.chain import CHAINED, Entry, Head
from verifier_api.store.journal import StoredAccount
from zkmargin.documents import Reader, identifier
from zkmargin.errors import EncodingError, StatementError, VerificationError
from zkmargin.market import oracle
from zkmargin.market.oracle import Committee, Signature
from zkmargin.market.snapshot import MAX_EPOCH

MAX_ACCOUNTS = 2**20


@dataclass(slots=True)
class Replay:
    """What a log leads to.

    Attributes:
        venue: Identifier of the venue.
        states: The accounts by name.
        head: Place and hash of the newest record.
        calls: How many margin calls were issued.
    """

    venue: str = ""
    states: dict[str, State] = field(default_factory=dict)
    head: Head = field(default_factory=Head)
    calls: int = 0
    rules: Rules | None = None
    committee: Committee | None = None
    market: Market | None = None

    def counts(self) -> dict[str, int]:
        """Return how many accounts are in each status, without the empty ones."""
        found = [state.status.value for state in self.states.values()]
        return {status.value: found.count(status.value) for status in Status if status.value in found}


def rebuild(lines: Iterable[str], known: Head | None = None) -> Replay:
    """Return what a log leads to.

    Args:
        lines: Canonical records, oldest first.
        known: A place and hash that the log must have; by default none is known.

    Raises:
        EncodingError: if a record is malformed.
        VerificationError: naming the record that does not follow.
    """
    replay = Replay()
    met = known is None
    for entry in chain.verify(lines):  # (1)
        try:
            _apply(replay, entry)
        except StatementError as error:
            raise VerificationError(f"record {entry.sequence}: {error}", failed="rules") from None
        replay.head = Head(entry.sequence, entry.hash)
        if replay.head == known:
            met = True
    if known is not None and not met:  # (4)
        raise VerificationError(f"record {known.sequence} with hash {known.hash} is not in the log", failed="head")
    return replay


def compare(replay: Replay, accounts: Iterable[StoredAccount]) -> None:
    """Return if the projection is what the log leads to.

    Raises:
        VerificationError: naming the first account that differs.
    """
    left = dict(replay.states)
    for row in accounts:  # (3)
        state = left.pop(row.account, None)
        if state is None:
            raise VerificationError(f"account {row.account} is not in the log", failed="projection")
        deadline = state.deadline()
        due_ms = None if deadline is None else deadline.at_ms
        if (state_of(row), row.status, row.due_ms) != (state, state.status.value, due_ms):
            raise VerificationError(f"account {row.account} is not where the log leaves it", failed="projection")
    if left:
        raise VerificationError(f"account {min(left)} is missing from the database", failed="projection")


def _apply(replay: Replay, entry: Entry) -> None:
    fields = Reader({k: v for k, v in entry.document.items() if k not in CHAINED}, f"record {entry.sequence}")
    kind = fields.choice("kind", "founded", "committee", "enrolled", "epoch", "moved")
    if (kind == "founded") != (entry.sequence == 1):
        raise StatementError("record 1, and no other, must say how the venue was founded")
    match kind:
        case "founded":
            _found(replay, entry, fields)
        case "committee":
            _hand_over(replay, fields)
        case "enrolled":
            _enrol(replay, fields)
        case "epoch":
            _open(replay, fields)
        case _:
            _move(replay, entry, fields)
    fields.done()


def _found(replay: Replay, entry: Entry, fields: Reader) -> None:
    replay.venue = identifier("venue", entry.document["venue"])
    time_ms(fields, "at_ms")
    replay.rules = Rules.from_document(fields.take("rules"))
    replay.committee = Committee.from_document(fields.take("committee"))
    fields.hexadecimal("key", length=oracle.KEY_BYTES)


def _hand_over(replay: Replay, fields: Reader) -> None:
    time_ms(fields, "at_ms")
    successor = Committee.from_document(fields.take("committee"))
    signatures = [Signature.from_reader(item) for item in fields.objects("signatures", oracle.MAX_MEMBERS)]
    if replay.committee is None:
        raise StatementError("there is no committee to succeed")
    oracle.check_successor(replay.committee, successor, signatures)
    replay.committee = successor


def _enrol(replay: Replay, fields: Reader) -> None:
    account, at_ms = fields.identifier("account"), time_ms(fields, "at_ms")
    book, halted = fields.integer("book", 0, 2**48 - 1), fields.integer("halted", 0, 1)
    fields.hexadecimal("commitment", length=48)
    if account in replay.states:
        raise StatementError(f"account {account} is enrolled already")
    halted_ms = at_ms if halted else None
    replay.states[account] = margin_calls.enrol(account, book, replay.market, at_ms, _rules(replay), halted_ms)


def _open(replay: Replay, fields: Reader) -> None:
    at_ms, halted = time_ms(fields, "at_ms"), bool(fields.integer("halted", 0, 1))
    time_ms(fields, "due_ms")
    epoch, snapshot = fields.integer("epoch", 0, MAX_EPOCH), fields.hexadecimal("snapshot", length=32).hex()
    market = Market(epoch, snapshot, fields.integer("parameters", 0, MAX_VERSION))
    standing = {identifier("standing", name) for name in fields.items("standing", MAX_ACCOUNTS)}
    if replay.market is not None and epoch != replay.market.epoch + 1:
        raise StatementError(f"epoch must be {replay.market.epoch + 1}, got {epoch}")
    replay.market = market
    for name, state in replay.states.items():
        replay.states[name] = margin_calls.advance(state, market, halted, name in standing, at_ms, _rules(replay))


def _move(replay: Replay, entry: Entry, fields: Reader) -> None:
    name, at_ms = fields.identifier("account"), time_ms(fields, "at_ms")
    event = events.from_document(fields.take("event"))
    if name not in replay.states:
        raise StatementError(f"account {name} is not enrolled")
    state, transitions = margin_calls.step(replay.states[name], event, at_ms, _rules(replay))
    computed = [{"kind": "moved", **item.to_document()} for item in transitions]
    recorded = {key: value for key, value in entry.document.items() if key not in CHAINED}
    if computed != [recorded]:  # (2)
        raise StatementError(f"the transition of account {name} does not follow from what happened")
    for key in recorded.keys() - {"kind", "account", "at_ms", "event"}:
        fields.take(key)
    replay.states[name] = state
    if transitions[0].after is Status.CALLED and transitions[0].before is not Status.CALLED:
        replay.calls += 1


def _rules(replay: Replay) -> Rules:
    if replay.rules is None:
        raise EncodingError("a log must begin with how the venue was founded")
    return replay.rules
