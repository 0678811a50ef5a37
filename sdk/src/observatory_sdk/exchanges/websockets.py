"""The `websockets` library: client connections to venues, of its three kinds, told of as feeds."""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType
from typing import Any

from observatory_sdk.attach.imports import Imports
from observatory_sdk.exchanges.around import Patches
from observatory_sdk.exchanges.receiving import Follower, awaited, plain
from observatory_sdk.guard import Guard

_GUARD = Guard("feeds")
_ASYNCIO = "websockets.asyncio.client"
_LEGACY = "websockets.legacy.client"
_SYNC = "websockets.sync.client"


def _address(socket: Any) -> str:
    uri = socket.protocol.uri
    return f"ws://{uri.host}:{uri.port}{uri.path}"


def _legacy_address(socket: Any) -> str:
    return f"ws://{socket.host}:{socket.port}{socket.path}"


class Binding:
    """The patched classes of `websockets`, each when its module has been imported."""

    def __init__(self) -> None:
        self._patches = Patches()
        self._followers: list[Follower] = []
        self._imports = Imports(self._imported, lambda name: None)

    def start(self) -> None:
        """Patch what is there, and watch for the rest: an old kind warns when it is imported, so nobody else does."""
        self._imports.watch([_ASYNCIO, _LEGACY, _SYNC])

    def stop(self) -> None:
        """Put everything back."""
        self._imports.stop()
        self._patches.undo()
        for follower in self._followers:
            follower.clear()

    def _imported(self, module: ModuleType) -> None:
        if module.__name__ == _LEGACY:
            self._follow(module.WebSocketClientProtocol, Follower(_legacy_address), awaited)
        else:
            receive = plain if module.__name__ == _SYNC else awaited
            self._follow(module.ClientConnection, Follower(_address), receive)

    def _follow(self, owner: Any, follower: Follower, receive: Callable[..., Any]) -> None:
        self._followers.append(follower)

        def heard(socket: Any, data: Any, error: BaseException | None) -> None:
            if error is None:
                follower.heard(socket, data)
            elif type(error).__name__.startswith("ConnectionClosed"):
                with _GUARD:
                    follower.lost(socket)

        self._patches.put(owner, "recv", receive(owner.recv, heard))
        self._patches.watch(owner, "handshake", follower.watch(follower.opened, after=True), inherited=True)
        self._patches.watch(owner, "connection_lost", follower.watch(follower.lost), inherited=True)
        self._patches.watch(owner, "close", follower.watch(follower.closed), inherited=True)


def switch_on() -> Callable[[], None]:
    """Follow the connections of `websockets`. Gives back what undoes it."""
    binding = Binding()
    binding.start()
    return binding.stop
