"""The universe as a whole: the outside world, the platform's processes, and what is wrong."""

import asyncio
import contextlib
import ctypes
import json
import logging
import os
import secrets
import shutil
import signal
import sys
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from observatory_universe.chance import Chance
from observatory_universe.clock import Clock
from observatory_universe.errors import Trouble
from observatory_universe.faults import Faults
from observatory_universe.faults.control import control_server
from observatory_universe.faults.schedule import Schedule, follow, plan
from observatory_universe.faults.timing import keep
from observatory_universe.faults.truth import Truth
from observatory_universe.faults.wire import encode
from observatory_universe.member import ASSIGNMENT, Assignment
from observatory_universe.outside.world import Addresses, cores, opened
from observatory_universe.pace import PACES
from observatory_universe.split import spread
from observatory_universe.users import Users

_READY_S: Final = 60.0
_STOP_S: Final = 20.0
_LINE_BYTES: Final = 1024 * 1024
_FOLDER: Final = "observatory-universe-"
_PR_SET_PDEATHSIG: Final = 1
_LOG = logging.getLogger(__name__)


class UniverseError(Trouble):
    """The universe cannot start, or a part of it has ended by itself."""


@dataclass(frozen=True, slots=True)
class Settings:
    """What the universe is to be.

    Attributes:
        processes: how many processes the platform is spread over, 1 to 10.
        schedule: what goes wrong by itself; None: nothing.
        truth: the file of the ground truth.
        port: of the interface that starts and ends faults; 0 takes a free one.
    """

    endpoint: str
    token: str | None
    environment: str
    seed: int
    speed: str
    processes: int
    schedule: Schedule | None
    truth: Path
    port: int


@dataclass(slots=True)
class _Member:
    """One process of the platform, and what it has said of itself."""

    process: asyncio.subprocess.Process
    number: int
    said: dict[str, Any] = field(default_factory=dict)
    heard: asyncio.Event = field(default_factory=asyncio.Event)

    def tell(self, line: str) -> None:
        """Writes one line to its standard input. One that has ended is told nothing."""
        if self.process.stdin is not None and not self.process.stdin.is_closing():
            self.process.stdin.write(line.encode() + b"\n")

    async def listen(self) -> None:
        """Takes in what it says, until it ends."""
        assert self.process.stdout is not None
        async for line in self.process.stdout:
            # Whatever else a library prints there is not for us.
            with contextlib.suppress(ValueError):
                self.said.update(json.loads(line))
            self.heard.set()
        self.heard.set()

    def obituary(self) -> str:
        """How it ended."""
        return f"process {self.number} of the platform has ended by itself (status {self.process.returncode})"

    async def says(self, what: str) -> Any:
        """Waits for one piece of what it says.

        Raises:
            UniverseError: it ended, or did not say it within a minute.
        """
        try:
            async with asyncio.timeout(_READY_S):
                while what not in self.said:
                    self.heard.clear()
                    if self.process.returncode is not None or self.process.stdout.at_eof():  # type: ignore[union-attr]
                        await self.process.wait()
                        raise UniverseError(self.obituary())
                    await self.heard.wait()
        except TimeoutError:
            raise UniverseError(f"a process of the platform did not start within {_READY_S:g} s") from None
        return self.said[what]


@dataclass(frozen=True, slots=True)
class Wishes:
    """What whoever runs the universe wants: first that it ends in order, then that it ends at once."""

    stop: asyncio.Event = field(default_factory=asyncio.Event)
    hurry: asyncio.Event = field(default_factory=asyncio.Event)


@dataclass(frozen=True, slots=True)
class Progress:
    """Called as the universe comes to life.

    Attributes:
        reachable: with the address of the fault control as soon as it answers.
        ready: with the number of services once all of them are at work.
    """

    reachable: Callable[[str], None]
    ready: Callable[[int], None]


async def run(settings: Settings, wishes: Wishes, progress: Progress) -> None:
    """Lives until it is to stop, or until a part of it ends by itself.

    Raises:
        UniverseError: it could not start, or a process of the platform has ended.
        FaultError: the file of the ground truth cannot be used.
    """
    started = asyncio.Event()
    living = asyncio.create_task(_live(settings, wishes, progress, started))
    stopping = asyncio.create_task(wishes.stop.wait())
    await asyncio.wait((living, stopping), return_when=asyncio.FIRST_COMPLETED)
    if stopping.done() and not started.is_set():
        # Half a universe has nothing to bring to its end.
        await _cancel([living])
        return
    await living
    await _cancel([stopping])


async def _live(settings: Settings, wishes: Wishes, progress: Progress, started: asyncio.Event) -> None:
    clock = Clock()
    async with AsyncExitStack() as stack:
        truth = stack.enter_context(Truth(settings.truth))
        faults = Faults(clock.now_ns, witness=truth)
        stack.callback(faults.end_all)
        control = await stack.enter_async_context(control_server(faults, truth, port=settings.port))
        progress.reachable(control.url)
        pace = PACES[settings.speed]
        far = cores(settings.seed, pace, clock, faults, Users(Chance(settings.seed), pace.users, 0).everybody())
        addresses = await stack.enter_async_context(opened(far, stack.enter_context(_folder())))
        members = await _platform(stack, settings, addresses)
        faults.listen(lambda fault, begun: _tell(members, faults))
        # What began while the platform was on its way.
        _tell(members, faults)
        tasks = [asyncio.create_task(far.browsers.run(await _sessions(members)))]
        progress.ready(sum([await member.says("services") for member in members]))
        started.set()
        tasks.append(asyncio.create_task(keep(faults, clock)))
        if settings.schedule is not None:
            tasks.append(asyncio.create_task(follow(plan(settings.schedule, settings.seed), faults, clock)))
        try:
            await _until_over(members, tasks, wishes.stop)
        finally:
            await _stop(members, wishes.hurry)
            clock.hurry()
            await _cancel(tasks)


async def _platform(stack: AsyncExitStack, settings: Settings, addresses: Addresses) -> list["_Member"]:
    """All processes of the platform, which know of each other."""
    secret = secrets.token_hex(16)
    members = [
        await stack.enter_async_context(_started(settings, addresses, secret, number))
        for number in range(settings.processes)
    ]
    if len(members) > 1:
        await _introduce(members)
    return members


@asynccontextmanager
async def _started(settings: Settings, addresses: Addresses, secret: str, number: int) -> AsyncIterator[_Member]:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "observatory_universe.member",
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        limit=_LINE_BYTES,
        # Ctrl-C reaches the controller alone, which stops its children in order.
        start_new_session=True,
        preexec_fn=_die_with_parent if sys.platform == "linux" else None,
    )
    member = _Member(process, number)
    listening = asyncio.create_task(member.listen())
    assignment = Assignment(
        addresses=addresses,
        endpoint=settings.endpoint,
        token=settings.token,
        environment=settings.environment,
        seed=settings.seed,
        speed=settings.speed,
        number=number,
        processes=settings.processes,
        secret=secret,
    )
    # By the pipe and not by the command line: that is for everybody to read, and the token is in it.
    member.tell(ASSIGNMENT.dump_json(assignment).decode())
    try:
        yield member
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
        await _cancel([listening])


@contextmanager
def _folder() -> Iterator[Path]:
    """A folder for the databases, gone at the end. Those of universes that were killed go now."""
    for left in Path(tempfile.gettempdir()).glob(f"{_FOLDER}*"):
        process = left.name.removeprefix(_FOLDER).partition("-")[0]
        if process.isdecimal() and not _runs(int(process)):
            shutil.rmtree(left, ignore_errors=True)
    folder = Path(tempfile.mkdtemp(prefix=f"{_FOLDER}{os.getpid()}-"))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _runs(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    return True


async def _introduce(members: list[_Member]) -> None:
    """Tells each process where the others are."""
    places = [await member.says("calls") for member in members]
    peers = {
        group: place for place, groups in zip(places, spread(len(members)), strict=True) for group in sorted(groups)
    }
    for member in members:
        member.tell(json.dumps(peers))


async def _sessions(members: list[_Member]) -> str:
    """Where browsers connect: the address that the process of the websocket service says."""
    saying = [asyncio.create_task(member.says("sessions")) for member in members]
    try:
        for first in asyncio.as_completed(saying):
            address: str = await first
            return address
    finally:
        await _cancel(saying)
    raise UniverseError("no process takes browser sessions")


def _tell(members: list[_Member], faults: Faults) -> None:
    line = encode(faults.active())
    for member in members:
        member.tell(line)


async def _until_over(members: list[_Member], tasks: list[asyncio.Task[None]], stopping: asyncio.Event) -> None:
    ends = [asyncio.create_task(member.process.wait()) for member in members]
    waits: list[asyncio.Task[Any]] = [asyncio.create_task(stopping.wait()), *ends, *tasks]
    try:
        while not stopping.is_set():
            done, _ = await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                # A task of ours that failed says why; a schedule that has come to its end is left alone.
                task.result()
                waits.remove(task)
            if not stopping.is_set() and any(end.done() for end in ends):
                ended = [member for member, end in zip(members, ends, strict=True) if end.done()]
                raise UniverseError("; ".join(member.obituary() for member in ended))
    finally:
        await _cancel([wait for wait in waits if wait not in tasks])


async def _stop(members: list[_Member], hurry: asyncio.Event) -> None:
    """Lets the platform end what is under way, and waits for it; not longer than 20 s, and not at all in a hurry."""
    for member in members:
        with contextlib.suppress(ProcessLookupError):
            member.process.send_signal(signal.SIGTERM)
    ending = asyncio.create_task(_end(members))
    hurrying = asyncio.create_task(hurry.wait())
    await asyncio.wait((ending, hurrying), timeout=_STOP_S, return_when=asyncio.FIRST_COMPLETED)
    await _cancel([ending, hurrying])


async def _end(members: list[_Member]) -> None:
    if len(members) > 1:
        # What one of them still has under way may need another: each stays until all have nothing left.
        await asyncio.gather(*(member.says("drained") for member in members), return_exceptions=True)
    for member in members:
        if member.process.stdin is not None:
            member.process.stdin.close()
    await asyncio.gather(*(member.process.wait() for member in members))


async def _cancel(tasks: list[asyncio.Task[Any]]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


def _die_with_parent() -> None:
    # If the controller itself is killed, nobody else would end the platform.
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
