"""Health, the reasons for it, and a verdict that carries both."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class Health(StrEnum):
    """How an area, a service or the whole is. No data is `unknown`: never healthy, never failing."""

    HEALTHY = "healthy"
    UNKNOWN = "unknown"
    DEGRADED = "degraded"
    CRITICAL = "critical"

    @property
    def rank(self) -> int:
        """0 for the best; grows with badness."""
        return _RANK[self]


WORST_FIRST = (Health.CRITICAL, Health.DEGRADED, Health.UNKNOWN, Health.HEALTHY)
_RANK = {health: rank for rank, health in enumerate(reversed(WORST_FIRST))}


def worst(healths: Iterable[Health], default: Health = Health.UNKNOWN) -> Health:
    """The worst of `healths`; `default` when there are none."""
    return max(healths, key=lambda health: health.rank, default=default)


class Reason(StrEnum):
    """Why a verdict is not plain healthy. The sentence of each is made where the finding is."""

    BEYOND_CRITICAL_BOUND = "beyond_critical_bound"
    BEYOND_WARNING_BOUND = "beyond_warning_bound"
    WITHIN_BOUNDS = "within_bounds"
    NO_DATA = "no_data"
    TOO_FEW_SAMPLES = "too_few_samples"
    QUERY_FAILED = "query_failed"
    SILENT = "silent"
    LISTENING = "listening"
    NEVER_LOADED = "never_loaded"
    AREA_CRITICAL = "area_critical"
    AREA_DEGRADED = "area_degraded"
    AREA_UNKNOWN = "area_unknown"
    SERVICE_SILENT = "service_silent"
    PROBE_FAILED = "probe_failed"
    SERVICE_DOWN = "service_down"
    SHARES_CODE = "shares_code"
    ROUND_OVERDUE = "round_overdue"
    CONFIRMING = "confirming"


@dataclass(frozen=True, slots=True)
class Finding:
    """One reason in words.

    Attributes:
        reason: which kind of reason.
        sentence: the reason in words, with the numbers in it.
        health: what this finding alone would make of the judged thing.
        subject: id of the indicator, area or service that it is about.
        member: the indicator's member it is about; empty for the whole.
    """

    reason: Reason
    sentence: str
    health: Health
    subject: str = ""
    member: str = ""


@dataclass(frozen=True, slots=True)
class Verdict:
    """A health with its reasons.

    Attributes:
        health: the judgement in force.
        findings: why, worst first; empty when plainly healthy.
        since: when this health came into force, aware, UTC; None for one that was never held.
    """

    health: Health
    findings: tuple[Finding, ...] = ()
    since: datetime | None = None
