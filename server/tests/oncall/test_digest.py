"""The daily digest: once a day, facts only, what is not known is said so."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import yaml
from alert_scenes import AT, graphs
from hypothesis import given, settings
from hypothesis import strategies as st
from oncall_scenes import Room, rotation
from outside import Outside, outside

from observatory import notify, oncall
from observatory.clock import HeldClock
from observatory.costs import Book, Ledger, Outlooks, Standings
from observatory.model import Health, Snapshot, Verdict
from observatory.oncall import digest
from observatory.oncall.digest import Area, Duty, Facts, Money, Purse, Trouble
from observatory.selfwatch import Selfwatch
from observatory.store import Store

UNTIL = datetime(2026, 3, 4, 7, tzinfo=UTC)
FACTS = Facts(
    environment="production",
    since=UNTIL - timedelta(days=1),
    until=UNTIL,
    health=(
        Area("", "degraded", "trading_execution is degraded"),
        Area("trading_execution", "degraded", "slow orders"),
        Area("credits", "healthy", ""),
    ),
    health_at=UNTIL,
    money=Money(Decimal("12.50"), Decimal(10), Decimal(12), Decimal("0.5"), 1_200, 3, (("gpt-4o", Decimal("8.25")),)),
    incidents=(
        Trouble(
            "20260303t100000-7b0f6f4d",
            "orders <b>fail</b> [here](http://evil.example)",
            "critical",
            "resolved",
            UNTIL - timedelta(hours=21),
            UNTIL - timedelta(hours=20, minutes=56),
            UNTIL - timedelta(hours=20),
        ),
    ),
    fired={"critical": 2, "warning": 0, "info": 5},
    budgets=(Purse("models", "month", "warned", Decimal(80), Decimal(100), Decimal("0.8"), "80 % is spent"),),
    duties=(Duty("primary", "Ada", UNTIL + timedelta(days=3)),),
)


def test_it_says_health_money_incidents_budgets_and_who_is_on_call() -> None:
    told = digest.write(FACTS)
    assert told.title == "production on 2026-03-04: degraded, 1 incident, $12.50 spent"
    lines = told.markdown.splitlines()
    assert [each for each in lines if each.startswith("## ")] == [
        "## Health",
        "## Incidents",
        "## Money",
        "## Budgets",
        "## On call",
    ]
    assert "- 1 of 2 areas are healthy" in lines
    assert "- spent: $12.50 (+25 % on the day before)" in lines
    assert "- the amount of 3 calls and charges is not known: the sums are lower bounds" in lines
    assert "- gpt-4o: $8.25" in lines
    assert "- models: warned; $80.00 of $100.00 in this month, 80 %: 80 % is spent" in lines
    assert "- primary: Ada until 2026-03-07 07:00 UTC" in lines
    assert "- alerts that fired: 2 critical, 5 info" in lines
    assert any("taken after 4 min; over after 1 h" in each for each in lines)


def test_names_from_telemetry_cannot_write_markup() -> None:
    told = digest.write(FACTS)
    assert "orders \\<b\\>fail\\</b\\> \\[here\\](http://evil.example)" in told.markdown
    assert "&lt;b&gt;fail&lt;/b&gt;" in told.html
    assert "<b>" not in told.html


def test_what_is_not_known_is_said_so_and_never_shown_as_nothing() -> None:
    unknown = replace(FACTS, health=None, health_at=None, money=None, budgets=None, incidents=(), duties=(), fired={})
    told = digest.write(unknown)
    assert told.title == "production on 2026-03-04: health unknown, no incidents, an unknown amount spent"
    assert "$0" not in told.markdown
    assert told.markdown.count("not known") == 3
    assert "## On call" not in told.markdown


def test_its_facts_can_be_kept_as_they_are() -> None:
    kept = json.loads(json.dumps(digest.plain(FACTS)))
    assert kept["money"]["usd"] == "12.50"
    assert kept["incidents"][0]["opened_at"] == "2026-03-03T10:00:00+00:00"


@settings(deadline=None)
@given(st.integers(0, 23), st.integers(0, 10**8))
def test_days_follow_each_other_without_gap(hour: int, after_s: int) -> None:
    at = AT + timedelta(seconds=after_s)
    since, until = digest.window(at, hour)
    assert since < until <= at < until + timedelta(days=1)
    assert until - since == timedelta(days=1)
    assert until.hour == hour
    assert digest.window(until, hour)[1] == until
    assert digest.window(until - timedelta(microseconds=1), hour)[1] == since


class Desk:
    """A deliverer with one webhook that takes digests, and what writes them."""

    def __init__(self, room: Room, world: Outside, deliverer: notify.Deliverer, digests: oncall.Digests) -> None:
        self.room, self.world, self.deliverer, self.digests = room, world, deliverer, digests

    async def go(self, after_s: float = 0) -> int:
        self.room.clock.advance(after_s)
        written = await self.digests.step()
        for _ in range(3):
            await self.deliverer.step()
            await self.deliverer.settled()
        return written


@pytest.fixture
async def desk(room: Room, store: Store, tmp_path: Path) -> AsyncIterator[Desk]:
    async with outside() as world:
        file = tmp_path / "channels.yaml"
        hook: dict[str, Any] = {"id": "hook", "kind": "webhook", "url": f"{world.url}/hook", "kinds": ["digest"]}
        hook["severities"] = ["info"]
        file.write_text(yaml.safe_dump({"channels": [hook]}))
        poster = notify.Poster(notify.networks("127.0.0.0/8"), 2.0)
        channels = notify.Channels(file, notify.Tools(poster, notify.Links(""), 2.0), room.clock)
        knows = notify.Knows(dict, graphs, channels.routes)
        standings = notify.Standings("production")
        deliverer = notify.Deliverer(room.state, channels, knows, standings, room.clock, Selfwatch(), notify.Pace())
        ledger = Ledger(store.reader, Book())
        budgets = Standings(room.state, ledger, Outlooks(ledger, room.clock), room.clock)
        whole = Verdict(Health.HEALTHY)
        newest = {"digests": Snapshot("digests", room.clock.now(), whole, {}, {}, ())}
        sources = oncall.Sources(lambda: newest, ledger, budgets)
        yield Desk(room, world, deliverer, oncall.Digests(room.state, room.clock, sources, 7))
        await poster.aclose()


async def test_it_is_sent_once_a_day_and_told_as_sent_when_a_channel_took_it(desk: Desk) -> None:
    clock: HeldClock = desk.room.clock
    await desk.room.ask("PUT", "/schedules/primary", json=rotation("Ada"))
    # At 05:06 it is too late for the day that ended at seven yesterday.
    assert await desk.go() == 0
    clock.advance((UNTIL - clock.now()).total_seconds() - 1)
    assert await desk.go() == 0
    assert await desk.digests.tell("digests", clock.now()) == []
    assert await desk.go(1) == 1
    for _ in range(10):
        assert await desk.go(3_600) == 0
    assert len(desk.world.asked) == 1
    assert await desk.go(14 * 3_600) == 1
    assert len(desk.world.asked) == 2
    (told,) = await desk.digests.tell("digests", clock.now())
    assert (told.member, told.bad) == ("2026-03-05", True)
    assert "sent by hook" in told.sentence
    assert await desk.digests.tell("digests", clock.now() + timedelta(minutes=6)) == []
    assert await desk.digests.tell("elsewhere", clock.now()) == []


async def test_a_digest_that_no_channel_took_is_not_told_as_sent(desk: Desk) -> None:
    clock = desk.room.clock
    clock.advance((UNTIL - clock.now()).total_seconds())
    assert await desk.digests.step() == 1
    assert await desk.digests.tell("digests", clock.now()) == []


async def test_its_facts_are_those_of_the_stores(desk: Desk) -> None:
    facts = await desk.digests.facts("digests", UNTIL - timedelta(days=1), UNTIL)
    assert facts.health == (Area("", "healthy", ""),)
    assert facts.incidents == ()
    assert facts.fired == {"critical": 0, "warning": 0, "info": 0}
    assert facts.money is not None
    assert facts.money.usd is None
