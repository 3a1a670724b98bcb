"""Ed25519 keys: who may change an account, and who speaks for the venue.

A signature signs ``zkmargin/signature/1 || 0x00 || digest of the entry``, so it can be taken for nothing else. The
digest binds the venue, the id, every sequence number, every commitment and every proof of the entry.

Reference: RFC 8032 (pure Ed25519), through the library `cryptography`.
"""

from __future__ import annotations

from collections.abc import Mapping

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from zkmargin.errors import SignatureError
from zkmargin.ledger.entries import AnyEntry, Entry, signed

PURPOSE = b"zkmargin/signature/1\x00"


def public_key(key: Ed25519PrivateKey) -> bytes:
    """Return the 32 bytes of the public key."""
    return key.public_key().public_bytes_raw()


def sign(entry: Entry, key: Ed25519PrivateKey) -> bytes:
    """Return one signature over an entry; the entry's present signatures are not part of what is signed."""
    return key.sign(PURPOSE + entry.digest())


def sign_all(entry: AnyEntry, *keys: Ed25519PrivateKey) -> AnyEntry:
    """Return the entry signed by these keys, in the order of its signers."""
    return signed(entry, *(sign(entry, key) for key in keys))


def check(entry: Entry, signers: Mapping[str, bytes]) -> None:
    """Return if the entry has exactly one valid signature of each signer, in order.

    Args:
        entry: What is signed.
        signers: Public key by what the signer is called, in the order of the signatures.

    Raises:
        SignatureError: naming the signer.
    """
    if len(entry.signatures) != len(signers):
        raise SignatureError(f"{entry.kind} must have {len(signers)} signatures, got {len(entry.signatures)}")
    message = PURPOSE + entry.digest()
    for (who, key), signature in zip(signers.items(), entry.signatures, strict=True):
        try:
            Ed25519PublicKey.from_public_bytes(key).verify(signature, message)
        except (InvalidSignature, ValueError):
            raise SignatureError(f"the signature of {who} does not hold") from None
