"""Frozen records with one canonical form: what every line of the ledger's log is made of.

A record is a frozen dataclass whose fields carry their own codec (`name`, `count`, `octets`, ...). The codec checks the
value when the record is made, writes it into a JSON document, and reads it back strictly.

Three digests
-------------
    binding    SHA-256 over the record without its proofs and signatures: what its proofs are made for
    digest     SHA-256 over the record without its signatures: what its signatures sign
    identity   SHA-256 over everything: two records with the same id are the same record, or a conflict

Each is over ``purpose || 0x00 || canonical JSON``, with the purpose in `PURPOSES`.
"""

from __future__ import annotations

import dataclasses
import hashlib
import itertools
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, ClassVar, TypeVar

from zkmargin import documents
from zkmargin.amounts import MAX_COORDINATES, bounded
from zkmargin.commitments import Commitment
from zkmargin.documents import Reader, identifier
from zkmargin.errors import EncodingError, StatementError

PURPOSES = {
    "binding": b"zkmargin/ledger/binding/1",
    "digest": b"zkmargin/ledger/digest/1",
    "identity": b"zkmargin/ledger/identity/1",
}
MAX_PROOF_BYTES = 2**22
SIGNATURE_BYTES = 64
KEY_BYTES = 32
MAX_SIGNERS = 64

Own = TypeVar("Own", bound="Record")


@dataclass(frozen=True, slots=True)
class Codec:
    """How one field is checked, written and read.

    Args:
        check: Refuses a value, given the field's name.
        write: The value as JSON; `proofs` says whether proofs are wanted.
        read: The value of a named field of a document.
        layer: ``"terms"`` is in every digest, ``"proof"`` in all but the binding, ``"signature"`` in the identity only.
    """

    check: Callable[[str, Any], None]
    write: Callable[[Any, bool], Any]
    read: Callable[[Reader, str], Any]
    layer: str = "terms"


def _field(codec: Codec, **default: Any) -> Any:
    return field(metadata={"codec": codec}, **default)


def _codecs(kind: type[Record]) -> dict[str, Codec]:
    return {item.name: item.metadata["codec"] for item in dataclasses.fields(kind)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """The base of every record; subclasses are frozen dataclasses that declare their fields with the codecs below."""

    kind: ClassVar[str] = ""

    def __post_init__(self) -> None:
        for name_, codec in _codecs(type(self)).items():
            codec.check(f"{self.kind}.{name_}", getattr(self, name_))

    def to_document(self, *, proofs: bool = True, signatures: bool = True) -> dict[str, Any]:
        """Return the record as a JSON object, with or without its proofs and signatures."""
        wanted = {"terms", *(["proof"] if proofs else []), *(["signature"] if signatures else [])}
        return {
            name_: codec.write(getattr(self, name_), proofs)
            for name_, codec in _codecs(type(self)).items()
            if codec.layer in wanted
        }

    @classmethod
    def from_reader(cls: type[Own], fields: Reader) -> Own:
        """Return the record that the fields describe."""
        return cls(**{name_: codec.read(fields, name_) for name_, codec in _codecs(cls).items()})


def name() -> Any:
    """Declare an identifier."""
    return _field(Codec(_check_name, lambda value, _: value, lambda fields, key: fields.identifier(key)))


def choice(*allowed: str) -> Any:
    """Declare one of several words."""

    def check(key: str, value: Any) -> None:
        if value not in allowed:
            raise StatementError(f"{key} must be one of {', '.join(allowed)}, got {value!r}")

    return _field(Codec(check, lambda value, _: value, lambda fields, key: fields.choice(key, *allowed)))


def count(low: int, high: int) -> Any:
    """Declare an integer in [low, high]."""

    def check(key: str, value: Any) -> None:
        if isinstance(value, bool) or not isinstance(value, int):
            raise StatementError(f"{key} must be an integer between {low} and {high}")
        bounded(key, value, low, high)

    return _field(Codec(check, lambda value, _: value, lambda fields, key: fields.integer(key, low, high)))


def octets(length: int) -> Any:
    """Declare bytes of an exact length."""
    return _bytes(length, length, "terms")


def memo(maximum: int) -> Any:
    """Declare sealed bytes for the account's own eyes: bound like every term, read by nobody else."""
    return _bytes(0, maximum, "terms", default=b"")


def proof() -> Any:
    """Declare a proof; empty where the record needs none."""
    return _bytes(0, MAX_PROOF_BYTES, "proof", default=b"")


def signatures() -> Any:
    """Declare the signatures over the record's digest, in the order of its signers."""

    def check(key: str, value: Any) -> None:
        bounded(f"number of {key}", len(value), 0, MAX_SIGNERS)
        if any(not isinstance(item, bytes) or len(item) != SIGNATURE_BYTES for item in value):
            raise StatementError(f"{key} must be {SIGNATURE_BYTES} bytes each")

    def read(fields: Reader, key: str) -> tuple[bytes, ...]:
        items = fields.items(key, MAX_SIGNERS)
        return tuple(Reader({key: item}, key).hexadecimal(key, length=SIGNATURE_BYTES) for item in items)

    return _field(Codec(check, lambda value, _: [item.hex() for item in value], read, "signature"), default=())


def commitment() -> Any:
    """Declare a commitment: a point of the subgroup, not the identity."""

    def check(key: str, value: Any) -> None:
        if not isinstance(value, Commitment):
            raise StatementError(f"{key} must be a commitment")

    def read(fields: Reader, key: str) -> Commitment:
        return Commitment.from_bytes(fields.hexadecimal(key, length=48))

    return _field(Codec(check, lambda value, _: value.to_bytes().hex(), read))


def basis() -> Any:
    """Declare 1 to 4,096 identifiers in code-point order, each once."""

    def check(key: str, value: Any) -> None:
        bounded(f"number of ids in {key}", len(value), 1, MAX_COORDINATES)
        for label in value:
            _check_name(key, label)
        if any(left >= right for left, right in itertools.pairwise(value)):
            raise StatementError(f"{key} must be in code-point order, each id once")

    return _field(
        Codec(check, lambda value, _: list(value), lambda fields, key: tuple(fields.items(key, MAX_COORDINATES)))
    )


def document(kind: Any) -> Any:
    """Declare an object of a class with ``to_document`` and ``from_document``."""

    def check(key: str, value: Any) -> None:
        if not isinstance(value, kind):
            raise StatementError(f"{key} must be a {kind.__name__}")

    return _field(
        Codec(check, lambda value, _: value.to_document(), lambda fields, key: kind.from_document(fields.take(key)))
    )


def part(kind: type[Record]) -> Any:
    """Declare a record inside a record."""

    def check(key: str, value: Any) -> None:
        if not isinstance(value, kind):
            raise StatementError(f"{key} must be a {kind.__name__}")

    def read(fields: Reader, key: str) -> Record:
        with fields.object(key) as inner:
            return kind.from_reader(inner)

    return _field(Codec(check, lambda value, proofs: value.to_document(proofs=proofs), read))


def parts(kind: type[Record], low: int, high: int) -> Any:
    """Declare a list of `low` to `high` records."""

    def check(key: str, value: Any) -> None:
        bounded(f"number of {key}", len(value), low, high)
        if any(not isinstance(item, kind) for item in value):
            raise StatementError(f"{key} must be a tuple of {kind.__name__}")

    def read(fields: Reader, key: str) -> tuple[Record, ...]:
        return tuple(kind.from_reader(inner) for inner in fields.objects(key, high))

    return _field(Codec(check, lambda value, proofs: [item.to_document(proofs=proofs) for item in value], read))


def hash_for(purpose: str, written: dict[str, Any]) -> bytes:
    """Return the 32-byte digest of a document for one of the three purposes."""
    return hashlib.sha256(PURPOSES[purpose] + b"\x00" + documents.canonical(written)).digest()


def _check_name(key: str, value: Any) -> None:
    try:
        identifier(key, value)
    except EncodingError as error:
        raise StatementError(str(error)) from None


def _bytes(low: int, high: int, layer: str, **default: Any) -> Any:
    def check(key: str, value: Any) -> None:
        if not isinstance(value, bytes):
            raise StatementError(f"{key} must be bytes")
        bounded(f"length of {key}", len(value), low, high)

    def read(fields: Reader, key: str) -> bytes:
        exact = low if low == high else None
        return fields.hexadecimal(key, length=exact, maximum=high)

    return _field(Codec(check, lambda value, _: value.hex(), read, layer), **default)
