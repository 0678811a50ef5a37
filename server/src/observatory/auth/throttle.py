"""Failed attempts per address, bounded: the codes cannot be guessed, but each guess costs work."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass

from observatory.errors import Throttled


@dataclass(slots=True)
class _Bucket:
    attempts: float
    at_s: float


class Throttle:
    """A leaking bucket for each address.

    Args:
        attempts: how many are allowed at once.
        per_s: in how many seconds that many leak out again.
        addresses: how many addresses are remembered; the one quiet longest is forgotten first.
        what: of what there were too many, for the refusal.
    """

    def __init__(
        self,
        attempts: int = 10,
        per_s: float = 60.0,
        addresses: int = 4_096,
        what: str = "attempts to log in from this address",
    ) -> None:
        self._what = what
        self._attempts = attempts
        self._leak_per_s = attempts / per_s
        self._addresses = addresses
        self._buckets: OrderedDict[str, _Bucket] = OrderedDict()

    def __len__(self) -> int:
        return len(self._buckets)

    def admit(self, address: str, now_s: float) -> None:
        """Count an attempt; `now_s` is monotonic.

        Raises:
            Throttled: with the seconds until the next attempt is allowed.
        """
        bucket = self._buckets.pop(address, None) or _Bucket(0.0, now_s)
        self._buckets[address] = bucket
        if len(self._buckets) > self._addresses:
            self._buckets.popitem(last=False)
        bucket.attempts = max(0.0, bucket.attempts - (now_s - bucket.at_s) * self._leak_per_s)
        bucket.at_s = now_s
        if bucket.attempts + 1 > self._attempts:
            wait_s = (bucket.attempts + 1 - self._attempts) / self._leak_per_s
            raise Throttled(f"too many {self._what}", max(1, round(wait_s + 0.5)))
        bucket.attempts += 1

    def forgive(self, address: str) -> None:
        """Take back the last attempt, because it was a good one: many people may share an address."""
        bucket = self._buckets.get(address)
        if bucket is not None:
            bucket.attempts = max(0.0, bucket.attempts - 1)
