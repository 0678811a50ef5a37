"""The first bad exports, each for an environment of its own: their rules have no `for`."""

from __future__ import annotations

import os
import time

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.resource.v1.resource_pb2 import Resource

# An indicator's critical bound over spans, and a rule in SQL over log events.
KINDS = ("simulated_for_live", "security_event")

_ORDER: dict[str, str | float | bool] = {
    "observatory.service": "trade_execution_service",
    "observatory.caller": "unified_strategy_service",
    "exchange.id": "binance",
    "order.symbol": "BTC/USDT",
    "order.side": "buy",
    "order.type": "market",
    "order.mode": "live",
    "order.quantity": 1.0,
    "order.average_price": 100.0,
    "order.arrival_mid": 100.0,
    "order.filled_quantity": 1.0,
    "order.status": "filled",
    "order.simulated": True,
}


def body(kind: str, environment: str) -> tuple[str, bytes]:
    """The path of the door and one export with the fault in it."""
    return _order(environment) if kind == "simulated_for_live" else _event(environment)


def _order(environment: str) -> tuple[str, bytes]:
    request = ExportTraceServiceRequest()
    group = request.resource_spans.add()
    group.resource.CopyFrom(_resource(environment))
    span = group.scope_spans.add().spans.add(
        name="order.execute", kind=1, trace_id=os.urandom(16), span_id=os.urandom(8), parent_span_id=os.urandom(8)
    )
    span.end_time_unix_nano = time.time_ns()
    span.start_time_unix_nano = span.end_time_unix_nano - 50_000_000
    span.attributes.extend(_attributes(_ORDER | {"order.client_id": f"{environment}-{os.urandom(4).hex()}"}))
    return "/v1/traces", request.SerializeToString()


def _event(environment: str) -> tuple[str, bytes]:
    request = ExportLogsServiceRequest()
    group = request.resource_logs.add()
    group.resource.CopyFrom(_resource(environment))
    record = group.scope_logs.add().log_records.add(event_name="security.event", time_unix_nano=time.time_ns())
    record.attributes.extend(_attributes({"security.kind": "login_storm", "security.subject": "somebody"}))
    return "/v1/logs", request.SerializeToString()


def _resource(environment: str) -> Resource:
    named: dict[str, str | float | bool] = {
        "service.name": "cryptouniverse-backend",
        "service.instance.id": "one",
        "deployment.environment.name": environment,
    }
    return Resource(attributes=_attributes(named))


def _attributes(values: dict[str, str | float | bool]) -> list[KeyValue]:
    return [KeyValue(key=key, value=_value(value)) for key, value in values.items()]


def _value(value: str | float | bool) -> AnyValue:
    if isinstance(value, bool):
        return AnyValue(bool_value=value)
    return AnyValue(double_value=value) if isinstance(value, float) else AnyValue(string_value=value)
