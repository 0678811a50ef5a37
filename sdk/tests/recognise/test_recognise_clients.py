"""Each client's calls recognised alike, and read by the host as without."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import aiohttp
import httpx
import httpx2
import pytest
import requests

from observatory_sdk.guard import LOSSES

USAGE = {
    "prompt_tokens": 20,
    "completion_tokens": 7,
    "total_tokens": 27,
    "prompt_tokens_details": {"cached_tokens": 16},
    "completion_tokens_details": {"reasoning_tokens": 3},
}
SECRET = "the oracle says: buy"
WHOLE = {
    "id": "chatcmpl-1",
    "object": "chat.completion",
    "model": "gpt-5-2025",
    "choices": [{"index": 0, "message": {"content": SECRET}, "finish_reason": "stop"}],
    "usage": USAGE,
}
PIECES = [
    b'data: {"id": "chatcmpl-1", "model": "gpt-5-2025", "choices": [{"index": 0, "delta": {"content": "the ora',
    b'cle says: buy"}}]}\n\ndata: {"id": "chatcmpl-1", "choices": [{"index": 0, "finish_reason": "stop"}]}\n\n',
    b'data: {"choices": [], "usage": ' + json.dumps(USAGE).encode() + b"}\n\n",
    b"data: [DONE]\n\n",
]
ASKED = {"model": "gpt-5", "messages": [{"role": "user", "content": SECRET}]}
CHAT = "/v1/chat/completions"


class Aiohttp:
    @staticmethod
    async def ask(url: str, timeout_s: float = 10, **body: Any) -> tuple[int, bytes]:
        limit = aiohttp.ClientTimeout(total=timeout_s)
        async with aiohttp.ClientSession(timeout=limit) as session, session.post(url, json=body) as response:
            return response.status, await response.read()

    @staticmethod
    async def stream(url: str, most: int = 100, timeout_s: float = 10, **body: Any) -> list[bytes]:
        limit = aiohttp.ClientTimeout(total=timeout_s)
        async with aiohttp.ClientSession(timeout=limit) as session, session.post(url, json=body) as response:
            found = []
            async for chunk in response.content.iter_any():
                found.append(chunk)
                if len(found) == most:
                    break
            return found


def asynchronous(module: Any) -> type:
    class Asynchronous:
        @staticmethod
        async def ask(url: str, timeout_s: float = 10, **body: Any) -> tuple[int, bytes]:
            async with module.AsyncClient(timeout=timeout_s, trust_env=False) as client:
                response = await client.post(url, json=body)
                return response.status_code, response.content

        @staticmethod
        async def stream(url: str, most: int = 100, timeout_s: float = 10, **body: Any) -> list[bytes]:
            async with (
                module.AsyncClient(timeout=timeout_s, trust_env=False) as client,
                client.stream("POST", url, json=body) as response,
            ):
                found = []
                async for chunk in response.aiter_bytes():
                    found.append(chunk)
                    if len(found) == most:
                        break
                return found

    return Asynchronous


def synchronous(ask: Callable[..., Any], stream: Callable[..., Any]) -> type:
    class Synchronous:
        @staticmethod
        async def ask(url: str, timeout_s: float = 10, **body: Any) -> Any:
            return await asyncio.to_thread(ask, url, timeout_s, body)

        @staticmethod
        async def stream(url: str, most: int = 100, timeout_s: float = 10, **body: Any) -> Any:
            return await asyncio.to_thread(stream, url, most, timeout_s, body)

    return Synchronous


def ask_httpx(url: str, timeout_s: float, body: Any) -> tuple[int, bytes]:
    with httpx.Client(timeout=timeout_s, trust_env=False) as client:
        response = client.post(url, json=body)
        return response.status_code, response.content


def stream_httpx(url: str, most: int, timeout_s: float, body: Any) -> list[bytes]:
    with (
        httpx.Client(timeout=timeout_s, trust_env=False) as client,
        client.stream("POST", url, json=body) as response,
    ):
        return first(response.iter_bytes(), most)


def ask_requests(url: str, timeout_s: float, body: Any) -> tuple[int, bytes]:
    with requests.Session() as session:
        response = session.post(url, json=body, timeout=timeout_s)
        return response.status_code, response.content


def stream_requests(url: str, most: int, timeout_s: float, body: Any) -> list[bytes]:
    with requests.Session() as session, session.post(url, json=body, timeout=timeout_s, stream=True) as response:
        return first(response.iter_content(chunk_size=None), most)


def first(chunks: Iterator[bytes], most: int) -> list[bytes]:
    found = []
    for chunk in chunks:
        found.append(chunk)
        if len(found) == most:
            break
    return found


CLIENTS = {
    "aiohttp": Aiohttp,
    "httpx": synchronous(ask_httpx, stream_httpx),
    "httpx-async": asynchronous(httpx),
    "httpx2-async": asynchronous(httpx2),
    "requests": synchronous(ask_requests, stream_requests),
}
TIMEOUTS = {
    "aiohttp": "TimeoutError",
    "httpx": "ReadTimeout",
    "httpx-async": "ReadTimeout",
    "httpx2-async": "ReadTimeout",
    # What it calls a body that stays away.
    "requests": "ConnectionError",
}


@pytest.fixture(params=CLIENTS)
def kind(request: pytest.FixtureRequest) -> str:
    found: str = request.param
    return found


@pytest.fixture
def client(kind: str) -> Any:
    return CLIENTS[kind]


def told(span: Any) -> dict[str, Any]:
    """What a span says, without what every span of the SDK says."""
    shared = ("observatory.service", "gen_ai.response.time_to_first_chunk")
    return {name: value for name, value in span.attributes.items() if name not in shared}


TOO_LATE = (TimeoutError, httpx.TimeoutException, httpx2.TimeoutException, requests.RequestException)
KNOWN = {
    "gen_ai.provider.name": "openai",
    "gen_ai.operation.name": "chat",
    "gen_ai.request.model": "gpt-5",
    "gen_ai.response.model": "gpt-5-2025",
    "gen_ai.response.id": "chatcmpl-1",
    "gen_ai.response.finish_reasons": ("stop",),
    "gen_ai.usage.input_tokens": 20,
    "gen_ai.usage.output_tokens": 7,
    "gen_ai.usage.cache_read.input_tokens": 16,
    "gen_ai.usage.reasoning.output_tokens": 3,
    "server.address": "127.0.0.1",
    "http.response.status_code": 200,
}


async def test_a_call_is_a_span_with_what_it_used(client: Any, switched_on: Any, model_spans: Any) -> None:
    switched_on.says_json(WHOLE)
    status, body = await client.ask(switched_on.url + CHAT, **ASKED)
    assert (status, json.loads(body)) == (200, WHOLE)
    (span,) = model_spans()
    assert (span.name, span.kind.name, span.status.status_code.name) == ("chat gpt-5", "CLIENT", "UNSET")
    assert told(span) == KNOWN
    assert "gen_ai.response.time_to_first_chunk" not in span.attributes
    assert SECRET not in span.to_json()


async def test_a_stream_is_a_span_with_its_first_chunk(client: Any, switched_on: Any, model_spans: Any) -> None:
    switched_on.says(*PIECES)
    assert b"".join(await client.stream(switched_on.url + CHAT, stream=True, **ASKED)) == b"".join(PIECES)
    (span,) = model_spans()
    assert told(span) == {**KNOWN, "gen_ai.request.stream": True}
    duration_s = (span.end_time - span.start_time) / 1e9
    assert 0 < span.attributes["gen_ai.response.time_to_first_chunk"] < duration_s
    assert SECRET not in span.to_json()


async def test_the_host_reads_the_same_pieces_as_without(
    client: Any, server: Any, request: pytest.FixtureRequest, model_spans: Any
) -> None:
    server.says(b"data: 1\n\n", b"data: 2\n\n", b"data: 3\n\n", b"x" * 200_000, b"data: 4\n\n")
    without = await client.stream(server.url + CHAT, stream=True, **ASKED)
    request.getfixturevalue("switched_on")
    found = await client.stream(server.url + CHAT, stream=True, **ASKED)
    # How the network cuts two hundred thousand bytes is its own affair.
    assert (found[:3], b"".join(found)) == (without[:3], b"".join(without))
    model_spans()


async def test_a_stream_without_usage_tells_no_tokens(client: Any, switched_on: Any, model_spans: Any) -> None:
    switched_on.says(*PIECES[:2], b"data: [DONE]\n\n")
    await client.stream(switched_on.url + CHAT, stream=True, **ASKED)
    (span,) = model_spans()
    assert [name for name in span.attributes if "usage" in name] == []
    assert span.attributes["gen_ai.response.finish_reasons"] == ("stop",)


@pytest.mark.parametrize("packed", ["gzip", "deflate"])
@pytest.mark.parametrize("streamed", [False, True])
async def test_a_packed_body_is_read(
    client: Any, packed: str, streamed: bool, switched_on: Any, model_spans: Any
) -> None:
    switched_on.says_json(WHOLE, packed=packed)
    if streamed:
        assert json.loads(b"".join(await client.stream(switched_on.url + CHAT, **ASKED))) == WHOLE
    else:
        assert json.loads((await client.ask(switched_on.url + CHAT, **ASKED))[1]) == WHOLE
    (span,) = model_spans()
    assert told(span) == KNOWN


@pytest.mark.parametrize("body", [b"", b"<html>no</html>", b'{"usage": ', b"\xff\xfe\x00", b"data: {]\n\n", b"[[[["])
async def test_a_body_of_no_form_is_read_by_the_host_and_unknown_to_us(
    client: Any, body: bytes, switched_on: Any, model_spans: Any
) -> None:
    switched_on.says(body) if body else switched_on.says()
    assert await client.ask(switched_on.url + CHAT, **ASKED) == (200, body)
    (span,) = model_spans()
    assert [name for name in span.attributes if "usage" in name or name == "error.type"] == []
    assert LOSSES.counts() == {}


@pytest.mark.parametrize(
    ("status", "body", "error"),
    [
        (429, {"error": {"message": SECRET, "type": "requests", "code": "rate_limit_exceeded"}}, "rate_limit_exceeded"),
        (500, {"error": {"message": SECRET, "type": "server_error"}}, "server_error"),
        (503, "no capacity", "503"),
    ],
)
async def test_a_refusal_is_an_error(
    client: Any, status: int, body: object, error: str, switched_on: Any, model_spans: Any
) -> None:
    switched_on.says_json(body, status=status)
    assert (await client.ask(switched_on.url + CHAT, **ASKED))[0] == status
    (span,) = model_spans()
    assert (span.status.status_code.name, span.attributes["error.type"]) == ("ERROR", error)
    assert span.attributes["http.response.status_code"] == status
    assert SECRET not in span.to_json()


async def test_a_call_that_takes_too_long_ends_with_the_callers_time(
    client: Any, kind: str, switched_on: Any, hold: Any, model_spans: Any
) -> None:
    switched_on.says(hold)
    with pytest.raises(TOO_LATE) as caught:
        await client.ask(switched_on.url + CHAT, timeout_s=0.2, **ASKED)
    (span,) = model_spans()
    assert span.attributes["error.type"] == type(caught.value).__qualname__ == TIMEOUTS[kind]
    assert span.events == ()


async def test_a_stream_that_stalls_ends_with_the_callers_time(
    client: Any, switched_on: Any, hold: Any, model_spans: Any
) -> None:
    switched_on.says(PIECES[0], hold)
    with pytest.raises(TOO_LATE) as caught:
        await client.stream(switched_on.url + CHAT, stream=True, timeout_s=0.3, **ASKED)
    (span,) = model_spans()
    assert "Timeout" in span.attributes["error.type"]
    assert "imeout" in repr(caught.value) or "timed out" in repr(caught.value)
    assert span.status.status_code.name == "ERROR"


async def test_a_connection_that_breaks_is_an_error(client: Any, switched_on: Any, cut: Any, model_spans: Any) -> None:
    switched_on.says(*PIECES[:2], cut)
    with pytest.raises((aiohttp.ClientError, httpx.HTTPError, httpx2.HTTPError, requests.RequestException)):
        await client.stream(switched_on.url + CHAT, stream=True, **ASKED)
    (span,) = model_spans()
    assert span.status.status_code.name == "ERROR"
    assert span.attributes["gen_ai.response.id"] == "chatcmpl-1"


async def test_a_stream_that_is_left_early_ends_then_and_is_no_error(
    client: Any, switched_on: Any, hold: Any, model_spans: Any
) -> None:
    switched_on.says(PIECES[0] + PIECES[1], hold)
    assert len(await client.stream(switched_on.url + CHAT, stream=True, most=1, **ASKED)) == 1
    (span,) = model_spans()
    assert (span.status.status_code.name, "error.type" in span.attributes) == ("UNSET", False)
    assert [name for name in span.attributes if "usage" in name] == []


async def test_a_server_that_is_not_there_is_an_error(client: Any, switched_on: Any, model_spans: Any) -> None:
    with socket_of_nobody() as port, pytest.MonkeyPatch.context() as patched:
        patched.setattr("observatory_sdk.recognise.hosts._HOSTS", {"127.0.0.1": "openai"})
        with pytest.raises(Exception, match=r"(?i)connect|refused") as caught:
            await client.ask(f"http://127.0.0.1:{port}{CHAT}?key=very-secret", **ASKED)
    (span,) = model_spans()
    assert span.attributes["error.type"] == type(caught.value).__qualname__
    assert "very-secret" not in span.to_json()


@contextmanager
def socket_of_nobody() -> Iterator[int]:
    import socket

    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield taken.getsockname()[1]


@pytest.mark.parametrize("path", ["/v1/files", "/v1/responses/resp_1/cancel", "/"])
async def test_other_requests_to_a_provider_are_left_alone(
    client: Any, path: str, switched_on: Any, recorded: Any
) -> None:
    switched_on.says_json(WHOLE)
    await client.ask(switched_on.url + path, **ASKED)
    assert recorded.spans() == []


async def test_other_hosts_are_left_alone(client: Any, switched_on: Any, recorded: Any) -> None:
    switched_on.says_json(WHOLE)
    await client.ask(f"http://localhost:{switched_on.port}{CHAT}", **ASKED)
    assert recorded.spans() == []


async def test_without_telemetry_nothing_is_read(client: Any, switched_on: Any) -> None:
    switched_on.says(*PIECES)
    assert b"".join(await client.stream(switched_on.url + CHAT, stream=True, **ASKED)) == b"".join(PIECES)


async def test_several_at_once_do_not_mix(client: Any, switched_on: Any, model_spans: Any) -> None:
    switched_on.says(*PIECES)
    bodies = await asyncio.gather(
        *(
            client.stream(switched_on.url + CHAT, stream=True, **{**ASKED, "model": f"gpt-{number}"})
            for number in range(8)
        )
    )
    assert {b"".join(body) for body in bodies} == {b"".join(PIECES)}
    spans = model_spans(8)
    assert {span.attributes["gen_ai.request.model"] for span in spans} == {f"gpt-{number}" for number in range(8)}
    assert {span.attributes["gen_ai.usage.output_tokens"] for span in spans} == {7}
    assert {span.parent for span in spans} == {None}


async def test_a_body_beyond_the_bound_is_read_by_the_host_and_unknown_to_us(
    client: Any, switched_on: Any, model_spans: Any
) -> None:
    long = {**WHOLE, "choices": [{"message": {"content": "x" * 1_100_000}}]}
    switched_on.says_json(long)
    assert json.loads((await client.ask(switched_on.url + CHAT, **ASKED))[1]) == long
    (span,) = model_spans()
    assert [name for name in span.attributes if "usage" in name] == []


async def test_an_error_of_ours_is_counted_and_the_host_reads_on(
    client: Any, switched_on: Any, model_spans: Any, lenient: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise ArithmeticError("ours")

    monkeypatch.setattr("observatory_sdk.genai.openai.told", broken)
    switched_on.says(*PIECES)
    assert b"".join(await client.stream(switched_on.url + CHAT, stream=True, **ASKED)) == b"".join(PIECES)
    (span,) = model_spans()
    assert span.name == "chat gpt-5"
    assert LOSSES.counts()["recognise"] >= 1


@pytest.mark.parametrize("streamed", [False, True])
async def test_an_error_of_ours_at_the_head_ends_the_span_there(
    client: Any, streamed: bool, switched_on: Any, model_spans: Any, lenient: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise ArithmeticError("ours")

    monkeypatch.setattr("observatory_sdk.recognise.watch.Watch.answered", broken)
    switched_on.says(*PIECES)
    if streamed:
        assert b"".join(await client.stream(switched_on.url + CHAT, **ASKED)) == b"".join(PIECES)
    else:
        assert await client.ask(switched_on.url + CHAT, **ASKED) == (200, b"".join(PIECES))
    (span,) = model_spans()
    assert [name for name in span.attributes if "usage" in name] == []
    assert LOSSES.counts() == {"recognise": 1}


async def test_what_the_service_at_work_is_stands_on_the_span(client: Any, switched_on: Any, model_spans: Any) -> None:
    import observatory_sdk as obs

    switched_on.says_json(WHOLE)

    @obs.service("market_analysis_service")
    async def analyse() -> None:
        await client.ask(switched_on.url + CHAT, **ASKED)

    await analyse()
    spans = {span.name: span for span in model_spans(2)}
    call = spans.pop("chat gpt-5")
    (outer,) = spans.values()
    assert call.attributes["observatory.service"] == "market_analysis_service"
    assert call.parent.span_id == outer.context.span_id


async def test_switched_off_the_clients_are_as_they_were(server: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from observatory_sdk.recognise import aiohttp as ours_aiohttp
    from observatory_sdk.recognise import httpx as ours_httpx
    from observatory_sdk.recognise import requests as ours_requests

    before = (aiohttp.ClientSession._request, httpx.Client.send, httpx.AsyncClient.send, requests.Session.send)
    undo = [ours_aiohttp.switch_on(), ours_httpx.switch_on(), ours_requests.switch_on()]
    assert [ours_aiohttp.switch_on(), ours_httpx.switch_on(), ours_requests.switch_on()] == [None] * 3
    assert asyncio.iscoroutinefunction(httpx.AsyncClient.send)
    assert asyncio.iscoroutinefunction(aiohttp.ClientSession._request)
    for step in undo:
        assert step is not None
        step()
    now = (aiohttp.ClientSession._request, httpx.Client.send, httpx.AsyncClient.send, requests.Session.send)
    assert now == before
