"""Where the demo shows system health: one live screen of a terminal, or plain lines where there is none."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from types import TracebackType
from typing import Any, Protocol, Self

from rich.console import Console, Group
from rich.live import Live
from rich.text import Text

from observatory.cli.summary import headline, summary

_PLAIN_WIDTH, _PLAIN_HEIGHT = 160, 60
_PLAIN_EVERY = 15  # of the watcher's rounds, unless something changes
_LEAST_ROWS = 3


class Screen(Protocol):
    """Where the watcher shows what the server says."""

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...

    def show(self, health: Mapping[str, Any]) -> None:
        """Show the newest answer of system-health."""

    def miss(self, why: str) -> None:
        """Say that there is no answer, and why. What was shown before is out of date."""


def open_screen(facts: Mapping[str, Any], console: Console | None = None) -> Screen:
    """A live screen on a terminal, else plain lines.

    Args:
        facts: `url`, `login_url`, `otlp_http` and `otlp_grpc`.
        console: where to write; standard output when None.
    """
    console = console or Console()
    welcome = (
        f"Observatory: {facts['url']}",
        f"OTLP: {facts['otlp_http']} (HTTP), {facts['otlp_grpc']} (gRPC)",
        f"Make something go wrong in the demo platform: {facts['universe_url']}",
        "Log in (once, within 10 minutes; `observatory login` gives another link):",
        str(facts["login_url"]),
    )
    return LiveScreen(console, welcome) if console.is_terminal else PlainLines(console, welcome)


class PlainLines:
    """The whole summary when a status changed, one line when there was nothing new for a while."""

    def __init__(self, console: Console, welcome: tuple[str, ...]) -> None:
        self._console = console
        self._welcome = welcome
        self._said: object = None
        self._since = 0

    def __enter__(self) -> Self:
        for line in self._welcome:
            self._print(line)
        return self

    def __exit__(self, *_: object) -> None:
        return

    def show(self, health: Mapping[str, Any]) -> None:
        """Print what changed."""
        statuses = [health["overall_status"], *(area["status"] for area in health["services"].values())]
        said = (statuses, health["services_silent"], health["services_never_loaded"])
        self._since += 1
        if set(statuses) == {"unknown"} and said != self._said:
            # Ten times the same says no more than once.
            self._print(headline(health).plain)
        elif said != self._said:
            for line in summary(health, _PLAIN_WIDTH, _PLAIN_HEIGHT):
                self._print(line.plain)
        elif self._since >= _PLAIN_EVERY:
            self._print(headline(health).plain)
        else:
            return
        self._said, self._since = said, 0

    def miss(self, why: str) -> None:
        """Print why, once."""
        if why != self._said:
            self._print(why)
            self._said = why

    def _print(self, line: str) -> None:
        self._console.print(line, soft_wrap=True, highlight=False, markup=False)


class LiveScreen:
    """The summary below the addresses, redrawn in place, as high as the terminal allows."""

    def __init__(self, console: Console, welcome: tuple[str, ...]) -> None:
        self._console = console
        self._welcome = welcome
        self._live = Live(console=console, auto_refresh=False)
        self._stack = contextlib.ExitStack()

    def __enter__(self) -> Self:
        for line in self._welcome:
            self._console.print(line, soft_wrap=True, highlight=False, markup=False)
        self._stack.enter_context(self._live)
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def show(self, health: Mapping[str, Any]) -> None:
        """Redraw."""
        width, height = self._console.size
        # The row above is the shell's or make's own, the one below says how to stop.
        room = height - len(self._welcome) - 2
        self._draw(*summary(health, width, max(room, _LEAST_ROWS)))

    def miss(self, why: str) -> None:
        """Redraw with nothing but the reason: old numbers would be taken for new ones."""
        self._draw(Text(why, style="bold magenta"))

    def _draw(self, *lines: Text) -> None:
        self._live.update(Group(*lines, Text("Ctrl-C stops", style="dim")), refresh=True)
