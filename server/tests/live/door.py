"""The door on a port of its own, served by a thread of the test's process, so that its store can be read meanwhile."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import uvicorn
from doorway import Doors
from running import until

from observatory.clock import Clock

_START_S = 120


@dataclass(frozen=True)
class Open:
    """Where telemetry is sent, and what opens the door."""

    url: str
    token: str


class _Serving:
    def __init__(self, doors: Doors) -> None:
        self._doors = doors
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve()), name="door")
        self.open: Open | None = None

    def start(self) -> Open:
        self._thread.start()
        until(lambda: self.open or not self._thread.is_alive(), "the door to open", _START_S)
        assert self.open, "the door did not open"
        return self.open

    def stop(self) -> None:
        self._stopping.set()
        self._thread.join()

    async def _serve(self) -> None:
        async with self._doors.open(Clock()) as doorway:
            config = uvicorn.Config(doorway.app, host="127.0.0.1", port=0, log_level="warning", lifespan="off")
            server = uvicorn.Server(config)
            serving = asyncio.create_task(server.serve())
            while not server.started:
                await asyncio.sleep(0.01)
            host, port = server.servers[0].sockets[0].getsockname()
            _, _, token = doorway.client.headers["Authorization"].partition(" ")
            self.open = Open(f"http://{host}:{port}", token)
            while not self._stopping.is_set():
                await asyncio.sleep(0.05)
            server.should_exit = True
            await serving


@contextmanager
def opened(doors: Doors) -> Iterator[Open]:
    """The open door, closed at the end once all that came is stored."""
    serving = _Serving(doors)
    try:
        yield serving.start()
    finally:
        serving.stop()
