"""The file of targets, strictly read: an error names the entry, the field, the value and what is allowed."""

from __future__ import annotations

import json
import re
from collections.abc import Hashable, Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError
from pydantic_core import ErrorDetails

from observatory.collect.kinds import KINDS, kind_of
from observatory.collect.outcome import Unread
from observatory.collect.target import Target
from observatory.errors import SettingsError

_MOST_BYTES = 1 << 20
_MOST_TARGETS = 500
_MOST_SHOWN = 60
_SECRET = re.compile(r"pass|secret|token|key|credential|auth", re.IGNORECASE)
_ACCOUNT = re.compile(r"[^/'\"\s]*@")


class _Strict(yaml.SafeLoader):
    """YAML in which a key stands once: the second would silently win."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        seen: set[Hashable] = set()
        for key_node, _ in node.value:
            key = self.construct_object(key_node, deep=True)
            if isinstance(key, Hashable) and key in seen:
                raise yaml.constructor.ConstructorError(None, None, f"{key!r} stands twice", key_node.start_mark)
            seen.add(key)
        return super().construct_mapping(node, deep)


def load(path: Path | None) -> tuple[Target, ...]:
    """The targets in the file; none without one.

    Raises:
        SettingsError: it cannot be read, an entry is not as its kind wants it, or a secret is not there.
    """
    if path is None:
        return ()
    try:
        with path.open("rb") as file:
            text = file.read(_MOST_BYTES + 1)
    except OSError as error:
        raise SettingsError(f"OBSERVATORY_COLLECTORS_FILE = {path}: {error.strerror}") from None
    if len(text) > _MOST_BYTES:
        raise SettingsError(f"OBSERVATORY_COLLECTORS_FILE = {path}: larger than {_MOST_BYTES} bytes")
    return decode(text, f"{path}")


def decode(text: str | bytes, where: str = "the file") -> tuple[Target, ...]:
    """The targets in a text of YAML.

    Raises:
        SettingsError: with one sentence for each thing that is wrong.
    """
    try:
        document = yaml.load(text, _Strict)  # noqa: S506  # it is a SafeLoader
    except yaml.YAMLError as error:
        raise SettingsError(f"{where} is no YAML: {_problem(error)}") from None
    if not isinstance(document, dict) or set(document) != {"targets"} or not isinstance(document["targets"], list):
        raise SettingsError(f"{where} must hold `targets`, a list, and nothing else")
    entries = document["targets"]
    if len(entries) > _MOST_TARGETS:
        raise SettingsError(f"{where} has {len(entries)} targets; at most {_MOST_TARGETS} are allowed")
    targets: list[Target] = []
    wrong: list[str] = []
    for place, entry in enumerate(entries, 1):
        try:
            targets.append(_target(entry, place))
        except SettingsError as error:
            wrong.append(f"{error}")
    names = [target.name for target in targets]
    wrong += [f"target {name!r} stands twice" for name in sorted({name for name in names if names.count(name) > 1})]
    if wrong:
        raise SettingsError(f"{where}: {'; '.join(wrong)}")
    return tuple(targets)


def _target(entry: object, place: int) -> Target:
    if not isinstance(entry, dict):
        raise SettingsError(f"target {place} is {_shown('', entry)}, must be a mapping")
    who = f"target {entry['name']!r}" if isinstance(entry.get("name"), str) else f"target {place}"
    if not isinstance(entry.get("kind"), str) or entry["kind"] not in KINDS:
        raise SettingsError(f"{who}: kind = {entry.get('kind')!r}, must be one of {', '.join(KINDS)}")
    kind = kind_of(entry["kind"])
    try:
        # As JSON: there a list may become a tuple and a text a path, and nothing else is bent.
        target = kind.model_validate_json(json.dumps(entry, default=str))
    except ValidationError as error:
        raise SettingsError("; ".join(f"{who}: {each}" for each in _complaints(error, kind))) from None
    try:
        for secret in target.secrets():
            secret.read()
    except Unread as error:
        raise SettingsError(f"{who}: {error}") from None
    return target


def _complaints(error: ValidationError, kind: type[Target]) -> Iterator[str]:
    for issue in error.errors(include_url=False):
        field = ".".join(map(str, issue["loc"]))
        if issue["type"] == "extra_forbidden" and len(issue["loc"]) == 1:
            yield f"no field {field!r}; {kind.KIND} has {', '.join(kind.model_fields)}"
        elif issue["type"] in ("missing", "extra_forbidden") or not field:
            yield f"{field}: {_message(issue)}" if field else _message(issue)
        else:
            yield f"{field} = {_shown(field, issue['input'])}: {_message(issue)}"


def _message(issue: ErrorDetails) -> str:
    return issue["msg"].removeprefix("Value error, ")


def _shown(field: str, value: object) -> str:
    """The value, unless it is, or may hold, what somebody should have kept in a variable."""
    if _SECRET.search(field) or isinstance(value, Mapping | list):
        return "(not shown)"
    text = _ACCOUNT.sub("***@", repr(value))
    return text if len(text) <= _MOST_SHOWN else f"{text[:_MOST_SHOWN]}…"


def _problem(error: yaml.YAMLError) -> str:
    # Its full text quotes the line, which may hold anything.
    if isinstance(error, yaml.MarkedYAMLError) and error.problem_mark is not None:
        return f"line {error.problem_mark.line + 1}: {error.problem}"
    return type(error).__name__
