"""Alerts, rules, silences and objectives, asked of the real server."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
import yaml
from conftest import attributes
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from running import until
from serving import Serving, serving

BASE = "/api/v1/monitoring"
ENTRY: dict[str, Any] = {
    "id": "own.slow_models",
    "sentence": "models answer slowly",
    "severity": "warning",
    "for": "30s",
    "condition": {"kind": "bound", "indicator": "ai_systems.latency_p95", "level": "warning", "bound": "> 8000"},
}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    folder = tmp_path_factory.mktemp("alerting")
    (folder / "rules").mkdir()
    (folder / "rules" / "own.yaml").write_text("rules: [{id: broken}]\n")
    with serving(folder / "data", tick_s=30, rules_dir=folder / "rules", fast_share=0.5) as found:
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


def test_an_event_is_an_alert_long_before_the_next_round(server: Serving) -> None:
    until(lambda: ask(server, "GET", "/system-health").status_code == 200, "the first round")
    time.sleep(1)
    event(server, "warm")
    until(lambda: ask(server, "GET", "/alerts", params={"rule": "security.event"}).json()["items"], "the alert")
    event(server, "user-7")
    found = until(
        lambda: ask(server, "GET", "/alerts", params={"member": "login_storm/user-7"}).json()["items"], "the alert", 20
    )[0]
    assert (found["phase"], found["severity"], found["value"]) == ("firing", "critical", 1.0)
    assert found["provenance"]["samples"] == 1
    told = ask(server, "GET", f"/alerts/{found['fingerprint']}").json()["items"]
    assert [(each["before"], each["after"]) for each in told] == [("inactive", "firing")]


def test_alerts_are_filtered_and_paged_and_looked_at_as_of_then(server: Serving) -> None:
    first = ask(server, "GET", "/alerts", params={"limit": 1}).json()
    assert len(first["items"]) == 1
    if first["next"]:
        second = ask(server, "GET", "/alerts", params={"limit": 1, "cursor": first["next"]}).json()
        assert second["items"][0]["change"] < first["items"][0]["change"]
    past = (datetime.now(UTC) - timedelta(hours=1)).isoformat()
    assert ask(server, "GET", "/alerts", params={"as_of": past}).json()["items"] == []
    now = datetime.now(UTC).isoformat()
    assert ask(server, "GET", "/alerts", params={"as_of": now}).json()["items"]
    assert ask(server, "GET", "/alerts", params={"severity": "info", "area": "credits"}).json()["items"] == []
    assert ask(server, "GET", "/alerts/changes", params={"phase": "firing"}).json()["items"]


@pytest.mark.parametrize(
    "query", [{"phase": "loud"}, {"severity": "dire"}, {"as_of": "yesterday"}, {"limit": 0}, {"cursor": "x"}]
)
def test_a_bad_question_is_refused_by_name(server: Serving, query: dict[str, Any]) -> None:
    answer = ask(server, "GET", "/alerts", params=query)
    assert answer.status_code == 422
    assert next(iter(query)) in answer.text


def test_an_alert_that_never_was_is_not_found(server: Serving) -> None:
    assert ask(server, "GET", "/alerts/" + "0" * 24).status_code == 404
    assert ask(server, "GET", "/alerts/nothing").status_code == 422


def test_rules_say_where_they_come_from_and_what_was_refused(server: Serving) -> None:
    found = ask(server, "GET", "/rules", params={"limit": 200}).json()
    by_id = {each["id"]: each for each in found["items"]}
    assert len(by_id) > 150
    assert by_id["service.down"]["origin"] == "shipped"
    assert by_id["service.down"]["since"] is None
    assert by_id["service.down"]["place"].startswith("services.yaml:")
    (refused,) = found["refused"]
    assert (refused["place"], refused["line"]) == ("own.yaml", 1)


def test_an_own_rule_is_made_changed_exported_and_ended(server: Serving) -> None:
    made = ask(server, "POST", "/rules", json={"entry": ENTRY, "reason": "the desk asked for it"})
    assert made.status_code == 201, made.text
    assert (made.json()["origin"], made.json()["reason"]) == ("own", "the desk asked for it")
    assert made.json()["since"] is not None
    assert ask(server, "POST", "/rules", json={"entry": ENTRY}).status_code == 422
    changed = ask(server, "PUT", f"/rules/{ENTRY['id']}", json={"entry": {**ENTRY, "for": "2m"}})
    assert changed.json()["entry"]["for"] == "2m"
    exported = yaml.safe_load(ask(server, "GET", "/rules/export").text)
    assert [each["id"] for each in exported["rules"]] == [ENTRY["id"]]
    assert ask(server, "DELETE", f"/rules/{ENTRY['id']}", params={"reason": "done"}).status_code == 204
    assert ask(server, "GET", f"/rules/{ENTRY['id']}").status_code == 404
    audit = ask(server, "GET", "/audit").json()["items"]
    assert [each["action"] for each in audit[:3]] == ["rule.deleted", "rule.changed", "rule.created"]


def test_a_shipped_rule_is_changed_and_restored(server: Serving) -> None:
    changed = ask(server, "PUT", "/rules/service.down", json={"entry": {"for": "1m"}, "reason": "too nervous"})
    assert changed.status_code == 200, changed.text
    assert (changed.json()["origin"], changed.json()["change"]) == ("overridden", {"for": "1m"})
    assert ask(server, "DELETE", "/rules/service.down").status_code == 204
    assert ask(server, "GET", "/rules/service.down").json()["origin"] == "shipped"
    assert ask(server, "DELETE", "/rules/service.down").status_code == 422


@pytest.mark.parametrize(
    ("entry", "named"),
    [
        ({}, "entry.id"),
        ({**ENTRY, "severity": "dire"}, "entry.severity"),
        ({**ENTRY, "for": -3}, "entry.for"),
        ({**ENTRY, "speed": 1}, "entry.speed"),
        ({**ENTRY, "condition": {"kind": "bound", "indicator": "no.such"}}, "entry.condition.indicator"),
        (
            {**ENTRY, "condition": {"kind": "sql", "says": "x", "query": "SELECT 1 FROM fact_orders"}},
            "entry.condition.kind",
        ),
        ({**ENTRY, "condition": []}, "condition"),
        ({**ENTRY, "each": {"x": ["a"]}}, "entry.each"),
    ],
)
def test_a_bad_rule_is_refused_by_field(server: Serving, entry: dict[str, Any], named: str) -> None:
    answer = ask(server, "POST", "/rules", json={"entry": entry})
    assert answer.status_code == 422, answer.text
    assert named in answer.json()["detail"]


def test_a_silence_is_made_seen_and_ended(server: Serving) -> None:
    wanted = {"matchers": [{"name": "rule", "value": "security.event"}], "lasts_s": 600, "reason": "a drill"}
    made = ask(server, "POST", "/silences", json=wanted)
    assert made.status_code == 201, made.text
    assert (made.json()["state"], made.json()["reason"]) == ("active", "a drill")
    assert made.json()["alerts_open"] >= 1
    # A silence hides no alert.
    assert ask(server, "GET", "/alerts", params={"rule": "security.event"}).json()["items"]
    path = f"/silences/{made.json()['id']}"
    assert made.json()["id"] in [each["id"] for each in ask(server, "GET", "/silences").json()["items"]]
    assert ask(server, "DELETE", path, params={"reason": "over"}).status_code == 204
    assert ask(server, "DELETE", path).status_code == 404
    assert ask(server, "GET", path).json()["state"] == "expired"
    assert ask(server, "GET", "/silences").json()["items"] == []
    assert ask(server, "GET", "/silences", params={"expired": True}).json()["items"]
    actions = [each["action"] for each in ask(server, "GET", "/audit").json()["items"][:2]]
    assert actions == ["silence.ended", "silence.created"]


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"matchers": []}, "matchers"),
        ({"lasts_s": None}, "ends_at"),
        ({"ends_at": "2020-01-01T00:00:00Z", "lasts_s": None}, "ends_at"),
        ({"ends_at": "2999-01-01T00:00:00Z", "lasts_s": None}, "ends_at"),
        ({"starts_at": "2020-01-01T00:00:00Z"}, "starts_at"),
        ({"reason": ""}, "reason"),
        ({"matchers": [{"name": "rule", "op": "=~", "value": "x"}]}, "op"),
        ({"until": "tomorrow"}, "until"),
    ],
)
def test_a_bad_silence_is_refused_by_field(server: Serving, change: dict[str, Any], named: str) -> None:
    wanted = {"matchers": [{"name": "rule", "value": "x"}], "lasts_s": 600, "reason": "a drill", **change}
    answer = ask(server, "POST", "/silences", json=wanted)
    assert answer.status_code == 422, answer.text
    assert named in answer.text


def test_who_may_only_read_changes_nothing(server: Serving) -> None:
    reader = server.token("read")
    wanted = {"matchers": [{"name": "rule", "value": "x"}], "lasts_s": 600, "reason": "a drill"}
    assert ask(server, "POST", "/silences", reader, json=wanted).status_code == 403
    assert ask(server, "POST", "/rules", reader, json={"entry": ENTRY}).status_code == 403
    assert ask(server, "DELETE", "/rules/service.down", reader).status_code == 403
    assert ask(server, "GET", "/rules", reader).status_code == 200
    assert ask(server, "GET", "/alerts", server.token("ingest")).status_code == 403


def test_every_service_and_area_has_an_objective(server: Serving) -> None:
    found = ask(server, "GET", "/slos").json()
    for measure in ("availability", "latency"):
        assert sum((each["kind"], each["measure"]) == ("service", measure) for each in found["items"]) == 65
    (own,) = [each for each in found["items"] if each["id"] == "service:ai_chat_engine:latency"]
    assert (own["latency_ms"], own["objective_ratio"]) == (20_000, 0.95)
    assert {each["name"] for each in found["items"][0]["burns"]} == {"fast", "medium", "slow"}
    assert "Workbook" in found["windows_source"]
    assert ask(server, "GET", "/slos", params={"burning": True}).json()["items"] == []
    assert ask(server, "GET", "/slos", params={"environment": "nowhere"}).status_code == 404
