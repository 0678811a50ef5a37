"""The bot over HTTP."""

import asyncio
from collections.abc import Mapping
from typing import Any, Final

import httpx

from observatory_universe.clock import Clock
from observatory_universe.doors.channels import DEMO_KEY, Chats, bot_refusal
from observatory_universe.doors.message import Command, MessagingError, Receipt

_TIMEOUT: Final = httpx.Timeout(5.0, pool=30.0)
# httpx looks at each of its connections for each request: no more of them than keep the bot busy.
_LIMITS: Final = httpx.Limits(max_connections=8, max_keepalive_connections=8, keepalive_expiry=60.0)


class _Keyed(httpx.AsyncHTTPTransport):
    """Puts the bot's key into the path on the way out.

    The Bot API wants its key in every address. Above this transport no address holds it, so neither the client's own
    log lines nor its errors can tell it.
    """

    def __init__(self, key: str) -> None:
        super().__init__(limits=_LIMITS)
        self._prefix = f"/bot{key}".encode()

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        keyed = httpx.Request(
            request.method,
            request.url.copy_with(raw_path=self._prefix + request.url.raw_path),
            headers=request.headers,
            stream=request.stream,
            extensions=request.extensions,
        )
        return await super().handle_async_request(keyed)


class BotClient:
    """Speaks with the Bot API.

    Args:
        url: its address, without the key.
        key: the bot's key; it appears in no telemetry.
    """

    def __init__(self, url: str, clock: Clock, *, key: str = DEMO_KEY) -> None:
        self._clock = clock
        self._http = httpx.AsyncClient(base_url=url, transport=_Keyed(key), timeout=_TIMEOUT)
        self._chats = Chats()
        self._offset = 0
        self._polling = asyncio.Lock()

    async def close(self) -> None:
        await self._http.aclose()

    async def send(self, user_id: str, text: str, reference: str | None = None) -> None:
        """Sends a message; with a reference of at most 64 bytes it carries a button.

        Raises:
            MessagingError: 429 with its time, 403 (blocked, final), or no answer.
        """
        message: dict[str, Any] = {"chat_id": self._chats.number(user_id), "text": text}
        if reference is not None:
            message["reply_markup"] = {"inline_keyboard": [[{"text": "Seen", "callback_data": reference}]]}
        await self._call("sendMessage", message)

    async def updates(self) -> list[Command | Receipt]:
        """What users did since the last call, up to 100 of it. A call that fails loses nothing.

        Raises:
            MessagingError: no answer.
        """
        async with self._polling:
            updates = await self._call("getUpdates", {"offset": self._offset, "limit": 100, "timeout": 0})
            queries = [update["callback_query"]["id"] for update in updates if "callback_query" in update]
            await asyncio.gather(*(self._answer(query) for query in queries))
            if updates:
                self._offset = updates[-1]["update_id"] + 1
        now_ns = self._clock.now_ns()
        return [found for update in updates if (found := self._read(update, now_ns))]

    async def _answer(self, query: str) -> None:
        """Ends the waiting sign on a button. Without this it goes out by itself, so a failure is nobody's trouble."""
        try:
            await self._call("answerCallbackQuery", {"callback_query_id": query})
        except MessagingError:
            return

    async def _call(self, method: str, parameters: Mapping[str, Any]) -> Any:
        try:
            response = await self._http.post(method, json=parameters)
        except httpx.HTTPError as error:
            raise MessagingError("no_answer") from error
        try:
            answer = response.json()
            if answer["ok"]:
                return answer["result"]
            refusal = bot_refusal(answer["error_code"], answer.get("parameters", {}).get("retry_after"))
        except (ValueError, LookupError, TypeError) as error:
            # Whoever answered was not the Bot API, such as a proxy in front of it.
            raise MessagingError("unavailable") from error
        raise refusal

    def _read(self, update: Mapping[str, Any], now_ns: int) -> Command | Receipt | None:
        query, message = update.get("callback_query"), update.get("message", {})
        user_id = self._chats.user((query or message).get("from", {}).get("id", 0))
        if user_id is None:
            return None
        if query:
            # The Bot API does not say when a button was pressed.
            return Receipt("telegram", user_id, query.get("data", ""), "seen", now_ns)
        text = message.get("text", "")
        return Command(user_id, text.split()[0].removeprefix("/")) if text.startswith("/") else None
