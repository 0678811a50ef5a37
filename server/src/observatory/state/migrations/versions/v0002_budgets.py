"""Budgets."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

_KEY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_TIME = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Make the table."""
    op.create_table(
        "budgets",
        sa.Column("id", _KEY, nullable=False),
        sa.Column("environment", sa.String(128), nullable=False),
        sa.Column("name", sa.String(128), nullable=False),
        sa.Column("scope", sa.String(16), nullable=False),
        sa.Column("value", sa.String(256), nullable=False),
        sa.Column("period", sa.String(8), nullable=False),
        sa.Column("amount_usd", sa.String(40), nullable=False),
        sa.Column("warn_actual_ratio", sa.String(16), nullable=False),
        sa.Column("crit_actual_ratio", sa.String(16), nullable=False),
        sa.Column("warn_forecast_ratio", sa.String(16), nullable=False),
        sa.Column("crit_forecast_ratio", sa.String(16), nullable=False),
        sa.Column("created_at", _TIME, nullable=False),
        sa.Column("created_by", sa.String(160), nullable=False),
        sa.Column("changed_at", _TIME, nullable=False),
        sa.Column("changed_by", sa.String(160), nullable=False),
        sa.Column("deleted_at", _TIME),
        sa.PrimaryKeyConstraint("id", name="pk_budgets"),
        sqlite_autoincrement=True,
    )
    # Two living budgets of one name could not be told apart in an alert.
    op.create_index(
        "uq_budgets_living",
        "budgets",
        ["environment", "name"],
        unique=True,
        sqlite_where=sa.text("deleted_at IS NULL"),
        postgresql_where=sa.text("deleted_at IS NULL"),
    )
