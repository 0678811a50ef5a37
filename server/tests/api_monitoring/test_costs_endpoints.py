"""What the endpoints of the money and of the resources answer."""

from __future__ import annotations

from typing import Any

from observatory import areas
from observatory.areas import deepdive

GPT = {
    "gen_ai.operation.name": "chat",
    "gen_ai.provider.name": "openai",
    "gen_ai.response.model": "gpt-4o-2024-08-06",
    "gen_ai.usage.input_tokens": 1_000_000,
    "gen_ai.usage.output_tokens": 0,
}


async def _show(server: Any, sender: Any, path: str, **asked: Any) -> Any:
    answer = await server.read(path, environment=sender.environment, **asked)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def test_what_is_being_spent_is_told_user_by_user(server: Any, sender: Any, told: Any) -> None:
    sender.span("chat", **GPT, **{"user.id": "ann", "user.cohort": "trial", "observatory.feature": "chat"})
    sender.span("chat", **GPT | {"gen_ai.response.model": "house-model-7"})
    sender.log("cost.charge", **{"cost.provider": "kraken", "cost.category": "exchange", "cost.amount_usd": "0.5"})
    sender.log("cost.charge", ago=5_000, **{"cost.category": "exchange", "cost.amount_usd": "7", "user.id": "bob"})
    await told()
    answer = await _show(server, sender, "/costs/realtime", window="30m")
    assert (answer["now"]["cost_usd"], answer["now"]["unpriced_ratio"]) == (3, 0.5)
    assert answer["now"]["provenance"]["cost_usd"]["window_s"] == 3_600
    users = {row["user_id"]: row for row in answer["users"]["items"]}
    assert (users["ann"]["cost_usd"], users["ann"]["cost_per_hour_usd"]) == (2.5, 5)
    assert (users[""]["cost_usd"], users[""]["unpriced_calls"], users[""]["estimated"]) == (0.5, 1, True)
    day = await _show(server, sender, "/costs", window="24h")
    (total,) = day["total"]["items"]
    assert (total["cost_usd"], total["ai_usd"], total["charges_usd"]) == (10, 2.5, 7.5)
    assert (total["unattributed_user_ratio"], total["unattributed_feature_ratio"]) == (0.05, 0.75)
    assert {row["user_cohort"]: row["cost_usd"] for row in day["cohorts"]["items"]} == {"": 7.5, "trial": 2.5}
    one = await _show(server, sender, "/costs", window="24h", section="providers", provider="openai")
    assert [(row["category"], row["cost_usd"]) for row in one["providers"]["items"]] == [("ai", 2.5)]


async def test_nothing_known_of_money_and_resources_is_null(server: Any, sender: Any, told: Any) -> None:
    sender.heartbeat("health_monitor")
    await told()
    for path, section in (("/costs", "now"), ("/costs/realtime", "now"), ("/resources", "overall")):
        answer = await _show(server, sender, path)
        values = [value for name, value in answer[section].items() if name != "provenance"]
        assert set(values) == {None}
        lists = [each for each in answer.values() if isinstance(each, dict) and "items" in each]
        assert lists
        assert all(each["items"] == [] for each in lists)


async def test_rows_show_exactly_the_columns_that_are_documented(server: Any, sender: Any, told: Any) -> None:
    sender.span("chat", **GPT)
    sender.gauge("redis.memory.used", 5.0)
    sender.gauge("redis.maxmemory", 10.0)
    sender.counter("system.network.io", 5)
    sender.gauge("db.client.connection.count", 1, **{"db.client.connection.state": "used"})
    await told()
    for path, sections in (
        ("costs", ("total", "categories", "providers", "models", "users", "cohorts", "features", "steps")),
        ("resources", ("redis", "pools", "network", "exhaustion")),
    ):
        answer = await _show(server, sender, f"/{path}")
        for section in sections:
            assert set(answer[section]["items"][0]) == _documented(path, section), section


def _documented(path: str, section: str) -> set[str]:
    found = next(each for area in areas.load() for each in deepdive.load(area) if each.path == path)
    return set(next(each for each in found.sections if each.id == section).columns)
