"""The shape of the answers about logs and exceptions, for OpenAPI."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from observatory.api.explorer import UNTRUSTED

_AT = "2026-01-02T03:04:05.000000Z"
_TRACE_ID = "4bf92f3577b34da6a3ce929d0e0e4736"
_SPAN_ID = "00f067aa0ba902b7"
SeverityName = Literal["trace", "debug", "info", "warn", "error", "fatal"]
LOG: dict[str, Any] = {
    "id": "9f8e7d6c5b4a3921",
    "at": _AT,
    "service": "trade_execution_service",
    "severity": "error",
    "severity_number": 17,
    "severity_text": "ERROR",
    "body": "order o-1 was refused by kraken",
    "cut": False,
    "event_name": None,
    "trace_id": _TRACE_ID,
    "span_id": _SPAN_ID,
    "user_id": "u-4711",
    "attributes": {"exchange.id": "kraken"},
    "redacted": False,
}


class LogItem(BaseModel):
    """A log record."""

    id: str = Field(description="The same for records that are equal in all.")
    at: datetime
    service: str
    severity: SeverityName | None
    severity_number: int = Field(description="1 to 24, as OpenTelemetry counts; 0: none was told.")
    severity_text: str | None = Field(description="As it was told.")
    body: str = Field(description="The first 8,000 characters.")
    cut: bool = Field(description="Whether there is more.")
    event_name: str | None
    trace_id: str | None
    span_id: str | None
    user_id: str | None
    attributes: dict[str, str]
    redacted: bool = Field(description="The server took a secret out of it.")


class LogList(BaseModel):
    """Log records, newest first."""

    model_config = ConfigDict(
        populate_by_name=True,
        json_schema_extra={
            "examples": [
                {
                    "environment": "production",
                    "from": _AT,
                    "to": _AT,
                    "items": [LOG],
                    "complete": True,
                    "untrusted": ["items.body", "items.attributes"],
                    "next": None,
                }
            ]
        },
    )

    environment: str
    start: datetime = Field(alias="from")
    to: datetime
    items: list[LogItem]
    complete: bool = Field(description="Whether everything in the range was looked at.")
    untrusted: list[str] = Field(description=UNTRUSTED)
    next: str | None


class LogPattern(BaseModel):
    """Records that say the same."""

    template: str = Field(description="What they have in common; what varies is left out.")
    count: int
    count_before: int = Field(description="In the window before, which is as long.")
    new: bool = Field(description="It came in the window and not in the one before.")
    severity: SeverityName | None = Field(description="The highest of them.")
    services: list[str]
    first_seen: datetime = Field(description="In both windows.")
    last_seen: datetime
    example: str
    example_id: str
    trace_ids: list[str]


class LogPatterns(BaseModel):
    """Patterns: new ones first, then those that became more frequent."""

    model_config = ConfigDict(
        populate_by_name=True,
        json_schema_extra={
            "examples": [
                {
                    "environment": "production",
                    "from": _AT,
                    "to": _AT,
                    "before_from": _AT,
                    "samples": 41,
                    "estimated": False,
                    "complete": True,
                    "source": "otel_logs",
                    "items": [
                        {
                            "template": "order <*> was refused by kraken",
                            "count": 41,
                            "count_before": 0,
                            "new": True,
                            "severity": "error",
                            "services": ["trade_execution_service"],
                            "first_seen": _AT,
                            "last_seen": _AT,
                            "example": LOG["body"],
                            "example_id": LOG["id"],
                            "trace_ids": [_TRACE_ID],
                        }
                    ],
                    "untrusted": ["items.template", "items.example"],
                    "next": None,
                }
            ]
        },
    )

    environment: str
    start: datetime = Field(alias="from")
    to: datetime
    before_from: datetime = Field(description="Start of the window before.")
    samples: int = Field(description="Records that were read.")
    estimated: bool = Field(description="Of very many records a share was read, and counts were made by it.")
    complete: bool = Field(description="Whether all kinds of texts were read.")
    source: str
    items: list[LogPattern]
    untrusted: list[str] = Field(description=UNTRUSTED)
    next: str | None


_GROUP: dict[str, Any] = {
    "fingerprint": "1f2e3d4c5b6a7988",
    "type": "TimeoutError",
    "template": "no answer from <*> within <*> s",
    "frames": ["venue.py:ask", "orders.py:execute"],
    "message": "no answer from 'kraken' within 5 s",
    "count": 12,
    "records": 31,
    "first_seen": _AT,
    "last_seen": _AT,
    "services": ["trade_execution_service"],
    "users": 3,
    "users_at_least": False,
    "trace_id": _TRACE_ID,
    "span_id": _SPAN_ID,
}


class ExceptionItem(BaseModel):
    """Exceptions that are the same."""

    fingerprint: str
    type: str
    template: str = Field(description="The message without what varies.")
    frames: list[str] = Field(description="Of the stack, without line numbers; empty when none was told.")
    message: str = Field(description="Of the newest.")
    count: int = Field(description="How often: in one trace once, however many spans told it.")
    records: int = Field(description="Spans and log records that told it.")
    first_seen: datetime = Field(description="In the range.")
    last_seen: datetime
    services: list[str]
    users: int = Field(description="Different users that it hit.")
    users_at_least: bool = Field(description="There may be more users: not all were counted.")
    trace_id: str | None = Field(description="The newest trace with it.")
    span_id: str | None


class ExceptionList(BaseModel):
    """Exceptions by fingerprint, the most frequent first."""

    model_config = ConfigDict(
        populate_by_name=True,
        json_schema_extra={
            "examples": [
                {
                    "environment": "production",
                    "from": _AT,
                    "to": _AT,
                    "items": [_GROUP],
                    "groups": 1,
                    "complete": True,
                    "source": "otel_traces, otel_logs",
                    "untrusted": ["items.message"],
                    "next": None,
                }
            ]
        },
    )

    environment: str
    start: datetime = Field(alias="from")
    to: datetime
    items: list[ExceptionItem]
    groups: int = Field(description="Fingerprints in the range.")
    complete: bool = Field(description="Whether all kinds of messages were read.")
    source: str
    untrusted: list[str] = Field(description=UNTRUSTED)
    next: str | None


class ExceptionTrace(BaseModel):
    """A trace with the exception."""

    trace_id: str
    at: datetime


class ExceptionDetail(ExceptionItem):
    """One fingerprint."""

    model_config = ConfigDict(
        populate_by_name=True,
        json_schema_extra={
            "examples": [
                {
                    **_GROUP,
                    "environment": "production",
                    "from": _AT,
                    "to": _AT,
                    "stack": 'Traceback …\n  File "venue.py", line 12, in ask\nTimeoutError',
                    "traces": [{"trace_id": _TRACE_ID, "at": _AT}],
                    "source": "otel_traces, otel_logs",
                    "untrusted": ["message", "stack"],
                }
            ]
        },
    )

    environment: str
    start: datetime = Field(alias="from")
    to: datetime
    stack: str = Field(description="Of the newest, its last 8,000 characters.")
    traces: list[ExceptionTrace] = Field(description="The ten newest.")
    source: str
    untrusted: list[str] = Field(description=UNTRUSTED)
