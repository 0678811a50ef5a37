"""How far a backfill is: one live bar on a terminal, a line for each day of history where there is none."""

from collections.abc import Mapping
from datetime import UTC, datetime
from types import TracebackType
from typing import Final, Self

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

_REFRESHES_PER_S: Final = 4
_DAY_NS: Final = 86_400_000_000_000


def shown(now_ns: int) -> str:
    """A moment as people read it, in UTC to the minute."""
    return f"{datetime.fromtimestamp(now_ns // 1_000_000_000, UTC):%Y-%m-%d %H:%M} UTC"


class Bar:
    """The progress from `start_ns` to `until_ns`, nanoseconds since 1970. Use it by `with`.

    Args:
        console: where to write; standard output when None.
    """

    def __init__(self, start_ns: int, until_ns: int, console: Console | None = None) -> None:
        self._console = console or Console()
        self._start_ns = start_ns
        self._said_day = start_ns // _DAY_NS
        columns = (
            TextColumn("{task.fields[date]}"),
            BarColumn(),
            TaskProgressColumn(),
            TextColumn("{task.fields[spans]:,} spans, {task.fields[spans_per_s]:,.0f}/s, left"),
            TimeRemainingColumn(),
        )
        self._progress = Progress(
            *columns,
            console=self._console,
            refresh_per_second=_REFRESHES_PER_S,
            disable=not self._console.is_terminal,
        )
        self._task = self._progress.add_task(
            "history", total=until_ns - start_ns, date=shown(start_ns), spans=0, spans_per_s=0.0
        )

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._progress.stop()

    def show(self, now_ns: int, sent: Mapping[str, int]) -> None:
        """History is written up to `now_ns`, with so many `spans` sent."""
        task = self._progress.tasks[0]
        spans = sent.get("spans", 0)
        spans_per_s = spans / task.elapsed if task.elapsed else 0.0
        self._progress.update(
            self._task,
            completed=now_ns - self._start_ns,
            date=shown(now_ns),
            spans=spans,
            spans_per_s=spans_per_s,
        )
        day = now_ns // _DAY_NS
        if self._progress.disable and day > self._said_day:
            self._said_day = day
            self._say(f"{shown(day * _DAY_NS)}: {spans:,} spans, {spans_per_s:,.0f}/s")

    def _say(self, line: str) -> None:
        self._console.print(line, markup=False, highlight=False, soft_wrap=True)
