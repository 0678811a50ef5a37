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
_MOST_FALLBACKS = 100
_MOST_ENTRIES = 2_000
_RANGE = (
    "Timestamp >= {since:DateTime64(9, 'UTC')} AND Timestamp < {until:DateTime64(9, 'UTC')}"
    " AND Environment = {environment:String}"
)
# Of what happens without end the first and the last is told, and how often.
_SAFETY = f"""SELECT Event, toString(Name) AS Name, toString(FromState) AS FromState, toString(ToState) AS ToState,
    min(Timestamp) AS At, max(Timestamp) AS LastAt, count() AS Times,
    argMin(toString(Reason), Timestamp) AS Why, argMin(toString(Service), Timestamp) AS Of,
    argMin(toString(Actor), Timestamp) AS Who, argMin(TraceId, Timestamp) AS Trace, max(Failed) AS AnyFailed,
    has({{services:Array(String)}}, Of) OR has({{services:Array(String)}}, Name) AS Touches
FROM fact_safety WHERE {_RANGE}
GROUP BY Event, Name, FromState, ToState, toStartOfInterval(Timestamp, toIntervalMinute(10))"""
_FALLBACKS = f"""SELECT toString(FallbackFrom) AS Instead, toString(Family) AS Model, toString(FallbackReason) AS Why,
    min(Timestamp) AS At, max(Timestamp) AS LastAt, count() AS Times, argMin(TraceId, Timestamp) AS Trace,
    argMin(toString(Service), Timestamp) AS Of, countIf(Failed) AS AnyFailed,
    has({{services:Array(String)}}, Of) AS Touches
FROM fact_ai_calls WHERE {_RANGE} AND FallbackFrom != ''
GROUP BY Instead, Model, Why, toStartOfInterval(Timestamp, toIntervalMinute(10))"""
# Where there is too much, what touches the incident goes first, from both ends: what caused it and what ended it.
_ENDS = """SELECT *, count() OVER () AS Total, countIf(Touches) OVER () AS TotalTouching,
    row_number() OVER (PARTITION BY Touches ORDER BY At) AS FromFirst,
    row_number() OVER (PARTITION BY Touches ORDER BY At DESC) AS FromLast
FROM ({inner}) ORDER BY Touches DESC, least(FromFirst, FromLast), FromFirst LIMIT {most}"""
KINDS = (
    *("first_deviation", "first_bad", "alert_fired", "alert_resolved", "deployment", "config", "flag", "breaker"),
    *("failover", "degradation", "emergency", "security", "fallback", "opened", "joined", "severity", "acknowledged"),
    *("mitigated", "resolved", "reopened", "merged", "split", "note", "left_out"),
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
        times: how often, within ten minutes; of `left_out`, how many events it stands for.
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
        alerts: changes of phase of its alerts, from `looked_at`.
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
        "services": list(case.incident.services),
    }
    safety, fallbacks = await asyncio.gather(
        reader.read(_ENDS.format(inner=_SAFETY, most=MOST), bound),
        reader.read(_ENDS.format(inner=_FALLBACKS, most=_MOST_FALLBACKS), bound),
    )
    events, calls = safety.dicts(), fallbacks.dicts()
    found = [
        *_deviations(case),
        *_alerts(case, alerts),
        *of(changes),
        *(_event(row) for row in events),
        *(_fallback(row) for row in calls),
        *_left_out(events, "fact_safety"),
        *_left_out(calls, "fact_ai_calls"),
    ]
    return ordered(found)


def ordered(entries: Iterable[Entry], most: int = _MOST_ENTRIES) -> list[Entry]:
    """Oldest first; of one moment in the order of `KINDS`. Of too many, what is related goes first, from both ends."""
    found = sorted(entries, key=lambda each: (each.at, KINDS.index(each.kind), each.evidence))
    if len(found) <= most:
        return found
    ranks: dict[int, tuple[int, int]] = {}
    for group, wanted in enumerate((True, False)):
        places = [place for place, each in enumerate(found) if (each.related or each.kind == "left_out") is wanted]
        ranks |= {place: (group, min(nth, len(places) - 1 - nth)) for nth, place in enumerate(places)}
    kept = sorted(sorted(ranks, key=lambda place: (*ranks[place], place))[:most])
    gone = [found[place] for place in sorted(ranks.keys() - set(kept))]
    told = _gap(gone[0].at, len(gone), sum(each.related for each in gone), "incident_changes")
    return sorted([*(found[place] for place in kept), told], key=lambda each: each.at)


def _left_out(rows: Sequence[Mapping[str, Any]], source: str) -> Iterable[Entry]:
    """What did not fit, told of where it is missing."""
    if rows and (more := int(rows[0]["Total"]) - len(rows)):
        touching = int(rows[0]["TotalTouching"]) - sum(bool(row["Touches"]) for row in rows)
        # Of what touches the incident something is missing only when nothing else is here.
        cut = [
            row["At"] for row in rows if bool(row["Touches"]) is bool(touching) and row["FromFirst"] <= row["FromLast"]
        ]
        yield _gap(max(cut or [row["At"] for row in rows]).astimezone(UTC), more, touching, source)


def _gap(at: datetime, more: int, touching: int, source: str) -> Entry:
    told = f"{more:,} more events are left out here, {touching:,} of them of the incident's services"
    return Entry(at, "left_out", told, f"count:{source}@{_text(at)}", source, touching > 0, more)


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


def _event(row: Mapping[str, Any]) -> Entry:
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
    told = f"{word}{who}{why}{_often(row)}"
    return Entry(at, kind, told, evidence, "fact_safety", bool(row["Touches"]), int(row["Times"]))


def _fallback(row: Mapping[str, Any]) -> Entry:
    at = row["At"].astimezone(UTC)
    why = f": {row['Why']}" if row["Why"] else ""
    told = f"{row['Model']} stood in for {row['Instead']}{why}{_often(row)}"
    evidence = f"trace:{row['Trace']}" if row["Trace"] else f"fact:fact_ai_calls/{row['Instead']}@{_text(at)}"
    return Entry(at, "fallback", told, evidence, "fact_ai_calls", bool(row["Touches"]), int(row["Times"]))


def _often(row: Mapping[str, Any]) -> str:
    times = int(row["Times"])
    return f" ({times:,} times within 10 min)" if times > 1 else ""


def _text(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
