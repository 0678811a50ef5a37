"""The connections to PostgreSQL. Whoever waits for one waits for 2 s at most."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Final

import asyncpg  # type: ignore[import-untyped]  # the package has no types

from observatory_universe.doors.state import WAIT_S, PoolStatus, StateError

_ANSWER_S: Final = 5.0
_FAILURES: Final = (asyncpg.PostgresError, asyncpg.InterfaceError, OSError, TimeoutError)


class Pool:
    """A pool of at most `most` connections. It opens them when they are needed.

    Args:
        url: such as `postgresql://user:password@host:5432/database`.
    """

    def __init__(self, url: str, most: int) -> None:
        self._url = url
        self._most = most
        self._pool: Any = None
        self._waiting = 0
        self._leaked: list[Any] = []

    async def open(self) -> None:
        """Opens the first connection.

        Raises:
            StateError: there is no such server, or it does not let us in.
        """
        try:
            self._pool = await asyncpg.create_pool(
                self._url,
                min_size=1,
                max_size=self._most,
                timeout=WAIT_S,
                command_timeout=_ANSWER_S,
                # No statement of ours leaves anything behind in its session; the usual reset is a round trip each time.
                reset=_as_it_is,
            )
        except _FAILURES as error:
            raise _told(error) from error

    async def close(self) -> None:
        """Closes all connections; those that are still used after 2 s are cut."""
        if self._pool is None:
            return
        await self.leak(0)
        try:
            async with asyncio.timeout(WAIT_S):
                await self._pool.close()
        except TimeoutError:
            self._pool.terminate()

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[Any]:
        """A connection, for the time of the block.

        Raises:
            StateError: none came free in time, or the server did not do what the block asked of it.
        """
        try:
            self._waiting += 1
            try:
                connection = await self._take()
            finally:
                self._waiting -= 1
            try:
                yield connection
            finally:
                await self._pool.release(connection)
        except _FAILURES as error:
            raise _told(error) from error

    def status(self) -> PoolStatus:
        """How many connections are in use, idle and waited for."""
        if self._pool is None:
            return PoolStatus(0, 0, self._waiting, self._most)
        opened, idle = self._pool.get_size(), self._pool.get_idle_size()
        return PoolStatus(opened - idle, idle, self._waiting, self._most)

    async def leak(self, connections: int) -> None:
        """Keeps so many connections for itself; as many as it can get, if it cannot get them all."""
        wanted = min(connections, self._most)
        while len(self._leaked) > wanted:
            await self._pool.release(self._leaked.pop())
        while len(self._leaked) < wanted:
            try:
                self._leaked.append(await self._take())
            except _FAILURES:
                return

    async def _take(self) -> Any:
        if self._pool is None:
            raise StateError("PostgreSQL: the pool has not been opened")
        try:
            async with asyncio.timeout(WAIT_S):
                return await self._pool.acquire()
        except TimeoutError:
            raise TimeoutError(f"no connection came free within {WAIT_S:g} s") from None


async def _as_it_is(_: Any) -> None:
    return None


def _told(error: Exception) -> StateError:
    return StateError(f"PostgreSQL: {error or type(error).__name__}")
