"""What the routes of past incidents answer with: mean times, roots, patterns."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from observatory.api.incident_models import AT, INCIDENT, IncidentItem

_TIMES: dict[str, Any] = {
    "id": "mttr",
    "sentence": "from the start of an incident to the end of its last alert",
    "mean_s": 840.0,
    "median_s": 600.0,
    "samples": 7,
    "missing": 1,
    "estimated": 2,
}
_TALLY: dict[str, Any] = {"name": "trade_execution_service", "incidents": 3}
_RECURRENCE: dict[str, Any] = {
    "rule": "trading_execution.unknown_age.critical",
    "member": "",
    "incidents": ["20260101t030405-7b0f6f4d", "20260102t030405-7b0f6f4d"],
    "times": 2,
    "first_at": "2026-01-01T03:04:05.000Z",
    "last_at": AT,
    "mean_gap_s": 86400.0,
    "median_gap_s": 86400.0,
    "mean_length_s": 300.0,
}


class TimesItem(BaseModel):
    """A mean time, with its median beside it. Null without samples."""

    id: Literal["mttd", "mtta", "mttr", "mtbf"]
    sentence: str
    mean_s: float | None
    median_s: float | None
    samples: int
    missing: int = Field(description="Incidents of which an end is not known, or not there yet.")
    estimated: int = Field(description="Samples that start at the first bad observation, for want of a change point.")


class Tally(BaseModel):
    """How many incidents concern a name."""

    name: str
    incidents: int


class RootItem(BaseModel):
    """A root, with how many incidents had it."""

    rule: str
    member: str
    incidents: int


class History(BaseModel):
    """Incidents of a range of time: how many, how fast they were seen, taken and over, with which roots."""

    model_config = ConfigDict(
        populate_by_name=True,
        json_schema_extra={
            "examples": [
                {
                    "environment": "production",
                    "from": AT,
                    "to": AT,
                    "incidents": 8,
                    "complete": True,
                    "open": 1,
                    "by_severity": [{"name": "critical", "incidents": 8}],
                    "by_area": [{"name": "trading_execution", "incidents": 3}],
                    "by_service": [_TALLY],
                    "times": [_TIMES],
                    "roots": [{"rule": "service.down", "member": "credit_ledger", "incidents": 2}],
                    "items": [INCIDENT],
                    "next": None,
                }
            ]
        },
    )

    environment: str
    start: str = Field(alias="from")
    to: str
    incidents: int
    complete: bool = Field(description="False when there were more: then these are the newest 3,000.")
    open: int
    by_severity: list[Tally]
    by_area: list[Tally]
    by_service: list[Tally]
    times: list[TimesItem] = Field(description="Over all incidents of the range, whatever the page.")
    roots: list[RootItem]
    items: list[IncidentItem] = Field(description="Newest first.")
    next: str | None


class RecurrenceItem(BaseModel):
    """A root that came more than once."""

    rule: str
    member: str
    incidents: list[str]
    times: int
    first_at: str
    last_at: str
    mean_gap_s: float
    median_gap_s: float
    mean_length_s: float | None


class Patterns(BaseModel):
    """What comes back: the same root, the same hour, the same day of the week. Times of day are UTC."""

    model_config = ConfigDict(
        populate_by_name=True,
        json_schema_extra={
            "examples": [
                {
                    "environment": "production",
                    "from": AT,
                    "to": AT,
                    "samples": 8,
                    "complete": True,
                    "recurrences": [_RECURRENCE],
                    "by_hour": [0] * 24,
                    "by_weekday": [0] * 7,
                    "by_root_service": [_TALLY],
                    "next": None,
                }
            ]
        },
    )

    environment: str
    start: str = Field(alias="from")
    to: str
    samples: int = Field(description="Incidents that were looked at.")
    complete: bool = Field(description="False when there were more: then these are the newest 3,000.")
    recurrences: list[RecurrenceItem]
    by_hour: list[int] = Field(description="Incidents that began in each hour of the day.")
    by_weekday: list[int] = Field(description="And on each day of the week, Monday first.")
    by_root_service: list[Tally]
    next: str | None
