"""The shape of the comparison of two groups of traces, for OpenAPI."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from observatory.api.explorer import UNTRUSTED

_AT = "2026-01-02T03:04:05.000Z"


class PlaceInGroup(BaseModel):
    """A place in one of two groups; null where it cannot be known."""

    traces: int
    traces_ratio: float | None
    calls_per_trace: float | None
    duration_ms_p50: float | None
    duration_ms_p95: float | None
    self_ms_per_trace: float | None
    failed_ratio: float | None


class PlaceDifference(BaseModel):
    """A place in both groups."""

    place: list[str] = Field(description="Service and operation of each span on the way, root first.")
    change: Literal["added", "missing", "slower", "faster", "more_often", "less_often", "failing", "same", "too_few"]
    added_ms: float | None = Field(description="Time of its own that a trace of the second group has more, mean.")
    chance: float | None = Field(
        description="Probability that this is chance, corrected for all places; null for too few traces."
    )
    usual: PlaceInGroup
    now: PlaceInGroup


class ComparedGroup(BaseModel):
    """One of the two groups."""

    model_config = ConfigDict(populate_by_name=True)

    traces: int
    spans: int
    start: datetime | None = Field(alias="from", description="Null when the traces were named.")
    to: datetime | None
    complete: bool = Field(description="Whether it holds all that fit; else the newest of them.")


_IN_GROUP: dict[str, Any] = {
    "traces": 40,
    "traces_ratio": 1.0,
    "calls_per_trace": 1.0,
    "duration_ms_p50": 120.0,
    "duration_ms_p95": 180.0,
    "self_ms_per_trace": 30.0,
    "failed_ratio": 0.0,
}
_GROUP: dict[str, Any] = {"traces": 40, "spans": 400, "from": _AT, "to": _AT, "complete": True}


class Comparison(BaseModel):
    """Two groups of traces, place by place."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "environment": "production",
                    "usual": _GROUP,
                    "now": _GROUP,
                    "enough": True,
                    "least_traces": 8,
                    "counts": {"slower": 1},
                    "source": "otel_traces",
                    "items": [
                        {
                            "place": ["ai_chat_engine: chat.answer", "ai_chat_engine: chat gpt-4o"],
                            "change": "slower",
                            "added_ms": 812.0,
                            "chance": 0.0004,
                            "usual": _IN_GROUP,
                            "now": _IN_GROUP | {"duration_ms_p50": 932.0},
                        }
                    ],
                    "untrusted": ["place"],
                    "next": None,
                }
            ]
        },
    )

    environment: str
    usual: ComparedGroup
    now: ComparedGroup
    enough: bool = Field(description="Whether each group has the least traces that anything can be said of.")
    least_traces: int
    counts: dict[str, int] = Field(description="Places by what became of them.")
    source: str
    items: list[PlaceDifference] = Field(description="Those with the most time between the groups first.")
    untrusted: list[str] = Field(description=UNTRUSTED)
    next: str | None
