"""Ids that no other run gives."""

from collections import Counter
from typing import Final

from observatory_universe.clock import Clock

_DIGITS: Final = "0123456789abcdefghijklmnopqrstuvwxyz"


class Ids:
    """Numbers things by kind. Each id carries the second at which the run began.

    Observatory keeps what earlier runs reported, and a key that is booked twice is an alarm there: a run that counted
    from 1 again would look like a ledger that books everything twice. `process` keeps several processes apart.
    """

    def __init__(self, clock: Clock, process: str = "") -> None:
        self._run = _in_base_36(clock.now_ns() // 1_000_000_000) + process
        self._given: Counter[str] = Counter()

    def next(self, kind: str) -> str:
        """A new id such as `order-t5k2q1-0000007`."""
        self._given[kind] += 1
        return f"{kind}-{self._run}-{self._given[kind]:07d}"


def _in_base_36(number: int) -> str:
    digits = ""
    while number:
        number, digit = divmod(number, 36)
        digits = _DIGITS[digit] + digits
    return digits or "0"
