"""What a channel is, whatever its kind."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from observatory.alerting import silences
from observatory.model.alert import Severity
from observatory.model.notification import Kind, Outcome
from observatory.notify.http import Poster
from observatory.notify.links import Links
from observatory.state.deliveries import Delivery
from observatory.state.outbox import Waiting

OWN_ALERT = "observatory.channel"


@dataclass(frozen=True, slots=True)
class Sent:
    """How an attempt ended.

    Attributes:
        outcome: sent, failed (worth another attempt) or refused (not).
        detail: what the other side said; the deliverer takes secrets out of it.
        retry_after_s: how long the other side asked to wait.
    """

    outcome: Outcome
    detail: str
    retry_after_s: float | None = None


class Sender(Protocol):
    """Sends by one channel. One module in `notify/channels` for each kind."""

    async def send(self, delivery: Delivery) -> Sent:
        """Send a delivery once. It never raises for what the other side does."""
        ...


@dataclass(frozen=True, slots=True)
class Tools:
    """What senders are made with: how they post, where links point to, how long an attempt may take."""

    poster: Poster
    links: Links
    timeout_s: float


@dataclass(frozen=True, slots=True)
class Channel:
    """One way to tell people, or other systems, something.

    Attributes:
        id: its name.
        kind: names the module in `notify/channels`.
        where: what may be shown of its address: never a secret.
        sender: sends.
        severities: alerts of these are told.
        environments: of these; empty: of all.
        rules: patterns of rules; empty: all.
        areas: of these; empty: of all.
        kinds: kinds of messages.
        per_minute: most messages in a minute; more wait.
        secrets: what must not show up anywhere.
    """

    id: str
    kind: str
    where: str
    sender: Sender
    severities: frozenset[Severity]
    environments: frozenset[str]
    rules: tuple[str, ...]
    areas: frozenset[str]
    kinds: frozenset[Kind]
    per_minute: int
    secrets: tuple[str, ...] = field(repr=False)

    def takes(self, item: Waiting) -> bool:
        """Whether a message that names no channel is for this one."""
        message, alert = item.message, item.message.alert
        if message.kind not in self.kinds:
            return False
        # A digest is of no urgency, and told to whoever asks for digests.
        if message.kind is not Kind.DIGEST and message.severity not in self.severities:
            return False
        if self.environments and message.environment not in self.environments:
            return False
        if alert is None:
            return not self.rules and not self.areas
        # That a channel does not deliver is told by another.
        if alert.rule == OWN_ALERT and alert.member == self.id:
            return False
        if self.areas and alert.area not in self.areas:
            return False
        return not self.rules or any(silences.like(alert.rule, each) for each in self.rules)

    def scrub(self, text: str) -> str:
        """A text without this channel's secrets."""
        # Services write what they repeat as they like: in small letters as well.
        for secret in self.secrets:
            text = re.sub(re.escape(secret), "***", text, flags=re.IGNORECASE)
        return text


def answered(status: int, text: str, retry_after_s: float | None) -> Sent:
    """What an HTTP status means: 2xx took it; 408, 425, 429 and 5xx may take it later; all else never."""
    detail = f"HTTP {status}" + (f": {' '.join(text.split())}" if text.strip() else "")
    if 200 <= status < 300:
        return Sent(Outcome.SENT, f"HTTP {status}")
    if status in (408, 425, 429) or status >= 500:
        return Sent(Outcome.FAILED, detail, retry_after_s)
    return Sent(Outcome.REFUSED, detail)


Options = Mapping[str, str]
