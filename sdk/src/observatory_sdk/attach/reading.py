"""A bindings file read strictly: every mistake names the file, the entry, the field, the value and what is allowed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NoReturn

from observatory_sdk.attach.paths import ROOTS, Path, parse
from observatory_sdk.errors import ConfigurationError

_SHOWN = 120


class Node:
    """A part of the file together with the way to it."""

    def __init__(self, value: object, where: str) -> None:
        self.value = value
        self.where = where

    def refuse(self, allowed: str) -> NoReturn:
        """Raise `ConfigurationError` for the value here."""
        shown = repr(self.value)
        shown = shown if len(shown) <= _SHOWN else shown[:_SHOWN] + "..."
        raise ConfigurationError(f"{self.where} is {shown}: it takes {allowed}")

    def mapping(self, allowed: Iterable[str] | None = None) -> dict[str, Node]:
        """The parts by name; with `allowed`, no others may be there."""
        if not isinstance(self.value, Mapping) or not all(isinstance(name, str) for name in self.value):
            self.refuse("a mapping" if allowed is None else f"a mapping with {', '.join(allowed)}")
        found = {name: Node(value, f"{self.where}: {name}") for name, value in self.value.items()}
        names = None if allowed is None else set(allowed)
        for name in found:
            if names is not None and name not in names:
                raise ConfigurationError(f"{self.where} has {name!r}: it takes {', '.join(sorted(names))}")
        return found

    def words(self) -> dict[str, Node]:
        """The parts by a text in lower case; YAML's true, false and numbers are texts here."""
        if not isinstance(self.value, Mapping) or not all(isinstance(word, str | bool | int) for word in self.value):
            self.refuse("a mapping of texts to values")
        return {str(word).lower(): Node(value, f"{self.where}: {word}") for word, value in self.value.items()}

    def list(self, allowed: str) -> list[Node]:
        """The parts in order; a single part stands for a list of one."""
        if self.value is None:
            self.refuse(allowed)
        if not isinstance(self.value, list):
            return [self]
        return [Node(value, f"{self.where}[{place}]") for place, value in enumerate(self.value)]

    def text(self, allowed: str = "a text that is not empty") -> str:
        """A text."""
        if not isinstance(self.value, str) or not self.value.strip():
            self.refuse(allowed)
        return self.value

    def texts(self, allowed: str = "a list of texts") -> tuple[str, ...]:
        """A list of texts, or one."""
        return tuple(each.text(allowed) for each in self.list(allowed))

    def flag(self) -> bool:
        """True or false."""
        if not isinstance(self.value, bool):
            self.refuse("true or false")
        return self.value

    def one_of(self, allowed: Iterable[str]) -> str:
        """One of these words."""
        words = tuple(allowed)
        if self.value not in words:
            self.refuse(f"one of {', '.join(words)}")
        return str(self.value)

    def path(self) -> Path:
        """A path into a call."""
        found = parse(self.value)
        if found is None:
            self.refuse(f"a path that begins with one of {', '.join(ROOTS)}, as in result.order.price")
        return found

    def paths(self) -> tuple[Path, ...]:
        """A list of paths, or one."""
        return tuple(each.path() for each in self.list("a path or a list of paths"))
