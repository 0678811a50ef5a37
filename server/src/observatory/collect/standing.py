"""How each target stands, for `/selfwatch` and `/metrics`. What was not tried yet has no number."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.registry import Collector

from observatory.clock import Clock
from observatory.collect.outcome import Reason
from observatory.collect.target import Target

_MOST_ERROR = 200
_LABELS = ("target", "kind")


@dataclass(slots=True)
class Standing:
    """What is known of one target.

    Attributes:
        up: whether the last attempt succeeded; None before the first.
        duration_s: how long the last attempt took.
        points: points of the last attempt.
        succeeded_s, failed_s: when an attempt last succeeded and failed, on the monotonic clock.
        reason, error: why it last failed.
        successes, failures: attempts since the server started.
    """

    target: Target
    up: bool | None = None
    duration_s: float = 0.0
    points: int = 0
    succeeded_s: float | None = None
    failed_s: float | None = None
    reason: Reason | None = None
    error: str = ""
    successes: int = 0
    failures: int = 0

    def succeed(self, at_s: float) -> None:
        """An attempt was read and stored."""
        self.up, self.succeeded_s = True, at_s
        self.successes += 1

    def fail(self, at_s: float, reason: Reason, error: str) -> None:
        """An attempt was not, or not all of it."""
        self.up, self.failed_s, self.reason = False, at_s, reason
        self.error = " ".join(error.split())[:_MOST_ERROR]
        self.failures += 1


class Standings(Collector):
    """All targets' standings as metric families."""

    def __init__(self, targets: Iterable[Target], clock: Clock) -> None:
        self._clock = clock
        self.all = tuple(Standing(target) for target in targets)

    def collect(self) -> Iterator[GaugeMetricFamily | CounterMetricFamily]:
        """Success, duration, points, age, attempts and the last error of each target."""
        if not self.all:
            return
        now_s = self._clock.monotonic()
        tried = [each for each in self.all if each.up is not None]
        read = [(each, now_s - each.succeeded_s) for each in self.all if each.succeeded_s is not None]
        yield _gauge(
            "up", "1 when the last attempt at a target succeeded.", ((each, float(bool(each.up))) for each in tried)
        )
        yield _gauge(
            "duration_seconds", "Duration of the last attempt at a target.", ((each, each.duration_s) for each in tried)
        )
        yield _gauge("points", "Points of the last attempt at a target.", ((each, each.points) for each in tried))
        yield _gauge("age_seconds", "Time since an attempt at a target last succeeded.", read)
        yield self._attempts()
        yield self._errors(now_s)

    def _attempts(self) -> CounterMetricFamily:
        family = CounterMetricFamily(
            "observatory_collect_attempts", "Attempts at a target, by result.", labels=[*_LABELS, "result"]
        )
        for each in self.all:
            family.add_metric([*_names(each), "success"], each.successes)
            family.add_metric([*_names(each), "failure"], each.failures)
        return family

    def _errors(self, now_s: float) -> GaugeMetricFamily:
        family = GaugeMetricFamily(
            "observatory_collect_error_age_seconds",
            "Time since an attempt at a target last failed, and why.",
            labels=[*_LABELS, "reason", "error"],
        )
        for each in self.all:
            if each.failed_s is not None and each.reason is not None:
                family.add_metric([*_names(each), each.reason.value, each.error], now_s - each.failed_s)
        return family


def _gauge(name: str, sentence: str, values: Iterable[tuple[Standing, float]]) -> GaugeMetricFamily:
    family = GaugeMetricFamily(f"observatory_collect_{name}", sentence, labels=_LABELS)
    for standing, value in values:
        family.add_metric(_names(standing), value)
    return family


def _names(standing: Standing) -> list[str]:
    return [standing.target.name, standing.target.KIND]
