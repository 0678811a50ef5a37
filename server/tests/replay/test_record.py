"""History that nobody lived is rebuilt from telemetry: indicators, snapshots, alerts and incidents of then."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from conftest import attributes
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from running import system_health, until
from serving import Serving, serving

BASE = "/api/v1/monitoring"
BEGAN = datetime.now(UTC).replace(microsecond=0) - timedelta(minutes=9)

pytestmark = pytest.mark.timeout(900)


def ask(server: Serving, path: str, **query: Any) -> Any:
    answer = httpx.get(f"{server.url}{BASE}{path}", params=query, headers=server.headers, timeout=120)
    assert answer.status_code == 200, answer.text
    return answer.json()


def events() -> bytes:
    request = ExportLogsServiceRequest()
    group = request.resource_logs.add()
    group.resource.attributes.extend(attributes({"deployment.environment.name": "past"}))
    records = group.scope_logs.add().log_records
    for place in range(4):
        at_ns = int(BEGAN.timestamp() + 10 * place) * 10**9
        record = records.add(event_name="security.event", time_unix_nano=at_ns)
        record.attributes.extend(attributes({"security.kind": "login_storm", "security.subject": "user-7"}))
    return request.SerializeToString()


def record(server: Serving, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "observatory.cli", "replay", "--record", "--environment", "past", *words],
        env=os.environ | {"OBSERVATORY_DATA_DIR": str(server.folder)},
        capture_output=True,
        text=True,
        check=False,
    )


def test_a_backfilled_past_has_history_alerts_and_incidents_and_nobody_is_told(tmp_path: Path) -> None:
    with serving(tmp_path / "data", tick_s=2) as server:
        assert server.post(events(), "/v1/logs").status_code == 200
        until(lambda: system_health(server.url, server.admin_token), "the first round")
        assert ask(server, "/alerts/changes", environment="past", rule="security.event")["items"] == []
        begin = (BEGAN - timedelta(seconds=30)).isoformat()
        busy = record(server, "--from", begin)
        assert busy.returncode == 1
        assert "another process serves" in busy.stderr
        server.stop()

        # The server has lived a moment already: that is thrown away only when somebody says so.
        refused = record(server, "--from", begin)
        assert refused.returncode == 1
        assert "are there already" in refused.stderr
        done = record(server, "--from", begin, "--step-s", "60", "--replace")
        assert done.returncode == 0, done.stderr
        assert "rounds recorded" in done.stdout

        server.start()
        until(lambda: system_health(server.url, server.admin_token), "the first round")
        fired, over = ask(server, "/alerts/changes", environment="past", rule="security.event")["items"][::-1]
        assert (fired["after"], over["after"]) == ("firing", "resolved")
        assert BEGAN <= datetime.fromisoformat(fired["at"]) <= BEGAN + timedelta(seconds=60)
        assert BEGAN + timedelta(minutes=5) <= datetime.fromisoformat(over["at"]) <= BEGAN + timedelta(minutes=8)
        then = (BEGAN + timedelta(minutes=2)).isoformat()
        health = ask(server, "/system-health", environment="past", as_of=then)
        assert abs(datetime.fromisoformat(health["timestamp"]) - datetime.fromisoformat(then)) <= timedelta(minutes=1)
        assert health["services"]["emergency"]["status"] == "critical"
        every = ["opened", "acknowledged", "mitigated", "resolved"]
        incidents = ask(server, "/incidents", environment="past", state=every)["items"]
        assert len(incidents) == 1
        server.stop()
    (changes,) = server.rows(
        "SELECT count(), uniqExact(Timestamp) FROM observatory.snapshots WHERE Resolution = 10 AND Environment = 'past'"
    )
    assert changes[0][0] == changes[0][1] >= 9
    # Alerts and an incident were kept, and no message was planned for them.
    with closing(sqlite3.connect(server.folder / "state.db")) as control:
        planned = control.execute("SELECT count(*) FROM outbox WHERE environment = 'past'").fetchone()
    assert planned == (0,)
