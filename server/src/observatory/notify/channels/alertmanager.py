"""Another Alertmanager: `POST /api/v2/alerts`, again and again while an alert fires and for a while after its end."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from observatory.clock import Clock
from observatory.model.notification import Message
from observatory.notify import v4
from observatory.notify.channels.channel import Sent, Tools
from observatory.notify.channels.webhook import AGENT, posted
from observatory.state.deliveries import Delivery

# Alertmanager takes an alert for resolved when it is not told of it for so many times.
_MISSED = 4
KEEP_S = 900.0


class Alertmanager:
    """Tells an Alertmanager; it groups, silences and sends by itself.

    Args:
        url: its address, without `/api/v2/alerts`.
        headers: what is sent beside the usual ones.
        resend_s: how often it is told again.
        clock: what time it is.
        tools: how.
    """

    def __init__(self, url: str, headers: Mapping[str, str], resend_s: float, clock: Clock, tools: Tools) -> None:
        self._url = url.rstrip("/") + "/api/v2/alerts"
        self._headers = {"Content-Type": "application/json", "User-Agent": AGENT, **headers}
        self.resend_s = resend_s
        self._clock = clock
        self._tools = tools

    async def send(self, delivery: Delivery) -> Sent:
        """Tell it of a change."""
        return await self.tell(delivery.messages, self._clock.now())

    async def tell(self, messages: Sequence[Message], at: datetime) -> Sent:
        """Tell it of alerts as they stand."""
        ends_at = at + timedelta(seconds=_MISSED * self.resend_s)
        return await posted(self._tools, self._url, v4.alerts(messages, self._tools.links, ends_at), self._headers)
