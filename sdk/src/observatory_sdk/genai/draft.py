"""A call while it is being read, and careful looks into documents of which nothing is certain."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

MAX_CHOICES = 128
_LONGEST_COUNT = 2**63
# Names and ids look like this; a text that a model or a user wrote does not get through.
_WORD = re.compile(r"[\w.:/@+~=,-]{1,256}", re.ASCII)
_NOTHING: Mapping[str, object] = {}


@dataclass(slots=True)
class Draft:
    """What was found so far. `fresh_tokens`: tokens in beside the cache, where the provider counts them apart.

    `closing`: tokens out are final. Some providers count as they write, and a stream may be cut before the end.
    """

    operation: str | None = None
    request_model: str | None = None
    response_model: str | None = None
    response_id: str | None = None
    finish_reasons: dict[int, str] = field(default_factory=dict)
    input_tokens: int | None = None
    fresh_tokens: int | None = None
    output_tokens: int | None = None
    cache_read_tokens: int | None = None
    cache_write_tokens: int | None = None
    reasoning_tokens: int | None = None
    total_tokens: int | None = None
    error_type: str | None = None
    is_error: bool = False
    is_stream: bool | None = None
    conversation_id: str | None = None
    closing: bool = True

    def finished(self, index: object, reason: str | None) -> None:
        """Remember why a choice ended; the first of them where nothing says which."""
        place = index if isinstance(index, int) and not isinstance(index, bool) else 0
        if reason is not None and (place in self.finish_reasons or len(self.finish_reasons) < MAX_CHOICES):
            self.finish_reasons[place] = reason

    def failed(self, *names: object) -> None:
        """Remember an error, by the first of these that is a name; the first error is the one that counts."""
        self.is_error = True
        for name in names:
            found = word(name)
            if found is not None and self.error_type is None:
                self.error_type = found


def within(document: object, name: str) -> Mapping[str, object]:
    """An object inside a document; an empty one where there is none."""
    found = document.get(name) if isinstance(document, Mapping) else None
    return found if isinstance(found, Mapping) else _NOTHING


def objects(document: Mapping[str, object], name: str) -> list[Mapping[str, object]]:
    """The objects of a list inside a document."""
    found = document.get(name)
    return [item for item in found[:MAX_CHOICES] if isinstance(item, Mapping)] if isinstance(found, list) else []


def word(value: object) -> str | None:
    """A name or an id; None for anything else, a sentence above all."""
    return value if isinstance(value, str) and _WORD.fullmatch(value) else None


def count(value: object) -> int | None:
    """A number of tokens; None for anything else."""
    known = isinstance(value, int) and not isinstance(value, bool) and 0 <= value < _LONGEST_COUNT
    return value if known and isinstance(value, int) else None


def added(*values: int | None) -> int | None:
    """The sum of what is known; None where nothing is."""
    known = [value for value in values if value is not None]
    return sum(known) if known else None


def newest(before: int | None, value: object) -> int | None:
    """A count that may be told again, as streams do: the newest, or the one before where none is told."""
    found = count(value)
    return before if found is None else found
