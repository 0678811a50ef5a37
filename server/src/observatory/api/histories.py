"""Series: any indicator's history, by step."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from observatory import areas
from observatory.api import health_json, series_json
from observatory.api.access import require
from observatory.api.deep_dives import Environment, expect_environment
from observatory.api.ranges import Range, Ranged, Step
from observatory.api.series_json import POINT, SeriesPoint, point
from observatory.api.snapshot import ANSWERS, send
from observatory.areas import series
from observatory.areas.assess import Span
from observatory.auth import READ
from observatory.errors import InvalidRequest, NotFound
from observatory.model import Indicator
from observatory.tick import DEFAULT_ENVIRONMENT

router = APIRouter(
    prefix="/api/v1/monitoring", tags=["series"], dependencies=[Depends(require(READ))], responses=ANSWERS
)

_AT = "2026-01-02T03:04:00.000Z"
_SERIES: dict[str, Any] = {
    "indicator": "ai_systems.latency_p95",
    "sentence": "95th percentile of the duration of model calls",
    "unit": "ms",
    "environment": "production",
    "from": "2026-01-02T02:04:00.000Z",
    "to": _AT,
    "step_s": 60,
    "window_s": 300,
    "source": "fact_ai_calls",
    "items": [{"member": "", "points": [POINT]}],
}
_INDICATOR: dict[str, Any] = {
    "id": "ai_systems.latency_p95",
    "area": "ai_systems",
    "sentence": "95th percentile of the duration of model calls",
    "unit": "ms",
    "direction": "lower_is_better",
    "window_s": 300,
    "group_by": [],
    "warn": "> 5000",
    "crit": "> 15000",
    "least_samples": 20,
    "bound_source": "contract section 3",
    "source": "fact_ai_calls",
}


class SeriesOfMember(BaseModel):
    """One member's points, oldest first. A step without a round is left out."""

    member: str
    points: list[SeriesPoint]


class Series(BaseModel):
    """History of one indicator."""

    model_config = ConfigDict(populate_by_name=True, json_schema_extra={"examples": [_SERIES]})

    indicator: str
    sentence: str
    unit: str
    environment: str
    start: str = Field(alias="from")
    to: str
    step_s: int
    window_s: int = Field(description="Seconds of event time behind each round's value.")
    source: str
    items: list[SeriesOfMember]


class IndicatorItem(BaseModel):
    """One indicator's definition."""

    model_config = ConfigDict(json_schema_extra={"examples": [_INDICATOR]})

    id: str
    area: str
    sentence: str
    unit: str
    direction: str
    window_s: int
    group_by: list[str]
    warn: str | None
    crit: str | None
    least_samples: int
    bound_source: str
    source: str


class Indicators(BaseModel):
    """Every indicator."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"items": [_INDICATOR], "next": "cm93OjUw"}]})

    items: list[IndicatorItem]
    next: str | None


@router.get("/indicators", response_model=Indicators)
async def names(
    request: Request, area: Annotated[str | None, Query(max_length=64, description="Id of an area.")] = None
) -> Response:
    """Every indicator: what it measures, in which unit and window, by what it is grouped, and its bounds."""
    known = [each.id for each in areas.load()]
    if area is not None and area not in known:
        raise InvalidRequest(f"query parameter area: must be one of {', '.join(known)}")
    found = (each for each in series.indicators().values() if area in (None, each.area))
    return send(request, {"items": [_indicator(each) for each in found], "next": None})


@router.get("/series", response_model=Series)
async def show(
    request: Request,
    asked: Annotated[Range, Depends(Ranged())],
    indicator: Annotated[str, Query(max_length=128, description="Id, as `indicators` lists it.")],
    member: Annotated[
        str, Query(max_length=200, description="One member of its groups; `*`: the 50 with the most samples.")
    ] = "",
    step: Step = None,
    environment: Environment = DEFAULT_ENVIRONMENT,
) -> Response:
    """An indicator's history by step, from the rounds of 10 s, or rolled up to a minute or an hour.

    Without `step` it is as fine as gives at most 600 points.
    """
    expect_environment(request, environment)
    found = series.indicators().get(indicator)
    if found is None:
        raise NotFound(f"no indicator {indicator!r}; `indicators` lists them")
    step_s = series.fitting_step(asked.window_s) if step is None else series_json.step_s(asked, step)
    state = request.app.state
    span = Span(asked.end, asked.window_s, state.listening_since)
    points = await series.read(state.store.reader, found.id, environment, member, span, step_s, state.clock.now())
    return send(request, _answer(found, environment, asked, step_s, points))


def _answer(
    found: Indicator, environment: str, asked: Range, step_s: int, points: Mapping[str, Sequence[series.Step]]
) -> Mapping[str, Any]:
    return {
        "indicator": found.id,
        "sentence": found.sentence,
        "unit": found.unit,
        "environment": environment,
        "from": health_json.moment(asked.start),
        "to": health_json.moment(asked.end),
        "step_s": step_s,
        "window_s": found.window_s,
        "source": found.source,
        "items": [{"member": name, "points": [point(each) for each in steps]} for name, steps in points.items()],
    }


def _indicator(found: Indicator) -> Mapping[str, Any]:
    return {
        "id": found.id,
        "area": found.area,
        "sentence": found.sentence,
        "unit": found.unit,
        "direction": found.direction,
        "window_s": found.window_s,
        "group_by": list(found.group_by),
        "warn": str(found.warn) if found.warn else None,
        "crit": str(found.crit) if found.crit else None,
        "least_samples": found.least_samples,
        "bound_source": found.bound_source,
        "source": found.source,
    }
