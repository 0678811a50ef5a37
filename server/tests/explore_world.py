"""Traces, logs and exceptions, sent to the real server as the SDK sends them."""

from __future__ import annotations

import secrets
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import httpx
from conftest import attributes
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from serving import Serving

MONITORING = "/api/v1/monitoring"
KINDS = {"Internal": 1, "Server": 2, "Client": 3, "Producer": 4, "Consumer": 5}


@dataclass
class Sent:
    """One span to be sent: times in ms from the start of its trace."""

    service: str
    name: str
    start: float
    ms: float
    parent: Sent | None = None
    kind: str = "Internal"
    failed: bool = False
    links: Sequence[Sent] = ()
    events: Sequence[tuple[str, Mapping[str, Any]]] = ()
    values: Mapping[str, Any] = field(default_factory=dict)
    instance: str = "one"
    id: bytes = field(default_factory=lambda: secrets.token_bytes(8))
    trace: bytes = b""


class World:
    """One environment of a running server: what is sent to it, and what it answers."""

    def __init__(self, server: Serving, environment: str) -> None:
        self.server, self.environment = server, environment

    def trace(self, *spans: Sent, ago: float = 30.0, trace: bytes = b"") -> str:
        """Send the spans as one trace that began `ago` seconds before now; returns its id."""
        made = trace or secrets.token_bytes(16)
        start_ns = time.time_ns() - int(ago * 1e9)
        request: Any = ExportTraceServiceRequest()
        for each in spans:
            each.trace = made
            group = request.resource_spans.add()
            self._resource(group, each.instance)
            span = group.scope_spans.add().spans.add(trace_id=made, span_id=each.id, name=each.name)
            span.kind = KINDS[each.kind]
            span.parent_span_id = each.parent.id if each.parent else b""
            span.start_time_unix_nano = start_ns + int(each.start * 1e6)
            span.end_time_unix_nano = start_ns + int((each.start + each.ms) * 1e6)
            span.status.code = 2 if each.failed else 0
            caller = each.parent.service if each.parent else "external"
            named = {"observatory.service": each.service, "observatory.caller": caller}
            span.attributes.extend(attributes(named | dict(each.values)))
            for link in each.links:
                span.links.add(trace_id=link.trace, span_id=link.id)
            for name, told in each.events:
                event = span.events.add(name=name, time_unix_nano=span.end_time_unix_nano)
                event.attributes.extend(attributes(told))
        assert self.server.post(request.SerializeToString(), "/v1/traces").status_code == 200
        return made.hex()

    def log(
        self, body: str, ago: float = 20.0, severity: int = 9, trace: str = "", service: str = "api", **values: Any
    ) -> None:
        """Send a log record."""
        self.logs([(body, ago)], severity=severity, trace=trace, service=service, **values)

    def logs(
        self,
        bodies: Sequence[tuple[str, float]],
        severity: int = 9,
        trace: str = "",
        service: str = "api",
        text: str = "",
        **values: Any,
    ) -> None:
        """Send log records, each with how many seconds ago it was."""
        request: Any = ExportLogsServiceRequest()
        group = request.resource_logs.add()
        self._resource(group, "one")
        records = group.scope_logs.add().log_records
        named = {"observatory.service": service} | {name.replace("__", "."): each for name, each in values.items()}
        for body, ago in bodies:
            record = records.add(time_unix_nano=time.time_ns() - int(ago * 1e9), severity_number=severity)
            record.severity_text = text
            record.body.string_value = body
            record.trace_id = bytes.fromhex(trace)
            record.attributes.extend(attributes(named))
        assert self.server.post(request.SerializeToString(), "/v1/logs").status_code == 200

    def get(self, path: str, expect: int = 200, headers: Mapping[str, str] | None = None, **query: Any) -> Any:
        """What the API answers."""
        asked = {"environment": self.environment} | {name.rstrip("_"): value for name, value in query.items()}
        answer = httpx.get(
            f"{self.server.url}{MONITORING}/{path}",
            params=asked,
            headers=dict(headers) if headers is not None else self.server.headers,
            timeout=120,
        )
        assert answer.status_code == expect, answer.text
        return answer.json()

    def token(self, *scopes: str) -> dict[str, str]:
        """The header of a token with these scopes."""
        return {"Authorization": f"Bearer {self.server.token(*scopes)}"}

    def _resource(self, holder: Any, instance: str) -> None:
        named = {
            "service.name": "cryptouniverse-backend",
            "service.instance.id": instance,
            "deployment.environment.name": self.environment,
        }
        holder.resource.attributes.extend(attributes(named))


def known(world: World, within_s: float = 30.0) -> None:
    """Wait until the server has seen the environment."""
    end = time.monotonic() + within_s
    url = f"{world.server.url}{MONITORING}/traces"
    while time.monotonic() < end:
        answer = httpx.get(url, params={"environment": world.environment}, headers=world.server.headers, timeout=120)
        if answer.status_code != 404:
            return
        time.sleep(0.1)
    raise AssertionError("the environment never became known")
