"""The live tail of logs and traces, at the real server."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import pytest
from explore_world import MONITORING, Sent, World
from websockets.sync.client import connect

PATH = f"{MONITORING}/stream"


@contextmanager
def listening(world: World, **query: Any) -> Iterator[Iterator[tuple[str, Any]]]:
    """Name and data of each event, of what comes from now on."""

    def events(lines: Iterator[str]) -> Iterator[tuple[str, Any]]:
        name = ""
        for line in lines:
            field, _, value = line.partition(": ")
            if field == "event":
                name = value
            elif field == "data":
                yield name, json.loads(value)

    asked = {"environment": world.environment} | query
    with httpx.stream(
        "GET", f"{world.server.url}{PATH}", headers=world.server.headers, params=asked, timeout=30
    ) as answer:
        assert answer.status_code == 200, answer.read()
        lines = answer.iter_lines()
        # What is there already is looked at first; then the listener is told that it hears.
        while next(lines) != ": still here":
            pass
        yield events(lines)


def test_records_that_fit_are_told_as_they_arrive(world: World) -> None:
    world.log("order was there before", ago=1, severity=17)
    with listening(world, topics="logs", text="order", severity="error", service="trade") as events:
        world.log("order refused", ago=1, severity=17, service="trade")
        world.log("order filled", ago=1, severity=9, service="trade")
        world.log("nothing", ago=1, severity=17, service="trade")
        world.log("order refused elsewhere", ago=1, severity=17, service="api")
        world.log("order refused again", ago=0.5, severity=17, service="trade", order__id="o-1")
        told = [next(events), next(events)]
    assert [(name, each["body"]) for name, each in told] == [("logs", "order refused"), ("logs", "order refused again")]
    assert told[1][1]["attributes"]["order.id"] == "o-1"


def test_a_trace_that_fits_is_told_once(world: World) -> None:
    with listening(world, topics="traces", service="trade", status="error") as events:
        root = Sent("trade", "order.execute", 0, 40, failed=True)
        first = world.trace(root, Sent("venue", "ask", 5, 20, root), ago=1)
        world.trace(Sent("trade", "order.execute", 0, 40), ago=1)
        # The next look finds it again.
        time.sleep(2.5)
        second = world.trace(Sent("trade", "order.cancel", 0, 4, failed=True), ago=1)
        told = [next(events), next(events)]
    assert [(name, each["trace_id"]) for name, each in told] == [("traces", first), ("traces", second)]
    assert (told[0][1]["spans"], told[0][1]["service"]) == (2, "trade")


def test_more_than_can_be_told_is_counted(world: World) -> None:
    with listening(world, topics="logs") as events:
        world.logs([(f"record {n}", 1 + n / 1_000) for n in range(400)])
        told, dropped = 0, None
        while dropped is None:
            name, data = next(events)
            told += name == "logs"
            dropped = data if name == "logs.dropped" else None
    assert dropped == {"dropped": 350, "at_least": False}
    assert told == 50


def test_health_and_logs_come_over_one_connection(world: World) -> None:
    url = world.server.url.replace("http", "ws", 1)
    query = f"topics=health&topics=logs&environment={world.environment}"
    seen: set[str] = set()
    with connect(f"{url}{PATH}?{query}", additional_headers=world.server.headers) as socket:
        while not seen >= {"health", "logs"}:
            found = json.loads(socket.recv(timeout=120))
            if found["topic"] == "alive" and "alive" not in seen:
                world.log("over the socket", ago=1)
            seen.add(found["topic"])
            assert found["topic"] != "logs" or found["data"]["body"] == "over the socket"


@pytest.mark.parametrize("scope", ["user:u-7", "ingest"])
def test_the_tail_is_closed_to_who_may_not_read_all(plain: World, scope: str) -> None:
    answer = httpx.get(
        f"{plain.server.url}{PATH}", params={"topics": "logs", "user": "u-7"}, headers=plain.token(scope), timeout=30
    )
    assert answer.status_code == 403


def test_a_bad_filter_of_the_tail_is_named(plain: World) -> None:
    for query, named in (({"severity": "loud"}, "severity"), ({"attribute": "=x"}, "attribute")):
        asked = {"topics": "logs", **query}
        answer = httpx.get(f"{plain.server.url}{PATH}", params=asked, headers=plain.server.headers, timeout=120)
        assert answer.status_code == 422
        assert named in answer.text


def test_only_so_many_listen_to_the_tail_at_once(plain: World) -> None:
    held: list[tuple[Any, Any]] = []
    try:
        for _ in range(20):
            asked = {"topics": "logs"}
            url = f"{plain.server.url}{PATH}"
            stream = httpx.stream("GET", url, params=asked, headers=plain.server.headers, timeout=120)
            answer = stream.__enter__()
            lines = answer.iter_lines()
            held.append((stream, lines))
            if answer.status_code != 200:
                break
            next(lines)
            time.sleep(0.2)
        assert answer.status_code == 503
        assert "listen to the tail" in "".join(lines)
        assert "retry-after" in answer.headers
    finally:
        for stream, _ in held:
            stream.__exit__(None, None, None)
