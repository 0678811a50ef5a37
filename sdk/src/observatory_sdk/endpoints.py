"""Where telemetry goes: the exporters of an endpoint, and what they share."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from opentelemetry.exporter.otlp.proto.http import Compression
from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter
from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk._logs.export import LogRecordExporter
from opentelemetry.sdk.metrics.export import MetricExporter
from opentelemetry.sdk.trace.export import SpanExporter

from observatory_sdk.delivery import DeliveredLogs, DeliveredMetrics, DeliveredSpans, Delivery
from observatory_sdk.exporters import LogOutlet, MetricOutlet, SpanOutlet

EXPORT_TIMEOUT_S = 5.0


@dataclass(frozen=True, slots=True)
class Exporters:
    """Where telemetry goes instead of OTLP over HTTP. `feed_metrics` are sent each second, the others each 5 s."""

    spans: SpanExporter
    logs: LogRecordExporter
    metrics: MetricExporter
    feed_metrics: MetricExporter


def headers_of(token: str | None, headers: Mapping[str, str] | None) -> dict[str, str]:
    """The headers of every request: the token as a bearer, and the given ones."""
    bearer = {} if token is None else {"Authorization": f"Bearer {token}"}
    return {**bearer, **(headers or {})}


def otlp(endpoint: str, headers: dict[str, str]) -> Exporters:
    """OTLP over HTTP to the base address `endpoint`."""
    base = endpoint.rstrip("/")
    gzip, timeout_s = Compression.Gzip, EXPORT_TIMEOUT_S
    url = f"{base}/v1/metrics"
    return Exporters(
        OTLPSpanExporter(f"{base}/v1/traces", headers=headers, timeout=timeout_s, compression=gzip),
        OTLPLogExporter(f"{base}/v1/logs", headers=headers, timeout=timeout_s, compression=gzip),
        OTLPMetricExporter(url, headers=headers, timeout=timeout_s, compression=gzip),
        OTLPMetricExporter(url, headers=headers, timeout=timeout_s, compression=gzip),
    )


def delivered(endpoint: str, headers: dict[str, str]) -> Exporters:
    """As `otlp`, by exporters that wait until the server has taken it."""
    base = endpoint.rstrip("/")
    metrics = DeliveredMetrics(Delivery(f"{base}/v1/metrics", headers))
    return Exporters(
        DeliveredSpans(Delivery(f"{base}/v1/traces", headers)),
        DeliveredLogs(Delivery(f"{base}/v1/logs", headers)),
        metrics,
        metrics,
    )


def outlets(exporters: Exporters) -> Exporters:
    """The same exporters, with secrets taken out and losses counted before them."""
    return Exporters(
        SpanOutlet(exporters.spans),
        LogOutlet(exporters.logs),
        MetricOutlet(exporters.metrics),
        MetricOutlet(exporters.feed_metrics),
    )
