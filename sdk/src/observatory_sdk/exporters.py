"""Exporters that take secrets out, and tell what could not be sent."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping, Sequence
from threading import Event as Flag
from typing import Any, TypeVar

from opentelemetry.sdk._logs import ReadableLogRecord
from opentelemetry.sdk._logs.export import LogRecordExporter, LogRecordExportResult
from opentelemetry.sdk.metrics.export import MetricExporter, MetricExportResult, MetricsData
from opentelemetry.sdk.trace import Event, ReadableSpan
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult
from opentelemetry.trace import Link, Status

from observatory_sdk.budgets import bounded_span, count_record
from observatory_sdk.guard import LOSSES
from observatory_sdk.redaction import redact, redact_all, redact_value

Item = TypeVar("Item")


class SpanOutlet(SpanExporter):
    """Sends spans without secrets."""

    def __init__(self, target: SpanExporter) -> None:
        self._target = target
        self._closed = Flag()

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        if self._closed.is_set():
            LOSSES.count("spans not sent", times=len(spans))
            return SpanExportResult.FAILURE
        result = self._target.export([clean_span(bounded_span(span)) for span in spans])
        if result is not SpanExportResult.SUCCESS:
            LOSSES.count("spans not sent", times=len(spans))
        return result

    def shutdown(self) -> None:
        if not self._closed.is_set():
            self._closed.set()
            self._target.shutdown()

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        return self._target.force_flush(timeout_millis)


class LogOutlet(LogRecordExporter):
    """Sends log records without secrets."""

    def __init__(self, target: LogRecordExporter) -> None:
        self._target = target
        self._closed = Flag()

    def export(self, batch: Sequence[ReadableLogRecord]) -> LogRecordExportResult:
        if self._closed.is_set():
            LOSSES.count("log records not sent", times=len(batch))
            return LogRecordExportResult.FAILURE
        for record in batch:
            count_record(record)
        result = self._target.export([clean_record(record) for record in batch])
        if result is not LogRecordExportResult.SUCCESS:
            LOSSES.count("log records not sent", times=len(batch))
        return result

    def shutdown(self) -> None:
        if not self._closed.is_set():
            self._closed.set()
            self._target.shutdown()  # type: ignore[no-untyped-call]

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        return self._target.force_flush(timeout_millis)


class MetricOutlet(MetricExporter):
    """Sends metrics; their attributes are fixed words, so there is nothing to take out."""

    def __init__(self, target: MetricExporter) -> None:
        super().__init__(target._preferred_temporality, target._preferred_aggregation)
        self._target = target
        self._closed = Flag()

    def export(self, metrics_data: MetricsData, timeout_millis: float = 10_000, **kwargs: Any) -> MetricExportResult:
        if self._closed.is_set():
            return MetricExportResult.FAILURE
        result = self._target.export(metrics_data, timeout_millis, **kwargs)
        if result is not MetricExportResult.SUCCESS:
            LOSSES.count("metrics not sent")
        return result

    def shutdown(self, timeout_millis: float = 30_000, **kwargs: Any) -> None:
        if not self._closed.is_set():
            self._closed.set()
            self._target.shutdown(timeout_millis, **kwargs)

    def force_flush(self, timeout_millis: float = 10_000) -> bool:
        return self._target.force_flush(timeout_millis)


def clean_span(span: ReadableSpan) -> ReadableSpan:
    """The span without secrets in name, status, attributes, events and links; the same object when there are none."""
    name, status = redact(span.name), _clean_status(span.status)
    attributes, attributes_same = _clean(span.attributes)
    events, events_same = _each(span.events, _clean_event)
    links, links_same = _each(span.links, _clean_link)
    if attributes_same and events_same and links_same and name is span.name and status is span.status:
        return span
    return ReadableSpan(
        name,
        span.context,
        span.parent,
        span.resource,
        attributes,
        events,
        links,
        span.kind,
        status=status,
        start_time=span.start_time,
        end_time=span.end_time,
        instrumentation_scope=span.instrumentation_scope,
    )


def clean_record(record: ReadableLogRecord) -> ReadableLogRecord:
    """The log record without secrets in body and attributes; the same object when there are none."""
    found = record.log_record
    body = redact_value("", found.body)
    attributes, same = _clean(found.attributes)
    if same and body is found.body:
        return record
    cleaned = copy.copy(found)
    cleaned.body = body
    cleaned.attributes = attributes
    return ReadableLogRecord(cleaned, record.resource, record.instrumentation_scope, record.limits)


def _clean(attributes: Mapping[str, Any] | None) -> tuple[Mapping[str, Any], bool]:
    """Attributes without secrets, and whether they are what they were."""
    before = attributes or {}
    after = redact_all(before)
    return after, after is before


def _each(items: Sequence[Item], clean: Callable[[Item], Item]) -> tuple[Sequence[Item], bool]:
    if not items:
        return items, True
    after = [clean(item) for item in items]
    return after, all(new is old for new, old in zip(after, items, strict=True))


def _clean_event(event: Event) -> Event:
    attributes, same = _clean(event.attributes)
    return event if same else Event(event.name, attributes, event.timestamp)


def _clean_link(link: Link) -> Link:
    attributes, same = _clean(link.attributes)
    return link if same else Link(link.context, attributes)


def _clean_status(status: Status) -> Status:
    if not status.description:
        return status
    description = redact(status.description)
    return status if description is status.description else Status(status.status_code, description)
