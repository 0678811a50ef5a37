"""Cost anomalies over HTTP."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from observatory.api import cost_anomaly_json
from observatory.costs import Book, CostAnomalies, Ledger
from observatory.state import open_store
from observatory.store import Store

MINUTES = 60


@pytest.fixture
async def dear(server: Any, store: Store, sender: Any, told: Any, tmp_path: Path) -> AsyncIterator[CostAnomalies]:
    """An hour of messages that cost the same, then six minutes at eight times the price."""
    for minute in range(MINUTES, 0, -1):
        usd = "0.08" if minute <= 6 else "0.01"
        what = {"cost.provider": "ses", "cost.category": "communication", "cost.unit": "message"}
        for second in (0, 20, 40):
            told_as = {**what, "cost.amount_usd": usd, "cost.quantity": 1.0, "observatory.feature": "mail"}
            sender.log("cost.charge", minute * 60 - second, **told_as)
    await told()
    control = await open_store(f"sqlite+aiosqlite:///{tmp_path / 'control.db'}")
    ledger, clock = Ledger(store.reader, Book()), server.clock
    given = store.reader, ledger, control, clock, cost_anomaly_json.encode
    server.app.state.cost_anomalies = CostAnomalies(*given, lambda: [sender.environment])
    yield server.app.state.cost_anomalies
    await control.close()


async def test_an_anomaly_is_listed_with_its_money_factor_and_origin(
    server: Any, sender: Any, dear: CostAnomalies
) -> None:
    await dear.step()
    answer = await server.read("/costs/anomalies", environment=sender.environment)
    assert answer.status_code == 200
    body = answer.json()
    (found,) = body["items"]
    assert (found["kind"], found["state"], found["main_factor"]) == ("price_change", "open", "charge_price")
    assert found["scope"].items() >= {"category": "communication", "provider": "ses", "feature": "mail"}.items()
    assert 1.0 <= found["excess_usd"] <= 1.3
    assert found["excess_low_usd"] <= found["excess_usd"] <= found["excess_high_usd"]
    assert set(found["provenance"]) == {"samples", "window_s", "as_of", "source", "estimated"}
    assert (body["open"], body["open_excess_usd"], body["next"]) == (1, pytest.approx(found["excess_usd"]), None)
    (reading,) = dear.readings(sender.environment, dear.looked_at(sender.environment))
    assert (reading.indicator, reading.measurement.value) == (
        "costs.anomaly_excess_usd",
        dear.excess_usd(sender.environment),
    )
    assert reading.measurement.samples > 0
    one = (await server.read(f"/costs/anomalies/{found['id']}")).json()
    assert sum(map(float, one["parts_exact_usd"].values())) == pytest.approx(one["actual_usd"] - one["expected_usd"])
    assert one["evidence"]["behind"]


async def test_filters_keep_what_they_say(server: Any, sender: Any, dear: CostAnomalies) -> None:
    await dear.step()
    for parameters, many in (
        ({"kind": "price_change"}, 1),
        ({"kind": "volume"}, 0),
        ({"state": "open"}, 1),
        ({"state": "closed"}, 0),
        ({"to": (sender.at - timedelta(hours=2)).isoformat()}, 0),
    ):
        answer = await server.read("/costs/anomalies", environment=sender.environment, **parameters)
        assert len(answer.json()["items"]) == many, parameters


async def test_before_anything_was_looked_at_nothing_is_said(server: Any, sender: Any, dear: CostAnomalies) -> None:
    body = (await server.read("/costs/anomalies", environment=sender.environment)).json()
    assert (body["items"], body["open_excess_usd"], body["looked_at"]) == ([], None, None)


@pytest.mark.parametrize(
    ("path", "parameters", "status", "named"),
    [
        ("", {"kind": "odd"}, 422, "kind"),
        ("", {"state": "odd"}, 422, "state"),
        ("", {"windows": "1h"}, 422, "windows"),
        ("", {"window": "1x"}, 422, "window"),
        ("", {"environment": "nowhere"}, 404, "nowhere"),
        ("/4711", {}, 404, "4711"),
        ("/0", {}, 422, "anomaly_id"),
    ],
)
async def test_a_bad_request_is_told_what_is_wrong(
    server: Any, dear: CostAnomalies, path: str, parameters: dict[str, str], status: int, named: str
) -> None:
    answer = await server.read(f"/costs/anomalies{path}", **parameters)
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    assert named in answer.text


async def test_feedback_needs_who_may_operate(server: Any, dear: CostAnomalies) -> None:
    async with server.client("read") as client:
        answer = await client.post("/costs/anomalies/1/feedback", json={"expected": True})
    assert answer.status_code == 403


async def test_feedback_is_remembered_and_shown(server: Any, sender: Any, dear: CostAnomalies) -> None:
    await dear.step()
    (found,) = dear.open
    text, _ = await server.app.state.tokens.issue("operator", ["operate"])
    async with server.client(None) as client:
        path, headers = f"/costs/anomalies/{found.id}/feedback", {"Authorization": f"Bearer {text}"}
        bad = await client.post(path, json={"expected": True, "reasons": "?"}, headers=headers)
        answer = await client.post(path, json={"expected": True, "reason": "a sale"}, headers=headers)
    assert bad.status_code == 422
    assert answer.status_code == 201
    assert (answer.json()["expected"], answer.json()["reason"]) == (True, "a sale")
    body = (await server.read("/costs/anomalies", environment=sender.environment)).json()
    (shown,) = body["items"]
    assert (shown["counted"], shown["feedback"]["reason"], body["open_excess_usd"]) == (False, "a sale", 0.0)
