"""The ledger reads what was spent, through a real store."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from observatory.costs import Book, Ledger
from observatory.costs.ledger import DIMENSIONS, FINE, Spent
from observatory.store import Store

CHAT = {"gen_ai.operation.name": "chat", "gen_ai.provider.name": "openai", "gen_ai.request.model": "gpt-4o-mini"}


@pytest.fixture
def ledger(store: Store) -> Ledger:
    return Ledger(store.reader, Book())


async def spent(ledger: Ledger, sender: Any, hours: float = 24, **how: Any) -> list[Spent]:
    sender.flush()
    return await ledger.spent(sender.environment, sender.at - timedelta(hours=hours), sender.at, **how)


def call(sender: Any, given: int, answered: int, ago: float = 10, **more: Any) -> None:
    told = {"gen_ai.usage.input_tokens": given, "gen_ai.usage.output_tokens": answered}
    sender.span("chat", ago, **{**CHAT, **told, **more})


async def test_a_call_costs_its_list_price(ledger: Ledger, sender: Any) -> None:
    call(sender, 1_000, 100)
    (found,) = await spent(ledger, sender)
    assert found.usd == found.ai_usd == Decimal("0.00021")
    assert (found.calls, found.input_tokens, found.output_tokens, found.charged_usd) == (1, 1_000, 100, None)


async def test_a_charge_is_added_to_the_calls(ledger: Ledger, sender: Any) -> None:
    call(sender, 1_000, 100)
    sender.log("cost.charge", **{"cost.provider": "binance", "cost.category": "exchange", "cost.amount_usd": "0.5"})
    found = await spent(ledger, sender, by=["category", "provider"])
    assert [(each.key, each.usd) for each in found] == [
        (("exchange", "binance"), Decimal("0.5")),
        (("ai", "openai"), Decimal("0.00021")),
    ]


@pytest.mark.parametrize("dimension", DIMENSIONS)
async def test_every_dimension_sums_to_the_same(ledger: Ledger, sender: Any, dimension: str) -> None:
    for number in range(7):
        who = {"user.id": f"u{number % 3}", "user.cohort": "new", "observatory.feature": "chat" if number % 2 else ""}
        call(sender, 1_234 + number, 77, ago=number * 3_000 + 5, **who)
        sender.log("cost.charge", number * 2_000 + 5, **{"cost.category": "other", "cost.amount_usd": "0.1", **who})
    (whole,) = await spent(ledger, sender, hours=24)
    parts = await spent(ledger, sender, hours=24, by=[dimension], step_s=None if dimension in FINE else 3_600)
    assert sum(each.usd or 0 for each in parts) == whole.usd
    assert sum(each.calls for each in parts) == whole.calls == 7
