"""A series from a file or from standard input: CSV with a header, a JSON array, or JSON lines; read row by row."""

from __future__ import annotations

import csv
import json
import math
import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TextIO

from observatory.errors import InvalidRequest

STANDARD_INPUT = "-"
# A JSON array is read whole; the other forms may be of any length.
MOST_ARRAY_BYTES = 64 * 2**20
MOST_LINE_BYTES = 2**20
# Bad rows that are named; all of them are counted.
MOST_NAMED = 20
_FIRST_S, _LAST_S = (datetime(*day, tzinfo=UTC).timestamp() for day in ((1, 1, 2), (9999, 12, 31)))
_ABSENT = ("", "null", "none", "nan", "na")


@dataclass(frozen=True, slots=True)
class Point:
    """One row: epoch seconds, and the value; None where it is missing."""

    time_s: float
    value: float | None


@dataclass(frozen=True, slots=True)
class Bad:
    """A row that cannot be used: its line (from 1; in an array, the place of the point), and why."""

    line: int
    why: str


@dataclass(slots=True)
class Points:
    """The points of a file in order of time. What cannot be used is counted while they are read.

    Attributes:
        read: points handed out.
        missing: those among them without a value.
        bad: rows that could not be used.
        named: the first of those.
    """

    lines: TextIO
    time: str = "timestamp"
    value: str = "value"
    read: int = 0
    missing: int = 0
    bad: int = 0
    named: list[Bad] = field(default_factory=list)

    def __iter__(self) -> Iterator[Point]:
        """Each point once.

        Raises:
            InvalidRequest: nothing of it can be read: no header, or no JSON.
        """
        last_s = -math.inf
        for line, row in self._rows():
            try:
                point = Point(moment(row[0]), _number(row[1]))
                if point.time_s <= last_s:
                    raise ValueError(f"{row[0]} is not after the timestamp before it")
            except ValueError as error:
                self._refuse(line, str(error))
                continue
            last_s = point.time_s
            self.read += 1
            self.missing += point.value is None
            yield point

    def _refuse(self, line: int, why: str) -> None:
        self.bad += 1
        if len(self.named) < MOST_NAMED:
            self.named.append(Bad(line, why))

    def _rows(self) -> Iterator[tuple[int, tuple[object, object]]]:
        """Line and fields of each row that has them."""
        for first in self.lines:
            if first.strip():
                break
        else:
            raise InvalidRequest("the input is empty")
        start = first.lstrip("\ufeff \t")
        if start.startswith("["):
            return self._array(start)
        return self._json_lines(first) if start.startswith("{") else self._csv(first)

    def _csv(self, first: str) -> Iterator[tuple[int, tuple[object, object]]]:
        header = [each.strip().strip("\ufeff").lower() for each in next(csv.reader([first]))]
        absent = [name for name in (self.time, self.value) if name.lower() not in header]
        if absent:
            raise InvalidRequest(
                f"the header has no column {absent[0]!r}, but {', '.join(header)[:200]}: name it with --time or --value"
            )
        at, of = header.index(self.time.lower()), header.index(self.value.lower())
        rows = csv.reader(self._bounded())
        while True:
            try:
                row = next(rows)
            except StopIteration:
                return
            except csv.Error as error:
                self._refuse(rows.line_num + 1, str(error))
                continue
            line = rows.line_num + 1
            if len(row) > max(at, of):
                yield line, (row[at], row[of])
            elif row:
                self._refuse(line, f"{len(row)} columns, and the header has {len(header)}")

    def _json_lines(self, first: str) -> Iterator[tuple[int, tuple[object, object]]]:
        for line, text in enumerate(_chained(first, self._bounded()), start=1):
            if text.strip():
                yield from self._fields(line, _decoded(text))

    def _array(self, start: str) -> Iterator[tuple[int, tuple[object, object]]]:
        text = start + self.lines.read(MOST_ARRAY_BYTES)
        if len(text) > MOST_ARRAY_BYTES:
            raise InvalidRequest(f"a JSON array may have {MOST_ARRAY_BYTES:,} bytes: give JSON lines or CSV")
        found = _decoded(text)
        if not isinstance(found, list):
            raise InvalidRequest(f"this is no JSON: {found}")
        for place, each in enumerate(found, start=1):
            yield from self._fields(place, each)

    def _fields(self, line: int, found: object) -> Iterator[tuple[int, tuple[object, object]]]:
        """The two fields of an object with both names, or of a pair."""
        if isinstance(found, Mapping) and self.time in found:
            yield line, (found[self.time], found.get(self.value))
        elif isinstance(found, list) and len(found) == 2:
            yield line, (found[0], found[1])
        else:
            why = (
                found if isinstance(found, json.JSONDecodeError) else f"no object with {self.time!r} and {self.value!r}"
            )
            self._refuse(line, str(why))

    def _bounded(self) -> Iterator[str]:
        while text := self.lines.readline(MOST_LINE_BYTES):
            yield text


@contextmanager
def opened(file: str, time: str = "timestamp", value: str = "value") -> Iterator[Points]:
    """The points of a file.

    Args:
        file: its path; `-` for standard input.
        time: name of the column, or of the member, with timestamps.
        value: name of the one with values.

    Raises:
        InvalidRequest: it cannot be opened.
    """
    if file == STANDARD_INPUT:
        yield Points(sys.stdin, time, value)
        return
    try:
        lines = Path(file).open(encoding="utf-8-sig", errors="replace", newline="")  # noqa: SIM115
    except OSError as error:
        raise InvalidRequest(f"{file}: {error.strerror}") from None
    with lines:
        yield Points(lines, time, value)


def moment(given: object) -> float:
    """Epoch seconds of a number of them, or of an RFC 3339 text; a time without an offset is UTC.

    Raises:
        ValueError: it is neither, or beyond the years 1 to 9999.
    """
    if isinstance(given, bool) or not isinstance(given, str | int | float):
        raise ValueError(f"timestamp {given!r} is neither epoch seconds nor RFC 3339")
    try:
        time_s = float(given)
    except ValueError:
        time_s = _rfc_3339(str(given).strip())
    except OverflowError:
        time_s = math.inf
    if not _FIRST_S <= time_s <= _LAST_S:
        raise ValueError(f"timestamp {str(given)[:40]} is no time in seconds (are they milliseconds?)")
    return time_s


def _rfc_3339(text: str) -> float:
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise ValueError(f"timestamp {text[:40]!r} is neither epoch seconds nor RFC 3339") from None
    return (found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp()


def _number(given: object) -> float | None:
    """The value; None where it is missing or not finite.

    Raises:
        ValueError: it is no number.
    """
    if given is None or (isinstance(given, str) and given.strip().lower() in _ABSENT):
        return None
    if isinstance(given, bool) or not isinstance(given, str | int | float):
        raise ValueError(f"value {str(given)[:40]!r} is no number")
    try:
        value = float(given)
    except (ValueError, OverflowError):
        raise ValueError(f"value {str(given)[:40]!r} is no number") from None
    return value if math.isfinite(value) else None


def _decoded(text: str) -> Any:
    """What the JSON holds; the error where it is none."""
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        return error
    except RecursionError:
        return json.JSONDecodeError("nested too deeply", text[:1], 0)


def _chained(first: str, others: Iterable[str]) -> Iterator[str]:
    yield first
    yield from others
