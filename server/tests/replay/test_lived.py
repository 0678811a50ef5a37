"""Replaying what was lived gives what was lived: the same changes, of the same members, at the same moments."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import pytest

from observatory import alerting, areas, catalogue
from observatory.alerting import Evaluator, Inputs, Rule, Watch, files
from observatory.api import health_json
from observatory.clock import Clock, HeldClock
from observatory.model.alert import Phase, Transition
from observatory.replay import Bounds, Sources, Span, replay, step_for
from observatory.replay.rounds import Chosen
from observatory.selfwatch import Selfwatch
from observatory.store import Store
from observatory.tick import Knobs, Snapshots, Tick

SERVICES = [service.id for service in catalogue.load().services]
AREAS = [each for each in areas.load() if each.id in ("trading_execution", "emergency")]
ORDER = {"order.mode": "live", "order.status": "filled", "exchange.id": "binance"}
STEP_S = 10.0
ROUNDS = 12


async def lived(store: Store, sender: Any, rules: Sequence[Rule], known: alerting.Known) -> list[Transition]:
    """Some minutes of a server that is sent telemetry as it happens."""
    clock, selfwatch, found = HeldClock(sender.at), Selfwatch(), list[Transition]()
    since = sender.at - timedelta(days=1)

    async def keep(transitions: Sequence[Transition]) -> None:
        found.extend(each for each in transitions if each.alert.environment == sender.environment)

    inputs = Inputs(store.ticking, store.guarded, catalogue.load(), selfwatch, since)
    watch = Watch(catalogue.load(), since)
    evaluator = Evaluator(Chosen(known, rules), inputs, None, keep, None, selfwatch, watch)
    snapshots = Snapshots(partial(health_json.render, catalogue.load()))
    knobs = Knobs(query_s=60, environments=10_000)
    tick = Tick(
        store.ticking, catalogue.load(), AREAS, clock, snapshots, selfwatch, knobs, since, alerting=evaluator.round
    )
    begun = sender.at
    for place in range(ROUNDS):
        sender.at = begun + timedelta(seconds=place * STEP_S)
        happen(sender, place)
        sender.flush()
        await tick.round()
        clock.advance(STEP_S)
    return found


def happen(sender: Any, place: int) -> None:
    """Orders are rejected for a while; a service falls silent; somebody storms the login; a breaker opens and stays."""
    dead = {"oauth_service"} if place >= 3 else set()
    sender.heartbeat(*(name for name in SERVICES if name not in dead), ago=1)
    for _ in range(10):
        bad = 3 <= place < 7
        sender.span("order.execute", ago=2, ms=40, **{**ORDER, "order.status": "rejected" if bad else "filled"})
    if place == 3:
        sender.log("security.event", ago=1, **{"security.kind": "login_storm", "security.subject": "user-7"})
    if place == 2:
        told = {"safety.name": "binance", "safety.from": "closed", "safety.to": "open"}
        sender.log("circuit_breaker.transition", ago=1, **told)


def told(changes: Sequence[Transition]) -> list[tuple[Any, ...]]:
    return sorted((each.at, each.alert.rule, each.alert.member, each.before, each.alert.phase) for each in changes)


async def test_replaying_what_was_lived_gives_the_same_changes(
    store: Store, sender: Any, known: alerting.Known
) -> None:
    rules = [each.rule for each in files.shipped(known)]
    sender.at -= timedelta(seconds=ROUNDS * STEP_S)
    begun = sender.at
    live = await lived(store, sender, rules, known)

    sources = Sources(store.reader, store.guarded, catalogue.load(), AREAS)
    span = Span(begun, begun + timedelta(seconds=(ROUNDS - 1) * STEP_S), STEP_S)
    outcome = await replay(sources, rules, sender.environment, span, Clock(), since=begun - timedelta(days=1))

    fired = {each.alert.rule for each in live if each.alert.phase is Phase.FIRING}
    assert {"trading_execution.execution_success.critical", "service.down", "security.event", "breaker.open"} <= fired
    assert told(outcome.changes) == told(live)
    # Not only when, but what was measured, in which words, with which evidence.
    order = lambda each: (each.at, each.alert.rule, each.alert.member, each.before)  # noqa: E731
    assert sorted(outcome.changes, key=order) == sorted(live, key=order)
    assert outcome.failures == 0
    assert outcome.why_short == ""
    assert outcome.rounds == ROUNDS


async def test_a_replay_ends_where_its_time_or_room_is_over_and_says_so(
    store: Store, sender: Any, known: alerting.Known
) -> None:
    rules = [each.rule for each in files.shipped(known) if each.rule.id == "security.event"]
    sender.log("security.event", ago=30, **{"security.kind": "login_storm", "security.subject": "user-7"})
    sender.flush()
    sources = Sources(store.reader, store.guarded, catalogue.load(), AREAS)
    span = Span(sender.at - timedelta(seconds=60), sender.at, 30.0)
    whole = await replay(sources, rules, sender.environment, span, Clock())
    assert (whole.rounds, whole.why_short, len(whole.fires)) == (3, "", 1)
    short = await replay(sources, rules, sender.environment, span, Clock(), Bounds(seconds=0))
    assert (short.rounds, short.until, short.why_short) == (1, span.since, "it took 0 s")
    full = await replay(sources, rules, sender.environment, span, Clock(), Bounds(changes=1))
    assert (full.until, len(full.changes)) == (span.since + timedelta(seconds=30), 1)
    assert "1 changes" in full.why_short


@pytest.mark.parametrize(
    ("hours", "step_s"), [(0.1, 5.0), (1, 5.0), (2, 10.0), (24, 120.0), (24 * 30, 3_600.0), (-1, 5.0)]
)
def test_a_long_stretch_takes_longer_steps(hours: float, step_s: float) -> None:
    since = datetime(2026, 1, 1, tzinfo=UTC)
    assert step_for(since, since + timedelta(hours=hours), 5.0, 720) == step_s
