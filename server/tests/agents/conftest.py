"""A server with something to tell, and clients of agents in each revision of the protocol."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager

import httpx
import httpx2
import pytest
from mcp import Client
from mcp.client.streamable_http import streamable_http_client
from mcp_scenes import answer, incident, tell
from running import until
from serving import Serving, serving

Connect = Callable[..., AbstractAsyncContextManager[Client]]


@pytest.fixture(scope="package")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    with serving(tmp_path_factory.mktemp("mcp") / "data", tick_s=0.5, fast_share=0.5) as found:
        until(lambda: httpx.get(f"{found.url}/readyz").status_code == 200, "the first round")
        tell(found)
        incident(found)
        until(lambda: answer(found, "/services/trade_execution_service")["rate"], "calls of a service")
        yield found


@pytest.fixture
def connect(server: Serving) -> Connect:
    """A client of the official SDK with a token, over a real connection."""

    @asynccontextmanager
    async def opened(mode: str = "auto", token: str = "", **headers: str) -> AsyncIterator[Client]:
        sent = {"Authorization": f"Bearer {token or server.admin_token}", **headers}
        async with (
            httpx2.AsyncClient(headers=sent, timeout=120) as http,
            Client(streamable_http_client(f"{server.url}/mcp", http_client=http), mode=mode, cache=None) as client,
        ):
            yield client

    return opened
