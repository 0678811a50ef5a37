"""How an alert or an incident stands, for whoever may take it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from observatory.model.alert import Severity


@dataclass(frozen=True, slots=True)
class Standing:
    """How an alert or an incident stands, for whoever may take it.

    Attributes:
        subject: `alert:<id>` or `incident:<id>`; of an incident that was merged, the one that has its alerts now.
        environment: where.
        severity: how urgent.
        sentence: what it is, in words.
        since: when it began.
        over: whether it has ended.
        by: who has it; empty: nobody.
        acknowledged_at: since when.
        reason: why they took it, in words.
    """

    subject: str
    environment: str
    severity: Severity
    sentence: str
    since: datetime
    over: bool
    by: str = ""
    acknowledged_at: datetime | None = None
    reason: str = ""
