"""Rows, lines and documents of a file or of standard input, for the commands that need no server."""

from __future__ import annotations

import csv
import io
import json
import math
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

from observatory.errors import InvalidRequest

STANDARD_INPUT = "-"
MOST_BYTES = 256 * 2**20
MOST_LINE_CHARACTERS = 2**16
_ABSENT = ("", "null", "none", "nan", "na")


def text(file: str) -> str:
    """All of a file; `-` for standard input.

    Raises:
        InvalidRequest: it cannot be opened, or is larger than 256 MiB.
    """
    try:
        source = sys.stdin.buffer if file == STANDARD_INPUT else Path(file).open("rb")  # noqa: SIM115
        with source:
            found = source.read(MOST_BYTES + 1)
    except OSError as error:
        raise InvalidRequest(f"{file}: {error.strerror}") from None
    if len(found) > MOST_BYTES:
        raise InvalidRequest(f"{file}: more than {MOST_BYTES // 2**20} MiB")
    return found.decode("utf-8-sig", "replace")


def lines(file: str) -> Iterator[str]:
    """The lines of a text of any length, one after the other.

    Raises:
        InvalidRequest: it cannot be opened.
    """
    if file == STANDARD_INPUT:
        yield from _lines(sys.stdin)
        return
    try:
        source = Path(file).open(encoding="utf-8-sig", errors="replace")  # noqa: SIM115
    except OSError as error:
        raise InvalidRequest(f"{file}: {error.strerror}") from None
    with source:
        yield from _lines(source)


def _lines(source: Any) -> Iterator[str]:
    while line := source.readline(MOST_LINE_CHARACTERS):
        yield line.rstrip("\r\n")


def document(file: str) -> Any:
    """The JSON document of a file.

    Raises:
        InvalidRequest: it cannot be opened, or is no JSON, with the line.
    """
    return _json(file, text(file))


def read(file: str) -> list[Any]:
    """The rows of a file: CSV with a header (as mappings of texts), a JSON array, or JSON lines.

    Raises:
        InvalidRequest: it cannot be opened, is empty, or a line is none of that.
    """
    found = text(file)
    start = found.lstrip()[:1]
    if not start:
        raise InvalidRequest(f"{file} is empty")
    if start == "[":
        return _array(file, found)
    if start == "{":
        return _objects(file, found)
    try:
        return list(csv.DictReader(io.StringIO(found, newline="")))
    except csv.Error as error:
        raise InvalidRequest(f"{file}: {error}") from None


def _array(file: str, found: str) -> list[Any]:
    try:
        return list(_json(file, found))
    except InvalidRequest:
        # Lines of arrays, as some exports have them.
        if len(found.splitlines()) < 2:
            raise
        return _objects(file, found)


def _objects(file: str, found: str) -> list[Any]:
    rows = []
    for number, line in enumerate(found.splitlines(), start=1):
        if line.strip():
            try:
                rows.append(json.loads(line))
            except (ValueError, RecursionError) as error:
                if number == 1:
                    return _wrapped(_json(file, found))
                raise InvalidRequest(f"{file}, line {number}: no JSON: {error}") from None
    return _wrapped(rows[0]) if len(rows) == 1 else rows


def _wrapped(found: Any) -> list[Any]:
    """The list inside an object with one list, else the object as the only row."""
    lists = [each for each in found.values() if isinstance(each, list)] if isinstance(found, Mapping) else []
    return lists[0] if len(lists) == 1 else [found]


def _json(file: str, found: str) -> Any:
    try:
        return json.loads(found)
    except json.JSONDecodeError as error:
        raise InvalidRequest(f"{file}, line {error.lineno}: no JSON: {error.msg}") from None
    except RecursionError:
        raise InvalidRequest(f"{file}: nested too deeply") from None


def series(file: str, value: str) -> list[float | None]:
    """The values of a file: a column of CSV, a member of JSON objects, the last of JSON lists, or plain numbers.

    Args:
        file: its path; `-` for standard input.
        value: name of the column or member. A file of one column needs none.

    Raises:
        InvalidRequest: it cannot be read, with the row.
    """
    found = text(file)
    if _is_plain(found):
        rows: Iterable[Any] = [line.strip() for line in found.splitlines()]
        start = 1
    else:
        rows, start = read(file) if file != STANDARD_INPUT else _again(found), 1
    return [_value(row, value, place) for place, row in enumerate(rows, start=start)]


def _again(found: str) -> list[Any]:
    start = found.lstrip()[:1]
    if start == "[":
        return _array(STANDARD_INPUT, found)
    return _objects(STANDARD_INPUT, found) if start == "{" else list(csv.DictReader(io.StringIO(found, newline="")))


def _is_plain(found: str) -> bool:
    """Whether the first line is one number, or one that is missing: then there is no header."""
    head = found.lstrip().split("\n", 1)[0].strip()
    if not head:
        raise InvalidRequest("the input is empty")
    try:
        float(head)
    except ValueError:
        return False
    return True


def _value(row: Any, value: str, place: int) -> float | None:
    given: object = row
    if isinstance(row, Mapping):
        known = [name for name in row if isinstance(name, str)]
        name = value if value in row else known[0] if len(known) == 1 else None
        if name is None:
            raise InvalidRequest(f"row {place} has no {value!r}, but {', '.join(known)[:200]}: name it with --value")
        given = row[name]
    elif isinstance(row, list) and row:
        given = row[-1]
    if given is None or (isinstance(given, str) and given.strip().lower() in _ABSENT):
        return None
    try:
        if isinstance(given, bool):
            raise ValueError
        number = float(given)  # type: ignore[arg-type]
    except (TypeError, ValueError, OverflowError):
        raise InvalidRequest(f"row {place}: value {str(given)[:40]!r} is no number") from None
    return number if math.isfinite(number) else None


def table(head: Sequence[str], body: Iterable[Sequence[object]]) -> Iterator[str]:
    """Rows under their names, in columns as wide as what they hold."""
    rows = [list(head), *([_shown(each) for each in row] for row in body)]
    widths = [max(len(row[place]) for row in rows) for place in range(len(head))]
    for row in rows:
        yield "  ".join(each.ljust(width) for each, width in zip(row, widths, strict=True)).rstrip()


def _shown(value: object) -> str:
    if value is None:
        return "-"
    return f"{value:.6g}" if isinstance(value, float) else str(value)


def dumped(found: Any) -> str:
    """As JSON; decimals as texts, what is not finite as null."""
    return json.dumps(_plain(found), indent=2, ensure_ascii=False)


def _plain(found: Any) -> Any:
    if isinstance(found, Mapping):
        return {str(name): _plain(each) for name, each in found.items()}
    if isinstance(found, list | tuple | set | frozenset):
        return [_plain(each) for each in found]
    if isinstance(found, float) and not math.isfinite(found):
        return None
    if isinstance(found, Decimal):
        return f"{found:f}"
    return found.isoformat() if isinstance(found, datetime) else found
