"""Budgets through the front door: how they stand, what a caller is told before he spends, what is refused."""

from __future__ import annotations

import time
from datetime import timedelta
from typing import Any

import pytest

PATH = "/costs/budgets"
AI = {"gen_ai.operation.name": "chat", "gen_ai.provider.name": "openai", "gen_ai.response.model": "gpt-4o-2024-08-06"}
# A million tokens in of this model cost 2.50 USD.
MILLION = {"gen_ai.usage.input_tokens": 1_000_000, "gen_ai.usage.output_tokens": 0}


class Asking:
    """Asks with the token that the question needs, of the test's environment."""

    def __init__(self, server: Any, sender: Any) -> None:
        self.server, self.sender = server, sender

    async def post(self, holding: str = "operate", **wanted: Any) -> Any:
        document = {"environment": self.sender.environment, "name": "b", "scope": "all", "period": "month"} | wanted
        async with self.server.client(holding) as client:
            return await client.post(PATH, json=document)

    async def put(self, number: int, **wanted: Any) -> Any:
        document = {"environment": self.sender.environment, "name": "b", "scope": "all", "period": "month"} | wanted
        async with self.server.client("operate") as client:
            return await client.put(f"{PATH}/{number}", json=document)

    async def set(self, amount_usd: str, **wanted: Any) -> Any:
        answer = await self.post(amount_usd=amount_usd, **wanted)
        assert answer.status_code == 201, answer.text
        return answer.json()

    async def check(self, **named: str) -> Any:
        answer = await self.server.read(f"{PATH}/check", "ingest", environment=self.sender.environment, **named)
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def all(self) -> Any:
        answer = await self.server.read(PATH, environment=self.sender.environment)
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def look(self) -> None:
        await self.server.app.state.standings.refresh()

    def charge(self, usd: str, ago: float = 10, category: str = "exchange", user: str = "") -> None:
        named = {"cost.provider": "kraken", "cost.category": category, "cost.amount_usd": usd}
        self.sender.log("cost.charge", ago=ago, **named, **({"user.id": user} if user else {}))


@pytest.fixture
def sender(sender: Any) -> Any:
    """As everywhere, but at noon: what was spent some minutes ago is of this day, whenever the tests run."""
    sender.at = (sender.at - timedelta(days=1)).replace(hour=12, minute=0, second=30)
    return sender


@pytest.fixture
def asking(server: Any, sender: Any) -> Asking:
    return Asking(server, sender)


async def test_without_a_budget_the_answer_is_that_none_is_set(asking: Asking) -> None:
    answer = await asking.all()
    assert (answer["state"], answer["items"], answer["coverage"]) == ("no budget set", [], None)
    asked = await asking.check(category="ai")
    assert (asked["verdict"], asked["state"], asked["budgets"]) == ("allowed", "no budget set", [])
    await asking.set("10", scope="category", value="ai")
    asked = await asking.check(category="exchange")
    assert (asked["verdict"], asked["state"]) == ("allowed", "no budget set")


async def test_what_was_spent_is_told_exactly_and_what_is_left(asking: Asking, sender: Any) -> None:
    sender.span("chat", **AI, **MILLION)
    asking.charge("0.5")
    sender.flush()
    ai = await asking.set("10", name="AI", scope="category", value="ai", period="day")
    assert (ai["state"], ai["spent_usd"], ai["left_usd"], ai["budget_used_ratio"]) == ("within", 2.5, 7.5, 0.25)
    assert (ai["amount_usd"], ai["uncosted"], ai["age_s"]) == ("10", 0, 0)
    assert ai["provenance"]["spent_usd"]["samples"] == 1
    total = await asking.set("3.5", name="total")
    assert (total["state"], total["spent_usd"]) == ("warned", 3.0)
    assert total["reasons"][0] == "85.7 % of 3.5 USD is spent"
    answer = await asking.all()
    assert answer["state"] == "warned"
    assert (answer["coverage"]["covered_ratio"], answer["coverage"]["total_usd"]) == (1, 3)


async def test_coverage_counts_once_what_two_budgets_cover(asking: Asking, sender: Any) -> None:
    sender.span("chat", **AI, **MILLION, **{"user.id": "ann"})
    asking.charge("2.5", user="ann")
    asking.charge("5")
    sender.flush()
    await asking.set("100", name="AI", scope="category", value="ai")
    await asking.set("100", name="ann", scope="user", value="ann")
    assert (await asking.all())["coverage"]["covered_ratio"] == 0.5


async def test_an_exhausted_budget_denies_and_says_which_how_much_and_until_when(asking: Asking, sender: Any) -> None:
    sender.span("chat", **AI, **MILLION, **{"user.id": "ann"})
    sender.flush()
    await asking.set("100", name="all of it")
    mine = await asking.set("2", name="ann's", scope="user", value="ann", period="day")
    asked = await asking.check(user="ann", category="ai")
    assert (asked["verdict"], asked["state"]) == ("denied", "exhausted")
    first = asked["budgets"][0]
    assert (first["id"], first["amount_usd"], first["spent_usd"], first["left_usd"]) == (mine["id"], "2", 2.5, -0.5)
    assert first["resets_at"] == mine["resets_at"]
    assert len(asked["budgets"]) == 2
    assert (await asking.check(user="bob"))["verdict"] == "allowed"
    changed = await asking.put(mine["id"], name="ann's", scope="user", value="ann", period="day", amount_usd="50")
    assert changed.json()["state"] == "within"
    assert (await asking.check(user="ann"))["verdict"] == "allowed"


async def test_a_check_is_answered_from_memory_within_five_milliseconds(asking: Asking, sender: Any) -> None:
    asking.charge("1")
    sender.flush()
    for number in range(4):
        await asking.set("100", name=f"n{number}", scope="user", value=f"u-{number}")
    took = []
    for number in range(40):
        began = time.perf_counter()
        asking.server.app.state.standings.check(sender.environment, {"user": f"u-{number % 4}", "category": "ai"})
        took.append(time.perf_counter() - began)
    assert sorted(took)[len(took) // 2] < 0.001


async def test_a_standing_that_grew_old_is_unknown_and_one_that_was_exhausted_still_denies(
    asking: Asking, sender: Any
) -> None:
    asking.charge("5")
    sender.flush()
    await asking.set("100", name="wide")
    await asking.set("1", name="tight", scope="category", value="exchange")
    asking.server.clock.advance(90)
    asked = await asking.check(category="ai")
    assert (asked["verdict"], asked["state"], asked["age_s"]) == ("unknown", "unknown", 90)
    assert (await asking.check(category="exchange"))["verdict"] == "denied"
    assert (await asking.all())["items"][0]["state"] == "unknown"


async def test_nothing_ever_heard_of_is_unknown_and_never_within(asking: Asking) -> None:
    made = await asking.set("10")
    assert (made["state"], made["spent_usd"], made["budget_used_ratio"]) == ("unknown", None, None)
    assert (await asking.check())["verdict"] == "unknown"


async def test_a_scope_that_nobody_spent_on_is_a_measured_nothing(asking: Asking, sender: Any) -> None:
    asking.charge("1")
    sender.flush()
    made = await asking.set("10", scope="category", value="ai")
    assert (made["state"], made["spent_usd"]) == ("within", 0)


async def test_spending_without_a_known_amount_is_told_and_much_of_it_makes_the_standing_unknown(
    asking: Asking, sender: Any
) -> None:
    for _ in range(3):
        sender.span("chat", **AI | {"gen_ai.response.model": "house-model-7"}, **MILLION)
    asking.charge("1")
    sender.flush()
    made = await asking.set("10")
    assert (made["state"], made["spent_usd"], made["uncosted"]) == ("unknown", 1, 3)
    assert made["reasons"] == ["3 of 4 calls and charges have no known amount and are not in it"]
    assert made["provenance"]["spent_usd"]["estimated"]
    only = await asking.set("10", name="AI", scope="category", value="ai")
    assert (only["state"], only["spent_usd"]) == ("unknown", None)
    # What is known may be too much already.
    assert (await asking.set("0.9", name="small"))["state"] == "exhausted"


async def test_at_midnight_a_day_begins_anew_and_the_month_goes_on(asking: Asking, sender: Any) -> None:
    now = asking.server.clock.now()
    midnight = (now + timedelta(days=1)).replace(hour=0, minute=0, second=0, microsecond=0)
    asking.charge("5")
    sender.flush()
    day = await asking.set("4", name="day", period="day")
    month = await asking.set("4", name="month", period="month")
    assert (day["state"], month["state"]) == ("exhausted", "exhausted")
    assert day["resets_at"].startswith(midnight.date().isoformat())
    asking.server.clock.advance((midnight - now).total_seconds() - 1)
    await asking.look()
    assert {each["state"] for each in (await asking.all())["items"]} == {"exhausted"}
    asking.server.clock.advance(1)
    # Before the first look of the new day nothing is known of it.
    items = (await asking.all())["items"]
    assert items[0]["state"] == "unknown"
    await asking.look()
    items = (await asking.all())["items"]
    assert (items[0]["state"], items[0]["spent_usd"]) == ("within", 0)
    if midnight.day != 1:
        assert (items[1]["state"], items[1]["spent_usd"]) == ("exhausted", 5)


async def test_two_budgets_of_one_scope_are_told_apart_by_their_names(asking: Asking) -> None:
    await asking.set("10", name="AI", scope="category", value="ai")
    twice = await asking.post(name="AI", scope="category", value="ai", amount_usd="20")
    assert twice.status_code == 422
    assert "name" in twice.json()["detail"]
    await asking.set("20", name="AI, softer", scope="category", value="ai")
    assert len((await asking.check(category="ai"))["budgets"]) == 2


BAD: list[dict[str, Any]] = [
    {"amount_usd": "-1"},
    {"amount_usd": "0"},
    {"amount_usd": "NaN"},
    {"amount_usd": "Infinity"},
    {"amount_usd": "1e3"},
    {"amount_usd": "ten"},
    {"amount_usd": ""},
    {"amount_usd": "9999999999999"},
    {"amount_usd": "0.0000000001"},
    {"amount_usd": 5},
    {"amount_usd": None},
    {"scope": "planet", "value": "earth"},
    {"scope": "user"},
    {"scope": "all", "value": "ai"},
    {"currency": "EUR"},
    {"currency": "BTC"},
    {"period": "year"},
    {"name": "  "},
    {"name": "a\u0000b"},
    {"scope": "user", "value": "a\nb"},
    {"thresholds": {"actual": {"warn": 0.9, "crit": 0.5}}},
    {"thresholds": {"actual": {"warn": -1}}},
    {"thresholds": {"actual": {"wran": 0.5}}},
    {"ammount_usd": "5"},
]


async def test_a_bad_budget_is_refused_by_name(asking: Asking) -> None:
    for wanted in BAD:
        answer = await asking.post(**{"amount_usd": "5"} | wanted)
        assert answer.status_code == 422, (wanted, answer.text)
        assert answer.headers["content-type"] == "application/problem+json"
        assert any(name in answer.text for name in (*wanted, "value")), (wanted, answer.text)
    assert (await asking.all())["items"] == []


async def test_a_misspelt_scope_is_refused_and_not_answered_as_if_nothing_was_asked(asking: Asking) -> None:
    for path in (f"{PATH}/check", "/costs/forecast"):
        answer = await asking.server.read(path, catagory="ai")
        assert answer.status_code == 422
        assert "catagory" in answer.json()["detail"]


async def test_who_sends_may_ask_but_not_see_or_set(asking: Asking) -> None:
    assert (await asking.server.read(f"{PATH}/check", "ingest")).status_code == 200
    assert (await asking.server.read(f"{PATH}/check", None)).status_code == 401
    assert (await asking.server.read(PATH, "ingest")).status_code == 403
    assert (await asking.post("read", amount_usd="5")).status_code == 403


async def test_every_change_stands_in_the_audit_log(asking: Asking) -> None:
    made = await asking.set("10", reason="a first limit")
    await asking.put(made["id"], amount_usd="20.50")
    async with asking.server.client("operate") as client:
        assert (await client.delete(f"{PATH}/{made['id']}", params={"reason": "over"})).status_code == 204
        assert (await client.delete(f"{PATH}/{made['id']}")).status_code == 404
        assert (await client.get(f"{PATH}/{made['id']}")).status_code == 404
    lines = [each for each in await asking.server.app.state.tokens.audit(None, 50) if each.action.startswith("budget")]
    assert [each.action for each in lines] == ["budget.deleted", "budget.changed", "budget.created"]
    assert lines[2].reason.startswith("a first limit (b: 10 USD a month on all in ")
    assert "10 USD" in lines[1].reason
    assert "20.50 USD" in lines[1].reason
    assert {each.subject for each in lines} == {f"budget:{made['id']}"}


async def test_an_address_of_a_user_is_kept_as_its_pseudonym_only(asking: Asking) -> None:
    made = await asking.set("10", scope="user", value="ann@example.org")
    assert "@" not in made["value"]
    assert len((await asking.check(user="ann@example.org"))["budgets"]) == 1


async def test_a_budget_and_the_month_ahead_are_indicators(asking: Asking, sender: Any, told: Any) -> None:
    asking.server.tick.also("costs", asking.server.app.state.standings.readings)
    _some_days(asking, sender)
    await asking.set("60", name="total")
    await told()
    await asking.server.app.state.outlooks.renew()
    await asking.look()
    await asking.server.tick.round()
    costs = asking.server.app.state.snapshots.of(sender.environment).snapshot.areas["costs"]
    found = {(each.indicator, each.member): each.measurement for each in costs.readings}
    assert found["costs.budget_used_ratio", "total"].value is not None
    month = found["costs.month_projected_usd", ""]
    assert (month.estimated, month.samples > 90) == (True, True)
    assert month.value is not None
    assert month.value > 50


def _some_days(asking: Asking, sender: Any) -> None:
    """Four days of a charge of 1 USD each hour, and of 0.1 for models."""
    for hour in range(96):
        asking.charge("1", ago=hour * 3_600 + 1_800)
        asking.charge("0.1", ago=hour * 3_600 + 1_801, category="ai")


async def test_spending_is_forecast_to_the_end_of_day_week_and_month(asking: Asking, sender: Any, told: Any) -> None:
    _some_days(asking, sender)
    await asking.set("60", name="day", period="day")
    await told()
    await asking.server.app.state.outlooks.renew()
    await asking.look()
    answer = (await asking.server.read("/costs/forecast", environment=sender.environment)).json()
    assert (answer["scope"], answer["history_h"] >= 95) == ({}, True)
    assert [each["period"] for each in answer["items"]] == ["day", "week", "month"]
    for each in answer["items"]:
        assert (each["state"], each["needs_h"], each["estimated"]) == ("forecast", 0, False)
        assert each["spent_usd"] <= each["expected_usd"]
        assert [band["level"] for band in each["bands"]] == [0.5, 0.8, 0.95]
        for narrow, wide in zip(each["bands"], each["bands"][1:], strict=False):
            assert (
                wide["low_usd"] <= narrow["low_usd"] <= each["expected_usd"] <= narrow["high_usd"] <= wide["high_usd"]
            )
    day = answer["items"][0]
    left_h = 24 - asking.server.clock.now().hour
    assert day["expected_usd"] - day["spent_usd"] == pytest.approx(1.1 * left_h, abs=1.7)
    assert (answer["budgets"][0]["name"], answer["budgets"][0]["crossed_on"]) == ("day", None)


async def test_a_scope_is_forecast_by_itself(asking: Asking, sender: Any, told: Any) -> None:
    _some_days(asking, sender)
    await told()
    asked = {"environment": sender.environment, "category": "ai"}
    asking.server.app.state.outlooks.of((sender.environment, (("category", "ai"),)))
    await asking.server.app.state.outlooks.renew()
    answer = (await asking.server.read("/costs/forecast", **asked)).json()
    assert answer["scope"] == {"category": "ai"}
    day = answer["items"][0]
    assert day["expected_usd"] == pytest.approx(0.1 * 24, rel=0.4)


async def test_without_history_the_forecast_says_how_much_is_missing(asking: Asking, sender: Any, told: Any) -> None:
    asking.charge("1")
    await told()
    asking.server.app.state.outlooks.of((sender.environment, ()))
    await asking.server.app.state.outlooks.renew()
    answer = (await asking.server.read("/costs/forecast", environment=sender.environment)).json()
    for each in answer["items"]:
        assert (each["state"], each["expected_usd"], each["bands"]) == ("not enough history", None, [])
        assert each["needs_h"] >= 47
        assert each["spent_usd"] == 1


async def test_little_history_gives_a_wide_band_that_says_that_it_was_not_tested(
    asking: Asking, sender: Any, told: Any
) -> None:
    for hour in range(1, 9):
        asking.charge(f"{hour}", ago=hour * 3_600)
    asking.charge("1")
    await told()
    asking.server.app.state.outlooks.of((sender.environment, ()))
    await asking.server.app.state.outlooks.renew()
    month = (await asking.server.read("/costs/forecast", environment=sender.environment)).json()["items"][2]
    assert (month["state"], month["method"], month["tests"]) == ("wide", "mean", 0)
    assert {band["held_ratio"] for band in month["bands"]} == {None}
    wide = month["bands"][1]
    assert wide["high_usd"] - wide["low_usd"] > 0.5 * month["expected_usd"]
