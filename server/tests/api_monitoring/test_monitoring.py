from __future__ import annotations

import math
from datetime import datetime
from typing import Any

import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics

from observatory import areas, catalogue
from observatory.api.health_models import ServiceDetail, ServiceList, SystemHealth, Topology

SERVICES = [service.id for service in catalogue.load().services]
ORDER = {
    "order.mode": "live",
    "order.status": "filled",
    "exchange.id": "binance",
    "order.side": "buy",
    "order.arrival_mid": 100.0,
    "order.average_price": 100.08,
}


def call(service: str, caller: str) -> dict[str, str]:
    return {"observatory.service": service, "observatory.caller": caller}


@pytest.fixture
async def busy(told: Any, sender: Any) -> Any:
    sender.heartbeat(*SERVICES, ago=310)
    sender.heartbeat(*SERVICES)
    for _ in range(20):
        sender.span("order.execute", ms=40, **ORDER)
        sender.span("place", ms=30, **call("trade_execution_service", "signal_execution_bridge"))
    sender.span("enter", **call("signal_execution_bridge", "external"))
    await told()
    return sender


async def test_system_health_has_the_seeds_fields_and_says_where_each_number_is_from(server: Any, busy: Any) -> None:
    body = (await server.read("/system-health", environment=busy.environment)).json()
    assert list(body["services"]) == [area.id for area in areas.load()]
    assert (body["services_reporting"], body["services_total"]) == (65, 65)
    assert body["environment"] == busy.environment
    assert datetime.fromisoformat(body["timestamp"]) == busy.at
    trading = body["services"]["trading_execution"]
    assert trading["status"] == "healthy"
    assert trading["orders_executed_5m"] == 20
    assert trading["avg_slippage_bps"] == pytest.approx(8)
    assert trading["warnings"] == []
    assert trading["provenance"]["avg_slippage_bps"] == {
        "unit": "bps",
        "samples": 20,
        "window_s": 300,
        "as_of": body["timestamp"],
        "source": "fact_orders (rule trading_execution.live)",
        "estimated": False,
    }
    SystemHealth.model_validate(body)


async def test_every_number_has_its_provenance_and_no_data_is_null(server: Any, told: Any) -> None:
    await told()
    body = (await server.read("/system-health")).json()
    assert body["overall_status"] == "unknown"
    for area in body["services"].values():
        assert area["status"] == "unknown"
        assert area["reasons"][0]["sentence"]
        assert area["provenance"]
        for name, provenance in area["provenance"].items():
            assert area[name] is None
            assert provenance["samples"] == 0


async def test_a_critical_area_says_why_in_words(server: Any, told: Any, sender: Any) -> None:
    sender.heartbeat(*SERVICES)
    sender.log("emergency.activated", **{"safety.name": "halt"})
    await told()
    body = (await server.read("/system-health", environment=sender.environment)).json()
    assert body["overall_status"] == "critical"
    emergency = body["services"]["emergency"]
    assert emergency["warnings"] == [
        "emergency measures taken: 1, above the critical bound of 0 (last 5 min, 1 sample)"
    ]
    assert emergency["reasons"][0]["reason"] == "beyond_critical_bound"
    assert "emergency (P0) is critical" in body["reasons"][0]["sentence"]


async def test_an_answer_that_the_client_has_is_not_sent_again(server: Any, told: Any) -> None:
    await told()
    for path in ("/system-health", "/services", "/topology", "/services/credit_ledger"):
        first = await server.read(path)
        tag = first.headers["etag"]
        again = await server.read(path, headers={"If-None-Match": f'"other", W/{tag}'})
        assert (first.status_code, again.status_code, again.content) == (200, 304, b"")
        assert again.headers["etag"] == tag
    server.clock.advance(5)
    await told()
    assert (await server.read("/system-health", headers={"If-None-Match": tag})).status_code == 200


async def test_before_the_first_round_the_answer_is_to_come_back(server: Any) -> None:
    answer = await server.read("/system-health")
    assert answer.status_code == 503
    assert answer.headers["retry-after"] == "1"


async def test_when_the_rounds_stop_nothing_is_called_healthy_any_more(server: Any, busy: Any) -> None:
    server.clock.advance(61)
    body = (await server.read("/system-health", environment=busy.environment)).json()
    assert body["overall_status"] == "unknown"
    assert "rounds have stopped" in body["reasons"][0]["sentence"]
    items = (await server.read("/services", environment=busy.environment)).json()["items"]
    assert {item["status"] for item in items} == {"unknown"}


@pytest.mark.parametrize("path", ["/system-health", "/services", "/services/credit_ledger", "/topology"])
async def test_every_route_asks_for_a_token_that_may_read(server: Any, told: Any, path: str) -> None:
    await told()
    assert (await server.read(path, scope=None)).status_code == 401
    assert (await server.read(path, scope="ingest")).status_code == 403


@pytest.mark.parametrize("path", ["/system-health", "/services", "/services/credit_ledger", "/topology"])
async def test_an_environment_that_sent_nothing_is_not_found(server: Any, told: Any, path: str) -> None:
    await told()
    answer = await server.read(path, environment="nowhere")
    assert answer.status_code == 404
    assert answer.headers["content-type"] == "application/problem+json"
    assert "production" in answer.json()["detail"]


@pytest.mark.parametrize(
    ("path", "name", "value"),
    [
        ("/system-health", "as_of", "last night"),
        ("/system-health", "window", "1h"),
        ("/services", "group", "nobody"),
        ("/services", "area", "nowhere"),
        ("/services", "status", "splendid"),
        ("/services", "load_state", "asleep"),
        ("/services", "limit", "0"),
        ("/services", "limit", "many"),
        ("/services", "cursor", "not-a-service"),
        ("/topology", "step", "10s"),
        ("/topology", "environment", ""),
    ],
)
async def test_a_bad_parameter_is_named(server: Any, told: Any, path: str, name: str, value: str) -> None:
    await told()
    answer = await server.read(path, **{name: value})
    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"
    assert name in answer.text


async def test_services_come_in_pages_that_together_are_the_65(server: Any, busy: Any) -> None:
    seen: list[str] = []
    cursor: dict[str, str] = {}
    while True:
        page = (await server.read("/services", environment=busy.environment, limit=20, **cursor)).json()
        seen += [item["id"] for item in page["items"]]
        if page["next"] is None:
            break
        cursor = {"cursor": page["next"]}
    assert seen == SERVICES


async def test_services_are_filtered_by_group_area_status_and_load_state(server: Any, busy: Any) -> None:
    group = catalogue.load().groups[2]
    for parameters, expected in (
        ({"group": group.name}, list(group.services)),
        ({"area": "credits"}, [service.id for service in catalogue.load().services_of("credits")]),
        ({"load_state": "reporting"}, ["signal_execution_bridge", "trade_execution_service"]),
        ({"load_state": "silent"}, []),
        ({"status": "healthy"}, SERVICES),
    ):
        items = (await server.read("/services", environment=busy.environment, **parameters)).json()["items"]
        assert [item["id"] for item in items] == expected


async def test_one_service_in_full(server: Any, busy: Any) -> None:
    body = (await server.read("/services/trade_execution_service", environment=busy.environment)).json()
    assert body["rate"] == pytest.approx(20 / 300)
    assert body["p95_ms"] == pytest.approx(30)
    assert body["error_rate"] == 0
    assert body["load_state"] == "reporting"
    assert [edge["from"] for edge in body["callers"]] == ["signal_execution_bridge"]
    assert body["callees"] == []
    assert body["instance_ids"] == ["one"]
    assert body["runbook"] == catalogue.load().service("trade_execution_service").runbook
    ServiceDetail.model_validate(body)


async def test_an_unknown_service_is_not_found(server: Any, told: Any) -> None:
    await told()
    answer = await server.read("/services/nobody")
    assert answer.status_code == 404
    assert "nobody" in answer.json()["detail"]


async def test_the_graph_has_every_service_and_whoever_called_from_outside(server: Any, busy: Any) -> None:
    body = (await server.read("/topology", environment=busy.environment)).json()
    nodes = {node["id"]: node for node in body["nodes"]}
    assert set(SERVICES) < set(nodes)
    assert nodes["external"]["catalogued"] is False
    edges = {(edge["from"], edge["to"]): edge for edge in body["edges"]}
    assert edges[("signal_execution_bridge", "trade_execution_service")]["rate"] == pytest.approx(20 / 300)
    assert edges[("external", "signal_execution_bridge")]["error_rate"] == 0
    Topology.model_validate(body)


@pytest.mark.parametrize("model", [SystemHealth, ServiceList, ServiceDetail, Topology])
def test_the_examples_of_the_documentation_fit_their_own_schema(model: Any) -> None:
    examples = model.model_config["json_schema_extra"]["examples"]
    assert examples
    for example in examples:
        assert model.model_validate(example, extra="forbid")


async def test_no_answer_holds_a_number_that_json_does_not_know(server: Any, busy: Any) -> None:
    def walk(value: Any) -> None:
        for each in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
            walk(each)
        assert not isinstance(value, float) or math.isfinite(value)

    for path in ("/system-health", "/services", "/topology"):
        answer = await server.read(path, environment=busy.environment)
        assert answer.status_code == 200
        walk(answer.json())


async def test_every_reading_and_every_health_is_a_gauge_in_base_units(server: Any, busy: Any) -> None:
    async with server.client("read") as client:
        answer = await client.get(
            "http://observatory.test/metrics", headers={"Accept": "application/openmetrics-text; version=1.0.0"}
        )
    families = {each.name: each for each in parse_openmetrics(answer.text)}  # type: ignore[no-untyped-call]
    assert "observatory_bodies" in families
    mine = [
        each for each in families["observatory_indicator"].samples if each.labels["environment"] == busy.environment
    ]
    values = {(each.labels["indicator"], each.labels["member"]): (each.value, each.labels["unit"]) for each in mine}
    assert values["orders_executed", ""] == (20, "1")
    assert values["exchange_execution_success", "binance"] == (1, "ratio")
    assert values["slippage_mean", ""] == (pytest.approx(0.0008), "ratio")
    assert not any("user" in each.labels for each in mine)
    status = {
        each.labels["area"]: each.labels["status"]
        for each in families["observatory_area_health"].samples
        if each.labels["environment"] == busy.environment and each.value == 1
    }
    assert list(status) == [area.id for area in areas.load()]
    assert status["trading_execution"] == "healthy"
    assert len({each.labels["service"] for each in families["observatory_service_health"].samples}) == 65
    reporting = {each.labels["environment"]: each.value for each in families["observatory_services_reporting"].samples}
    assert reporting[busy.environment] == 65
