"""Those on call, asked of the real server: somebody is told, and takes it by the link of the message."""

from __future__ import annotations

import json
import re
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import httpx
import pytest
import yaml
from conftest import attributes
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from running import until
from serving import Serving, serving

BASE = "/api/v1/monitoring"
ADA = {"name": "Ada", "channels": ["ada"]}


class Heard:
    """A web server in a thread, and what it heard."""

    def __init__(self) -> None:
        self.bodies: list[tuple[str, dict[str, Any]]] = []
        heard = self.bodies

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
                heard.append((self.path, json.loads(body)))
                self.send_response(200)
                self.end_headers()

            def log_message(self, *_: Any) -> None:
                """Nothing is printed."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.thread = threading.Thread(target=self.server.serve_forever, daemon=True)
        self.thread.start()

    def of(self, path: str) -> list[dict[str, Any]]:
        return [body for where, body in self.bodies if where == path]

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()


@pytest.fixture(scope="module")
def heard() -> Iterator[Heard]:
    found = Heard()
    yield found
    found.close()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, heard: Heard) -> Iterator[Serving]:
    folder = tmp_path_factory.mktemp("oncall")
    url = f"http://127.0.0.1:{heard.server.server_address[1]}"
    channels = [
        {"id": name, "kind": "webhook", "url": f"{url}/{name}", "kinds": [kind], "severities": ["critical", "info"]}
        for name, kind in (("ada", "escalation"), ("boss", "incident"), ("mail", "digest"))
    ]
    (folder / "channels.yaml").write_text(yaml.safe_dump({"channels": channels}))
    knobs: dict[str, Any] = {"channels_file": folder / "channels.yaml", "channel_networks": "127.0.0.0/8"}
    knobs |= {"public_url": "https://observatory.example", "digest_hour": datetime.now(UTC).hour}
    with serving(folder / "data", tick_s=1, fast_share=0.5, **knobs) as found:
        until(lambda: ask(found, "GET", "/system-health").status_code == 200, "the first round")
        yield found


def ask(server: Serving, method: str, path: str, **more: Any) -> httpx.Response:
    return httpx.request(method, f"{server.url}{BASE}{path}", headers=server.headers, timeout=30, **more)


def event(server: Serving, name: str, **values: str) -> None:
    request = ExportLogsServiceRequest()
    record = request.resource_logs.add().scope_logs.add().log_records.add(event_name=name)
    record.time_unix_nano = time.time_ns()
    record.attributes.extend(attributes({key.replace("__", "."): value for key, value in values.items()}))
    assert server.post(request.SerializeToString(), "/v1/logs").status_code == 200


def test_who_is_on_call_is_told_and_takes_it_by_the_link_of_the_message(server: Serving, heard: Heard) -> None:
    rotation = {"handover_at": "2026-01-05T09:00:00Z", "people": [ADA]}
    assert ask(server, "PUT", "/schedules/primary", json=rotation).status_code == 200
    levels = [
        {"wait_s": 10, "whom": [{"schedule": "primary"}]},
        {"wait_s": 10, "whom": [{"channel": "boss", "person": "Bo"}]},
    ]
    told = {"severities": ["critical"], "levels": levels, "loops": 5, "reason": "nights"}
    assert ask(server, "PUT", "/escalations/critical", json=told).json()["problems"] == []
    event(server, "security.event", security__kind="login_storm", security__subject="user-7")
    until(lambda: heard.of("/boss"), "the second level")
    body = heard.of("/ada")[0]
    text = json.dumps(body)
    assert "nobody took it: level 1 of 2 of the policy critical" in text
    link = re.findall(r"https://observatory\.example(/acknowledge/[\w.-]+)", text)[0]

    page = httpx.get(f"{server.url}{link}", timeout=120)
    assert page.status_code == 200
    assert "Take it as Ada" in page.text
    assert ask(server, "GET", "/acknowledgements").json()["items"] == []
    done = httpx.post(f"{server.url}{link}", data={"confirm": "yes", "reason": "on it"}, timeout=120)
    assert "You have it" in done.text
    (held,) = ask(server, "GET", "/acknowledgements").json()["items"]
    assert (held["by"], held["reason"]) == ("link:Ada", "on it")
    kind, _, incident = held["subject"].partition(":")
    assert kind == "incident"
    assert ask(server, "GET", f"/incidents/{incident}").json()["incident"]["state"] == "acknowledged"
    (running,) = until(
        lambda: [
            each for each in ask(server, "GET", "/escalations").json()["running"] if each["state"] == "acknowledged"
        ],
        "the escalation to stop",
        10,
    )
    assert running["subject"] == held["subject"]
    (line,) = ask(server, "GET", "/audit", params={"action": "incident.acknowledged"}).json()["items"]
    assert (line["actor"], line["subject"], line["reason"]) == ("link:Ada", held["subject"], "on it")


def test_the_daily_digest_is_sent_once_and_the_alert_says_so(server: Serving, heard: Heard) -> None:
    until(lambda: heard.of("/mail"), "the digest")
    text = json.dumps(heard.of("/mail")[0])
    for section in ("Health", "Incidents", "Money", "Budgets"):
        assert f"## {section}" in text
    query = {"rule": "digest.sent", "phase": "firing"}
    (alert,) = until(lambda: ask(server, "GET", "/alerts", params=query).json()["items"], "digest.sent")
    assert "was sent by mail" in alert["sentence"]
    assert len(heard.of("/mail")) == 1


def test_every_kind_of_act_is_in_the_audit_log_with_who_and_when(server: Serving) -> None:
    condition = {"kind": "bound", "indicator": "ai_systems.latency_p95", "level": "warning", "bound": "> 8000"}
    rule = {"id": "own.slow", "sentence": "slow", "severity": "warning", "condition": condition}
    silence = {"environment": "elsewhere", "matchers": [], "lasts_s": 60, "reason": "noise"}
    budget = {"environment": "production", "name": "all", "scope": "all", "period": "month", "amount_usd": "100"}
    acts = [
        ("POST", "/tokens", {"name": "other", "scopes": ["read"]}, "token.issued"),
        ("POST", "/rules", {"entry": rule, "reason": "the desk asked"}, "rule."),
        ("POST", "/silences", silence, "silence.created"),
        ("POST", "/costs/budgets", budget, "budget.created"),
        ("POST", "/backups", {"name": "audited"}, "backup.made"),
        ("PUT", "/schedules/other", {"handover_at": "2026-01-05T09:00:00Z", "people": [ADA]}, "schedule.created"),
        ("DELETE", "/schedules/other", None, "schedule.deleted"),
        ("POST", "/channels/mail/test", None, "channel.tested"),
    ]
    for method, path, body, action in acts:
        answer = ask(server, method, path, json=body)
        assert answer.is_success, answer.text
        newest = ask(server, "GET", "/audit", params={"limit": 1}).json()["items"][0]
        assert newest["action"].startswith(action)
        assert newest["actor"] == "token:1"
        assert datetime.fromisoformat(newest["at"]) <= datetime.now(UTC)
