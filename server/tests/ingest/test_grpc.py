"""OTLP over gRPC: the codes that exporters understand, with the bytes passed through undecoded."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack

import bodies
import grpc
import hostile
import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse
from serving import Serving

TRACES = "/opentelemetry.proto.collector.trace.v1.TraceService/Export"
LOGS = "/opentelemetry.proto.collector.logs.v1.LogsService/Export"
METRICS = "/opentelemetry.proto.collector.metrics.v1.MetricsService/Export"
Call = Callable[..., bytes]


@pytest.fixture
def call(served: Serving) -> Iterator[Call]:
    """Call one method with raw bytes; as an exporter does, with the token in the metadata."""
    options = [("grpc.max_send_message_length", -1)]
    with grpc.insecure_channel(served.otlp_grpc, options=options) as channel:

        def run(
            body: bytes,
            method: str = TRACES,
            token: str | None = served.admin_token,
            compression: grpc.Compression = grpc.Compression.NoCompression,
            timeout_s: float = 30,
        ) -> bytes:
            metadata = [("authorization", f"Bearer {token}")] if token else []
            export = channel.unary_unary(method)
            answer: bytes = export(body, metadata=metadata, compression=compression, timeout=timeout_s)
            return answer

        yield run


def refused(call: Callable[[], bytes]) -> grpc.StatusCode:
    """The code with which a call is refused."""
    with pytest.raises(grpc.RpcError) as caught:
        call()
    code: grpc.StatusCode = caught.value.code()
    assert caught.value.details()
    return code


@pytest.mark.parametrize("compression", [grpc.Compression.NoCompression, grpc.Compression.Gzip])
def test_every_signal_is_acknowledged(call: Call, compression: grpc.Compression) -> None:
    for method, body in (
        (TRACES, bodies.traces("grpc").data),
        (LOGS, bodies.logs("grpc")),
        (METRICS, bodies.metrics("grpc")),
    ):
        assert call(body, method, compression=compression) == b""


def test_an_empty_request_is_full_success(call: Call) -> None:
    assert call(b"") == b""


@pytest.mark.parametrize("token", [None, "", "obs_unknown"])
def test_who_presents_no_token_is_unauthenticated(call: Call, token: str | None) -> None:
    assert refused(lambda: call(bodies.traces("no").data, token=token)) is grpc.StatusCode.UNAUTHENTICATED
    assert call(bodies.logs("after"), LOGS) == b""


def test_a_token_that_may_only_read_is_denied(call: Call, served: Serving) -> None:
    token = served.token("read")
    assert refused(lambda: call(bodies.traces("no").data, token=token)) is grpc.StatusCode.PERMISSION_DENIED


def test_a_token_that_may_only_send_may_send(call: Call, served: Serving) -> None:
    assert call(bodies.logs("yes"), LOGS, token=served.token("ingest")) == b""


def test_who_may_not_send_is_told_before_its_message_is_read(call: Call, served: Serving) -> None:
    before = served.resident_bytes()
    for _ in range(5):
        assert refused(lambda: call(bytes(100 << 20), token="obs_no")) is grpc.StatusCode.UNAUTHENTICATED
    assert served.resident_bytes() - before < 50 << 20


@pytest.mark.parametrize("kind", hostile.malformed(""))
def test_a_malformed_body_is_an_invalid_argument(call: Call, kind: str) -> None:
    assert refused(lambda: call(hostile.malformed("bad")[kind])) is grpc.StatusCode.INVALID_ARGUMENT
    assert call(bodies.logs("after"), LOGS) == b""


@pytest.mark.parametrize("size", [(1 << 20) + 1, 300 << 20])
@pytest.mark.parametrize("compression", [grpc.Compression.NoCompression, grpc.Compression.Gzip])
def test_a_body_that_is_too_large_exhausts_what_there_is(
    call: Call, served: Serving, size: int, compression: grpc.Compression
) -> None:
    before = served.resident_bytes()
    code = refused(lambda: call(bytes(size), compression=compression))
    assert code is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert served.resident_bytes() - before < 50 << 20
    assert call(bodies.logs("after"), LOGS) == b""


@pytest.mark.parametrize(
    "method",
    [
        "/opentelemetry.proto.collector.profiles.v1development.ProfilesService/Export",
        "/opentelemetry.proto.collector.trace.v1.TraceService/Import",
        "/nothing/at.all",
    ],
)
def test_another_method_is_not_implemented(call: Call, method: str) -> None:
    assert refused(lambda: call(b"", method)) is grpc.StatusCode.UNIMPLEMENTED


def test_what_is_not_taken_is_counted_in_the_reply(call: Call) -> None:
    answer = ExportTraceServiceResponse.FromString(call(bodies.traces("old", 4, at_ns=1_000_000_000).data))
    assert answer.partial_success.rejected_spans == 4
    assert "time" in answer.partial_success.error_message


def test_a_full_queue_is_unavailable(call: Call, served: Serving) -> None:
    host, port = served.otlp_http.removeprefix("http://").split(":")
    head = f"POST /v1/logs HTTP/1.1\r\nHost: t\r\nContent-Type: application/x-protobuf\r\nContent-Length: {1 << 20}\r\n"
    with ExitStack() as stack:
        for _ in range(4):
            connection = stack.enter_context(socket.create_connection((host, int(port))))
            connection.sendall(f"{head}Authorization: {served.headers['Authorization']}\r\n\r\n".encode())
            connection.sendall(bytes((1 << 20) - 1_000))
        until = time.monotonic() + 90
        while served.metric("queue_bytes") < (4 << 20) - 4_000:
            assert time.monotonic() < until
            time.sleep(0.02)
        assert refused(lambda: call(bodies.traces("full", 100).data)) is grpc.StatusCode.UNAVAILABLE
    assert call(bodies.logs("after"), LOGS) == b""


def test_a_call_that_is_given_up_leaves_nothing_held(call: Call, served: Serving) -> None:
    body = bodies.traces("gone", 500)
    code = refused(lambda: call(body.data, timeout_s=0.005))
    assert code is grpc.StatusCode.DEADLINE_EXCEEDED
    until = time.monotonic() + 90
    while served.metric("queue_bytes"):
        assert time.monotonic() < until
        time.sleep(0.05)
    assert call(body.data) == b""
