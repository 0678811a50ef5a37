"""The newest value of every metric fact, read out when OpenTelemetry collects.

Counting is an addition under a lock; the cost of an OpenTelemetry measurement is paid once per export, not once per
message of a feed.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from threading import Lock

from opentelemetry import metrics
from opentelemetry.metrics import CallbackOptions, Histogram, Meter, Observation
from opentelemetry.sdk.metrics import MeterProvider

from observatory_sdk import clock, frame, scope
from observatory_sdk.conventions import METRICS, Attribute, Instrument, Metric, common, platform
from observatory_sdk.errors import FactError
from observatory_sdk.guard import LOSSES, Guard
from observatory_sdk.scope import Scope

MAX_CELLS = 10_000
MAX_SERIES = 5_000
# As OpenTelemetry marks the one series that stands for all those beyond a limit.
OVERFLOW = "otel.metric.overflow"
# Seconds of lag: venues are some milliseconds away, a stuck feed minutes.
LAG_BOUNDS_S = [0.0, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0]

_OVERFLOWN: frozenset[tuple[str, str | bool]] = frozenset({(OVERFLOW, True)})
_GUARD = Guard("metrics")
_BY_CALLBACK = frozenset(
    {
        common.HEARTBEAT,
        common.SDK_LOSSES,
        platform.PROCESS_CPU,
        platform.PROCESS_MEMORY,
        platform.PROCESS_THREADS,
    }
)


class Cell:
    """One value with its attributes. `fresh_for_s`: after that without a new value no more points go out.

    `once`: the value goes out once, and the next one starts from nothing.
    """

    __slots__ = ("_lock", "_told", "attributes", "fresh_for_s", "once", "set_at", "value")

    def __init__(self, attributes: Mapping[str, str | bool], fresh_for_s: float | None, once: bool = False) -> None:
        self._lock = Lock()
        self.attributes = attributes
        self.fresh_for_s = fresh_for_s
        self.once = once
        self.value: float | int | None = None
        self.set_at = 0.0
        self._told: float | int | None = None

    def put(self, value: float) -> None:
        """Replace the value."""
        _check(value)
        with self._lock:
            self.value = value
            self.set_at = clock.steady_s()

    def add(self, amount: float) -> None:
        """Add to the value, from 0."""
        _check(amount)
        with self._lock:
            self.value = (self.value or 0) + amount

    def total(self, total: float) -> None:
        """Count on by what a total that somebody else keeps has grown since it was first told.

        What it had reached before belongs to another time. A total that falls was begun anew.
        """
        with self._lock:
            self._grow(self._grown(total))

    def _grown(self, total: float) -> float:
        _check(total)
        if self._told is None:
            self._told = total
        grown = total - self._told if total >= self._told else total
        self._told = total
        return grown

    def _grow(self, amount: float) -> None:
        self.value = (self.value or 0) + amount
        self.set_at = clock.steady_s()

    def least(self, value: float) -> None:
        """Keep the smaller one of the value and this."""
        with self._lock:
            if self.value is None or value < self.value:
                self.value = value

    def age(self) -> None:
        """The clock is another one: what was told by the one before is not known to be fresh."""
        with self._lock:
            if self.fresh_for_s is not None:
                self.value = None

    def observation(self, now: float) -> Observation | None:
        """The point to send, or None when there is nothing to say."""
        with self._lock:
            value, set_at = self.value, self.set_at
            if self.once:
                self.value = None
        if value is None or (self.fresh_for_s is not None and now - set_at > self.fresh_for_s):
            return None
        return Observation(value, self.attributes)


class Spill(Cell):
    """A cell beyond the limit: what it is told goes into the one cell that stands for all of these of its metric."""

    __slots__ = ("_shared",)

    def __init__(self, shared: Cell, attributes: Mapping[str, str]) -> None:
        super().__init__(attributes, shared.fresh_for_s, shared.once)
        self._shared = shared

    def put(self, value: float) -> None:
        """Replace the shared value: the newest of many stands there."""
        self._shared.put(value)

    def add(self, amount: float) -> None:
        """Add to the shared value."""
        self._shared.add(amount)

    def total(self, total: float) -> None:
        """Count the shared value on by what this total has grown: each of the many has a total of its own."""
        with self._lock:
            grown = self._grown(total)
        with self._shared._lock:
            self._shared._grow(grown)

    def least(self, value: float) -> None:
        """Keep the smallest one of all that are told."""
        self._shared.least(value)


def _check(value: object) -> None:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise FactError(f"a metric takes a finite number, not {type(value).__name__}")


class Board:
    """All cells by metric, and the instruments that read them."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._cells: dict[str, dict[frozenset[tuple[str, str | bool]], Cell]] = {}
        self._attached: Scope | None = None
        self._histograms: dict[str, Histogram] = {}
        self._size = 0

    def cell(
        self, metric: Metric, attributes: Mapping[str, str], fresh_for_s: float | None = None, once: bool = False
    ) -> Cell:
        """The cell of a metric and attributes, made when new.

        Beyond `MAX_SERIES` of the metric, or `MAX_CELLS` of all, what it is told goes into one cell of the metric.
        """
        self._ensure()
        key: frozenset[tuple[str, str | bool]] = frozenset(attributes.items())
        with self._lock:
            cells = self._cells.setdefault(metric.name, {})
            found = cells.get(key)
            if found is None:
                found = Cell(attributes, fresh_for_s, once)
                if self._size >= MAX_CELLS or len(cells) >= MAX_SERIES:
                    LOSSES.count("too many metric series", metric.name)
                    shared = cells.setdefault(_OVERFLOWN, Cell({OVERFLOW: True}, fresh_for_s, once))
                    return Spill(shared, attributes)
                cells[key] = found
                self._size += 1
            return found

    def drop(self, metric: Metric, cell: Cell) -> None:
        """Send no more points of this cell."""
        with self._lock:
            gone = self._cells.get(metric.name, {}).pop(frozenset(cell.attributes.items()), None)
            self._size -= gone is not None

    def clear(self) -> None:
        """Forget every cell."""
        with self._lock:
            self._cells.clear()
            self._size = 0

    def age(self) -> None:
        """Take no value for fresh that was told under another clock."""
        with self._lock:
            cells = [cell for cells in self._cells.values() for cell in cells.values()]
        for cell in cells:
            cell.age()

    def histogram(self, metric: Metric) -> Histogram | None:
        """The histogram, once there is anything to record to."""
        return self._histograms.get(metric.name)

    def attach(self, target: Scope) -> None:
        """Make the instruments in these meters; the ones of an earlier scope die with their provider."""
        self._attached = target
        self._histograms = {}
        for metric in METRICS:
            if metric not in _BY_CALLBACK:
                self._make(metric, target.feed_meter if metric.feed else target.meter)

    def _ensure(self) -> None:
        """Without `configure`, use the host's own provider as soon as there is one."""
        target = scope.current()
        if self._attached is not target and isinstance(metrics.get_meter_provider(), MeterProvider):
            self.attach(target)

    def _make(self, metric: Metric, meter: Meter) -> None:
        name, unit, sentence = metric.name, metric.unit, metric.sentence
        if metric.instrument is Instrument.HISTOGRAM:
            self._histograms[name] = meter.create_histogram(
                name, unit, sentence, explicit_bucket_boundaries_advisory=LAG_BOUNDS_S
            )
        elif metric.instrument is Instrument.COUNTER:
            meter.create_observable_counter(name, [self._reader(metric)], unit, sentence)
        else:
            meter.create_observable_gauge(name, [self._reader(metric)], unit, sentence)

    def _reader(self, metric: Metric) -> Callable[[CallbackOptions], Iterable[Observation]]:
        def read(_: CallbackOptions) -> Iterable[Observation]:
            with self._lock:
                cells = list(self._cells.get(metric.name, {}).values())
            now = clock.steady_s()
            return [point for point in (cell.observation(now) for cell in cells) if point is not None]

        return read


BOARD = Board()


def labels(metric: Metric, values: Mapping[Attribute, str | None], service: str | None) -> dict[str, str]:
    """A point's attributes: the service that runs, or the metric's owner, and the given values."""
    owner = service or frame.current().service or metric.owner
    return {common.SERVICE.name: owner, **{name.name: str(value) for name, value in values.items() if value}}


def guarded() -> Guard:
    """The guard of all metric facts."""
    return _GUARD
