"""History: a universe lives through past days in minutes, and reports them over OTLP as if they had been.

The same behaviour on a virtual clock, with what is outside in the same process and no sockets but the one to the
receiver. Faults strike as the schedule says, and the ground truth of them is written down.
"""

import asyncio
import gc
import signal
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from types import FrameType
from typing import Annotated, Final, Protocol

import typer

import observatory_sdk as obs
from observatory_universe import access
from observatory_universe.clock import Clock
from observatory_universe.faults import KINDS, Faults, schedule
from observatory_universe.faults.timing import keep
from observatory_universe.faults.truth import Truth, TruthError
from observatory_universe.progress import Bar, shown
from observatory_universe.virtual import JumpingLoop

SERVICE_NAME: Final = "cryptouniverse-backend"
# The server takes what is at most 35 days old when it arrives (its setting `oldest_s`); a day is left for the run.
MOST_DAYS: Final = 34
_DAY_NS: Final = 86_400_000_000_000
_FLUSH_S: Final = 300.0
# How often metrics are read: each reading is hundreds of points, and of long ago nobody looks at single minutes. Up to
# so many seconds before the end, every so many seconds.
_READINGS: Final = ((3_600.0, 15.0), (86_400.0, 120.0), (float("inf"), 900.0))
# Rare enough that most of the time nothing is wrong, long enough to be seen in thin history.
_FAULTS: Final = f"""
draw:
  every: 8h
  lasting: [20m, 2h]
  kinds: [{", ".join(sorted(kind.id for kind in KINDS.values() if kind.is_fault and not kind.real_time_only))}]
  no_faults_ratio: 0.2
"""


class Life(Protocol):
    """What lives through the days: a universe."""

    @property
    def service_ids(self) -> Sequence[str]:
        """The ids of its services, which give signs of life."""

    async def run(self, seconds: float | None = None) -> None:
        """Lives until `stop`."""

    def stop(self) -> None:
        """Brings what is under way to its end at once."""


Factory = Callable[[Clock, Faults, int], Life]
"""Makes a universe from its clock, what is wrong in it, and its seed."""


@dataclass(frozen=True, slots=True)
class Plan:
    """Which history is written, and where to.

    Attributes:
        start_ns, until_ns: from when to when, nanoseconds since 1970. No end: up to the machine's now, whenever that is
            reached.
        faults: what goes wrong; None: nothing.
        truth: the file that says afterwards what went wrong.
    """

    start_ns: int
    until_ns: int | None
    endpoint: str
    token: str | None
    environment: str
    seed: int
    faults: schedule.Schedule | None
    truth: Path


@dataclass(frozen=True, slots=True)
class Written:
    """What was written. `until_ns`: up to when; `whole`: that is the end of the plan."""

    until_ns: int
    whole: bool
    sent: dict[str, int]


class Stop:
    """The wish to end before the end."""

    def __init__(self) -> None:
        self.wanted = False

    @contextmanager
    def on_signals(self) -> Iterator[None]:
        """Ctrl-C and SIGTERM are such wishes inside; a second one does not wait for the receiver."""

        def wish(number: int, frame: FrameType | None) -> None:
            if self.wanted:
                raise KeyboardInterrupt
            self.wanted = True

        before = {number: signal.signal(number, wish) for number in (signal.SIGINT, signal.SIGTERM)}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)


class Backfill:
    """One run through the past.

    Args:
        make: makes what lives.
        stop: looked at now and then.
        machine: the machine's clock.
    """

    def __init__(self, plan: Plan, make: Factory, stop: Stop, machine: Clock | None = None) -> None:
        self._plan = plan
        self._make = make
        self._stop = stop
        self._machine = machine or Clock()
        self._loop = JumpingLoop(plan.start_ns, self._show)
        self._clock = self._loop.clock()
        self._bar: Bar | None = None
        self._telemetry: obs.Telemetry | None = None

    @property
    def reached_ns(self) -> int:
        """Up to when it has lived."""
        return self._loop.now_ns()

    def write(self, bar: Bar) -> Written:
        """Lives through all of it. Everything has arrived when this returns.

        Raises:
            DeliveryError: the receiver does not take it.
            TruthError: the ground truth cannot be written.
            ConfigurationError: endpoint, token or environment cannot work.
        """
        plan = self._plan
        try:
            with Truth(plan.truth) as truth:
                faults = Faults(self._clock.now_ns, truth)
                life = self._make(self._clock, faults, plan.seed)
                telemetry = self._telemetry = self._configured(life)
                try:
                    self._bar = bar
                    return self._lived(life, faults, telemetry)
                finally:
                    telemetry.shutdown()
        finally:
            self._loop.close()

    def _configured(self, life: Life) -> obs.Telemetry:
        return obs.configure(
            service_name=SERVICE_NAME,
            endpoint=self._plan.endpoint,
            token=self._plan.token,
            environment=self._plan.environment,
            version=version("observatory-universe"),
            services=life.service_ids,
            set_globals=False,  # spans of other instrumentations would carry the machine's time
            now_ns=self._clock.now_ns,
        )

    def _lived(self, life: Life, faults: Faults, telemetry: obs.Telemetry) -> Written:
        with asyncio.Runner(loop_factory=lambda: self._loop) as runner, _rarely_collected():
            whole = runner.run(self._live(life, faults, telemetry))
        until_ns = self.reached_ns
        if not telemetry.flush(_FLUSH_S):
            raise obs.DeliveryError(f"{self._plan.endpoint} has not taken the last telemetry within {_FLUSH_S:g} s")
        self._show()
        return Written(until_ns, whole, telemetry.sent())

    async def _live(self, life: Life, faults: Faults, telemetry: obs.Telemetry) -> bool:
        """Whether the end of the plan was reached."""
        failed: list[BaseException] = []
        try:
            async with asyncio.TaskGroup() as group:
                living = group.create_task(life.run())
                others = [group.create_task(keep(faults, self._clock)), group.create_task(self._faults(faults))]
                try:
                    whole = await self._read_metrics(telemetry, living)
                finally:
                    life.stop()
                    for other in others:
                        other.cancel()
        except* (obs.DeliveryError, TruthError) as found:
            failed.extend(found.exceptions)
        if failed:
            # Without the group around it, which is nobody's business.
            raise failed[0] from None
        # The ground truth ends with the history.
        for fault in faults.active():
            faults.end(fault.id)
        telemetry.collect()
        return whole

    async def _faults(self, faults: Faults) -> None:
        if self._plan.faults is not None:
            await schedule.follow(schedule.plan(self._plan.faults, self._plan.seed), faults, self._clock)

    async def _read_metrics(self, telemetry: obs.Telemetry, living: asyncio.Task[None]) -> bool:
        """Reads metrics now and then, until the end (True), a wish to stop, or the end of what lives."""
        while not (self._stop.wanted or living.done()):
            left_s = (self._until_ns() - self.reached_ns) / 1e9
            every_s = next(every_s for up_to_s, every_s in _READINGS if left_s <= up_to_s)
            if left_s < every_s:
                await self._clock.sleep(left_s)
                return True
            await self._clock.sleep(every_s)
            telemetry.collect()
        return False

    def _until_ns(self) -> int:
        return self._machine.now_ns() if self._plan.until_ns is None else self._plan.until_ns

    def _show(self) -> None:
        if self._bar is not None and self._telemetry is not None:
            self._bar.show(self.reached_ns, self._telemetry.sent())


@contextmanager
def _rarely_collected() -> Iterator[None]:
    """Makes garbage collection rare: what lives is of long life, and what a turn makes is freed by its count."""
    before = gc.get_threshold()
    gc.collect()
    gc.freeze()
    gc.set_threshold(100_000, 20, 50)
    try:
        yield
    finally:
        gc.set_threshold(*before)
        gc.unfreeze()


def command(make: Factory) -> Callable[..., None]:
    """The command `backfill` for a universe that `make` makes."""

    def backfill(
        days: Annotated[int, typer.Option(min=1, max=MOST_DAYS, help="How many days of history.")] = 28,
        endpoint: Annotated[
            str, typer.Option(help="Base address of the OTLP/HTTP receiver.")
        ] = "http://127.0.0.1:4318",
        token_env: Annotated[
            str, typer.Option(help="Environment variable that holds the token; empty to send none.")
        ] = "OBSERVATORY_TOKEN",  # noqa: S107 - the name of a variable, not a token
        token_file: Annotated[
            Path | None, typer.Option(help="File that holds the token, instead of the variable.")
        ] = None,
        environment: Annotated[str, typer.Option(help="Value of deployment.environment.name.")] = "production",
        seed: Annotated[int, typer.Option(help="The same seed gives the same happenings at the same time.")] = 7,
        faults: Annotated[
            str, typer.Option(help="schedule: some that the seed draws; none; or the file of a schedule.")
        ] = "schedule",
        truth: Annotated[Path, typer.Option(help="File that says afterwards what went wrong.")] = Path(
            "var/history.jsonl"
        ),
        until: Annotated[
            str | None, typer.Option(help="End of the history, such as 2026-03-01T12:00Z; without it now.")
        ] = None,
    ) -> None:
        """Write days of history in minutes, faults included. Run it once: a second run writes a second history."""
        start_ns, until_ns = _span(days, until, Clock().now_ns())
        plan = Plan(
            start_ns=start_ns,
            until_ns=until_ns,
            endpoint=endpoint,
            token=access.token(token_env, token_file),
            environment=environment,
            seed=seed,
            faults=_schedule(faults),
            truth=truth,
        )
        raise typer.Exit(_run(plan, make))

    return backfill


def _run(plan: Plan, make: Factory) -> int:
    """Write it, say what was written, and return the exit status."""
    stop = Stop()
    writer = Backfill(plan, make, stop)
    until_ns = plan.until_ns or Clock().now_ns()
    try:
        with stop.on_signals(), Bar(plan.start_ns, until_ns) as bar:
            written = writer.write(bar)
    except obs.ConfigurationError as error:
        raise typer.BadParameter(str(error)) from error
    except (obs.DeliveryError, TruthError) as error:
        typer.echo(f"{error}\nhistory is written up to about {shown(writer.reached_ns)}", err=True)
        return 1
    except KeyboardInterrupt:
        typer.echo(f"left at once; history is written up to about {shown(writer.reached_ns)}", err=True)
        return 130
    sent = ", ".join(f"{count:,} {name.replace('_', ' ')}" for name, count in written.sent.items())
    early = "" if written.whole else "stopped early; "
    typer.echo(f"{early}history is written from {shown(plan.start_ns)} up to {shown(written.until_ns)}: {sent}")
    return 0


def _span(days: int, until: str | None, now_ns: int) -> tuple[int, int | None]:
    """From when to when, in nanoseconds since 1970."""
    until_ns = None if until is None else _moment(until)
    end_ns = now_ns if until_ns is None else until_ns
    if end_ns > now_ns:
        raise typer.BadParameter(f"{until} is in the future", param_hint="--until")
    start_ns = end_ns - days * _DAY_NS
    if start_ns < now_ns - MOST_DAYS * _DAY_NS:
        raise typer.BadParameter(
            f"{days} days before {until} are more than {MOST_DAYS} days ago, which the server would refuse",
            param_hint="--until",
        )
    return start_ns, until_ns


def _moment(text: str) -> int:
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise typer.BadParameter(
            f"{text!r} is no moment, must be such as 2026-03-01T12:00Z", param_hint="--until"
        ) from None
    return int(found.replace(tzinfo=found.tzinfo or UTC).timestamp()) * 1_000_000_000


def _schedule(name: str) -> schedule.Schedule | None:
    if name == "none":
        return None
    try:
        return schedule.parse(_FAULTS) if name == "schedule" else schedule.read(Path(name))
    except schedule.ScheduleError as error:
        raise typer.BadParameter(str(error), param_hint="--faults") from error
