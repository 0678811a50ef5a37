"""Tables of the ledger of notifications: what was sent, of which alerts, each attempt, and how each channel does."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import BigInteger, Index, Integer, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from observatory.state.schema import Key, Table, UtcTime


class DeliveryRow(Table):
    """Table `deliveries`."""

    __tablename__ = "deliveries"
    __table_args__ = (
        Index("ix_deliveries_state", "state", "due_at"),
        Index("ix_deliveries_channel", "channel", "created_at"),
        Index("ix_deliveries_grouping", "grouping"),
        Index("ix_deliveries_created_at", "created_at"),
        UniqueConstraint("key"),
        {"sqlite_autoincrement": True},
    )

    id: Mapped[int] = mapped_column(Key, primary_key=True)
    key: Mapped[str] = mapped_column(String(64))
    channel: Mapped[str] = mapped_column(String(64))
    kind: Mapped[str] = mapped_column(String(16))
    environment: Mapped[str] = mapped_column(String(128))
    grouping: Mapped[str] = mapped_column(String(256))
    severity: Mapped[str] = mapped_column(String(16))
    urgency: Mapped[int] = mapped_column(Integer())
    status: Mapped[str] = mapped_column(String(16))
    state: Mapped[str] = mapped_column(String(16))
    stage: Mapped[str] = mapped_column(String(16))
    reason: Mapped[str] = mapped_column(Text())
    attempts: Mapped[int] = mapped_column(Integer())
    created_at: Mapped[datetime] = mapped_column(UtcTime)
    due_at: Mapped[datetime] = mapped_column(UtcTime)
    sent_at: Mapped[datetime | None] = mapped_column(UtcTime)
    claimed_by: Mapped[str] = mapped_column(String(64))
    claimed_until: Mapped[datetime | None] = mapped_column(UtcTime)
    told: Mapped[str] = mapped_column(Text())


class DeliveredAlertRow(Table):
    """Table `delivery_alerts`: which alerts a delivery tells of."""

    __tablename__ = "delivery_alerts"
    __table_args__ = (
        Index("ix_delivery_alerts_delivery", "delivery"),
        Index("ix_delivery_alerts_alert", "alert"),
        Index("ix_delivery_alerts_fingerprint", "fingerprint"),
        {"sqlite_autoincrement": True},
    )

    id: Mapped[int] = mapped_column(Key, primary_key=True)
    delivery: Mapped[int] = mapped_column(BigInteger())
    channel: Mapped[str] = mapped_column(String(64))
    fingerprint: Mapped[str] = mapped_column(String(32))
    alert: Mapped[str] = mapped_column(String(64))
    status: Mapped[str] = mapped_column(String(16))


class AttemptRow(Table):
    """Table `delivery_attempts`."""

    __tablename__ = "delivery_attempts"
    __table_args__ = (
        Index("ix_delivery_attempts_delivery", "delivery"),
        Index("ix_delivery_attempts_at", "at"),
        {"sqlite_autoincrement": True},
    )

    id: Mapped[int] = mapped_column(Key, primary_key=True)
    delivery: Mapped[int] = mapped_column(BigInteger())
    at: Mapped[datetime] = mapped_column(UtcTime)
    took_ms: Mapped[int] = mapped_column(Integer())
    result: Mapped[str] = mapped_column(String(16))
    detail: Mapped[str] = mapped_column(Text())


class ChannelRow(Table):
    """Table `channels`: how each does. What a channel is stands in a file."""

    __tablename__ = "channels"
    __table_args__ = (UniqueConstraint("channel"), {"sqlite_autoincrement": True})

    id: Mapped[int] = mapped_column(Key, primary_key=True)
    channel: Mapped[str] = mapped_column(String(64))
    failures: Mapped[int] = mapped_column(Integer())
    failing_since: Mapped[datetime | None] = mapped_column(UtcTime)
    sent_at: Mapped[datetime | None] = mapped_column(UtcTime)
    failed_at: Mapped[datetime | None] = mapped_column(UtcTime)
    error: Mapped[str] = mapped_column(Text())
    given_up: Mapped[int] = mapped_column(Integer())
