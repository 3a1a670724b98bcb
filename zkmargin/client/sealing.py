"""A document under a passphrase: what lies on the disk of an account's machine.

Statement
---------
    Whoever has the file and not the passphrase learns its length and nothing else, and changes nothing unnoticed.

Protocol
--------
    (1) key = scrypt( passphrase, salt, n = 2^log2_n, r = 8, p = 1 )      passphrase: NFKC, UTF-8
    (2) sealed = ChaCha20-Poly1305( key, nonce, canonical content, header )
        header: the canonical document without ``sealed``

Every write draws a fresh nonce of 12 bytes; salt and key stay, so that a change costs no second scrypt. The limits of
log2_n are checked before anything is derived: below them a passphrase could be guessed, above them the machine could be
stopped. A wrong passphrase and a changed file give the same error: nothing tells how far a guess was right.

Encoding
--------
    docs/wire-format.md, "Wallet". The file is the canonical form of the document, byte for byte.

Reference: RFC 7914 (scrypt); RFC 8439 (ChaCha20-Poly1305).
"""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from typing import Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

from zkmargin import documents
from zkmargin.algebra.scalars import Randomness, system_randomness
from zkmargin.amounts import bounded
from zkmargin.documents import Reader
from zkmargin.errors import EncodingError, StatementError

FORMAT = "zkmargin/wallet/1"
SALT_BYTES = 32
NONCE_BYTES = 12
TAG_BYTES = 16
LEAST_LOG2_N = 14
MOST_LOG2_N = 20
DEFAULT_LOG2_N = 17
BLOCK_SIZE = 8
MAX_SEALED_BYTES = 2**21
MIN_PASSPHRASE_CHARACTERS = 8
MAX_PASSPHRASE_CHARACTERS = 1_024


@dataclass(frozen=True, slots=True, repr=False)
class Lock:
    """The key of one file, and from what it was derived."""

    key: bytes
    salt: bytes
    log2_n: int

    def __repr__(self) -> str:
        return "Lock(key hidden)"

    @staticmethod
    def fresh(passphrase: str, log2_n: int = DEFAULT_LOG2_N, randomness: Randomness = system_randomness) -> Lock:
        """Return a lock for a new file.

        Raises:
            StatementError: if the passphrase is too short or too long, or `log2_n` is not in 14 to 20.
        """
        characters = len(passphrase)
        if not MIN_PASSPHRASE_CHARACTERS <= characters <= MAX_PASSPHRASE_CHARACTERS:
            limits = f"{MIN_PASSPHRASE_CHARACTERS} to {MAX_PASSPHRASE_CHARACTERS}"
            raise StatementError(f"a passphrase must have {limits} characters")
        bounded("log2_n", log2_n, LEAST_LOG2_N, MOST_LOG2_N)
        salt = randomness(SALT_BYTES)
        return Lock(_derive(passphrase, salt, log2_n), salt, log2_n)

    def seal(self, content: dict[str, Any], randomness: Randomness = system_randomness) -> bytes:
        """Return the bytes of a file that holds `content`.

        Raises:
            EncodingError: if they would be more than a file may have.
        """
        nonce = randomness(NONCE_BYTES)
        header = _header(self.salt, self.log2_n, nonce)
        plain = documents.canonical(content)
        if len(plain) + TAG_BYTES > MAX_SEALED_BYTES:
            raise EncodingError(f"the wallet would have more than {MAX_SEALED_BYTES} bytes")
        sealed = ChaCha20Poly1305(self.key).encrypt(nonce, plain, documents.canonical(header))  # (2)
        return documents.canonical(header | {"sealed": sealed.hex()})


def unseal(data: bytes, passphrase: str) -> tuple[Lock, dict[str, Any]]:
    """Return the lock and the content of a file.

    Raises:
        EncodingError: if the file is not one, or the passphrase is wrong or the file was changed: no telling which.
    """
    document = documents.parse(data, "wallet")
    if documents.canonical(document) != data:
        raise EncodingError("wallet is not in canonical form")
    with Reader(document, "wallet", secret=True) as fields:
        fields.format(FORMAT)
        with fields.object("scrypt") as scrypt:
            log2_n = scrypt.integer("log2_n", LEAST_LOG2_N, MOST_LOG2_N)
            salt = scrypt.hexadecimal("salt", length=SALT_BYTES)
        nonce = fields.hexadecimal("nonce", length=NONCE_BYTES)
        sealed = fields.hexadecimal("sealed", maximum=MAX_SEALED_BYTES)
    if len(passphrase) > MAX_PASSPHRASE_CHARACTERS:
        raise StatementError(f"a passphrase must have at most {MAX_PASSPHRASE_CHARACTERS} characters")
    lock = Lock(_derive(passphrase, salt, log2_n), salt, log2_n)
    try:
        plain = ChaCha20Poly1305(lock.key).decrypt(nonce, sealed, documents.canonical(_header(salt, log2_n, nonce)))
    except InvalidTag:
        raise EncodingError("the passphrase is wrong, or the wallet was changed or damaged") from None
    return lock, documents.parse(plain, "wallet content")


def _header(salt: bytes, log2_n: int, nonce: bytes) -> dict[str, Any]:
    return {"format": FORMAT, "scrypt": {"log2_n": log2_n, "salt": salt.hex()}, "nonce": nonce.hex()}


def _derive(passphrase: str, salt: bytes, log2_n: int) -> bytes:
    # A passphrase from the environment may hold surrogates; an error about them would show it.
    text = unicodedata.normalize("NFKC", passphrase).encode("utf-8", "surrogatepass")
    return Scrypt(salt=salt, length=32, n=2**log2_n, r=BLOCK_SIZE, p=1).derive(text)  # (1)
