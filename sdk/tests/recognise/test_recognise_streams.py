"""Streams that HTTPX and requests hand out themselves, and the providers as the universe has them."""

from __future__ import annotations

import asyncio
import gc
import json
import time
from collections.abc import AsyncIterator, Callable
from itertools import pairwise
from typing import Any

import aiohttp
import httpx
import pytest
import requests
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from observatory_sdk.recognise import hooks
from observatory_universe.chance import Chance
from observatory_universe.clock import Clock
from observatory_universe.faults import Faults
from observatory_universe.ids import Ids
from observatory_universe.models import CLAUDE, GEMINI, GPT_MINI
from observatory_universe.outside.language import Language
from observatory_universe.outside.providers import provider_server

CHAT = "/v1/chat/completions"
ASKED = {"model": "gpt-5", "messages": [], "stream": True}
BODY = b'data: {"id": "chatcmpl-1", "choices": [{"index": 0, "finish_reason": "stop"}]}\n\n'
USED = b'data: {"usage": {"prompt_tokens": 5, "completion_tokens": 6}}\n\n'
WAYS: dict[str, Callable[[httpx.Response], Any]] = {
    "iter_bytes": lambda response: b"".join(response.iter_bytes()),
    "iter_bytes of a size": lambda response: b"".join(response.iter_bytes(11)),
    "iter_raw": lambda response: b"".join(response.iter_raw()),
    "iter_text": lambda response: "".join(response.iter_text()).encode(),
    "iter_lines": lambda response: "".join(f"{line}\n" for line in response.iter_lines()).encode(),
    "read": lambda response: response.read(),
}
REQUESTS_WAYS: dict[str, Callable[[requests.Response], Any]] = {
    "iter_content": lambda response: b"".join(response.iter_content(9)),
    "iter_content as text": lambda response: "".join(response.iter_content(9, decode_unicode=True)).encode(),
    "iter_lines": lambda response: b"".join(line + b"\n" for line in response.iter_lines()),
    "content": lambda response: response.content,
    "text": lambda response: response.text.encode(),
}


@pytest.mark.parametrize("way", WAYS)
def test_each_way_of_httpx_to_read_reads_it_whole(way: str, switched_on: Any, model_spans: Any) -> None:
    switched_on.says(BODY, USED)
    with (
        httpx.Client(trust_env=False) as client,
        client.stream("POST", switched_on.url + CHAT, json=ASKED) as response,
    ):
        assert WAYS[way](response) == BODY + USED
    (span,) = model_spans()
    assert span.attributes["gen_ai.usage.output_tokens"] == 6


@pytest.mark.parametrize("way", ["aiter_bytes", "aiter_raw", "aiter_lines", "aread"])
async def test_each_way_of_asynchronous_httpx_to_read_reads_it_whole(
    way: str, switched_on: Any, model_spans: Any
) -> None:
    switched_on.says(BODY, USED)
    async with (
        httpx.AsyncClient(trust_env=False) as client,
        client.stream("POST", switched_on.url + CHAT, json=ASKED) as response,
    ):
        if way == "aread":
            found = await response.aread()
        elif way == "aiter_lines":
            found = "".join([f"{line}\n" async for line in response.aiter_lines()]).encode()
        else:
            found = b"".join([chunk async for chunk in getattr(response, way)()])
    assert found == BODY + USED
    (span,) = model_spans()
    assert span.attributes["gen_ai.usage.output_tokens"] == 6


@pytest.mark.parametrize("way", REQUESTS_WAYS)
def test_each_way_of_requests_to_read_reads_it_whole(way: str, switched_on: Any, model_spans: Any) -> None:
    switched_on.says(BODY, USED, kind="text/event-stream; charset=utf-8")
    with (
        requests.Session() as session,
        session.post(switched_on.url + CHAT, json=ASKED, stream=True) as response,
    ):
        assert REQUESTS_WAYS[way](response) == BODY + USED
    (span,) = model_spans()
    assert span.attributes["gen_ai.usage.output_tokens"] == 6


@pytest.mark.parametrize("client", ["httpx", "requests"])
def test_a_response_that_nobody_closes_ends_when_it_is_collected(
    client: str, switched_on: Any, hold: object, model_spans: Any
) -> None:
    switched_on.says(BODY, hold)
    url = switched_on.url + CHAT
    if client == "httpx":
        plain = httpx.Client(trust_env=False)
        response: Any = plain.send(plain.build_request("POST", url, json=ASKED), stream=True)
        assert next(response.iter_raw()) == BODY
    else:
        session = requests.Session()
        response = session.post(url, json=ASKED, stream=True)
        assert next(response.iter_content(None)) == BODY
    del response
    for _ in range(20):
        # One that another thread has under way knows nothing of what was let go of since it began.
        gc.collect()
        time.sleep(0.02)
    (span,) = model_spans()
    assert (span.attributes["gen_ai.response.finish_reasons"], span.status.status_code.name) == (("stop",), "UNSET")
    plain.close() if client == "httpx" else session.close()


async def test_a_task_cancelled_in_the_middle_of_a_stream_of_httpx_is_named_so(
    switched_on: Any, hold: object, model_spans: Any
) -> None:
    switched_on.says(BODY, hold)
    began = asyncio.Event()

    async def ask() -> None:
        async with (
            httpx.AsyncClient(trust_env=False) as client,
            client.stream("POST", switched_on.url + CHAT, json=ASKED) as response,
        ):
            async for _ in response.aiter_lines():
                began.set()

    task = asyncio.create_task(ask())
    await began.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    (span,) = model_spans()
    assert (span.attributes["error.type"], span.status.status_code.name) == ("CancelledError", "UNSET")


def test_a_transport_that_answers_from_memory_is_read(switched_on: Any, model_spans: Any) -> None:
    transport = httpx.MockTransport(lambda _: httpx.Response(200, json={"usage": {"prompt_tokens": 5}}))
    with httpx.Client(transport=transport) as client:
        with client.stream("POST", switched_on.url + CHAT, json=ASKED) as response:
            assert json.loads(response.read()) == {"usage": {"prompt_tokens": 5}}
        body = (part for part in (b'{"model": ', b'"gpt-5"}'))
        assert client.post(switched_on.url + CHAT, content=body).json() == {"usage": {"prompt_tokens": 5}}
    assert [span.name for span in model_spans(2)] == ["chat gpt-5", "chat"]


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(cuts=st.lists(st.integers(1, len(BODY + USED) - 1), max_size=12))
def test_where_the_network_cuts_the_body_changes_nothing(cuts: list[int], switched_on: Any, recorded: Any) -> None:
    whole = BODY + USED
    places = [0, *sorted(set(cuts)), len(whole)]
    switched_on.says(*(whole[start:end] for start, end in pairwise(places)))
    recorded.spans()
    recorded.span_exporter.clear()

    async def ask() -> bytes:
        async with aiohttp.ClientSession() as session, session.post(switched_on.url + CHAT, json=ASKED) as response:
            return b"".join([chunk async for chunk in response.content.iter_any()])

    assert asyncio.run(ask()) == whole
    (span,) = recorded.spans()
    assert span.attributes["gen_ai.usage.output_tokens"] == 6


class Unhurried(Clock):
    """A clock of which waiting takes nothing."""

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(0)


@pytest.fixture
async def provider(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[str]:
    from observatory_sdk.recognise import aiohttp as recognise

    clock = Unhurried()
    language = Language(clock, Chance(7), Faults(clock.now_ns), Ids(clock))
    async with provider_server(language, request.param) as address:
        monkeypatch.setenv("OBSERVATORY_GENAI_HOSTS", f"{address.host}:{address.port}={request.param}")
        undo = recognise.switch_on()
        assert undo is not None
        yield f"http://{address.host}:{address.port}"
        undo()


MESSAGES = [{"role": "user", "content": "Say it in about 60 words. " + "You know the markets. " * 400}]
CASES = [
    ("openai", "/v1/chat/completions", {"model": GPT_MINI.name, "messages": MESSAGES}),
    ("openai", "/v1/responses", {"model": GPT_MINI.name, "input": MESSAGES}),
    ("anthropic", "/v1/messages", {"model": CLAUDE.name, "messages": MESSAGES, "max_tokens": 900}),
    (
        "gcp.gemini",
        f"/v1beta/models/{GEMINI.name}:generateContent",
        {"contents": [{"role": "user", "parts": [{"text": MESSAGES[0]["content"]}]}]},
    ),
]


@pytest.mark.parametrize(("provider", "path", "body"), CASES, indirect=["provider"], ids=[case[1] for case in CASES])
async def test_the_providers_of_the_universe_are_read_alike_in_one_piece_and_streamed(
    provider: str, path: str, body: dict[str, Any], model_spans: Any
) -> None:
    headers = {"Authorization": "Bearer k", "anthropic-version": "2023-06-01", "x-goog-api-key": "k"}
    streamed = path.replace(":generateContent", ":streamGenerateContent?alt=sse")
    asked = body if "contents" in body else {**body, "stream": True, "stream_options": {"include_usage": True}}
    async with aiohttp.ClientSession(headers=headers) as session:
        async with session.post(provider + path, json=body) as response:
            assert response.status == 200, await response.text()
            await response.json()
        async with session.post(provider + streamed, json=asked) as response:
            assert response.status == 200, await response.text()
            assert [line async for line in response.content]
        async with session.post(provider + path, json={**body, "model": "x", "max_tokens": 0}) as response:
            await response.read()
    whole, stream, *_ = model_spans(3)
    for name in ("gen_ai.usage.input_tokens", "gen_ai.usage.output_tokens", "gen_ai.response.model"):
        assert whole.attributes[name]
        assert stream.attributes[name]
    assert whole.attributes["gen_ai.usage.input_tokens"] == stream.attributes["gen_ai.usage.input_tokens"] > 1000
    assert whole.attributes["gen_ai.response.finish_reasons"] == ("stop",)
    assert stream.attributes["gen_ai.request.stream"] is True
    assert 0 < stream.attributes["gen_ai.response.time_to_first_chunk"] < 5
    # The prompt was there before: part of it came from the cache, and is a part of the tokens in.
    assert (
        0
        <= stream.attributes.get("gen_ai.usage.cache_read.input_tokens", 0)
        < stream.attributes["gen_ai.usage.input_tokens"]
    )


def test_a_method_replaced_by_someone_else_since_stays_theirs() -> None:
    class Client:
        def send(self) -> str:
            return "sent"

    def around(send: Any) -> Any:
        return lambda client: f"({send(client)})"

    undo = hooks.replace(Client, "send", around)
    assert undo is not None
    assert hooks.replace(Client, "send", around) is None
    Client.send = around(Client.send)  # type: ignore[method-assign]
    undo()
    assert Client().send() == "((sent))"
    assert hooks.together(None, None) is None
