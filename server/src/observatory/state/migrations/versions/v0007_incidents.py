"""Incidents, their changes, and what was written of them."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

_KEY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_TIME = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Make the three tables."""
    _incidents()
    _changes()
    _reports()


def _incidents() -> None:
    op.create_table(
        "incidents",
        sa.Column("id", _KEY, nullable=False),
        sa.Column("incident", sa.String(32), nullable=False),
        sa.Column("environment", sa.String(128), nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("severity", sa.String(16), nullable=False),
        sa.Column("opened_at", _TIME, nullable=False),
        sa.Column("resolved_at", _TIME),
        sa.Column("merged_into", sa.String(32)),
        sa.Column("told", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_incidents"),
        sa.UniqueConstraint("incident", name="uq_incidents_incident"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_incidents_state", "incidents", ["state"])
    op.create_index("ix_incidents_opened_at", "incidents", ["opened_at"])


def _changes() -> None:
    op.create_table(
        "incident_changes",
        sa.Column("id", _KEY, nullable=False),
        sa.Column("incident", sa.String(32), nullable=False),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("severity", sa.String(16), nullable=False),
        sa.Column("merged_into", sa.String(32)),
        sa.Column("at", _TIME, nullable=False),
        sa.Column("alert", sa.String(64)),
        sa.Column("actor", sa.String(160), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("move", sa.Text()),
        sa.PrimaryKeyConstraint("id", name="pk_incident_changes"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_incident_changes_incident", "incident_changes", ["incident"])
    op.create_index("ix_incident_changes_at", "incident_changes", ["at"])


def _reports() -> None:
    op.create_table(
        "incident_reports",
        sa.Column("id", _KEY, nullable=False),
        sa.Column("incident", sa.String(32), nullable=False),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("written_at", _TIME, nullable=False),
        sa.Column("told", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_incident_reports"),
        sa.UniqueConstraint("incident", "kind", name="uq_incident_reports_incident"),
        sqlite_autoincrement=True,
    )
