"""What the routes of incidents take and answer with."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from observatory.api.health_models import Provenance
from observatory.incidents.timeline import KINDS

StateName = Literal["opened", "acknowledged", "mitigated", "resolved"]
SeverityName = Literal["critical", "warning"]
ID = r"^[0-9]{8}t[0-9]{6}-[0-9a-f]{8}$"
AT = "2026-01-02T03:04:05.000Z"
_ALERT_ID = "7b0f6f4d5c3b2a1908f7e6d5:1"
_MEMBER: dict[str, Any] = {
    "alert": _ALERT_ID,
    "rule": "trading_execution.unknown_age.critical",
    "member": "",
    "severity": "critical",
    "sentence": "age of the oldest order in unknown state: 72 s",
    "services": ["trade_execution_service"],
    "area": "trading_execution",
    "evidence": [],
    "runbook": "trading-execution-unknown-age",
    "firing": True,
    "started_at": AT,
    "fired_at": AT,
    "resolved_at": None,
    "joined_at": AT,
    "deviated_at": None,
    "times": 1,
    "link": "",
    "reason": "no open incident has anything in common with it",
    "confidence": 1.0,
}
INCIDENT: dict[str, Any] = {
    "id": "20260102t030405-7b0f6f4d",
    "environment": "production",
    "title": "age of the oldest order in unknown state: 72 s",
    "state": "opened",
    "severity": "critical",
    "opened_at": AT,
    "first_deviation_at": None,
    "acknowledged_at": None,
    "mitigated_at": None,
    "resolved_at": None,
    "alerts": [_ALERT_ID],
    "alerts_firing": 1,
    "services": ["trade_execution_service"],
    "areas": ["trading_execution"],
    "root": _ALERT_ID,
    "reason": "one alert",
    "confidence": 1.0,
    "merged_into": None,
}
_CHANGE: dict[str, Any] = {
    "id": 7,
    "incident": "20260102t030405-7b0f6f4d",
    "kind": "opened",
    "at": AT,
    "alert": _ALERT_ID,
    "actor": "server",
    "reason": "age of the oldest order in unknown state: 72 s",
    "state": "opened",
    "severity": "critical",
}
_ENTRY: dict[str, Any] = {
    "at": AT,
    "kind": "alert_fired",
    "sentence": "trading_execution.unknown_age.critical fired",
    "evidence": "alert-change:12",
    "source": "alert_transitions",
    "related": True,
    "times": 1,
}
_WHENCE = {"unit": "1", "samples": 40, "window_s": 600, "as_of": AT, "source": "fact_orders", "estimated": False}
_NUMBER: dict[str, Any] = {
    "id": "orders_failed",
    "about": "orders",
    "sentence": "orders that were rejected or denied or whose call failed",
    "bad": "up",
    "during": 12,
    "before": 1,
    "change": 11,
    "worse": True,
    "provenance": {"during": _WHENCE, "before": _WHENCE},
}
_SIMILAR: dict[str, Any] = {
    "id": "20260101t030405-7b0f6f4d",
    "title": "age of the oldest order in unknown state: 65 s",
    "opened_at": "2026-01-01T03:04:05.000Z",
    "resolved_at": "2026-01-01T03:09:05.000Z",
    "likeness": 1.0,
    "shared": ["root trading_execution.unknown_age.critical"],
    "notes": ["the reconciler was restarted"],
}


class IncidentItem(BaseModel):
    """One incident: alerts that are thought to be one trouble."""

    id: str
    environment: str
    title: str = Field(description="What its root says.")
    state: StateName
    severity: SeverityName = Field(description="The worst that any of its alerts had.")
    opened_at: str = Field(description="When its first alert fired.")
    first_deviation_at: str | None = Field(description="Change point of the indicator that moved first; null without.")
    acknowledged_at: str | None
    mitigated_at: str | None
    resolved_at: str | None
    alerts: list[str] = Field(description="Ids of its alerts, of each the newest episode.")
    alerts_firing: int
    services: list[str]
    areas: list[str]
    root: str = Field(description="Id of the alert that is thought to be the first cause.")
    reason: str = Field(description="Why its alerts are one incident.")
    confidence: float = Field(description="Of the weakest link that holds it together, 0 to 1.")
    merged_into: str | None


class IncidentList(BaseModel):
    """One page of incidents, newest first. `next` is null on the last page."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"items": [INCIDENT], "next": None}]})

    items: list[IncidentItem]
    next: str | None


class MemberItem(BaseModel):
    """One alert as part of the incident, and why it is."""

    alert: str
    rule: str
    member: str
    severity: SeverityName
    sentence: str
    services: list[str]
    area: str
    evidence: list[str]
    runbook: str
    firing: bool
    started_at: str
    fired_at: str
    resolved_at: str | None
    joined_at: str
    deviated_at: str | None = Field(description="Change point of the series that it judges; null without.")
    times: int = Field(description="How often it fired within the incident.")
    link: str = Field(description="Id of the alert that it was folded by; empty for the first.")
    reason: str
    confidence: float


class ChangeItem(BaseModel):
    """One change of the incident."""

    id: int
    incident: str
    kind: str
    at: str
    alert: str | None
    actor: str
    reason: str
    state: StateName
    severity: SeverityName


class SimilarItem(BaseModel):
    """An earlier incident that looks like this one, and what people wrote beside it."""

    id: str
    title: str
    opened_at: str
    resolved_at: str | None
    likeness: float = Field(description="Share of what marks the two that both have, 0 to 1.")
    shared: list[str]
    notes: list[str]


class IncidentDetail(BaseModel):
    """One incident with its alerts, its changes and earlier ones like it."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "incident": INCIDENT,
                    "members": [_MEMBER],
                    "changes": [_CHANGE],
                    "similar": [_SIMILAR],
                    "runbooks": [],
                }
            ]
        }
    )

    incident: IncidentItem
    members: list[MemberItem]
    changes: list[ChangeItem] = Field(description="Oldest first; with `as_of` those up to then.")
    similar: list[SimilarItem]
    runbooks: list[str] = Field(description="Ids of the runbooks of its alerts, the root's first.")


class EntryItem(BaseModel):
    """One line of a timeline."""

    at: str
    kind: str = Field(description=f"One of {', '.join(KINDS)}.")
    sentence: str
    evidence: str = Field(description="What it is known from: a change, a trace, a series, a fact.")
    source: str = Field(description="The table it was read from.")
    related: bool = Field(description="Of a service or an alert of the incident; what is not happened meanwhile.")
    times: int = Field(description="How often within ten minutes.")


class Timeline(BaseModel):
    """An incident's timeline, oldest first. `next` is null on the last page."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"incident": INCIDENT["id"], "items": [_ENTRY], "left_out": 0, "next": None}]}
    )

    incident: str
    items: list[EntryItem]
    left_out: int = Field(
        description="Events that are not told, because there are too many; an entry `left_out` stands where they were."
    )
    next: str | None


class NumberItem(BaseModel):
    """One number, over the incident and over as long before it; null where nothing is known."""

    id: str
    about: Literal["users", "orders", "signals", "money", "credits"]
    sentence: str
    bad: Literal["up", "down", "none"] = Field(description="Whether more or less than before is worse.")
    during: float | None
    before: float | None
    change: float | None = Field(
        description="More than before; where less of before is known, scaled to the same time."
    )
    worse: bool | None
    provenance: dict[str, Provenance]


class UserItem(BaseModel):
    """One user whom failures met, and how often."""

    user_id: str
    times: int


class ImpactItem(BaseModel):
    """What an incident did, by numbers that were measured."""

    model_config = ConfigDict(
        populate_by_name=True,
        json_schema_extra={
            "examples": [
                {
                    "incident": INCIDENT["id"],
                    "from": AT,
                    "to": AT,
                    "from_known_by": "change_point",
                    "baseline_from": AT,
                    "baseline_to": AT,
                    "items": [_NUMBER],
                    "users": [{"user_id": "user-7", "times": 3}],
                    "next": None,
                }
            ]
        },
    )

    incident: str
    start: str = Field(alias="from")
    to: str
    from_known_by: Literal["change_point", "first_bad_observation"]
    baseline_from: str = Field(description="As long before, or from the first call that is known.")
    baseline_to: str
    items: list[NumberItem]
    users: list[UserItem] = Field(description="Those met most often, at most 50.")
    next: str | None


class Done(BaseModel):
    """What was done, and the incidents as they are now."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"changed": True, "items": [INCIDENT]}]})

    changed: bool = Field(description="False when it was so already.")
    items: list[IncidentItem]


class _Asked(BaseModel):
    model_config = ConfigDict(extra="forbid")


class StateWanted(_Asked):
    """How far the incident is, and why."""

    state: StateName
    reason: str = Field("", max_length=512, examples=["I look at it"])


class MergeWanted(_Asked):
    """Into which incident, and why."""

    into: str = Field(pattern=ID, examples=[INCIDENT["id"]])
    reason: str = Field(min_length=1, max_length=512, examples=["the same exchange is down"])


class SplitWanted(_Asked):
    """Which alerts become an incident of their own, and why."""

    alerts: list[str] = Field(min_length=1, max_length=500, examples=[[_ALERT_ID]])
    reason: str = Field(min_length=1, max_length=512, examples=["this is another trouble"])


class UndoWanted(_Asked):
    """Why the last merge or split is taken back."""

    reason: str = Field("", max_length=512, examples=["they are two troubles after all"])


class NoteWanted(_Asked):
    """What shall be written down beside the incident."""

    text: str = Field(min_length=1, max_length=4_000, examples=["the reconciler was restarted"])
