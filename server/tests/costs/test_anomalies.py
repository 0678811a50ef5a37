"""Something gets dear in a small seeded economy: it is found in minutes, sized, decomposed, and remembered."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from observatory.api import cost_anomaly_json
from observatory.clock import HeldClock
from observatory.costs import Book, CostAnomalies, CostAnomaly, Ledger, Tokens
from observatory.costs.anomalies import is_expected
from observatory.errors import NotFound
from observatory.state import State, open_store
from observatory.store import Store

MINUTES, BEGINS, ENDS = 75, 60, 70
SMALL, LARGE = "gpt-4o-mini-2024-07-18", "gpt-4-turbo-2024-04-09"


@dataclass(frozen=True)
class Happening:
    """One call, or one charge where `usd` says what it is."""

    second: float
    user: str
    model: str = SMALL
    asked: str = SMALL
    given: int = 0
    answered: int = 0
    cached: int = 0
    usd: Decimal | None = None
    quantity: int = 1


def calm(seed: int) -> Iterator[Happening]:
    """What goes on for so many minutes: about six calls and three charges in each, of ten users."""
    chance = random.Random(seed)
    for minute in range(MINUTES):
        for _ in range(chance.randint(4, 8)):
            given = chance.randint(1_500, 2_500)
            yield Happening(
                minute * 60 + chance.uniform(0, 60),
                f"user-{chance.randint(0, 9)}",
                given=given,
                answered=chance.randint(80, 120),
                cached=chance.choice([0] + [given * 3 // 4] * 9),
            )
        for _ in range(3):
            number = chance.randint(1, 5)
            usd = Decimal(number) / 5_000
            yield Happening(minute * 60 + chance.uniform(0, 60), "", usd=usd, quantity=number)


def struck(kind: str, each: Happening) -> list[Happening]:
    """What a happening is while something is wrong."""
    if not BEGINS * 60 <= each.second < ENDS * 60:
        return [each]
    match kind:
        case "cache_ratio_drop":
            return [replace(each, cached=0)]
        case "price_change" if each.usd is not None:
            return [replace(each, usd=each.usd * 8)]
        case "silent_fallback" if each.usd is None:
            return [replace(each, model=LARGE, cached=0)]
        case "longer_calls" if each.usd is None:
            return [replace(each, given=each.given * 5, cached=each.cached * 5)]
        case "runaway_user" if each.usd is None:
            return [each, *(replace(each, user="user-3") for _ in range(12))]
        case "volume" if each.usd is None:
            return [each] * 5
    return [each]


def bill(happenings: list[Happening]) -> Decimal:
    book, at = Book(), datetime.fromisoformat("2026-06-01T00:00:00Z")
    usd = Decimal(0)
    for each in happenings:
        priced = book.price("openai", each.model, Tokens(each.given, each.answered, each.cached), at)
        assert priced is not None
        usd += priced.usd if each.usd is None else each.usd
    return usd


def send(sender: Any, happenings: list[Happening], start: datetime) -> None:
    for each in happenings:
        ago = (sender.at - start).total_seconds() - each.second
        if each.usd is not None:
            told = {"cost.provider": "ses", "cost.category": "communication", "cost.unit": "message"}
            amount = {"cost.amount_usd": str(each.usd), "cost.quantity": float(each.quantity)}
            sender.log("cost.charge", ago, **told, **amount, **{"observatory.feature": "mail"})
            continue
        call = {
            "gen_ai.operation.name": "chat",
            "gen_ai.provider.name": "openai",
            "gen_ai.request.model": each.asked,
            "gen_ai.response.model": each.model,
            "gen_ai.usage.input_tokens": each.given,
            "gen_ai.usage.output_tokens": each.answered,
            "gen_ai.usage.cache_read.input_tokens": each.cached,
            "user.id": each.user,
            "observatory.feature": "chat",
        }
        sender.span("chat", ago, **call)
    sender.flush()


@pytest.fixture
async def control(tmp_path: Path) -> AsyncIterator[State]:
    state = await open_store(f"sqlite+aiosqlite:///{tmp_path / 'state.db'}")
    yield state
    await state.close()


@pytest.fixture
def watching(store: Store, sender: Any, control: State) -> Callable[[HeldClock], CostAnomalies]:
    def make(clock: HeldClock) -> CostAnomalies:
        ledger = Ledger(store.reader, Book())
        given = store.reader, ledger, control, clock, cost_anomaly_json.encode
        return CostAnomalies(*given, lambda: [sender.environment])

    return make


def started(sender: Any) -> datetime:
    """A whole minute, so that the economy ends about now."""
    start: datetime = (sender.at - timedelta(minutes=MINUTES + 2)).replace(second=0)
    return start


async def kept(anomalies: CostAnomalies, sender: Any) -> list[dict[str, Any]]:
    """All that was found, as it is shown."""
    span = sender.at - timedelta(days=1), sender.at
    found = await anomalies.page(sender.environment, span, None, 50, None, None)
    return [dict(cost_anomaly_json.item(each, anomalies.says(each.environment, ""))) for each in found]


KINDS = {
    "cache_ratio_drop": "cache_ratio",
    "price_change": "charge_price",
    "silent_fallback": "model_mix",
    "longer_calls": "input_tokens_per_call",
    "runaway_user": "volume",
    "volume": "volume",
}


@pytest.mark.parametrize(("kind", "factor"), KINDS.items())
async def test_what_gets_dear_is_found_sized_and_decomposed(
    sender: Any, watching: Callable[..., CostAnomalies], kind: str, factor: str
) -> None:
    start = started(sender)
    usual = list(calm(7))
    happened = [after for each in usual for after in struck(kind, each)]
    send(sender, happened, start)
    anomalies = watching(HeldClock(start + timedelta(minutes=MINUTES, seconds=30)))
    await anomalies.step()
    (found,) = await kept(anomalies, sender)
    truth = float(bill(happened) - bill(usual))
    assert found["kind"] == kind, found
    assert found["main_factor"] == factor
    assert found["excess_usd"] == pytest.approx(truth, rel=0.1)
    began = datetime.fromisoformat(found["began_at"]) - start
    noticed = datetime.fromisoformat(found["found_at"]) - start
    assert abs(began - timedelta(minutes=BEGINS)) <= timedelta(minutes=1)
    assert noticed <= timedelta(minutes=BEGINS + 5)
    whole, parts = await anomalies.one(found["id"]), found["parts_usd"]
    shown = cost_anomaly_json.whole(whole[0], None, whole[1])
    assert sum(parts.values()) == pytest.approx(found["actual_usd"] - found["expected_usd"])
    if kind == "runaway_user":
        (user,) = [each for each in shown["evidence"]["behind"] if each["dimension"] == "user"][:1]
        assert user["value"] == "user-3"
        assert user["calls_per_min"] > 10 * user["usual_calls_per_min"]
        assert user["calls_per_min"] > 10 * user["others_calls_per_min"]
        assert "user user-3" in found["sentence"]
    if kind == "silent_fallback":
        assert (shown["evidence"]["requested_model"], shown["evidence"]["served_model"]) == (SMALL, LARGE)


@pytest.mark.parametrize("seed", [1, 2])
async def test_a_calm_economy_has_no_anomaly(sender: Any, watching: Callable[..., CostAnomalies], seed: int) -> None:
    start = started(sender)
    send(sender, list(calm(seed)), start)
    anomalies = watching(HeldClock(start + timedelta(minutes=MINUTES, seconds=30)))
    await anomalies.step()
    assert await kept(anomalies, sender) == []
    assert anomalies.excess_usd(sender.environment) == 0


async def test_an_open_anomaly_grows_and_ends_under_one_id_even_over_a_restart(
    sender: Any, watching: Callable[..., CostAnomalies]
) -> None:
    start = started(sender)
    send(sender, [after for each in calm(7) for after in struck("price_change", each)], start)
    clock = HeldClock(start + timedelta(minutes=BEGINS + 3, seconds=30))
    anomalies = watching(clock)
    await anomalies.step()
    (early,) = anomalies.open
    assert anomalies.excess_usd(sender.environment) == early.account.excess_usd > 0
    clock.advance(240)
    again = watching(clock)
    await again.load()
    await again.step()
    (later,) = again.open
    assert later.id == early.id
    assert later.account.excess_usd > early.account.excess_usd
    clock.advance(600)
    await again.step()
    assert again.open == []
    assert [(each["id"], each["state"]) for each in await kept(again, sender)] == [(early.id, "closed")]


async def test_an_expected_pattern_is_shown_and_not_counted_as_far_as_scope_and_factor_go(
    sender: Any, watching: Callable[..., CostAnomalies], control: State
) -> None:
    start = started(sender)
    send(sender, [after for each in calm(7) for after in struck("price_change", each)], start)
    clock = HeldClock(start + timedelta(minutes=BEGINS + 5, seconds=30))
    anomalies = watching(clock)
    await anomalies.step()
    (found,) = anomalies.open
    said = await anomalies.say(found.id, True, "token:1", "the new contract")
    assert (said.expected, said.actor, said.reason) == (True, "token:1", "the new contract")
    (shown,) = anomalies.open
    assert not shown.counted
    assert anomalies.excess_usd(sender.environment) == 0
    async with control.reading() as rows:
        (line,) = await rows.audit.page(None, 10)
    assert (line.action, line.subject) == ("cost_anomaly.expected", f"cost anomaly {found.id}")
    clock.advance(60)
    again = watching(clock)
    await again.load()
    await again.step()
    assert [each.counted for each in again.open] == [False]
    assert _dearer(again, found, 3) == (False, True)
    await again.say(found.id, False, "token:1", "it was not")
    assert [each.counted for each in again.open] == [True]


def _dearer(anomalies: CostAnomalies, found: CostAnomaly, times: int) -> tuple[bool, bool]:
    """Whether the pattern counts as it was, and when it is so many times as dear."""
    said = anomalies.says(found.environment, found.pattern)
    return not is_expected(said, found.usd_per_hour), not is_expected(said, found.usd_per_hour * times)


async def test_what_is_not_there_cannot_be_judged(watching: Callable[..., CostAnomalies], sender: Any) -> None:
    anomalies = watching(HeldClock(sender.at))
    assert anomalies.excess_usd(sender.environment) is None
    with pytest.raises(NotFound):
        await anomalies.say(4_711, True, "token:1", "")
    with pytest.raises(NotFound):
        await anomalies.one(4_711)
