"""The three kinds of clients of `websockets`, and aiohttp's, against a server of the test's own."""

from __future__ import annotations

import asyncio
import importlib
import json
import warnings
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress
from typing import Any

import aiohttp
import pytest
from websockets.asyncio.client import connect
from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect as connect_plainly

from observatory_sdk.exchanges import aiohttp as aiohttp_binding
from observatory_sdk.exchanges import messages
from observatory_sdk.exchanges import websockets as binding

TEXTS = [
    json.dumps({"e": "trade", "s": "BTCUSDT", "t": 1, "T": 1_760_000_000_000}),
    "rubbish {",
    "",
    json.dumps({"e": "trade", "s": "BTCUSDT", "t": 4, "T": 1_760_000_001_000}),
    b"\x00\xff",
]


@asynccontextmanager
async def venue() -> AsyncIterator[str]:
    """Says all texts to each connection and breaks it off."""

    async def talk(socket: ServerConnection) -> None:
        for text in TEXTS:
            await socket.send(text)
        await asyncio.sleep(0.2)
        socket.transport.abort()

    async with serve(talk, "127.0.0.1", 0) as server:
        port = next(iter(server.sockets)).getsockname()[1]
        host = f"127.0.0.1:{port}"
        messages.know(host, "binance")
        try:
            yield f"ws://{host}/ws"
        finally:
            messages.forget(host)


@pytest.fixture
def bound(no_series: None) -> Iterator[None]:
    undo = [binding.switch_on(), aiohttp_binding.switch_on()]
    yield
    for each in undo:
        assert each is not None
        each()


async def _asyncio(url: str) -> list[Any]:
    heard = []
    async with connect(url) as socket:
        with suppress(ConnectionClosed):
            async for message in socket:
                heard.append(message)  # noqa: PERF401 - the iteration ends by an exception
    return heard


async def _legacy(url: str) -> list[Any]:
    with warnings.catch_warnings():
        # The library says that this kind is old; hosts use it all the same.
        warnings.simplefilter("ignore", DeprecationWarning)
        module = importlib.import_module("websockets.legacy.client")
        heard = []
        async with module.connect(url) as socket:
            with suppress(ConnectionClosed):
                async for message in socket:
                    heard.append(message)  # noqa: PERF401 - the iteration ends by an exception
    return heard


async def _plain(url: str) -> list[Any]:
    def listen() -> list[Any]:
        heard = []
        with connect_plainly(url) as socket, suppress(ConnectionClosed):
            while True:
                heard.append(socket.recv())
        return heard

    return await asyncio.to_thread(listen)


async def _aiohttp(url: str) -> list[Any]:
    async with aiohttp.ClientSession() as session, session.ws_connect(url) as socket:
        return [message.data async for message in socket]


@pytest.mark.parametrize("listen", [_asyncio, _legacy, _plain, _aiohttp])
async def test_each_client_hears_what_was_said_and_the_feed_is_told(recorded: Any, bound: None, listen: Any) -> None:
    async with venue() as url:
        assert await listen(url) == TEXTS
        assert await listen(url) == TEXTS
    found = recorded.feed_metrics()
    newest = {
        name: [point.value for point in found[name].data.data_points] for name in found if name != "market_data.lag"
    }
    assert newest["market_data.messages"] == [4]
    # The same trades again are no gap.
    assert newest["market_data.sequence_gaps"] == [2]
    assert newest["market_data.reconnects"] == [1]
    assert newest["market_data.connection.up"] == [0]
    assert newest["market_data.last_update.time"] == [1_760_000_001]
    assert dict(found["market_data.messages"].data.data_points[0].attributes) == {
        "observatory.service": "websocket_market_data",
        "exchange.id": "binance",
        "market_data.channel": "trades",
        "market_data.symbol": "BTC/USDT",
    }


async def test_a_host_that_stops_waiting_loses_no_message(recorded: Any, bound: None) -> None:
    async with venue() as url, connect(url) as socket:
        heard = [await socket.recv() for _ in TEXTS]
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.01):
                await socket.recv()
        with pytest.raises(ConnectionClosed):
            await socket.recv()
    assert heard == TEXTS


async def test_what_is_no_venue_is_left_alone(recorded: Any, bound: None) -> None:
    async with venue() as url:
        messages.forget(url.removeprefix("ws://").partition("/")[0])
        assert await _asyncio(url) == TEXTS
    assert "market_data.messages" not in recorded.feed_metrics()


def test_all_is_put_back() -> None:
    kinds = [
        importlib.import_module(name).ClientConnection
        for name in ("websockets.asyncio.client", "websockets.sync.client")
    ]
    kinds.append(aiohttp.ClientWebSocketResponse)
    before = [dict(vars(kind)) for kind in kinds]
    undo = [binding.switch_on(), aiohttp_binding.switch_on()]
    assert all(dict(vars(kind)) != old for kind, old in zip(kinds, before, strict=True))
    for each in undo:
        assert each is not None
        each()
    assert [dict(vars(kind)) for kind in kinds] == before
