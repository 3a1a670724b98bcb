"""The log: an append-only file of entries, in which every flipped bit is named and no half-written record is read.

File
----
    magic            16 bytes, "zkmargin/log/1" and two zero bytes
    then records:    length       4 bytes big-endian, of the payload
                     header sum   4 bytes, the first of SHA-256( "zkmargin/log/1/header" || chain before || length )
                     chain        32 bytes, SHA-256( "zkmargin/log/1/chain" || chain before || payload )
                     payload      the canonical bytes of an entry
    The chain before the first record is 32 zero bytes.

The header sum tells a damaged length from a record that is cut short: the first is damage and is refused, the second is
what a crash in the middle of writing leaves, and is cut off when the log is opened for writing. A record counts - is
acknowledged - when `Log.append` returns: the bytes have been forced to the disk by then.

One process writes at a time (an advisory lock of the operating system, gone when its holder is). Reading needs memory
for one record.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from io import FileIO
from pathlib import Path
from typing import BinaryIO

from zkmargin.documents import MAX_DOCUMENT_BYTES
from zkmargin.errors import LogError
from zkmargin.ledger.entries import Entry

MAGIC = b"zkmargin/log/1\x00\x00"
FIRST_CHAIN = bytes(32)
HEADER_BYTES, SUM_BYTES, CHAIN_BYTES = 8, 4, 32
FRAME_BYTES = HEADER_BYTES + CHAIN_BYTES
_HEADER, _CHAIN = b"zkmargin/log/1/header", b"zkmargin/log/1/chain"


@dataclass(frozen=True, slots=True)
class Line:
    """One record of a log.

    Args:
        number: From 0.
        offset: Of its first byte in the file.
        payload: The bytes of the entry.
        chain: Hash of everything up to and including it.
    """

    number: int
    offset: int
    payload: bytes
    chain: bytes

    @property
    def end(self) -> int:
        """Return the offset of the first byte after it."""
        return self.offset + FRAME_BYTES + len(self.payload)


def frame(before: bytes, payload: bytes) -> bytes:
    """Return the bytes of a record whose predecessor's chain is `before`."""
    if not 0 < len(payload) <= MAX_DOCUMENT_BYTES:
        raise LogError(f"a record must have 1 to {MAX_DOCUMENT_BYTES} bytes, got {len(payload)}")
    length = len(payload).to_bytes(HEADER_BYTES - SUM_BYTES, "big")
    return length + _header_sum(before, length) + _chain(before, payload) + payload


def lines(path: Path) -> Iterator[Line]:
    """Yield every record of a log, having checked its header, its chain and its length.

    Raises:
        LogError: naming the first record that is damaged or cut short, and its offset; `torn` if it is cut short.
    """
    try:
        with path.open("rb") as file:
            yield from _lines(file, path)
    except OSError as error:
        raise LogError(f"{path} cannot be read: {error.strerror}") from None


class Log:
    """A log that is open for writing.

    Args:
        path: The file. It is made, with its magic, if it is not there; a torn record at its end is cut off.

    Attributes:
        cut_bytes: How many bytes of a torn record were cut off.
        count: Number of records.
        chain: Hash of everything in the log.

    Raises:
        LogError: if the file is damaged, not a log, or open for writing elsewhere.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self.count, self.chain, self.cut_bytes = 0, FIRST_CHAIN, 0
        self._file = _open_locked(path)
        try:
            self._recover()
        except (LogError, OSError):
            self._file.close()
            raise

    def append(self, *entries: Entry) -> None:
        """Append entries and force them to the disk: when this returns, they are there.

        Raises:
            LogError: if the disk refuses; then none of them counts, and the log can be opened anew.
        """
        chain, data = self.chain, b""
        for entry in entries:
            written = frame(chain, entry.canonical_bytes())
            chain = written[HEADER_BYTES:FRAME_BYTES]
            data += written
        if self._file.closed:
            raise LogError(f"{self._path} is closed")
        try:
            _write(self._file, data)
        except OSError as error:
            # Whether anything reached the disk is unknown: whoever opens the log next will see.
            self._file.close()
            raise LogError(f"{self._path} cannot be written: {error.strerror}") from None
        self.chain = chain
        self.count += len(entries)

    def close(self) -> None:
        """Let another process write."""
        self._file.close()

    def __enter__(self) -> Log:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _recover(self) -> None:
        size, end = os.fstat(self._file.fileno()).st_size, len(MAGIC)
        if size < end and MAGIC.startswith(self._file.read(size)):
            self.cut_bytes = size
            self._file.seek(0)
            _write(self._file, MAGIC)
            _force_folder(self._path)
            return
        try:
            for line in lines(self._path):
                self.count, self.chain, end = line.number + 1, line.chain, line.end
        except LogError as error:
            if not error.torn:
                raise
            self.cut_bytes = size - end
            self._file.truncate(end)
            os.fsync(self._file.fileno())
        self._file.seek(end)


def _lines(file: BinaryIO, path: Path) -> Iterator[Line]:
    magic = file.read(len(MAGIC))
    if magic != MAGIC:
        raise LogError(f"{path} is not a log: it must start with {MAGIC!r}")
    number, offset, chain = 0, len(MAGIC), FIRST_CHAIN
    while header := file.read(HEADER_BYTES):
        name = f"{path}: record {number} at byte {offset}"
        if len(header) < HEADER_BYTES:
            raise LogError(f"{name} is cut short", torn=True)
        length = header[: HEADER_BYTES - SUM_BYTES]
        size = int.from_bytes(length, "big")
        if header[HEADER_BYTES - SUM_BYTES :] != _header_sum(chain, length) or size > MAX_DOCUMENT_BYTES:
            raise LogError(f"{name} is damaged: its header does not fit")
        body = file.read(CHAIN_BYTES + size)
        if len(body) < CHAIN_BYTES + size:
            raise LogError(f"{name} is cut short", torn=True)
        payload = body[CHAIN_BYTES:]
        chain = _chain(chain, payload)
        if body[:CHAIN_BYTES] != chain:
            raise LogError(f"{name} is damaged: its hash does not fit")
        yield Line(number, offset, payload, chain)
        number, offset = number + 1, offset + FRAME_BYTES + size


def _header_sum(before: bytes, length: bytes) -> bytes:
    return hashlib.sha256(_HEADER + before + length).digest()[:SUM_BYTES]


def _chain(before: bytes, payload: bytes) -> bytes:
    return hashlib.sha256(_CHAIN + before + payload).digest()


def _open_locked(path: Path) -> FileIO:
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
    except OSError as error:
        raise LogError(f"{path} cannot be opened: {error.strerror}") from None
    file = FileIO(descriptor, "r+")
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        file.close()
        raise LogError(f"{path} is open for writing in another process") from None
    return file


def _write(file: FileIO, data: bytes) -> None:
    """Write all of `data` and force it to the disk."""
    left = memoryview(data)
    while left:
        left = left[file.write(left) or 0 :]
    os.fsync(file.fileno())


def _force_folder(path: Path) -> None:
    """Force the name of a new file to the disk as well."""
    descriptor = os.open(path.resolve().parent, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
