"""A loop whose time jumps to the next timer: a universe's minute passes in a second, the same way each time."""

import asyncio
import selectors
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import pytest
from opentelemetry.sdk._logs import LoggerProvider, ReadableLogRecord
from opentelemetry.sdk._logs.export import InMemoryLogRecordExporter, SimpleLogRecordProcessor
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

import observatory_sdk as obs
from observatory_universe.clock import Clock
from observatory_universe.pace import PACES
from observatory_universe.universe import Universe

START_NS = 1_760_000_000_000_000_000


class _Jump(selectors.DefaultSelector):
    """Waits for nothing: tells the loop how far it may jump."""

    def __init__(self) -> None:
        super().__init__()
        self.time_s = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout is None:
            raise RuntimeError("nothing is left that could ever wake the loop")
        self.time_s += max(0.0, timeout)
        return super().select(0)


class JumpingLoop(asyncio.SelectorEventLoop):
    """An event loop in virtual time."""

    def __init__(self) -> None:
        self._jump = _Jump()
        super().__init__(self._jump)

    def time(self) -> float:
        return self._jump.time_s

    def clock(self) -> Clock:
        """The loop's time as a universe's clock."""
        return Clock(lambda: START_NS + round(self.time() * 1e9))


@dataclass(frozen=True)
class Point:
    """One point of a gauge or counter."""

    metric: str
    attributes: Mapping[str, object]
    value: float


@dataclass(frozen=True)
class Recording:
    """What one universe reported, and the universe as it stood at the end."""

    universe: Universe
    spans: tuple[ReadableSpan, ...]
    logs: tuple[ReadableLogRecord, ...]
    points: tuple[Point, ...]
    lived_s: float
    tasks_left: int
    losses: Mapping[str, int]

    def named(self, name: str) -> list[ReadableSpan]:
        """The spans of this name."""
        return [span for span in self.spans if span.name == name]

    def events(self, name: str) -> list[Mapping[str, object]]:
        """The attributes of the log events of this name, in order."""
        found = (log.log_record for log in self.logs)
        return [record.attributes or {} for record in found if record.event_name == name]


Live = Callable[..., Recording]


def live(
    seed: int = 7,
    seconds: float | None = 60,
    stop_after_s: float | None = None,
    pace: str = "calm",
    prepare: Callable[[Universe], None] = lambda universe: None,
) -> Recording:
    """Lets a universe live for so many virtual seconds, or until it is stopped from outside."""
    spans, logs, reader = InMemorySpanExporter(), InMemoryLogRecordExporter(), InMemoryMetricReader()
    providers = obs.Providers(TracerProvider(), LoggerProvider(), MeterProvider([reader]))
    providers.tracer.add_span_processor(SimpleSpanProcessor(spans))
    providers.logger.add_log_record_processor(SimpleLogRecordProcessor(logs))
    before = Counter(obs.losses())
    loop = JumpingLoop()
    universe = Universe(seed, PACES[pace], loop.clock())
    prepare(universe)
    telemetry = obs.configure(
        service_name="test", services=universe.service_ids, providers=providers, set_globals=False
    )
    left = 0

    async def lifetime() -> None:
        nonlocal left
        if stop_after_s is not None:
            loop.call_later(stop_after_s, universe.stop)
        await universe.run(seconds)
        left = len(asyncio.all_tasks()) - 1

    try:
        with asyncio.Runner(loop_factory=lambda: loop) as runner:
            runner.run(lifetime())
        points = tuple(_points(reader))
    finally:
        telemetry.shutdown()
    lost = Counter(obs.losses()) - before
    return Recording(universe, spans.get_finished_spans(), logs.get_finished_logs(), points, loop.time(), left, lost)


def _points(reader: InMemoryMetricReader) -> Iterator[Point]:
    collected = reader.get_metrics_data()
    assert collected is not None
    for resource in collected.resource_metrics:
        for scope in resource.scope_metrics:
            for metric in scope.metrics:
                for point in metric.data.data_points:
                    value = point.sum if hasattr(point, "bucket_counts") else point.value
                    yield Point(metric.name, dict(point.attributes or {}), value)


@pytest.fixture(autouse=True)
def _strict() -> Iterator[None]:
    """A fact that the SDK would refuse fails the test instead of being counted."""
    obs.strict()
    yield
    obs.strict(False)


@pytest.fixture(scope="session")
def minute() -> Recording:
    """One calm virtual minute of the universe with seed 7."""
    obs.strict()
    return live()


@pytest.fixture(name="live")
def _live() -> Live:
    return live
