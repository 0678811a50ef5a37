"""Suspects: members, services and changes in one ranked list. Pure.

One scoring for all kinds of trouble: how sure and how far something deviates, whether it did so first, how it stands
to what was asked about in the service graph, and how much of the harm it covers. What another suspect explains is a
symptom.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from observatory.diagnose import contrast, suspects
from observatory.diagnose.calls import Web
from observatory.diagnose.candidates import Candidate, strongest, wider_first
from observatory.diagnose.changes import REACTIONS
from observatory.diagnose.deviation import Deviation
from observatory.diagnose.diagnosis import Change, Contrast, Hop
from observatory.diagnose.facts import Told
from observatory.diagnose.measures import Series

_LEAST = 0.15
# What a deviation can mean for others, by the class of its table: chosen before any data.
_SORTS = {"outside": 1.0, "data": 1.0, "resource": 0.95, "guard": 0.9, "own": 0.85, "outcome": 0.5}
# What follows from trouble elsewhere more often than it makes any.
_FOLLOWS = {
    "stalled": 0.7,
    "traffic_growth": 0.6,
    "safety_event": 0.7,
    "work_skipped": 0.7,
    "chore_growth": 0.5,
    "fallback": 0.6,
}
# Piles up while others are slow.
_HELD = frozenset({"pool_saturation", "queue_saturation"})
_UNKNOWN = 0.8
_ELSEWHERE = 0.4
_FADES = 0.97
_EXPLAINED = 0.6
# About as clear.
_ABOUT = 0.6
_SERVICE = 0.85
# Where nearly all members of a kind go the same way, it is not one of them.
_COMMON = 0.5
_RESOURCES = (
    ("db.client.connection", "pool", "pool_saturation"),
    ("queue", "queue", "queue_saturation"),
    ("redis", "redis", "cache_trouble"),
    ("postgresql", "database", "database_trouble"),
    ("websocket", "websocket", "websocket_trouble"),
    ("filesystem", "disk", "disk_full"),
    ("disk", "disk", "disk_trouble"),
    ("memory", "memory", "memory_growth"),
    ("cpu", "cpu", "cpu_saturation"),
    ("network", "network", "network_trouble"),
    ("thread", "process", "thread_growth"),
    ("", "resource", "resource_trouble"),
)
# What a contrast alone can say of a cause.
_OF_ATTRIBUTE = {
    "version": "deployment",
    "instance": "bad_instance",
    "host": "bad_host",
    "region": "bad_region",
    "cohort": "user_cohort",
    "plan": "user_cohort",
}


@dataclass(frozen=True, slots=True)
class Found:
    """What the parts of a diagnosis found.

    Attributes:
        targets: services that were asked about.
        web: calls.
        series: everything that was measured of members.
        deviations: those that left what was usual.
        ranked: services, as the ranking over the graph has them.
        path: hops.
        contrasts, changes: as they were found.
        traces: how many traces the path and the contrasts rest on.
        told: makes evidence.
        slower, failing: how clearly the subject is slower, and fails more, 0 to 1.
    """

    targets: Sequence[str]
    web: Web
    series: Sequence[Series]
    deviations: Sequence[Deviation]
    ranked: Sequence[suspects.Suspect]
    path: Sequence[Hop]
    contrasts: Sequence[Contrast]
    changes: Sequence[Change]
    traces: tuple[int, int]
    told: Told
    slower: float = 0.0
    failing: float = 0.0


def weigh(found: Found) -> list[Candidate]:
    """Every candidate with its score, the likeliest first."""
    near = found.web.below(found.targets)
    made: dict[tuple[str, str], Candidate] = {}
    _members(found, near, made)
    _services(found, near, made)
    _contrasts(found, near, made)
    for each in made.values():
        # Several kinds of evidence for one thing are rarely chance.
        each.score *= 1 + 0.15 * (each.kinds - 1)
    _explain(found, list(made.values()))
    _changes(found, near, made)
    likely = [each for each in made.values() if each.score >= _LEAST]
    return wider_first(sorted(likely, key=lambda each: (-round(each.score, 6), each.kind, each.subject)))


def _candidate(made: dict[tuple[str, str], Candidate], kind: str, subject: str) -> Candidate:
    return made.setdefault((kind, subject), Candidate(kind, subject))


def _members(found: Found, near: Mapping[str, int], made: dict[tuple[str, str], Candidate]) -> None:
    siblings: dict[tuple[str, ...], set[str]] = defaultdict(set)
    for series in found.series:
        siblings[_group(series)].add(series.member)
    deviating: dict[tuple[str, ...], list[Deviation]] = defaultdict(list)
    for each in found.deviations:
        deviating[*_group(each.series), str(each.up)].append(each)
    for each in found.deviations:
        series = each.series
        kind, subject, cause = _resource(series) if series.sort == "resource" else (series.kind, series.member, "")
        cause = cause or (series.measure.up if each.up else series.measure.down)
        if not cause or (series.sort == "resource" and not each.up and cause != "resource_trouble"):
            continue
        same = deviating[*_group(series), str(each.up)]
        # Services are not of one kind as venues are: none of them stands for the others.
        alone = series.kind == "service"
        common = not alone and len(same) >= 2 and len(same) >= 0.6 * len(siblings[_group(series)])
        harm = sum(one.harm for one in same)
        cover = 1.0 if alone else each.harm / harm if harm > 0 else 0.0
        score = (
            each.strength
            * _precedence(each, found.told)
            * _relation(series.services, near)
            * _SORTS.get(series.sort, 0.7)
            * _FOLLOWS.get(cause, 1.0)
            * (0.5 + 0.5 * cover)
            * (_COMMON if common else 1.0)
        )
        one = _candidate(made, kind, subject)
        one.services |= set(series.services)
        one.common = one.common and common
        one.never = one.never or series.measure.any
        one.service = one.service or _closest(series.services, near)
        one.sorts.add(series.sort)
        one.held = one.held or cause in _HELD
        one.surprise = max(one.surprise, each.surprise)
        one.add(score, cause, "series", [found.told.deviation(each)], found.told.frame.at(each.place))


def _group(series: Series) -> tuple[str, ...]:
    if series.sort == "resource":
        # Members of one metric, not of all of them.
        return (series.source, series.kind, series.member.partition("|")[0])
    return (series.source, series.kind, series.measure.name)


def _resource(series: Series) -> tuple[str, str, str]:
    metric, name, _, process = series.member.split("|")[:4]
    kind, cause = next((kind, cause) for word, kind, cause in _RESOURCES if word in metric)
    return kind, name or process or metric, cause


def _precedence(found: Deviation, told: Told) -> float:
    frame = told.frame
    late_s = (found.place - frame.split) * frame.step_s
    allowed_s = max(2 * frame.step_s, 60)
    fades_s = max(300.0, (frame.window[1] - frame.window[0]) / 3)
    return 1.0 if late_s <= allowed_s else math.exp(-(late_s - allowed_s) / fades_s)


def _relation(services: Iterable[str], near: Mapping[str, int]) -> float:
    known = [each for each in services if each]
    if not known or not near:
        return _UNKNOWN
    distances = [near[each] for each in known if each in near]
    return _FADES ** min(distances) if distances else _ELSEWHERE


def _closest(services: Iterable[str], near: Mapping[str, int]) -> str:
    return min(services, key=lambda each: (near.get(each, 99), each), default="")


def _services(found: Found, near: Mapping[str, int], made: dict[tuple[str, str], Candidate]) -> None:
    for each in found.ranked:
        one = _candidate(made, "service", each.service)
        one.service, one.services = each.service, one.services | {each.service}
        one.sorts.add("own")
        one.symptom = each.kind == "symptom"
        cause = _of_metric(each)
        score = each.score * _SERVICE * _relation((each.service,), near)
        at = datetime.fromtimestamp(each.onset, UTC) if each.onset is not None else None
        one.surprise = max(one.surprise, 1.0)
        one.add(score * _FOLLOWS.get(cause, 1.0), cause, "graph", found.told.ranked(each), at)
    for hop in found.path:
        # A share of little is little.
        shares = ((hop.added_ratio or 0.0) * found.slower, (hop.failed_ratio or 0.0) * found.failing)
        share = max(shares)
        if share < 0.1 or not hop.service or (hop.added_ms < 1.0 and not hop.failed_ratio):
            continue
        told = found.told.hop(hop, found.traces)
        one = _candidate(made, "service", hop.service)
        one.service, one.services = hop.service, one.services | {hop.service}
        one.sorts.add("own")
        slower = shares[0] >= shares[1]
        one.add(share * _SERVICE, "service_slow" if slower else "service_errors", "path", [told])
        for other in list(made.values()):
            if other.kind != "service" and other.sorts & {"outside", "resource"} and hop.service in other.services:
                other.add(share * 0.5, other.cause, "path", [told])


def _of_metric(found: suspects.Suspect) -> str:
    if found.direction == "gone":
        return "service_silent"
    if found.metric == "calls":
        return "traffic_growth" if found.direction == "up" else "stalled"
    return "service_errors" if found.metric == "error_ratio" else "service_slow"


def _contrasts(found: Found, near: Mapping[str, int], made: dict[tuple[str, str], Candidate]) -> None:
    for each in found.contrasts:
        told = [found.told.contrast(each)]
        known = made.get((each.attribute, each.value))
        if known is not None and each.effect > 0:
            known.add(_says(each) * 0.9, known.cause, "contrast", told)
            continue
        if contrast.is_outcome(each) or each.measure == "share" or each.effect <= 0 or each.attribute == "feature":
            continue
        one = _candidate(made, each.attribute, each.value)
        one.services |= set(each.services)
        one.service = _closest(each.services, near)
        slow = each.measure == "duration_ms"
        cause = _OF_ATTRIBUTE.get(each.attribute, f"{each.attribute}_{'slow' if slow else 'trouble'}")
        one.add(_says(each) * 0.6 * _relation(each.services, near), cause, "contrast", told)


def _says(found: Contrast) -> float:
    effect = found.effect / (1 + found.effect) if found.measure == "duration_ms" else found.effect
    return min(0.95, max(0.0, effect))


def _explain(found: Found, candidates: Sequence[Candidate]) -> None:
    """What a service shows is a symptom of what it waits for, where that deviates about as clearly.

    First of what piles up or came of it, then of services: a pool that is used up by itself makes whoever waits for a
    connection slow, while a queue grows because whoever empties it is.
    """
    behind = [
        each
        for each in candidates
        if each.held or "outcome" in each.sorts or each.cause in ("safety_event", "fallback")
    ]
    plain = [each for each in candidates if each.sorts & {"outside", "data", "resource"} and not each.common]
    _explained(found, behind, [each for each in plain if not each.held])
    pools = [each for each in plain if not each.symptom and (not each.held or each.cause == "pool_saturation")]
    _explained(found, [each for each in candidates if each.kind == "service"], pools)


def _explained(found: Found, shown: Sequence[Candidate], by: Sequence[Candidate]) -> None:
    for each in shown:
        reached = found.web.below(sorted(each.services)) if each.services else {}
        scores = [
            other.score
            for other in by
            if other is not each
            and other.kind != "service"
            and (not other.services or other.services & reached.keys())
            and other.score >= _ABOUT * each.score
            and not _later(other, each)
        ]
        each.symptom = each.symptom or bool(scores)
        if each.symptom:
            # What explains it comes before it.
            each.score = min([each.score * _EXPLAINED, *(0.95 * score for score in scores)])


def _later(one: Candidate, other: Candidate) -> bool:
    if one.onset is None or other.onset is None:
        return False
    return (one.onset - other.onset).total_seconds() > 180


def _changes(found: Found, near: Mapping[str, int], made: dict[tuple[str, str], Candidate]) -> None:
    best = max((each.score for each in made.values()), default=0.0)
    after_s = found.told.frame.step_s + 60
    for each in found.changes:
        if each.kind in REACTIONS or each.before_onset_s < -after_s or not best:
            continue
        named = {each.service, each.subject} - {""}
        meant = [
            one
            for (kind, subject), one in sorted(made.items())
            if subject in named or (kind in ("version", "feature") and named & one.services)
        ]
        agrees = max((one.score for one in meant), default=0.0) / best
        near_s = math.exp(-abs(each.before_onset_s) / 600)
        relation = _relation([name for name in named if name in found.web.services], near)
        score = near_s * relation * (0.3 + 0.7 * agrees) * min(1.0, best + 0.1)
        one = _candidate(made, each.kind, each.subject)
        one.service, one.services = each.service, one.services | named
        told = [found.told.change(each), *(evidence for other in meant for evidence in strongest(other)[:2])]
        one.add(score, each.kind, "change", told[:1], each.at)
        one.add(score * 0.9, each.kind, "series", told[1:])
        for other in meant:
            # What was changed explains that the changed thing is not as it was.
            if other is not one and score >= other.score * 0.8:
                other.symptom = True
                other.score = min(other.score, score * 0.95)
