"""A model that answers for the first time is told of, from what was recorded of models before."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from observatory import catalogue
from observatory.alerting import Inputs
from observatory.alerting.files import Written
from observatory.selfwatch import Selfwatch
from observatory.store import Store

RECORDED = """INSERT INTO indicator_history
    (Resolution, Timestamp, Environment, Indicator, Member, Last, Known, Points, Samples, WindowS, Estimated)
SELECT {resolution}, toDateTime({at}, 'UTC'), '{environment}', 'ai_systems.model_calls', '{member}', 5, 1, 1, 5, 300,
    0"""


async def new_models(store: Store, sender: Any, shipped: Mapping[str, Written]) -> set[str]:
    for model in ("gpt-4o", "claude-sonnet-4-5"):
        called = {"gen_ai.provider.name": "openai" if model == "gpt-4o" else "anthropic", "gen_ai.request.model": model}
        tokens = {"gen_ai.usage.input_tokens": 10, "gen_ai.usage.output_tokens": 1}
        sender.span(
            f"chat {model}",
            ago=90,
            **called,
            **tokens,
            **{"gen_ai.operation.name": "chat", "gen_ai.response.model": model},
        )
    sender.flush()
    inputs = Inputs(store.ticking, store.guarded, catalogue.load(), Selfwatch(), sender.at - timedelta(days=2))
    answers = await inputs.answers([shipped["model.new"].rule], sender.at)
    return {str(row["member"]) for row in answers["model.new"].get(sender.environment, ())}


def record(store: Store, sender: Any, member: str, ago: timedelta, resolution: int) -> None:
    at = int((sender.at - ago).timestamp())
    store.command(RECORDED.format(resolution=resolution, at=at, environment=sender.environment, member=member))


async def test_what_was_not_recorded_in_30_days_is_new(
    store: Store, sender: Any, shipped: Mapping[str, Written]
) -> None:
    record(store, sender, "openai/gpt-4o", timedelta(days=3), 3_600)
    record(store, sender, "anthropic/claude-sonnet-4-5", timedelta(days=31), 3_600)
    record(store, sender, "openai/other", timedelta(hours=2), 60)
    assert await new_models(store, sender, shipped) == {"anthropic/claude-sonnet-4-5"}


async def test_what_was_recorded_since_the_last_whole_hour_is_not_new(
    store: Store, sender: Any, shipped: Mapping[str, Written]
) -> None:
    record(store, sender, "openai/gpt-4o", timedelta(minutes=30), 60)
    record(store, sender, "anthropic/claude-sonnet-4-5", timedelta(hours=2), 60)
    assert await new_models(store, sender, shipped) == set()


async def test_who_has_just_begun_to_send_has_nothing_but_new_models_and_is_not_told_of_them(
    store: Store, sender: Any, shipped: Mapping[str, Written]
) -> None:
    record(store, sender, "openai/gpt-4o", timedelta(minutes=30), 60)
    assert await new_models(store, sender, shipped) == set()
