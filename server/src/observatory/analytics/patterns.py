"""Which lines of a log say the same: one group for each thing that is said, told as the lines come.

grouper = Grouper()
group = grouper.add("Failed password for root from 10.0.0.7 port 4711 ssh2")
grouper.template(group)     # "Failed password for root from <*> port <*> ssh<*>"

How it was chosen: docs/decisions/0035-log-patterns.md.
"""

from __future__ import annotations

import re
from collections import Counter, OrderedDict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from observatory.analytics.masking import WILD, masked

SIMILAR = 0.5
# Another first word is seldom a value.
SIMILAR_BY_ANOTHER_NAME = 0.75
MOST_CANDIDATES = 24
FREQUENT = 0.3
LEAST_GROUPS = 10
# Tokens that say little about what happened weigh less.
_FILLING = frozenset(
    re.split(r"\s+", "the a an of for to from is in at by and on with or as be was are - : = | ( ) [ ]"),
)
_EVENTS = frozenset(
    re.findall(
        r"\w+",
        """start stop begin end up down on off success failure succeed fail ok hit miss acquire release
        get post put delete patch head options open close read write add remove insert update
        create connect disconnect enter exit leave lock unlock mount unmount enable disable online offline allow deny
        accept reject send receive login logout attach detach load unload install uninstall join grant revoke
        startup shutdown sent full empty source destination input output src dst""",
    )
)
# The level is not what is said.
_LEVELS = frozenset(
    ("error", "warn", "warning", "info", "debug", "fatal", "notice", "critical", "trace", "severe", "err")
)
_MARKS = "()[]{}<>,.:;!?\"'*"


@dataclass(slots=True)
class Group:
    """Lines that say the same.

    Attributes:
        id: its number, from 1; never given again.
        tokens: what they have in common, `<*>` for what varies.
        lines: how many.
    """

    id: int
    tokens: list[str]
    lines: int = 0
    kinds: set[tuple[str, ...]] = field(default_factory=set)

    @property
    def template(self) -> str:
        """The tokens as a line."""
        return " ".join(self.tokens)


class Grouper:
    """Groups lines as they come. The same lines in the same order give the same groups.

    A line of a kind that was seen keeps its group; kinds differ in more than numbers, times, ids and the like. Of more
    than `limit` groups those that were longest without a line are forgotten, with their kinds.

    Args:
        limit: most groups that are kept, 1 at least.
        similar: share of the telling words that must agree, above 0 and at most 1.

    Raises:
        ValueError: an argument out of its range.
    """

    def __init__(self, limit: int = 2_000, similar: float = SIMILAR) -> None:
        if limit < 1:
            raise ValueError(f"limit is at least 1, not {limit}")
        if not 0 < similar <= 1:
            raise ValueError(f"similar is above 0 and at most 1, not {similar}")
        self._limit = limit
        self._similar = similar
        self._groups: OrderedDict[int, Group] = OrderedDict()
        self._kinds: OrderedDict[tuple[str, ...], int] = OrderedDict()
        self._places: dict[tuple[int, int, str], set[int]] = {}
        self._common: Counter[str] = Counter()
        self._given = 0

    def __len__(self) -> int:
        return len(self._groups)

    def __iter__(self) -> Iterator[Group]:
        """The groups, the one with the most lines first."""
        return iter(sorted(self._groups.values(), key=lambda group: (-group.lines, group.id)))

    def add(self, line: object) -> int:
        """Take a line.

        Args:
            line: a text of any length; bytes are read as UTF-8, anything else by `str`.

        Returns:
            The number of its group.
        """
        tokens = masked(line)
        kind = tuple(tokens)
        known = self._kinds.get(kind)
        if known is None:
            group = self._nearest(tokens) or self._open(tokens)
            self._remember(kind, group)
        else:
            group = self._groups[known]
            self._kinds.move_to_end(kind)
        group.lines += 1
        self._groups.move_to_end(group.id)
        return group.id

    def template(self, group: int) -> str:
        """What the lines of a group have in common, as it is known now; `<*>` alone for one that was forgotten.

        Raises:
            KeyError: no line was given this group.
        """
        if group in self._groups:
            return self._groups[group].template
        if 1 <= group <= self._given:
            return WILD
        raise KeyError(group)

    def _nearest(self, tokens: Sequence[str]) -> Group | None:
        """The group that the line joins, with its template widened."""
        shared: Counter[int] = Counter()
        for place, token in enumerate(tokens):
            if token != WILD:
                shared.update(self._places.get((len(tokens), place, token), ()))
        best, best_score = None, 0.0
        for number, _ in sorted(shared.items(), key=lambda item: (-item[1], item[0]))[:MOST_CANDIDATES]:
            score = self._agreement(self._groups[number].tokens, tokens)
            if score > best_score:
                best, best_score = self._groups[number], score
        if best is not None:
            self._widen(best, tokens)
        return best

    def _agreement(self, template: Sequence[str], tokens: Sequence[str]) -> float:
        """How far they agree, 0 to 1; 0 when they do not say the same."""
        same = other = 0.0
        for place, (ours, theirs) in enumerate(zip(template, tokens, strict=True)):
            if ours == theirs:
                same += 0.0 if ours == WILD else self._weight(ours)
            elif WILD in ours or WILD in theirs:
                other += _half(ours, theirs)
            elif (_event(ours) and _event(theirs)) or _verbs(template, place):
                return 0.0
            else:
                other += max(self._weight(ours), self._weight(theirs))
        score = same / (same + other) if same else 0.0
        if template[0] != tokens[0] and WILD not in (template[0], tokens[0]):
            return score if score >= SIMILAR_BY_ANOTHER_NAME else 0.0
        return score if score >= self._similar else 0.0

    def _weight(self, token: str) -> float:
        if token in _FILLING:
            return 0.5
        if token.strip(_MARKS).lower() in _LEVELS:
            return 0.25
        groups = len(self._groups)
        return 0.25 if groups >= LEAST_GROUPS and self._common[token] > FREQUENT * groups else 1.0

    def _open(self, tokens: list[str]) -> Group:
        if len(self._groups) >= self._limit:
            self._forget(next(iter(self._groups.values())))
        self._given += 1
        group = Group(self._given, list(tokens))
        self._groups[group.id] = group
        for place, token in enumerate(tokens):
            self._places.setdefault((len(tokens), place, token), set()).add(group.id)
        self._common.update(set(tokens))
        return group

    def _widen(self, group: Group, tokens: Sequence[str]) -> None:
        """Wild where the line differs."""
        for place, (ours, theirs) in enumerate(zip(group.tokens, tokens, strict=True)):
            if ours != theirs and ours != WILD:
                self._leave(group, place)
                group.tokens[place] = WILD
                self._places.setdefault((len(tokens), place, WILD), set()).add(group.id)

    def _leave(self, group: Group, place: int) -> None:
        at = (len(group.tokens), place, group.tokens[place])
        there = self._places.get(at, set())
        there.discard(group.id)
        if not there:
            self._places.pop(at, None)

    def _remember(self, kind: tuple[str, ...], group: Group) -> None:
        """Kinds are bounded too: a word that varies makes a kind of each of its values."""
        self._kinds[kind] = group.id
        group.kinds.add(kind)
        if len(self._kinds) > 8 * self._limit:
            oldest, number = self._kinds.popitem(last=False)
            self._groups[number].kinds.discard(oldest)

    def _forget(self, group: Group) -> None:
        del self._groups[group.id]
        for kind in group.kinds:
            self._kinds.pop(kind, None)
        for place in range(len(group.tokens)):
            self._leave(group, place)
        self._common.subtract(set(group.tokens))
        self._common = +self._common


def _half(ours: str, theirs: str) -> float:
    """What a masked token costs against another: names of keys that differ as much as words, values half of it."""
    if WILD in (ours, theirs):
        return 0.5
    return 1.0 if "=" in ours or "=" in theirs or not (WILD in ours and WILD in theirs) else 0.5


def _verbs(template: Sequence[str], place: int) -> bool:
    """Whether what is done stands here: to start the, to stop the."""
    after = template[place + 1] if place + 1 < len(template) else ""
    return place > 0 and template[place - 1] == "to" and after in ("the", "a", "an")


def _event(token: str) -> bool:
    """Whether it is a word for what happens: started and stopped are two things, root and admin are not."""
    word = token.strip(_MARKS).lower()
    if word in _EVENTS:
        return True
    return len(word) > 4 and word.isalpha() and word.endswith(("ed", "ing")) and not word.endswith("eed")
