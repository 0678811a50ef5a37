"""What the process uses, and which service its CPU time goes to."""

from __future__ import annotations

import asyncio
import sys
import threading
import time
from typing import Any

import pytest

import observatory_sdk as obs
from observatory_sdk.usage import AT_WORK, CpuSampler, at_work

linux = pytest.mark.skipif(sys.platform != "linux", reason="the kernel's numbers are read from /proc")


def burn(seconds: float) -> None:
    end = time.thread_time() + seconds
    while time.thread_time() < end:
        sum(range(1000))


def here() -> str | None:
    return at_work(sys._getframe(1))


def cpu_seconds(recorded: Any) -> dict[str, float]:
    found = recorded.metrics().get("observatory.service.cpu.time")
    points = [] if found is None else found.data.data_points
    return {point.attributes["observatory.service"]: point.value for point in points}


def test_the_innermost_service_on_the_stack_is_at_work(recorded: Any) -> None:
    @obs.service("credit_ledger")
    def debit() -> str | None:
        return here()

    assert here() is None
    with obs.service("trade_execution_service"):
        assert here() == "trade_execution_service"
        assert debit() == "credit_ledger"
        with obs.service("binance_smart_router"):
            assert here() == "binance_smart_router"
        assert here() == "trade_execution_service"
    assert here() is None
    assert AT_WORK == {}


async def test_the_stack_of_a_coroutine_tells_its_service(recorded: Any) -> None:
    @obs.service("ai_chat_engine")
    async def ask() -> str | None:
        await asyncio.sleep(0)
        return here()

    async with obs.service("chat_memory_service"):
        assert here() == "chat_memory_service"
        assert await asyncio.gather(ask(), ask()) == ["ai_chat_engine"] * 2
        await asyncio.sleep(0)
        assert here() == "chat_memory_service"
    assert AT_WORK == {}


def test_cpu_time_of_a_thread_goes_to_its_service(recorded: Any) -> None:
    ready, done = threading.Event(), threading.Event()

    def work() -> None:
        with obs.service("risk_calculation_engine"):
            ready.set()
            done.wait(60)

    thread = threading.Thread(target=work)
    thread.start()
    ready.wait(60)
    used = {thread.native_id: 0}
    sampler = CpuSampler(lambda native_id: used.get(native_id))
    sampler.sample()
    used[thread.native_id] = 250_000_000
    sampler.sample()
    sampler.sample()
    done.set()
    thread.join(60)
    used[thread.native_id] = 999_000_000
    sampler.sample()
    assert cpu_seconds(recorded)["risk_calculation_engine"] == pytest.approx(0.25, abs=0.1)


@linux
def test_the_sampler_finds_the_one_who_works_hard(recorded: Any) -> None:
    with obs.service("stress_testing_engine"):
        burn(0.5)
    with obs.service("email_service"):
        time.sleep(0.3)
    seconds = cpu_seconds(recorded)
    assert seconds["stress_testing_engine"] > 0.2
    # Who sleeps gets what the process did besides: on a busy machine that is not nothing.
    assert seconds.get("email_service", 0.0) < seconds["stress_testing_engine"]


@linux
def test_the_process_reports_memory_cpu_and_threads_once(recorded: Any) -> None:
    metrics = recorded.metrics()
    for name, least in {
        "process.memory.usage": 10_000_000,
        "process.cpu.time": 0.01,
        "process.thread.count": 2,
    }.items():
        (point,) = metrics[name].data.data_points
        assert point.value >= least
        assert dict(point.attributes) == {}


def test_no_sampling_goes_on_after_the_end(recorded: Any) -> None:
    recorded.telemetry.shutdown()
    time.sleep(0.25)
    assert "observatory-cpu" not in {thread.name for thread in threading.enumerate()}
