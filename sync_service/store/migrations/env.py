"""Alembic's environment script; `store/engine/migrate.py` passes it the connection."""

from alembic import context

from sync_service.store.tables import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    render_as_batch=True,
    compare_type=True,
)
context.run_migrations()
