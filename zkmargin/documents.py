"""JSON documents: strict reading, one canonical form, a digest, and files that are never half written.

Every file and every HTTP body of the project is a JSON object of text, integers, booleans, lists and objects. There are
no floating-point numbers anywhere, integers have arbitrary precision, no key occurs twice, and a field that the reader
did not ask for is refused.

Canonical form: UTF-8, keys sorted by code point, no white space, no escapes other than those JSON requires for ASCII
output. ``digest = SHA-256(format || 0x00 || canonical bytes)``, where `format` is the document's own ``format`` field.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NoReturn

from zkmargin.errors import EncodingError

MAX_DOCUMENT_BYTES = 8 * 2**20
MAX_INTEGER_DIGITS = 80
MAX_DEPTH = 16

# A string, or the rest of the document if it is not closed; possessive, so that it takes linear time on any input.
_STRING = re.compile(r'"[^"\\]*+(?:\\.[^"\\]*+)*+"?', re.DOTALL)
_NOT_BRACKETS = bytes(set(range(256)) - set(b"[]{}"))
_IDENTIFIER = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:/-]{0,63}")


def parse(data: bytes, source: str = "document") -> dict[str, Any]:
    """Return the JSON object in `data`.

    Raises:
        EncodingError: if it is longer than 8 MiB, is not UTF-8, is not one JSON object, nests deeper than 16, repeats
            a key, or holds a floating-point number or an integer of more than 80 digits.

    Example:
        >>> parse(b'{"epoch": 7}')
        {'epoch': 7}
    """
    if len(data) > MAX_DOCUMENT_BYTES:
        raise EncodingError(f"{source} must have at most {MAX_DOCUMENT_BYTES} bytes, got {len(data)}")
    try:
        text = data.decode("utf-8")
        _check_depth(text, source)
        value = json.loads(
            text, object_pairs_hook=_unique, parse_float=_no_float, parse_constant=_no_float, parse_int=_integer
        )
    except UnicodeDecodeError:
        raise EncodingError(f"{source} is not UTF-8") from None
    except json.JSONDecodeError as error:
        raise EncodingError(f"{source} is not JSON: {error.msg} at line {error.lineno}") from None
    if not isinstance(value, dict):
        raise EncodingError(f"{source} must be a JSON object")
    return value


def canonical(document: dict[str, Any]) -> bytes:
    """Return the canonical bytes of a document.

    Example:
        >>> canonical({"b": [1, 2], "a": "x"})
        b'{"a":"x","b":[1,2]}'
    """
    return json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False).encode()


def digest(document: dict[str, Any]) -> bytes:
    """Return the 32-byte SHA-256 digest of a document under its own ``format``."""
    name: str = document["format"]
    return hashlib.sha256(name.encode() + b"\x00" + canonical(document)).digest()


def pretty(document: dict[str, Any]) -> bytes:
    """Return the document as people read it: indented, keys in the order given, one line break at the end."""
    return (json.dumps(document, indent=2, ensure_ascii=True, allow_nan=False) + "\n").encode()


def read_file(path: Path) -> dict[str, Any]:
    """Return the JSON object in a file; refuses, before reading it, a file of more than 8 MiB."""
    return parse(read_bytes(path), str(path))


def read_bytes(path: Path) -> bytes:
    """Return the content of a file of at most 8 MiB.

    Raises:
        EncodingError: if the file is missing, unreadable or too large.
    """
    try:
        with path.open("rb") as file:
            data = file.read(MAX_DOCUMENT_BYTES + 1)
    except OSError as error:
        raise EncodingError(f"{path} cannot be read: {error.strerror}") from None
    if len(data) > MAX_DOCUMENT_BYTES:
        raise EncodingError(f"{path} must have at most {MAX_DOCUMENT_BYTES} bytes")
    return data


def write_file(path: Path, document: dict[str, Any], *, secret: bool = False) -> None:
    """Write a document so that a crash leaves either the old file or the new one, never a part.

    Args:
        path: Destination; its folder must exist.
        document: What to write.
        secret: Create the file with mode 0600 (owner only); otherwise 0644.

    Raises:
        EncodingError: if the document exceeds 8 MiB, or the file cannot be written.
    """
    data = pretty(document)
    if len(data) > MAX_DOCUMENT_BYTES:
        raise EncodingError(f"{path} would have {len(data)} bytes, more than {MAX_DOCUMENT_BYTES}")
    temporary: str | None = None
    try:
        # mkstemp creates the file with mode 0600: a secret is at no moment readable by others.
        descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        Path(temporary).chmod(0o600 if secret else 0o644)
        Path(temporary).replace(path)
    except OSError as error:
        if temporary is not None:
            Path(temporary).unlink(missing_ok=True)
        raise EncodingError(f"{path} cannot be written: {error.strerror}") from None


class Reader:
    """Strict access to the fields of one JSON object: each is asked for by name and type, and none may be left over.

    Errors name the field by its path and its bound. A reader of a `secret` document leaves the value out.

    Example:
        >>> with Reader({"epoch": 7}, "snapshot") as fields:
        ...     fields.integer("epoch", 0, 2**63)
        7
    """

    def __init__(self, document: Any, path: str, *, secret: bool = False) -> None:
        self._path = path
        self._secret = secret
        if not isinstance(document, dict):
            raise EncodingError(f"{path} must be an object")
        self._left: dict[str, Any] = dict(document)

    def __enter__(self) -> Reader:
        return self

    def __exit__(self, kind: object, error: object, trace: object) -> None:
        if kind is None:
            self.done()

    def done(self) -> None:
        """Refuse fields that nobody asked for."""
        if self._left:
            names = ", ".join(sorted(repr(name)[:80] for name in self._left)[:5])
            raise EncodingError(f"{self._path} has unknown field {names}")

    def has(self, name: str) -> bool:
        """Return whether an optional field is there."""
        return name in self._left

    def left(self) -> tuple[str, ...]:
        """Return the names of the fields that nobody has asked for yet."""
        return tuple(self._left)

    def take(self, name: str) -> Any:
        """Return a field of any type."""
        if name not in self._left:
            raise EncodingError(f"{self._path}.{name} is missing")
        return self._left.pop(name)

    def integer(self, name: str, low: int, high: int) -> int:
        """Return an integer field in [low, high]."""
        return self._integer(f"{self._path}.{name}", self.take(name), low, high)

    def text(self, name: str, maximum: int = 256) -> str:
        """Return a text field of 1 to `maximum` printable ASCII characters."""
        value = self.take(name)
        plain = isinstance(value, str) and value.isascii() and value.isprintable()
        if not plain or not 1 <= len(value) <= maximum:
            self._refuse(name, f"must be text of 1 to {maximum} printable ASCII characters", value)
        return str(value)

    def identifier(self, name: str) -> str:
        """Return a field that names something: see `identifier`."""
        return identifier(f"{self._path}.{name}", self.take(name))

    def choice(self, name: str, *allowed: str) -> str:
        """Return a text field that is one of `allowed`."""
        value = self.take(name)
        if value not in allowed:
            self._refuse(name, f"must be one of {', '.join(allowed)}", value)
        return str(value)

    def hexadecimal(self, name: str, *, length: int | None = None, maximum: int = MAX_DOCUMENT_BYTES) -> bytes:
        """Return a field of lower-case hexadecimal digits as bytes, of an exact length in bytes if one is given."""
        value = self.take(name)
        limit = maximum if length is None else length
        data = _from_hexadecimal(value) if isinstance(value, str) and len(value) <= 2 * limit else None
        if data is None:
            self._refuse(name, f"must be lower-case hexadecimal of at most {limit} bytes", None)
        if length is not None and len(data) != length:
            self._refuse(name, f"must be {length} bytes in hexadecimal", None)
        return data

    def items(self, name: str, maximum: int) -> list[Any]:
        """Return a list field of at most `maximum` items."""
        value = self.take(name)
        if not isinstance(value, list):
            self._refuse(name, "must be a list", None)
        if len(value) > maximum:
            raise EncodingError(f"{self._path}.{name} must have at most {maximum} items, got {len(value)}")
        return list(value)

    def integers(self, name: str, maximum: int, low: int, high: int) -> tuple[int, ...]:
        """Return a list field of at most `maximum` integers, each in [low, high]."""
        items = enumerate(self.items(name, maximum))
        return tuple(self._integer(f"{self._path}.{name}[{index}]", item, low, high) for index, item in items)

    def objects(self, name: str, maximum: int) -> Iterator[Reader]:
        """Yield a reader for each object of a list field; each is closed before the next is yielded."""
        for index, item in enumerate(self.items(name, maximum)):
            with Reader(item, f"{self._path}.{name}[{index}]", secret=self._secret) as reader:
                yield reader

    def object(self, name: str) -> Reader:
        """Return a reader for an object field."""
        return Reader(self.take(name), f"{self._path}.{name}", secret=self._secret)

    def named_objects(self, name: str, maximum: int) -> Iterator[tuple[str, Reader]]:
        """Yield identifier and reader for each object of an object field, in code-point order."""
        with self.object(name) as inner:
            if len(inner._left) > maximum:
                raise EncodingError(f"{inner._path} must have at most {maximum} entries, got {len(inner._left)}")
            for key in sorted(inner._left):
                yield identifier(inner._path, key), inner.object(key)

    def quantities(self, name: str, maximum: int, low: int, high: int) -> dict[str, int]:
        """Return an object field that maps identifiers to integers in [low, high]."""
        value = self.take(name)
        if not isinstance(value, dict):
            self._refuse(name, "must be an object", None)
        if len(value) > maximum:
            raise EncodingError(f"{self._path}.{name} must have at most {maximum} entries, got {len(value)}")
        result = {}
        for key, number in value.items():
            label = identifier(f"{self._path}.{name}", key)
            result[label] = self._integer(f"{self._path}.{name}.{label}", number, low, high)
        return result

    def format(self, expected: str) -> None:
        """Require the ``format`` field, which names the document's type and version."""
        value = self.take("format")
        if value != expected:
            self._refuse("format", f"must be {expected}", value)

    def _integer(self, field: str, value: Any, low: int, high: int) -> int:
        if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
            shown = "" if self._secret else f", got {_show(value)}"
            raise EncodingError(f"{field} must be an integer between {low} and {high}{shown}")
        return value

    def _refuse(self, name: str, rule: str, value: Any) -> NoReturn:
        shown = "" if self._secret or value is None else f", got {_show(value)}"
        raise EncodingError(f"{self._path}.{name} {rule}{shown}")


def identifier(field: str, value: Any) -> str:
    """Return `value` if it is 1 to 64 letters, digits and ``. _ : / -``, starting with a letter or digit.

    Example:
        >>> identifier("account", "alice")
        'alice'
    """
    if not isinstance(value, str) or not _IDENTIFIER.fullmatch(value):
        raise EncodingError(
            f"{field} must be 1 to 64 letters, digits and . _ : / - starting with a letter or digit, got {_show(value)}"
        )
    return value


def _from_hexadecimal(text: str) -> bytes | None:
    """Return the bytes that are written as `text`, or None: the decoder also takes white space and capitals."""
    try:
        data = bytes.fromhex(text)
    except ValueError:
        return None
    return data if data.hex() == text else None


def _show(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result = dict(pairs)
    if len(result) != len(pairs):
        seen: set[str] = set()
        for name, _ in pairs:
            if name in seen:
                raise EncodingError(f"field {_show(name)} occurs twice")
            seen.add(name)
    return result


def _integer(text: str) -> int:
    if len(text) > MAX_INTEGER_DIGITS:
        raise EncodingError(f"an integer must have at most {MAX_INTEGER_DIGITS} digits, got {len(text)}")
    if text == "-0":
        raise EncodingError("an integer must not be written -0")
    return int(text)


def _no_float(_: str) -> NoReturn:
    # The value is not shown: the document may be a book.
    raise EncodingError("numbers must be integers: no decimal point, no exponent, no NaN or Infinity")


def _check_depth(text: str, source: str) -> None:
    """Refuse deep nesting before the parser recurses: libraries that raise the recursion limit make that fatal."""
    # As text: joining the same pieces as bytes takes 80 bytes of memory for each.
    outside = _STRING.sub("", text).encode("ascii", "ignore")
    depth = 0
    for bracket in outside.translate(None, delete=_NOT_BRACKETS):
        depth += 1 if bracket in b"[{" else -1
        if depth > MAX_DEPTH:
            raise EncodingError(f"{source} nests deeper than {MAX_DEPTH} levels")
