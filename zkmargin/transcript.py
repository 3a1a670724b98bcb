"""Absorb and challenge: the only source of challenges.

`DuplexSponge` is the SHAKE128 duplex sponge of draft-irtf-cfrg-fiat-shamir, byte for byte. `Transcript` is what the
project's own argument uses: every message and every challenge has a name that is absorbed too, so that two protocols,
or two steps of one, can never be taken for each other.

Transcript encoding
-------------------
    absorb(name, data)    sponge.absorb( 00 || string(name) || string(data) )       string = 4-byte length || bytes
    challenge(name)       sponge.absorb( 01 || string(name) ), squeeze 48 bytes, reduce little-endian modulo the order
    fingerprint           sponge.absorb( 02 ), squeeze 32 bytes, on a copy
    The first byte tells the three apart, so a history can be read back from what was absorbed in one way only.

Reference: draft-irtf-cfrg-fiat-shamir (duplex sponge interface, SHAKE128 instantiation, session identifiers).
"""

from __future__ import annotations

import hashlib
from functools import lru_cache

from zkmargin.algebra.scalars import ORDER, WIDE_BYTES
from zkmargin.encoding import encode_string, reduce_uint

SESSION_BYTES = 32
RATE_BYTES = 168
_SESSION_LABEL = b"irtf-cfrg-fiat-shamir/session-id"
_MESSAGE, _CHALLENGE, _FINGERPRINT = b"\x00", b"\x01", b"\x02"


class DuplexSponge:
    """A SHAKE128 sponge: ``squeeze`` reads SHAKE128(session || zeros up to the rate || everything absorbed).

    Squeezes continue one stream; absorbing anything starts a new one; absorbing nothing changes nothing.

    Example:
        >>> DuplexSponge(bytes(range(32))).squeeze(4).hex()
        '63e1b354'
    """

    def __init__(self, session: bytes) -> None:
        if len(session) != SESSION_BYTES:
            raise ValueError(f"a session id has {SESSION_BYTES} bytes, got {len(session)}")
        self._state = hashlib.shake_128(session + bytes(RATE_BYTES - SESSION_BYTES))
        self._squeezed = 0

    def absorb(self, data: bytes) -> None:
        """Absorb bytes; split calls absorb the same as one."""
        if data:
            self._state.update(data)
            self._squeezed = 0

    def squeeze(self, length: int) -> bytes:
        """Return the next `length` bytes of the current stream."""
        end = self._squeezed + length
        result = self._state.digest(end)[self._squeezed :]
        self._squeezed = end
        return result

    def copy(self) -> DuplexSponge:
        """Return an independent sponge with the same history, at the start of a stream."""
        twin = DuplexSponge(bytes(SESSION_BYTES))
        twin._state = self._state.copy()
        return twin


def derive_session_id(tag: bytes) -> bytes:
    """Return the 32-byte session id of an application's tag."""
    sponge = DuplexSponge(_SESSION_LABEL)
    sponge.absorb(tag)
    return sponge.squeeze(SESSION_BYTES)


@lru_cache(maxsize=256)
def _named(kind: bytes, name: str) -> bytes:
    """Return what is absorbed before the data of a message or a challenge of this name."""
    return kind + encode_string(name.encode())


class Transcript:
    """The public history of one run of a protocol, from which its challenges come.

    Attributes:
        log: What was absorbed and squeezed, by name, in order; public, for tests and for `zkmargin inspect`.

    Example:
        >>> one, two = Transcript(b"example"), Transcript(b"example")
        >>> one.absorb("A", b"x"); two.absorb("A", b"y")
        >>> one.challenge("c") == two.challenge("c")
        False
    """

    __slots__ = ("_sponge", "log")

    def __init__(self, tag: bytes) -> None:
        self._sponge = DuplexSponge(derive_session_id(tag))
        self.log: list[str] = []

    def absorb(self, name: str, data: bytes) -> None:
        """Absorb one named message."""
        self.log.append(f"absorb {name}")
        self._sponge.absorb(_named(_MESSAGE, name) + encode_string(data))

    def challenge(self, name: str) -> int:
        """Return a named challenge in [0, ORDER), bound to everything absorbed and squeezed so far."""
        self.log.append(f"squeeze {name}")
        self._sponge.absorb(_named(_CHALLENGE, name))
        return reduce_uint(self._sponge.squeeze(WIDE_BYTES), ORDER)

    def copy(self) -> Transcript:
        """Return an independent transcript with the same history."""
        twin = Transcript.__new__(Transcript)
        twin._sponge = self._sponge.copy()
        twin.log = list(self.log)
        return twin

    def restore(self, earlier: Transcript) -> None:
        """Go back to a copy made earlier."""
        twin = earlier.copy()
        self._sponge, self.log = twin._sponge, twin.log

    def fingerprint(self) -> bytes:
        """Return 32 bytes that stand for the whole history; the history is left as it was."""
        fork = self._sponge.copy()
        fork.absorb(_FINGERPRINT)
        return fork.squeeze(SESSION_BYTES)
