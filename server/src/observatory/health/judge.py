"""Verdicts of one moment, without memory. `hysteresis` decides which of them come into force."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from observatory.catalogue import Objective, Priority
from observatory.health import words
from observatory.model import (
    Finding,
    Health,
    Indicator,
    LoadState,
    Probed,
    Reading,
    Reason,
    ServiceSight,
    Verdict,
    worst,
)

_ALIVE = ".services_alive_ratio"
# A service is judged by its errors and its speed from this many calls on.
LEAST_CALLS = 20
# An objective says how many calls must succeed over a month; five minutes may burn that budget this much faster
# (the burn rates of contract section 3), and so many failures are more than a stray one.
WARN_BURN, WARN_FAILURES = 6.0, 3
CRIT_BURN, CRIT_FAILURES = 14.4, 10
# Beyond its latency objective a service is slow; beyond this many times it, nobody waits for it any more.
CRIT_LATENCY = 5.0
NOT_PROBED = Probed()

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


def reading(indicator: Indicator, read: Reading, since: datetime | None = None) -> Finding | None:
    """What one reading says of its area; None when it cannot be judged.

    It can be judged when it has a value, its least samples, a bound, and its own condition allows it.
    A healthy finding has its sentence too, so that a page can say what was looked at.

    Args:
        indicator: what was read.
        read: its value.
        since: since when the server listens; None: for ever.
    """
    measured = read.measurement
    if not (indicator.bounded and read.judged) or measured.samples < indicator.least_samples:
        return None
    if measured.value is None:
        return _listening(indicator, read, since)
    levels = (
        (indicator.crit, Health.CRITICAL, Reason.BEYOND_CRITICAL_BOUND, "critical"),
        (indicator.warn, Health.DEGRADED, Reason.BEYOND_WARNING_BOUND, "warning"),
    )
    for bound, health, reason, kind in levels:
        if bound is not None and bound.broken_by(measured.value):
            sentence = _value(indicator, read, f", {words.bound(bound, indicator.unit, kind)}")
            found = Finding(reason, sentence, health, indicator.id, read.member)
            return _listening(indicator, read, since) or found
    return Finding(Reason.WITHIN_BOUNDS, _value(indicator, read), Health.HEALTHY, indicator.id, read.member)


def area(
    indicators: Mapping[str, Indicator],
    readings: Iterable[Reading],
    silent: Sequence[str] = (),
    since: datetime | None = None,
    down: Sequence[str] = (),
) -> Verdict:
    """An area is as bad as its worst judged indicator; unknown if none could be judged.

    Args:
        indicators: the area's, by id.
        readings: what was measured of them.
        silent: services of the area that fell silent, to be named.
        since: since when the server listens; None: for ever.
        down: services of the area whose probes found them down, to be named.
    """
    read = tuple(readings)
    judged = [found for each in read if (found := reading(indicators[each.indicator], each, since)) is not None]
    # That the services are alive says nothing about how well they do; alone it makes no area healthy.
    telling = [found for found in judged if not found.subject.endswith(_ALIVE)]
    bad = [found for found in judged if found.health is not Health.HEALTHY]
    bad = sorted([*bad, *map(_silent, silent), *map(_down, down)], key=_badness)
    if bad:
        return Verdict(worst(found.health for found in bad), tuple(bad))
    if not telling:
        return Verdict(Health.UNKNOWN, (_unjudged(indicators, read, bool(judged)),))
    return Verdict(Health.HEALTHY)


def failed(subject: str, detail: str) -> Verdict:
    """The verdict of what could not be read."""
    return Verdict(Health.UNKNOWN, (Finding(Reason.QUERY_FAILED, detail, Health.UNKNOWN, subject),))


def service(
    sight: ServiceSight,
    objective: Objective,
    since: datetime | None = None,
    probed: Probed = NOT_PROBED,
    shares: str | None = None,
) -> Verdict:
    """A service against its own objective in the catalogue, and by its probes.

    A probe that finds it down makes it critical, whatever its heartbeats say; one that finds it answering makes a
    silence a fault of its telemetry.

    Args:
        sight: what was seen of it.
        objective: what it is held against.
        since: since when the server listens; None: for ever.
        probed: what its probes found.
        shares: the service whose code stands for it, when it has none of its own and that one is there.
    """
    down = [_probe(sight, name) for name in probed.down]
    absent = _absent(sight, since)
    if absent is not None:
        told = _answering(_sharing(absent, shares), probed)
        return Verdict(worst(each.health for each in (*down, told)), (*down, told))
    judged = (_errors(sight, objective), _latency(sight, objective))
    found = [*down, *(each for each in judged if each is not None)]
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


def _value(indicator: Indicator, read: Reading, beyond: str = "") -> str:
    """`p95 of calls of a model (openai): 5,100 ms, above the warning bound of 5,000 ms (last 5 min, 31 samples)`."""
    measured = read.measurement
    assert measured.value is not None
    who = f" ({read.member})" if read.member else ""
    rests_on = f"last {words.window(measured.window_s)}, {words.samples(measured.samples)}"
    return f"{indicator.sentence}{who}: {words.number(measured.value, indicator.unit)}{beyond} ({rests_on})"


def _listening(indicator: Indicator, read: Reading, since: datetime | None) -> Finding | None:
    """That the server has not listened for long enough to take the reading for the truth; None when it has."""
    if since is None or (read.measurement.as_of - since).total_seconds() >= read.needs_s:
        return None
    who = f" ({read.member})" if read.member else ""
    sentence = f"{indicator.sentence}{who}: {_since(since, read.needs_s)}"
    return Finding(Reason.LISTENING, sentence, Health.UNKNOWN, indicator.id, read.member)


def _since(since: datetime, needs_s: float) -> str:
    return f"not known yet; listening since {words.moment(since)}, needs {words.span(needs_s)}"


def _unjudged(indicators: Mapping[str, Indicator], readings: Iterable[Reading], alive: bool) -> Finding:
    bounded = [
        each
        for each in readings
        if indicators[each.indicator].bounded and each.measurement.known and not each.indicator.endswith(_ALIVE)
    ]
    few = [each for each in bounded if each.measurement.samples < indicators[each.indicator].least_samples]
    if few:
        return _too_few(indicators, max(few, key=lambda each: each.measurement.samples))
    if bounded:
        return Finding(Reason.NO_DATA, "nothing that was reported can be judged at this moment", Health.UNKNOWN)
    work = "its services are alive, but reported no work that could be judged"
    return Finding(Reason.NO_DATA, work if alive else "nothing was reported that could be judged", Health.UNKNOWN)


def _too_few(indicators: Mapping[str, Indicator], seen: Reading) -> Finding:
    indicator, measured = indicators[seen.indicator], seen.measurement
    who = f" ({seen.member})" if seen.member else ""
    sentence = (
        f"too few samples to judge: {indicator.sentence}{who} rests on {words.samples(measured.samples)} "
        f"of the last {words.window(measured.window_s)}, and needs {indicator.least_samples}"
    )
    return Finding(Reason.TOO_FEW_SAMPLES, sentence, Health.UNKNOWN, indicator.id, seen.member)


def _silent(name: str) -> Finding:
    return Finding(Reason.SERVICE_SILENT, f"{name} fell silent", Health.DEGRADED, name)


def _down(name: str) -> Finding:
    return Finding(Reason.SERVICE_DOWN, f"{name} is down by its probes", Health.DEGRADED, name)


def _probe(sight: ServiceSight, name: str) -> Finding:
    sentence = f"the probe {name} found it down twice in a row"
    return Finding(Reason.PROBE_FAILED, sentence, Health.CRITICAL, sight.id, name)


def _answering(absent: Finding, probed: Probed) -> Finding:
    """An absence, held against the probes: what answers is not gone."""
    if not probed.up or probed.down:
        return absent
    health = Health.DEGRADED if absent.health is Health.CRITICAL else absent.health
    sentence = f"{absent.sentence}, but the probe {probed.up[0]} finds it answering"
    return replace(absent, sentence=sentence, health=health)


def _sharing(absent: Finding, shares: str | None) -> Finding:
    if shares is None or absent.reason is not Reason.NEVER_LOADED:
        return absent
    return replace(
        absent, reason=Reason.SHARES_CODE, sentence=f"shares {shares}: its code is watched and counted there"
    )


def _absent(sight: ServiceSight, since: datetime | None) -> Finding | None:
    if sight.load_state is LoadState.NEVER_LOADED:
        return Finding(Reason.NEVER_LOADED, "no process has loaded it", Health.UNKNOWN, sight.id)
    if sight.load_state is LoadState.UNHEARD:
        needs_s = float(sight.heartbeat_age.window_s if sight.heartbeat_age.known else sight.p95.window_s)
        # It is unheard because of when the server began to listen: that time is there.
        assert since is not None
        return Finding(Reason.LISTENING, f"no sign of it: {_since(since, needs_s)}", Health.UNKNOWN, sight.id)
    if sight.load_state is not LoadState.SILENT:
        return None
    age = sight.heartbeat_age.value
    sentence = f"no heartbeat for {words.span(float(age))}" if age is not None else "no call and no heartbeat any more"
    return Finding(Reason.SILENT, sentence, Health.CRITICAL, sight.id)


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
        f"95 of 100 calls take up to {words.number(p95.value, 'ms')} ({words.samples(p95.samples)}); "
        f"the objective is {words.number(objective.latency_ms, 'ms')}"
    )
    return _finding(sight, sentence, float(p95.value) > objective.latency_ms * CRIT_LATENCY)


def _finding(sight: ServiceSight, sentence: str, critical: bool) -> Finding:
    if critical:
        return Finding(Reason.BEYOND_CRITICAL_BOUND, sentence, Health.CRITICAL, sight.id)
    return Finding(Reason.BEYOND_WARNING_BOUND, sentence, Health.DEGRADED, sight.id)
