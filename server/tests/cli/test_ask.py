"""`observatory ask`, on a server that has something to tell, one that has nothing, and none."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
from conftest import Sender
from running import until
from serving import Serving, serving

BASE = "/api/v1/monitoring"
ORDER = {
    "exchange.id": "binance",
    "order.symbol": "BTC/USDT",
    "order.side": "buy",
    "order.type": "market",
    "order.mode": "live",
    "order.status": "filled",
    "order.quantity": 2.0,
    "order.filled_quantity": 2.0,
    "order.arrival_mid": 100.0,
    "order.average_price": 100.1,
    "order.reference_price": 100.0,
}
GPT = {
    "gen_ai.operation.name": "chat",
    "gen_ai.provider.name": "openai",
    "gen_ai.response.model": "gpt-4o-2024-08-06",
    "gen_ai.usage.input_tokens": 100_000,
    "gen_ai.usage.output_tokens": 0,
    "user.id": "u-0001",
    "observatory.feature": "chat",
}


def ask(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "observatory.cli", "ask", *words],
        env=os.environ | {"OBSERVATORY_DATA_DIR": str(folder)},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def answered(server: Serving, *words: str) -> list[str]:
    told = ask(server.folder, *words)
    assert told.returncode == 0, told.stdout + told.stderr
    lines = told.stdout.splitlines()
    assert lines[-1].startswith(f"more: {server.url}{BASE}/")
    return lines


def read(server: Serving, path: str, **query: str) -> Any:
    return httpx.get(f"{server.url}{BASE}{path}", params=query, headers=server.headers, timeout=120).json()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    with serving(tmp_path_factory.mktemp("ask") / "data", tick_s=0.5, fast_share=0.5) as found:
        until(lambda: httpx.get(f"{found.url}/readyz").status_code == 200, "the first round")
        _tell(found)
        until(lambda: read(found, "/incidents")["items"], "an incident")
        until(lambda: read(found, "/system-health")["services"]["trading_execution"]["reasons"], "a failing exchange")
        until(lambda: read(found, "/user/u-0001")["api_costs"]["cost_usd"], "what the user cost")
        until(lambda: read(found, "/costs/budgets")["items"][0]["spent_usd"], "what was spent")
        yield found


def _tell(server: Serving) -> None:
    terms = {"name": "AI", "scope": "category", "value": "ai", "period": "month", "amount_usd": "1000"}
    made = httpx.post(f"{server.url}{BASE}/costs/budgets", json=terms, headers=server.headers, timeout=120)
    assert made.status_code == 201, made.text

    def insert(signal: Any, body: bytes, _: int) -> Any:
        assert server.post(body, signal.path).status_code == 200

    sender = Sender(insert, "production", datetime.now(UTC))
    for place in range(40):
        status = "rejected" if place % 2 else "filled"
        sender.span("order.execute", ago=20, **ORDER | {"order.status": status})
        sender.span("order.execute", ago=20, **ORDER | {"exchange.id": "kraken"})
        named = {"signal.id": f"s-{place}", "user.id": "u-0001", "messaging.system": "telegram"}
        told = {"signal.delivery.attempt": 1, "signal.delivery.status": "accepted" if place else "dead_letter"}
        sender.span("signal.deliver", ago=20, ms=20, **named | told)
    for _ in range(4):
        sender.span("chat gpt-4o", ago=20, ms=900, **GPT)
    sender.log("security.event", ago=1, **{"security.kind": "login_storm", "security.subject": "user-7"})
    sender.flush()


def test_is_it_healthy(server: Serving) -> None:
    lines = answered(server, "is", "my", "system", "healthy", "right", "now?")
    assert "in production" in lines[0]
    assert "of 65 services report" in lines[0]
    assert "ago" in lines[0]
    assert any(line.startswith("trading_execution critical") and "samples" in line for line in lines)


def test_which_exchange_fails(server: Serving) -> None:
    lines = answered(server, "which exchagne is having issues")
    assert lines[0].startswith("binance is in trouble; 2 exchanges")
    assert any(line.startswith("binance: 40 orders, success 50 %") for line in lines)
    assert any(line.startswith("kraken: 40 orders, success 100 %") for line in lines)


def test_what_does_a_user_cost(server: Serving) -> None:
    lines = answered(server, "how much is user u-0001 costing me?")
    truth = read(server, "/user/u-0001")["api_costs"]
    assert lines[0].startswith(f"user u-0001 cost ${truth['cost_usd']:,.2f} in the last 1 d (4 samples")
    assert any(line.startswith("by feature: chat $") for line in lines)
    told = ask(server.folder, "how much is user u-9999 costing me?")
    assert told.returncode == 3
    assert "never seen" in told.stdout


def test_do_signals_arrive(server: Serving) -> None:
    lines = answered(server, "are signals being delivered?", "--window", "1h")
    assert "40 deliveries in the last 1 h, accepted 97.5 %" in lines[0]
    assert any(line.startswith("telegram: 40") for line in lines)


def test_is_spending_within_budget(server: Serving) -> None:
    lines = answered(server, "is AI spending within budget?")
    assert lines[0] == "Yes."
    assert lines[1].startswith("AI within: $1.00 of $1,000.00 this month (0.1 %)")


def test_what_caused_the_incident(server: Serving) -> None:
    lines = answered(server, "what caused the incident", "--window", "1h")
    newest = read(server, "/incidents")["items"][0]
    assert "between" in lines[0]
    assert any(f"incident:{newest['id']}" in line or "alert:" in line for line in lines)
    asked = ("what caused the incident last night", "--window", "10s")
    until(lambda: ask(server.folder, *asked).stdout.startswith("No incident began between"), "ten quiet seconds")


def test_answers_are_json_when_asked_for(server: Serving) -> None:
    told = json.loads(ask(server.folder, "--json", "how much does u-0001 cost").stdout)
    assert (told["question"], told["names"]["user"], told["known"]) == ("user", "u-0001", True)
    cost = next(each for each in told["figures"] if each["name"] == "api_costs.cost_usd")
    assert cost["value"] == read(server, "/user/u-0001")["api_costs"]["cost_usd"]
    assert {"unit", "samples", "window_s", "as_of", "source"} <= cost.keys()
    assert told["links"][0].startswith(f"{server.url}{BASE}/user/u-0001")


def test_another_question_lists_the_seven(server: Serving) -> None:
    told = ask(server.folder, "what is the weather in Rome")
    assert told.returncode == 2
    assert told.stdout == ""
    assert len(told.stderr.splitlines()) == 8
    unnamed = ask(server.folder, "how much does this user cost")
    assert (unnamed.returncode, unnamed.stderr.splitlines()[0]) == (2, "Name a user. The questions are:")


def test_what_the_server_refuses_is_said(server: Serving) -> None:
    told = ask(server.folder, "are signals delivered", "--window", "a while")
    assert told.returncode == 1
    assert "refused" in told.stderr
    assert "window" in told.stderr
    told = ask(server.folder, "is it healthy", "--environment", "nowhere")
    assert told.returncode == 1
    assert "no telemetry of the environment 'nowhere'" in told.stderr


def test_without_a_server_it_says_so(tmp_path: Path) -> None:
    told = ask(tmp_path, "is it healthy")
    assert (told.returncode, told.stdout) == (1, "")
    assert "no server runs on" in told.stderr
