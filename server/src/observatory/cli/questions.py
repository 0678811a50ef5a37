"""Which of the seven questions a sentence asks, and about whom. Pure; the wording is data."""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import yaml

SERVICE, FEATURE, EXCHANGE, USER = "service", "feature", "exchange", "user"
_WORD = re.compile(r"[a-z0-9@._:+-]*[a-z0-9]")
# An id with a digit, or an address: what else stands after `user` is found by its place.
_USER = re.compile(r"(?:u|user|usr|customer|cust)[-_:]?\d[\w-]*|[^@\s]+@[^@\s]+\.[a-z]+|[0-9a-f]{8}-[0-9a-f-]{27}")
_AFTER_USER = re.compile(r"\b(?:user|customer)\s+['\"]?([\w@][\w.@:+-]*)", re.IGNORECASE)
_FORGIVEN = ((8, 2), (4, 1))
_LONGEST = 500


@dataclass(frozen=True, slots=True)
class Question:
    """One of the seven.

    Attributes:
        id: names it.
        ask: how it may be asked.
        words: weight of each word.
        about: weight of a name, by kind.
        needs: kinds of names of which one must be there; none: it needs no name.
    """

    id: str
    ask: str
    words: Mapping[str, int]
    about: Mapping[str, int] = field(default_factory=dict)
    needs: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Asked:
    """A question that was recognised.

    Attributes:
        question: which; None when none was.
        names: what the sentence names, by kind: service, feature, exchange, user.
        missing: kinds of names of which the nearest question needs one.
    """

    question: Question | None
    names: Mapping[str, str]
    missing: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Wording:
    """The questions, and names that are known without asking anybody."""

    questions: Sequence[Question]
    least: int
    names: Mapping[str, Mapping[str, str]]
    nobody: frozenset[str]


@functools.cache
def wording() -> Wording:
    """What comes with the product."""
    read = yaml.safe_load(Path(__file__).with_name("questions.yaml").read_text(encoding="utf-8"))
    names = {kind: {each.replace("_", " "): each for each in found} for kind, found in read["names"].items()}
    also = read["also"]
    return Wording(
        tuple(Question(**each) for each in read["questions"]),
        read["least"],
        {kind: found | also.get(kind, {}) for kind, found in names.items()},
        frozenset(read["nobody"].split()),
    )


def recognise(text: str, known: Mapping[str, Mapping[str, str]]) -> Asked:
    """What a sentence asks.

    Args:
        text: the sentence, in English; small slips of the pen are forgiven.
        known: names by kind, each from how it is said (small letters, words with blanks between) to its id.
    """
    plain = text.lower()[:_LONGEST]
    told = wording()
    kinds = {kind: {**told.names.get(kind, {}), **known.get(kind, {})} for kind in (SERVICE, FEATURE, EXCHANGE)}
    names = {kind: name for kind, found in kinds.items() if (name := _named(plain, found)) is not None}
    if (user := _user(text[:_LONGEST])) is not None:
        names[USER] = user
    words = _WORD.findall(plain)
    weights = sorted(((_weight(each, words, names), -place) for place, each in enumerate(told.questions)), reverse=True)
    missing: Sequence[str] = ()
    for weight, place in weights:
        question = told.questions[-place]
        if weight < told.least:
            break
        if not question.needs or names.keys() & set(question.needs):
            return Asked(question, names)
        missing = missing or question.needs
    return Asked(None, names, missing)


def _weight(question: Question, words: Sequence[str], names: Mapping[str, str]) -> int:
    heard = sum(weight for known, weight in question.words.items() if any(alike(each, known) for each in words))
    # Half of a question's words alone make none: a name only adds to them.
    return heard + sum(weight for kind, weight in question.about.items() if kind in names) if heard else 0


def alike(word: str, known: str) -> bool:
    """Whether a word is a known one, but for a slip of the pen."""
    if word == known:
        return True
    slips = next((allowed for least, allowed in _FORGIVEN if len(known) >= least), 0)
    return slips > 0 and word[:1] == known[:1] and abs(len(word) - len(known)) <= slips and _slips(word, known) <= slips


def _slips(left: str, right: str) -> int:
    """Letters left out, put in, changed, or put in each other's place, that make one word of the other."""
    before: list[int] = []
    row = list(range(len(right) + 1))
    for place, letter in enumerate(left, 1):
        last, before, row = before, row, [place]
        for other, wanted in enumerate(right, 1):
            best = min(before[other] + 1, row[-1] + 1, before[other - 1] + (letter != wanted))
            swapped = place > 1 and other > 1 and letter == right[other - 2] and left[place - 2] == wanted
            row.append(min(best, last[other - 2] + 1) if swapped else best)
    return row[-1]


def _named(text: str, known: Mapping[str, str]) -> str | None:
    """The longest name in the text; one that is only like a name where none is."""
    spoken = " " + " ".join(re.findall(r"[a-z0-9]+", text.replace("_", " "))) + " "
    found = [name for name in known if f" {name} " in spoken]
    if found:
        return known[max(found, key=lambda each: (len(each), each))]
    words = spoken.split()
    near = [
        name
        for name in sorted(known)
        for start in range(len(words))
        if len(name) >= _FORGIVEN[0][0] and alike(" ".join(words[start : start + name.count(" ") + 1]), name)
    ]
    return known[near[0]] if near else None


def _user(text: str) -> str | None:
    words = (each.strip("?!,;'\"").rstrip(".") for each in text.split())
    shaped = next((each for each in words if _USER.fullmatch(each.lower())), None)
    found = _AFTER_USER.search(text)
    if shaped is not None or found is None:
        return shaped
    word, told = found[1].rstrip(".:-"), wording()
    taken = told.nobody | {known for question in told.questions for known in question.words}
    return None if any(alike(word.lower(), known) for known in taken) else word
