"""Verdicts of one moment, without memory. `hysteresis` decides which of them come into force."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from observatory.catalogue import Objective, Priority
from observatory.health import words
from observatory.model import (
    Bound,
    Finding,
    Health,
    Indicator,
    LoadState,
    Measurement,
    Reading,
    Reason,
    ServiceSight,
    Verdict,
    worst,
)

# A service is judged by its errors and its speed from this many calls on.
LEAST_CALLS = 20
# An objective says how many calls must succeed over a month; five minutes may burn that budget this much faster
# (the burn rates of contract section 3), and so many failures are more than a stray one.
WARN_BURN, WARN_FAILURES = 6.0, 3
CRIT_BURN, CRIT_FAILURES = 14.4, 10
# Beyond its latency objective a service is slow; beyond this many times it, nobody waits for it any more.
CRIT_LATENCY = 5.0

_LIMITS_OVERALL: Mapping[Priority, Health] = {
    "P0": Health.CRITICAL,
    "P1": Health.CRITICAL,
    "P2": Health.DEGRADED,
    "P3": Health.DEGRADED,
}
_OF_AREA = {
    Health.CRITICAL: Reason.AREA_CRITICAL,
    Health.DEGRADED: Reason.AREA_DEGRADED,
    Health.UNKNOWN: Reason.AREA_UNKNOWN,
}


def reading(indicator: Indicator, read: Reading) -> Finding | None:
    """What one reading says of its area; None when it cannot be judged.

    It can be judged when it has a value, its least samples, a bound, and its own condition allows it.
    A healthy finding has its sentence too, so that a page can say what was looked at.
    """
    measured = read.measurement
    if not (indicator.bounded and read.judged) or measured.value is None or measured.samples < indicator.least_samples:
        return None
    levels = (
        (indicator.crit, Health.CRITICAL, Reason.BEYOND_CRITICAL_BOUND),
        (indicator.warn, Health.DEGRADED, Reason.BEYOND_WARNING_BOUND),
    )
    for bound, health, reason in levels:
        if bound is not None and bound.broken_by(measured.value):
            sentence = _beyond(indicator, read, bound)
            return Finding(reason, sentence, health, indicator.id, read.member)
    return Finding(Reason.WITHIN_BOUNDS, _value(indicator, read), Health.HEALTHY, indicator.id, read.member)


def area(indicators: Mapping[str, Indicator], readings: Iterable[Reading], silent: Sequence[str] = ()) -> Verdict:
    """An area is as bad as its worst judged indicator; unknown if none could be judged.

    Args:
        indicators: the area's, by id.
        readings: what was measured of them.
        silent: services of the area that fell silent, to be named.
    """
    read = tuple(readings)
    judged = [found for each in read if (found := reading(indicators[each.indicator], each)) is not None]
    # That the services are alive says nothing about how well they do; alone it makes no area healthy.
    telling = [found for found in judged if not found.subject.endswith(".services_alive_ratio")]
    bad = sorted((found for found in judged if found.health.rank > Health.UNKNOWN.rank), key=_badness)
    bad += [_silent(name) for name in silent]
    if bad:
        return Verdict(worst(found.health for found in judged), tuple(bad))
    if not telling:
        return Verdict(Health.UNKNOWN, (_unjudged(indicators, read),))
    return Verdict(Health.HEALTHY)


def failed(subject: str, detail: str) -> Verdict:
    """The verdict of what could not be read."""
    return Verdict(Health.UNKNOWN, (Finding(Reason.QUERY_FAILED, detail, Health.UNKNOWN, subject),))


def service(sight: ServiceSight, objective: Objective) -> Verdict:
    """A service against its own objective in the catalogue."""
    absent = _absent(sight)
    if absent is not None:
        return Verdict(absent.health, (absent,))
    found = [each for each in (_errors(sight, objective), _latency(sight, objective)) if each is not None]
    found.sort(key=_badness)
    return Verdict(worst((each.health for each in found), default=Health.HEALTHY), tuple(found))


def overall(areas: Mapping[str, Verdict], priorities: Mapping[str, Priority]) -> Verdict:
    """The whole, from the verdicts of its areas.

    P0 and P1 areas can make it critical, P2 and P3 at most degraded. An unknown P0 area makes an otherwise healthy
    whole unknown; other unknown areas are named in the reasons only.
    """
    findings = sorted(
        (_of_area(name, verdict, priorities[name]) for name, verdict in areas.items() if _notable(verdict)),
        key=_badness,
    )
    healths: list[Health] = [found.health for found in findings if found.health is not Health.UNKNOWN]
    if any(areas[name].health is Health.UNKNOWN and priorities[name] == "P0" for name in areas):
        healths.append(Health.UNKNOWN)
    if not areas:
        healths.append(Health.UNKNOWN)
    return Verdict(worst(healths, default=Health.HEALTHY), tuple(findings))


def _badness(found: Finding) -> int:
    return -found.health.rank


def _notable(verdict: Verdict) -> bool:
    return verdict.health is not Health.HEALTHY


def _of_area(name: str, verdict: Verdict, priority: Priority) -> Finding:
    why = verdict.findings[0].sentence if verdict.findings else ""
    sentence = f"{name} ({priority}) is {verdict.health}" + (f": {why}" if why else "")
    health = min(verdict.health, _LIMITS_OVERALL[priority], key=lambda each: each.rank)
    return Finding(_OF_AREA[verdict.health], sentence, health, name)


def _beyond(indicator: Indicator, read: Reading, bound: Bound) -> str:
    return f"{_value(indicator, read)}, {words.bound(bound, indicator.unit)}"


def _value(indicator: Indicator, read: Reading) -> str:
    measured = read.measurement
    assert measured.value is not None
    who = f"{read.member}: " if read.member else ""
    value = words.number(measured.value, indicator.unit)
    return f"{who}{indicator.sentence} in {words.window(indicator.window_s)} is {value} ({_samples(measured)})"


def _samples(measured: Measurement) -> str:
    return "1 sample" if measured.samples == 1 else f"{measured.samples:,} samples"


def _unjudged(indicators: Mapping[str, Indicator], readings: Iterable[Reading]) -> Finding:
    seen = max(
        (each for each in readings if indicators[each.indicator].bounded and each.measurement.samples),
        key=lambda each: each.measurement.samples,
        default=None,
    )
    if seen is None:
        return Finding(Reason.NO_DATA, "nothing was reported that could be judged", Health.UNKNOWN)
    indicator = indicators[seen.indicator]
    sentence = (
        f"too few samples to judge: {indicator.sentence} has {_samples(seen.measurement)} "
        f"of the {indicator.least_samples} it needs"
    )
    return Finding(Reason.TOO_FEW_SAMPLES, sentence, Health.UNKNOWN, indicator.id, seen.member)


def _silent(name: str) -> Finding:
    return Finding(Reason.SERVICE_SILENT, f"{name} fell silent", Health.DEGRADED, name)


def _absent(sight: ServiceSight) -> Finding | None:
    if sight.load_state is LoadState.NEVER_LOADED:
        return Finding(Reason.NEVER_LOADED, "no process has loaded it", Health.UNKNOWN, sight.id)
    if sight.load_state is not LoadState.SILENT:
        return None
    age = sight.heartbeat_age.value
    since = f"no heartbeat for {words.span(float(age))}" if age is not None else "no call and no heartbeat any more"
    return Finding(Reason.SILENT, since, Health.CRITICAL, sight.id)


def _errors(sight: ServiceSight, objective: Objective) -> Finding | None:
    rate, allowed = sight.error_rate, 1 - objective.availability_ratio
    if rate.value is None or rate.samples < LEAST_CALLS:
        return None
    failures = round(float(rate.value) * rate.samples)
    if float(rate.value) <= allowed * WARN_BURN or failures < WARN_FAILURES:
        return None
    critical = float(rate.value) > allowed * CRIT_BURN and failures >= CRIT_FAILURES
    sentence = (
        f"{words.number(rate.value, 'ratio')} of {rate.samples:,} calls failed; "
        f"the objective allows {words.number(allowed, 'ratio')}"
    )
    return _finding(sight, sentence, critical)


def _latency(sight: ServiceSight, objective: Objective) -> Finding | None:
    p95 = sight.p95
    if p95.value is None or p95.samples < LEAST_CALLS or float(p95.value) <= objective.latency_ms:
        return None
    sentence = (
        f"95 of 100 calls take up to {words.number(p95.value, 'ms')} ({_samples(p95)}); "
        f"the objective is {words.number(objective.latency_ms, 'ms')}"
    )
    return _finding(sight, sentence, float(p95.value) > objective.latency_ms * CRIT_LATENCY)


def _finding(sight: ServiceSight, sentence: str, critical: bool) -> Finding:
    if critical:
        return Finding(Reason.BEYOND_CRITICAL_BOUND, sentence, Health.CRITICAL, sight.id)
    return Finding(Reason.BEYOND_WARNING_BOUND, sentence, Health.DEGRADED, sight.id)
