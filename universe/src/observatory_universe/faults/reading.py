"""Reads documents of people strictly, and says in a sentence what is wrong with one."""

from collections.abc import Hashable, Sequence
from typing import Any, Final

import yaml
from pydantic import ValidationError

_MOST_CHARACTERS: Final = 1_000_000
_MOST_SHOWN: Final = 80
# In the words of the documents, and not of Python.
_WANTED: Final = {
    "tuple_type": "must be a list",
    "model_type": "must be a mapping",
    "model_attributes_type": "must be a mapping",
    "dict_type": "must be a mapping",
    "too_short": "must not be empty",
    "too_long": "must have fewer entries",
    "string_too_short": "must not be empty",
}


class DocumentError(Exception):
    """A text that is no document of the expected kind; the message names the place."""


class _Loader(yaml.SafeLoader):
    """YAML without what surprises: no key stands twice, and nothing stands for another part of the document."""

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        if self.check_event(yaml.AliasEvent):
            raise yaml.constructor.ConstructorError(problem="aliases are not read", problem_mark=self.get_mark())
        return super().compose_node(parent, index)

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        seen = set()
        for key, _ in node.value:
            if not isinstance(key, yaml.ScalarNode):
                raise yaml.constructor.ConstructorError(problem="a key must be a text", problem_mark=key.start_mark)
            if key.value in seen:
                raise yaml.constructor.ConstructorError(
                    problem=f"{key.value!r} stands twice", problem_mark=key.start_mark
                )
            seen.add(key.value)
        return super().construct_mapping(node, deep)


def yaml_document(text: str, name: str) -> object:
    """What a YAML text holds.

    Raises:
        DocumentError: it is no YAML, too long or too deep, or a key stands twice in it.
    """
    if len(text) > _MOST_CHARACTERS:
        raise DocumentError(f"{name} has {len(text)} characters, must have at most {_MOST_CHARACTERS}")
    try:
        return yaml.load(text, _Loader)  # noqa: S506 - a safe loader, made stricter
    except yaml.MarkedYAMLError as error:
        line = f" line {error.problem_mark.line + 1}:" if error.problem_mark else ""
        raise DocumentError(f"{name}:{line} {error.problem}") from None
    except (yaml.YAMLError, ValueError) as error:
        raise DocumentError(f"{name} is no YAML: {error}") from None
    except RecursionError:
        raise DocumentError(f"{name} is nested too deeply") from None


def complaint(error: ValidationError, fields: str = "") -> str:
    """The first thing that is wrong, as a sentence that names the field, its value and what is allowed.

    Args:
        fields: the names of the fields that there are, for an answer to an unknown one.
    """
    first = error.errors(include_url=False, include_context=True)[0]
    where = _place(first["loc"]) or "the document"
    if first["type"] == "missing":
        return f"{where} is missing, and is needed"
    if first["type"] == "extra_forbidden":
        return f"{where} is no field" + (f"; fields are {fields}" if fields else "")
    if first["loc"][-1:] == ("[key]",) or first["type"] == "invalid_key":
        return f"a key is {shown(first['input'])}, {_wanted(first['msg'])}"
    if first["type"] == "value_error":
        return f"{where}: {first['ctx']['error']}" if first["loc"] else str(first["ctx"]["error"])
    return f"{where} is {shown(first['input'])}, {_WANTED.get(first['type']) or _wanted(first['msg'])}"


def _wanted(message: str) -> str:
    """A message of pydantic's in the house's words."""
    for theirs, ours in (
        ("Input should", "must"),
        ("String should", "must"),
        ("Keys should be strings", "must be a text"),
    ):
        message = message.replace(theirs, ours)
    return message.replace("valid ", "").replace("string", "text")


def _place(parts: Sequence[str | int]) -> str:
    """Such as `faults, entry 3, at`: entries are counted from 1, as people do."""
    place = ""
    for part in parts:
        separator = ", " if isinstance(part, int) or "entry" in place else "."
        place += f"{separator if place else ''}{f'entry {part + 1}' if isinstance(part, int) else part}"
    return place


def shown(value: object) -> str:
    """A value as a message may show it: short."""
    text = repr(value)
    return text if len(text) <= _MOST_SHOWN else f"{text[:_MOST_SHOWN]}..."
