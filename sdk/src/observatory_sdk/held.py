"""The pipeline under a held clock: everything carries that clock's time, and goes out when the caller says so.

No thread looks at the machine's clock. Spans and log records go out when enough of them wait, metrics when the caller
collects; whoever makes more than the server takes is made to wait. What could not be sent stops the sending, and the
caller is told when it next collects or flushes.
"""

from __future__ import annotations

import copy
from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from threading import Lock
from time import monotonic, time_ns
from typing import Any, Generic, TypeVar

from opentelemetry import context
from opentelemetry.sdk._logs import LogRecordProcessor, ReadableLogRecord, ReadWriteLogRecord
from opentelemetry.sdk._logs.export import LogRecordExporter
from opentelemetry.sdk.metrics.export import (
    DataPointT,
    Metric,
    MetricExporter,
    MetricReader,
    MetricsData,
    ResourceMetrics,
    ScopeMetrics,
)
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor
from opentelemetry.sdk.trace.export import SpanExporter
from opentelemetry.sdk.util.instrumentation import InstrumentationScope

from observatory_sdk import clock, scope
from observatory_sdk.errors import DeliveryError
from observatory_sdk.guard import LOSSES, Guard

SPANS = 5_000
RECORDS = 5_000
# A reading of hundreds of points is small, and servers wait for company before they commit metrics.
POINTS = 50_000

Item = TypeVar("Item")
_GUARD = Guard("held clock")


class Failure:
    """Why sending has stopped, if it has."""

    def __init__(self) -> None:
        self.error: DeliveryError | None = None

    def check(self) -> None:
        """Raise what stopped it."""
        if self.error is not None:
            raise self.error


class Buffer(Generic[Item]):
    """Items that wait until there are `most` of them; then the one who brought the last sends them, and waits for it.

    After a failure nothing waits any more: what comes is counted as lost.
    """

    def __init__(self, most: int, export: Callable[[list[Item]], Any], lost: str, failure: Failure) -> None:
        self._most = most
        self._export = export
        self._lost = lost
        self._failure = failure
        self._lock = Lock()
        self._waiting: list[Item] = []
        self.sent = 0

    def add(self, item: Item) -> None:
        """Keep an item; send, if they are enough now."""
        with self._lock:
            self._waiting.append(item)
            if len(self._waiting) < self._most:
                return
        self.send()

    def send(self) -> None:
        """Send what waits. What goes wrong is kept in the failure."""
        with self._lock:
            batch, self._waiting = self._waiting, []
        if not batch:
            return
        if self._failure.error is not None:
            LOSSES.count(self._lost, self._failure.error, times=len(batch))
            return
        self._failure.error = self._failed(batch)
        if self._failure.error is None:
            self.sent += len(batch)

    def _failed(self, batch: list[Item]) -> DeliveryError | None:
        token = context.attach(context.set_value(context._SUPPRESS_INSTRUMENTATION_KEY, True))
        try:
            answer = self._export(batch)
        except Exception as error:
            LOSSES.count(self._lost, error, times=len(batch))
            return error if isinstance(error, DeliveryError) else DeliveryError(f"a batch cannot be sent: {error!r}")
        finally:
            context.detach(token)
        # One that is refused has been counted by whoever refused it.
        return None if answer.name == "SUCCESS" else DeliveryError(f"the exporter refused a batch of {len(batch)}")


class HeldSpans(SpanProcessor):
    """Spans that wait until there are enough of them."""

    def __init__(self, exporter: SpanExporter, failure: Failure) -> None:
        self.exporter = exporter
        self.buffer: Buffer[ReadableSpan] = Buffer(SPANS, exporter.export, "spans not sent", failure)

    def on_end(self, span: ReadableSpan) -> None:
        if span.context and span.context.trace_flags.sampled:
            self.buffer.add(span)


class HeldLogs(LogRecordProcessor):
    """Log records that wait until there are enough of them; those of other loggers happened when they come by."""

    def __init__(self, exporter: LogRecordExporter, failure: Failure) -> None:
        self.exporter = exporter
        self.buffer: Buffer[ReadableLogRecord] = Buffer(RECORDS, exporter.export, "log records not sent", failure)

    def on_emit(self, log_record: ReadWriteLogRecord) -> None:
        with _GUARD:
            # A copy without the context, which may hold much and would be kept as long as the record waits.
            record = copy.copy(log_record.log_record)
            record.context = context.Context()
            found = log_record.instrumentation_scope
            if found is None or found.name != scope.NAME:
                record.timestamp = record.observed_timestamp = clock.now_ns()
            resource = log_record.resource or Resource.get_empty()
            self.buffer.add(ReadableLogRecord(record, resource, found, log_record.limits))

    def shutdown(self) -> None:
        """Nothing."""

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        return True


class HeldReader(MetricReader):
    """Metrics read when the caller says so, whose points get the held clock's times.

    OpenTelemetry stamps points by the machine's clock. A point begins at the newest reading that is not after its
    beginning on the machine's clock, so never after its first measurement.
    """

    def __init__(self, exporter: MetricExporter, failure: Failure) -> None:
        super().__init__(exporter._preferred_temporality, exporter._preferred_aggregation)
        self.exporter = exporter
        self.buffer: Buffer[tuple[ResourceMetrics, ScopeMetrics, Metric, DataPointT]] = Buffer(
            POINTS, lambda points: exporter.export(_joined(points)), "metric points not sent", failure
        )
        self._machine_ns = [time_ns()]
        self._held_ns = [clock.now_ns()]

    def read(self) -> None:
        """Collect now."""
        # The machine's clock may have been set back, and these are searched.
        self._machine_ns.append(max(time_ns(), self._machine_ns[-1]))
        self._held_ns.append(clock.now_ns())
        self.collect()

    def _receive_metrics(self, metrics_data: MetricsData, timeout_millis: float = 10_000, **kwargs: Any) -> None:
        now = self._held_ns[-1]
        for resource in metrics_data.resource_metrics:
            for scope_ in resource.scope_metrics:
                for metric in scope_.metrics:
                    for point in metric.data.data_points:
                        begun = point.start_time_unix_nano and self._held_at(point.start_time_unix_nano)
                        told = replace(point, start_time_unix_nano=begun, time_unix_nano=now)
                        self.buffer.add((resource, scope_, metric, told))

    def _held_at(self, machine_ns: int) -> int:
        return self._held_ns[max(0, bisect_right(self._machine_ns, machine_ns) - 1)]

    def shutdown(self, timeout_millis: float = 30_000, **kwargs: Any) -> None:
        """Nothing."""


def _joined(found: Sequence[tuple[ResourceMetrics, ScopeMetrics, Metric, DataPointT]]) -> MetricsData:
    """One reader's points of several readings, those of a metric together."""
    resource = found[0][0]
    scopes: dict[InstrumentationScope, tuple[ScopeMetrics, dict[str, tuple[Metric, list[DataPointT]]]]] = {}
    for _, scope_, metric, point in found:
        _, metrics = scopes.setdefault(scope_.scope, (scope_, {}))
        metrics.setdefault(metric.name, (metric, []))[1].append(point)
    told = [replace(scope_, metrics=list(_filled(metrics))) for scope_, metrics in scopes.values()]
    return MetricsData([replace(resource, scope_metrics=told)])


def _filled(metrics: dict[str, tuple[Metric, list[DataPointT]]]) -> Iterator[Metric]:
    for metric, points in metrics.values():
        yield replace(metric, data=replace(metric.data, data_points=points))  # type: ignore[arg-type]  # same kind


@dataclass(frozen=True, slots=True)
class Held:
    """What sends under a held clock. `readers`: of the metrics, and of the feeds' metrics."""

    spans: HeldSpans
    logs: HeldLogs
    readers: tuple[HeldReader, HeldReader]
    failure: Failure

    @classmethod
    def over(
        cls, spans: SpanExporter, logs: LogRecordExporter, metrics: MetricExporter, feed_metrics: MetricExporter
    ) -> Held:
        """Sends to these."""
        failure = Failure()
        readers = (HeldReader(metrics, failure), HeldReader(feed_metrics, failure))
        return cls(HeldSpans(spans, failure), HeldLogs(logs, failure), readers, failure)

    def collect(self) -> None:
        """Read all metrics.

        Raises:
            DeliveryError: something could not be sent, now or before.
        """
        for reader in self.readers:
            reader.read()
        self.failure.check()

    def sent(self) -> dict[str, int]:
        """How many spans, log records and metric points have been handed over to be sent."""
        return {
            "spans": self.spans.buffer.sent,
            "log_records": self.logs.buffer.sent,
            "metric_points": sum(reader.buffer.sent for reader in self.readers),
        }

    def flush(self, timeout_s: float) -> bool:
        """Send what waits. False when it takes longer than `timeout_s`.

        Raises:
            DeliveryError: something could not be sent, now or before.
        """
        parts = (self.spans, self.logs, *self.readers)
        for part in parts:
            part.buffer.send()
        self.failure.check()
        until = monotonic() + timeout_s
        try:
            return all(part.exporter.force_flush(max(0, int(1_000 * (until - monotonic())))) for part in parts)
        except DeliveryError as error:
            self.failure.error = error
            raise
