"""Incidents as JSON values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from observatory.api.health_json import moment, number, provenance
from observatory.incidents import Case, Entry, Impact, Incident, Member, statistics
from observatory.incidents.impact import Number
from observatory.state.incident_tables import KeptChange

_PLAIN = ("id", "environment", "title", "root", "reason", "confidence", "merged_into")
_TIMES = ("opened_at", "first_deviation_at", "acknowledged_at", "mitigated_at", "resolved_at")
_MEMBER_PLAIN = ("alert", "rule", "member", "sentence", "area", "runbook", "times", "link", "reason", "confidence")
_MEMBER_TIMES = ("started_at", "fired_at", "resolved_at", "joined_at", "deviated_at")


def item(case: Case) -> dict[str, Any]:
    """One incident."""
    incident = case.incident
    return {**of(incident), "alerts_firing": len(case.firing)}


def of(incident: Incident) -> dict[str, Any]:
    """One incident, without what its alerts do."""
    return {
        **{name: getattr(incident, name) for name in _PLAIN},
        **{name: moment(getattr(incident, name)) for name in _TIMES},
        "state": incident.state.value,
        "severity": incident.severity.value,
        **{name: list(getattr(incident, name)) for name in ("alerts", "services", "areas")},
    }


def member(each: Member) -> dict[str, Any]:
    """One alert of an incident."""
    return {
        **{name: getattr(each, name) for name in _MEMBER_PLAIN},
        **{name: moment(getattr(each, name)) for name in _MEMBER_TIMES},
        "severity": each.severity.value,
        "services": list(each.services),
        "evidence": list(each.evidence),
        "firing": each.firing,
    }


def change(each: KeptChange) -> dict[str, Any]:
    """One change."""
    names = ("id", "incident", "kind", "alert", "actor", "reason")
    return {
        **{name: getattr(each, name) for name in names},
        "at": moment(each.at),
        "state": each.state.value,
        "severity": each.severity.value,
    }


def entry(each: Entry) -> dict[str, Any]:
    """One line of a timeline."""
    names = ("kind", "sentence", "evidence", "source", "related", "times")
    return {"at": moment(each.at), **{name: getattr(each, name) for name in names}}


def impact(incident_id: str, found: Impact) -> dict[str, Any]:
    """What an incident did."""
    return {
        "incident": incident_id,
        "from": moment(found.interval.start),
        "to": moment(found.interval.end),
        "from_known_by": found.interval.by,
        "baseline_from": moment(found.baseline.start),
        "baseline_to": moment(found.baseline.end),
        "items": [_number(each) for each in found.numbers],
        "users": [{"user_id": user, "times": times} for user, times in found.users],
        "next": None,
    }


def _number(each: Number) -> dict[str, Any]:
    change = each.change
    return {
        **{name: getattr(each, name) for name in ("id", "about", "sentence", "bad")},
        "during": number(each.during),
        "before": number(each.before),
        "change": None if change is None else float(change),
        "worse": each.worse,
        "provenance": {"during": provenance(each.during), "before": provenance(each.before)},
    }


def similar(each: statistics.Similar, notes: Sequence[str]) -> dict[str, Any]:
    """An earlier incident like another."""
    incident = each.case.incident
    return {
        "id": incident.id,
        "title": incident.title,
        "opened_at": moment(incident.opened_at),
        "resolved_at": moment(incident.resolved_at),
        "likeness": each.likeness,
        "shared": list(each.shared),
        "notes": list(notes),
    }


def times(each: statistics.Times) -> dict[str, Any]:
    """A mean time."""
    names = ("id", "sentence", "mean_s", "median_s", "samples", "missing", "estimated")
    return {name: getattr(each, name) for name in names}


def tally(pairs: Sequence[tuple[str, int]]) -> list[Mapping[str, Any]]:
    """Names with how many incidents concern them."""
    return [{"name": name, "incidents": count} for name, count in pairs]


def recurrence(each: statistics.Recurrence) -> dict[str, Any]:
    """A root that came more than once."""
    names = ("rule", "member", "mean_gap_s", "median_gap_s", "mean_length_s")
    return {
        **{name: getattr(each, name) for name in names},
        "incidents": list(each.incidents),
        "times": len(each.incidents),
        "first_at": moment(each.first_at),
        "last_at": moment(each.last_at),
    }
