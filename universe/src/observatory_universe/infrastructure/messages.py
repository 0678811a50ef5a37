"""Ways to reach a user: Telegram, e-mail and the open browser session."""

from collections.abc import Awaitable, Callable

import observatory_sdk as obs
from observatory_universe.costs.tracker import ApiCostTracker
from observatory_universe.infrastructure.gates import RateLimitService
from observatory_universe.service import Service, World
from observatory_universe.trade import usd
from observatory_universe.users import User

Command = Callable[[User, str], Awaitable[str]]


class WebsocketService(Service):
    """Pushes messages to the sessions that users have open."""

    id = "websocket_service"

    def __init__(self, world: World) -> None:
        super().__init__(world)
        self._sessions = obs.facts.websockets(service=self.id)

    @obs.service("websocket_service", "push")
    async def push(self, user: User, kind: str) -> bool:
        """True when a session of the user took the message."""
        await self.work(4)
        return True

    @obs.service("websocket_service", "count")
    async def count(self) -> int:
        """Reports and returns how many sessions are open."""
        await self.work(1)
        open_sessions = sum("websocket" in user.channels for user in self.world.users.everybody())
        self._sessions.connections(open_sessions)
        self._sessions.dropped("idle", 0)
        return open_sessions


class EmailService(Service):
    """Sends e-mail, and pays for each."""

    id = "email_service"

    def __init__(self, world: World, costs: ApiCostTracker) -> None:
        super().__init__(world)
        self._costs = costs

    @obs.service("email_service", "send")
    async def send(self, user: User, kind: str) -> bool:
        """Sends a message that is no signal. True when the mail server took it."""
        with obs.facts.message(channel="email", kind=kind) as message:
            await self.work(45)
            message.status = "accepted"
        await self._costs.charge("ses", "communication", usd(0.0001), 1, "message")
        return True

    @obs.service("email_service", "send_signal")
    async def send_signal(self, user: User, signal_id: str) -> bool:
        """Sends a signal. True when the mail server took it."""
        await self.work(45)
        return True


class TelegramCore(Service):
    """The Telegram bot: sends messages, and answers the commands that were taught to it."""

    id = "telegram_core"

    def __init__(self, world: World, limits: RateLimitService) -> None:
        super().__init__(world)
        self._limits = limits
        self._commands: dict[str, Command] = {}

    def teach(self, name: str, command: Command) -> None:
        """From now on `/name` is answered by `command`. The services behind commands are built after the bot."""
        self._commands[name] = command

    @obs.service("telegram_core", "send")
    async def send(self, user: User, kind: str) -> bool:
        """Sends a message that is no signal. True when the Bot API took it."""
        with obs.facts.message(channel="telegram", kind=kind) as message:
            await self.work(60)
            message.status = "accepted"
        return True

    @obs.service("telegram_core", "send_signal")
    async def send_signal(self, user: User, signal_id: str) -> bool:
        """Sends a signal with a button under it. True when the Bot API took it."""
        await self.work(60)
        return True

    @obs.service("telegram_core", "receive")
    async def receive(self, user: User, name: str) -> None:
        """Answers one command of a user."""
        if not await self._limits.decide("telegram", user.id):
            obs.outcome("failure", reason="rate_limited")
            return
        answer = await self._commands[name](user, "telegram")
        await self.send(user, answer)
