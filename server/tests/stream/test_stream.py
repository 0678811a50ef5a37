"""The live stream, listened to at the real server."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncGenerator, Iterator
from contextlib import contextmanager, suppress
from typing import Any

import httpx
import pytest
from conftest import attributes
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from running import until
from serving import Serving, serving
from starlette.types import Message
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection, connect

from observatory.api import stream

PATH = "/api/v1/monitoring/stream"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    with serving(tmp_path_factory.mktemp("stream") / "data", tick_s=1) as found:
        url = f"{found.url}/api/v1/monitoring/system-health"
        until(lambda: httpx.get(url, headers=found.headers).status_code == 200, "the first round")
        yield found


def event(server: Serving, subject: str) -> None:
    request = ExportLogsServiceRequest()
    record = (
        request.resource_logs.add()
        .scope_logs.add()
        .log_records.add(event_name="security.event", time_unix_nano=time.time_ns())
    )
    record.attributes.extend(attributes({"security.kind": "login_storm", "security.subject": subject}))
    assert server.post(request.SerializeToString(), "/v1/logs").status_code == 200


@contextmanager
def listening(
    server: Serving, headers: dict[str, str] | None = None, **query: Any
) -> Iterator[Iterator[dict[str, str]]]:
    """The fields of each event."""

    def events(answer: httpx.Response) -> Iterator[dict[str, str]]:
        fields: dict[str, str] = {}
        for line in answer.iter_lines():
            if line:
                name, _, value = line.partition(": ")
                fields[name] = value
            else:
                yield fields
                fields = {}

    with httpx.stream(
        "GET", f"{server.url}{PATH}", headers=server.headers | (headers or {}), params=query, timeout=60
    ) as answer:
        assert answer.status_code == 200, answer.read()
        assert answer.headers["content-type"].startswith("text/event-stream")
        yield events(answer)


def told(events: Iterator[dict[str, str]], member: str) -> dict[str, str]:
    """The event about a member's alert."""
    for fields in events:
        if fields.get("event") == "alerts" and json.loads(fields["data"])["alert"]["member"] == member:
            return fields
    raise AssertionError("the stream ended")


def test_a_change_is_heard_at_once_and_whoever_comes_back_misses_none(server: Serving) -> None:
    with listening(server, topics="alerts") as events:
        assert next(events) == {"retry": "2000"}
        event(server, "one")
        first = told(events, "login_storm/one")
    data = json.loads(first["data"])
    assert (data["before"], data["after"], str(data["id"])) == ("inactive", "firing", first["id"])
    event(server, "two")
    time.sleep(3)
    event(server, "three")
    with listening(server, headers={"Last-Event-ID": first["id"]}, topics="alerts") as events:
        second, third = told(events, "login_storm/two"), told(events, "login_storm/three")
    assert int(first["id"]) < int(second["id"]) < int(third["id"])


def test_health_is_heard_as_it_is_now(server: Serving) -> None:
    with listening(server, topics="health", environment="production") as events:
        found = next(fields for fields in events if fields.get("event") == "health")
    data = json.loads(found["data"])
    assert data["environment"] == "production"
    assert set(data["services"]) >= {"ai_systems", "trading_execution"}


@contextmanager
def conversing(server: Serving, headers: dict[str, str], query: str = "topics=alerts") -> Iterator[ClientConnection]:
    url = server.url.replace("http", "ws", 1)
    with connect(f"{url}{PATH}?{query}", additional_headers=headers) as found:
        yield found


def test_the_same_is_heard_over_a_websocket(server: Serving) -> None:
    with conversing(server, server.headers) as socket:
        event(server, "four")
        while (found := json.loads(socket.recv(timeout=120)))["data"]["alert"]["member"] != "login_storm/four":
            pass
    assert (found["topic"], found["id"]) == ("alerts", found["data"]["id"])


@pytest.mark.parametrize("headers", [{}, {"Authorization": "Bearer obs_wrong"}, {"Cookie": "observatory_session=x"}])
def test_nobody_listens_without_a_token(server: Serving, headers: dict[str, str]) -> None:
    assert httpx.get(f"{server.url}{PATH}", headers=headers, timeout=120).status_code == 401
    with pytest.raises((InvalidStatus, ConnectionClosed)), conversing(server, headers) as socket:
        socket.recv(timeout=120)


def test_a_sender_may_not_listen(server: Serving) -> None:
    headers = {"Authorization": f"Bearer {server.token('ingest')}"}
    assert httpx.get(f"{server.url}{PATH}", headers=headers, timeout=120).status_code == 403
    with pytest.raises((InvalidStatus, ConnectionClosed)), conversing(server, headers) as socket:
        socket.recv(timeout=120)


def test_the_port_of_senders_has_no_stream(server: Serving) -> None:
    url = server.otlp_http.replace("http", "ws", 1)
    with (
        pytest.raises((InvalidStatus, ConnectionClosed)),
        connect(f"{url}{PATH}", additional_headers=server.headers) as it,
    ):
        it.recv(timeout=120)


def issued(server: Serving) -> tuple[int, dict[str, str]]:
    """A token of its own, and the headers with it."""
    answer = httpx.post(
        f"{server.url}/api/v1/monitoring/tokens",
        headers={"Authorization": f"Bearer {server.token('admin')}"},
        json={"name": "listener", "scopes": ["read"]},
    )
    assert answer.status_code == 201, answer.text
    told = answer.json()
    return told["id"], {"Authorization": f"Bearer {told['token']}"}


def revoke(server: Serving, token: int) -> None:
    url = f"{server.url}/api/v1/monitoring/tokens/{token}"
    headers = {"Authorization": f"Bearer {server.token('admin')}"}
    assert httpx.delete(url, headers=headers).status_code in (200, 204)


def test_who_listens_with_a_token_that_is_revoked_hears_nothing_more(server: Serving) -> None:
    token, headers = issued(server)
    other, others = issued(server)
    with listening(server, headers=headers, topics="health") as events, conversing(server, others, "") as socket:
        next(events), next(events)
        socket.recv(timeout=120)
        revoke(server, token)
        revoke(server, other)
        began_s = time.monotonic()
        assert all(fields.get("event") in (None, "health") for fields in events)
        with suppress(ConnectionClosed):
            for _ in socket:
                pass
        assert time.monotonic() - began_s < 25, "both have ended"
        assert socket.close_code == 4_403


async def test_a_listener_that_takes_nothing_is_let_go(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stream, "SEND_S", 0.05)
    ended = asyncio.Event()

    async def events() -> AsyncGenerator[str, None]:
        try:
            while True:
                yield "data: 1\n\n"
        finally:
            ended.set()

    async def receive() -> Message:
        await asyncio.sleep(60)
        return {"type": "http.disconnect"}

    async def send(message: Message) -> None:
        if message["type"] == "http.response.body":
            await asyncio.sleep(60)

    async with asyncio.timeout(60):
        await stream.Events(events())({"type": "http", "asgi": {"spec_version": "2.3"}}, receive, send)
        await ended.wait()


@pytest.mark.parametrize(
    "query", ["after=-1", f"after={2**70}", "after=x", f"environment={'e' * 200}", "topics=gossip"]
)
def test_a_bad_question_over_a_websocket_is_refused(server: Serving, query: str) -> None:
    with pytest.raises((InvalidStatus, ConnectionClosed)), conversing(server, server.headers, query) as socket:
        socket.recv(timeout=60)


@pytest.mark.parametrize(
    ("query", "headers"), [({"topics": "gossip"}, {}), ({"after": -1}, {}), ({}, {"Last-Event-ID": "x"})]
)
def test_a_bad_question_is_refused(server: Serving, query: dict[str, Any], headers: dict[str, str]) -> None:
    answer = httpx.get(f"{server.url}{PATH}", headers=server.headers | headers, params=query, timeout=120)
    assert answer.status_code == 422


def test_the_server_stops_although_somebody_listens(tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp("stop") / "data"
    with serving(folder, tick_s=1) as found, listening(found, topics="alerts") as events:
        next(events)
        found.process.terminate()
        # Cut off, the answer would end in an error.
        assert all(fields.get("event") in (None, "alerts") for fields in events)
