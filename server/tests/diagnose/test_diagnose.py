"""Why is it so: asked of the API, over telemetry whose cause is known."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from alert_scenes import alert, graphs
from diagnosis_scenes import Platform, Wrong

from observatory.alerting import Keeper
from observatory.diagnose import measures
from observatory.diagnose.frame import fitting
from observatory.errors import StoreError
from observatory.incidents import Folding
from observatory.model.alert import Phase, Transition, fingerprint
from observatory.state import IncidentsWanted
from observatory.store import Rows


def first(found: dict[str, Any]) -> tuple[str, str, str]:
    suspect = found["suspects"][0]
    return suspect["kind"], suspect["subject"], suspect["cause"]


def minutes_before(found: dict[str, Any], at: datetime) -> float:
    return (at - datetime.fromisoformat(found["onset"])).total_seconds() / 60


async def test_a_slow_provider_is_why_the_feature_is_slow(face: Any) -> None:
    platform = face.lives(Wrong(slow={"openai": 8}))
    found = await face.diagnosis(feature="chat")
    assert first(found) == ("provider", "openai", "provider_slow")
    assert (found["confidence"], found["enough"], found["missing"]) == ("high", True, [])
    assert minutes_before(found, platform.at) == pytest.approx(10, abs=1.1)
    assert "provider openai" in found["verdict"]
    assert found["path"][0]["service"] == "ai_consensus_engine"
    assert found["path"][0]["added_ratio"] > 0.9
    assert found["traces"]["now"] >= 60
    assert {("provider", "openai"), ("model", "gpt-4o")} == {
        (each["attribute"], each["value"]) for each in found["contrasts"] if each["measure"] == "duration_ms"
    }
    engine = next(each for each in found["suspects"] if each["subject"] == "ai_consensus_engine")
    assert engine["role"] == "symptom"


async def test_the_same_data_give_the_same_answer(face: Any) -> None:
    platform = face.lives(Wrong(slow={"openai": 8}))
    until = platform.at.isoformat()
    assert await face.diagnosis(feature="chat", to=until) == await face.diagnosis(feature="chat", to=until)


async def test_a_venue_that_rejects_is_found_from_service_and_endpoint(face: Any) -> None:
    face.lives(Wrong(fails={"binance": 0.7}))
    for wanted in ({"service": "trade_execution_service"}, {"endpoint": "chat.reply"}):
        found = await face.diagnosis(**wanted)
        assert first(found) == ("exchange", "binance", "exchange_errors")
        assert found["confidence"] == "high"
        assert found["path"][0]["failed_ratio"] > 0.4


async def test_a_deep_dependency_is_the_cause_and_its_caller_the_symptom(face: Any) -> None:
    face.lives(Wrong(slow={"trade_execution_service": 40}))
    found = await face.diagnosis(service="ai_chat_engine")
    assert first(found) == ("service", "trade_execution_service", "service_slow")
    assert found["confidence"] in ("high", "medium")
    assert not any(each["kind"] == "exchange" and each["role"] == "cause" for each in found["suspects"][:2])


async def test_a_pool_that_leaks_is_found_behind_the_service(face: Any) -> None:
    face.lives(Wrong(pool=True))
    found = await face.diagnosis(service="trade_execution_service")
    assert first(found) == ("pool", "orders", "pool_saturation")


async def test_a_deployment_is_why_the_deployed_service_is_slow(platform: Platform, face: Any) -> None:
    named = "trade_execution_service"
    platform.live(Wrong(slow={named: 20}, version={named: "2.0.0"}))
    platform.log("deployment", ago_s=615, safety__name=named, service__version="2.0.0")
    platform.log("deployment", ago_s=4_000, safety__name="telegram_core", service__version="7.1.0")
    found = await face.diagnosis(service=named)
    assert first(found) == ("deployment", named, "deployment")
    assert [each["subject"] for each in found["changes"]] == [named]
    assert found["suspects"][0]["evidence"][0].startswith("change:deployment")


async def test_nothing_wrong_is_said_to_be_nothing_wrong(face: Any) -> None:
    face.lives()
    for wanted in ({"feature": "chat"}, {"service": "trade_execution_service"}):
        found = await face.diagnosis(**wanted)
        assert (found["confidence"], found["suspects"], found["onset"]) == ("none", [], None)
        assert found["enough"]
        assert found["verdict"].startswith("Nothing unusual")


@pytest.mark.long
async def test_trouble_that_is_over_is_found_in_its_window(face: Any) -> None:
    platform = face.lives(Wrong(since_min=30, until_min=15, slow={"kraken": 10}))
    since, until = platform.at - timedelta(minutes=30), platform.at - timedelta(minutes=15)
    found = await face.diagnosis(service="trade_execution_service", from_=since.isoformat(), to=until.isoformat())
    assert first(found) == ("exchange", "kraken", "exchange_slow")
    assert found["window"]["chosen"] is False
    assert found["baseline"]["chosen"] is True


@pytest.mark.long
async def test_a_baseline_can_be_given(face: Any) -> None:
    platform = face.lives(Wrong(slow={"kraken": 10}))
    since = platform.at - timedelta(minutes=10)
    before = platform.at - timedelta(minutes=60), platform.at - timedelta(minutes=20)
    found = await face.diagnosis(
        service="trade_execution_service",
        from_=since.isoformat(),
        baseline_from=before[0].isoformat(),
        baseline_to=before[1].isoformat(),
    )
    assert first(found) == ("exchange", "kraken", "exchange_slow")
    assert found["baseline"]["chosen"] is False
    assert datetime.fromisoformat(found["baseline"]["from"]) <= before[0]


@pytest.mark.long
async def test_what_comes_again_each_day_is_no_trouble(platform: Platform, face: Any) -> None:
    platform.live(Wrong(slow={"kraken": 10}))
    yesterday = Platform(platform.insert, platform.environment, platform.at - timedelta(days=1), seed=8)
    yesterday.arrives = platform.at
    yesterday.live(Wrong(slow={"kraken": 10}))
    found = await face.diagnosis(service="trade_execution_service")
    assert (found["confidence"], found["suspects"]) == ("none", [])
    assert datetime.fromisoformat(found["baseline"]["to"]) <= platform.at - timedelta(hours=23)


async def test_too_few_calls_are_not_enough_evidence(platform: Platform, face: Any) -> None:
    platform.live(Wrong(slow={"kraken": 10}), per_minute=0.15)
    found = await face.diagnosis(service="trade_execution_service")
    assert (found["enough"], found["confidence"], found["suspects"]) == (False, "none", [])
    assert any(each.startswith(("calls:", "baseline:")) for each in found["missing"])
    assert found["verdict"].startswith("Not enough evidence")


@pytest.mark.long
async def test_without_telemetry_before_it_there_is_no_baseline(platform: Platform, face: Any) -> None:
    platform.live(Wrong(slow={"kraken": 10}), minutes=9)
    found = await face.diagnosis(service="trade_execution_service", window="9m")
    assert not found["enough"]
    assert any(each.startswith("baseline:") for each in found["missing"])


async def test_what_was_never_seen_is_not_explained(face: Any) -> None:
    found = await face.diagnosis(service="trade_execution_service")
    assert not found["enough"]
    assert "no call" in found["missing"][0]


async def test_without_traces_the_series_still_name_the_cause(platform: Platform, face: Any, store: Any) -> None:
    platform.live(Wrong(slow={"kraken": 10}))
    cut = f"ALTER TABLE otel_traces DELETE WHERE Environment = '{platform.environment}' SETTINGS mutations_sync = 2"
    store.command(cut)
    found = await face.diagnosis(service="trade_execution_service")
    assert first(found) == ("exchange", "kraken", "exchange_slow")
    assert found["confidence"] == "medium"
    assert (found["path"], found["contrasts"]) == ([], [])
    assert any(each.startswith("traces:") for each in found["missing"])


class Broken:
    """A reader for which some tables cannot be read."""

    def __init__(self, reader: Any, table: str) -> None:
        self._reader, self._table = reader, table

    async def read(self, sql: str, parameters: Any = None) -> Rows:
        if self._table in sql:
            raise StoreError("gone")
        found: Rows = await self._reader.read(sql, parameters)
        return found


@pytest.mark.parametrize("table", ["rollup_calls", "otel_traces", "fact_exchange_calls", "fact_calls"])
async def test_a_part_that_cannot_be_read_is_named_and_fails_nothing_else(face: Any, store: Any, table: str) -> None:
    face.lives(Wrong(slow={"kraken": 10}))
    face.app.state.store = type("Broken", (), {"reader": Broken(store.reader, table)})()
    found = await face.diagnosis(service="trade_execution_service")
    assert any("could not be read" in each for each in found["missing"])
    assert found["enough"] is (table != "fact_calls")
    if found["enough"]:
        assert found["suspects"]


@pytest.mark.long
async def test_other_environments_are_not_looked_at(platform: Platform, face: Any) -> None:
    platform.live()
    other = Platform(platform.insert, f"{platform.environment}-staging", platform.at, seed=9)
    other.live(Wrong(slow={"kraken": 30}))
    assert (await face.diagnosis(service="trade_execution_service"))["suspects"] == []


@pytest.mark.parametrize(
    ("wanted", "named"),
    [
        ({}, "service"),
        ({"service": "a", "feature": "b"}, "feature"),
        ({"service": "   "}, "service"),
        ({"service": "a", "window": "0s"}, "window"),
        ({"service": "a", "window": "30d"}, "window"),
        ({"service": "a", "from_": "yesterday"}, "from"),
        ({"service": "a", "baseline_to": "2026-01-01T00:00:00Z"}, "baseline_to"),
        ({"service": "a", "baseline_from": "now"}, "baseline_from"),
        ({"service": "a" * 300}, "service"),
        ({"alert": "0" * 24, "incident": "x"}, "incident"),
    ],
)
async def test_a_bad_question_is_refused_by_the_name_of_its_parameter(
    face: Any, wanted: dict[str, str], named: str
) -> None:
    answer = await face.ask(**wanted)
    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"
    assert named in answer.text


async def test_what_is_not_there_is_not_found(face: Any) -> None:
    for wanted in (
        {"alert": "0" * 24},
        {"incident": "20260101t000000-00000000"},
        {"service": "a", "environment": "nowhere"},
    ):
        assert (await face.ask(**wanted)).status_code == 404
    assert (await face.ask("/incidents/20260101t000000-00000000/diagnosis")).status_code == 404


async def test_a_token_of_one_user_or_of_a_sender_is_refused(face: Any) -> None:
    for scope in ("user:7", "ingest"):
        assert (await face.ask(scope=scope, service="a")).status_code == 403


async def test_more_diagnoses_at_once_than_there_is_room_for_are_put_off(face: Any, monkeypatch: Any) -> None:
    monkeypatch.setattr("observatory.api.diagnose._WAITS_S", 0.01)
    await face.app.state.diagnoses.acquire()
    await face.app.state.diagnoses.acquire()
    answer = await face.ask(service="a")
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")


@pytest.mark.long
async def test_every_measure_can_be_asked_of_the_store(store: Any, environment: str) -> None:
    at = datetime.now(UTC)
    frame = fitting((at - timedelta(hours=2), at - timedelta(hours=1)), (at - timedelta(hours=1), at))
    for table in measures.tables():
        assert await measures.read(store.reader, table, environment, replace(frame)) == []


async def fire(face: Any, at: datetime) -> tuple[str, str]:
    """An alert that fired, and the incident that it opened; their ids."""
    about = {"services": ("trade_execution_service",), "area": "trading_execution", "environment": face.environment}
    named = fingerprint(face.environment, "trading_execution.latency", "")
    fired = alert("trading_execution.latency", at=at, fingerprint=named, **about)

    async def fold(rows: Any, transitions: Any) -> None:
        await Folding(graphs)(rows, transitions)

    await Keeper(face.app.state.control, [fold])([Transition(fired, Phase.INACTIVE, at, "bad")])
    async with face.app.state.control.reading() as rows:
        (case,) = await rows.incidents.between(IncidentsWanted())
    return fired.id, case.incident.id


async def test_an_alert_and_its_incident_are_explained_from_when_they_began(face: Any) -> None:
    platform = face.lives(Wrong(slow={"kraken": 10}))
    at = platform.at - timedelta(minutes=9)
    fired, incident = await fire(face, at)
    of_alert = await face.diagnosis(alert=fired, environment="ignored")
    of_incident = (await face.ask(f"/incidents/{incident}/diagnosis")).json()
    for found in (of_alert, of_incident):
        assert first(found) == ("exchange", "kraken", "exchange_slow")
        assert found["environment"] == face.environment
        assert datetime.fromisoformat(found["window"]["from"]) <= at
        assert found["window"]["chosen"]
    assert (await face.diagnosis(incident=incident))["suspects"] == of_incident["suspects"]


async def test_an_alert_without_any_telemetry_is_not_explained(face: Any) -> None:
    fired, _ = await fire(face, face.platform.at - timedelta(minutes=9))
    found = await face.diagnosis(alert=fired)
    assert not found["enough"]
    assert found["missing"][0].startswith("telemetry:")
