"""Silences: which alerts they mute, and when. They mute messages only; the alert goes on."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from observatory.health import words
from observatory.model.alert import Alert
from observatory.state import SilenceRecord

# Names that every alert has; any other name is one of its labels.
NAMES = ("rule", "member", "severity", "area", "service", "environment", "fingerprint", "runbook")
OPERATORS = ("=", "!=", "like", "not like")
MOST_MATCHERS = 20


class Standing(StrEnum):
    """Where a silence stands."""

    PENDING = "pending"
    ACTIVE = "active"
    EXPIRED = "expired"


@dataclass(frozen=True, slots=True)
class Muted:
    """That an alert's messages are muted: by which silence, and why in words."""

    silence: SilenceRecord
    reason: str


def standing(silence: SilenceRecord, at: datetime) -> Standing:
    """Where a silence stands at a time. Its end does not belong to it."""
    if silence.ended_at is not None and at >= silence.ended_at:
        return Standing.EXPIRED
    if at >= silence.terms.ends_at:
        return Standing.EXPIRED
    return Standing.ACTIVE if at >= silence.terms.starts_at else Standing.PENDING


def matches(silence: SilenceRecord, alert: Alert) -> bool:
    """Whether all of a silence's matchers fit an alert of its environment. One without matchers fits nothing by chance:
    it must name an environment."""
    terms = silence.terms
    if terms.environment and terms.environment != alert.environment:
        return False
    if not terms.matchers and not terms.environment:
        return False
    return all(_fits(matcher, alert) for matcher in terms.matchers)


def mutes(silences: Iterable[SilenceRecord], alert: Alert, at: datetime) -> Muted | None:
    """The silence that mutes an alert at a time, with the reason; of several the one that ends last."""
    fitting = [each for each in silences if standing(each, at) is Standing.ACTIVE and matches(each, alert)]
    if not fitting:
        return None
    found = max(fitting, key=lambda each: (each.terms.ends_at, each.id))
    kind = "maintenance window" if found.terms.kind == "maintenance" else "silence"
    until = f"until {found.terms.ends_at:%Y-%m-%d} {words.moment(found.terms.ends_at)}"
    return Muted(found, f"{kind} {found.id} by {found.created_by} {until}: {found.terms.reason or 'no reason given'}")


def _fits(matcher: Mapping[str, str], alert: Alert) -> bool:
    values, op, wanted = _values(alert, matcher["name"]), matcher["op"], matcher["value"]
    plain = op in ("=", "!=")
    found = any(value == wanted if plain else like(value, wanted) for value in values)
    return found if op in ("=", "like") else not found


def _values(alert: Alert, name: str) -> tuple[str, ...]:
    if name == "service":
        return alert.services or ("",)
    if name in NAMES:
        return (str(getattr(alert, name)),)
    return (alert.labels.get(name, ""),)


def like(text: str, pattern: str) -> bool:
    """Whether a text fits a pattern in which `*` stands for anything. Never slow."""
    first, *rest = pattern.split("*")
    if not rest:
        return text == pattern
    *middle, last = rest
    if not text.startswith(first) or len(text) < len(first) + len(last) or not text.endswith(last):
        return False
    at, end = len(first), len(text) - len(last)
    for part in middle:
        found = text.find(part, at, end)
        if found < 0:
            return False
        at = found + len(part)
    return True
