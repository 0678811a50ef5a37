"""Senders that wait, are cut, or hold secrets; against servers that speak what they speak."""

from __future__ import annotations

import asyncio
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from alert_scenes import AT, alert, fires
from notify_scenes import Posts, hook
from outside import Outside

from observatory import notify
from observatory.clock import HeldClock
from observatory.model.alert import Severity
from observatory.model.notification import DeliveryState, Kind, Message, Outcome, Status
from observatory.notify import render
from observatory.notify.channels import Sent, read
from observatory.notify.channels.threads import MOST, Threads
from observatory.state.deliveries import Delivery

TOKEN = "987654321:AAbbCCddEEffGGhhIIjjKKllMMnnOOppQQ"
LINK = "https://observatory.example/acknowledge/signed"
OK = b'{"ok":true,"result":{"message_id":1}}'


def telegram(world: Outside, tmp_path: Path, chats: str = "-1001234567890", **more: Any) -> dict[str, Any]:
    (tmp_path / "token").write_text(f"{TOKEN}\n")
    secrets = {"token": {"file": str(tmp_path / "token")}}
    return {
        "id": "ops", "kind": "apprise", "url": f"tgram://{{token}}/{chats}", "base_url": world.url, "secrets": secrets,
    } | more  # fmt: skip


def delivery(*messages: Message) -> Delivery:
    return Delivery(
        "key", "ops", "alert", "production", "g", Severity.CRITICAL, Status.FIRING, DeliveryState.QUEUED, "", "",
        AT, AT, messages,
    )  # fmt: skip


def message(nth: int, sentence: str) -> Message:
    found = alert(f"rule.{nth}.critical", f"m{nth}", sentence=sentence)
    return Message(
        f"{found.id}:firing", Kind.ALERT, "production", "g", Severity.CRITICAL, Status.FIRING, AT, found.rule,
        text="x" * 500, alert=found,
    )  # fmt: skip


def test_the_link_that_takes_it_comes_before_all_that_may_be_cut() -> None:
    links = notify.Links("https://observatory.example", lambda subject, person: LINK)
    found = render.text(delivery(*(message(nth, "s" * 900) for nth in range(30))), links)
    assert LINK in found.body[:200]
    assert len(found.title) < 300


async def test_a_message_that_a_service_cuts_can_be_taken_still(
    open_post: Posts, world: Outside, tmp_path: Path
) -> None:
    world.answer = lambda _: (200, {"Content-Type": "application/json"}, OK)
    post = await open_post([telegram(world, tmp_path)], base="https://observatory.example")
    links = notify.Links("https://observatory.example", lambda subject, person: LINK)
    service: Any = post.deliverer.channels.find("ops")
    service.sender._tools = notify.Tools(service.sender._tools.poster, links, 2.0)
    many = (fires(f"r{nth}.critical", "m" * 200, sentence="s" * 900, services=("a",)) for nth in range(20))
    await post.told(*many)
    (asked,) = [each for each in world.asked if each.path.endswith("/sendMessage")]
    assert len(asked.json["text"]) <= 4_096
    assert LINK in asked.json["text"]


async def test_of_several_targets_only_those_are_told_again_that_did_not_take_it(
    open_post: Posts, world: Outside, tmp_path: Path
) -> None:
    bad = {"-1002"}

    def answer(asked: Any) -> Any:
        json = {"Content-Type": "application/json"}
        return (500, json, b'{"ok":false}') if str(asked.json["chat_id"]) in bad else (200, json, OK)

    world.answer = answer
    post = await open_post([telegram(world, tmp_path, "-1001/-1002/-1003")])
    await post.told(fires("a.critical"))
    (kept,) = await post.ledger()
    assert kept.state is DeliveryState.QUEUED
    assert kept.reason.startswith("2 of 3 targets took it; target 2: ")
    bad.clear()
    await post.deliver(5)
    (kept,) = await post.ledger()
    assert kept.state is DeliveryState.SENT
    chats = [str(each.json["chat_id"]) for each in world.asked]
    assert [chats.count(each) for each in ("-1001", "-1003")] == [1, 1]
    assert chats[-1] == "-1002"


async def test_a_thread_that_is_late_is_waited_for_and_its_message_not_sent_twice() -> None:
    threads, sends, go = Threads(0.05), list[str](), threading.Event()

    def slow() -> Sent:
        sends.append("slow")
        go.wait(60)
        return Sent(Outcome.SENT, "at last")

    assert (await threads.run("one", slow)).outcome is Outcome.FAILED
    waits = await threads.run("one", slow)
    assert (waits.outcome, waits.detail) == (Outcome.FAILED, "an earlier attempt has not ended yet")
    assert (await threads.run("two", slow)).detail == "an earlier attempt has not ended yet"
    go.set()
    assert (await threads.run("two", slow)).outcome is Outcome.SENT
    assert (await threads.run("one", slow)).detail == "at last"
    assert sends == ["slow", "slow"], "one and two, each once"


async def test_no_more_threads_wait_than_are_allowed() -> None:
    go, before = threading.Event(), threading.active_count()

    def stuck() -> Sent:
        go.wait(60)
        return Sent(Outcome.SENT, "")

    try:
        found = await asyncio.gather(*(Threads(0.1).run("k", stuck) for _ in range(MOST + 8)))
        assert threading.active_count() - before <= MOST
        assert sum("on their way already" in each.detail for each in found) == 8
    finally:
        go.set()
    until = time.monotonic() + 5
    while threading.active_count() > before and time.monotonic() < until:
        await asyncio.sleep(0.01)
    assert (await Threads(1.0).run("k", stuck)).outcome is Outcome.SENT


SECRETS = [
    ("https://hooks.example/services/T0AB1/B0CD2/XyZsecretToken", ("T0AB1", "B0CD2", "XyZsecretToken")),
    ("https://hooks.example/in?key=s3cr3tkey&room=ops%2Fnight", ("s3cr3tkey", "ops/night", "ops%2Fnight")),
    ("https://hooks.example/in#fragment-token", ("fragment-token",)),
]
APPRISE = [
    (f"tgram://{TOKEN}/-1001234567890", (TOKEN, TOKEN.partition(":")[2], "-1001234567890")),
    ("slack://T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ/", ("T1JJ3T3L2", "a1brtd4jd", "TIiajkdnlazkcOXrIdevi7FQ")),
    ("mailto://postman:p%40ssw0rd@mail.example/?to=a@b.example", ("postman", "p%40ssw0rd", "p@ssw0rd")),
]


@pytest.mark.parametrize(
    ("kind", "url", "secrets"), [*(("webhook", *each) for each in SECRETS), *(("apprise", *each) for each in APPRISE)]
)
def test_an_address_that_is_a_secret_is_one_in_pieces_too(
    monkeypatch: pytest.MonkeyPatch, kind: str, url: str, secrets: tuple[str, ...]
) -> None:
    monkeypatch.setenv("CHANNEL_URL", url)
    nothing: Any = None
    tools = notify.Tools(nothing, notify.Links(""), 1.0)
    entry = f"channels: [{{id: a, kind: {kind}, url: {{env: CHANNEL_URL}}}}]"
    (channel,) = read(entry, tools, HeldClock(AT))
    for secret in secrets:
        told = channel.scrub(f"HTTP 403: no_team for {secret} at mail.example")
        assert secret.lower() not in told.lower()
        assert "***" in told
        assert told.startswith("HTTP 403: no_team for ")
    assert "mail.example" in channel.scrub("cannot reach mail.example")


@pytest.fixture
def mails() -> Iterator[tuple[list[bytes], str]]:
    """What a mail server took, and a channel to it as Apprise writes it."""
    taken: list[bytes] = []

    class Box:
        async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:  # noqa: N802 - aiosmtpd's name
            taken.append(envelope.content)
            return "250 taken"

    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    controller = Controller(Box(), hostname="127.0.0.1", port=port)
    controller.start()
    yield taken, f"mailto://127.0.0.1:{port}?from=observatory@example.org&to=boss@example.org&mode=insecure"
    controller.stop()


async def test_a_digest_is_mailed_to_whoever_asks_for_digests_whatever_severities_they_take(
    open_post: Posts, world: Outside, mails: tuple[list[bytes], str]
) -> None:
    taken, url = mails
    channel = {"id": "mail", "kind": "apprise", "url": url, "kinds": ["digest"]}
    post = await open_post([channel, hook(world)])
    digest = Message(
        "digest:production:2026-03-04", Kind.DIGEST, "production", "digest/production", Severity.INFO, Status.INFO, AT,
        "production on 2026-03-04: healthy", "## Health", "<h2>Health</h2><p>all well</p>",
    )  # fmt: skip
    async with post.state.writing() as rows:
        await rows.outbox.add([digest])
    await post.deliver(2)
    (mail,) = taken
    assert b"Subject: production on 2026-03-04: healthy" in mail
    assert b"<h2>Health</h2>" in mail
    assert world.asked == [], "this one takes alerts"
    (kept,) = await post.ledger()
    assert (kept.channel, kept.state) == ("mail", DeliveryState.SENT)
