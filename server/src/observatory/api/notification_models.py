"""Notifications and channels as JSON."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from observatory.api.listing import Numbered

AT = "2026-01-02T03:04:05.000Z"
NOTIFICATION: dict[str, Any] = {
    "id": 31,
    "key": "5b0e1b6ffb6d4f5dbb6a1f0b8f0f4a7c",
    "channel": "ops-telegram",
    "kind": "alert",
    "environment": "production",
    "grouping": "incident/2026-01-02-3f9a",
    "severity": "critical",
    "status": "firing",
    "state": "sent",
    "stage": "send",
    "reason": "",
    "note": "first notification",
    "title": "trading_execution.unknown_age.critical",
    "incident": "2026-01-02-3f9a",
    "created_at": AT,
    "due_at": AT,
    "sent_at": AT,
    "alerts": [
        {
            "id": "7b0f6f4d5c3b2a1908f7e6d5:1",
            "fingerprint": "7b0f6f4d5c3b2a1908f7e6d5",
            "rule": "trading_execution.unknown_age.critical",
            "member": "",
            "status": "firing",
        }
    ],
    "attempts": [{"at": AT, "took_ms": 84, "outcome": "sent", "detail": "Telegram took it"}],
}
CHANNEL: dict[str, Any] = {
    "id": "ops-telegram",
    "kind": "apprise",
    "where": "Telegram",
    "severities": ["critical", "warning"],
    "environments": [],
    "rules": [],
    "areas": [],
    "kinds": ["alert", "incident", "reminder", "test"],
    "per_minute": 20,
    "state": "delivering",
    "failures": 0,
    "failing_since": None,
    "sent_at": AT,
    "failed_at": None,
    "error": "",
    "given_up": 0,
    "waiting": 0,
}


class ToldAlert(BaseModel):
    """One alert that a notification tells of."""

    id: str
    fingerprint: str
    rule: str
    member: str
    status: Literal["firing", "resolved", "info"]


class AttemptItem(BaseModel):
    """One attempt to send it. `refused`: the other side will never take it."""

    at: str
    took_ms: int
    outcome: Literal["sent", "failed", "refused"]
    detail: str = Field(description="What the other side said, without secrets.")


class NotificationItem(Numbered):
    """One message to one channel, or the note that nobody was told."""

    model_config = ConfigDict(json_schema_extra={"examples": [NOTIFICATION]})

    key: str = Field(description="Goes out with a webhook as Idempotency-Key: the same with each repetition.")
    channel: str = Field(description="Empty: nobody was told.")
    kind: Literal["alert", "incident", "escalation", "reminder", "digest", "test"]
    environment: str
    grouping: str = Field(description="Messages of one grouping are told together.")
    severity: Literal["critical", "warning", "info"]
    status: Literal["firing", "resolved", "info"]
    state: Literal["queued", "sent", "failed", "suppressed"]
    stage: str = Field(description="The stage that suppressed it, put it off or ended it.")
    reason: str = Field(description="Why, in words.")
    note: str = Field(description="Why it was sent, in Alertmanager's words.")
    title: str
    incident: str
    created_at: str
    due_at: str = Field(description="When it is tried next, while it is queued.")
    sent_at: str | None = Field(description="When the other side took it.")
    alerts: list[ToldAlert]
    attempts: list[AttemptItem] = Field(description="Every attempt, oldest first.")


class NotificationList(BaseModel):
    """One page of the ledger, newest first. `next` is null on the last page."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"items": [NOTIFICATION], "next": None}]})

    items: list[NotificationItem]
    next: str | None


class ChannelItem(BaseModel):
    """One channel and how it does. What it is stands in a file; its secrets are never shown."""

    model_config = ConfigDict(json_schema_extra={"examples": [CHANNEL]})

    id: str
    kind: Literal["apprise", "webhook", "alertmanager"]
    where: str = Field(description="The service, or scheme and host.")
    severities: list[str]
    environments: list[str] = Field(description="Empty: all.")
    rules: list[str] = Field(description="Patterns; empty: all.")
    areas: list[str] = Field(description="Empty: all.")
    kinds: list[str]
    per_minute: int
    state: Literal["unused", "delivering", "failing"]
    failures: int = Field(description="Attempts that failed since the last that did not.")
    failing_since: str | None
    sent_at: str | None
    failed_at: str | None
    error: str = Field(description="What the newest failed attempt said.")
    given_up: int = Field(description="Messages that were given up since the last one delivered.")
    waiting: int = Field(description="Messages that wait for it.")


class ChannelList(BaseModel):
    """The channels, in the order of their file."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"items": [CHANNEL], "problem": "", "stages": ["inhibition", "silence", "send"]}]
        }
    )

    items: list[ChannelItem]
    problem: str = Field(description="What is wrong with the newest state of the file, which is then not in force.")
    stages: list[str] = Field(description="The row of stages that every message goes along.")


class Tested(BaseModel):
    """What became of a message to try a channel."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"key": "test:ops-telegram:01", "queued": True}]})

    key: str = Field(description="Names the message; find it in the ledger by the channel and the kind test.")
    queued: bool
