"""The loop whose time jumps."""

import asyncio
import os
import signal
import threading
import time

import pytest

from observatory_universe.virtual import START_NS, TURNS_UNSEEN, JumpingLoop

DAY_S = 86_400.0


def test_a_month_passes_at_once_and_to_the_nanosecond() -> None:
    loop = JumpingLoop(start_ns=1_700_000_000_000_000_001)
    clock = loop.clock()
    seen = []

    async def month() -> None:
        for _ in range(34):
            seen.append(clock.now_ns())
            await clock.sleep(DAY_S)

    began = time.monotonic()
    with asyncio.Runner(loop_factory=lambda: loop) as runner:
        runner.run(month())
    assert time.monotonic() - began < 60
    assert seen == [1_700_000_000_000_000_001 + day * 86_400_000_000_000 for day in range(34)]
    assert loop.time() == 34 * DAY_S


def test_sleepers_wake_in_the_order_of_their_times() -> None:
    loop = JumpingLoop()
    clock = loop.clock()
    woken: list[tuple[float, int]] = []

    async def sleeper(seconds: float) -> None:
        await clock.sleep(seconds)
        woken.append((seconds, clock.now_ns() - START_NS))

    async def all_of_them() -> None:
        await asyncio.gather(*(sleeper(seconds) for seconds in (3, 1.5, 2_000_000.25, 0.001)))

    with asyncio.Runner(loop_factory=lambda: loop) as runner:
        runner.run(all_of_them())
    assert [seconds for seconds, _ in woken] == [0.001, 1.5, 3, 2_000_000.25]
    assert [passed for _, passed in woken] == [round(seconds * 1e9) for seconds, _ in woken]


def test_progress_is_told_every_few_hundred_turns() -> None:
    times: list[float] = []
    loop = JumpingLoop(on_turns=lambda: times.append(loop.time()))
    clock = loop.clock()

    async def seconds(count: int) -> None:
        for _ in range(count):
            await clock.sleep(1)

    with asyncio.Runner(loop_factory=lambda: loop) as runner:
        runner.run(seconds(5 * TURNS_UNSEEN))
    assert 4 <= len(times) <= 20
    assert times == sorted(times)


def test_a_signal_is_heard_while_time_jumps() -> None:
    loop = JumpingLoop()
    clock = loop.clock()

    async def until_told() -> None:
        told = asyncio.Event()
        loop.add_signal_handler(signal.SIGUSR1, told.set)
        os.kill(os.getpid(), signal.SIGUSR1)
        while not told.is_set():
            assert loop.time() < 50 * TURNS_UNSEEN
            await clock.sleep(1)
        loop.remove_signal_handler(signal.SIGUSR1)

    with asyncio.Runner(loop_factory=lambda: loop) as runner:
        runner.run(until_told())


def test_a_socket_is_heard_at_once() -> None:
    async def echo() -> bytes:
        async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writer.write(await reader.readexactly(5))
            writer.close()
            await writer.wait_closed()

        async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
            reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
            writer.write(b"hello")
            answered = await reader.readexactly(5)
            writer.close()
            await writer.wait_closed()
            return answered

    with asyncio.Runner(loop_factory=JumpingLoop) as runner:
        assert runner.run(echo()) == b"hello"


def test_a_thread_may_be_waited_for() -> None:
    with asyncio.Runner(loop_factory=JumpingLoop) as runner:
        assert runner.run(_in_a_thread()) != threading.get_ident()


async def _in_a_thread() -> int:
    return await asyncio.to_thread(threading.get_ident)


def test_a_loop_that_nothing_can_wake_says_so() -> None:
    async def forever() -> None:
        await asyncio.get_running_loop().create_future()

    loop = JumpingLoop()
    with pytest.raises(RuntimeError, match="nothing is left that could ever wake the loop"):
        loop.run_until_complete(forever())
    for task in asyncio.all_tasks(loop):
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            loop.run_until_complete(task)
    loop.close()
