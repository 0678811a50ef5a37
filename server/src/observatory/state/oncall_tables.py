"""Tables of those on call."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Index, String, Text, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from observatory.state.schema import Key, Table, UtcTime

_HOLDS = text("ended_at IS NULL")


class AcknowledgementRow(Table):
    """Table `acknowledgements`."""

    __tablename__ = "acknowledgements"
    __table_args__ = (
        Index("ix_acknowledgements_subject", "subject"),
        Index("ix_acknowledgements_ended_at", "ended_at"),
        # The first one has it, also when two take it at once by two servers.
        Index("ix_acknowledgements_holding", "subject", unique=True, sqlite_where=_HOLDS, postgresql_where=_HOLDS),
        {"sqlite_autoincrement": True},
    )

    id: Mapped[int] = mapped_column(Key, primary_key=True)
    subject: Mapped[str] = mapped_column(String(64))
    environment: Mapped[str] = mapped_column(String(128))
    at: Mapped[datetime] = mapped_column(UtcTime)
    by: Mapped[str] = mapped_column(String(160))
    reason: Mapped[str] = mapped_column(String(512))
    ended_at: Mapped[datetime | None] = mapped_column(UtcTime)
    ended_by: Mapped[str] = mapped_column(String(160))
    ended_why: Mapped[str] = mapped_column(String(512))


class NoteRow(Table):
    """Table `notes`."""

    __tablename__ = "notes"
    __table_args__ = (Index("ix_notes_subject", "subject"), {"sqlite_autoincrement": True})

    id: Mapped[int] = mapped_column(Key, primary_key=True)
    subject: Mapped[str] = mapped_column(String(64))
    at: Mapped[datetime] = mapped_column(UtcTime)
    by: Mapped[str] = mapped_column(String(160))
    text: Mapped[str] = mapped_column(Text())


class PolicyRow(Table):
    """Table `escalation_policies`."""

    __tablename__ = "escalation_policies"
    __table_args__ = (UniqueConstraint("policy"), {"sqlite_autoincrement": True})

    id: Mapped[int] = mapped_column(Key, primary_key=True)
    policy: Mapped[str] = mapped_column(String(64))
    told: Mapped[str] = mapped_column(Text())
    changed_at: Mapped[datetime] = mapped_column(UtcTime)
    changed_by: Mapped[str] = mapped_column(String(160))


class ScheduleRow(Table):
    """Table `schedules`."""

    __tablename__ = "schedules"
    __table_args__ = (UniqueConstraint("schedule"), {"sqlite_autoincrement": True})

    id: Mapped[int] = mapped_column(Key, primary_key=True)
    schedule: Mapped[str] = mapped_column(String(64))
    told: Mapped[str] = mapped_column(Text())
    changed_at: Mapped[datetime] = mapped_column(UtcTime)
    changed_by: Mapped[str] = mapped_column(String(160))


class EscalationRow(Table):
    """Table `escalations`."""

    __tablename__ = "escalations"
    __table_args__ = (
        Index("ix_escalations_state", "state"),
        UniqueConstraint("subject"),
        {"sqlite_autoincrement": True},
    )

    id: Mapped[int] = mapped_column(Key, primary_key=True)
    subject: Mapped[str] = mapped_column(String(64))
    environment: Mapped[str] = mapped_column(String(128))
    policy: Mapped[str] = mapped_column(String(64))
    state: Mapped[str] = mapped_column(String(16))
    started_at: Mapped[datetime] = mapped_column(UtcTime)
    told: Mapped[str] = mapped_column(Text())


class LinkKeyRow(Table):
    """Table `link_keys`."""

    __tablename__ = "link_keys"
    __table_args__ = (UniqueConstraint("name"), {"sqlite_autoincrement": True})

    id: Mapped[int] = mapped_column(Key, primary_key=True)
    name: Mapped[str] = mapped_column(String(16))
    key: Mapped[str] = mapped_column(String(64))
    made_at: Mapped[datetime] = mapped_column(UtcTime)


class UsedLinkRow(Table):
    """Table `used_links`."""

    __tablename__ = "used_links"
    __table_args__ = (UniqueConstraint("nonce"), {"sqlite_autoincrement": True})

    id: Mapped[int] = mapped_column(Key, primary_key=True)
    nonce: Mapped[str] = mapped_column(String(32))
    at: Mapped[datetime] = mapped_column(UtcTime)
    by: Mapped[str] = mapped_column(String(160))


class DigestRow(Table):
    """Table `digests`."""

    __tablename__ = "digests"
    __table_args__ = (UniqueConstraint("environment", "day"), {"sqlite_autoincrement": True})

    id: Mapped[int] = mapped_column(Key, primary_key=True)
    environment: Mapped[str] = mapped_column(String(128))
    day: Mapped[str] = mapped_column(String(10))
    at: Mapped[datetime] = mapped_column(UtcTime)
    told: Mapped[str] = mapped_column(Text())
