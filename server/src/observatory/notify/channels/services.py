"""Everything that Apprise knows: Telegram, e-mail, Slack, PagerDuty and a hundred more."""

from __future__ import annotations

import copy
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
from observatory.notify.channels.threads import Threads
from observatory.state.deliveries import Delivery

_KINDS = {
    Severity.CRITICAL: apprise.NotifyType.FAILURE,
    Severity.WARNING: apprise.NotifyType.WARNING,
    Severity.INFO: apprise.NotifyType.INFO,
}
_MAIL = ("mailto", "mailtos")
_LONGEST_OF_TARGET = 120
_MOST_HALF_TOLD = 100


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
        self._threads = Threads(tools.timeout_s)
        # By message which targets took it, while some did not; one thread at a time touches it.
        self._took: dict[str, set[int]] = {}
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
        """Send it in a thread of its own: Apprise waits. Each target is told once, however often it is tried."""
        text = render.text(delivery, self._tools.links)
        kind = _KINDS[delivery.severity]
        if delivery.status is Status.RESOLVED:
            kind = apprise.NotifyType.SUCCESS
        return await self._threads.run(delivery.key, lambda: self._send(text, kind, delivery))

    def _send(self, text: render.Text, kind: apprise.NotifyType, delivery: Delivery) -> Sent:
        body, form = text.body, apprise.NotifyFormat.TEXT
        if self._service.protocol in _MAIL or self._service.secure_protocol in _MAIL:
            body, form = text.html or _page(text.body), apprise.NotifyFormat.HTML
            self._service.headers["X-Observatory-Key"] = delivery.key
        told = {"body": body, "title": text.title, "notify_type": kind, "body_format": form}
        targets = self._targets()
        if len(targets) < 2:
            return self._notify(self._service, told)
        sent = self._each(targets, self._took.pop(delivery.key, set()), told)
        if sent[1].outcome is not Outcome.SENT:
            self._took[delivery.key] = sent[0]
            if len(self._took) > _MOST_HALF_TOLD:
                del self._took[next(iter(self._took))]
        return sent[1]

    def _targets(self) -> list[Any]:
        found = getattr(self._service, "targets", None)
        return list(found) if isinstance(found, list) else []

    def _each(self, targets: list[Any], took: set[int], told: dict[str, Any]) -> tuple[set[int], Sent]:
        """One after the other: those that took it are not told again when another one failed."""
        failed = list[str]()
        for nth, target in enumerate(targets):
            if nth in took:
                continue
            alone = copy.copy(self._service)
            alone.targets = [target]
            sent = self._notify(alone, told)
            if sent.outcome is Outcome.SENT:
                took.add(nth)
            else:
                failed.append(f"target {nth + 1}: {sent.detail[:_LONGEST_OF_TARGET]}")
        how = f"{len(took)} of {len(targets)} targets took it"
        return took, Sent(Outcome.FAILED, "; ".join([how, *failed])) if failed else Sent(Outcome.SENT, how)

    def _notify(self, service: Any, told: dict[str, Any]) -> Sent:
        _said.start()
        try:
            took = service.notify(**told)
        except Exception as error:
            # A hundred services by other hands: none of them may end the loop.
            took = False
            _log.warning("%s", type(error).__name__)
        finally:
            heard = _said.end()
        if took:
            return Sent(Outcome.SENT, f"{self.where} took it")
        # Of a service that keeps its targets in a way of its own nobody can say which of them took it.
        some = f" ({len(service)} targets, some may have it)" if _several(service) else ""
        return Sent(Outcome.FAILED, (heard[:300] or f"{self.where} did not take it") + some)


def _several(service: Any) -> bool:
    try:
        return len(service) > 1
    except Exception:
        # Not every service can count them before it was used.
        return False


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
