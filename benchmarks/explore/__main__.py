"""The explorer at 1 M and 50 M stored model calls: look-ups by each id, lists by service, one trace, p50 and p95.

Bar: p95 of each indexed look-up at most 500 ms at the larger store: trace id, order, signal, decision and user id,
service and window.

Of the larger store facts go back as far as it does, spans as far as their retention when it was last open.

Each call asks for another id or another window, drawn over all that is stored, so that no answer is found ready. Ids
are those that fill.py of benchmarks/health makes. Stores that are not there are filled; one of an earlier version gets
its index at the start, which takes minutes at the larger one.
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
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit

from rich.console import Console
from rich.table import Table

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
import serving

_BASE = "/api/v1/monitoring"
_FILL = Path(__file__).resolve().parents[1] / "health" / "fill.py"
_SPANS_PER_DAY = 1_600_000
_BAR_MS = 500
_USERS = 2_000
_MOST_RANGE_S = 89 * 86_400
# One further span for each trace of four model calls, and a turn of 108 of those.
_SPANS_PER_TURN = 4 * 108
_SERVICES = ("trade_execution_service", "ai_chat_engine", "risk_calculation_engine", "signal_generation_engine")
Query = Mapping[str, object]


class Draw:
    """Draws what is asked for.

    Args:
        spans: how many model calls the store has.
        newest: time of the newest in ns.
    """

    def __init__(self, spans: int, newest: int) -> None:
        self.spans, self.newest = spans, newest
        self._rolls = random.Random(spans)

    def turn(self) -> int:
        """A turn of the platform."""
        return self._rolls.randrange(1, max(2, self.spans // _SPANS_PER_TURN))

    def whole(self) -> Query:
        """The whole range that is stored."""
        end = datetime.fromtimestamp(self.newest / 1e9, UTC)
        length_s = min(_MOST_RANGE_S, self.spans * 86_400 // _SPANS_PER_DAY + 60)
        return {"from": _text(end - timedelta(seconds=length_s)), "to": _text(end)}

    def hour(self, window: str = "1h") -> Query:
        """An hour of it."""
        back_s = self._rolls.randrange(60, max(61, self.spans * 86_400 // _SPANS_PER_DAY - 3_600))
        return {
            "as_of": _text(datetime.fromtimestamp(self.newest / 1e9, UTC) - timedelta(seconds=back_s)),
            "window": window,
        }

    def id(self, name: str, prefix: str) -> Query:
        """An id of a turn, wherever in the range."""
        return {**self.whole(), name: f"{prefix}-{self.turn()}-0"}

    def user(self) -> Query:
        """A user, wherever in the range."""
        return {**self.whole(), "user": f"u-{self._rolls.randrange(_USERS)}"}

    def service(self) -> Query:
        """A service in an hour."""
        return {**self.hour(), "service": self._rolls.choice(_SERVICES)}


def _text(at: datetime) -> str:
    return at.isoformat().replace("+00:00", "Z")


CASES: dict[str, tuple[str, Callable[[Draw], Query]]] = {
    "traces by order id, whole range": ("traces", lambda draw: draw.id("order", "o")),
    "traces by signal id, whole range": ("traces", lambda draw: draw.id("signal", "sg")),
    "traces by decision id, whole range": ("traces", lambda draw: draw.id("decision", "d")),
    "traces by user id, whole range": ("traces", Draw.user),
    "traces by service, 1 h": ("traces", Draw.service),
    "traces by service, 1 h, slowest": ("traces", lambda draw: {**draw.service(), "sort": "slowest"}),
    "logs by service, 1 h": ("logs", Draw.service),
    "logs by word, 1 h": ("logs", lambda draw: {**draw.hour(), "text": "order"}),
    "log patterns, 1 h": ("logs/patterns", lambda draw: draw.hour()),
    "exceptions, 24 h": ("exceptions", lambda draw: draw.hour("24h")),
    "traces by attribute, 1 h": ("traces", lambda draw: {**draw.hour(), "attribute": "exchange.id=kraken"}),
    "compare, 2 x 1 h": ("traces/compare", Draw.service),
}
_NOT_BARRED = ("logs by word", "log patterns", "exceptions", "traces by attribute", "compare", "slowest")


def main() -> None:
    """Fill what is not filled, ask and print."""
    options = _options()
    folders = [_filled(Path(options.folder) / f"spans-{spans}", spans) for spans in options.spans]
    newest = [json.loads((folder / "filled").read_text(encoding="ascii"))["newest"] for folder in folders]
    draws = [Draw(spans, at) for spans, at in zip(options.spans, newest, strict=True)]
    found: dict[str, list[list[float]]] = {}
    with contextlib.ExitStack() as stack:
        servers = [stack.enter_context(serving.running(folder, {"RETAIN_RAW_DAYS": 60})) for folder in folders]
        time.sleep(options.settle)
        names = [_some_traces(server, draw) for server, draw in zip(servers, draws, strict=True)]
        for name, (path, query) in CASES.items():
            if options.only in name:
                asked = [(server, path, query, draw) for server, draw in zip(servers, draws, strict=True)]
                found[name] = [_times(*each, options.calls) for each in asked]
                print(_line(name, found[name]), flush=True)
        if options.only in "one trace by id":
            found["one trace by id"] = [_of_traces(*each) for each in zip(servers, names, strict=True)]
    _print(found, options.spans)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--spans", type=int, nargs="+", default=[1_000_000, 50_000_000])
    parser.add_argument("--calls", type=int, default=20, help="calls of each case and store")
    parser.add_argument("--settle", type=float, default=20.0, help="seconds between the start and the first call")
    parser.add_argument("--only", default="", help="cases whose name holds this")
    parser.add_argument("--folder", default="var/benchmarks/health")
    return parser.parse_args()


def _filled(folder: Path, spans: int) -> Path:
    if not (folder / "filled").exists():
        folder.mkdir(parents=True, exist_ok=True)
        print(f"filling {folder} with {spans:,} model calls")
        subprocess.run([sys.executable, str(_FILL), str(folder), str(spans)], check=True)
    return folder


def _some_traces(server: serving.Server, draw: Draw) -> Sequence[str]:
    """Ids of traces over the whole range."""
    ids = []
    for _ in range(20):
        _, answer = _get(server, "traces", {**draw.hour(), "limit": 1})
        ids += [each["trace_id"] for each in answer["items"] if each["kept"]]
    return ids


def _times(server: serving.Server, path: str, query: Callable[[Draw], Query], draw: Draw, calls: int) -> list[float]:
    # The first call plans for the first time.
    return [_get(server, path, query(draw))[0] for _ in range(calls + 1)][1:]


def _of_traces(server: serving.Server, ids: Sequence[str]) -> list[float]:
    return [_get(server, f"traces/{trace}", {})[0] for trace in ids]


def _get(server: serving.Server, path: str, query: Query) -> tuple[float, dict[str, Any]]:
    url = urlsplit(server.url)
    connection = http.client.HTTPConnection(str(url.hostname), url.port, timeout=120)
    started = time.perf_counter()
    connection.request("GET", f"{_BASE}/{path}?{urlencode(query)}", headers={"Authorization": f"Bearer {server.token}"})
    answer = connection.getresponse()
    body = answer.read()
    passed = (time.perf_counter() - started) * 1_000
    connection.close()
    if answer.status != 200:
        raise RuntimeError(f"{path} {dict(query)}: {answer.status} {body[:300]!r}")
    return passed, json.loads(body)


def _line(name: str, stores: Sequence[Sequence[float]]) -> str:
    return f"{name}: " + "   ".join(f"p50 {statistics.median(each):.0f}, p95 {_p95(each):.0f} ms" for each in stores)


def _p95(values: Sequence[float]) -> float:
    return sorted(values)[max(0, round(len(values) * 0.95) - 1)]


def _print(found: Mapping[str, Sequence[Sequence[float]]], sizes: Sequence[int]) -> None:
    table = Table(title="the explorer: p50 / p95 in ms")
    for column in ("", *(f"{size:,} model calls" for size in sizes), "bar of p95"):
        table.add_column(column, justify="left" if not column else "right")
    missed = []
    for name, stores in found.items():
        barred = not any(part in name for part in _NOT_BARRED)
        table.add_row(
            name,
            *(f"{statistics.median(each):.0f} / {_p95(each):.0f}" for each in stores),
            f"{_BAR_MS}" if barred else "",
        )
        if barred and _p95(stores[-1]) > _BAR_MS:
            missed.append(name)
    Console(width=120).print(table)
    print("every bar is held" if not missed else f"missed: {', '.join(missed)}")


if __name__ == "__main__":
    main()
