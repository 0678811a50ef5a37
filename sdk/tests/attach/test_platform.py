"""The whole platform as a throw-away package of its names, attached to by one command: every service reports."""

from __future__ import annotations

import sys
from decimal import Decimal
from fnmatch import fnmatchcase
from typing import Any

import pytest
import throwaway

from observatory_sdk.attach.bindings import load

BINDINGS = load("cryptouniverse")
SHARED = {
    "sentiment_analysis_engine": "realtime_sentiment_engine",
    "strategy_monitoring_service": "strategy_system_monitor",
}


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
    throwaway.write(platform.folder)
    command = [sys.executable, "-m", "observatory_sdk.attach.command", "--bindings", "cryptouniverse", "--"]
    # A sender's socket may be left to the interpreter at the exit, which is no error of the platform.
    warnings = ("-W", "error", "-W", "ignore::ResourceWarning")
    done = platform.run(
        *command, sys.executable, *warnings, "run.py", check=False, OBSERVATORY_ENDPOINT=otlp_server.url
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
    # Left alone by the bindings: one that is called for every metric, one that makes a decorator.
    assert len(entries) == throwaway.calls() - 2


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


def test_what_is_bound_to_is_what_the_facts_name() -> None:
    known = {service: facts.get("targets", []) for service, facts in throwaway.SERVICES.items()}
    assert {each.service: [str(target) for target in each.targets] for each in BINDINGS.services} == known
    shared = {name: facts["shares"] for name, facts in throwaway.SERVICES.items() if "shares" in facts}
    assert {each.service: each.shares for each in BINDINGS.services if each.shares} == shared
    hubs = {name for name, facts in throwaway.SERVICES.items() if facts.get("hub")}
    assert {each.service for each in BINDINGS.services if each.hub} == hubs


def test_every_place_that_a_fact_is_read_from_is_known_or_marked_as_assumed() -> None:
    unknown = []
    for binding in BINDINGS.services:
        for method, told in binding.facts.items():
            owner = "" if "." in method else f"{binding.targets[0].owner}."
            keys = set(throwaway.RETURNED[f"{owner}{method}"])
            paths = {path for mapped in told for field in mapped.fields.values() for path in field.paths}
            for path in sorted(map(str, paths)):
                # What stands inside an argument is not in its name.
                plain = path.count(".") == 1 and path.startswith("args.")
                vouched = plain or path.removeprefix("result.") in keys
                if not vouched and not any(fnmatchcase(path, pattern) for pattern in binding.assumed):
                    unknown.append(f"{binding.service}: {method}: {path}")
    assert unknown == []
