"""The providers' servers speak their providers' formats: their own clients, held to the letter, take every answer."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Any

import aiohttp
import anthropic
import openai
import pytest
from google import genai
from google.genai import errors, types

from observatory_universe.chance import Chance
from observatory_universe.clock import Clock
from observatory_universe.doors.model import Model, ModelError, Prompt
from observatory_universe.faults import Faults
from observatory_universe.ids import Ids
from observatory_universe.models import (
    CLAUDE,
    CLAUDE_REASONING,
    DEARER,
    GEMINI,
    GEMINI_PRO,
    GPT,
    GPT_MINI,
    GPT_REASONING,
)
from observatory_universe.outside.language import Language
from observatory_universe.outside.providers import provider_server
from observatory_universe.sockets.models import LiveModels

LONG = "You help people to trade, and say what you do not know. " * 100
each_model = pytest.mark.parametrize("model", [GPT_MINI, GPT, CLAUDE, GEMINI], ids=lambda model: model.name)
each_stream = pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
USER: Any = [{"role": "user", "content": "Say it in about 60 words."}]


class Unhurried(Clock):
    """A clock of which waiting takes nothing, so that a test takes no longer than its bytes."""

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(0)


@dataclass
class Far:
    """The providers' servers."""

    urls: Mapping[str, str]
    faults: Faults

    async def post(self, provider: str, path: str, body: object, headers: Mapping[str, str]) -> tuple[int, Any]:
        async with (
            aiohttp.ClientSession() as session,
            session.post(self.urls[provider] + path, json=body, headers=headers) as response,
        ):
            return response.status, await response.json()


@pytest.fixture
async def far() -> AsyncIterator[Far]:
    clock = Unhurried()
    faults = Faults(clock.now_ns)
    language = Language(clock, Chance(7), faults, Ids(clock))
    async with AsyncExitStack() as stack:
        urls = {
            provider: (await stack.enter_async_context(provider_server(language, provider))).url for provider in DEARER
        }
        yield Far(urls, faults)


@pytest.fixture
async def gpt(far: Far) -> AsyncIterator[openai.AsyncOpenAI]:
    async with openai.AsyncOpenAI(
        api_key="demo-key", base_url=far.urls["openai"], max_retries=0, _strict_response_validation=True
    ) as client:
        yield client


@pytest.fixture
async def claude(far: Far) -> AsyncIterator[anthropic.AsyncAnthropic]:
    async with anthropic.AsyncAnthropic(
        api_key="demo-key", base_url=far.urls["anthropic"], max_retries=0, _strict_response_validation=True
    ) as client:
        yield client


@pytest.fixture
async def gemini(far: Far) -> AsyncIterator[Any]:
    # The session that the client would make for itself is one of which aiohttp warns.
    session = aiohttp.ClientSession()
    options = types.HttpOptions(base_url=far.urls["gcp.gemini"], aiohttp_client=session)
    client = genai.Client(api_key="demo-key", http_options=options)
    yield client.aio
    await client.aio.aclose()
    client.close()
    await session.close()


async def test_a_chat_completion(gpt: openai.AsyncOpenAI) -> None:
    raw = await gpt.chat.completions.with_raw_response.create(model=GPT_MINI.name, messages=USER)
    found = raw.parse()
    assert raw.headers["x-request-id"]
    assert raw.headers["x-ratelimit-limit-requests"] == "10000"
    assert raw.headers["x-ratelimit-remaining-requests"] == "9999"
    assert found.id.startswith("chatcmpl-")
    assert (found.object, found.model) == ("chat.completion", GPT_MINI.name)
    assert found.choices[0].message.content
    assert found.usage is not None
    assert found.usage.total_tokens == found.usage.prompt_tokens + found.usage.completion_tokens
    assert found.usage.prompt_tokens_details is not None
    assert found.usage.prompt_tokens_details.cached_tokens == 0


async def test_a_streamed_chat_completion_tells_its_usage_only_when_asked(gpt: openai.AsyncOpenAI) -> None:
    for options in (openai.omit, openai.types.chat.ChatCompletionStreamOptionsParam(include_usage=True)):
        stream = await gpt.chat.completions.create(
            model=GPT_MINI.name, messages=USER, stream=True, stream_options=options
        )
        chunks = [chunk async for chunk in stream]
        assert len(chunks) > 3
        assert len({chunk.id for chunk in chunks}) == 1
        assert chunks[0].choices[0].delta.role == "assistant"
        finishes = [chunk.choices[0].finish_reason for chunk in chunks if chunk.choices]
        assert finishes[-1] == "stop"
        assert set(finishes[:-1]) == {None}
        usages = [chunk.usage for chunk in chunks if chunk.usage is not None]
        assert len(usages) == (0 if options is openai.omit else 1)


async def test_a_response_of_a_model_that_reasons(gpt: openai.AsyncOpenAI) -> None:
    found = await gpt.responses.create(model=GPT_REASONING.name, input="In about 30 words.", instructions="Be brief.")
    assert found.id.startswith("resp_")
    assert [item.type for item in found.output] == ["reasoning", "message"]
    assert found.output_text
    assert found.status == "completed"
    assert found.usage is not None
    assert 0 < found.usage.output_tokens_details.reasoning_tokens < found.usage.output_tokens


@pytest.mark.parametrize("model", [GPT_MINI, GPT_REASONING], ids=lambda model: model.name)
async def test_a_streamed_response(gpt: openai.AsyncOpenAI, model: Any) -> None:
    async with gpt.responses.stream(model=model.name, input=USER, instructions="Be brief.") as stream:
        events = [event async for event in stream]
        final = await stream.get_final_response()
    kinds = [event.type for event in events]
    assert kinds[:2] == ["response.created", "response.in_progress"]
    assert kinds[-1] == "response.completed"
    assert [event.sequence_number for event in events] == list(range(len(events)))
    text = "".join(event.delta for event in events if event.type == "response.output_text.delta")
    assert text == final.output_text != ""


async def test_a_response_that_is_cut_is_incomplete(gpt: openai.AsyncOpenAI) -> None:
    found = await gpt.responses.create(model=GPT_MINI.name, input="In about 300 words.", max_output_tokens=16)
    assert found.status == "incomplete"
    assert found.incomplete_details is not None
    assert found.incomplete_details.reason == "max_output_tokens"


async def test_a_message_with_its_cache(claude: anthropic.AsyncAnthropic) -> None:
    system: Any = [{"type": "text", "text": LONG, "cache_control": {"type": "ephemeral"}}]
    usages = []
    for marked in (system, system, LONG):
        raw = await claude.messages.with_raw_response.create(
            model=CLAUDE.name,
            max_tokens=100,
            system=marked,
            messages=USER,
        )
        usages.append((await raw.parse()).usage)
        assert raw.headers["anthropic-ratelimit-requests-limit"] == "10000"
        assert raw.headers["anthropic-ratelimit-requests-reset"].endswith("Z")
        assert raw.headers["request-id"].startswith("req_")
    tokens = len(LONG) // 4
    assert [usage.cache_creation_input_tokens for usage in usages] == [tokens, 0, 0]
    assert [usage.cache_read_input_tokens for usage in usages] == [0, tokens, 0]
    assert usages[0].input_tokens == usages[1].input_tokens == usages[2].input_tokens - tokens


@pytest.mark.parametrize("thinks", [False, True])
async def test_a_streamed_message(claude: anthropic.AsyncAnthropic, thinks: bool) -> None:
    async with claude.messages.stream(
        model=CLAUDE_REASONING.name,
        max_tokens=1_500,
        messages=USER,
        thinking={"type": "enabled", "budget_tokens": 1_024} if thinks else anthropic.omit,
    ) as stream:
        pieces = [piece async for piece in stream.text_stream]
        final = await stream.get_final_message()
    assert final.id.startswith("msg_")
    assert [block.type for block in final.content] == (["thinking", "text"] if thinks else ["text"])
    assert "".join(pieces) == final.content[-1].text != ""
    assert len(pieces) > 2
    assert final.stop_reason == "end_turn"
    assert final.usage.output_tokens > 40
    details = final.usage.output_tokens_details
    assert (details is not None and details.thinking_tokens > 0) == thinks


async def test_a_generated_content(gemini: Any) -> None:
    config = types.GenerateContentConfig(system_instruction=LONG, max_output_tokens=2_000)
    found = [await gemini.models.generate_content(model=GEMINI_PRO.name, contents="Now?", config=config) for _ in "ab"]
    assert [one.usage_metadata.cached_content_token_count for one in found] == [None, 1_280]
    for one in found:
        assert one.model_version == GEMINI_PRO.name
        assert one.response_id
        assert one.candidates[0].finish_reason is types.FinishReason.STOP
        usage = one.usage_metadata
        assert usage.thoughts_token_count > 0
        assert usage.total_token_count == (
            usage.prompt_token_count + usage.candidates_token_count + usage.thoughts_token_count
        )


async def test_a_streamed_generated_content(gemini: Any) -> None:
    stream = await gemini.models.generate_content_stream(model=GEMINI.name, contents="Tell me in about 90 words.")
    chunks = [chunk async for chunk in stream]
    assert len(chunks) > 4
    assert [chunk.candidates[0].finish_reason for chunk in chunks[:-1]] == [None] * (len(chunks) - 1)
    assert chunks[-1].candidates[0].finish_reason is types.FinishReason.STOP
    assert chunks[-1].usage_metadata.candidates_token_count > 80


async def test_openai_s_errors_are_its_client_s(far: Far, gpt: openai.AsyncOpenAI) -> None:
    far.faults.begin("ai_provider_errors", "openai", 1)
    seen = {}
    for _ in range(16):
        with pytest.raises(openai.APIStatusError) as caught:
            await gpt.chat.completions.create(model=GPT_MINI.name, messages=USER)
        seen[caught.value.status_code] = caught.value
    assert set(seen) == {429, 500, 503}
    assert isinstance(seen[429], openai.RateLimitError)
    assert seen[429].code == "rate_limit_exceeded"
    assert 1 <= int(seen[429].response.headers["retry-after"]) <= 20
    assert isinstance(seen[500], openai.InternalServerError)
    assert seen[500].type == "server_error"


async def test_anthropic_s_errors_are_its_client_s(far: Far, claude: anthropic.AsyncAnthropic) -> None:
    far.faults.begin("ai_provider_errors", "anthropic", 1)
    seen = {}
    for _ in range(16):
        with pytest.raises(anthropic.APIStatusError) as caught:
            await claude.messages.create(model=CLAUDE.name, max_tokens=9, messages=USER)
        seen[caught.value.status_code] = caught.value
    assert {status: error.type for status, error in seen.items()} == {
        429: "rate_limit_error",
        500: "api_error",
        529: "overloaded_error",
    }
    assert isinstance(seen[529], anthropic.OverloadedError)
    assert 1 <= int(seen[429].response.headers["retry-after"]) <= 20


async def test_gemini_s_errors_are_its_client_s(far: Far, gemini: Any) -> None:
    far.faults.begin("ai_provider_errors", "gcp.gemini", 1)
    seen = {}
    for _ in range(16):
        with pytest.raises(errors.APIError) as caught:
            await gemini.models.generate_content(model=GEMINI.name, contents="Now?")
        seen[caught.value.code] = caught.value
    assert {code: error.status for code, error in seen.items()} == {
        429: "RESOURCE_EXHAUSTED",
        500: "INTERNAL",
        503: "UNAVAILABLE",
    }
    assert isinstance(seen[503], errors.ServerError)
    (retry,) = seen[429].details["error"]["details"]
    assert retry["@type"] == "type.googleapis.com/google.rpc.RetryInfo"
    assert retry["retryDelay"].endswith("s")


PATHS = {
    "openai": ("/chat/completions", "Authorization"),
    "anthropic": ("/v1/messages", "x-api-key"),
    "gcp.gemini": (f"/v1beta/models/{GEMINI.name}:generateContent", "x-goog-api-key"),
}


@pytest.mark.parametrize("provider", PATHS)
async def test_a_request_without_a_key_is_turned_away(far: Far, provider: str) -> None:
    status, body = await far.post(provider, PATHS[provider][0], {}, {})
    assert status in (401, 403)
    assert "key" in body["error"]["message"]


@pytest.mark.parametrize(
    "body",
    [
        [],
        {},
        {"messages": "hi", "contents": "hi"},
        {"messages": [], "contents": []},
        {"messages": [1], "contents": [1]},
    ],
    ids=str,
)
@pytest.mark.parametrize("provider", PATHS)
async def test_a_malformed_request_is_told_so(far: Far, provider: str, body: object) -> None:
    path, header = PATHS[provider]
    headers = {header: "Bearer demo-key", "anthropic-version": "2023-06-01"}
    status, told = await far.post(provider, path, body, headers)
    assert status == 400
    assert "malformed" in told["error"]["message"]


class Watched(Clock):
    """A clock that counts the waits that were given up."""

    given_up = 0

    async def sleep(self, seconds: float) -> None:
        try:
            await super().sleep(seconds)
        except asyncio.CancelledError:
            self.given_up += 1
            raise


async def test_a_client_that_goes_away_ends_the_work_on_its_request() -> None:
    clock = Watched()
    faults = Faults(clock.now_ns)
    faults.begin("ai_provider_slow", "openai", 20)
    async with (
        provider_server(Language(clock, Chance(7), faults, Ids(clock)), "openai") as server,
        openai.AsyncOpenAI(api_key="demo-key", base_url=server.url, max_retries=0, timeout=0.1) as client,
    ):
        with pytest.raises(openai.APITimeoutError):
            await client.responses.create(model=GPT_REASONING.name, input="In about 300 words.")
        async with asyncio.timeout(60):
            while not clock.given_up:
                await asyncio.sleep(0.01)


@each_stream
@each_model
async def test_a_real_client_gives_up_after_its_time(model: Model, stream: bool) -> None:
    clock = Clock()
    faults = Faults(clock.now_ns)
    faults.begin("ai_provider_slow", grade=20)
    language = Language(clock, Chance(7), faults, Ids(clock))
    async with provider_server(language, model.provider) as server:
        live = LiveModels({model.provider: server.url}, clock, timeout_s=0.1)
        with pytest.raises(ModelError, match="timeout"):
            await live.complete(model, Prompt("Be brief.", (("user", "In about 90 words."),)), stream=stream)
        await live.close()


@each_model
async def test_a_server_that_is_gone_is_an_error_of_the_server(model: Model) -> None:
    clock = Clock()
    language = Language(clock, Chance(7), Faults(clock.now_ns), Ids(clock))
    async with provider_server(language, model.provider) as gone:
        live = LiveModels({model.provider: gone.url}, clock)
    with pytest.raises(ModelError, match="server_error"):
        await live.complete(model, Prompt("Be brief.", (("user", "What now?"),)))
    await live.close()


class Breaking(Clock):
    """Fails when the fourth piece of a stream is due."""

    waits = 0

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(0.001)
        self.waits += 1
        if self.waits == 4:
            raise ConnectionResetError


@each_model
async def test_a_stream_that_breaks_off_is_an_error_of_the_server(model: Model) -> None:
    clock = Breaking()
    language = Language(clock, Chance(7), Faults(clock.now_ns), Ids(clock))
    async with provider_server(language, model.provider) as server:
        live = LiveModels({model.provider: server.url}, clock)
        with pytest.raises(ModelError, match="server_error"):
            await live.complete(model, Prompt("Be brief.", (("user", "In about 200 words."),)), stream=True)
        await live.close()
