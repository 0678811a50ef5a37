"""Ingest: spans acknowledged after commit per second, how long an acknowledgement takes, bytes per span, memory.

Bars: at least 80,000 spans/s from 4 senders with bodies of about 1,000 GenAI-sized spans and every view on;
acknowledgement p50 at most 100 ms when idle, p99 at most 500 ms at half the full rate.
"""

from __future__ import annotations

import argparse
import asyncio
import multiprocessing
import random
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from rich.console import Console
from rich.table import Table

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
import payloads
import serving

_SPANS = 1_000
_BODIES = 40


@dataclass(frozen=True, slots=True)
class Load:
    """How bodies are sent: by how many processes, how many at once each, and how fast (None: as fast as answered)."""

    senders: int
    at_once: int
    seconds: float
    bodies_per_s: float | None = None


def main() -> None:
    """Run and print."""
    options = _options()
    folder = Path(options.folder or tempfile.mkdtemp(prefix="observatory-ingest-"))
    try:
        with serving.running(folder) as server:
            rows = _measure(server, options)
        rows += _disk(folder)
    finally:
        if not options.folder:
            shutil.rmtree(folder, ignore_errors=True)
    table = Table(title=f"ingest, {_SPANS} spans per body, {options.runs} runs of {options.seconds:.0f} s")
    for heading in ("what", "median", "min", "max", "bar"):
        table.add_column(heading)
    for row in rows:
        table.add_row(*row)
    Console(width=140).print(table)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=12.0, help="length of one run")
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--senders", type=int, default=4)
    parser.add_argument("--at-once", type=int, default=16, help="requests that each sender has under way")
    parser.add_argument("--folder", help="data folder to use and keep")
    return parser.parse_args()


def _measure(server: serving.Server, options: argparse.Namespace) -> list[tuple[str, str, str, str, str]]:
    rates, full, idle, half, controls, memory = [], [], [], [], [], []
    _send(server, Load(options.senders, options.at_once, 4))  # warm up
    for _ in range(options.runs):
        controls.append(_control())
        idle.append(_send(server, Load(1, 1, options.seconds / 2, bodies_per_s=2)))
        latencies = _send(server, Load(options.senders, options.at_once, options.seconds))
        rates.append(len(latencies) * _SPANS / options.seconds)
        full.append(latencies)
        pace = rates[-1] / _SPANS / 2
        half.append(_send(server, Load(options.senders, options.at_once, options.seconds, bodies_per_s=pace)))
        memory.append(server.resident_bytes / 1e6)
        print(f"  {rates[-1]:,.0f} spans/s, control {controls[-1]:,.0f}", flush=True)
    return [
        _row("spans/s, acknowledged after commit", rates, "≥ 80,000", "{:,.0f}"),
        _row("acknowledgement when idle, p50 ms", [_quantile(each, 0.5) for each in idle], "≤ 100"),
        _row("acknowledgement when idle, p99 ms", [_quantile(each, 0.99) for each in idle], ""),
        _row("acknowledgement at half rate, p50 ms", [_quantile(each, 0.5) for each in half], ""),
        _row("acknowledgement at half rate, p99 ms", [_quantile(each, 0.99) for each in half], "≤ 500"),
        _row("acknowledgement at full rate, p50 ms", [_quantile(each, 0.5) for each in full], ""),
        _row("acknowledgement at full rate, p99 ms", [_quantile(each, 0.99) for each in full], ""),
        _row("server resident memory, MB", memory, "≤ 1,500"),
        _row("control: spans/s parsed by upb, one core", controls, "", "{:,.0f}"),
    ]


def _send(server: serving.Server, load: Load) -> list[float]:
    """Acknowledgement times in seconds of everything sent, over all senders."""
    context = multiprocessing.get_context("spawn")
    results: multiprocessing.Queue[list[float]] = context.Queue()
    ready = context.Barrier(load.senders)
    processes = [
        context.Process(target=_sender, args=(server, load, seed, ready, results)) for seed in range(load.senders)
    ]
    for process in processes:
        process.start()
    latencies = [each for _ in processes for each in results.get(timeout=load.seconds * 4 + 120)]
    for process in processes:
        process.join()
    return latencies


def _sender(server, load, seed, ready, results) -> None:  # type: ignore[no-untyped-def]
    chance = random.Random(seed)
    bodies = [payloads.body(_SPANS, chance) for _ in range(_BODIES)]
    ready.wait(timeout=120)
    results.put(asyncio.run(_connections(server, load, bodies, chance)))


async def _connections(
    server: serving.Server, load: Load, bodies: Sequence[bytes], chance: random.Random
) -> list[float]:
    latencies: list[float] = []
    started = time.perf_counter()
    pace_s = load.senders / load.bodies_per_s if load.bodies_per_s else 0.0
    turn = iter(range(1 << 62))

    async def connection() -> None:
        host = urlsplit(server.otlp_http)
        reader, writer = await asyncio.open_connection(host.hostname, host.port)
        while True:
            number = next(turn)
            due = started + number * pace_s
            if max(due, time.perf_counter()) > started + load.seconds:
                break
            await asyncio.sleep(max(0.0, due - time.perf_counter()))
            data = payloads.unique(bodies[number % len(bodies)], chance)
            # From when it was due: a sender that falls behind must not hide the wait.
            began = max(due, 0.0) if pace_s else time.perf_counter()
            await _post(reader, writer, server.token, data)
            latencies.append(time.perf_counter() - began)
        writer.close()

    await asyncio.gather(*(connection() for _ in range(load.at_once)))
    return latencies


async def _post(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, token: str, data: bytes) -> None:
    head = (
        "POST /v1/traces HTTP/1.1\r\nhost: bench\r\ncontent-type: application/x-protobuf\r\n"
        f"authorization: Bearer {token}\r\ncontent-length: {len(data)}\r\n\r\n"
    )
    writer.write(head.encode())
    writer.write(data)
    await writer.drain()
    answer = await reader.readuntil(b"\r\n\r\n")
    status, *headers = answer.decode("latin-1").split("\r\n")
    if " 200 " not in f"{status} ":
        raise RuntimeError(status)
    length = next((int(line.split(":")[1]) for line in headers if line.lower().startswith("content-length")), 0)
    await reader.readexactly(length)


def _control() -> float:
    """A fixed piece of work: how fast this core parses spans right now."""
    data = payloads.body(_SPANS, random.Random(0))
    started = time.perf_counter()
    for _ in range(100):
        ExportTraceServiceRequest.FromString(data)
    return 100 * _SPANS / (time.perf_counter() - started)


def _disk(folder: Path) -> list[tuple[str, str, str, str, str]]:
    """Bytes per span over all tables, asked of the store itself once the server has let go of it."""
    script = Path(__file__).with_name("disk.py")
    answer = subprocess.run([sys.executable, str(script), str(folder)], check=True, capture_output=True, text=True)
    return [("bytes per span, " + line.split("\t")[0], line.split("\t")[1], "", "", "") for line in answer.stdout.splitlines()]


def _row(what: str, values: Sequence[float], bar: str, form: str = "{:,.1f}") -> tuple[str, str, str, str, str]:
    return (what, *(form.format(pick(values)) for pick in (statistics.median, min, max)), bar)


def _quantile(seconds: Sequence[float], q: float) -> float:
    ordered = sorted(seconds)
    return 1_000 * ordered[min(len(ordered) - 1, int(q * len(ordered)))]


if __name__ == "__main__":
    main()
