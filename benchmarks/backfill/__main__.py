"""Backfill: how many spans of the past a small universe lives through in a second, into a receiver and into the server.

The bar: 28 days, thinned to 2 million spans, in 10 minutes. The small universe does almost nothing by itself, so what
this prints is the most that the clock, the SDK and the receiver give; a real one has its own work on top.
"""

from __future__ import annotations

import argparse
import asyncio
import gzip
import multiprocessing
import sys
import tempfile
import time
from collections.abc import Sequence
from decimal import Decimal
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from multiprocessing.connection import Connection
from pathlib import Path

import httpx
from rich.console import Console
from rich.table import Table

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
import serving

import observatory_sdk as obs
from observatory_universe.backfill import Backfill, Plan, Stop, Written
from observatory_universe.clock import Clock
from observatory_universe.faults import Faults
from observatory_universe.progress import Bar

_DAY_NS = 86_400_000_000_000
_SERVICES = [f"bench_service_{number:02d}" for number in range(65)]
_SPANS_OF_A_TURN = 6


class Toy:
    """Turns of six spans and one event each, spread evenly over the days, and 60 feeds."""

    service_ids: Sequence[str] = _SERVICES

    def __init__(self, clock: Clock, turns_per_s: float) -> None:
        self._clock = clock
        self._every_s = 1 / turns_per_s
        self._stopped = False
        self._turns: set[asyncio.Task[None]] = set()
        self._feeds = [
            obs.facts.feed(exchange_id="kraken", channel="trades", symbol=f"C{number}/USD", service=_SERVICES[0])
            for number in range(60)
        ]

    async def run(self, seconds: float | None = None) -> None:
        number = 0
        while not self._stopped:
            number += 1
            self._feeds[number % 60].message(event_unix_nano=self._clock.now_ns())
            turn = asyncio.create_task(self._turn(number))
            self._turns.add(turn)
            turn.add_done_callback(self._turns.discard)
            await self._clock.sleep(self._every_s)
        await asyncio.gather(*self._turns)

    def stop(self) -> None:
        self._stopped = True
        self._clock.hurry()

    async def _turn(self, number: int) -> None:
        with obs.feature("autotrade", user_id=f"u-{number % 40:04d}", user_cohort="2025-11", user_plan="pro"):
            async with obs.service("trade_execution_service", "place"):
                await self._clock.sleep(0.02)
                async with obs.service("portfolio_risk_service", "check"):
                    await self._clock.sleep(0.005)
                await self._place(number)
                obs.facts.journal_entry(kind="order")

    async def _place(self, number: int) -> None:
        with obs.facts.order(
            exchange_id="kraken", symbol="ETH/USD", side="buy", type="market", mode="live", fee_usd=Decimal("0.10")
        ) as order:
            for operation in ("create_order", "fetch_order"):
                with obs.facts.exchange_call(exchange_id="kraken", operation=operation):
                    await self._clock.sleep(0.08)
            order.fill(price=2_000 + number % 97, quantity=Decimal("0.1"))
            order.status = "filled"
        async with obs.service("credit_ledger", "debit"):
            await self._clock.sleep(0.003)


def main() -> None:
    """Run and print."""
    options = _options()
    rows = []
    receiver, address = _receiver()
    try:
        rows.append(("receiver that only unpacks", *_run(address, None, options)))
    finally:
        receiver.terminate()
        receiver.join()
    if not options.no_server:
        with (
            tempfile.TemporaryDirectory(prefix="observatory-backfill-") as folder,
            serving.running(Path(folder)) as server,
        ):
            rows.append(("the server", *_run(server.otlp_http, server.token, options)))
            print(_stored(server))
    table = Table(title=f"backfill, {options.days} days, about {options.spans:,} spans")
    for heading in ("into", "spans", "records", "points", "s", "spans/s", "CPU s here", "µs CPU per span"):
        table.add_column(heading)
    for row in rows:
        table.add_row(*row)
    Console(width=140).print(table)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--days", type=int, default=28)
    parser.add_argument("--spans", type=int, default=300_000)
    parser.add_argument("--no-server", action="store_true", help="only the receiver that unpacks")
    return parser.parse_args()


def _run(endpoint: str, token: str | None, options: argparse.Namespace) -> tuple[str, ...]:
    turns_per_s = options.spans / _SPANS_OF_A_TURN / (options.days * 86_400)
    now_ns = time.time_ns()
    with tempfile.TemporaryDirectory() as folder:
        plan = Plan(
            start_ns=now_ns - options.days * _DAY_NS,
            until_ns=now_ns,
            endpoint=endpoint,
            token=token,
            environment="bench",
            seed=7,
            faults=None,
            truth=Path(folder) / "truth.jsonl",
        )

        def make(clock: Clock, faults: Faults, seed: int) -> Toy:
            return Toy(clock, turns_per_s)

        began_s, cpu_s = time.perf_counter(), time.process_time()
        with Bar(plan.start_ns, now_ns) as bar:
            written: Written = Backfill(plan, make, Stop()).write(bar)
        took_s, cpu_s = time.perf_counter() - began_s, time.process_time() - cpu_s
    spans = written.sent["spans"]
    counts = (f"{spans:,}", f"{written.sent['log_records']:,}", f"{written.sent['metric_points']:,}")
    return (*counts, f"{took_s:.1f}", f"{spans / took_s:,.0f}", f"{cpu_s:.1f}", f"{cpu_s / spans * 1e6:.0f}")


def _stored(server: serving.Server) -> str:
    headers = {"Authorization": f"Bearer {server.token}"}
    answer = httpx.get(f"{server.url}/metrics", headers=headers, timeout=30)
    kept = [line for line in answer.text.splitlines() if "rows" in line or "reject" in line]
    return "\n".join(line for line in kept if not line.startswith("#"))


def _receiver() -> tuple[multiprocessing.Process, str]:
    ours, theirs = multiprocessing.Pipe()
    process = multiprocessing.Process(target=_receive, args=(theirs,), daemon=True)
    process.start()
    return process, f"http://127.0.0.1:{ours.recv()}"


def _receive(pipe: Connection) -> None:
    class Door(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            gzip.decompress(self.rfile.read(int(self.headers["Content-Length"])))
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            return None

    http = ThreadingHTTPServer(("127.0.0.1", 0), Door)
    pipe.send(http.server_address[1])
    http.serve_forever()


if __name__ == "__main__":
    main()
