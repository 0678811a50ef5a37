"""Questions to the store that may take so long, and no longer."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Awaitable, Mapping
from typing import Any, Protocol

from observatory.errors import StoreError
from observatory.store import Reader, Rows


class Reads(Protocol):
    """Whoever runs a SELECT with bound parameters."""

    async def read(self, sql: str, parameters: Mapping[str, object] | None = None) -> Rows:
        """Its rows; StoreError when the store refused it or took too long."""
        ...


class Timed:
    """A reader whose questions end, answered or not, within a number of seconds.

    Args:
        reader: of the telemetry store.
        seconds: what one question may take in the store.
        at_once: how many may run together, so that somebody else's are answered meanwhile.
    """

    def __init__(self, reader: Reader, seconds: float, at_once: int = 3) -> None:
        self._reader = reader
        self._room = asyncio.Semaphore(at_once)
        self._settings = f"\nSETTINGS max_execution_time = {max(1, math.ceil(seconds))}"

    async def read(self, sql: str, parameters: Mapping[str, object] | None = None) -> Rows:
        """As `Reader.read`."""
        async with self._room:
            return await self._reader.read(sql + self._settings, parameters)


async def together(parts: Mapping[str, Awaitable[Any]], seconds: float) -> tuple[dict[str, Any], list[str]]:
    """Run parts at once.

    Returns:
        What each gave that ended well in time, and the names of the others.
    """
    tasks = {name: asyncio.ensure_future(part) for name, part in parts.items()}
    if tasks:
        await asyncio.wait(tasks.values(), timeout=max(seconds, 0.0))
    given: dict[str, Any] = {}
    missing = []
    for name, task in tasks.items():
        if not task.done():
            task.cancel()
            missing.append(f"{name}: not read within {seconds:.1f} s")
            continue
        error = task.exception()
        if error is None:
            given[name] = task.result()
        elif isinstance(error, StoreError):
            missing.append(f"{name}: the store could not be read")
        else:
            raise error
    return given, missing
