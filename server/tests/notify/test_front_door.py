"""Notifications asked of the real server: a rule fires, a webhook hears of it, the ledger proves it."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml
from conftest import attributes
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from running import until
from serving import Serving, serving

from observatory.model.alert import Severity
from observatory.state import open_store
from observatory.state.foreign import ForeignAlert

BASE = "/api/v1/monitoring"
SECRET = "hush-hush-4711"


class Heard:
    """A web server in a thread, and what it heard."""

    def __init__(self) -> None:
        self.bodies: list[tuple[str, dict[str, Any] | None]] = []
        heard = self.bodies

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
                heard.append((self.path, json.loads(body) if body else None))
                self.send_response(500 if self.path == "/broken" else 200)
                self.end_headers()

            do_GET = do_POST  # noqa: N815 - as above

            def log_message(self, *_: Any) -> None:
                """Nothing is printed."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.thread = threading.Thread(target=self.server.serve_forever, daemon=True)
        self.thread.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server.server_address[1]}"

    def of(self, path: str) -> list[dict[str, Any]]:
        return [body for where, body in self.bodies if where == path and body is not None]

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
    folder = tmp_path_factory.mktemp("notify")
    (folder / "secret").write_text(SECRET)
    (folder / "ping").write_text(f"{heard.url}/ping\n")
    secret = {"token": {"file": str(folder / "secret")}}
    channels = [
        {"id": "hook", "kind": "webhook", "url": f"{heard.url}/hook/{{token}}", "secrets": secret},
        {"id": "broken", "kind": "webhook", "url": f"{heard.url}/broken"},
        {"id": "private", "kind": "webhook", "url": "http://10.1.2.3/hook", "severities": ["info"]},
    ]
    (folder / "channels.yaml").write_text(yaml.safe_dump({"channels": channels}))
    with serving(
        folder / "data",
        tick_s=1,
        channels_file=folder / "channels.yaml",
        channel_networks="127.0.0.0/8",
        public_url="https://observatory.example/",
        group_wait_s=0,
        deadman_url_file=folder / "ping",
        deadman_s=1,
    ) as found:
        until(lambda: ask(found, "GET", "/system-health").status_code == 200, "the first round")
        yield found


def ask(server: Serving, method: str, path: str, token: str = "", **more: Any) -> httpx.Response:
    headers = {"Authorization": f"Bearer {token}"} if token else server.headers
    return httpx.request(method, f"{server.url}{BASE}{path}", headers=headers, timeout=30, **more)


def event(server: Serving, subject: str) -> None:
    request = ExportLogsServiceRequest()
    record = (
        request.resource_logs.add()
        .scope_logs.add()
        .log_records.add(event_name="security.event", time_unix_nano=time.time_ns())
    )
    record.attributes.extend(attributes({"security.kind": "login_storm", "security.subject": subject}))
    assert server.post(request.SerializeToString(), "/v1/logs").status_code == 200


def test_an_event_is_told_and_the_ledger_proves_it(server: Serving, heard: Heard) -> None:
    event(server, "user-7")
    told = until(lambda: heard.of(f"/hook/{SECRET}"), "the webhook")[0]
    (alert,) = [each for each in told["alerts"] if each["labels"]["alertname"] == "security.event"]
    assert alert["labels"]["member"] == "login_storm/user-7"
    fingerprint = alert["fingerprint"]
    assert alert["generatorURL"] == f"https://observatory.example{BASE}/alerts/{fingerprint}"
    found = until(
        lambda: ask(
            server, "GET", "/notifications", params={"fingerprint": fingerprint, "channel": "hook", "state": "sent"}
        ).json()["items"],
        "the ledger",
    )[0]
    assert found["attempts"][0]["outcome"] == "sent"
    assert found["alerts"][0]["fingerprint"] == fingerprint
    assert found["incident"]
    assert ask(server, "GET", f"/notifications/{found['id']}").json() == found
    page = ask(server, "GET", "/notifications", params={"limit": 1}).json()
    assert len(page["items"]) == 1
    assert page["next"]
    older = ask(server, "GET", "/notifications", params={"limit": 1, "cursor": page["next"]}).json()
    assert older["items"][0]["id"] < page["items"][0]["id"]


def test_a_channel_that_fails_is_shown_and_is_itself_an_alert_by_another(server: Serving, heard: Heard) -> None:
    event(server, "user-8")
    found = until(
        lambda: ask(server, "GET", "/alerts", params={"rule": "observatory.channel"}).json()["items"], "the alert", 60
    )[0]
    assert found["member"] == "broken"
    until(
        lambda: [
            each
            for told in heard.of(f"/hook/{SECRET}")
            for each in told["alerts"]
            if each["labels"]["alertname"] == "observatory.channel"
        ],
        "the other channel",
        60,
    )
    channels = {each["id"]: each for each in ask(server, "GET", "/channels").json()["items"]}
    assert channels["broken"]["state"] == "failing"
    assert channels["broken"]["error"] == "HTTP 500"
    assert channels["hook"]["state"] == "delivering"
    assert channels["hook"]["where"] == heard.url


def test_a_channel_is_tried_out_by_whoever_may_operate(server: Serving, heard: Heard) -> None:
    made = ask(server, "POST", "/channels/hook/test")
    assert made.status_code == 202, made.text
    until(
        lambda: [told for told in heard.of(f"/hook/{SECRET}") if "to try the channel" in json.dumps(told)],
        "the test",
        20,
    )
    assert ask(server, "GET", "/audit").json()["items"][0]["action"] == "channel.tested"
    assert ask(server, "POST", "/channels/nobody/test").status_code == 404
    assert ask(server, "POST", "/channels/hook/test", token=server.token("read")).status_code == 403


def test_nothing_is_sent_into_a_private_network(server: Serving) -> None:
    assert ask(server, "POST", "/channels/private/test").status_code == 202

    def tried() -> list[str]:
        items = ask(server, "GET", "/notifications", params={"channel": "private"}).json()["items"]
        return [attempt["detail"] for item in items for attempt in item["attempts"]]

    found = until(tried, "an attempt")
    assert "OBSERVATORY_CHANNEL_NETWORKS" in found[0]


def test_no_secret_leaves_the_server(server: Serving) -> None:
    for path in ("/channels", "/notifications?limit=200", "/audit", "/alerts"):
        assert SECRET not in ask(server, "GET", path).text
    assert SECRET not in server.log.read_text()


def test_an_alert_of_another_system_becomes_one_here_and_ends_here(server: Serving, heard: Heard) -> None:
    entry = {
        "status": "firing",
        "labels": {"alertname": "DiskFull", "instance": "db-1", "severity": "critical"},
        "annotations": {"summary": "97 % of the disk of db-1 are used"},
        "startsAt": "2026-01-02T03:04:05.123456789Z",
        "endsAt": "0001-01-01T00:00:00Z",
        "generatorURL": "http://prometheus.example/graph",
        "fingerprint": "1a2b3c4d5e6f7081",
    }
    ours = {**entry, "labels": {**entry["labels"], "monitor": "observatory"}}
    webhook = {"version": "4", "groupKey": "{}", "status": "firing", "receiver": "x", "alerts": [entry, ours]}
    token = server.token("ingest")
    for _ in range(2):
        assert ask(server, "POST", "/alertmanager", token=token, json=webhook).json() == {"taken": 1, "own": 1}
    found = until(
        lambda: ask(server, "GET", "/alerts", params={"rule": "foreign.critical"}).json()["items"], "the alert", 20
    )[0]
    assert found["member"] == "DiskFull/db-1/1a2b3c4d5e6f7081"
    assert found["sentence"] == "97 % of the disk of db-1 are used"
    webhook["alerts"] = [{**entry, "status": "resolved", "endsAt": "2026-01-02T03:05:00Z"}]
    assert ask(server, "POST", "/alertmanager", token=token, json=webhook).status_code == 200
    until(lambda: not ask(server, "GET", "/alerts", params={"rule": "foreign.critical"}).json()["items"], "the end")


async def test_updates_of_alerts_that_are_known_need_no_room(tmp_path: Path) -> None:
    state = await open_store(f"sqlite+aiosqlite:///{tmp_path / 'state.db'}")
    at = datetime(2026, 3, 4, tzinfo=UTC)

    def told(nth: int, environment: str, firing: bool = True) -> ForeignAlert:
        ends_at = None if firing else at
        return ForeignAlert(
            f"{nth:016x}", environment, Severity.CRITICAL, f"m{nth}", firing, at, ends_at, at, "so", {}, ""
        )

    async with state.writing() as rows:
        assert await rows.foreign.keep([told(nth, "production") for nth in range(50)]) == 50
        assert await rows.foreign.keep([told(nth, "production", firing=False) for nth in range(50)]) == 0
        assert await rows.foreign.keep([told(7, "staging"), told(7, "staging"), told(7, "production")]) == 1
        assert await rows.foreign.count() == 51
    await state.close()


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"version": "3"}, "version"),
        ({"alerts": [{"status": "loud"}]}, "status"),
        ({"alerts": [{"status": "firing", "labels": {}, "startsAt": "now", "fingerprint": "a"}]}, "startsAt"),
        (
            {"alerts": [{"status": "firing", "labels": {}, "startsAt": "2999-01-02T03:04:05Z", "fingerprint": "a"}]},
            "future",
        ),
        ({"alerts": [{"status": "firing", "labels": {}, "startsAt": "2026-01-02T03:04:05Z"}]}, "fingerprint"),
    ],
)
def test_a_webhook_that_is_none_is_refused_by_name(server: Serving, change: dict[str, Any], named: str) -> None:
    answer = ask(server, "POST", "/alertmanager", json={"version": "4", "alerts": []} | change)
    assert answer.status_code == 422
    assert named in answer.text


@pytest.mark.parametrize(
    "query", [{"state": "lost"}, {"kind": "x"}, {"fingerprint": "Z"}, {"from": "noon"}, {"limit": 0}, {"cursor": "a"}]
)
def test_a_bad_question_is_refused_by_name(server: Serving, query: dict[str, Any]) -> None:
    answer = ask(server, "GET", "/notifications", params=query)
    assert answer.status_code == 422
    assert next(iter(query)) in answer.text


def test_a_notification_that_never_was_is_not_found(server: Serving) -> None:
    assert ask(server, "GET", "/notifications/999999").status_code == 404


def test_the_dead_mans_switch_is_asked_again_and_again(server: Serving, heard: Heard) -> None:
    until(lambda: len([path for path, _ in heard.bodies if path == "/ping"]) > 2, "pings")
