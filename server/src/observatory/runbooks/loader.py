"""Reads the runbooks' files and refuses what is none, naming file and field.

title: Orders in an unknown state
means: Nobody knows whether they were carried out.
steps:
  - do: See which orders they are.
    look:
      - {endpoint: trading, section: unknown_orders, window: 1d}
      - {series: trading_execution.unknown_age}
verified_by:
  - {indicator: trading_execution.unknown_age, held: 5m}
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Any, cast, get_args

import yaml

from observatory.errors import ObservatoryError
from observatory.model import Bound, Comparison
from observatory.runbooks.model import Check, CheckKind, Look, LookKind, Runbook, Step

_ID = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")
_LENGTH = re.compile(r"([1-9]\d*)([smhd])")
_SECONDS = {"s": 1, "m": 60, "h": 3_600, "d": 86_400}
_BOUND = re.compile(r"(>=|<=|>|<) *(-?\d+(?:\.\d+)?)")
_LOOKS: tuple[str, ...] = get_args(LookKind)
_CHECKS: tuple[str, ...] = get_args(CheckKind)


class RunbookError(ObservatoryError):
    """A runbook's file that is none. The message names the runbook and the field."""


@cache
def load() -> Mapping[str, Runbook]:
    """The runbooks that come with the server, by id. Read once.

    Raises:
        RunbookError: one of the files is no runbook.
    """
    room = files(__package__).joinpath("books")
    paths = sorted((path for path in room.iterdir() if path.name.endswith(".yaml")), key=lambda path: path.name)
    found = (decode(path.name.removesuffix(".yaml"), path.read_text(encoding="utf-8")) for path in paths)
    return {each.id: each for each in found}


def decode(runbook_id: str, text: str) -> Runbook:
    """A runbook from the text of its file.

    Raises:
        RunbookError: it is none.
    """
    if not _ID.fullmatch(runbook_id):
        raise RunbookError(f"{runbook_id}: a runbook's id has small letters, digits and single dashes")
    try:
        told = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise RunbookError(f"{runbook_id}: no YAML: {error}") from error
    _fields(runbook_id, told, {"title", "means", "steps", "verified_by"})
    return Runbook(
        id=runbook_id,
        title=_text(runbook_id, told, "title"),
        means=_text(runbook_id, told, "means"),
        steps=tuple(_step(f"{runbook_id}: step {place}", each) for place, each in _list(runbook_id, told, "steps")),
        checks=tuple(
            _check(f"{runbook_id}: check {place}", each) for place, each in _list(runbook_id, told, "verified_by")
        ),
    )


def _step(where: str, told: Any) -> Step:
    _fields(where, told, {"do"}, {"look"})
    looks = _list(where, told, "look") if "look" in told else ()
    return Step(_text(where, told, "do"), tuple(_look(f"{where}, look {place}", each) for place, each in looks))


def _look(where: str, told: Any) -> Look:
    kind = _kind(where, told, _LOOKS)
    _fields(where, told, {kind} | ({"section"} if kind == "endpoint" else set()), {"window"})
    of = told[kind]
    return Look(
        cast(LookKind, kind),
        "" if of is True else _text(where, told, kind),
        _text(where, told, "section") if kind == "endpoint" else "",
        _length(where, told, "window") if "window" in told else 3_600,
    )


def _check(where: str, told: Any) -> Check:
    kind = _kind(where, told, _CHECKS)
    _fields(where, told, {kind, "held"}, {"bound"} if kind == "indicator" else set())
    of = _text(where, told, kind) if kind == "indicator" else ""
    return Check(cast(CheckKind, kind), of, _length(where, told, "held"), _bound(where, told.get("bound")))


def _kind(where: str, told: Any, kinds: tuple[str, ...]) -> str:
    named = [kind for kind in kinds if isinstance(told, dict) and kind in told]
    if len(named) != 1:
        raise RunbookError(f"{where}: must have one of {', '.join(kinds)}")
    return named[0]


def _bound(where: str, told: object) -> Bound | None:
    if told is None:
        return None
    match = _BOUND.fullmatch(str(told))
    if match is None:
        raise RunbookError(f"{where}: bound must be a comparison and a number, such as '> 10', not {told!r}")
    return Bound(Comparison(match[1]), float(match[2]))


def _length(where: str, told: Mapping[str, Any], name: str) -> int:
    match = _LENGTH.fullmatch(str(told[name]))
    if match is None:
        raise RunbookError(f"{where}: {name} must be a length such as 5m, not {told[name]!r}")
    return int(match[1]) * _SECONDS[match[2]]


def _fields(where: str, told: Any, needed: set[str], allowed: set[str] | None = None) -> None:
    if not isinstance(told, dict):
        raise RunbookError(f"{where}: must be a mapping, not {told!r}")
    if absent := needed - set(told):
        raise RunbookError(f"{where}: {', '.join(sorted(absent))} is missing")
    if unknown := set(told) - needed - (allowed or set()):
        raise RunbookError(f"{where}: unknown field {', '.join(sorted(map(str, unknown)))}")


def _text(where: str, told: Mapping[str, Any], name: str) -> str:
    value = told[name]
    if not isinstance(value, str) or not value.strip():
        raise RunbookError(f"{where}: {name} must be a text, not {value!r}")
    return " ".join(value.split())


def _list(where: str, told: Mapping[str, Any], name: str) -> list[tuple[int, Any]]:
    value = told[name]
    if not isinstance(value, list) or not value:
        raise RunbookError(f"{where}: {name} must be a list with at least one entry")
    return list(enumerate(value, 1))
