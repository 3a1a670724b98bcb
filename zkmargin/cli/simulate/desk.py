"""The two sides of a small venue: a desk that sees proofs and clocks, and traders who keep their books.

What crosses the wire
---------------------
    A trader sends its registration (commitment and proofs), evidence, and the public amount of a deposit. The desk asks
    the verifier service ``POST /v1/verify`` about evidence, and knows nothing but the answers and the epochs at which
    they came. It never holds an opening: `Desk` has no field for one.

States
------
    HEALTHY    a proof was accepted in every epoch
    STALE      no accepted proof by the end of an epoch
    CALLED     no accepted proof for `grace` epochs; only a proof of the initial requirement ends it
    DEFAULTED  called for `cure` epochs: the end of what a venue can do about books that nobody can open
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPException
from typing import Any

from circuits import evidence, registration
from circuits.evidence import Evidence
from circuits.registration import Registration
from zkmargin import documents
from zkmargin.algebra import generators
from zkmargin.algebra.group import group
from zkmargin.commitments import Commitment, Opening
from zkmargin.errors import EncodingError, StatementError, WitnessError
from zkmargin.margin import rules
from zkmargin.margin.claim import Claim
from zkmargin.margin.portfolio import Book
from zkmargin.market.snapshot import Snapshot

MAINTENANCE, INITIAL = Claim("maintenance", "cross"), Claim("initial", "cross")
CASH = "USD"

Send = Callable[[bytes], dict[str, Any]]


def over_http(host: str, port: int) -> Send:
    """Return a way to ask a service on a local port."""

    def send(body: bytes) -> dict[str, Any]:
        connection = HTTPConnection(host, port, timeout=60)
        try:
            connection.request("POST", "/v1/verify", body, {"Content-Type": "application/json"})
            return documents.parse(connection.getresponse().read(), "answer of the service")
        except (OSError, HTTPException) as error:
            raise EncodingError(f"the service at {host}:{port} cannot be reached: {error}") from None
        finally:
            connection.close()

    return send


@dataclass(slots=True)
class Standing:
    """What the desk knows about an account: its public record, its state, and for how many epochs it was silent."""

    registered: Registration
    state: str = "HEALTHY"
    silent: int = 0
    called: int = 0
    proved: bool = False


@dataclass(slots=True)
class Desk:
    """The venue's side."""

    send: Send
    grace: int
    cure: int
    accounts: dict[str, Standing] = field(default_factory=dict)
    snapshot: Snapshot | None = None
    questions: int = 0
    refused: int = 0

    def register(self, registered: Registration) -> None:
        """Take a new account, whose commitment is well formed."""
        registration.verify(registered)
        self.accounts[registered.account.account] = Standing(registered)

    def open_epoch(self, snapshot: Snapshot) -> None:
        """Publish a market; everybody has to prove again."""
        self.snapshot = snapshot
        for standing in self.accounts.values():
            standing.proved = False

    def deposit(self, amount_units: int, after: Registration) -> None:
        """Take a public deposit: the new commitment must be the old one plus the amount, in the next state."""
        before = self.accounts[after.account.account]
        added = Commitment(group.multiply(generators.book(CASH), amount_units))
        if before.registered.account.commitment + added != after.account.commitment:
            raise StatementError(f"commitment of {after.account.account} is not the old one plus the deposit")
        if after.account.sequence != before.registered.account.sequence + 1:
            raise StatementError(f"sequence of {after.account.account} must be one more than before")
        registration.verify(after)
        before.registered = after

    def submit(self, account: str, made: Evidence) -> bool:
        """Return whether the service accepts evidence of what the account owes now; only that counts."""
        standing = self.accounts[account]
        if self.snapshot is None:
            raise StatementError("no epoch is open")
        owed = INITIAL if standing.state == "CALLED" else MAINTENANCE
        question = {
            "snapshot": self.snapshot.to_document(),
            "account": standing.registered.to_document(),
            "proof": made.to_document(),
            "claim": owed.to_document(),
        }
        self.questions += 1
        answer = self.send(documents.canonical(question))
        accepted = answer.get("accepted") is True
        self.refused += not accepted
        standing.proved |= accepted
        return accepted

    def close_epoch(self) -> dict[str, int]:
        """Let the clocks run: silence is a breach; return how many accounts are in each state."""
        for standing in self.accounts.values():
            _turn(standing, self.grace, self.cure)
        states = [standing.state for standing in self.accounts.values()]
        return {state: states.count(state) for state in ("HEALTHY", "STALE", "CALLED", "DEFAULTED")}


def _turn(standing: Standing, grace: int, cure: int) -> None:
    if standing.state == "DEFAULTED":
        return
    if standing.proved:
        standing.state, standing.silent, standing.called = "HEALTHY", 0, 0
        return
    standing.silent += 1
    if standing.state == "CALLED":
        standing.called += 1
        standing.state = "DEFAULTED" if standing.called > cure else "CALLED"
    else:
        standing.state = "CALLED" if standing.silent > grace else "STALE"


@dataclass(slots=True, repr=False)
class Trader:
    """An account's side: the opening, and how it behaves.

    Args:
        name: Public name.
        opening: The secret.
        pays: Whether it answers a call with a deposit.
        honest: A dishonest one hands in its last good proof under a new date when it has no better one.
    """

    name: str
    opening: Opening
    pays: bool
    honest: bool = True
    sequence: int = 0
    last: Evidence | None = None

    def register(self, venue: str) -> Registration:
        """Return the public record of the present state."""
        return registration.register(venue, self.name, self.opening, self.sequence)

    def safe(self, snapshot: Snapshot, claim: Claim) -> bool:
        """Return whether the book meets a claim: what only the trader can know."""
        return rules.assess(snapshot, claim, Book(self.opening.quantities)).holds

    def prove(self, snapshot: Snapshot, registered: Registration, claim: Claim) -> Evidence | None:
        """Return evidence of a claim, or what a trader without any hands in: nothing, or a lie."""
        try:
            self.last = evidence.prove(snapshot, claim, registered.account, self.opening)
        except WitnessError:
            return None if self.honest or self.last is None else self._redated(snapshot, registered, claim)
        return self.last

    def top_up(self, venue: str, snapshot: Snapshot) -> tuple[int, Registration]:
        """Deposit what is missing to the initial requirement; return the public amount and the new record."""
        missing = rules.assess(snapshot, INITIAL, Book(self.opening.quantities)).shortfall_units
        quantities = dict(self.opening.quantities)
        quantities[CASH] += missing
        self.opening, self.sequence = Opening(quantities, self.opening.blinding), self.sequence + 1
        return missing, self.register(venue)

    def _redated(self, snapshot: Snapshot, registered: Registration, claim: Claim) -> Evidence:
        account, old = registered.account, self.last
        if old is None:
            raise StatementError("there is no old proof")
        return Evidence(
            claim, old.venue, old.account, account.sequence, snapshot.epoch, snapshot.digest(),
            account.commitment.to_bytes(), old.rounds, old.proof,
        )  # fmt: skip
