"""A connection to a database, and what the store promises about it: a commit that returned is on disk.

    sqlite:///FILE               the default: journal WAL, synchronous FULL; a write begins IMMEDIATE, so that writers
                                 queue at their first statement and never fail at their last
    postgresql+psycopg://...     READ COMMITTED with row locks, synchronous_commit on; ``postgresql://`` means the same

A database is migrated when it is opened, in one transaction, by whoever comes first.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from alembic.config import Config
from alembic.operations import Operations
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine, create_engine, event, make_url, text
from sqlalchemy.exc import ArgumentError, SQLAlchemyError

from zkmargin.errors import EncodingError, StatementError

BUSY_SECONDS = 30
# Any number, the same in every process: the lock of PostgreSQL under which a schema is migrated.
_MIGRATION_LOCK = 0x7A6B_6D61


def open_engine(url: str, connections: int = 8) -> Engine:
    """Return an engine for a database.

    Args:
        url: ``sqlite:///FILE``, a file's path, or ``postgresql://...``.
        connections: Connections kept open to PostgreSQL.

    Raises:
        StatementError: if the URL names no database that is supported.
    """
    try:
        parsed = make_url(url if "://" in url else f"sqlite:///{url}")
    except ArgumentError:
        raise StatementError("database must be a file or a URL sqlite:///FILE or postgresql://...") from None
    if parsed.drivername in ("postgresql", "postgresql+psycopg"):
        engine = create_engine(
            parsed.set(drivername="postgresql+psycopg"), pool_size=connections, pool_pre_ping=True, hide_parameters=True
        )
        event.listen(engine, "connect", _prepare_postgresql)
        return engine
    if parsed.drivername != "sqlite" or not parsed.database or parsed.database == ":memory:":
        raise StatementError(f"database must be a file or a PostgreSQL server, got {parsed.drivername}")
    engine = create_engine(parsed, connect_args={"timeout": BUSY_SECONDS}, hide_parameters=True)
    event.listen(engine, "connect", _prepare_sqlite)
    event.listen(engine, "begin", _begin_sqlite)
    return engine


def existing(database: str) -> str:
    """Return `database` if it is a URL or a file that is there: opening it must not create one.

    Raises:
        EncodingError: if there is no such file.
    """
    path = Path(database.removeprefix("sqlite:///"))
    if ("://" not in database or database.startswith("sqlite:///")) and not path.is_file():
        raise EncodingError(f"{path} cannot be read: there is no such file")
    return database


@contextmanager
def writing(engine: Engine) -> Iterator[Connection]:
    """Yield a connection in a transaction that may write; it is committed at the end, or rolled back by an error."""
    with engine.connect().execution_options(zkmargin_writing=True) as connection, connection.begin():
        yield connection


@contextmanager
def reading(engine: Engine) -> Iterator[Connection]:
    """Yield a connection in a transaction that only reads, all of it from one moment."""
    with engine.connect() as connection:
        if connection.dialect.name == "postgresql":
            connection.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
        with connection.begin():
            yield connection


def migrate(engine: Engine, revision: str = "head") -> None:
    """Bring the schema to a revision, by default the newest; nothing happens if it is there already.

    Raises:
        StatementError: if the database is from a newer version of this program.
    """
    script = _script()

    def steps(current: Any, _: MigrationContext) -> Any:
        return script._upgrade_revs(revision, current)

    with writing(engine) as connection:
        if connection.dialect.name == "postgresql":
            connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _MIGRATION_LOCK})
        now = MigrationContext.configure(connection).get_current_revision()
        known = {step.revision for step in script.walk_revisions()}
        if now is not None and now not in known:
            raise StatementError(f"the database has schema {now}, which this version does not know: upgrade zkmargin")
        context = MigrationContext.configure(connection, opts={"fn": steps})
        with Operations.context(context):
            context.run_migrations()


def check_newest(engine: Engine) -> None:
    """Return if the database has the newest schema.

    Raises:
        StatementError: if it has another one, or none.
    """
    newest = _script().get_current_head()
    with reading(engine) as connection:
        now = MigrationContext.configure(connection).get_current_revision()
    if now != newest:
        raise StatementError(f"the database must have schema {newest}, got {now}")


def is_there(engine: Engine) -> bool:
    """Return whether the database answers, for the readiness of a service."""
    try:
        with engine.connect() as connection:
            connection.execute(text("SELECT 1"))
    except SQLAlchemyError:
        return False
    return True


def _script() -> ScriptDirectory:
    config = Config()
    config.set_main_option("script_location", "verifier_api.store:migrations")
    config.set_main_option("path_separator", "os")
    return ScriptDirectory.from_config(config)


def _prepare_sqlite(connection: Any, _: object) -> None:
    # The driver would begin transactions by itself, and not before the first write.
    connection.isolation_level = None
    cursor = connection.cursor()
    for pragma in ("journal_mode = WAL", "synchronous = FULL", "foreign_keys = ON"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _begin_sqlite(connection: Connection) -> None:
    writes = connection.get_execution_options().get("zkmargin_writing", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def _prepare_postgresql(connection: Any, _: object) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SET synchronous_commit = on")
    connection.commit()
