"""The behaviour behind the model providers, without any door."""

import json
import statistics
from collections.abc import Callable

import pytest

from observatory_universe.chance import Chance
from observatory_universe.clock import Clock
from observatory_universe.faults import Faults
from observatory_universe.ids import Ids
from observatory_universe.market import goes_on_ratio_of
from observatory_universe.models import GPT
from observatory_universe.outside.language import Answer, Language, Query
from observatory_universe.questions import ask_for_vote, read_sentiment, read_vote

START_NS = 1_760_000_000_000_000_000


class HeldClock(Clock):
    """Time stands still."""

    def __init__(self) -> None:
        super().__init__(lambda: START_NS)

    def now_s(self) -> float:
        return 0.0


def answers(number: int, text: str, prepare: Callable[[Faults], object] = lambda faults: None) -> list[Answer]:
    """What GPT answers when it is asked so often."""
    clock = HeldClock()
    faults = Faults(clock.now_ns)
    prepare(faults)
    language = Language(clock, Chance(7), faults, Ids(clock))
    query = Query("openai", GPT.name, "responses", "Be brief.", (("user", text),), 400)
    return [answer for _ in range(number) if isinstance(answer := language.answer(query), Answer)]


def test_nine_of_ten_votes_take_the_signal_s_side_and_few_calls_fail() -> None:
    found = answers(4_000, "volume_ratio=3.4 side=buy symbol=BTC/USDT Answer with JSON.")
    votes = [json.loads(answer.text) for answer in found]
    assert 3_985 <= len(found) <= 4_000
    assert sum(vote["decision"] == "buy" for vote in votes) / len(votes) == pytest.approx(0.9, abs=0.02)
    assert statistics.mean(vote["confidence"] for vote in votes) == pytest.approx(goes_on_ratio_of(3.4), abs=0.005)
    assert all(set(vote) == {"decision", "confidence"} for vote in votes)


def test_a_fault_that_comes_and_goes_shifts_no_later_answer() -> None:
    def miscalibrated(faults: Faults) -> None:
        faults.begin("ai_miscalibrated", "openai")

    usual = answers(50, ask_for_vote("BTC/USDT", "buy", 3.4))
    struck = answers(50, ask_for_vote("BTC/USDT", "buy", 3.4), miscalibrated)
    assert [answer.duration_s for answer in usual] == pytest.approx([answer.duration_s for answer in struck], rel=0.05)


def test_the_pieces_of_a_stream_are_the_text_and_take_as_long() -> None:
    for answer in answers(20, "In about 150 words."):
        pieces = list(answer.pieces())
        assert "".join(text for _, text in pieces) == answer.text
        assert sum(wait_s for wait_s, _ in pieces) == pytest.approx(answer.duration_s)
        assert pieces[0][0] == answer.first_chunk_s
        assert all(len(text) <= 80 for _, text in pieces)


def test_what_is_no_vote_and_no_score_is_read_as_none() -> None:
    for text in ("buy", "[]", '{"decision": "hold", "confidence": 0.8}', '{"decision": "buy", "confidence": 7}', "{"):
        assert read_vote(text) is None
    for text in ("good", '{"score": 2}', '{"score": true}', '{"score": "1"}'):
        assert read_sentiment(text) is None
