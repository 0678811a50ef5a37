"""Spans and log records of any instrumentation get the service, feature and user that are at work."""

from __future__ import annotations

from opentelemetry.context import Context
from opentelemetry.sdk._logs import LogRecordProcessor, ReadWriteLogRecord
from opentelemetry.sdk.trace import ReadableSpan, Span, SpanProcessor

from observatory_sdk import frame
from observatory_sdk.conventions import common
from observatory_sdk.guard import Guard
from observatory_sdk.scope import NAME

_GUARD = Guard("stamping")


class StampSpans(SpanProcessor):
    """Stamps at the start. Our own spans carry their stamp already; what an instrumentation says itself stands."""

    def on_start(self, span: Span, parent_context: Context | None = None) -> None:
        try:
            scope = span.instrumentation_scope
            if scope is not None and scope.name == NAME:
                return
            stamp = frame.current(parent_context).stamp
            if not stamp:
                return
            if span.attributes and common.SERVICE.name in span.attributes:
                stamp = {name: value for name, value in stamp.items() if name not in span.attributes}
            span.set_attributes(dict(stamp))
        except Exception as error:
            _GUARD.caught(error)

    def on_end(self, span: ReadableSpan) -> None:
        """Nothing."""

    def shutdown(self) -> None:
        """Nothing."""

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        return True


class StampLogs(LogRecordProcessor):
    """Stamps log records of the host's own loggers."""

    def on_emit(self, log_record: ReadWriteLogRecord) -> None:
        with _GUARD:
            scope = log_record.instrumentation_scope
            if scope is not None and scope.name == NAME:
                return
            record = log_record.log_record
            stamp = frame.current(record.context).stamp
            if stamp:
                record.attributes = {**stamp, **(record.attributes or {})}

    def shutdown(self) -> None:
        """Nothing."""

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        return True
