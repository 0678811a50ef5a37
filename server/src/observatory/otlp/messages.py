"""The request and reply messages of each signal, from opentelemetry-proto. Not used on the protobuf path."""

from __future__ import annotations

from google.protobuf.message import Message
from opentelemetry.proto.collector.logs.v1 import logs_service_pb2 as logs
from opentelemetry.proto.collector.metrics.v1 import metrics_service_pb2 as metrics
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2 as trace

from observatory.otlp.signals import Signal

REQUESTS: dict[Signal, type[Message]] = {
    Signal.TRACES: trace.ExportTraceServiceRequest,
    Signal.LOGS: logs.ExportLogsServiceRequest,
    Signal.METRICS: metrics.ExportMetricsServiceRequest,
}
REPLIES: dict[Signal, type[Message]] = {
    Signal.TRACES: trace.ExportTraceServiceResponse,
    Signal.LOGS: logs.ExportLogsServiceResponse,
    Signal.METRICS: metrics.ExportMetricsServiceResponse,
}
