"""Places in calls that nobody has seen: what is known of a platform ends before them.

A mapping may try such a place. When nothing stands there, or a word that the mapping does not know, the field is
unknown and that is counted, so that a wrong guess shows in the SDK's losses and not as a value.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, fields, replace
from fnmatch import fnmatchcase

from observatory_sdk.attach.mapping import Field, Mapped
from observatory_sdk.attach.outcome import Rule
from observatory_sdk.attach.paths import ABSENT, Call, plain, read
from observatory_sdk.guard import LOSSES


@dataclass(frozen=True, slots=True)
class Guess(Field):
    """A field that rests on an assumed place. A call that failed by `rules`, or raised, owes nothing."""

    rules: tuple[Rule, ...] = ()

    def value(self, call: Call) -> object:
        # Not `super()`: a class with slots is made anew, and the method would not know it.
        found = Field.value(self, call)
        place = next((path for path in self.paths if plain(read(path, call)) not in (None, ABSENT)), None)
        if place is None and not self._failed(call):
            LOSSES.count("assumed place is empty", str(self.paths[-1]))
        elif place is not None and self.words is not None and found == self.default:
            LOSSES.count("assumed word is unknown", str(place))
        return found

    def _failed(self, call: Call) -> bool:
        if all(path.root != "result" for path in self.paths):
            return False
        return call.result is ABSENT or any(rule.outcome == "failure" and rule.holds(call) for rule in self.rules)


def rests_on(field: Field, assumed: Iterable[str]) -> bool:
    """Whether a field is looked for in one of the assumed places; their paths are patterns as of file names."""
    return any(fnmatchcase(str(path), pattern) for path in field.paths for pattern in assumed)


def marked(mapped: Mapped, assumed: Iterable[str], rules: tuple[Rule, ...]) -> Mapped:
    """The mapping, with the fields that rest on assumed places counting when these are empty."""
    made = {
        name: Guess(**{each.name: getattr(field, each.name) for each in fields(Field)}, rules=rules)
        if rests_on(field, assumed)
        else field
        for name, field in mapped.fields.items()
    }
    return replace(mapped, fields=made)
