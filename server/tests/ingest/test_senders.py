"""Senders that are slow, many, or gone, and a server that is told to stop while they send."""

from __future__ import annotations

import asyncio
import contextlib
import resource
import socket
import threading
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import bodies
import grpc
import httpx
import pytest
from serving import Serving

TRACES = "/opentelemetry.proto.collector.trace.v1.TraceService/Export"
PROTOBUF = {"Content-Type": "application/x-protobuf"}


def address(served: Serving) -> tuple[str, int]:
    """Where OTLP over HTTP listens."""
    host, port = served.otlp_http.removeprefix("http://").split(":")
    return host, int(port)


def head(served: Serving, size: int, path: str = "/v1/logs") -> bytes:
    """The first part of a request by hand."""
    lines = ["POST " + path + " HTTP/1.1", "Host: test", "Content-Type: application/x-protobuf"]
    lines += [f"Authorization: {served.headers['Authorization']}", f"Content-Length: {size}", "", ""]
    return "\r\n".join(lines).encode()


def expect_nothing_held(served: Serving) -> None:
    """The budget is given back."""
    until = time.monotonic() + 90
    while held := served.metric("queue_bytes"):
        assert time.monotonic() < until, f"{held} bytes are still held"
        time.sleep(0.05)


def test_a_slow_sender_is_taken_and_holds_up_nobody(served: Serving) -> None:
    slow = bodies.logs("slow", 20)
    with socket.create_connection(address(served), timeout=30) as connection:
        connection.sendall(head(served, len(slow)))
        for start in range(0, len(slow), len(slow) // 3):
            connection.sendall(slow[start : start + len(slow) // 3])
            assert served.post(bodies.logs("quick"), "/v1/logs").status_code == 200
        assert connection.recv(4_096).startswith(b"HTTP/1.1 200 ")
    expect_nothing_held(served)


def test_a_head_without_end_is_cut_off_and_holds_nothing(served: Serving) -> None:
    before = served.resident_bytes()
    with socket.create_connection(address(served), timeout=30) as connection:
        connection.sendall(b"GET /livez HTTP/1.1\r\nHost: here\r\nX-Long: ")
        with contextlib.suppress(ConnectionError):
            for _ in range(30):
                connection.sendall(b"x" * (1 << 20))
        with contextlib.suppress(ConnectionError):
            assert b" 431 " in connection.recv(4_096)
    assert served.resident_bytes() - before < 16 << 20
    assert served.post(bodies.logs("after"), "/v1/logs").status_code == 200


@pytest.mark.parametrize("after", [0, 1, 5_000])
def test_who_hangs_up_in_the_middle_of_a_body_leaves_nothing(served: Serving, after: int) -> None:
    stored = served.metric("rows_total")
    for _ in range(50):
        with socket.create_connection(address(served), timeout=30) as connection:
            connection.sendall(head(served, 10_000) + bytes(after))
    expect_nothing_held(served)
    assert served.metric("rows_total") == stored


def test_who_hangs_up_after_a_body_has_sent_it(served: Serving) -> None:
    stored, sent = served.metric("rows_total", signal="logs"), [bodies.logs("gone", 2) for _ in range(10)]
    for body in sent:
        with socket.create_connection(address(served), timeout=30) as connection:
            connection.sendall(head(served, len(body)) + body)
    until = time.monotonic() + 90
    while served.metric("rows_total", signal="logs") < stored + 20:
        assert time.monotonic() < until
        time.sleep(0.05)
    for body in sent:
        assert served.post(body, "/v1/logs").status_code == 200
    assert served.metric("rows_total", signal="logs") == stored + 20
    expect_nothing_held(served)


def test_requests_may_follow_each_other_on_one_connection(served: Serving) -> None:
    with httpx.Client(base_url=served.otlp_http, headers=served.headers | PROTOBUF, timeout=120) as client:
        for _ in range(5):
            assert client.post("/v1/logs", content=bodies.logs("keep", 2)).status_code == 200
            assert client.post("/v1/logs", content=b"\x08\x07").status_code == 400
            assert client.post("/v1/logs", content=b"", headers={"Authorization": "Bearer no"}).status_code == 401


async def test_a_thousand_senders_at_once_are_all_answered(served: Serving) -> None:
    stored = served.metric("rows_total", signal="logs")
    limits = httpx.Limits(max_connections=None, max_keepalive_connections=0)
    async with httpx.AsyncClient(
        base_url=served.otlp_http, headers=served.headers | PROTOBUF, timeout=60, limits=limits
    ) as client:
        answers = await asyncio.gather(*(client.post("/v1/logs", content=bodies.logs("many", 1)) for _ in range(1_000)))
    assert Counter(answer.status_code for answer in answers) == {200: 1_000}
    assert served.metric("rows_total", signal="logs") == stored + 1_000
    # They came together, so they were stored together.
    assert served.metric("commits_total", signal="logs") < 400
    expect_nothing_held(served)


def test_the_server_takes_all_the_file_handles_it_may_have(served: Serving) -> None:
    soft, hard = resource.prlimit(served.process.pid, resource.RLIMIT_NOFILE)
    assert soft == hard


async def test_a_thousand_idle_connections_keep_nobody_out(served: Serving) -> None:
    host, port = address(served)
    idle = [await asyncio.open_connection(host, port) for _ in range(1_000)]
    try:
        for _, writer in idle:
            writer.write(head(served, 100)[:-2])
        answer = await asyncio.to_thread(served.post, bodies.logs("next"), "/v1/logs")
        assert answer.status_code == 200
    finally:
        for _, writer in idle:
            writer.close()
        await asyncio.gather(*(writer.wait_closed() for _, writer in idle), return_exceptions=True)
    expect_nothing_held(served)


def test_signals_and_transports_side_by_side(served: Serving) -> None:
    stored = served.metric("rows_total")
    metadata = [("authorization", served.headers["Authorization"])]
    with grpc.insecure_channel(served.otlp_grpc) as channel, ThreadPoolExecutor(8) as threads:
        export = channel.unary_unary(TRACES)

        def one(number: int) -> bool:
            kind = number % 4
            if kind == 0:
                return export(bodies.traces("both", 2).data, metadata=metadata, timeout=60) == b""
            if kind == 1:
                return served.post(bodies.traces("both", 2).data).status_code == 200
            if kind == 2:
                return served.post(bodies.logs("both", 2), "/v1/logs").status_code == 200
            return served.post(bodies.metrics("both", 2), "/v1/metrics").status_code == 200

        assert all(threads.map(one, range(40)))
    assert served.metric("rows_total") == stored + 80
    expect_nothing_held(served)


@pytest.mark.parametrize("linger_ms", [0, 2_000])
def test_a_server_that_is_told_to_stop_stores_all_that_it_acknowledges(tmp_path: Path, linger_ms: int) -> None:
    server, answered, unsure = Serving(tmp_path / "data", traces_linger_ms=linger_ms), [], []
    server.start()

    def send(over: Callable[[bytes], bool]) -> None:
        for body in bodies.endless("stop", 20):
            unsure.append(body)
            with contextlib.suppress(httpx.TransportError, grpc.RpcError):
                if over(body.data):
                    answered.append(body)
                    continue
            return

    try:
        metadata = [("authorization", server.headers["Authorization"])]
        with grpc.insecure_channel(server.otlp_grpc) as channel:
            export = channel.unary_unary(TRACES)
            over = [
                lambda data: server.post(data).status_code == 200,
                lambda data: export(data, metadata=metadata, timeout=60) == b"",
            ]
            senders = [threading.Thread(target=send, args=(each,)) for each in over * 3]
            for sender in senders:
                sender.start()
            time.sleep(1.5 if not linger_ms else 0.7)
            began_s = time.monotonic()
            assert server.stop() == 0
            assert time.monotonic() - began_s < 60
            for sender in senders:
                sender.join(30)
    finally:
        server.end()
    expect_stored(server, answered, unsure)


def expect_stored(server: Serving, answered: list[bodies.Traces], sent: list[bodies.Traces]) -> None:
    """All that was acknowledged is there once, and nothing is there twice or only in part."""
    ((spans,), (calls,)) = server.rows("SELECT groupArray(SpanId) FROM otel_traces", "SELECT count() FROM fact_calls")
    found = Counter(spans[0])
    assert set(found.values()) <= {1}
    assert calls == [len(found)]
    assert answered
    assert {span for body in answered for span in body.spans} <= set(found)
    for body in sent:
        assert len({span in found for span in body.spans}) == 1, "half a body is stored"
    assert not list((server.folder / "intents").glob("*.intent"))
