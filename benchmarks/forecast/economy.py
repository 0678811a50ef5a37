"""What a universe spends hour by hour: its backfill, into a receiver that keeps nothing but the money."""

from __future__ import annotations

import gzip
import json
import subprocess
import sys
import threading
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import KeyValue

from observatory.costs import Book, Tokens

# Dollars of each hour since the first, by scope: `all`, `category=ai`, `provider=openai`, ...
Economy = Mapping[str, list[float]]
_HOUR_NS = 3_600_000_000_000
_CACHE = ("gen_ai.usage.cache_read.input_tokens", "gen_ai.usage.cache_write.input_tokens")


def lived(folder: Path, days: int, seed: int, faults: str) -> Economy:
    """The hours of `days` past days, from the folder if they were lived through before."""
    kept = folder / f"economy-{days}-{seed}-{faults}.json"
    if not kept.exists():
        folder.mkdir(parents=True, exist_ok=True)
        with _receiving() as till:
            _backfill(till.address, folder, days, seed, faults)
        kept.write_text(json.dumps(till.hours()), encoding="utf-8")
    found: Economy = json.loads(kept.read_text(encoding="utf-8"))
    return found


class _Till:
    """Takes OTLP and adds up what was spent."""

    def __init__(self) -> None:
        self.address = ""
        self._book = Book()
        self._sums: dict[tuple[str, int], Decimal] = {}
        self._lock = threading.Lock()

    def take(self, path: str, body: bytes) -> None:
        """Add up one body."""
        spent = list(_spans(self._book, body) if path.endswith("traces") else _charges(body) if "logs" in path else ())
        with self._lock:
            for at_ns, usd, scopes in spent:
                for scope in scopes:
                    place = (scope, at_ns // _HOUR_NS)
                    self._sums[place] = self._sums.get(place, Decimal(0)) + usd

    def hours(self) -> Economy:
        """Whole hours only: the first and the last are cut off."""
        first, last = (end(hour for _, hour in self._sums) for end in (min, max))
        scopes = sorted({scope for scope, _ in self._sums})
        nothing = Decimal(0)
        return {
            scope: [float(self._sums.get((scope, hour), nothing)) for hour in range(first + 1, last)]
            for scope in scopes
        }


def _spans(book: Book, body: bytes) -> Iterator[tuple[int, Decimal, list[str]]]:
    for group in ExportTraceServiceRequest.FromString(body).resource_spans:
        for span in (span for scope in group.scope_spans for span in scope.spans):
            said = _said(span.attributes)
            model = said.get("gen_ai.response.model")
            if model is None or "gen_ai.usage.input_tokens" not in said:
                continue
            read, written = (int(said.get(name, 0)) for name in _CACHE)
            given, answered = (int(said.get(f"gen_ai.usage.{kind}_tokens", 0)) for kind in ("input", "output"))
            provider = said.get("gen_ai.provider.name", "")
            at = datetime.fromtimestamp(span.end_time_unix_nano / 1e9, UTC)
            priced = book.price(provider, model, Tokens(given, answered, read, written), at)
            if priced is not None:
                yield span.end_time_unix_nano, priced.usd, _scopes("ai", provider, said)


def _charges(body: bytes) -> Iterator[tuple[int, Decimal, list[str]]]:
    for group in ExportLogsServiceRequest.FromString(body).resource_logs:
        for record in (record for scope in group.scope_logs for record in scope.log_records):
            if record.event_name == "cost.charge":
                said = _said(record.attributes)
                usd = Decimal(str(said["cost.amount_usd"]))
                yield record.time_unix_nano, usd, _scopes(said["cost.category"], said["cost.provider"], said)


def _scopes(category: str, provider: str, said: Mapping[str, Any]) -> list[str]:
    feature = said.get("observatory.feature", "")
    return ["all", f"category={category}", f"provider={provider}", *([f"feature={feature}"] if feature else [])]


def _said(attributes: Iterable[KeyValue]) -> dict[str, Any]:
    return {each.key: getattr(each.value, each.value.WhichOneof("value") or "string_value") for each in attributes}


@contextmanager
def _receiving() -> Iterator[_Till]:
    till = _Till()

    class Door(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            till.take(self.path, gzip.decompress(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            return None

    http = ThreadingHTTPServer(("127.0.0.1", 0), Door)
    till.address = f"http://127.0.0.1:{http.server_address[1]}"
    thread = threading.Thread(target=http.serve_forever, daemon=True)
    thread.start()
    try:
        yield till
    finally:
        http.shutdown()
        thread.join()
        http.server_close()


def _backfill(address: str, folder: Path, days: int, seed: int, faults: str) -> None:
    # The same days each time: a history that ended "now" would start at another hour of the week in each run.
    until = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0) - timedelta(days=1)
    command = [sys.executable, "-m", "observatory_universe", "backfill", "--days", str(days), "--endpoint", address]
    command += ["--seed", str(seed), "--faults", faults, "--token-env", "", "--until", until.isoformat()]
    command += ["--truth", str(folder / f"truth-{days}-{seed}-{faults}.jsonl")]
    subprocess.run(command, check=True)
