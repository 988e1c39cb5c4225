"""Polls of every tracker that can be asked by now: those of Jira were settled, or never made, while it could not be."""

from alembic import op

revision = "0017"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Go one step forward. A tracker that still can't be asked settles them again."""
    op.execute("UPDATE poll SET due_at = 0, settled_at = NULL, attempts = 0 WHERE settled_at IS NOT NULL")
    op.execute(
        """
        INSERT INTO poll (connection_id, scope_id, since, due_at)
        SELECT s.connection_id, s.id, s.covered_at, 0
        FROM scope AS s JOIN connection AS c ON c.id = s.connection_id
        WHERE (c.sealed_token IS NOT NULL OR c.sealed_app_key IS NOT NULL)
        AND NOT EXISTS (SELECT 1 FROM poll AS p WHERE p.scope_id = s.id)
        """
    )
