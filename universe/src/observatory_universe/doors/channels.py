"""What both kinds of doors to people share: the numbers of chats, our own address, and what a refusal means."""

import hashlib
import re
from collections import OrderedDict
from typing import Final

from observatory_universe.doors.message import MessagingError

# The bot's key and the platform's own address. Neither opens anything outside of the universe.
DEMO_KEY: Final = "demo-key"
SENDER: Final = "signals@cryptouniverse.example"

_FIRST: Final = 1_000_000_000
_NUMBERED: Final = re.compile(r"u-(\d{1,9})")
_MOST_LEARNT: Final = 10_000


class Chats:
    """The number of each user's chat with the bot, and back.

    Ids such as `u-0001` are counted through, so both directions need no memory. Any other id gets a number drawn from
    its text, and the way back is known once its number was asked for; the newest 10,000 of these are kept.
    """

    def __init__(self) -> None:
        self._learnt: OrderedDict[int, str] = OrderedDict()

    def number(self, user_id: str) -> int:
        """The chat of this user; fits into the 52 bits that the Bot API promises."""
        found = _NUMBERED.fullmatch(user_id)
        if found and _numbered(int(found[1])) == user_id:
            return _FIRST + int(found[1])
        drawn = (1 << 50) + int.from_bytes(hashlib.blake2b(user_id.encode(), digest_size=6).digest())
        self._learnt[drawn] = user_id
        self._learnt.move_to_end(drawn)
        if len(self._learnt) > _MOST_LEARNT:
            self._learnt.popitem(last=False)
        return drawn

    def user(self, number: int) -> str | None:
        """The user of this chat; None when it is nobody we ever wrote to."""
        if _FIRST <= number < 2 * _FIRST:
            return _numbered(number - _FIRST)
        return self._learnt.get(number)


def _numbered(number: int) -> str:
    return f"u-{number:04d}"


def bot_refusal(code: int, retry_after_s: float | None = None) -> MessagingError:
    """What an error code of the Bot API means for the message."""
    if code == 429:
        return MessagingError("rate_limited", retry_after_s=retry_after_s)
    if code == 403:
        return MessagingError("blocked", final=True)
    return MessagingError("unavailable") if code >= 500 else MessagingError("refused", final=True)


def mail_refusal(code: int) -> MessagingError:
    """What a reply code of SMTP means for the message: 4yz may be tried again, 5yz not."""
    return MessagingError("refused", final=True) if code >= 500 else MessagingError("unavailable")
