"""A universe in virtual time: a minute of it passes in seconds, the same way each time."""

import asyncio
from collections import Counter
from collections.abc import Callable, Coroutine, Iterator, Mapping, Sequence
from dataclasses import dataclass

import evidence
import pytest
from opentelemetry.sdk._logs import LoggerProvider, ReadableLogRecord
from opentelemetry.sdk._logs.export import InMemoryLogRecordExporter, SimpleLogRecordProcessor
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import StatusCode

import observatory_sdk as obs
from observatory_universe.direct import direct_doors
from observatory_universe.faults import Faults
from observatory_universe.pace import PACES
from observatory_universe.universe import Universe
from observatory_universe.virtual import JumpingLoop


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


def _as_evidence(span: ReadableSpan) -> evidence.Span:
    context, parent = span.context, span.parent
    assert context is not None
    return evidence.Span(
        name=span.name,
        attributes=dict(span.attributes or {}),
        start_ns=span.start_time or 0,
        end_ns=span.end_time or 0,
        is_error=span.status.status_code is StatusCode.ERROR,
        trace_id=f"{context.trace_id:032x}",
        span_id=f"{context.span_id:016x}",
        parent_id=f"{parent.span_id:016x}" if parent else "",
    )


def _evidence(
    spans: Sequence[ReadableSpan], logs: Sequence[ReadableLogRecord], points: list[evidence.Point]
) -> evidence.Evidence:
    records = [log.log_record for log in logs]
    events = [evidence.Event(str(log.event_name), dict(log.attributes or {}), log.timestamp or 0) for log in records]
    return evidence.Evidence([_as_evidence(span) for span in spans], events, points)


Live = Callable[..., Recording]
Take = Callable[[], evidence.Evidence]
Beside = Callable[[Universe, Take], Coroutine[None, None, None]]


def live(
    seed: int = 7,
    seconds: float | None = 60,
    stop_after_s: float | None = None,
    pace: str = "calm",
    prepare: Callable[[Universe], None] = lambda universe: None,
    beside: Beside | None = None,
) -> Recording:
    """Lets a universe live for so many virtual seconds, or until it is stopped from outside.

    With `beside` something else happens at the same time. It is handed what takes away all that was told since the
    last time; metrics are read out every two seconds then.
    """
    spans, logs, reader = InMemorySpanExporter(), InMemoryLogRecordExporter(), InMemoryMetricReader()
    providers = obs.Providers(TracerProvider(), LoggerProvider(), MeterProvider([reader]))
    providers.tracer.add_span_processor(SimpleSpanProcessor(spans))
    providers.logger.add_log_record_processor(SimpleLogRecordProcessor(logs))
    before = Counter(obs.losses())
    loop = JumpingLoop()
    clock = loop.clock()
    faults = Faults(clock.now_ns)
    universe = Universe(seed, PACES[pace], direct_doors(seed, PACES[pace], clock, faults), faults, clock)
    prepare(universe)
    telemetry = obs.configure(
        service_name="test",
        services=universe.service_ids,
        providers=providers,
        set_globals=False,
        now_ns=loop.now_ns,
    )
    left = 0
    samples: list[evidence.Point] = []

    async def sample() -> None:
        while True:
            await asyncio.sleep(2)
            samples.extend(evidence.Point(p.metric, p.attributes, p.value, loop.now_ns()) for p in _points(reader))

    def take() -> evidence.Evidence:
        taken = _evidence(spans.get_finished_spans(), logs.get_finished_logs(), samples.copy())
        spans.clear()
        logs.clear()
        samples.clear()
        return taken

    async def lifetime() -> None:
        nonlocal left
        if stop_after_s is not None:
            loop.call_later(stop_after_s, universe.stop)
        others = [asyncio.create_task(beside(universe, take)), asyncio.create_task(sample())] if beside else []
        await universe.run(seconds)
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)
        left = len(asyncio.all_tasks()) - 1

    try:
        with asyncio.Runner(loop_factory=lambda: loop) as runner:
            runner.run(lifetime())
        points = tuple(_points(reader))
    finally:
        telemetry.shutdown()
    lost = Counter(obs.losses()) - before
    finished = spans.get_finished_spans(), logs.get_finished_logs()
    return Recording(universe, *finished, points, loop.time(), left, lost)


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


@pytest.fixture(name="session_live", scope="session")
def _session_live() -> Live:
    obs.strict()
    return live
