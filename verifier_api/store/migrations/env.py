"""What Alembic runs to migrate: on the connection that the store hands over, inside the store's transaction."""

from __future__ import annotations

from alembic import context

from verifier_api.store.tables import Base

context.configure(connection=context.config.attributes["connection"], target_metadata=Base.metadata)
context.run_migrations()
