"""The same over a real socket: uvicorn on loopback, as the product runs it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
import uvicorn


@pytest.fixture
async def address(server: Any) -> AsyncIterator[str]:
    settings = uvicorn.Config(server.app, port=0, ws="none", lifespan="off", access_log=False, log_config=None)
    serving = uvicorn.Server(settings)
    task = asyncio.create_task(serving.serve())
    while not serving.started:
        await asyncio.sleep(0.01)
    yield f"http://127.0.0.1:{serving.servers[0].sockets[0].getsockname()[1]}"
    serving.should_exit = True
    await task


async def test_of_twenty_browsers_with_one_login_link_one_gets_in(server: Any, address: str) -> None:
    code = await server.tokens.issue_login_link(["read"])
    server.app.state.throttle = type(server.app.state.throttle)(attempts=100)
    browsers = [httpx.AsyncClient(base_url=address) for _ in range(20)]
    answers = await asyncio.gather(*(browser.get(f"/login/{code}") for browser in browsers))
    pages = await asyncio.gather(*(browser.get("/") for browser in browsers))
    for browser in browsers:
        await browser.aclose()
    assert sorted(answer.status_code for answer in answers) == [303] + [401] * 19
    assert sorted(page.status_code for page in pages) == [200] + [401] * 19


async def test_the_server_logs_no_code_no_token_and_no_cookie(
    server: Any, address: str, caplog: pytest.LogCaptureFixture
) -> None:
    code = await server.tokens.issue_login_link(["read"])
    caplog.set_level(logging.DEBUG)
    # The client of the test would log the addresses that it asks for.
    for name in ("httpx", "httpcore"):
        caplog.set_level(logging.CRITICAL, name)
    async with httpx.AsyncClient(base_url=address) as browser:
        await browser.get(f"/login/{code}")
        await browser.get(f"/login/{code}")
        cookie = browser.cookies["observatory_session"]
        await browser.get("/metrics", headers={"Authorization": f"Bearer {server.texts['read']}"})
    written = caplog.text + "".join(str(record.args) for record in caplog.records)
    for secret in (code, cookie, server.texts["read"]):
        assert secret not in written


async def test_a_body_without_a_length_is_cut_off_at_the_limit(server: Any, address: str) -> None:
    async def endless() -> AsyncIterator[bytes]:
        for _ in range(40):
            yield b"x" * 65_536

    async with httpx.AsyncClient(base_url=address) as client:
        answer = await client.post(
            "/api/v1/monitoring/tokens", content=endless(), headers={"Content-Type": "application/json"}
        )
        assert answer.status_code == 413
        assert answer.headers["content-type"] == "application/problem+json"
        assert (await client.get("/livez")).status_code == 200
