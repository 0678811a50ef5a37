"""What the area measures against a plain reference over the same random facts."""

from __future__ import annotations

import json
import uuid
from collections import Counter, defaultdict
from decimal import Decimal
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from model_spans import decision, send_nested

from observatory.analytics import calibration
from observatory.areas.ai_systems.view import family
from observatory.costs.prices import Tokens, price

FEW = settings(
    max_examples=6,
    deadline=None,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
MODELS = [
    ("openai", "gpt-4o-2024-08-06"),
    ("openai", "gpt-4o-mini"),
    ("anthropic", "claude-3-5-haiku-20241022"),
    ("gcp.gemini", "gemini-2.5-pro"),
    ("openai", "house-model"),
]
tokens = st.none() | st.integers(0, 400_000)
calls = st.lists(
    st.fixed_dictionaries(
        {
            "model": st.sampled_from(MODELS),
            "ms": st.integers(1, 40_000),
            "ago": st.sampled_from([0.001, 5, 200, 299.999, 300, 301, 3_599, 3_601]),
            "failed": st.booleans(),
            "input": tokens,
            "output": tokens,
            "cached": st.none() | st.integers(0, 100),
            "talk": st.sampled_from(["", "a", "b", "c"]),
            "fallback": st.sampled_from(["", "gpt-4o"]),
            "chunk_s": st.none() | st.floats(0, 9, allow_nan=False),
        }
    ),
    max_size=25,
)


def told(call: dict[str, Any]) -> dict[str, Any]:
    values = {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": call["model"][0],
        "gen_ai.request.model": call["model"][1],
        "gen_ai.usage.input_tokens": call["input"],
        "gen_ai.usage.output_tokens": call["output"],
        "gen_ai.usage.cache_read.input_tokens": call["cached"],
        "gen_ai.conversation.id": call["talk"],
        "ai.fallback.from": call["fallback"],
        "gen_ai.response.time_to_first_chunk": call["chunk_s"],
    }
    return {name: value for name, value in values.items() if value not in (None, "")}


def whole(call: dict[str, Any]) -> int | None:
    """Tokens in: more cached ones than the input holds stand beside it."""
    if call["input"] is not None and (call["cached"] or 0) > call["input"]:
        return int(call["input"] + call["cached"])
    return None if call["input"] is None else int(call["input"])


def cost(call: dict[str, Any], at: Any) -> Decimal | None:
    given = whole(call)
    if given is None and call["output"] is None and not call["failed"]:
        return None
    # A part of an input that nobody told is no part of anything.
    cached = (call["cached"] or 0) if given is not None else 0
    return price(*call["model"], Tokens(1, given or 0, call["output"] or 0, cached, 0, given or 0), at)


@FEW
@given(made=calls)
async def test_calls_are_counted_timed_and_priced_as_one_by_one(
    sender: Any, look: Any, made: list[dict[str, Any]]
) -> None:
    sender.environment = f"test-{uuid.uuid4().hex[:12]}"
    for call in made:
        sender.span("chat", ago=call["ago"], ms=call["ms"], error=call["failed"], **told(call))
    view = await look("ai_systems")
    recent = [call for call in made if call["ago"] < 300]
    hour = [call for call in made if call["ago"] < 3_600]
    measured = {each.indicator: each.measurement for each in view.assessment.readings if not each.member}
    assert view["calls_5m"] == (len(recent) or None)
    if recent:
        times = [call["ms"] for call in recent]
        assert measured["ai_systems.latency_mean"].value == pytest.approx(np.mean(times))
        for share in (50, 95, 99):
            assert measured[f"ai_systems.latency_p{share}"].value == pytest.approx(
                np.percentile(times, share), rel=0.01
            )
        assert view["error_rate_5m"] == pytest.approx(sum(call["failed"] for call in recent) / len(recent))
        assert view["fallbacks_5m"] == sum(call["fallback"] != "" for call in recent)
        _same_tokens(measured, recent)
        _same_models(view, recent)
    _same_money(view, hour, sender.at)
    _same_conversations(measured, hour)


def _same_tokens(measured: dict[str, Any], recent: list[dict[str, Any]]) -> None:
    for name, amounts in {
        "input": [whole(call) for call in recent],
        "output": [call["output"] for call in recent],
        "cache_read": [call["cached"] for call in recent],
    }.items():
        known = [amount for amount in amounts if amount is not None]
        found = measured.get(f"ai_systems.tokens_{name}")
        assert (found.value if found else None) == (sum(known) if known else None)
    chunks = [call["chunk_s"] * 1_000 for call in recent if call["chunk_s"] is not None]
    found = measured.get("ai_systems.first_chunk_p95")
    assert (found.value if found else None) == (pytest.approx(np.percentile(chunks, 95), rel=0.01) if chunks else None)


def _same_models(view: Any, recent: list[dict[str, Any]]) -> None:
    counted = Counter(family("/".join(call["model"])) for call in recent)
    for member, count in counted.items():
        own = [call for call in recent if family("/".join(call["model"])) == member]
        assert view.member("ai_systems.model_calls", member).value == count
        rate = view.member("ai_systems.model_error_rate", member)
        assert rate.value == pytest.approx(sum(call["failed"] for call in own) / count)
        assert rate.interval is not None
        assert rate.interval[0] <= rate.value <= rate.interval[1]
        p95 = view.member("ai_systems.model_latency_p95", member).value
        assert p95 == pytest.approx(np.percentile([call["ms"] for call in own], 95), rel=0.01)
    assert set(view["active_models"]) == {member.partition("/")[2] for member in counted}


def _same_money(view: Any, hour: list[dict[str, Any]], at: Any) -> None:
    costs = [cost(call, at) for call in hour]
    known = [each for each in costs if each is not None]
    found = view.measured("cost_last_hour_usd")
    assert found.value == (sum(known) if known else None)
    assert found.samples == len(hour)
    by_model: dict[str, Decimal] = defaultdict(Decimal)
    for call, usd in zip(hour, costs, strict=True):
        if usd is not None:
            by_model[family("/".join(call["model"]))] += usd
    for member, usd in by_model.items():
        assert view.member("ai_systems.model_cost", member).value == usd
    partly = any(call["input"] is None or call["output"] is None for call in hour if not call["failed"])
    # A failed call that told one kind of tokens only is no complete bill either.
    partly = partly or any(call["input"] is None and call["output"] is not None for call in hour)
    assert found.estimated == (partly or any(call["model"][1] == "house-model" and cost_told(call) for call in hour))


def cost_told(call: dict[str, Any]) -> bool:
    return call["failed"] or call["input"] is not None or call["output"] is not None


def _same_conversations(measured: dict[str, Any], hour: list[dict[str, Any]]) -> None:
    spoken: dict[str, int] = defaultdict(int)
    for call in hour:
        if call["talk"] and (whole(call) is not None or call["output"] is not None):
            spoken[call["talk"]] += (whole(call) or 0) + (call["output"] or 0)
    found = measured.get("ai_systems.tokens_per_conversation")
    assert (found.value if found else None) == (pytest.approx(np.mean(list(spoken.values()))) if spoken else None)


votes = st.lists(
    st.tuples(st.sampled_from(["gpt", "claude", "gemini"]), st.sampled_from(["buy", "sell", "hold"]), st.floats(0, 1)),
    max_size=3,
)
decided = st.lists(
    st.fixed_dictionaries(
        {
            "decision": st.sampled_from(["buy", "sell"]),
            "confidence": st.sampled_from([0.0, 0.1, 0.3, 0.55, 0.7, 0.999, 1.0]) | st.floats(0, 1),
            "votes": votes,
            "correct": st.sampled_from([True, False, None]),
            "times": st.integers(1, 2),
        }
    ),
    max_size=12,
)


def judged(vote: str, made: dict[str, Any]) -> bool | None:
    """A vote for the decision is right with it; the opposite one when it was wrong; of anything else nobody knows."""
    if made["correct"] is None or vote == "hold":
        return None
    return bool(made["correct"] if vote == made["decision"] else not made["correct"])


@FEW
@given(made=decided)
async def test_confidence_is_held_against_what_came(
    sender: Any, insert: Any, look: Any, made: list[dict[str, Any]]
) -> None:
    sender.environment = f"test-{uuid.uuid4().hex[:12]}"
    for number, each in enumerate(made):
        send_nested(insert, sender, [decision(number, each["decision"], each["confidence"], each["votes"])])
        for _ in range(each["times"]):
            known = {} if each["correct"] is None else {"ai.outcome.correct": each["correct"]}
            pnl = {"ai.outcome.pnl_usd": f"{number}.000000001", "ai.outcome.return_ratio": 0.01 * number}
            sender.log("ai.consensus.outcome", **{"decision.id": f"decision-{number}"} | known | pnl)
    view = await look("ai_systems")
    measured = {(each.indicator, each.member): each.measurement.value for each in view.assessment.readings}
    scores = calibration.score([each["confidence"] for each in made], [each["correct"] for each in made])
    for name, value in {
        "consensus_brier": scores and scores.brier,
        "consensus_ece": scores and scores.ece,
        "consensus_ece_by_chance": scores and scores.ece_by_chance,
    }.items():
        assert measured.get((f"ai_systems.{name}", "")) == (None if value is None else pytest.approx(value, abs=1e-12))
    assert measured.get(("ai_systems.outcomes", "")) == (len(made) or None)
    if made:
        pnl_usd = sum((Decimal(number) + Decimal("0.000000001") for number in range(len(made))), Decimal(0))
        assert measured["ai_systems.decision_pnl", ""] == pnl_usd
    _same_votes(measured, made)


def _same_votes(measured: dict[tuple[str, str], Any], made: list[dict[str, Any]]) -> None:
    for model in ("gpt", "claude", "gemini"):
        own = [(judged(vote, each), sure) for each in made for name, vote, sure in each["votes"] if name == model]
        assert measured.get(("ai_systems.model_votes", model)) == (len(own) or None)
        known = [(right, sure) for right, sure in own if right is not None]
        expected = calibration.brier([sure for _, sure in known], [right for right, _ in known])
        found = measured.get(("ai_systems.model_vote_brier", model))
        assert found == (None if expected is None else pytest.approx(expected, abs=1e-12))
        accuracy = measured.get(("ai_systems.model_vote_accuracy", model))
        assert accuracy == (pytest.approx(sum(right for right, _ in known) / len(known)) if known else None)


turns = st.lists(
    st.tuples(
        st.sampled_from(["a", "b", "c"]),
        st.integers(1, 5),
        st.fixed_dictionaries(
            {
                "chat.action": st.sampled_from(["", "advice_given"]),
                "chat.re_asked": st.booleans(),
                "chat.abandoned": st.booleans(),
                "chat.rating": st.none() | st.integers(1, 5),
            }
        ),
    ),
    max_size=14,
    unique_by=lambda turn: turn[:2],
)


@FEW
@given(made=turns)
async def test_conversations_are_followed_turn_by_turn(sender: Any, look: Any, made: list[Any]) -> None:
    sender.environment = f"test-{uuid.uuid4().hex[:12]}"
    # Sent twice, and in any order.
    for talk, turn, values in [*made, *made]:
        known = {name: value for name, value in values.items() if value is not None}
        sender.log("chat.turn", **{"gen_ai.conversation.id": talk, "chat.turn.number": turn} | known)
    view = await look("ai_systems")
    measured = {each.indicator: each.measurement.value for each in view.assessment.readings if not each.member}
    talks: dict[str, dict[int, dict[str, Any]]] = defaultdict(dict)
    for talk, turn, values in made:
        talks[talk][turn] = values
    begun = [talk for talk in talks.values() if 1 in talk]
    resolved = [found for found in map(resolution, begun) if found]
    ratings = [values["chat.rating"] for _, _, values in made if values["chat.rating"] is not None]
    expected = {
        "conversations": len(talks) or None,
        "turns_per_conversation": mean([max(talk) for talk in talks.values()]),
        "turns_to_resolution": mean(resolved),
        "resolved_ratio": len(resolved) / len(begun) if begun else None,
        "abandoned_ratio": mean([any(each["chat.abandoned"] for each in talk.values()) for talk in talks.values()]),
        "reasked_ratio": mean([values["chat.re_asked"] for _, _, values in made]),
        "rating_mean": mean(ratings),
    }
    for name, value in expected.items():
        assert measured.get(f"ai_systems.{name}") == (None if value is None else pytest.approx(value)), json.dumps(made)


def resolution(talk: dict[int, dict[str, Any]]) -> int | None:
    """The first turn that led to something, was not left, and whose question was not asked again."""
    order = sorted(talk)
    for place, turn in enumerate(order):
        again = place + 1 < len(order) and talk[order[place + 1]]["chat.re_asked"]
        if talk[turn]["chat.action"] and not talk[turn]["chat.abandoned"] and not again:
            return turn
    return None


def mean(values: list[Any]) -> float | None:
    return float(np.mean(values)) if values else None
