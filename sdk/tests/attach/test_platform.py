"""The whole platform as a throw-away package of its names, attached to by one command: every service reports."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import yaml

from observatory_sdk.attach.bindings import load

BINDINGS = load("cryptouniverse")
NAMES: Mapping[str, Mapping[str, list[str]]] = yaml.safe_load(
    Path(__file__).with_name("platform.yaml").read_text(encoding="utf-8")
)
SHARED = {
    "sentiment_analysis_engine": "realtime_sentiment_engine",
    "strategy_monitoring_service": "strategy_system_monitor",
}

# What methods answer whose facts are looked at. Other methods answer nothing.
ANSWERS = {
    "TradeExecutionService.execute_trade": """{
        'success': True, 'trade_id': 'T1', 'simulation_fallback': True, 'notice': 'no credentials',
        'simulation_result': {'order_id': 'SIM_1', 'status': 'FILLED', 'execution_price': 50000.0, 'quantity': 0.1,
        'fees': 0.05, 'slippage_bps': 2}}""",
    "APICostTracker.track_api_call": "None",
    "SignalDeliveryService._deliver_telegram": "Row(id=7, status=Status.DELIVERED)",
    "ConsensusEngine.generate_consensus": """{
        'success': True, 'consensus_score': 82.5, 'confidence_threshold_met': True,
        'cost_summary': {'models_used': ['gpt-4', 'claude']}}""",
    "CreditLedger.consume_credits": """Row(id=UUID(int=5), transaction_type=Kind.USAGE, amount=-3, balance_before=10,
        balance_after=Decimal('7'))""",
    "CreditLedger.add_credits": "Row(id=1, transaction_type='purchase', amount=10, balance_before=0, balance_after=10)",
    "CreditLedger.refund_credits": "Row(id=2, transaction_type='refund', amount=1, balance_before=7, balance_after=8)",
    "PaperTradingEngine.execute_paper_trade": """{
        'success': True, 'paper_trade': {'trade_id': 'P1', 'quantity': 2, 'entry_price': 0}}""",
    "PortfolioRiskService.risk_analysis": "{'success': True, 'risk_metrics': {'var_95_percent': 4.5}}",
    "EmergencyManager.get_emergency_status": "{'success': True, 'result': {'success': False, 'error': 'no venue'}}",
}
HEAD = """
from decimal import Decimal
from enum import Enum
from uuid import UUID

class Kind(Enum):
    USAGE = "usage"

class Status(str, Enum):
    DELIVERED = "delivered"

class Row:
    def __init__(self, **values):
        self.__dict__.update(values)
    @property
    def event(self):
        raise RuntimeError("read from the database")

"""
ARGUMENTS = {
    "EmergencyManager.execute_emergency_protocol": "'u1', 'critical', {}, 'drawdown'",
    "TradeExecutionService.execute_real_trade": "'BTC/USDT', 'sell', 0.2, 'limit', 'kraken', 'u2'",
    "TradeExecutionService.execute_trade": (
        "{'symbol': 'BTC/USDT', 'action': 'BUY', 'quantity': '0.1', 'exchange': 'Binance', 'order_type': 'MARKET'},"
        "'u1', False, 's1'"
    ),
    "APICostTracker.track_api_call": "'coingecko', '/coins', 'GET', 0.0125, 'u1'",
    "CreditLedger.consume_credits": "None, Row(user_id=UUID(int=9)), 3, 'a signal', 'signals'",
    "PaperTradingEngine.execute_paper_trade": "'u1', 'ETH/USDT', 'sell', 2, 's2', 'market'",
    "SignalDeliveryService._deliver_telegram": "None, None, None, {}, '', Row(name='momentum'), 'e1', None, 1",
    "PortfolioRiskService.risk_analysis": "'u1', 30, [95]",
}


def write_platform(platform: Any) -> None:
    """Each class of the platform with its methods, and singletons made as their modules are imported."""
    modules: dict[str, list[str]] = {}
    calls = []
    for target, known in NAMES.items():
        module, _, name = target.partition(":")
        methods = known or {"act": ["async"]}
        body = [_method(name, method, kind, parameters) for method, (kind, *parameters) in methods.items()]
        modules.setdefault(module, [HEAD]).append(f"class {name}:\n" + ("".join(body) or "    pass\n"))
        modules[module].append(f"\n{name.lower()} = {name}()\n\n")
        for method, (kind, *parameters) in methods.items():
            given = ARGUMENTS.get(f"{name}.{method}", ", ".join("None" for each in parameters if each[0] != "*"))
            calls.append(
                f"({module!r}, {name.lower()!r}, {method!r}, {kind!r}, lambda: ({given}{',' if given else ''})),"
            )
    for module, parts in modules.items():
        platform.write(module, "".join(parts))
    platform.write("main", HEAD + MAIN.replace("    CALLS\n", "".join(f"    {call}\n" for call in calls)))


def _method(name: str, method: str, kind: str, parameters: list[str]) -> str:
    answer = ANSWERS.get(f"{name}.{method}", "None")
    ends = f"yield {answer}" if "generator" in kind else f"return {answer}"
    start = "async def" if "async" in kind else "def"
    taken = ["self", *(each if each.startswith("*") else f"{each}=None" for each in parameters)]
    return f"    {start} {method}({', '.join(taken)}):\n        {ends}\n"


MAIN = """
import asyncio, importlib
CALLS_OF = lambda: [
    CALLS
]

async def run():
    for module, single, method, kind, given in CALLS_OF():
        found = getattr(getattr(importlib.import_module(module), single), method)(*given())
        if kind == "async":
            await found
        elif kind == "async generator":
            async for _ in found:
                pass

if __name__ == "__main__":
    asyncio.run(run())
    print("done")
"""


def attributes(found: Any) -> dict[str, Any]:
    """The attributes of a span or log record, as plain values."""
    values = {}
    for each in found.attributes:
        kind = each.value.WhichOneof("value")
        value = getattr(each.value, kind)
        values[each.key] = [item.string_value for item in value.values] if kind == "array_value" else value
    return values


@pytest.fixture
def reported(platform: Any, otlp_server: Any) -> Any:
    """The platform, run by the command with nothing changed in its code."""
    write_platform(platform)
    command = [sys.executable, "-m", "observatory_sdk.attach.command", "--bindings", "cryptouniverse", "--"]
    done = platform.run(
        *command, sys.executable, "-W", "error", "main.py", check=False, OBSERVATORY_ENDPOINT=otlp_server.url
    )
    assert done.stderr == ""
    assert done.stdout == "done\n"
    return otlp_server


def test_every_service_reports_and_what_it_shares_is_not_counted_twice(reported: Any) -> None:
    entries = [span for span in reported.spans() if "observatory.caller" in attributes(span)]
    seen = {attributes(span)["observatory.service"] for span in entries}
    own = {binding.service for binding in BINDINGS.services if binding.shares is None}
    assert seen == own
    assert len([binding for binding in BINDINGS.services if not binding.hub]) == 65
    assert {binding.service: binding.shares for binding in BINDINGS.services if binding.shares} == SHARED
    called = sum(len(methods) or 1 for methods in NAMES.values())
    # Left alone by the bindings: one that is called for every metric, one that makes a decorator.
    assert len(entries) == called - 2


def test_the_mapped_facts_arrive_with_the_right_values(reported: Any) -> None:
    facts: dict[str, list[dict[str, Any]]] = {}
    for span in reported.spans():
        facts.setdefault(span.name, []).append(attributes(span))
    for record in reported.log_records():
        facts.setdefault(record.event_name, []).append(attributes(record))
    order = next(each for each in facts["order.execute"] if each.get("exchange.id") == "binance")
    assert (order["order.symbol"], order["order.side"], order["order.mode"]) == ("BTC/USDT", "buy", "live")
    assert (order["order.average_price"], order["order.filled_quantity"]) == (50_000.0, 0.1)
    assert (order["order.status"], order["order.simulated"], order["order.client_id"]) == ("filled", True, "T1")
    assert Decimal(order["order.fee_usd"]) == Decimal("0.05")
    assert (order["observatory.outcome"], order["user.id"], order["strategy.id"]) == ("simulated", "u1", "s1")
    paper = next(each for each in facts["order.execute"] if each["observatory.service"] == "paper_trading_engine")
    assert (paper["order.mode"], paper["order.side"], paper["order.average_price"]) == ("paper", "sell", 0.0)
    (cost,) = facts["cost.charge"]
    assert (cost["cost.provider"], cost["cost.category"], cost["cost.amount_usd"]) == (
        "coingecko",
        "market_data",
        "0.0125",
    )
    telegram = next(each for each in facts["signal.deliver"] if each["messaging.system"] == "telegram")
    assert (telegram["signal.delivery.status"], telegram["signal.id"]) == ("accepted", "e1")
    (consensus,) = facts["ai.consensus.decide"]
    assert (consensus["ai.consensus.confidence"], consensus["ai.consensus.models"]) == (0.825, ["gpt-4", "claude"])
    entry = next(each for each in facts["credit.transaction"] if each["credit.type"] == "usage")
    assert (entry["credit.balance_before"], entry["credit.amount"], entry["credit.balance_after"]) == ("10", "-3", "7")
    assert entry["user.id"] == "00000000-0000-0000-0000-000000000009"
    risk = next(each for each in facts["risk.calculate"] if each.get("risk.kind") == "portfolio")
    assert risk["risk.var_ratio"] == pytest.approx(0.045)
    (inner,) = facts["emergency_manager.get_emergency_status"]
    assert (inner["observatory.outcome"], inner["observatory.outcome.reason"]) == ("failure", "no venue")
