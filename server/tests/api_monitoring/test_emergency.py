"""What `/emergency` shows, against values worked out by hand."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from observatory.model.alert import Severity
from observatory.oncall import Level, Person, Policy, Schedule, Whom, policy, schedule

PATH = "/emergency"


async def test_an_empty_store_answers_null_no_rows_and_why_there_is_no_mttr(
    server: Any, sender: Any, told: Any
) -> None:
    sender.heartbeat("health_monitor")
    await told()
    answer = (await server.read(PATH, environment=sender.environment)).json()
    lists = {name for name, each in answer.items() if isinstance(each, dict) and "items" in each}
    assert {name for name in lists if answer[name]["items"]} == {"recovery"}
    assert answer["emergency"]["failover_success_rate"] is None
    measures = {row["measure"]: (row["mean_s"], row["reason"]) for row in answer["recovery"]["items"]}
    assert measures == dict.fromkeys(("mttd", "mtta", "mttr", "mtbf"), (None, "no incident of the range tells of it"))


async def test_a_change_of_a_setting_is_no_measure_and_no_security_event(server: Any, sender: Any, told: Any) -> None:
    sender.log("config.changed", **{"config.key": "cache.ttl_s"})
    sender.log("emergency.activated", **{"safety.name": "halt"})
    sender.log("security.event", **{"security.kind": "login_storm"})
    await told()
    answer = (await server.read(PATH, environment=sender.environment)).json()
    assert [each["name"] for each in answer["activations_by_name"]["items"]] == ["halt"]
    assert [each["kind"] for each in answer["security"]["items"]] == ["login_storm"]


async def test_what_never_happened_is_zero_while_its_emitters_are_alive(server: Any, sender: Any, told: Any) -> None:
    sender.heartbeat("emergency_manager", "oauth_service", "system_monitoring_service")
    await told()
    numbers = (await server.read(PATH, environment=sender.environment)).json()["emergency"]
    assert (numbers["activations"], numbers["security_events"], numbers["breakers_open"]) == (0, 0, 0)


async def test_breakers_are_told_with_their_timeline_and_open_time(server: Any, sender: Any, told: Any) -> None:
    def went(ago: float, state: str, reason: str) -> None:
        change = {"safety.name": "openai", "safety.to": state, "safety.reason": reason}
        sender.log("circuit_breaker.transition", ago=ago, **change, **{"observatory.service": "ai_consensus_engine"})

    went(400, "open", "timeouts")
    went(390, "half_open", "time_over")
    went(380, "open", "timeouts")
    # A range of five minutes: it was open for the first 40 seconds of it, half open for 10, and has recovered since.
    went(260, "half_open", "time_over")
    went(250, "closed", "answered")
    await told()
    answer = (await server.read(PATH, environment=sender.environment, window="5m")).json()
    (breaker,) = answer["breakers"]["items"]
    assert (breaker["state"], breaker["in_state_s"], breaker["open_s"], breaker["trips"]) == ("closed", 250, 40, 0)
    assert (breaker["transitions"], breaker["most_transitions_10m"], breaker["flapping"]) == (2, 5, True)
    assert [(row["to"], row["lasted_s"], bool(row["lasts"])) for row in answer["breaker_timeline"]["items"]] == [
        ("closed", 250, True),
        ("half_open", 10, False),
        ("open", 120, False),
    ]
    (outage,) = answer["outages"]["items"]
    assert (outage["trips"], outage["recovery_time_s"]) == (2, 150)
    assert answer["emergency"]["breaker_open_time_s"] == 40
    assert answer["emergency"]["breaker_recovery_time_mean_s"] == 150


async def test_a_degradation_is_told_by_what_users_lose_and_when_it_ended(server: Any, sender: Any, told: Any) -> None:
    for name, ago, before, after in (
        ("crypto_payment_service", 200, "healthy", "critical"),
        ("crypto_payment_service", 140, "critical", "healthy"),
        ("email_service", 100, "healthy", "degraded"),
    ):
        change = {"safety.name": name, "safety.from": before, "safety.to": after, "safety.reason": "slow"}
        sender.log("service.degraded", ago=ago, **change)
    await told()
    answer = (await server.read(PATH, environment=sender.environment)).json()
    (standing,) = answer["degraded"]["items"]
    assert (standing["service"], standing["for_s"]) == ("email_service", 100)
    assert standing["users_lose"] == "signals on time on their phone, by mail and on the page"
    assert [(row["service"], row["recovery_time_s"], row["users_lose"]) for row in answer["degradations"]["items"]] == [
        ("email_service", None, "signals on time on their phone, by mail and on the page"),
        ("crypto_payment_service", 60, "to buy credits"),
    ]


async def test_security_events_bring_their_evidence(server: Any, sender: Any, told: Any) -> None:
    for kind in ("login_storm", "login_storm", "key_new_origin", "mock_in_production"):
        seen = {
            "security.kind": kind,
            "security.subject": "u1",
            "security.evidence": ["12 wrong passwords", "one address"],
        }
        sender.log("security.event", **seen)
    await told()
    answer = (await server.read(PATH, environment=sender.environment, kind="login_storm")).json()
    assert [(row["kind"], row["events"]) for row in answer["security"]["items"]] == [("login_storm", 2)]
    assert [row["evidence"] for row in answer["security_events"]["items"]] == [
        ["12 wrong passwords", "one address"]
    ] * 2


async def test_a_failover_that_fails_is_told_apart(server: Any, sender: Any, told: Any) -> None:
    for good in (True, False):
        moved = {"safety.name": "state", "safety.succeeded": good, "safety.duration_s": 0.25}
        sender.log("failover", **moved)
    sender.log("emergency.activated", **{"safety.name": "trading_halt", "safety.reason": "loss"})
    await told()
    answer = (await server.read(PATH, environment=sender.environment)).json()
    (row,) = answer["failover_success"]["items"]
    assert (row["name"], row["failovers"], row["success_rate"], row["duration_mean_s"]) == ("state", 2, 0.5, 0.25)
    assert sorted(bool(each["succeeded"]) for each in answer["failovers"]["items"]) == [False, True]
    assert [each["reason"] for each in answer["activations"]["items"]] == ["loss"]


async def test_a_deployment_that_made_it_worse_is_told_from_one_that_did_not(
    server: Any, sender: Any, told: Any
) -> None:
    for service, fails in (("market_analysis_service", True), ("email_service", False)):
        release = {"safety.name": service, "safety.from": "1.0", "service.version": "2.0", "deployment.actor": "ci"}
        sender.log("deployment", ago=200, **release)
        for place in range(40):
            called = {"observatory.service": service, "observatory.caller": "external"}
            sender.span("work", ago=250, **called)
            sender.span("work", ago=100, error=fails and place % 2 == 0, **called)
    sender.log("config.changed", **{"config.key": "cache.ttl_s", "config.actor": "enterprise_system_optimization"})
    await told()
    answer = (await server.read(PATH, environment=sender.environment)).json()
    found = {row["service"]: row for row in answer["deployments"]["items"]}
    assert {name: row["verdict"] for name, row in found.items()} == {
        "market_analysis_service": "worse",
        "email_service": "no_worse",
    }
    worse = found["market_analysis_service"]
    assert (worse["version_before"], worse["version"], worse["actor"]) == ("1.0", "2.0", "ci")
    assert (worse["calls_before"], worse["failed_before"], worse["calls_after"]) == (40, 0, 40)
    assert worse["failed_after_ratio"] == pytest.approx(0.5)
    assert [(row["kind"], row["name"]) for row in answer["changes"]["items"]] == [("setting", "cache.ttl_s")]


async def test_escalation_paths_say_who_is_told_after_how_long(server: Any, sender: Any, told: Any) -> None:
    sender.heartbeat("health_monitor")
    await told()
    turns = Schedule("desk", "the desk", sender.at, 1, (Person("Ada", ("telegram",)), Person("Bo", ("mail",))))
    levels = (Level(300, (Whom(schedule="desk"),)), Level(600, (Whom("mail", "Cy"), Whom("pager"))))
    every = Policy("desk", "what wakes somebody", (Severity.CRITICAL,), (), (), 10, 60, levels, 2, 3_600)
    elsewhere = replace(every, id="elsewhere", environments=("staging",))
    async with server.app.state.control.writing() as rows:
        await rows.oncall.put_schedule("desk", schedule.encode(turns), "a test", sender.at)
        for each in (every, elsewhere, replace(every, id="off", enabled=False)):
            await rows.oncall.put_policy(each.id, policy.encode(each), "a test", sender.at)
    asked = {"environment": sender.environment, "section": "escalation_paths"}
    paths = (await server.read(PATH, **asked)).json()["escalation_paths"]["items"]
    shown = [(each["policy"], each["level"], each["after_s"], each["channels"], each["people"]) for each in paths]
    assert shown == [("desk", 1, 60, ["telegram"], ["Ada"]), ("desk", 2, 360, ["mail", "pager"], ["Cy"])]
    assert {(each["loops"], each["acknowledgement_timeout_s"]) for each in paths} == {(2, 3_600)}
    week = (sender.at + timedelta(days=8)).isoformat()
    server.clock.advance(9 * 86_400)
    later = (await server.read(PATH, **asked, as_of=week)).json()["escalation_paths"]["items"]
    assert later[0]["people"] == ["Bo"]
