"""What a universe has told, from wherever it was read: from memory, or from Observatory's store."""

import statistics
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Span:
    """One span; `ms` is its duration."""

    name: str
    attributes: Mapping[str, object]
    start_ns: int
    end_ns: int
    is_error: bool
    trace_id: str
    span_id: str
    parent_id: str

    @property
    def service(self) -> object:
        return self.attributes.get("observatory.service")

    @property
    def ms(self) -> float:
        return (self.end_ns - self.start_ns) / 1e6


@dataclass(frozen=True)
class Event:
    """One log event."""

    name: str
    attributes: Mapping[str, object]
    time_ns: int


@dataclass(frozen=True)
class Point:
    """One point of a gauge, or of a counter that counts from the start on."""

    metric: str
    attributes: Mapping[str, object]
    value: float
    time_ns: int


@dataclass(frozen=True)
class Evidence:
    """All that was told within some time."""

    spans: list[Span] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)
    points: list[Point] = field(default_factory=list)

    def within(self, from_ns: int, to_ns: int) -> "Evidence":
        """What began from one moment on and before another."""
        return Evidence(
            [span for span in self.spans if from_ns <= span.start_ns < to_ns],
            [event for event in self.events if from_ns <= event.time_ns < to_ns],
            [point for point in self.points if from_ns <= point.time_ns < to_ns],
        )

    def named(self, name: str, **attributes: object) -> list[Span]:
        """The spans of this name with these attributes; `_` in an attribute's name stands for a dot."""
        return [span for span in self.spans if span.name == name and _has(span.attributes, attributes)]

    def told(self, name: str, **attributes: object) -> list[Event]:
        """The events of this name with these attributes."""
        return [event for event in self.events if event.name == name and _has(event.attributes, attributes)]

    def model_calls(self, provider: str | None = None) -> list[Span]:
        """The calls of models."""
        calls = [span for span in self.spans if "gen_ai.request.model" in span.attributes]
        return [call for call in calls if provider in (None, call.attributes.get("gen_ai.provider.name"))]

    def exchange_calls(self, venue: str | None = None) -> list[Span]:
        """The calls of exchanges."""
        calls = [span for span in self.spans if "exchange.operation" in span.attributes]
        return [call for call in calls if venue in (None, call.attributes.get("exchange.id"))]

    def last(self, metric: str, **attributes: object) -> float | None:
        """The largest of the newest values of all series of a metric; None when there is none."""
        newest = {key: points[-1].value for key, points in self._series(metric, attributes).items()}
        return max(newest.values(), default=None)

    def growth(self, metric: str, **attributes: object) -> float:
        """How much a metric grew, over all series that have more than one point."""
        series = self._series(metric, attributes).values()
        return sum(points[-1].value - points[0].value for points in series)

    def rate(self, metric: str, **attributes: object) -> float:
        """How much a metric grew per second."""
        times_ns = [point.time_ns for point in self.points if point.metric == metric]
        seconds = (max(times_ns) - min(times_ns)) / 1e9 if times_ns else 0.0
        return self.growth(metric, **attributes) / seconds if seconds else 0.0

    def _series(self, metric: str, attributes: Mapping[str, object]) -> dict[object, list[Point]]:
        series: dict[object, list[Point]] = {}
        for point in sorted(self.points, key=lambda point: point.time_ns):
            if point.metric == metric and _has(point.attributes, attributes):
                series.setdefault(frozenset(point.attributes.items()), []).append(point)
        return series


def _has(found: Mapping[str, object], wanted: Mapping[str, object]) -> bool:
    values = {name.replace("_", "."): value for name, value in found.items()}
    return all(values.get(name.replace("_", ".")) == value for name, value in wanted.items())


def median_ms(spans: Iterable[Span]) -> float:
    """The median duration; 0 where there is no span."""
    return statistics.median([span.ms for span in spans] or [0.0])


def share(items: Iterable[Span] | Iterable[Event], is_one: Callable[..., bool]) -> float:
    """The share of the items of which this is true; 0 where there is no item."""
    answers = [is_one(item) for item in items]
    return sum(answers) / len(answers) if answers else 0.0
