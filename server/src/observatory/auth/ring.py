"""The keys in force, in memory: looked up by every request, also from other threads."""

from __future__ import annotations

import hmac
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime

from observatory.auth.principal import Principal

# Half of the digest finds the entry, the comparison in constant time is of the whole digest.
_INDEX_BYTES = 16


@dataclass(frozen=True, slots=True)
class Key:
    """A token or session in force. `token_id` of a session is the token it was opened with."""

    id: int
    token_id: int | None
    digest: bytes = field(repr=False)
    expires_at: datetime | None
    principal: Principal


class Ring:
    """Keys by digest. Each operation is one step on one dict, so threads that read never need a lock."""

    def __init__(self) -> None:
        self._keys: dict[bytes, Key] = {}

    def __len__(self) -> int:
        return len(self._keys)

    def __iter__(self) -> Iterator[Key]:
        return iter(list(self._keys.values()))

    def find(self, digest: bytes, now: datetime) -> Key | None:
        """The key with this digest, if it has not expired."""
        key = self._keys.get(digest[:_INDEX_BYTES])
        if key is None or not hmac.compare_digest(key.digest, digest):
            return None
        if key.expires_at is not None and key.expires_at <= now:
            return None
        return key

    def add(self, key: Key) -> None:
        """Put a key in force."""
        self._keys[key.digest[:_INDEX_BYTES]] = key

    def drop(self, key: Key) -> None:
        """Take a key out of force."""
        self._keys.pop(key.digest[:_INDEX_BYTES], None)

    def replace(self, keys: Iterable[Key]) -> None:
        """Put exactly these keys in force, in one step."""
        self._keys = {key.digest[:_INDEX_BYTES]: key for key in keys}
