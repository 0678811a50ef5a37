"""Telegram: the Bot API's far end, and the people who chat with the bot."""

import hashlib
import heapq
import json
import math
from collections import OrderedDict, deque
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from itertools import islice
from typing import Any, Final, Literal

from aiohttp import web

from observatory_universe.chance import Chance
from observatory_universe.clock import Clock
from observatory_universe.doors.channels import DEMO_KEY, Chats
from observatory_universe.faults import Faults
from observatory_universe.outside.place import Place
from observatory_universe.users import User

COMMANDS: Final = ("chat", "signals", "risk")

_ANSWER_S: Final = 0.04
_POLL_S: Final = 0.012
# A subscriber presses the button under a signal now and then, and not at once.
_PRESS_RATIO: Final = 0.35
_PRESS_AFTER_S: Final = 15.0
_PRESS_SPREAD: Final = 0.7
_CHAT_BURST: Final = 20
_MOST_TEXT: Final = 4096
_MOST_BUTTON_BYTES: Final = 64
_MOST_CHATS: Final = 10_000
_MOST_PRESSES: Final = 10_000
_MOST_UPDATES: Final = 1_000
_MOST_COMMANDS_AT_ONCE: Final = 100
_MOST_BODY_BYTES: Final = 64 * 1024


class BotRefusedError(Exception):
    """The Bot API did not do what it was asked; `code` is its error code, the message its description."""

    def __init__(self, code: int, description: str, retry_after_s: int | None = None) -> None:
        super().__init__(description)
        self.code = code
        self.retry_after_s = retry_after_s


@dataclass(frozen=True, slots=True)
class Update:
    """What somebody did in their chat: wrote a command (text `/name`), or pressed a button (text: what it carries)."""

    id: int
    kind: Literal["command", "button"]
    chat: int
    text: str
    time_ns: int


class _Limit:
    """So many messages a second and key, with bursts. Keys that have been quiet are forgotten."""

    def __init__(self, per_s: float, burst: float) -> None:
        self._gap_s = 1.0 / per_s
        self._slack_s = (burst - 1) / per_s
        self._next_s: OrderedDict[int, float] = OrderedDict()

    def wait_s(self, key: int, now_s: float) -> float:
        """How long this key has to wait. With 0 the message passes and is counted."""
        next_s = max(self._next_s.get(key, now_s), now_s)
        wait_s = next_s - now_s - self._slack_s
        if wait_s > 0:
            return wait_s
        self._next_s[key] = next_s + self._gap_s
        self._next_s.move_to_end(key)
        if len(self._next_s) > _MOST_CHATS:
            self._next_s.popitem(last=False)
        return 0.0


class Bot:
    """The bot as Telegram has it: its chats, its limits, and what people did that it has not been told of yet.

    Args:
        command_gap_s: the mean time between two commands, over all users.
        messages_per_s: the limit over all chats. 30 is what every bot has; paid broadcasts have 1,000.
        chat_messages_per_s: the limit in one chat, over short bursts of up to 20.
    """

    def __init__(
        self,
        clock: Clock,
        chance: Chance,
        faults: Faults,
        *,
        command_gap_s: float = 7.0,
        messages_per_s: float = 30.0,
        chat_messages_per_s: float = 1.0,
    ) -> None:
        self.clock = clock
        self._faults = faults
        self._answers = chance.of("telegram:answers")
        self._people = chance.of("telegram:people")
        self._writers = chance.of("telegram:commands")
        self._mischance = chance.of("fault:telegram")
        self._command_gap_s = command_gap_s
        self._command_due_s: float | None = None
        self._all = _Limit(messages_per_s, messages_per_s)
        self._each = _Limit(chat_messages_per_s, _CHAT_BURST)
        self._numbers = Chats()
        self._chats: dict[int, None] = {}
        self._presses: list[tuple[float, int, int, str]] = []
        self._updates: deque[Update] = deque(maxlen=_MOST_UPDATES)
        self._unanswered: OrderedDict[int, None] = OrderedDict()
        self._given = 0
        self._messages = 0

    def know(self, users: Iterable[User]) -> None:
        """From now on these users, as far as they want Telegram, write commands; whoever is sent a message does too."""
        self._chats = dict.fromkeys(self._numbers.number(user.id) for user in users if "telegram" in user.channels)

    async def send_message(self, chat: int, text: str, button: str | None = None) -> int:
        """Takes a message, with what its button carries. Returns the message's number.

        Raises:
            BotRefusedError: 400 when it is no message, 403 when the user has blocked the bot, 429 with a time to wait.
        """
        await self.clock.sleep(self._answers.duration_s(_ANSWER_S))
        _check(text, button)
        if self._has_blocked(chat):
            raise BotRefusedError(403, "Forbidden: bot was blocked by the user")
        self._hold_back(chat)
        self._learn(chat)
        if button is not None and self._people.happens(_PRESS_RATIO):
            self._press_later(chat, button)
        self._messages += 1
        return self._messages

    async def pending(self, offset: int = 0, limit: int = 100) -> list[Update]:
        """The oldest updates from `offset` on. Those before it are confirmed by asking so, and never come again."""
        await self.clock.sleep(self._answers.duration_s(_POLL_S))
        while self._updates and self._updates[0].id < offset:
            self._updates.popleft()
        self._press()
        self._write()
        return list(islice(self._updates, limit))

    async def answer(self, update_id: int) -> None:
        """Ends the waiting sign on a pressed button.

        Raises:
            BotRefusedError: nobody waits for it.
        """
        await self.clock.sleep(self._answers.duration_s(_POLL_S))
        if update_id not in self._unanswered:
            raise BotRefusedError(400, "Bad Request: query is too old or query ID is invalid")
        del self._unanswered[update_id]

    def _has_blocked(self, chat: int) -> bool:
        """The same users each time: a draw from the number of the chat, which is drawn from the user's id."""
        share = self._faults.grade("dead_letters")
        if share is None:
            return False
        drawn = int.from_bytes(hashlib.blake2b(b"blocked:%d" % chat, digest_size=4).digest())
        return drawn < share * 2**32

    def _hold_back(self, chat: int) -> None:
        share = self._faults.grade("telegram_429_burst")
        if share is not None and self._mischance.happens(share):
            raise _too_many(self._mischance.whole(3, 20))
        now_s = self.clock.now_s()
        wait_s = self._each.wait_s(chat, now_s) or self._all.wait_s(0, now_s)
        if wait_s:
            raise _too_many(math.ceil(wait_s))

    def _learn(self, chat: int) -> None:
        if chat not in self._chats and len(self._chats) < _MOST_CHATS:
            self._chats[chat] = None

    def _press_later(self, chat: int, button: str) -> None:
        if len(self._presses) < _MOST_PRESSES:
            due_s = self.clock.now_s() + self._people.duration_s(_PRESS_AFTER_S, _PRESS_SPREAD)
            heapq.heappush(self._presses, (due_s, self._messages, chat, button))

    def _press(self) -> None:
        now_s = self.clock.now_s()
        while self._presses and self._presses[0][0] <= now_s:
            _, _, chat, button = heapq.heappop(self._presses)
            self._unanswered[self._note("button", chat, button)] = None
            if len(self._unanswered) > _MOST_UPDATES:
                self._unanswered.popitem(last=False)

    def _write(self) -> None:
        """Lets people write the commands that are due. Whoever has blocked the bot writes none."""
        now_s = self.clock.now_s()
        due_s = now_s + self._gap_s() if self._command_due_s is None else self._command_due_s
        chats = list(self._chats)
        for _ in range(_MOST_COMMANDS_AT_ONCE):
            if due_s > now_s:
                break
            due_s += self._gap_s()
            if chats:
                # Drawn for those who write none, too: what others write must not change by that.
                chat, command = self._writers.pick(chats), self._writers.pick(COMMANDS)
                if not self._has_blocked(chat):
                    self._note("command", chat, f"/{command}")
        # Whoever has not asked for long gets no flood.
        self._command_due_s = max(due_s, now_s)

    def _gap_s(self) -> float:
        return self._writers.gap_s(self._command_gap_s / (self._faults.grade("traffic_growth") or 1.0))

    def _note(self, kind: Literal["command", "button"], chat: int, text: str) -> int:
        self._given += 1
        self._updates.append(Update(self._given, kind, chat, text, self.clock.now_ns()))
        return self._given


def _check(text: str, button: str | None) -> None:
    if not text.strip():
        raise BotRefusedError(400, "Bad Request: message text is empty")
    if len(text) > _MOST_TEXT:
        raise BotRefusedError(400, "Bad Request: message is too long")
    if button is not None and not 1 <= len(button.encode()) <= _MOST_BUTTON_BYTES:
        raise BotRefusedError(400, "Bad Request: BUTTON_DATA_INVALID")


def _too_many(retry_after_s: int) -> BotRefusedError:
    return BotRefusedError(429, f"Too Many Requests: retry after {retry_after_s}", retry_after_s)


class _Api:
    """The Bot API over HTTP. A poll is answered at once, whatever time it would wait."""

    def __init__(self, bot: Bot, key: str) -> None:
        self._bot = bot
        self._key = key
        self._me = {"id": 1_000, "is_bot": True, "first_name": "CryptoUniverse", "username": "cryptouniverse_bot"}
        self._methods = {
            "sendMessage": self._send_message,
            "getUpdates": self._get_updates,
            "answerCallbackQuery": self._answer_callback_query,
            "getMe": self._get_me,
        }

    async def take(self, request: web.Request) -> web.Response:
        """One call of any method."""
        method = self._methods.get(request.match_info["method"])
        try:
            if request.match_info["key"] != self._key:
                raise BotRefusedError(401, "Unauthorized")
            if method is None:
                raise BotRefusedError(404, "Not Found")
            return web.json_response({"ok": True, "result": await method(await _parameters(request))})
        except BotRefusedError as error:
            return _refusal(error)

    async def _send_message(self, given: dict[str, Any]) -> dict[str, Any]:
        chat, text = _whole(given, "chat_id", None), str(given.get("text", ""))
        number = await self._bot.send_message(chat, text, _button(given.get("reply_markup")))
        return {**self._head(number, chat, self._bot.clock.now_ns()), "from": self._me, "text": text}

    async def _get_updates(self, given: dict[str, Any]) -> list[dict[str, Any]]:
        limit = max(1, min(_whole(given, "limit", 100), 100))
        return [self._shown(update) for update in await self._bot.pending(_whole(given, "offset", 0), limit)]

    async def _answer_callback_query(self, given: dict[str, Any]) -> bool:
        await self._bot.answer(_whole(given, "callback_query_id", None))
        return True

    async def _get_me(self, given: dict[str, Any]) -> dict[str, Any]:
        return self._me

    def _shown(self, update: Update) -> dict[str, Any]:
        person = {"id": update.chat, "is_bot": False, "first_name": "Someone"}
        message = self._head(update.id, update.chat, update.time_ns)
        if update.kind == "command":
            entities = [{"type": "bot_command", "offset": 0, "length": len(update.text)}]
            message |= {"from": person, "text": update.text, "entities": entities}
            return {"update_id": update.id, "message": message}
        query = {"id": str(update.id), "from": person, "chat_instance": str(update.chat), "data": update.text}
        return {"update_id": update.id, "callback_query": query | {"message": message | {"from": self._me}}}

    def _head(self, number: int, chat: int, time_ns: int) -> dict[str, Any]:
        date_s = time_ns // 1_000_000_000
        return {"message_id": number, "chat": {"id": chat, "type": "private", "first_name": "Someone"}, "date": date_s}


async def _parameters(request: web.Request) -> dict[str, Any]:
    """From the address, a form or a JSON body: the Bot API takes all of them."""
    given: dict[str, Any] = dict(request.query)
    if request.content_type != "application/json":
        return given | dict(await request.post())
    try:
        body = await request.json()
    except ValueError:
        body = None
    if not isinstance(body, dict):
        raise BotRefusedError(400, "Bad Request: can't parse the body as a JSON object")
    return given | body


def _whole(given: dict[str, Any], name: str, default: int | None) -> int:
    try:
        return int(given.get(name, default))  # type: ignore[arg-type]  # None is what the refusal is for
    except (TypeError, ValueError):
        raise BotRefusedError(400, f"Bad Request: {name} is missing or no whole number") from None


def _button(markup: Any) -> str | None:
    """What the first button carries; a form brings the markup as a text."""
    try:
        markup = json.loads(markup) if isinstance(markup, str) else markup
        return None if markup is None else str(markup["inline_keyboard"][0][0]["callback_data"])
    except (ValueError, TypeError, LookupError):
        raise BotRefusedError(400, "Bad Request: can't parse the reply markup") from None


def _refusal(error: BotRefusedError) -> web.Response:
    answer: dict[str, Any] = {"ok": False, "error_code": error.code, "description": str(error)}
    if error.retry_after_s is not None:
        answer["parameters"] = {"retry_after": error.retry_after_s}
    return web.json_response(answer, status=error.code)


@asynccontextmanager
async def telegram_server(bot: Bot, *, key: str = DEMO_KEY, port: int = 0) -> AsyncIterator[Place]:
    """Serves the Bot API on a port of this machine (0: a free one) for the bot with this key."""
    app = web.Application(client_max_size=_MOST_BODY_BYTES)
    app.router.add_route("*", "/bot{key}/{method}", _Api(bot, key).take)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=1.0)
    await runner.setup()
    try:
        site = web.TCPSite(runner, "127.0.0.1", port)
        await site.start()
        yield Place(*runner.addresses[0])
    finally:
        await runner.cleanup()
