"""One holder of what was taken, and attempts found by their time."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

_HOLDS = sa.text("ended_at IS NULL")
# The first one has it: of two that were written at once the later is ended.
_FIRST = """
UPDATE acknowledgements SET ended_at = at, ended_by = 'server', ended_why = 'somebody had it already'
WHERE ended_at IS NULL AND id NOT IN (SELECT min(id) FROM acknowledgements WHERE ended_at IS NULL GROUP BY subject)
"""


def upgrade() -> None:
    """End what is held twice, then make the indexes."""
    op.execute(_FIRST)
    op.create_index(
        "ix_acknowledgements_holding",
        "acknowledgements",
        ["subject"],
        unique=True,
        sqlite_where=_HOLDS,
        postgresql_where=_HOLDS,
    )
    op.create_index("ix_delivery_attempts_at", "delivery_attempts", ["at"])
