"""Everything the service takes from its environment, read once and frozen.

    ZKMARGIN_BODY_LIMIT_BYTES         largest request body, at most 8 MiB (what the library reads as one document)
    ZKMARGIN_BODY_TIMEOUT_SECONDS     longest wait for a whole body
    ZKMARGIN_VERIFICATION_THREADS     verifications at the same time; by default one for each core
    ZKMARGIN_ADMITTED_REQUESTS        requests under way or waiting at the same time; the next one is told to come back

Memory for bodies is bounded by ``body_limit_bytes * admitted_requests``.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, fields

from zkmargin.amounts import bounded
from zkmargin.documents import MAX_DOCUMENT_BYTES
from zkmargin.errors import StatementError

PREFIX = "ZKMARGIN_"
_HIGHEST = {
    "body_limit_bytes": MAX_DOCUMENT_BYTES,
    "body_timeout_seconds": 3_600,
    "verification_threads": 256,
    "admitted_requests": 65_536,
}


@dataclass(frozen=True, slots=True)
class Settings:
    """The limits of one running service; each is at least 1.

    Raises:
        StatementError: naming the variable that is out of its bound.

    Example:
        >>> Settings.from_environment({"ZKMARGIN_BODY_LIMIT_BYTES": "65536"}).body_limit_bytes
        65536
    """

    body_limit_bytes: int = MAX_DOCUMENT_BYTES
    body_timeout_seconds: int = 30
    verification_threads: int = field(default_factory=lambda: os.cpu_count() or 1)
    admitted_requests: int = 64

    def __post_init__(self) -> None:
        for name, highest in _HIGHEST.items():
            bounded(PREFIX + name.upper(), getattr(self, name), 1, highest)

    @staticmethod
    def from_environment(environment: Mapping[str, str] = os.environ) -> Settings:
        """Return the settings in `environment`; what it does not name has its default."""
        given = {item.name: PREFIX + item.name.upper() for item in fields(Settings)}
        return Settings(**{name: _integer(key, environment[key]) for name, key in given.items() if key in environment})


def _integer(key: str, text: str) -> int:
    if not re.fullmatch(r"[0-9]{1,12}", text):
        raise StatementError(f"{key} must be an integer, got {text[:40]!r}")
    return int(text)
