"""The loop of processes that live in real time."""

import asyncio
import sys

import pytest

from observatory_universe import loop


def test_it_runs_to_its_end_and_returns_what_came_of_it() -> None:
    async def come() -> str:
        await asyncio.sleep(0)
        return "done"

    assert loop.run(come()) == "done"


def test_what_fails_in_it_fails_outside() -> None:
    async def fail() -> None:
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        loop.run(fail())


@pytest.mark.skipif(sys.platform == "win32", reason="there is none for Windows")
def test_it_is_libuvs() -> None:
    async def kind() -> str:
        return type(asyncio.get_running_loop()).__module__

    assert loop.run(kind()) == "uvloop"
