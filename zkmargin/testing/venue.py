"""What a venue has to offer to be tested, and how it fails."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from zkmargin.errors import ZkMarginError
from zkmargin.market.snapshot import Snapshot
from zkmargin.testing.plain import Order


class Venue(Protocol):
    """What the machine needs of a venue. A refusal is any `ZkMarginError`, `RefusedError` for instance."""

    def open(self, account: str) -> None:
        """Open an account with an empty book, at state 0."""

    def mark(self, snapshot: Snapshot) -> None:
        """Take the market of the next epoch. A contract past its expiry settles at its first mark from then on."""

    def apply(self, order: Order) -> None:
        """Apply an order, or raise a `ZkMarginError` and leave everything as it was."""

    def sequence(self, account: str) -> int:
        """Return the number of the account's state."""

    def book(self, account: str) -> Mapping[str, int]:
        """Return what the account holds. A venue that keeps commitments opens them: here, not from memory."""

    def passes(self, account: str) -> bool:
        """Return whether the venue is satisfied that the account meets the maintenance claim at the present marks."""


class RefusedError(ZkMarginError):
    """A venue without errors of its own may refuse with this one."""


class SolvencyError(AssertionError):
    """The venue broke an invariant.

    Attributes:
        invariant: Its name: conservation, solvency, liveness, sequence, idempotence or atomicity.
    """

    def __init__(self, invariant: str, message: str) -> None:
        super().__init__(f"{invariant}: {message}")
        self.invariant = invariant
