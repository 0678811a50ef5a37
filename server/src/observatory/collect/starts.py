"""Since when a counter counts: known, or found out by seeing it fall."""

from __future__ import annotations

from collections.abc import Hashable

_MOST = 60_000


class Starts:
    """Starts of the counters of one target, from one attempt to the next.

    A start that moved with each attempt would look like a new series each time.
    """

    def __init__(self) -> None:
        self._settled: dict[Hashable, int] = {}
        self._seen: dict[Hashable, tuple[float, int, int]] = {}

    def settled(self, run: Hashable, started_ns: int) -> int:
        """The start that was first said of `run`; later ones differ by what a clock of whole seconds loses."""
        if run not in self._settled:
            self._settled = {run: started_ns}
        return self._settled[run]

    def fallen(self, series: Hashable, value: float, at_ns: int) -> int:
        """The start of `series`, which reads `value` now: unknown (0) until it falls, then when it was last higher."""
        last, last_ns, started_ns = self._seen.get(series, (value, 0, 0))
        if value < last:
            started_ns = last_ns
        if series in self._seen or len(self._seen) < _MOST:
            self._seen[series] = (value, at_ns, started_ns)
        return started_ns

    def forget_before(self, at_ns: int) -> None:
        """Forget series that were not seen since."""
        self._seen = {series: seen for series, seen in self._seen.items() if seen[1] >= at_ns}
