"""Rule files: YAML with a list of entries under `rules`. What cannot be taken is refused with its file and line."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from importlib.resources import files
from pathlib import Path
from typing import Any

import yaml

from observatory.alerting import decode
from observatory.alerting.decode import Entry
from observatory.alerting.fields import Known, RuleError
from observatory.alerting.rule import Origin, Rule

MOST_BYTES = 1 << 20
MOST_FILES = 200


@dataclass(frozen=True, slots=True)
class Written:
    """A rule and the entry that describes it, as it stands in a file or in the control store."""

    rule: Rule
    entry: Entry
    place: str


class FileRefused(RuleError):
    """A rule file that cannot be taken. The message is `file:line: reason`.

    Args:
        file: its name.
        line: from 1.
        reason: what is wrong, in words.
    """

    def __init__(self, file: str, line: int, reason: str) -> None:
        super().__init__(f"{file}:{line}: {reason}")
        self.file, self.line, self.reason = file, line, reason


def shipped(known: Known) -> tuple[Written, ...]:
    """The rules that come with the server.

    Raises:
        FileRefused: one of them cannot be taken.
    """
    room = files(__package__).joinpath("rules")
    names = sorted(each.name for each in room.iterdir() if each.name.endswith(".yaml"))
    texts = {name: room.joinpath(name).read_text(encoding="utf-8") for name in names}
    return _unique(texts, replace(known, sql=True), Origin.SHIPPED)


def read(folder: Path, known: Known) -> tuple[Written, ...]:
    """The rules in the files of a folder (`*.yaml`, `*.yml`).

    Raises:
        FileRefused: one of them cannot be taken; then none is.
    """
    paths = sorted(path for path in folder.iterdir() if path.suffix in (".yaml", ".yml"))
    if len(paths) > MOST_FILES:
        raise FileRefused(str(folder.name), 1, f"the folder has more than {MOST_FILES} files")
    return _unique({path.name: _text(path) for path in paths}, replace(known, sql=True), Origin.FILE)


def read_one(path: Path, known: Known) -> tuple[Written, ...]:
    """The rules in one file.

    Raises:
        FileRefused: one of them cannot be taken; then none is.
    """
    return _unique({path.name: _text(path)}, replace(known, sql=True), Origin.FILE)


def parse(text: str, name: str, known: Known, origin: Origin = Origin.FILE) -> Iterator[Written]:
    """The rules of one file's text.

    Raises:
        FileRefused: with the line of the field that cannot be taken.
    """
    for node, line in _entries(text, name):
        try:
            value = _plain(node)
            for entry in decode.expand(value, known):
                yield Written(decode.rule(entry, known, origin), entry, f"{name}:{line}")
        except yaml.MarkedYAMLError as error:
            raise FileRefused(name, line, f"no YAML: {error.problem}") from None
        except RuleError as error:
            raise FileRefused(name, _line_of(node, error.field) or line, str(error)) from None


def _unique(texts: dict[str, str], known: Known, origin: Origin) -> tuple[Written, ...]:
    found: dict[str, Written] = {}
    for name, text in texts.items():
        for written in parse(text, name, known, origin):
            before = found.get(written.rule.id)
            if before is not None:
                line = int(written.place.rpartition(":")[2])
                raise FileRefused(name, line, f"the rule {written.rule.id} stands in {before.place} already")
            found[written.rule.id] = written
    return tuple(found.values())


def _text(path: Path) -> str:
    try:
        if path.stat().st_size > MOST_BYTES:
            raise FileRefused(path.name, 1, f"is larger than {MOST_BYTES} bytes")
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise FileRefused(path.name, 1, f"cannot be read: {error}") from None


def _entries(text: str, name: str) -> Iterator[tuple[yaml.Node, int]]:
    try:
        root = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = mark.line + 1 if mark is not None else 1
        raise FileRefused(name, line, f"no YAML: {error.problem or error.context}") from None
    except yaml.YAMLError as error:
        raise FileRefused(name, 1, f"no YAML: {error}") from None
    if root is None:
        return
    rules = _child(root, "rules")
    if not isinstance(root, yaml.MappingNode) or len(root.value) != 1 or not isinstance(rules, yaml.SequenceNode):
        raise FileRefused(name, root.start_mark.line + 1, "must hold a list under rules, and nothing else")
    for node in rules.value:
        yield node, node.start_mark.line + 1


def _plain(node: yaml.Node) -> Any:
    loader = yaml.SafeLoader("")
    try:
        return loader.construct_document(node)
    finally:
        loader.dispose()


def _child(node: yaml.Node | None, name: str) -> yaml.Node | None:
    if not isinstance(node, yaml.MappingNode):
        return None
    return next((value for key, value in node.value if key.value == name), None)


def _line_of(node: yaml.Node, field: str) -> int | None:
    """The line of a field such as `condition.level`, or of as much of its path as is there."""
    line, at = None, node
    for name in field.split("."):
        if not isinstance(at, yaml.MappingNode):
            break
        found = next(((key, value) for key, value in at.value if key.value == name), None)
        if found is None:
            break
        line, at = found[0].start_mark.line + 1, found[1]
    return line
