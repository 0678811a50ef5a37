"""The mail server, and the postboxes behind it."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from email import message_from_bytes, policy
from email.message import EmailMessage
from email.utils import parsedate_to_datetime
from functools import partial
from typing import AnyStr, Final

from aiosmtpd.smtp import SMTP, Envelope, Session

from observatory_universe.chance import Chance
from observatory_universe.clock import Clock
from observatory_universe.faults import Faults
from observatory_universe.outside.place import Place

_TAKE_S: Final = 0.03
_MOST_KEPT: Final = 200
_MOST_MAIL_BYTES: Final = 256 * 1024
_MOST_CONNECTIONS: Final = 64
_HOST: Final = "mail.cryptouniverse.example"
# What a mail server in trouble says: come again later, come again later, do not come again.
_REFUSALS: Final = (
    (421, f"4.3.2 {_HOST} is closing the connection"),
    (451, "4.3.0 Local error in processing"),
    (554, "5.3.0 Transaction failed"),
)


class MailRefusedError(Exception):
    """The mail server did not take a letter; `code` is its reply code, the message its words."""

    def __init__(self, code: int, words: str) -> None:
        super().__init__(words)
        self.code = code


@dataclass(frozen=True, slots=True)
class Letter:
    """A letter as it arrived: sender and recipients are the envelope's; `date_s` in seconds since 1970."""

    sender: str
    recipients: tuple[str, ...]
    subject: str
    text: str
    date_s: int


class Postbox:
    """Takes letters, and keeps the newest 200 of them."""

    def __init__(self, clock: Clock, chance: Chance, faults: Faults) -> None:
        self._clock = clock
        self._faults = faults
        self._chance = chance.of("mail")
        self._mischance = chance.of("fault:mail")
        self._kept: deque[Callable[[], Letter]] = deque(maxlen=_MOST_KEPT)

    async def take(self, read: Callable[[], Letter]) -> None:
        """Takes a letter. `read` gives it when somebody looks, because to parse a letter costs more than to take it.

        Raises:
            MailRefusedError: it was not taken.
        """
        await self._clock.sleep(self._chance.duration_s(_TAKE_S))
        share = self._faults.grade("smtp_down")
        if share is not None and self._mischance.happens(share):
            raise MailRefusedError(*self._mischance.pick(_REFUSALS))
        self._kept.append(read)

    def letters(self) -> list[Letter]:
        """The letters that were taken, the oldest first."""
        return [read() for read in self._kept]


class _Conversation(SMTP):
    """One connection. Known to the server, so that it can be ended with it; a 421 ends it too."""

    def __init__(self, desk: "_Desk", loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(desk, data_size_limit=_MOST_MAIL_BYTES, hostname=_HOST, ident="ESMTP", loop=loop)
        self._desk = desk

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self._desk.came(transport)

    def connection_lost(self, error: Exception | None) -> None:
        if self.transport is not None:
            self._desk.went(self.transport)
        super().connection_lost(error)

    async def push(self, status: AnyStr) -> None:
        await super().push(status)
        if status[:3] in ("421", b"421") and self.transport is not None:
            self.transport.close()


class _Desk:
    """What the SMTP server hands its letters to."""

    def __init__(self, postbox: Postbox) -> None:
        self._postbox = postbox
        self._open: set[asyncio.BaseTransport] = set()
        self._empty = asyncio.Event()
        self._empty.set()

    # The names of hooks are the library's.
    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        content = envelope.content if isinstance(envelope.content, bytes) else b""
        try:
            await self._postbox.take(partial(_parse, envelope.mail_from or "", envelope.rcpt_tos, content))
        except MailRefusedError as error:
            return f"{error.code} {error}"
        return "250 2.0.0 Ok"

    def came(self, transport: asyncio.BaseTransport) -> None:
        if len(self._open) >= _MOST_CONNECTIONS:
            transport.close()
        self._open.add(transport)
        self._empty.clear()

    def went(self, transport: asyncio.BaseTransport) -> None:
        self._open.discard(transport)
        if not self._open:
            self._empty.set()

    async def close(self) -> None:
        for transport in tuple(self._open):
            transport.close()
        await asyncio.wait_for(self._empty.wait(), 5.0)


def _parse(sender: str, recipients: Sequence[str], content: bytes) -> Letter:
    message = message_from_bytes(content, EmailMessage, policy=policy.default)
    return Letter(
        sender=sender,
        recipients=tuple(recipients),
        subject=str(message["Subject"] or ""),
        text=str(message.get_content()).replace("\r\n", "\n").rstrip("\n"),
        date_s=round(parsedate_to_datetime(message["Date"]).timestamp()),
    )


@asynccontextmanager
async def mail_server(postbox: Postbox, *, port: int = 0) -> AsyncIterator[Place]:
    """Serves SMTP on a port of this machine (0: a free one), in the running loop."""
    loop = asyncio.get_running_loop()
    desk = _Desk(postbox)
    server = await loop.create_server(lambda: _Conversation(desk, loop), "127.0.0.1", port)
    try:
        yield Place(*server.sockets[0].getsockname())
    finally:
        server.close()
        await desk.close()
        await server.wait_closed()
