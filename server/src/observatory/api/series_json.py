"""Points of a series as JSON has them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel, Field

from observatory.api import health_json
from observatory.api.ranges import Range, seconds
from observatory.areas import series
from observatory.errors import InvalidRequest

POINT: dict[str, Any] = {
    "at": "2026-01-02T03:04:00.000Z",
    "value": 1_210.0,
    "mean": 1_190.5,
    "min": 1_100.0,
    "max": 1_300.0,
    "samples": 412,
    "estimated": False,
}


class SeriesPoint(BaseModel):
    """One step: the indicator as its rounds found it. Null where a round measured nothing."""

    at: str = Field(description="Start of the step.")
    value: float | None = Field(description="As the last round of the step found it.")
    mean: float | None = Field(description="Mean over the rounds of the step.")
    min: float | None
    max: float | None
    samples: int = Field(description="Most samples that a round's value rested on.")
    estimated: bool


def point(step: series.Step) -> Mapping[str, Any]:
    """One step as JSON values."""
    numbers = {"value": step.last, "mean": step.mean, "min": step.least, "max": step.greatest}
    return {
        "at": health_json.moment(step.at),
        **{name: None if each is None else health_json.rounded(each) for name, each in numbers.items()},
        "samples": step.samples,
        "estimated": step.estimated,
    }


def step_s(asked: Range, step: str, most: int = series.MOST_STEPS) -> int:
    """The length of a step in seconds, from the text of the parameter `step`.

    Raises:
        InvalidRequest: it is no length, no multiple of what history keeps, or gives more than `most` points.
    """
    found = seconds("step", step)
    if found % 10:
        raise InvalidRequest("query parameter step: must be a multiple of 10s")
    if asked.window_s / found > most:
        raise InvalidRequest(f"query parameter step: gives more than {most} points over this range")
    return found
