"""What the routes of escalations and schedules take and answer with."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from observatory.oncall import policy, schedule

AT = "2026-01-02T03:04:05.000Z"
ID = r"^[a-z0-9][a-z0-9_-]{0,63}$"
_NAME = r"^[^\x00-\x1f\x7f]{1,64}$"
_WHOM: dict[str, Any] = {"channel": "", "person": "", "schedule": "primary"}
_LEVELS: list[dict[str, Any]] = [
    {"wait_s": 300, "whom": [_WHOM]},
    {"wait_s": 900, "whom": [{"channel": "desk", "person": "Ada", "schedule": ""}]},
]
_POLICY: dict[str, Any] = {
    "sentence": "critical trouble of production",
    "severities": ["critical"],
    "environments": ["production"],
    "areas": [],
    "rank": 100,
    "delay_s": 0,
    "levels": _LEVELS,
    "loops": 2,
    "acknowledgement_timeout_s": 3_600,
    "enabled": True,
}
_STORED: dict[str, Any] = {
    "id": "critical",
    **_POLICY,
    "changed_at": AT,
    "changed_by": "token:3",
    "problems": [],
}
_RUNNING: dict[str, Any] = {
    "subject": "incident:20260102t030405-7b0f6f4d",
    "environment": "production",
    "severity": "critical",
    "policy": "critical",
    "state": "running",
    "started_at": AT,
    "run": 1,
    "told": 1,
    "of": 6,
    "due_at": "2026-01-02T03:09:05.000Z",
}
_HAPPENING: dict[str, Any] = {
    "at": AT,
    "after_s": 0.0,
    "kind": "told",
    "run": 1,
    "round": 1,
    "level": 1,
    "targets": [{"channel": "telegram-ada", "person": "Ada"}],
}
_SCHEDULE: dict[str, Any] = {
    "sentence": "the trading desk's engineers",
    "handover_at": "2026-01-05T09:00:00.000Z",
    "weeks": 1,
    "people": [{"name": "Ada", "channels": ["telegram-ada"]}, {"name": "Ben", "channels": ["telegram-ben"]}],
    "overrides": [],
}
_SHIFT: dict[str, Any] = {
    "person": "Ada",
    "channels": ["telegram-ada"],
    "starts_at": "2026-01-05T09:00:00.000Z",
    "ends_at": "2026-01-12T09:00:00.000Z",
    "override": False,
}
_ROTATION: dict[str, Any] = {"id": "primary", **_SCHEDULE, "changed_at": AT, "changed_by": "token:3", "now": _SHIFT}


class Whom(BaseModel):
    """Whom a level tells: a channel with or without a person, or whoever is on call by a schedule."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [_WHOM]})

    channel: str = Field("", max_length=64, description="Id of a channel.")
    person: str = Field("", max_length=64, description="Who is meant; empty: whoever reads the channel.")
    schedule: str = Field("", max_length=64, description="Id of a schedule, instead of a channel.")


class Level(BaseModel):
    """One level: all of `whom` are told, and have `wait_s` until the next level is."""

    model_config = ConfigDict(extra="forbid")

    wait_s: int = Field(ge=policy.LEAST_WAIT_S, le=policy.LONGEST_WAIT_S)
    whom: list[Whom] = Field(min_length=1, max_length=policy.MOST_TARGETS)


class PolicyTerms(BaseModel):
    """What a policy says. Of several that fit, the one with the least `rank` is in force."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [_POLICY]})

    sentence: str = Field("", max_length=256, description="What it is for.")
    severities: list[Literal["critical", "warning", "info"]] = Field(min_length=1, max_length=3)
    environments: list[str] = Field([], max_length=32, description="Empty: all.")
    areas: list[str] = Field([], max_length=32, description="Empty: all.")
    rank: int = Field(100, ge=0, le=10_000)
    delay_s: int = Field(0, ge=0, le=policy.LONGEST_DELAY_S, description="From the firing to the first level.")
    levels: list[Level] = Field(min_length=1, max_length=policy.MOST_LEVELS)
    loops: int = Field(0, ge=0, le=policy.MOST_LOOPS, description="How often it starts over after the last level.")
    acknowledgement_timeout_s: int | None = Field(
        None,
        ge=policy.LEAST_TIMEOUT_S,
        le=policy.LONGEST_TIMEOUT_S,
        description="What was taken and still fires after this starts over; null: never.",
    )
    enabled: bool = True


class PolicyWanted(PolicyTerms):
    """A policy to be kept, and why."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [_POLICY | {"reason": "nights are long"}]})

    reason: str = Field("", max_length=512)


class PolicyItem(PolicyTerms):
    """A policy in force. `problems`: what it names and is not there; whoever is reminded of alerts is told instead."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [_STORED]})

    id: str
    changed_at: str
    changed_by: str
    problems: list[str]


class EscalationItem(BaseModel):
    """One escalation that has not ended: `told` of its `of` levels were told in this run."""

    model_config = ConfigDict(json_schema_extra={"examples": [_RUNNING]})

    subject: str
    environment: str
    severity: str
    policy: str
    state: Literal["running", "acknowledged", "exhausted", "ended"]
    started_at: str
    run: int = Field(description="Counts up each time it starts over.")
    told: int
    of: int
    due_at: str | None = Field(description="When something changes by itself.")


class PolicyList(BaseModel):
    """All policies, and the escalations that have not ended."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"items": [_STORED], "running": [_RUNNING]}]})

    items: list[PolicyItem]
    running: list[EscalationItem]


class SimulationWanted(BaseModel):
    """What happens in a simulation: when it fires, when somebody takes it, when it ends."""

    model_config = ConfigDict(extra="forbid")

    policy: PolicyTerms | None = Field(None, description="Instead of the one that is kept, before it is.")
    started_at: AwareDatetime | None = Field(None, description="Null: now.", examples=[AT])
    lasts_s: int = Field(86_400, ge=1, le=2_592_000, description="How long is looked at.")
    acknowledged_after_s: list[float] = Field([], max_length=50)
    ended_after_s: float | None = Field(None, ge=0, le=2_592_000)


class TargetItem(BaseModel):
    """Who is told. An empty channel: whoever is reminded of alerts."""

    channel: str
    person: str | None


class HappeningItem(BaseModel):
    """One thing that happens. `round` and `level` count from 1."""

    at: str
    after_s: float
    kind: Literal["told", "acknowledged", "timed_out", "exhausted", "ended"]
    run: int | None
    round: int | None
    level: int | None
    targets: list[TargetItem]


class Simulation(BaseModel):
    """What a policy would do."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"policy": "critical", "items": [_HAPPENING]}]})

    policy: str
    items: list[HappeningItem]


class PersonItem(BaseModel):
    """Somebody who can be called, and by which channels."""

    model_config = ConfigDict(extra="forbid")

    name: str = Field(pattern=_NAME)
    channels: list[str] = Field(min_length=1, max_length=5)


class OverrideItem(BaseModel):
    """Somebody stands in, the end not included."""

    model_config = ConfigDict(extra="forbid")

    person: str = Field(pattern=_NAME)
    starts_at: AwareDatetime = Field(examples=[AT])
    ends_at: AwareDatetime = Field(examples=[AT])


class ScheduleTerms(BaseModel):
    """A weekly rotation: from `handover_at` on, and backwards, each has `weeks` weeks in turn."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [_SCHEDULE]})

    sentence: str = Field("", max_length=256)
    handover_at: AwareDatetime = Field(examples=["2026-01-05T09:00:00Z"])
    weeks: int = Field(1, ge=1, le=schedule.MOST_WEEKS)
    people: list[PersonItem] = Field(min_length=1, max_length=schedule.MOST_PEOPLE)
    overrides: list[OverrideItem] = Field([], max_length=schedule.MOST_OVERRIDES)


class ScheduleWanted(ScheduleTerms):
    """A rotation to be kept, and why."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [_SCHEDULE | {"reason": "Ben is back"}]})

    reason: str = Field("", max_length=512)


class ShiftItem(BaseModel):
    """Who is on call from when until when, the end not included."""

    model_config = ConfigDict(json_schema_extra={"examples": [_SHIFT]})

    person: str
    channels: list[str]
    starts_at: str
    ends_at: str
    override: bool


class ScheduleItem(BaseModel):
    """A rotation, and who is on call now."""

    model_config = ConfigDict(json_schema_extra={"examples": [_ROTATION]})

    id: str
    sentence: str
    handover_at: str
    weeks: int
    people: list[PersonItem]
    overrides: list[dict[str, str]]
    changed_at: str
    changed_by: str
    now: ShiftItem


class ScheduleList(BaseModel):
    """All rotations."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"items": [_ROTATION]}]})

    items: list[ScheduleItem]


class ShiftList(BaseModel):
    """The shifts of a stretch of time, without gap."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"schedule": "primary", "items": [_SHIFT]}]})

    schedule: str
    items: list[ShiftItem]
