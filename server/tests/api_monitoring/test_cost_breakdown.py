"""What was spent by any dimensions, exported, re-priced, per outcome and per user."""

from __future__ import annotations

import csv
import io
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from observatory.costs import Book, Ledger, Shelf

CHAT = {"gen_ai.operation.name": "chat", "gen_ai.provider.name": "openai", "gen_ai.request.model": "gpt-4o-mini"}


def call(sender: Any, given: int, ago: float = 10, **more: Any) -> None:
    told = {"gen_ai.usage.input_tokens": given, "gen_ai.usage.output_tokens": 0}
    sender.span("chat", ago, **{**CHAT, **told, **more})


def charge(sender: Any, usd: str, ago: float = 10, **more: Any) -> None:
    sender.log(
        "cost.charge", ago, **{"cost.provider": "kraken", "cost.category": "exchange", "cost.amount_usd": usd, **more}
    )


async def show(server: Any, sender: Any, path: str, **asked: Any) -> Any:
    answer = await server.read(f"/costs/{path}", environment=sender.environment, **asked)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def test_any_pair_of_dimensions_is_told_and_held_against_before(server: Any, sender: Any, told: Any) -> None:
    call(sender, 1_000_000, **{"user.id": "ann"})
    call(sender, 2_000_000, 5_000, **{"user.id": "ann"})
    call(sender, 1_000_000, 5_000, **{"user.id": "old"})
    charge(sender, "0.6")
    await told()
    answer = await show(server, sender, "breakdown", by="user,category", order="change")
    rows = {(item["key"]["user"], item["key"]["category"]): item for item in answer["items"]}
    assert {key: (item["cost_usd"], item["before_usd"], item["change_usd"]) for key, item in rows.items()} == {
        ("", "exchange"): (0.6, None, 0.6),
        ("ann", "ai"): (0.15, 0.3, -0.15),
        ("old", "ai"): (None, 0.15, -0.15),
    }
    total = answer["total"]
    assert (total["cost_exact_usd"], total["before_usd"], total["calls"], total["charges"]) == ("0.75", 0.45, 1, 1)
    assert total["unattributed_ratio"] == {"user": 0.8, "cohort": 1, "feature": 1, "service": 0}
    assert answer["items"][0]["key"]["category"] == "exchange"
    steps = await show(server, sender, "breakdown", by="model", window="2h", step="1h", model="gpt-4o-mini")
    assert sum(item["cost_usd"] for item in steps["items"]) == pytest.approx(0.6)


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"by": "user,user"}, "by"),
        ({"by": "colour"}, "by"),
        ({"by": "a,b,c,d"}, "by"),
        ({"step": "10s", "window": "30d"}, "step"),
        ({"order": "up"}, "order"),
        ({"by": "trace", "window": "30d"}, "trace"),
        ({"colour": "red"}, "colour"),
    ],
)
async def test_what_cannot_be_asked_is_refused_by_name(
    server: Any, sender: Any, told: Any, asked: dict[str, str], said: str
) -> None:
    sender.heartbeat("health_monitor")
    await told()
    answer = await server.read("/costs/breakdown", environment=sender.environment, **asked)
    assert (answer.status_code, said in answer.text) == (422, True)


async def test_the_export_adds_up_to_what_the_endpoint_tells(server: Any, sender: Any, told: Any) -> None:
    for number in range(12):
        who = {"user.id": f"u{number % 5}", "observatory.feature": "=cmd()" if number % 2 else "chat"}
        call(sender, 12_345 + number, number * 3_600 + 5, **who)
        charge(sender, f"0.00{number}7", number * 7_000 + 5, **who)
    await told()
    answer = await server.read("/costs/export.csv", environment=sender.environment, window="24h", step="hour")
    assert answer.headers["content-type"].startswith("text/csv")
    rows = list(csv.DictReader(io.StringIO(answer.text)))
    total = (await show(server, sender, "breakdown", window="24h"))["total"]
    assert sum(Decimal(row["BilledCost"]) for row in rows) == Decimal(total["cost_exact_usd"])
    assert sum(int(row["x_ModelCalls"]) for row in rows) == 12
    assert {row["BillingCurrency"] for row in rows} == {"USD"}
    assert "'=cmd()" in {row["x_Feature"] for row in rows}
    by_user = await show(server, sender, "breakdown", window="24h", by="user")
    for item in by_user["items"]:
        mine = (Decimal(row["BilledCost"]) for row in rows if row["x_User"] == item["key"]["user"])
        assert sum(mine) == Decimal(item["cost_exact_usd"])


async def test_a_price_that_arrives_later_prices_what_was_there(
    server: Any, sender: Any, told: Any, tmp_path: Path
) -> None:
    call(sender, 1_000_000, **{"gen_ai.request.model": "house-7"})
    sender.log(
        "cost.charge",
        **{"cost.provider": "kraken", "cost.operation": "ticker", "cost.quantity": 40, "cost.unit": "request"},
    )
    await told()
    before = (await show(server, sender, "breakdown"))["total"]
    assert (before["cost_usd"], before["calls_unpriced"], before["charges_unreadable"]) == (None, 1, 1)
    assert before["unpriced_ratio"] == 1
    file = tmp_path / "prices.yaml"
    file.write_text("name: a\nmodels: []\n")
    shelf = Shelf(file, tmp_path / "kept")
    server.app.state.shelf, server.app.state.ledger = shelf, Ledger(server.app.state.store.reader, shelf)
    file.write_text(
        "name: b\nmodels: [{provider: openai, model: house-*, usd_per_million: {input: '2'}}]\n"
        "charges: [{provider: kraken, operation: ticker, usd: '0.01'}]\n"
    )
    shelf.look()
    after = (await show(server, sender, "breakdown"))["total"]
    assert (after["cost_exact_usd"], after["ai_usd"], after["charged_usd"]) == ("2.4", 2, 0.4)
    assert (after["calls_unpriced"], after["charges_unreadable"]) == (0, 0)
    both = await show(server, sender, "repricing")
    assert (both["total"], both["new"]) == ({"old_usd": None, "new_usd": 2.4, "change_usd": None}, shelf.newest.version)
    prices = (await server.read("/costs/prices")).json()
    assert [item["version"].rpartition(" ")[2] for item in prices["items"]] == [Book().version.split()[-1], "a", "b"]
    file.write_text("name: b\nmodels: []\n")
    shelf.look()
    assert "named 'b' already" in (await server.read("/costs/prices")).json()["problem"]
    assert list(Shelf(None, tmp_path / "kept").books) == [item["version"] for item in prices["items"]]


async def test_a_profitable_outcome_has_its_cost_and_an_interval(server: Any, sender: Any, told: Any) -> None:
    for number in range(30):
        call(
            sender,
            100_000 * (1 + number % 3),
            **{"signal.id": f"s{number}", "gen_ai.conversation.id": f"c{number % 10}"},
        )
        won = "true" if number % 3 == 0 else "false"
        sender.log(
            "signal.outcome", **{"signal.id": f"s{number}", "strategy.id": "momentum", "signal.outcome.won": won}
        )
    await told()
    answer = await show(server, sender, "outcomes", window="1h")
    found = answer["per_profitable_outcome"]
    assert (found["outcomes"], found["profitable"]) == (30, 10)
    assert found["usd"] == pytest.approx(0.09)
    low, high = found["interval_usd"]
    assert 0.04 < low < 0.09 < high < 0.2
    assert answer["by_strategy"][0]["value"] == "momentum"
    assert answer["per_signal"]["mean_usd"] == pytest.approx(0.03)
    assert (answer["per_conversation"]["count"], answer["per_conversation"]["spent_usd"]) == (10, pytest.approx(0.9))


async def test_a_margin_is_what_came_in_less_what_was_spent(server: Any, sender: Any, told: Any) -> None:
    call(sender, 1_000_000, **{"user.id": "ann"})
    call(sender, 1_000_000, **{"user.id": "bob", "gen_ai.request.model": "house-7"})
    paid = {"payment.status": "succeeded", "payment.amount_usd": "20"}
    for user in ("ann", "bob"):
        sender.span("payment.process", **{"user.id": user, **paid})
    sender.log("profit_share.distributed", **{"user.id": "ann", "profit_share.amount_usd": "1.5"})
    await told()
    rows = (await show(server, sender, "margins", window="1h"))["items"]
    assert [(row["user"], row["margin_usd"]) for row in rows] == [("ann", 21.35), ("bob", None)]
    assert (rows[0]["paid_usd"], rows[0]["fees_usd"], rows[0]["cost_usd"]) == (20, 1.5, 0.15)
