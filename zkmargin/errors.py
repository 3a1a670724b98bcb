"""Every exception of the project, drawn as a tree.

::

    ZkMarginError
      EncodingError       bytes or a document are not in canonical form
      StatementError      a claim, market or book is malformed: bounds, sizes, unknown names
      WitnessError        prover only: the book does not satisfy the claim
      VerificationError   a well-formed proof does not hold
      LedgerError         an entry does not fit the state of the ledger
        UnknownAccountError   it names an account that is not open, or opens one that is
        StaleStateError       it was made for another sequence number, snapshot, key or epoch
        ConflictError         its id belongs to another entry
        SignatureError        somebody whose account it touches did not sign it
        NotAllowedError       the rules forbid it: reduce-only, wrong price, wrong asset, an account twice
        LogError              the log is damaged, or in use
        DivergenceError       a replay of the log found the first record that is wrong

An `EncodingError` or a `StatementError` is a fault of the caller (HTTP 4xx, exit status 2). A `VerificationError` is an
answer (HTTP 200 with ``accepted: false``, exit status 1), and so is a `LedgerError` (exit status 1). A `WitnessError`
never leaves the prover's machine: it is the only exception that carries a secret, and it carries it in an attribute,
never in its text.
"""

from __future__ import annotations


class ZkMarginError(Exception):
    """The base of every exception that this project raises on purpose."""


class EncodingError(ZkMarginError):
    """The bytes or the document are not the canonical encoding of anything."""


class StatementError(ZkMarginError):
    """The statement itself is malformed: nobody could prove or refute it.

    The message names the field, its bound and the public value that broke it.
    """


class WitnessError(ZkMarginError):
    """The prover's book does not satisfy the claim, so no proof exists.

    Attributes:
        shortfall_units: How much equity is missing, in settlement units rounded up; `None` when the failure has no
            amount. It is a secret of the account: shown to the holder on request, never part of the message.
    """

    def __init__(self, message: str, shortfall_units: int | None = None) -> None:
        super().__init__(message)
        self.shortfall_units = shortfall_units


class VerificationError(ZkMarginError):
    """A well-formed proof does not hold.

    Attributes:
        failed: The number of the verifier's check that failed, as the protocol page numbers it, for example ``"(12)"``.
        positions: For a batch, the positions of every bad proof, ascending; empty for a single proof.
    """

    def __init__(self, message: str, failed: str, positions: tuple[int, ...] = ()) -> None:
        super().__init__(message)
        self.failed = failed
        self.positions = positions


class LedgerError(ZkMarginError):
    """An entry, or a log, is refused; the state of the ledger is as it was before."""


class UnknownAccountError(LedgerError):
    """The entry names an account that is not open, or opens one that is."""


class StaleStateError(LedgerError):
    """The entry was made for another sequence number, snapshot or epoch than the present one."""


class ConflictError(LedgerError):
    """The id of the entry belongs to another entry."""


class SignatureError(LedgerError):
    """A signature is missing, superfluous or does not hold."""


class NotAllowedError(LedgerError):
    """The rules of the ledger forbid the entry in this state."""


class LogError(LedgerError):
    """The log file is damaged, not a log, or in use by another process.

    Attributes:
        torn: Its last record is cut short, and that is all: what a crash leaves.
    """

    def __init__(self, message: str, *, torn: bool = False) -> None:
        super().__init__(message)
        self.torn = torn


class DivergenceError(LedgerError):
    """A replay of the log found a record that the ledger could not have accepted.

    Attributes:
        record: The number of the first such record, from 0.
        offset: Where it starts in the file.
    """

    def __init__(self, message: str, record: int, offset: int) -> None:
        super().__init__(message)
        self.record = record
        self.offset = offset
