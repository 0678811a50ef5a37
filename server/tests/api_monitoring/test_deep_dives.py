"""The areas' own endpoints: ranges, filters, pages, provenance, and what they say of bad questions."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest

ORDER = {
    "exchange.id": "binance",
    "order.symbol": "BTC/USDT",
    "order.side": "buy",
    "order.type": "market",
    "order.mode": "live",
    "order.status": "filled",
    "order.arrival_mid": 100.0,
    "order.average_price": 100.1,
}


def rfc(at: Any) -> str:
    return str(at.isoformat()).replace("+00:00", "Z")


async def test_an_empty_store_answers_null_and_no_rows(server: Any, sender: Any, told: Any) -> None:
    sender.heartbeat("health_monitor")
    await told()
    answer = (await server.read("/trading", environment=sender.environment)).json()
    assert answer["execution"]["execution_success_rate"] is None
    assert answer["execution"]["provenance"]["execution_success_rate"]["samples"] == 0
    assert answer["exchanges"] == {"items": [], "next": None}
    assert answer["unknown_orders"]["items"] == []


async def test_a_range_is_looked_at_and_no_more(server: Any, sender: Any, told: Any) -> None:
    for ago in (60, 1_800, 7_000):
        sender.span("order.execute", ago=ago, **ORDER)
    await told()
    counted = {}
    for window in ("5m", "1h", "24h"):
        answer = (await server.read("/trading", environment=sender.environment, window=window)).json()
        counted[window] = answer["execution"]["orders"]
        assert answer["execution"]["provenance"]["orders"]["window_s"] == answer["window_s"]
    assert counted == {"5m": 1, "1h": 2, "24h": 3}
    between = {"from": rfc(sender.at - timedelta(seconds=7_200)), "to": rfc(sender.at - timedelta(seconds=1_700))}
    answer = (await server.read("/trading", environment=sender.environment, **between)).json()
    assert answer["execution"]["orders"] == 2
    then = rfc(sender.at - timedelta(seconds=1_700))
    answer = (await server.read("/trading", environment=sender.environment, as_of=then, window="5m")).json()
    assert (answer["execution"]["orders"], answer["to"]) == (1, then.replace("Z", ".000Z"))


async def test_rows_are_filtered_and_come_in_pages(server: Any, sender: Any, told: Any) -> None:
    for number in range(5):
        lost = {"order.status": "unknown", "order.client_id": f"lost-{number}"}
        sender.span("order.execute", ago=10 + number, **ORDER | lost | {"exchange.id": "kraken" if number else "okx"})
    await told()
    where = {"environment": sender.environment}
    answer = (await server.read("/trading", exchange="kraken", **where)).json()
    assert [row["exchange"] for row in answer["exchanges"]["items"]] == ["kraken"]
    assert len(answer["unknown_orders"]["items"]) == 4
    seen, cursor = [], None
    while True:
        more = {"cursor": cursor} if cursor else {}
        page = (await server.read("/trading", section="unknown_orders", limit=2, **where, **more)).json()
        seen += [row["order_id"] for row in page["unknown_orders"]["items"]]
        cursor = page["unknown_orders"]["next"]
        if cursor is None:
            break
    assert seen == [f"lost-{number}" for number in reversed(range(5))]
    assert "exchanges" not in page


@pytest.mark.parametrize(
    ("bad", "named"),
    [
        ({"window": "soon"}, "window"),
        ({"window": "91d"}, "window"),
        ({"from": "yesterday"}, "from"),
        ({"from": "2026-01-02T03:04:05"}, "from"),
        ({"to": "2026-13-02T03:04:05Z"}, "to"),
        ({"from": "2026-01-02T03:04:05Z", "to": "2026-01-01T03:04:05Z"}, "from"),
        ({"from": "2026-01-02T03:04:05Z", "window": "1h"}, "window"),
        ({"as_of": "2026-01-02T03:04:05Z", "to": "2026-01-02T03:04:05Z"}, "as_of"),
        ({"section": "nothing"}, "section"),
        ({"cursor": "cm93OjE="}, "cursor"),
        ({"section": "unknown_orders", "cursor": "rubbish"}, "cursor"),
        ({"venue": "kraken"}, "venue"),
        ({"exchange": ""}, "exchange"),
        ({"step": "soon"}, "step"),
        ({"step": "15s"}, "step"),
        ({"step": "10s", "window": "24h"}, "step"),
    ],
)
async def test_a_bad_parameter_is_named(server: Any, told: Any, bad: dict[str, str], named: str) -> None:
    await told()
    answer = await server.read("/trading", **bad)
    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["detail"].startswith(f"query parameter {named}:")


async def test_an_environment_that_never_sent_anything_is_not_found(server: Any, told: Any) -> None:
    await told()
    assert (await server.read("/trading", environment="nowhere")).status_code == 404


async def test_who_may_not_read_gets_nothing(server: Any, told: Any) -> None:
    await told()
    assert (await server.read("/trading", scope="ingest")).status_code == 403
    assert (await server.read("/trading", scope=None)).status_code == 401


async def test_with_a_step_numbers_of_the_area_have_their_history(server: Any, sender: Any, told: Any) -> None:
    for _ in range(3):
        sender.at = server.clock.now()
        sender.span("order.execute", ago=1, **ORDER)
        await told()
        server.clock.advance(10)
    where = {"environment": sender.environment, "window": "5m"}
    answer = (await server.read("/trading", step="10s", **where)).json()
    orders = answer["execution"]["series"]["orders"]
    assert [point["value"] for point in orders] == [1, 2, 3]
    assert (answer["step_s"], orders[0]["samples"]) == (10, 1)
    assert set(answer["execution"]["series"]) == set(answer["execution"]["provenance"])
    assert "series" not in answer["exchanges"]
    plain = (await server.read("/trading", **where)).json()
    assert "series" not in plain["execution"]
    assert "step_s" not in plain


async def test_one_answer_serves_all_who_look_within_a_round(server: Any, sender: Any, told: Any) -> None:
    sender.span("order.execute", ago=60, **ORDER)
    await told()
    where = {"environment": sender.environment}
    first = (await server.read("/trading", **where)).json()
    sender.span("order.execute", ago=30, **ORDER)
    sender.flush()
    server.clock.advance(2)
    again = (await server.read("/trading", **where)).json()
    assert again == first
    # It says itself of when it is.
    assert datetime.fromisoformat(again["to"]) == sender.at
    # Another range is another answer, and so is a page of one section.
    assert (await server.read("/trading", window="2h", **where)).json()["execution"]["orders"] == 2
    await server.tick.round()
    assert (await server.read("/trading", **where)).json()["execution"]["orders"] == 2


async def test_an_answer_is_not_kept_when_rounds_have_stopped(server: Any, sender: Any, told: Any) -> None:
    sender.span("order.execute", ago=60, **ORDER)
    await told()
    where = {"environment": sender.environment}
    assert (await server.read("/trading", **where)).json()["execution"]["orders"] == 1
    sender.span("order.execute", ago=30, **ORDER)
    sender.flush()
    server.clock.advance(11)
    assert (await server.read("/trading", **where)).json()["execution"]["orders"] == 2
