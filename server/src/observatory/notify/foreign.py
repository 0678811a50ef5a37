"""Alerts of other systems, as Alertmanager's webhook tells them; here they become alerts by rules of their severity."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial

from observatory.alerting import Teller, Told
from observatory.model.alert import Severity
from observatory.notify.v4 import NEVER, OURS
from observatory.state import State
from observatory.state.foreign import ForeignAlert

# What is not told again for so long is over: Alertmanager repeats every few hours.
FORGET = timedelta(hours=24)
# A resolved one is told for so long that every round sees it.
_ENDED = timedelta(minutes=10)
_ENVIRONMENTS = ("environment", "deployment_environment", "deployment_environment_name", "env")
_SEVERITIES: Mapping[str, Severity] = {
    "critical": Severity.CRITICAL,
    "page": Severity.CRITICAL,
    "error": Severity.CRITICAL,
    "emergency": Severity.CRITICAL,
    "high": Severity.CRITICAL,
    "info": Severity.INFO,
    "information": Severity.INFO,
    "none": Severity.INFO,
    "low": Severity.INFO,
}
TOPICS: Mapping[Severity, str] = {each: f"foreign.{each.value}" for each in Severity}


def decode(
    labels: Mapping[str, str],
    annotations: Mapping[str, str],
    starts_at: datetime,
    ends_at: datetime | None,
    fingerprint: str,
    link: str,
    firing: bool,
    home: str,
    at: datetime,
) -> ForeignAlert | None:
    """One alert of a webhook; None when it is one of ours that came back.

    Args:
        labels, annotations, starts_at, ends_at, fingerprint, link: as told.
        firing: whether its status says so.
        home: environment of what names none.
        at: now.
    """
    if labels.get(OURS[0]) == OURS[1]:
        return None
    name = labels.get("alertname", "alert")
    of = next((labels[each] for each in ("instance", "job", "service") if labels.get(each)), "")
    said = next((annotations[each] for each in ("summary", "message", "description") if annotations.get(each)), "")
    return ForeignAlert(
        fingerprint=fingerprint,
        environment=next((labels[each] for each in _ENVIRONMENTS if labels.get(each)), home)[:128],
        severity=_SEVERITIES.get(labels.get("severity", "").lower(), Severity.WARNING),
        # Two alerts may share name and instance: the fingerprint tells them apart.
        member="/".join(each for each in (name[:200], of[:200], fingerprint[:16]) if each),
        firing=firing,
        starts_at=starts_at,
        ends_at=None if firing else ends_at or at,
        seen_at=at,
        sentence=(said or f"{name} fires")[:1_000],
        labels=labels,
        link=link,
    )


def moment(text: str) -> datetime | None:
    """A time as another system writes it; None for none.

    Raises:
        ValueError: it is no time with a zone.
    """
    if not text or text == NEVER:
        return None
    found = datetime.fromisoformat(text)
    if found.tzinfo is None:
        raise ValueError("a time needs a zone")
    return None if found.year < 1970 else found.astimezone(UTC)


def tellers(state: State) -> Mapping[str, Teller]:
    """Who tells of them, by topic."""
    found: dict[str, Callable[[str, datetime], Awaitable[Sequence[Told]]]] = {
        topic: partial(_tell, state, severity) for severity, topic in TOPICS.items()
    }
    return found


async def _tell(state: State, severity: Severity, environment: str, at: datetime) -> Sequence[Told]:
    async with state.reading() as rows:
        heard = await rows.foreign.heard(environment, at - FORGET)
    return [
        Told(
            each.member,
            each.firing,
            each.sentence if each.firing else f"{each.sentence}: over",
            labels=_labels(each),
        )
        for each in heard
        if each.severity is severity and (each.firing or at - each.seen_at < _ENDED)
    ]


def _labels(alert: ForeignAlert) -> Mapping[str, str]:
    told = {f"from_{name}"[:64]: value[:256] for name, value in list(alert.labels.items())[:20]}
    return told | ({"from_link": alert.link[:256]} if alert.link else {})
