"""Rate limits as venues tell them in the headers of their answers. Which header says what stands in a data file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from email.utils import parsedate_to_datetime
from functools import cache
from importlib import resources
from typing import Any

import yaml

from observatory_sdk.exchanges.values import exact, fields

SAYS = ("used", "limit", "remaining", "retry_after_s", "reset_ms", "reset_at_ms")
REFUSED = frozenset((403, 418, 429, 503))
_LONGEST_WAIT_S = Decimal(7 * 86_400)
_MAX_HOSTS = 64
_MS = Decimal(1_000)


@dataclass(frozen=True, slots=True)
class Limits:
    """Weight or requests used and allowed, the share that is left, and how long the venue says to wait."""

    used: Decimal | None = None
    limit: Decimal | None = None
    headroom_ratio: Decimal | None = None
    retry_after_s: Decimal | None = None


@dataclass(frozen=True, slots=True)
class Teaching:
    """Where an answer itself says the limit: in the item of `listed` that has the values of `where`."""

    listed: str
    where: Mapping[str, object]
    limit: str


@dataclass(frozen=True, slots=True)
class Venue:
    """How one venue tells its limits. `taught`: limits by host that its answers have said."""

    headers: Mapping[str, str] = field(default_factory=dict)
    limits: Mapping[str, Decimal] = field(default_factory=dict)
    teaching: Teaching | None = None
    taught: dict[str, Decimal] = field(default_factory=dict)

    def learn(self, host: str, answer: object) -> None:
        """Take the limit out of an answer that says it."""
        if self.teaching is None or not isinstance(answer, dict) or self.teaching.listed not in answer:
            return
        listed = answer[self.teaching.listed]
        for item in listed if isinstance(listed, list) else ():
            said = exact(fields(item).get(self.teaching.limit))
            fits = all(fields(item).get(name) == value for name, value in self.teaching.where.items())
            if fits and said and (host in self.taught or len(self.taught) < _MAX_HOSTS):
                self.taught[host] = said

    def read(self, host: str, status: int, headers: Mapping[str, str], now_ns: int) -> Limits:
        """The limits that an answer tells. What is no number, or below 0, is as if it were not there."""
        lowered = {str(name).lower(): value for name, value in headers.items()}
        said = {
            says: value for name, says in self.headers.items() if (value := exact(lowered.get(name, ""))) is not None
        }
        limit = said.get("limit") or self.taught.get(host) or self.limits.get(host)
        used, left = said.get("used"), said.get("remaining")
        if used is None and left is not None and limit is not None and left <= limit:
            used = limit - left
        headroom = None if used is None or not limit else max(Decimal(0), 1 - used / limit)
        return Limits(used, limit, headroom, _wait_s(status, said, lowered.get("retry-after"), now_ns))


def _wait_s(status: int, said: Mapping[str, Decimal], retry_after: object, now_ns: int) -> Decimal | None:
    """How long to wait. When a quota begins anew is of interest only to one who was refused."""
    found = said.get("retry_after_s") or exact(retry_after) or _until_s(retry_after, now_ns)
    if found is None and status in REFUSED:
        if "reset_ms" in said:
            found = said["reset_ms"] / _MS
        elif "reset_at_ms" in said:
            found = max(Decimal(0), said["reset_at_ms"] / _MS - Decimal(now_ns) / 1_000_000_000)
    return found if found is not None and found <= _LONGEST_WAIT_S else None


def _until_s(date: object, now_ns: int) -> Decimal | None:
    try:
        then = parsedate_to_datetime(date if isinstance(date, str) else "")
    except (ValueError, TypeError, OverflowError):
        return None
    then = then if then.tzinfo else then.replace(tzinfo=UTC)
    seconds = (then - datetime.fromtimestamp(now_ns // 1_000_000_000, UTC)).total_seconds()
    return Decimal(round(seconds)) if seconds >= 0 else None


_SILENT = Venue()


def of(exchange_id: str) -> Venue:
    """How an exchange, by ccxt's name, tells its limits; of one that is not known only `Retry-After` is read."""
    return _venues().get(exchange_id, _SILENT)


@cache
def _venues() -> Mapping[str, Venue]:
    text = resources.files("observatory_sdk.exchanges").joinpath("rate_limits.yaml").read_text("utf-8")
    return {id_: venue for each in yaml.safe_load(text)["venues"].values() for id_, venue in _read(each)}


def _read(each: Mapping[str, Any]) -> list[tuple[str, Venue]]:
    teaching = each.get("taught_by")
    venue = Venue(
        {header["name"]: header["says"] for header in each["headers"]},
        {host: Decimal(limit) for host, limit in each.get("limits", {}).items()},
        None if teaching is None else Teaching(teaching["list"], teaching["where"], teaching["limit"]),
    )
    return [(id_, venue) for id_ in each["ids"]]
