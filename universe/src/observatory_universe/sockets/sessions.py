"""The platform's WebSocket server: open browser sessions."""

import asyncio
import json
import re
from collections import OrderedDict, deque
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Final, Literal
from urllib.parse import urlsplit

from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.exceptions import ConnectionClosed, ConnectionClosedError
from websockets.frames import CloseCode
from websockets.http11 import Request, Response

from observatory_universe.clock import Clock
from observatory_universe.doors.message import Receipt

_PATH: Final = re.compile(r"/sessions/([\w-]{1,64})")
_LOOPBACK: Final = frozenset({"127.0.0.1", "localhost", "::1"})
_CONFIRM_S: Final = 1.0
_MOST_SESSIONS: Final = 2_000
_MOST_PUSHED: Final = 10_000
_MOST_RECEIPTS: Final = 10_000
_MOST_BYTES: Final = 1_024


@dataclass(slots=True)
class _Session:
    """One user's open connection, and the pushes on it that wait to be confirmed."""

    connection: ServerConnection
    waiting: dict[int, asyncio.Future[bool]] = field(default_factory=dict)


@dataclass(slots=True)
class _Pushed:
    """A message on its way: whose it is, and what the sender gave with it."""

    user_id: str
    reference: str
    delivered: bool = False


class SessionServer:
    """Takes the browsers' connections on a port of this machine. A user's newest connection takes the others' place.

    Args:
        port: 0 takes a free one.
    """

    def __init__(self, clock: Clock, *, port: int = 0) -> None:
        self._clock = clock
        self._port = port
        self._server: Server | None = None
        self._listening = asyncio.Event()
        self._sessions: dict[str, _Session] = {}
        self._pushed: OrderedDict[int, _Pushed] = OrderedDict()
        self._receipts: deque[Receipt] = deque(maxlen=_MOST_RECEIPTS)
        self._numbers = 0
        self._dropped = 0

    @property
    def port(self) -> int:
        """The port that is listened on; the one that was asked for while nothing listens yet."""
        return self._port

    async def listening(self) -> int:
        """Waits until connections are taken, and returns the port."""
        await self._listening.wait()
        return self._port

    async def serve(self) -> None:
        """Takes connections until it is cancelled or closed."""
        async with serve(
            self._attend,
            "127.0.0.1",
            self._port,
            process_request=self._admit,
            compression=None,
            max_size=_MOST_BYTES,
            close_timeout=1.0,
            server_header=None,
        ) as self._server:
            self._port = next(iter(self._server.sockets)).getsockname()[1]
            self._listening.set()
            await self._server.wait_closed()

    async def close(self) -> None:
        """Ends all connections and `serve`."""
        if self._server is not None:
            self._server.close()
            await self._server.wait_closed()

    async def push(self, user_id: str, kind: str, reference: str) -> bool:
        """True when a session of the user confirmed the message within a second."""
        session = self._sessions.get(user_id)
        if session is None:
            return False
        self._numbers += 1
        number = self._numbers
        confirmed: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        session.waiting[number] = confirmed
        self._remember(number, _Pushed(user_id, reference))
        try:
            async with asyncio.timeout(_CONFIRM_S):
                await session.connection.send(
                    json.dumps({"type": "message", "id": number, "kind": kind, "reference": reference})
                )
                return await confirmed
        except (TimeoutError, ConnectionClosed):
            return False
        finally:
            session.waiting.pop(number, None)

    def open_count(self) -> int:
        return len(self._sessions)

    def dropped(self) -> int:
        """Connections that broke off since the last call."""
        dropped, self._dropped = self._dropped, 0
        return dropped

    def receipts(self) -> list[Receipt]:
        """What browsers reported since the last call, of messages with a reference."""
        receipts = list(self._receipts)
        self._receipts.clear()
        return receipts

    def _admit(self, connection: ServerConnection, request: Request) -> Response | None:
        # Any page in a browser on this machine reaches the port, and could take a user's session over.
        if not all(_is_loopback(origin) for origin in request.headers.get_all("Origin")):
            return connection.respond(HTTPStatus.FORBIDDEN, "Origin must be of this machine, or left out\n")
        if not _PATH.fullmatch(request.path):
            return connection.respond(HTTPStatus.NOT_FOUND, "a session is at /sessions/USER-ID\n")
        if len(self._sessions) >= _MOST_SESSIONS:
            return connection.respond(HTTPStatus.SERVICE_UNAVAILABLE, "too many sessions are open\n")
        return None

    async def _attend(self, connection: ServerConnection) -> None:
        path = connection.request.path if connection.request else ""
        user_id = path.rpartition("/")[2]
        session = _Session(connection)
        before = self._sessions.get(user_id)
        self._sessions[user_id] = session
        try:
            if before is not None:
                await before.connection.close()
            async for text in connection:
                if not self._hear(user_id, session, text):
                    await connection.close(CloseCode.INVALID_DATA)
                    return
        except ConnectionClosedError:
            self._dropped += 1
        finally:
            if self._sessions.get(user_id) is session:
                del self._sessions[user_id]
            for confirmed in session.waiting.values():
                _settle(confirmed, False)

    def _hear(self, user_id: str, session: _Session, text: str | bytes) -> bool:
        """False when it is nothing that a browser says."""
        try:
            said = json.loads(text)
            what, number = said["type"], int(said["id"])
        except (ValueError, TypeError, LookupError):
            return False
        pushed = self._pushed.get(number)
        if pushed is None or pushed.user_id != user_id:
            return True  # too old to be known
        if what == "delivered" and not pushed.delivered:
            pushed.delivered = True
            self._note(pushed, "delivered")
            if number in session.waiting:
                _settle(session.waiting[number], True)
        elif what == "seen":
            del self._pushed[number]
            self._note(pushed, "seen")
        return True

    def _note(self, pushed: _Pushed, status: Literal["delivered", "seen"]) -> None:
        if pushed.reference:
            now_ns = self._clock.now_ns()
            self._receipts.append(Receipt("websocket", pushed.user_id, pushed.reference, status, now_ns))

    def _remember(self, number: int, pushed: _Pushed) -> None:
        self._pushed[number] = pushed
        if len(self._pushed) > _MOST_PUSHED:
            self._pushed.popitem(last=False)


def _is_loopback(origin: str) -> bool:
    try:
        return urlsplit(origin).hostname in _LOOPBACK
    except ValueError:
        return False


def _settle(confirmed: asyncio.Future[bool], value: bool) -> None:
    if not confirmed.done():
        confirmed.set_result(value)
