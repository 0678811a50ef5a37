"""A way through which only so many go at once; whoever comes later waits outside."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from typing import TypeVar

Person = TypeVar("Person")
Result = TypeVar("Result")


class Turnstile:
    """What one happening sets going for many people goes through here, in the order in which they came.

    Happenings that come together share it. Where a crowd asks for connections all at once, its last ones wait longer
    than anybody waits for a connection; whoever waits here holds nothing, and no such time runs for them.

    Args:
        most: how many are inside at once: fewer than a pool has connections.
    """

    def __init__(self, most: int) -> None:
        self._places = asyncio.Semaphore(most)

    async def admit(self, crowd: Iterable[Person], serve: Callable[[Person], Awaitable[Result]]) -> list[Result]:
        """Serves everybody in the crowd. Returns the results in its order; the first error goes to the caller."""
        return await asyncio.gather(*(self._serve(person, serve) for person in crowd))

    async def _serve(self, person: Person, serve: Callable[[Person], Awaitable[Result]]) -> Result:
        async with self._places:
            return await serve(person)
