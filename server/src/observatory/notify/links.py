"""Addresses that a message points to."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import quote

from observatory.model.alert import Alert
from observatory.model.notification import Message

Signer = Callable[[str, str], str]


@dataclass(frozen=True, slots=True)
class Links:
    """Makes them.

    Attributes:
        base: address of this server as people reach it, without a slash at its end; empty: there are no links.
        sign: gives the address at which whoever was told (the person) may take an alert or incident (the subject);
            None: messages have no such link.
    """

    base: str
    sign: Signer | None = None

    def alert(self, alert: Alert) -> str:
        """The alert's changes."""
        return self._at(f"alerts/{alert.fingerprint}")

    def incident(self, incident: str) -> str:
        """An incident."""
        return self._at(f"incidents/{quote(incident, safe='')}") if incident else ""

    def runbook(self, runbook: str) -> str:
        """A runbook."""
        return self._at(f"runbooks/{quote(runbook, safe='')}") if runbook else ""

    def evidence(self, evidence: str) -> str:
        """A trace, or the link that evidence is already."""
        if evidence.startswith(("http://", "https://")):
            return evidence
        return self._at(f"traces/{quote(evidence, safe='')}")

    def acknowledge(self, message: Message) -> str:
        """Where whoever is told takes it: the incident, or the alert when it is part of none."""
        subject = f"incident:{message.incident}" if message.incident else ""
        if not subject and message.alert is not None:
            subject = f"alert:{message.alert.id}"
        return self.sign(subject, message.person) if self.sign is not None and self.base and subject else ""

    def _at(self, path: str) -> str:
        return f"{self.base}/api/v1/monitoring/{path}" if self.base else ""
