"""Replay, asked of the real server and of the command line."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml
from conftest import attributes
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from serving import Serving, serving

BASE = "/api/v1/monitoring"
BEGAN = datetime.now(UTC).replace(microsecond=0) - timedelta(minutes=12)
ENTRY: dict[str, Any] = {
    "id": "own.stormy",
    "sentence": "security events",
    "severity": "critical",
    "no_data": "resolve",
    "condition": {
        "kind": "bound",
        "indicator": "emergency.security_events",
        "level": "critical",
        "bound": ">= 3",
    },
}
LABELS = [
    {
        "id": "storm",
        "start": BEGAN.isoformat(),
        "end": (BEGAN + timedelta(seconds=60)).isoformat(),
        "areas": ["emergency"],
    },
    {
        "id": "unseen",
        "start": (BEGAN + timedelta(minutes=6)).isoformat(),
        "end": (BEGAN + timedelta(minutes=7)).isoformat(),
        "areas": ["emergency"],
    },
]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    with serving(tmp_path_factory.mktemp("replay") / "data", tick_s=10, fast_s=0, replay_s=90) as found:
        request = ExportLogsServiceRequest()
        group = request.resource_logs.add()
        group.resource.attributes.extend(attributes({"deployment.environment.name": "past"}))
        records = group.scope_logs.add().log_records
        for place in range(4):
            at_ns = int(BEGAN.timestamp() + 10 * place) * 10**9
            record = records.add(event_name="security.event", time_unix_nano=at_ns)
            record.attributes.extend(attributes({"security.kind": "login_storm", "security.subject": "user-7"}))
        assert found.post(request.SerializeToString(), "/v1/logs").status_code == 200
        yield found


def replayed(server: Serving, **wanted: Any) -> httpx.Response:
    body = {
        "environment": "past",
        "from": (BEGAN - timedelta(seconds=60)).isoformat(),
        "to": (BEGAN + timedelta(minutes=9)).isoformat(),
        "step_s": 30,
        **wanted,
    }
    for _ in range(50):
        answer = httpx.post(f"{server.url}{BASE}/rules/replay", json=body, headers=server.headers, timeout=120)
        if answer.status_code != 503:
            break
        time.sleep(0.2)
    return answer


def test_a_rule_that_is_not_saved_says_when_it_would_have_fired(server: Serving) -> None:
    answer = replayed(server, entry=ENTRY, labels=LABELS)
    assert answer.status_code == 200, answer.text
    told = answer.json()
    (fire,) = told["fires"]
    assert (fire["rule"], fire["severity"], fire["area"], fire["true"]) == ("own.stormy", "critical", "emergency", True)
    fired = datetime.fromisoformat(fire["fired_at"])
    # The third event comes 20 s after the beginning; looks are 30 s apart; the window is five minutes long.
    assert fired == BEGAN + timedelta(seconds=30)
    assert 240 <= fire["duration_s"] <= 420
    assert fire["value"] >= 3
    assert told["complete"]
    assert told["rounds"] == 21
    assert told["failures"] == 0
    score = told["score"]
    assert (score["precision"]["hits"], score["precision"]["of"]) == (1, 1)
    assert (score["recall"]["hits"], score["recall"]["of"]) == (1, 2)
    assert [(each["id"], each["found"]) for each in score["labels"]] == [("storm", True), ("unseen", False)]
    # Nothing of it was saved, and nobody was told.
    rules = httpx.get(f"{server.url}{BASE}/rules/own.stormy", headers=server.headers, timeout=120)
    assert rules.status_code == 404
    alerts = httpx.get(f"{server.url}{BASE}/alerts", params={"rule": "own.stormy"}, headers=server.headers, timeout=120)
    assert alerts.json()["items"] == []


def test_a_shipped_rule_with_sql_is_replayed_by_its_id(server: Serving) -> None:
    told = replayed(server, rule_id="security.event").json()
    assert [(each["member"], each["resolved_at"] is None) for each in told["fires"]] == [("login_storm/user-7", False)]
    assert told["score"] is None


@pytest.mark.parametrize(
    ("wanted", "named"),
    [
        ({}, "rule_id"),
        ({"rule_id": "security.event", "entry": ENTRY}, "rule_id"),
        ({"rule_id": "nothing.such"}, "nothing.such"),
        ({"rule_id": "budget.exhausted"}, "present"),
        ({"entry": {**ENTRY, "severity": "dire"}}, "severity"),
        ({"entry": {**ENTRY, "condition": {"kind": "sql", "query": "SELECT 1"}}}, "SQL"),
        ({"entry": ENTRY, "from": BEGAN.isoformat(), "to": BEGAN.isoformat()}, "from"),
        ({"entry": ENTRY, "from": "2020-01-01T00:00:00Z"}, "from"),
        ({"entry": ENTRY, "from": "yesterday"}, "from"),
        ({"entry": ENTRY, "step_s": 0.1}, "step_s"),
        ({"entry": ENTRY, "labels": [{"id": "x", "start": BEGAN.isoformat()}]}, "areas"),
        ({"entry": ENTRY, "labels": [{**LABELS[0], "end": "2020-01-01T00:00:00Z"}]}, "end"),
        ({"entry": ENTRY, "from": "9999-12-31T23:59:59-14:00"}, "from: must be"),
        ({"entry": ENTRY, "to": "0001-01-01T00:00:00+14:00"}, "to: must be"),
        ({"entry": ENTRY, "labels": [{**LABELS[0], "end": "9999-12-31T23:59:59Z"}]}, "labels.0.end: must be"),
    ],
)
def test_what_cannot_be_replayed_is_refused_by_name(server: Serving, wanted: dict[str, Any], named: str) -> None:
    answer = replayed(server, **wanted)
    assert answer.status_code in (404, 422), answer.text
    assert named in answer.text
    assert answer.headers["content-type"] == "application/problem+json"


def test_reading_is_not_enough_to_replay(server: Serving) -> None:
    headers = {"Authorization": f"Bearer {server.token('read')}"}
    body = {"entry": ENTRY, "from": BEGAN.isoformat()}
    answer = httpx.post(f"{server.url}{BASE}/rules/replay", json=body, headers=headers, timeout=120)
    assert answer.status_code == 403


def command(server: Serving, *words: str) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"OBSERVATORY_DATA_DIR": str(server.folder), "OBSERVATORY_TICK_S": "10"}
    return subprocess.run(
        [sys.executable, "-m", "observatory.cli", "replay", *words],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_command_asks_the_server_and_without_one_opens_the_stores(server: Serving, tmp_path: Path) -> None:
    file, labels = tmp_path / "rule.yaml", tmp_path / "labels.yaml"
    file.write_text(yaml.safe_dump({"rules": [ENTRY]}))
    labels.write_text(yaml.safe_dump({"labels": LABELS}))
    since, until = BEGAN - timedelta(seconds=60), BEGAN + timedelta(minutes=9)
    stretch = ["--from", since.isoformat(), "--to", until.isoformat(), "--environment", "past", "--step-s", "30"]
    asked = command(server, "--file", str(file), "--labels", str(labels), *stretch)
    assert asked.returncode == 0, asked.stderr
    assert "own.stormy" in asked.stdout
    assert "precision: 1.000 (1 of 1" in asked.stdout
    assert "recall: 0.500 (1 of 2" in asked.stdout
    assert "missed: unseen" in asked.stdout

    server.stop()
    try:
        own = command(server, "--file", str(file), "--labels", str(labels), "--json", *stretch)
        told = json.loads(own.stdout)
        assert (told["score"]["precision"]["ratio"], told["score"]["recall"]["ratio"]) == (1.0, 0.5)
        assert f"{told['fires'][0]['fired_at']}  critical  true   own.stormy" in asked.stdout
    finally:
        server.start()
