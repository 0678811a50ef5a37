"""No more than so many at once, whatever comes."""

import asyncio

import pytest

from observatory_universe.turnstile import Turnstile


class _Room:
    """Counts who is inside."""

    def __init__(self) -> None:
        self.inside = 0
        self.most = 0

    async def visit(self, number: int) -> int:
        self.inside += 1
        self.most = max(self.most, self.inside)
        try:
            await asyncio.sleep(0.001)
        finally:
            self.inside -= 1
        return number


def test_crowds_that_come_together_share_the_places() -> None:
    async def come() -> None:
        turnstile, room = Turnstile(3), _Room()
        first, second = await asyncio.gather(
            turnstile.admit(range(20), room.visit), turnstile.admit(range(100, 120), room.visit)
        )
        assert room.most == 3
        assert (first, second) == (list(range(20)), list(range(100, 120)))

    asyncio.run(come())


def test_an_error_goes_to_the_caller_and_its_place_to_the_next() -> None:
    async def refuse(number: int) -> int:
        raise ValueError(f"{number} is refused")

    async def come() -> None:
        turnstile, room = Turnstile(1), _Room()
        with pytest.raises(ValueError, match="7 is refused"):
            await turnstile.admit([7], refuse)
        assert await turnstile.admit([8, 9], room.visit) == [8, 9]

    asyncio.run(come())


def test_a_crowd_that_is_called_off_leaves_nobody_inside() -> None:
    async def come() -> None:
        turnstile, room = Turnstile(2), _Room()
        crowd = asyncio.create_task(turnstile.admit(range(50), room.visit))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        crowd.cancel()
        await asyncio.gather(crowd, return_exceptions=True)
        await asyncio.sleep(0)
        assert room.inside == 0
        assert await turnstile.admit([1, 2, 3], room.visit) == [1, 2, 3]

    asyncio.run(come())
