"""The evaluator of a server that stands by: what it shows, and what it does not write."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from alert_scenes import alert

from observatory import alerting, catalogue, slo
from observatory.alerting import Evaluator, Inputs, Keeper, Led, Rulebook, Watch
from observatory.alerting.evaluator import REFRESH_S
from observatory.api import slos
from observatory.clock import HeldClock
from observatory.errors import StoreError
from observatory.model.alert import Phase, Transition
from observatory.selfwatch import Selfwatch
from observatory.state import Lead, NotLeading, State, open_store
from observatory.state.lead import DEAD_S
from observatory.store import Store


@pytest.fixture
async def control(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[State]:
    state = await open_store(f"sqlite+aiosqlite:///{tmp_path / 'state.db'}")
    monkeypatch.setattr(State, "shared", True)
    yield state
    await state.close()


def made(store: Store, control: State, known: alerting.Known, clock: HeldClock) -> tuple[Led, Evaluator, Lead]:
    """A server's evaluator on the shared control store."""
    since, selfwatch, lead = clock.now() - timedelta(days=1), Selfwatch(), Lead(control, clock)
    inputs = Inputs(store.ticking, store.guarded, catalogue.load(), selfwatch, since)
    rulebook = Rulebook(known, control, clock, None)
    keeper = Keeper(control, [alerting.confirming(lead)])
    watch = Watch(catalogue.load(), since)
    evaluator = Evaluator(rulebook, inputs, None, keeper, control, selfwatch, watch)
    return Led(evaluator, lead), evaluator, lead


async def test_a_server_that_stands_by_shows_how_budgets_burn(
    store: Store, sender: Any, control: State, known: alerting.Known
) -> None:
    calls = {"observatory.service": "oauth_service", "observatory.caller": "external"}
    for place in range(300):
        sender.span("login", ago=30, error=place % 2 == 0, **calls)
    sender.flush()
    led, evaluator, lead = made(store, control, known, HeldClock(sender.at))
    assert not lead.leads
    assert await led.round([], sender.at) == ()
    burn = evaluator.inputs.burns[sender.environment]["service:oauth_service"]
    assert (burn.burnings[0].events, burn.burnings[0].bad_events) == (300, 150)
    assert evaluator.alerts == ()


async def test_a_store_that_does_not_answer_keeps_no_server_from_standing_by(
    store: Store, sender: Any, control: State, known: alerting.Known, monkeypatch: pytest.MonkeyPatch
) -> None:
    led, evaluator, _ = made(store, control, known, HeldClock(sender.at))

    async def broken(*_: object) -> None:
        raise StoreError("no store")

    monkeypatch.setattr(store.ticking, "read", broken)
    assert await led.round([], sender.at) == ()
    assert evaluator.inputs.burns == {}


def test_what_was_not_counted_is_not_told_as_nothing() -> None:
    objective = next(iter(slo.objectives(catalogue.load())))
    blank = slo.assess(objective, slo.Counts({}, {}), slo.windows(), alert("a").since)
    told = slos.item(blank, False)
    assert (told["events"], told["bad_events"], told["as_of"]) == (None, None, None)
    assert {(each["events"], each["bad_events"]) for each in told["burns"]} == {(None, None)}
    counted = replace(blank, counts=slo.Counts(dict.fromkeys(slo.windows().lengths_s, 0), {}))
    assert slos.item(counted, True)["events"] == 0


async def test_a_window_that_could_not_be_counted_is_not_there_and_one_without_calls_is_nought(
    store: Store, sender: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    sender.span("login", ago=30, **{"observatory.service": "oauth_service", "observatory.caller": "external"})
    sender.flush()
    inputs = Inputs(store.ticking, store.guarded, catalogue.load(), Selfwatch(), sender.at - timedelta(days=1))
    plain = inputs._count

    async def only_short(lengths_s: Any, *rest: Any) -> Any:
        if max(lengths_s) > 3_600:
            raise StoreError("it takes too long")
        return await plain(lengths_s, *rest)

    monkeypatch.setattr(inputs, "_count", only_short)
    burns = (await inputs.count(sender.at))[sender.environment]
    assert burns["service:oauth_service"].counts.events[3_600] == 1
    assert burns["service:ai_chat_engine"].counts.events[3_600] == 0
    assert slo.windows().period_s not in burns["service:oauth_service"].counts.events


async def test_who_leads_no_longer_keeps_nothing_of_its_alerts(
    store: Store, sender: Any, control: State, known: alerting.Known
) -> None:
    clock = HeldClock(sender.at)
    led, evaluator, one = made(store, control, known, clock)
    _, _, two = made(store, control, known, clock)
    await one.beat()
    at = clock.now()
    held = replace(
        alert("security.event", "x", at), environment=sender.environment, phase=Phase.FIRING, sentence="as it was"
    )
    async with control.writing() as rows:
        await rows.alerts.write([Transition(held, Phase.INACTIVE, at, "bad")])
    assert not await led.round([], at)
    key = (sender.environment, "security.event", "x")
    evaluator._alerts[key] = replace(evaluator._alerts[key], sentence="of a term that is over")
    await two.beat()
    clock.advance(DEAD_S)
    assert await two.beat()
    with pytest.raises(NotLeading):
        await evaluator._upkeep(at + timedelta(seconds=REFRESH_S))
    async with control.reading() as rows:
        (kept,) = [each for each in await rows.alerts.open() if each.member == "x"]
    assert kept.sentence == "as it was"
