"""A platform at rest, in virtual time: one service after the other can be called, and nothing else happens."""

import asyncio
from collections.abc import Awaitable, Mapping
from typing import TypeVar

from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import InMemoryLogRecordExporter, SimpleLogRecordProcessor
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

import observatory_sdk as obs
from observatory_universe.chance import Chance
from observatory_universe.clock import Clock
from observatory_universe.direct import direct_doors
from observatory_universe.faults import Faults
from observatory_universe.ids import Ids
from observatory_universe.mishaps import Mishaps
from observatory_universe.pace import PACES
from observatory_universe.platform import Platform
from observatory_universe.portfolio import Portfolios
from observatory_universe.service import World
from observatory_universe.users import Users
from observatory_universe.virtual import JumpingLoop

T = TypeVar("T")
Told = list[Mapping[str, object]]


class Rest:
    """One platform. Nothing happens but what a test asks for."""

    def __init__(self) -> None:
        self._loop = JumpingLoop()
        self._runner = asyncio.Runner(loop_factory=lambda: self._loop)
        self._spans, self._logs, self._reader = (
            InMemorySpanExporter(),
            InMemoryLogRecordExporter(),
            InMemoryMetricReader(),
        )
        providers = obs.Providers(TracerProvider(), LoggerProvider(), MeterProvider([self._reader]))
        providers.tracer.add_span_processor(SimpleSpanProcessor(self._spans))
        providers.logger.add_log_record_processor(SimpleLogRecordProcessor(self._logs))
        self._telemetry = obs.configure(service_name="test", providers=providers, set_globals=False)
        self.world = world_of(self._loop.clock())
        self.faults = self.world.faults
        self.platform = Platform(self.world, PACES["calm"])
        self.user = self.world.users.everybody()[0]
        self._mishaps = {round_.name: round_ for round_ in Mishaps(self.platform).rounds()}

    def close(self) -> None:
        self._runner.close()
        self._telemetry.shutdown()

    def do(self, work: Awaitable[T]) -> T:
        async def awaited() -> T:
            return await work

        return self._runner.run(awaited())

    def took_s(self, work: Awaitable[object]) -> float:
        before_s = self._loop.time()
        self.do(work)
        return self._loop.time() - before_s

    def looks(self, kind: str, seconds: float) -> None:
        """Lets so many seconds pass, in which the mishap is looked after as in a universe."""
        round_ = self._mishaps[kind.replace("_", " ")]

        async def looking() -> None:
            for _ in range(max(1, round(seconds / round_.every_s))):
                await round_.run()
                await self.world.clock.sleep(round_.every_s)

        self.do(looking())

    def suffers(self, kind: str, seconds: float, grade: float | None = None, target: str | None = None) -> None:
        """Lets the fault run for so many seconds, and one second more pass after it."""
        fault = self.faults.begin(kind, target, grade)
        self.looks(kind, seconds)
        self.faults.end(fault.id)
        self.looks(kind, 1)

    def forget(self) -> None:
        """Forgets what was told so far."""
        self._spans.clear()
        self._logs.clear()

    def spans(self, name: str) -> list[ReadableSpan]:
        return [span for span in self._spans.get_finished_spans() if span.name == name]

    def facts(self, name: str) -> Told:
        return [span.attributes or {} for span in self.spans(name)]

    def events(self, name: str) -> Told:
        records = (log.log_record for log in self._logs.get_finished_logs())
        return [record.attributes or {} for record in records if record.event_name == name]

    def gauges(self, metric: str, label: str) -> dict[str, float]:
        """The gauge's last value by one of its labels."""
        data = self._reader.get_metrics_data()
        assert data is not None
        metrics = [m for r in data.resource_metrics for scope in r.scope_metrics for m in scope.metrics]
        points = [point for m in metrics if m.name == metric for point in m.data.data_points]
        return {str((point.attributes or {}).get(label)): point.value for point in points}

    def queue(self, name: str) -> tuple[float, float]:
        """How many wait in a queue, and for how long the first of them has."""
        depth, age = self.gauges("queue.depth", "queue.name"), self.gauges("queue.oldest_item.age", "queue.name")
        return depth[name], age[name]


def world_of(clock: Clock) -> World:
    """A world of its own, with far ends in the process."""
    faults = Faults(clock.now_ns)
    doors = direct_doors(7, PACES["calm"], clock, faults)
    chance = Chance(7)
    return World(
        clock=clock,
        chance=chance,
        ids=Ids(clock),
        users=Users(chance, 40, 60),
        portfolios=Portfolios(doors.cache, doors.tables),
        doors=doors,
        faults=faults,
    )
