"""What is asked about: a feature, a service, an endpoint, an alert or an incident; and its own series."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from observatory.diagnose.frame import RANGE, Frame
from observatory.diagnose.measures import Measure, Series, Table, first, read, seen_from
from observatory.diagnose.reading import Reads

Kind = Literal["feature", "service", "endpoint", "alert", "incident"]
# More calls than this are not all read: a share of the traces is, chosen by their ids.
_MOST_CALLS = 300_000

MEASURES = (
    Measure("calls", "rate", "1", "", "1/s", "traffic_growth", "stalled"),
    Measure("failed share", "ratio", "Failed", "", "ratio", "service_errors", ""),
    Measure("duration", "geomean", "DurationNs / 1e6", "", "ms", "service_slow", ""),
)
_ROWS = "(SELECT Timestamp, Service, DurationNs, Failed FROM fact_calls WHERE $window AND {wanted})"
# A feature is what its traces take as a whole: the longest call is the one that waits for the others.
_TRACES = """(SELECT At AS Timestamp, Of AS Service, Longest AS DurationNs, Bad AS Failed FROM (
    SELECT min(Timestamp) AS At, argMax(Service, DurationNs) AS Of, max(DurationNs) AS Longest,
        argMax(Failed, DurationNs) AS Bad
    FROM fact_calls WHERE $window AND {wanted} GROUP BY TraceId))"""
_COUNT = "SELECT count() FROM fact_calls WHERE {range} AND Environment = {{environment:String}} AND {wanted}"


@dataclass(frozen=True, slots=True)
class Subject:
    """What is asked about.

    Attributes:
        kind: what it is.
        name: its id, as asked.
        services: catalogue ids of the services concerned; empty: those that its calls name.
        wanted: SQL of its calls in `fact_calls`.
        bound: what that is bound to.
        sentence: in words.
        areas: ids of the areas concerned.
        began: when it was first seen; None when only a window says so.
        ended: when it was over; None while it is not.
    """

    kind: Kind
    name: str
    services: tuple[str, ...]
    wanted: str
    bound: Mapping[str, object]
    sentence: str
    areas: tuple[str, ...] = ()
    began: datetime | None = None
    ended: datetime | None = None


@dataclass(frozen=True, slots=True)
class Asked:
    """A question.

    Attributes:
        environment: where.
        start: start of the window; None: it is chosen.
        end: its end; nothing after it is looked at.
        baseline: what it is held against; None: it is chosen.
    """

    environment: str
    start: datetime | None
    end: datetime
    baseline: tuple[datetime, datetime] | None = None


def feature(name: str) -> Subject:
    """A business feature."""
    return Subject("feature", name, (), "Feature = {subject:String}", {"subject": name}, f"the feature {name}")


def service(name: str, area: str = "") -> Subject:
    """A service of the catalogue, or of what sends telemetry."""
    areas = (area,) if area else ()
    return Subject("service", name, (name,), "Service = {subject:String}", {"subject": name}, name, areas)


def endpoint(name: str) -> Subject:
    """An operation that others call: its span's name."""
    return Subject("endpoint", name, (), "SpanName = {subject:String}", {"subject": name}, f"the endpoint {name}")


def told(
    kind: Literal["alert", "incident"],
    name: str,
    sentence: str,
    concerned: tuple[tuple[str, ...], tuple[str, ...]],
    times: tuple[datetime, datetime | None],
) -> Subject:
    """An alert or an incident: the calls of the services that it concerns.

    Args:
        kind: which.
        name: its id.
        sentence: what it is about.
        concerned: services and areas.
        times: when it began, and when it ended.
    """
    services, areas = concerned
    return Subject(
        kind,
        name,
        services,
        "Service IN {subjects:Array(String)}",
        {"subjects": list(services)},
        f"the {kind} “{sentence}”",
        areas,
        *times,
    )


async def series(reader: Reads, subject: Subject, environment: str, frame: Frame) -> tuple[list[Series], int]:
    """The subject's rate, failures and durations; and of how many traces one was read.

    Raises:
        StoreError: the store refused a query or took too long.
    """
    if subject.kind in ("alert", "incident") and not subject.services:
        return [], 1
    bound = {"environment": environment, **frame.bound, **subject.bound}
    ((calls,),) = (await reader.read(_COUNT.format(range=RANGE, wanted=subject.wanted), bound)).rows
    every = max(1, -(-int(calls) // _MOST_CALLS))
    wanted = subject.wanted + (f" AND cityHash64(TraceId) % {every} = 0" if every > 1 else "")
    rows = (_TRACES if subject.kind == "feature" else _ROWS).format(wanted=wanted)
    table = Table(rows, "", "Service", "subject", "'subject'", "subject", False, MEASURES)
    found = await read(reader, table, environment, frame, subject.bound)
    return seen_from(found, first(found)), every
