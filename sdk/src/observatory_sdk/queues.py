"""OpenTelemetry's queues, which drop silently when full, with every drop counted."""

from __future__ import annotations

import logging
import time
from collections.abc import Sized

from opentelemetry.sdk._logs import ReadWriteLogRecord
from opentelemetry.sdk._logs.export import BatchLogRecordProcessor
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import BatchSpanProcessor

from observatory_sdk.guard import LOSSES

_NOISY = (
    "opentelemetry.exporter.otlp.proto.http.trace_exporter",
    "opentelemetry.exporter.otlp.proto.http._log_exporter",
    "opentelemetry.exporter.otlp.proto.http.metric_exporter",
)
_LOG_EVERY_S = 60.0


class CountedSpans(BatchSpanProcessor):
    """Spans that wait. When the queue is full the oldest ones are dropped, and counted."""

    def on_end(self, span: ReadableSpan) -> None:
        _count_drop(self._batch_processor, "span queue full")
        super().on_end(span)


class CountedLogs(BatchLogRecordProcessor):
    """Log records that wait. When the queue is full the oldest ones are dropped, and counted."""

    def on_emit(self, log_record: ReadWriteLogRecord) -> None:
        _count_drop(self._batch_processor, "log queue full")
        super().on_emit(log_record)


def _count_drop(batches: object, reason: str) -> None:
    # No public name tells how full the queue is. Without the private ones nothing is counted, and nothing breaks.
    waiting: Sized = getattr(batches, "_queue", ())
    if len(waiting) >= getattr(batches, "_max_queue_size", len(waiting) + 1):
        LOSSES.count(reason)


class OnceAMinute(logging.Filter):
    """Lets one message a minute through: a server that is down must not flood the host's log."""

    def __init__(self) -> None:
        super().__init__()
        self._next = 0.0

    def filter(self, record: logging.LogRecord) -> bool:
        now = time.monotonic()
        if now < self._next:
            return False
        self._next = now + _LOG_EVERY_S
        return True


def once_a_minute() -> None:
    """Keep the exporters' complaints to one a minute each; once said, again is nothing."""
    for name in _NOISY:
        logger = logging.getLogger(name)
        if not any(isinstance(found, OnceAMinute) for found in logger.filters):
            logger.addFilter(OnceAMinute())
