"""The endpoints `credits` and `risk` over known values, and over a store that holds nothing of them."""

from __future__ import annotations

from typing import Any

import pytest

ENTRY = {"credit.type": "usage", "user.id": "u1"}


@pytest.mark.parametrize("path", ["/credits", "/risk"])
async def test_an_empty_store_answers_null_and_no_rows(server: Any, sender: Any, told: Any, path: str) -> None:
    sender.heartbeat("health_monitor")
    await told()
    answer = await server.read(path, environment=sender.environment)
    assert answer.status_code == 200
    for section in answer.json().values():
        if isinstance(section, dict) and "items" in section:
            assert section["items"] == []
        elif isinstance(section, dict):
            assert {value for name, value in section.items() if name != "provenance"} == {None}


async def test_a_broken_ledger_is_shown_with_its_evidence(server: Any, sender: Any, told: Any) -> None:
    for place, (before, amount, after) in enumerate((("10", "-1", "9"), ("9", "-1", "8"), ("8", "-1", "7.5"))):
        told_of = {"credit.balance_before": before, "credit.amount": amount, "credit.balance_after": after}
        sender.log("credit.transaction", ago=60 - place, **ENTRY, **told_of, **{"credit.idempotency_key": f"k{place}"})
    paid = {"payment.rail": "card", "payment.status": "succeeded", "payment.amount_usd": "19.99", "user.id": "u1"}
    sender.span("payment.process", **paid)
    await told()
    answer = (await server.read("/credits", environment=sender.environment, window="5m")).json()
    assert answer["ledger"]["transactions"] == 3
    assert answer["ledger"]["ledger_mismatches"] == 1
    assert answer["ledger"]["unaccounted_credits"] == 0.5
    found = {row["invariant"]: row for row in answer["violations"]["items"]}
    assert set(found) == {"amount_mismatch", "not_conserved"}
    assert (found["amount_mismatch"]["account"], found["amount_mismatch"]["key"]) == ("u1", "k2")
    assert found["amount_mismatch"]["evidence"] == "the balance went from 8 to 7.5 by an entry of -1, off by 0.5"
    assert [row["type"] for row in answer["types"]["items"]] == ["usage"]
    assert answer["rails"]["items"][0]["success_rate"] == 1
    (user,) = answer["users"]["items"]
    assert (user["revenue_usd"], user["credits_spent"], user["margin_usd"], user["margin_reason"]) == (
        19.99,
        3,
        None,
        "no_costs_told",
    )
    health = (await server.read("/system-health", environment=sender.environment)).json()
    assert health["services"]["credits"]["status"] == "critical"


async def test_rails_and_types_are_filtered_by_their_names(server: Any, sender: Any, told: Any) -> None:
    for rail in ("card", "eth"):
        sender.span(
            "payment.process",
            **{"payment.rail": rail, "payment.status": "declined", "payment.decline_reason": "rail_down"},
        )
    await told()
    answer = (await server.read("/credits", environment=sender.environment, rail="eth")).json()
    assert [row["rail"] for row in answer["rails"]["items"]] == ["eth"]
    assert [(row["rail"], row["reason"], row["share_ratio"]) for row in answer["declines"]["items"]] == [
        ("eth", "rail_down", 1)
    ]


async def test_risk_is_shown_from_the_figures_to_the_guards(server: Any, sender: Any, told: Any) -> None:
    for number in range(4):
        figures = {
            "risk.kind": "var",
            "portfolio.id": f"p{number}",
            "risk.score": 20.0 * number,
            "risk.var_ratio": 0.01 * number,
        }
        sender.span("risk.calculate", ms=10 * (number + 1), **figures, **{"user.id": f"u{number}"})
    limit = {"risk.limit.name": "exposure", "portfolio.id": "p1", "user.id": "u1"}
    for ago, breached, used in ((100, True, 1.4), (20, False, 0.95)):
        sender.span(
            "risk.limit.check",
            ago=ago,
            **limit,
            **{"risk.limit.breached": breached, "risk.limit.utilization_ratio": used},
        )
    sender.span(
        "risk.stress_test",
        ms=200,
        **{"risk.stress.scenario": "crash", "risk.stress.loss_ratio": 0.3, "portfolio.id": "p2"},
    )
    sender.span(
        "risk.correlation.compute", ago=30, **{"risk.correlation.pairs": 10, "risk.correlation.window_s": 3_600}
    )
    sender.span("order.execute", ago=5, ms=1_000, **{"order.status": "filled", "user.id": "u1", "order.id": "o1"})
    await told()
    answer = (await server.read("/risk", environment=sender.environment, window="5m")).json()
    assert answer["risk"]["avg_calc_time_ms"] == 25
    assert (answer["risk"]["breaches"], answer["risk"]["near_misses"], answer["risk"]["open_breaches"]) == (1, 1, None)
    assert answer["risk"]["order_risk_age_s_p50"] == 4
    assert answer["calculations"]["items"][0]["kind"] == "var"
    (scores,) = answer["scores"]["items"]
    assert (scores["portfolios"], scores["score_p50"], scores["psi"], scores["shift"]) == (4, 30, None, "unknown")
    (breach,) = answer["breaches"]["items"]
    assert (breach["user"], breach["limit"], breach["lasted_s"], breach["reduced_in_time"]) == (
        "u1",
        "exposure",
        80,
        False,
    )
    assert breach["excess_ratio"] == pytest.approx(0.4)
    (guard,) = answer["guards"]["items"]
    assert (guard["limit"], guard["verdict"]) == ("exposure", "alive")
    (stress,) = answer["stress"]["items"]
    assert (stress["scenario"], stress["worst_portfolio_id"], stress["loss_ratio_max"]) == ("crash", "p2", 0.3)
    assert (answer["correlation"]["correlation_age_s"], answer["correlation"]["pairs"]) == (30, 10)
    assert [row["portfolio_id"] for row in answer["portfolios"]["items"]] == ["p3", "p2", "p1", "p0"]
    assert [row["order_id"] for row in answer["near_misses"]["items"]] == [""]
