"""What becomes of messages along the row of stages, with the reason that the ledger gives."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

from alert_scenes import AT, alert, ends, fires, later
from notify_scenes import Post, Posts, hook
from outside import Outside

from observatory import notify
from observatory.alerting import decode, known
from observatory.areas import load as areas
from observatory.catalogue import load as catalogue
from observatory.model.alert import Severity
from observatory.model.notification import DeliveryState, Kind, Message, Status
from observatory.state import SilenceTerms

SENT, SUPPRESSED = DeliveryState.SENT, DeliveryState.SUPPRESSED
TRADE, ROUTER, EXCHANGES = "trade_execution_service", "binance_smart_router", "exchange_universe_service"


async def silence(post: Post, kind: str = "silence", lasts_s: float = 60, **matcher: str) -> None:
    matchers = tuple({"name": name, "op": "like", "value": value} for name, value in matcher.items())
    now = post.clock.now()
    terms = SilenceTerms(kind, "production", matchers, now, now + timedelta(seconds=lasts_s), "tonight's work")
    async with post.state.writing() as rows:
        await rows.silences.insert(terms, "token:3", now)


async def why(post: Post) -> list[tuple[str, str]]:
    return [(each.stage, each.reason) for each in await post.ledger(states=("suppressed",))]


def titles(world: Outside) -> list[list[str]]:
    return [[each["labels"]["alertname"] for each in asked.json["alerts"]] for asked in world.asked]


def test_the_row_of_stages_can_be_printed() -> None:
    names = [each.name for each in notify.STAGES] + list(notify.SENDING)
    wanted = ["inhibition", "silence", "maintenance", "group", "deduplicate", "throttle", "send", "record"]
    assert [each for each in names if each in wanted] == wanted


async def test_a_silenced_alert_is_kept_and_told_when_the_silence_ends_while_it_fires(
    open_post: Posts, world: Outside
) -> None:
    post = await open_post([hook(world)])
    await silence(post, rule="credits.*")
    await post.told(fires("credits.negative_balances.critical"), fires("service.down", member=TRADE))
    assert titles(world) == [["service.down"]]
    ((stage, reason),) = await why(post)
    assert stage == "silence"
    assert reason == "silence 1 by token:3 until 2026-03-04 05:07:07 UTC: tonight's work"
    async with post.state.reading() as rows:
        assert len(await rows.alerts.open()) == 2
    for _ in range(5):
        await post.deliver(5)
    assert len(await why(post)) == 1, "one line for one mute, however often it is looked at"
    await post.deliver(60)
    assert titles(world)[1:] == [["credits.negative_balances.critical"]]


async def test_what_ends_while_it_is_silenced_is_told_neither_way(open_post: Posts, world: Outside) -> None:
    post = await open_post([hook(world)])
    await silence(post, kind="maintenance", lasts_s=600, rule="*")
    await post.told(fires("a.critical"))
    await post.told(ends("a.critical", after_s=30), after_s=30)
    await post.deliver(60)
    assert world.asked == []
    told = await why(post)
    assert told[0][0] == "maintenance"
    assert any("nobody was told that it fired: maintenance window 1" in reason for _, reason in told)
    assert any("it ended while it was muted" in reason for _, reason in told)
    async with post.state.reading() as rows:
        assert await rows.outbox.left() == 0


async def test_the_end_is_told_to_whoever_was_told_of_the_beginning_silence_or_not(
    open_post: Posts, world: Outside
) -> None:
    post = await open_post([hook(world)])
    await post.told(fires("a.critical"))
    await silence(post, lasts_s=600, rule="*")
    await post.told(ends("a.critical", after_s=60), after_s=60)
    assert [asked.json["status"] for asked in world.asked] == ["firing", "resolved"]


async def test_a_caller_of_a_service_that_is_down_is_not_told_and_the_ledger_says_why(
    open_post: Posts, world: Outside
) -> None:
    post = await open_post([hook(world)])
    root = fires("service.down", member=EXCHANGES, services=(EXCHANGES,))
    middle = fires("service.failing", member=ROUTER, after_s=1, services=(ROUTER,))
    outer = fires("burn.service.fast", member=TRADE, after_s=2, services=(TRADE,))
    own = fires("trading_execution.unknown_age.critical", after_s=2, services=(TRADE,))
    await post.told(root, middle, outer, own)
    (told,) = titles(world)
    assert sorted(told) == ["service.down", "trading_execution.unknown_age.critical"]
    reasons = dict(
        zip(
            [each.messages[0].title for each in await post.ledger(states=("suppressed",))],
            [reason for _, reason in await why(post)],
            strict=True,
        )
    )
    assert reasons == {
        f"service.failing ({ROUTER})": f"{ROUTER} calls {EXCHANGES}, of which service.down ({EXCHANGES}) fires",
        f"burn.service.fast ({TRADE})": f"{TRADE} calls {ROUTER}, of which service.failing ({ROUTER}) fires",
    }


async def test_what_outlives_its_explanation_is_told_a_moment_later(open_post: Posts, world: Outside) -> None:
    post = await open_post([hook(world)], group_interval_s=1)
    root = fires("service.down", member=EXCHANGES, services=(EXCHANGES,))
    await post.told(root, fires("service.failing", member=ROUTER, services=(ROUTER,)))
    await post.told(ends("service.down", member=EXCHANGES, services=(EXCHANGES,), after_s=30), after_s=30)
    assert [asked.json["alerts"][0]["status"] for asked in world.asked] == ["firing", "resolved"]
    await post.deliver(5)
    assert len(world.asked) == 2
    await post.deliver(20)
    assert titles(world)[2] == ["service.failing"]


async def test_a_critical_bound_keeps_the_warning_of_the_same_thing_quiet(open_post: Posts, world: Outside) -> None:
    post = await open_post([hook(world)])
    of = {"member": "binance"}
    await post.told(
        fires("market_data.lag.critical", **of),
        fires("market_data.lag.warning", severity=Severity.WARNING, **of),
        fires("market_data.lag.warning", member="kraken", severity=Severity.WARNING),
        fires("anomaly.market_data.lag", severity=Severity.WARNING, **of),
    )
    told = sorted(
        (each["labels"]["alertname"], each["labels"]["member"])
        for asked in world.asked
        for each in asked.json["alerts"]
    )
    assert told == [("market_data.lag.critical", "binance"), ("market_data.lag.warning", "kraken")]
    assert all("a higher tier of the same judgement" in reason for _, reason in await why(post))


async def test_a_rule_says_itself_what_it_explains(open_post: Posts, world: Outside) -> None:
    post = await open_post([hook(world)])
    entry: dict[str, Any] = {
        "id": "own.root",
        "sentence": "the root",
        "severity": "warning",
        "inhibits": ["own.leaf*"],
        "condition": {"kind": "told", "topic": "backup.done"},
    }
    rule = decode.rule(entry, known(areas(), catalogue()))
    post.rules["own.root"] = rule
    await post.told(
        fires("own.root", member="x", severity=Severity.WARNING, services=(TRADE,)),
        fires("own.leaf", member="y", severity=Severity.WARNING, services=(TRADE,)),
        fires("own.leaf.far", member="z", severity=Severity.WARNING, services=("ai_chat_engine",)),
    )
    told = sorted(name for each in titles(world) for name in each)
    assert told == ["own.leaf.far", "own.root"]
    ((stage, reason),) = await why(post)
    assert (stage, reason) == (
        "inhibition",
        f"own.root (x) fires on {TRADE}, and its rule says that it explains own.leaf",
    )


async def test_alerts_of_one_trouble_are_told_together_and_what_still_fires_with_them(
    open_post: Posts, world: Outside
) -> None:
    post = await open_post([hook(world)])
    of = {"services": (TRADE,), "severity": Severity.WARNING}
    await post.keep(fires("a.warning", **of))
    await post.deliver(0.5)
    await post.keep(fires("b.warning", after_s=0.5, **of))
    await post.deliver(0.5)
    assert titles(world) == [["a.warning", "b.warning"]]
    assert world.asked[0].json["notification_reason"] == "first notification"
    await post.told(fires("c.warning", after_s=5, **of), after_s=5)
    assert len(world.asked) == 1, "a trouble that gets no worse is told again after a while only"
    await post.deliver(30)
    assert sorted(titles(world)[1]) == ["a.warning", "b.warning", "c.warning"]
    assert world.asked[1].json["notification_reason"] == "new alerts added"
    await post.told(ends("a.warning", after_s=60, **of), after_s=60)
    third = world.asked[2].json
    assert (third["status"], third["notification_reason"]) == ("firing", "some alerts resolved")
    assert {each["labels"]["alertname"]: each["status"] for each in third["alerts"]} == {
        "a.warning": "resolved",
        "b.warning": "firing",
        "c.warning": "firing",
    }


async def test_a_message_says_what_is_thought_to_be_behind_it(open_post: Posts, world: Outside) -> None:
    post = await open_post([hook(world)])
    await post.told(fires("service.down", member=TRADE, services=(TRADE,)))
    await post.told(fires("x.critical", after_s=10, services=(TRADE,)), after_s=40)
    (first,), (second, *_) = (asked.json["alerts"] for asked in world.asked)
    assert "description" not in first["annotations"]
    told = second["annotations"]["description"]
    assert told.startswith("suspected cause: service.down is bad (")
    assert TRADE in told
    assert "confidence" in told


async def test_a_trouble_that_gets_worse_does_not_wait(open_post: Posts, world: Outside) -> None:
    post = await open_post([hook(world)])
    await post.told(fires("a.warning", services=(TRADE,), severity=Severity.WARNING))
    await post.told(fires("b.critical", services=(TRADE,), after_s=5), after_s=2)
    assert titles(world)[1][0] == "b.critical"


async def test_what_begins_and_ends_within_the_wait_is_one_message(open_post: Posts, world: Outside) -> None:
    post = await open_post([hook(world)], group_wait_s=10)
    begun = fires("a.critical")
    await post.keep(begun)
    over = ends("a.critical", after_s=3)
    await post.keep(replace(over, alert=replace(over.alert, fired_at=AT)))
    await post.deliver(15)
    (asked,) = world.asked
    assert [each["status"] for each in asked.json["alerts"]] == ["resolved"]
    await post.deliver(60)
    assert len(world.asked) == 1


async def test_nobody_is_told_the_same_twice(open_post: Posts, world: Outside) -> None:
    post = await open_post([hook(world)])
    change = fires("a.critical")
    await post.told(change)
    # The evaluator that lost its commit finds the same change again.
    await post.told(change, after_s=60)
    assert len(world.asked) == 1


async def test_an_alert_without_a_channel_stands_in_the_ledger(open_post: Posts, world: Outside) -> None:
    post = await open_post([hook(world, severities=["critical"], environments=["staging"])])
    await post.told(fires("a.critical"))
    assert await why(post) == [("route", "no channel takes alert messages of severity critical in production")]
    post = await open_post([])
    await post.told(fires("b.critical"))
    assert (await why(post))[-1] == ("route", "there are no channels")


async def test_channels_take_what_their_routes_say(open_post: Posts, world: Outside) -> None:
    post = await open_post(
        [
            hook(world, "all", severities=["critical", "warning", "info"]),
            hook(world, "usual"),
            hook(world, "money", areas=["credits"]),
            hook(world, "down", rules=["service.*"]),
        ]
    )
    await post.told(
        fires("credits.x.critical", area="credits", member="a"),
        fires("service.down", member="b"),
        fires("deployment", severity=Severity.INFO, member="c"),
    )
    took: dict[str, set[str]] = {}
    for asked in world.asked:
        took.setdefault(asked.path[1:], set()).update(each["labels"]["alertname"] for each in asked.json["alerts"])
    assert took == {
        "all": {"credits.x.critical", "service.down", "deployment"},
        "usual": {"credits.x.critical", "service.down"},
        "money": {"credits.x.critical"},
        "down": {"service.down"},
    }


async def test_a_rule_that_is_silent_tells_nobody(open_post: Posts, world: Outside) -> None:
    post = await open_post([hook(world)])
    await post.told(fires("burn.area.fast", labels={"silent": "burn_in"}))
    assert world.asked == []
    assert (await why(post))[0] == ("silence", "its rule is silent (burn_in): it is watched, and nobody is told")


async def test_no_more_is_sent_in_a_minute_than_a_channel_bears_and_the_urgent_goes_first(
    open_post: Posts, world: Outside
) -> None:
    post = await open_post([hook(world, per_minute=3)])
    warnings = [
        fires("deployment.slow", member=f"m{nth}", severity=Severity.WARNING, environment=f"e{nth}") for nth in range(6)
    ]
    await post.told(*warnings, fires("a.critical", environment="e9"))
    assert len(world.asked) == 3
    assert titles(world)[0] == ["a.critical"]
    queued = await post.ledger(states=("queued",))
    assert len(queued) == 4
    assert {each.reason for each in queued if each.stage == "throttle"} == {"3 messages a minute are sent at most"}
    for _ in range(8):
        await post.deliver(21)
    assert len(world.asked) == 7
    assert not await post.ledger(states=("queued",))


async def test_what_nobody_took_is_told_again(open_post: Posts, world: Outside) -> None:
    post = await open_post([hook(world)], repeat_s=3_600)
    await post.told(fires("a.critical"))
    await post.deliver(1_800)
    assert len(world.asked) == 1
    await post.deliver(1_900)
    assert world.asked[1].json["notification_reason"] == "repeat interval elapsed"
    await post.deliver(60)
    assert len(world.asked) == 2
    async with post.state.writing() as rows:
        taken = f"alert:{fires('a.critical').alert.id}"
        await rows.acknowledgements.insert(taken, "production", "ada", "on it", post.clock.now())
    await post.deliver(4_000)
    assert len(world.asked) == 2, "somebody has it"


async def test_a_message_by_another_room_goes_to_the_channels_that_it_names(open_post: Posts, world: Outside) -> None:
    post = await open_post([hook(world, "one"), hook(world, "two")])
    firing = alert("a.critical")

    def escalation(key: str, **more: Any) -> Message:
        return Message(
            key, Kind.ESCALATION, "production", key, Severity.CRITICAL, Status.FIRING, AT, "second level", **more
        )

    async with post.state.writing() as rows:
        assert await rows.outbox.add([escalation("x", alert=firing, targets=("two",))]) == 1
        assert await rows.outbox.add([escalation("x", targets=("one",))]) == 0
    await post.deliver(1)
    assert world.asked == []
    assert await why(post) == [("ended", "it has ended")]
    await post.told(fires("a.critical"))
    world.asked.clear()
    async with post.state.writing() as rows:
        await rows.outbox.add([escalation("y", alert=firing, targets=("two",), person="ada")])
        digest = Message(
            "d", Kind.DIGEST, "production", "d", Severity.INFO, Status.INFO, later(9), "the day", "all well"
        )
        await rows.outbox.add([replace(digest, targets=("one",))])
    await post.deliver(20)
    assert sorted(asked.path for asked in world.asked) == ["/one", "/two"]


async def test_who_is_called_by_an_escalation_is_called_although_another_alert_explains_the_one_it_carries(
    open_post: Posts, world: Outside
) -> None:
    post = await open_post([hook(world)])
    explained = fires("service.failing", member=ROUTER, services=(ROUTER,))
    await post.told(fires("service.down", member=EXCHANGES, services=(EXCHANGES,)), explained)
    assert titles(world) == [["service.down"]]
    called = Message(
        "e", Kind.ESCALATION, "production", "e", Severity.CRITICAL, Status.FIRING, later(5), "second level",
        alert=explained.alert, targets=("hook",),
    )  # fmt: skip
    async with post.state.writing() as rows:
        await rows.outbox.add([called])
    await post.deliver(5)
    assert titles(world)[1:] == [["service.failing"]]


async def test_a_foreign_end_before_its_beginning_is_held_until_that_is_told(open_post: Posts, world: Outside) -> None:
    post = await open_post([hook(world)], group_wait_s=20)
    await post.keep(fires("a.critical"))
    over = ends("a.critical", after_s=1)
    moved = notify.plan([over], [])
    async with post.state.writing() as rows:
        await rows.alerts.write([over])
        await rows.outbox.add(moved)
    await post.deliver(10)
    assert world.asked == []
    await post.deliver(40)
    await post.deliver(40)
    assert [asked.json["alerts"][0]["status"] for asked in world.asked] == ["firing", "resolved"]
