"""The same facts without a model: the verdict, then what it rests on, each line as the evidence says it."""

from __future__ import annotations

from collections.abc import Sequence

from observatory.insight.summary import Sentence, Summary
from observatory.model.evidence import Evidence

TEMPLATE = "template"
_MOST = 8


def write(subject: str, verdict: str, evidence: Sequence[Evidence], failure: str = "") -> Summary:
    """A summary by rule; the same evidence, the same words."""
    told = [Sentence(one_line(each.sentence), (each.id,)) for each in evidence[:_MOST] if each.sentence.strip()]
    first = Sentence(one_line(verdict), tuple(each.id for each in evidence[:_MOST]))
    # A verdict that is nothing but a piece of evidence is said once.
    sentences = told if any(each.text == first.text for each in told) else [first, *told]
    return Summary(subject, [each for each in sentences if each.text], TEMPLATE, failure=failure)


def one_line(text: str) -> str:
    """The text without line breaks and what cannot be seen."""
    return " ".join("".join(each if each.isprintable() else " " for each in text).split())
