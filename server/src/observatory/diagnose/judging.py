"""From what was read to the answer. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from observatory.diagnose import candidates, causes, changes, contrast, hops, measures, onset, suspects, verdict
from observatory.diagnose.calls import Web
from observatory.diagnose.causes import Found
from observatory.diagnose.deviation import Deviation, judge
from observatory.diagnose.diagnosis import Contrast, Diagnosis, Hop, Stretch
from observatory.diagnose.facts import Told
from observatory.diagnose.frame import Frame
from observatory.diagnose.hops import Group
from observatory.diagnose.measures import Series
from observatory.diagnose.rank import rank
from observatory.diagnose.sampled import MOST_SPANS, Sample
from observatory.diagnose.subject import Asked, Subject
from observatory.explore.model import Span
from observatory.model.evidence import Evidence

LEAST_CALLS = 20
_LEAST_TRACES = 10


@dataclass(frozen=True, slots=True)
class Read:
    """What was asked, and the subject's own series.

    Attributes:
        about, asked: the question.
        frame: with the onset between its two parts.
        own: the subject's series.
        moved: whether one of them left what was usual.
        last: position after which it was as before.
        every: of so many of its traces one was read.
        missing: what could not be read.
    """

    about: Subject
    asked: Asked
    frame: Frame
    own: Sequence[Series]
    moved: bool
    last: int
    every: int
    missing: Sequence[str]


@dataclass(frozen=True, slots=True)
class Parts:
    """What the parts read."""

    web: Web
    usual: Sample
    now: Sample
    changed: Sequence[Mapping[str, Any]]
    series: Sequence[Series]


def counted(own: Iterable[Series]) -> tuple[float, float]:
    """Calls of the subject, in all and in all again: how many a stretch may have at most."""
    total = sum(float(each.numbers.sum()) for each in own if each.measure.form == "rate")
    return total, total


def answer(read: Read, parts: Parts) -> Diagnosis:
    """The diagnosis."""
    missing = [*read.missing, *_absent(read, parts)]
    lacking = _lacking(read) or _unheard(read, parts)
    if lacking:
        return _not_enough(read, [*lacking, *missing])
    frame = read.frame
    if not read.moved:
        place = onset.of_all(parts.series, frame)
        frame = onset.at(frame, place) if place is not None and _fits(frame, place) else frame
    told = Told(frame, read.asked.environment)
    own = [each for one in read.own if (each := judge(one, frame)) is not None]
    deviations = [each for one in parts.series if (each := judge(one, frame)) is not None]
    groups = _groups(read.about, parts)
    path = hops.compare(*groups) if min(group.traces for group in groups) >= _LEAST_TRACES else ()
    contrasts = contrast.find(parts.usual.traces, parts.now.traces, *groups) if path else ()
    path = _of_what_moved(path, {each.series.measure.form for each in own if each.up})
    near = changes.near(
        parts.changed, frame.at(frame.split), frame.at(measures.first(parts.series)), parts.web.services
    )
    targets = _targets(read)
    ranked = _ranked(parts.web, frame, targets)
    traces = (groups[0].traces, groups[1].traces)
    shown, clear = contrasts if own else (), (_clear(own, "geomean"), _clear(own, "ratio"))
    found = Found(targets, parts.web, parts.series, deviations, ranked, path, shown, near, traces, told, *clear)
    return _told(replace(read, frame=frame), found, own, contrasts, missing)


def _told(
    read: Read, found: Found, own: Sequence[Deviation], contrasts: Sequence[Contrast], missing: Sequence[str]
) -> Diagnosis:
    weighed = causes.weigh(found)
    sure = verdict.confidence(weighed, not own, found.targets)
    listed = candidates.listed(weighed) if sure != "none" else ()
    weighed = weighed[: len(listed)]
    frame, told = found.told.frame, found.told
    began = frame.at(frame.split) if own else listed[0].onset if listed else None
    evidence: dict[str, Evidence] = {}
    facts = [told.deviation(each) for each in own]
    shown_path, shown = _with_ids(found, contrasts)
    facts += [each for candidate in weighed for _, _, each in candidate.evidence.values()]
    facts += [told.hop(each, found.traces) for each in shown_path[:5] if each.added_ratio or each.failed_ratio]
    facts += [told.contrast(each) for each in contrasts]
    facts += [told.change(each) for each in found.changes]
    for each in facts:
        evidence.setdefault(each.id, each)
    shown_changes = tuple(replace(each, evidence=(told.change(each).id,)) for each in found.changes)
    return Diagnosis(
        kind=read.about.kind,
        subject=read.about.name,
        environment=read.asked.environment,
        verdict=verdict.sentence(read.about, own, listed, found.path, began, sure),
        confidence=sure,
        enough=True,
        missing=tuple(dict.fromkeys(missing)),
        window=_stretch((frame.window[0], frame.window[1]), read.asked.start is None),
        baseline=_stretch(frame.baseline, read.asked.baseline is None),
        onset=began,
        traces_usual=found.traces[0],
        traces_now=found.traces[1],
        path=shown_path,
        contrasts=shown,
        changes=shown_changes,
        suspects=listed,
        evidence=tuple(evidence.values()),
    )


def _clear(own: Sequence[Deviation], form: str) -> float:
    """How clearly the subject's measure of a form went up; what is sure counts half at least."""
    found = [each.strength for each in own if each.up and each.series.measure.form == form]
    return min(1.0, 1.5 * max(found, default=0.0))


def _of_what_moved(path: Sequence[Hop], forms: set[str]) -> tuple[Hop, ...]:
    """Where the subject is no slower nothing was added, and where it fails no more no failures were."""
    slower, failing = "geomean" in forms, "ratio" in forms
    kept = [
        replace(
            each, added_ratio=each.added_ratio if slower else None, failed_ratio=each.failed_ratio if failing else None
        )
        for each in path
    ]
    kept.sort(key=lambda each: -max(each.added_ratio or 0.0, each.failed_ratio or 0.0))
    return tuple(kept)


def _with_ids(found: Found, contrasts: Sequence[Contrast]) -> tuple[tuple[Hop, ...], tuple[Contrast, ...]]:
    shown = tuple(replace(each, evidence=(found.told.contrast(each).id,)) for each in contrasts)
    return tuple(found.path), shown


def _lacking(read: Read) -> list[str]:
    """Why nothing can be said of the subject; empty when something can."""
    if read.about.kind in ("alert", "incident"):
        return [] if read.frame.sound else [_short(read.frame)]
    if any(each.startswith("calls") for each in read.missing):
        return ["calls: what was asked about could not be read"]
    rate = next((each for each in read.own if each.measure.form == "rate"), None)
    split = read.frame.split
    before, now = (float(part.sum()) for part in (rate.numbers[:split], rate.numbers[split:])) if rate else (0.0, 0.0)
    if before + now == 0:
        return [f"traces: no call of {read.about.sentence} was seen in the window or before it"]
    lacking = []
    if not read.frame.sound:
        lacking.append(_short(read.frame))
    if before < LEAST_CALLS:
        lacking.append(f"baseline: {before:.0f} calls before the window, at least {LEAST_CALLS} are needed")
    # From many calls to none is no lack of evidence.
    if now < LEAST_CALLS and before / max(split, 1) * (len(read.frame.times) - split) < 2 * LEAST_CALLS:
        lacking.append(f"calls: {now:.0f} in the window, at least {LEAST_CALLS} are needed")
    return lacking


def _unheard(read: Read, parts: Parts) -> list[str]:
    """Of an alert any telemetry may tell; without any in the window or before it nothing does."""
    if read.about.kind not in ("alert", "incident"):
        return []
    split, seen = read.frame.split, [each.numbers != 0 for each in parts.series]
    before, now = any(each[:split].any() for each in seen), any(each[split:].any() for each in seen)
    if before and now:
        return []
    places = [name for name, there in (("before the window", before), ("in the window", now)) if not there]
    return [f"telemetry: nothing was seen {' and '.join(places)}"]


def _short(frame: Frame) -> str:
    return f"time: {frame.split} steps of {frame.step_s} s before the window and {len(frame.times) - frame.split} in it"


def _absent(read: Read, parts: Parts) -> list[str]:
    found = []
    names = [each.partition(":")[0] for each in read.missing]
    if "traces" not in names and len(parts.now.traces) < _LEAST_TRACES:
        found.append(f"traces: {len(parts.now.traces)} are kept of the window, {_LEAST_TRACES} are needed for paths")
    elif "usual traces" not in names and len(parts.usual.traces) < _LEAST_TRACES:
        found.append(f"usual traces: {len(parts.usual.traces)} are kept of the baseline, {_LEAST_TRACES} are needed")
    if parts.usual.cut or parts.now.cut:
        found.append(f"traces: those beyond {MOST_SPANS:,} spans of a group were not looked at")
    if "service graph" not in names and not parts.web.edges:
        found.append("service graph: no calls between services were seen")
    if not parts.series:
        found.append("metrics: no facts of the areas were seen in the window or before it")
    return found


def _not_enough(read: Read, missing: Sequence[str]) -> Diagnosis:
    return Diagnosis(
        kind=read.about.kind,
        subject=read.about.name,
        environment=read.asked.environment,
        verdict=f"Not enough evidence about {read.about.sentence}: {missing[0]}.",
        confidence="none",
        enough=False,
        missing=tuple(dict.fromkeys(missing)),
        window=_stretch(read.frame.window, read.asked.start is None),
        baseline=None,
        onset=None,
    )


def _fits(frame: Frame, place: int) -> bool:
    return place >= frame.split - 2 and onset.at(frame, place).sound


def _groups(about: Subject, parts: Parts) -> tuple[Group, Group]:
    own = _own(about)
    return hops.gather(parts.usual.traces, own), hops.gather(parts.now.traces, own)


def _own(about: Subject) -> hops.Own:
    if about.kind == "feature":
        return None
    if about.kind == "endpoint":
        return lambda span: span.name == about.name
    named = frozenset(about.services)

    def own(span: Span) -> bool:
        return span.service in named

    return own


def _targets(read: Read) -> list[str]:
    told = read.about.services or tuple(name for each in read.own for name in each.services)
    return sorted(dict.fromkeys(told))


def _ranked(web: Web, frame: Frame, targets: Sequence[str]) -> list[suspects.Suspect]:
    if not web.services or not targets or not frame.sound:
        return []
    busiest = max(
        targets, key=lambda each: (float(web.services[each].calls.sum()) if each in web.services else 0.0, each)
    )
    return rank(web.metrics(), frame.times, web.edges, busiest, onset=float(frame.times[frame.split]))


def _stretch(pair: tuple[int, int], chosen: bool) -> Stretch:
    return Stretch(datetime.fromtimestamp(pair[0], UTC), datetime.fromtimestamp(pair[1], UTC), chosen)
