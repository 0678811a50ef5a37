"""Ingest: spans acknowledged after commit per second, how long an acknowledgement takes, bytes per span, memory.

Bars: at least 80,000 spans/s from 4 senders with bodies of about 1,000 GenAI-sized spans and every view on;
acknowledgement p50 at most 100 ms when idle, p99 at most 500 ms at half the full rate.
"""

from __future__ import annotations

import argparse
import http.client
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import urlsplit

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from rich.console import Console
from rich.table import Table

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
import payloads
import senders
import serving
from senders import Load

_SPANS = senders.SPANS
_DISTINCT_BODIES = 200


def main() -> None:
    """Run and print."""
    options = _options()
    with tempfile.TemporaryDirectory(prefix="observatory-ingest-") as temporary:
        with serving.running(Path(temporary) / "rate") as server:
            rows = _measure(server, options)
        rows += _disk(Path(temporary) / "disk")
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
    return parser.parse_args()


def _measure(server: serving.Server, options: argparse.Namespace) -> list[tuple[str, str, str, str, str]]:
    rates, full, idle, half, controls, memory = [], [], [], [], [], []
    senders.send(server, Load(options.senders, options.at_once, 4))  # warm up
    for _ in range(options.runs):
        controls.append(_control())
        idle.append(senders.send(server, Load(1, 1, options.seconds / 2, bodies_per_s=2)))
        latencies = senders.send(server, Load(options.senders, options.at_once, options.seconds))
        rates.append(len(latencies) * _SPANS / options.seconds)
        full.append(latencies)
        pace = rates[-1] / _SPANS / 2
        half.append(senders.send(server, Load(options.senders, options.at_once, options.seconds, bodies_per_s=pace)))
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


def _control() -> float:
    """A fixed piece of work: how fast this core parses spans right now."""
    data = payloads.body(_SPANS, random.Random(0))
    started = time.perf_counter()
    for _ in range(100):
        ExportTraceServiceRequest.FromString(data)
    return 100 * _SPANS / (time.perf_counter() - started)


def _disk(folder: Path) -> list[tuple[str, str, str, str, str]]:
    """Bytes per span over all tables, after merges, of spans of which no two are alike."""
    chance = random.Random(1)
    with serving.running(folder) as server:
        otlp = urlsplit(server.otlp_http)
        door = http.client.HTTPConnection(str(otlp.hostname), otlp.port)
        headers = {"Authorization": f"Bearer {server.token}", "Content-Type": "application/x-protobuf"}
        for _ in range(_DISTINCT_BODIES):
            door.request("POST", "/v1/traces", payloads.body(_SPANS, chance), headers)
            answer = door.getresponse()
            if answer.status != 200 or answer.read():
                raise RuntimeError(f"the door answered {answer.status}")
    # Asked of the store itself, once the server has let go of it.
    script = Path(__file__).with_name("disk.py")
    answer_text = subprocess.run([sys.executable, str(script), str(folder)], check=True, capture_output=True, text=True)
    lines = [line.split("\t") for line in answer_text.stdout.splitlines()]
    return [(f"bytes per span, {what}", size, "", "", "") for what, size in lines]


def _row(what: str, values: Sequence[float], bar: str, form: str = "{:,.1f}") -> tuple[str, str, str, str, str]:
    return what, form.format(statistics.median(values)), form.format(min(values)), form.format(max(values)), bar


def _quantile(seconds: Sequence[float], q: float) -> float:
    ordered = sorted(seconds)
    return 1_000 * ordered[min(len(ordered) - 1, int(q * len(ordered)))]


if __name__ == "__main__":
    main()
