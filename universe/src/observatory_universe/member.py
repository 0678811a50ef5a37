"""One process of the platform. Its standard input says what it is, and then what is wrong; when that ends, so does it.

The controller writes one line of JSON with the `Assignment`, one with the addresses of the other processes, and from
then on a line at each change of what is wrong. The process answers on its standard output: where it can be called,
where browser sessions connect, and that it lives.
"""

import asyncio
import contextlib
import json
import logging
import signal
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any, Final

from pydantic import TypeAdapter

import observatory_sdk as obs
from observatory_universe.clock import Clock
from observatory_universe.faults import Faults
from observatory_universe.faults.wire import follow_lines
from observatory_universe.loop import run
from observatory_universe.outside.world import Addresses
from observatory_universe.pace import PACES
from observatory_universe.sockets import open_doors
from observatory_universe.split import Hosts, Link, call_server, spread
from observatory_universe.universe import Universe

SERVICE_NAME: Final = "cryptouniverse-backend"
_FLUSH_S: Final = 5.0
_PEERS_S: Final = 10.0
_LINE_BYTES: Final = 1024 * 1024
_LOG = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Assignment:
    """What one process of the platform is to be. `number` counts the `processes` from 0; they know each other by the
    `secret`."""

    addresses: Addresses
    endpoint: str
    token: str | None
    environment: str
    seed: int
    speed: str
    number: int
    processes: int
    secret: str

    @property
    def groups(self) -> frozenset[str]:
        return spread(self.processes)[self.number]


ASSIGNMENT: Final = TypeAdapter(Assignment)


def main() -> None:
    """Entry point of `python -m observatory_universe.member`."""
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(name)s: %(message)s")
    run(_live())


async def _live() -> None:
    reader = await _standard_input()
    assignment = ASSIGNMENT.validate_json(await reader.readline())
    clock = Clock()
    faults = Faults(clock.now_ns)
    link = Link(assignment.secret)
    async with AsyncExitStack() as stack:
        stack.push_async_callback(link.close)
        doors = await stack.enter_async_context(open_doors(assignment.addresses, clock, assignment.groups))
        universe = Universe(
            assignment.seed,
            PACES[assignment.speed],
            doors,
            faults,
            clock,
            Hosts(assignment.groups, link) if assignment.processes > 1 else None,
            process=chr(ord("a") + assignment.number) if assignment.processes > 1 else "",
        )
        await stack.enter_async_context(_reporting(assignment, universe))
        if assignment.processes > 1:
            server = call_server(universe.platform.services(), assignment.secret)
            _say({"calls": await stack.enter_async_context(server)})
            link.connect(json.loads(await reader.readline()))
        for number in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().add_signal_handler(number, universe.stop)
        await _run(universe, assignment.processes, reader, faults)


async def _run(universe: Universe, processes: int, reader: asyncio.StreamReader, faults: Faults) -> None:
    following = asyncio.create_task(_follow(universe, reader, faults))
    telling = asyncio.create_task(_tell_sessions(universe))
    try:
        await universe.run()
        if processes > 1:
            # The others may still need the services here: the controller says when nobody does.
            _say({"drained": True})
            await asyncio.wait({following}, timeout=_PEERS_S)
    finally:
        for task in (following, telling):
            task.cancel()
        await asyncio.gather(following, telling, return_exceptions=True)


async def _follow(universe: Universe, reader: asyncio.StreamReader, faults: Faults) -> None:
    """Takes over what is wrong. When the controller is gone, the platform ends."""
    try:
        await follow_lines(reader, faults)
    except Exception:
        _LOG.exception("what is wrong could not be read")
    finally:
        universe.stop()


async def _tell_sessions(universe: Universe) -> None:
    if universe.platform.has("websocket_service"):
        port = await universe.world.doors.sessions.listening()
        _say({"sessions": f"ws://127.0.0.1:{port}"})
    _say({"services": len(universe.service_ids)})


@asynccontextmanager
async def _reporting(assignment: Assignment, universe: Universe) -> AsyncIterator[None]:
    telemetry = obs.configure(
        service_name=SERVICE_NAME,
        endpoint=assignment.endpoint,
        token=assignment.token,
        environment=assignment.environment,
        version=version("observatory-universe"),
        services=universe.service_ids,
    )
    try:
        yield
    finally:
        # Off the loop: a server that does not answer must not keep a second signal from being heard.
        if not await asyncio.to_thread(telemetry.shutdown, _FLUSH_S):
            _LOG.warning("the last telemetry could not be sent")


async def _standard_input() -> asyncio.StreamReader:
    reader = asyncio.StreamReader(limit=_LINE_BYTES)
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    return reader


def _say(message: Mapping[str, Any]) -> None:
    # The controller may be gone already; then there is nobody to tell.
    with contextlib.suppress(BrokenPipeError):
        sys.stdout.write(json.dumps(message) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
