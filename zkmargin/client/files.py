"""A file that one process at a time may change, and that a crash at any instant leaves old or new, never half.

Protocol
--------
    (1) open ``<name>.lock`` and lock it, for as long as the file is in use; a dead process holds no lock
    (2) write ``<name>.new``, readable by its owner alone; flush it to the disk
    (3) rename it to ``<name>``: the operating system replaces a name in one step
    (4) flush the folder to the disk, so that the new name survives a power cut

What was written when `LockedFile.write` returns is there after a crash. A leftover ``<name>.new`` is never read; the
next write replaces it.

Reference: POSIX.1-2017 (rename, fsync); flock(2).
"""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

from zkmargin.errors import EncodingError, StatementError


class LockedFile:
    """A file in exclusive use.

    Args:
        path: The file; its folder must exist.

    Raises:
        StatementError: if another process, or another object of this one, has it in use.
        EncodingError: if the lock cannot be created.
    """

    def __init__(self, path: Path) -> None:
        self.path = path.resolve()  # one lock, whatever name or link leads to the file
        self._lock = -1
        try:
            self._lock = os.open(_beside(self.path, "lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)  # (1)
        except BlockingIOError:
            self.close()
            raise StatementError(f"{path} is in use by another process") from None
        except OSError as error:
            self.close()
            raise EncodingError(f"{path} cannot be locked: {error.strerror}") from None

    def close(self) -> None:
        """Give the file free; closing twice does nothing."""
        if self._lock >= 0:
            os.close(self._lock)
            self._lock = -1

    def exists(self) -> bool:
        """Return whether the file is there."""
        return os.path.lexists(self.path)

    def write(self, data: bytes) -> None:
        """Replace the content; when it returns, the new content survives a crash.

        Raises:
            StatementError: if the file was closed.
            EncodingError: if it cannot be written: the old content or the new one is there.
        """
        if self._lock < 0:
            raise StatementError(f"{self.path} is closed")
        new = _beside(self.path, "new")
        try:
            new.unlink(missing_ok=True)
            descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)  # (2)
            with os.fdopen(descriptor, "wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            new.replace(self.path)  # (3)
            _flush_folder(self.path.parent)  # (4)
        except OSError as error:
            raise EncodingError(f"{self.path} cannot be written: {error.strerror}") from None


def _beside(path: Path, suffix: str) -> Path:
    return path.with_name(f"{path.name}.{suffix}")


def _flush_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
