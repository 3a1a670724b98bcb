"""zkmargin verify-log: compute a venue's log again from its first record, and compare what it leads to."""

from __future__ import annotations

import re
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from zkmargin.cli.output import out, timed
from zkmargin.documents import MAX_DOCUMENT_BYTES
from zkmargin.errors import EncodingError, StatementError

if TYPE_CHECKING:
    from verifier_api.service.replay import Replay
    from verifier_api.store.chain import Head

SQLITE_MAGIC = b"SQLite format 3\x00"

Log = Annotated[str, typer.Argument(help="A database (URL or SQLite file), or an exported log.")]
HeadOption = Annotated[
    str, typer.Option("--head", help="NUMBER:HASH that the log must have, from a receipt or report.")
]
Export = Annotated[
    Path | None, typer.Option("--export", help="Also write the log of a database here, a record a line.")
]


def run(log: Log, head: HeadOption = "", export: Export = None) -> None:
    """Verify a log: its chain, every transition, and for a database the state of every account."""
    if find_spec("sqlalchemy") is None or find_spec("alembic") is None:
        raise StatementError("verify-log needs the extra zkmargin[service], which is not installed")
    known = _head(head)
    with timed() as watch:
        replay = _database(log, known, export) if _is_database(log) else _file(Path(log), known, export)
    out.print(f"[bold green]accepted[/] in {watch}")
    out.print(f"    {replay.head.sequence} records of {replay.venue}, {replay.calls} margin calls")
    out.print(f"    head {replay.head.sequence}:{replay.head.hash}")
    for status, number in replay.counts().items():
        out.print(f"    {number} {status}")


def _database(url: str, known: Head | None, export: Path | None) -> Replay:
    # start-up time: SQLAlchemy, and the state machine
    from verifier_api.service import replay as replays
    from verifier_api.store import database, journal

    store = journal.Store(database.existing(url), migrate=False)
    try:
        with store.reading() as unit:
            if export is not None:
                _write(export, unit.log())
            replay = replays.rebuild(unit.log(), known)
            replays.compare(replay, unit.accounts())
    finally:
        store.close()
    return replay


def _file(path: Path, known: Head | None, export: Path | None) -> Replay:
    from verifier_api.service import replay as replays  # start-up time: as above

    if export is not None:
        raise StatementError("--export must be given with a database")
    return replays.rebuild(_lines(path), known)


def _is_database(log: str) -> bool:
    if "://" in log:
        return True
    try:
        with Path(log).open("rb") as file:
            return file.read(len(SQLITE_MAGIC)) == SQLITE_MAGIC
    except OSError as error:
        raise EncodingError(f"{log} cannot be read: {error.strerror}") from None


def _lines(path: Path) -> Iterator[str]:
    with path.open("rb") as file:
        while line := file.readline(MAX_DOCUMENT_BYTES + 1):
            if not line.endswith(b"\n"):
                raise EncodingError(f"{path} must hold records of at most {MAX_DOCUMENT_BYTES} bytes, a line each")
            try:
                yield line[:-1].decode("ascii")
            except UnicodeDecodeError:
                raise EncodingError(f"{path} must hold ASCII text") from None


def _write(path: Path, lines: Iterator[str]) -> None:
    try:
        with path.open("w", encoding="ascii", newline="\n") as file:
            file.writelines(f"{line}\n" for line in lines)
    except OSError as error:
        raise EncodingError(f"{path} cannot be written: {error.strerror}") from None


def _head(text: str) -> Head | None:
    if not text:
        return None
    from verifier_api.store.chain import Head  # start-up time: as above

    found = re.fullmatch(r"([0-9]{1,15}):([0-9a-f]{64})", text)
    if found is None:
        raise StatementError(f"--head must be NUMBER:HASH, got {text[:90]!r}")
    return Head(int(found[1]), found[2])
