"""What one round of the clock found out: services, edges, areas, and the snapshot of them all."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from observatory.model.health import Verdict
from observatory.model.measurement import Measurement, Reading

# One entry of an area's view: a number, or a list of names such as the models in use.
Field = Measurement | tuple[str, ...]


class LoadState(StrEnum):
    """Whether a service of the catalogue is there.

    `unheard`: it was there before this server listened, and may still be; the server has not listened for long enough
    to call it silent.
    """

    REPORTING = "reporting"
    IDLE = "idle"
    SILENT = "silent"
    UNHEARD = "unheard"
    NEVER_LOADED = "never_loaded"

    @property
    def present(self) -> bool:
        """`reporting` and `idle` both count as reporting: idle is not dead."""
        return self in (LoadState.REPORTING, LoadState.IDLE)


@dataclass(frozen=True, slots=True)
class Probed:
    """The probes that were declared for one service, by name.

    Attributes:
        up: those whose newest attempt found it answering.
        down: those whose last two attempts did not.
    """

    up: tuple[str, ...] = ()
    down: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ServiceSight:
    """What was seen of one service in one round. Measurements cover its calls of the last five minutes.

    Attributes:
        id: catalogue id.
        load_state: whether it is there.
        rate: calls per second of the time in which they could be seen, which is its `window_s`.
        error_rate: failed share of calls, by exception or by outcome, 0 to 1.
        errors_by_exception: calls that failed by raising.
        errors_by_outcome: calls that returned a failure without raising.
        p50: median duration, ms.
        p95: 95th percentile of duration, ms.
        p99: 99th percentile of duration, ms.
        heartbeat_age: seconds since the newest heartbeat.
        last_seen: newest sign of life, heartbeat or call; None when there never was one.
        instances: processes that show it alive now.
        callers: services that called it.
        callees: services it called.
    """

    id: str
    load_state: LoadState
    rate: Measurement
    error_rate: Measurement
    errors_by_exception: Measurement
    errors_by_outcome: Measurement
    p50: Measurement
    p95: Measurement
    p99: Measurement
    heartbeat_age: Measurement
    last_seen: datetime | None
    instances: tuple[str, ...]
    callers: tuple[str, ...]
    callees: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ServiceState:
    """One service in one round: what was seen of it, and what that means."""

    sight: ServiceSight
    verdict: Verdict


@dataclass(frozen=True, slots=True)
class Edge:
    """Calls from one service to another over the last five minutes."""

    caller: str
    callee: str
    rate: Measurement
    error_rate: Measurement
    p50: Measurement
    p95: Measurement


@dataclass(frozen=True, slots=True)
class AreaState:
    """One area in one round.

    Attributes:
        id: area id.
        verdict: its health with reasons.
        fields: the entries of its view by the API's field name.
        readings: every indicator's readings, members included.
    """

    id: str
    verdict: Verdict
    fields: Mapping[str, Field]
    readings: tuple[Reading, ...]


@dataclass(frozen=True, slots=True)
class Snapshot:
    """All that one round found in one environment. Never changed once made.

    Attributes:
        environment: `production`, `staging`, ...
        at: the round's time: end of every window in it.
        overall: health of the whole.
        areas: by area id, in the catalogue's order.
        services: by catalogue id, in the catalogue's order.
        edges: who called whom.
    """

    environment: str
    at: datetime
    overall: Verdict
    areas: Mapping[str, AreaState]
    services: Mapping[str, ServiceState]
    edges: tuple[Edge, ...]

    @property
    def services_reporting(self) -> int:
        """Services of the catalogue that are there now, idle ones included."""
        return sum(state.sight.load_state.present for state in self.services.values())
