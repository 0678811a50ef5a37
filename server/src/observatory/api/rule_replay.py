"""Rules over stored history before they are saved: what would have fired, and how right that would have been."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any, Self

from fastapi import APIRouter, Depends, Request
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, model_validator

from observatory import areas, replay
from observatory.alerting import Rule, RuleError, decode
from observatory.alerting.rule import Origin
from observatory.api import health_json
from observatory.api.access import require
from observatory.api.alerts import SeverityName, evaluator_of
from observatory.api.ranges import utc
from observatory.auth import OPERATE
from observatory.errors import InvalidRequest, NotFound, Overloaded
from observatory.replay import Fire, Label, Outcome, Score, Span
from observatory.replay.rounds import untold
from observatory.replay.score import TAIL_S, Share

router = APIRouter(prefix="/api/v1/monitoring/rules", tags=["rules"], dependencies=[Depends(require(OPERATE))])

# One request may cost so much: longer stretches take longer steps, or are cut off and say so.
MOST_ROUNDS = 720
MOST_FIRES = 2_000
_AT = "2026-01-02T03:04:05.000Z"
_ENTRY: dict[str, Any] = {
    "id": "own.slow_models",
    "sentence": "models answer slowly",
    "severity": "warning",
    "for": "30s",
    "condition": {"kind": "bound", "indicator": "ai_systems.latency_p95", "level": "warning", "bound": "> 8000"},
}
_LABEL: dict[str, Any] = {
    "id": "slow-tuesday",
    "start": "2026-01-02T03:10:00Z",
    "end": "2026-01-02T03:20:00Z",
    "areas": ["ai_systems"],
}
_FIRE: dict[str, Any] = {
    "rule": "own.slow_models",
    "member": "",
    "severity": "warning",
    "started_at": "2026-01-02T03:10:40.000Z",
    "fired_at": "2026-01-02T03:11:10.000Z",
    "resolved_at": "2026-01-02T03:21:30.000Z",
    "duration_s": 620.0,
    "sentence": "latency of model calls: 9,120 ms in 5 min, above the warning bound of 8,000 ms",
    "value": 9120.0,
    "unit": "ms",
    "samples": 214,
    "bound": "above the warning bound of 8,000 ms",
    "area": "ai_systems",
    "services": ["ai_consensus"],
    "evidence": [],
    "true": True,
}
_SHARE: dict[str, Any] = {"ratio": 1.0, "hits": 1, "of": 1, "low": 0.2065, "high": 1.0}
_ANSWER: dict[str, Any] = {
    "rule": "own.slow_models",
    "environment": "production",
    "from": "2026-01-02T03:00:00.000Z",
    "to": "2026-01-02T04:00:00.000Z",
    "step_s": 5.0,
    "replayed_until": "2026-01-02T04:00:00.000Z",
    "rounds": 721,
    "complete": True,
    "why_incomplete": "",
    "failures": 0,
    "listening_since": "2026-01-01T03:00:00.000Z",
    "fires": [_FIRE],
    "fires_total": 1,
    "members": 1,
    "firing_s": 620.0,
    "score": {
        "precision": _SHARE,
        "recall": _SHARE,
        "tail_s": TAIL_S,
        "labels": [{"id": "slow-tuesday", "found": True, "after_s": 70.0}],
    },
}


class ReplayWanted(BaseModel):
    """A rule, saved (`rule_id`) or not yet (`entry`), and the history that it is held against."""

    model_config = ConfigDict(
        extra="forbid",
        populate_by_name=False,
        json_schema_extra={
            "examples": [
                {
                    "entry": _ENTRY,
                    "environment": "production",
                    "from": "2026-01-02T03:00:00Z",
                    "to": "2026-01-02T04:00:00Z",
                    "labels": [_LABEL],
                }
            ]
        },
    )

    rule_id: str = Field("", max_length=160, description="A rule in force. Either this or `entry`.")
    entry: dict[str, Any] | None = Field(None, max_length=32, description="A rule as in a rule file, without SQL.")
    environment: str = Field("production", max_length=128)
    start: AwareDatetime = Field(alias="from")
    end: AwareDatetime | None = Field(None, alias="to", description="Now without it.")
    step_s: float | None = Field(
        None,
        ge=1,
        le=3_600,
        description="Seconds between two looks; as often as the server itself looks, if that is not too often.",
    )
    labels: list[Label] = Field(default_factory=list, max_length=1_000, description="What was really wrong.")
    tail_s: float = Field(TAIL_S, ge=0, le=86_400, description="How long after its end a label still has fires.")

    @model_validator(mode="after")
    def _one_rule(self) -> Self:
        if bool(self.rule_id) is (self.entry is not None):
            raise ValueError("rule_id: give either rule_id or entry")
        return self


class ReplayFire(BaseModel):
    """One would-be fire. `true`: it belongs to a labelled fault; null without labels."""

    model_config = ConfigDict(populate_by_name=True)

    rule: str
    member: str
    severity: SeverityName
    started_at: str = Field(description="First bad observation.")
    fired_at: str
    resolved_at: str | None = Field(description="Null: it still fired at the end of what was replayed.")
    duration_s: float
    sentence: str
    value: float | None
    unit: str
    samples: int
    bound: str
    area: str
    services: list[str]
    evidence: list[str]
    is_true: bool | None = Field(alias="true")


class ReplayShare(BaseModel):
    """A share, the counts behind it, and Wilson's interval of 95 %; null without any."""

    ratio: float | None
    hits: int
    of: int
    low: float | None
    high: float | None


class ReplayLabel(BaseModel):
    """A fault that the rule was there for."""

    id: str
    found: bool
    after_s: float | None = Field(description="From its start to the first fire; null when it was missed.")


class ReplayScore(BaseModel):
    """How right the rule would have been. The rule of matching stands in the documentation of replay."""

    precision: ReplayShare
    recall: ReplayShare
    tail_s: float
    labels: list[ReplayLabel]


class ReplayAnswer(BaseModel):
    """What would have fired. `complete` is false when time or room ran out: then it holds until `replayed_until`."""

    model_config = ConfigDict(populate_by_name=True, json_schema_extra={"examples": [_ANSWER]})

    rule: str
    environment: str
    start: str = Field(alias="from")
    end: str = Field(alias="to")
    step_s: float
    replayed_until: str
    rounds: int = Field(description="How many moments were looked at.")
    complete: bool
    why_incomplete: str
    failures: int = Field(description="Queries that failed; what they should have told is missing.")
    listening_since: str = Field(description="Since when a server is taken to have listened.")
    fires: list[ReplayFire]
    fires_total: int
    members: int = Field(description="How many members fired.")
    firing_s: float = Field(description="Seconds in which at least one member fired.")
    score: ReplayScore | None = Field(description="Null without labels.")


@router.post("/replay", response_model=ReplayAnswer)
async def replay_rule(request: Request, wanted: ReplayWanted) -> dict[str, Any]:
    """Hold a rule against stored history: nothing is saved, nobody is told. One at a time."""
    rule = _rule(request, wanted)
    state = request.app.state
    span = _span(wanted, state.clock.now(), state.tick_s)
    sources = replay.Sources(state.store.reader, state.store.guarded, state.catalogue, areas.load())
    bounds = replay.Bounds(seconds=state.replay_s)
    async with _alone(state):
        outcome = await replay.replay(sources, [rule], wanted.environment, span, state.clock, bounds)
    scored = None
    if wanted.labels:
        scored = await asyncio.to_thread(
            replay.score, outcome.fires, wanted.labels, [rule], span.since, outcome.until, wanted.tail_s
        )
    return values(outcome, scored, wanted.tail_s)


def values(outcome: Outcome, scored: Score | None, tail_s: float = TAIL_S) -> dict[str, Any]:
    """A replay as JSON values."""
    false = {(each.alert.fingerprint, each.fired_at) for each in scored.false} if scored else set()
    return {
        "rule": outcome.rules[0].id if len(outcome.rules) == 1 else "",
        "environment": outcome.environment,
        "from": health_json.moment(outcome.span.since),
        "to": health_json.moment(outcome.span.until),
        "step_s": outcome.span.step_s,
        "replayed_until": health_json.moment(outcome.until),
        "rounds": outcome.rounds,
        "complete": not outcome.why_short,
        "why_incomplete": outcome.why_short,
        "failures": outcome.failures,
        "listening_since": health_json.moment(outcome.listening),
        "fires": [_fire(each, false if scored else None) for each in outcome.fires[:MOST_FIRES]],
        "fires_total": len(outcome.fires),
        "members": len({each.alert.member for each in outcome.fires}),
        "firing_s": _covered_s(outcome.fires),
        "score": None if scored is None else _score(scored, tail_s),
    }


def _rule(request: Request, wanted: ReplayWanted) -> Rule:
    book = evaluator_of(request).rulebook
    if wanted.entry is None:
        found = book.in_force.get(wanted.rule_id)
        if found is None:
            raise NotFound(f"no rule {wanted.rule_id!r}")
        rule, named = found.rule, "rule_id"
    else:
        try:
            rule, named = decode.rule(wanted.entry, book.known, Origin.OWN), "entry.condition"
        except RuleError as error:
            raise InvalidRequest(f"entry.{error}") from None
    why = untold(rule)
    if why:
        raise InvalidRequest(f"{named}: {rule.id} cannot be replayed: {why}")
    return rule


def _span(wanted: ReplayWanted, now: datetime, tick_s: float) -> Span:
    for place, label in enumerate(wanted.labels):
        utc(f"labels.{place}.start", label.start)
        utc(f"labels.{place}.end", label.end or label.start)
    start, end = utc("from", wanted.start), min(utc("to", wanted.end or now), now)
    step_s = wanted.step_s or max(replay.step_for(start, end, tick_s, MOST_ROUNDS), 1.0)
    return Span(start, end, step_s)


@asynccontextmanager
async def _alone(state: Any) -> AsyncIterator[None]:
    if getattr(state, "replaying", False):
        raise Overloaded("another replay runs already: one at a time", retry_after_s=5)
    state.replaying = True
    try:
        yield
    finally:
        state.replaying = False


def _fire(fire: Fire, false: set[tuple[str, datetime]] | None) -> dict[str, Any]:
    alert, measured = fire.alert, fire.alert.measurement
    value = None if measured is None or measured.value is None else float(measured.value)
    return {
        "rule": alert.rule,
        "member": alert.member,
        "severity": alert.severity.value,
        "started_at": health_json.moment(alert.started_at),
        "fired_at": health_json.moment(fire.fired_at),
        "resolved_at": health_json.moment(fire.resolved_at),
        "duration_s": fire.duration_s,
        "sentence": alert.sentence,
        "value": value,
        "unit": "" if measured is None else measured.unit,
        "samples": 0 if measured is None else measured.samples,
        "bound": alert.bound,
        "area": alert.area,
        "services": list(alert.services),
        "evidence": list(alert.evidence),
        "true": None if false is None else (alert.fingerprint, fire.fired_at) not in false,
    }


def _covered_s(fires: Sequence[Fire]) -> float:
    """Seconds in which at least one fires; they come in order of their beginnings."""
    covered_s, reached = 0.0, None
    for each in fires:
        end = each.resolved_at or each.until
        begin = each.fired_at if reached is None else max(each.fired_at, reached)
        if end > begin:
            covered_s += (end - begin).total_seconds()
            reached = end
    return covered_s


def _score(scored: Score, tail_s: float) -> Mapping[str, Any]:
    return {
        "precision": _share(scored.precision),
        "recall": _share(scored.recall),
        "tail_s": tail_s,
        "labels": [
            {"id": label.id, "found": after_s is not None, "after_s": after_s} for label, after_s in scored.found
        ],
    }


def _share(share: Share) -> Mapping[str, Any]:
    low, high = share.interval or (None, None)
    return {"ratio": share.ratio, "hits": share.hits, "of": share.of, "low": low, "high": high}
