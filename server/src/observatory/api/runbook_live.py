"""A runbook's questions, asked now: each answers with rows that say where they are from, or with why it could not."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import timedelta
from typing import Any
from urllib.parse import urlencode

from prometheus_client.metrics_core import Metric

from observatory import areas, slo
from observatory.api import deep_dives, health_json, series_json, slos
from observatory.api.alerts import alert_item
from observatory.api.ranges import Range
from observatory.api.runbook_checks import Asked, indicator_of, readings
from observatory.areas import Definition, deepdive, series
from observatory.areas.assess import Span
from observatory.areas.deepdive import DeepDive
from observatory.errors import StoreError
from observatory.model import Indicator, Reading
from observatory.runbooks import Look

BASE = "/api/v1/monitoring"
MOST = 10
# Points of one member.
_POINTS = 60
_STEPS_S = (10, 30, 60, 300, 900, 3_600, 10_800, 86_400)
_WELL = "healthy"

Rows = Sequence[Mapping[str, Any]]


async def shown(look: Look, asked: Asked) -> Mapping[str, Any]:
    """What one question finds now, as JSON values. A store that refuses it makes no row but a `problem`."""
    problem, found = None, []
    try:
        found = list(await _ASK[look.kind](look, asked))
    except StoreError as error:
        problem = str(error)
    return {
        "kind": look.kind,
        "of": look.of,
        "section": look.section or None,
        "sentence": sentence(look),
        "link": link(look, asked),
        "items": found[:MOST],
        "more": max(len(found) - MOST, 0),
        "problem": problem,
    }


def sentence(look: Look) -> str:
    """What the question asks, in words."""
    match look.kind:
        case "indicator" | "series":
            return series.indicators()[look.of].sentence + (", now" if look.kind == "indicator" else ", over time")
        case "endpoint":
            _, dive = _dive(look)
            return next(each.sentence for each in dive.sections if each.id == look.section)
        case "services":
            return "The service concerned, or those that are not well."
        case "alerts":
            return "Alerts that fire, the worst first."
        case "slos":
            return "Objectives that burn too fast."
        case "metric":
            return f"Observatory's own counter {look.of}."


def link(look: Look, asked: Asked) -> str:
    """Where the same is found in full."""
    where = {"environment": asked.environment}
    window = f"{look.window_s}s"
    match look.kind:
        case "indicator" | "series":
            named = {"indicator": look.of, "window": window, **({"member": "*"} if _grouped(look) else {})}
            return _url("series", {**named, **where})
        case "endpoint":
            return _url(look.of, {"section": look.section, "window": window, **where})
        case "services":
            known = asked.snapshot is not None and asked.member in asked.snapshot.services
            return _url(f"services/{asked.member}" if known else "services", where)
        case "alerts":
            return _url("alerts", where)
        case "slos":
            return _url("slos", {"burning": "true", **where})
        case "metric":
            return "/metrics"


async def _indicator(look: Look, asked: Asked) -> Rows:
    found = indicator_of(look.of)
    bound = found.warn or found.crit
    ordered = sorted(readings(asked, found), key=lambda each: _badness(found, each), reverse=True)
    return [
        {
            "member": each.member,
            "value": health_json.number(each.measurement),
            "bound": None if bound is None else str(bound),
            "provenance": health_json.provenance(each.measurement),
        }
        for each in ordered
    ]


async def _series(look: Look, asked: Asked) -> Rows:
    found = indicator_of(look.of)
    step_s = next(each for each in _STEPS_S if look.window_s / each <= _POINTS or each == _STEPS_S[-1])
    span = Span(asked.at, look.window_s, asked.state.listening_since)
    reader, named = asked.state.store.reader, "*" if found.group_by else ""
    steps = await series.read(reader, found.id, asked.environment, named, span, step_s, asked.at)
    kept = {asked.member: steps[asked.member]} if asked.member in steps else steps
    return [
        {
            "member": member,
            "points": [series_json.point(each) for each in points],
            "provenance": _source(sum(each.samples for each in points), look.window_s, asked, found.source),
        }
        for member, points in kept.items()
    ]


async def _endpoint(look: Look, asked: Asked) -> Rows:
    definition, dive = _dive(look)
    start = asked.at - timedelta(seconds=look.window_s)
    span = Span(asked.at, look.window_s, asked.state.listening_since)
    alive = deep_dives.alive_of(asked.published, asked.at)
    state = asked.state
    (found,) = await deepdive.read(
        definition, dive, state.store.reader, asked.environment, span, alive, look.section, ledger=state.ledger
    )
    answer = deep_dives.Answer(Range(start, asked.at, False), (found,), None)
    filters = dict(zip(found.section.members, asked.member.split("/"), strict=False)) if asked.member else {}
    fitting = deep_dives.section_json(definition, answer, found, filters, MOST + 1, 0)
    if "items" not in fitting:
        return [fitting]
    items: Rows = fitting["items"] or (
        deep_dives.section_json(definition, answer, found, {}, MOST + 1, 0)["items"] if filters else ()
    )
    return [{**each, "provenance": each.get("provenance") or fitting.get("provenance")} for each in items]


async def _services(look: Look, asked: Asked) -> Rows:
    published = asked.published
    if published is None:
        return []
    named = [each for each in published.services if each["id"] == asked.member]
    return named or [each for each in published.services if each["status"] != _WELL and each["status"] != "unknown"]


async def _alerts(look: Look, asked: Asked) -> Rows:
    opened = [each for each in asked.alerts if each.phase.open]
    ordered = sorted(opened, key=lambda each: (-each.severity.rank, each.since))
    return [{name: value for name, value in alert_item(each, 0).items() if name != "change"} for each in ordered]


async def _slos(look: Look, asked: Asked) -> Rows:
    burns: Mapping[str, slo.Burn] = asked.state.alerts.inputs.burns.get(asked.environment, {})
    burning = [each for each in burns.values() if any(pair.burning for pair in each.burnings)]
    return [slos.item(each, True) for each in burning]


async def _metric(look: Look, asked: Asked) -> Rows:
    families: list[Metric] = list(asked.state.selfwatch.registry.collect())
    samples = [
        sample
        for family in families
        if family.name == f"observatory_{look.of}"
        for sample in family.samples
        if not sample.name.endswith("_created")
    ]
    provenance = _source(len(samples), 0, asked, "the server's own counters, since it was started")
    return [
        {"member": ", ".join(each.labels.values()), "value": each.value, "provenance": provenance} for each in samples
    ]


_ASK: Mapping[str, Callable[[Look, Asked], Awaitable[Rows]]] = {
    "indicator": _indicator,
    "series": _series,
    "endpoint": _endpoint,
    "services": _services,
    "alerts": _alerts,
    "slos": _slos,
    "metric": _metric,
}


def _dive(look: Look) -> tuple[Definition, DeepDive]:
    return next((area, dive) for area in areas.load() for dive in deepdive.load(area) if dive.path == look.of)


def _grouped(look: Look) -> bool:
    return bool(series.indicators()[look.of].group_by)


def _badness(found: Indicator, read: Reading) -> tuple[bool, float]:
    value = read.measurement.value
    bound = found.warn or found.crit
    upward = bound is None or bound.upward
    return value is not None, 0.0 if value is None else float(value) * (1 if upward else -1)


def _source(samples: int, window_s: int, asked: Asked, source: str) -> Mapping[str, Any]:
    return {
        "samples": samples,
        "window_s": window_s,
        "as_of": health_json.moment(asked.at),
        "source": source,
        "estimated": False,
    }


def _url(path: str, query: Mapping[str, str]) -> str:
    return f"{BASE}/{path}?{urlencode(query)}"
