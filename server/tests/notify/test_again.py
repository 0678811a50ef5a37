"""What was not told: muted, held or given up, and what becomes of it later."""

from __future__ import annotations

import itertools
import sqlite3
from contextlib import closing
from datetime import timedelta
from types import SimpleNamespace
from typing import Any, cast

import yaml
from alert_scenes import AT, alert, ends, fires, later
from notify_scenes import Post, Posts, hook
from outside import Outside
from sqlalchemy import event

from observatory import notify
from observatory.model.alert import Severity
from observatory.model.notification import DeliveryState, Kind, Message, Status
from observatory.state import SilenceTerms
from observatory.state.oncall import EscalationRecord

RULE = "a.critical"


def paths(world: Outside) -> list[str]:
    return [each.path for each in world.asked]


def names(world: Outside, since: int = 0) -> list[str]:
    return [each["labels"]["alertname"] for asked in world.asked[since:] for each in asked.json["alerts"]]


async def silence(post: Post, lasts_s: float, rule: str = "*") -> None:
    now = post.clock.now()
    matchers = ({"name": "rule", "op": "like", "value": rule},)
    terms = SilenceTerms("silence", "production", matchers, now, now + timedelta(seconds=lasts_s), "work")
    async with post.state.writing() as rows:
        await rows.silences.insert(terms, "token:3", now)


async def left(post: Post) -> int:
    async with post.state.reading() as rows:
        return await rows.outbox.left()


async def test_the_end_of_what_nobody_was_told_of_does_not_stay_in_the_outbox(open_post: Posts, world: Outside) -> None:
    post = await open_post([hook(world, environments=["staging"])])
    # A beginning that is dropped before its end is planned: no channel takes it.
    await post.told(fires(RULE))
    assert await left(post) == 0
    over = ends(RULE, after_s=30)
    async with post.state.writing() as rows:
        await rows.alerts.write([over])
        # An end that is told anyway: a channel was added meanwhile.
        await rows.outbox.add(notify.plan([over], []))
    post.file.write_text(yaml.safe_dump({"channels": [hook(world)]}))
    for _ in range(3):
        await post.deliver(60)
    assert await left(post) == 0, "held for a beginning that is never told"
    assert world.asked == []


async def test_news_is_not_held_up_by_however_many_that_are_muted(open_post: Posts, world: Outside) -> None:
    post = await open_post([hook(world)])
    await silence(post, 3_600, "muted.*")
    await post.keep(*(fires(f"muted.{nth}.critical", environment="production") for nth in range(450)))
    for _ in range(8):
        await post.deliver(1)
    assert world.asked == []
    await post.keep(fires("news.critical", after_s=8, environment="staging"))
    post.clock.advance(6)
    await post.deliverer.step()
    await post.deliverer.settled()
    await post.deliverer.step()
    await post.deliverer.settled()
    assert names(world) == ["news.critical"]


async def test_what_a_channel_gave_up_on_is_told_there_once_it_delivers_again(open_post: Posts, world: Outside) -> None:
    world.answer = lambda asked: (500 if asked.path == "/broken" else 200, {}, b"")
    post = await open_post([hook(world, "broken"), hook(world, "good")], attempts=2)
    await post.told(fires(RULE))
    await post.deliver(10)
    assert (await post.ledger(channel="broken"))[0].state is DeliveryState.FAILED
    count = len(world.asked)
    await post.deliver(60)
    assert len(world.asked) == count, "not at once: it does not deliver"
    world.answer = lambda _: (200, {}, b"")
    await post.told(fires("b.critical", after_s=80, services=("ai_chat_engine",)))
    for _ in range(4):
        await post.deliver(31)
    again = [asked for asked in world.asked[count:] if asked.path == "/broken"]
    assert sorted(
        name for asked in again for each in asked.json["alerts"] for name in [each["labels"]["alertname"]]
    ) == [
        "a.critical",
        "b.critical",
    ]
    assert paths(world).count("/good") == 2, "who was told is not told again"
    await post.told(ends(RULE, after_s=300), after_s=300)
    assert world.asked[-1].json["status"] == "resolved"
    assert {each.path for each in world.asked[-2:]} == {"/broken", "/good"}


async def test_a_channel_that_never_delivers_is_tried_with_longer_and_longer_waits(
    open_post: Posts, world: Outside
) -> None:
    world.answer = lambda _: (500, {}, b"")
    post = await open_post([hook(world)], attempts=1, revive_s=100.0, repeat_s=0)
    await post.told(fires(RULE))
    times = []
    for _ in range(100):
        count = len(world.asked)
        await post.deliver(124)
        times += [(post.clock.now() - AT).total_seconds()] * (len(world.asked) - count)
    waits = [b - a for a, b in itertools.pairwise(times)]
    assert waits == sorted(waits)
    assert 5 <= len(times) <= 12
    world.asked.clear()
    await post.keep(ends(RULE, after_s=20_000))
    await post.deliver(5_000)
    assert world.asked == [], "what is over is not told any more"


async def test_what_was_refused_for_good_is_not_tried_again(open_post: Posts, world: Outside) -> None:
    world.answer = lambda _: (422, {}, b"no")
    post = await open_post([hook(world)], repeat_s=0)
    await post.told(fires(RULE))
    for _ in range(5):
        await post.deliver(1_000)
    assert len(world.asked) == 1


async def test_reminders_go_on_when_the_first_message_or_a_reminder_was_given_up(
    open_post: Posts, world: Outside
) -> None:
    world.answer = lambda _: (500, {}, b"")
    post = await open_post([hook(world)], attempts=1, repeat_s=3_600, revive_s=0.0)
    await post.told(fires(RULE))
    for _ in range(3):
        await post.deliver(3_700)
    assert len(world.asked) == 4
    world.answer = lambda _: (200, {}, b"")
    await post.deliver(3_700)
    assert world.asked[-1].json["notification_reason"] == "repeat interval elapsed"


async def test_a_channel_that_gives_up_again_and_again_puts_off_no_reminder_of_another(
    open_post: Posts, world: Outside
) -> None:
    world.answer = lambda asked: (500 if asked.path == "/broken" else 200, {}, b"")
    post = await open_post([hook(world, "broken"), hook(world, "good")], attempts=1, repeat_s=3_600, revive_s=600.0)
    await post.told(fires(RULE))
    for _ in range(66):
        await post.deliver(181)
    assert paths(world).count("/good") == 4


async def test_what_became_of_an_incident_is_told_by_itself(open_post: Posts, world: Outside) -> None:
    post = await open_post([hook(world), hook(world, "bare", kinds=["alert"])])
    first = fires(RULE, services=("trade_execution_service",))
    await post.told(first)
    (kept, _) = await post.ledger()
    world.asked.clear()
    taken = Message(
        "taken", Kind.INCIDENT, "production", kept.grouping, Severity.CRITICAL, Status.INFO, later(5), "was taken",
        targets=("bare", "hook"),
    )  # fmt: skip
    async with post.state.writing() as rows:
        await rows.outbox.add([taken])
    await post.keep(fires("b.critical", after_s=5, services=("trade_execution_service",)))
    await post.deliver(40)
    told: dict[str, list[list[str]]] = {}
    for asked in world.asked:
        told.setdefault(asked.path, []).append([each["labels"]["alertname"] for each in asked.json["alerts"]])
    assert sorted(told["/hook"]) == [["b.critical", "a.critical"], ["incident"]]
    assert told["/bare"] == [["b.critical", "a.critical"]], "this one takes no such messages"


async def test_the_alert_of_a_channel_that_is_gone_ends(open_post: Posts, world: Outside) -> None:
    world.answer = lambda _: (500, {}, b"")
    post = await open_post([hook(world, "old")], attempts=1)
    standings = notify.Standings("production", lambda: post.deliverer.channels.ids)
    post.deliverer.standings = standings
    await post.told(fires(RULE))
    assert [each.bad for each in await standings.tell("production", post.clock.now())] == [True]
    post.file.write_text(yaml.safe_dump({"channels": [hook(world, "new")]}))
    await post.deliver(5)
    assert await standings.tell("production", post.clock.now()) == []


async def test_what_is_long_past_is_forgotten_and_what_still_counts_is_not(open_post: Posts, world: Outside) -> None:
    post = await open_post([hook(world)])
    async with post.state.writing() as rows:
        await rows.oncall.use_link("old", "ada", AT)
        for subject, state in (("alert:x:1", "ended"), ("alert:y:1", "running")):
            await rows.oncall.keep_escalation(EscalationRecord(subject, "production", "p", state, AT, {}))
    await post.deliver(0)
    post.clock.advance(timedelta(days=29).total_seconds())
    await post.deliver(0)
    async with post.state.reading() as rows:
        assert await rows.oncall.link_used("old") is not None
        assert len(await rows.oncall.escalations(["alert:x:1"])) == 2
    await post.deliver(timedelta(days=410).total_seconds())
    async with post.state.reading() as rows:
        assert await rows.oncall.link_used("old") is None
        assert [each.subject for each in await rows.oncall.escalations(["alert:x:1"])] == ["alert:y:1"]


async def test_how_many_were_sent_in_a_minute_is_looked_up_by_time(open_post: Posts, world: Outside) -> None:
    post = await open_post([hook(world)])
    await post.told(fires(RULE))
    async with post.state.reading() as rows:
        assert await rows.deliveries.sent_since("hook", AT) == 1
        assert await rows.deliveries.sent_since("hook", post.clock.now()) == 0
        assert await rows.deliveries.sent_since("other", AT) == 0
    asked: list[tuple[str, Any]] = []
    engine = post.state._engine.sync_engine
    event.listen(engine, "before_cursor_execute", lambda *told: asked.append((told[2], told[3])))
    async with post.state.reading() as rows:
        await rows.deliveries.sent_since("hook", AT)
    (statement, values) = next(each for each in asked if "delivery_attempts" in each[0])
    with closing(sqlite3.connect(post.file.parent / "state.db")) as plain:
        plan = plain.execute(f"EXPLAIN QUERY PLAN {statement}", values).fetchall()
    assert "ix_delivery_attempts_at" in str(plan)


async def test_deliveries_go_on_is_known_by_their_loop(open_post: Posts, world: Outside) -> None:
    post = await open_post([hook(world)])
    assert not post.deliverer.going
    await post.told(fires(RULE))
    assert post.deliverer.going
    leads, late = SimpleNamespace(leads=True), [False]
    nothing: Any = None
    office = notify.Office(
        nothing, nothing, nothing, nothing, nothing, nothing, cast(Any, leads), lambda: late[0]
    )  # fmt: skip
    assert office.alive(post.deliverer)
    late[0] = True
    assert not office.alive(post.deliverer), "rounds are late"
    late[0] = False
    post.clock.advance(120)
    assert not office.alive(post.deliverer), "nothing is delivered"
    assert not post.deliverer.going
    await post.deliver()
    assert post.deliverer.going
    assert alert(RULE).id
