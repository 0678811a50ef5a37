"""A summary: sentences, each with the evidence it rests on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Sentence:
    """One sentence.

    Attributes:
        text: plain text of one line.
        evidence: ids of the evidence that it was held against; never empty where there is any evidence.
    """

    text: str
    evidence: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Summary:
    """What evidence says in words.

    Attributes:
        subject: of what.
        sentences: the most important first.
        by: `template`, or the name of the model.
        dropped: how many sentences of the model were left out, by reason.
        failure: why it is not the model that wrote, where one is set; empty otherwise.
    """

    subject: str
    sentences: Sequence[Sentence]
    by: str
    dropped: Mapping[str, int] = field(default_factory=dict)
    failure: str = ""
