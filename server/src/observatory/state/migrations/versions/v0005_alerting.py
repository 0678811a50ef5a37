"""Alerts, their transitions, rules of one's own, silences."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

_KEY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_TIME = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Make the four tables."""
    _alerts()
    _transitions()
    _rules()
    _silences()


def _alerts() -> None:
    op.create_table(
        "alerts",
        sa.Column("id", _KEY, nullable=False),
        sa.Column("fingerprint", sa.String(32), nullable=False),
        sa.Column("change", sa.BigInteger(), nullable=False),
        sa.Column("environment", sa.String(128), nullable=False),
        sa.Column("rule", sa.String(160), nullable=False),
        sa.Column("phase", sa.String(16), nullable=False),
        sa.Column("since", _TIME, nullable=False),
        sa.Column("told", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_alerts"),
        sa.UniqueConstraint("fingerprint", name="uq_alerts_fingerprint"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_alerts_phase", "alerts", ["phase"])
    op.create_index("ix_alerts_change", "alerts", ["change"])


def _transitions() -> None:
    op.create_table(
        "alert_transitions",
        sa.Column("id", _KEY, nullable=False),
        sa.Column("fingerprint", sa.String(32), nullable=False),
        sa.Column("environment", sa.String(128), nullable=False),
        sa.Column("rule", sa.String(160), nullable=False),
        sa.Column("member", sa.String(512), nullable=False),
        sa.Column("severity", sa.String(16), nullable=False),
        sa.Column("area", sa.String(64), nullable=False),
        sa.Column("episode", sa.Integer(), nullable=False),
        sa.Column("before", sa.String(16), nullable=False),
        sa.Column("phase", sa.String(16), nullable=False),
        sa.Column("at", _TIME, nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("told", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_alert_transitions"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_alert_transitions_at", "alert_transitions", ["at"])
    op.create_index("ix_alert_transitions_fingerprint", "alert_transitions", ["fingerprint"])


def _rules() -> None:
    op.create_table(
        "alert_rules",
        sa.Column("id", _KEY, nullable=False),
        sa.Column("rule", sa.String(160), nullable=False),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("entry", sa.Text(), nullable=False),
        sa.Column("since", _TIME, nullable=False),
        sa.Column("created_by", sa.String(160), nullable=False),
        sa.Column("reason", sa.String(512), nullable=False),
        sa.Column("ended_at", _TIME),
        sa.Column("ended_by", sa.String(160), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_alert_rules"),
        sqlite_autoincrement=True,
    )
    # Of each rule one text is in force.
    op.create_index(
        "uq_alert_rules_living",
        "alert_rules",
        ["rule"],
        unique=True,
        sqlite_where=sa.text("ended_at IS NULL"),
        postgresql_where=sa.text("ended_at IS NULL"),
    )


def _silences() -> None:
    op.create_table(
        "silences",
        sa.Column("id", _KEY, nullable=False),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("environment", sa.String(128), nullable=False),
        sa.Column("matchers", sa.Text(), nullable=False),
        sa.Column("starts_at", _TIME, nullable=False),
        sa.Column("ends_at", _TIME, nullable=False),
        sa.Column("reason", sa.String(512), nullable=False),
        sa.Column("created_at", _TIME, nullable=False),
        sa.Column("created_by", sa.String(160), nullable=False),
        sa.Column("ended_at", _TIME),
        sa.Column("ended_by", sa.String(160), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_silences"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_silences_ends_at", "silences", ["ends_at"])
