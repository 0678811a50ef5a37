"""One bound on the bytes of all bodies that are being read, waiting, or being committed."""

from __future__ import annotations

import threading
from collections import defaultdict

from observatory.errors import Overloaded
from observatory.otlp.signals import Signal
from observatory.selfwatch import Selfwatch


class Budget:
    """Counts bytes held; refuses what would go over.

    Args:
        most_bytes: the bound, over all signals.
        selfwatch: where the bytes held are shown.
    """

    def __init__(self, most_bytes: int, selfwatch: Selfwatch) -> None:
        self._most_bytes = most_bytes
        self._held: dict[Signal, int] = defaultdict(int)
        self._selfwatch = selfwatch
        # Bodies are unpacked on threads, and each takes its room as it grows.
        self._lock = threading.Lock()

    @property
    def held_bytes(self) -> int:
        """Bytes held now."""
        return sum(self._held.values())

    def reserve(self, signal: Signal, size: int) -> None:
        """Take `size` bytes.

        Raises:
            Overloaded: if they do not fit; nothing was taken.
        """
        with self._lock:
            held = self.held_bytes
            if held + size > self._most_bytes:
                raise Overloaded(f"{held} of {self._most_bytes} bytes are waiting to be committed")
            self._add(signal, size)

    def release(self, signal: Signal, size: int) -> None:
        """Give `size` bytes back."""
        with self._lock:
            self._add(signal, -size)

    def _add(self, signal: Signal, size: int) -> None:
        self._held[signal] += size
        self._selfwatch.queue_bytes.labels(signal=signal.value).set(self._held[signal])


class Lease:
    """The share of the budget that one body holds, from its first byte read until it is committed or refused."""

    def __init__(self, budget: Budget, signal: Signal) -> None:
        self._budget = budget
        self._signal = signal
        self._size = 0
        self._kept = False

    def grow(self, size: int) -> None:
        """Hold `size` bytes more.

        Raises:
            Overloaded: if they do not fit.
        """
        self._budget.reserve(self._signal, size)
        self._size += size

    def shrink(self, size: int) -> None:
        """Hold `size` bytes less."""
        self._budget.release(self._signal, size)
        self._size -= size

    def keep(self) -> None:
        """Hold on after the request ends: a queued body outlives a sender that hangs up."""
        self._kept = True

    def release(self) -> None:
        """Give everything back. Doing it twice is harmless."""
        self._budget.release(self._signal, self._size)
        self._size = 0

    def end_of_request(self) -> None:
        """Give everything back unless the body is queued."""
        if not self._kept:
            self.release()
