"""What the models' two endpoints say of calls, decisions, memory and conversations that a test knows one by one."""

from __future__ import annotations

from typing import Any

import pytest
from model_spans import decision, send_nested

GPT = {"gen_ai.operation.name": "chat", "gen_ai.provider.name": "openai", "gen_ai.request.model": "gpt-4o"}
CLAUDE = {
    "gen_ai.operation.name": "chat",
    "gen_ai.system": "anthropic",
    "gen_ai.request.model": "claude-3-5-haiku-latest",
    "gen_ai.response.model": "claude-3-5-haiku-20241022",
}

_ANSWERS: dict[str, Any] = {}


def usage(given: int, answered: int, talk: str = "") -> dict[str, Any]:
    told = {"gen_ai.usage.input_tokens": given, "gen_ai.usage.output_tokens": answered}
    return told | ({"gen_ai.conversation.id": talk, "user.id": f"user-{talk}"} if talk else {})


async def _send(sender: Any, insert: Any) -> None:
    """Six model calls, three decisions, four look-ups, three turns and two judgements."""
    sender.span(
        "chat", ms=100, **GPT, **usage(1_000_000, 0, "short") | {"gen_ai.usage.cache_read.input_tokens": 400_000}
    )
    sender.span("chat", ms=300, **GPT, **usage(1_000, 100, "long"), **{"gen_ai.response.model": "gpt-4o-2024-08-06"})
    sender.span("chat", ms=500, error=True, **GPT, **{"error.type": "429"})
    sender.span("chat", ms=200, **GPT, **{"gen_ai.response.model": "gpt-4-turbo-2024-04-09"})
    fallen = {"ai.fallback.from": "gpt-4o", "ai.fallback.reason": "rate_limited"}
    sender.span("chat", ms=900, **CLAUDE, **usage(2_000, 1_000, "long"), **fallen)
    sender.span("chat", ago=7_200, ms=900, **CLAUDE, **usage(1_000, 0))
    for number, (right, sure) in enumerate([(True, 0.9), (False, 0.9), (True, 0.6)]):
        votes = [("gpt-4o", "buy", 0.8), ("claude", "sell", 0.7)]
        send_nested(insert, sender, [decision(number, "buy", sure, votes)])
        came = {"ai.outcome.correct": right, "ai.outcome.return_ratio": 0.02, "ai.outcome.pnl_usd": "1.5"}
        sender.log("ai.consensus.outcome", **{"decision.id": f"decision-{number}"} | came)
    for found, kept in [(True, 1.0), (True, 0.5), (False, 0.0)]:
        memory = {"gen_ai.operation.name": "search_memory", "ai.memory.hit": found, "ai.memory.retained_ratio": kept}
        sender.span(
            "search_memory",
            **memory | {"gen_ai.memory.store.id": "sessions", "gen_ai.conversation.compacted": kept == 0.5},
        )
    sender.span("search_memory", **{"gen_ai.operation.name": "search_memory", "gen_ai.memory.record.count": 0})
    for talk, turn, values in [
        ("long", 1, {"chat.action": "advice_given"}),
        ("long", 2, {"chat.re_asked": True, "chat.action": "advice_given", "chat.rating": 4}),
        ("short", 1, {"chat.abandoned": True, "chat.rating": 2}),
    ]:
        said = {
            "gen_ai.conversation.id": talk,
            "chat.turn.number": turn,
            "chat.channel": "web",
            "chat.intent": "advice",
        }
        sender.log("chat.turn", **{"chat.re_asked": False, "chat.abandoned": False} | said | values)
    for score, label in [(0.9, "pass"), (0.5, "fail")]:
        named = {"gen_ai.evaluation.name": "relevance", "gen_ai.evaluation.score.label": label}
        sender.log("gen_ai.evaluation.result", **named | {"gen_ai.evaluation.score.value": score})


async def show(server: Any, sender: Any, path: str, **asked: Any) -> Any:
    answer = await server.read(path, environment=sender.environment, **asked)
    assert answer.status_code == 200, answer.text
    return answer.json()


@pytest.fixture
async def answers(server: Any, sender: Any, insert: Any, told: Any) -> dict[str, Any]:
    """What the endpoints answer, asked once for all tests of this file: a round is dear."""
    if not _ANSWERS:
        await _send(sender, insert)
        await told()
        _ANSWERS["systems"] = await show(server, sender, "/ai-systems")
        _ANSWERS["hour"] = await show(server, sender, "/ai/performance", window="1h", provider="openai")
        _ANSWERS["day"] = await show(server, sender, "/ai/performance", window="24h", section="overall")
    return _ANSWERS


def test_models_are_shown_one_by_one(answers: Any) -> None:
    answer = answers["systems"]
    models = {(row["provider"], row["model"]): row for row in answer["models"]["items"]}
    assert set(models) == {("openai", "gpt-4o"), ("openai", "gpt-4-turbo"), ("anthropic", "claude-3-5-haiku")}
    gpt = models["openai", "gpt-4o"]
    assert gpt["calls"] == 3
    assert (gpt["response_time_mean_ms"], gpt["response_time_p50_ms"]) == (300, 300)
    assert gpt["error_rate"] == pytest.approx(1 / 3, abs=1e-4)
    low, high = gpt["provenance"]["error_rate"]["interval"]
    assert 0 < low < 1 / 3 < high < 1
    # 600,000 at 2.50, 400,000 cached at 1.25; 1,000 at 2.50 and 100 out at 10 dollars a million. The failure is free.
    assert gpt["cost_usd"] == pytest.approx(2.0035)
    assert gpt["input_tokens"] == 1_001_000
    assert gpt["cache_read_tokens"] == 400_000
    assert gpt["reasoning_tokens"] is None
    # A stream that told no tokens has no price, not the price of nothing.
    turbo = models["openai", "gpt-4-turbo"]
    assert (turbo["cost_usd"], turbo["input_tokens"], turbo["substituted_ratio"]) == (None, None, 1)
    haiku = models["anthropic", "claude-3-5-haiku"]
    assert (haiku["calls"], haiku["fallbacks"], haiku["substituted_ratio"]) == (1, 1, 0)
    assert haiku["cost_per_call_usd"] == pytest.approx(2_000 * 0.8e-6 + 1_000 * 4e-6)
    assert answer["tokens"]["input_tokens"] == 1_003_000
    assert answer["tokens"]["untold_ratio"] == pytest.approx(0.25)
    assert answer["overall"]["substituted_ratio"] == pytest.approx(1 / 3, abs=1e-4)
    assert answer["overall"]["provenance"]["cost_usd"]["estimated"]


def test_money_follows_the_range_that_is_asked_for(answers: Any) -> None:
    hour, day = answers["hour"]["overall"], answers["day"]["overall"]
    assert (hour["calls"], day["calls"]) == (5, 6)
    assert day["cost_usd"] - hour["cost_usd"] == pytest.approx(1_000 * 0.8e-6)
    assert hour["provenance"]["cost_usd"]["window_s"] == 3_600
    assert day["provenance"]["cost_usd"]["window_s"] == 86_400
    assert day["provenance"]["cost_per_call_usd"]["samples"] == 5


def test_failures_fallbacks_and_versions_are_listed(answers: Any) -> None:
    answer = answers["systems"]
    (failure,) = answer["failures"]["items"]
    assert (failure["model"], failure["kind"], failure["error_type"]) == ("gpt-4o", "rate_limited", "429")
    assert (failure["failures"], failure["calls"]) == (1, 3)
    assert failure["ratio_low"] < failure["ratio"] < failure["ratio_high"]
    (fallback,) = answer["fallbacks"]["items"]
    assert (fallback["instead_of"], fallback["model"], fallback["reason"]) == (
        "gpt-4o",
        "claude-3-5-haiku",
        "rate_limited",
    )
    versions = {
        (row["requested_model"], row["served_model"]): row["substituted"] for row in answer["versions"]["items"]
    }
    assert versions["gpt-4o", "gpt-4-turbo-2024-04-09"] == 1
    assert versions["gpt-4o", "gpt-4o-2024-08-06"] == 0
    assert versions["gpt-4o", ""] is None
    spellings = {row["spelling"]: row["calls"] for row in answer["senders"]["items"]}
    assert spellings == {"gen_ai": 4, "gen_ai_before_1_37": 1}
    assert {row["reason"] for row in answer["finish_reasons"]["items"]} == {"", "error"}


def test_decisions_are_held_against_their_outcomes(answers: Any) -> None:
    answer = answers["systems"]
    consensus = answer["consensus"]
    assert (consensus["decisions"], consensus["outcomes"]) == (3, 3)
    assert consensus["agreement_ratio"] == pytest.approx(0.5)
    assert consensus["accuracy"] == pytest.approx(2 / 3, abs=1e-4)
    assert consensus["pnl_usd"] == 4.5
    assert consensus["brier"] == pytest.approx((0.01 + 0.81 + 0.16) / 3, abs=1e-4)
    # Two at 0.9 of which one came true, and one at 0.6 that did.
    assert consensus["ece"] == pytest.approx((2 * 0.4 + 0.4) / 3, abs=1e-4)
    voters = {row["model"]: row for row in answer["voters"]["items"]}
    assert list(voters) == ["consensus", "claude", "gpt-4o"]
    assert voters["consensus"]["ece"] == pytest.approx(consensus["ece"], abs=1e-4)
    assert voters["gpt-4o"]["brier"] == pytest.approx((0.04 + 0.64 + 0.04) / 3, abs=1e-4)
    # The dissenter was right once, where the others were wrong.
    assert voters["claude"]["accuracy"] == pytest.approx(1 / 3, abs=1e-4)
    assert voters["claude"]["agreement_ratio"] == 0
    curve = [row for row in answer["reliability"]["items"] if row["model"] == "consensus"]
    assert [(row["confidence_from"], row["samples"], row["correct_ratio"]) for row in curve] == [
        (0.6, 1, 1),
        (0.9, 2, 0.5),
    ]


def test_memory_and_conversations_are_followed(answers: Any) -> None:
    answer = answers["systems"]
    memory = answer["memory"]
    # One sender tells only that it found no record.
    assert (memory["lookups"], memory["hit_rate"], memory["context_retained_ratio"]) == (4, 0.5, 0.5)
    assert memory["compacted_ratio"] == pytest.approx(1 / 3, abs=1e-4)
    talks = answer["conversations"]
    assert (talks["conversations"], talks["turns_mean"]) == (2, 1.5)
    assert (talks["turns_to_resolution_mean"], talks["resolved_ratio"], talks["abandoned_ratio"]) == (2, 0.5, 0.5)
    assert talks["reasked_ratio"] == pytest.approx(1 / 3, abs=1e-4)
    assert talks["rating_mean"] == 3
    assert talks["tokens_mean"] == (1_000_000 + 4_100) / 2
    (judged,) = answer["evaluations"]["items"]
    assert (judged["judged"], judged["score_mean"], judged["pass_ratio"]) == ("relevance", 0.7, 0.5)
    (channel,) = answer["channels"]["items"]
    assert (channel["channel"], channel["intent"], channel["turns"], channel["conversations"]) == (
        "web",
        "advice",
        3,
        2,
    )


def test_conversations_are_priced_and_the_dearest_come_first(answers: Any) -> None:
    answer = answers["systems"]
    short, long = answer["top_conversations"]["items"]
    assert (short["conversation_id"], short["user_id"], short["cost_usd"]) == ("short", "user-short", 2.0)
    assert long["cost_usd"] == pytest.approx(0.0035 + 0.0056)
    assert long["models"] == ["anthropic/claude-3-5-haiku-20241022", "openai/gpt-4o-2024-08-06"]
    assert (long["calls"], long["input_tokens"], long["output_tokens"], long["estimated"]) == (2, 3_000, 1_100, False)
    (costs,) = answer["conversation_costs"]["items"]
    assert costs["conversations"] == 2
    assert costs["mean_usd"] == pytest.approx((2.0 + 0.0091) / 2)


def test_performance_shows_providers_models_and_the_spread_of_times(answers: Any) -> None:
    answer = answers["hour"]
    (provider,) = answer["providers"]["items"]
    assert (provider["calls"], provider["response_time_p50_ms"]) == (4, 250)
    assert provider["cost_usd"] == pytest.approx(2.0035)
    assert {row["model"] for row in answer["models"]["items"]} == {"gpt-4o", "gpt-4-turbo"}
    steps = [(row["from_ms"], row["to_ms"], row["calls"]) for row in answer["response_times"]["items"]]
    assert steps == [(80, 160, 1), (160, 320, 2), (320, 640, 1)]


async def test_without_telemetry_of_models_every_number_is_unknown(server: Any, sender: Any, told: Any) -> None:
    sender.heartbeat("health_monitor")
    await told()
    for path in ("/ai-systems", "/ai/performance"):
        answer = await show(server, sender, path)
        for name, section in answer.items():
            if isinstance(section, dict):
                values = {field: value for field, value in section.items() if field not in ("provenance", "next")}
                assert set(map(str, values.values())) <= {"None", "[]"}, name
