"""Everything that Apprise knows: Telegram, e-mail, Slack, PagerDuty and a hundred more."""

from __future__ import annotations

import asyncio
import html
import logging
import threading
import warnings
from typing import Any

import apprise

from observatory.model.alert import Severity
from observatory.model.notification import Outcome, Status
from observatory.notify import render
from observatory.notify.channels.channel import Sent, Tools
from observatory.state.deliveries import Delivery

_KINDS = {
    Severity.CRITICAL: apprise.NotifyType.FAILURE,
    Severity.WARNING: apprise.NotifyType.WARNING,
    Severity.INFO: apprise.NotifyType.INFO,
}
_MAIL = ("mailto", "mailtos")


class AddressUnknown(ValueError):
    """An address that Apprise does not know."""


class _Said(logging.Filter):
    """Hears what Apprise says, and lets none of it pass: it repeats what services answer, which may hold secrets.

    Each sender hears what its own thread said.
    """

    def __init__(self) -> None:
        super().__init__()
        self._of: dict[int, list[str]] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        heard = self._of.get(record.thread or 0)
        if heard is not None:
            heard.append(record.getMessage())
        return False

    def start(self) -> None:
        self._of[threading.get_ident()] = []

    def end(self) -> str:
        return "; ".join(self._of.pop(threading.get_ident(), ()))


_said = _Said()
_log = logging.getLogger("apprise")
_log.addFilter(_said)
# Its more talkative levels print whole addresses and bodies.
_log.setLevel(logging.WARNING)
_log.propagate = False


class Service:
    """Sends by one service.

    Args:
        url: its address as Apprise writes it.
        base_url: another address of the same service, where it has one (a Telegram server of one's own).
        tools: how.

    Raises:
        AddressUnknown: Apprise cannot read the address.
    """

    def __init__(self, url: str, base_url: str, tools: Tools) -> None:
        with warnings.catch_warnings():
            # Its modules are loaded by the first address, and one of them imports what newer Pythons have dropped.
            warnings.simplefilter("ignore", DeprecationWarning)
            made = apprise.Apprise.instantiate(url, suppress_exceptions=True)
        if made is None:
            raise AddressUnknown("url: Apprise does not know such an address")
        self._service: Any = made
        self._tools = tools
        # A message that is too long is cut, and says where to find the rest: ten messages are not one.
        self._service.overflow_mode = apprise.OverflowMode.TRUNCATE
        self._service.socket_connect_timeout = min(tools.timeout_s, 5.0)
        self._service.socket_read_timeout = tools.timeout_s
        # How many messages a minute is for the channel's own throttle to say.
        self._service.request_rate_per_sec = 0.0
        if base_url:
            self._redirect(base_url.rstrip("/"))

    @property
    def where(self) -> str:
        """The service's name; its address is mostly secrets."""
        return str(self._service.service_name)

    def _redirect(self, base_url: str) -> None:
        if not hasattr(self._service, "notify_url") or self.where != "Telegram":
            raise AddressUnknown("base_url: only Telegram may be somewhere else")
        self._service.notify_url = f"{base_url}/bot"

    async def send(self, delivery: Delivery) -> Sent:
        """Send it in a thread of its own: Apprise waits."""
        text = render.text(delivery, self._tools.links)
        kind = _KINDS[delivery.severity]
        if delivery.status is Status.RESOLVED:
            kind = apprise.NotifyType.SUCCESS
        try:
            async with asyncio.timeout(self._tools.timeout_s):
                return await asyncio.to_thread(self._send, text, kind, delivery)
        except TimeoutError:
            return Sent(Outcome.FAILED, f"not sent within {self._tools.timeout_s:g} s")

    def _send(self, text: render.Text, kind: apprise.NotifyType, delivery: Delivery) -> Sent:
        body, form = text.body, apprise.NotifyFormat.TEXT
        if self._service.protocol in _MAIL or self._service.secure_protocol in _MAIL:
            body, form = text.html or _page(text.body), apprise.NotifyFormat.HTML
            self._service.headers["X-Observatory-Key"] = delivery.key
        _said.start()
        try:
            took = self._service.notify(body=body, title=text.title, notify_type=kind, body_format=form)
        except Exception as error:
            # A hundred services by other hands: none of them may end the loop.
            took = False
            _log.warning("%s", type(error).__name__)
        finally:
            heard = _said.end()
        if took:
            return Sent(Outcome.SENT, f"{self.where} took it")
        return Sent(Outcome.FAILED, heard[:300] or f"{self.where} did not take it")


def _page(body: str) -> str:
    """Plain text as HTML, links to be clicked."""
    told = []
    for line in body.splitlines():
        safe = html.escape(line)
        name, colon, address = safe.partition(": ")
        if colon and address.startswith(("http://", "https://")):
            safe = f'{name}: <a href="{address}">{address}</a>'
        told.append(safe)
    return "<br>\n".join(told)
