"""The monitor never hurts the monitored: one guard round every hook of ours.

An error inside the SDK is counted, written to the log once a minute for each reason, and swallowed. In strict mode,
which tests switch on, it is raised.
"""

from __future__ import annotations

import logging
import time
from collections import Counter
from threading import Lock
from types import TracebackType

_LOG = logging.getLogger("observatory_sdk")
_LOG_EVERY_S = 60.0


class Losses:
    """How often something went wrong inside the SDK, by reason. Bounded: reasons are fixed words of ours."""

    def __init__(self) -> None:
        self.strict = False
        self._lock = Lock()
        self._counts: Counter[str] = Counter()
        self._logged: dict[str, float] = {}

    def count(self, reason: str, detail: object = "", times: int = 1) -> None:
        """Add to a reason and, not more than once a minute, say so in the log."""
        with self._lock:
            self._counts[reason] += times
            total = self._counts[reason]
            now = time.monotonic()
            due = now - self._logged.get(reason, -_LOG_EVERY_S) >= _LOG_EVERY_S
            if due:
                self._logged[reason] = now
        if due:
            _LOG.warning("observatory sdk: %s (%s%d so far)", reason, f"{detail}, " if detail else "", total)

    def tally(self, reason: str, times: int = 1) -> None:
        """Add to a reason without a word in the log: it was meant."""
        with self._lock:
            self._counts[reason] += times

    def counts(self) -> dict[str, int]:
        """Everything counted so far, by reason."""
        with self._lock:
            return dict(self._counts)

    def forget(self) -> None:
        """Start to count anew."""
        with self._lock:
            self._counts.clear()
            self._logged.clear()


LOSSES = Losses()


def strict(on: bool = True) -> None:
    """Raise what would otherwise be counted: for tests, never for production."""
    LOSSES.strict = on


def losses() -> dict[str, int]:
    """What was counted instead of raised, by reason."""
    return LOSSES.counts()


class Guard:
    """`with Guard("facts"): ...` keeps an error of ours away from the host."""

    __slots__ = ("reason",)

    def __init__(self, reason: str) -> None:
        self.reason = reason

    def __enter__(self) -> None:
        return None

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool:
        # KeyboardInterrupt and SystemExit belong to the host.
        if error is None or not isinstance(error, Exception) or LOSSES.strict:
            return False
        LOSSES.count(self.reason, repr(error))
        return True

    def caught(self, error: Exception) -> None:
        """For `except Exception` where every call of a service passes: that costs nothing, `with` 0.2 us each time."""
        if LOSSES.strict:
            raise error
        LOSSES.count(self.reason, repr(error))
