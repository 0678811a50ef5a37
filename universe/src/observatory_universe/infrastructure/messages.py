"""Ways to reach a user: Telegram, e-mail and the open browser session."""

import contextlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import observatory_sdk as obs
from observatory_universe.costs.tracker import ApiCostTracker
from observatory_universe.doors.message import Command, MessagingError, Receipt
from observatory_universe.errors import Trouble
from observatory_universe.infrastructure.gates import RateLimitService
from observatory_universe.service import Service, World
from observatory_universe.trade import usd
from observatory_universe.users import User

Answer = Callable[[User, str], Awaitable[str]]
Listener = Callable[[list[Receipt]], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class HandOver:
    """What a channel said to a message. `final`: trying again is of no use."""

    accepted: bool
    reason: str | None = None
    retry_after_s: float | None = None
    final: bool = False


def _refused(error: MessagingError) -> HandOver:
    return HandOver(False, str(error), error.retry_after_s, error.final)


class WebsocketService(Service):
    """Pushes messages to the sessions that users have open."""

    id = "websocket_service"

    def __init__(self, world: World) -> None:
        super().__init__(world)
        self._sessions = obs.facts.websockets(service=self.id)
        self._listener: Listener | None = None

    def report_to(self, listener: Listener) -> None:
        """From now on `listener` gets the receipts of signals."""
        self._listener = listener

    @obs.service("websocket_service", "push")
    async def push(self, user: User, kind: str, reference: str = "") -> bool:
        """True when a session of the user took the message."""
        return await self.doors.sessions.push(user.id, kind, reference)

    @obs.service("websocket_service", "send_signal")
    async def send_signal(self, user: User, signal_id: str) -> HandOver:
        """Pushes a signal."""
        if await self.doors.sessions.push(user.id, "signal", signal_id):
            return HandOver(True)
        return HandOver(False, "no_session")

    @obs.service("websocket_service", "count")
    async def count(self) -> int:
        """Reports and returns how many sessions are open, and passes on what browsers reported."""
        open_sessions = self.doors.sessions.open_count()
        self._sessions.connections(open_sessions)
        self._sessions.dropped("broken_off", self.doors.sessions.dropped())
        receipts = [receipt for receipt in self.doors.sessions.receipts() if receipt.reference]
        if receipts and self._listener:
            await self._listener(receipts)
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
            answer = await self._post(user, kind, f"A message of the kind {kind} for {user.id}.")
            message.status = "accepted" if answer.accepted else "failed"
            if not answer.accepted:
                message.outcome, message.outcome_reason = "failure", answer.reason
        if answer.accepted:
            await self._costs.charge("ses", "communication", usd(0.0001), 1, "message")
        return answer.accepted

    @obs.service("email_service", "send_signal")
    async def send_signal(self, user: User, signal_id: str) -> HandOver:
        """Sends a signal."""
        return await self._post(user, "A signal", f"Signal {signal_id}. Open the platform to see it.")

    async def _post(self, user: User, subject: str, text: str) -> HandOver:
        try:
            await self.doors.mail.send(user.address, subject, text)
        except MessagingError as error:
            return _refused(error)
        return HandOver(True)


class TelegramCore(Service):
    """The Telegram bot: sends messages, and answers the commands that were taught to it."""

    id = "telegram_core"

    def __init__(self, world: World, limits: RateLimitService) -> None:
        super().__init__(world)
        self._limits = limits
        self._answers: dict[str, Answer] = {}
        self._listener: Listener | None = None

    def teach(self, name: str, answer: Answer) -> None:
        """From now on `/name` is answered by `answer`. The services behind commands are built after the bot."""
        self._answers[name] = answer

    def report_to(self, listener: Listener) -> None:
        """From now on `listener` gets the receipts of signals."""
        self._listener = listener

    @obs.service("telegram_core", "send")
    async def send(self, user: User, kind: str) -> bool:
        """Sends a message that is no signal. True when the Bot API took it."""
        with obs.facts.message(channel="telegram", kind=kind) as message:
            answer = await self._post(user, f"A message of the kind {kind}.")
            message.status = "accepted" if answer.accepted else "failed"
            if not answer.accepted:
                message.outcome, message.outcome_reason = "failure", answer.reason
        return answer.accepted

    @obs.service("telegram_core", "send_signal")
    async def send_signal(self, user: User, signal_id: str) -> HandOver:
        """Sends a signal with a button under it."""
        return await self._post(user, f"Signal {signal_id}", signal_id)

    @obs.service("telegram_core", "poll")
    async def poll(self) -> list[tuple[User, str]]:
        """Fetches what users did. Returns who wrote which command, to be answered by `receive`."""
        updates = await self.doors.telegram.updates()
        receipts = [update for update in updates if isinstance(update, Receipt)]
        if receipts and self._listener:
            await self._listener(receipts)
        commands = [update for update in updates if isinstance(update, Command)]
        asked = [(self.world.users.find(command.user_id), command.name) for command in commands]
        return [(user, name) for user, name in asked if user is not None and name in self._answers]

    @obs.service("telegram_core", "receive")
    async def receive(self, user: User, name: str) -> None:
        """Answers one command of a user."""
        if not await self._limits.decide("telegram", user.id):
            obs.outcome("failure", reason="rate_limited")
            return
        try:
            answer = await self._answers[name](user, "telegram")
        except Trouble:
            with contextlib.suppress(Trouble):
                await self.send(user, "try_again_later")
            raise
        await self.send(user, answer)

    async def _post(self, user: User, text: str, reference: str | None = None) -> HandOver:
        try:
            await self.doors.telegram.send(user.id, text, reference)
        except MessagingError as error:
            return _refused(error)
        return HandOver(True)
