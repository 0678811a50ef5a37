"""What the process uses, and which logical service its CPU time goes to.

Memory, CPU time and threads are the process's own and are reported once, never repeated for each service. CPU time of
a service is an estimate: ten times a second the CPU time each thread has used since is given to the innermost service
on that thread's stack. It needs Linux; elsewhere nothing is reported, which reads as unknown.
"""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from types import FrameType

from opentelemetry.metrics import CallbackOptions, Meter, Observation

from observatory_sdk.conventions import Metric, common, platform
from observatory_sdk.facts.readings import BOARD
from observatory_sdk.guard import Guard

EVERY_S = 0.1
MAX_DEPTH = 200
MAX_AT_WORK = 10_000
_GUARD = Guard("usage")
_NS = 1_000_000_000

# The service of each Python frame that is inside a call, by the frame's id. A frame lives as long as its call.
AT_WORK: dict[int, str] = {}


def observe(meter: Meter) -> None:
    """Report the process's memory, CPU time and threads."""
    _gauge(meter, platform.PROCESS_MEMORY, _memory_bytes)
    _gauge(meter, platform.PROCESS_THREADS, threading.active_count)
    cpu = platform.PROCESS_CPU
    meter.create_observable_counter(cpu.name, [_reader(time.process_time)], cpu.unit, cpu.sentence)


def _gauge(meter: Meter, metric: Metric, read: Callable[[], float | None]) -> None:
    meter.create_observable_gauge(metric.name, [_reader(read)], metric.unit, metric.sentence)


def _reader(read: Callable[[], float | None]) -> Callable[[CallbackOptions], Iterable[Observation]]:
    def observed(_: CallbackOptions) -> Iterable[Observation]:
        with _GUARD:
            value = read()
            return [] if value is None else [Observation(value)]
        return []

    return observed


def _memory_bytes() -> int | None:
    try:
        pages = Path("/proc/self/statm").read_text("ascii").split()[1]
    except OSError:
        return None
    return int(pages) * os.sysconf("SC_PAGE_SIZE")


class CpuSampler:
    """A thread that looks at all others. `cpu_ns` reads the CPU time of a thread by its native id."""

    def __init__(self, cpu_ns: Callable[[int], int | None] | None = None) -> None:
        self._cpu_ns = cpu_ns or _thread_cpu_ns
        self._used: dict[int, int] = {}
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="observatory-cpu", daemon=True)

    def start(self) -> None:
        """Begin to sample."""
        self._thread.start()

    def stop(self) -> None:
        """End; the last sample may still be on its way."""
        self._stopped.set()

    def sample(self) -> None:
        """Give what each thread used since the last sample to the service it is at work for."""
        if len(AT_WORK) > MAX_AT_WORK:
            AT_WORK.clear()  # calls that were opened and never closed
        frames = sys._current_frames()
        used: dict[int, int] = {}
        for thread in threading.enumerate():
            total = None if thread.native_id is None else self._cpu_ns(thread.native_id)
            if thread.ident is None or thread.native_id is None or total is None:
                continue
            used[thread.native_id] = total
            spent = total - self._used.get(thread.native_id, total)
            service = at_work(frames.get(thread.ident)) if spent > 0 else None
            if service is not None:
                BOARD.cell(platform.CPU_TIME, {common.SERVICE.name: service}).add(spent / _NS)
        self._used = used

    def _run(self) -> None:
        while not self._stopped.wait(EVERY_S):
            with _GUARD:
                self.sample()


def at_work(frame: FrameType | None) -> str | None:
    """The innermost service on a stack."""
    for _ in range(MAX_DEPTH):
        if frame is None:
            return None
        service = AT_WORK.get(id(frame))
        if service is not None:
            return service
        frame = frame.f_back
    return None


def _thread_cpu_ns(native_id: int) -> int | None:
    try:
        with open(f"/proc/self/task/{native_id}/schedstat", "rb") as file:
            return int(file.read().split()[0])
    except (OSError, ValueError, IndexError):
        return None
