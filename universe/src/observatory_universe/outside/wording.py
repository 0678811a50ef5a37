"""What models write. They know nothing but the words of the prompt."""

import json
import re
from typing import Final

from observatory_universe.chance import Stream
from observatory_universe.market import goes_on_ratio_of

CHARS_PER_TOKEN: Final = 4
# How often a model takes the side that the prompt names.
_AGREES_RATIO: Final = 0.9
_TOKENS_PER_WORD: Final = 4 / 3
_USUAL_TOKENS: Final = 240
_VOTE: Final = re.compile(r"volume_ratio=(\d+(?:\.\d+)?) side=(buy|sell)")
_TREND: Final = re.compile(r"trend_ratio=(-?\d+(?:\.\d+)?)")
_LENGTH: Final = re.compile(r"about (\d{1,5}) words")
_SENTENCES: Final = (
    "The last candles closed near their highs while the volume stayed above its average.",
    "Momentum is positive on the short horizon and flat on the long one.",
    "The spread is narrow at all venues, so an entry now would cost little.",
    "A move of this size with heavy volume tends to go on for some seconds.",
    "Exposure to this asset is already large in comparison with the rest of the portfolio.",
    "Keep the position small until the next report is out.",
    "Correlation with the market leader has grown, which leaves less room for diversification.",
    "The order book is thin above the present price, and resistance is weak.",
    "A stop below the recent low limits what can be lost.",
    "Posts about the project have grown in number, and most of them are friendly.",
    "Nothing in the news explains the jump, so part of it may be given back.",
    "Realised volatility is in the middle of its usual range.",
    "The strategy earned most of its profit in the first hour of the day.",
    "Fees take about a tenth of the gross profit at this size.",
    "Take part of the profit at the first target and let the rest run.",
    "The signal agrees with two of the three indicators that were looked at.",
)
_PROSE: Final = " ".join(_SENTENCES) + " "


def tokens_of(text: str) -> int:
    """How many tokens a text takes."""
    return -(-len(text) // CHARS_PER_TOKEN)


def answer(question: str, max_tokens: int, chance: Stream, mischance: Stream, surer: float | None) -> str:
    """What a model answers to the user's last text; longer than `max_tokens` where it was not done by then.

    Args:
        surer: how much surer than right the model is in a vote (0 to 1); None when it is calibrated.
    """
    vote = _VOTE.search(question)
    if vote is not None:
        decision = _decision(float(vote[1]), vote[2], chance, mischance, surer)
        return json.dumps(decision | _reason(question, chance))
    if "sentiment score" in question:
        trend = _TREND.search(question)
        score = chance.normal(0.05, 0.2) + (0.0 if trend is None else 40 * float(trend[1]))
        return json.dumps({"score": round(max(-1.0, min(1.0, score)), 2)} | _reason(question, chance))
    wanted = _wanted_tokens(question)
    return _prose(min(0.6 * max_tokens, _USUAL_TOKENS) if wanted is None else wanted, chance)


def _decision(
    volume_ratio: float, side: str, chance: Stream, mischance: Stream, surer: float | None
) -> dict[str, object]:
    confidence = min(0.97, max(0.5, goes_on_ratio_of(volume_ratio) + chance.normal(0, 0.025)))
    agrees = chance.happens(_AGREES_RATIO)
    if surer is not None:
        confidence = min(0.99, confidence + surer)
        agrees = mischance.happens(0.5)
    other = "sell" if side == "buy" else "buy"
    return {"decision": side if agrees else other, "confidence": round(confidence, 2)}


def _reason(question: str, chance: Stream) -> dict[str, object]:
    wanted = _wanted_tokens(question)
    return {} if wanted is None else {"reason": _prose(wanted, chance)}


def _wanted_tokens(question: str) -> float | None:
    found = _LENGTH.search(question)
    return None if found is None else int(found[1]) * _TOKENS_PER_WORD


def _prose(typical_tokens: float, chance: Stream) -> str:
    length = max(8, round(chance.duration_s(typical_tokens, 0.15) * CHARS_PER_TOKEN))
    start = _PROSE.index(chance.pick(_SENTENCES))
    text = (_PROSE * (1 + (start + length) // len(_PROSE)))[start : start + length]
    return text.rstrip()
