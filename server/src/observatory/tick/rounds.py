"""One round: read the areas and the services, judge, publish. Loops and calls, nothing else."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar

from observatory import areas
from observatory.areas import Definition, probed, services
from observatory.areas.pace import Pace
from observatory.areas.presence import ENVIRONMENTS, Presence
from observatory.areas.services import NO_TRAFFIC, Traffic
from observatory.catalogue import Catalogue
from observatory.clock import Clock
from observatory.health import hysteresis, judge
from observatory.health.hysteresis import Held
from observatory.model import (
    AreaState,
    LoadState,
    Probed,
    Reading,
    ServiceSight,
    ServiceState,
    Snapshot,
    Verdict,
)
from observatory.selfwatch import Selfwatch
from observatory.store import Reader
from observatory.tick.recorder import Recorder
from observatory.tick.snapshots import DEFAULT_ENVIRONMENT, Snapshots

_log = logging.getLogger(__name__)

Found = TypeVar("Found")
Also = Callable[[str, datetime], Iterable[Reading]]
# Holds every rule against the snapshots of a round.
Alerting = Callable[[Iterable[Snapshot], datetime], Awaitable[object]]


@dataclass(frozen=True, slots=True)
class Knobs:
    """The tick's settings.

    Attributes:
        tick_s: time between the starts of two rounds, in seconds.
        query_s: a query that takes longer makes its area unknown, in seconds.
        environments: how many are judged; those that come later are left out and counted.
    """

    tick_s: float = 5.0
    query_s: float = 10.0
    environments: int = ENVIRONMENTS


@dataclass(frozen=True, slots=True)
class Read:
    """What one area's query brought: readings by environment, or why there are none."""

    readings: Mapping[str, Sequence[Reading]]
    failure: str = ""


class Tick:
    """Rounds of indicators and health.

    Args:
        reader: reads the telemetry store.
        catalogue: the services.
        definitions: the areas.
        clock: when a round is, and how long it takes.
        snapshots: where a round's result is published.
        selfwatch: where a round's time and failures are counted.
        knobs: how often, and how long a query may take.
        since: since when the server listens; None: from now on.
        recorder: keeps what each round found; None: nothing is kept.
        alerting: holds the rules against what each round found; None: there are none.
    """

    def __init__(
        self,
        reader: Reader,
        catalogue: Catalogue,
        definitions: Sequence[Definition],
        clock: Clock,
        snapshots: Snapshots,
        selfwatch: Selfwatch,
        knobs: Knobs = Knobs(),
        since: datetime | None = None,
        recorder: Recorder | None = None,
        alerting: Alerting | None = None,
    ) -> None:
        self._reader = reader
        self._catalogue = catalogue
        self._definitions = definitions
        self._paces = [(area, Pace(area, place)) for place, area in enumerate(definitions)]
        self._clock = clock
        self._snapshots = snapshots
        self._selfwatch = selfwatch
        self._knobs = knobs
        self._since = since or clock.now()
        self._recorder = recorder
        self._alerting = alerting
        self._presence = Presence((service.id for service in catalogue.services), self._since, knobs.environments)
        self._held: dict[tuple[str, str, str], Held] = {}
        self._probed: Mapping[tuple[str, str], Probed] = {}
        self._also: dict[str, list[Also]] = {}

    def also(self, area: str, readings: Also) -> None:
        """Take readings of an area, by environment, from elsewhere than its query: those of what is kept in memory."""
        self._also.setdefault(area, []).append(readings)

    async def run(self) -> None:
        """Rounds at the clock's pace until cancelled. A round that fails is logged and counted; the next one comes."""
        while True:
            started = self._clock.monotonic()
            try:
                await self.round()
            except Exception:
                self._selfwatch.tick_failures.labels(area="round").inc()
                _log.exception("a round of indicators failed")
            spent = self._clock.monotonic() - started
            # A round that takes longer than its time makes the next one late, never two at once.
            await self._clock.sleep(max(self._knobs.tick_s - spent, self._knobs.tick_s / 10))

    async def round(self) -> None:
        """One round: every environment gets a new snapshot."""
        started, at = self._clock.monotonic(), self._clock.now()
        presence_failure = await self._presence_failure(at)
        (traffic, failure), (found, _), reads = await asyncio.gather(
            self._bounded("services", services.read(self._reader, at, self._since)),
            self._bounded("probes", probed.read(self._reader, at)),
            asyncio.gather(*(self._read(each, pace, at) for each, pace in self._paces)),
        )
        # Probes that could not be read say nothing against a service.
        calls, self._probed = traffic or {}, found or {}
        self._witness(calls, at)
        # Facts prove an environment as well, also those of a sender that makes no calls of services.
        for environment in {name for read in reads for name in read.readings}:
            self._presence.witness(environment, at)
        names = self._names()
        self._held = {key: held for key, held in self._held.items() if key[0] in names}
        unread = failure or presence_failure
        self._snapshots.publish(
            [self._snapshot(name, calls.get(name, NO_TRAFFIC), unread, reads, at) for name in names]
        )
        await self._alert(at)
        await self._record(at)
        self._selfwatch.tick_s.observe(self._clock.monotonic() - started)

    async def _alert(self, at: datetime) -> None:
        if self._alerting is None:
            return
        try:
            await self._alerting([each.snapshot for each in self._snapshots.all.values()], at)
        except Exception:
            # The next round finds the same changes again: what is not kept has not happened.
            self._selfwatch.tick_failures.labels(area="alerting").inc()
            _log.exception("the round's alerts were not kept")

    async def _record(self, at: datetime) -> None:
        if self._recorder is None:
            return
        try:
            await self._recorder.record(at, self._snapshots.all)
        except Exception:
            # What is judged now matters more than what is remembered of it.
            self._selfwatch.tick_failures.labels(area="history").inc()
            _log.exception("the round's history was not kept")

    async def _read(self, area: Definition, pace: Pace, at: datetime) -> Read:
        readings, failure = await self._bounded(area.id, pace.read(self._reader, at, self._since))
        return Read(readings or {}, failure)

    async def _presence_failure(self, at: datetime) -> str:
        _, failure = await self._bounded("heartbeats", self._presence.read(self._reader, at))
        return failure

    async def _bounded(self, name: str, query: Awaitable[Found]) -> tuple[Found | None, str]:
        """The query's answer, or in words why there is none. One query's failure is no other's."""
        try:
            async with asyncio.timeout(self._knobs.query_s):
                return await query, ""
        except TimeoutError:
            failure = f"the query of {name} took longer than {self._knobs.query_s:g} s"
        except Exception:
            # The store's own words may hold statements and paths: they go to the log only.
            _log.exception("the query of %s failed", name)
            failure = f"the query of {name} failed"
        self._selfwatch.tick_failures.labels(area=name).inc()
        return None, failure

    def _witness(self, traffic: Mapping[str, Traffic], at: datetime) -> None:
        for environment, found in traffic.items():
            self._presence.witness(environment, at)
            self._presence.called(
                (environment, each.service, each.first_at, each.seen_at) for each in found.services.values()
            )
        self._selfwatch.environments_dropped.inc(self._presence.dropped())

    def _names(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys((DEFAULT_ENVIRONMENT, *self._presence.environments)))

    def _snapshot(
        self, environment: str, traffic: Traffic, failure: str, found: Sequence[Read], at: datetime
    ) -> Snapshot:
        sights = services.sights(self._catalogue, environment, traffic, self._presence, at)
        states = {
            area.id: self._area(area, environment, read, sights, at)
            for area, read in zip(self._definitions, found, strict=True)
        }
        priorities = {area.id: area.priority for area in self._catalogue.areas}
        verdict = judge.overall({name: state.verdict for name, state in states.items()}, priorities)
        before = self._snapshots.of(environment)
        return Snapshot(
            environment=environment,
            at=at,
            overall=hysteresis.carry(before.snapshot.overall if before else None, verdict, at),
            areas=states,
            services={name: self._service(environment, sights, name, failure, at) for name in sights},
            edges=services.edges(environment, traffic, self._presence, at),
        )

    def _area(
        self, area: Definition, environment: str, read: Read, sights: Mapping[str, ServiceSight], at: datetime
    ) -> AreaState:
        mine = [sights[service.id] for service in self._catalogue.services_of(area.id)]
        alive = services.alive(self._presence, environment, area.emitters, at)
        if read.failure:
            # Not read is not nothing: no fresh heartbeat may turn it into a 0.
            measured = areas.shape(area, (), (), at, self._since)
            seen = judge.failed(area.id, read.failure)
        else:
            beside = [found for each in self._also.get(area.id, ()) for found in each(environment, at)]
            readings = (*read.readings.get(environment, ()), areas.services_alive(area, mine, at), *beside)
            measured = areas.shape(area, readings, alive, at, self._since)
            silent = [sight.id for sight in mine if sight.load_state is LoadState.SILENT]
            down = [sight.id for sight in mine if self._probes(environment, sight.id).down]
            seen = judge.area(area.indicators, measured.readings, silent, self._since, down)
        verdict = self._hold(environment, "area", area.id, seen, at)
        return AreaState(area.id, verdict, measured.fields, measured.readings)

    def _service(
        self, environment: str, sights: Mapping[str, ServiceSight], name: str, failure: str, at: datetime
    ) -> ServiceState:
        known, sight = self._catalogue.service(name), sights[name]
        if failure:
            seen = judge.failed(name, failure)
        else:
            probes = self._probes(environment, name)
            shares = known.shares if known.shares and sights[known.shares].load_state.present else None
            seen = judge.service(sight, known.objective, self._since, probes, shares)
        return ServiceState(sight, self._hold(environment, "service", name, seen, at))

    def _probes(self, environment: str, service: str) -> Probed:
        return self._probed.get((environment, service), judge.NOT_PROBED)

    def _hold(self, environment: str, kind: str, name: str, seen: Verdict, at: datetime) -> Verdict:
        key = (environment, kind, name)
        held = hysteresis.step(self._held.get(key), seen, at)
        self._held[key] = held
        return held.verdict
