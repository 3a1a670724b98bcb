"""The chain of the log: each record holds the hash of the one before, so that none can be changed, dropped or moved.

    record = canonical JSON {format: "zkmargin/event/1", venue, sequence, previous, kind, ..., the record's own fields}
    hash   = SHA-256(format || 0x00 || record)

The first record has sequence 1 and 64 zeros as `previous`. A log that is cut short at its end is still a chain: only
somebody who knows a later hash, from a receipt or a report, can tell.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from zkmargin import documents
from zkmargin.errors import EncodingError, VerificationError

FORMAT = "zkmargin/event/1"
NO_PREVIOUS = "0" * 64
CHAINED = frozenset({"format", "venue", "sequence", "previous"})


@dataclass(frozen=True, slots=True)
class Head:
    """The newest record's place and hash; 0 and zeros before the first."""

    sequence: int = 0
    hash: str = NO_PREVIOUS


@dataclass(frozen=True, slots=True)
class Entry:
    """One record in its place."""

    sequence: int
    account: str
    hash: str
    document: dict[str, Any]

    @property
    def text(self) -> str:
        """Return the canonical bytes as text: what is stored and exported."""
        return documents.canonical(self.document).decode("ascii")


def extend(venue: str, head: Head, records: Iterable[dict[str, Any]]) -> Iterator[Entry]:
    """Yield the records as entries behind `head`, in order."""
    sequence, previous = head.sequence, head.hash
    for record in records:
        sequence += 1
        place = {"format": FORMAT, "venue": venue, "sequence": sequence, "previous": previous}
        document = record | place
        previous = documents.digest(document).hex()
        yield Entry(sequence, record.get("account", ""), previous, document)


def verify(lines: Iterable[str]) -> Iterator[Entry]:
    """Yield the entries of a log, given as one canonical JSON object a line, as long as they form a chain.

    Raises:
        EncodingError: if a line is not the canonical form of a record.
        VerificationError: naming the first place where the chain is broken.
    """
    venue, sequence, previous = None, 0, NO_PREVIOUS
    for line in lines:
        document = documents.parse(line.encode(), f"record {sequence + 1}")
        if documents.canonical(document).decode("ascii") != line:
            raise EncodingError(f"record {sequence + 1} is not in canonical form")
        if CHAINED - document.keys() or document["format"] != FORMAT:
            raise EncodingError(f"record {sequence + 1} must have the fields {', '.join(sorted(CHAINED))} of {FORMAT}")
        venue = venue or document["venue"]
        expected = {"venue": venue, "sequence": sequence + 1, "previous": previous}
        for name, value in expected.items():
            if document[name] != value or type(document[name]) is not type(value):
                message = f"record {sequence + 1}: {name} must be {value}, got {str(document[name])[:80]}"
                raise VerificationError(message, failed="chain")
        sequence, previous = sequence + 1, documents.digest(document).hex()
        yield Entry(sequence, str(document.get("account", "")), previous, document)
