"""The server is killed under load, and nothing that it acknowledged is missing or there twice."""

from __future__ import annotations

import os
import random
import threading
import time
from collections.abc import Callable
from pathlib import Path

import bodies
import httpx
import pytest
from serving import Serving

SENDERS = 3
SPANS = 40
# Where the batch goes first, and where it goes after that, within one insert.
TARGETS = ("otel_traces", "fact_calls", "rollup_calls", "fact_ai_calls")
COUNTS = (
    "SELECT count(), uniqExact(SpanId) FROM otel_traces",
    "SELECT count(), uniqExact(TraceId) FROM fact_calls",
    "SELECT count(), count() FROM fact_ai_calls",
    *(
        f"SELECT sum(Calls), sum(Calls) FROM rollup_{scope}_{resolution}"
        for scope in ("services", "edges")
        for resolution in ("10s", "1m")
    ),
)


class Sender:
    """Sends bodies of its own, each again and again until it is acknowledged, wherever the server listens now."""

    def __init__(self, server: Serving, name: str) -> None:
        self.acknowledged: list[str] = []
        self.attempts = 0
        self._server = server
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    def end(self) -> None:
        """Send no new body; wait until the last one is acknowledged."""
        self._ending.set()
        self._thread.join(300)
        assert not self._thread.is_alive(), "a body was never acknowledged"

    def _run(self) -> None:
        for body in bodies.endless(self._thread.name, SPANS):
            while not self._acknowledges(body.data):
                time.sleep(0.05)
            self.acknowledged.extend(body.spans)
            if self._ending.is_set():
                return

    def _acknowledges(self, data: bytes) -> bool:
        self.attempts += 1
        headers = self._server.headers | {"Content-Type": "application/x-protobuf"}
        try:
            url = f"{self._server.otlp_http}/v1/traces"
            return httpx.post(url, content=data, headers=headers, timeout=120).status_code == 200
        except httpx.TransportError:
            return False


def parts(server: Serving, table: str) -> set[str]:
    """The committed parts of a table, as its folder shows them."""
    folder = server.folder / "store" / "data" / "observatory" / table
    return {name for name in os.listdir(folder) if name[0].isdigit()}


def after_a_moment(_server: Serving) -> None:
    """Some time under load."""
    time.sleep(random.uniform(0.3, 1.0))


def between_two_views(server: Serving) -> None:
    """The instant at which one target of an insert has the batch and the others may not have it yet."""
    before = {table: parts(server, table) for table in TARGETS}
    until = time.monotonic() + 300
    while time.monotonic() < until:
        arrived = [table for table in TARGETS if parts(server, table) - before[table]]
        if arrived:
            return
        time.sleep(0.0003)
    raise AssertionError("no batch arrived")


def halves(server: Serving) -> bool:
    """Whether the dead server left an insert that one target has and another has not."""
    counts = [count for ((count, _),) in server.rows(*COUNTS)]
    return len(set(counts)) > 1


def kill_again_and_again(folder: Path, moments: list[Callable[[Serving], None]]) -> None:
    """Kill the server at each of the moments and start it again; then each span has to be there exactly once."""
    cut, server = False, Serving(folder, tick_s=5)
    server.start()
    senders = [Sender(server, f"sender-{number}") for number in range(SENDERS)]
    try:
        for moment in moments:
            moment(server)
            server.kill()
            # Looking takes a while: one insert that was cut in half shows that the kills come at the right time.
            cut = cut or halves(server)
            server.start()
        for sender in senders:
            sender.end()
        assert server.stop() == 0, server.log.read_text()[-2_000:]
        acknowledged = [span for sender in senders for span in sender.acknowledged]
        assert len(set(acknowledged)) == len(acknowledged) > 0
        *counts, spans = server.rows(*COUNTS, "SELECT groupArray(SpanId) FROM otel_traces")
        assert counts == [[[len(acknowledged)] * 2]] * len(COUNTS)
        assert sorted(spans[0][0]) == sorted(acknowledged)
        assert cut, "no kill fell between two views"
    finally:
        server.end()


@pytest.mark.timeout(900)
def test_every_acknowledged_span_is_there_exactly_once_after_five_kills(tmp_path: Path) -> None:
    moments = [between_two_views, after_a_moment, between_two_views, between_two_views, between_two_views]
    kill_again_and_again(tmp_path / "data", moments)


@pytest.mark.long
@pytest.mark.timeout(3_600)
def test_every_acknowledged_span_is_there_exactly_once_after_fifty_kills(tmp_path: Path) -> None:
    moments = [random.Random(number).choice([between_two_views, after_a_moment]) for number in range(50)]
    kill_again_and_again(tmp_path / "data", moments)
