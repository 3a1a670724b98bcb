"""How a request to the service can fail although it is well formed; none of it is a fault of the proof."""

from __future__ import annotations

from zkmargin.errors import ZkMarginError


class UnknownAccountError(ZkMarginError):
    """No account of this name is enrolled."""


class StaleStateError(ZkMarginError):
    """It speaks of a book that the account no longer has."""


class ConflictError(ZkMarginError):
    """The key was used before, for another request; or the account exists already."""


class FullError(ZkMarginError):
    """There is no room for it now.

    Attributes:
        retry_after_seconds: When to try again.
    """

    def __init__(self, message: str, retry_after_seconds: int) -> None:
        super().__init__(message)
        self.retry_after_seconds = retry_after_seconds
