"""The doors to people: the bot, the mail server and browser sessions, over sockets and without."""

import asyncio
import contextlib
import json
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Literal

import httpx
import pytest
from aiosmtplib import SMTP, SMTPResponseException
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import InvalidStatus
from websockets.protocol import State
from websockets.typing import Origin

from observatory_universe.chance import Chance
from observatory_universe.clock import Clock
from observatory_universe.direct.mail import DirectMail
from observatory_universe.direct.sessions import DirectSessions
from observatory_universe.direct.telegram import DirectTelegram
from observatory_universe.doors.channels import SENDER, Chats
from observatory_universe.doors.message import Command, Mail, MessagingError, Receipt, Sessions, Telegram
from observatory_universe.faults import Faults
from observatory_universe.outside.browsers import Browsers
from observatory_universe.outside.mail import Letter, Postbox, mail_server
from observatory_universe.outside.telegram import Bot, BotRefusedError, telegram_server
from observatory_universe.sockets.mail import MailClient
from observatory_universe.sockets.sessions import SessionServer
from observatory_universe.sockets.telegram import BotClient
from observatory_universe.users import Channel, User

START_NS = 1_760_000_000_000_000_000
FACTOR = 200

Kind = Literal["sockets", "direct"]
KINDS: tuple[Kind, ...] = ("sockets", "direct")


class FastClock(Clock):
    """Runs 200 times as fast as the machine's."""

    def __init__(self) -> None:
        super().__init__(lambda: START_NS + round(self.now_s() * 1e9))

    def now_s(self) -> float:
        return super().now_s() * FACTOR

    async def sleep(self, seconds: float) -> None:
        await super().sleep(seconds / FACTOR)


class HeldClock(Clock):
    """Stands still until somebody waits, and then it is later at once."""

    def __init__(self) -> None:
        super().__init__(lambda: START_NS + round(self._passed_s * 1e9))
        self._passed_s = 0.0

    def now_s(self) -> float:
        return self._passed_s

    async def sleep(self, seconds: float) -> None:
        self._passed_s += seconds
        await asyncio.sleep(0)


@dataclass(frozen=True)
class World:
    """What every far end is handed."""

    kind: Kind
    clock: Clock
    chance: Chance
    faults: Faults

    async def until(self, holds: Callable[[], bool]) -> None:
        """Waits until it holds; fails when it does not, the number of looks being bounded and not the time."""
        for _ in range(4_000):
            if holds():
                return
            await self.clock.sleep(0.5)
        raise AssertionError("it never came to hold")


@pytest.fixture(params=KINDS)
def world(request: pytest.FixtureRequest) -> World:
    return make(request.param)


@pytest.fixture
def live_world() -> World:
    """For what only sockets can do."""
    return make("sockets")


def make(kind: Kind, seed: int = 7) -> World:
    clock = FastClock() if kind == "sockets" else HeldClock()
    return World(kind, clock, Chance(seed), Faults(clock.now_ns))


def people(number: int, *channels: Channel) -> list[User]:
    return [User(f"u-{n:04d}", "2025-07", "pro", "live", frozenset(channels)) for n in range(1, number + 1)]


async def reason_of(sending: Awaitable[object]) -> MessagingError:
    with pytest.raises(MessagingError) as caught:
        await sending
    return caught.value


# The bot.


@asynccontextmanager
async def reach_bot(world: World, **options: float) -> AsyncIterator[tuple[Bot, Telegram]]:
    """A bot and a door to it; nobody writes commands unless they are asked to."""
    bot = Bot(world.clock, world.chance, world.faults, **{"command_gap_s": 1e9, **options})
    if world.kind == "direct":
        yield bot, DirectTelegram(bot)
        return
    async with telegram_server(bot) as place:
        client = BotClient(place.url, world.clock)
        try:
            yield bot, client
        finally:
            await client.close()


async def gather_updates(world: World, door: Telegram, seconds: float) -> list[Command | Receipt]:
    """Everything that comes within so many seconds, polled for again and again."""
    found: list[Command | Receipt] = []
    end_s = world.clock.now_s() + seconds
    while world.clock.now_s() < end_s:
        found += await door.updates()
        await world.clock.sleep(2.0)
    return found


async def test_a_pressed_button_comes_back_once_as_seen(world: World) -> None:
    async with reach_bot(world) as (_, door):
        sent = [f"signal-x-{n:07d}" for n in range(60)]
        for number, reference in enumerate(sent):
            await door.send(f"u-{number:04d}", "BTC/USDT: buy", reference)
            await world.clock.sleep(0.1)
        receipts = await gather_updates(world, door, 150)
    seen = [receipt.reference for receipt in receipts if isinstance(receipt, Receipt)]
    assert len(seen) == len(receipts) == len(set(seen))
    assert set(seen) < set(sent)
    assert 10 <= len(seen) <= 34  # 35 % of 60
    for receipt in receipts:
        assert isinstance(receipt, Receipt)
        assert (receipt.channel, receipt.status) == ("telegram", "seen")
        assert receipt.user_id == f"u-{sent.index(receipt.reference):04d}"
        assert receipt.time_ns >= START_NS


async def test_a_message_without_a_reference_has_no_button_to_press(world: World) -> None:
    async with reach_bot(world) as (_, door):
        for number in range(20):
            await door.send(f"u-{number:04d}", "Your weekly digest")
        assert await gather_updates(world, door, 130) == []


async def test_users_who_are_known_or_were_written_to_write_commands(world: World) -> None:
    async with reach_bot(world, command_gap_s=2.0) as (bot, door):
        bot.know([*people(3, "telegram"), *people(9, "email")[5:]])
        await door.send("somebody-else", "Welcome")
        commands = await gather_updates(world, door, 200)
    assert 60 <= len(commands) <= 180  # 100 expected
    assert {command.user_id for command in commands} == {"u-0001", "u-0002", "u-0003", "somebody-else"}
    assert {command.name for command in commands if isinstance(command, Command)} == {"chat", "signals", "risk"}


async def test_more_traffic_brings_more_commands(world: World) -> None:
    async with reach_bot(world, command_gap_s=4.0) as (bot, door):
        bot.know(people(3, "telegram"))
        before = len(await gather_updates(world, door, 120))
        world.faults.begin("traffic_growth", grade=4.0)
        assert len(await gather_updates(world, door, 120)) > 2 * before


async def test_nobody_gets_a_flood_of_commands_who_has_not_asked_for_long(world: World) -> None:
    async with reach_bot(world, command_gap_s=0.01) as (bot, door):
        bot.know(people(3, "telegram"))
        await door.updates()
        await world.clock.sleep(30.0)
        assert len(await door.updates()) == 100


async def test_a_user_who_blocked_the_bot_is_always_the_same(world: World) -> None:
    async def blocked() -> set[str]:
        found = set()
        for number in range(40):
            sending = door.send(f"u-{number:04d}", "BTC/USDT: buy", "signal-1")
            [error] = await asyncio.gather(sending, return_exceptions=True)
            if error is not None:
                assert isinstance(error, MessagingError)
                assert (str(error), error.final, error.retry_after_s) == ("blocked", True, None)
                found.add(f"u-{number:04d}")
            await world.clock.sleep(0.1)
        return found

    async with reach_bot(world) as (_, door):
        assert await blocked() == set()
        fault = world.faults.begin("dead_letters", grade=0.5)
        first = await blocked()
        assert 10 <= len(first) <= 30
        assert await blocked() == first
        world.faults.end(fault.id)
        assert await blocked() == set()


async def test_a_blocked_bot_hears_no_commands(world: World) -> None:
    async with reach_bot(world, command_gap_s=0.5) as (bot, door):
        bot.know(people(10, "telegram"))
        world.faults.begin("dead_letters", grade=1.0)
        assert await gather_updates(world, door, 20) == []


async def test_a_burst_of_429_says_when_to_come_again(world: World) -> None:
    async with reach_bot(world) as (_, door):
        fault = world.faults.begin("telegram_429_burst", grade=1.0)
        error = await reason_of(door.send("u-0001", "BTC/USDT: buy", "signal-1"))
        assert (str(error), error.final) == ("rate_limited", False)
        assert error.retry_after_s is not None
        assert 1 <= error.retry_after_s <= 60
        world.faults.end(fault.id)
        await door.send("u-0001", "BTC/USDT: buy", "signal-1")


@pytest.mark.parametrize(
    ("users", "limit", "accepted"),
    [(1, {"chat_messages_per_s": 0.1}, 20), (100, {"messages_per_s": 1.0}, 1)],
    ids=["one chat", "all chats"],
)
async def test_more_than_the_limit_is_held_back_for_a_time(
    world: World, users: int, limit: dict[str, float], accepted: int
) -> None:
    async with reach_bot(world, **limit) as (_, door):
        sending = [door.send(f"u-{number % users:04d}", "BTC/USDT: buy") for number in range(300)]
        results = await asyncio.gather(*sending, return_exceptions=True)
        held_back = [result for result in results if isinstance(result, MessagingError)]
        assert len(held_back) >= 10
        assert results.count(None) >= accepted
        assert {str(error) for error in held_back} == {"rate_limited"}
        wait_s = max(error.retry_after_s or 0.0 for error in held_back)
        assert 1 <= wait_s <= 30
        await world.clock.sleep(wait_s)
        await door.send("u-0000", "BTC/USDT: buy")


@pytest.mark.parametrize(
    ("text", "reference"),
    [(" ", None), ("x" * 4097, None), ("a", "r" * 65), ("a", "")],
    ids=["no text", "long text", "long reference", "empty reference"],
)
async def test_what_is_no_message_is_refused_for_good(world: World, text: str, reference: str | None) -> None:
    async with reach_bot(world) as (_, door):
        error = await reason_of(door.send("u-0001", text, reference))
    assert (str(error), error.final) == ("refused", True)


async def test_what_was_not_confirmed_is_told_again_and_then_never(live_world: World) -> None:
    bot = Bot(live_world.clock, live_world.chance, live_world.faults, command_gap_s=0.5)
    bot.know(people(3, "telegram"))
    async with telegram_server(bot) as place, AsyncExitStack() as stack:
        before, after = (BotClient(place.url, live_world.clock) for _ in range(2))
        for client in (before, after):
            stack.push_async_callback(client.close)
        await before.updates()
        await live_world.clock.sleep(20.0)
        told = await before.updates()
        # The platform is started anew before it could confirm.
        bot.know([])
        again = await after.updates()
        assert again[: len(told)] == told != []
        # Chats are empty now, so nothing new is written.
        assert await after.updates() == []
        assert await before.updates() == []


async def test_a_button_does_not_go_on_waiting_once_its_press_was_told(live_world: World) -> None:
    async with reach_bot(live_world) as (bot, door):
        for number in range(20):
            await door.send(f"u-{number:04d}", "BTC/USDT: buy", "signal-1")
        await live_world.clock.sleep(130.0)
        told = await door.updates()
        assert told
        for update_id in range(1, len(told) + 1):
            with pytest.raises(BotRefusedError, match="query is too old"):
                await bot.answer(update_id)


async def test_nothing_tells_the_bots_key(live_world: World, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    async with reach_bot(live_world) as (_, door):
        await door.send("u-0001", "BTC/USDT: buy")
    assert any("/sendMessage" in record.getMessage() for record in caplog.records if record.name == "httpx")
    assert not any("demo-key" in record.getMessage() for record in caplog.records)


async def test_a_bot_that_is_away_is_no_answer_and_comes_back(live_world: World) -> None:
    bot = Bot(live_world.clock, live_world.chance, live_world.faults)
    async with telegram_server(bot) as place:
        client = BotClient(place.url, live_world.clock)
        await client.send("u-0001", "BTC/USDT: buy")
    try:
        for call in (client.send("u-0001", "BTC/USDT: buy"), client.updates()):
            error = await reason_of(call)
            assert (str(error), error.final, error.retry_after_s) == ("no_answer", False, None)
            assert "demo-key" not in f"{error!r} {error.__cause__!r}"
        async with telegram_server(bot, port=place.port):
            await client.send("u-0001", "BTC/USDT: buy")
    finally:
        await client.close()


async def test_a_wrong_key_is_refused_for_good(live_world: World) -> None:
    bot = Bot(live_world.clock, live_world.chance, live_world.faults)
    async with telegram_server(bot, key="another-key") as place:
        client = BotClient(place.url, live_world.clock)
        error = await reason_of(client.send("u-0001", "BTC/USDT: buy"))
        await client.close()
    assert (str(error), error.final) == ("refused", True)


async def test_the_bot_api_speaks_as_telegram_does(live_world: World) -> None:
    bot = Bot(live_world.clock, live_world.chance, live_world.faults, command_gap_s=0.2)
    async with telegram_server(bot) as place, httpx.AsyncClient(base_url=f"{place.url}/botdemo-key/") as http:
        me = (await http.get("getMe")).json()
        assert me["ok"] is True
        assert me["result"]["is_bot"] is True

        markup = json.dumps({"inline_keyboard": [[{"text": "Seen", "callback_data": "signal-1"}]]})
        form = {"chat_id": "77", "text": "Hello", "reply_markup": markup}
        message = (await http.post("sendMessage", data=form)).json()["result"]
        assert (message["chat"], message["text"]) == ({"id": 77, "type": "private", "first_name": "Someone"}, "Hello")
        assert {"message_id", "date", "from"} <= message.keys()

        await http.get("getUpdates")
        await live_world.clock.sleep(5.0)
        first, second, *_ = (await http.get("getUpdates", params={"limit": 2})).json()["result"]
        assert second["update_id"] == first["update_id"] + 1
        assert first["message"]["from"] == {"id": 77, "is_bot": False, "first_name": "Someone"}
        assert first["message"]["entities"][0]["type"] == "bot_command"

        nothing = await http.post("answerCallbackQuery", json={"callback_query_id": "5"})
        assert (nothing.status_code, nothing.json()["error_code"]) == (400, 400)
        for path, body, code in [
            ("sendMessage", {"text": "Hello"}, 400),
            ("sendMessage", {"chat_id": "x", "text": "Hello"}, 400),
            ("sendMessage", {"chat_id": 77, "text": "Hello", "reply_markup": {}}, 400),
            ("sendMessage", [], 400),
            ("sendPhoto", {}, 404),
        ]:
            refused = await http.post(path, json=body)
            assert (refused.status_code, refused.json()["ok"]) == (code, False)

        live_world.faults.begin("telegram_429_burst", grade=1.0)
        held_back = await http.post("sendMessage", json={"chat_id": 77, "text": "Hello"})
        assert held_back.status_code == held_back.json()["error_code"] == 429
        after_s = held_back.json()["parameters"]["retry_after"]
        assert held_back.json()["description"] == f"Too Many Requests: retry after {after_s}"


def test_a_chat_is_found_from_its_user_and_back() -> None:
    chats, others = Chats(), Chats()
    for user_id in ("u-0001", "u-0042", "u-123456", "u-01", "u-00001", "ops", "ü"):
        assert chats.number(user_id) == others.number(user_id) < 2**52
        assert chats.user(chats.number(user_id)) == user_id
    assert len({chats.number(id_) for id_ in ("u-0001", "u-01", "u-1", "u-00001")}) == 4
    assert chats.user(5) is None
    # Another process knows the users that are counted through, and no other before it wrote to them.
    assert Chats().user(others.number("u-0042")) == "u-0042"
    assert Chats().user(others.number("ops")) is None


# Mail.


@asynccontextmanager
async def reach_mail(world: World) -> AsyncIterator[tuple[Postbox, Mail]]:
    postbox = Postbox(world.clock, world.chance, world.faults)
    if world.kind == "direct":
        yield postbox, DirectMail(postbox, world.clock)
        return
    async with mail_server(postbox) as place:
        client = MailClient(place.host, place.port, world.clock)
        try:
            yield postbox, client
        finally:
            await client.close()


async def test_a_letter_arrives_as_it_was_written(world: World) -> None:
    text = "Grüße,\n.\n..two dots\nFrom here on: " + "a long line " * 120
    async with reach_mail(world) as (postbox, door):
        before_s = world.clock.now_ns() // 1_000_000_000
        await door.send("u-0001@example.com", "Kaufen? Jetzt: ₿ für 64.000 €", text)
        [letter] = postbox.letters()
    expected = Letter(SENDER, ("u-0001@example.com",), "Kaufen? Jetzt: ₿ für 64.000 €", text, letter.date_s)
    assert letter == expected
    assert 0 <= letter.date_s - before_s <= 60


async def test_letters_that_are_sent_at_once_all_arrive_once(world: World) -> None:
    async with reach_mail(world) as (postbox, door):
        await asyncio.gather(*(door.send(f"u-{n:04d}@example.com", f"Digest {n}", "Nothing new") for n in range(40)))
        letters = postbox.letters()
    assert sorted(letter.subject for letter in letters) == sorted(f"Digest {n}" for n in range(40))
    assert all(letter.recipients == (f"u-{int(letter.subject[7:]):04d}@example.com",) for letter in letters)


async def test_a_mail_server_in_trouble_refuses_and_is_well_again(world: World) -> None:
    async with reach_mail(world) as (postbox, door):
        fault = world.faults.begin("smtp_down", grade=1.0)
        errors = [await reason_of(door.send("u-0001@example.com", "Digest", "Nothing new")) for _ in range(24)]
        # 421 and 451 may be tried again, 554 not; 421 ends the connection too, and the next letter needs a new one.
        assert {(str(error), error.final) for error in errors} == {("unavailable", False), ("refused", True)}
        assert postbox.letters() == []
        world.faults.end(fault.id)
        await door.send("u-0001@example.com", "Digest", "All is well")
        assert [letter.text for letter in postbox.letters()] == ["All is well"]


async def test_only_a_421_ends_the_connection(live_world: World) -> None:
    postbox = Postbox(live_world.clock, live_world.chance, live_world.faults)
    live_world.faults.begin("smtp_down", grade=1.0)
    told: dict[int, bool] = {}
    async with mail_server(postbox) as place:
        for _ in range(30):
            client = SMTP(hostname=place.host, port=place.port, local_hostname="test", start_tls=False)
            await client.connect()
            with pytest.raises(SMTPResponseException) as caught:
                await client.sendmail("a@example.com", ["b@example.com"], "Subject: a\n\nb")
            told[caught.value.code] = client.is_connected
            client.close()
    assert told == {421: False, 451: True, 554: True}


async def test_only_the_newest_letters_are_kept() -> None:
    async with reach_mail(make("direct")) as (postbox, door):
        for number in range(230):
            await door.send("u-0001@example.com", f"{number}", "")
        assert [letter.subject for letter in postbox.letters()] == [f"{number}" for number in range(30, 230)]


async def test_a_lost_mail_connection_is_made_anew(live_world: World) -> None:
    postbox = Postbox(live_world.clock, live_world.chance, live_world.faults)
    async with mail_server(postbox) as place:
        client = MailClient(place.host, place.port, live_world.clock)
        await client.send("u-0001@example.com", "first", "")
    try:
        error = await reason_of(client.send("u-0001@example.com", "lost", ""))
        assert (str(error), error.final) == ("no_answer", False)
        async with mail_server(postbox, port=place.port):
            await client.send("u-0001@example.com", "second", "")
            await client.send("u-0001@example.com", "third", "")
    finally:
        await client.close()
    assert [letter.subject for letter in postbox.letters()] == ["first", "second", "third"]


async def test_a_letter_that_is_given_up_leaves_no_half_conversation_behind(live_world: World) -> None:
    async with reach_mail(live_world) as (postbox, door):
        await door.send("u-0001@example.com", "first", "")
        sending = asyncio.create_task(door.send("u-0001@example.com", "given up", ""))
        # As far as its first words, to which there is no answer yet.
        for _ in range(3):
            await asyncio.sleep(0)
        sending.cancel()
        with pytest.raises(asyncio.CancelledError):
            await sending
        await door.send("u-0001@example.com", "second", "")
        subjects = [letter.subject for letter in postbox.letters()]
    assert subjects == ["first", "second"]


# Browser sessions.


@dataclass(frozen=True)
class Open:
    """A platform with its sessions, and the browsers that hold them."""

    world: World
    browsers: Browsers
    door: Sessions

    async def until_open(self, number: int) -> None:
        await self.world.until(lambda: self.door.open_count() == number)


@asynccontextmanager
async def open_sessions(world: World, users: Sequence[User], most: int = 60) -> AsyncIterator[Open]:
    browsers = Browsers(world.clock, world.chance, world.faults, most=most)
    browsers.know(users)
    async with AsyncExitStack() as stack:
        if world.kind == "direct":
            door: Sessions = DirectSessions(browsers)
            await stack.enter_async_context(running(door.serve()))
            assert await door.listening() == 0
        else:
            door = server = SessionServer(world.clock)
            await stack.enter_async_context(running(server.serve()))
            await stack.enter_async_context(running(browsers.run(f"ws://127.0.0.1:{await server.listening()}")))
        yield Open(world, browsers, door)


@asynccontextmanager
async def running(work: Awaitable[None]) -> AsyncIterator[None]:
    task = asyncio.ensure_future(work)
    try:
        yield
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


async def test_a_push_is_confirmed_delivered_and_mostly_seen(world: World) -> None:
    async with open_sessions(world, people(5, "websocket")) as found:
        await found.until_open(5)
        sent = {f"signal-{n}": f"u-{n % 5 + 1:04d}" for n in range(60)}
        for reference, user_id in sent.items():
            assert await found.door.push(user_id, "signal", reference)
        delivered = found.door.receipts()
        assert {receipt.status for receipt in delivered} <= {"delivered", "seen"}
        await world.clock.sleep(60.0)
        receipts = delivered + found.door.receipts()
        assert found.door.receipts() == []
    by_status = {
        status: [receipt.reference for receipt in receipts if receipt.status == status]
        for status in ("delivered", "seen")
    }
    assert sorted(by_status["delivered"]) == sorted(sent)
    assert len(by_status["seen"]) == len(set(by_status["seen"]))
    assert 28 <= len(by_status["seen"]) <= 54  # 70 % of 60
    assert all(receipt.user_id == sent[receipt.reference] for receipt in receipts)
    assert all(receipt.channel == "websocket" and receipt.time_ns >= START_NS for receipt in receipts)
    times = {(receipt.reference, receipt.status): receipt.time_ns for receipt in receipts}
    assert all(times[reference, "seen"] > times[reference, "delivered"] for reference in by_status["seen"])


async def test_what_has_no_reference_has_no_receipts(world: World) -> None:
    async with open_sessions(world, people(1, "websocket")) as found:
        await found.until_open(1)
        assert await found.door.push("u-0001", "alert", "")
        await world.clock.sleep(60.0)
        assert found.door.receipts() == []


async def test_without_a_session_nothing_is_confirmed(world: World) -> None:
    users = [*people(3, "websocket"), User("u-0009", "2025-07", "pro", "live", frozenset({"email"}))]
    async with open_sessions(world, users, most=2) as found:
        await found.until_open(2)
        await world.clock.sleep(5.0)
        assert found.door.open_count() == 2
        assert [await found.door.push(f"u-{n:04d}", "signal", "s") for n in (1, 2, 3, 9)] == [True, True, False, False]


async def test_sessions_come_and_go_with_the_users(world: World) -> None:
    async with open_sessions(world, people(2, "websocket"), most=3) as found:
        await found.until_open(2)
        found.browsers.know(people(9, "websocket")[1:])
        await found.until_open(3)
        assert found.browsers.users() == ("u-0002", "u-0003", "u-0004")
        assert not await found.door.push("u-0001", "signal", "s")
        assert await found.door.push("u-0004", "signal", "s")
        # Whoever leaves says so.
        assert found.door.dropped() == 0


async def test_sessions_that_break_off_are_counted_and_come_back(world: World) -> None:
    async with open_sessions(world, people(8, "websocket")) as found:
        await found.until_open(8)
        assert found.door.dropped() == 0
        fault = world.faults.begin("websocket_drop", grade=1.0)
        await found.until_open(0)
        assert not await found.door.push("u-0001", "signal", "s")
        for _ in range(12):
            await world.clock.sleep(1.0)
            assert found.door.open_count() <= 8
        world.faults.end(fault.id)
        await found.until_open(8)
        assert await found.door.push("u-0001", "signal", "s")
        assert 8 < found.door.dropped() < 80
        assert found.door.dropped() == 0


async def test_a_browser_that_says_nothing_has_not_confirmed(live_world: World) -> None:
    server = SessionServer(live_world.clock)
    async with running(server.serve()), hold(server, "ops") as browser:
        assert not await server.push("ops", "signal", "signal-1")
        message = json.loads(await browser.recv())
        assert message == {"type": "message", "id": message["id"], "kind": "signal", "reference": "signal-1"}
        # It was late, and yet it was delivered; and only once.
        for what in ("delivered", "delivered", "seen", "seen"):
            await browser.send(json.dumps({"type": what, "id": message["id"]}))
        await browser.ping()
        await live_world.clock.sleep(2.0)
        assert [receipt.status for receipt in server.receipts()] == ["delivered", "seen"]


async def test_a_browser_that_goes_while_it_is_waited_for_has_not_confirmed(live_world: World) -> None:
    server = SessionServer(live_world.clock)
    async with running(server.serve()), hold(server, "ops") as browser:
        push = asyncio.create_task(server.push("ops", "signal", "signal-1"))
        await browser.recv()
        browser.transport.abort()
        assert await asyncio.wait_for(push, 0.9) is False
        assert (server.open_count(), server.dropped(), server.receipts()) == (0, 1, [])


async def test_nobody_confirms_for_somebody_else(live_world: World) -> None:
    server = SessionServer(live_world.clock)
    async with running(server.serve()), hold(server, "ops") as browser, hold(server, "other") as other:
        push = asyncio.create_task(server.push("ops", "signal", "signal-1"))
        number = json.loads(await browser.recv())["id"]
        await other.send(json.dumps({"type": "delivered", "id": number}))
        assert await push is False
        assert server.receipts() == []


async def test_a_users_newest_connection_takes_the_others_place(live_world: World) -> None:
    server = SessionServer(live_world.clock)
    async with running(server.serve()), hold(server, "ops") as old, hold(server, "ops") as new:
        await old.wait_closed()
        push = asyncio.create_task(server.push("ops", "signal", "signal-1"))
        number = json.loads(await new.recv())["id"]
        await new.send(json.dumps({"type": "delivered", "id": number}))
        assert await push
        assert (server.open_count(), server.dropped()) == (1, 0)


async def test_what_no_browser_says_ends_the_session(live_world: World) -> None:
    server = SessionServer(live_world.clock)
    async with running(server.serve()):
        for nonsense in ("nonsense", "[]", '{"type": "delivered", "id": "x"}', "x" * 2000):
            async with hold(server, "ops") as browser:
                await browser.send(nonsense)
                await browser.wait_closed()
                assert browser.close_code in (1003, 1007, 1009)
        for path in ("/", "/sessions/", "/sessions/a%20b"):
            with pytest.raises(InvalidStatus, match="404"):
                await connect(f"ws://127.0.0.1:{server.port}{path}", proxy=None)


async def test_a_page_from_elsewhere_gets_no_session(live_world: World) -> None:
    server = SessionServer(live_world.clock)
    async with running(server.serve()), hold(server, "ops") as browser:
        url = f"ws://127.0.0.1:{server.port}/sessions/ops"
        for origin in ("http://evil.example", "null", "http://127.0.0.1.evil.example", "http://["):
            with pytest.raises(InvalidStatus, match="403"):
                await connect(url, origin=Origin(origin), proxy=None)
        assert browser.state is State.OPEN
        async with connect(url, origin=Origin("http://localhost:8000"), proxy=None, close_timeout=1.0):
            await browser.wait_closed()


async def test_browsers_come_back_to_a_platform_that_was_started_anew(live_world: World) -> None:
    browsers = Browsers(live_world.clock, live_world.chance, live_world.faults)
    browsers.know(people(4, "websocket"))
    first = SessionServer(live_world.clock)
    async with running(first.serve()):
        url = f"ws://127.0.0.1:{await first.listening()}"
        async with running(browsers.run(url)):
            await Open(live_world, browsers, first).until_open(4)
            await first.close()
            second = SessionServer(live_world.clock, port=first.port)
            async with running(second.serve()):
                await Open(live_world, browsers, second).until_open(4)
                assert await second.push("u-0003", "signal", "signal-1")


@asynccontextmanager
async def hold(server: SessionServer, user_id: str) -> AsyncIterator[ClientConnection]:
    """A connection that does what the test says, once the server has taken it."""
    url = f"ws://127.0.0.1:{await server.listening()}/sessions/{user_id}"
    async with connect(url, proxy=None, close_timeout=1.0) as connection:
        await (await connection.ping())
        yield connection


# Both kinds of doors.


async def test_faults_of_the_far_ends_shift_nothing_else() -> None:
    async def happen(faulty: bool) -> tuple[float, list[str]]:
        world = make("direct")
        async with reach_bot(world, command_gap_s=3.0) as (bot, _), reach_mail(world) as (_, mail):
            bot.know(people(5, "telegram"))
            if faulty:
                for kind in ("telegram_429_burst", "smtp_down", "dead_letters"):
                    world.faults.begin(kind, grade=0.5)
            for _ in range(20):
                with contextlib.suppress(MessagingError):
                    await mail.send("a@example.com", "s", "t")
                for chat in (1_000_000_001, 1_000_000_002):
                    with contextlib.suppress(BotRefusedError):
                        await bot.send_message(chat, "x")
            world.faults.end_all()
            await bot.pending()
            await world.clock.sleep(60.0)
            return world.clock.now_s(), [f"{update.chat} {update.text}" for update in await bot.pending(10_000)]

    assert await happen(faulty=True) == await happen(faulty=False)


async def test_without_sockets_the_same_seed_gives_the_same_happenings() -> None:
    async def happen(seed: int) -> list[object]:
        world = make("direct", seed)
        found: list[object] = []
        async with reach_bot(world, command_gap_s=3.0) as (bot, telegram), reach_mail(world) as (_, mail):
            bot.know(people(5, "telegram"))
            async with open_sessions(world, people(5, "websocket")) as sessions:
                for kind in ("telegram_429_burst", "smtp_down", "websocket_drop"):
                    world.faults.begin(kind, grade=0.5)
                for number in range(60):
                    user_id = f"u-{number % 5 + 1:04d}"
                    for work in (telegram.send(user_id, "a", f"s-{number}"), mail.send("a@example.com", "b", "c")):
                        found += await asyncio.gather(work, return_exceptions=True)
                    found.append(await sessions.door.push(user_id, "signal", f"s-{number}"))
                    found += [sessions.door.open_count(), sessions.door.dropped(), *sessions.door.receipts()]
                    found += await telegram.updates()
                    await world.clock.sleep(1.0)
        return [repr(each) for each in found]

    assert await happen(7) == await happen(7)
    assert await happen(7) != await happen(8)
