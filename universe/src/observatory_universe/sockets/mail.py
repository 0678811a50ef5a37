"""Mail over SMTP."""

import asyncio
from datetime import UTC, datetime
from email.mime.text import MIMEText
from email.policy import compat32
from email.utils import format_datetime
from itertools import count
from typing import Final

import aiosmtplib

from observatory_universe.clock import Clock
from observatory_universe.doors.channels import SENDER, mail_refusal
from observatory_universe.doors.message import MessagingError

_TIMEOUT_S: Final = 10.0
# The plain one: what `email` writes since takes five times as long, to no other effect on headers such as ours.
_POLICY: Final = compat32.clone(linesep="\r\n")
_HOST: Final = SENDER.partition("@")[2]


class MailClient:
    """Hands mail to one server, over up to four connections that are kept, and made anew when they break.

    The connection that was used last is used next, so a calm universe keeps one of them busy and opens no other.
    """

    def __init__(self, host: str, port: int, clock: Clock, *, connections: int = 4) -> None:
        self._host = host
        self._port = port
        self._clock = clock
        self._free = asyncio.Semaphore(connections)
        self._idle: list[aiosmtplib.SMTP] = []
        self._numbers = count(1)
        self._closed = False

    async def close(self) -> None:
        """Says good-bye on the connections that nobody uses; the others end with their message."""
        self._closed = True
        idle, self._idle = self._idle, []
        for connection in idle:
            try:
                if connection.is_connected:
                    await connection.quit()
            except (aiosmtplib.SMTPException, OSError):
                pass  # whoever is gone needs no good-bye
            finally:
                connection.close()

    async def send(self, address: str, subject: str, text: str) -> None:
        """Hands one message over.

        Raises:
            MessagingError: refused, or no answer.
        """
        message = self._compose(address, subject, text)
        async with self._free:
            connection = self._idle.pop() if self._idle else self._new()
            answered = False
            try:
                if not connection.is_connected:
                    await connection.connect()
                await connection.sendmail(SENDER, [address], message)
                answered = True
            except (aiosmtplib.SMTPResponseException, aiosmtplib.SMTPRecipientsRefused) as error:
                answered = True
                raise mail_refusal(_code(error)) from error
            except (aiosmtplib.SMTPException, OSError) as error:
                raise MessagingError("no_answer") from error
            finally:
                # Without an answer nobody knows where in the conversation it stands.
                if self._closed or not answered:
                    connection.close()
                self._idle.append(connection)

    def _new(self) -> aiosmtplib.SMTP:
        return aiosmtplib.SMTP(
            hostname=self._host, port=self._port, local_hostname=_HOST, timeout=_TIMEOUT_S, start_tls=False
        )

    def _compose(self, address: str, subject: str, text: str) -> bytes:
        now_ns = self._clock.now_ns()
        message = MIMEText(text, "plain", "us-ascii" if text.isascii() else "utf-8")
        message["From"] = SENDER
        message["To"] = address
        message["Subject"] = subject
        message["Date"] = format_datetime(datetime.fromtimestamp(now_ns // 1_000_000_000, UTC))
        message["Message-ID"] = f"<{now_ns}.{next(self._numbers)}@{_HOST}>"
        return message.as_bytes(policy=_POLICY)


def _code(error: aiosmtplib.SMTPResponseException | aiosmtplib.SMTPRecipientsRefused) -> int:
    return error.code if isinstance(error, aiosmtplib.SMTPResponseException) else error.recipients[0].code
