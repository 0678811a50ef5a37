"""The product's own numbers as JSON, for the page of self-watch."""

from __future__ import annotations

import math
from collections.abc import Iterable
from itertools import groupby
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Query, Request
from prometheus_client import Metric
from prometheus_client.samples import Sample
from pydantic import BaseModel, ConfigDict, Field

from observatory.api import health_json
from observatory.api.access import require
from observatory.auth import READ

router = APIRouter(prefix="/api/v1/monitoring/selfwatch", tags=["selfwatch"], dependencies=[Depends(require(READ))])

_QUANTILES = (0.5, 0.99)
_FAMILY: dict[str, Any] = {
    "id": "observatory_commit_seconds",
    "sentence": "Time from the first body of a commit to its acknowledgement.",
    "kind": "duration",
    "items": [
        {"labels": {"signal": "traces"}, "value": None, "count": 812, "mean_s": 0.031, "p50_s": 0.025, "p99_s": 0.1}
    ],
}


class OwnNumber(BaseModel):
    """One number, or of durations how many there were and how long. A quantile is the bound of the bucket it lies in,
    and null above the last bound."""

    labels: dict[str, str]
    value: float | None = Field(description="Of a count or a gauge; null when it is not known, and for durations.")
    count: int | None = Field(description="Of durations.")
    mean_s: float | None
    p50_s: float | None
    p99_s: float | None


class OwnFamily(BaseModel):
    """One of the product's own metrics."""

    id: str
    sentence: str
    kind: Literal["count", "gauge", "duration"]
    items: list[OwnNumber]


class OwnNumbers(BaseModel):
    """All of the product's own metrics, since the server started."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"timestamp": "2026-01-02T03:04:05.000Z", "items": [_FAMILY], "next": None}]}
    )

    timestamp: str
    items: list[OwnFamily]
    next: None = None


@router.get("")
async def show(
    request: Request, prefix: Annotated[str, Query(max_length=64, description="How their ids begin.")] = "observatory_"
) -> OwnNumbers:
    """What this server took in, refused and dropped, and how long its own work took, since it started."""
    metrics = request.app.state.selfwatch.registry.collect()
    items = [_family(each) for each in metrics if each.name.startswith(prefix)]
    return OwnNumbers(timestamp=health_json.moment(request.app.state.clock.now()) or "", items=items)


def _family(metric: Metric) -> OwnFamily:
    durations = metric.type == "histogram"
    kind: Literal["count", "gauge", "duration"] = "count" if metric.type == "counter" else "gauge"
    items = _durations(metric.samples) if durations else _counts(metric.samples)
    return OwnFamily(
        id=metric.name, sentence=metric.documentation, kind="duration" if durations else kind, items=list(items)
    )


def _counts(samples: Iterable[Sample]) -> Iterable[OwnNumber]:
    for sample in samples:
        if not sample.name.endswith("_created"):
            value = _finite(sample.value)
            yield OwnNumber(labels=dict(sample.labels), value=value, count=None, mean_s=None, p50_s=None, p99_s=None)


def _durations(samples: Iterable[Sample]) -> Iterable[OwnNumber]:
    for labels, group in groupby(samples, lambda each: {name: of for name, of in each.labels.items() if name != "le"}):
        told = list(group)
        count = sum(each.value for each in told if each.name.endswith("_count"))
        total_s = sum(each.value for each in told if each.name.endswith("_sum"))
        buckets = [(float(each.labels["le"]), each.value) for each in told if each.name.endswith("_bucket")]
        p50_s, p99_s = (_bound(buckets, each * count) if count else None for each in _QUANTILES)
        mean_s = total_s / count if count else None
        yield OwnNumber(labels=labels, value=None, count=int(count), mean_s=mean_s, p50_s=p50_s, p99_s=p99_s)


def _bound(buckets: Iterable[tuple[float, float]], wanted: float) -> float | None:
    return _finite(next((bound for bound, cumulative in buckets if cumulative >= wanted), float("inf")))


def _finite(value: float) -> float | None:
    # JSON has neither infinities nor what is no number.
    return value if math.isfinite(value) else None
