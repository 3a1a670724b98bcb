"""A founded venue, on SQLite or on each kind of database."""

import pytest

from tests.service.scene import scene


@pytest.fixture
def stage(tmp_path):
    """A venue on SQLite, founded and empty."""
    made = scene(str(tmp_path / "venue.db"))
    yield made
    made.store.close()


@pytest.fixture
def both(database):
    """A venue on each kind of database."""
    made = scene(database)
    yield made
    made.store.close()
