"""aiohttp's WebSocket client: connections to venues told of as feeds."""

from __future__ import annotations

import functools
import sys
from asyncio import current_task
from collections.abc import Callable, Mapping
from types import FunctionType
from typing import Any

from observatory_sdk.exchanges.around import Patches
from observatory_sdk.exchanges.receiving import Follower, Told
from observatory_sdk.guard import Guard

_GUARD = Guard("feeds")
_ENDS = frozenset(("CLOSE", "CLOSING", "CLOSED", "ERROR"))
_TEXTS = frozenset(("TEXT", "BINARY"))


class Binding:
    """aiohttp's class of client connections, patched."""

    def __init__(self, owner: Any) -> None:
        self._owner = owner
        self._patches = Patches()
        self._follower = Follower(lambda socket: str(socket._response.url))
        # `receive` closes by itself what the venue has closed: that is no end by the host.
        self._receiving: dict[int, object] = {}

    def start(self) -> None:
        """Patch it."""
        self._patches.watch(self._owner, "close", self._closing)
        self._patches.put(self._owner, "receive", self._received(self._owner.receive))

    def stop(self) -> None:
        """Put everything back."""
        self._patches.undo()
        self._follower.clear()

    def _received(self, function: FunctionType) -> Callable[..., Any]:
        async def receive(socket: Any, *args: Any, **kwargs: Any) -> Any:
            followed = False
            with _GUARD:
                followed = self._follower.of(socket) is not None
            if not followed:
                return await function(socket, *args, **kwargs)
            self._receiving[id(socket)] = current_task()
            try:
                message = await function(socket, *args, **kwargs)
            finally:
                self._receiving.pop(id(socket), None)
            self._heard(socket, message)
            return message

        return functools.wraps(function)(receive)

    def _heard(self, socket: Any, message: Any) -> None:
        with _GUARD:
            kind = message.type.name
            if kind in _TEXTS:
                self._follower.heard(socket, message.data)
            elif kind in _ENDS:
                self._follower.lost(socket)

    def _closing(self, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Told | None:
        socket = args[0]
        if self._receiving.get(id(socket)) is current_task():
            return None
        return Told(self._follower.closed, socket, after=False)


def switch_on() -> Callable[[], None] | None:
    """Follow the WebSocket connections of aiohttp, which has been imported. Gives back what undoes it."""
    owner = getattr(sys.modules.get("aiohttp"), "ClientWebSocketResponse", None)
    if not isinstance(owner, type):
        return None
    binding = Binding(owner)
    binding.start()
    return binding.stop
