"""The shape of the monitoring answers, for OpenAPI. The areas' own fields come from their views."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, create_model

from observatory import areas
from observatory.areas import Definition

Status = Literal["healthy", "degraded", "critical", "unknown"]
Loaded = Literal["reporting", "idle", "silent", "unheard", "never_loaded"]
Priority = Literal["P0", "P1", "P2", "P3"]

_AT = "2026-01-02T03:04:05.000Z"
_PROVENANCE: dict[str, Any] = {
    "unit": "ms",
    "samples": 412,
    "window_s": 300,
    "as_of": _AT,
    "source": "fact_calls",
    "estimated": False,
}
_REASON: dict[str, Any] = {
    "reason": "beyond_warning_bound",
    "status": "degraded",
    "subject": "trading_execution.exchange_latency_p95",
    "member": "binance",
    "sentence": "95th percentile of the execution time of live market orders of an exchange (binance): 2,410 ms, "
    "above the warning bound of 2,000 ms (last 5 min, 31 samples)",
}
_SERVICE: dict[str, Any] = {
    "id": "trade_execution_service",
    "name": "Trade Execution Service",
    "group": "Trading & Execution",
    "area": "trading_execution",
    "priority": "P0",
    "status": "healthy",
    "load_state": "reporting",
    "since": _AT,
    "reasons": [],
    "rate": 1.373333,
    "error_rate": 0.002427184,
    "p50_ms": 41.2,
    "p95_ms": 180.5,
    "p99_ms": 402.1,
    "errors_by_exception_5m": 1,
    "errors_by_outcome_5m": 0,
    "heartbeat_age_s": 4.2,
    "last_seen": _AT,
    "instances": 1,
    "provenance": {"p95_ms": _PROVENANCE},
}
_EDGE: dict[str, Any] = {
    "from": "signal_execution_bridge",
    "to": "trade_execution_service",
    "rate": 0.4,
    "error_rate": 0.0,
    "p50_ms": 40.0,
    "p95_ms": 175.0,
    "provenance": {"p95_ms": _PROVENANCE},
}


class Provenance(BaseModel):
    """Where a number comes from."""

    model_config = ConfigDict(json_schema_extra={"examples": [_PROVENANCE]})

    unit: str
    samples: int = Field(description="Observations that the number rests on.")
    window_s: int = Field(description="Seconds of event time looked at, ending at `as_of`.")
    as_of: datetime
    source: str = Field(
        description="Tables it was measured from, and the rule by which; docs/reference/indicators.md has them."
    )
    estimated: bool = Field(description="Part of it is inferred, not observed.")
    interval: tuple[float, float] | None = Field(
        None, description="Lower and upper end of its 95 % interval; left out where there is none."
    )


class ReasonItem(BaseModel):
    """One reason for a status."""

    model_config = ConfigDict(json_schema_extra={"examples": [_REASON]})

    reason: str = Field(description="Fixed word, such as `beyond_critical_bound` or `no_data`.")
    status: Status = Field(description="What this reason alone makes of the subject.")
    subject: str = Field(description="Id of the indicator, area or service that it is about; may be empty.")
    member: str = Field(description="The one member of the indicator that it is about; empty for the whole.")
    sentence: str


class AreaHealth(BaseModel):
    """What every area's entry has beside its own numbers."""

    status: Status
    priority: Priority
    since: datetime | None = Field(description="Since when the status is this.")
    warnings: list[str] = Field(description="Sentences of what is degraded or critical.")
    reasons: list[ReasonItem]
    provenance: dict[str, Provenance] = Field(description="By the name of the number.")


def _area_model(definition: Definition) -> type[BaseModel]:
    fields: dict[str, Any] = {
        name: (
            float | None,
            Field(description=f"{indicator.sentence}; {indicator.unit}, over {indicator.window_s} s. Null: not known."),
        )
        for name, indicator in (
            (name, definition.indicators[f"{definition.id}.{each}"]) for name, each in definition.view.numbers.items()
        )
    }
    fields |= {name: (list[str], Field(description="Names, busiest first.")) for name in definition.view.lists}
    title = "".join(word.capitalize() for word in definition.id.split("_"))
    return create_model(f"{title}Health", __base__=AreaHealth, __doc__=f"The entry of {definition.id}.", **fields)


_AREAS: dict[str, Any] = {definition.id: (_area_model(definition), ...) for definition in areas.load()}
Areas = create_model("AreasHealth", __doc__="The ten areas.", **_AREAS)


def _area_example(definition: Definition) -> dict[str, Any]:
    # An area that nothing was measured of: the shape with every name, and what "not known" looks like.
    return {
        "status": "unknown",
        "priority": "P0",
        "since": _AT,
        **dict.fromkeys(definition.view.numbers),
        **{name: [] for name in definition.view.lists},
        "warnings": [],
        "reasons": [
            {
                "reason": "no_data",
                "status": "unknown",
                "subject": "",
                "member": "",
                "sentence": "nothing was reported that could be judged",
            }
        ],
        "provenance": {},
    }


def _trading_example(definition: Definition) -> dict[str, Any]:
    return _area_example(definition) | {
        "status": "degraded",
        "orders_executed_5m": 412,
        "execution_success_rate": 0.985,
        "avg_slippage_bps": 8.1,
        "warnings": [_REASON["sentence"]],
        "reasons": [_REASON],
        "provenance": {
            "avg_slippage_bps": _PROVENANCE | {"unit": "bps", "source": "fact_orders (rule trading_execution.live)"}
        },
    }


_HEALTH: dict[str, Any] = {
    "overall_status": "degraded",
    "timestamp": _AT,
    "environment": "production",
    "since": _AT,
    "reasons": [_REASON],
    "services_reporting": 64,
    "services_total": 65,
    "services_silent": [],
    "services_never_loaded": ["mock_data_service"],
    "services": {
        each.id: _trading_example(each) if each.id == "trading_execution" else _area_example(each)
        for each in areas.load()
    },
}


class SystemHealth(BaseModel):
    """The answer of `system-health`."""

    model_config = ConfigDict(json_schema_extra={"examples": [_HEALTH]})

    overall_status: Status
    timestamp: datetime = Field(description="Time of the round: end of every window.")
    environment: str
    since: datetime | None = Field(description="Since when the overall status is this.")
    reasons: list[ReasonItem]
    services_reporting: int = Field(description="Services of the catalogue that are alive, idle ones included.")
    services_total: int
    services_silent: list[str] = Field(description="Were there and are gone.")
    services_never_loaded: list[str] = Field(description="No process has loaded them.")
    services: Areas = Field(description="The ten areas by id.")  # type: ignore[valid-type]


class ServiceItem(BaseModel):
    """One service of the catalogue with its live state. Numbers cover five minutes."""

    model_config = ConfigDict(json_schema_extra={"examples": [_SERVICE]})

    id: str
    name: str
    group: str
    area: str
    priority: Priority
    status: Status
    load_state: Loaded
    since: datetime | None
    reasons: list[ReasonItem]
    rate: float | None = Field(description="Calls per second.")
    error_rate: float | None = Field(description="Failed share of calls, 0 to 1.")
    p50_ms: float | None
    p95_ms: float | None
    p99_ms: float | None
    errors_by_exception_5m: int | None = Field(description="Calls that failed by raising.")
    errors_by_outcome_5m: int | None = Field(description="Calls that returned a failure without raising.")
    heartbeat_age_s: float | None
    last_seen: datetime | None
    instances: int = Field(description="Processes that show it alive.")
    provenance: dict[str, Provenance]


class ServiceList(BaseModel):
    """One page of services."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"items": [_SERVICE], "next": None, "environment": "production", "timestamp": _AT}]
        }
    )

    items: list[ServiceItem]
    next: str | None = Field(description="Cursor of the next page; null on the last.")
    environment: str
    timestamp: datetime


class EdgeItem(BaseModel):
    """Calls of one service by another over five minutes."""

    model_config = ConfigDict(populate_by_name=True, json_schema_extra={"examples": [_EDGE]})

    caller: str = Field(alias="from", description="`external` when no service called.")
    callee: str = Field(alias="to")
    rate: float | None = Field(description="Calls per second.")
    error_rate: float | None
    p50_ms: float | None
    p95_ms: float | None
    provenance: dict[str, Provenance]


class ObjectiveItem(BaseModel):
    """What the service promises."""

    availability_ratio: float
    latency_ms: float


class ServiceDetail(ServiceItem):
    """One service in full."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                _SERVICE
                | {
                    "sentence": "Places orders and follows them to their last state.",
                    "runbook": "trade-execution-service",
                    "objective": {"availability_ratio": 0.999, "latency_ms": 1000.0},
                    "dependencies": ["position_sizing_engine"],
                    "instance_ids": ["9d1f"],
                    "callers": [_EDGE],
                    "callees": [],
                    "environment": "production",
                    "timestamp": _AT,
                }
            ]
        }
    )

    sentence: str
    runbook: str
    objective: ObjectiveItem
    dependencies: list[str] = Field(description="Services it is meant to call, from the catalogue.")
    instance_ids: list[str]
    callers: list[EdgeItem]
    callees: list[EdgeItem]
    environment: str
    timestamp: datetime


class Node(BaseModel):
    """One service in the graph."""

    id: str
    name: str
    catalogued: bool = Field(description="False for `external` and for senders that the catalogue does not know.")
    group: str | None
    area: str | None
    status: Status
    load_state: Loaded | None
    rate: float | None
    error_rate: float | None
    p95_ms: float | None


class Topology(BaseModel):
    """Who calls whom."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "environment": "production",
                    "timestamp": _AT,
                    "nodes": [
                        {
                            "id": "external",
                            "name": "external",
                            "catalogued": False,
                            "group": None,
                            "area": None,
                            "status": "unknown",
                            "load_state": None,
                            "rate": None,
                            "error_rate": None,
                            "p95_ms": None,
                        }
                    ],
                    "edges": [_EDGE],
                }
            ]
        }
    )

    environment: str
    timestamp: datetime
    nodes: list[Node]
    edges: list[EdgeItem]
