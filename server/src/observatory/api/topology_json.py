"""The service graph of a snapshot as JSON values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from observatory.api import health_json
from observatory.tick import Published

_SAME = ("id", "name", "group", "area", "status", "load_state", "rate", "error_rate", "p95_ms")


def values(published: Published) -> Mapping[str, Any]:
    """The answer of `topology` for a snapshot."""
    return of(published, published.services)


def of(published: Published, items: Sequence[Mapping[str, Any]]) -> Mapping[str, Any]:
    """The same with other items of `services`."""
    snapshot = published.snapshot
    return {
        "environment": snapshot.environment,
        "timestamp": health_json.moment(snapshot.at),
        "nodes": [*map(_catalogued, items), *map(_other, _others(published))],
        "edges": [health_json.edge_item(edge) for edge in snapshot.edges],
    }


def _others(published: Published) -> list[str]:
    snapshot = published.snapshot
    names = (name for edge in snapshot.edges for name in (edge.caller, edge.callee))
    return sorted({name for name in names if name not in snapshot.services})


def _catalogued(item: Mapping[str, Any]) -> Mapping[str, Any]:
    return {**{name: item[name] for name in _SAME}, "catalogued": True}


def _other(name: str) -> Mapping[str, Any]:
    # Nothing is promised of it and nothing known: no verdict.
    unknown: dict[str, Any] = dict.fromkeys(_SAME)
    return {**unknown, "id": name, "name": name, "status": "unknown", "catalogued": False}
