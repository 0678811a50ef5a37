"""Services over time, and who calls whom: rates, failures and durations from the rollup of calls."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from observatory.analytics.samples import Floats
from observatory.diagnose.frame import RANGE, Frame
from observatory.diagnose.measures import Measure, Series
from observatory.diagnose.reading import Reads

MOST_EDGES = 4_000
_MOST_SERVICES = 300
_SQL = f"""SELECT Scope, toString(Service) AS Name, toString(Caller) AS Of,
    groupArray((Step, Calls, Failures, Ns)) AS Steps
FROM (SELECT Scope, Service, Caller, intDiv(toUnixTimestamp(Timestamp), {{step:UInt32}}) AS Step,
        sum(Calls) AS Calls, sum(Failures) AS Failures, sum(DurationNs) AS Ns
    FROM rollup_calls
    WHERE Resolution = {{resolution:UInt16}} AND {RANGE} AND Environment = {{environment:String}}
    GROUP BY Scope, Service, Caller, Step)
GROUP BY Scope, Name, Of ORDER BY Scope, sum(Calls) DESC, Name, Of LIMIT {{most:UInt32}}"""


_CALLS = Measure("calls", "rate", "", "", "1/s", "traffic_growth", "stalled")
_FAILED = Measure("share of calls that failed by itself", "ratio", "", "", "ratio", "service_errors", "")
_OWN_TIME = Measure("own time of a call", "mean", "", "", "ms", "service_slow", "work_skipped")


@dataclass(frozen=True, slots=True)
class Counts:
    """Sums by step: calls, failures, and duration in ms."""

    calls: Floats
    failures: Floats
    ms: Floats


@dataclass(frozen=True, slots=True)
class Web:
    """All calls of an environment by step.

    Attributes:
        services: by id.
        edges: by caller and callee; both are services, and not the same one.
    """

    services: Mapping[str, Counts]
    edges: Mapping[tuple[str, str], Counts]

    def below(self, services: Sequence[str]) -> Mapping[str, int]:
        """By service, how many calls it is away from these: they are 0, whom they call 1, and so on."""
        called: dict[str, list[str]] = {}
        for caller, callee in sorted(self.edges):
            called.setdefault(caller, []).append(callee)
        found = dict.fromkeys(sorted(services), 0)
        reached = list(found)
        for each in reached:
            for callee in called.get(each, ()):
                if callee not in found:
                    found[callee] = found[each] + 1
                    reached.append(callee)
        return found

    def own(self) -> Mapping[str, Counts]:
        """By service what is its own: calls, and failures and time without those of the calls that it made.

        What runs at once is taken off twice, so that these are lower bounds.
        """
        below: dict[str, tuple[Floats, Floats]] = {}
        for (caller, _), counts in sorted(self.edges.items()):
            failures, ms = below.get(caller, (0.0 * counts.ms, 0.0 * counts.ms))
            below[caller] = failures + counts.failures, ms + counts.ms
        made = {}
        for name, counts in sorted(self.services.items()):
            failures, ms = below.get(name, (0.0 * counts.ms, 0.0 * counts.ms))
            failed, own = np.maximum(counts.failures - failures, 0.0), np.maximum(counts.ms - ms, 0.0)
            made[name] = Counts(counts.calls, failed, own)
        return made

    @property
    def heard(self) -> int:
        """The first step in which anything was heard; nobody knows of the time before."""
        return min((int(np.argmax(each.calls > 0)) for each in self.services.values()), default=0)

    def metrics(self) -> dict[str, dict[str, list[float | None]]]:
        """Series by service and metric, as `rank` wants them."""
        heard, own = self.heard, self.own()
        return {
            name: {
                "latency_ms": _each(counts.ms, counts.calls),
                "self_ms": _each(own[name].ms, counts.calls),
                "error_ratio": _each(counts.failures, counts.calls),
                "calls": [None] * heard + [float(each) for each in counts.calls[heard:]],
            }
            for name, counts in sorted(self.services.items())
        }

    def series(self, step_s: int) -> list[Series]:
        """What is a service's own, as series of members."""
        made = []
        for name, counts in self.own().items():
            time = np.full(len(counts.calls), float(step_s))
            safe = np.maximum(counts.calls, 1.0)
            parts = (
                (_CALLS, counts.calls, time, counts.calls),
                (_FAILED, counts.failures, counts.calls, counts.failures),
                (_OWN_TIME, counts.ms, counts.calls, counts.ms**2 / safe),
            )
            made += [Series("service", name, (name,), "own", "rollup_calls", *each) for each in parts]
        return made


async def read(reader: Reads, environment: str, frame: Frame) -> Web:
    """Every service's calls and every edge's.

    Raises:
        StoreError: the store refused the query or took too long.
    """
    bound = {"environment": environment, "step": frame.step_s, "most": MOST_EDGES + _MOST_SERVICES, **frame.bound}
    bound["resolution"] = 60 if frame.step_s % 60 == 0 else 10
    services: dict[str, Counts] = {}
    edges: dict[tuple[str, str], Counts] = {}
    for scope, name, caller, steps in (await reader.read(_SQL, bound)).rows:
        counts = _counts(frame, steps)
        if scope == "service":
            services[name] = counts
        elif caller and caller != name:
            edges[caller, name] = counts
    return Web(services, edges)


def _counts(frame: Frame, steps: Sequence[tuple[int, int, int, int]]) -> Counts:
    sums = np.zeros((3, len(frame.times)))
    for step, calls, failures, ns in steps:
        place = frame.places.get(step)
        if place is not None:
            sums[:, place] = calls, failures, ns / 1e6
    return Counts(sums[0], sums[1], sums[2])


def _each(values: Floats, counts: Floats) -> list[float | None]:
    return [float(value / count) if count > 0 else None for value, count in zip(values, counts, strict=True)]
