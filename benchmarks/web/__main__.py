"""What the pages weigh, and how long they and a chart take in a browser on loopback.

Bars: at most 500 KB compressed for the first load of `/`, 2 s until it can be used, 16 ms for a chart's update.

The page counts as usable when its navigation stands and no task of over 50 ms was begun for half a second: then the
end of the last such task. Each run is a context of its own, with nothing kept from the run before. A chart's update is
`setOption` and the drawing, of six lines of 360 points each.
"""

from __future__ import annotations

import argparse
import contextlib
import math
import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, BrowserContext, Page, Response, sync_playwright
from rich.console import Console
from rich.table import Table

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
import serving

_ROOT = Path(__file__).resolve().parents[2]
_ASSETS = _ROOT / "server" / "src" / "observatory" / "api" / "web" / "assets"
_ECHARTS = _ROOT / "web" / "node_modules" / "echarts" / "dist" / "echarts.min.js"
_MOST_BYTES, _MOST_S, _MOST_MS = 500_000, 2.0, 16.0

_WATCH = """() => {
    window.paints = []; window.longs = [];
    new PerformanceObserver(list => window.paints.push(...list.getEntries().map(each => each.startTime)))
        .observe({type: "largest-contentful-paint", buffered: true});
    new PerformanceObserver(list => window.longs.push(...list.getEntries().map(each => each.startTime + each.duration)))
        .observe({type: "longtask", buffered: true});
    const seen = new MutationObserver(() => {
        if (!document.querySelector("nav a")) return;
        window.stands = performance.now();
        seen.disconnect();
    });
    seen.observe(document, {childList: true, subtree: true});
}"""
_QUIET = """() => window.stands !== undefined
    && performance.now() - Math.max(window.stands, ...window.longs) > 500"""
_UPDATES = """times => {
    const place = document.createElement("div");
    place.style.width = "900px"; place.style.height = "260px";
    document.body.append(place);
    const chart = echarts.init(place);
    const wave = (line, at) => [1.7e12 + at * 1e4, line + Math.sin(at / 9)];
    const option = shift => ({
        animation: false, legend: {}, tooltip: {trigger: "axis"}, xAxis: {type: "time"}, yAxis: {type: "value"},
        series: [0, 1, 2, 3, 4, 5].map(line => ({
            type: "line", name: `line ${line}`, showSymbol: false, sampling: "lttb",
            data: Array.from({length: 360}, (_, at) => wave(line, at + shift)),
        })),
    });
    const took = [];
    for (let shift = 0; shift < times; shift += 1) {
        const next = option(shift);
        const begun = performance.now();
        chart.setOption(next);
        chart.getZr().flush();
        took.push(performance.now() - begun);
    }
    return took.slice(5);
}"""


def main() -> None:
    """Weigh, load and draw; print."""
    options = _options()
    console = Console(width=120)
    _print_sizes(console)
    control = [_control()]
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        server = stack.enter_context(serving.running(folder))
        playwright = stack.enter_context(sync_playwright())
        browser = playwright.chromium.launch(executable_path=options.browser, args=["--no-sandbox", "--disable-gpu"])
        stack.callback(browser.close)
        loads = [_load(browser, server) for _ in range(options.runs)]
        updates = _updates(browser, options.updates)
    control.append(_control())
    _print_times(console, loads, updates)
    console.print(f"control: 1,000,000 logarithms took {min(control):.0f} to {max(control):.0f} ms")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=7, help="loads of the page")
    parser.add_argument("--updates", type=int, default=60, help="updates of the chart")
    parser.add_argument("--browser", default="/usr/bin/chromium")
    return parser.parse_args()


def _load(browser: Browser, server: serving.Server) -> tuple[int, float, float]:
    """Bytes over the wire, ms until it can be used, ms until the largest content was painted."""
    with contextlib.closing(browser.new_context(viewport={"width": 1440, "height": 900})) as context:
        _log_in(context, server)
        page = context.new_page()
        page.add_init_script(f"({_WATCH})()")
        answers: list[Response] = []
        page.on("response", lambda answer: answers.append(answer))
        page.goto(f"{server.url}/")
        page.wait_for_function(_QUIET, timeout=30_000)
        usable = float(page.evaluate("Math.max(window.stands, ...window.longs)"))
        painted = float(page.evaluate("Math.max(0, ...window.paints)"))
        return sum(_weight(answer) for answer in answers), usable, painted


def _weight(answer: Response) -> int:
    """What the body of it weighs on the wire. The stream never ends, and is no part of the load."""
    if "text/event-stream" in answer.headers.get("content-type", ""):
        return 0
    return int(answer.request.sizes()["responseBodySize"])


def _log_in(context: BrowserContext, server: serving.Server) -> None:
    """The session that the login form would give for the token."""
    page = context.new_page()
    page.goto(f"{server.url}/login")
    page.locator("input[type=password], input[name=token]").first.fill(server.token)
    page.locator("button[type=submit], form button").first.click()
    page.wait_for_url(f"{server.url}/")
    page.close()
    # What the login page had the browser keep is no part of a first load.
    _forget(context)


def _forget(context: BrowserContext) -> None:
    page: Page = context.new_page()
    context.new_cdp_session(page).send("Network.clearBrowserCache")
    page.close()


def _updates(browser: Browser, times: int) -> list[float]:
    with contextlib.closing(browser.new_context()) as context:
        page = context.new_page()
        page.add_script_tag(path=_ECHARTS)
        took: list[float] = page.evaluate(_UPDATES, times)
        return took


def _print_sizes(console: Console) -> None:
    table = Table("file", "raw", "gz", "br", title="The built pages, bytes")
    for path in sorted(_ASSETS.glob("*.[jc]s*"), key=lambda each: -each.stat().st_size):
        if path.suffix in (".js", ".css"):
            squeezed = [Path(f"{path}.{kind}") for kind in ("gz", "br")]
            table.add_row(
                path.name, *(f"{(each if each.exists() else path).stat().st_size:,}" for each in (path, *squeezed))
            )
    console.print(table)


def _print_times(console: Console, loads: Sequence[tuple[int, float, float]], updates: Sequence[float]) -> None:
    weights, usable, painted = zip(*loads, strict=True)
    rows: list[tuple[str, float, float, float | None, str]] = [
        (
            "first load of /, KB compressed",
            statistics.median(weights) / 1_000,
            max(weights) / 1_000,
            _MOST_BYTES / 1_000,
            "KB",
        ),
        ("/ can be used", statistics.median(usable) / 1_000, max(usable) / 1_000, _MOST_S, "s"),
        ("largest contentful paint of /", statistics.median(painted) / 1_000, max(painted) / 1_000, None, "s"),
        ("update of a chart, 6 x 360 points", statistics.median(updates), max(updates), _MOST_MS, "ms"),
    ]
    table = Table("measured", "median", "worst", "bar", "held", title=f"{len(loads)} loads, {len(updates)} updates")
    for name, middle, worst, bar, unit in rows:
        held: Any = "—" if bar is None else "yes" if middle <= bar else "NO"
        table.add_row(
            name, f"{middle:.2f} {unit}", f"{worst:.2f} {unit}", "—" if bar is None else f"{bar:g} {unit}", held
        )
    console.print(table)


def _control() -> float:
    begun = time.perf_counter()
    for value in range(1, 1_000_001):
        math.log(value)
    return (time.perf_counter() - begun) * 1_000


if __name__ == "__main__":
    main()
