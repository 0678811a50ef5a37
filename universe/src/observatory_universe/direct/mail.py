"""Mail without a socket."""

from functools import partial

from observatory_universe.clock import Clock
from observatory_universe.doors.channels import SENDER, mail_refusal
from observatory_universe.outside.mail import Letter, MailRefusedError, Postbox


class DirectMail:
    """Hands mail to the postbox in the same process."""

    def __init__(self, postbox: Postbox, clock: Clock) -> None:
        self._postbox = postbox
        self._clock = clock

    async def send(self, address: str, subject: str, text: str) -> None:
        """Hands one message over.

        Raises:
            MessagingError: refused.
        """
        date_s = self._clock.now_ns() // 1_000_000_000
        try:
            await self._postbox.take(partial(Letter, SENDER, (address,), subject, text, date_s))
        except MailRefusedError as error:
            raise mail_refusal(error.code) from error
