"""Alerts, a service graph and changes of phase, as the tests of incidents need them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from observatory.incidents import Graph
from observatory.model.alert import Alert, Phase, Severity, Transition, fingerprint

AT = datetime(2026, 3, 4, 5, 6, 7, tzinfo=UTC)
# trade -> router -> exchange adapter, and a chat that has nothing to do with them.
GRAPH = Graph(
    frozenset(
        {
            ("trade_execution_service", "binance_smart_router"),
            ("binance_smart_router", "exchange_universe_service"),
            ("ai_chat_engine", "chat_memory_service"),
        }
    )
)


def later(seconds: float) -> datetime:
    return AT + timedelta(seconds=seconds)


def graphs(_environment: str) -> Graph:
    return GRAPH


def alert(rule: str, member: str = "", at: datetime = AT, **fields: Any) -> Alert:
    values: dict[str, Any] = {
        "fingerprint": fingerprint("production", rule, member),
        "environment": "production",
        "rule": rule,
        "member": member,
        "severity": Severity.CRITICAL,
        "phase": Phase.FIRING,
        "since": at,
        "started_at": at,
        "fired_at": at,
        "resolved_at": None,
        "seen_at": at,
        "episode": 1,
        "measurement": None,
        "bound": "above 1",
        "sentence": f"{rule} is bad",
        "area": "",
        "services": (),
        "labels": {},
        "runbook": "",
        "evidence": (),
        "no_data": False,
    }
    return Alert(**(values | fields))


def fires(rule: str, member: str = "", after_s: float = 0, **fields: Any) -> Transition:
    at = later(after_s)
    return Transition(alert(rule, member, at, **fields), Phase.INACTIVE, at, "bad")


def ends(rule: str, member: str = "", after_s: float = 0, **fields: Any) -> Transition:
    at = later(after_s)
    over = alert(rule, member, at, phase=Phase.RESOLVED, resolved_at=at, **fields)
    return Transition(over, Phase.FIRING, at, "good again")
