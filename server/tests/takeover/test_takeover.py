"""Two servers on one PostgreSQL and one shared store: one evaluates, the other takes over when it is killed."""

from __future__ import annotations

import asyncio
import json
import signal
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar

import httpx
import pytest
import yaml
from clickhouse_http.serving import clickhouse
from conftest import attributes
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from running import until
from serving import Serving

from observatory_universe.outside.postgres import postgres_server

BASE = "/api/v1/monitoring"
TAKEN_OVER_S = 10.0

pytestmark = [pytest.mark.timeout(1800), pytest.mark.long]


@contextmanager
def postgres(folder: Path) -> Iterator[str]:
    """A PostgreSQL server, run by a thread; gives its address."""
    url: list[str] = []
    done = threading.Event()

    async def serve() -> None:
        async with postgres_server(folder) as server:
            url.append(server.url)
            while not done.is_set():
                await asyncio.sleep(0.05)

    thread = threading.Thread(target=lambda: asyncio.run(serve()), name="postgres")
    thread.start()
    try:
        until(lambda: url or not thread.is_alive(), "PostgreSQL to start")
        assert url, "PostgreSQL did not start"
        yield url[0]
    finally:
        done.set()
        thread.join()


class Told(BaseHTTPRequestHandler):
    """Takes messages and keeps them."""

    asked: ClassVar[list[tuple[str, Any]]] = []

    def do_POST(self) -> None:
        """One message."""
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.asked.append((self.headers.get("Idempotency-Key", ""), body))
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        """Nothing."""


@pytest.fixture(scope="module")
def told() -> Iterator[str]:
    """Where messages are sent to."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Told)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}/hook"
    server.shutdown()
    server.server_close()


@pytest.fixture(scope="module")
def pair(told: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Serving, Serving]]:
    folder = tmp_path_factory.mktemp("takeover")
    channels = folder / "channels.yaml"
    channels.write_text(yaml.safe_dump({"channels": [{"id": "hook", "kind": "webhook", "url": told}]}))
    with clickhouse(folder / "clickhouse") as dsn, postgres(folder / "postgres") as url:
        knobs = {"store_dsn": dsn, "state_url": url, "tick_s": 1, "fast_s": 0.2, "group_wait_s": 0}
        knobs |= {"channels_file": channels, "channel_networks": "127.0.0.0/8"}
        both = Serving(folder / "one", **knobs), Serving(folder / "two", **knobs)
        try:
            for each in both:
                each.start()
            yield both
        finally:
            for each in both:
                each.end()


def leads(server: Serving) -> bool:
    return server.metric("leads") == 1.0


def storm(server: Serving, subject: str) -> None:
    request = ExportLogsServiceRequest()
    record = (
        request.resource_logs.add()
        .scope_logs.add()
        .log_records.add(event_name="security.event", time_unix_nano=time.time_ns())
    )
    record.attributes.extend(attributes({"security.kind": "login_storm", "security.subject": subject}))
    assert server.post(request.SerializeToString(), "/v1/logs").status_code == 200


def ask(server: Serving, path: str, **query: Any) -> Any:
    answer = httpx.get(f"{server.url}{BASE}{path}", params=query, headers=server.headers, timeout=120)
    assert answer.status_code == 200, answer.text
    return answer.json()


def messages(subject: str) -> list[Any]:
    """Those that tell of the alert."""
    member = f"login_storm/{subject}"
    return [body for _, body in Told.asked if member in json.dumps(body.get("alerts", body))]


def firing(server: Serving, subject: str) -> bool:
    found = ask(server, "/alerts", rule="security.event", member=f"login_storm/{subject}")["items"]
    return any(each["phase"] == "firing" for each in found)


def test_of_two_servers_one_leads_and_the_other_takes_over_within_ten_seconds(pair: tuple[Serving, Serving]) -> None:
    one, two = pair
    until(lambda: leads(one) or leads(two), "one to lead")
    leader, other = (one, two) if leads(one) else (two, one)
    assert not leads(other)

    # What either takes in is seen by the one that leads, and told by both.
    storm(other, "user-1")
    until(lambda: firing(leader, "user-1") and firing(other, "user-1"), "the alert")

    leader.kill()
    killed = time.monotonic()
    storm(other, "user-2")
    until(lambda: firing(other, "user-2"), "the other one to take over")
    took_s = time.monotonic() - killed
    print(f"taken over after {took_s:.1f} s")
    assert took_s <= TAKEN_OVER_S
    assert leads(other)
    until(lambda: messages("user-1") and messages("user-2"), "the messages")

    # The one that comes back stands by. Nothing has fired twice.
    leader.start()
    time.sleep(3)
    assert (leads(leader), leads(other)) == (False, True)
    assert firing(leader, "user-1")
    changes = ask(leader, "/alerts/changes", rule="security.event", phase="firing", limit=200)["items"]
    fired = Counter(each["alert"]["id"] for each in changes)
    assert {each["alert"]["member"] for each in changes} == {"login_storm/user-1", "login_storm/user-2"}
    assert set(fired.values()) == {1}
    routed = ask(leader, "/alerts/changes", limit=200)["items"]
    twice = Counter((each["alert"]["id"], each["after"]) for each in routed)
    assert max(twice.values()) == 1, twice.most_common(3)
    # The second trouble may tell of the first once more, in a message of its own.
    assert len(messages("user-2")) == 1
    keys = Counter(key for key, _ in Told.asked)
    assert max(keys.values()) == 1, keys.most_common(3)


def test_a_leader_that_was_frozen_finds_that_another_leads_and_tells_nothing_twice(
    pair: tuple[Serving, Serving],
) -> None:
    until(lambda: leads(pair[0]) or leads(pair[1]), "one to lead")
    frozen, other = pair if leads(pair[0]) else pair[::-1]
    storm(frozen, "user-3")
    until(lambda: firing(frozen, "user-3") and messages("user-3"), "the alert and its message")

    # What was sent is recorded a moment after it has arrived: else it would rightly go out once more.
    time.sleep(1)
    frozen.process.send_signal(signal.SIGSTOP)
    stopped = time.monotonic()
    try:
        storm(other, "user-4")
        until(lambda: firing(other, "user-4"), "the other one to take over")
        took_s = time.monotonic() - stopped
        print(f"taken over after {took_s:.1f} s")
        assert took_s <= TAKEN_OVER_S
        until(lambda: messages("user-4"), "its message")
        # It wakes up in the middle of whatever it did, and thinks for a moment that it leads.
        storm(other, "user-5")
    finally:
        frozen.process.send_signal(signal.SIGCONT)
    until(lambda: not leads(frozen), "it to find that another leads")
    assert leads(other)
    until(lambda: firing(other, "user-5") and messages("user-5"), "the third alert and its message")
    # Rounds of both go by. The one that was frozen has come back as one that stands by.
    time.sleep(5)
    assert (leads(frozen), leads(other)) == (False, True)
    assert frozen.process.poll() is None
    until(lambda: firing(frozen, "user-5"), "it to follow")
    for subject in ("user-3", "user-4", "user-5"):
        changes = ask(other, "/alerts/changes", rule="security.event", member=f"login_storm/{subject}", limit=200)
        twice = Counter((each["alert"]["id"], each["after"]) for each in changes["items"])
        assert max(twice.values()) == 1, twice.most_common(3)
    keys = Counter(key for key, _ in Told.asked)
    assert max(keys.values()) == 1, keys.most_common(3)


def test_a_server_that_is_stopped_makes_room_at_once(pair: tuple[Serving, Serving]) -> None:
    leader, other = pair if leads(pair[0]) else pair[::-1]
    leader.stop()
    until(lambda: leads(other), "the other one to lead")
    # It did not have to wait until beats are missed.
    assert "let go" not in leader.log.read_text()
    assert not leader.process.returncode
