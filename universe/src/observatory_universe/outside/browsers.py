"""Browsers: people who have the platform open, and what becomes of the messages that reach them."""

import asyncio
import json
from collections.abc import Iterable
from typing import Any, Final

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, WebSocketException
from websockets.frames import CloseCode

from observatory_universe.chance import Chance
from observatory_universe.clock import Clock
from observatory_universe.faults import Faults
from observatory_universe.users import User

BEAT_S: Final = 1.0

_CONFIRM_S: Final = 0.015
# An open browser is looked at soon, and mostly.
_LOOK_RATIO: Final = 0.7
_LOOK_AFTER_S: Final = 6.0
_LOOK_SPREAD: Final = 0.7
_AWAY_S: Final = (2.0, 6.0)
_FIRST_AFTER_S: Final = (0.0, 1.0)
_MOST_IN_HAND: Final = 100
_MOST_BYTES: Final = 16 * 1024


class Browsers:
    """The sessions that users have open, and how they behave.

    Args:
        most: how many sessions there are at most; users beyond it have none.
    """

    def __init__(self, clock: Clock, chance: Chance, faults: Faults, *, most: int = 60) -> None:
        self.clock = clock
        self._faults = faults
        self._most = most
        self._confirming = chance.of("browsers:confirming")
        self._looking = chance.of("browsers:looking")
        self._breaking = chance.of("browsers:breaking")
        self._users: dict[str, None] = {}

    def know(self, users: Iterable[User]) -> None:
        """From now on these are the users. Those who want the websocket channel have a session while there is room.

        Whoever has one keeps it before somebody else gets one.
        """
        wanted = dict.fromkeys(user.id for user in users if "websocket" in user.channels)
        stay = [id_ for id_ in self._users if id_ in wanted]
        come = [id_ for id_ in wanted if id_ not in self._users]
        self._users = dict.fromkeys((stay + come)[: self._most])

    def users(self) -> tuple[str, ...]:
        """Who has a session, or will have one again as soon as it comes back."""
        return tuple(self._users)

    def has(self, user_id: str) -> bool:
        return user_id in self._users

    def confirm_s(self) -> float:
        """How long a browser takes to confirm a message."""
        return self._confirming.duration_s(_CONFIRM_S, 0.4)

    def look_after_s(self) -> float | None:
        """After what time the user looks at a message; None when they never do."""
        return self._looking.duration_s(_LOOK_AFTER_S, _LOOK_SPREAD) if self._looking.happens(_LOOK_RATIO) else None

    def is_breaking(self) -> bool:
        """Whether sessions may break off now."""
        return self._faults.grade("websocket_drop") is not None

    def breaks(self) -> bool:
        """Whether one session breaks off in this second."""
        share = self._faults.grade("websocket_drop")
        return share is not None and self._breaking.happens(share)

    def away_s(self) -> float:
        """After what time a session that broke off comes back."""
        return self._breaking.between(*_AWAY_S)

    async def run(self, url: str) -> None:
        """Keeps the sessions open to the platform at `url` (ws://...) until it is cancelled."""
        sessions: dict[str, tuple[_Session, asyncio.Task[None]]] = {}
        async with asyncio.TaskGroup() as tasks:
            while True:
                for id_ in [id_ for id_ in sessions if id_ not in self._users]:
                    sessions.pop(id_)[1].cancel()
                for id_ in [id_ for id_ in self._users if id_ not in sessions]:
                    session = _Session(self, f"{url}/sessions/{id_}")
                    sessions[id_] = session, tasks.create_task(session.stay())
                await pause(self.clock, BEAT_S)
                if self.is_breaking():
                    for session, _ in sessions.values():
                        if session.is_open and self.breaks():
                            session.break_off()


async def pause(clock: Clock, seconds: float) -> None:
    """Waits. A clock that was hurried no longer does, and then this keeps a loop from taking the whole core."""
    await clock.sleep(seconds)
    await asyncio.sleep(0.01)


class _Session:
    """One user's browser."""

    def __init__(self, browsers: Browsers, address: str) -> None:
        self._browsers = browsers
        self._clock = browsers.clock
        self._address = address
        self._connection: ClientConnection | None = None
        self._in_hand: set[asyncio.Task[None]] = set()

    @property
    def is_open(self) -> bool:
        return self._connection is not None

    def break_off(self) -> None:
        """Ends the connection without a word, as a lost network does."""
        if self._connection is not None:
            self._connection.transport.abort()

    async def stay(self) -> None:
        """Keeps the connection, and makes it anew some seconds after it ended."""
        try:
            while True:
                await self._attend()
                await pause(self._clock, self._browsers.away_s())
        finally:
            for task in self._in_hand:
                task.cancel()

    async def _attend(self) -> None:
        # The platform's server sends the pings, so the browser needs none of its own.
        options: dict[str, Any] = {"compression": None, "ping_interval": None, "proxy": None, "max_size": _MOST_BYTES}
        try:
            async with connect(self._address, open_timeout=5.0, close_timeout=1.0, **options) as connection:
                self._connection = connection
                try:
                    async for text in connection:
                        self._take(json.loads(text))
                finally:
                    # A page that is left says so; the library would call it a fault of the browser.
                    await connection.close(CloseCode.GOING_AWAY)
        except (OSError, WebSocketException, ValueError):
            return  # the platform is away, or says what no browser understands: come again later
        finally:
            self._connection = None

    def _take(self, message: dict[str, Any]) -> None:
        if len(self._in_hand) >= _MOST_IN_HAND:
            return
        task = asyncio.create_task(self._show(message["id"]))
        self._in_hand.add(task)
        task.add_done_callback(self._in_hand.discard)

    async def _show(self, number: int) -> None:
        await self._clock.sleep(self._browsers.confirm_s())
        await self._say("delivered", number)
        look_after_s = self._browsers.look_after_s()
        if look_after_s is not None:
            await self._clock.sleep(look_after_s)
            await self._say("seen", number)

    async def _say(self, what: str, number: int) -> None:
        """Over the connection that there is now: a page that came back shows what it had shown before."""
        if self._connection is None:
            return
        try:
            await self._connection.send(json.dumps({"type": what, "id": number}))
        except ConnectionClosed:
            return
