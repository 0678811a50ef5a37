"""The newest snapshot of each environment, with its JSON ready to be sent."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from observatory.model import Snapshot

DEFAULT_ENVIRONMENT = "production"


@dataclass(frozen=True, slots=True)
class Rendered:
    """A snapshot as JSON values: the answer of `system-health`, and the items of `services`."""

    system_health: Mapping[str, Any]
    services: Sequence[Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class Published:
    """A snapshot and its JSON.

    Attributes:
        snapshot: what the round found.
        system_health: the answer of `system-health` as JSON values.
        services: the items of `services` as JSON values, in the catalogue's order.
        body: `system_health` as UTF-8 JSON.
        etag: entity tag of `body`, quotes included.
    """

    snapshot: Snapshot
    system_health: Mapping[str, Any]
    services: Sequence[Mapping[str, Any]]
    body: bytes
    etag: str


class Snapshots:
    """Where rounds are published and everyone else reads.

    Args:
        render: makes the JSON values of a snapshot.
    """

    def __init__(self, render: Callable[[Snapshot], Rendered]) -> None:
        self._render = render
        self._published: Mapping[str, Published] = {}

    @property
    def latest(self) -> Published | None:
        """The default environment's newest; None before the first round."""
        return self._published.get(DEFAULT_ENVIRONMENT)

    @property
    def environments(self) -> tuple[str, ...]:
        """Environments with a snapshot, the default one first."""
        return tuple(self._published)

    @property
    def all(self) -> Mapping[str, Published]:
        """Every environment's newest."""
        return self._published

    @property
    def newest_at(self) -> datetime | None:
        """When the newest round was, whatever the environment; None before the first."""
        return max((each.snapshot.at for each in self._published.values()), default=None)

    def of(self, environment: str) -> Published | None:
        """An environment's newest; None when it is not known."""
        return self._published.get(environment)

    def publish(self, snapshots: Iterable[Snapshot]) -> None:
        """Replace every snapshot at once: a reader never sees two rounds mixed."""
        self._published = {snapshot.environment: self._publish(snapshot) for snapshot in snapshots}

    def _publish(self, snapshot: Snapshot) -> Published:
        rendered = self._render(snapshot)
        body = encode(rendered.system_health)
        return Published(snapshot, rendered.system_health, rendered.services, body, tag(body))


def encode(values: Mapping[str, Any]) -> bytes:
    """JSON as it is sent. NaN has no place in JSON and raises ValueError."""
    return json.dumps(values, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode()


def tag(body: bytes) -> str:
    """A strong entity tag of `body`, quotes included."""
    return f'"{hashlib.blake2b(body, digest_size=12).hexdigest()}"'
