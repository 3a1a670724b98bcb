"""Empty databases of both kinds; the server of PostgreSQL is in tests/databases.py."""

from tests.databases import database, postgresql

__all__ = ["database", "postgresql"]
