"""aiohttp's many ways to read a body, and to leave it."""

from __future__ import annotations

import asyncio
import gc
import gzip
import json
from collections.abc import Awaitable, Callable
from typing import Any

import aiohttp
import pytest

from observatory_sdk.guard import LOSSES
from observatory_sdk.recognise.aiohttp import _HEARD

CHAT = "/v1/chat/completions"
ASKED = {"model": "gpt-5", "messages": [], "stream": True}
BODY = b'data: {"id": "chatcmpl-1", "choices": [{"index": 0, "finish_reason": "stop"}]}\n\n'
USED = b'data: {"usage": {"prompt_tokens": 5, "completion_tokens": 6}}\n\n'
Read = Callable[[aiohttp.ClientResponse], Awaitable[Any]]


async def _join(chunks: Any) -> bytes:
    return b"".join([chunk async for chunk in chunks])


async def _lines(response: aiohttp.ClientResponse) -> bytes:
    found = []
    while line := await response.content.readline():
        found.append(line)
    return b"".join(found)


async def _chunks(response: aiohttp.ClientResponse) -> bytes:
    return b"".join([chunk async for chunk, _ in response.content.iter_chunks()])


async def _text(response: aiohttp.ClientResponse) -> bytes:
    return (await response.text()).encode()


async def _exactly(response: aiohttp.ClientResponse) -> bytes:
    return await response.content.readexactly(len(BODY + USED))


async def _nowait(response: aiohttp.ClientResponse) -> bytes:
    await response.content.wait_eof()
    return response.content.read_nowait()


WAYS: dict[str, Read] = {
    "read": lambda response: response.read(),
    "text": _text,
    "content.read": lambda response: response.content.read(),
    "iter_any": lambda response: _join(response.content.iter_any()),
    "iter_chunked": lambda response: _join(response.content.iter_chunked(7)),
    "async for": lambda response: _join(response.content),
    "readline": _lines,
    "iter_chunks": _chunks,
    "readexactly": _exactly,
    "read_nowait": _nowait,
}


@pytest.mark.parametrize("way", WAYS)
async def test_each_way_to_read_a_body_reads_it_whole(way: str, switched_on: Any, model_spans: Any) -> None:
    switched_on.says(BODY, USED)
    async with aiohttp.ClientSession() as session, session.post(switched_on.url + CHAT, json=ASKED) as response:
        assert isinstance(response.content, aiohttp.StreamReader)
        assert await WAYS[way](response) == BODY + USED
    (span,) = model_spans()
    assert (span.attributes["gen_ai.usage.output_tokens"], span.status.status_code.name) == (6, "UNSET")
    assert type(response.content) is aiohttp.StreamReader
    assert _HEARD == {}


async def test_json_is_read_and_a_body_that_is_none_fails_as_without(switched_on: Any, model_spans: Any) -> None:
    async with aiohttp.ClientSession() as session:
        switched_on.says_json({"usage": {"prompt_tokens": 5}})
        async with session.post(switched_on.url + CHAT, json=ASKED) as response:
            assert await response.json() == {"usage": {"prompt_tokens": 5}}
        switched_on.says(b"{", kind="application/json")
        async with session.post(switched_on.url + CHAT, json=ASKED) as response:
            with pytest.raises(json.JSONDecodeError):
                await response.json()
        switched_on.says(b"{}", kind="text/html")
        async with session.post(switched_on.url + CHAT, json=ASKED) as response:
            with pytest.raises(aiohttp.ContentTypeError):
                await response.json()
    assert [span.status.status_code.name for span in model_spans(3)] == ["UNSET"] * 3


async def test_a_request_is_known_from_its_bytes_its_base_and_its_session(switched_on: Any, model_spans: Any) -> None:
    switched_on.says(BODY, USED)
    async with aiohttp.ClientSession(base_url=switched_on.url + "/v1/") as session:
        async with session.post("chat/completions", data=json.dumps(ASKED)) as response:
            await response.read()
        async with session.request("post", "chat/completions", data=json.dumps(ASKED).encode()) as response:
            await response.read()
        form = aiohttp.FormData({"model": "unknown to us"})
        async with session.post("chat/completions", data=form) as response:
            await response.read()
    assert [span.name for span in model_spans(3)] == ["chat gpt-5", "chat gpt-5", "chat"]


async def test_a_body_left_packed_is_read_and_handed_on_packed(switched_on: Any, model_spans: Any) -> None:
    switched_on.says(BODY, USED, packed="gzip")
    async with (
        aiohttp.ClientSession(auto_decompress=False) as session,
        session.post(switched_on.url + CHAT, json=ASKED) as response,
    ):
        assert gzip.decompress(await response.read()) == BODY + USED
    (span,) = model_spans()
    assert span.attributes["gen_ai.usage.output_tokens"] == 6


async def test_a_task_cancelled_while_it_waits_is_cancelled_and_named_so(
    switched_on: Any, hold: object, model_spans: Any
) -> None:
    switched_on.says(hold)
    switched_on.headers = {}

    async def ask() -> None:
        async with aiohttp.ClientSession() as session, session.post(switched_on.url + CHAT, json=ASKED) as response:
            await response.read()

    task = asyncio.create_task(ask())
    while not switched_on.requests:
        await asyncio.sleep(0.01)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    (span,) = model_spans()
    assert (span.attributes["error.type"], span.status.status_code.name) == ("CancelledError", "UNSET")


async def test_a_task_cancelled_in_the_middle_of_a_stream_is_named_so_and_the_server_is_told(
    switched_on: Any, hold: object, model_spans: Any
) -> None:
    switched_on.says(BODY, hold)
    began = asyncio.Event()

    async def ask() -> None:
        async with aiohttp.ClientSession() as session, session.post(switched_on.url + CHAT, json=ASKED) as response:
            async for _ in response.content:
                began.set()

    task = asyncio.create_task(ask())
    await began.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    (span,) = model_spans()
    assert (span.attributes["error.type"], span.status.status_code.name) == ("CancelledError", "UNSET")
    assert span.attributes["gen_ai.response.finish_reasons"] == ("stop",)
    assert await asyncio.to_thread(switched_on.gone.wait, 10)


async def test_a_status_that_raises_is_an_error_with_the_status(switched_on: Any, model_spans: Any) -> None:
    switched_on.says_json({"error": {"code": "rate_limit_exceeded"}}, status=429)
    url = switched_on.url + CHAT
    async with aiohttp.ClientSession(raise_for_status=True) as session:
        with pytest.raises(aiohttp.ClientResponseError, match="429"):
            await session.post(url, json=ASKED)
    async with aiohttp.ClientSession() as session, session.post(url, json=ASKED) as response:
        await asyncio.sleep(0.1)
        with pytest.raises(aiohttp.ClientResponseError):
            response.raise_for_status()
    spans = model_spans(2)
    assert [span.attributes["error.type"] for span in spans] == ["429", "rate_limit_exceeded"]


async def test_an_error_of_the_host_while_it_reads_is_none_of_the_call(
    switched_on: Any, hold: object, model_spans: Any
) -> None:
    switched_on.says(BODY, hold)

    async def fail() -> None:
        async with aiohttp.ClientSession() as session, session.post(switched_on.url + CHAT, json=ASKED) as response:
            await response.content.readany()
            raise KeyError("mine")

    with pytest.raises(KeyError, match="mine"):
        await fail()
    (span,) = model_spans()
    assert (span.status.status_code.name, "error.type" in span.attributes) == ("UNSET", False)


async def test_a_reader_that_is_slow_holds_the_sender_back_as_without(switched_on: Any, model_spans: Any) -> None:
    switched_on.says(*[b"data: " + b"x" * 65_536 + b"\n\n"] * 200)
    async with (
        aiohttp.ClientSession(read_bufsize=1024) as session,
        session.post(switched_on.url + CHAT, json=ASKED) as response,
    ):
        await asyncio.sleep(0.5)
        # Thirteen million bytes are there to be had; what waits is what the buffers take.
        assert response.content.total_bytes < 1_000_000
        assert len(await response.read()) == 200 * (65_536 + 8)
    model_spans()


async def test_a_response_that_nobody_closes_ends_when_it_is_collected(
    switched_on: Any, hold: object, model_spans: Any
) -> None:
    switched_on.says(BODY, hold)
    session = aiohttp.ClientSession()
    response = await session.post(switched_on.url + CHAT, json=ASKED)
    assert await response.content.readany() == BODY
    del response
    gc.collect()
    await session.close()
    await asyncio.sleep(0.05)
    gc.collect()
    (span,) = model_spans()
    assert span.attributes["gen_ai.response.finish_reasons"] == ("stop",)
    assert _HEARD == {}


async def test_a_body_that_is_empty_ends_at_once(switched_on: Any, model_spans: Any) -> None:
    switched_on.says()
    switched_on.headers = {"Content-Length": "0"}
    async with aiohttp.ClientSession() as session:
        response = await session.post(switched_on.url + CHAT, json=ASKED)
        (span,) = model_spans()
        assert await response.read() == b""
    assert span.attributes["http.response.status_code"] == 200


async def test_a_middleware_that_reads_the_body_first_takes_nothing_away(switched_on: Any, model_spans: Any) -> None:
    switched_on.says(BODY, USED)

    async def reads(request: aiohttp.ClientRequest, handler: Any) -> aiohttp.ClientResponse:
        response: aiohttp.ClientResponse = await handler(request)
        await response.read()
        return response

    async with (
        aiohttp.ClientSession(middlewares=(reads,)) as session,
        session.post(switched_on.url + CHAT, json=ASKED) as response,
    ):
        assert await response.read() == BODY + USED
    (span,) = model_spans()
    assert span.attributes["gen_ai.usage.output_tokens"] == 6


async def test_hosts_that_are_no_pairs_are_counted_and_passed_over(
    server: Any, monkeypatch: pytest.MonkeyPatch, lenient: None, model_spans: Any
) -> None:
    from observatory_sdk.recognise import aiohttp as recognise

    monkeypatch.setenv("OBSERVATORY_GENAI_HOSTS", "nonsense, =openai, 127.0.0.1 = gemini ,")
    undo = recognise.switch_on()
    assert undo is not None
    server.says_json({"usageMetadata": {"promptTokenCount": 3}})
    try:
        async with aiohttp.ClientSession() as session:
            path = "/v1beta/models/gemini-2.5-flash:generateContent?key=AIzaVerySecret"
            await (await session.post(server.url + path, json={})).read()
    finally:
        undo()
    (span,) = model_spans()
    assert (span.name, span.attributes["gen_ai.usage.input_tokens"]) == ("generate_content gemini-2.5-flash", 3)
    assert span.attributes["gen_ai.provider.name"] == "gcp.gemini"
    assert "AIza" not in span.to_json()
    assert LOSSES.counts()["setting not understood"] == 2
