"""What every test shares: how hard Hypothesis tries, and where the public data lies."""

import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from tests.databases import database, postgresql, postgresql_database

__all__ = ["database", "postgresql", "postgresql_database"]

ROOT = Path(__file__).resolve().parent.parent
SHARED_DATA = ROOT.parent / "shared" / "data"

# "fast" gives the same verdict on the same code; "long" looks for what "fast" has not seen, except in CI, where a red
# run has to be the fault of the change. The machine may be slow or busy, so no profile has a deadline: pytest-timeout
# stops a test that hangs.
settings.register_profile(
    "fast", max_examples=25, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow]
)
settings.register_profile(
    "long",
    max_examples=300,
    deadline=None,
    derandomize="CI" in os.environ,
    print_blob=True,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("fast")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip, in plain sight, what is marked `shared_data` when the folder is not there."""
    if not SHARED_DATA.is_dir():
        absent = pytest.mark.skip(reason="../shared/data is absent")
        for item in items:
            if item.get_closest_marker("shared_data"):
                item.add_marker(absent)


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of public data beside the repository; a test that asks for it is skipped when it is absent."""
    if not SHARED_DATA.is_dir():
        pytest.skip("../shared/data is absent")
    return SHARED_DATA


@pytest.fixture(scope="session")
def root() -> Path:
    """The folder of the repository."""
    return ROOT
