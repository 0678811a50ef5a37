"""All libraries switched on at once, over real servers: one call is one call, of the right service."""

from __future__ import annotations

import asyncio
import importlib
import json
import os
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

import pytest
import pytest_asyncio
from opentelemetry import context, trace

import observatory_sdk as obs
from observatory_sdk.attach import contrib
from observatory_sdk.attach.libraries import LIBRARIES, Libraries
from observatory_universe.outside.postgres import PostgresServer, postgres_server
from observatory_universe.outside.redis import RedisServer, redis_server

# Google's SDK does what aiohttp would rather not see.
pytestmark = pytest.mark.filterwarnings("ignore:Inheritance class AiohttpClientSession:DeprecationWarning")
SECRET = "what nobody should keep"
ASKED = [{"role": "user", "content": SECRET}]
OPENAI = {
    "id": "c1",
    "object": "chat.completion",
    "created": 1,
    "model": "gpt-4o-2024",
    "choices": [{"index": 0, "message": {"role": "assistant", "content": SECRET}, "finish_reason": "stop"}],
    "usage": {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15},
}
ANTHROPIC = {
    "id": "m1",
    "type": "message",
    "role": "assistant",
    "model": "claude-x",
    "content": [{"type": "text", "text": SECRET}],
    "stop_reason": "end_turn",
    "stop_sequence": None,
    "usage": {"input_tokens": 12, "output_tokens": 7},
}
GEMINI = {
    "candidates": [{"content": {"parts": [{"text": SECRET}], "role": "model"}, "finishReason": "STOP"}],
    "usageMetadata": {"promptTokenCount": 9, "candidatesTokenCount": 4, "totalTokenCount": 13},
    "modelVersion": "gemini-2",
}
STREAM = (
    {
        "type": "message_start",
        "message": {**ANTHROPIC, "content": [], "usage": {"input_tokens": 12, "output_tokens": 1}},
    },
    {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
    {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": SECRET}},
    {"type": "content_block_stop", "index": 0},
    {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 7}},
    {"type": "message_stop"},
)
USED = {"openai": (10, 5), "anthropic": (12, 7), "gemini": (9, 4)}


class Web:
    """Servers that answer like the three providers and like an exchange, a port each."""

    def __init__(self) -> None:
        self.servers: list[ThreadingHTTPServer] = []
        self.openai, self.anthropic, self.gemini, self.exchange = (self._serve() for _ in range(4))

    def _serve(self) -> str:
        class Door(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                if "messages" in self.path and asked.get("stream"):
                    events = "".join(f"event: {each['type']}\ndata: {json.dumps(each)}\n\n" for each in STREAM)
                    return self._answer(events, "text/event-stream")
                found = OPENAI if "chat" in self.path else ANTHROPIC if "messages" in self.path else GEMINI
                return self._answer(json.dumps(found))

            def do_GET(self) -> None:
                self._answer('{"serverTime": 1700000000000}')

            def _answer(self, text: str, kind: str = "application/json") -> None:
                body = text.encode()
                self.send_response(200)
                self.send_header("Content-Type", kind)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *args: object) -> None:
                return None

        class Http(ThreadingHTTPServer):
            daemon_threads = True

        http = Http(("127.0.0.1", 0), Door)
        self.servers.append(http)
        Thread(target=http.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        return f"http://127.0.0.1:{http.server_address[1]}"

    def close(self) -> None:
        for http in self.servers:
            http.shutdown()
            http.server_close()


@pytest.fixture(scope="module")
def web() -> Iterator[Web]:
    made = Web()
    yield made
    made.close()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def redis_url(tmp_path_factory: Any) -> AsyncIterator[str]:
    server: RedisServer
    async with redis_server(tmp_path_factory.mktemp("redis")) as server:
        yield server.url


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def postgres_url(tmp_path_factory: Any) -> AsyncIterator[str]:
    server: PostgresServer
    async with postgres_server(tmp_path_factory.mktemp("postgres")) as server:
        yield server.url


@pytest.fixture
def everything(recorded: Any, web: Web, monkeypatch: pytest.MonkeyPatch) -> Iterator[Libraries]:
    """All rows, watched."""
    hosts = ((web.openai, "openai"), (web.anthropic, "anthropic"), (web.gemini, "gemini"))
    monkeypatch.setenv(
        "OBSERVATORY_GENAI_HOSTS", ",".join(f"{url.removeprefix('http://')}={name}" for url, name in hosts)
    )
    found = Libraries(LIBRARIES)
    found.start()
    for name in ("openai", "anthropic", "google.genai", "fastapi", "ccxt.async_support", "sqlalchemy.ext.asyncio"):
        importlib.import_module(name)
    yield found
    found.stop()


async def _openai(web: Web) -> None:
    from openai import AsyncOpenAI

    async with AsyncOpenAI(api_key="k", base_url=f"{web.openai}/v1") as client:
        await client.chat.completions.create(model="gpt-4o", messages=ASKED)


async def _openai_blocking(web: Web) -> None:
    from openai import OpenAI

    with OpenAI(api_key="k", base_url=f"{web.openai}/v1") as client:
        client.chat.completions.create(model="gpt-4o", messages=ASKED)


async def _anthropic(web: Web) -> None:
    from anthropic import AsyncAnthropic

    async with AsyncAnthropic(api_key="k", base_url=web.anthropic) as client:
        await client.messages.create(model="claude-x", max_tokens=9, messages=ASKED)


async def _anthropic_blocking(web: Web) -> None:
    from anthropic import Anthropic

    with Anthropic(api_key="k", base_url=web.anthropic) as client:
        client.messages.create(model="claude-x", max_tokens=9, messages=ASKED)


async def _anthropic_stream(web: Web) -> None:
    from anthropic import AsyncAnthropic

    client = AsyncAnthropic(api_key="k", base_url=web.anthropic)
    async with client, client.messages.stream(model="claude-x", max_tokens=9, messages=ASKED) as stream:
        assert SECRET in [text async for text in stream.text_stream]


async def _google(web: Web) -> None:
    from google import genai

    client = genai.Client(api_key="k", http_options={"base_url": web.gemini})
    await client.aio.models.generate_content(model="gemini-2", contents=SECRET)
    await client.aio.aclose()
    client.close()


async def _google_blocking(web: Web) -> None:
    from google import genai

    client = genai.Client(api_key="k", http_options={"base_url": web.gemini})
    client.models.generate_content(model="gemini-2", contents=SECRET)
    await client.aio.aclose()
    client.close()


async def _raw_aiohttp(web: Web) -> None:
    import aiohttp

    async with aiohttp.ClientSession() as session:
        asked = {"model": "gpt-4o", "messages": ASKED}
        async with session.post(f"{web.openai}/v1/chat/completions", json=asked) as response:
            await response.read()


async def _raw_httpx(web: Web) -> None:
    import httpx

    async with httpx.AsyncClient() as client:
        await client.post(f"{web.anthropic}/v1/messages", json={"model": "claude-x", "messages": ASKED})


async def _raw_requests(web: Web) -> None:
    import requests

    asked = {"contents": [{"parts": [{"text": SECRET}]}]}
    url = f"{web.gemini}/v1beta/models/gemini-2:generateContent"
    requests.post(url, json=asked, timeout=60)  # noqa: ASYNC210 - a platform does so, too


CALLS = {
    "openai": _openai,
    "openai blocking": _openai_blocking,
    "anthropic": _anthropic,
    "anthropic blocking": _anthropic_blocking,
    "anthropic stream": _anthropic_stream,
    "gemini": _google,
    "gemini blocking": _google_blocking,
    "openai by aiohttp": _raw_aiohttp,
    "anthropic by httpx": _raw_httpx,
    "gemini by requests": _raw_requests,
}


@pytest.mark.parametrize("name", list(CALLS))
async def test_one_model_call_is_one_span_with_its_usage_and_no_messages(
    name: str, everything: Libraries, recorded: Any, web: Web
) -> None:
    with obs.service("credit_ledger", "ask"):
        await CALLS[name](web)
    call, outer = recorded.spans()
    used = (call.attributes["gen_ai.usage.input_tokens"], call.attributes["gen_ai.usage.output_tokens"])
    assert used == USED[name.partition(" ")[0]]
    assert call.attributes["observatory.service"] == "credit_ledger"
    assert call.attributes["gen_ai.response.model"]
    assert outer.name == "credit_ledger.ask"
    assert call.parent.span_id == outer.context.span_id
    assert SECRET not in call.to_json()


@pytest.mark.parametrize("name", list(CALLS))
async def test_a_fact_over_it_is_the_only_span(name: str, everything: Libraries, recorded: Any, web: Web) -> None:
    with obs.facts.ModelCall(provider="openai", request_model="m", input_tokens=1):
        await CALLS[name](web)
    (call,) = recorded.spans()
    assert call.attributes["gen_ai.usage.input_tokens"] == 1


def _without_own_spans(web: Web) -> Any:
    from anthropic import Anthropic

    return Anthropic(api_key="k", base_url=web.anthropic, open_telemetry=False)


def test_an_sdk_whose_own_spans_the_host_has_switched_off_is_seen_below(
    everything: Libraries, recorded: Any, web: Web
) -> None:
    with _without_own_spans(web) as client:
        client.messages.create(model="claude-x", max_tokens=9, messages=ASKED)
    (call,) = recorded.spans()
    assert call.attributes["gen_ai.usage.output_tokens"] == 7


@pytest.mark.parametrize("streamed", [False, True])
def test_versions_without_spans_of_their_own_are_one_span_as_well(
    streamed: bool, everything: Libraries, recorded: Any, web: Web
) -> None:
    undo = contrib._anthropic()
    try:
        with _without_own_spans(web) as client:
            if streamed:
                with client.messages.stream(model="claude-x", max_tokens=9, messages=ASKED) as stream:
                    assert SECRET in list(stream.text_stream)
            else:
                client.messages.create(model="claude-x", max_tokens=9, messages=ASKED)
    finally:
        undo()
    (call,) = recorded.spans()
    assert call.instrumentation_scope.name == "opentelemetry.instrumentation.anthropic"
    assert call.attributes["gen_ai.usage.input_tokens"] == 12
    assert SECRET not in call.to_json()


async def test_an_exchange_call_by_ccxt_is_one_span(everything: Libraries, recorded: Any, web: Web) -> None:
    import ccxt.async_support as ccxt

    exchange = ccxt.binance({"urls": {"api": {"public": f"{web.exchange}/api/v3"}}})
    with obs.service("market_data_service", "time"):
        await exchange.fetch_time()
    await exchange.close()
    call, _ = recorded.spans()
    assert call.attributes["exchange.id"] == "binance"
    assert call.attributes["observatory.service"] == "market_data_service"


async def test_an_exchange_fact_over_ccxt_is_the_only_span(everything: Libraries, recorded: Any, web: Web) -> None:
    import ccxt.async_support as ccxt

    exchange = ccxt.binance({"urls": {"api": {"public": f"{web.exchange}/api/v3"}}})
    with obs.facts.ExchangeCall(exchange_id="binance", operation="time"):
        await exchange.fetch_time()
    await exchange.close()
    assert len(recorded.spans()) == 1


@pytest.mark.asyncio(loop_scope="module")
async def test_a_statement_of_sqlalchemy_over_asyncpg_is_one_span(
    everything: Libraries, recorded: Any, postgres_url: str
) -> None:
    from sqlalchemy import text
    from sqlalchemy.ext.asyncio import create_async_engine

    engine = create_async_engine(postgres_url.replace("postgresql:", "postgresql+asyncpg:"))
    with obs.service("credit_ledger", "read"):
        async with engine.begin() as connection:
            await connection.execute(text("create table if not exists t (n int)"))
            await connection.execute(text("insert into t values (:n)"), [{"n": 1}, {"n": 2}])
            rows = await connection.stream(text("select generate_series(1, 200)"))
            assert len([row async for row in rows]) == 200
            with pytest.raises(Exception, match="nope"):
                await connection.execute(text("select nope"))
    await engine.dispose()
    *statements, _ = recorded.spans()
    assert [span.attributes["db.operation.name"] for span in statements] == ["create", "insert", "select", "select"]
    assert {span.attributes["observatory.service"] for span in statements} == {"credit_ledger"}
    assert {span.attributes["db.system.name"] for span in statements} == {"postgresql"}
    assert [span.status.is_ok for span in statements] == [True, True, True, False]


@pytest.mark.asyncio(loop_scope="module")
async def test_an_engine_made_before_is_watched_and_left_alone_again(recorded: Any, postgres_url: str) -> None:
    from sqlalchemy import text
    from sqlalchemy.ext.asyncio import create_async_engine

    engine = create_async_engine(postgres_url.replace("postgresql:", "postgresql+asyncpg:"))
    rows = [row for row in LIBRARIES if "sqlalchemy" in row.name or row.name == "asyncpg"]
    found = Libraries(rows)
    found.start()
    for expected in (1, 1):
        async with engine.connect() as connection:
            await connection.execute(text("select 1"))
        found.stop()
        assert len(recorded.spans()) == expected
    await engine.dispose()


@pytest.mark.asyncio(loop_scope="module")
async def test_asyncpg_and_redis_are_one_span_each_without_values(
    everything: Libraries, recorded: Any, postgres_url: str, redis_url: str
) -> None:
    import asyncpg
    import redis.asyncio

    connection = await asyncpg.connect(postgres_url)
    await connection.fetch("select $1::text", SECRET)
    await connection.close()
    client = redis.asyncio.Redis.from_url(redis_url)
    await client.set("k", SECRET)
    async with client.pipeline() as pipeline:
        await pipeline.get("k").get("k").execute()
    await client.aclose()
    spans = recorded.spans()
    assert [span.attributes["db.system.name"] for span in spans] == ["postgresql", "redis", "redis"]
    assert {span.attributes["observatory.service"] for span in spans} == {"test"}
    assert SECRET not in "".join(span.to_json() for span in spans)


async def test_requests_by_http_are_one_span_each_without_their_queries(
    everything: Libraries, recorded: Any, web: Web
) -> None:
    import aiohttp
    import httpx
    import requests

    url = f"{web.exchange}/x?signature=notforeyes"
    async with aiohttp.ClientSession() as session, session.get(url) as response:
        await response.read()
    async with httpx.AsyncClient() as client:
        await client.get(url)
    requests.get(url, timeout=60)  # noqa: ASYNC210 - a platform does so, too
    spans = recorded.spans()
    assert [span.attributes["url.full"] for span in spans] == [f"{web.exchange}/x"] * 3
    assert [span.attributes["http.response.status_code"] for span in spans] == [200] * 3
    assert "notforeyes" not in "".join(span.to_json() for span in spans)


def _asgi(app: Any, path: str) -> int:
    import httpx

    async def ask() -> int:
        transport = httpx.ASGITransport(app=app, raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://platform") as client:
            return (await client.get(path)).status_code

    with_nothing = context.attach(context.Context())
    try:
        return asyncio.run(ask())
    finally:
        context.detach(with_nothing)


def _app() -> Any:
    from fastapi import FastAPI

    app, inner = FastAPI(), FastAPI()

    @app.get("/orders/{order}")
    def order(order: str) -> str:
        with obs.service("trade_execution_service", "read"):
            return order

    @app.get("/broken")
    def broken() -> None:
        raise ValueError("no funds")

    @inner.get("/deep")
    def deep() -> int:
        return 1

    app.mount("/inner", inner)
    return app


@pytest.mark.parametrize("when", ["before", "after", "served before"])
def test_an_app_of_fastapi_is_watched_whenever_it_was_made(when: str, recorded: Any) -> None:
    rows = [row for row in LIBRARIES if row.name == "fastapi"]
    app = None if when == "after" else _app()
    if when == "served before":
        assert _asgi(app, "/orders/1") == 200
    stack = getattr(app, "middleware_stack", None)
    found = Libraries(rows)
    found.start()
    app = _app() if app is None else app
    assert _asgi(app, "/orders/7?token=notforeyes") == 200
    assert _asgi(app, "/broken") == 500
    assert _asgi(app, "/inner/deep") == 200
    call, request, failed, inner = recorded.spans()[-4:]
    found.stop()
    assert _asgi(app, "/orders/8") == 200
    assert len([span for span in recorded.spans() if span.kind is trace.SpanKind.SERVER]) == 3
    assert (request.name, request.attributes["http.route"]) == ("GET /orders/{order}", "/orders/{order}")
    assert (request.attributes["observatory.service"], request.attributes["observatory.caller"]) == ("test", "external")
    assert call.attributes["observatory.caller"] == "test"
    assert call.parent.span_id == request.context.span_id
    assert "notforeyes" not in request.to_json()
    assert (failed.attributes["http.response.status_code"], failed.events[0].name) == (500, "exception")
    assert inner.kind is trace.SpanKind.SERVER
    if stack is not None:
        assert app.middleware_stack is stack


def test_a_task_of_celery_is_one_span_of_the_process(everything: Libraries, recorded: Any) -> None:
    from celery import Celery

    app = Celery("platform", broker="memory://", backend="cache+memory://")

    @app.task(name="rebalance")
    def rebalance() -> int:
        with obs.service("portfolio_risk_service", "rebalance"):
            return 1

    assert rebalance.apply().get() == 1
    call, task = recorded.spans()
    assert (task.name, task.kind) == ("run/rebalance", trace.SpanKind.CONSUMER)
    assert task.attributes["observatory.service"] == "test"
    assert call.parent.span_id == task.context.span_id


def test_the_machine_is_measured_and_nothing_twice(everything: Libraries, recorded: Any) -> None:
    recorded.telemetry.collect()
    names = Counter(
        metric.name
        for data in recorded.slow.exports[-1:]
        for resource in data.resource_metrics
        for scope in resource.scope_metrics
        for metric in scope.metrics
    )
    assert {"system.memory.utilization", "process.open_file_descriptor.count", "process.memory.usage"} <= set(names)
    assert set(names.values()) == {1}
    points = recorded.metrics()["system.memory.utilization"].data.data_points
    assert {point.attributes["observatory.service"] for point in points} == {"test"}
    everything.stop()
    recorded.slow.exports.clear()
    recorded.telemetry.collect()
    assert "system.memory.utilization" not in recorded.slow.metrics()


def test_what_was_switched_on_is_told_and_the_environment_is_as_it_was(everything: Libraries) -> None:
    states = {each.library.name: each for each in everything.states()}
    on = {name for name, each in states.items() if each.state == "on"}
    assert {"fastapi", "httpx", "httpx2", "aiohttp", "requests", "sqlalchemy", "openai", "anthropic", "logging"} <= on
    assert {each.state for each in states.values()} <= {"on", "waiting", "missing"}
    assert "google-genai" in str(states["google-genai"].reason)
    assert not [name for name in os.environ if name.startswith(("OTEL_", "TRACELOOP_"))]


@pytest.mark.parametrize(
    "row", [row for row in LIBRARIES if row.name not in ("threads", "system")], ids=lambda row: row.name
)
def test_each_is_put_back(row: Any, recorded: Any) -> None:
    importlib.import_module(row.module)
    found = Libraries([row])
    found.start()
    first = found.states()[0]
    found.stop()
    again = Libraries([row])
    again.start()
    second = again.states()[0]
    again.stop()
    assert first == second
    assert first.state in ("on", "missing")
