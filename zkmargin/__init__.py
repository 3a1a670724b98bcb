"""Proofs that a derivatives account is above its margin requirement, without showing the account.

The public names from below the bridge. Claims about a book are proved and verified in `circuits`: `circuits.evidence`
is the whole check, `circuits.claims` and `circuits.registration` are its two parts.
"""

from zkmargin.amounts import Ratio
from zkmargin.commitments import Commitment, Opening, commit
from zkmargin.errors import EncodingError, StatementError, VerificationError, WitnessError, ZkMarginError
from zkmargin.margin.claim import Claim
from zkmargin.margin.portfolio import Book
from zkmargin.market.snapshot import Snapshot

__all__ = [
    "Book",
    "Claim",
    "Commitment",
    "EncodingError",
    "Opening",
    "Ratio",
    "Snapshot",
    "StatementError",
    "VerificationError",
    "WitnessError",
    "ZkMarginError",
    "commit",
]
