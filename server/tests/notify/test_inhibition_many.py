"""Inhibition when everything fires at once."""

from __future__ import annotations

from typing import Any

import pytest
from alert_scenes import alert

from observatory.incidents import Graph
from observatory.model.alert import Alert
from observatory.notify import inhibition

SERVICES = [f"s{nth}" for nth in range(100)]


def everything() -> list[Alert]:
    """5,000 alerts: of each service its own rules, and that it fails."""
    found = [alert("service.failing", service, services=(service,)) for service in SERVICES]
    for nth in range(49):
        tier = "critical" if nth % 2 else "warning"
        found += [alert(f"x.{nth // 2}.{tier}", f"m{service}", services=(service,)) for service in SERVICES]
    return found


def test_five_thousand_alerts_are_compared_with_those_near_them_only(monkeypatch: pytest.MonkeyPatch) -> None:
    compared = 0
    plain: Any = inhibition._why

    def counted(*pair: Any) -> str:
        nonlocal compared
        compared += 1
        assert compared <= 60_000, "each alert is compared with each"
        return str(plain(*pair))

    monkeypatch.setattr(inhibition, "_why", counted)
    calls = frozenset((SERVICES[nth], SERVICES[(nth + step) % 100]) for nth in range(100) for step in range(1, 6))
    firing = everything()
    assert len(firing) == 5_000
    muted = inhibition.inhibited(firing, {}, lambda _: Graph(calls))
    # Of the tiers the lower ones, and of services that call each other in a circle all but one.
    tiers = [each for each in muted.values() if each.by.rule.startswith("x.")]
    assert len(tiers) == 2_400
    failing = [each for each in firing if each.rule == "service.failing" and each.fingerprint not in muted]
    assert len(failing) == 1


def test_what_explains_is_found_by_any_of_the_services_of_either() -> None:
    down = alert("service.down", "b", services=("a", "b"))
    caller = alert("service.failing", "c", services=("c",))
    far = alert("service.failing", "d", services=("d",))
    graph = Graph(frozenset({("c", "b"), ("d", "z")}))
    muted = inhibition.inhibited([far, caller, down], {}, lambda _: graph)
    assert [each.by.rule for each in muted.values()] == ["service.down"]
    assert list(muted) == [caller.fingerprint]
