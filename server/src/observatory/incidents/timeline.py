"""An incident's timeline, written by itself: each entry with what it is known from."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from observatory.areas import select
from observatory.incidents import links
from observatory.incidents.interval import LONGEST, Interval, started
from observatory.incidents.model import Case
from observatory.model.alert import Phase
from observatory.state.alerts import Kept
from observatory.state.incident_tables import KeptChange
from observatory.store import Reader

# Looked at before an incident began, and after it ended: what caused it came first, what mended it may be told late.
BACK = timedelta(minutes=30)
AFTER = timedelta(minutes=5)
MOST = 500
_RANGE = (
    "Timestamp >= {since:DateTime64(9, 'UTC')} AND Timestamp < {until:DateTime64(9, 'UTC')}"
    " AND Environment = {environment:String}"
)
# Of what happens without end the first and the last is told, and how often.
_SAFETY = f"""SELECT Event, toString(Name) AS Name, toString(FromState) AS FromState, toString(ToState) AS ToState,
    min(Timestamp) AS At, max(Timestamp) AS LastAt, count() AS Times,
    argMin(toString(Reason), Timestamp) AS Why, argMin(toString(Service), Timestamp) AS Of,
    argMin(toString(Actor), Timestamp) AS Who, argMin(TraceId, Timestamp) AS Trace, max(Failed) AS AnyFailed
FROM fact_safety WHERE {_RANGE}
GROUP BY Event, Name, FromState, ToState, toStartOfInterval(Timestamp, toIntervalMinute(10))
ORDER BY At LIMIT {MOST}"""
_FALLBACKS = f"""SELECT toString(FallbackFrom) AS Instead, toString(Family) AS Model, toString(FallbackReason) AS Why,
    min(Timestamp) AS At, max(Timestamp) AS LastAt, count() AS Times, argMin(TraceId, Timestamp) AS Trace,
    argMin(toString(Service), Timestamp) AS Of, countIf(Failed) AS AnyFailed
FROM fact_ai_calls WHERE {_RANGE} AND FallbackFrom != ''
GROUP BY Instead, Model, Why, toStartOfInterval(Timestamp, toIntervalMinute(10))
ORDER BY At LIMIT 100"""
KINDS = (
    *("first_deviation", "first_bad", "alert_fired", "alert_resolved", "deployment", "config", "flag", "breaker"),
    *("failover", "degradation", "emergency", "security", "fallback", "opened", "joined", "severity", "acknowledged"),
    *("mitigated", "resolved", "reopened", "merged", "split", "note"),
)
_EVENTS = {
    "deployment": "deployment",
    "config.changed": "config",
    "feature_flag.evaluation": "flag",
    "circuit_breaker.transition": "breaker",
    "failover": "failover",
    "service.degraded": "degradation",
    "emergency.activated": "emergency",
    "security.event": "security",
}


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of a timeline.

    Attributes:
        at: when.
        kind: one of `KINDS`.
        sentence: what happened, in words.
        evidence: what it is known from: `alert-change:12`, `incident-change:7`, `trace:…`, `series:…`, `fact:…`.
        source: the table that it was read from.
        related: whether it is of a service or an alert of the incident; others happened meanwhile.
        times: how often, within ten minutes.
    """

    at: datetime
    kind: str
    sentence: str
    evidence: str
    source: str
    related: bool = True
    times: int = 1


def looked_at(case: Case, now: datetime) -> Interval:
    """The stretch whose events a timeline tells."""
    start, by = started(case)
    end = case.incident.resolved_at
    return Interval(start - BACK, min(now if end is None else end + AFTER, start + LONGEST), by)


async def read(
    case: Case, changes: Sequence[KeptChange], alerts: Sequence[Kept], reader: Reader, now: datetime
) -> list[Entry]:
    """The whole timeline, oldest first.

    Args:
        case: the incident.
        changes: its changes, as kept.
        alerts: changes of phase of its environment, from `looked_at`.
        reader: reads the telemetry store.
        now: the time.

    Raises:
        StoreError: the store refused a query or took too long.
    """
    span = looked_at(case, now)
    bound = {
        "since": select.text(span.start),
        "until": select.text(span.end),
        "environment": case.incident.environment,
    }
    safety, fallbacks = await asyncio.gather(reader.read(_SAFETY, bound), reader.read(_FALLBACKS, bound))
    services = frozenset(case.incident.services)
    found = [
        *_deviations(case),
        *_alerts(case, alerts),
        *of(changes),
        *(_event(row, services) for row in safety.dicts()),
        *(_fallback(row, services) for row in fallbacks.dicts()),
    ]
    return ordered(found)


def ordered(entries: Iterable[Entry]) -> list[Entry]:
    """Oldest first; of one moment in the order of `KINDS`."""
    return sorted(entries, key=lambda each: (each.at, KINDS.index(each.kind), each.evidence))[: 4 * MOST]


def _deviations(case: Case) -> Iterable[Entry]:
    """Where each alert's series left its level, and the first bad observation of the incident."""
    told: dict[tuple[datetime, str], Entry] = {}
    for each in case.members:
        if each.deviated_at is not None:
            series = links.judged(each)
            sentence = f"{series} left its level"
            evidence = f"series:{series}@{_text(each.deviated_at)}"
            told[each.deviated_at, series] = Entry(
                each.deviated_at, "first_deviation", sentence, evidence, "indicator_history"
            )
    yield from told.values()
    first = min(case.members, key=lambda each: (each.started_at, each.alert))
    by = f"first bad observation, by {links.name(first)}"
    yield Entry(first.started_at, "first_bad", by, f"alert:{first.alert}", "alert_transitions")


def _alerts(case: Case, alerts: Sequence[Kept]) -> Iterable[Entry]:
    held = {each.fingerprint for each in case.members}
    for each in alerts:
        change = each.transition
        if change.alert.fingerprint not in held:
            continue
        name = f"{change.alert.rule} ({change.alert.member})" if change.alert.member else change.alert.rule
        evidence, source = f"alert-change:{each.id}", "alert_transitions"
        if change.alert.phase is Phase.FIRING:
            yield Entry(change.at, "alert_fired", f"{name} fired: {change.alert.sentence}", evidence, source)
        elif change.before is Phase.FIRING:
            yield Entry(change.at, "alert_resolved", f"{name} ended: {change.reason}", evidence, source)


def of(changes: Sequence[KeptChange]) -> Iterable[Entry]:
    """The entries of an incident's own changes."""
    for each in changes:
        who = "" if each.actor == "server" else f" by {each.actor}"
        told = {"note": f"note{who}", "opened": "incident opened", "joined": "alert joined"}.get(
            each.kind, f"{each.kind}{who}"
        )
        sentence = f"{told}: {each.reason}" if each.reason else told
        yield Entry(each.at, each.kind, sentence, f"incident-change:{each.id}", "incident_changes")


def _event(row: Mapping[str, Any], services: frozenset[str]) -> Entry:
    kind = _EVENTS[str(row["Event"])]
    name, came, went = str(row["Name"]) or "without a name", str(row["FromState"]), str(row["ToState"])
    step = f" from {came} to {went}" if came and went else f" to {went}" if went else ""
    word = {
        "deployment": f"deployment of {name}{step}",
        "config": f"setting {name} changed",
        "flag": f"flag {name}{step}",
        "breaker": f"circuit breaker {name}{step}",
        "failover": f"failover {name}{step}{', which failed' if row['AnyFailed'] else ''}",
        "degradation": f"{row['Of'] or name} degraded{step}",
        "emergency": f"emergency measure {name}",
        "security": f"security event {name}",
    }[kind]
    who = f" by {row['Who']}" if row["Who"] else ""
    why = f": {row['Why']}" if row["Why"] else ""
    at = row["At"].astimezone(UTC)
    evidence = f"trace:{row['Trace']}" if row["Trace"] else f"fact:fact_safety/{row['Event']}/{name}@{_text(at)}"
    related = str(row["Of"]) in services or str(row["Name"]) in services
    return Entry(at, kind, f"{word}{who}{why}{_often(row)}", evidence, "fact_safety", related, int(row["Times"]))


def _fallback(row: Mapping[str, Any], services: frozenset[str]) -> Entry:
    at = row["At"].astimezone(UTC)
    why = f": {row['Why']}" if row["Why"] else ""
    told = f"{row['Model']} stood in for {row['Instead']}{why}{_often(row)}"
    evidence = f"trace:{row['Trace']}" if row["Trace"] else f"fact:fact_ai_calls/{row['Instead']}@{_text(at)}"
    return Entry(at, "fallback", told, evidence, "fact_ai_calls", str(row["Of"]) in services, int(row["Times"]))


def _often(row: Mapping[str, Any]) -> str:
    times = int(row["Times"])
    return f" ({times:,} times within 10 min)" if times > 1 else ""


def _text(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
