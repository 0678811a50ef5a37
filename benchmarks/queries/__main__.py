"""Every GET endpoint of the monitoring API at 1 M and 50 M stored model calls, with facts of all areas: p50 and p95.

Bars: a deep dive's p95 at most 200 ms at the larger store; a summary of the models over 5 minutes and over everything
at most 50 and 200 ms at the smaller one; p95 of the 65 services over 5 minutes and 24 hours at most 20 and 250 ms.

Each call looks at another window, so that no answer is found ready; "once more" asks the same again at once, as the
second one to look at a page does. The two servers are asked in turn. Stores are those of benchmarks/health, filled when
they are not there.
"""

from __future__ import annotations

import argparse
import contextlib
import http.client
import json
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import parse_qsl, quote, urlencode, urlsplit

from rich.console import Console
from rich.table import Table

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
import serving

from observatory import areas
from observatory.areas import deepdive

_BASE = "/api/v1/monitoring"
_FILL = Path(__file__).resolve().parents[1] / "health" / "fill.py"
_MOVE_S = 7
_LEAST_CALLS = 3
# What a path or a query needs to be answered at all; a route that needs something else is named and left out.
_NEEDED = {
    "service_id": "trade_execution_service",
    "user_id": "u-7",
    "indicator": "ai_systems.latency_p95",
}
_OF_ROUNDS = {"system-health", "services", f"services/{_NEEDED['service_id']}", "topology"}
_DEEP = {path.path for area in areas.load() for path in deepdive.load(area)}
# Of the bars of the design, what is asked and at most how many milliseconds.
_BARS = {
    "AI summary, 5 min": ("ai-systems?section=models&window=5m", 50),
    "AI summary, all": ("ai-systems?section=models&window=24h", 200),
    "p95 of 65 services, 5 min": ("services?limit=100", 20),
    "p95 of 65 services, 24 h": ("series?indicator=services.p95&member=*&window=24h&step=1h", 250),
}


@dataclass(slots=True)
class Case:
    """One endpoint with one range, and what each store took: milliseconds of first calls, and of the same once more."""

    name: str
    path: str
    query: Mapping[str, str]
    moves: bool
    first: list[list[float]] = field(default_factory=list)
    again: list[list[float]] = field(default_factory=list)
    status: int = 200


def main() -> None:
    """Fill what is not filled, ask and print."""
    options = _options()
    folders = [_filled(Path(options.folder) / f"spans-{spans}", spans) for spans in options.spans]
    newest = [json.loads((folder / "filled").read_text(encoding="ascii"))["newest"] for folder in folders]
    console = Console(width=140)
    with contextlib.ExitStack() as stack:
        knobs = {"RETAIN_RAW_DAYS": 60}
        servers = [stack.enter_context(serving.running(folder, knobs)) for folder in folders]
        console.print(f"{options.settle:.0f} s for the first rounds and for what the start left to do")
        time.sleep(options.settle)
        cases = [case for case in _cases(servers[0], console) if options.only in case.name]
        for case in cases:
            _ask_in_turn(case, servers, newest, options.calls, options.most_s)
            _print_line(case)
    console.print(_table("first call", cases, options.spans))
    _print_bars(console, cases, options.spans)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--spans", type=int, nargs="+", default=[1_000_000, 50_000_000])
    parser.add_argument("--calls", type=int, default=20, help="calls of each endpoint, range and store")
    parser.add_argument("--most-s", type=float, default=10.0, help="seconds after which a slow case has enough calls")
    parser.add_argument("--settle", type=float, default=30.0, help="seconds between the start and the first call")
    parser.add_argument("--only", default="", help="cases whose name holds this")
    parser.add_argument("--folder", default="var/benchmarks/health")
    return parser.parse_args()


def _filled(folder: Path, spans: int) -> Path:
    if not (folder / "filled").exists():
        folder.mkdir(parents=True, exist_ok=True)
        print(f"filling {folder} with {spans:,} model calls")
        subprocess.run([sys.executable, str(_FILL), str(folder), str(spans)], check=True)
    return folder


def _cases(server: serving.Server, console: Console) -> Iterator[Case]:
    """Each GET endpoint as the server's own OpenAPI lists it, then the bars of the design."""
    described = json.loads(_get(server, "/openapi.json")[2])
    for path, methods in described["paths"].items():
        if "get" not in methods or not path.startswith(_BASE):
            continue
        parameters = methods["get"].get("parameters", [])
        names = {each["name"] for each in parameters}
        needed = [each["name"] for each in parameters if each.get("required")]
        if missing := [name for name in needed if name not in _NEEDED]:
            console.print(f"left out: {path}, which needs {', '.join(missing)}")
            continue
        if "application/json" not in methods["get"]["responses"]["200"].get("content", {}):
            console.print(f"left out: {path}, which is a stream or a download")
            continue
        filled = path.removeprefix(f"{_BASE}/")
        for name in needed:
            filled = filled.replace(f"{{{name}}}", quote(_NEEDED[name]))
        query = {name: _NEEDED[name] for name in needed if f"{{{name}}}" not in path}
        for window in ("", "5m", "24h") if "window" in names and filled not in _OF_ROUNDS else ("",):
            ranged = query | ({"window": window} if window else {})
            # What has no range answers from the newest round; of a moment before the server ran no round is kept.
            moves = {"as_of", "window"} <= names and filled not in _OF_ROUNDS
            yield Case(f"{path.removeprefix(f'{_BASE}/')} {window}".strip(), filled, ranged, moves)
    for name, (asked, _) in _BARS.items():
        bare, _, rest = asked.partition("?")
        yield Case(name, bare, dict(parse_qsl(rest)), bare != "services")


def _ask_in_turn(
    case: Case, servers: Sequence[serving.Server], newest: Sequence[int], calls: int, most_s: float
) -> None:
    case.first, case.again = [[] for _ in servers], [[] for _ in servers]
    end = time.monotonic() + most_s
    for number in range(calls + 1):
        if number > _LEAST_CALLS and time.monotonic() > end:
            break
        for place, server in enumerate(servers):
            query = dict(case.query)
            if case.moves:
                at = datetime.fromtimestamp(newest[place] / 1e9, UTC) - timedelta(seconds=20 + _MOVE_S * number)
                query["as_of"] = at.isoformat().replace("+00:00", "Z")
            for found in (case.first, case.again):
                milliseconds, status, _ = _get(server, f"{_BASE}/{case.path}?{urlencode(query)}")
                case.status = status if status != 200 else case.status
                # The first call of all plans for the first time, and reads from the disk.
                if number:
                    found[place].append(milliseconds)


def _get(server: serving.Server, path: str) -> tuple[float, int, bytes]:
    url = urlsplit(server.url)
    door = http.client.HTTPConnection(str(url.hostname), url.port, timeout=60)
    try:
        started = time.perf_counter()
        door.request("GET", path, headers={"Authorization": f"Bearer {server.token}"})
        answer = door.getresponse()
        body = answer.read()
        return 1_000 * (time.perf_counter() - started), answer.status, body
    finally:
        door.close()


def _p95(milliseconds: Sequence[float]) -> float:
    ordered = sorted(milliseconds)
    return ordered[min(len(ordered) - 1, round(0.95 * len(ordered)))]


def _print_line(case: Case) -> None:
    figures = "  ".join(f"{statistics.median(each):7.1f} {_p95(each):7.1f}" for each in case.first)
    print(f"  {case.name:40} {figures}" + ("" if case.status == 200 else f"  answered {case.status}"), flush=True)


def _table(title: str, cases: Sequence[Case], spans: Sequence[int]) -> Table:
    table = Table(title=f"GET {_BASE}/…, {title}, ms")
    table.add_column("endpoint and range")
    for count in spans:
        table.add_column(f"p50, {count // 1_000_000} M", justify="right")
        table.add_column("p95", justify="right")
    for heading in ("ratio of p50", "once more, p50", "p95 ≤ 200 ms"):
        table.add_column(heading, justify="right")
    for case in cases:
        figures = [f"{each:.1f}" for found in case.first for each in (statistics.median(found), _p95(found))]
        ratio = statistics.median(case.first[-1]) / statistics.median(case.first[0])
        bar = ("met" if _p95(case.first[-1]) <= 200 else "MISSED") if case.path in _DEEP else ""
        name = case.name if case.status == 200 else f"{case.name} ({case.status})"
        table.add_row(name, *figures, f"{ratio:.2f}", f"{statistics.median(case.again[-1]):.1f}", bar)
    return table


def _print_bars(console: Console, cases: Sequence[Case], spans: Sequence[int]) -> None:
    by_name = {case.name: case for case in cases}
    for name, (asked, most_ms) in _BARS.items():
        if name in by_name:
            measured = statistics.median(by_name[name].first[0])
            console.print(f"{name} at {spans[0]:,}: {measured:.1f} ms (bar ≤ {most_ms} ms), {_BASE}/{asked}")


if __name__ == "__main__":
    main()
