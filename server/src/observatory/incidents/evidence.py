"""What is known of an incident, as evidence with ids: for whoever puts it into words. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime

from observatory.incidents import links
from observatory.incidents.impact import Impact, Number
from observatory.incidents.interval import started
from observatory.incidents.model import Case, Member
from observatory.incidents.statistics import root_of
from observatory.incidents.timeline import Entry
from observatory.model.evidence import Evidence

_CHANGES = frozenset({"deployment", "config", "flag", "breaker", "failover", "fallback", "emergency"})
_MOST_ALERTS, _MOST_CHANGES, _MOST_NUMBERS = 6, 6, 6


def verdict(case: Case) -> str:
    """The incident in one sentence."""
    incident, root = case.incident, root_of(case)
    alerts = "one alert" if len(case.members) == 1 else f"{len(case.members)} alerts"
    services = f" of {', '.join(root.services)}" if root.services else ""
    return (
        f"{incident.title}. It is {incident.state}: {alerts}, the first cause is thought to be {root.rule}{services}."
    )


def gather(case: Case, timeline: Sequence[Entry], impact: Impact | None) -> list[Evidence]:
    """The incident's course, its alerts from the root on, what changed around its start, and what it did for the worse.

    Args:
        case: the incident.
        timeline: its timeline, oldest first. What people wrote down is left out: it is no measurement.
        impact: what it did; None when that could not be measured.
    """
    link = f"/api/v1/monitoring/incidents/{case.incident.id}"
    root = root_of(case)
    members = [root, *(each for each in case.members if each is not root)]
    changes = [each for each in timeline if each.related and each.kind in _CHANGES]
    return [
        _course(case, link),
        *(_alert(each, each is root) for each in members[:_MOST_ALERTS]),
        *(_change(each, f"{link}/timeline") for each in changes[:_MOST_CHANGES]),
        *_worse(impact, f"{link}/impact"),
    ]


def _course(case: Case, link: str) -> Evidence:
    incident = case.incident
    start, by = started(case)
    known = "the change point of its series" if by == "change_point" else "the first bad observation"
    ended = incident.resolved_at
    told = f"severity {incident.severity}, began {_time(start)} by {known}, alerted {_time(incident.opened_at)}, "
    told += f"resolved {_time(ended)}" if ended else f"{incident.state} and not resolved"
    length_s = (ended - start).total_seconds() if ended else None
    return Evidence(
        f"incident:{incident.id}", told, length_s, None, "s", len(case.members), start, ended, "incidents", link
    )


def _alert(each: Member, is_root: bool) -> Evidence:
    told = f"{links.name(each)}, {each.severity}{', the root' if is_root else ''}: {each.sentence}"
    link = f"/api/v1/monitoring/alerts/{each.fingerprint}"
    return Evidence(
        f"alert:{each.alert}", told, None, None, "", each.times, each.started_at, each.resolved_at, "alerts", link
    )


def _change(each: Entry, link: str) -> Evidence:
    told = f"{_time(each.at)} {each.sentence}"
    return Evidence(each.evidence, told, None, None, "", each.times, each.at, each.at, each.source, link)


def _worse(impact: Impact | None, link: str) -> Iterator[Evidence]:
    if impact is None:
        return
    for each in [number for number in impact.numbers if number.worse][:_MOST_NUMBERS]:
        yield _number(each, impact, link)


def _number(each: Number, impact: Impact, link: str) -> Evidence:
    during, before = each.during, each.before
    unit = "" if during.unit == "1" else f" {during.unit}"
    told = f"{each.sentence}: {_plain(during.value)}{unit}, before {_plain(before.value)}{unit}"
    return Evidence(
        f"impact:{each.id}",
        told,
        None if during.value is None else float(during.value),
        None if before.value is None else float(before.value),
        during.unit,
        during.samples,
        impact.interval.start,
        impact.interval.end,
        during.source,
        link,
    )


def _plain(value: object) -> str:
    return "not known" if value is None else f"{value:,}"


def _time(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
