"""Senders of ready-made bodies: processes with several requests under way each, on the same machine as the server."""

from __future__ import annotations

import asyncio
import multiprocessing
import random
import time
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

import payloads
import serving

SPANS = 1_000
_BODIES = 40


@dataclass(frozen=True, slots=True)
class Load:
    """How bodies are sent: by how many processes, how many at once each, and how fast (None: as fast as answered)."""

    senders: int
    at_once: int
    seconds: float
    bodies_per_s: float | None = None


def send(server: serving.Server, load: Load) -> list[float]:
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
    bodies = [payloads.body(SPANS, chance) for _ in range(_BODIES)]
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
