"""Runbooks and the emergency page, asked of the real server while something is wrong and after it."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from conftest import attributes
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from running import until
from serving import Serving, serving

from observatory import runbooks

BASE = "/api/v1/monitoring"
SUBJECT = "user-7"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    with serving(tmp_path_factory.mktemp("emergency") / "data", tick_s=1, fast_share=0.5) as found:
        until(lambda: ask(found, "/system-health").status_code == 200, "the first round")
        send(found, "security.event", **{"security.kind": "login_storm", "security.subject": SUBJECT})
        send(found, "emergency.activated", **{"safety.name": "trading_halt", "safety.reason": "losses"})
        until(lambda: firing(found) >= {"security.event", "emergency.activated"}, "the alerts")
        yield found


def ask(server: Serving, path: str, **query: Any) -> httpx.Response:
    return httpx.get(f"{server.url}{BASE}{path}", headers=server.headers, params=query, timeout=120)


def firing(server: Serving) -> set[str]:
    return {each["rule"] for each in ask(server, "/alerts", phase="firing", severity="critical").json()["items"]}


def send(server: Serving, name: str, **values: Any) -> None:
    request = ExportLogsServiceRequest()
    records = request.resource_logs.add().scope_logs.add().log_records
    records.add(event_name=name, time_unix_nano=time.time_ns()).attributes.extend(attributes(values))
    assert server.post(request.SerializeToString(), "/v1/logs").status_code == 200


def test_the_runbooks_of_what_fires_come_first(server: Serving) -> None:
    items = ask(server, "/runbooks").json()["items"]
    assert {each["id"] for each in items} == set(runbooks.load())
    worst = {each["id"]: each["alerts_firing"] for each in items[:2]}
    assert set(worst) == {"security-event", "emergency-activated"}
    assert min(worst.values()) >= 1
    rules = next(each["rules"] for each in items if each["id"] == "security-event")
    assert set(rules) == {"security.event", "emergency.security_events.critical"}


def test_a_runbook_asks_its_questions_and_says_that_it_is_not_over(server: Serving) -> None:
    found = ask(server, "/runbooks/security-event").json()
    assert (found["id"], found["environment"]) == ("security-event", "production")
    looks = [look for step in found["steps"] for look in step["looks"]]
    assert [look["problem"] for look in looks] == [None] * len(looks)
    events = next(each for each in looks if each["section"] == "security_events")
    assert [each["subject"] for each in events["items"]] == [SUBJECT]
    assert events["items"][0]["provenance"]["source"] == "fact_safety"
    assert ask(server, events["link"].removeprefix(BASE)).json()["security_events"]["items"]
    assert found["verified"]["outcome"] == "not_yet"
    assert "still open" in found["verified"]["checks"][0]["reason"] or "now" in found["verified"]["checks"][0]["reason"]


@pytest.mark.parametrize("name", sorted(runbooks.load()))
def test_each_runbook_can_be_read_and_every_row_says_where_it_is_from(server: Serving, name: str) -> None:
    answer = ask(server, f"/runbooks/{name}")
    assert answer.status_code == 200, answer.text
    found = answer.json()
    for look in (look for step in found["steps"] for look in step["looks"]):
        assert look["problem"] is None, look
        assert all("provenance" in row for row in look["items"]), look
    assert found["verified"]["outcome"] in ("recovered", "not_yet", "unknown")
    # Nothing but heartbeat-less events was ever sent: what needs numbers is unknown and not well.
    if any("too little is known" in each["reason"] for each in found["verified"]["checks"]):
        assert found["verified"]["outcome"] != "recovered"


def test_every_link_of_a_runbook_leads_somewhere(server: Serving) -> None:
    found = ask(server, "/runbooks/trading-execution-unknown-age").json()
    for look in (look for step in found["steps"] for look in step["looks"]):
        assert httpx.get(f"{server.url}{look['link']}", headers=server.headers, timeout=120).status_code == 200, look


def test_a_runbook_looks_at_the_member_that_it_is_about(server: Serving) -> None:
    found = ask(server, "/runbooks/service-down", member="oauth_service").json()
    (services,) = [look for step in found["steps"] for look in step["looks"] if look["kind"] == "services"]
    assert [each["id"] for each in services["items"]] == ["oauth_service"]
    assert services["link"].startswith(f"{BASE}/services/oauth_service?")
    # Nothing was ever heard of it, so nobody can say that it is well.
    assert found["verified"]["outcome"] == "unknown"
    assert found["verified"]["checks"][0]["reason"] == "nothing is known of oauth_service"
    other = ask(server, "/runbooks/security-event", member="login_storm/nobody").json()
    assert {each["outcome"] for each in other["verified"]["checks"]} == {"not_yet"}


def test_a_rule_without_a_written_runbook_has_what_holds_for_anything(server: Serving) -> None:
    assert "ai-systems-substituted-ratio" not in runbooks.load()
    found = ask(server, "/runbooks/ai-systems-substituted-ratio").json()
    assert found["rules"] == ["ai_systems.substituted_ratio.warning"]
    looks = [look for step in found["steps"] for look in step["looks"]]
    assert looks[0]["of"] == "ai_systems.substituted_ratio"
    assert [look["problem"] for look in looks] == [None] * len(looks)
    assert found["verified"]["outcome"] == "recovered"


def test_an_unknown_runbook_or_environment_is_not_found(server: Serving) -> None:
    assert ask(server, "/runbooks/no-such-thing").status_code == 404
    assert ask(server, "/runbooks/security-event", environment="nowhere").status_code == 404
    assert ask(server, "/runbooks", environment="nowhere").status_code == 404
    assert httpx.get(f"{server.url}{BASE}/runbooks", timeout=120).status_code == 401


def test_the_emergency_page_says_what_to_do_about_what_fires(server: Serving) -> None:
    answer = ask(server, "/emergency", section="recovery_procedures").json()["recovery_procedures"]
    found = {each["runbook"]: each for each in answer["items"]}
    assert {"security-event", "emergency-activated"} <= set(found)
    event = found["security-event"]
    assert (event["verified"], event["severity"]) == ("not_yet", "critical")
    assert f"login_storm/{SUBJECT}" in event["members"]
    assert event["verified_because"]
    linked = httpx.get(f"{server.url}{event['link']}", headers=server.headers, timeout=120).json()
    assert linked["verified"]["outcome"] == "not_yet"


def test_the_emergency_page_names_the_open_incidents_and_what_they_cost_users(server: Serving) -> None:
    def opened() -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = ask(server, "/emergency", section="incidents").json()["incidents"]["items"]
        return found

    first = until(opened, "the incident")[0]
    assert (first["severity"], first["state"]) == ("critical", "opened")
    assert first["alerts"] >= first["firing"] >= 1
    assert first["open_s"] >= 0
    assert 0 <= first["confidence"] <= 1
    assert isinstance(first["users_lose"], list)
    assert ask(server, f"/incidents/{first['incident']}").status_code == 200
    times = ask(server, "/emergency", section="recovery").json()["recovery"]["items"]
    assert {each["measure"] for each in times} == {"mttd", "mtta", "mttr", "mtbf"}
    assert all(each["reason"] for each in times if each["mean_s"] is None)


def test_of_a_time_before_nothing_fired_and_nothing_is_verified(server: Serving) -> None:
    past = ask(server, "/emergency", as_of="2026-01-02T03:04:05Z").json()
    assert past["recovery_procedures"]["items"] == []
    assert past["incidents"]["items"] == []
