"""system-health while the server ticks and takes telemetry in: p50 and p99 at 1 M and at 50 M stored spans.

Bars: p99 at most 20 ms; the larger store at most 1.2 times the smaller. The two servers are asked in turn, so that a
slow episode of the machine meets both. Stores are filled once, by SQL, and kept below var/benchmarks.
"""

from __future__ import annotations

import argparse
import contextlib
import http.client
import json
import random
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import urlsplit

from rich.console import Console
from rich.table import Table

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
import payloads
import serving

_PATH = "/api/v1/monitoring/system-health"
_ASK_EVERY_S = 0.02
_SEND_EVERY_S = 0.5
_SPANS_PER_BODY = 200


def main() -> None:
    """Fill what is not filled, run and print."""
    options = _options()
    folders = [_filled(Path(options.folder) / f"spans-{spans}", spans) for spans in options.spans]
    asked: list[list[float]] = [[] for _ in folders]
    memory: list[float] = []
    with contextlib.ExitStack() as stack:
        knobs = {"RETAIN_RAW_DAYS": 60}
        servers = [stack.enter_context(serving.running(folder, knobs)) for folder in folders]
        for server in servers:
            _turn(server, 10.0)  # warm up: the first rounds of the tick
        for _ in range(options.rounds):
            for server, seconds in zip(servers, asked, strict=True):
                seconds += _turn(server, options.seconds)
        memory = [server.resident_bytes / 1e6 for server in servers]
    _print(options.spans, asked, memory)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--spans", type=int, nargs="+", default=[1_000_000, 50_000_000])
    parser.add_argument("--rounds", type=int, default=6, help="turns of each server")
    parser.add_argument("--seconds", type=float, default=10.0, help="length of one turn")
    parser.add_argument("--folder", default="var/benchmarks/health")
    return parser.parse_args()


def _filled(folder: Path, spans: int) -> Path:
    mark = folder / "filled"
    if not mark.exists():
        folder.mkdir(parents=True, exist_ok=True)
        print(f"filling {folder} with {spans:,} spans")
        script = Path(__file__).with_name("fill.py")
        subprocess.run([sys.executable, str(script), str(folder), str(spans)], check=True)
        mark.write_text(str(spans), encoding="ascii")
    return folder


def _turn(server: serving.Server, seconds: float) -> list[float]:
    """Times of answers in seconds, asked 50 times a second over one connection, while another sends bodies."""
    url = urlsplit(server.url)
    pages = http.client.HTTPConnection(str(url.hostname), url.port)
    answers: list[float] = []
    end = time.monotonic() + seconds
    sending = threading.Thread(target=_send_until, args=(server, end))
    sending.start()
    while time.monotonic() < end:
        started = time.perf_counter()
        _ask(pages, server.token)
        answers.append(time.perf_counter() - started)
        time.sleep(_ASK_EVERY_S)
    sending.join()
    return answers


def _send_until(server: serving.Server, end: float) -> None:
    chance = random.Random(time.time_ns())
    otlp = urlsplit(server.otlp_http)
    door = http.client.HTTPConnection(str(otlp.hostname), otlp.port)
    # Made beforehand: the sender shares its interpreter with the one who asks and must not hold it up.
    bodies = [payloads.body(_SPANS_PER_BODY, chance) for _ in range(8)]
    while time.monotonic() < end:
        _send(door, server.token, payloads.unique(chance.choice(bodies), chance))
        time.sleep(_SEND_EVERY_S)


def _ask(connection: http.client.HTTPConnection, token: str) -> None:
    connection.request("GET", _PATH, headers={"Authorization": f"Bearer {token}"})
    answer = connection.getresponse()
    body = json.loads(answer.read())
    if answer.status != 200 or len(body["services"]) != 10:
        raise RuntimeError(f"system-health answered {answer.status}")


def _send(connection: http.client.HTTPConnection, token: str, body: bytes) -> None:
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/x-protobuf"}
    connection.request("POST", "/v1/traces", body, headers)
    answer = connection.getresponse()
    answer.read()
    if answer.status != 200:
        raise RuntimeError(f"the door answered {answer.status}")


def _print(spans: Sequence[int], asked: Sequence[Sequence[float]], memory: Sequence[float]) -> None:
    table = Table(title="system-health, asked while the server ticks and takes telemetry in")
    for heading in ("spans stored", "answers", "p50 ms", "p99 ms", "max ms", "resident MB"):
        table.add_column(heading, justify="right")
    for count, seconds, megabytes in zip(spans, asked, memory, strict=True):
        ordered = sorted(1_000 * each for each in seconds)
        p99 = ordered[int(0.99 * len(ordered))]
        figures = [statistics.median(ordered), p99, ordered[-1]]
        table.add_row(f"{count:,}", f"{len(ordered):,}", *(f"{each:.2f}" for each in figures), f"{megabytes:,.0f}")
    console = Console(width=120)
    console.print(table)
    for name, q in (("p50", 0.5), ("p99", 0.99)):
        first, last = (sorted(each)[int(q * len(each))] for each in (asked[0], asked[-1]))
        console.print(f"ratio of {name}, last to first: {last / first:.2f} (bar of p99: ≤ 1.2, and p99 ≤ 20 ms)")


if __name__ == "__main__":
    main()
