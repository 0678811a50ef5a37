"""Silences, mutes, grouping and sending under any order of events, on a real control store with a held clock."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from alert_scenes import AT, alert, graphs
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from notify_scenes import Clock

from observatory import alerting, incidents, notify
from observatory.model.alert import Alert, Phase, Severity, Transition
from observatory.model.notification import Kind, Outcome, Status
from observatory.notify.channels import Channel, Sent
from observatory.notify.stages import Route
from observatory.selfwatch import Selfwatch
from observatory.state import SilenceTerms, open_store
from observatory.state.deliveries import Asked, Delivery

INTERVAL_S, WAIT_S = 30.0, 1.0
NAMES = ("trade", "router", "exchange", "chat")
SERVICES = dict(
    zip(
        NAMES,
        ("trade_execution_service", "binance_smart_router", "exchange_universe_service", "ai_chat_engine"),
        strict=True,
    )
)
KINDS = ("service.down", "service.failing", "x.warning")


class Toy:
    """A channel of a kind of its own: it remembers what it sent, and when; now and then it fails."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.sent: list[tuple[datetime, Delivery]] = []
        self.fails = False

    async def send(self, delivery: Delivery) -> Sent:
        if self.fails:
            return Sent(Outcome.FAILED, "out of order")
        self.sent.append((self.clock.now(), delivery))
        return Sent(Outcome.SENT, "")


class Shelf:
    """The one channel that there is."""

    def __init__(self, toy: Toy) -> None:
        severities = frozenset(Severity)
        none: frozenset[str] = frozenset()
        kinds = frozenset(Kind)
        self.channel = Channel("toy", "toy", "here", toy, severities, none, (), none, kinds, 1_000, ())
        self.all = (self.channel,)

    def look(self) -> None:
        """It never changes."""

    def find(self, name: str) -> Channel | None:
        return self.channel if name == "toy" else None

    def routes(self) -> tuple[Route, ...]:
        return (Route("toy", self.channel.takes),)


@pytest.fixture(scope="module")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A control store whose schema is up to date: making one takes longer than a whole run of the model."""

    async def make(path: Path) -> None:
        await (await open_store(f"sqlite+aiosqlite:///{path}")).close()

    path = tmp_path_factory.mktemp("model") / "state.db"
    asyncio.run(make(path))
    return path


class Grouping(RuleBasedStateMachine):
    """Alerts fire and end, silences come and go, the channel fails, time passes."""

    template: Path

    @initialize()
    def begin(self) -> None:
        self.runner = asyncio.Runner()
        self.folder = Path(tempfile.mkdtemp())
        shutil.copy(self.template, self.folder / "state.db")
        self.firing: dict[str, Alert] = {}
        self.episodes: dict[str, int] = {}
        self.silences: list[tuple[str, datetime, datetime]] = []
        self.clock = Clock(AT)
        self.toy = Toy(self.clock)
        self.do(self._open())

    def do(self, work: Any) -> Any:
        return self.runner.run(work)

    async def _open(self) -> None:
        self.state = await open_store(f"sqlite+aiosqlite:///{self.folder / 'state.db'}")
        shelf: Any = Shelf(self.toy)
        knows = notify.Knows(dict, graphs, shelf.routes)
        pace = notify.Pace(WAIT_S, INTERVAL_S, repeat_s=0, attempts=1_000, longest_backoff_s=4.0)
        standings = notify.Standings("production")
        self.deliverer = notify.Deliverer(self.state, shelf, knows, standings, self.clock, Selfwatch(), pace)
        self.keeper = alerting.Keeper(self.state, [notify.Planning(incidents.Folding(graphs))])

    async def _deliver(self) -> None:
        for _ in range(2):
            await self.deliverer.step()
            await self.deliverer.settled()

    @rule(kind=st.sampled_from(KINDS), name=st.sampled_from(NAMES))
    def fire(self, kind: str, name: str) -> None:
        severity = Severity.WARNING if kind == "x.warning" else Severity.CRITICAL
        found = alert(kind, name, self.clock.now(), severity=severity, services=(SERVICES[name],))
        if found.fingerprint in self.firing:
            return
        episode = self.episodes[found.fingerprint] = self.episodes.get(found.fingerprint, 0) + 1
        self.firing[found.fingerprint] = found = replace(found, episode=episode)
        self.do(self.keeper([Transition(found, Phase.INACTIVE, self.clock.now(), "bad")]))

    @rule(kind=st.sampled_from(KINDS), name=st.sampled_from(NAMES))
    def end(self, kind: str, name: str) -> None:
        found = self.firing.pop(alert(kind, name).fingerprint, None)
        if found is not None:
            over = replace(found, phase=Phase.RESOLVED, resolved_at=self.clock.now(), since=self.clock.now())
            self.do(self.keeper([Transition(over, Phase.FIRING, self.clock.now(), "good")]))

    @rule(
        name=st.sampled_from(NAMES), lasts_s=st.sampled_from((5, 60)), kind=st.sampled_from(("silence", "maintenance"))
    )
    def silence(self, name: str, lasts_s: int, kind: str) -> None:
        now = self.clock.now()
        until = now + timedelta(seconds=lasts_s)
        matchers = ({"name": "member", "op": "=", "value": name},)

        async def keep() -> None:
            async with self.state.writing() as rows:
                await rows.silences.insert(SilenceTerms(kind, "", matchers, now, until, "so"), "ada", now)

        self.do(keep())
        self.silences.append((name, now, until))

    @rule(fails=st.booleans())
    def break_or_mend(self, fails: bool) -> None:
        self.toy.fails = fails

    @rule(seconds=st.sampled_from((0.5, 2, 10, 40)))
    def go_on(self, seconds: float) -> None:
        self.clock.advance(seconds)
        self.do(self._deliver())

    @invariant()
    def each_episode_begins_once_and_ends_once_after_that(self) -> None:
        told: dict[str, list[Status]] = {}
        for _, delivery in self.toy.sent:
            for each in delivery.messages:
                if each.alert is not None and not each.key.endswith(":still"):
                    told.setdefault(each.alert.id, []).append(each.status)
        one = ([Status.FIRING], [Status.FIRING, Status.RESOLVED], [Status.RESOLVED])
        # The end alone: it began and ended within one wait, and one message says both.
        assert all(said in one for said in told.values()), told

    @invariant()
    def a_trouble_is_told_again_at_its_pace_unless_it_gets_worse(self) -> None:
        made: dict[str, list[Delivery]] = {}
        for _, delivery in self.toy.sent:
            made.setdefault(delivery.grouping, []).append(delivery)
        for deliveries in made.values():
            ordered = sorted(deliveries, key=lambda each: each.created_at)
            worst = ordered[0].severity.rank
            for before, after in pairwise(ordered):
                apart_s = (after.created_at - before.created_at).total_seconds()
                assert apart_s >= INTERVAL_S or after.severity.rank > worst
                worst = max(worst, after.severity.rank)

    @invariant()
    def nothing_silenced_is_told(self) -> None:
        for _, delivery in self.toy.sent:
            for each in delivery.messages:
                if each.status is Status.FIRING and each.alert is not None and not each.key.endswith(":still"):
                    at = delivery.created_at
                    member = each.alert.member
                    assert not any(who == member and begin < at < until for who, begin, until in self.silences)

    def teardown(self) -> None:
        if not hasattr(self, "runner"):
            return
        self.toy.fails = False
        for _ in range(12):
            self.go_on(40)
        told = {
            each.alert.id: each.status
            for _, delivery in self.toy.sent
            for each in delivery.messages
            if each.alert is not None
        }
        muted = {each.messages[0].alert.id for each in self.ledger() if each.messages[0].alert is not None}
        for found in self.firing.values():
            assert told.get(found.id) is Status.FIRING or found.id in muted, "neither told nor explained"
        for name, status in told.items():
            fires = any(found.id == name for found in self.firing.values())
            assert status is (Status.FIRING if fires else Status.RESOLVED), "the last that was told is not so"
        self.do(self.state.close())
        self.runner.close()
        shutil.rmtree(self.folder)

    def ledger(self) -> list[Delivery]:
        async def read() -> list[Delivery]:
            async with self.state.reading() as rows:
                return list(await rows.deliveries.page(Asked(states=("suppressed",)), None, 10_000))

        return list(self.do(read()))


def run(template: Path, examples: int) -> None:
    Grouping.template = template
    case = Grouping.TestCase
    case.settings = settings(max_examples=examples, stateful_step_count=20, deadline=None)
    case("runTest").runTest()


def test_whatever_happens_each_trouble_is_told_as_it_is(empty: Path) -> None:
    run(empty, 8)


@pytest.mark.long
@pytest.mark.timeout(1_800)
def test_whatever_happens_each_trouble_is_told_as_it_is_many_times(empty: Path) -> None:
    run(empty, 150)
