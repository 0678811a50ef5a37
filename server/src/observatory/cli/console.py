"""System health on one screen of a terminal, or as plain lines where there is none."""

from __future__ import annotations

import contextlib
from types import TracebackType
from typing import Any, Protocol, Self

from rich.console import Console, Group
from rich.live import Live
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

_COLOURS = {"healthy": "green", "degraded": "yellow", "critical": "red", "unknown": "bright_black"}
_PLAIN_EVERY = 15  # of the watcher's rounds, unless the verdict changes
_QUIET = {"status", "priority", "reasons", "provenance", "warnings", "name", "sentence"}


class Screen(Protocol):
    """Where the watcher shows what the server says."""

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...

    def show(self, health: dict[str, Any]) -> None:
        """Show the newest answer of system-health."""


def open_screen(url: str, login_url: str) -> Screen:
    """A live screen on a terminal, else plain lines."""
    console = Console()
    return LiveScreen(console, url, login_url) if console.is_terminal else PlainLines(console, url, login_url)


class PlainLines:
    """One line per round that says something new."""

    def __init__(self, console: Console, url: str, login_url: str) -> None:
        self._console = console
        self._said = ""
        self._since = 0
        self._print(f"Observatory: {url}")
        self._print(f"Log in (once, within 10 minutes): {login_url}")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        return

    def show(self, health: dict[str, Any]) -> None:
        """Print a line when the verdict changed, or when it has been quiet for a while."""
        areas = " ".join(f"{name}={area['status']}" for name, area in health["services"].items())
        line = f"{health['overall_status']}, {_reporting(health)}; {areas}"
        self._since += 1
        if line != self._said or self._since >= _PLAIN_EVERY:
            self._print(f"{health['timestamp']} {line}")
            self._said, self._since = line, 0

    def _print(self, line: str) -> None:
        self._console.print(line, soft_wrap=True, highlight=False, markup=False)


class LiveScreen:
    """The whole answer, redrawn in place."""

    def __init__(self, console: Console, url: str, login_url: str) -> None:
        self._console = console
        self._url = url
        self._login_url = login_url
        self._live = Live(console=console, auto_refresh=False, transient=False)
        self._stack = contextlib.ExitStack()

    def __enter__(self) -> Self:
        self._console.print(f"Observatory: [link={self._url}]{self._url}[/link]")
        self._console.print("Log in (once, within 10 minutes):")
        self._console.print(self._login_url, soft_wrap=True, highlight=False)
        self._stack.enter_context(self._live)
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def show(self, health: dict[str, Any]) -> None:
        """Redraw."""
        self._live.update(Group(_verdict(health), _areas(health), Text("Ctrl-C stops", style="dim")), refresh=True)


def _verdict(health: dict[str, Any]) -> Panel:
    status = health["overall_status"]
    text = Text.assemble((status.upper(), f"bold {_COLOURS[status]}"), f"  {_reporting(health)}  {health['timestamp']}")
    for reason in health.get("reasons", []):
        text.append(f"\n{_sentence(reason)}")
    return Panel(text, title="System health", border_style=_COLOURS[status])


def _areas(health: dict[str, Any]) -> Table:
    table = Table(expand=True, show_edge=False)
    for heading in ("area", "status", "numbers", "reason"):
        table.add_column(heading, overflow="fold" if heading in ("numbers", "reason") else "ellipsis")
    for name, area in health["services"].items():
        reasons = "; ".join(_sentence(reason) for reason in area.get("reasons", []))
        status = Text(area["status"], style=_COLOURS[area["status"]])
        table.add_row(name, status, _numbers(area), reasons)
    return table


def _numbers(area: dict[str, Any]) -> str:
    shown = {name: value for name, value in area.items() if name not in _QUIET}
    return "  ".join(f"{name} {_value(value)}" for name, value in shown.items())


def _value(value: Any) -> str:
    if value is None:
        return "unknown"
    if isinstance(value, float):
        return f"{value:,.4g}"
    if isinstance(value, list):
        return ", ".join(map(str, value)) or "none"
    return str(value)


def _reporting(health: dict[str, Any]) -> str:
    return f"{health['services_reporting']} of {health['services_total']} services report"


def _sentence(reason: Any) -> str:
    return str(reason.get("sentence", reason)) if isinstance(reason, dict) else str(reason)
