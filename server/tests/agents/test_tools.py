"""What agents get from `/mcp`, asked with the official SDK's client over a real connection."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import Any

import pytest
from mcp import Client
from mcp_scenes import INJECTION, TRACE, answer, incident
from serving import Serving

from observatory.mcp import load
from observatory.mcp.shape import MOST_BYTES

Connect = Callable[..., AbstractAsyncContextManager[Client]]

TOOLS = list(load().tools)
# In each revision: the newest, and the newest of those with a handshake.
MODES = {"2026-07-28": "2026-07-28", "legacy": "2025-11-25"}


def arguments(server: Serving) -> dict[str, list[dict[str, Any]]]:
    """Something that each tool can be asked."""
    trace = TRACE.hex()
    return {
        "health": [{}, {"environment": "production"}],
        "services": [{}, {"service": "trade_execution_service"}, {"area": "trading_execution", "status": "healthy"}],
        "diagnose": [{"service": "trade_execution_service", "window": "5m"}],
        "incidents": [{}, {"severity": "critical"}, {"window": "24h"}],
        "incident": [{"incident": incident(server)}],
        "alerts": [{}, {"phase": "firing"}],
        "rules": [{}, {"rule": "security.event"}, {"area": "trading_execution"}],
        "costs": [{}, {"by": "provider,model", "window": "24h"}],
        "user": [{"user": "user-7"}],
        "traces": [{}, {"service": "trade_execution_service", "limit": 5}, {"trace": trace}],
        "logs": [{}, {"text": "previous", "window": "1h"}, {"trace": trace}, {"patterns": True}],
        "series": [{}, {"indicator": "trading_execution.orders", "window": "5m"}, {"area": "market_data"}],
    }


@pytest.mark.parametrize("mode", MODES)
async def test_a_client_lists_the_tools_and_calls_each(server: Serving, connect: Connect, mode: str) -> None:
    async with connect(mode) as client:
        assert client.protocol_version == MODES[mode]
        listed = (await client.list_tools()).tools
        assert [each.name for each in listed] == TOOLS
        asked = arguments(server)
        assert asked.keys() == set(TOOLS)
        for name, questions in asked.items():
            for question in questions:
                # The client itself holds the answer against the tool's output schema.
                told = await client.call_tool(name, question)
                assert not told.is_error, f"{name} {question}: {told.content}"
                found = told.structured_content
                assert json.loads(told.content[0].text) == found
                assert len(told.content[0].text.encode()) <= MOST_BYTES
                assert found["facts"], f"{name} {question}"
                ids = [each["id"] for each in found["evidence"]]
                assert len(ids) == len(set(ids)), f"{name} {question}"
                assert all(each.startswith("/api/v1/monitoring/") for each in found["sources"])


async def test_the_tools_are_few_and_their_words_are_short(connect: Connect) -> None:
    async with connect() as client:
        listed = await client.list_tools()
        again = await client.list_tools()
        instructions = client.instructions or ""
    assert listed == again
    assert len(listed.tools) <= 12
    assert all(each.annotations and each.annotations.read_only_hint for each in listed.tools)
    text = [json.dumps(each.model_dump(by_alias=True, exclude_none=True, mode="json")) for each in listed.tools]
    # About four characters are a token: below 4,000 tokens with the output schemas, which few clients show a model.
    assert sum(map(len, text)) + len(instructions) < 16_000
    assert all(len(each.description or "") < 260 for each in listed.tools)


async def test_numbers_are_the_apis_own_and_their_evidence_says_from_what(server: Serving, connect: Connect) -> None:
    async with connect() as client:
        told = (await client.call_tool("services", {"service": "trade_execution_service"})).structured_content
    service = told["facts"]["service"]
    evidence = {each["id"]: each for each in told["evidence"]}
    (source,) = told["sources"]
    assert source == "/api/v1/monitoring/services/trade_execution_service"
    assert service["objective"] == answer(server, "/services/trade_execution_service")["objective"]
    proof = evidence["services.service.p95_ms"]
    assert proof["value"] == service["p95_ms"]
    assert proof["samples"] >= 1
    assert proof["window_s"] == 300
    assert {"unit", "as_of", "source"} <= proof.keys()


async def test_text_from_outside_is_data_apart(server: Serving, connect: Connect) -> None:
    async with connect() as client:
        for name, question in (
            ("logs", {"text": "previous", "window": "1h"}),
            ("alerts", {}),
            ("incidents", {}),
            ("incident", {"incident": incident(server)}),
        ):
            told = (await client.call_tool(name, question)).structured_content
            assert INJECTION in json.dumps(told["untrusted"]), name
            assert INJECTION not in json.dumps([told["facts"], told["evidence"], told["omitted"]]), name
            held = json.dumps(told["facts"])
            assert all(f'{{"untrusted": "{each}"}}' in held for each in told["untrusted"]), name


async def test_an_answer_that_is_too_long_says_what_it_left_out(server: Serving, connect: Connect) -> None:
    assert len(json.dumps(answer(server, "/rules", limit=100))) > MOST_BYTES
    async with connect() as client:
        told = await client.call_tool("rules", {})
    found = told.structured_content
    assert len(told.content[0].text.encode()) <= MOST_BYTES
    assert found["omitted"]["facts.items"] + len(found["facts"]["items"]) == 100


async def test_bad_questions_are_errors_that_an_agent_can_read(connect: Connect) -> None:
    async with connect() as client:
        for name, question, said in (
            ("services", {"service": "no_such"}, "404"),
            ("health", {"moment": "now"}, "takes environment, as_of"),
            ("user", {}, "needs the argument user"),
            ("series", {"indicator": "ai_systems.latency_p95", "window": "a while"}, "422"),
            ("services", {"service": ["a"]}, "argument 'service'"),
            ("services", {"service": ".."}, "argument 'service'"),
            ("services", {"service": "a" * 1_000}, "argument 'service'"),
            ("user", {"user": "7/../../tokens"}, "404"),
        ):
            told = await client.call_tool(name, question)
            assert told.is_error, f"{name} {question}"
            assert said in told.content[0].text, told.content[0].text
        with pytest.raises(Exception, match="there is no tool 'drop_tables'"):
            await client.call_tool("drop_tables", {})


async def test_a_users_token_opens_this_user_alone(server: Serving, connect: Connect) -> None:
    asked = arguments(server)
    async with connect(token=server.token("user:user-7")) as client:
        own = await client.call_tool("user", {"user": "user-7"})
        assert not own.is_error
        assert own.structured_content["facts"]["user_id"] == "user-7"
        assert not (await client.call_tool("traces", {"user": "user-7"})).is_error
        for name in TOOLS:
            question = {"user": "user-8"} if name == "user" else asked[name][0]
            told = await client.call_tool(name, question)
            assert told.is_error, name
            assert told.content[0].text.startswith("403 Forbidden"), told.content[0].text


async def test_operations_are_measured(server: Serving, connect: Connect) -> None:
    async with connect() as client:
        await client.call_tool("health", {})
        await client.call_tool("user", {})
    count = "mcp_server_operation_duration_seconds_count"
    assert server.metric(count, method="tools/call", tool="health", error="") >= 1
    assert server.metric(count, method="tools/call", tool="user", error="tool_error") >= 1
