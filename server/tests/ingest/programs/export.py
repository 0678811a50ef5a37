"""A program with the official exporters, set up as their documentation says. It knows nothing of this product.

Arguments: transport (`http…` or `grpc…`), number of spans, number of log records.
"""

from __future__ import annotations

import sys

from opentelemetry import trace
from opentelemetry._logs import LogRecord, SeverityNumber
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import BatchLogRecordProcessor
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
from opentelemetry.sdk.metrics.view import ExponentialBucketHistogramAggregation, View
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor

transport, spans, records = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
if transport.startswith("http"):
    from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter
    from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
else:
    from opentelemetry.exporter.otlp.proto.grpc._log_exporter import OTLPLogExporter
    from opentelemetry.exporter.otlp.proto.grpc.metric_exporter import OTLPMetricExporter
    from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter

resource = Resource.create({"service.name": "shop", "deployment.environment.name": transport})
tracers = TracerProvider(resource=resource)
tracers.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
exponential = View(instrument_name="shop.size", aggregation=ExponentialBucketHistogramAggregation())
meters = MeterProvider([PeriodicExportingMetricReader(OTLPMetricExporter())], resource, views=[exponential])
loggers = LoggerProvider(resource=resource)
loggers.add_log_record_processor(BatchLogRecordProcessor(OTLPLogExporter()))

tracer = tracers.get_tracer("shop", "1.2")
for number in range(spans):
    with tracer.start_as_current_span("pay", kind=trace.SpanKind.SERVER) as span:
        span.set_attributes({"number": number, "rate": 0.5, "ok": False, "empty": "", "many": [1, 2]})
        span.set_attribute("large", 2**53 + 1)
        span.add_event("paid", {"how": "card"})
        if number == 0:
            span.record_exception(ValueError("no money"))
            span.set_status(trace.StatusCode.ERROR, "no money")

meter = meters.get_meter("shop")
meter.create_counter("shop.sold", "1").add(7, {"what": "book"})
meter.create_up_down_counter("shop.stock").add(-3)
meter.create_histogram("shop.wait", "ms").record(12.5)
meter.create_histogram("shop.size", "By").record(4_096)
meter.create_gauge("shop.heat", "Cel").set(21.5)

logger = loggers.get_logger("shop")
for number in range(records):
    logger.emit(
        LogRecord(
            body=f"sold {number}",
            severity_number=SeverityNumber.INFO,
            severity_text="INFO",
            event_name="shop.sold",
            attributes={"number": number},
        )
    )

for provider in (tracers, meters, loggers):
    assert provider.force_flush(30_000)
    provider.shutdown()
