"""Labelled incidents: what was really wrong, from when to when. Read from a universe's ground truth or from YAML."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import yaml
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError, model_validator

from observatory.errors import InvalidRequest

MOST = 10_000
_MOST_BYTES = 32 << 20
Name = Annotated[str, Field(max_length=160)]
Names = Annotated[tuple[Name, ...], Field(max_length=100)]


class Label(BaseModel):
    """One labelled incident.

    Attributes:
        id: its name.
        start, end: aware times; without an end it went on.
        areas: areas that must show it.
        permitted: areas that may show it as well.
        rules: ids or patterns (`*`) of the rules that must find it; without them, the areas say which may.
        fault: false for what only looks like a fault: nothing should fire.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: Name
    start: AwareDatetime
    end: AwareDatetime | None = None
    areas: Names = ()
    permitted: Names = ()
    rules: Names = ()
    fault: bool = True

    @model_validator(mode="after")
    def _holds(self) -> Label:
        if self.end is not None and self.end < self.start:
            raise ValueError("end: must not be before start")
        if self.fault and not self.areas and not self.rules:
            raise ValueError("areas: a fault names areas or rules that must show it")
        return self


def load(path: Path) -> tuple[Label, ...]:
    """The labels of a file: YAML with a list under `labels`, or the ground truth that a universe writes.

    Raises:
        InvalidRequest: it cannot be read; the message names the entry and what is wrong about it.
    """
    try:
        if path.stat().st_size > _MOST_BYTES:
            raise InvalidRequest(f"{path}: larger than {_MOST_BYTES >> 20} MiB")
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidRequest(f"{path}: {getattr(error, 'strerror', None) or 'is no text'}") from None
    return truth(text, path.name) if text.startswith('{"id"') else plain(text, path.name)


def plain(text: str, name: str = "labels") -> tuple[Label, ...]:
    """The labels of a YAML text.

    Raises:
        InvalidRequest: naming the entry.
    """
    try:
        told = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise InvalidRequest(f"{name}: no YAML: {' '.join(str(error).split())[:200]}") from None
    entries = told.get("labels") if isinstance(told, Mapping) else None
    if not isinstance(entries, list):
        raise InvalidRequest(f"{name}: must hold a list under labels")
    return _all((f"{name}: labels[{place}]", each) for place, each in enumerate(entries))


def truth(text: str, name: str = "truth") -> tuple[Label, ...]:
    """The labels of a ground truth: one JSON record a line, of which the last one of an id holds."""
    found: dict[str, tuple[str, dict[str, Any]]] = {}
    for number, line in enumerate(text.splitlines(), 1):
        place = f"{name}, line {number}"
        try:
            record = json.loads(line)
            found[str(record["id"])] = (place, _of_record(record))
        except (ValueError, KeyError, TypeError):
            raise InvalidRequest(f"{place}: is no record of a fault") from None
    return _all(found.values())


def _of_record(record: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "id": f"{record['kind']}/{record['id']}",
        "start": _moment(record["start_ns"]),
        "end": None if record["end_ns"] is None else _moment(record["end_ns"]),
        "areas": tuple(record["expected_areas"]),
        "permitted": tuple(record["permitted_areas"]),
        "fault": bool(record["is_fault"]),
    }


def _moment(ns: int) -> datetime:
    return datetime.fromtimestamp(ns / 1e9, UTC)


def _all(entries: Iterable[tuple[str, object]]) -> tuple[Label, ...]:
    found: list[Label] = []
    for place, entry in entries:
        if len(found) >= MOST:
            raise InvalidRequest(f"{place}: more than {MOST:,} labels")
        try:
            found.append(Label.model_validate(entry))
        except ValidationError as error:
            issue = error.errors(include_url=False, include_input=False)[0]
            field = ".".join(str(part) for part in issue["loc"])
            raise InvalidRequest(f"{place}{f'.{field}' if field else ''}: {issue['msg']}") from None
    return tuple(found)
