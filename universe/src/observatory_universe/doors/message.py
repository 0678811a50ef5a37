"""Ways to people: the bot, the mail server and open browser sessions."""

from dataclasses import dataclass
from typing import Literal, Protocol

from observatory_universe.errors import Trouble


class MessagingError(Trouble):
    """A message was not taken. The message is a fixed word for the reason.

    `retry_after_s`: the channel says when to try again. `final`: trying again is of no use.
    """

    def __init__(self, reason: str, *, retry_after_s: float | None = None, final: bool = False) -> None:
        super().__init__(reason)
        self.retry_after_s = retry_after_s
        self.final = final


@dataclass(frozen=True, slots=True)
class Command:
    """A user wrote `/name` to the bot."""

    user_id: str
    name: str


@dataclass(frozen=True, slots=True)
class Receipt:
    """What the far end says of a message: `reference` is what the sender gave with it, such as a signal's id."""

    channel: Literal["telegram", "websocket"]
    user_id: str
    reference: str
    status: Literal["delivered", "seen"]
    time_ns: int


class Telegram(Protocol):
    """The bot."""

    async def send(self, user_id: str, text: str, reference: str | None = None) -> None:
        """Sends a message; with a reference it carries a button, and pressing it comes back as a receipt.

        Raises:
            MessagingError: 429 with its time, 403 (blocked, final), or no answer.
        """
        ...

    async def updates(self) -> list[Command | Receipt]:
        """What users did since the last call."""
        ...


class Mail(Protocol):
    """The mail server."""

    async def send(self, address: str, subject: str, text: str) -> None:
        """Raises MessagingError: refused, or no answer."""
        ...


class Sessions(Protocol):
    """The users' open browser sessions, over WebSockets to the platform."""

    async def serve(self) -> None:
        """Takes connections until it is cancelled."""
        ...

    async def listening(self) -> int:
        """Waits until connections are taken, and returns the port; 0 where there are no sockets."""
        ...

    async def push(self, user_id: str, kind: str, reference: str) -> bool:
        """True when a session of the user confirmed the message within a second."""
        ...

    def open_count(self) -> int: ...

    def dropped(self) -> int:
        """Connections that broke off since the last call."""
        ...

    def receipts(self) -> list[Receipt]:
        """What browsers reported since the last call."""
        ...
