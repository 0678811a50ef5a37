"""GenAI-sized spans: model calls as the demo platform makes them, a fourth of them entries of a service."""

from __future__ import annotations

import random
import time

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import KeyValue
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from observatory import catalogue

_MODELS = (
    ("openai", "gpt-4o", "gpt-4o-2024-08-06"),
    ("openai", "gpt-4o-mini", "gpt-4o-mini-2024-07-18"),
    ("anthropic", "claude-3-5-sonnet-latest", "claude-3-5-sonnet-20241022"),
    ("gcp.gemini", "gemini-1.5-pro", "gemini-1.5-pro-002"),
)
_FEATURES = ("chat", "signals", "autotrade", "backtest", "marketplace", "onboarding")


def edges() -> list[tuple[str, str]]:
    """Caller and callee along the catalogue's dependencies."""
    return [(service.id, callee) for service in catalogue.load().services for callee in service.dependencies]


def body(spans: int, chance: random.Random, now_ns: int | None = None) -> bytes:
    """One export request of `spans` spans in traces of four, as protobuf bytes.

    Args:
        spans: how many.
        chance: source of every value that differs from span to span.
        now_ns: the newest time in it; the wall time if None.
    """
    request = ExportTraceServiceRequest()
    resource = request.resource_spans.add()
    for key, value in _RESOURCE.items():
        resource.resource.attributes.append(_attribute(key, value))
    scope = resource.scope_spans.add()
    scope.scope.name = "observatory.bench"
    known = edges()
    end_ns = now_ns or time.time_ns()
    for start in range(0, spans, 4):
        scope.spans.extend(_trace(min(4, spans - start), chance, known, end_ns))
    return request.SerializeToString()


def unique(data: bytes, chance: random.Random) -> bytes:
    """The body made distinct, so that it is not taken for a retry: an unknown field is added, the spans stay."""
    return data + b"\xf2\x07\x10" + chance.randbytes(16)


_RESOURCE = {
    "service.name": "cryptouniverse-backend",
    "service.namespace": "cryptouniverse",
    "service.version": "2.4.1",
    "service.instance.id": "bench-1",
    # As the SDK sends: what carries no mark is searched for secrets, which costs the server more.
    "observatory.redacted": "1",
    "deployment.environment.name": "bench",
}


def _trace(spans: int, chance: random.Random, known: list[tuple[str, str]], end_ns: int) -> list[Span]:
    trace_id = chance.randbytes(16)
    caller, service = chance.choice(known)
    user = f"u-{chance.randrange(2_000):04d}"
    feature = chance.choice(_FEATURES)
    made: list[Span] = []
    for index in range(spans):
        span = _model_call(chance, end_ns)
        span.trace_id = trace_id
        if index:
            span.parent_span_id = made[0].span_id
        else:
            span.attributes.append(_attribute("observatory.caller", caller))
        common = {"observatory.service": service, "observatory.feature": feature, "user.id": user}
        for key, value in common.items():
            span.attributes.append(_attribute(key, value))
        made.append(span)
    return made


def _model_call(chance: random.Random, end_ns: int) -> Span:
    provider, requested, served = chance.choice(_MODELS)
    duration_ns = int(chance.lognormvariate(20.5, 0.6))
    start_ns = end_ns - chance.randrange(1_000_000_000) - duration_ns
    span = Span(
        span_id=chance.randbytes(8),
        name=f"chat {requested}",
        kind=Span.SPAN_KIND_CLIENT,
        start_time_unix_nano=start_ns,
        end_time_unix_nano=start_ns + duration_ns,
    )
    input_tokens = chance.randrange(200, 6_000)
    values: dict[str, str | int | float] = {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": provider,
        "gen_ai.request.model": requested,
        "gen_ai.response.model": served,
        "gen_ai.response.id": f"chatcmpl-{chance.getrandbits(96):024x}",
        "gen_ai.usage.input_tokens": input_tokens,
        "gen_ai.usage.output_tokens": chance.randrange(20, 1_200),
        "gen_ai.usage.cache_read.input_tokens": chance.randrange(input_tokens),
        "gen_ai.response.time_to_first_chunk": round(chance.uniform(0.1, 1.5), 4),
    }
    for key, value in values.items():
        span.attributes.append(_attribute(key, value))
    return span


def _attribute(key: str, value: str | int | float) -> KeyValue:
    attribute = KeyValue(key=key)
    if isinstance(value, str):
        attribute.value.string_value = value
    elif isinstance(value, int):
        attribute.value.int_value = value
    else:
        attribute.value.double_value = value
    return attribute
