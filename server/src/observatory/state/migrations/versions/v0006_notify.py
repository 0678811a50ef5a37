"""The outbox, the ledger of notifications, what is known of each channel, and alerts of other systems."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

_KEY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_TIME = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Make the six tables."""
    _outbox()
    _deliveries()
    _delivered_alerts()
    _attempts()
    _channels()
    _foreign()


def _outbox() -> None:
    op.create_table(
        "outbox",
        sa.Column("id", _KEY, nullable=False),
        sa.Column("key", sa.String(160), nullable=False),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("environment", sa.String(128), nullable=False),
        sa.Column("grouping", sa.String(256), nullable=False),
        sa.Column("alert", sa.String(64), nullable=False),
        sa.Column("status", sa.String(16), nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("stage", sa.String(16), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("created_at", _TIME, nullable=False),
        sa.Column("due_at", _TIME, nullable=False),
        sa.Column("claimed_by", sa.String(64), nullable=False),
        sa.Column("claimed_until", _TIME),
        sa.Column("told", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_outbox"),
        sa.UniqueConstraint("key", name="uq_outbox_key"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_outbox_state", "outbox", ["state", "due_at"])
    op.create_index("ix_outbox_alert", "outbox", ["alert"])
    op.create_index("ix_outbox_created_at", "outbox", ["created_at"])


def _deliveries() -> None:
    op.create_table(
        "deliveries",
        sa.Column("id", _KEY, nullable=False),
        sa.Column("key", sa.String(64), nullable=False),
        sa.Column("channel", sa.String(64), nullable=False),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("environment", sa.String(128), nullable=False),
        sa.Column("grouping", sa.String(256), nullable=False),
        sa.Column("severity", sa.String(16), nullable=False),
        sa.Column("urgency", sa.Integer(), nullable=False),
        sa.Column("status", sa.String(16), nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("stage", sa.String(16), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("created_at", _TIME, nullable=False),
        sa.Column("due_at", _TIME, nullable=False),
        sa.Column("sent_at", _TIME),
        sa.Column("claimed_by", sa.String(64), nullable=False),
        sa.Column("claimed_until", _TIME),
        sa.Column("told", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_deliveries"),
        sa.UniqueConstraint("key", name="uq_deliveries_key"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_deliveries_state", "deliveries", ["state", "due_at"])
    op.create_index("ix_deliveries_channel", "deliveries", ["channel", "created_at"])
    op.create_index("ix_deliveries_grouping", "deliveries", ["grouping"])
    op.create_index("ix_deliveries_created_at", "deliveries", ["created_at"])


def _delivered_alerts() -> None:
    op.create_table(
        "delivery_alerts",
        sa.Column("id", _KEY, nullable=False),
        sa.Column("delivery", sa.BigInteger(), nullable=False),
        sa.Column("channel", sa.String(64), nullable=False),
        sa.Column("fingerprint", sa.String(32), nullable=False),
        sa.Column("alert", sa.String(64), nullable=False),
        sa.Column("status", sa.String(16), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_delivery_alerts"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_delivery_alerts_delivery", "delivery_alerts", ["delivery"])
    op.create_index("ix_delivery_alerts_alert", "delivery_alerts", ["alert"])
    op.create_index("ix_delivery_alerts_fingerprint", "delivery_alerts", ["fingerprint"])


def _attempts() -> None:
    op.create_table(
        "delivery_attempts",
        sa.Column("id", _KEY, nullable=False),
        sa.Column("delivery", sa.BigInteger(), nullable=False),
        sa.Column("at", _TIME, nullable=False),
        sa.Column("took_ms", sa.Integer(), nullable=False),
        sa.Column("result", sa.String(16), nullable=False),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_delivery_attempts"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_delivery_attempts_delivery", "delivery_attempts", ["delivery"])


def _channels() -> None:
    op.create_table(
        "channels",
        sa.Column("id", _KEY, nullable=False),
        sa.Column("channel", sa.String(64), nullable=False),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("failing_since", _TIME),
        sa.Column("sent_at", _TIME),
        sa.Column("failed_at", _TIME),
        sa.Column("error", sa.Text(), nullable=False),
        sa.Column("given_up", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_channels"),
        sa.UniqueConstraint("channel", name="uq_channels_channel"),
        sqlite_autoincrement=True,
    )


def _foreign() -> None:
    op.create_table(
        "foreign_alerts",
        sa.Column("id", _KEY, nullable=False),
        sa.Column("fingerprint", sa.String(64), nullable=False),
        sa.Column("environment", sa.String(128), nullable=False),
        sa.Column("severity", sa.String(16), nullable=False),
        sa.Column("member", sa.String(512), nullable=False),
        sa.Column("firing", sa.Boolean(), nullable=False),
        sa.Column("starts_at", _TIME, nullable=False),
        sa.Column("ends_at", _TIME),
        sa.Column("seen_at", _TIME, nullable=False),
        sa.Column("told", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_foreign_alerts"),
        sa.UniqueConstraint("environment", "fingerprint", name="uq_foreign_alerts_environment"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_foreign_alerts_seen_at", "foreign_alerts", ["seen_at"])
