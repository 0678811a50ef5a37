"""Whether a sentence says only what the evidence that it names says. Pure.

A sentence is kept when it names known evidence, every number in it is one of that evidence, every other word stands in
that evidence or only joins words, and what rose or fell did so. So neither a model that invents nor a text within the
evidence that asks for something can add a fact.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from enum import StrEnum
from pathlib import Path

import yaml

from observatory.model.evidence import Evidence

_LONGEST = 400
_NUMBER = re.compile(r"(?<![\w.])[-+]?\d[\d,]*(?:\.\d+)?(?:[eE][-+]?\d+)?")
_MOMENT = re.compile(r"(?<!\d)(?:\d{4}-\d{2}-\d{2}|\d{1,2}:\d{2}(?::\d{2})?)(?!\d)")
_ROUNDED = Decimal("0.05")
_WORD = re.compile(r"[^\W\d_][\w'’]*")
# Addresses, markup, code: nothing of it is a sentence.
_MARKUP = re.compile(r"://|www\.|[<>`\[\]{}|\\]|&#|!\(")
_ENDINGS = ("ness", "ing", "ed", "es", "ly", "s")
_LEAST_STEM = 3


class Reason(StrEnum):
    """Why a sentence was dropped."""

    FORM = "form"
    NO_EVIDENCE = "no_evidence"
    NUMBER = "number"
    WORD = "word"
    NEGATION = "negation"
    DIRECTION = "direction"


_GRAVEST = (Reason.NEGATION, Reason.NUMBER, Reason.DIRECTION, Reason.WORD)


@dataclass(frozen=True, slots=True)
class _Vocabulary:
    joining: frozenset[str]
    up: frozenset[str]
    down: frozenset[str]
    numbers: frozenset[str]
    negations: frozenset[str]


def check(text: str, cited: Sequence[str], known: Mapping[str, Evidence], verdict: str, subject: str) -> Reason | None:
    """Why the sentence must be dropped; None when it may stand.

    Args:
        text: the sentence.
        cited: ids of evidence that it names.
        known: the evidence that was given, by id.
        verdict, subject: what is known besides, and may be repeated.
    """
    if not text.strip() or len(text) > _LONGEST or not text.isprintable() or _MARKUP.search(text):
        return Reason.FORM
    if not cited or any(each not in known for each in cited):
        return Reason.NO_EVIDENCE
    evidence = [known[each] for each in cited]
    said = [verdict, subject, *(each.sentence for each in evidence), *(each.source for each in evidence)]
    if not _numbers_stand(text, evidence, said):
        return Reason.NUMBER
    return _words_stand(text, evidence, _words(" ".join(said)))


def _numbers_stand(text: str, evidence: Sequence[Evidence], said: Sequence[str]) -> bool:
    # Digits of other scripts and fractions of one sign would pass by the search for numbers.
    if any(each.isnumeric() and not each.isascii() for each in text):
        return False
    bare = _bare(text, said)
    moments = {form for each in evidence for at in (each.since, each.until) if at is not None for form in _forms(at)}
    if any(each not in moments for each in _MOMENT.findall(bare)):
        return False
    allowed = _allowed(evidence, said)
    return all(_stands(each, allowed) for each in _NUMBER.findall(_MOMENT.sub(" ", bare)))


def _bare(text: str, said: Sequence[str]) -> str:
    """The text without the words with digits that were said before, as names of models and moments."""
    names = {each for told in said for each in (*_names(told), *_MOMENT.findall(told))}
    return functools.reduce(lambda left, each: left.replace(each, " "), sorted(names, key=len, reverse=True), text)


def _names(text: str) -> Iterator[str]:
    words = (each.strip(".,;:()'\"") for each in text.split())
    return (each for each in words if any(map(str.isdigit, each)) and any(map(str.isalpha, each)))


def _forms(at: datetime) -> set[str]:
    """How a moment may be written, in UTC."""
    return {f"{at.astimezone(UTC):{form}}" for form in ("%H:%M", "%H:%M:%S", "%Y-%m-%d")}


def _allowed(evidence: Sequence[Evidence], said: Sequence[str]) -> list[Decimal]:
    texts = [_bare(text, [text]) for text in said]
    found = [number for text in texts for each in _NUMBER.findall(text) if (number := _number(each)) is not None]
    for each in evidence:
        values = [Decimal(str(value)) for value in (each.value, each.usual) if value is not None]
        found += [*values, Decimal(each.samples)]
        if each.unit == "ratio":
            found += [value * 100 for value in values]
    return [abs(each) for each in found if each.is_finite()]


def _stands(told: str, allowed: Sequence[Decimal]) -> bool:
    """Whether a number is one of those, written with fewer places perhaps: 2,412 for 2412.3, but no 0 for 0.04."""
    number = _number(told)
    if number is None:
        return False
    exponent = number.as_tuple().exponent
    unit = Decimal(1).scaleb(exponent if isinstance(exponent, int) and exponent < 0 else 0)
    off = (abs(each - abs(number)) for each in allowed)
    return any(each <= unit / 2 and each <= held * _ROUNDED for each, held in zip(off, allowed, strict=True))


def _number(text: str) -> Decimal | None:
    try:
        return Decimal(text.replace(",", ""))
    except InvalidOperation:
        return None


def _words_stand(text: str, evidence: Sequence[Evidence], held: Collection[str]) -> Reason | None:
    """The gravest of what is wrong with the words; None when nothing is."""
    wrong = {_wrong(word, evidence, held) for word in _words(text) - set(held)}
    return next((each for each in _GRAVEST if each in wrong), None)


def _wrong(word: str, evidence: Sequence[Evidence], held: Collection[str]) -> Reason | None:
    known = _vocabulary()
    if word in known.negations:
        return Reason.NEGATION
    if word in known.numbers:
        return Reason.NUMBER
    if word in known.up | known.down:
        return None if _moved(evidence, word in known.up, word in known.down) else Reason.DIRECTION
    return None if word in known.joining or _akin(word, held) else Reason.WORD


def _moved(evidence: Sequence[Evidence], up: bool, down: bool) -> bool:
    pairs = [(each.value, each.usual) for each in evidence if each.value is not None and each.usual is not None]
    return any((up and value > usual) or (down and value < usual) for value, usual in pairs)


def _akin(word: str, held: Collection[str]) -> bool:
    stem = _stem(word)
    return len(stem) >= _LEAST_STEM and any(_stem(each) == stem for each in held)


def _words(text: str) -> set[str]:
    found = {each.replace("’", "'").lower() for each in _WORD.findall(text)}
    # A name of several parts may be said in parts.
    return found | {part for each in found for part in each.split("_") if part}


def _stem(word: str) -> str:
    bare = word.removesuffix("'s")
    ending = next((each for each in _ENDINGS if bare.endswith(each) and len(bare) - len(each) >= _LEAST_STEM), "")
    return bare.removesuffix(ending).removesuffix("e")


@functools.cache
def _vocabulary() -> _Vocabulary:
    read = yaml.safe_load(Path(__file__).with_name("vocabulary.yaml").read_text(encoding="utf-8"))
    return _Vocabulary(**{name: frozenset(text.split()) for name, text in read.items()})
