"""The product's own numbers as a page: what it took in, refused and dropped, and how long its own work took."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import HTMLResponse
from prometheus_client import CollectorRegistry, Metric
from prometheus_client.samples import Sample

from observatory.api import html
from observatory.api.access import require
from observatory.auth import READ
from observatory.health.figures import UNKNOWN, figure

router = APIRouter(include_in_schema=False, dependencies=[Depends(require(READ))])

_PREFIX = "observatory_"


@dataclass(frozen=True, slots=True)
class CountView:
    """One line: the labels it is for, and its value, or for a duration how many, mean, median and 99th percentile."""

    labels: str
    value: str


@dataclass(frozen=True, slots=True)
class FamilyView:
    """One counter, gauge or duration with a line for each set of labels."""

    name: str
    sentence: str
    counts: tuple[CountView, ...]


@router.get("/plain/selfwatch")
def show(request: Request, refresh: Annotated[int, Query(ge=0, le=3_600)] = 5) -> HTMLResponse:
    """Bodies, rows, rejections by reason, commit time, queue bytes, tick time, since the server started; loads itself
    again every `refresh` seconds, 0 for never."""
    values = {"families": families(request.app.state.selfwatch.registry), "refresh": refresh, "title": "Self-watch"}
    return html.render("selfwatch.html", values)


def families(registry: CollectorRegistry) -> list[FamilyView]:
    """Every metric of `registry`, in its order."""
    return [
        FamilyView(
            metric.name.removeprefix(_PREFIX).replace("_", " "),
            metric.documentation,
            tuple(_durations(metric) if metric.type == "histogram" else _counts(metric)),
        )
        for metric in registry.collect()
    ]


def _counts(metric: Metric) -> Iterable[CountView]:
    for sample in metric.samples:
        if not sample.name.endswith("_created"):
            yield CountView(_labels(sample), figure(metric.name, sample.value))


def _durations(metric: Metric) -> Iterable[CountView]:
    for labels, group in groupby(metric.samples, _labels):
        samples = list(group)
        count = next((each.value for each in samples if each.name.endswith("_count")), 0.0)
        total_s = next((each.value for each in samples if each.name.endswith("_sum")), 0.0)
        if not count:
            yield CountView(labels, "0 times")
            continue
        buckets = [(float(each.labels["le"]), each.value) for each in samples if each.name.endswith("_bucket")]
        yield CountView(
            labels,
            f"{figure('', count)} times, mean {_ms(total_s / count)}, "
            f"p50 {_bound(buckets, count, 0.5)}, p99 {_bound(buckets, count, 0.99)}",
        )


def _bound(buckets: Sequence[tuple[float, float]], count: float, quantile: float) -> str:
    # A histogram knows only in which bucket the quantile lies, so the bucket's bound is what can be said.
    bound_s = next((bound_s for bound_s, cumulative in buckets if cumulative >= quantile * count), math.inf)
    if math.isfinite(bound_s):
        return f"≤ {_ms(bound_s)}"
    finite_s = [each for each, _ in buckets if math.isfinite(each)]
    return f"> {_ms(finite_s[-1])}" if finite_s else UNKNOWN


def _labels(sample: Sample) -> str:
    return ", ".join(f"{name} {value}" for name, value in sample.labels.items() if name != "le")


def _ms(seconds: float) -> str:
    return figure("_ms", seconds * 1_000)
