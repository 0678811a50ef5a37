"""Bad input of every kind gets the reply that OTLP asks for, and the next good request succeeds."""

from __future__ import annotations

import gzip
import json
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager

import bodies
import hostile
import httpx
import pytest
from google.protobuf import json_format
from google.rpc.status_pb2 import Status
from serving import Serving

PROTOBUF, JSON = "application/x-protobuf", "application/json"
LIMIT = 1 << 20
INVALID_ARGUMENT, PERMISSION_DENIED, UNIMPLEMENTED, UNAVAILABLE, UNAUTHENTICATED = 3, 7, 12, 14, 16
Send = Callable[..., httpx.Response]


@pytest.fixture
def send(served: Serving) -> Iterator[Send]:
    """Send one request over a connection that lives as long as the test."""
    with httpx.Client(base_url=served.otlp_http, headers=served.headers, timeout=120) as client:

        def run(content: object, *, path: str = "/v1/traces", method: str = "POST", **headers: str) -> httpx.Response:
            named = {name.replace("_", "-"): value for name, value in headers.items()}
            return client.request(method, path, content=content, headers={"content-type": PROTOBUF} | named)  # type: ignore[arg-type]

        yield run


def status_of(answer: httpx.Response) -> Status:
    """The reply's body, in the encoding that it says it has."""
    if answer.headers["content-type"] == JSON:
        return json_format.Parse(answer.content, Status())
    assert answer.headers["content-type"] == PROTOBUF
    return Status.FromString(answer.content)


def expect_refused(answer: httpx.Response, status: int, code: int, media_type: str = PROTOBUF) -> Status:
    """The reply has this status and a `google.rpc.Status` in the sender's encoding."""
    assert (answer.status_code, answer.headers["content-type"]) == (status, media_type), answer.content
    said = status_of(answer)
    assert said.code == code
    assert said.message
    return said


def expect_service(send: Send, served: Serving) -> None:
    """The next good request succeeds, and nothing is held of what was refused."""
    answer = send(bodies.logs("after"), path="/v1/logs")
    assert (answer.status_code, answer.content) == (200, b"")
    expect_nothing_held(served)


def expect_nothing_held(served: Serving) -> None:
    """The budget is given back, at the latest a moment after the reply."""
    until = time.monotonic() + 90
    while held := served.metric("queue_bytes"):
        assert time.monotonic() < until, f"{held} bytes are still held"
        time.sleep(0.05)


@pytest.mark.parametrize("kind", hostile.malformed(""))
def test_a_malformed_body_is_refused_for_good(send: Send, served: Serving, kind: str) -> None:
    expect_refused(send(hostile.malformed("bad")[kind]), 400, INVALID_ARGUMENT)
    expect_service(send, served)


@pytest.mark.parametrize("path", ["/v1/traces", "/v1/logs", "/v1/metrics"])
def test_a_request_of_another_signal_is_not_stored(send: Send, served: Serving, path: str) -> None:
    requests = {
        "/v1/traces": bodies.traces("other", 2, values=bodies.GENAI).data,
        "/v1/logs": bodies.logs("other", 2),
        "/v1/metrics": bodies.metrics("other", 2),
    }
    stored = served.metric("rows_total")
    for signal, body in requests.items():
        if signal != path:
            answer = send(body, path=path)
            # Some bytes are a request of either; their times then are absurd, and the sender is told.
            assert answer.status_code == 400 or b"rejected" in answer.content, (signal, answer.content)
    assert served.metric("rows_total") == stored
    expect_service(send, served)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b'"resourceSpans"',
        b"\xff\xfe",
        b'{"resourceSpans": 7}',
        b'{"resourceSpans": [{"scopeSpans": [{"spans": [{"traceId": "not hex"}]}]}]}',
        b"[" * 100_000,
        b'{"resourceSpans": [{"scopeSpans": [{"spans": [{"startTimeUnixNano": "1e99"}]}]}]}',
    ],
)
def test_malformed_json_is_refused_in_json(send: Send, served: Serving, body: bytes) -> None:
    expect_refused(send(body, content_type=JSON), 400, INVALID_ARGUMENT, JSON)
    expect_service(send, served)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"no gzip",
        gzip.compress(b"\x0a\x00", mtime=0)[:-1],
        gzip.compress(b"\x0a\x00", mtime=0) + b"\x00",
        gzip.compress(b"\x0a\x00", mtime=0)[:-5] + b"\x00\x00\x00\x00\x00",
        gzip.compress(b"", mtime=0) * 2_000,
    ],
)
def test_broken_gzip_is_refused_for_good(send: Send, served: Serving, body: bytes) -> None:
    expect_refused(send(body, content_encoding="gzip"), 400, INVALID_ARGUMENT)
    expect_service(send, served)


@pytest.mark.parametrize("presented", ["", "Bearer", "Bearer obs_unknown", "Basic dXNlcjpwYXNz", "Bearer \xfc"])
@pytest.mark.parametrize("media_type", [PROTOBUF, JSON])
def test_who_presents_no_token_is_told_so(send: Send, served: Serving, presented: str, media_type: str) -> None:
    answer = send(b"\x0a\x00", content_type=media_type, authorization=presented.encode("latin-1"))  # type: ignore[arg-type]
    expect_refused(answer, 401, UNAUTHENTICATED, media_type)
    assert answer.headers["www-authenticate"] == "Bearer"
    expect_service(send, served)


@pytest.mark.parametrize("media_type", [PROTOBUF, JSON])
def test_a_token_that_may_only_read_may_not_send(send: Send, served: Serving, media_type: str) -> None:
    answer = send(b"{}", content_type=media_type, authorization=f"Bearer {served.token('read')}")
    assert "ingest" in expect_refused(answer, 403, PERMISSION_DENIED, media_type).message
    expect_service(send, served)


def test_a_token_that_may_only_send_may_send(send: Send, served: Serving) -> None:
    answer = send(bodies.traces("ok").data, authorization=f"Bearer {served.token('ingest')}")
    assert answer.status_code == 200


@pytest.mark.parametrize("path", ["/v1/profiles", "/v1/traces/", "/v1/", "/v1/traces/7"])
def test_a_signal_that_is_not_taken_is_not_found(send: Send, served: Serving, path: str) -> None:
    expect_refused(send(b"", path=path), 404, UNIMPLEMENTED)
    expect_service(send, served)


@pytest.mark.parametrize("path", ["/", "/livez", "/api/v1/monitoring/system-health", "/login", "/metrics"])
def test_the_otlp_port_answers_nothing_but_otlp(send: Send, path: str) -> None:
    assert send(b"", path=path, method="GET").status_code == 404


@pytest.mark.parametrize("method", ["GET", "PUT", "PATCH", "DELETE", "OPTIONS"])
def test_any_method_but_post_is_refused(send: Send, served: Serving, method: str) -> None:
    answer = send(b"", method=method)
    expect_refused(answer, 405, UNIMPLEMENTED)
    assert answer.headers["allow"] == "POST"
    expect_service(send, served)


@pytest.mark.parametrize("media_type", ["", "text/plain", "application/grpc", "application/x-protobuffer"])
def test_another_content_type_is_refused(send: Send, served: Serving, media_type: str) -> None:
    expect_refused(send(b"\x0a\x00", content_type=media_type), 415, INVALID_ARGUMENT)
    expect_service(send, served)


@pytest.mark.parametrize("encoding", ["br", "deflate", "zstd", "gzip, gzip"])
@pytest.mark.parametrize("media_type", [PROTOBUF, JSON])
def test_another_encoding_is_refused(send: Send, served: Serving, encoding: str, media_type: str) -> None:
    answer = send(b"x", content_type=media_type, content_encoding=encoding)
    assert encoding in expect_refused(answer, 415, INVALID_ARGUMENT, media_type).message
    expect_service(send, served)


def test_content_type_and_encoding_are_read_as_http_writes_them(send: Send) -> None:
    body = gzip.compress(json.dumps({"resourceSpans": [], "later": 1}).encode())
    answer = send(body, content_type="Application/JSON; charset=utf-8", content_encoding="GZIP")
    assert (answer.status_code, answer.headers["content-type"], answer.content) == (200, JSON, b"{}")


@contextmanager
def connected(served: Serving, *headers: str) -> Iterator[socket.socket]:
    """A sender that writes its request by hand."""
    host, port = served.otlp_http.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=30) as connection:
        lines = ["POST /v1/traces HTTP/1.1", "Host: test", f"Content-Type: {PROTOBUF}", *headers]
        token = f"Authorization: {served.headers['Authorization']}"
        connection.sendall("\r\n".join([*lines, token, "", ""]).encode())
        yield connection


def answered(connection: socket.socket) -> bytes:
    """The first line that the server says."""
    return connection.recv(65_536).split(b"\r\n", 1)[0]


def test_a_body_that_is_declared_too_large_is_refused_before_it_is_sent(send: Send, served: Serving) -> None:
    with connected(served, f"Content-Length: {LIMIT + 1}") as connection:
        assert b" 413 " in answered(connection)
    expect_service(send, served)


def test_a_stream_is_refused_as_soon_as_it_is_too_large(send: Send, served: Serving) -> None:
    expect_refused(send(bytes(4_096) for _ in range(LIMIT // 4_096 + 1)), 413, INVALID_ARGUMENT)
    with connected(served, "Transfer-Encoding: chunked") as connection:
        chunk = b"10000\r\n" + bytes(65_536) + b"\r\n"
        for _ in range(LIMIT // 65_536 + 1):
            connection.sendall(chunk)
        # The sender has not said that it ends: it is told all the same.
        assert b" 413 " in answered(connection)
    expect_service(send, served)


@pytest.mark.parametrize("size", [LIMIT + 1, 600 << 20])
@pytest.mark.parametrize("media_type", [PROTOBUF, JSON])
def test_a_body_that_unpacks_to_too_much_is_refused(send: Send, served: Serving, size: int, media_type: str) -> None:
    before = served.resident_bytes()
    packed = hostile.bomb(size)
    assert len(packed) < LIMIT
    answer = send(packed, content_type=media_type, content_encoding="gzip")
    expect_refused(answer, 413, INVALID_ARGUMENT, media_type)
    assert served.resident_bytes() - before < 100 << 20
    expect_service(send, served)


def test_a_body_of_the_largest_size_is_taken(send: Send, served: Serving) -> None:
    good = bodies.traces("large").data
    filler = LIMIT - len(good) - len(hostile.message(99, b"")) - 2
    largest = good + hostile.message(99, bytes(filler))
    assert len(largest) == LIMIT
    assert send(largest).status_code == 200
    expect_refused(send(largest + b"\x00"), 413, INVALID_ARGUMENT)
    expect_service(send, served)


def test_a_full_queue_refuses_until_there_is_room(send: Send, served: Serving) -> None:
    stalled = LIMIT - 1_000
    with ExitStack() as stack:
        for _ in range(4):
            connection = stack.enter_context(connected(served, f"Content-Length: {LIMIT}"))
            connection.sendall(bytes(stalled))
        wait_until_held(served, 4 * stalled)
        answer = send(bodies.traces("full", 100).data)
        assert "bytes are waiting" in expect_refused(answer, 503, UNAVAILABLE).message
        assert int(answer.headers["retry-after"]) >= 1
    # All four have hung up in the middle.
    expect_nothing_held(served)
    expect_service(send, served)


def test_who_stops_in_the_middle_of_a_body_does_not_hold_its_room_for_ever(send: Send, served: Serving) -> None:
    with connected(served, "Content-Length: 100000") as connection:
        connection.sendall(bytes(50_000))
        wait_until_held(served, 50_000)
        began_s = time.monotonic()
        assert b" 503 " in answered(connection)
        assert time.monotonic() - began_s < 60
        expect_nothing_held(served)
    expect_service(send, served)


def test_refusals_are_counted_by_reason(send: Send, served: Serving) -> None:
    before = served.metric("refused_bodies_total", signal="logs", reason="malformed")
    send(b"\x08\x07", path="/v1/logs")
    assert served.metric("refused_bodies_total", signal="logs", reason="malformed") == before + 1
    before = served.metric("refused_bodies_total", signal="logs", reason="unauthenticated")
    send(b"", path="/v1/logs", authorization="Bearer obs_x")
    assert served.metric("refused_bodies_total", signal="logs", reason="unauthenticated") == before + 1


def wait_until_held(served: Serving, size: int) -> None:
    """The server has read this much of bodies that have not ended."""
    until = time.monotonic() + 90
    while served.metric("queue_bytes") < size:
        assert time.monotonic() < until, f"{served.metric('queue_bytes')} of {size} bytes were read"
        time.sleep(0.02)


def test_empty_requests_are_full_success(send: Send) -> None:
    for path in ("/v1/traces", "/v1/logs", "/v1/metrics"):
        assert send(b"", path=path).content == b""
        answer = send(b"{}", path=path, content_type=JSON)
        assert (answer.status_code, answer.content) == (200, b"{}")
        assert send(gzip.compress(b"", mtime=0), path=path, content_encoding="gzip").status_code == 200
