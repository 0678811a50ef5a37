"""Cost anomalies and what people said of them."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

_KEY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_TIME = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Make the two tables."""
    op.create_table(
        "cost_anomalies",
        sa.Column("id", _KEY, nullable=False),
        sa.Column("environment", sa.String(128), nullable=False),
        sa.Column("kind", sa.String(32), nullable=False),
        sa.Column("began_at", _TIME, nullable=False),
        sa.Column("found_at", _TIME, nullable=False),
        sa.Column("ended_at", _TIME),
        sa.Column("document", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_cost_anomalies"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_cost_anomalies_began_at", "cost_anomalies", ["began_at"])
    op.create_table(
        "cost_feedback",
        sa.Column("id", _KEY, nullable=False),
        sa.Column("anomaly_id", _KEY, nullable=False),
        sa.Column("environment", sa.String(128), nullable=False),
        sa.Column("pattern", sa.String(1024), nullable=False),
        sa.Column("expected", sa.Boolean(), nullable=False),
        sa.Column("usd_per_hour", sa.String(40), nullable=False),
        sa.Column("at", _TIME, nullable=False),
        sa.Column("actor", sa.String(160), nullable=False),
        sa.Column("reason", sa.String(512), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_cost_feedback"),
        sa.ForeignKeyConstraint(
            ["anomaly_id"], ["cost_anomalies.id"], name="fk_cost_feedback_anomaly_id", ondelete="CASCADE"
        ),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_cost_feedback_anomaly_id", "cost_feedback", ["anomaly_id"])
