"""What speaks for two alerts being one trouble: a trace, a service, a call between services, a member, an area."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from importlib.resources import files
from typing import Any

import yaml

from observatory import catalogue
from observatory.incidents.graph import Graph
from observatory.incidents.model import Member

_BOUNDS = (".critical", ".warning")
_OWN = "observatory."
_TRACE = re.compile("[0-9a-f]{32}")


@dataclass(frozen=True, slots=True)
class Terms:
    """How folding goes, from `links.yaml`."""

    least: float
    near_s: float
    far_s: float
    again_s: float
    root_s: float
    most_open: int
    most_alerts: int
    confidence: Mapping[str, float]
    ageless: frozenset[str]
    subjects: frozenset[str]


@dataclass(frozen=True, slots=True)
class Link:
    """One alert's tie to another.

    Attributes:
        confidence: how sure it is that they are one trouble, 0 to 1.
        reason: why, in words.
        to: id of the alert that it ties to.
    """

    confidence: float
    reason: str
    to: str


@dataclass(frozen=True, slots=True)
class Traits:
    """What an alert is compared by.

    Attributes:
        alert: its id.
        name: rule and member, as people read it.
        base: the indicator of a rule of a bound, with the member; else rule and member.
        traces, services, parts: its evidence; the services concerned; its member and what it is about.
        near: services that call one of its own or are called by it, each with that one.
        areas: its area and those of its services; `observatory` for what it says of itself.
        begins: moments at which it began, of its first and of its newest episode.
    """

    alert: str
    name: str
    base: str
    traces: frozenset[str]
    services: frozenset[str]
    near: Mapping[str, str]
    parts: frozenset[str]
    areas: frozenset[str]
    begins: tuple[datetime, ...]


@cache
def terms() -> Terms:
    """The numbers in force."""
    told: dict[str, Any] = yaml.safe_load(files(__package__).joinpath("links.yaml").read_text(encoding="utf-8"))
    links: dict[str, dict[str, Any]] = told.pop("links")
    subjects = frozenset(told.pop("subjects"))
    return Terms(
        **told,
        confidence={name: float(entry["confidence"]) for name, entry in links.items()},
        ageless=frozenset(name for name, entry in links.items() if entry.get("ageless")),
        subjects=subjects,
    )


@cache
def _areas() -> Mapping[str, str]:
    return {service.id: service.area for service in catalogue.load().services}


def traits(member: Member, graph: Graph) -> Traits:
    """What an alert is compared by, with its services' neighbours of now."""
    services = frozenset(member.services)
    of_services = (_areas()[service] for service in services if service in _areas())
    near = {
        other: service
        for service in sorted(services, reverse=True)
        for other in graph.neighbours(service)
        if other not in services
    }
    return Traits(
        alert=member.alert,
        name=name(member),
        base=judged(member),
        # A link may be that of many alerts; a trace is of one thing that happened.
        traces=frozenset(filter(_TRACE.fullmatch, member.evidence)),
        services=services,
        near=near,
        parts=frozenset({*member.subjects, member.member} - {"", *services}),
        areas=frozenset({member.area or ("observatory" if member.rule.startswith(_OWN) else ""), *of_services} - {""}),
        begins=tuple({member.started_at, member.fired_at}),
    )


def judged(member: Member) -> str:
    """What an alert judges: the indicator of a rule of one of its bounds, else the rule, with the member."""
    base = next((member.rule.removesuffix(each) for each in _BOUNDS if member.rule.endswith(each)), member.rule)
    return f"{base} ({member.member})" if member.member else base


def name(member: Member) -> str:
    """Rule and member."""
    return f"{member.rule} ({member.member})" if member.member else member.rule


def link(new: Traits, old: Traits, above: float = 0.0) -> Link | None:
    """The strongest tie of a new alert to one that is there; None when nothing speaks for one trouble.

    Args:
        new, old: the two alerts.
        above: only a tie that is surer than this is wanted.
    """
    found = terms()
    apart_s = min(abs((one - other).total_seconds()) for one in new.begins for other in old.begins)
    fades = _fading(apart_s, found)
    sure = [(found.confidence[kind] * (1.0 if kind in found.ageless else fades), kind) for kind in _SAYS]
    # Strongest first, and of equals as they are listed: the first that holds is the tie.
    for confidence, kind in sorted(sure, key=lambda pair: -pair[0]):
        if confidence < found.least or round(confidence, 3) <= above:
            return None
        reason = _SAYS[kind](new, old)
        if reason:
            return Link(round(confidence, 3), f"{reason}; {apart_s:.0f} s apart", old.alert)
    return None


def _fading(apart_s: float, found: Terms) -> float:
    if apart_s <= found.near_s:
        return 1.0
    if apart_s > found.far_s:
        return 0.0
    return 1.0 - 0.5 * (apart_s - found.near_s) / (found.far_s - found.near_s)


def _bound(new: Traits, old: Traits) -> str:
    return f"another bound of what {old.name} judges" if new.base == old.base else ""


def _trace(new: Traits, old: Traits) -> str:
    shared = new.traces & old.traces
    return f"the trace {min(shared)} is evidence of both it and {old.name}" if shared else ""


def _service(new: Traits, old: Traits) -> str:
    shared = new.services & old.services
    return f"concerns {min(shared)}, as {old.name} does" if shared else ""


def _calls(new: Traits, old: Traits) -> str:
    shared = new.near.keys() & old.services
    if not shared:
        return ""
    other = min(shared)
    return f"{new.near[other]}, which it concerns, and {other}, which {old.name} concerns, call each other"


def _member(new: Traits, old: Traits) -> str:
    shared = new.parts & old.parts
    return f"is about {min(shared)}, as {old.name} is" if shared else ""


def _area(new: Traits, old: Traits) -> str:
    shared = new.areas & old.areas
    return f"is of {min(shared)}, as {old.name} is" if shared else ""


_SAYS: Mapping[str, Callable[[Traits, Traits], str]] = {
    "bound": _bound,
    "trace": _trace,
    "service": _service,
    "calls": _calls,
    "member": _member,
    "area": _area,
}
