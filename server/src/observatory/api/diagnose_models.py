"""The answer of a diagnosis, as JSON."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from observatory.api.health_json import moment
from observatory.diagnose.diagnosis import MEANING, Diagnosis, Stretch
from observatory.model.evidence import Evidence

_AT = "2026-01-02T03:04:00.000Z"
_EVIDENCE: dict[str, Any] = {
    "id": "series:fact_exchange_calls:exchange:binance:duration_of_calls",
    "sentence": "exchange binance: duration of calls rose from 84 to 1012 ms",
    "value": 1012.0,
    "usual": 84.0,
    "unit": "ms",
    "samples": 212,
    "since": _AT,
    "until": "2026-01-02T03:14:00.000Z",
    "source": "fact_exchange_calls",
    "link": "/api/v1/monitoring/services/trade_execution_service?environment=production",
}
_DIAGNOSIS: dict[str, Any] = {
    "kind": "service",
    "subject": "trade_execution_service",
    "environment": "production",
    "verdict": "Trade_execution_service: duration rose from 120 ms to 1090 ms since 2026-01-02 03:04:00 UTC, because "
    "of exchange binance (exchange slow): exchange binance: duration of calls rose from 84 to 1012 ms.",
    "confidence": "high",
    "confidence_means": MEANING["high"],
    "enough": True,
    "missing": [],
    "window": {"from": _AT, "to": "2026-01-02T03:14:00.000Z", "chosen": True},
    "baseline": {"from": "2026-01-02T01:04:00.000Z", "to": _AT, "chosen": True},
    "onset": _AT,
    "traces": {"usual": 1000, "now": 640},
    "path": [
        {
            "service": "trade_execution_service",
            "operation": "POST",
            "hop": "call",
            "usual_ms": 84.0,
            "now_ms": 1012.0,
            "added_ms": 928.0,
            "added_ratio": 0.96,
            "usual_failed": 0.0,
            "now_failed": 0.0,
            "failed_ratio": None,
            "traces": 640,
        }
    ],
    "contrasts": [
        {
            "attribute": "exchange",
            "value": "binance",
            "measure": "duration_ms",
            "now": 1012.0,
            "usual": 84.0,
            "effect": 11.05,
            "chance": 1e-12,
            "samples": 212,
            "services": ["trade_execution_service"],
            "evidence": ["contrast:exchange:binance:duration_ms"],
        }
    ],
    "changes": [
        {
            "kind": "deployment",
            "subject": "oauth_service",
            "service": "oauth_service",
            "at": _AT,
            "sentence": "deployment of oauth_service to 2.0.0",
            "before_onset_s": 60.0,
            "times": 1,
            "evidence": ["change:deployment:oauth_service:20260102T030400"],
        }
    ],
    "suspects": [
        {
            "cause": "exchange_slow",
            "kind": "exchange",
            "subject": "binance",
            "service": "trade_execution_service",
            "role": "cause",
            "score": 0.91,
            "onset": _AT,
            "sentence": _EVIDENCE["sentence"],
            "evidence": [_EVIDENCE["id"]],
        }
    ],
    "evidence": [_EVIDENCE],
}


class StretchItem(BaseModel):
    """A range of time."""

    model_config = ConfigDict(populate_by_name=True)

    start: str = Field(alias="from")
    to: str
    chosen: bool = Field(description="It was chosen by itself, not asked for.")


class HopItem(BaseModel):
    """A place on the critical paths, over all traces that were read."""

    service: str
    operation: str
    hop: str = Field(description="How the path comes to it: root, call, message, link or gap.")
    usual_ms: float = Field(description="Mean time on the path per trace, before.")
    now_ms: float
    added_ms: float
    added_ratio: float | None = Field(description="Share of all time that was added; null when none was.")
    usual_failed: float = Field(description="Share of the traces in which a failure began here, before.")
    now_failed: float
    failed_ratio: float | None = Field(description="Share of all failures that were added; null when none were.")
    traces: int


class ContrastItem(BaseModel):
    """A value of an attribute that stands out."""

    attribute: str
    value: str
    measure: Literal["slow_or_failed", "share", "duration_ms"]
    now: float
    usual: float
    effect: float = Field(description="Difference of two shares; of durations, as a share of the usual one.")
    chance: float = Field(description="Probability that it is chance, corrected for all comparisons.")
    samples: int
    services: list[str]
    evidence: list[str]


class ChangeItem(BaseModel):
    """Something that was changed near the onset."""

    kind: str
    subject: str
    service: str
    at: str
    sentence: str
    before_onset_s: float = Field(description="Seconds from it to the onset; negative when it came after.")
    times: int
    evidence: list[str]


class SuspectItem(BaseModel):
    """What may have caused it."""

    cause: str = Field(description="What kind of trouble, such as provider_slow, deployment or pool_saturation.")
    kind: str = Field(description="What the subject is: service, exchange, provider, model, queue, pool, ...")
    subject: str
    service: str
    role: Literal["cause", "symptom"]
    score: float
    onset: str | None
    sentence: str
    evidence: list[str] = Field(description="Ids of `evidence`, the strongest first.")


class EvidenceItem(BaseModel):
    """A fact that the answer rests on."""

    id: str
    sentence: str
    value: float | None
    usual: float | None
    unit: str
    samples: int
    since: str | None
    until: str | None
    source: str
    link: str


class TracesItem(BaseModel):
    """How many traces the path and the contrasts rest on."""

    usual: int
    now: int


class DiagnosisAnswer(BaseModel):
    """Why it is as it is."""

    model_config = ConfigDict(json_schema_extra={"examples": [_DIAGNOSIS]})

    kind: str
    subject: str
    environment: str
    verdict: str
    confidence: Literal["high", "medium", "low", "none"]
    confidence_means: str
    enough: bool = Field(description="False: there is not enough evidence to say anything; `missing` says why.")
    missing: list[str]
    window: StretchItem
    baseline: StretchItem | None
    onset: str | None
    traces: TracesItem
    path: list[HopItem]
    contrasts: list[ContrastItem]
    changes: list[ChangeItem]
    suspects: list[SuspectItem]
    evidence: list[EvidenceItem]


def answer(found: Diagnosis) -> dict[str, Any]:
    """JSON values of a diagnosis."""
    return {
        **{
            name: getattr(found, name) for name in ("kind", "subject", "environment", "verdict", "confidence", "enough")
        },
        "confidence_means": MEANING[found.confidence],
        "missing": list(found.missing),
        "window": _stretch(found.window),
        "baseline": _stretch(found.baseline) if found.baseline else None,
        "onset": moment(found.onset),
        "traces": {"usual": found.traces_usual, "now": found.traces_now},
        "path": [_plain(each, HopItem) for each in found.path],
        "contrasts": [_plain(each, ContrastItem) for each in found.contrasts],
        "changes": [{**_plain(each, ChangeItem), "at": moment(each.at)} for each in found.changes],
        "suspects": [{**_plain(each, SuspectItem), "onset": moment(each.onset)} for each in found.suspects],
        "evidence": [_evidence(each) for each in found.evidence],
    }


def _plain(found: object, item: type[BaseModel]) -> dict[str, Any]:
    values = {name: getattr(found, name) for name in item.model_fields}
    return {name: list(each) if isinstance(each, tuple) else each for name, each in values.items()}


def _stretch(found: Stretch) -> Mapping[str, Any]:
    return {"from": moment(found.start), "to": moment(found.end), "chosen": found.chosen}


def _evidence(found: Evidence) -> dict[str, Any]:
    return {**_plain(found, EvidenceItem), "since": moment(found.since), "until": moment(found.until)}
