"""What the platform asks models in a fixed form, and how it reads their answers.

Models answer the words that they are sent: a line of `name=value` pairs carries the numbers, a length is asked for as
"about 40 words".
"""

import json
from typing import NamedTuple, cast

from observatory_universe.trade import Side


class Vote(NamedTuple):
    """What one model decided, and how sure it is, from 0 to 1."""

    decision: Side
    confidence: float


def ask_for_vote(symbol: str, side: Side, volume_ratio: float, words: int = 40) -> str:
    """The user's text that asks whether a signal is right. `words`: how long the reason shall be."""
    return (
        f"volume_ratio={volume_ratio:.3f} side={side} symbol={symbol}\n"
        f"Decide whether to buy or to sell. Answer with JSON: decision, confidence from 0 to 1, and a reason of about "
        f"{words} words."
    )


def read_vote(text: str) -> Vote | None:
    """The vote in a model's answer; None where there is none."""
    found = _read(text)
    decision, confidence = found.get("decision"), found.get("confidence")
    if decision not in ("buy", "sell") or not _is_number(confidence, 0.0):
        return None
    return Vote(decision, cast(float, confidence))


def ask_for_sentiment(symbol: str, trend_ratio: float, opinions: str) -> str:
    """The user's text that asks what these opinions make of a symbol whose price lately moved by `trend_ratio`."""
    return (
        f"{opinions}\ntrend_ratio={trend_ratio:.6f} symbol={symbol}\n"
        "Answer with JSON: the sentiment score of the symbol from -1 to 1."
    )


def read_sentiment(text: str) -> float | None:
    """The score in a model's answer, from -1 to 1; None where there is none."""
    score = _read(text).get("score")
    return cast(float, score) if _is_number(score, -1.0) else None


def _read(text: str) -> dict[str, object]:
    try:
        found = json.loads(text)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _is_number(value: object, least: float) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and least <= value <= 1.0
