"""What rounds found is kept: as series of every indicator, and as the state of an earlier moment."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest


def rfc(at: Any) -> str:
    return str(at.isoformat(timespec="milliseconds")).replace("+00:00", "Z")


async def _rounds(server: Any, sender: Any, count: int, every_s: int) -> None:
    """Rounds in which one model call more is made each."""
    for number in range(count):
        sender.at = server.clock.now()
        sender.span(
            "chat model", ago=1, ms=100 + number, **{"gen_ai.operation.name": "chat", "gen_ai.request.model": "m"}
        )
        sender.flush()
        await server.tick.round()
        server.clock.advance(every_s)


async def test_a_series_has_each_round(server: Any, sender: Any) -> None:
    begun = server.clock.now()
    await _rounds(server, sender, 6, 10)
    where = {"environment": sender.environment, "window": "5m", "step": "10s"}
    answer = (await server.read("/series", indicator="ai_systems.calls", **where)).json()
    (one,) = answer["items"]
    assert [point["value"] for point in one["points"]] == [1, 2, 3, 4, 5, 6]
    assert answer["unit"] == "1"
    assert one["points"][0]["at"] <= rfc(begun)
    health = (await server.read("/series", indicator="health.service", member="ai_chat_engine", **where)).json()
    assert health["items"][0]["points"][0]["value"] is None


async def test_minutes_and_hours_are_rolled_up_and_agree_with_the_rounds(server: Any, sender: Any) -> None:
    await _rounds(server, sender, 12, 20)
    where = {"environment": sender.environment, "window": "15m"}
    fine = (await server.read("/series", indicator="ai_systems.calls_1h", step="10s", **where)).json()["items"][0]
    coarse = (await server.read("/series", indicator="ai_systems.calls_1h", step="1m", **where)).json()["items"][0]
    minutes: dict[str, list[float]] = {}
    for point in fine["points"]:
        minutes.setdefault(point["at"][:16], []).append(point["value"])
    assert {point["at"][:16]: point["value"] for point in coarse["points"]} == {
        minute: values[-1] for minute, values in minutes.items()
    }
    assert [point["min"] for point in coarse["points"]] == [min(values) for values in minutes.values()]
    assert [point["mean"] for point in coarse["points"]] == pytest.approx(
        [sum(values) / len(values) for values in minutes.values()]
    )


async def test_the_state_as_it_was_then_can_be_asked_for(server: Any, sender: Any) -> None:
    await _rounds(server, sender, 1, 60)
    first_at = server.clock.now() - timedelta(seconds=60)
    first = (await server.read("/system-health", environment=sender.environment)).json()
    await _rounds(server, sender, 3, 60)
    where = {"environment": sender.environment, "as_of": rfc(first_at + timedelta(seconds=5))}
    then = (await server.read("/system-health", **where)).json()
    assert then["timestamp"] == rfc(first_at)
    assert then["services"]["ai_systems"]["calls_5m"] == 1
    assert then["timestamp"] == first["timestamp"]
    services = (await server.read("/services", **where)).json()
    assert (len(services["items"]), services["timestamp"]) == (65, rfc(first_at))
    assert (await server.read("/topology", **where)).json()["timestamp"] == rfc(first_at)
    one = await server.read("/services/trade_execution_service", **where)
    assert one.json()["timestamp"] == rfc(first_at)


async def test_a_time_of_which_nothing_was_kept_is_not_found(server: Any, sender: Any) -> None:
    await _rounds(server, sender, 1, 10)
    where = {"environment": sender.environment, "as_of": "2026-01-02T03:04:05Z"}
    answer = await server.read("/system-health", **where)
    assert (answer.status_code, "nothing is known" in answer.json()["detail"]) == (404, True)


async def test_every_indicator_is_listed_with_its_bounds(server: Any) -> None:
    items = {item["id"]: item for item in (await server.read("/indicators")).json()["items"]}
    assert items["ai_systems.latency_p95"]["warn"] == "> 5000"
    assert items["services.p95"]["group_by"] == ["Service"]


@pytest.mark.parametrize(
    ("bad", "status", "word"),
    [
        ({"indicator": "nothing.at_all"}, 404, "nothing.at_all"),
        ({"indicator": "ai_systems.calls", "step": "7s"}, 422, "step"),
        ({"indicator": "ai_systems.calls", "step": "15s"}, 422, "step"),
        ({"indicator": "ai_systems.calls", "step": "10s", "window": "30d"}, 422, "step"),
        ({}, 422, "allowed"),
    ],
)
async def test_a_bad_question_for_a_series_is_told(
    server: Any, sender: Any, bad: dict[str, str], status: int, word: str
) -> None:
    await _rounds(server, sender, 1, 10)
    answer = await server.read("/series", environment=sender.environment, **bad)
    assert answer.status_code == status
    assert word in answer.json()["detail"]
