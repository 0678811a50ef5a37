"""The 65 services in one round: how often called, how well, how fast, by whom, and whether they are there at all."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from observatory.areas import select
from observatory.areas.presence import CALLED_WITHIN_S, SILENT_AFTER_S, Presence, Signs
from observatory.catalogue import Catalogue
from observatory.model import Edge, LoadState, Measurement, ServiceSight
from observatory.store import Reader

WINDOW_S = CALLED_WITHIN_S
SOURCE = "fact_calls"
HEARTBEATS = "fact_points (metric observatory.service.heartbeat)"
# A rate over less than two rounds is a matter of chance.
LEAST_RATE_S = 10
# Services outside the catalogue are shown in the graph, as many as a page can hold.
EDGES = 2_000

# One row per service (Caller is empty) and one per edge.
_SQL = """SELECT Environment, Service, From, IsEdge, sum(Weight) AS Calls, sum(Failed * Weight) AS Failures,
    sumIf(Weight, Outcome = 'failure') AS Outcomes,
    quantilesExactInclusive(0.5, 0.95, 0.99)(DurationNs / 1e6) AS Latency,
    min(Timestamp) AS FirstAt, max(Timestamp + toIntervalNanosecond(least(DurationNs, 86400000000000))) AS SeenAt,
    sumIf(Weight, Heard) AS CallsHeard, countIf(Heard) AS SamplesHeard, count() AS Samples, max(Weight) > 1 AS Estimated
FROM (SELECT *, arrayJoin([0, 1]) AS IsEdge, multiIf(IsEdge = 0, '', Caller = '', 'external', Caller) AS From,
        Timestamp > fromUnixTimestamp64Nano({since_ns:Int64}, 'UTC') AS Heard
    FROM fact_calls
    WHERE Timestamp > fromUnixTimestamp64Nano({now_ns:Int64}, 'UTC') - toIntervalSecond({window_s:UInt32})
    AND Timestamp <= fromUnixTimestamp64Nano({now_ns:Int64}, 'UTC'))
GROUP BY Environment, Service, From, IsEdge ORDER BY IsEdge, Calls DESC LIMIT {most:UInt32}"""
# The same where calls were sampled: three times as dear, so only then, when there are few rows.
_WEIGHTED = _SQL.replace(
    "quantilesExactInclusive(0.5, 0.95, 0.99)(DurationNs / 1e6)",
    "quantilesExactWeightedInterpolated(0.5, 0.95, 0.99)(DurationNs / 1e6, Weight)",
)


@dataclass(frozen=True, slots=True)
class Calls:
    """Calls of one service, or along one edge, within the window; `heard` of them since the server listens.

    A sampled call counts for those that its sender dropped: then they are `estimated`, from `samples` that came.
    """

    service: str
    caller: str
    calls: int
    failures: int
    outcomes: int
    latency_ms: tuple[float, float, float]
    first_at: datetime
    seen_at: datetime
    heard: int
    samples_heard: int
    samples: int
    estimated: bool


@dataclass(frozen=True, slots=True)
class Traffic:
    """All calls of one environment within the window: by service, and along edges."""

    services: Mapping[str, Calls]
    edges: tuple[Calls, ...]


NO_TRAFFIC = Traffic({}, ())


async def read(reader: Reader, at: datetime, since: datetime) -> Mapping[str, Traffic]:
    """The calls of the last five minutes, by environment.

    Args:
        reader: reads the telemetry store.
        at: end of the window.
        since: since when the server listens.

    Raises:
        StoreError: the store refused the query.
    """
    times = {"now_ns": select.nanoseconds(at), "since_ns": select.nanoseconds(since)}
    bound = times | {"window_s": WINDOW_S, "most": EDGES}
    rows = await reader.read(_SQL, bound)
    if any(row[-1] for row in rows.rows):
        rows = await reader.read(_WEIGHTED, bound)
    services: dict[str, dict[str, Calls]] = {}
    edges: dict[str, list[Calls]] = {}
    for row in rows.rows:
        environment, is_edge, calls = _calls(row)
        if is_edge:
            edges.setdefault(environment, []).append(calls)
        else:
            services.setdefault(environment, {})[calls.service] = calls
    return {name: Traffic(found, tuple(edges.get(name, ()))) for name, found in services.items()}


def sights(
    catalogue: Catalogue, environment: str, traffic: Traffic, presence: Presence, at: datetime
) -> Mapping[str, ServiceSight]:
    """What is seen of each service of the catalogue, in its order."""
    callers, callees = _neighbours(traffic.edges)
    return {
        service.id: _sight(
            service.id,
            traffic.services.get(service.id),
            presence.of(environment, service.id),
            (presence.since, at),
            (callers.get(service.id, ()), callees.get(service.id, ())),
        )
        for service in catalogue.services
    }


def edges(environment: str, traffic: Traffic, presence: Presence, at: datetime) -> tuple[Edge, ...]:
    """Who called whom, busiest first."""
    return tuple(
        Edge(
            calls.caller,
            calls.service,
            rate=_rate(calls, presence.of(environment, calls.service), (presence.since, at)),
            error_rate=_measured(calls.failures / calls.calls, "ratio", calls, at),
            p50=_measured(calls.latency_ms[0], "ms", calls, at),
            p95=_measured(calls.latency_ms[1], "ms", calls, at),
        )
        for calls in traffic.edges
    )


def load_state(signs: Signs, since: datetime, at: datetime) -> LoadState:
    """Whether a service is there, from its newest signs of life.

    Args:
        signs: the service's.
        since: since when the server listens. A silence is counted from here at the earliest: who was not listening
            cannot know.
        at: the time to judge.
    """
    if signs.seen_at is None:
        return LoadState.NEVER_LOADED
    patience = timedelta(seconds=signs.patience_s)
    if at - signs.seen_at > patience:
        return LoadState.SILENT if at - since > patience else LoadState.UNHEARD
    called = signs.called_at is not None and at - signs.called_at <= timedelta(seconds=CALLED_WITHIN_S)
    return LoadState.REPORTING if called else LoadState.IDLE


def alive(presence: Presence, environment: str, services: Iterable[str], at: datetime) -> frozenset[str]:
    """Those of `services` whose own heartbeat is fresh: what they do not report did not happen.

    A heartbeat of before the server listened proves nothing: what was reported since may have found nobody.
    """
    fresh = max(at - timedelta(seconds=SILENT_AFTER_S), presence.since)
    beats = {service: presence.of(environment, service).heartbeat_at for service in services}
    return frozenset(service for service, beat in beats.items() if beat is not None and beat >= fresh)


def _calls(row: tuple[Any, ...]) -> tuple[str, bool, Calls]:
    environment, service, caller, is_edge, calls, failures, outcomes, latency, *rest = row
    first_at, seen_at, heard, samples_heard, samples, estimated = rest
    p50, p95, p99 = latency
    counted = Calls(
        service,
        caller,
        calls,
        failures,
        outcomes,
        (p50, p95, p99),
        first_at,
        seen_at,
        heard,
        samples_heard,
        samples,
        bool(estimated),
    )
    return environment, bool(is_edge), counted


def _neighbours(found: Iterable[Calls]) -> tuple[Mapping[str, tuple[str, ...]], Mapping[str, tuple[str, ...]]]:
    callers: dict[str, tuple[str, ...]] = {}
    callees: dict[str, tuple[str, ...]] = {}
    for calls in found:
        callers[calls.service] = (*callers.get(calls.service, ()), calls.caller)
        callees[calls.caller] = (*callees.get(calls.caller, ()), calls.service)
    return callers, callees


def _sight(
    service: str,
    calls: Calls | None,
    signs: Signs,
    listened: tuple[datetime, datetime],
    neighbours: tuple[tuple[str, ...], tuple[str, ...]],
) -> ServiceSight:
    since, at = listened
    state = load_state(signs, since, at)
    p50, p95, p99 = calls.latency_ms if calls else (None, None, None)
    fresh = timedelta(seconds=SILENT_AFTER_S)
    return ServiceSight(
        id=service,
        load_state=state,
        rate=_rate(calls, signs, listened),
        error_rate=_measured(calls.failures / calls.calls if calls else None, "ratio", calls, at),
        errors_by_exception=_measured(calls.failures - calls.outcomes if calls else None, "1", calls, at),
        errors_by_outcome=_measured(calls.outcomes if calls else None, "1", calls, at),
        p50=_measured(p50, "ms", calls, at),
        p95=_measured(p95, "ms", calls, at),
        p99=_measured(p99, "ms", calls, at),
        heartbeat_age=_heartbeat_age(signs, at),
        last_seen=signs.seen_at,
        instances=tuple(sorted(name for name, beat in signs.heartbeats.items() if at - beat <= fresh)),
        callers=neighbours[0],
        callees=neighbours[1],
    )


def _rate(calls: Calls | None, signs: Signs, listened: tuple[datetime, datetime]) -> Measurement:
    """Calls per second of the time in which they could have been seen.

    That is the window without what lies before the service's first sign, or before the server listened. It is the
    measurement's `window_s`. No rate under `LEAST_RATE_S`.
    """
    since, at = listened
    start = max(at - timedelta(seconds=WINDOW_S), since, signs.first_at or since)
    window_s = max((at - start).total_seconds(), 0.0)
    heard, samples, estimated = (calls.heard, calls.samples_heard, calls.estimated) if calls else (0, 0, False)
    source = SOURCE if calls else f"{SOURCE}, without rows while its heartbeat is fresh"
    known = window_s >= LEAST_RATE_S and (calls is not None or _fresh(signs, at))
    return Measurement(heard / window_s if known else None, "1/s", samples, round(window_s), at, source, estimated)


def _fresh(signs: Signs, at: datetime) -> bool:
    # Its heartbeat says that it is there: no calls is a measured 0.
    beat = signs.heartbeat_at
    return beat is not None and at - beat <= timedelta(seconds=SILENT_AFTER_S)


def _heartbeat_age(signs: Signs, at: datetime) -> Measurement:
    beat = signs.heartbeat_at
    # A clock ahead of ours makes no negative age.
    age_s = max((at - beat).total_seconds(), 0.0) if beat else None
    return Measurement(age_s, "s", 1 if beat else 0, SILENT_AFTER_S, at, HEARTBEATS)


def _measured(value: float | None, unit: str, calls: Calls | None, at: datetime) -> Measurement:
    finite = value if value is not None and math.isfinite(value) else None
    samples, estimated = (calls.samples, calls.estimated) if calls else (0, False)
    return Measurement(finite, unit, samples, WINDOW_S, at, SOURCE, estimated)
