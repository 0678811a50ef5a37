"""Channels of every kind against servers that speak what they speak; failures, retries, secrets."""

from __future__ import annotations

import asyncio
import email
import email.policy
import itertools
import logging
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from aiosmtpd.controller import Controller
from alert_scenes import AT, ends, fires
from notify_scenes import Posts, hook
from outside import Asked, Outside

from observatory import notify
from observatory.clock import HeldClock
from observatory.errors import SettingsError
from observatory.model.notification import DeliveryState, Outcome

RULE = "credits.negative_balances.critical"
TOKEN = "987654321:AAbbCCddEEffGGhhIIjjKKllMMnnOOppQQ"


class Mailbox:
    """Takes mail."""

    def __init__(self) -> None:
        self.mails: list[email.message.EmailMessage] = []
        self.refuse = False

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:  # noqa: N802 - aiosmtpd's name
        if self.refuse:
            return "451 try again later"
        self.mails.append(email.message_from_bytes(envelope.content, policy=email.policy.default))  # type: ignore[arg-type]
        return "250 taken"


@pytest.fixture
def mail() -> Iterator[tuple[Mailbox, str]]:
    """A mail server, and a channel to it as Apprise writes it."""
    box = Mailbox()
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    controller = Controller(box, hostname="127.0.0.1", port=port)
    controller.start()
    yield box, f"mailto://127.0.0.1:{port}?from=observatory@example.org&to=oncall@example.org&mode=insecure"
    controller.stop()


async def test_a_mail_goes_out_with_value_bound_window_links_and_fingerprint(
    open_post: Posts, mail: tuple[Mailbox, str]
) -> None:
    box, url = mail
    post = await open_post([{"id": "mail", "kind": "apprise", "url": url}], base="https://observatory.example")
    change = fires(RULE, member="user-7", runbook="credits-negative-balances", services=("credit_ledger",))
    await post.told(change)
    (found,) = box.mails
    assert found["To"] == "oncall@example.org"
    assert found["Subject"] == f"CRITICAL [production] user-7: {RULE} is bad"
    body = found.get_body(("html",)).get_content()  # type: ignore[union-attr]
    for told in ("above 1", "since 2026-03-04 05:06:07 UTC", "credit_ledger", change.alert.fingerprint):
        assert told in body
    runbook = "https://observatory.example/api/v1/monitoring/runbooks/credits-negative-balances"
    assert f'<a href="{runbook}">{runbook}</a>' in body
    (kept,) = await post.ledger()
    assert (kept.state, kept.channel) == (DeliveryState.SENT, "mail")


async def test_mail_that_is_put_off_is_sent_again_until_it_is_taken(
    open_post: Posts, mail: tuple[Mailbox, str]
) -> None:
    box, url = mail
    box.refuse = True
    post = await open_post([{"id": "mail", "kind": "apprise", "url": url}])
    await post.told(fires(RULE))
    (kept,) = await post.ledger()
    assert (kept.state, kept.attempts) == (DeliveryState.QUEUED, 1)
    box.refuse = False
    await post.deliver(5)
    assert len(box.mails) == 1
    async with post.state.reading() as rows:
        attempts = (await rows.deliveries.attempts([kept.id]))[kept.id]
    assert [each.outcome for each in attempts] == [Outcome.FAILED, Outcome.SENT]


def telegram(world: Outside, tmp_path: Path) -> dict[str, Any]:
    (tmp_path / "token").write_text(f"{TOKEN}\n")
    return {
        "id": "ops",
        "kind": "apprise",
        "url": "tgram://{token}/-1001234567890",
        "base_url": world.url,
        "secrets": {"token": {"file": str(tmp_path / "token")}},
    }


async def test_telegram_is_told_by_its_own_protocol(open_post: Posts, world: Outside, tmp_path: Path) -> None:
    world.answer = lambda _: (200, {"Content-Type": "application/json"}, b'{"ok":true,"result":{"message_id":1}}')
    post = await open_post([telegram(world, tmp_path)])
    change = fires(RULE, member="user-7")
    await post.told(change)
    asked = world.asked[-1]
    assert (asked.method, asked.path) == ("POST", f"/bot{TOKEN}/sendMessage")
    assert asked.json["chat_id"] == -1001234567890 or asked.json["chat_id"] == "-1001234567890"
    assert change.alert.fingerprint in asked.json["text"]
    assert asked.json["text"].count("<b>") <= 1


async def test_no_secret_stands_in_the_ledger_the_standing_or_the_log(
    open_post: Posts, world: Outside, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    said = f'{{"ok":false,"error_code":404,"description":"bot{TOKEN} not found"}}'.encode()
    world.answer = lambda _: (404, {"Content-Type": "application/json"}, said)
    post = await open_post(
        [
            telegram(world, tmp_path),
            hook(
                world,
                "own",
                headers={"Authorization": "Bearer {token}"},
                secrets={"token": {"file": str(tmp_path / "token")}},
            ),
        ]
    )
    await post.told(fires(RULE))
    kept = await post.ledger()
    assert {each.channel for each in kept} == {"ops", "own"}
    async with post.state.reading() as rows:
        attempts = await rows.deliveries.attempts([each.id for each in kept])
        standings = await rows.deliveries.standings()
    assert all(attempts.values())
    for heard in (kept, attempts, standings, post.deliverer.channels.all, caplog.messages):
        assert TOKEN not in f"{heard}"
    assert "***" in standings["own"].error
    assert "bot***" in standings["ops"].error
    assert (tmp_path / "state.db").read_bytes().find(TOKEN.encode()) < 0


async def test_what_may_pass_is_tried_again_and_what_may_not_is_given_up(open_post: Posts, world: Outside) -> None:
    answers = {"/busy": (503, {"Retry-After": "7"}, b"later"), "/never": (422, {}, b"no such field")}
    world.answer = lambda asked: answers.get(asked.path, (200, {}, b""))
    post = await open_post([hook(world, "busy"), hook(world, "never")])
    await post.told(fires(RULE))
    kept = {each.channel: each for each in await post.ledger()}
    assert kept["never"].state is DeliveryState.FAILED
    assert kept["never"].reason == "given up: HTTP 422: no such field"
    assert kept["busy"].state is DeliveryState.QUEUED
    assert (kept["busy"].due_at - kept["busy"].created_at).total_seconds() == 7
    await post.deliver(6)
    assert [each.path for each in world.asked].count("/busy") == 1
    del answers["/busy"]
    await post.deliver(2)
    assert [each.path for each in world.asked].count("/busy") == 2
    keys = {each.headers["idempotency-key"] for each in world.asked if each.path == "/busy"}
    assert keys == {kept["busy"].key}


async def test_retries_are_bounded_and_wait_longer_each_time(open_post: Posts, world: Outside) -> None:
    world.answer = lambda _: (500, {}, b"")
    post = await open_post([hook(world)], attempts=4, backoff_s=2.0, revive_s=0.0)
    await post.told(fires(RULE))
    for after_s in (2, 4, 8, 1_000, 1_000):
        await post.deliver(after_s)
    (kept,) = await post.ledger()
    assert (kept.state, kept.attempts) == (DeliveryState.FAILED, 4)
    async with post.state.reading() as rows:
        attempts = (await rows.deliveries.attempts([kept.id]))[kept.id]
    waits = [(b.at - a.at).total_seconds() for a, b in itertools.pairwise(attempts)]
    assert waits == [2, 4, 8]


async def test_a_server_that_never_answers_is_given_up_on_in_time(open_post: Posts) -> None:
    async def hang(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    server = await asyncio.start_server(hang, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    post = await open_post([{"id": "slow", "kind": "webhook", "url": f"http://127.0.0.1:{port}/"}])
    await post.told(fires(RULE))
    server.close()
    (kept,) = await post.ledger()
    assert kept.reason == "no answer within 2 s"


async def test_a_channel_that_fails_raises_its_own_alert_by_another(open_post: Posts, world: Outside) -> None:
    world.answer = lambda asked: (500 if asked.path == "/broken" else 200, {}, b"")
    post = await open_post([hook(world, "broken"), hook(world, "good")])
    await post.told(fires(RULE))
    for _ in range(3):
        await post.deliver(30)
    assert post.deliverer.standings.failing("broken")
    told = {each.member: each for each in await post.deliverer.standings.tell("production", post.clock.now())}
    assert told["broken"].bad is True
    assert told["good"].bad is False
    assert "4 attempts failed" in told["broken"].sentence
    assert await post.deliverer.standings.tell("staging", post.clock.now()) == ()
    world.asked.clear()
    await post.told(fires("observatory.channel", member="broken", after_s=120, area=""), after_s=40)
    assert "/good" in [each.path for each in world.asked if b"observatory.channel" in each.body]
    assert "/broken" not in [each.path for each in world.asked if b"observatory.channel" in each.body]
    world.answer = lambda _: (200, {}, b"")
    await post.deliver(300)
    assert not post.deliverer.standings.failing("broken")


async def test_nothing_is_posted_into_a_private_network_unless_it_is_named(world: Outside) -> None:
    for url in (
        world.url,
        world.url.replace("127.0.0.1", "localhost"),
        "http://169.254.169.254/latest",
        "http://[::1]/",
    ):
        poster = notify.Poster(notify.networks("10.0.0.0/8"), 2.0)
        with pytest.raises(notify.AddressRefused):
            await poster.post(url, b"", {})
        await poster.aclose()
    poster = notify.Poster(notify.networks("127.0.0.1"), 2.0)
    assert (await poster.post(world.url, b"{}", {})).status == 200
    await poster.aclose()
    assert len(world.asked) == 1


async def test_a_redirect_is_not_followed(open_post: Posts, world: Outside) -> None:
    world.answer = lambda _: (302, {"Location": f"{world.url}/elsewhere"}, b"")
    post = await open_post([hook(world)])
    await post.told(fires(RULE))
    assert [each.path for each in world.asked] == ["/hook"]
    (kept,) = await post.ledger()
    assert (kept.state, kept.reason) == (DeliveryState.FAILED, "given up: HTTP 302")


BAD: list[tuple[Any, str]] = [
    ("[", "no YAML"),
    ("channels: [{id: 2026-02-30}]", "no YAML"),
    ({"channel": []}, "must hold `channels`"),
    ({"channels": [{"id": "a"}]}, "channel 'a': kind"),
    ({"channels": [{"id": "A b", "kind": "webhook", "url": "http://x"}]}, "id"),
    ({"channels": [{"id": "a", "kind": "pigeon", "url": "http://x"}]}, "kind"),
    ({"channels": [{"id": "a", "kind": "webhook", "url": "ftp://x"}]}, "http://"),
    ({"channels": [{"id": "a", "kind": "webhook", "url": "http://u:pw@x/"}]}, "headers"),
    ({"channels": [{"id": "a", "kind": "webhook", "url": "http://x/{token}"}]}, "no secret 'token'"),
    ({"channels": [{"id": "a", "kind": "webhook", "url": {"file": "/nowhere/at/all"}}]}, "cannot be read"),
    ({"channels": [{"id": "a", "kind": "webhook", "url": {"env": "NO_SUCH_VARIABLE_HERE"}}]}, "NO_SUCH_VARIABLE_HERE"),
    ({"channels": [{"id": "a", "kind": "webhook", "url": {"env": "A", "file": "b"}}]}, "url"),
    ({"channels": [{"id": "a", "kind": "apprise", "url": "pigeon://secretnest"}]}, "Apprise"),
    ({"channels": [{"id": "a", "kind": "webhook", "url": "http://x", "per_minute": 0}]}, "per_minute"),
    ({"channels": [{"id": "a", "kind": "webhook", "url": "http://x", "severities": ["dire"]}]}, "severities"),
    ({"channels": [{"id": "a", "kind": "webhook", "url": "http://x"}] * 2}, "stands twice"),
    ({"channels": [{"id": "a", "kind": "webhook", "url": "http://x", "colour": 1}]}, "colour"),
    ({"channels": [{"id": "a", "kind": "webhook", "url": "http://x", "headers": {"a b": "c"}}]}, "headers"),
]


@pytest.mark.parametrize(("told", "named"), BAD)
async def test_a_file_of_channels_that_cannot_be_taken_is_refused_by_name(
    tmp_path: Path, told: Any, named: str
) -> None:
    file = tmp_path / "channels.yaml"
    file.write_text(told if isinstance(told, str) else yaml.safe_dump(told))
    poster = notify.Poster((), 1.0)
    with pytest.raises(SettingsError, match="OBSERVATORY_CHANNELS_FILE") as refused:
        notify.Channels(file, notify.Tools(poster, notify.Links(""), 1.0), HeldClock(AT))
    assert named in str(refused.value)
    assert "secretnest" not in str(refused.value)
    assert "pw" not in str(refused.value)


async def test_a_changed_file_is_in_force_at_once_and_a_bad_one_leaves_the_old(
    open_post: Posts, world: Outside
) -> None:
    post = await open_post([hook(world, "one")])
    post.file.write_text("channels: [")
    await post.told(fires(RULE))
    assert post.deliverer.channels.problem.startswith("no YAML")
    assert [each.path for each in world.asked] == ["/one"]
    post.file.write_text(yaml.safe_dump({"channels": [hook(world, "two")]}))
    await post.told(ends(RULE, after_s=60), fires("other.critical", after_s=60, services=("a",)), after_s=60)
    assert post.deliverer.channels.problem == ""
    assert [each.path for each in world.asked[1:]] == ["/two"]
    kept = await post.ledger(channel="one")
    assert kept[-1].reason.endswith("the channel is not in the file any more")


async def test_the_dead_mans_switch_is_asked_while_rounds_go_on_and_not_after(world: Outside) -> None:
    alive = True
    clock = HeldClock(AT)
    poster = notify.Poster(notify.networks("127.0.0.1"), 2.0)
    switch = notify.Deadman(f"{world.url}/ping/secret-uuid", 60.0, poster, clock, lambda: alive)
    assert await switch.ping()
    asked: Asked = world.asked[0]
    assert (asked.method, asked.path) == ("GET", "/ping/secret-uuid")
    world.answer = lambda _: (500, {}, b"")
    assert not await switch.ping()
    await poster.aclose()
