"""The tools as data: what each is called, takes, asks and leaves out."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

MOST_TOOLS = 12
_FILE = Path(__file__).with_name("tools.yaml")
# The same for every tool: what differs is below `facts`.
_ENVELOPE: Mapping[str, Any] = {
    "evidence": {"type": "array", "items": {"type": "object", "required": ["id"]}},
    "untrusted": {"type": "object"},
    "omitted": {"type": "object"},
    "sources": {"type": "array", "items": {"type": "string"}},
}


@dataclass(frozen=True, slots=True)
class Ask:
    """One question to our own API.

    Attributes:
        path: below `/api/v1/monitoring`; arguments in braces are put in.
        at: where the answer stands in `facts`; empty: its fields are `facts`.
        when: arguments of which one must be given; none: always.
        unless: arguments of which none may be given.
        fixed: query parameters of ours, which an argument of the same name replaces.
        only: arguments that this question takes; None: all that are not in its path.
        leave: arguments that this question does not take.
    """

    path: str
    at: str = ""
    when: frozenset[str] = frozenset()
    unless: frozenset[str] = frozenset()
    fixed: Mapping[str, str] = field(default_factory=dict)
    only: frozenset[str] | None = None
    leave: frozenset[str] = frozenset()

    def wanted(self, given: Mapping[str, object]) -> bool:
        """Whether it is asked with these arguments."""
        return (not self.when or bool(self.when & given.keys())) and not self.unless & given.keys()

    def takes(self, name: str) -> bool:
        """Whether an argument is a query parameter of it."""
        if f"{{{name}}}" in self.path or name in self.leave or name in self.when - {name}:
            return False
        return self.only is None or name in self.only


@dataclass(frozen=True, slots=True)
class Tool:
    """One tool.

    Attributes:
        arguments: JSON Schema of each argument, by name.
        required: arguments that must be given.
        drop: fields left out of the answer at any depth.
        outside: fields whose content was recorded from the platform or written by people.
        written: fields that mark a record as written by people, by the values that do.
        returns: JSON types of the fields of `facts`.
    """

    name: str
    title: str
    description: str
    arguments: Mapping[str, Mapping[str, Any]]
    required: Sequence[str]
    asks: Sequence[Ask]
    drop: frozenset[str]
    outside: frozenset[str]
    written: Mapping[str, Sequence[str]]
    returns: Mapping[str, str]

    @property
    def input_schema(self) -> dict[str, Any]:
        """JSON Schema of the arguments."""
        schema: dict[str, Any] = {"type": "object", "properties": dict(self.arguments), "additionalProperties": False}
        return schema | ({"required": list(self.required)} if self.required else {})

    @property
    def output_schema(self) -> dict[str, Any]:
        """JSON Schema of the structured answer."""
        facts = {"type": "object", "properties": {name: {"type": kind} for name, kind in self.returns.items()}}
        return {
            "type": "object",
            "properties": {"facts": facts, **_ENVELOPE},
            "required": ["facts", *_ENVELOPE],
        }


@dataclass(frozen=True, slots=True)
class Toolbox:
    """All tools in their order, and what an agent is told of them."""

    instructions: str
    tools: Mapping[str, Tool]


@functools.cache
def load() -> Toolbox:
    """Read the tools that come with the server.

    Raises:
        ValueError: two have one name, or there are more than `MOST_TOOLS`.
    """
    read = yaml.safe_load(_FILE.read_text(encoding="utf-8"))
    tools = [_tool(entry, read["arguments"]) for entry in read["tools"]]
    named = {each.name: each for each in tools}
    if len(named) != len(tools) or len(tools) > MOST_TOOLS:
        raise ValueError(f"{_FILE.name}: tools have names of their own, and there are at most {MOST_TOOLS}")
    return Toolbox(read["instructions"].strip(), named)


def _tool(entry: Mapping[str, Any], shared: Mapping[str, Mapping[str, Any]]) -> Tool:
    arguments = {name: {**shared.get(name, {}), **own} for name, own in entry["arguments"].items()}
    return Tool(
        entry["name"],
        entry["title"],
        entry["description"].strip(),
        {name: {key: each for key, each in own.items() if key != "required"} for name, own in arguments.items()},
        [name for name, own in arguments.items() if own.get("required")],
        [_ask(each) for each in entry["asks"]],
        frozenset(entry.get("drop", ())),
        frozenset(entry.get("outside", ())),
        entry.get("written", {}),
        entry["returns"],
    )


def _ask(entry: Mapping[str, Any]) -> Ask:
    return Ask(
        entry["path"],
        entry.get("as", ""),
        frozenset(entry.get("when", "").split()),
        frozenset(entry.get("unless", "").split()),
        {name: str(each) for name, each in entry.get("fixed", {}).items()},
        frozenset(entry["only"]) if "only" in entry else None,
        frozenset(entry.get("leave", ())),
    )
