"""The deep dives of the money against a reference that adds up call by call and charge by charge."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from random import Random
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from observatory import areas
from observatory.areas import deepdive
from observatory.areas.assess import Span
from observatory.costs import Ledger
from observatory.costs.book import Book
from observatory.costs.prices import Tokens, price
from observatory.store import Store

HOUR_S = 3_600
MODELS = (("openai", "gpt-4o-2024-08-06"), ("anthropic", "claude-3-5-haiku-20241022"), ("openai", "house-model-7"))


@dataclass(frozen=True)
class Call:
    """A model call as it was sent; `tokens` None: it told none."""

    model: tuple[str, str]
    tokens: tuple[int, int, int] | None
    user: str
    cohort: str
    feature: str
    ago: float
    failed: bool = False

    def usd(self, at: datetime) -> Decimal | None:
        if self.tokens is None:
            # What failed and told no tokens cost nothing; what succeeded and told none cost nobody knows what.
            return Decimal(0) if self.failed else None
        given, answered, cached = self.tokens
        return price(*self.model, Tokens(1, given, answered, cached, largest_input=given), at)


@dataclass(frozen=True)
class Charge:
    """A charge as it was sent; `amount` may be no number."""

    provider: str
    category: str
    amount: str
    user: str
    cohort: str
    feature: str
    ago: float

    @property
    def usd(self) -> Decimal | None:
        return Decimal(self.amount) if self.amount[:1].isdigit() else None


@pytest.fixture
def dive(store: Store, sender: Any) -> Callable[..., Any]:
    """The rows of a deep dive by section, and the values of those of the whole area."""

    async def run(path: str, window_s: int = HOUR_S, only: str | None = None) -> Mapping[str, Any]:
        return await _shown(store, sender, path, window_s, only)

    return run


def _common(each: Call | Charge) -> dict[str, Any]:
    named = {"user.id": each.user, "user.cohort": each.cohort, "observatory.feature": each.feature}
    return {name: value for name, value in named.items() if value}


def _send(sender: Any, calls: Sequence[Call], charges: Sequence[Charge]) -> None:
    for call in calls:
        provider, model = call.model
        values = {"gen_ai.operation.name": "chat", "gen_ai.provider.name": provider, "gen_ai.response.model": model}
        if call.tokens:
            given, answered, cached = call.tokens
            values |= {"gen_ai.usage.input_tokens": given, "gen_ai.usage.output_tokens": answered}
            values |= {"gen_ai.usage.cache_read.input_tokens": cached} if cached else {}
        sender.span("chat", ago=call.ago, error=call.failed, **values, **_common(call))
    for charge in charges:
        told = {"cost.provider": charge.provider, "cost.category": charge.category, "cost.amount_usd": charge.amount}
        sender.log("cost.charge", ago=charge.ago, **told, **_common(charge))


def _made(seed: int) -> tuple[list[Call], list[Charge]]:
    random = Random(seed)

    def whose() -> tuple[str, str, str]:
        user = random.choice(["", "ann", "bob", "cyd"])
        return user, {"": "", "ann": "trial", "bob": "pro", "cyd": ""}[user], random.choice(["", "chat", "signals"])

    calls = [
        Call(
            random.choice(MODELS),
            None if random.random() < 0.15 else (given := random.randint(1, 4_000), random.randint(0, 900), given // 3),
            *whose(),
            ago=random.uniform(1, 2 * HOUR_S),
            failed=random.random() < 0.1,
        )
        for _ in range(random.randint(1, 60))
    ]
    charges = [
        Charge(
            random.choice(["kraken", "telegram"]),
            random.choice(["exchange", "communication"]),
            random.choice(["0", "0.000000001", "12.5", "3.333333333", "a lot"]),
            *whose(),
            ago=random.uniform(1, 2 * HOUR_S),
        )
        for _ in range(random.randint(1, 40))
    ]
    return calls, charges


def _sum(amounts: Sequence[Decimal | None]) -> Decimal | None:
    known = [each for each in amounts if each is not None]
    return sum(known, Decimal(0)) if known else None


async def _shown(store: Store, sender: Any, path: str, window_s: int, only: str | None = None) -> Mapping[str, Any]:
    sender.flush()
    area = next(each for each in areas.load() if each.id == "costs")
    found = next(each for each in deepdive.load(area) if each.path == path)
    span, ledger = Span(sender.at, window_s, sender.at - timedelta(days=1)), Ledger(store.reader, Book())
    shown = await deepdive.read(area, found, store.reader, sender.environment, span, only=only, ledger=ledger)
    return {each.section.id: each.rows or each.numbers for each in shown}


def _adds_up(answer: Mapping[str, Any], calls: Sequence[Call], charges: Sequence[Charge], at: datetime) -> None:
    calls = [each for each in calls if each.ago < HOUR_S]
    charges = [each for each in charges if each.ago < HOUR_S]
    everything: list[Call | Charge] = [*calls, *charges]
    spent = _sum([each.usd(at) if isinstance(each, Call) else each.usd for each in everything])

    splits: dict[str, Callable[[Any], Any]] = {
        "categories": lambda each: ("ai" if isinstance(each, Call) else each.category,),
        "providers": lambda each: ("ai", each.model[0]) if isinstance(each, Call) else (each.category, each.provider),
        "users": lambda each: (each.user, each.cohort),
        "cohorts": lambda each: (each.cohort,),
        "features": lambda each: (each.feature,),
    }
    for section, key in splits.items():
        wanted = {key(each): [other for other in everything if key(other) == key(each)] for each in everything}
        rows = {tuple(row.values())[: len(next(iter(wanted)))]: row for row in answer[section]}
        assert set(rows) == set(wanted), section
        for name, parts in wanted.items():
            asked = [each for each in parts if isinstance(each, Call)]
            charged = [each for each in parts if isinstance(each, Charge)]
            row, ai = rows[name], _sum([each.usd(at) for each in asked])
            paid = _sum([each.usd for each in charged])
            assert (row["ai_usd"], row["charges_usd"], row["cost_usd"]) == (ai, paid, _sum([ai, paid])), (section, name)
            assert (row["model_calls"], row["charges"]) == (len(asked), len(charged))
            assert row["unreadable_charges"] == sum(each.usd is None for each in charged)
        assert _sum([row["cost_usd"] for row in answer[section]]) == spent
    for provider, model in {each.model for each in calls}:
        found = next(row for row in answer["models"] if (row["provider"], row["model"]) == (provider, model))
        assert found["ai_usd"] == _sum([each.usd(at) for each in calls if each.model == (provider, model)])


@pytest.mark.parametrize("seed", range(5))
async def test_every_split_adds_up_to_what_was_spent_call_by_call(sender: Any, dive: Any, seed: int) -> None:
    calls, charges = _made(seed)
    _send(sender, calls, charges)
    _adds_up(await dive("costs"), calls, charges, sender.at)


NAMES = st.sampled_from(["", "ann", "bob", "Übermäßig lang " * 3])
# Nothing within a second of the range's ends: what lies on an end is another test's matter.
AGES = st.one_of(st.floats(2, HOUR_S - 2), st.floats(HOUR_S + 2, 3 * HOUR_S), st.just(2.0))
TOKENS = st.one_of(st.none(), st.tuples(st.integers(0, 10**9), st.integers(0, 10**7), st.just(0)), st.just((0, 0, 0)))
CALLS = st.builds(Call, st.sampled_from(MODELS), TOKENS, NAMES, NAMES, NAMES, AGES, st.booleans())
AMOUNTS = st.one_of(
    st.decimals(0, 10**6, places=9).map(lambda each: f"{each:f}"), st.sampled_from(["0", "a lot", "-3"])
)
CATEGORIES = st.sampled_from(["exchange", "market_data", "infrastructure"])
CHARGES = st.builds(Charge, st.sampled_from(["kraken", "aws"]), CATEGORIES, AMOUNTS, NAMES, NAMES, NAMES, AGES)


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(calls=st.lists(CALLS, max_size=12), charges=st.lists(CHARGES, max_size=8), twice=st.booleans())
async def test_whatever_was_spent_adds_up(
    store: Store, sends: Any, calls: list[Call], charges: list[Charge], twice: bool
) -> None:
    sender = sends()
    _send(sender, calls + calls[:1] * twice, charges + charges[:1] * twice)
    answer = await _shown(store, sender, "costs", HOUR_S)
    _adds_up(answer, calls + calls[:1] * twice, charges + charges[:1] * twice, sender.at)


@pytest.mark.parametrize("seed", [11, 12])
async def test_shares_without_a_price_or_a_name_are_told(sender: Any, dive: Any, seed: int) -> None:
    calls, charges = _made(seed)
    _send(sender, calls, charges)
    (total,) = (await dive("costs", window_s=2 * HOUR_S, only="total"))["total"]
    everything: list[Call | Charge] = [*calls, *charges]
    amounts = {id(each): each.usd(sender.at) if isinstance(each, Call) else each.usd for each in everything}
    spent = _sum(list(amounts.values()))
    assert spent is not None
    assert total["cost_usd"] == spent
    assert total["cost_per_hour_usd"] == spent / 2
    for name in ("user", "cohort", "feature"):
        nobody = _sum([amounts[id(each)] for each in everything if not getattr(each, name)]) or Decimal(0)
        assert total[f"unattributed_{name}_ratio"] == pytest.approx(float(nobody / spent))
    # A call that told no tokens has no cost, but no price is missing.
    untold = [each for each in calls if each.tokens is None and not each.failed]
    assert total["untold_calls"] == len(untold)
    assert total["unreadable_ratio"] == sum(each.usd is None for each in charges) / len(charges)


async def test_a_model_without_a_price_costs_null_and_is_named(sender: Any, dive: Any) -> None:
    _send(sender, [Call(MODELS[2], (10, 10, 0), "ann", "", "chat", 5)], [])
    answer = await dive("costs")
    (total,) = answer["total"]
    assert (total["cost_usd"], total["model_calls"], total["unpriced_ratio"]) == (None, 1, 1)
    assert total["unpriced_models"] == ["openai/house-model-7"]
    assert total["unattributed_user_ratio"] is None
    assert total["estimated"]
    assert [row["share_ratio"] for row in answer["features"]] == [None]


async def test_an_amount_keeps_every_digit(sender: Any, dive: Any) -> None:
    _send(sender, [], [Charge("kraken", "exchange", "0.000000001", "", "", "", ago) for ago in range(1, 4)])
    (row,) = (await dive("costs", only="providers"))["providers"]
    assert row["charges_usd"] == Decimal("0.000000003")
    assert (row["category"], row["provider"], row["share_ratio"]) == ("exchange", "kraken", 1)


async def test_what_is_being_spent_comes_minute_by_minute(sender: Any, dive: Any) -> None:
    charges = [Charge("kraken", "exchange", "1.5", "ann", "", "", ago) for ago in (5, 600, 605, 3_000)]
    _send(sender, [Call(MODELS[0], (1_000, 100, 0), "bob", "", "", 30)], charges)
    answer = await dive("costs/realtime")
    assert sum(row["charges"] for row in answer["steps"]) == 4
    assert sum((row["cost_usd"] for row in answer["steps"]), Decimal(0)) == answer["now"]["cost_usd"].value
    assert [row["at"] for row in answer["steps"]] == sorted({row["at"] for row in answer["steps"]})
    assert {row["step_s"] for row in answer["steps"]} == {60}
    earliest = datetime.fromtimestamp((sender.at.timestamp() - 3_000) // 60 * 60, UTC)
    assert (answer["steps"][0]["at"], answer["steps"][0]["cost_per_hour_usd"]) == (earliest, 90)
    assert [row["user_id"] for row in answer["users"]] == ["ann", "bob"]


async def test_nothing_spent_is_not_a_number(dive: Any) -> None:
    for path in ("costs", "costs/realtime"):
        answer = await dive(path)
        assert {each.value for each in answer.pop("now").values()} == {None}
        assert not any(answer.values())


async def test_charges_are_kept_by_category_and_provider(sender: Any, look: Any) -> None:
    _send(sender, [], [Charge("kraken", "exchange", "1.5", "", "", "", ago) for ago in (5, 10)])
    view = await look("costs")
    assert view.member("costs.charges_by_provider", "exchange/kraken").value == 3


async def test_of_many_users_those_who_used_most_are_shown_whole(sender: Any, dive: Any) -> None:
    for number in range(410):
        for category in ("exchange", "communication"):
            amount = "2" if number >= 10 else "0.5"
            _send(sender, [], [Charge("any", category, amount, f"user-{number:03}", "", "", 5)])
    rows = (await dive("costs", only="users"))["users"]
    assert len(rows) == 400
    assert {row["charges_usd"] for row in rows} == {4}
