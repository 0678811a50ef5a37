"""How long the seven questions take, on a server that watches the universe with two things gone wrong.

Bars: 1 s for health, 30 s for why something is slow, 5 s for what a user costs. `answer` is asked of the running server
from a process that is up; `command` is `observatory ask` as a whole, from the start of Python to its end.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
from rich.console import Console
from rich.table import Table

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
import serving

from observatory.cli import answers, ask, questions
from observatory.clock import Clock

_BASE = "/api/v1/monitoring"
_BARS_S = {"health": 1.0, "slow": 30.0, "user": 5.0}
_START_S = 240


def main() -> None:
    """Run and print."""
    options = _options()
    folder = Path(options.folder).absolute()
    folder.mkdir(parents=True, exist_ok=True)
    with serving.running(folder / "data") as server, _universe(folder, server) as universe_url:
        _ready(server)
        _budget(server, (folder / "data" / "admin.token").read_text(encoding="utf-8"))
        time.sleep(options.calm_s)
        for kind, target, grade in (("exchange_rejects", "binance", 1), ("ai_provider_slow", "openai", 15)):
            httpx.post(f"{universe_url}/faults", json={"kind": kind, "target": target, "grade": grade}, timeout=30)
        time.sleep(options.faults_s)
        _print([_timed(server, folder / "data", each, options.times) for each in _asked()])


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", default="var/benchmarks/journeys")
    parser.add_argument("--calm-s", type=float, default=600.0, help="before anything goes wrong")
    parser.add_argument("--faults-s", type=float, default=240.0, help="from then to the first question")
    parser.add_argument("--times", type=int, default=10, help="how often each question is asked")
    return parser.parse_args()


@contextmanager
def _universe(folder: Path, server: serving.Server) -> Iterator[str]:
    announced = folder / "universe.json"
    announced.unlink(missing_ok=True)
    command = [sys.executable, "-m", "observatory_universe", "run", "--endpoint", server.otlp_http]
    command += ["--announce", str(announced), "--truth", str(folder / "truth.jsonl")]
    process = subprocess.Popen(command, env=os.environ | {"OBSERVATORY_TOKEN": server.token})
    try:
        until = time.monotonic() + _START_S
        while not announced.exists() and time.monotonic() < until:
            time.sleep(0.2)
        yield str(json.loads(announced.read_text(encoding="utf-8"))["universe_url"])
    finally:
        process.terminate()
        process.wait(60)


def _ready(server: serving.Server) -> None:
    until = time.monotonic() + _START_S
    while httpx.get(f"{server.url}{_BASE}/system-health", headers=_headers(server), timeout=30).status_code != 200:
        assert time.monotonic() < until, "no round ended"
        time.sleep(0.5)


def _budget(server: serving.Server, admin: str) -> None:
    terms = {"name": "AI", "scope": "category", "value": "ai", "period": "month", "amount_usd": "1000"}
    headers = {"Authorization": f"Bearer {admin}"}
    httpx.post(f"{server.url}{_BASE}/costs/budgets", json=terms, headers=headers, timeout=30).raise_for_status()


def _headers(server: serving.Server) -> dict[str, str]:
    return {"Authorization": f"Bearer {server.token}"}


def _asked() -> list[tuple[str, list[str]]]:
    found = [(each.id, [each.ask]) for each in questions.wording().questions]
    return [(name, [*words, "--window", "1h"] if name == "incident" else words) for name, words in found]


def _timed(
    server: serving.Server, folder: Path, asked: tuple[str, list[str]], times: int
) -> tuple[str, str, list[float], list[float]]:
    name, words = asked
    inside, whole, first = [], [], ""
    with ask.Server(server.url, server.token) as client:
        for _ in range(times):
            began = time.monotonic()
            heard = questions.recognise(words[0], client.names(""))
            window = words[2] if len(words) > 1 else ""
            look = ask.Look(client, "", window, heard.names, words[0].lower(), Clock().now())
            told = answers.ANSWERS[name](ask.PLANS[name](look).answers, Clock().now())
            inside.append(time.monotonic() - began)
            first = told.lines[0]
    for _ in range(max(3, times // 3)):
        began = time.monotonic()
        environment = os.environ | {"OBSERVATORY_DATA_DIR": str(folder)}
        subprocess.run(
            [sys.executable, "-m", "observatory.cli", "ask", *words], env=environment, capture_output=True, check=False
        )
        whole.append(time.monotonic() - began)
    return name, first, inside, whole


def _print(rows: list[tuple[str, str, list[float], list[float]]]) -> None:
    table = Table("question", "answer p50", "max", "bar", "command p50", "first line")
    for name, first, inside, whole in rows:
        bar = f"{_BARS_S[name]:g} s" if name in _BARS_S else ""
        table.add_row(
            name,
            f"{statistics.median(inside):.2f} s",
            f"{max(inside):.2f} s",
            bar,
            f"{statistics.median(whole):.2f} s",
            first[:90],
        )
    Console(width=200).print(table)


if __name__ == "__main__":
    main()
