"""A snapshot as JSON values: the contract's field names as plain numbers, with where each comes from beside them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any

from observatory.catalogue import Catalogue, Service
from observatory.model import AreaState, Edge, Finding, Health, LoadState, Measurement, ServiceState, Snapshot, Verdict
from observatory.tick import Rendered

# More digits than were measured help nobody, and a float's own tail looks like precision.
_DIGITS = 7

_SERVICE_NUMBERS = {
    "rate": "rate",
    "error_rate": "error_rate",
    "p50_ms": "p50",
    "p95_ms": "p95",
    "p99_ms": "p99",
    "errors_by_exception_5m": "errors_by_exception",
    "errors_by_outcome_5m": "errors_by_outcome",
    "heartbeat_age_s": "heartbeat_age",
}
_EDGE_NUMBERS = {"rate": "rate", "error_rate": "error_rate", "p50_ms": "p50", "p95_ms": "p95"}


def render(catalogue: Catalogue, snapshot: Snapshot) -> Rendered:
    """The JSON values of `system-health` and of the items of `services`."""
    services = [service_item(catalogue.service(state.sight.id), state) for state in snapshot.services.values()]
    return Rendered(system_health(catalogue, snapshot, snapshot.overall), services)


def system_health(catalogue: Catalogue, snapshot: Snapshot, overall: Verdict) -> Mapping[str, Any]:
    """The answer of `system-health`, under the given overall verdict."""
    absent = [state.sight for state in snapshot.services.values() if not state.sight.load_state.present]
    return {
        "overall_status": overall.health,
        "timestamp": moment(snapshot.at),
        "environment": snapshot.environment,
        "since": moment(overall.since),
        "reasons": [reason(found) for found in overall.findings],
        "services_reporting": snapshot.services_reporting,
        "services_total": len(snapshot.services),
        "services_silent": [sight.id for sight in absent if sight.load_state is LoadState.SILENT],
        "services_never_loaded": [sight.id for sight in absent if sight.load_state is LoadState.NEVER_LOADED],
        "services": {name: _area(state, catalogue.area(name).priority) for name, state in snapshot.areas.items()},
    }


def service_item(service: Service, state: ServiceState) -> Mapping[str, Any]:
    """One item of `services`."""
    sight = state.sight
    measured = {field: getattr(sight, name) for field, name in _SERVICE_NUMBERS.items()}
    return {
        "id": service.id,
        "name": service.name,
        "group": service.group,
        "area": service.area,
        "priority": service.priority,
        "status": state.verdict.health,
        "load_state": sight.load_state,
        "since": moment(state.verdict.since),
        "reasons": [reason(found) for found in state.verdict.findings],
        **{field: number(each) for field, each in measured.items()},
        "last_seen": moment(sight.last_seen),
        "instances": len(sight.instances),
        "instance_ids": list(sight.instances),
        "provenance": {field: provenance(each) for field, each in measured.items()},
    }


def edge_item(edge: Edge) -> Mapping[str, Any]:
    """One edge of `topology`."""
    measured = {field: getattr(edge, name) for field, name in _EDGE_NUMBERS.items()}
    return {
        "from": edge.caller,
        "to": edge.callee,
        **{field: number(each) for field, each in measured.items()},
        "provenance": {field: provenance(each) for field, each in measured.items()},
    }


def provenance(measured: Measurement) -> Mapping[str, Any]:
    """Where a number comes from."""
    values = {
        "unit": measured.unit,
        "samples": measured.samples,
        "window_s": measured.window_s,
        "as_of": moment(measured.as_of),
        "source": measured.source,
        "estimated": measured.estimated,
    }
    return values if measured.interval is None else {**values, "interval": [rounded(end) for end in measured.interval]}


def reason(found: Finding) -> Mapping[str, Any]:
    """One reason: a fixed word, what and whom it is about, and the sentence."""
    return {
        "reason": found.reason,
        "status": found.health,
        "subject": found.subject,
        "member": found.member,
        "sentence": found.sentence,
    }


def number(measured: Measurement) -> int | float | None:
    """A measurement's plain number."""
    value = measured.value
    if value is None or isinstance(value, int):
        return value
    if isinstance(value, Decimal):
        return float(value)
    return rounded(value)


def rounded(value: float) -> float | None:
    """A float with the digits that were measured; None when it is not finite."""
    return float(f"{value:.{_DIGITS}g}") if math.isfinite(value) else None


def moment(at: datetime | None) -> str | None:
    """RFC 3339 in UTC, to the millisecond."""
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z") if at else None


def _area(state: AreaState, priority: str) -> Mapping[str, Any]:
    numbers = {field: each for field, each in state.fields.items() if isinstance(each, Measurement)}
    bad = (Health.CRITICAL, Health.DEGRADED)
    return {
        "status": state.verdict.health,
        "priority": priority,
        "since": moment(state.verdict.since),
        **{
            field: number(each) if isinstance(each, Measurement) else list(each) for field, each in state.fields.items()
        },
        "warnings": [found.sentence for found in state.verdict.findings if found.health in bad],
        "reasons": [reason(found) for found in state.verdict.findings],
        "provenance": {field: provenance(each) for field, each in numbers.items()},
    }
