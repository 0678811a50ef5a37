"""While nothing is wrong nobody is called: the universe in real time, and what only looks like trouble."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
from conftest import attributes
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from running import reporting, universe, until
from serving import Serving, serving

from observatory_universe.faults import KINDS

BASE = "/api/v1/monitoring"
CALM_S = 120
LOOKS_LIKE_S = 60
# A machine that stands still for some seconds is rightly told of; what a rule gets wrong it gets wrong each time.
TRIES = 3
NO_FAULTS = sorted(name for name, kind in KINDS.items() if not kind.is_fault)


@dataclass(frozen=True)
class Watched:
    """A universe and the server that watches it."""

    server: Serving
    faults: str

    def begin(self, kind: str, seconds: float) -> None:
        """What is no fault, for so long."""
        answer = httpx.post(f"{self.faults}/faults", json={"kind": kind, "seconds": seconds}, timeout=120)
        assert answer.status_code == 201, answer.text

    def alarms(self, since: datetime | None = None) -> list[str]:
        """What fired at any time, or was firing since a moment: warnings and worse."""
        wanted = {"phase": "firing", "severity": ["warning", "critical"], "limit": 200}
        changes = ask(self.server, "/alerts/changes", **wanted)["items"]
        found = [(each["at"], each["alert"], each["reason"]) for each in changes]
        if since is not None:
            found = [each for each in found if datetime.fromisoformat(each[0]) >= since]
            still = ask(self.server, "/alerts", **wanted)["items"]
            found += [(each["started_at"], each, "still firing") for each in still]
        return [f"{at} {alert['rule']} {alert['member']}: {reason}" for at, alert, reason in found]

    def calm(self, seconds: float, tries: int = TRIES) -> None:
        """Nobody is called for so long, in one of so many tries."""
        told = []
        for _ in range(tries):
            since = datetime.now(UTC)
            time.sleep(seconds)
            if not (found := self.alarms(since)):
                return
            told.append(found)
        raise AssertionError("\n".join(str(found) for found in told))


@contextmanager
def lived(folder: Path) -> Iterator[Watched]:
    """A server and a universe, from when all of its services report."""
    announced = folder / "universe.json"
    options = ("--truth", str(folder / "truth.jsonl"), "--announce", str(announced))
    with serving(folder / "data") as server, universe(server, folder / "universe.log", *options):
        token = server.token("read")
        until(lambda: reporting(server.url, token), "every service to report")
        yield Watched(server, json.loads(announced.read_text(encoding="utf-8"))["universe_url"])


@pytest.fixture(scope="module")
def watched(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Watched]:
    with lived(tmp_path_factory.mktemp("calm")) as found:
        yield found


@pytest.mark.timeout(900)
def test_two_calm_minutes_call_nobody(watched: Watched) -> None:
    before = watched.server.metric("tick_seconds_count")
    watched.calm(CALM_S)
    assert watched.server.metric("tick_seconds_count") - before > CALM_S / 5 / 2


@pytest.mark.timeout(900)
def test_what_is_no_fault_calls_nobody(watched: Watched) -> None:
    assert NO_FAULTS == ["planned_deployment", "quiet_market", "traffic_growth"]
    for kind in NO_FAULTS:
        watched.begin(kind, LOOKS_LIKE_S * TRIES)
    watched.calm(LOOKS_LIKE_S)
    # It is told all the same, for those who want to know.
    assert ask(watched.server, "/alerts/changes", rule="deployment")["items"]


@pytest.mark.timeout(400)
def test_somebody_would_have_been_called(watched: Watched) -> None:
    request = ExportLogsServiceRequest()
    records = request.resource_logs.add().scope_logs.add().log_records
    record = records.add(event_name="security.event", time_unix_nano=time.time_ns())
    record.attributes.extend(attributes({"security.kind": "login_storm", "security.subject": "somebody"}))
    assert watched.server.post(request.SerializeToString(), "/v1/logs").status_code == 200
    until(lambda: any("security.event" in each for each in watched.alarms()), "the alert")


@pytest.mark.long
@pytest.mark.timeout(2 * 3_600)
def test_a_calm_hour_calls_nobody(tmp_path: Path) -> None:
    with lived(tmp_path) as found:
        time.sleep(3_600)
        assert found.alarms() == []


@pytest.mark.long
@pytest.mark.timeout(3_600)
@pytest.mark.parametrize("kind", NO_FAULTS)
def test_ten_minutes_of_what_is_no_fault_call_nobody(tmp_path: Path, kind: str) -> None:
    with lived(tmp_path) as found:
        time.sleep(180)
        found.begin(kind, 600)
        time.sleep(720)
        assert found.alarms() == []


def ask(server: Serving, path: str, **query: Any) -> Any:
    answer = httpx.get(f"{server.url}{BASE}{path}", headers=server.headers, params=query, timeout=120)
    assert answer.status_code == 200, answer.text
    return answer.json()
