"""From a fault to the webhook: time from before the first bad export until a webhook has the alert, p50 and p95.

Bars, on a rule without `for`: at the tightest settings p50 at most 0.5 s and p95 at most 1 s; at the default settings
p95 at most 5 s. The server runs as a process of its own and takes healthy telemetry in meanwhile. Each fault is an
environment of its own, so that it is a new alert and a new incident, and its message waits for company no longer than
`group_wait_s`.
"""

from __future__ import annotations

import argparse
import contextlib
import http.client
import json
import random
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from rich.console import Console
from rich.table import Table

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
import payloads
import serving
from alert_latency import faults

_SETTINGS: Mapping[str, Mapping[str, Any]] = {
    "default": {},
    "tightest": {
        "FAST_S": 0.05,
        "FAST_SHARE": 1.0,
        "LOGS_LINGER_MS": 0,
        "METRICS_LINGER_MS": 0,
        "GROUP_WAIT_S": 0,
        "GROUP_INTERVAL_S": 0,
    },
}
_PATIENCE_S = 30.0
_SEND_EVERY_S = 0.5
_SPANS = 50


@dataclass(slots=True)
class Receiver:
    """A webhook: when which body came."""

    came: list[tuple[float, str]] = field(default_factory=list)
    arrived: threading.Condition = field(default_factory=threading.Condition)

    def take(self, body: bytes) -> None:
        """One message."""
        with self.arrived:
            self.came.append((time.monotonic(), body.decode()))
            self.arrived.notify_all()

    def wait(self, named: str) -> float | None:
        """When the first message came that names an environment; None when none does in time."""
        until = time.monotonic() + _PATIENCE_S
        with self.arrived:
            while (left := until - time.monotonic()) > 0:
                found = next((at for at, body in self.came if f'"{named}"' in body), None)
                if found is not None:
                    return found
                self.arrived.wait(left)
        return None


@dataclass(frozen=True, slots=True)
class Timed:
    """One fault, in seconds from before the first bad export; None: nothing came in time."""

    acknowledged: float
    judged: float | None
    told: float | None


def main() -> None:
    """Run every setting and print."""
    options = _options()
    found: dict[tuple[str, str], list[Timed]] = {}
    control: list[float] = []
    for turn in range(options.runs):
        for name in options.settings:
            control.append(_control())
            with tempfile.TemporaryDirectory() as folder:
                for kind, timed in _run(Path(folder), _SETTINGS[name], options.faults, turn).items():
                    found.setdefault((name, kind), []).extend(timed)
    _print(found, control)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--settings", nargs="+", choices=list(_SETTINGS), default=list(_SETTINGS))
    parser.add_argument("--faults", type=int, default=14, help="of each kind in one run; all are environments of it")
    parser.add_argument("--runs", type=int, default=3, help="servers started for each setting, in turn")
    return parser.parse_args()


def _run(folder: Path, settings: Mapping[str, Any], count: int, turn: int) -> Mapping[str, list[Timed]]:
    found: dict[str, list[Timed]] = {kind: [] for kind in faults.KINDS}
    chance = random.Random(turn)
    with _receiving() as (receiver, port):
        channels = folder / "channels.yaml"
        channels.write_text(
            json.dumps(
                {
                    "channels": [
                        {
                            "id": "hook",
                            "kind": "webhook",
                            "url": f"http://127.0.0.1:{port}/",
                            "severities": ["critical"],
                            "per_minute": 10_000,
                        }
                    ]
                }
            ),
            encoding="utf-8",
        )
        knobs = {"CHANNELS_FILE": channels, "CHANNEL_NETWORKS": "127.0.0.1", "ENVIRONMENTS": 2 * count + 4, **settings}
        with serving.running(folder / "data", knobs) as server, _healthy(server):
            _warm(server)
            for place in range(count):
                for kind in faults.KINDS:
                    found[kind].append(_one(server, receiver, kind, f"{kind}-{turn}-{place}"))
                    # Not in step with the rounds.
                    time.sleep(chance.uniform(0.5, 2.5))
    return found


def _one(server: serving.Server, receiver: Receiver, kind: str, environment: str) -> Timed:
    path, body = faults.body(kind, environment)
    wall, started = time.time(), time.monotonic()
    _post(server, path, body)
    acknowledged = time.monotonic() - started
    came = receiver.wait(environment)
    fired = _fired_at(server, environment)
    return Timed(acknowledged, None if fired is None else fired - wall, None if came is None else came - started)


def _fired_at(server: serving.Server, environment: str) -> float | None:
    items = _get(server, f"/api/v1/monitoring/alerts?environment={environment}&severity=critical")["items"]
    times = [datetime.fromisoformat(each["fired_at"]).timestamp() for each in items if each["fired_at"]]
    return min(times, default=None)


def _warm(server: serving.Server) -> None:
    """Wait until rounds go on and a look after a commit has found something."""
    for path, body in (faults.body(kind, "warm") for kind in faults.KINDS):
        _post(server, path, body)
    until = time.monotonic() + 60
    while not _get(server, "/api/v1/monitoring/alerts?environment=warm&severity=critical")["items"]:
        if time.monotonic() > until:
            raise RuntimeError("no alert came within a minute")
        time.sleep(0.2)
    time.sleep(10)


@contextlib.contextmanager
def _healthy(server: serving.Server) -> Iterator[None]:
    """Healthy telemetry until the end, from a thread."""
    stop = threading.Event()

    def send() -> None:
        chance = random.Random(7)
        bodies = [payloads.body(_SPANS, chance) for _ in range(8)]
        while not stop.wait(_SEND_EVERY_S):
            _post(server, "/v1/traces", payloads.unique(chance.choice(bodies), chance))

    sender = threading.Thread(target=send, daemon=True)
    sender.start()
    try:
        yield
    finally:
        stop.set()
        sender.join()


@contextlib.contextmanager
def _receiving() -> Iterator[tuple[Receiver, int]]:
    receiver = Receiver()

    class Hook(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            receiver.take(self.rfile.read(int(self.headers["Content-Length"])))
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Hook)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield receiver, server.server_address[1]
    finally:
        server.shutdown()
        server.server_close()


def _post(server: serving.Server, path: str, body: bytes) -> None:
    url = urlsplit(server.otlp_http)
    door = http.client.HTTPConnection(str(url.hostname), url.port, timeout=60)
    headers = {"Authorization": f"Bearer {server.token}", "Content-Type": "application/x-protobuf"}
    door.request("POST", path, body, headers)
    answer = door.getresponse()
    answer.read()
    door.close()
    if answer.status != 200:
        raise RuntimeError(f"the door answered {answer.status}")


def _get(server: serving.Server, path: str) -> Any:
    url = urlsplit(server.url)
    pages = http.client.HTTPConnection(str(url.hostname), url.port, timeout=60)
    pages.request("GET", path, headers={"Authorization": f"Bearer {server.token}"})
    answer = pages.getresponse()
    body = answer.read()
    pages.close()
    if answer.status != 200:
        raise RuntimeError(f"{path} answered {answer.status}")
    return json.loads(body)


def _control() -> float:
    """Seconds for a fixed piece of work."""
    started = time.perf_counter()
    sum(place * place for place in range(2_000_000))
    return time.perf_counter() - started


def _print(found: Mapping[tuple[str, str], Sequence[Timed]], control: Sequence[float]) -> None:
    table = Table(title="fault to webhook, seconds")
    for name in (
        "settings",
        "fault",
        "faults",
        "missed",
        "stored p50",
        "judged p50",
        "told p50",
        "told p95",
        "longest",
    ):
        table.add_column(name, justify="left" if name in ("settings", "fault") else "right")
    for (name, kind), timed in found.items():
        told = sorted(each.told for each in timed if each.told is not None)
        judged = [each.judged for each in timed if each.judged is not None]
        table.add_row(
            name,
            kind,
            str(len(timed)),
            str(len(timed) - len(told)),
            _middle([each.acknowledged for each in timed]),
            _middle(judged),
            _middle(told),
            _text(told[min(len(told) - 1, int(len(told) * 0.95))]) if told else "—",
            _text(told[-1]) if told else "—",
        )
    console = Console(width=120)
    console.print(table)
    console.print(f"control: {statistics.median(control) * 1_000:.0f} ms (longest {max(control) * 1_000:.0f})")


def _middle(values: Sequence[float]) -> str:
    return _text(statistics.median(values)) if values else "—"


def _text(value: float) -> str:
    return f"{value:.3f}"


if __name__ == "__main__":
    main()
