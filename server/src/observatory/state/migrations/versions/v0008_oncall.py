"""On call: who took what, notes, escalation policies and how far each escalation is, schedules, links, digests."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

_KEY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_TIME = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Make the tables."""
    _acknowledgements()
    _notes()
    _plans("escalation_policies", "policy")
    _plans("schedules", "schedule")
    _escalations()
    _links()
    _digests()


def _acknowledgements() -> None:
    op.create_table(
        "acknowledgements",
        sa.Column("id", _KEY, nullable=False),
        sa.Column("subject", sa.String(64), nullable=False),
        sa.Column("environment", sa.String(128), nullable=False),
        sa.Column("at", _TIME, nullable=False),
        sa.Column("by", sa.String(160), nullable=False),
        sa.Column("reason", sa.String(512), nullable=False),
        sa.Column("ended_at", _TIME),
        sa.Column("ended_by", sa.String(160), nullable=False),
        sa.Column("ended_why", sa.String(512), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_acknowledgements"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_acknowledgements_subject", "acknowledgements", ["subject"])
    op.create_index("ix_acknowledgements_ended_at", "acknowledgements", ["ended_at"])


def _notes() -> None:
    op.create_table(
        "notes",
        sa.Column("id", _KEY, nullable=False),
        sa.Column("subject", sa.String(64), nullable=False),
        sa.Column("at", _TIME, nullable=False),
        sa.Column("by", sa.String(160), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_notes"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_notes_subject", "notes", ["subject"])


def _plans(table: str, name: str) -> None:
    op.create_table(
        table,
        sa.Column("id", _KEY, nullable=False),
        sa.Column(name, sa.String(64), nullable=False),
        sa.Column("told", sa.Text(), nullable=False),
        sa.Column("changed_at", _TIME, nullable=False),
        sa.Column("changed_by", sa.String(160), nullable=False),
        sa.PrimaryKeyConstraint("id", name=f"pk_{table}"),
        sa.UniqueConstraint(name, name=f"uq_{table}_{name}"),
        sqlite_autoincrement=True,
    )


def _escalations() -> None:
    op.create_table(
        "escalations",
        sa.Column("id", _KEY, nullable=False),
        sa.Column("subject", sa.String(64), nullable=False),
        sa.Column("environment", sa.String(128), nullable=False),
        sa.Column("policy", sa.String(64), nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("started_at", _TIME, nullable=False),
        sa.Column("told", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_escalations"),
        sa.UniqueConstraint("subject", name="uq_escalations_subject"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_escalations_state", "escalations", ["state"])


def _links() -> None:
    op.create_table(
        "link_keys",
        sa.Column("id", _KEY, nullable=False),
        sa.Column("name", sa.String(16), nullable=False),
        sa.Column("key", sa.String(64), nullable=False),
        sa.Column("made_at", _TIME, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_link_keys"),
        sa.UniqueConstraint("name", name="uq_link_keys_name"),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "used_links",
        sa.Column("id", _KEY, nullable=False),
        sa.Column("nonce", sa.String(32), nullable=False),
        sa.Column("at", _TIME, nullable=False),
        sa.Column("by", sa.String(160), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_used_links"),
        sa.UniqueConstraint("nonce", name="uq_used_links_nonce"),
        sqlite_autoincrement=True,
    )


def _digests() -> None:
    op.create_table(
        "digests",
        sa.Column("id", _KEY, nullable=False),
        sa.Column("environment", sa.String(128), nullable=False),
        sa.Column("day", sa.String(10), nullable=False),
        sa.Column("at", _TIME, nullable=False),
        sa.Column("told", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_digests"),
        sa.UniqueConstraint("environment", "day", name="uq_digests_environment"),
        sqlite_autoincrement=True,
    )
