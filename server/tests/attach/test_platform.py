"""The platform's names as a throw-away package, attached to by one command with no change in it, into a real server.

What its calls told is looked for where people look: the services and their graph in the API, the facts in the store.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx
import pytest
import throwaway
from serving import Serving, serving

# A sender's socket may be left to the interpreter at the exit, which is no error of the platform.
WARNINGS = ("-W", "error", "-W", "ignore::ResourceWarning")
PARTS = ("every", "linked", "twelve", "inherited", "hot", "again", "stay")
OWN = {name for name, known in throwaway.SERVICES.items() if "shares" not in known}
HUBS = {name for name, known in throwaway.SERVICES.items() if known.get("hub")}
SHARING = {name: known["shares"] for name, known in throwaway.SERVICES.items() if "shares" in known}
ENTRIES = "SELECT count() FROM otel_traces WHERE SpanName = '{}'"
ASKED = {
    "orders": """SELECT Service, Exchange, ClientId, Symbol, Side, Type, Mode, Status, Quantity, FilledQuantity,
        AveragePrice, toFloat64(FeeUsd), Simulated, StrategyId, UserId FROM fact_orders
        WHERE ClientId != '' ORDER BY ClientId""",
    "costs": "SELECT Service, UserId, Provider, Category, AmountUsd, Quantity, Unit FROM fact_cost_charges",
    "deliveries": """SELECT Service, SignalId, Channel, Status, Attempt FROM fact_deliveries
        WHERE SignalId != '' AND Step = 'deliver' ORDER BY SignalId""",
    "outcomes": "SELECT SignalId, ReturnRatio, Won FROM fact_signal_outcomes WHERE SignalId != ''",
    "consensus": """SELECT Service, SpanAttributes['ai.consensus.decision'], SpanAttributes['ai.consensus.confidence'],
        SpanAttributes['ai.consensus.models'] FROM otel_traces WHERE SpanName = 'ai.consensus.decide'
        AND SpanAttributes['ai.consensus.confidence'] != ''""",
    "entries": """SELECT Service, UserId, Type, Amount, BalanceBefore, BalanceAfter, IdempotencyKey
        FROM fact_credit_entries ORDER BY IdempotencyKey""",
    "risk": "SELECT Service, PortfolioId, VarRatio FROM fact_risk WHERE isNotNull(VarRatio)",
    "emergency": "SELECT LogAttributes['safety.duration_s'] FROM otel_logs WHERE EventName = 'emergency.activated'",
    "failed": """SELECT SpanName, SpanAttributes['observatory.outcome.reason'] FROM otel_traces
        WHERE SpanAttributes['observatory.outcome'] = 'failure' AND SpanAttributes['observatory.caller'] != ''
        GROUP BY ALL ORDER BY SpanName""",
    "simulated": """SELECT SpanName, SpanAttributes['observatory.outcome.reason'] FROM otel_traces
        WHERE SpanAttributes['observatory.outcome'] = 'simulated' AND SpanAttributes['observatory.caller'] != ''
        GROUP BY ALL""",
    "twelve": """SELECT count() FROM otel_traces WHERE SpanName = 'trade_execution_service.get_positions'
        AND UserId = 'of the twelve'""",
    "inherited": """SELECT SpanName, count() FROM otel_traces WHERE SpanAttributes['user.id'] = 'inherits'
        GROUP BY SpanName""",
    "overridden": """SELECT SpanName, count() FROM otel_traces
        WHERE SpanName LIKE 'portfolio_risk_service.%health_check' GROUP BY SpanName ORDER BY SpanName""",
    "left alone": """SELECT count() FROM otel_traces WHERE SpanName LIKE '%_quote' OR SpanName LIKE '%to_dict'
        OR SpanName LIKE '%record_metric'""",
    "reloaded": ENTRIES.format("system_journal.execute_function"),
}


@dataclass(frozen=True, slots=True)
class Look:
    """What the API said while the platform stood, what the platform printed, and what was in the store afterwards."""

    services: dict[str, dict[str, Any]]
    health: dict[str, Any]
    topology: dict[str, Any]
    printed: tuple[str, str]
    rows: dict[str, list[list[Any]]]


@contextmanager
def platform(folder: Path, server: Serving) -> Iterator[subprocess.Popen[str]]:
    """The package, run by the command in a process of its own."""
    throwaway.write(folder)
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("OBSERVATORY_", "OTEL_"))}
    environment |= {"OBSERVATORY_ENDPOINT": server.otlp_http, "OBSERVATORY_TOKEN": server.token("ingest")}
    command = [sys.executable, "-m", "observatory_sdk.attach.command", "--bindings", "cryptouniverse", "--"]
    process = subprocess.Popen(
        [*command, sys.executable, *WARNINGS, "run.py", *PARTS],
        cwd=folder,
        env=environment | {"PYTHONDONTWRITEBYTECODE": "1"},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def read(server: Serving, path: str) -> dict[str, Any]:
    answer = httpx.get(f"{server.url}/api/v1/monitoring/{path}", headers=server.headers, timeout=120)
    assert answer.is_success, answer.text
    found: dict[str, Any] = answer.json()
    return found


def reporting(server: Serving) -> dict[str, dict[str, Any]]:
    """The services, once each that has code reports; what they are after a while, if not."""
    until = time.monotonic() + 90
    while True:
        found = {each["id"]: each for each in read(server, "services")["items"]}
        late = [name for name in OWN - HUBS if found[name]["load_state"] != "reporting"]
        if not late or time.monotonic() > until:
            return found
        time.sleep(0.2)


def connected(server: Serving) -> dict[str, Any]:
    """The graph, once it has every edge: calls arrive later than heartbeats; what it is after a while, if not."""
    until = time.monotonic() + 90
    while True:
        found = read(server, "topology")
        if {(edge["from"], edge["to"]) for edge in found["edges"]} >= throwaway.edges() or time.monotonic() > until:
            return found
        time.sleep(0.2)


@pytest.fixture(scope="module")
def look(tmp_path_factory: pytest.TempPathFactory) -> Look:
    folder = tmp_path_factory.mktemp("attached")
    with serving(folder / "data", tick_s=0.5) as server:
        with platform(folder / "platform", server) as process:
            assert process.stdout is not None
            assert process.stdout.readline() == "standing\n", process.communicate("")
            services = reporting(server)
            health, topology = read(server, "system-health"), connected(server)
            printed = process.communicate("", timeout=30)
            assert process.returncode == 0
        assert server.stop() == 0
        rows = dict(zip(ASKED, server.rows(*ASKED.values()), strict=True))
    return Look(services, health, topology, printed, rows)


def test_the_platform_runs_as_it_does_alone(look: Look) -> None:
    assert look.printed == ("done\n", "")


def test_each_of_the_63_reports_and_those_that_share_are_not_counted_twice(look: Look) -> None:
    states = {name: found["load_state"] for name, found in look.services.items()}
    assert len(states) == 65
    assert {name for name, state in states.items() if state == "reporting"} == OWN - HUBS
    assert len(OWN - HUBS) == look.health["services_reporting"] == 63
    for name, other in SHARING.items():
        (reason,) = look.services[name]["reasons"]
        assert (reason["reason"], states[name]) == ("shares_code", "never_loaded")
        assert reason["sentence"] == f"shares {other}: its code is watched and counted there"
        assert look.services[name]["rate"] is None


def test_hubs_outside_the_inventory_are_in_the_graph_as_further_services(look: Look) -> None:
    nodes = {node["id"]: node["catalogued"] for node in look.topology["nodes"]}
    assert {name: nodes.get(name) for name in HUBS} == dict.fromkeys(HUBS, False)


def test_the_edges_are_who_called_whom(look: Look) -> None:
    edges = {(edge["from"], edge["to"]) for edge in look.topology["edges"] if edge["from"] != "external"}
    assert edges == throwaway.edges()
    assert len(edges) > 150


def test_orders_live_simulated_and_paper_are_told_with_their_values(look: Look) -> None:
    real, paper, simulated = look.rows["orders"]
    # Executed for real, by the arguments of the call and what it answered; how it stands is not among that.
    assert real[:8] == ["trade_execution_service", "kraken", "K1", "BTC/USDT", "sell", "limit", "live", ""]
    assert real[8:] == [0.2, 0.2, 3000.5, 1.25, 0, "", "u2"]
    # Booked at price 0 by the platform, and told so.
    assert paper[:8] == ["paper_trading_engine", "paper", "P1", "ETH/USDT", "sell", "market", "paper", "filled"]
    assert paper[8:] == [2, 2, 0, None, 0, "s2", "u1"]
    # Live was asked for, a simulation answered.
    assert simulated[:8] == ["trade_execution_service", "binance", "T1", "BTC/USDT", "buy", "market", "live", "filled"]
    assert simulated[8:] == [0.1, 0.1, 50_000, 0.05, 1, "s1", "u1"]


def test_costs_deliveries_and_outcomes_of_signals_are_told_in_units_of_the_contract(look: Look) -> None:
    (cost,) = look.rows["costs"]
    assert cost[:4] == ["api_cost_tracker", "u1", "coingecko", "market_data"]
    assert (Decimal(cost[4]), cost[5:]) == (Decimal("0.0125"), [1.0, "call"])
    assert look.rows["deliveries"] == [
        ["signal_delivery_service", "e1", "telegram", "accepted", 1],
        ["signal_delivery_service", "e2", "webhook", "failed", 1],
    ]
    ((signal, returned, won),) = look.rows["outcomes"]
    assert (signal[-1], returned, won) == ("3", pytest.approx(0.032), 1)


def test_consensus_risk_and_emergencies_are_told_as_ratios_and_seconds(look: Look) -> None:
    ((service, decision, confidence, models),) = look.rows["consensus"]
    assert (service, decision, float(confidence)) == ("ai_consensus_engine", "accepted", 0.825)
    assert "gpt-4" in models
    assert "claude" in models
    assert look.rows["risk"] == [["portfolio_risk_service", "u1", pytest.approx(0.045)]]
    assert look.rows["emergency"] == [["1.5"]]


def test_the_ledger_is_told_to_the_last_digit(look: Look) -> None:
    entries = [[*row[:3], *map(Decimal, row[3:6]), row[6]] for row in look.rows["entries"]]
    taken = "00000000-0000-0000-0000-000000000009"
    assert [row for row in entries if row[2] == "usage"] == [
        ["credit_ledger", taken, "usage", -3, 10, 7, "00000000-0000-0000-0000-000000000005"]
    ]
    assert {(row[2], row[3], row[5]) for row in entries} == {
        ("usage", -3, 7),
        ("purchase", 10, 10),
        ("refund", 1, 8),
    }


def test_failure_is_read_from_what_was_returned_and_a_simulation_is_marked(look: Look) -> None:
    assert look.rows["failed"] == [
        ["emergency_manager.get_emergency_status", "no venue"],
        ["signal_delivery_service._deliver_webhook", "gone"],
    ]
    assert ["trade_execution_service.execute_trade", "no credentials"] in look.rows["simulated"]
    assert look.services["emergency_manager"]["errors_by_outcome_5m"] == 1
    assert look.services["emergency_manager"]["errors_by_exception_5m"] == 0


def test_instances_made_at_import_are_covered_and_each_call_is_one(look: Look) -> None:
    assert look.rows["twelve"] == [[12]]
    assert look.rows["inherited"] == [["portfolio_risk_service.get_portfolio", 1]]
    # Once by itself as every method, and once by way of the override, which is the call.
    own, outer = (
        "portfolio_risk_service.health_check",
        "portfolio_risk_service.PortfolioRiskServiceExtended.health_check",
    )
    assert look.rows["overridden"] == [[outer, 1], [own, 1]]


def test_private_and_hot_methods_are_left_alone_and_a_reloaded_module_is_watched(look: Look) -> None:
    assert look.rows["left alone"] == [[0]]
    # As every method, as the first of its service, and after the reload.
    assert look.rows["reloaded"] == [[3]]
