"""The schema: migrations lead to it from an empty database and from every released one, and the models describe it."""

import re
import sqlite3
import threading
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import text

from verifier_api.store import database as databases
from verifier_api.store.journal import Store
from verifier_api.store.tables import Base
from zkmargin.errors import EncodingError, StatementError

SCHEMAS = sorted((Path(__file__).parent / "schemas").glob("*.sql"))


def differences(engine):
    with engine.connect() as connection:
        return compare_metadata(MigrationContext.configure(connection), Base.metadata)


def revision(engine):
    with engine.connect() as connection:
        return MigrationContext.configure(connection).get_current_revision()


def dump(path):
    with sqlite3.connect(path) as connection:
        lines = [line for line in connection.iterdump() if not line.startswith(("BEGIN", "COMMIT"))]
    return "".join(re.sub(r"\s+", " ", line).strip() + "\n" for line in lines)


def test_an_empty_database_gets_the_schema_of_the_models(database):
    store = Store(database)
    assert differences(store.engine) == []
    assert revision(store.engine) == SCHEMAS[-1].stem.removeprefix("r")
    store.close()


def test_a_database_with_the_newest_schema_is_left_alone(database):
    Store(database).close()
    store = Store(database)
    assert differences(store.engine) == []
    store.close()


@pytest.mark.parametrize("path", SCHEMAS, ids=lambda path: path.stem)
def test_a_released_schema_is_upgraded_to_the_newest(tmp_path, path):
    with sqlite3.connect(tmp_path / "old.db") as connection:
        connection.executescript(path.read_text("utf-8"))
    store = Store(str(tmp_path / "old.db"))
    assert differences(store.engine) == []
    assert revision(store.engine) == SCHEMAS[-1].stem.removeprefix("r")
    store.close()


@pytest.mark.parametrize("path", SCHEMAS, ids=lambda path: path.stem)
def test_the_migrations_still_make_a_released_schema(tmp_path, path):
    engine = databases.open_engine(str(tmp_path / "new.db"))
    databases.migrate(engine, path.stem.removeprefix("r"))
    engine.dispose()
    assert dump(tmp_path / "new.db") == path.read_text("utf-8")


def test_every_migration_has_its_released_schema(root):
    steps = sorted((root / "verifier_api" / "store" / "migrations" / "versions").glob("r*.py"))
    assert [path.stem for path in SCHEMAS] == [re.match(r"r\d+", step.stem)[0] for step in steps]


def test_a_schema_of_the_future_is_refused(database):
    store = Store(database)
    with store.engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    store.close()
    with pytest.raises(StatementError, match="schema 9999, which this version does not know"):
        Store(database)


def test_several_may_open_a_new_database_at_once(database):
    opened, failed = [], []

    def work():
        try:
            opened.append(Store(database))
        except Exception as error:  # noqa: BLE001 - collected and shown
            failed.append(error)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    for store in opened:
        store.close()
    assert failed == []
    assert len(opened) == 4


@pytest.mark.parametrize("url", ["mysql://host/venue", "sqlite://", "sqlite:///:memory:", "://"])
def test_a_database_that_is_not_supported_is_refused(url):
    with pytest.raises(StatementError, match="database must be a file"):
        Store(url)


def test_a_database_that_is_only_read_is_not_made(tmp_path):
    with pytest.raises(EncodingError, match="there is no such file"):
        databases.existing(str(tmp_path / "absent.db"))
    assert list(tmp_path.iterdir()) == []


def test_sqlite_waits_for_the_disk_and_keeps_readers_beside_the_writer(tmp_path):
    store = Store(str(tmp_path / "venue.db"))
    with store.engine.connect() as connection:
        assert connection.exec_driver_sql("PRAGMA journal_mode").scalar() == "wal"
        assert connection.exec_driver_sql("PRAGMA synchronous").scalar() == 2
    store.close()


def test_postgresql_waits_for_the_disk(postgresql_database):
    store = Store(postgresql_database)
    with store.engine.connect() as connection:
        assert connection.execute(text("SHOW synchronous_commit")).scalar() == "on"
        assert connection.execute(text("SHOW fsync")).scalar() == "on"
    store.close()
