"""A draft of a post-mortem in Markdown: facts only, each line with what it is known from."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from decimal import Decimal

from observatory.incidents import links
from observatory.incidents.impact import Impact, Number
from observatory.incidents.interval import started
from observatory.incidents.model import Case
from observatory.incidents.statistics import Similar, root_of
from observatory.incidents.timeline import Entry
from observatory.model import Measurement

_ORDER = ("users", "orders", "signals", "money", "credits")
_MOST_LINES = 200
_CHANGES = ("deployment", "config", "flag")
# Signs that mean something in Markdown: what telemetry says must not become form.
_SIGNS = str.maketrans({sign: f"\\{sign}" for sign in "\\`*_[]<>#|"})


def write(case: Case, timeline: Sequence[Entry], impact: Impact | None, alike: Sequence[Similar]) -> str:
    """The draft.

    Args:
        case: the incident.
        timeline: its timeline, oldest first.
        impact: what it did; None when that could not be measured.
        alike: earlier incidents that look like it.
    """
    incident = case.incident
    evidence = f"incident:{incident.id}"
    parts = [
        f"# Incident {incident.id}: {_plain(incident.title)}",
        "",
        "A draft from what was measured. Whoever was there adds what was not.",
        "",
        "## Summary",
        "",
        *_summary(case),
        "",
        "## Timeline",
        "",
        *_timeline(timeline),
        "",
        "## Impact",
        "",
        *_impact(impact, incident.id),
        "",
        "## What is thought to be the cause",
        "",
        *_cause(case, timeline),
        "",
        "## Alerts",
        "",
        *(
            _line(f"{_plain(links.name(each))}, {each.severity}: {_plain(each.sentence)}", f"alert:{each.alert}")
            for each in case.members
        ),
        "",
        "## Earlier incidents like it",
        "",
        *(
            [
                _line(
                    f"{each.case.incident.id}, alike by {each.likeness:.0%}: {_plain(each.case.incident.title)}",
                    f"incident:{each.case.incident.id}",
                )
                for each in alike
            ]
            or [_line("none is known", evidence)]
        ),
        "",
        "## To be written",
        "",
        "- What was done, and by whom.",
        "- What will be changed.",
        "",
    ]
    return "\n".join(parts)


def _summary(case: Case) -> Iterable[str]:
    incident = case.incident
    evidence = f"incident:{incident.id}"
    start, by = started(case)
    known = "by the change point of its series" if by == "change_point" else "by the first bad observation"
    first = min(case.members, key=lambda each: (each.deviated_at or each.started_at, each.alert))
    whence = f"series:{links.judged(first)}" if by == "change_point" else f"alert:{first.alert}"
    detected = min(case.members, key=lambda each: (each.first_fired_at, each.alert))
    yield _line(
        f"Severity {incident.severity}, state {incident.state}, environment {_plain(incident.environment)}.", evidence
    )
    yield _line(f"Began {_time(start)}, {known}.", whence)
    yield _line(
        f"Detected {_time(incident.opened_at)}, after {_length(start, incident.opened_at)}.", f"alert:{detected.alert}"
    )
    for word, at in (("Acknowledged", incident.acknowledged_at), ("Mitigated", incident.mitigated_at)):
        told = (
            f"{word} {_time(at)}, {_length(incident.opened_at, at)} after detection." if at else f"{word}: not known."
        )
        yield _line(told, evidence)
    ended = incident.resolved_at
    yield _line(
        f"Resolved {_time(ended)}, {_length(start, ended)} after it began." if ended else "Not resolved.", evidence
    )
    services = ", ".join(incident.services) or "not known"
    yield _line(f"Services: {_plain(services)}. Areas: {_plain(', '.join(incident.areas) or 'not known')}.", evidence)
    yield _line(f"Folded with confidence {incident.confidence:.2f}: {_plain(incident.reason)}.", evidence)


def _timeline(timeline: Sequence[Entry]) -> Iterable[str]:
    # An alert that joins has fired, and says so itself.
    told = [each for each in timeline if each.related and each.kind != "joined"]
    for each in told[:_MOST_LINES]:
        yield _line(f"{_time(each.at)} {_plain(each.sentence)}", each.evidence)
    if len(told) > _MOST_LINES:
        yield _line(f"{len(told) - _MOST_LINES} further entries are left out", "timeline")
    if not told:
        yield _line("nothing is known", "timeline")


def _impact(impact: Impact | None, incident_id: str) -> Iterable[str]:
    if impact is None:
        yield _line("could not be measured", f"incident:{incident_id}")
        return
    for about in _ORDER:
        for each in impact.numbers:
            if each.about == about:
                yield _number(each)


def _number(number: Number) -> str:
    during, before = number.during, number.before
    told = f"{number.sentence}: {_value(during)} ({during.samples:,} samples in {during.window_s:,} s)"
    told += f"; before {_value(before)} ({before.samples:,} samples)"
    return _line(_plain(told), f"fact:{during.source}")


def _cause(case: Case, timeline: Sequence[Entry]) -> Iterable[str]:
    root = root_of(case)
    yield _line(f"Root: {_plain(links.name(root))}: {_plain(root.sentence)}", f"alert:{root.alert}")
    start = started(case)[0]
    changes = [each for each in timeline if each.kind in _CHANGES and each.at <= case.incident.opened_at]
    for each in changes[-5:]:
        when = "before" if each.at <= start else "after"
        told = f"Changed {abs((start - each.at).total_seconds()):,.0f} s {when} it began: {_plain(each.sentence)}"
        yield _line(told, each.evidence)
    if not changes:
        yield _line(
            "No deployment, setting or flag is known to have changed in the half hour before.", "fact:fact_safety"
        )


def _line(told: str, evidence: str) -> str:
    return f"- {told} `[{evidence.replace('`', '')}]`"


def _plain(text: str) -> str:
    return " ".join(text.split()).translate(_SIGNS)


def _value(measured: Measurement) -> str:
    value = measured.value
    if value is None:
        return "not known"
    number = f"{value.normalize():f}" if isinstance(value, Decimal) else f"{value:,}"
    return number if measured.unit == "1" else f"{number} {measured.unit}"


def _time(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def _length(start: datetime, end: datetime) -> str:
    return f"{(end - start).total_seconds():,.0f} s"
