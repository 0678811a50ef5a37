"""The shape of cost anomalies, for OpenAPI."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from observatory.api.cost_asked import CostProvenance

KindName = Literal[
    "price_change",
    "cache_ratio_drop",
    "silent_fallback",
    "model_mix",
    "runaway_user",
    "runaway_conversation",
    "token_loop",
    "longer_calls",
    "volume",
]
StateName = Literal["open", "closed"]
_AT = "2026-01-20T03:04:00.000Z"

_FEEDBACK: dict[str, Any] = {
    "anomaly_id": 3,
    "expected": True,
    "reason": "the weekly batch",
    "actor": "token:2",
    "at": _AT,
    "up_to_usd_per_hour": 8.2,
}
_ITEM: dict[str, Any] = {
    "id": 3,
    "environment": "production",
    "kind": "cache_ratio_drop",
    "state": "open",
    "began_at": "2026-01-20T02:34:00.000Z",
    "found_at": "2026-01-20T02:36:00.000Z",
    "ended_at": None,
    "sentence": "The providers' caches hold less of what is sent (category ai, provider anthropic): $2.0500 above the "
    "expected",
    "scope": {"category": "ai", "provider": "anthropic"},
    "factors": ["cache_ratio"],
    "main_factor": "cache_ratio",
    "excess_usd": 2.05,
    "excess_low_usd": 1.98,
    "excess_high_usd": 2.12,
    "usd_per_hour": 4.1,
    "expected_usd": 3.2,
    "actual_usd": 5.3,
    "parts_usd": {"volume": 0.0, "input_tokens_per_call": 0.05, "cache_ratio": 2.05},
    "counted": True,
    "feedback": None,
    "provenance": {
        "samples": 812,
        "window_s": 1_800,
        "as_of": _AT,
        "source": "fact_ai_calls and fact_cost_charges, compared with up to a day before",
        "estimated": True,
    },
}
_BEHIND: dict[str, Any] = {
    "dimension": "user",
    "value": "u-17",
    "spent_usd": 1.7,
    "usual_usd": 0.1,
    "calls": 240,
    "usual_calls": 3.2,
    "share_ratio": 0.78,
    "calls_per_min": 8.0,
    "usual_calls_per_min": 0.1,
    "others_calls_per_min": 0.2,
}


class FeedbackShown(BaseModel):
    """What somebody said; it holds for the same scope and factor up to `up_to_usd_per_hour`."""

    model_config = ConfigDict(json_schema_extra={"examples": [_FEEDBACK]})

    anomaly_id: int
    expected: bool
    reason: str
    actor: str
    at: str
    up_to_usd_per_hour: float


class CostAnomalyItem(BaseModel):
    """Money that is spent above the expected, for one cause."""

    model_config = ConfigDict(json_schema_extra={"examples": [_ITEM]})

    id: int
    environment: str
    kind: KindName
    state: StateName
    began_at: str
    found_at: str
    ended_at: str | None
    sentence: str
    scope: dict[str, str] = Field(description="What most of the money has in common, as special as it can be said.")
    factors: list[str] = Field(description="The parts that are out of the usual, the dearest first.")
    main_factor: str | None
    excess_usd: float = Field(description="Above the expected so far.")
    excess_low_usd: float = Field(description="Lower end of the band that holds four of five.")
    excess_high_usd: float
    usd_per_hour: float
    expected_usd: float = Field(description="What the same scope would have cost.")
    actual_usd: float
    parts_usd: dict[str, float] = Field(description="Parts of actual less expected; exact ones add up to it.")
    counted: bool = Field(description="False: people said that this pattern is expected.")
    feedback: FeedbackShown | None = Field(description="What was said last of this pattern.")
    provenance: CostProvenance


class CostAnomalyList(BaseModel):
    """One page of cost anomalies, newest first, and what the open ones of the environment cost together."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"items": [_ITEM], "next": None, "open": 1, "open_excess_usd": 2.05, "looked_at": _AT}]
        }
    )

    items: list[CostAnomalyItem]
    next: str | None
    open: int
    open_excess_usd: float | None = Field(description="Of those that count; null before anything could be judged.")
    looked_at: str | None = Field(description="Up to when spending was looked at; null: not yet.")


class BehindShown(BaseModel):
    """One value of a dimension with its part of what was spent more, beside its own past and the others."""

    dimension: str
    value: str = Field(description="Empty: nobody is named.")
    spent_usd: float
    usual_usd: float
    calls: int
    usual_calls: float | None
    share_ratio: float | None
    calls_per_min: float | None
    usual_calls_per_min: float | None
    others_calls_per_min: float | None


class EvidenceShown(BaseModel):
    """What the calls say; nulls: nothing of the kind was seen."""

    behind: list[BehindShown]
    calls_per_trace: float | None
    usual_calls_per_trace: float | None
    substituted_ratio: float | None
    usual_substituted_ratio: float | None
    requested_model: str
    served_model: str
    trace_id: str = Field(description="The trace with most model calls.")
    conversation_id: str
    user_id: str
    input_tokens_by_call: list[int] = Field(description="Of that trace, call by call.")


_EVIDENCE: dict[str, Any] = {
    "behind": [_BEHIND],
    "calls_per_trace": 1.3,
    "usual_calls_per_trace": 1.2,
    "substituted_ratio": 0.0,
    "usual_substituted_ratio": 0.0,
    "requested_model": "",
    "served_model": "",
    "trace_id": "5b8efff798038103d269b633813fc60c",
    "conversation_id": "conversation-8",
    "user_id": "u-17",
    "input_tokens_by_call": [810, 1_620],
}


class CostAnomalyWhole(CostAnomalyItem):
    """One cost anomaly with all that is known of it."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    **_ITEM,
                    "excess_exact_usd": "2.050000000000",
                    "parts_exact_usd": {"cache_ratio": "2.050000000000"},
                    "groups_usd": {"ai/anthropic/ai_chat_engine/chat/": 2.05},
                    "evidence": _EVIDENCE,
                    "feedbacks": [_FEEDBACK],
                }
            ]
        }
    )

    excess_exact_usd: str
    parts_exact_usd: dict[str, str]
    groups_usd: dict[str, float]
    evidence: EvidenceShown
    feedbacks: list[FeedbackShown] = Field(description="What was said of this one, newest first.")


class FeedbackWanted(BaseModel):
    """Whether an anomaly is as it should be, and why."""

    model_config = ConfigDict(extra="forbid")

    expected: bool
    reason: str = Field("", max_length=512, description="Why, for the audit log.", examples=["the weekly batch"])
