"""One secret number, from which everything secret of an account is derived.

Rule
----
    derive(purpose, c_1, .., c_n) = HKDF-SHA256( seed, "zkmargin/seed/1" || string(purpose) || string(c_1) || .. )

    account key    Ed25519, of (venue, account, number of the key)
    blinding       of (venue, account, entry id, sequence number) AND of the quantities that it will hide
    memo key       of (venue, account, entry id, sequence number) AND of the commitment that the memo opens

A blinding factor that hides two different books shows their difference to everybody. Ours depends on what it hides, so
that this cannot happen: not when an entry is tried again with other quantities, not when an old copy of the wallet goes
on from where it was, not when two wallets share a seed. The same entry with the same quantities gives the same
commitment, which is what a retry wants. For the same reason the key of a memo never encrypts two different texts.

Backup
------
    ``zkm1-`` and 18 groups of four hexadecimal digits: the 32 bytes of the seed, then the first 4 bytes of
    SHA-256( "zkmargin/seed/1" || seed ), by which a mistake of the hand is noticed. Capitals and white space do not
    matter.

Reference: RFC 5869 (HKDF); RFC 8032 (Ed25519).
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from zkmargin import documents
from zkmargin.algebra.scalars import ORDER, WIDE_BYTES, Randomness, system_randomness
from zkmargin.encoding import encode_string
from zkmargin.errors import EncodingError

TAG = b"zkmargin/seed/1"
SEED_BYTES = 32
CHECK_BYTES = 4
KEY_BYTES = 32
BACKUP_PREFIX = "zkm1"
_BACKUP = re.compile(r"zkm1((?:-[0-9a-f]{4}){18})")


@dataclass(frozen=True, slots=True, repr=False)
class Slot:
    """The one place in an account's history that a derived secret belongs to.

    Args:
        venue: Identifier of the venue.
        account: Identifier of the account at the venue.
        entry: Identifier of the entry.
        sequence: The number that the entry names: of the account's state before it, and 0 for its opening.
    """

    venue: str
    account: str
    entry: str
    sequence: int

    def __repr__(self) -> str:
        return f"Slot({self.account} of {self.venue}, entry {self.entry}, state {self.sequence})"

    def context(self) -> tuple[bytes, ...]:
        """Return what a derivation absorbs of the slot."""
        names = (self.venue.encode(), self.account.encode(), self.entry.encode())
        return (*names, self.sequence.to_bytes(8, "big"))


@dataclass(frozen=True, slots=True, repr=False)
class Seed:
    """The 32 secret bytes of a wallet.

    Example:
        >>> seed = Seed(bytes(32))
        >>> seed.backup()[:24]
        'zkm1-0000-0000-0000-0000'
        >>> Seed.from_backup(seed.backup()) == seed, seed
        (True, Seed(hidden))
    """

    secret: bytes

    def __post_init__(self) -> None:
        if len(self.secret) != SEED_BYTES:
            raise EncodingError(f"a seed must have {SEED_BYTES} bytes, got {len(self.secret)}")

    def __repr__(self) -> str:
        return "Seed(hidden)"

    @staticmethod
    def fresh(randomness: Randomness = system_randomness) -> Seed:
        """Return a new seed."""
        return Seed(randomness(SEED_BYTES))

    def backup(self) -> str:
        """Return the text that a person writes down."""
        digits = (self.secret + _check(self.secret)).hex()
        return "-".join([BACKUP_PREFIX, *(digits[at : at + 4] for at in range(0, len(digits), 4))])

    @staticmethod
    def from_backup(text: str) -> Seed:
        """Return the seed of a backup; capitals and white space do not matter.

        Raises:
            EncodingError: if it is not a backup or has a mistake in it; the message shows nothing of it.
        """
        found = _BACKUP.fullmatch("".join(text[:1024].split()).lower())
        if found is None:
            raise EncodingError(f"a seed must be {BACKUP_PREFIX} and 18 groups of four hexadecimal digits, joined by -")
        data = bytes.fromhex(found[1].replace("-", ""))
        secret, check = data[:SEED_BYTES], data[SEED_BYTES:]
        if check != _check(secret):
            raise EncodingError("the seed has a mistake in it: its check digits do not fit")
        return Seed(secret)

    def account_key(self, venue: str, account: str, number: int = 0) -> Ed25519PrivateKey:
        """Return the key that signs for an account; a new number for each change of the key."""
        context = (venue.encode(), account.encode(), number.to_bytes(8, "big"))
        return Ed25519PrivateKey.from_private_bytes(self._derive("account key", *context))

    def blinding(self, slot: Slot, quantities: Mapping[str, int]) -> int:
        """Return the blinding factor of a commitment to `quantities` in a slot, in [0, ORDER)."""
        content = documents.canonical(dict(quantities))
        return int.from_bytes(self._derive("blinding", *slot.context(), content, length=WIDE_BYTES), "big") % ORDER

    def memo_key(self, slot: Slot, commitment: bytes) -> bytes:
        """Return the key of the one memo that opens `commitment` in a slot."""
        return self._derive("memo key", *slot.context(), commitment)

    def _derive(self, purpose: str, *context: bytes, length: int = KEY_BYTES) -> bytes:
        info = TAG + b"".join(map(encode_string, (purpose.encode(), *context)))
        return HKDF(SHA256(), length, salt=None, info=info).derive(self.secret)


def _check(secret: bytes) -> bytes:
    return hashlib.sha256(TAG + secret).digest()[:CHECK_BYTES]
