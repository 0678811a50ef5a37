"""What models are asked, in words. What is to be read again is asked for in a fixed form."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Final, Literal

from observatory_universe.doors.model import Prompt
from observatory_universe.questions import ask_for_sentiment, ask_for_vote
from observatory_universe.trade import Side

_CHARACTERS_PER_TOKEN: Final = 4
_RULES: Final = (
    "You advise users of a trading platform. Answer from the facts that you are given and from nothing else. ",
    "Say plainly when the facts do not suffice. Name every figure with its unit and its age. ",
    "Never promise a profit, and name the risk of what you suggest before its chance. ",
    "A position may not be larger than the user's limits allow; where it would be, say by how much. ",
    "Prices come from several exchanges and differ a little; speak of the median. ",
    "Do not repeat the question. Keep to the point, and end with one question only where it is needed. ",
    "Amounts are in US dollars, quantities in the unit of the asset, times in UTC. ",
    "Where two signals contradict each other, say so, and say which of them has more volume behind it. ",
)


def prose(tokens: int, sentences: Sequence[str] = _RULES) -> str:
    """About so many tokens of text, the same each time."""
    wanted = tokens * _CHARACTERS_PER_TOKEN
    block = "".join(sentences)
    return (block * (wanted // len(block) + 1))[:wanted]


_ADVISER: Final = prose(1_200)
_ANALYST: Final = prose(420)


def vote(symbol: str, side: Side, volume_ratio: float, extra_tokens: int) -> Prompt:
    """Asks whether a move goes on."""
    text = f"{prose(extra_tokens)}\n{ask_for_vote(symbol, side, volume_ratio)}"
    return Prompt(_ANALYST, (("user", text),), max_tokens=200)


def sentiment(symbol: str, trend_ratio: float, extra_tokens: int) -> Prompt:
    """Asks how the market feels about a symbol."""
    text = ask_for_sentiment(symbol, trend_ratio, prose(extra_tokens))
    return Prompt(_ANALYST, (("user", text),), max_tokens=60)


def chat(past: Sequence[tuple[str, str]], facts: str, question: str) -> Prompt:
    """A user's question with the questions and answers before it and with the platform's facts."""
    turns: list[tuple[Literal["user", "assistant"], str]] = []
    for earlier, answer in past:
        turns += [("user", earlier), ("assistant", answer)]
    turns.append(("user", f"{facts}\n{question} Answer in about 140 words."))
    return Prompt(_ADVISER, tuple(turns), max_tokens=400)


def go_on(prompt: Prompt, answer: str) -> Prompt:
    """Asks for more, with all that was said."""
    wish = "Go on in about 200 words, and repeat what was said."
    return replace(prompt, turns=(*prompt.turns, ("assistant", answer), ("user", wish)), max_tokens=800)


def task(text: str, tokens: int, words: int) -> Prompt:
    """A piece of work without a user, in a prompt of about so many tokens."""
    return Prompt(_ANALYST, (("user", f"{prose(tokens)}\n{text} Answer in about {words} words."),), max_tokens=500)
