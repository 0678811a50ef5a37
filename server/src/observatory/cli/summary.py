"""System health on the lines of one screen. Pure: the answer of system-health and a size in, lines out."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rich.text import Text

from observatory.api.health_view import AREAS
from observatory.health import headlines
from observatory.health.headlines import Headline

STYLES = {"healthy": "green", "degraded": "yellow", "critical": "bold red", "unknown": "magenta"}
MARKS = {"healthy": "✓", "degraded": "!", "critical": "✕", "unknown": "?"}

_NAME, _STATUS = 20, 9
_INDENT = "  "
_APART = " · "


@dataclass(frozen=True, slots=True)
class _Depth:
    """How much of the reasons is told: how many of each area, and on how many lines each."""

    reasons: int
    lines: int


# The first that fits the screen is taken; numbers and names are never given up for words.
_DEPTHS = (_Depth(6, 3), _Depth(3, 2), _Depth(2, 2), _Depth(1, 2), _Depth(1, 1), _Depth(0, 0))


def summary(health: Mapping[str, Any], width: int, height: int) -> list[Text]:
    """The verdict, ten areas with the numbers that matter, reasons, and services that are absent.

    Args:
        health: the answer of `system-health`.
        width: columns of the screen; no line is longer.
        height: rows of the screen; never more lines than this.
    """
    lines: list[Text] = []
    for depth in _DEPTHS:
        lines = list(_lines(health, width, depth))
        if len(lines) <= height:
            break
    for line in lines:
        line.truncate(width, overflow="ellipsis")
    return lines[:height]


def headline(health: Mapping[str, Any]) -> Text:
    """The verdict, how many services report, and as of when, on one line."""
    status = str(health["overall_status"])
    return Text.assemble(
        (f"{MARKS[status]} {status.upper()}", f"bold {STYLES[status]}"),
        f"{_INDENT}{health['services_reporting']} of {health['services_total']} services report",
        (f"{_APART}{health['environment']}{_APART}{clock_time(health['timestamp'])}", "dim"),
    )


def clock_time(moment: str) -> str:
    """`13:49:08 UTC` of an RFC 3339 time in UTC."""
    return f"{moment[11:19]} UTC"


def _lines(health: Mapping[str, Any], width: int, depth: _Depth) -> Iterator[Text]:
    yield headline(health)
    # What is wrong with an area stands beside it; the rest is about the verdict itself.
    of_all = [each for each in health["reasons"] if each["subject"] not in health["services"]]
    yield from _reasons(of_all, width, depth)
    for area, fields in health["services"].items():
        yield _area(AREAS.get(area, area), fields, headlines.of_area(area, fields), width)
        yield from _reasons(fields.get("reasons", ()), width, depth)
    yield from _absent("silent", "critical", health["services_silent"], width)
    yield from _absent("never loaded", "unknown", health["services_never_loaded"], width)


def _area(title: str, fields: Mapping[str, Any], told_first: Sequence[Headline], width: int) -> Text:
    status = str(fields.get("status", "unknown"))
    row = Text.assemble((f"{MARKS[status]} ", STYLES[status]), (title.ljust(_NAME), "bold"))
    row.append(status.ljust(_STATUS), STYLES[status])
    if all(fields.get(field) is None for field in fields.get("provenance", ())):
        return row.append("nothing measured", "dim italic")
    for number, each in enumerate(told_first):
        told = each.told(fields)
        text = (_APART if number else "") + (told or each.untold)
        if len(row) + len(text) > width:
            break
        row.append(text, "dim italic" if told is None else "")
    return row


def _reasons(reasons: Sequence[Mapping[str, Any]], width: int, depth: _Depth) -> Iterator[Text]:
    told, left = reasons[: depth.reasons], len(reasons) - depth.reasons
    for place, reason in enumerate(told, start=1):
        more = f" (and {left} more)" if left > 0 and place == len(told) else ""
        style = STYLES[reason["status"]]
        for line in _wrapped(reason["sentence"] + more, width, depth.lines):
            yield Text(line, style=style)


def _absent(what: str, status: str, ids: Sequence[str], width: int) -> Iterator[Text]:
    if ids:
        yield Text(_fitting(f"{MARKS[status]} {len(ids)} {what}: ", ids, width), style=STYLES[status])


def _fitting(start: str, ids: Sequence[str], width: int) -> str:
    """As many of the names as there is room for, and how many are left out."""
    for count in range(len(ids), 0, -1):
        line = start + ", ".join(ids[:count]) + (f" and {len(ids) - count} more" if count < len(ids) else "")
        if len(line) <= width:
            return line
    return start + ", ".join(ids)


def _wrapped(sentence: str, width: int, most: int) -> Iterable[str]:
    """The sentence on at most so many lines. Cut in its middle: it begins with whom and ends with how much."""
    room = max(width - 2 * len(_INDENT), 8)
    size, kept = len(sentence), len(sentence)
    while len(lines := textwrap.wrap(_without_middle(sentence, size - kept), room)) > most:
        kept -= 1
    return [(_INDENT * (2 if place else 1)) + line for place, line in enumerate(lines)]


def _without_middle(sentence: str, dropped: int) -> str:
    if not dropped:
        return sentence
    head = (len(sentence) - dropped) // 3
    return f"{sentence[:head].rstrip()} … {sentence[head + dropped :].lstrip()}"
