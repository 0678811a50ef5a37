"""The health page's content, from the JSON of `system-health` and `services`. Pure: values in, values out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from observatory import catalogue
from observatory.health import headlines
from observatory.health.figures import UNKNOWN, age, age_s, figure, label, span

AREAS = {area.id: area.name for area in catalogue.load().areas}
SERVICES = len(catalogue.load().services)

_PRESENT = frozenset({"reporting", "idle"})
_ORDER = {"critical": 0, "degraded": 1, "unknown": 2, "healthy": 3}
_NOT_FIGURES = frozenset({"status", "reasons", "warnings", "provenance", "since", "priority", "name", "id"})


@dataclass(frozen=True, slots=True)
class FigureView:
    """One number: what it is called, its value with unit, and from how many samples, over what, how old."""

    label: str
    value: str
    known: bool
    origin: str


@dataclass(frozen=True, slots=True)
class HeadlineView:
    """One of the few numbers of an area that come first, in words."""

    text: str
    known: bool


@dataclass(frozen=True, slots=True)
class AreaView:
    """One of the ten areas: what comes first of it, and all of it."""

    id: str
    name: str
    priority: str
    status: str
    reasons: tuple[str, ...]
    headlines: tuple[HeadlineView, ...]
    figures: tuple[FigureView, ...]


@dataclass(frozen=True, slots=True)
class ServiceView:
    """One row of the table of services; every cell is text, a dash where nothing was measured."""

    id: str
    name: str
    group: str
    area: str
    priority: str
    status: str
    load_state: str
    rate: str
    error_rate: str
    p50: str
    p95: str
    p99: str
    last_seen: str
    reasons: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class HealthView:
    """The whole page. The services that need a look come first."""

    status: str
    reasons: tuple[str, ...]
    reporting: int
    silent: tuple[str, ...]
    never_loaded: tuple[str, ...]
    age: str
    areas: tuple[AreaView, ...]
    services: tuple[ServiceView, ...]


def nothing_yet() -> HealthView:
    """The page before the first round: everything is unknown."""
    areas = tuple(AreaView(area, title, "", "unknown", (), (), ()) for area, title in AREAS.items())
    return HealthView("unknown", ("there is no round of indicators yet",), 0, (), (), UNKNOWN, areas, ())


def health_view(
    body: Mapping[str, Any], services: Sequence[Mapping[str, Any]], now: datetime, stale_after_s: float
) -> HealthView:
    """The page for one snapshot.

    Args:
        body: the answer of `system-health`.
        services: the items of `services`.
        now: the time of showing, aware; ages count from it.
        stale_after_s: a snapshot older than this is shown, but its verdict is unknown.
    """
    taken_s = age_s(body.get("timestamp"), now)
    status, reasons = _status(body.get("overall_status")), _sentences(body)
    if taken_s is None or taken_s > stale_after_s:
        told = "has no time" if taken_s is None else f"is {span(taken_s)} old"
        status, reasons = "unknown", (f"the newest round {told}: rounds have stopped", *reasons)
    areas = body.get("services", {})
    return HealthView(
        status=status,
        reasons=reasons,
        reporting=sum(1 for service in services if service.get("load_state") in _PRESENT),
        silent=_named(services, "silent"),
        never_loaded=_named(services, "never_loaded"),
        age=UNKNOWN if taken_s is None else f"{span(taken_s)} ago",
        areas=tuple(_area(area, areas.get(area, {}), now) for area in AREAS),
        services=tuple(sorted((_service(service, now) for service in services), key=lambda row: _ORDER[row.status])),
    )


def _area(area: str, fields: Mapping[str, Any], now: datetime) -> AreaView:
    provenance = fields.get("provenance", {})
    figures = tuple(
        FigureView(label(name), figure(name, value), value is not None, _origin(value, provenance.get(name), now))
        for name, value in fields.items()
        if name not in _NOT_FIGURES
    )
    return AreaView(
        id=area,
        name=AREAS[area],
        priority=str(fields.get("priority", "")),
        status=_status(fields.get("status")),
        reasons=_sentences(fields),
        headlines=tuple(_headline(each, fields) for each in headlines.of_area(area, fields) if figures),
        figures=figures,
    )


def _headline(headline: headlines.Headline, fields: Mapping[str, Any]) -> HeadlineView:
    told = headline.told(fields)
    return HeadlineView(told or headline.untold, told is not None)


def _named(services: Sequence[Mapping[str, Any]], load_state: str) -> tuple[str, ...]:
    return tuple(str(each.get("name")) for each in services if each.get("load_state") == load_state)


def _service(fields: Mapping[str, Any], now: datetime) -> ServiceView:
    rate = fields.get("rate")
    return ServiceView(
        id=str(fields.get("id", "")),
        name=str(fields.get("name", fields.get("id", ""))),
        group=str(fields.get("group", "")),
        area=AREAS.get(str(fields.get("area")), UNKNOWN),
        priority=str(fields.get("priority", "")),
        status=_status(fields.get("status")),
        load_state=label(str(fields.get("load_state") or "unknown")),
        rate=UNKNOWN if rate is None else f"{figure('rate', rate)}/s",
        error_rate=figure("error_rate", fields.get("error_rate")),
        p50=figure("p50_ms", fields.get("p50_ms")),
        p95=figure("p95_ms", fields.get("p95_ms")),
        p99=figure("p99_ms", fields.get("p99_ms")),
        last_seen=age(fields.get("last_seen"), now),
        reasons=_sentences(fields),
    )


def _origin(value: object, provenance: Mapping[str, Any] | None, now: datetime) -> str:
    if not provenance:
        # A list of names needs none; a number without one is not to be trusted, and says so.
        return "" if isinstance(value, list | tuple) else "origin not told"
    samples, window_s = provenance.get("samples"), provenance.get("window_s")
    parts = [
        f"{figure('', samples)} {'sample' if samples == 1 else 'samples'}",
        f"in {span(window_s)}" if window_s else "",
        age(provenance.get("as_of"), now),
        "estimated" if provenance.get("estimated") else "",
    ]
    return ", ".join(part for part in parts if part)


def _status(status: object) -> str:
    # A word that is no verdict must not be painted as one.
    return str(status) if status in _ORDER else "unknown"


def _sentences(fields: Mapping[str, Any]) -> tuple[str, ...]:
    told = [*(fields.get("reasons") or ()), *(fields.get("warnings") or ())]
    sentences = (str(each.get("sentence", each)) if isinstance(each, Mapping) else str(each) for each in told)
    return tuple(dict.fromkeys(sentences))
