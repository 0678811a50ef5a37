"""The model providers' door: the real clients at our servers, and the same far end without sockets."""

import asyncio
import itertools
import statistics
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Any

import pytest
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

import observatory_sdk as obs
from observatory_universe.chance import Chance
from observatory_universe.clock import Clock
from observatory_universe.direct.models import DirectModels
from observatory_universe.doors.model import Completion, Fallback, Model, ModelError, Models, Prompt
from observatory_universe.faults import Faults
from observatory_universe.ids import Ids
from observatory_universe.market import goes_on_ratio_of
from observatory_universe.models import (
    CLAUDE,
    CLAUDE_REASONING,
    DEARER,
    GEMINI,
    GEMINI_PRO,
    GEMINI_SMALL,
    GPT,
    GPT_MINI,
    GPT_REASONING,
    PANEL,
    REASONING,
    SMALL,
)
from observatory_universe.outside.language import Language
from observatory_universe.outside.providers import provider_server
from observatory_universe.questions import ask_for_sentiment, ask_for_vote, read_sentiment, read_vote
from observatory_universe.sockets.models import LiveModels

START_NS = 1_760_000_000_000_000_000
PUBLIC = {
    "openai": "api.openai.com",
    "anthropic": "api.anthropic.com",
    "gcp.gemini": "generativelanguage.googleapis.com",
}
ONE_OF_EACH = (GPT_MINI, GPT, CLAUDE, GEMINI)
LONG = "You help people to trade, and say what you do not know. " * 100
each_model = pytest.mark.parametrize("model", ONE_OF_EACH, ids=lambda model: model.name)
each_stream = pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
each_reasoner = pytest.mark.parametrize("model", REASONING, ids=lambda model: model.name)


class HeldClock(Clock):
    """Time passes only where somebody waits, and for one at a time."""

    def __init__(self) -> None:
        super().__init__(lambda: START_NS + round(self.held_s * 1e9))
        self.held_s = 0.0

    def now_s(self) -> float:
        return self.held_s

    async def sleep(self, seconds: float) -> None:
        # What was sent before the wait arrives before it is over.
        await asyncio.sleep(0.001)
        self.held_s += seconds


@dataclass
class Far:
    """One door, and what stands behind it."""

    door: Models
    clock: HeldClock
    faults: Faults
    spans: InMemorySpanExporter
    language: Language
    kind: str

    async def ask(self, model: Model, text: str = "What now?", system: str = "Be brief.", **also: Any) -> Completion:
        most = also.pop("max_tokens", 400)
        return await self.door.complete(model, Prompt(system, (("user", text),), most), **also)

    async def told(self, model: Model, text: str = "What now?", **also: Any) -> Mapping[str, object]:
        """The attributes of the call's fact."""
        await self.ask(model, text, **also)
        return self.last()

    def last(self) -> Mapping[str, object]:
        return self.span().attributes or {}

    def span(self) -> ReadableSpan:
        return self.spans.get_finished_spans()[-1]

    async def timed(self, model: Model, text: str, **also: Any) -> float:
        """How long the call took, in held seconds."""
        before_s = self.clock.held_s
        await self.ask(model, text, **also)
        return self.clock.held_s - before_s

    async def failure(self, model: Model, **also: Any) -> ModelError:
        with pytest.raises(ModelError) as caught:
            await self.ask(model, **also)
        return caught.value


@asynccontextmanager
async def opened(kind: str, only: str | None = None, **options: Any) -> AsyncIterator[Far]:
    """A world of its own: seed 7, nothing wrong. `only`: the one provider that is served."""
    spans, clock = InMemorySpanExporter(), HeldClock()
    providers = obs.Providers(TracerProvider(), LoggerProvider(), MeterProvider([]))
    providers.tracer.add_span_processor(SimpleSpanProcessor(spans))
    faults = Faults(clock.now_ns)
    language = Language(clock, Chance(7), faults, Ids(clock), **options)
    telemetry = obs.configure(service_name="test", providers=providers, set_globals=False)
    try:
        async with AsyncExitStack() as stack:
            if kind == "direct":
                yield Far(DirectModels(language, clock), clock, faults, spans, language, kind)
                return
            urls = {
                provider: (await stack.enter_async_context(provider_server(language, provider))).url
                for provider in ((only,) if only else PUBLIC)
            }
            live = LiveModels(urls, clock)
            stack.push_async_callback(live.close)
            yield Far(live, clock, faults, spans, language, kind)
    finally:
        telemetry.shutdown()


@pytest.fixture(params=["direct", "sockets"])
async def far(request: pytest.FixtureRequest) -> AsyncIterator[Far]:
    """A test that has one model gets its provider only: clients take long to make."""
    model = request.node.callspec.params.get("model")
    async with opened(request.param, only=model and model.provider) as found:
        yield found


def ours(attributes: Mapping[str, object]) -> dict[str, object]:
    return {name: value for name, value in attributes.items() if not name.startswith("observatory.")}


@each_stream
@each_model
async def test_a_call_tells_all_that_is_known_of_it_once(far: Far, model: Model, stream: bool) -> None:
    text = "Say it in about 40 words."
    answer = await far.ask(model, text, conversation_id="conversation-1", stream=stream)
    (span,) = far.spans.get_finished_spans()
    found = ours(span.attributes or {})
    operation = "generate_content" if model is GEMINI else "chat"
    expected = {
        "gen_ai.operation.name": operation,
        "gen_ai.provider.name": model.provider,
        "gen_ai.request.model": model.name,
        "gen_ai.response.model": model.name,
        "gen_ai.response.id": answer.response_id,
        "gen_ai.response.finish_reasons": ("stop",),
        "gen_ai.usage.input_tokens": -(-len(f"Be brief.\n{text}") // 4),
        "gen_ai.usage.output_tokens": -(-len(answer.text) // 4),
        "gen_ai.conversation.id": "conversation-1",
        "server.address": PUBLIC[model.provider] if far.kind == "direct" else "127.0.0.1",
    }
    # What a provider does not tell stays unset, and what it tells as 0 is 0.
    if model.provider != "gcp.gemini":
        expected["gen_ai.usage.cache_read.input_tokens"] = 0
    if model.provider == "anthropic":
        expected["gen_ai.usage.cache_write.input_tokens"] = 0
    if model.provider == "openai":
        expected["gen_ai.usage.reasoning.output_tokens"] = 0
    if stream:
        expected["gen_ai.request.stream"] = True
        assert 0.05 < found.pop("gen_ai.response.time_to_first_chunk") < far.clock.held_s
    assert found == expected
    assert span.name == f"{operation} {model.name}"
    assert (answer.served_model, answer.output_tokens) == (model.name, found["gen_ai.usage.output_tokens"])
    assert 35 < len(answer.text.split()) * 4 / 3 < 80


async def test_both_doors_answer_and_report_the_same_streamed_or_not() -> None:
    told, written = [], []
    for kind, stream in itertools.product(("direct", "sockets"), (False, True)):
        async with opened(kind) as far:
            models = (*PANEL, *SMALL, *REASONING, *DEARER.values())
            written.append([(await far.ask(m, "Tell me in about 60 words.", LONG, stream=stream)).text for m in models])
            rows = [ours(span.attributes or {}) for span in far.spans.get_finished_spans()]
        for row in rows:
            for name in ("server.address", "gen_ai.request.stream", "gen_ai.response.time_to_first_chunk"):
                row.pop(name, None)
        told.append(rows)
    assert told[0] == told[1] == told[2] == told[3]
    assert written[0] == written[1] == written[2] == written[3]


@each_model
async def test_a_long_answer_takes_longer(far: Far, model: Model) -> None:
    short_s = [await far.timed(model, "In about 20 words.") for _ in range(3)]
    long_s = [await far.timed(model, "In about 250 words.") for _ in range(3)]
    assert min(long_s) > max(short_s)
    assert 1.0 < statistics.mean(long_s) < 6.0


@each_model
async def test_an_answer_is_cut_at_the_most_tokens(far: Far, model: Model) -> None:
    answer = await far.ask(model, "In about 300 words.", max_tokens=50)
    assert answer.output_tokens == 50
    assert far.last()["gen_ai.response.finish_reasons"] == ("length",)


@each_stream
@pytest.mark.parametrize("model", [GPT_MINI, GPT, GEMINI], ids=lambda model: model.name)
async def test_a_long_beginning_that_was_sent_before_is_read_from_the_cache(
    far: Far, model: Model, stream: bool
) -> None:
    name = "gen_ai.usage.cache_read.input_tokens"
    first = await far.told(model, system=LONG, stream=stream)
    second = await far.told(model, "And then?", system=LONG, stream=stream)
    assert not first.get(name)
    assert second[name] == 1_280
    assert first["gen_ai.usage.input_tokens"] == second["gen_ai.usage.input_tokens"] == -(-(len(LONG) + 10) // 4)


@each_stream
async def test_anthropic_bills_what_it_writes_to_the_cache_and_then_reads_it(far: Far, stream: bool) -> None:
    read, write = "gen_ai.usage.cache_read.input_tokens", "gen_ai.usage.cache_write.input_tokens"
    first = await far.told(CLAUDE, system=LONG, stream=stream)
    second = await far.told(CLAUDE, "And then?", system=LONG, stream=stream)
    assert (first[read], first[write]) == (0, len(LONG) // 4)
    assert (second[read], second[write]) == (len(LONG) // 4, 0)
    assert second["gen_ai.usage.input_tokens"] == -(-(len(LONG) + 10) // 4)


async def test_the_cache_forgets_after_five_minutes_and_knows_no_other_model(far: Far) -> None:
    name = "gen_ai.usage.cache_read.input_tokens"
    for model in (GPT, CLAUDE):
        await far.ask(model, system=LONG)
        far.clock.held_s += 200
        assert (await far.told(model, system=LONG))[name]
        far.clock.held_s += 301
        assert not (await far.told(model, system=LONG))[name]
    assert not (await far.told(GPT_MINI, system=LONG))[name]
    await far.ask(GEMINI_SMALL, system=LONG)
    assert name not in await far.told(GEMINI_SMALL, system=LONG)


async def test_a_running_conversation_is_cached_further_with_each_turn(far: Far) -> None:
    turns: Any = (("user", "a" * 3_000), ("assistant", "b" * 3_000), ("user", "What now?"))
    await far.door.complete(GPT_MINI, Prompt("Be brief.", turns[:1]))
    await far.door.complete(GPT_MINI, Prompt("Be brief.", turns))
    await far.door.complete(GPT_MINI, Prompt("Be brief.", (*turns, ("assistant", "This."), ("user", "And then?"))))
    cached = [
        (span.attributes or {})["gen_ai.usage.cache_read.input_tokens"] for span in far.spans.get_finished_spans()
    ]
    assert cached == [0, 0, 1_408]


@each_stream
@each_reasoner
async def test_a_model_that_reasons_tells_how_much(far: Far, model: Model, stream: bool) -> None:
    answer = await far.ask(model, "In about 20 words.", stream=stream)
    found = far.last()
    thoughts = found["gen_ai.usage.reasoning.output_tokens"]
    assert isinstance(thoughts, int)
    assert 50 < thoughts < 1_024
    assert found["gen_ai.usage.output_tokens"] == thoughts - (-len(answer.text) // 4) == answer.output_tokens


@each_model
async def test_a_vote_is_as_sure_as_the_volume_is_heavy(far: Far, model: Model) -> None:
    votes = [read_vote((await far.ask(model, ask_for_vote("BTC/USDT", "sell", 4.5))).text) for _ in range(12)]
    found = [vote for vote in votes if vote is not None]
    assert len(found) == 12
    assert sum(vote.decision == "sell" for vote in found) >= 8
    assert statistics.mean(vote.confidence for vote in found) == pytest.approx(goes_on_ratio_of(4.5), abs=0.04)


@each_model
async def test_a_sentiment_follows_the_trend(far: Far, model: Model) -> None:
    scores = {}
    for trend_ratio in (-0.02, 0.02):
        answers = [await far.ask(model, ask_for_sentiment("ETH/USDT", trend_ratio, "Posts.")) for _ in range(4)]
        scores[trend_ratio] = [read_sentiment(answer.text) for answer in answers]
    assert max(scores[-0.02]) < 0 < min(scores[0.02])


@each_model
async def test_a_slow_provider_takes_several_times_as_long(far: Far, model: Model) -> None:
    usual_s = statistics.mean([await far.timed(model, "In about 80 words.") for _ in range(3)])
    far.faults.begin("ai_provider_slow", model.provider, 6)
    slow_s = statistics.mean([await far.timed(model, "In about 80 words.", stream=True) for _ in range(3)])
    assert 4 < slow_s / usual_s < 9


@each_stream
@each_model
async def test_errors_come_in_all_kinds_and_the_fact_says_which(far: Far, model: Model, stream: bool) -> None:
    far.faults.begin("ai_provider_errors", model.provider, 1)
    errors = [await far.failure(model, stream=stream) for _ in range(16)]
    assert {error.kind for error in errors} == {"rate_limited", "overloaded", "server_error"}
    for error in errors:
        assert (error.retry_after_s is not None) == (error.kind == "rate_limited")
    assert all(1 <= error.retry_after_s <= 20 for error in errors if error.retry_after_s is not None)
    spans = far.spans.get_finished_spans()
    assert [(span.attributes or {})["error.type"] for span in spans] == [error.kind for error in errors]
    assert not any(span.status.is_ok for span in spans)
    assert all("gen_ai.usage.input_tokens" not in (span.attributes or {}) for span in spans)


async def test_a_fault_of_one_provider_spares_the_others(far: Far) -> None:
    for kind, grade in (("ai_provider_errors", 1), ("ai_provider_slow", 6), ("ai_silent_fallback", 1)):
        far.faults.begin(kind, "anthropic", grade)
    await far.failure(CLAUDE)
    for model in (GPT, GEMINI):
        before_s = far.clock.held_s
        assert (await far.ask(model, "In about 80 words.")).served_model == model.name
        assert far.clock.held_s - before_s < 3


async def test_a_fallback_says_what_it_stands_in_for_and_why(far: Far) -> None:
    far.faults.begin("ai_provider_errors", "openai", 1)
    error = await far.failure(GPT)
    assert "ai.fallback.from" not in far.last()
    found = await far.told(CLAUDE, fallback=Fallback(GPT.name, error.kind))
    assert (found["ai.fallback.from"], found["ai.fallback.reason"]) == (GPT.name, error.kind)
    assert found["gen_ai.request.model"] == CLAUDE.name
    assert "error.type" not in found


@each_model
async def test_a_silent_fallback_shows_only_in_the_answer(far: Far, model: Model) -> None:
    far.faults.begin("ai_silent_fallback", model.provider)
    answer = await far.ask(model)
    dearer = DEARER[model.provider].name
    assert answer.served_model == dearer == far.last()["gen_ai.response.model"]
    assert far.last()["gen_ai.request.model"] == model.name
    assert "ai.fallback.from" not in far.last()


@each_model
async def test_a_cache_that_stops_to_hit_reads_nothing(far: Far, model: Model) -> None:
    await far.ask(model, system=LONG)
    far.faults.begin("ai_cache_ratio_drop", model.provider)
    assert not (await far.told(model, system=LONG)).get("gen_ai.usage.cache_read.input_tokens")
    if model is CLAUDE:
        assert far.last()["gen_ai.usage.cache_write.input_tokens"] == len(LONG) // 4


@each_model
async def test_a_miscalibrated_model_is_sure_and_guesses(far: Far, model: Model) -> None:
    far.faults.begin("ai_miscalibrated", model.provider)
    votes = [read_vote((await far.ask(model, ask_for_vote("BTC/USDT", "buy", 3.0))).text) for _ in range(24)]
    found = [vote for vote in votes if vote is not None]
    assert min(vote.confidence for vote in found) > goes_on_ratio_of(3.0) + 0.2
    assert 4 <= sum(vote.decision == "buy" for vote in found) <= 20


@pytest.mark.parametrize("kind", ["direct", "sockets"])
@each_model
async def test_too_many_requests_are_refused_until_the_minute_is_over(kind: str, model: Model) -> None:
    async with opened(kind, model.provider, requests_per_minute=2) as far:
        await far.ask(model)
        await far.ask(model)
        error = await far.failure(model)
        assert error.kind == "rate_limited"
        assert error.retry_after_s is not None
        assert 1 <= error.retry_after_s <= 60
        far.clock.held_s += error.retry_after_s
        await far.ask(model)


@pytest.mark.parametrize("provider", PUBLIC)
async def test_a_model_that_does_not_exist_is_refused(far: Far, provider: Any) -> None:
    assert (await far.failure(Model("no-such-model", provider))).kind == "refused"
    assert far.last()["error.type"] == "refused"


@each_stream
@each_model
async def test_a_client_gives_up_after_its_time(model: Model, stream: bool) -> None:
    async with opened("direct") as far:
        far.faults.begin("ai_provider_slow", grade=20)
        door = DirectModels(far.language, far.clock, timeout_s=2)
        with pytest.raises(ModelError, match="timeout"):
            await door.complete(model, Prompt("Be brief.", (("user", "In about 90 words."),)), stream=stream)
        assert far.clock.held_s == 2
        assert far.last()["error.type"] == "timeout"


def test_the_table_of_models_has_three_of_each_kind() -> None:
    for models in (PANEL, SMALL, REASONING, tuple(DEARER.values())):
        assert {model.provider for model in models} == set(PUBLIC)
    assert REASONING == (GPT_REASONING, CLAUDE_REASONING, GEMINI_PRO)
