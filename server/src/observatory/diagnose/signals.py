"""Spans and logs as further series of services."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from itertools import islice
from typing import Any

import numpy as np

from observatory.analytics.samples import Floats

MOST_SPANS = 2_000_000
MOST_LOGS = 500_000
_MOST_TEMPLATES = 2_000
# Series are coarser than the grid where there are fewer spans than this in a step of it.
_LEAST_IN_STEP = 5
_BAD_STATUS = re.compile(
    r"^(?:error|err|failed|failure|fail|status_code_error|unset_error|5\d\d|4\d\d|false)$", re.IGNORECASE
)
_BAD_TEXT = re.compile(
    r"error|exception|fail|fatal|panic|traceback|refused|timed? ?out|unavailable|critical|denied", re.IGNORECASE
)
_BAD_LEVEL = re.compile(r"^(?:err|error|fatal|critical|crit|alert|emerg|severe|panic)", re.IGNORECASE)
_VARIABLE = re.compile(r"0x[0-9a-f]+|[0-9a-f]{8,}|\d+|\"[^\"]*\"|'[^']*'", re.IGNORECASE)

Series = dict[str, dict[str, Floats]]


def read(
    times: Floats, spans: Iterable[Mapping[str, Any]], logs: Iterable[Mapping[str, Any]]
) -> tuple[Series, list[tuple[str, str]]]:
    """Series, a value for each of `times`, and the calls that spans tell.

    Of spans: own time (without that of the calls below), duration, calls and share of failures. Of logs: lines, those
    of an error, and those of a kind that is new. What has no service or no time is passed over.
    """
    found: Series = defaultdict(dict)
    grid, place = np.unique(times, return_inverse=True)
    if grid.size < 2:
        return {}, []
    calls = _of_spans(grid, list(islice(spans, MOST_SPANS)), found)
    _of_logs(grid, islice(logs, MOST_LOGS), found)
    # `times` may be in any order.
    return {service: {name: row[place] for name, row in rows.items()} for service, rows in found.items()}, calls


def _of_spans(times: Floats, spans: Sequence[Mapping[str, Any]], found: Series) -> list[tuple[str, str]]:
    if not spans:
        return []
    services = [str(each.get("service") or "") for each in spans]
    starts = _seconds([each.get("start") for each in spans], times)
    durations = np.asarray([_number(each.get("duration")) for each in spans])
    parents = _parents(spans, services)
    below = np.zeros(len(spans))
    for child, parent in enumerate(parents):
        if isinstance(parent, int) and np.isfinite(durations[child]):
            below[parent] += durations[child]
    failed = np.asarray([_failed(each.get("status")) for each in spans])
    own = np.maximum(0.0, durations - below)
    has_ids = any(isinstance(parent, int) for parent in parents)
    for service, places in _places(services).items():
        _add(found, times, service, starts[places], durations[places], own[places] if has_ids else None, failed[places])
    return sorted(_calls(parents, services))


def _parents(spans: Sequence[Mapping[str, Any]], services: Sequence[str]) -> list[int | str | None]:
    """Of each span its parent's position, or the name of the service that called."""
    ids = {str(_id(each)): n for n, each in enumerate(spans) if _id(each) is not None}
    known = set(services)
    found: list[int | str | None] = []
    for n, each in enumerate(spans):
        parent = each.get("parent")
        place = ids.get(str(parent)) if parent is not None else None
        found.append(place if place is not None and place != n else str(parent) if str(parent) in known else None)
    return found


def _id(span: Mapping[str, Any]) -> Any:
    return span.get("id", span.get("span_id"))


def _calls(parents: Sequence[int | str | None], services: Sequence[str]) -> set[tuple[str, str]]:
    found = set()
    for child, parent in enumerate(parents):
        caller = services[parent] if isinstance(parent, int) else parent
        if caller and services[child] and caller != services[child]:
            found.add((caller, services[child]))
    return found


def _add(
    found: Series, times: Floats, service: str, starts: Floats, durations: Floats, own: Floats | None, failed: Floats
) -> None:
    step = _coarse(starts, times)
    counts = _per_step(starts, np.ones(starts.size), times, step)
    with np.errstate(invalid="ignore", divide="ignore"):
        if own is not None:
            found[service]["span_self_time"] = _per_step(starts, own, times, step) / counts
        found[service]["span_duration"] = _per_step(starts, durations, times, step) / counts
        found[service]["span_error_ratio"] = _per_step(starts, failed, times, step) / counts
    found[service]["span_calls"] = counts


def _of_logs(times: Floats, logs: Iterable[Mapping[str, Any]], found: Series) -> None:
    kept = [each for each in logs if each.get("service")]
    if not kept:
        return
    moments = _seconds([each.get("time") for each in kept], times)
    texts = [str(each.get("text") or "") for each in kept]
    bad = np.asarray([_is_bad(each.get("level"), text) for each, text in zip(kept, texts, strict=True)], dtype=float)
    new = _new([str(each["service"]) for each in kept], texts, moments, times)
    for service, places in _places([str(each["service"]) for each in kept]).items():
        step = _coarse(moments[places], times)
        one = np.ones(places.size)
        found[service]["log_lines_count"] = _per_step(moments[places], one, times, step)
        found[service]["log_errors"] = _per_step(moments[places], bad[places], times, step)
        found[service]["log_new_kinds"] = _per_step(moments[places], new[places], times, step)


def _new(services: Sequence[str], texts: Sequence[str], moments: Floats, times: Floats) -> Floats:
    """1 for a line of a kind that the first third of the stretch does not have."""
    kinds = [(service, _VARIABLE.sub("#", text[:400])[:120]) for service, text in zip(services, texts, strict=True)]
    early = times[0] + (times[-1] - times[0]) / 3
    known = {kind for kind, moment in zip(kinds, moments, strict=True) if moment < early}
    common = {kind for kind, _ in Counter(kinds).most_common(_MOST_TEMPLATES)}
    return np.asarray([kind in common and kind not in known for kind in kinds], dtype=float)


def _is_bad(level: Any, text: str) -> bool:
    return bool(_BAD_LEVEL.match(str(level)) if level else _BAD_TEXT.search(text))


def _failed(status: Any) -> float:
    if isinstance(status, bool):
        return float(not status)
    if isinstance(status, int | float):
        # An HTTP status, or OpenTelemetry's code of an error; gRPC's codes from 1 on are failures as well.
        return float(status >= 400 or status == 2) if status >= 0 else 1.0
    return float(bool(_BAD_STATUS.match(str(status or ""))))


def _places(services: Sequence[str]) -> dict[str, Any]:
    found: dict[str, list[int]] = defaultdict(list)
    for n, service in enumerate(services):
        if service:
            found[service].append(n)
    return {service: np.asarray(places) for service, places in sorted(found.items())}


def _coarse(moments: Floats, times: Floats) -> int:
    """How many steps of the grid are taken together."""
    inside = max(1, int(np.count_nonzero((moments >= times[0]) & (moments <= times[-1]))))
    return int(min(max(1, np.ceil(_LEAST_IN_STEP * times.size / inside)), max(1, times.size // 24)))


def _per_step(moments: Floats, values: Floats, times: Floats, together: int) -> Floats:
    """Sums on the grid; a step is from its time to the next one's."""
    known = np.isfinite(moments) & np.isfinite(values) & (moments >= times[0])
    known &= moments < times[-1] + (times[-1] - times[-2])
    places = (np.searchsorted(times, moments[known], side="right") - 1) // together
    sums = np.bincount(places, weights=values[known], minlength=-(-times.size // together))
    return np.asarray(np.repeat(sums, together)[: times.size] / together, dtype=float)


def _seconds(moments: Sequence[Any], times: Floats) -> Floats:
    """Moments in seconds, whatever power of a thousand they are in."""
    found = np.asarray([_number(each) for each in moments])
    sane = found[np.isfinite(found)]
    if sane.size:
        scale = float(np.median(np.abs(sane))) / max(1.0, abs(float(times[-1])))
        found = found / 1_000.0 ** max(0, round(float(np.log10(max(scale, 1.0))) / 3))
    return found


def _number(value: Any) -> float:
    try:
        return float(value)
    except (TypeError, ValueError):
        return float("nan")
