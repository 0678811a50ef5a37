"""WebSocket connections of client libraries followed: opened, heard, closed by the host, broken off."""

from __future__ import annotations

import functools
from collections.abc import Callable
from types import FunctionType
from typing import Any

from observatory_sdk.exchanges import messages
from observatory_sdk.exchanges.streams import FOLLOWED_ABOVE, Connection, Connections
from observatory_sdk.guard import Guard
from observatory_sdk.tracebacks import hide

_GUARD = Guard("feeds")


class Follower:
    """Follows the connections of one library. `address`: where an object of it is connected to."""

    def __init__(self, address: Callable[[Any], str]) -> None:
        self._address = address
        self._connections = Connections()

    def opened(self, socket: Any) -> Connection | None:
        """A connection stands. What is no venue's, or is followed above, is left alone."""
        if socket in FOLLOWED_ABOVE:
            return self._connections.opened(socket, None)
        url = self._address(socket)
        venue = messages.of_host(url)
        return self._connections.opened(socket, None if venue is None else Connection(venue, venue.id, url))

    def of(self, socket: Any) -> Connection | None:
        """The connection of a socket, looked at when it is new."""
        if self._connections.is_known(socket):
            return self._connections.of(socket)
        return self.opened(socket)

    def heard(self, socket: Any, data: object) -> None:
        """A message was handed to the host."""
        with _GUARD:
            found = self._connections.of(socket)
            if found is None:
                found = self.of(socket)
            if found is not None:
                found.text(data)

    def lost(self, socket: Any) -> None:
        """The connection is gone."""
        found = self._connections.of(socket)
        if found is not None:
            found.lost()

    def closed(self, socket: Any) -> None:
        """The host closes it."""
        found = self._connections.of(socket)
        if found is not None:
            found.closed()

    def watch(self, tell: Callable[[Any], object], after: bool = False) -> Callable[..., Told]:
        """Watches a method of a connection, and tells of the object before or after it."""
        return lambda args, kwargs: Told(tell, args[0], after)

    def clear(self) -> None:
        """Forget all connections."""
        self._connections.clear()


class Told:
    """A call that says something about a connection."""

    def __init__(self, tell: Callable[[Any], object], socket: Any, after: bool) -> None:
        self._tell, self._socket, self._after = tell, socket, after

    def begin(self) -> None:
        if not self._after:
            self._tell(self._socket)

    def end(self, result: object, error: BaseException | None) -> None:
        if self._after and error is None:
            self._tell(self._socket)


Heard = Callable[[Any, Any, BaseException | None], None]


def awaited(function: FunctionType, heard: Heard) -> FunctionType:
    """A coroutine method that receives; what it gives back, or raises, is heard of."""

    async def call(*args: Any, **kwargs: Any) -> Any:
        try:
            data = await function(*args, **kwargs)
        except BaseException as error:
            hide(error)
            heard(args[0], None, error)
            raise
        heard(args[0], data, None)
        return data

    return functools.wraps(function)(call)  # type: ignore[return-value]


def plain(function: FunctionType, heard: Heard) -> FunctionType:
    """The same for a method that is no coroutine."""

    def call(*args: Any, **kwargs: Any) -> Any:
        try:
            data = function(*args, **kwargs)
        except BaseException as error:
            hide(error)
            heard(args[0], None, error)
            raise
        heard(args[0], data, None)
        return data

    return functools.wraps(function)(call)  # type: ignore[return-value]
