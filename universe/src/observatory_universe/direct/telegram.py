"""The bot without a socket."""

from observatory_universe.doors.channels import Chats, bot_refusal
from observatory_universe.doors.message import Command, Receipt
from observatory_universe.outside.telegram import Bot, BotRefusedError, Update


class DirectTelegram:
    """Speaks with the bot in the same process."""

    def __init__(self, bot: Bot) -> None:
        self._bot = bot
        self._chats = Chats()
        self._offset = 0

    async def send(self, user_id: str, text: str, reference: str | None = None) -> None:
        """Sends a message; with a reference of at most 64 bytes it carries a button.

        Raises:
            MessagingError: 429 with its time, 403 (blocked, final).
        """
        try:
            await self._bot.send_message(self._chats.number(user_id), text, reference)
        except BotRefusedError as error:
            raise bot_refusal(error.code, error.retry_after_s) from error

    async def updates(self) -> list[Command | Receipt]:
        """What users did since the last call, up to 100 of it."""
        updates = await self._bot.pending(self._offset)
        if updates:
            self._offset = updates[-1].id + 1
        now_ns = self._bot.clock.now_ns()
        return [found for update in updates if (found := self._read(update, now_ns))]

    def _read(self, update: Update, now_ns: int) -> Command | Receipt | None:
        user_id = self._chats.user(update.chat)
        if user_id is None:
            return None
        if update.kind == "command":
            return Command(user_id, update.text.removeprefix("/"))
        return Receipt("telegram", user_id, update.text, "seen", now_ns)
