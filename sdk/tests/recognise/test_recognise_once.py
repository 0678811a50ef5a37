"""One call is one span, whoever else sees it."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import Any

import aiohttp
import httpx
import pytest
import requests
from opentelemetry import trace
from opentelemetry.instrumentation.utils import suppress_instrumentation

import observatory_sdk as obs
from observatory_sdk import facts

CHAT = "/v1/chat/completions"
ASKED = {"model": "gpt-5", "messages": [{"role": "user", "content": "?"}]}
WHOLE = {
    "id": "chatcmpl-1",
    "object": "chat.completion",
    "created": 1,
    "model": "gpt-5-2025",
    "choices": [{"index": 0, "message": {"role": "assistant", "content": "!"}, "finish_reason": "stop"}],
    "usage": {"prompt_tokens": 20, "completion_tokens": 7, "total_tokens": 27},
}


@contextmanager
def instrumented(recorded: Any, module: str, name: str) -> Iterator[None]:
    """An instrumentation of OpenTelemetry's, on for as long as the block lasts."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = getattr(import_module(f"opentelemetry.instrumentation.{module}"), name)()
        providers = recorded.telemetry.providers
        found.instrument(
            tracer_provider=providers.tracer,
            meter_provider=providers.meter,
            logger_provider=providers.logger,
            skip_dep_check=True,
        )
    try:
        yield
    finally:
        found.uninstrument()


async def ask(url: str) -> None:
    async with aiohttp.ClientSession() as session, session.post(url, json=ASKED) as response:
        await response.read()


@pytest.fixture
def http_instrumented(recorded: Any) -> Iterator[None]:
    with (
        instrumented(recorded, "aiohttp_client", "AioHttpClientInstrumentor"),
        instrumented(recorded, "httpx", "HTTPXClientInstrumentor"),
        instrumented(recorded, "requests", "RequestsInstrumentor"),
    ):
        yield


def ask_by_hand(url: str) -> None:
    with httpx.Client(trust_env=False) as client:
        client.post(url, json=ASKED)
    with requests.Session() as session:
        session.post(url, json=ASKED)


async def test_the_span_of_the_http_client_below_is_not_made(
    recorded: Any, http_instrumented: None, switched_on: Any
) -> None:
    switched_on.says_json(WHOLE)
    url = switched_on.url + CHAT
    await ask(url)
    async with httpx.AsyncClient(trust_env=False) as client:
        await client.post(url, json=ASKED)
    await asyncio.to_thread(ask_by_hand, url)
    assert [span.name for span in recorded.spans()] == ["chat gpt-5"] * 4
    await ask(switched_on.url + "/v1/files")
    assert recorded.spans()[-1].name == "POST"
    # The provider is told nothing of us, and no user's id.
    sent = [headers for path, headers in switched_on.requests if path == CHAT]
    assert [header for headers in sent for header in headers if header.lower() in ("traceparent", "baggage")] == []


@pytest.mark.parametrize("stream", [False, True])
async def test_what_openais_instrumentation_records_is_theirs(stream: bool, recorded: Any, switched_on: Any) -> None:
    import openai

    choice = {"index": 0, "delta": {}, "finish_reason": "stop"}
    chunk = {**WHOLE, "object": "chat.completion.chunk", "choices": [choice]}
    if stream:
        switched_on.says(b"data: " + json.dumps(chunk).encode() + b"\n\n", b"data: [DONE]\n\n")
    else:
        switched_on.says_json(WHOLE)
    messages: Any = ASKED["messages"]
    with instrumented(recorded, "openai_v2", "OpenAIInstrumentor"):
        async with openai.AsyncOpenAI(api_key="k", base_url=switched_on.url + "/v1", max_retries=0) as client:
            found: Any = await client.chat.completions.create(model="gpt-5", messages=messages, stream=stream)
            if stream:
                assert [part async for part in found]
    (span,) = recorded.spans()
    assert span.instrumentation_scope.name != "observatory_sdk"


# In a process of its own: this instrumentation does not put everything back.
ANOTHER = """
import asyncio, sys, warnings
warnings.simplefilter("ignore")
import openai
from opentelemetry.instrumentation.openai import OpenAIInstrumentor
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
import observatory_sdk as obs
from observatory_sdk.recognise import httpx

kept, tracer = InMemorySpanExporter(), TracerProvider()
tracer.add_span_processor(SimpleSpanProcessor(kept))
telemetry = obs.configure(service_name="test", providers=obs.Providers(tracer, LoggerProvider(), MeterProvider([])))
OpenAIInstrumentor().instrument(tracer_provider=tracer)
httpx.switch_on_2()

async def ask():
    async with openai.AsyncOpenAI(api_key="k", base_url=sys.argv[1] + "/v1", max_retries=0) as client:
        await client.chat.completions.create(model="gpt-5", messages=[{"role": "user", "content": "?"}])
        await client.responses.create(model="gpt-5", input="?")

asyncio.run(ask())
print(*(span.instrumentation_scope.name.partition(".v1")[0] for span in kept.get_finished_spans()))
"""


async def test_what_another_instrumentation_of_openais_records_is_theirs(server: Any) -> None:
    item = {"type": "message", "id": "m", "role": "assistant", "status": "completed", "content": []}
    also = {"output": [item], "created_at": 1, "parallel_tool_calls": True, "tool_choice": "auto", "tools": []}
    server.says_json({**WHOLE, **also, "object": "response", "status": "completed"})
    done = await asyncio.to_thread(
        subprocess.run,
        [sys.executable, "-c", ANOTHER, server.url],
        env={**os.environ, "OBSERVATORY_GENAI_HOSTS": f"127.0.0.1:{server.port}=openai"},
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert done.stdout.split() == ["opentelemetry.instrumentation.openai"] * 2


async def test_an_sdk_that_nobody_instruments_is_recognised_by_its_requests(recorded: Any, switched_on: Any) -> None:
    import openai

    switched_on.says_json(WHOLE)
    messages: Any = ASKED["messages"]
    async with openai.AsyncOpenAI(api_key="k", base_url=switched_on.url + "/v1", max_retries=0) as client:
        found = await client.chat.completions.create(model="gpt-5", messages=messages)
    assert found.usage is not None
    (span,) = recorded.spans()
    assert (span.name, span.attributes["gen_ai.usage.output_tokens"]) == ("chat gpt-5", 7)


async def test_what_anthropics_instrumentation_records_is_theirs(
    recorded: Any, server: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    import anthropic

    from observatory_sdk.recognise import httpx as recognise

    monkeypatch.setenv("OBSERVATORY_GENAI_HOSTS", f"127.0.0.1:{server.port}=anthropic")
    undo = recognise.switch_on_2()
    assert undo is not None
    content = [{"type": "text", "text": "!"}]
    usage = {"input_tokens": 3, "output_tokens": 4}
    head = {"id": "msg_1", "type": "message", "role": "assistant", "model": "claude", "stop_reason": "end_turn"}
    server.says_json({**head, "content": content, "usage": usage, "stop_sequence": None})
    try:
        async with anthropic.AsyncAnthropic(api_key="k", base_url=server.url, max_retries=0) as client:
            messages: Any = ASKED["messages"]
            with instrumented(recorded, "anthropic", "AnthropicInstrumentor"):
                await client.messages.create(model="claude", max_tokens=5, messages=messages)
                (theirs,) = recorded.spans()
            await client.messages.create(model="claude", max_tokens=5, messages=messages)
    finally:
        undo()
    assert theirs.instrumentation_scope.name != "observatory_sdk"
    ours = recorded.spans()[-1]
    assert (ours.name, ours.attributes["gen_ai.usage.input_tokens"], len(recorded.spans())) == ("chat claude", 3, 2)


async def test_what_googles_instrumentation_records_is_theirs(
    recorded: Any, server: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from google import genai
    from google.genai import types

    from observatory_sdk.recognise import httpx as recognise

    monkeypatch.setenv("OBSERVATORY_GENAI_HOSTS", f"127.0.0.1:{server.port}=gemini")
    undo = recognise.switch_on_2()
    assert undo is not None
    part = {"content": {"parts": [{"text": "!"}], "role": "model"}, "finishReason": "STOP", "index": 0}
    server.says_json({"candidates": [part], "usageMetadata": {"promptTokenCount": 3, "totalTokenCount": 7}})
    try:
        options = types.HttpOptions(base_url=server.url)
        with genai.Client(api_key="k", http_options=options) as client:
            client.models.generate_content(model="gemini-2.5-flash", contents="?")
            (ours,) = recorded.spans()
            with instrumented(recorded, "google_genai", "GoogleGenAiSdkInstrumentor"):
                client.models.generate_content(model="gemini-2.5-flash", contents="?")
    finally:
        undo()
    assert (ours.name, ours.attributes["gen_ai.usage.output_tokens"]) == ("generate_content gemini-2.5-flash", 4)
    theirs = [span for span in recorded.spans()[1:] if "gen_ai.usage.input_tokens" in span.attributes]
    assert [span.instrumentation_scope.name for span in recorded.spans()[1:] if span in theirs] != ["observatory_sdk"]
    assert len(theirs) == 1


async def test_our_own_fact_is_the_one_record(recorded: Any, switched_on: Any) -> None:
    switched_on.says_json(WHOLE)
    with facts.model_call(provider="openai", request_model="gpt-5") as call:
        await ask(switched_on.url + CHAT)
        call.output_tokens = 8
    (span,) = recorded.spans()
    assert span.attributes["gen_ai.usage.output_tokens"] == 8


async def test_a_frameworks_open_span_of_the_call_is_the_one_record(recorded: Any, switched_on: Any) -> None:
    switched_on.says_json(WHOLE)
    tracer = recorded.foreign_tracer()
    with tracer.start_as_current_span("chat gpt-5", attributes={"gen_ai.operation.name": "chat"}):
        await ask(switched_on.url + CHAT)
    assert [span.instrumentation_scope.name for span in recorded.spans()] == ["some.instrumentation"]
    with tracer.start_as_current_span("agent", attributes={"gen_ai.operation.name": "invoke_agent"}):
        await ask(switched_on.url + CHAT)
    assert [span.name for span in recorded.spans()[1:]] == ["chat gpt-5", "agent"]


async def test_who_wants_silence_gets_it(recorded: Any, switched_on: Any) -> None:
    switched_on.says_json(WHOLE)
    with suppress_instrumentation():
        await ask(switched_on.url + CHAT)
    assert recorded.spans() == []


async def test_the_context_is_the_callers_again_as_soon_as_the_head_is_there(
    recorded: Any, switched_on: Any, hold: object
) -> None:
    switched_on.says(b"data: {}\n\n", hold)
    tracer = recorded.foreign_tracer()
    with tracer.start_as_current_span("outer") as outer:
        async with aiohttp.ClientSession() as session, session.post(switched_on.url + CHAT, json=ASKED):
            assert trace.get_current_span() is outer
            with obs.facts.exchange_call(exchange_id="binance", operation="fetch_ticker"):
                pass
    names = [span.name for span in recorded.spans()]
    assert len(names) == 3


def test_the_recogniser_needs_none_of_the_clients() -> None:
    code = (
        "import sys\n"
        "sys.modules.update(dict.fromkeys(['aiohttp', 'httpx', 'httpx2', 'requests'], None))\n"
        "import observatory_sdk.genai, observatory_sdk.recognise.watch, observatory_sdk.recognise.httpx\n"
    )
    source = str(Path(obs.__file__).parents[1])
    done = subprocess.run([sys.executable, "-c", code], env={"PYTHONPATH": source}, check=False, timeout=60)
    assert done.returncode == 0
