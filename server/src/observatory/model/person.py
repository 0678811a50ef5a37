"""A user who is to be found wherever he is named, and what is put in his place."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum

# Shorter ids stand for other things too often: `7` in a text is mostly no user.
LEAST_WORD = 6
# Columns, and names of attributes, whose value may be a user.
NAMING = r"(?i)user|account|customer|member|subject|actor|publisher|owner|scope"
_EDGE = "A-Za-z0-9_-"


class Mode(StrEnum):
    """How an id is looked for."""

    ANYWHERE = "anywhere"
    """In any text, also as part of a longer word."""
    WORD = "word"
    """In any text, between signs that ids do not have: another id holds this one."""
    WHOLE = "whole"
    """Only as the whole of a value whose name says that it is a user."""


@dataclass(frozen=True, slots=True)
class Person:
    """Attributes: the id; what takes its place, which nobody can turn back; how the id is looked for."""

    id: str
    pseudonym: str
    mode: Mode

    @property
    def pattern(self) -> str:
        """What is looked for, in the spelling that Python and RE2 share."""
        plain = _escaped(self.id)
        match self.mode:
            case Mode.ANYWHERE:
                return plain
            case Mode.WORD:
                return f"(^|[^{_EDGE}]){plain}($|[^{_EDGE}])"
        return f"^{plain}$"

    @property
    def by(self) -> str:
        """What a match is replaced by, in RE2's spelling."""
        return rf"\1{self.pseudonym}\2" if self.mode is Mode.WORD else self.pseudonym

    def hidden(self, text: str, name: str) -> str:
        """A text of the column `name` without the id; the same text when it is not in it."""
        if self.mode is Mode.WHOLE:
            scoped = re.sub(rf"(?<!\S)user:{_escaped(self.id)}(?!\S)", f"user:{self.pseudonym}", text)
            return self.pseudonym if text == self.id and re.search(NAMING, name) else scoped
        # Twice: two of them may share the sign between them.
        for _ in range(2):
            text = re.sub(self.pattern, self.by, text)
        return text


def mode_of(user: str, *, held_by_another: bool) -> Mode:
    """How to look for an id; `held_by_another`: whether another user's id has this one in it."""
    if len(user) < LEAST_WORD:
        return Mode.WHOLE
    return Mode.WORD if held_by_another else Mode.ANYWHERE


def _escaped(text: str) -> str:
    # As RE2 wants it: no escapes but before signs that mean something.
    return re.sub(r"([\\.+*?()|\[\]{}^$])", r"\\\1", text)
