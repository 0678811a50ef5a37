"""Incidents, asked of the real server: from an event to a post-mortem."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from conftest import attributes
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from running import until
from serving import Serving, serving

BASE = "/api/v1/monitoring"
TRACE = bytes(range(16))


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    folder = tmp_path_factory.mktemp("incidents")
    with serving(folder / "data", tick_s=1, fast_share=0.5) as found:
        until(lambda: ask(found, "GET", "/system-health").status_code == 200, "the first round")
        yield found


def ask(server: Serving, method: str, path: str, token: str = "", **more: Any) -> httpx.Response:
    headers = {"Authorization": f"Bearer {token}"} if token else server.headers
    return httpx.request(method, f"{server.url}{BASE}{path}", headers=headers, timeout=30, **more)


def log(server: Serving, name: str, trace: bytes = b"", ago_s: float = 0, **values: str) -> None:
    request = ExportLogsServiceRequest()
    at = time.time_ns() - int(ago_s * 1e9)
    record = request.resource_logs.add().scope_logs.add().log_records.add(event_name=name, time_unix_nano=at)
    record.trace_id = trace
    record.attributes.extend(attributes({key.replace("__", "."): value for key, value in values.items()}))
    assert server.post(request.SerializeToString(), "/v1/logs").status_code == 200


def order(server: Serving, user: str, status: str) -> None:
    request = ExportTraceServiceRequest()
    span = request.resource_spans.add().scope_spans.add().spans.add(name="order.execute", kind=1)
    span.trace_id, span.span_id = TRACE, b"12345678"
    span.end_time_unix_nano = time.time_ns()
    span.start_time_unix_nano = span.end_time_unix_nano - 5_000_000
    named = {"user.id": user, "order.status": status, "order.mode": "live", "exchange.id": "binance"}
    span.attributes.extend(attributes(named | {"observatory.service": "trade_execution_service"}))
    assert server.post(request.SerializeToString()).status_code == 200


def open_incidents(server: Serving, **query: Any) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = ask(server, "GET", "/incidents", params=query).json()["items"]
    return found


@pytest.fixture(scope="module")
def incident(server: Serving) -> str:
    """An incident of two alerts that share a trace, with a deployment before and orders that failed in it."""
    log(server, "deployment", ago_s=60, safety__name="oauth_service", service__version="2.0.0")
    log(server, "security.event", TRACE, security__kind="login_storm", security__subject="user-7")
    log(server, "security.event", TRACE, security__kind="key_new_origin", security__subject="user-7")

    def of_both() -> str:
        for each in open_incidents(server):
            members = ask(server, "GET", f"/incidents/{each['id']}").json()["members"]
            if [one["rule"] for one in members].count("security.event") == 2:
                return str(each["id"])
        return ""

    found = str(until(of_both, "the incident of both"))
    order(server, "user-7", "rejected")
    return found


def test_alerts_that_share_a_trace_are_one_incident_that_says_why(server: Serving, incident: str) -> None:
    told = ask(server, "GET", f"/incidents/{incident}").json()
    found = told["incident"]
    assert (found["state"], found["severity"], found["environment"]) == ("opened", "critical", "production")
    assert 0.5 <= found["confidence"] < 1
    rules = {each["rule"] for each in told["members"]}
    assert "security.event" in rules
    assert any("trace" in each["reason"] for each in told["members"])
    assert [each["kind"] for each in told["changes"]][:2] == ["opened", "joined"]
    assert "security-event" in told["runbooks"]
    for each in told["members"]:
        held = [one["id"] for one in open_incidents(server) if each["alert"] in one["alerts"]]
        assert held == [incident]


def test_incidents_are_filtered_and_looked_at_as_of_then(server: Serving, incident: str) -> None:
    assert incident in [each["id"] for each in open_incidents(server, severity="critical", environment="production")]
    assert open_incidents(server, severity="warning", area="credits") == []
    assert open_incidents(server, environment="elsewhere") == []
    past = (datetime.now(UTC) - timedelta(hours=1)).isoformat()
    assert open_incidents(server, as_of=past) == []
    assert ask(server, "GET", f"/incidents/{incident}", params={"as_of": past}).status_code == 404
    first = ask(server, "GET", "/incidents", params={"limit": 1}).json()
    assert len(first["items"]) == 1


@pytest.mark.parametrize(
    "query", [{"state": "sad"}, {"severity": "info"}, {"as_of": "once"}, {"limit": 0}, {"cursor": "x"}]
)
def test_a_bad_question_is_refused_by_name(server: Serving, query: dict[str, Any]) -> None:
    answer = ask(server, "GET", "/incidents", params=query)
    assert answer.status_code == 422
    assert next(iter(query)) in answer.text


@pytest.mark.parametrize("path", ["history", "patterns"])
@pytest.mark.parametrize(
    "query", [{"window": "1y"}, {"from": "once"}, {"to": "2026", "as_of": "2026"}, {"severity": "x"}]
)
def test_a_bad_range_is_refused_by_name(server: Serving, path: str, query: dict[str, str]) -> None:
    answer = ask(server, "GET", f"/incidents/{path}", params=query)
    assert answer.status_code == 422
    assert any(name in answer.text for name in query)


def test_an_incident_that_never_was_is_not_found(server: Serving) -> None:
    for path in ("", "/timeline", "/impact", "/postmortem"):
        assert ask(server, "GET", f"/incidents/20200101t000000-00000000{path}").status_code == 404
    assert ask(server, "GET", "/incidents/nothing").status_code == 422


def test_the_timeline_writes_itself_with_evidence(server: Serving, incident: str) -> None:
    items = ask(server, "GET", f"/incidents/{incident}/timeline").json()["items"]
    kinds = [each["kind"] for each in items]
    for kind in ("deployment", "security", "first_bad", "alert_fired", "opened", "joined"):
        assert kind in kinds, kinds
    assert [each["at"] for each in items] == sorted(each["at"] for each in items)
    assert all(each["evidence"] for each in items)
    assert kinds.index("deployment") < kinds.index("opened")
    page = ask(server, "GET", f"/incidents/{incident}/timeline", params={"limit": 2}).json()
    assert (len(page["items"]), page["next"]) == (2, "2")


def test_impact_is_measured_against_before_and_unknown_where_nothing_is_known(server: Serving, incident: str) -> None:
    def failed() -> Any:
        told = ask(server, "GET", f"/incidents/{incident}/impact").json()
        numbers = {each["id"]: each for each in told["items"]}
        return (told, numbers) if numbers["orders_failed"]["during"] else None

    told, numbers = until(failed, "the order's effect")
    orders = numbers["orders_failed"]
    assert (orders["during"], orders["before"], orders["change"], orders["worse"]) == (1, None, None, None)
    assert orders["provenance"]["during"]["samples"] == 1
    assert orders["provenance"]["during"]["source"] == "fact_orders"
    assert numbers["payments_failed"]["during"] is None
    assert numbers["users"]["during"] == 1
    assert told["users"] == [{"user_id": "user-7", "times": 1}]


def test_the_draft_says_only_what_has_evidence(server: Serving, incident: str) -> None:
    answer = ask(server, "GET", f"/incidents/{incident}/postmortem")
    assert answer.headers["content-type"].startswith("text/markdown")
    lines = answer.text.splitlines()
    assert lines[0].startswith(f"# Incident {incident}")
    facts = lines[: lines.index("## To be written")]
    said = [line for line in facts if line.startswith("- ")]
    assert len(said) > 15
    assert all(line.endswith("]`") for line in said)
    assert any("deployment of oauth" in line for line in said)


def test_people_take_it_write_beside_it_and_cannot_call_it_over(server: Serving, incident: str) -> None:
    post = f"/incidents/{incident}"
    done = ask(server, "POST", f"{post}/state", json={"state": "acknowledged", "reason": "mine"}).json()
    assert done["changed"] is True
    assert done["items"][0]["acknowledged_at"] is not None
    assert ask(server, "POST", f"{post}/state", json={"state": "acknowledged"}).json()["changed"] is False
    assert ask(server, "POST", f"{post}/note", json={"text": "the key was revoked"}).status_code == 200
    refused = ask(server, "POST", f"{post}/state", json={"state": "resolved"})
    assert refused.status_code == 422
    assert "still fire" in refused.text
    actions = [each["action"] for each in ask(server, "GET", "/audit").json()["items"]]
    assert {"incident.acknowledged", "incident.noted"} <= set(actions)
    reader = server.token("read")
    assert ask(server, "POST", f"{post}/note", token=reader, json={"text": "x"}).status_code == 403
    assert ask(server, "POST", f"{post}/state", json={"state": "over"}).status_code == 422


def test_what_was_split_is_put_together_again(server: Serving, incident: str) -> None:
    before = ask(server, "GET", f"/incidents/{incident}").json()
    going = [each["alert"] for each in before["members"] if each["rule"] == "security.event"][:1]
    asked = {"alerts": going, "reason": "two people"}
    done = ask(server, "POST", f"/incidents/{incident}/split", json=asked).json()
    assert len(done["items"]) == 2
    other = next(each for each in done["items"] if each["id"] != incident)
    assert other["alerts"] == going
    assert ask(server, "POST", f"/incidents/{incident}/split", json=asked).status_code == 422
    undone = ask(server, "POST", f"/incidents/{incident}/undo", json={"reason": "one after all"})
    assert undone.status_code == 200, undone.text
    after = ask(server, "GET", f"/incidents/{incident}").json()
    assert after["members"] == before["members"]
    assert ask(server, "GET", f"/incidents/{other['id']}").json()["incident"]["merged_into"] == incident
    assert ask(server, "POST", f"/incidents/{incident}/undo", json={}).status_code == 404


def test_history_and_patterns_count_what_they_rest_on(server: Serving, incident: str) -> None:
    told = ask(server, "GET", "/incidents/history", params={"window": "1h"}).json()
    assert told["incidents"] >= 1
    assert told["complete"] is True
    assert incident in [each["id"] for each in told["items"]]
    times = {each["id"]: each for each in told["times"]}
    assert list(times) == ["mttd", "mtta", "mttr", "mtbf"]
    assert times["mtta"]["samples"] == 1
    assert times["mtta"]["mean_s"] == times["mtta"]["median_s"] is not None
    for each in times.values():
        assert (each["mean_s"] is None) is (each["samples"] == 0)
    shapes = ask(server, "GET", "/incidents/patterns").json()
    assert sum(shapes["by_hour"]) == sum(shapes["by_weekday"]) == shapes["samples"] >= 1
    empty = ask(server, "GET", "/incidents/history", params={"environment": "production", "to": "2020-01-01T00:00:00Z"})
    assert {each["mean_s"] for each in empty.json()["times"]} == {None}


def test_after_a_kill_the_incidents_are_the_same(server: Serving, incident: str) -> None:
    before = ask(server, "GET", f"/incidents/{incident}").json()
    server.kill()
    server.start()
    after = ask(server, "GET", f"/incidents/{incident}").json()
    assert after["incident"]["id"] == before["incident"]["id"]
    assert [each["alert"] for each in after["members"]] == [each["alert"] for each in before["members"]]
    assert after["changes"][: len(before["changes"])] == before["changes"]
